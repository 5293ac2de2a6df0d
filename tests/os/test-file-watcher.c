/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-file-watcher.c: changes of a real directory become hints.
 */
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-file-watcher.h"
#include "hr-fs.h"

/* A hint that has not come after this never will. */
#define DEADLINE_SEC 20

typedef struct {
  char *top; /* temporary; the source is below it */
  char *source;
  HrWatcher *watcher;
  GHashTable *hinted;
  guint n_hints;
  guint n_everything;
} Fixture;

static char *last_warning;

/* A warning ends a test that does not expect it; this one remembers it. */
static GLogWriterOutput
remember_warning (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  if ((level & G_LOG_LEVEL_WARNING) == 0)
    return g_log_writer_default (level, fields, n_fields, user_data);
  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      {
        g_free (last_warning);
        last_warning = g_strdup (fields[i].value);
      }
  return G_LOG_WRITER_HANDLED;
}

static void
hint (HrWatcher *watcher, char **paths, gpointer user_data)
{
  Fixture *fixture = user_data;

  fixture->n_hints++;
  if (paths[0] == NULL)
    fixture->n_everything++;
  for (guint i = 0; paths[i] != NULL; i++)
    g_hash_table_add (fixture->hinted, g_strdup (paths[i]));
}

static char *
in_source (Fixture *fixture, const char *path)
{
  return g_build_filename (fixture->source, path, NULL);
}

static void
write_file (Fixture *fixture, const char *path, const char *text)
{
  g_autofree char *full = in_source (fixture, path);
  int fd = open (full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, text, strlen (text)), ==, (gssize)strlen (text));
  g_assert_cmpint (close (fd), ==, 0);
}

/* As editors do. */
static void
save_atomically (Fixture *fixture, const char *path, const char *text)
{
  g_autofree char *full = in_source (fixture, path);
  g_autofree char *temporary = g_strconcat (path, ".new", NULL);
  g_autofree char *temporary_full = in_source (fixture, temporary);

  write_file (fixture, temporary, text);
  g_assert_cmpint (rename (temporary_full, full), ==, 0);
}

static void
make_dir (Fixture *fixture, const char *path)
{
  g_autofree char *full = in_source (fixture, path);

  g_assert_cmpint (g_mkdir_with_parents (full, 0755), ==, 0);
}

static void
move (Fixture *fixture, const char *from, const char *to)
{
  g_autofree char *from_full = in_source (fixture, from);
  g_autofree char *to_full = in_source (fixture, to);

  g_assert_cmpint (rename (from_full, to_full), ==, 0);
}

static void
remove_path (Fixture *fixture, const char *path)
{
  g_autofree char *full = in_source (fixture, path);

  g_assert_cmpint (remove (full), ==, 0);
}

static gboolean
deadline_passed (gpointer user_data)
{
  g_error ("no hint within %d s: %s", DEADLINE_SEC, (const char *)user_data);
  return G_SOURCE_REMOVE;
}

static void
forget_hints (Fixture *fixture)
{
  g_hash_table_remove_all (fixture->hinted);
  fixture->n_everything = fixture->n_hints = 0;
}

static void
wait_for (Fixture *fixture, const char *path)
{
  guint deadline = g_timeout_add_seconds (DEADLINE_SEC, deadline_passed, (gpointer)path);

  while (!g_hash_table_contains (fixture->hinted, path))
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (deadline);
}

static void
wait_for_everything (Fixture *fixture, const char *why)
{
  guint deadline = g_timeout_add_seconds (DEADLINE_SEC, deadline_passed, (gpointer)why);

  while (fixture->n_everything == 0)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (deadline);
}

static void
wait_for_either (Fixture *fixture, const char *path)
{
  guint deadline = g_timeout_add_seconds (DEADLINE_SEC, deadline_passed, (gpointer)path);

  while (fixture->n_everything == 0 && !g_hash_table_contains (fixture->hinted, path))
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (deadline);
}

static void
wait_for_watches (Fixture *fixture, guint n)
{
  guint deadline = g_timeout_add_seconds (DEADLINE_SEC, deadline_passed, (gpointer) "number of watches");

  while (hr_watcher_n_watches (fixture->watcher) != n)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (deadline);
}

