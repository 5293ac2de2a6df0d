/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-tree-scan.c: what a scan records of a source, and what it looks at.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "store-fixture.h"

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

static void
test_all_kept (Fixture *fixture, gconstpointer data)
{
  g_autofree char *link = g_build_filename (fixture->source, "link", NULL);
  g_autofree char *dir_link = g_build_filename (fixture->source, "lib", "up", NULL);
  g_autofree char *tree = NULL, *shown = NULL;

  put (fixture, "main.py", "print(1)\n");
  put (fixture, "lib/secret", "s");
  put (fixture, "lib/run.sh", "#!/bin/sh\n");
  put (fixture, "private/a", "a");
  set_mode (fixture, "lib/secret", 0600);
  set_mode (fixture, "lib/run.sh", 0755);
  set_mode (fixture, "private", 0700);
  make_dir (fixture, "spool/in");
  set_mode (fixture, "spool/in", 01777);
  set_mode (fixture, "spool", 0750);
  g_assert_cmpint (symlink ("/nowhere/at all", link), ==, 0);
  g_assert_cmpint (symlink ("..", dir_link), ==, 0);

  tree = scan_tree (fixture);
  shown = show (fixture, tree);
  g_assert_cmpstr (shown, ==,
                   "d 0755 lib\nf 0755 lib/run.sh=#!/bin/sh\n\nf 0600 lib/secret=s\nl 0777 lib/up=..\n"
                   "l 0777 link=/nowhere/at all\nf 0644 main.py=print(1)\n\nd 0700 private\nf 0644 private/a=a\n"
                   "d 0750 spool\nd 1777 spool/in empty\n");
}

static void
test_odd_names (Fixture *fixture, gconstpointer data)
{
  g_autofree char *tree = NULL, *shown = NULL;

  put (fixture, "new\nline \\ back", "1");
  put (fixture, ".GIT", "2");
  put (fixture, "\xff\xfe", "3");
  put (fixture, "-", "4");
  set_mode (fixture, "new\nline \\ back", 0640);
  make_dir (fixture, "e\tm\np");

  tree = scan_tree (fixture);
  shown = show (fixture, tree);
  g_assert_cmpstr (shown, ==,
                   "f 0644 -=4\nf 0644 .GIT=2\nd 0755 e\\tm\\np empty\nf 0640 new\\nline \\\\ back=1\n"
                   "f 0644 \\377\\376=3\n");
}

static void
test_git_order (Fixture *fixture, gconstpointer data)
{
  const char *fsck[] = { "git", "--git-dir", fixture->repo, "fsck", "--strict", "--no-dangling", NULL };
  g_autofree char *output = NULL, *errors = NULL;
  g_autoptr (GError) error = NULL;
  int status = 0;

  /* Git sorts a directory as if its name ended in a slash. */
  put (fixture, "a.b", "1");
  put (fixture, "a/x", "2");
  put (fixture, "a0", "3");
  put (fixture, "a-b/x", "4");
  put (fixture, "ab", "5");
  record (fixture);
  if (!g_spawn_sync (NULL, (char **)fsck, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output, &errors, &status, &error))
    {
      g_test_skip ("not run here: git is not installed");
      return;
    }
  g_assert_null (strstr (errors, "error"));
  g_assert_null (strstr (errors, "warning"));
  g_assert_cmpint (status, ==, 0);
}

static void
test_equal_trees (Fixture *fixture, gconstpointer data)
{
  g_autofree char *first = NULL, *second = NULL, *third = NULL, *mode = NULL, *fourth = NULL, *empty = NULL;
  g_autofree char *file = g_build_filename (fixture->source, "a", NULL);

  put (fixture, "a", "1");
  put (fixture, "dir/b", "2");
  first = scan_tree (fixture);

  /* A touch, and a rewrite with the same content, change nothing. */
  g_assert_cmpint (utimensat (AT_FDCWD, file, NULL, 0), ==, 0);
  put (fixture, "dir/b", "2");
  second = scan_tree (fixture);
  g_assert_cmpstr (first, ==, second);

  put (fixture, "dir/b", "3");
  third = scan_tree (fixture);
  g_assert_cmpstr (first, !=, third);
  set_mode (fixture, "dir/b", 0640);
  mode = scan_tree (fixture);
  g_assert_cmpstr (mode, !=, third);
  make_dir (fixture, "empty");
  empty = scan_tree (fixture);
  g_assert_cmpstr (empty, !=, mode);

  delete (fixture, "empty");
  put (fixture, "dir/b", "2");
  fourth = scan_tree (fixture);
  g_assert_cmpstr (first, ==, fourth);
}

