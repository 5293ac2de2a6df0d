/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-watch-tree.c: which directories of a source are watched, when no event tells of what changed.
 */
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-fs.h"
#include "hr-watch-tree.h"

/* An event that has not come after this never will. */
#define DEADLINE_SEC 20

typedef struct {
  char *top;
  HrWatchTree *tree;
  GHashTable *named;
} Fixture;

static void
seen (HrWatchEvent event, const char *path, gpointer user_data)
{
  Fixture *fixture = user_data;

  if (path != NULL)
    g_hash_table_add (fixture->named, g_strdup (path));
}

static void
make_dir (Fixture *fixture, const char *path)
{
  g_autofree char *full = g_build_filename (fixture->top, path, NULL);

  g_assert_cmpint (g_mkdir_with_parents (full, 0755), ==, 0);
}

static void
remove_path (Fixture *fixture, const char *path)
{
  g_autofree char *full = g_build_filename (fixture->top, path, NULL);

  g_assert_cmpint (remove (full), ==, 0);
}

static void
write_file (Fixture *fixture, const char *path, const char *text)
{
  g_autofree char *full = g_build_filename (fixture->top, path, NULL);
  g_autoptr (GError) error = NULL;

  g_file_set_contents_full (full, text, -1, G_FILE_SET_CONTENTS_NONE, 0644, &error);
  g_assert_no_error (error);
}

