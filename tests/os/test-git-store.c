/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-git-store.c: releases, fates and differences in the rollback store, and what it does when that is damaged.
 */
#include <utime.h>

#include "hr-git-repo.h"
#include "hr-scan-index.h"
#include "hr-tree-scan.h"
#include "store-fixture.h"

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

static const HrRelease *
nth (Fixture *fixture, guint index)
{
  GPtrArray *list = hr_release_store_list (fixture->store);

  g_assert_cmpuint (index, <, list->len);
  return g_ptr_array_index (list, index);
}

static guint
n_releases (Fixture *fixture)
{
  return hr_release_store_list (fixture->store)->len;
}

static char *
object_path (Fixture *fixture, const char *hex)
{
  return g_strdup_printf ("%s/objects/%.2s/%s", fixture->repo, hex, hex + 2);
}

static void
overwrite (const char *path, const char *text)
{
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

static char *
read_ref (Fixture *fixture, guint64 number)
{
  g_autofree char *path = g_strdup_printf ("%s/refs/hotreload/web/%" G_GUINT64_FORMAT, fixture->repo, number);
  char *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return g_strstrip (text);
}

static void
test_numbers (Fixture *fixture, gconstpointer data)
{
  for (guint64 i = 1; i <= 12; i++)
    {
      g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, i);

      put (fixture, "a", text);
      g_assert_cmpuint (record (fixture), ==, i);
    }
  reopen (fixture);
  g_assert_cmpuint (n_releases (fixture), ==, 12);
  for (guint i = 0; i < 12; i++)
    g_assert_cmpuint (nth (fixture, i)->number, ==, i + 1);
  g_assert_cmpuint (record (fixture), ==, 13);
  g_assert_nonnull (hr_release_store_get (fixture->store, 7));
  g_assert_null (hr_release_store_get (fixture->store, 14));
}

static void
test_details (Fixture *fixture, gconstpointer data)
{
  const char *files[] = { "a", "odd\nname\\", "\xff", NULL };
  g_autofree char *tree = NULL;
  g_autoptr (HrRelease) draft = hr_release_new (99), release = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  put (fixture, "a", "1");
  tree = scan_tree (fixture);
  draft->tree = g_strdup (tree);
  draft->trigger = g_strdup ("manual");
  draft->caller = g_strdup ("uid 1000: someone\nTrigger: forged");
  draft->files = g_strdupv ((char **)files);
  draft->time_usec = 1700000000123456;
  hr_release_store_commit_async (fixture->store, draft, NULL, take_result, &result);
  release = hr_release_store_commit_finish (fixture->store, wait_result (&result), &error);
  g_assert_no_error (error);
  g_clear_object (&result);
  g_assert_cmpuint (release->number, ==, 1);

  for (int pass = 0; pass < 2; pass++)
    {
      const HrRelease *known = nth (fixture, 0);

      g_assert_cmpint (known->fate, ==, HR_FATE_CANDIDATE);
      g_assert_cmpstr (known->tree, ==, tree);
      g_assert_cmpstr (known->commit, ==, release->commit);
      g_assert_cmpstr (known->trigger, ==, "manual");
      g_assert_cmpstr (known->caller, ==, draft->caller);
      g_assert_cmpint (known->time_usec, ==, 1700000000123456);
      g_assert_cmpuint (g_strv_length (known->files), ==, 3);
      g_assert_cmpstr (known->files[1], ==, files[1]);
      g_assert_cmpstr (known->files[2], ==, files[2]);
      g_assert_null (known->phase);
      reopen (fixture);
    }
}

