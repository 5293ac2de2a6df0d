/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-git-diff.c: what differs between two trees of the rollback store, as text and as what is to be done.
 */
#include "store-fixture.h"

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

static void
overwrite (const char *path, const char *text)
{
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

static void
test_diff_text (Fixture *fixture, gconstpointer data)
{
  g_autofree char *link = g_build_filename (fixture->source, "link", NULL);
  g_autofree char *from = NULL, *to = NULL, *text = NULL, *none = NULL, *all = NULL;

  put (fixture, "a", "one\ntwo\nthree\n");
  put (fixture, "gone/b", "bye\n");
  put (fixture, "m", "mode\n");
  put (fixture, "bin", "x");
  g_assert_cmpint (symlink ("old", link), ==, 0);
  from = scan_tree (fixture);
  put (fixture, "a", "one\n2\nthree\n");
  delete (fixture, "gone");
  put (fixture, "new", "no newline");
  set_mode (fixture, "m", 0600);
  make_dir (fixture, "void");
  put (fixture, "bin", "\x01\x02");
  g_assert_cmpint (truncate (link, 0), ==, -1);
  g_assert_cmpint (unlink (link), ==, 0);
  g_assert_cmpint (symlink ("new", link), ==, 0);
  to = scan_tree (fixture);

  text = diff (fixture, from, to);
  g_assert_cmpstr (text, ==,
                   "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"
                   "diff --git a/bin b/bin\n--- a/bin\n+++ b/bin\n@@ -1 +1 @@\n-x\n\\ No newline at end of file\n"
                   "+\x01\x02\n\\ No newline at end of file\n"
                   "diff --git a/gone/b b/gone/b\ndeleted file mode 100644\n--- a/gone/b\n+++ /dev/null\n"
                   "@@ -1 +0,0 @@\n-bye\n"
                   "diff --git a/link b/link\n--- a/link\n+++ b/link\n@@ -1 +1 @@\n-old\n"
                   "\\ No newline at end of file\n+new\n\\ No newline at end of file\n"
                   "diff --git a/m b/m\nold mode 100644\nnew mode 100600\n"
                   "diff --git a/new b/new\nnew file mode 100644\n--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n"
                   "+no newline\n\\ No newline at end of file\n"
                   "diff --git a/void/ b/void/\nnew file mode 40755\n");
  none = diff (fixture, to, to);
  g_assert_cmpstr (none, ==, "");
  all = diff (fixture, NULL, to);
  g_assert_true (g_str_has_prefix (all, "diff --git a/a b/a\nnew file mode 100644\n--- /dev/null\n"));
}

static void
test_diff_binary (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->source, "bin", NULL);
  g_autofree char *from = NULL, *to = NULL, *text = NULL;

  g_assert_true (g_file_set_contents (path, "a\0b", 3, NULL));
  put (fixture, "latin", "caf\xe9\n");
  from = scan_tree (fixture);
  g_assert_true (g_file_set_contents (path, "a\0c", 3, NULL));
  put (fixture, "latin", "th\xe9\n");
  to = scan_tree (fixture);
  text = diff (fixture, from, to);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  g_assert_nonnull (strstr (text, "Binary files a/bin and b/bin differ\n"));
  g_assert_null (strstr (text, "+++ b/bin"));
  g_assert_nonnull (strstr (text, "+++ b/latin\n@@ -1 +1 @@\n-caf\357\277\275\n"));
}

static void
test_diff_long (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GString) lines = g_string_new (NULL);
  g_autofree char *to = NULL, *text = NULL;

  for (int i = 0; lines->len < 7 * 1024 * 1024; i++)
    g_string_append_printf (lines, "line %d\n", i);
  put (fixture, "long", lines->str);
  to = scan_tree (fixture);
  text = diff (fixture, NULL, to);
  g_assert_cmpuint (strlen (text), <=, 4 * 1024 * 1024 + 100);
  g_assert_true (g_str_has_suffix (text, "\n… the difference is longer and was cut here\n"));
}

static void
test_tree_diff (Fixture *fixture, gconstpointer data)
{
  g_autofree char *from = NULL, *to = NULL;
  g_autoptr (GPtrArray) entries = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  put (fixture, "dir/sub/x", "1");
  put (fixture, "dir/y", "2");
  put (fixture, "kept/z", "3");
  make_dir (fixture, "hollow/one");
  put (fixture, "swap", "4");
  from = scan_tree (fixture);
  delete (fixture, "dir");
  put (fixture, "fresh/deep/w", "5");
  put (fixture, "hollow/one/v", "6");
  set_mode (fixture, "kept", 0700);
  set_mode (fixture, "kept/z", 0444);
  delete (fixture, "swap");
  put (fixture, "swap/now-a-directory", "7");
  to = scan_tree (fixture);

  entries = hr_git_tree_diff (fixture->store, from, to, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < entries->len; i++)
    {
      const HrGitEntry *entry = entries->pdata[i];

      g_string_append_printf (text, "%c%c %s", "+~-"[entry->change], "fld"[entry->kind], entry -> path);
      if (entry->change == HR_GIT_MODIFIED)
        g_string_append_printf (text, " %04o>%04o%s", entry->old_mode, entry->mode,
                                g_str_equal (entry->oid, entry->old_oid) ? "" : " content");
      g_string_append (text, entry->empty ? " empty\n" : "\n");
    }
  g_assert_cmpstr (text->str, ==,
                   "-f swap\n-f dir/y\n-f dir/sub/x\n-d dir/sub\n-d dir\n"
                   "+d fresh\n+d fresh/deep\n+f fresh/deep/w\n+f hollow/one/v\n~d kept 0755>0700\n"
                   "~f kept/z 0644>0444\n+d swap\n+f swap/now-a-directory\n");
}

static void
test_bad_ids (Fixture *fixture, gconstpointer data)
{
  static const char unknown[] = "0123456789012345678901234567890123456789";
  g_autoptr (GError) tree = NULL, blob = NULL, word = NULL;

  g_assert_null (hr_git_tree_list (fixture->store, unknown, &tree));
  g_assert_error (tree, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (tree->message, unknown));
  g_assert_nonnull (strstr (tree->message, fixture->repo));
  g_assert_null (hr_git_tree_read (fixture->store, unknown, &blob));
  g_assert_error (blob, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_null (hr_git_tree_list (fixture->store, "no id", &word));
  g_assert_error (word, HR_ERROR, HR_ERROR_INVALID_ARGUMENT);
}

int
main (int argc, char **argv)
{
  g_autofree char *home = g_dir_make_tmp ("hotreload-home-XXXXXX", NULL);
  g_autofree char *config = g_build_filename (home, ".gitconfig", NULL);
  int result;

  /* In every test: the user's own configuration of git does not matter. */
  overwrite (config, "[core\nthis is no configuration at all");
  g_setenv ("HOME", home, TRUE);
  g_setenv ("XDG_CONFIG_HOME", home, TRUE);
  g_setenv ("GIT_DIR", "/nonexistent", TRUE);

  g_test_init (&argc, &argv, NULL);
  keep_logs ();
  ADD ("/git-diff/diff-is-unified-text", test_diff_text);
  ADD ("/git-diff/diff-is-valid-utf8", test_diff_binary);
  ADD ("/git-diff/diff-is-cut-when-long", test_diff_long);
  ADD ("/git-diff/a-difference-can-be-done-in-its-order", test_tree_diff);
  ADD ("/git-diff/an-unknown-id-is-an-error-that-names-it", test_bad_ids);
  result = g_test_run ();
  hr_fs_remove_tree (home, NULL);
  return result;
}
