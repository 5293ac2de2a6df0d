/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is read of a store: differences, and releases that are not in memory. In its worker, so that what was asked for
 * before has been written.
 */
#include "hr-git-diff.h"
#include "hr-git-releases.h"
#include "hr-git-store-private.h"
#include "hr-git-tree-private.h"

static void
run_diff (HrGitStore *self, HrGitOperation *operation)
{
  operation->result = hr_git_diff_text (self->worker.repo, operation->from_tree, operation->to_tree,
                                        g_task_get_cancellable (operation->task), &operation->error);
}

void
hr_git_store_diff_async (HrReleaseStore *store, const char *from_tree, const char *to_tree, GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer user_data)
{
  HrGitStore *self = HR_GIT_STORE (store);
  HrGitOperation *operation =
      hr_git_operation_new (self, run_diff, cancellable, callback, user_data, hr_git_store_diff_async);

  operation->from_tree = g_strdup (from_tree);
  operation->to_tree = g_strdup (to_tree);
  operation->free_result = g_free;
  hr_git_store_push (self, operation);
}

char *
hr_git_store_diff_finish (HrReleaseStore *store, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_async_result_is_tagged (result, hr_git_store_diff_async), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
free_releases (gpointer releases)
{
  g_ptr_array_unref (releases);
}

static void
run_list (HrGitStore *self, HrGitOperation *operation)
{
  operation->result = hr_git_releases_list (self->worker.repo, self->spec->name,
                                            g_task_get_cancellable (operation->task), &operation->error);
}

void
hr_git_store_list_async (HrReleaseStore *store, GCancellable *cancellable, GAsyncReadyCallback callback,
                         gpointer user_data)
{
  HrGitStore *self = HR_GIT_STORE (store);
  HrGitOperation *operation =
      hr_git_operation_new (self, run_list, cancellable, callback, user_data, hr_git_store_list_async);

  operation->free_result = free_releases;
  hr_git_store_push (self, operation);
}

static void
run_load (HrGitStore *self, HrGitOperation *operation)
{
  operation->result = hr_git_releases_load (self->worker.repo, self->spec->name, operation->number, &operation->error);
}

void
hr_git_store_load_async (HrReleaseStore *store, guint64 number, GCancellable *cancellable, GAsyncReadyCallback callback,
                         gpointer user_data)
{
  HrGitStore *self = HR_GIT_STORE (store);
  HrGitOperation *operation =
      hr_git_operation_new (self, run_load, cancellable, callback, user_data, hr_git_store_load_async);

  operation->number = number;
  operation->free_result = (GDestroyNotify)hr_release_free;
  hr_git_store_push (self, operation);
}

HrRelease *
hr_git_store_load (HrReleaseStore *store, guint64 number, GError **error)
{
  HrGitStore *self = HR_GIT_STORE (store);
  HrGitRepo *repo = hr_git_store_take_reader (store, error);
  HrRelease *release = repo != NULL ? hr_git_releases_load (repo, self->spec->name, number, error) : NULL;

  if (repo != NULL)
    hr_git_store_give_reader (store, repo);
  return release;
}