static void
test_files_capped (Fixture *fixture, gconstpointer data)
{
  g_autoptr (HrRelease) draft = hr_release_new (0), release = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (HrScan) scanned = NULL;

  for (int i = 0; i < HR_RELEASE_FILES_MAX + 50; i++)
    {
      g_autofree char *name = g_strdup_printf ("%03d", i);
      put (fixture, name, "x");
    }
  scanned = scan (fixture, NULL, NULL);
  g_assert_cmpuint (g_strv_length (scanned->files), ==, HR_RELEASE_FILES_MAX + 50);
  draft->tree = g_strdup (scanned->tree);
  draft->files = g_strdupv (scanned->files);
  hr_release_store_commit_async (fixture->store, draft, NULL, take_result, &result);
  release = hr_release_store_commit_finish (fixture->store, wait_result (&result), NULL);
  g_clear_object (&result);
  g_assert_cmpuint (g_strv_length (release->files), ==, HR_RELEASE_FILES_MAX);
  reopen (fixture);
  g_assert_cmpuint (g_strv_length (nth (fixture, 0)->files), ==, HR_RELEASE_FILES_MAX);
  g_assert_cmpstr (nth (fixture, 0)->files[99], ==, "099");
}

static void
test_fates (Fixture *fixture, gconstpointer data)
{
  static const char words[] = "line 1\n  File \"x.py\"\\n — Größe\n";

  put (fixture, "a", "1");
  for (int i = 0; i < 4; i++)
    record (fixture);
  hr_release_store_set_fate (fixture->store, 1, HR_FATE_UNPROVEN, NULL, NULL);
  hr_release_store_set_fate (fixture->store, 1, HR_FATE_GOOD, NULL, NULL);
  hr_release_store_set_fate (fixture->store, 2, HR_FATE_REJECTED, "check", words);
  hr_release_store_set_fate (fixture->store, 3, HR_FATE_GOOD, NULL, NULL);
  hr_release_store_set_fate (fixture->store, 3, HR_FATE_RETIRED, NULL, NULL);

  /* Known at once; written by the time the store is gone. */
  for (int pass = 0; pass < 2; pass++)
    {
      g_assert_cmpint (nth (fixture, 0)->fate, ==, HR_FATE_GOOD);
      g_assert_cmpint (nth (fixture, 1)->fate, ==, HR_FATE_REJECTED);
      g_assert_cmpstr (nth (fixture, 1)->phase, ==, "check");
      g_assert_cmpstr (nth (fixture, 1)->error, ==, words);
      g_assert_cmpint (nth (fixture, 2)->fate, ==, HR_FATE_RETIRED);
      g_assert_cmpint (nth (fixture, 3)->fate, ==, HR_FATE_CANDIDATE);
      reopen (fixture);
    }
  hr_release_store_set_fate (fixture->store, 77, HR_FATE_GOOD, NULL, NULL);
  g_assert_true (was_logged ("no release 77"));
}

/* A fate that is set while other work waits is written after it and is not lost. */
static void
test_fates_last (Fixture *fixture, gconstpointer data)
{
  g_autofree char *tree = NULL;

  put (fixture, "a", "1");
  record (fixture);
  for (int i = 0; i < 30; i++)
    hr_release_store_set_fate (fixture->store, 1, i % 2 == 0 ? HR_FATE_UNPROVEN : HR_FATE_GOOD, NULL, NULL);
  tree = scan_tree (fixture);
  hr_release_store_set_fate (fixture->store, 1, HR_FATE_REJECTED, "verify", "no");
  reopen (fixture);
  g_assert_cmpint (nth (fixture, 0)->fate, ==, HR_FATE_REJECTED);
}

static void
test_names (Fixture *fixture, gconstpointer data)
{
  static const char *const names[] = { "a", "a.b", "a..b", "a.lock", "a.", "0", "a%2eb" };

  put (fixture, "a", "1");
  for (guint i = 0; i + 1 < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (HrServiceSpec) spec = make_spec (names[i], fixture->source, NULL);

      for (guint64 expected = 1; expected <= 2; expected++)
        {
          HrReleaseStore *store = open_store (fixture->repo, spec);
          g_autoptr (HrScan) scanned = try_scan (store, NULL, NULL, NULL);
          g_autoptr (HrRelease) release = try_commit (store, scanned->tree, NULL);

          g_assert_nonnull (release);
          g_assert_cmpuint (release->number, ==, expected);
          g_assert_finalize_object (store);
        }
    }
}

