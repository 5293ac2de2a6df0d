/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Handles on one repository that are lent for an operation: what one wrote, all see; what must be synced stays with who
 * wrote it.
 */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "hr-fs.h"
#include "hr-git-pool.h"

typedef struct {
  char *dir;
  char *path;
  HrGitPool *pool;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->dir = g_dir_make_tmp ("hotreload-XXXXXX", NULL);
  fixture->path = g_build_filename (fixture->dir, "store.git", NULL);
  fixture->pool = hr_git_pool_open (fixture->path, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  hr_git_pool_unref (fixture->pool);
  hr_fs_remove_tree (fixture->dir, NULL);
  g_free (fixture->dir);
  g_free (fixture->path);
}

static HrGitRepo *
take (Fixture *fixture, GArray *unsynced)
{
  g_autoptr (GError) error = NULL;
  HrGitRepo *repo = hr_git_pool_take (fixture->pool, unsynced, &error);

  g_assert_no_error (error);
  g_assert_nonnull (repo);
  return repo;
}

static HrOid
write_blob (HrGitRepo *repo, const char *text)
{
  g_autoptr (GError) error = NULL;
  HrOid oid;

  g_assert_true (hr_git_repo_write_blob (repo, text, strlen (text), &oid, &error));
  g_assert_no_error (error);
  return oid;
}

static void
test_shared (Fixture *fixture, gconstpointer data)
{
  g_autofree char *other_path = g_build_filename (fixture->dir, "other.git", NULL);
  g_autoptr (HrGitPool) same = hr_git_pool_open (fixture->path, NULL);
  g_autoptr (HrGitPool) other = hr_git_pool_open (other_path, NULL);
  HrGitRepo *first = take (fixture, NULL), *second, *again;

  g_assert_true (same == fixture->pool);
  g_assert_true (other != fixture->pool);
  second = take (fixture, NULL);
  g_assert_true (first != second);
  hr_git_pool_give (same, first);
  again = take (fixture, NULL);
  g_assert_true (again == first);
  hr_git_pool_give (fixture->pool, again);
  hr_git_pool_give (fixture->pool, second);
}

static void
test_packs (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GArray) unsynced = g_array_new (FALSE, FALSE, sizeof (HrOid));
  g_autoptr (GError) error = NULL;
  HrGitRepo *writer = take (fixture, unsynced), *reader = take (fixture, NULL);
  HrOid oid = { { 0 } };

  /* Now it knows which packs there are. */
  g_assert_false (hr_git_repo_has (reader, &oid));
  hr_git_repo_begin_batch (writer);
  oid = write_blob (writer, "packed");
  g_assert_true (hr_git_repo_end_batch (writer, &error));
  g_assert_no_error (error);
  hr_git_pool_give (fixture->pool, writer);
  hr_git_pool_give (fixture->pool, reader);

  writer = take (fixture, NULL);
  reader = take (fixture, NULL);
  g_assert_true (hr_git_repo_has (writer, &oid));
  g_assert_true (hr_git_repo_has (reader, &oid));
  hr_git_pool_give (fixture->pool, writer);
  hr_git_pool_give (fixture->pool, reader);
}

static void
test_unsynced (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GArray) mine = g_array_new (FALSE, FALSE, sizeof (HrOid));
  g_autoptr (GArray) others = g_array_new (FALSE, FALSE, sizeof (HrOid));
  g_autoptr (GError) error = NULL;
  HrGitRepo *repo = take (fixture, mine);

  write_blob (repo, "mine");
  hr_git_pool_give (fixture->pool, repo);
  g_assert_cmpuint (mine->len, ==, 1);

  repo = take (fixture, others);
  g_assert_true (hr_git_repo_sync (repo, &error));
  hr_git_pool_give (fixture->pool, repo);
  g_assert_cmpuint (mine->len, ==, 1);

  repo = take (fixture, mine);
  g_assert_true (hr_git_repo_sync (repo, &error));
  g_assert_no_error (error);
  hr_git_pool_give (fixture->pool, repo);
  g_assert_cmpuint (mine->len, ==, 0);
}

static void
test_batch (Fixture *fixture, gconstpointer data)
{
  HrGitRepo *repo = take (fixture, NULL);
  HrOid oid;

  hr_git_repo_begin_batch (repo);
  oid = write_blob (repo, "given up");
  hr_git_pool_give (fixture->pool, repo);
  repo = take (fixture, NULL);
  g_assert_false (hr_git_repo_has (repo, &oid));
  write_blob (repo, "given up");
  g_assert_true (hr_git_repo_has (repo, &oid));
  hr_git_pool_give (fixture->pool, repo);
}

typedef struct {
  Fixture *fixture;
  HrGitRepo *taken; /* atomic */
  int tid;          /* atomic */
} Waiter;

static gpointer
take_in_thread (gpointer data)
{
  Waiter *waiter = data;

  g_atomic_int_set (&waiter->tid, (int)gettid ());
  g_atomic_pointer_set (&waiter->taken, take (waiter->fixture, NULL));
  return NULL;
}

/* Until the thread has a handle or sleeps. */
static void
await_rest (Waiter *waiter)
{
  gint64 deadline = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;
  gboolean sleeps = FALSE;

  while (!sleeps && g_atomic_pointer_get (&waiter->taken) == NULL)
    {
      g_autofree char *path = g_strdup_printf ("/proc/self/task/%d/stat", g_atomic_int_get (&waiter->tid));
      g_autofree char *stat = NULL;

      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      if (g_atomic_int_get (&waiter->tid) != 0 && g_file_get_contents (path, &stat, NULL, NULL))
        sleeps = g_str_has_prefix (strrchr (stat, ')'), ") S");
      g_thread_yield ();
    }
}

static void
test_limit (Fixture *fixture, gconstpointer data)
{
  HrGitRepo *repos[HR_GIT_HANDLES_MAX];
  Waiter waiter = { .fixture = fixture };
  GThread *thread;

  for (guint i = 0; i < HR_GIT_HANDLES_MAX; i++)
    repos[i] = take (fixture, NULL);
  thread = g_thread_new ("waits", take_in_thread, &waiter);
  await_rest (&waiter);
  hr_git_pool_give (fixture->pool, repos[3]);
  g_thread_join (thread);
  g_assert_true (waiter.taken == repos[3]);
  for (guint i = 0; i < HR_GIT_HANDLES_MAX; i++)
    hr_git_pool_give (fixture->pool, repos[i]);
}

static void
test_refused (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *moved = g_strconcat (fixture->path, ".moved", NULL);

  /* An open handle must not hide that the repository is gone. */
  g_assert_cmpint (g_rename (fixture->path, moved), ==, 0);
  g_assert_null (hr_git_pool_open (fixture->path, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/git-pool/handles-are-lent-again-and-shared-by-path", Fixture, NULL, set_up, test_shared, tear_down);
  g_test_add ("/git-pool/what-one-handle-packed-all-see", Fixture, NULL, set_up, test_packs, tear_down);
  g_test_add ("/git-pool/what-must-be-synced-stays-with-who-wrote-it", Fixture, NULL, set_up, test_unsynced, tear_down);
  g_test_add ("/git-pool/a-batch-that-was-given-up-is-not-the-next-users", Fixture, NULL, set_up, test_batch,
              tear_down);
  g_test_add ("/git-pool/no-more-are-open-than-the-limit", Fixture, NULL, set_up, test_limit, tear_down);
  g_test_add ("/git-pool/a-repository-that-is-gone-is-refused", Fixture, NULL, set_up, test_refused, tear_down);
  return g_test_run ();
}