/* What was done before raised its hints, if any: this is done after it, and events keep their order. A look at everything
 * that is due in the same moment stands for the marker, too, and then does not name it. To be waited for after a move,
 * too: that is told of on both sides, and what has a new name is watched anew each time, so that what is written in
 * between may only be in a hint at all of it. */
static void
wait_for_marker (Fixture *fixture)
{
  static guint n;
  g_autofree char *marker = g_strdup_printf ("marker%u", n++);
  guint before = fixture->n_everything;
  guint deadline = g_timeout_add_seconds (DEADLINE_SEC, deadline_passed, marker);

  write_file (fixture, marker, "");
  while (!g_hash_table_contains (fixture->hinted, marker) && fixture->n_everything == before)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (deadline);
  remove_path (fixture, marker);
}

static void
assert_not_hinted (Fixture *fixture, const char *path)
{
  wait_for_marker (fixture);
  if (g_hash_table_contains (fixture->hinted, path))
    g_error ("hint at '%s'", path);
}

static HrServiceSpec *
parse (const char *source, const char *more)
{
  g_autofree char *text = g_strdup_printf ("[Service]\nExec=true\nSource=%s\n%s", source, more);
  HrSpecSource from = { "/etc/hotreload/services.d/test.conf", text, strlen (text) };
  g_autoptr (GError) error = NULL;
  HrServiceSpec *spec = hr_service_spec_parse ("test", &from, 1, NULL, &error);

  g_assert_no_error (error);
  return spec;
}

static void
new_watcher (Fixture *fixture, const char *path, const char *more)
{
  g_autoptr (HrServiceSpec) spec = parse (path, more);

  fixture->watcher = hr_file_watcher_new (spec);
  g_signal_connect (fixture->watcher, "hint", G_CALLBACK (hint), fixture);
}