static void
test_many_services (Fixture *fixture, gconstpointer data)
{
  enum { N = 6, ROUNDS = 5 };
  HrReleaseStore *stores[N];

  put (fixture, "a", "1");
  for (int i = 0; i < N; i++)
    {
      g_autofree char *name = g_strdup_printf ("service-%d", i);
      g_autoptr (HrServiceSpec) spec = make_spec (name, fixture->source, NULL);

      stores[i] = open_store (fixture->repo, spec);
    }
  for (int round = 0; round < ROUNDS; round++)
    {
      GAsyncResult *scans[N] = { NULL }, *commits[N] = { NULL };
      g_autofree char *text = g_strdup_printf ("round %d", round);

      put (fixture, "a", text);
      for (int i = 0; i < N; i++)
        hr_release_store_scan_async (stores[i], NULL, NULL, NULL, take_result, &scans[i]);
      for (int i = 0; i < N; i++)
        {
          g_autoptr (HrScan) scanned = hr_release_store_scan_finish (stores[i], wait_result (&scans[i]), NULL);
          g_autoptr (HrRelease) draft = hr_release_new (0);

          g_assert_nonnull (scanned);
          draft->tree = g_strdup (scanned->tree);
          hr_release_store_commit_async (stores[i], draft, NULL, take_result, &commits[i]);
          g_object_unref (scans[i]);
        }
      for (int i = 0; i < N; i++)
        {
          g_autoptr (HrRelease) release = hr_release_store_commit_finish (stores[i], wait_result (&commits[i]), NULL);

          g_assert_nonnull (release);
          g_assert_cmpint ((int)release->number, ==, round + 1);
          g_object_unref (commits[i]);
        }
    }
  for (int i = 0; i < N; i++)
    g_assert_finalize_object (stores[i]);
}

/* A store that is left while something runs ends well when its caller has been told. */
static void
test_dropped (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (HrScan) scanned = NULL;
  HrReleaseStore *store = g_steal_pointer (&fixture->store);
  gpointer weak = store;

  put (fixture, "a", "1");
  hr_release_store_scan_async (store, NULL, NULL, NULL, take_result, &result);
  g_object_add_weak_pointer (G_OBJECT (store), &weak);
  g_object_unref (store);
  wait_result (&result);
  scanned = hr_release_store_scan_finish (store, result, NULL);
  g_assert_nonnull (scanned);
  g_clear_object (&result);
  while (weak != NULL)
    g_main_context_iteration (NULL, TRUE);
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

static guint
count_files (const char *path, const char *suffix)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  guint n = 0;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *sub = g_build_filename (path, name, NULL);

      if (g_file_test (sub, G_FILE_TEST_IS_DIR))
        n += count_files (sub, suffix);
      else
        n += g_str_has_suffix (name, suffix);
    }
  return n;
}

