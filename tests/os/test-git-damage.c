/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-git-damage.c: a rollback store that is damaged, is none, or belongs to someone else.
 */
#include "hr-git-locks.h"
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

static char *
read_ref (Fixture *fixture, guint64 number)
{
  g_autofree char *path = g_strdup_printf ("%s/refs/hotreload/web/%" G_GUINT64_FORMAT, fixture->repo, number);
  char *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return g_strstrip (text);
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

/* Of old releases what became of them is read when the store is opened, and the rest when it is used. */
static void
test_damaged_old (Fixture *fixture, gconstpointer data)
{
  const guint n = HR_RELEASES_HELD + 4;
  g_autofree char *tag = NULL, *old = NULL, *late = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrRelease) loaded = NULL;
  const HrReleaseBook *book;
  HrFate fate;

  for (guint i = 1; i <= n; i++)
    {
      g_autofree char *text = g_strdup_printf ("%u", i);

      put (fixture, "a", text);
      g_assert_cmpuint (record (fixture), ==, i);
      if (i == 2)
        old = object_path (fixture, hr_release_store_get (fixture->store, i)->commit);
      else if (i == n - 1)
        late = object_path (fixture, hr_release_store_get (fixture->store, i)->commit);
    }
  tag = read_ref (fixture, 3);
  g_assert_finalize_object (g_steal_pointer (&fixture->store));
  overwrite (old, "");
  overwrite (late, "");
  g_free (g_steal_pointer (&old));
  old = object_path (fixture, tag);
  overwrite (old, "nonsense");
  fixture->store = open_store (fixture->repo, fixture->spec);

  book = hr_release_store_get_book (fixture->store);
  /* Not of release 2. */
  g_assert_cmpuint (logged->len, ==, 2);
  g_assert_true (g_str_has_prefix (logged->pdata[0], "release 19 in the rollback store '"));
  g_assert_true (was_logged ("release 3 in the rollback store '"));
  g_assert_cmpuint (hr_release_book_count (book), ==, n - 2);
  /* As many as ever, though one of the newest is damaged. */
  g_assert_cmpuint (hr_release_book_get_held (book)->len, ==, HR_RELEASES_HELD);
  g_assert_nonnull (hr_release_book_get (book, n - HR_RELEASES_HELD));
  g_assert_cmpuint (hr_release_book_get_newest (book)->number, ==, n);
  g_assert_true (hr_release_book_get_fate (book, 2, &fate));
  g_assert_cmpint (fate, ==, HR_FATE_CANDIDATE);
  g_assert_false (hr_release_book_get_fate (book, 3, NULL));

  hr_release_store_load_async (fixture->store, 2, NULL, take_result, &result);
  loaded = hr_release_store_load_finish (fixture->store, wait_result (&result), &error);
  g_assert_null (loaded);
  g_assert_error (error, HR_ERROR, HR_ERROR_NO_SUCH_RELEASE);
  g_assert_nonnull (strstr (error->message, "release 2 in the rollback store '"));
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

/* Until a scan can trust what it reads of the file not to change without a sign. */
static void
wait_until_settled (Fixture *fixture, const char *path)
{
  g_autofree char *full = g_build_filename (fixture->source, path, NULL);
  struct stat info;

  g_assert_cmpint (stat (full, &info), ==, 0);
  while (g_get_real_time () * 1000 - hr_stat_key (&info).ctime <= 2 * HR_TREE_SCAN_RACY_NSEC)
    g_usleep (1000);
}

/* Content of a file that has not changed since, and that the index says is stored. */
static void
test_damaged_content_unchanged (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = NULL, *gone = NULL, *aside = NULL, *first = NULL, *second = NULL, *shown = NULL;
  g_autoptr (GPtrArray) entries = NULL;
  g_autoptr (GError) error = NULL;

  put (fixture, "a", "precious");
  put (fixture, "b", "more");
  wait_until_settled (fixture, "b");
  record (fixture);
  entries = hr_git_tree_list (fixture->store, nth (fixture, 0)->tree, NULL);
  path = object_path (fixture, ((HrGitEntry *)entries->pdata[0])->oid);
  gone = object_path (fixture, ((HrGitEntry *)entries->pdata[1])->oid);
  aside = g_strconcat (path, ".broken", NULL);
  reopen (fixture);
  overwrite (path, "nonsense");
  first = scan_tree (fixture);
  g_assert_cmpint (g_unlink (gone), ==, 0);
  g_assert_null (hr_git_tree_read (fixture->store, ((HrGitEntry *)entries->pdata[0])->oid, &error));
  g_assert_nonnull (strstr (error->message, "'hrctl reload web'"));

  second = scan_tree (fixture);
  g_assert_cmpstr (second, ==, first);
  g_assert_true (g_file_test (aside, G_FILE_TEST_EXISTS));
  shown = show (fixture, second);
  g_assert_cmpstr (shown, ==, "f 0644 a=precious\nf 0644 b=more\n");
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

/* As a daemon leaves it that is killed in the wrong moment. */
static void
test_locks (Fixture *fixture, gconstpointer data)
{
  static const char *const locks[] = { "refs/hotreload/web/2.lock", "packed-refs.lock", "config.lock",
                                       "hotreload/libgit2.conf.lock" };
  g_autoptr (GError) error = NULL;
  g_autoptr (HrRelease) refused = NULL;
  g_autofree char *tree = NULL;

  put (fixture, "a", "1");
  record (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (locks); i++)
    {
      g_autofree char *path = g_build_filename (fixture->repo, locks[i], NULL);

      overwrite (path, "");
    }
  put (fixture, "a", "2");
  tree = scan_tree (fixture);
  refused = try_commit (fixture->store, tree, &error);
  g_assert_null (refused);
  g_assert_nonnull (error);
  hr_git_locks_clear (fixture->repo);
  for (guint i = 0; i < G_N_ELEMENTS (locks); i++)
    {
      g_autofree char *path = g_build_filename (fixture->repo, locks[i], NULL);

      g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
    }
  record (fixture);
  g_assert_cmpuint (n_releases (fixture), ==, 2);
}

static void
test_private (Fixture *fixture, gconstpointer data)
{
  struct stat info;

  g_assert_cmpint (stat (fixture->repo, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 07777, ==, 0700);
}

static void
add_damages (void)
{
  static const struct {
    const char *path;
    void (*damage) (Fixture *, const char *, const HrRelease *);
  } damages[] = {
    { "/git-damage/damaged/an-empty-ref", damage_ref },
    { "/git-damage/damaged/a-ref-to-nowhere", damage_ref_target },
    { "/git-damage/damaged/a-ref-that-skips-the-tag", damage_ref_kind },
    { "/git-damage/damaged/a-missing-tag", remove_tag },
    { "/git-damage/damaged/a-corrupt-tag", corrupt_tag },
    { "/git-damage/damaged/a-corrupt-commit", corrupt_commit },
    { "/git-damage/damaged/a-commit-cut-short", cut_commit },
    { "/git-damage/damaged/a-missing-tree", remove_tree },
    { "/git-damage/damaged/a-corrupt-tree", corrupt_tree },
  };

  for (guint i = 0; i < G_N_ELEMENTS (damages); i++)
    g_test_add (damages[i].path, Fixture, (gconstpointer)damages[i].damage, set_up_damage, test_damage, tear_down);
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
  ADD ("/git-damage/a-damaged-index-is-set-aside", test_index_damaged);
  add_damages ();
  ADD ("/git-damage/damaged/an-old-release-is-found-to-be-when-it-is-used", test_damaged_old);
  ADD ("/git-damage/damaged/content-is-stored-again", test_damaged_content);
  ADD ("/git-damage/damaged/content-of-an-unchanged-file-is-stored-again", test_damaged_content_unchanged);
  ADD ("/git-damage/damaged/a-base-makes-everything-changed", test_damaged_base);
  ADD ("/git-damage/what-is-no-repository-is-refused-and-kept", test_no_repository);
  ADD ("/git-damage/what-belongs-to-someone-else-is-refused", test_not_ours);
  ADD ("/git-damage/promise-7/locks-of-a-daemon-that-was-killed-go", test_locks);
  ADD ("/git-damage/nobody-else-can-read-it", test_private);
  result = g_test_run ();
  hr_fs_remove_tree (home, NULL);
  return result;
}