static void
test_other_umask (Fixture *fixture, gconstpointer data)
{
  g_autofree char *tree = NULL, *shown = NULL, *other_shown = NULL;
  g_autoptr (HrScan) changed = NULL;

  put (fixture, "dir/a", "1");
  put (fixture, "dir/b", "2");
  put (fixture, "x", "3");
  set_mode (fixture, "dir", 0775);
  set_mode (fixture, "dir/a", 0664);
  set_mode (fixture, "dir/b", 0664);
  set_mode (fixture, "x", 0775);
  tree = scan_tree (fixture);
  shown = show (fixture, tree);
  g_assert_cmpstr (shown, ==, "d 0775 dir\nf 0664 dir/a=1\nf 0664 dir/b=2\nf 0775 x=3\n");

  set_mode (fixture, "dir", 0755);
  set_mode (fixture, "dir/a", 0644);
  set_mode (fixture, "dir/b", 0644);
  set_mode (fixture, "x", 0755);
  changed = scan (fixture, NULL, tree);
  other_shown = show (fixture, changed->tree);
  g_assert_cmpstr (other_shown, ==, "d 0755 dir\nf 0644 dir/a=1\nf 0644 dir/b=2\nf 0755 x=3\n");
  g_assert_cmpuint (changed->n_changed, ==, 4);
}

static void
test_change_list (Fixture *fixture, gconstpointer data)
{
  g_autoptr (HrScan) all = NULL, some = NULL, many = NULL;

  put (fixture, "a", "1");
  put (fixture, "sub/b", "2");
  put (fixture, "sub/c", "3");
  put (fixture, "gone/x", "4");
  all = scan (fixture, NULL, NULL);
  g_assert_cmpuint (all->n_changed, ==, 4);
  g_assert_cmpuint (all->n_files, ==, 4);
  g_assert_cmpstr (all->files[0], ==, "a");

  put (fixture, "sub/b", "changed");
  set_mode (fixture, "sub/c", 0600);
  delete (fixture, "gone");
  put (fixture, "new/y/z", "5");
  make_dir (fixture, "hollow");
  some = scan (fixture, NULL, all->tree);
  {
    g_autofree char *names = g_strjoinv (" ", some->files);
    g_assert_cmpstr (names, ==, "gone/x hollow new/y/z sub/b sub/c");
  }
  g_assert_cmpuint (some->n_changed, ==, 5);

  for (int i = 0; i < HR_RELEASE_FILES_MAX + 50; i++)
    {
      g_autofree char *name = g_strdup_printf ("many/%03d", i);
      put (fixture, name, "x");
    }
  many = scan (fixture, NULL, some->tree);
  g_assert_cmpuint (many->n_changed, ==, HR_RELEASE_FILES_MAX + 50);
  g_assert_cmpuint (g_strv_length (many->files), ==, HR_RELEASE_FILES_MAX + 50);
}

static void
test_shares (Fixture *fixture, gconstpointer data)
{
  g_autoptr (HrScan) scanned = NULL;
  g_autofree char *shown = NULL, *dirs = NULL, *files = NULL;

  put (fixture, ".gitignore", "data/\n*.db\n");
  put (fixture, "app.js", "1");
  put (fixture, "node_modules/x/y.js", "2");
  put (fixture, "data/big", "3");
  put (fixture, "deep/state.db", "4");
  put (fixture, "__pycache__/app.pyc", "5");
  put (fixture, ".git/HEAD", "6");
  put (fixture, "module/.git", "gitdir: elsewhere");
  put (fixture, "module/code.js", "7");
  scanned = scan (fixture, NULL, NULL);
  shown = show (fixture, scanned->tree);
  dirs = g_strjoinv (" ", scanned->share_dirs);
  files = g_strjoinv (" ", scanned->share_files);
  g_assert_cmpstr (dirs, ==, ".git data node_modules");
  g_assert_cmpstr (files, ==, "deep/state.db module/.git");
  g_assert_cmpstr (shown, ==,
                   "f 0644 .gitignore=data/\n*.db\n\nf 0644 app.js=1\nd 0755 deep empty\nd 0755 module\n"
                   "f 0644 module/code.js=7\n");
}