static void
test_import (Fixture *fixture, gconstpointer data)
{
  const char *fsck[] = { "git", "--git-dir", fixture->repo, "fsck", "--full", "--strict", NULL };
  g_autofree char *objects = g_build_filename (fixture->repo, "objects", NULL);
  g_auto (GStrv) environment = g_environ_setenv (g_get_environ (), "GIT_CONFIG_GLOBAL", "/dev/null", TRUE);
  g_autofree char *errors = NULL;
  g_autoptr (HrScan) scanned = NULL, again = NULL;
  g_autoptr (GPtrArray) entries = NULL;
  g_autoptr (GBytes) bytes = NULL;
  int status = 0;

  for (int i = 0; i < 10000; i++)
    {
      g_autofree char *name = g_strdup_printf ("%02d/f%04d", i % 100, i);
      g_autofree char *text = g_strdup_printf ("content of file %d\n", i);

      put (fixture, name, text);
    }
  g_assert_cmpuint (record (fixture), ==, 1);
  scanned = scan (fixture, NULL, nth (fixture, 0)->tree);
  g_assert_cmpuint (scanned->n_files, ==, 10000);
  g_assert_cmpuint (scanned->n_changed, ==, 0);
  g_assert_cmpuint (count_files (objects, ".pack"), ==, 1);
  g_assert_cmpuint (count_files (objects, ""), <, 10);

  entries = hr_git_tree_list (fixture->store, scanned->tree, NULL);
  g_assert_cmpuint (entries->len, ==, 10100);
  bytes = hr_git_tree_read (fixture->store, ((HrGitEntry *)entries->pdata[1])->oid, NULL);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), "content of file 0\n", 18);

  /* Everything touched: read again, and nothing new to store. */
  for (int i = 0; i < 10000; i++)
    {
      g_autofree char *path = g_strdup_printf ("%s/%02d/f%04d", fixture->source, i % 100, i);
      g_assert_cmpint (g_utime (path, NULL), ==, 0);
    }
  again = scan (fixture, NULL, scanned->tree);
  g_assert_cmpstr (again->tree, ==, scanned->tree);
  g_assert_cmpuint (count_files (objects, ".pack"), ==, 1);

  if (g_spawn_sync (NULL, (char **)fsck, environment, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL,
                    NULL, &errors, &status, NULL))
    {
      g_assert_cmpint (status, ==, 0);
      g_assert_null (strstr (errors, "error"));
    }
}

static guint
run_scan (const char *repo_path, HrServiceSpec *spec, const char *index, char **tree)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HrGitRepo) repo = hr_git_repo_open (repo_path, &error);
  g_autoptr (HrTreeScan) tree_scan = hr_tree_scan_new (spec, NULL);
  g_autoptr (HrScan) result = g_new0 (HrScan, 1);

  g_assert_no_error (error);
  if (g_file_test (index, G_FILE_TEST_EXISTS))
    {
      hr_tree_scan_set_known (tree_scan, hr_scan_index_read (index, &error));
      g_assert_no_error (error);
    }
  g_assert_true (hr_tree_scan_run (tree_scan, repo, NULL, NULL, result, &error));
  g_assert_no_error (error);
  g_assert_true (hr_scan_index_write (index, hr_tree_scan_root (tree_scan), &error));
  *tree = g_steal_pointer (&result->tree);
  return hr_tree_scan_n_read (tree_scan);
}

static void
test_index (Fixture *fixture, gconstpointer data)
{
  g_autofree char *index = g_build_filename (fixture->dir, "index", NULL);
  g_autofree char *first = NULL, *second = NULL, *third = NULL, *fourth = NULL, *path = NULL;
  g_autoptr (GPtrArray) entries = NULL;
  gint64 deadline = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;

  for (int i = 0; i < 20; i++)
    {
      g_autofree char *name = g_strdup_printf ("d%d/f%d", i % 3, i);
      put (fixture, name, name);
    }
  g_assert_cmpuint (run_scan (fixture->repo, fixture->spec, index, &first), ==, 20);
  /* What was read right after it was written is read once more. */
  while (run_scan (fixture->repo, fixture->spec, index, &second) > 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_assert_cmpstr (first, ==, second);
      g_clear_pointer (&second, g_free);
    }
  g_assert_cmpstr (first, ==, second);

  put (fixture, "d1/f1", "changed");
  g_assert_cmpuint (run_scan (fixture->repo, fixture->spec, index, &third), ==, 1);
  g_assert_cmpstr (first, !=, third);

  /* The index is no proof that an object is still there. */
  entries = hr_git_tree_list (fixture->store, second, NULL);
  path = object_path (fixture, ((HrGitEntry *)entries->pdata[1])->oid);
  g_assert_cmpint (g_unlink (path), ==, 0);
  run_scan (fixture->repo, fixture->spec, index, &fourth);
  g_assert_cmpstr (third, ==, fourth);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
}