/* Lets the time of every directory be so old that another change gives another time. */
static void
age (Fixture *fixture, const char *path)
{
  g_autofree char *full = g_build_filename (fixture->top, path, NULL);
  struct timespec old[2] = { { 1000000000, 0 }, { 1000000000, 0 } };

  g_assert_cmpint (utimensat (AT_FDCWD, full, old, 0), ==, 0);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  static const char text[] = "[Service]\nExec=true\nSource=/anywhere\n";
  HrSpecSource from = { "/etc/hotreload/services.d/test.conf", text, strlen (text) };
  g_autoptr (GError) error = NULL;
  g_autoptr (HrServiceSpec) spec = hr_service_spec_parse ("test", &from, 1, NULL, &error);
  g_autoptr (HrIgnore) ignore = NULL;

  g_assert_no_error (error);
  ignore = hr_ignore_new (spec);
  fixture->top = g_dir_make_tmp ("hr-tree-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->named = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  fixture->tree = hr_watch_tree_new (ignore, seen, fixture);
  make_dir (fixture, "a/b");
  make_dir (fixture, "c");
  age (fixture, "a/b");
  age (fixture, "a");
  age (fixture, "c");
  age (fixture, ".");
  hr_watch_tree_open (fixture->tree, fixture->top, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (hr_watch_tree_size (fixture->tree), ==, 4);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  hr_watch_tree_free (fixture->tree);
  hr_fs_remove_tree (fixture->top, &error);
  g_assert_no_error (error);
  g_hash_table_unref (fixture->named);
  g_free (fixture->top);
}

static void
audit (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;

  hr_watch_tree_audit (fixture->tree, &error);
  g_assert_no_error (error);
}

static gboolean
deadline_passed (gpointer user_data)
{
  g_error ("no event within %d s at %s", DEADLINE_SEC, (const char *)user_data);
  return G_SOURCE_REMOVE;
}

static void
wait_for (Fixture *fixture, const char *path)
{
  guint deadline = g_timeout_add_seconds (DEADLINE_SEC, deadline_passed, (gpointer)path);

  while (!g_hash_table_contains (fixture->named, path))
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (deadline);
}

static void
test_new (Fixture *fixture, gconstpointer data)
{
  make_dir (fixture, "a/b/new/deeper");
  make_dir (fixture, "node_modules/x");
  audit (fixture);
  g_assert_cmpuint (hr_watch_tree_size (fixture->tree), ==, 6);
  g_assert_true (hr_watch_tree_has (fixture->tree, "a/b/new/deeper"));
  audit (fixture);
  g_assert_cmpuint (hr_watch_tree_size (fixture->tree), ==, 6);
}

static void
test_gone (Fixture *fixture, gconstpointer data)
{
  remove_path (fixture, "a/b");
  remove_path (fixture, "a");
  remove_path (fixture, "c");
  write_file (fixture, "c", "a file in its place");
  audit (fixture);
  g_assert_cmpuint (hr_watch_tree_size (fixture->tree), ==, 1);
}

static void
test_replaced (Fixture *fixture, gconstpointer data)
{
  remove_path (fixture, "c");
  make_dir (fixture, "c/d");
  audit (fixture);
  g_assert_cmpuint (hr_watch_tree_size (fixture->tree), ==, 5);
  write_file (fixture, "c/x", "");
  write_file (fixture, "c/d/x", "");
  wait_for (fixture, "c/x");
  wait_for (fixture, "c/d/x");
}

static void
test_other_rules (Fixture *fixture, gconstpointer data)
{
  write_file (fixture, ".gitignore", "/c\n");
  age (fixture, ".gitignore");
  audit (fixture);
  g_assert_cmpuint (hr_watch_tree_size (fixture->tree), ==, 3);

  /* In place: its directory does not change. */
  write_file (fixture, ".gitignore", "/a\n");
  audit (fixture);
  g_assert_cmpuint (hr_watch_tree_size (fixture->tree), ==, 2);
  g_assert_true (hr_watch_tree_has (fixture->tree, "c"));

  remove_path (fixture, ".gitignore");
  audit (fixture);
  g_assert_cmpuint (hr_watch_tree_size (fixture->tree), ==, 4);
}

static void
test_drop (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GHashTable) paths = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GError) error = NULL;

  g_hash_table_add (paths, (gpointer) "a");
  hr_watch_tree_drop (fixture->tree, paths);
  g_assert_cmpuint (hr_watch_tree_size (fixture->tree), ==, 2);
  hr_watch_tree_add (fixture->tree, "a", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (hr_watch_tree_size (fixture->tree), ==, 4);
}

/* The event that tells of the new name may be handled before the one that tells of the old: both are one directory to the
 * kernel, and the end of the one watch must not be the end of the other. */
static void
test_moved (Fixture *fixture, gconstpointer data)
{
  g_autofree char *from = g_build_filename (fixture->top, "a", NULL);
  g_autofree char *to = g_build_filename (fixture->top, "moved", NULL);
  g_autoptr (GHashTable) gone = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_rename (from, to), ==, 0);
  g_assert_true (hr_watch_tree_add (fixture->tree, "moved", &error));
  g_assert_no_error (error);
  g_hash_table_add (gone, (gpointer) "a");
  hr_watch_tree_drop (fixture->tree, gone);
  g_assert_cmpuint (hr_watch_tree_size (fixture->tree), ==, 4);
  write_file (fixture, "moved/b/file", "1");
  wait_for (fixture, "moved/b/file");
  write_file (fixture, "moved/file", "1");
  wait_for (fixture, "moved/file");
}

static void
test_unreadable (Fixture *fixture, gconstpointer data)
{
  g_autofree char *full = g_build_filename (fixture->top, "c", NULL);

  if (geteuid () == 0)
    {
      g_test_skip ("not run here: root is never refused a directory");
      return;
    }
  make_dir (fixture, "c/locked");
  g_assert_cmpint (chmod (full, 0), ==, 0);
  make_dir (fixture, "a/new");
  audit (fixture);
  g_assert_true (hr_watch_tree_has (fixture->tree, "a/new"));
  g_assert_cmpint (chmod (full, 0755), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define add(name, func) g_test_add ("/watch-tree/" name, Fixture, NULL, set_up, func, tear_down)
  add ("moved-directory-is-watched-whichever-name-is-told-first", test_moved);
  add ("an-audit-finds-directories-that-no-event-told-of", test_new);
  add ("an-audit-drops-what-is-gone", test_gone);
  add ("an-audit-watches-a-directory-made-anew-under-its-name", test_replaced);
  add ("an-audit-notices-another-gitignore", test_other_rules);
  add ("what-is-dropped-can-be-added-again", test_drop);
  add ("an-unreadable-directory-keeps-no-other-from-being-watched", test_unreadable);
#undef add
  return g_test_run ();
}