/* sed -i, in the midst of a large file. */
static void
test_being_written (Fixture *fixture, gconstpointer data)
{
  g_autofree char *temporary = g_build_filename (fixture->source, "sedfWa6rj", NULL);
  g_autofree char *file = g_build_filename (fixture->source, "app.py", NULL);
  g_autoptr (HrScan) before = NULL, meanwhile = NULL, after = NULL;

  put (fixture, "app.py", "1");
  put (fixture, "sediments", "1");
  before = scan (fixture, NULL, NULL);
  put (fixture, "sedfWa6rj", "2");
  g_assert_cmpint (g_chmod (temporary, 0600), ==, 0);
  meanwhile = scan (fixture, "sedfWa6rj", NULL);
  g_assert_cmpstr (meanwhile->tree, ==, before->tree);

  g_assert_cmpint (g_chmod (temporary, 0644), ==, 0);
  g_assert_cmpint (g_rename (temporary, file), ==, 0);
  after = scan (fixture, NULL, NULL);
  g_assert_cmpuint (after->n_files, ==, 2);
  g_assert_cmpstr (after->tree, !=, before->tree);
}

static void
test_gitignore_changes (Fixture *fixture, gconstpointer data)
{
  g_autoptr (HrScan) before = NULL, by_hint = NULL, removed = NULL;

  put (fixture, "sub/one.log", "1");
  put (fixture, "sub/two.txt", "2");
  before = scan (fixture, NULL, NULL);
  g_assert_cmpuint (before->n_files, ==, 2);

  put (fixture, "sub/.gitignore", "*.log\n");
  by_hint = scan (fixture, "sub/.gitignore", before->tree);
  g_assert_cmpuint (by_hint->n_files, ==, 2);
  g_assert_cmpstr (by_hint->share_files[0], ==, "sub/one.log");

  delete (fixture, "sub/.gitignore");
  removed = scan (fixture, "sub/.gitignore", NULL);
  g_assert_cmpstr (removed->tree, ==, before->tree);

  /* A directory that comes back has no rules of its earlier life. */
  put (fixture, "sub/.gitignore", "*.log\n");
  g_clear_pointer (&by_hint, hr_scan_free);
  by_hint = scan (fixture, NULL, NULL);
  delete (fixture, "sub");
  g_clear_pointer (&by_hint, hr_scan_free);
  by_hint = scan (fixture, NULL, NULL);
  g_assert_cmpuint (by_hint->n_files, ==, 0);
  put (fixture, "sub/one.log", "1");
  put (fixture, "sub/two.txt", "2");
  g_clear_pointer (&by_hint, hr_scan_free);
  by_hint = scan (fixture, "sub", NULL);
  g_assert_cmpstr (by_hint->tree, ==, before->tree);
}

static void
test_hints (Fixture *fixture, gconstpointer data)
{
  const char *const two[] = { "b", "dir/new/deep/f", NULL };
  g_autoptr (HrScan) first = NULL, hinted = NULL, both = NULL, gone = NULL, full = NULL;
  g_autoptr (GError) error = NULL;

  put (fixture, "a", "1");
  put (fixture, "b", "2");
  put (fixture, "dir/c", "3");
  first = scan (fixture, NULL, NULL);

  /* Only what is hinted is looked at. */
  put (fixture, "a", "changed");
  put (fixture, "b", "changed");
  hinted = scan (fixture, "a", first->tree);
  g_assert_cmpuint (hinted->n_changed, ==, 1);
  g_assert_cmpstr (hinted->files[0], ==, "a");

  /* A path below directories that are new is found by the first of them. */
  put (fixture, "dir/new/deep/f", "4");
  put (fixture, "dir/new/deep/g", "5");
  both = try_scan (fixture->store, two, hinted->tree, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (both->n_changed, ==, 3);

  delete (fixture, "dir");
  gone = scan (fixture, "dir/new/deep/f", both->tree);
  full = scan (fixture, NULL, both->tree);
  g_assert_cmpstr (gone->tree, ==, full->tree);
  g_assert_cmpuint (full->n_files, ==, 2);
}

static void
test_strange_hints (Fixture *fixture, gconstpointer data)
{
  static const char *const hints[] = {
    "", ".", "./a", "a/", "//a", "../escape", "no/such/path", "a/below/a/file", "/"
  };
  g_autoptr (HrScan) first = NULL;

  put (fixture, "a", "1");
  first = scan (fixture, NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (hints); i++)
    {
      g_autoptr (HrScan) again = scan (fixture, hints[i], first->tree);
      g_assert_cmpstr (again->tree, ==, first->tree);
    }
}

static void
test_kind_changes (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->source, "x", NULL);
  g_autoptr (HrScan) file = NULL, dir = NULL, link = NULL, back = NULL;

  put (fixture, "x", "1");
  file = scan (fixture, NULL, NULL);
  delete (fixture, "x");
  put (fixture, "x/y", "2");
  dir = scan (fixture, "x", file->tree);
  g_assert_cmpuint (dir->n_changed, ==, 2);
  delete (fixture, "x");
  g_assert_cmpint (symlink ("1", path), ==, 0);
  link = scan (fixture, "x/y", dir->tree);
  g_assert_cmpuint (link->n_changed, ==, 2);
  delete (fixture, "x");
  put (fixture, "x", "1");
  back = scan (fixture, "x", link->tree);
  g_assert_cmpstr (back->tree, ==, file->tree);
}