static void
test_index_damaged (Fixture *fixture, gconstpointer data)
{
  static const char *const contents[] = { "", "not an index", "hotreload scan index 1\nand then nonsense" };
  g_autofree char *index = g_build_filename (fixture->repo, "hotreload", "web.index", NULL);
  g_autofree char *aside = g_strconcat (index, ".broken.3", NULL);
  g_autofree char *first = NULL;

  put (fixture, "a", "1");
  put (fixture, "b", "2");
  first = scan_tree (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (contents); i++)
    {
      g_autofree char *again = NULL;

      g_assert_finalize_object (g_steal_pointer (&fixture->store));
      g_assert_true (g_file_test (index, G_FILE_TEST_EXISTS));
      overwrite (index, contents[i]);
      fixture->store = open_store (fixture->repo, fixture->spec);
      again = scan_tree (fixture);
      g_assert_cmpstr (first, ==, again);
      g_assert_true (was_logged (index));
    }
  g_assert_true (g_file_test (aside, G_FILE_TEST_EXISTS));
}

/* Three releases; @damage is done to the second while the store is closed. */
static void
damaged_release (Fixture *fixture, void (*damage) (Fixture *fixture, const char *tag, const HrRelease *release))
{
  g_autofree char *tag = NULL;
  g_autoptr (HrRelease) second = NULL;

  for (int i = 1; i <= 3; i++)
    {
      g_autofree char *text = g_strdup_printf ("%d", i);

      put (fixture, "a", text);
      record (fixture);
    }
  tag = read_ref (fixture, 2);
  second = hr_release_copy (nth (fixture, 1));
  g_assert_finalize_object (g_steal_pointer (&fixture->store));
  damage (fixture, tag, second);
  fixture->store = open_store (fixture->repo, fixture->spec);

  g_assert_true (was_logged ("release 2 in the rollback store '"));
  g_assert_cmpuint (n_releases (fixture), ==, 2);
  g_assert_cmpuint (nth (fixture, 0)->number, ==, 1);
  g_assert_cmpuint (nth (fixture, 1)->number, ==, 3);
  put (fixture, "a", "2");
  g_assert_cmpuint (record (fixture), ==, 4);
  {
    g_autofree char *shown = show (fixture, nth (fixture, 2)->tree);
    g_assert_cmpstr (shown, ==, "f 0644 a=2\n");
  }
}

static void
damage_ref (Fixture *fixture, const char *tag, const HrRelease *release)
{
  g_autofree char *path = g_build_filename (fixture->repo, "refs/hotreload/web/2", NULL);

  overwrite (path, "");
}

static void
damage_ref_target (Fixture *fixture, const char *tag, const HrRelease *release)
{
  g_autofree char *path = g_build_filename (fixture->repo, "refs/hotreload/web/2", NULL);

  overwrite (path, "0123456789012345678901234567890123456789\n");
}

static void
damage_ref_kind (Fixture *fixture, const char *tag, const HrRelease *release)
{
  g_autofree char *path = g_build_filename (fixture->repo, "refs/hotreload/web/2", NULL);

  overwrite (path, release->commit);
}

static void
remove_tag (Fixture *fixture, const char *tag, const HrRelease *release)
{
  g_autofree char *path = object_path (fixture, tag);

  g_assert_cmpint (g_unlink (path), ==, 0);
}

static void
corrupt_tag (Fixture *fixture, const char *tag, const HrRelease *release)
{
  g_autofree char *path = object_path (fixture, tag);

  overwrite (path, "nonsense");
}

static void
corrupt_commit (Fixture *fixture, const char *tag, const HrRelease *release)
{
  g_autofree char *path = object_path (fixture, release->commit);

  overwrite (path, "");
}