static void
start (Fixture *fixture, const char *more)
{
  g_autoptr (GError) error = NULL;

  new_watcher (fixture, fixture->source, more);
  hr_watcher_start (fixture->watcher, &error);
  g_assert_no_error (error);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->top = g_dir_make_tmp ("hr-watch-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->source = g_build_filename (fixture->top, "source", NULL);
  fixture->hinted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  make_dir (fixture, "src/deep");
  write_file (fixture, "main.py", "1");
  write_file (fixture, "src/deep/a.py", "1");
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  if (fixture->watcher != NULL)
    g_assert_finalize_object (fixture->watcher);
  g_clear_pointer (&last_warning, g_free);
  hr_fs_remove_tree (fixture->top, &error);
  g_assert_no_error (error);
  g_hash_table_unref (fixture->hinted);
  g_free (fixture->source);
  g_free (fixture->top);
}

static void
test_writes (Fixture *fixture, gconstpointer data)
{
  g_autofree char *full = in_source (fixture, "main.py");

  start (fixture, "");
  g_assert_cmpuint (hr_watcher_n_watches (fixture->watcher), ==, 3);

  write_file (fixture, "main.py", "2");
  wait_for (fixture, "main.py");
  write_file (fixture, "src/deep/a.py", "2");
  wait_for (fixture, "src/deep/a.py");
  write_file (fixture, "src/new.py", "1");
  wait_for (fixture, "src/new.py");
  remove_path (fixture, "src/new.py");
  forget_hints (fixture);
  wait_for_marker (fixture);

  forget_hints (fixture);
  g_assert_cmpint (chmod (full, 0755), ==, 0);
  wait_for (fixture, "main.py");
  forget_hints (fixture);
  remove_path (fixture, "main.py");
  wait_for (fixture, "main.py");
  forget_hints (fixture);
  g_assert_cmpint (symlink ("src/deep/a.py", full), ==, 0);
  wait_for (fixture, "main.py");
  forget_hints (fixture);
  move (fixture, "src/deep/a.py", "src/b.py");
  wait_for (fixture, "src/deep/a.py");
  wait_for (fixture, "src/b.py");
}

static gboolean
save_again (gpointer user_data)
{
  save_atomically (user_data, "main.py", "again");
  return G_SOURCE_REMOVE;
}

static void
test_atomic_saves (Fixture *fixture, gconstpointer data)
{
  start (fixture, "");
  for (guint i = 0; i < 3; i++)
    {
      forget_hints (fixture);
      g_timeout_add (600, save_again, fixture);
      wait_for (fixture, "main.py");
    }
}

static void
test_first_moment (Fixture *fixture, gconstpointer data)
{
  start (fixture, "");
  save_atomically (fixture, "src/deep/a.py", "2");
  wait_for (fixture, "src/deep/a.py");
}

static void
test_new_dirs (Fixture *fixture, gconstpointer data)
{
  start (fixture, "");

  /* The file is there before anyone can watch its directory. */
  make_dir (fixture, "new/one/two/three");
  write_file (fixture, "new/one/two/three/x.py", "1");
  wait_for (fixture, "new");
  wait_for_marker (fixture);
  g_assert_cmpuint (hr_watcher_n_watches (fixture->watcher), ==, 7);
  write_file (fixture, "new/one/two/three/x.py", "2");
  wait_for (fixture, "new/one/two/three/x.py");

  move (fixture, "new/one", "moved");
  wait_for (fixture, "new/one");
  wait_for (fixture, "moved");
  wait_for_marker (fixture);
  g_assert_cmpuint (hr_watcher_n_watches (fixture->watcher), ==, 7);
  write_file (fixture, "moved/two/three/x.py", "3");
  wait_for (fixture, "moved/two/three/x.py");

  move (fixture, "moved/two", "../outside");
  wait_for (fixture, "moved/two");
  g_assert_cmpuint (hr_watcher_n_watches (fixture->watcher), ==, 5);
  forget_hints (fixture);
  write_file (fixture, "../outside/three/x.py", "4");
  assert_not_hinted (fixture, "moved/two/three/x.py");
  move (fixture, "../outside", "back");
  wait_for (fixture, "back");
  wait_for_marker (fixture);
  write_file (fixture, "back/three/x.py", "5");
  wait_for (fixture, "back/three/x.py");
}

static void
test_dir_replaced (Fixture *fixture, gconstpointer data)
{
  start (fixture, "");

  /* The inode is likely to be the same. */
  for (guint i = 0; i < 5; i++)
    {
      write_file (fixture, "src/deep/a.py", "x");
      remove_path (fixture, "src/deep/a.py");
      remove_path (fixture, "src/deep");
      make_dir (fixture, "src/deep");
      wait_for (fixture, "src/deep");
      wait_for_marker (fixture);
      forget_hints (fixture);
      write_file (fixture, "src/deep/a.py", "y");
      wait_for (fixture, "src/deep/a.py");
    }
  g_assert_cmpuint (hr_watcher_n_watches (fixture->watcher), ==, 3);
}

static void
test_ignored (Fixture *fixture, gconstpointer data)
{
  make_dir (fixture, "node_modules/a/b");
  make_dir (fixture, ".git/refs");
  make_dir (fixture, "logs/old");
  make_dir (fixture, "src/generated");
  write_file (fixture, "src/.gitignore", "/generated\n");
  start (fixture, "[Watch]\nIgnore=logs/**;*.log\nExtensions=py;log\n[Actions]\ndocs/**=ignore\n");
  g_assert_cmpuint (hr_watcher_n_watches (fixture->watcher), ==, 3);

  write_file (fixture, "x.log", "");
  write_file (fixture, "x.txt", "");
  write_file (fixture, ".main.py.swp", "");
  make_dir (fixture, "__pycache__");
  make_dir (fixture, "docs");
  write_file (fixture, "docs/x.py", "");
  write_file (fixture, "marker.py", "");
  wait_for (fixture, "marker.py");
  g_assert_false (g_hash_table_contains (fixture->hinted, "x.log"));
  g_assert_false (g_hash_table_contains (fixture->hinted, "x.txt"));
  g_assert_false (g_hash_table_contains (fixture->hinted, ".main.py.swp"));
  g_assert_false (g_hash_table_contains (fixture->hinted, "__pycache__"));
  g_assert_false (g_hash_table_contains (fixture->hinted, "docs/x.py"));
  g_assert_true (g_hash_table_contains (fixture->hinted, "docs"));
  g_assert_cmpuint (hr_watcher_n_watches (fixture->watcher), ==, 4);
}

static void
test_gitignore_changes (Fixture *fixture, gconstpointer data)
{
  make_dir (fixture, "data/sub");
  start (fixture, "");
  g_assert_cmpuint (hr_watcher_n_watches (fixture->watcher), ==, 5);

  write_file (fixture, ".gitignore", "/data\n");
  wait_for_watches (fixture, 3);
  write_file (fixture, "data/sub/x", "");
  assert_not_hinted (fixture, "data/sub/x");

  remove_path (fixture, ".gitignore");
  fixture->n_everything = 0;
  wait_for_everything (fixture, "data is not ignored");
  g_assert_cmpuint (hr_watcher_n_watches (fixture->watcher), ==, 5);
  write_file (fixture, "data/sub/x", "2");
  wait_for (fixture, "data/sub/x");
}

static void
test_paths (Fixture *fixture, gconstpointer data)
{
  make_dir (fixture, "other/deep");
  start (fixture, "[Watch]\nPaths=src\nRecursive=no\n");
  g_assert_cmpuint (hr_watcher_n_watches (fixture->watcher), ==, 2);
  write_file (fixture, "main.py", "2");
  write_file (fixture, "src/deep/a.py", "2");
  write_file (fixture, "src/b.py", "2");
  wait_for (fixture, "src/b.py");
  g_assert_false (g_hash_table_contains (fixture->hinted, "main.py"));
  g_assert_false (g_hash_table_contains (fixture->hinted, "src/deep/a.py"));
}

static void
swap_link (Fixture *fixture, const char *target, const char *link)
{
  g_autofree char *full = g_build_filename (fixture->top, link, NULL);
  g_autofree char *temporary = g_strconcat (full, ".new", NULL);

  g_assert_cmpint (symlink (target, temporary), ==, 0);
  g_assert_cmpint (rename (temporary, full), ==, 0);
}

static void
test_link_swapped (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->top, "app", NULL);
  g_autoptr (GError) error = NULL;

  /* As Kubernetes does: app → ..data/app, ..data → v1. */
  make_dir (fixture, "../v1/app");
  make_dir (fixture, "../v2/app/only-here");
  write_file (fixture, "../v2/app/x.py", "");
  swap_link (fixture, "v1", "..data");
  swap_link (fixture, "..data/app", "app");

  new_watcher (fixture, path, "");
  hr_watcher_start (fixture->watcher, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (hr_watcher_n_watches (fixture->watcher), ==, 1);

  swap_link (fixture, "v2", "..data");
  wait_for_everything (fixture, "another directory");
  g_assert_cmpuint (hr_watcher_n_watches (fixture->watcher), ==, 2);
  write_file (fixture, "../v2/app/x.py", "2");
  wait_for (fixture, "x.py");
}

static void
test_root_replaced (Fixture *fixture, gconstpointer data)
{
  start (fixture, "");
  for (guint i = 0; i < 3; i++)
    {
      g_autofree char *old = g_strdup_printf ("../old%u", i);

      forget_hints (fixture);
      move (fixture, "../source", old);
      wait_for_everything (fixture, "the source is gone");
      g_assert_cmpuint (hr_watcher_n_watches (fixture->watcher), ==, 0);
      forget_hints (fixture);
      make_dir (fixture, "fresh");
      wait_for_everything (fixture, "the source is back");
      wait_for_watches (fixture, 2);
      write_file (fixture, "fresh/x.py", "");
      wait_for (fixture, "fresh/x.py");
    }
}

static void
test_moved_above (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->top, "above", "between", "service", NULL);
  g_autoptr (GError) error = NULL;

  make_dir (fixture, "../above/between/service");
  new_watcher (fixture, path, "");
  hr_watcher_start (fixture->watcher, &error);
  g_assert_no_error (error);

  move (fixture, "../above", "../aside");
  wait_for_everything (fixture, "the source is gone");
  make_dir (fixture, "../above/between/service/other");
  wait_for_watches (fixture, 2);
  write_file (fixture, "../above/between/service/other/x.py", "");
  wait_for (fixture, "other/x.py");

  /* What only happens to be above it wakes nobody. */
  forget_hints (fixture);
  write_file (fixture, "../above/x.py", "");
  make_dir (fixture, "../above/between/y");
  write_file (fixture, "../above/between/service/other/y.py", "");
  wait_for (fixture, "other/y.py");
  g_assert_cmpuint (fixture->n_everything, ==, 0);
}

