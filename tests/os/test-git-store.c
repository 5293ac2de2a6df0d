/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-git-store.c: releases and their fates in the rollback store, and what it keeps of a source.
 */
#include <utime.h>

#include "hr-git-repo.h"
#include "hr-scan-index.h"
#include "hr-tree-scan.h"
#include "store-fixture.h"

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

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

static HrRelease *
load (Fixture *fixture, guint64 number, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  hr_release_store_load_async (fixture->store, number, NULL, take_result, &result);
  return hr_release_store_load_finish (fixture->store, wait_result (&result), error);
}

static void
test_old_ones_are_read (Fixture *fixture, gconstpointer data)
{
  const guint n = HR_RELEASES_HELD + 5;
  const guint64 in_use = 3;
  g_autoptr (GArray) used = g_array_new (FALSE, FALSE, sizeof (guint64));
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GPtrArray) all = NULL;
  g_autoptr (HrRelease) old = NULL;
  g_autoptr (GError) error = NULL;
  HrReleaseBook *book;

  for (guint i = 1; i <= n; i++)
    {
      g_autofree char *text = g_strdup_printf ("%u", i);

      put (fixture, "a", text);
      g_assert_cmpuint (record (fixture), ==, i);
      hr_release_store_set_fate (fixture->store, i, i == 2 ? HR_FATE_REJECTED : HR_FATE_GOOD, i == 2 ? "check" : NULL,
                                 i == 2 ? "no" : NULL);
    }
  reopen (fixture);
  book = hr_release_store_get_book (fixture->store);
  g_assert_cmpuint (n_releases (fixture), ==, n);
  g_assert_cmpuint (hr_release_book_get_held (book)->len, ==, HR_RELEASES_HELD);
  g_assert_null (hr_release_store_get (fixture->store, 2));
  g_assert_cmpuint (hr_release_book_find (book, HR_FATE_REJECTED, FALSE, 0, 0), ==, 2);

  old = load (fixture, 2, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (old->number, ==, 2);
  g_assert_cmpstr (old->phase, ==, "check");
  g_assert_null (load (fixture, n + 1, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_NO_SUCH_RELEASE);
  g_clear_error (&error);

  hr_release_store_list_async (fixture->store, NULL, take_result, &result);
  all = hr_release_store_list_finish (fixture->store, wait_result (&result), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (all->len, ==, n);
  for (guint i = 0; i < n; i++)
    g_assert_cmpuint (((HrRelease *)all->pdata[i])->number, ==, i + 1);

  g_array_append_val (used, in_use);
  hr_release_store_hold (fixture->store, used);
  g_assert_cmpuint (hr_release_book_get_held (book)->len, ==, HR_RELEASES_HELD + 1);
  g_assert_cmpuint (nth (fixture, 0)->number, ==, in_use);
  g_assert_nonnull (nth (fixture, 0)->commit);
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
  ADD ("/git-store/numbers-go-up-and-on", test_numbers);
  ADD ("/git-store/old-releases-are-read-when-somebody-asks", test_old_ones_are_read);
  ADD ("/git-store/who-why-and-what-are-kept", test_details);
  ADD ("/git-store/a-release-names-so-many-files", test_files_capped);
  ADD ("/git-store/fates-are-known-at-once-and-kept", test_fates);
  ADD ("/git-store/the-last-fate-stands", test_fates_last);
  ADD ("/git-store/any-name-of-a-service-will-do", test_names);
  ADD ("/git-store/many-services-record-at-once", test_many_services);
  ADD ("/git-store/a-store-may-be-dropped-while-it-works", test_dropped);
  ADD ("/git-store/ten-thousand-files-are-one-pack", test_import);
  ADD ("/git-store/a-restart-reads-only-what-changed", test_index);
  result = g_test_run ();
  hr_fs_remove_tree (home, NULL);
  return result;
}