static void
cut_commit (Fixture *fixture, const char *tag, const HrRelease *release)
{
  g_autofree char *path = object_path (fixture, release->commit);

  g_assert_cmpint (g_chmod (path, 0600), ==, 0);
  g_assert_cmpint (truncate (path, 60), ==, 0);
}

static void
remove_tree (Fixture *fixture, const char *tag, const HrRelease *release)
{
  g_autofree char *path = object_path (fixture, release->tree);

  g_assert_cmpint (g_unlink (path), ==, 0);
}

static void
corrupt_tree (Fixture *fixture, const char *tag, const HrRelease *release)
{
  g_autofree char *path = object_path (fixture, release->tree);

  overwrite (path, "nonsense");
}

static void
set_up_damage (Fixture *fixture, gconstpointer data)
{
  set_up (fixture, NULL);
}

static void
test_damage (Fixture *fixture, gconstpointer data)
{
  damaged_release (fixture, (void (*) (Fixture *, const char *, const HrRelease *))data);
}

/* Content that was lost or damaged is stored again when the source still has it. */
static void
test_damaged_content (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = NULL, *tree = NULL, *again = NULL, *shown = NULL, *aside = NULL;
  g_autoptr (GPtrArray) entries = NULL;
  g_autoptr (GError) error = NULL;

  put (fixture, "a", "precious");
  record (fixture);
  tree = g_strdup (nth (fixture, 0)->tree);
  entries = hr_git_tree_list (fixture->store, tree, NULL);
  path = object_path (fixture, ((HrGitEntry *)entries->pdata[0])->oid);
  aside = g_strconcat (path, ".broken", NULL);
  overwrite (path, "nonsense");
  reopen (fixture);
  g_assert_null (hr_git_tree_read (fixture->store, ((HrGitEntry *)entries->pdata[0])->oid, &error));
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, fixture->repo));

  put (fixture, "a", "precious");
  again = scan_tree (fixture);
  g_assert_cmpstr (again, ==, tree);
  shown = show (fixture, tree);
  g_assert_cmpstr (shown, ==, "f 0644 a=precious\n");
  g_assert_true (g_file_test (aside, G_FILE_TEST_EXISTS));
}

static void
test_damaged_base (Fixture *fixture, gconstpointer data)
{
  g_autoptr (HrScan) scanned = NULL;

  put (fixture, "a", "1");
  put (fixture, "b", "2");
  scanned = scan (fixture, NULL, "0123456789012345678901234567890123456789");
  g_assert_cmpuint (scanned->n_changed, ==, 2);
  g_assert_cmpuint (g_strv_length (scanned->warnings), ==, 1);
}

static void
refused (const char *path, HrServiceSpec *spec, const char *part)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (hr_git_store_open (path, spec, &error));
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_nonnull (strstr (error->message, part));
}

static void
test_no_repository (Fixture *fixture, gconstpointer data)
{
  g_autofree char *dir = g_build_filename (fixture->dir, "dir.git", NULL);
  g_autofree char *inside = g_build_filename (dir, "photo.jpg", NULL);
  g_autofree char *file = g_build_filename (fixture->dir, "file.git", NULL);
  g_autofree char *empty = g_build_filename (fixture->dir, "empty.git", NULL);
  g_autofree char *head = g_build_filename (fixture->repo, "HEAD", NULL);
  HrReleaseStore *store;

  g_assert_cmpint (g_mkdir (dir, 0700), ==, 0);
  overwrite (inside, "precious");
  refused (dir, fixture->spec, "move it away");
  g_assert_true (g_file_test (inside, G_FILE_TEST_EXISTS));
  overwrite (file, "precious");
  refused (file, fixture->spec, "move it away");

  g_assert_cmpint (g_mkdir (empty, 0700), ==, 0);
  store = open_store (empty, fixture->spec);
  g_assert_finalize_object (store);

  g_assert_finalize_object (g_steal_pointer (&fixture->store));
  g_assert_cmpint (g_unlink (head), ==, 0);
  refused (fixture->repo, fixture->spec, "move it away");
}

