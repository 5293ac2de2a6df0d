/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-fs.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
  char *dir;
  char *path;
} Fixture;

static void
setup (Fixture *f, gconstpointer data)
{
  f->dir = g_dir_make_tmp ("hr-fs-XXXXXX", NULL);
  g_assert_nonnull (f->dir);
  f->path = g_build_filename (f->dir, "file", NULL);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  hr_fs_remove_tree (f->dir, &error);
  g_assert_no_error (error);
  g_assert_false (g_file_test (f->dir, G_FILE_TEST_EXISTS));
  g_free (f->dir);
  g_free (f->path);
}

static char *
below (Fixture *f, const char *name)
{
  return g_build_filename (f->dir, name, NULL);
}

static void
write_text (const char *path, const char *text, int mode)
{
  g_autoptr (GError) error = NULL;

  hr_fs_write (path, text, strlen (text), mode, &error);
  g_assert_no_error (error);
}

static void
assert_text (const char *path, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) content = hr_fs_read (path, 1024, &error);

  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (content, NULL), g_bytes_get_size (content), text, strlen (text));
}

static guint
count_entries (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  guint count = 0;

  while (dir != NULL && g_dir_read_name (dir) != NULL)
    count++;
  return count;
}

/* Who reads it meanwhile reads all of the old one. */
static void
test_replace_replaces_in_one_step (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *old = below (f, "old");

  write_text (f->path, "one", 0600);
  g_assert_cmpint (link (f->path, old), ==, 0);
  hr_fs_replace (f->path, "two", 3, 0640, &error);
  g_assert_no_error (error);
  assert_text (f->path, "two");
  assert_text (old, "one");
  g_assert_cmpuint (count_entries (f->dir), ==, 2);
}

static void
test_write_replaces_with_exact_mode (Fixture *f, gconstpointer data)
{
  mode_t old = umask (077);
  GStatBuf info;

  write_text (f->path, "one", 0600);
  write_text (f->path, "two", 0644);
  umask (old);
  assert_text (f->path, "two");
  g_assert_cmpint (g_stat (f->path, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 07777, ==, 0644);
  g_assert_cmpuint (count_entries (f->dir), ==, 1);
}

static void
test_failed_write_leaves_the_old_content (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  struct rlimit old, small;

  write_text (f->path, "old", 0600);
  /* Stands for a full disk: no file can grow beyond a few bytes. */
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &old), ==, 0);
  small = old;
  small.rlim_cur = 4;
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  g_assert_false (hr_fs_write (f->path, "much longer", 11, 0600, &error));
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &old), ==, 0);
  g_assert_cmpint (error->domain, ==, G_IO_ERROR);
  g_assert_nonnull (strstr (error->message, f->path));
  assert_text (f->path, "old");
  g_assert_cmpuint (count_entries (f->dir), ==, 1);
}

static void
test_write_into_nothing_names_the_path (Fixture *f, gconstpointer data)
{
  g_autofree char *path = below (f, "none/file");
  g_autoptr (GError) error = NULL;

  g_assert_false (hr_fs_write (path, "x", 1, 0600, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, path));
}

static void
assert_unreadable (const char *path, int code)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (hr_fs_read (path, 4, &error));
  g_assert_error (error, G_IO_ERROR, code);
  g_assert_nonnull (strstr (error->message, path));
}

static void
test_read_has_a_limit (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) content = NULL;

  write_text (f->path, "1234", 0600);
  content = hr_fs_read (f->path, 4, NULL);
  g_assert_cmpuint (g_bytes_get_size (content), ==, 4);
  write_text (f->path, "12345", 0600);
  assert_unreadable (f->path, G_IO_ERROR_MESSAGE_TOO_LARGE);
}

static void
test_read_of_an_empty_file (Fixture *f, gconstpointer data)
{
  write_text (f->path, "", 0600);
  assert_text (f->path, "");
}

static void
test_read_of_what_is_no_file (Fixture *f, gconstpointer data)
{
  g_autofree char *fifo = below (f, "fifo");
  g_autofree char *cycle = below (f, "cycle");
  g_autofree char *dangling = below (f, "dangling");
  g_autofree char *none = below (f, "none");

  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  g_assert_cmpint (symlink ("cycle", cycle), ==, 0);
  g_assert_cmpint (symlink ("none", dangling), ==, 0);
  assert_unreadable (fifo, G_IO_ERROR_NOT_REGULAR_FILE);
  assert_unreadable (f->dir, G_IO_ERROR_NOT_REGULAR_FILE);
  assert_unreadable (cycle, G_IO_ERROR_TOO_MANY_LINKS);
  assert_unreadable (dangling, G_IO_ERROR_NOT_FOUND);
  assert_unreadable (none, G_IO_ERROR_NOT_FOUND);
  assert_unreadable ("/dev/zero", G_IO_ERROR_NOT_REGULAR_FILE);
}