/* Whatever the clock's tick: the second of two changes of the same size is seen. */
static void
test_racy (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->source, "a", NULL);
  int fd;

  put (fixture, "a", "0000");
  fd = open (path, O_WRONLY | O_CLOEXEC);
  for (int i = 1; i <= 200; i++)
    {
      g_autofree char *text = g_strdup_printf ("%04d", i);
      g_autofree char *shown = NULL, *expected = g_strdup_printf ("f 0644 a=%s\n", text);
      g_autoptr (HrScan) scanned = NULL;

      g_assert_cmpint (pwrite (fd, text, 4, 0), ==, 4);
      scanned = scan (fixture, i % 2 == 0 ? "a" : NULL, NULL);
      shown = show (fixture, scanned->tree);
      g_assert_cmpstr (shown, ==, expected);
    }
  close (fd);
}

/* Whoever asks can tell a file that is just being written: by the youngest of what was read. */
static void
test_quiet (Fixture *fixture, gconstpointer data)
{
  struct timespec times[2] = { { 1000000000, 5 }, { 1000000000, 5 } };
  g_autofree char *path = g_build_filename (fixture->source, "a", NULL);
  g_autoptr (HrScan) first = NULL, again = NULL, second = NULL;
  gint64 before = g_get_monotonic_time (), saved;

  put (fixture, "a", "1");
  /* The time that counts is the one that nobody can set. */
  g_assert_cmpint (utimensat (AT_FDCWD, path, times, 0), ==, 0);
  first = scan (fixture, NULL, NULL);
  g_assert_cmpint (first->quiet, >=, 0);
  g_assert_cmpint (first->quiet, <, g_get_monotonic_time () - before + 20000);
  /* Its age is that at the time of reading; after a while it is not read again. */
  while (g_get_monotonic_time () - before < 100000)
    g_usleep (1000);
  hr_scan_free (scan (fixture, NULL, NULL));
  again = scan (fixture, NULL, NULL);
  g_assert_cmpint (again->quiet, ==, G_MAXINT64);
  put (fixture, "b", "1");
  saved = g_get_monotonic_time ();
  while (g_get_monotonic_time () - saved < 100000)
    g_usleep (1000);
  second = scan (fixture, NULL, NULL);
  g_assert_cmpint (second->quiet, >=, 100000);
  g_assert_cmpint (second->quiet, <, G_MAXINT64);
}

/* A change that keeps size and modification time is seen too. */
static void
test_old_times (Fixture *fixture, gconstpointer data)
{
  struct timespec times[2] = { { 1000000000, 5 }, { 1000000000, 5 } };
  g_autofree char *path = g_build_filename (fixture->source, "a", NULL);
  g_autofree char *first = NULL, *second = NULL;

  put (fixture, "a", "1");
  g_assert_cmpint (utimensat (AT_FDCWD, path, times, 0), ==, 0);
  first = scan_tree (fixture);
  put (fixture, "a", "2");
  g_assert_cmpint (utimensat (AT_FDCWD, path, times, 0), ==, 0);
  second = scan_tree (fixture);
  g_assert_cmpstr (first, !=, second);
}

typedef struct {
  char *path;
  int stop;
} Writer;