static void
test_not_ours (Fixture *fixture, gconstpointer data)
{
  if (geteuid () == 0)
    {
      g_assert_cmpint (chown (fixture->repo, 65534, 65534), ==, 0);
      refused (fixture->repo, fixture->spec, "belongs to user 65534");
    }
  else
    {
      g_autofree char *objects = g_build_filename (fixture->repo, "objects", NULL);

      g_assert_cmpint (g_chmod (objects, 0500), ==, 0);
      refused (fixture->repo, fixture->spec, "cannot be written");
      g_assert_cmpint (g_chmod (objects, 0700), ==, 0);
    }
}

static void
test_private (Fixture *fixture, gconstpointer data)
{
  struct stat info;

  g_assert_cmpint (stat (fixture->repo, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 07777, ==, 0700);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*damage) (Fixture *, const char *, const HrRelease *);
  } damages[] = {
    { "/git-store/damaged/an-empty-ref", damage_ref },
    { "/git-store/damaged/a-ref-to-nowhere", damage_ref_target },
    { "/git-store/damaged/a-ref-that-skips-the-tag", damage_ref_kind },
    { "/git-store/damaged/a-missing-tag", remove_tag },
    { "/git-store/damaged/a-corrupt-tag", corrupt_tag },
    { "/git-store/damaged/a-corrupt-commit", corrupt_commit },
    { "/git-store/damaged/a-commit-cut-short", cut_commit },
    { "/git-store/damaged/a-missing-tree", remove_tree },
    { "/git-store/damaged/a-corrupt-tree", corrupt_tree },
  };

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
  ADD ("/git-store/numbers-go-up-and-on", test_numbers);
  ADD ("/git-store/who-why-and-what-are-kept", test_details);
  ADD ("/git-store/a-release-names-so-many-files", test_files_capped);
  ADD ("/git-store/fates-are-known-at-once-and-kept", test_fates);
  ADD ("/git-store/the-last-fate-stands", test_fates_last);
  ADD ("/git-store/any-name-of-a-service-will-do", test_names);
  ADD ("/git-store/many-services-record-at-once", test_many_services);
  ADD ("/git-store/a-store-may-be-dropped-while-it-works", test_dropped);
  ADD ("/git-store/diff-is-unified-text", test_diff_text);
  ADD ("/git-store/diff-is-valid-utf8", test_diff_binary);
  ADD ("/git-store/diff-is-cut-when-long", test_diff_long);
  ADD ("/git-store/a-difference-can-be-done-in-its-order", test_tree_diff);
  ADD ("/git-store/an-unknown-id-is-an-error-that-names-it", test_bad_ids);
  ADD ("/git-store/ten-thousand-files-are-one-pack", test_import);
  ADD ("/git-store/a-restart-reads-only-what-changed", test_index);
  ADD ("/git-store/a-damaged-index-is-set-aside", test_index_damaged);
  for (guint i = 0; i < G_N_ELEMENTS (damages); i++)
    g_test_add (damages[i].path, Fixture, (gconstpointer)damages[i].damage, set_up_damage, test_damage, tear_down);
  ADD ("/git-store/damaged/content-is-stored-again", test_damaged_content);
  ADD ("/git-store/damaged/a-base-makes-everything-changed", test_damaged_base);
  ADD ("/git-store/what-is-no-repository-is-refused-and-kept", test_no_repository);
  ADD ("/git-store/what-belongs-to-someone-else-is-refused", test_not_ours);
  ADD ("/git-store/nobody-else-can-read-it", test_private);
  result = g_test_run ();
  hr_fs_remove_tree (home, NULL);
  return result;
}