static void
test_set_aside_never_overwrites (Fixture *f, gconstpointer data)
{
  static const char *const suffixes[] = { ".broken", ".broken.2", ".broken.3" };

  for (gsize i = 0; i < G_N_ELEMENTS (suffixes); i++)
    {
      g_autofree char *expected = g_strconcat (f->path, suffixes[i], NULL);
      g_autofree char *aside = NULL;
      g_autoptr (GError) error = NULL;

      write_text (f->path, suffixes[i], 0600);
      aside = hr_fs_set_aside (f->path, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (aside, ==, expected);
      g_assert_false (g_file_test (f->path, G_FILE_TEST_EXISTS));
    }
  for (gsize i = 0; i < G_N_ELEMENTS (suffixes); i++)
    {
      g_autofree char *kept = g_strconcat (f->path, suffixes[i], NULL);
      assert_text (kept, suffixes[i]);
    }
}

static void
test_set_aside_of_nothing_is_an_error (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (hr_fs_set_aside (f->path, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, f->path));
}

static void
test_make_dir_makes_parents (Fixture *f, gconstpointer data)
{
  g_autofree char *path = below (f, "a/b/c");
  g_autofree char *under_file = below (f, "file/d");
  g_autoptr (GError) error = NULL;
  GStatBuf info;

  g_assert_true (hr_fs_make_dir (path, 0700, NULL));
  g_assert_true (hr_fs_make_dir (path, 0700, NULL));
  g_assert_cmpint (g_stat (path, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 07777, ==, 0700);
  write_text (f->path, "x", 0600);
  g_assert_false (hr_fs_make_dir (under_file, 0700, &error));
  g_assert_cmpint (error->domain, ==, G_IO_ERROR);
  g_assert_nonnull (strstr (error->message, under_file));
}

static void
test_remove_tree_takes_read_only_directories (Fixture *f, gconstpointer data)
{
  g_autofree char *top = below (f, "top");
  g_autofree char *deep = below (f, "top/a/b");
  g_autofree char *middle = below (f, "top/a");
  g_autofree char *file = below (f, "top/a/b/file");
  g_autoptr (GError) error = NULL;

  g_assert_true (hr_fs_make_dir (deep, 0700, NULL));
  write_text (file, "x", 0400);
  g_assert_cmpint (chmod (deep, 0500), ==, 0);
  g_assert_cmpint (chmod (middle, 0), ==, 0);
  hr_fs_remove_tree (top, &error);
  g_assert_no_error (error);
  g_assert_false (g_file_test (top, G_FILE_TEST_EXISTS));
}

static void
test_remove_tree_follows_no_link (Fixture *f, gconstpointer data)
{
  g_autofree char *top = below (f, "top");
  g_autofree char *outside = below (f, "outside");
  g_autofree char *kept = below (f, "outside/kept");
  g_autofree char *link = below (f, "top/link");
  g_autofree char *cycle = below (f, "top/cycle");
  g_autofree char *link_to_top = below (f, "link-to-top");
  g_autofree char *fifo = below (f, "top/fifo");

  g_assert_true (hr_fs_make_dir (top, 0700, NULL));
  g_assert_true (hr_fs_make_dir (outside, 0700, NULL));
  write_text (kept, "kept", 0600);
  g_assert_cmpint (symlink ("../outside", link), ==, 0);
  g_assert_cmpint (symlink ("cycle", cycle), ==, 0);
  g_assert_cmpint (symlink ("outside", link_to_top), ==, 0);
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  g_assert_true (hr_fs_remove_tree (link_to_top, NULL));
  g_assert_true (hr_fs_remove_tree (top, NULL));
  g_assert_false (g_file_test (top, G_FILE_TEST_EXISTS));
  assert_text (kept, "kept");
}

static void
test_remove_tree_of_nothing_is_done (Fixture *f, gconstpointer data)
{
  g_assert_true (hr_fs_remove_tree (f->path, NULL));
}

static void
test_copy_replaces (Fixture *f, gconstpointer data)
{
  g_autofree char *to = below (f, "to");
  g_autofree char *large = g_strnfill (200 * 1024, 'x');
  g_autofree char *back = NULL;
  g_autoptr (GError) error = NULL;
  GStatBuf info;

  write_text (f->path, large, 0600);
  write_text (to, "old", 0600);
  hr_fs_copy (f->path, to, 0750, &error);
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (to, &back, NULL, NULL));
  g_assert_cmpstr (back, ==, large);
  g_assert_cmpint (g_stat (to, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 07777, ==, 0750);
}

static void
test_copy_names_what_is_missing (Fixture *f, gconstpointer data)
{
  g_autofree char *to = below (f, "to");
  g_autoptr (GError) error = NULL;

  g_assert_false (hr_fs_copy (f->path, to, 0600, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, f->path));
  g_assert_cmpuint (count_entries (f->dir), ==, 0);
}

static void
test_sync_dir_names_what_is_no_directory (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (hr_fs_sync_dir (f->dir, NULL));
  g_assert_false (hr_fs_sync_dir (f->path, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, f->path));
}

/* More than are synced at the same time, files and directories; one that is missing is named. */
static void
test_syncs_all (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  g_autofree char *missing = below (f, "missing");
  gboolean ok;

  ok = hr_fs_sync_all (NULL, 0, &error);
  g_assert_no_error (error);
  g_assert_true (ok);

  g_ptr_array_add (paths, g_strdup (f->dir));
  for (guint i = 0; i < 40; i++)
    {
      g_autofree char *name = g_strdup_printf ("%u", i);
      char *path = below (f, name);

      write_text (path, name, 0400);
      g_ptr_array_add (paths, path);
    }
  ok = hr_fs_sync_all ((const char *const *)paths->pdata, paths->len, &error);
  g_assert_no_error (error);
  g_assert_true (ok);

  g_ptr_array_insert (paths, 30, g_strdup (missing));
  ok = hr_fs_sync_all ((const char *const *)paths->pdata, paths->len, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_false (ok);
  g_assert_nonnull (strstr (error->message, missing));
}

#define ADD(path, func) g_test_add ("/fs/" path, Fixture, NULL, setup, func, teardown)

static void
test_last_lines (Fixture *f, gconstpointer data)
{
  g_autofree char *all = NULL;
  g_autofree char *two = NULL;
  g_autofree char *cut = NULL;
  g_autofree char *freed = NULL;

  g_assert_null (hr_fs_read_last_lines (f->path, 100, 2));
  g_assert_true (hr_fs_write (f->path, "", 0, 0600, NULL));
  g_assert_null (hr_fs_read_last_lines (f->path, 100, 2));
  g_assert_true (hr_fs_write (f->path,
                              "one\ntwo\nthr\xff"
                              "ee\n\n",
                              16, 0600, NULL));
  all = hr_fs_read_last_lines (f->path, 100, 9);
  g_assert_cmpstr (all, ==, "one\ntwo\nthr\357\277\275ee");
  two = hr_fs_read_last_lines (f->path, 100, 2);
  g_assert_cmpstr (two, ==, "two\nthr\357\277\275ee");
  cut = hr_fs_read_last_lines (f->path, 6, 9);
  g_assert_cmpstr (cut, ==, "r\357\277\275ee");
  /* Of a log whose head was freed. */
  g_assert_true (hr_fs_write (f->path, "\0\0\0last\n", 8, 0600, NULL));
  freed = hr_fs_read_last_lines (f->path, 100, 9);
  g_assert_cmpstr (freed, ==, "last");
  g_assert_true (hr_fs_write (f->path, "\0\0\0", 3, 0600, NULL));
  g_assert_null (hr_fs_read_last_lines (f->path, 100, 9));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("last-lines", test_last_lines);
  ADD ("replace-replaces-in-one-step", test_replace_replaces_in_one_step);
  ADD ("write-replaces-with-exact-mode", test_write_replaces_with_exact_mode);
  ADD ("failed-write-leaves-the-old-content", test_failed_write_leaves_the_old_content);
  ADD ("write-into-nothing-names-the-path", test_write_into_nothing_names_the_path);
  ADD ("read-has-a-limit", test_read_has_a_limit);
  ADD ("read-of-an-empty-file", test_read_of_an_empty_file);
  ADD ("read-of-what-is-no-file", test_read_of_what_is_no_file);
  ADD ("set-aside-never-overwrites", test_set_aside_never_overwrites);
  ADD ("set-aside-of-nothing-is-an-error", test_set_aside_of_nothing_is_an_error);
  ADD ("make-dir-makes-parents", test_make_dir_makes_parents);
  ADD ("remove-tree-takes-read-only-directories", test_remove_tree_takes_read_only_directories);
  ADD ("remove-tree-follows-no-link", test_remove_tree_follows_no_link);
  ADD ("remove-tree-of-nothing-is-done", test_remove_tree_of_nothing_is_done);
  ADD ("copy-replaces", test_copy_replaces);
  ADD ("copy-names-what-is-missing", test_copy_names_what_is_missing);
  ADD ("sync-all-takes-many-and-names-what-is-missing", test_syncs_all);
  ADD ("sync-dir-names-what-is-no-directory", test_sync_dir_names_what_is_no_directory);
  return g_test_run ();
}