static gpointer
keep_writing (gpointer data)
{
  Writer *writer = data;
  int fd = open (writer->path, O_WRONLY | O_CLOEXEC);

  for (guint i = 0; !g_atomic_int_get (&writer->stop); i++)
    if (pwrite (fd, i % 2 == 0 ? "abcd" : "ABCD", 4, (off_t)(i % 1000) * 4096) != 4)
      break;
  close (fd);
  return NULL;
}

/* A file that is written all the time is never half recorded: an error that names it, or what it once was. */
static void
test_written_while_read (Fixture *fixture, gconstpointer data)
{
  g_autofree char *big = g_strnfill (8 * 1024 * 1024, '.');
  Writer writer = { g_build_filename (fixture->source, "big", NULL), 0 };
  g_autoptr (HrScan) scanned = NULL;
  g_autoptr (GError) error = NULL;
  GThread *thread;

  put (fixture, "big", big);
  put (fixture, "calm", "1");
  thread = g_thread_new ("writer", keep_writing, &writer);
  scanned = try_scan (fixture->store, NULL, NULL, &error);
  g_atomic_int_set (&writer.stop, 1);
  g_thread_join (thread);

  g_assert_null (scanned);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, "'big'"));
  g_assert_nonnull (strstr (error->message, fixture->source));

  /* After a scan that failed, hints are not enough: everything is looked at. */
  scanned = scan (fixture, "calm", NULL);
  g_assert_cmpuint (scanned->n_files, ==, 2);
  g_free (writer.path);
}

static gpointer
keep_moving (gpointer data)
{
  Writer *writer = data;
  g_autofree char *other = g_strconcat (writer->path, ".tmp", NULL);

  for (guint i = 0; !g_atomic_int_get (&writer->stop); i++)
    {
      g_autofree char *name = g_strdup_printf ("%s.%u", writer->path, i % 50);

      g_file_set_contents_full (other, "moved", -1, G_FILE_SET_CONTENTS_NONE, 0644, NULL);
      if (g_rename (other, name) != 0 || (i % 7 == 0 && g_unlink (name) != 0))
        break;
      g_usleep (200);
    }
  return NULL;
}

/* Files that come, are replaced and go during a scan make it fail as little as they are recorded wrongly. */
static void
test_moved_while_scanned (Fixture *fixture, gconstpointer data)
{
  Writer writer = { g_build_filename (fixture->source, "file", NULL), 0 };
  GThread *thread = g_thread_new ("mover", keep_moving, &writer);
  g_autofree char *calm = NULL, *fresh = NULL;

  for (int i = 0; i < 50; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (HrScan) scanned = try_scan (fixture->store, NULL, NULL, &error);

      if (scanned == NULL)
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
    }
  g_atomic_int_set (&writer.stop, 1);
  g_thread_join (thread);
  g_free (writer.path);

  calm = scan_tree (fixture);
  reopen (fixture);
  fresh = scan_tree (fixture);
  g_assert_cmpstr (calm, ==, fresh);
}