static void
test_many (Fixture *fixture, gconstpointer data)
{
  start (fixture, "");
  for (guint i = 0; i < 500; i++)
    {
      g_autofree char *path = g_strdup_printf ("src/file%u", i);

      write_file (fixture, path, "");
    }
  for (guint i = 0; i < 500; i++)
    {
      g_autofree char *path = g_strdup_printf ("src/file%u", i);

      wait_for (fixture, path);
    }
  g_assert_cmpuint (fixture->n_hints, <, 500);
}

/* More than the queue in the kernel holds: what of it is told of depends on how fast GLib empties it. */
static void
test_overflow (Fixture *fixture, gconstpointer data)
{
  make_dir (fixture, "one");
  start (fixture, "");
  for (guint i = 0; i < 20000; i++)
    {
      g_autofree char *path = g_strdup_printf ("one/file%u", i);
      g_autofree char *full = in_source (fixture, path);

      g_assert_cmpint (mknod (full, S_IFREG | 0644, 0), ==, 0);
    }
  make_dir (fixture, "src/late/later");
  wait_for_everything (fixture, "too many events");
  g_assert_cmpuint (hr_file_watcher_get_overflows (HR_FILE_WATCHER (fixture->watcher)), >=, 1);
  wait_for_watches (fixture, 6);

  /* The queue may still be full: then it is everything that is hinted at, a moment later. */
  forget_hints (fixture);
  write_file (fixture, "src/late/later/x.py", "");
  wait_for_either (fixture, "src/late/later/x.py");
}