static void
test_special_files (Fixture *fixture, gconstpointer data)
{
  g_autofree char *fifo = g_build_filename (fixture->source, "fifo", NULL);
  g_autofree char *sock = g_build_filename (fixture->source, "sock", NULL);
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_autoptr (HrScan) scanned = NULL, hinted = NULL;
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  put (fixture, "a", "1");
  g_strlcpy (address.sun_path, sock, sizeof address.sun_path);
  g_assert_cmpint (bind (fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  close (fd);
  g_assert_cmpint (mkfifo (fifo, 0644), ==, 0);
  scanned = scan (fixture, NULL, NULL);
  g_assert_cmpuint (scanned->n_files, ==, 1);
  g_assert_cmpuint (g_strv_length (scanned->warnings), ==, 2);
  g_assert_nonnull (strstr (scanned->warnings[0], "'fifo'"));
  g_assert_nonnull (strstr (scanned->warnings[1], "'sock'"));
  /* Also when nothing but another path is looked at. */
  hinted = scan (fixture, "a", NULL);
  g_assert_cmpuint (g_strv_length (hinted->warnings), ==, 2);
}

static void
test_unreadable (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL, dir_error = NULL;

  if (geteuid () == 0)
    {
      g_test_skip ("not run here: root is never refused a file");
      return;
    }
  put (fixture, "sub/secret", "1");
  set_mode (fixture, "sub/secret", 0);
  g_assert_null (try_scan (fixture->store, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  g_assert_nonnull (strstr (error->message, "'sub/secret'"));

  set_mode (fixture, "sub/secret", 0644);
  set_mode (fixture, "sub", 0);
  g_assert_null (try_scan (fixture->store, NULL, NULL, &dir_error));
  g_assert_error (dir_error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  g_assert_nonnull (strstr (dir_error->message, "'sub'"));
  set_mode (fixture, "sub", 0755);
}

static void
test_source_gone (Fixture *fixture, gconstpointer data)
{
  g_autofree char *away = g_strconcat (fixture->source, ".away", NULL);
  g_autofree char *first = NULL, *link_tree = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrScan) swapped = NULL;

  put (fixture, "a", "1");
  first = scan_tree (fixture);
  g_assert_cmpint (g_rename (fixture->source, away), ==, 0);
  g_assert_null (try_scan (fixture->store, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, fixture->source));

  /* Another directory under the same path is looked at as a whole, whatever was hinted. */
  put (fixture, "other", "2");
  swapped = scan (fixture, "nothing", NULL);
  g_assert_cmpuint (swapped->n_files, ==, 1);
  g_assert_cmpstr (swapped->files[0], ==, "other");
  hr_fs_remove_tree (fixture->source, NULL);
  g_assert_cmpint (symlink (away, fixture->source), ==, 0);
  link_tree = scan_tree (fixture);
  g_assert_cmpstr (link_tree, ==, first);
}

static void
test_state_inside (Fixture *fixture, gconstpointer data)
{
  g_autofree char *state = g_build_filename (fixture->source, "state", NULL);
  g_autofree char *repo = g_build_filename (state, "store.git", NULL);
  HrReleaseStore *store = open_store (repo, fixture->spec);
  g_autoptr (HrScan) scanned = NULL;

  put (fixture, "a", "1");
  scanned = try_scan (store, NULL, NULL, NULL);
  g_assert_cmpuint (scanned->n_files, ==, 1);
  g_assert_finalize_object (store);
}

static void
test_too_many (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HrServiceSpec) no_slots = make_spec ("big", fixture->source, "Slots=no\n");
  HrReleaseStore *store = open_store (fixture->repo, no_slots);
  g_autoptr (HrScan) scanned = NULL;

  for (int i = 0; i <= 50; i++)
    {
      g_autofree char *dir = g_strdup_printf ("%s/%d", fixture->source, i);

      g_assert_cmpint (g_mkdir (dir, 0755), ==, 0);
      for (int j = 0; j < 1000; j++)
        {
          g_autofree char *file = g_strdup_printf ("%s/%d", dir, j);
          int fd = open (file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
          g_assert_cmpint (fd, >=, 0);
          close (fd);
        }
    }
  g_assert_null (try_scan (fixture->store, NULL, NULL, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED);
  g_assert_nonnull (strstr (error->message, "50000 files"));
  g_assert_nonnull (strstr (error->message, "Slots=no"));
  g_assert_nonnull (strstr (error->message, "Ignore="));

  scanned = try_scan (store, NULL, NULL, NULL);
  g_assert_nonnull (scanned);
  g_assert_cmpuint (scanned->n_files, ==, 51000);
  g_assert_finalize_object (store);
}

static void
test_too_large (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->source, "image", NULL);
  g_autoptr (GError) error = NULL;

  put (fixture, "image", "");
  if (truncate (path, ((off_t)1 << 30) + 1) != 0)
    {
      g_test_skip ("not run here: the file system takes no file of 1 GiB");
      return;
    }
  g_assert_null (try_scan (fixture->store, NULL, NULL, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED);
  g_assert_nonnull (strstr (error->message, "1 GiB"));
}

static void
test_too_deep (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) path = g_string_new (fixture->source);

  for (int i = 0; i < 300; i++)
    {
      g_string_append (path, "/d");
      g_assert_cmpint (g_mkdir (path->str, 0755), ==, 0);
    }
  g_assert_null (try_scan (fixture->store, NULL, NULL, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED);
  g_assert_nonnull (strstr (error->message, "256 directories deep"));
}

static void
test_large_file (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->source, "large", NULL);
  g_autoptr (HrScan) first = NULL, second = NULL;
  g_autoptr (GPtrArray) entries = NULL;
  g_autoptr (GBytes) bytes = NULL;
  int fd;

  put (fixture, "large", "");
  g_assert_cmpint (truncate (path, 40 * 1024 * 1024), ==, 0);
  first = scan (fixture, NULL, NULL);
  fd = open (path, O_WRONLY | O_CLOEXEC);
  g_assert_cmpint (pwrite (fd, "!", 1, 35 * 1024 * 1024), ==, 1);
  close (fd);
  second = scan (fixture, "large", first->tree);
  g_assert_cmpuint (second->n_changed, ==, 1);
  entries = hr_git_tree_list (fixture->store, second->tree, NULL);
  bytes = hr_git_tree_read (fixture->store, ((HrGitEntry *)entries->pdata[0])->oid, NULL);
  g_assert_cmpuint (g_bytes_get_size (bytes), ==, 40 * 1024 * 1024);
  g_assert_cmpint (((const char *)g_bytes_get_data (bytes, NULL))[35 * 1024 * 1024], ==, '!');
}

static void
test_cancel (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrScan) scanned = NULL;

  put (fixture, "a", "1");
  hr_release_store_scan_async (fixture->store, NULL, NULL, cancellable, take_result, &result);
  g_cancellable_cancel (cancellable);
  g_assert_null (hr_release_store_scan_finish (fixture->store, wait_result (&result), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  scanned = scan (fixture, "no hint of a", NULL);
  g_assert_cmpuint (scanned->n_files, ==, 1);
}

static void
test_no_source (Fixture *fixture, gconstpointer data)
{
  static const char text[] = "[Service]\nExec=true\n";
  HrSpecSource source = { "/etc/hotreload/services.d/bare.conf", text, sizeof text - 1 };
  g_autoptr (HrServiceSpec) spec = hr_service_spec_parse ("bare", &source, 1, NULL, NULL);
  HrReleaseStore *store = open_store (fixture->repo, spec);
  g_autoptr (HrScan) scanned = try_scan (store, NULL, NULL, NULL);

  g_assert_nonnull (scanned);
  g_assert_cmpuint (scanned->n_files, ==, 0);
  g_assert_finalize_object (store);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  keep_logs ();
  ADD ("/tree-scan/modes-links-and-empty-directories-are-kept", test_all_kept);
  ADD ("/tree-scan/names-may-have-any-bytes", test_odd_names);
  ADD ("/tree-scan/git-finds-nothing-wrong-with-what-is-written", test_git_order);
  ADD ("/tree-scan/equal-sources-are-equal-trees", test_equal_trees);
  ADD ("/tree-scan/another-umask-is-kept", test_other_umask);
  ADD ("/tree-scan/changes-are-named-and-sorted", test_change_list);
  ADD ("/tree-scan/what-is-shared-is-listed-and-not-recorded", test_shares);
  ADD ("/tree-scan/what-sed-is-writing-is-not-recorded", test_being_written);
  ADD ("/tree-scan/a-changed-gitignore-is-obeyed", test_gitignore_changes);
  ADD ("/tree-scan/only-hinted-paths-are-looked-at", test_hints);
  ADD ("/tree-scan/a-strange-hint-does-no-harm", test_strange_hints);
  ADD ("/tree-scan/a-path-may-change-its-kind", test_kind_changes);
  ADD ("/tree-scan/no-quick-change-is-missed", test_racy);
  ADD ("/tree-scan/the-age-of-the-youngest-is-told", test_quiet);
  ADD ("/tree-scan/a-change-with-old-times-is-seen", test_old_times);
  ADD ("/tree-scan/a-file-that-is-being-written-is-not-recorded-in-part", test_written_while_read);
  ADD ("/tree-scan/files-may-come-and-go-meanwhile", test_moved_while_scanned);
  ADD ("/tree-scan/special-files-are-skipped-with-a-warning", test_special_files);
  ADD ("/tree-scan/an-unreadable-path-is-named", test_unreadable);
  ADD ("/tree-scan/a-source-that-is-gone-is-not-an-empty-one", test_source_gone);
  ADD ("/tree-scan/the-daemons-own-state-is-left-out", test_state_inside);
  ADD ("/tree-scan/too-many-files-are-refused-unless-slots-no", test_too_many);
  ADD ("/tree-scan/too-many-bytes-are-refused", test_too_large);
  ADD ("/tree-scan/too-deep-is-refused", test_too_deep);
  ADD ("/tree-scan/a-large-file-is-recorded", test_large_file);
  ADD ("/tree-scan/a-cancelled-scan-is-made-up-for", test_cancel);
  ADD ("/tree-scan/without-a-source-there-is-an-empty-tree", test_no_source);
  return g_test_run ();
}