static void
test_writers (Fixture *fixture, gconstpointer data)
{
  start (fixture, "");
  write_file (fixture, "main.py", "2");
  write_file (fixture, "src/deep/a.py", "2");
  wait_for_everything (fixture, "two files written at once");
}

static void
test_limit (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  new_watcher (fixture, fixture->source, "");
  hr_file_watcher_set_limit (HR_FILE_WATCHER (fixture->watcher), 2);
  g_assert_false (hr_watcher_start (fixture->watcher, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED);
  g_assert_nonnull (strstr (error->message, "needs 3 directories"));
  g_assert_nonnull (strstr (error->message, "fs.inotify.max_user_watches="));
  g_assert_nonnull (strstr (error->message, fixture->source));
  g_assert_cmpuint (hr_watcher_n_watches (fixture->watcher), ==, 0);

  hr_file_watcher_set_limit (HR_FILE_WATCHER (fixture->watcher), 0);
  g_clear_error (&error);
  hr_watcher_start (fixture->watcher, &error);
  g_assert_no_error (error);
}

static void
test_limit_later (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  new_watcher (fixture, fixture->source, "");
  hr_file_watcher_set_limit (HR_FILE_WATCHER (fixture->watcher), 3);
  hr_watcher_start (fixture->watcher, &error);
  g_assert_no_error (error);

  make_dir (fixture, "one/more");
  wait_for_everything (fixture, "the limit is reached");
  g_assert_nonnull (last_warning);
  g_assert_nonnull (strstr (last_warning, "fs.inotify.max_user_watches="));
  fixture->n_everything = 0;
  wait_for_everything (fixture, "it looks from time to time");
}

static void
test_start_fails (Fixture *fixture, gconstpointer data)
{
  g_autofree char *missing = in_source (fixture, "missing");
  g_autofree char *file = in_source (fixture, "main.py");
  g_autoptr (GError) error = NULL;

  new_watcher (fixture, missing, "");
  g_assert_false (hr_watcher_start (fixture->watcher, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, missing));
  g_clear_error (&error);
  g_clear_object (&fixture->watcher);

  new_watcher (fixture, file, "");
  g_assert_false (hr_watcher_start (fixture->watcher, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_DIRECTORY);
}

static void
test_stop (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  start (fixture, "");
  write_file (fixture, "main.py", "2");
  wait_for (fixture, "main.py");
  write_file (fixture, "main.py", "3");
  hr_watcher_stop (fixture->watcher);
  g_assert_cmpuint (hr_watcher_n_watches (fixture->watcher), ==, 0);
  forget_hints (fixture);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (fixture->n_hints, ==, 0);

  hr_watcher_start (fixture->watcher, &error);
  g_assert_no_error (error);
  write_file (fixture, "main.py", "4");
  wait_for (fixture, "main.py");
}

static void
test_held (Fixture *fixture, gconstpointer data)
{
  static const char *const dirs[] = { ".git/rebase-merge", ".git/rebase-apply" };
  static const char *const locks[] = { ".git/index.lock", ".git/HEAD.lock" };
  struct timespec old[2] = { { 1000000000, 0 }, { 1000000000, 0 } };
  g_autofree char *index_lock = in_source (fixture, ".git/index.lock");
  g_autofree char *git_file = g_build_filename (fixture->top, "tree", ".git", NULL);
  g_autofree char *tree = g_build_filename (fixture->top, "tree", "service", NULL);
  g_autofree char *gitdir = NULL;

  start (fixture, "");
  g_assert_false (hr_watcher_is_held (fixture->watcher));
  make_dir (fixture, ".git");
  g_assert_false (hr_watcher_is_held (fixture->watcher));
  for (guint i = 0; i < G_N_ELEMENTS (locks); i++)
    {
      write_file (fixture, locks[i], "");
      g_assert_true (hr_watcher_is_held (fixture->watcher));
      remove_path (fixture, locks[i]);
      g_assert_false (hr_watcher_is_held (fixture->watcher));
    }
  for (guint i = 0; i < G_N_ELEMENTS (dirs); i++)
    {
      make_dir (fixture, dirs[i]);
      g_assert_true (hr_watcher_is_held (fixture->watcher));
      remove_path (fixture, dirs[i]);
      g_assert_false (hr_watcher_is_held (fixture->watcher));
    }

  /* Left behind long ago. */
  write_file (fixture, ".git/index.lock", "");
  g_assert_cmpint (utimensat (AT_FDCWD, index_lock, old, 0), ==, 0);
  g_assert_false (hr_watcher_is_held (fixture->watcher));
  write_file (fixture, ".git/index.lock", "now");

  /* Another work tree of that repository, and a service deep in it. */
  g_assert_cmpint (g_mkdir_with_parents (tree, 0755), ==, 0);
  gitdir = g_strdup_printf ("gitdir: ../source/.git\n");
  g_file_set_contents (git_file, gitdir, -1, NULL);
  g_clear_object (&fixture->watcher);
  new_watcher (fixture, tree, "");
  g_assert_true (hr_watcher_is_held (fixture->watcher));
  remove_path (fixture, ".git/index.lock");
  g_assert_false (hr_watcher_is_held (fixture->watcher));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (remember_warning, NULL, NULL);
#define add(name, func) g_test_add ("/file-watcher/" name, Fixture, NULL, set_up, func, tear_down)
  add ("writes-deletes-renames-and-modes-are-hinted-at", test_writes);
  add ("case-4-three-atomic-saves-600-ms-apart-are-all-seen", test_atomic_saves);
  add ("case-5-a-save-right-after-the-start-is-seen", test_first_moment);
  add ("directories-that-appear-or-move-are-watched-with-all-below", test_new_dirs);
  add ("a-directory-made-anew-under-its-name-is-watched", test_dir_replaced);
  add ("ignored-directories-are-never-watched", test_ignored);
  add ("a-changed-gitignore-changes-what-is-watched", test_gitignore_changes);
  add ("only-watch-paths-are-watched", test_paths);
  add ("pain-18-a-swapped-link-is-seen", test_link_swapped);
  add ("a-source-that-is-replaced-is-watched-again", test_root_replaced);
  add ("a-directory-above-the-source-that-is-replaced-is-seen", test_moved_above);
  add ("many-files-at-once-come-in-few-hints", test_many);
  add ("pain-20-lost-events-lose-no-change", test_overflow);
  add ("several-writers-at-once-are-followed-by-a-look-at-everything", test_writers);
  add ("pain-19-above-the-limit-the-sysctl-is-named", test_limit);
  add ("above-the-limit-later-everything-is-looked-at", test_limit_later);
  add ("a-source-that-is-missing-or-no-directory-is-an-error", test_start_fails);
  add ("nothing-is-hinted-at-after-stop", test_stop);
  add ("pain-14-a-git-operation-holds", test_held);
#undef add
  return g_test_run ();
}
