/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-git-store.c: the queue in front of the repository.
 *
 * Work runs in a pool of one thread, in the order in which it was asked for; "worker" below is what only that thread
 * touches. Results go back through a source of the caller's main context, which takes everything with it: the worker
 * never holds the last reference of the store, which could not wait for itself.
 */
#include "hr-git-store.h"

#include "hr-git-releases.h"
#include "hr-git-store-private.h"
#include "hr-git-tree-private.h"
#include "hr-log.h"

static void hr_git_store_iface_init (HrReleaseStoreInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HrGitStore, hr_git_store, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (HR_TYPE_RELEASE_STORE, hr_git_store_iface_init))

static void
operation_free (HrGitOperation *operation)
{
  g_clear_object (&operation->task);
  g_strfreev (operation->hints);
  g_free (operation->from_tree);
  g_free (operation->to_tree);
  hr_release_free (operation->release);
  if (operation->result != NULL)
    operation->free_result (operation->result);
  g_clear_error (&operation->error);
  g_free (operation);
}

static gboolean
deliver (gpointer data)
{
  HrGitOperation *operation = data;
  HrGitStore *self = g_task_get_source_object (operation->task);

  if (operation->error != NULL)
    g_task_return_error (operation->task, g_steal_pointer (&operation->error));
  else
    {
      if (operation->release != NULL)
        hr_release_book_add (self->book, hr_release_copy (operation->result));
      g_task_return_pointer (operation->task, g_steal_pointer (&operation->result), operation->free_result);
    }
  return G_SOURCE_REMOVE;
}

static void
run_with_handle (HrGitStore *self, HrGitOperation *operation)
{
  self->worker.repo = hr_git_pool_take (self->handles, self->worker.unsynced, &operation->error);
  if (self->worker.repo == NULL)
    return;
  operation->run (self, operation);
  hr_git_pool_give (self->handles, g_steal_pointer (&self->worker.repo));
}

/* In the worker. */
static void
run_operation (gpointer data, gpointer user_data)
{
  HrGitStore *self = user_data;
  HrGitOperation *operation = data;
  GTask *task = operation->task;
  GSource *source;

  if (task == NULL || !g_cancellable_set_error_if_cancelled (g_task_get_cancellable (task), &operation->error))
    run_with_handle (self, operation);
  if (task == NULL)
    {
      if (operation->error != NULL)
        hr_log_warning (self->spec->name, "the rollback store cannot be written to now: %s", operation->error->message);
      operation_free (operation);
      return;
    }
  source = g_idle_source_new ();
  g_source_set_priority (source, g_task_get_priority (task));
  g_source_set_callback (source, deliver, operation, (GDestroyNotify)operation_free);
  g_source_attach (source, g_task_get_context (task));
  g_source_unref (source);
}

/* Does it after what was asked for before. */
void
hr_git_store_push (HrGitStore *self, HrGitOperation *operation)
{
  g_autoptr (GError) error = NULL;

  /* An error means that no thread could be made now; what was pushed stays in the queue. */
  if (!g_thread_pool_push (self->pool, operation, &error))
    hr_log_warning (self->spec->name, "the rollback store waits for a thread: %s", error->message);
}

/* One whose result somebody waits for. */
HrGitOperation *
hr_git_operation_new (HrGitStore *self, void (*run) (HrGitStore *, HrGitOperation *), GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data, gpointer tag)
{
  HrGitOperation *operation = g_new0 (HrGitOperation, 1);

  operation->run = run;
  operation->task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (operation->task, tag);
  return operation;
}

static void
run_save_index (HrGitStore *self, HrGitOperation *operation)
{
  hr_git_scan_save_many (self->worker.scan, self->worker.repo);
}

static void
run_scan (HrGitStore *self, HrGitOperation *operation)
{
  gboolean damaged = FALSE;

  if (g_atomic_int_compare_and_exchange (&self->distrusted, TRUE, FALSE))
    hr_git_scan_forget (self->worker.scan);
  if (g_atomic_int_get (&self->large))
    hr_git_scan_allow_large (self->worker.scan);
  operation->result =
      hr_git_scan_run (self->worker.scan, self->worker.repo, (const char *const *)operation->hints,
                       operation->from_tree, g_task_get_cancellable (operation->task), &damaged, &operation->error);
  if (damaged)
    hr_git_store_distrust (HR_RELEASE_STORE (self), &operation->error);
}

static void
hr_git_store_scan_async (HrReleaseStore *store, const char *const *hints, const char *base_tree,
                         GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  HrGitStore *self = HR_GIT_STORE (store);
  HrGitOperation *operation =
      hr_git_operation_new (self, run_scan, cancellable, callback, user_data, hr_git_store_scan_async);
  HrGitOperation *save = g_new0 (HrGitOperation, 1);

  operation->hints = g_strdupv ((char **)hints);
  operation->from_tree = g_strdup (base_tree);
  operation->free_result = (GDestroyNotify)hr_scan_free;
  hr_git_store_push (self, operation);
  save->run = run_save_index;
  hr_git_store_push (self, save);
}

static HrScan *
hr_git_store_scan_finish (HrReleaseStore *store, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_async_result_is_tagged (result, hr_git_store_scan_async), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
run_commit (HrGitStore *self, HrGitOperation *operation)
{
  HrRelease *release = hr_git_releases_commit (self->worker.repo, self->spec->name, operation->release,
                                               self->worker.last + 1, self->worker.newest, &operation->error);

  if (release == NULL)
    return;
  self->worker.last = release->number;
  g_free (self->worker.newest);
  self->worker.newest = g_strdup (release->commit);
  operation->result = release;
}

static void
hr_git_store_commit_async (HrReleaseStore *store, const HrRelease *draft, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data)
{
  HrGitStore *self = HR_GIT_STORE (store);
  HrGitOperation *operation =
      hr_git_operation_new (self, run_commit, cancellable, callback, user_data, hr_git_store_commit_async);

  /* A release that exists is reported, whatever was cancelled meanwhile. */
  g_task_set_check_cancellable (operation->task, FALSE);
  operation->release = hr_release_copy (draft);
  operation->free_result = (GDestroyNotify)hr_release_free;
  hr_git_store_push (self, operation);
}

static HrRelease *
hr_git_store_commit_finish (HrReleaseStore *store, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_async_result_is_tagged (result, hr_git_store_commit_async), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
run_set_fate (HrGitStore *self, HrGitOperation *operation)
{
  g_autoptr (GError) error = NULL;

  if (!hr_git_releases_set_fate (self->worker.repo, self->spec->name, operation->release, &error))
    hr_log_warning (self->spec->name, "that release %" G_GUINT64_FORMAT " is %s is not kept: %s",
                    operation->release->number, hr_fate_to_string (operation->release->fate), error->message);
}

static void
hr_git_store_set_fate (HrReleaseStore *store, guint64 number, HrFate fate, const char *phase, const char *message)
{
  HrGitStore *self = HR_GIT_STORE (store);
  HrGitOperation *operation;

  if (!hr_release_book_set_fate (self->book, number, fate, phase, message))
    {
      hr_log_warning (self->spec->name, "there is no release %" G_GUINT64_FORMAT " to become %s, ignoring", number,
                      hr_fate_to_string (fate));
      return;
    }
  operation = g_new0 (HrGitOperation, 1);
  operation->run = run_set_fate;
  operation->release = hr_release_copy (hr_release_book_get (self->book, number));
  hr_git_store_push (self, operation);
}

static HrReleaseBook *
hr_git_store_get_book (HrReleaseStore *store)
{
  return HR_GIT_STORE (store)->book;
}

/* Something could not be read from @store: what a scan knows to be stored may not be. The next one reads every file; what
 * is damaged is set aside then, see hr_git_repo_write_blob(), and written anew. Says so in @error. */
void
hr_git_store_distrust (HrReleaseStore *store, GError **error)
{
  HrGitStore *self = HR_GIT_STORE (store);
  char *old;

  g_atomic_int_set (&self->distrusted, TRUE);
  if (error == NULL || *error == NULL)
    return;
  old = (*error)->message;
  (*error)->message = g_strdup_printf (
      "%s ('hrctl reload %s' stores anew what the source still has; where that does not help, move '%s' "
      "away while no daemon runs: it is made anew, without the releases in it)",
      old, self->spec->name, self->repo_path);
  g_free (old);
}

HrGitRepo *
hr_git_store_take_reader (HrReleaseStore *store, GError **error)
{
  return hr_git_pool_take (HR_GIT_STORE (store)->handles, NULL, error);
}

void
hr_git_store_give_reader (HrReleaseStore *store, HrGitRepo *repo)
{
  hr_git_pool_give (HR_GIT_STORE (store)->handles, repo);
}

static void
hr_git_store_dispose (GObject *object)
{
  HrGitStore *self = HR_GIT_STORE (object);

  /* Waits for what was asked for and is not written yet. */
  if (self->pool != NULL)
    g_thread_pool_free (g_steal_pointer (&self->pool), FALSE, TRUE);
  if (self->worker.scan != NULL && hr_git_scan_has_unsaved (self->worker.scan))
    {
      self->worker.repo = hr_git_pool_take (self->handles, self->worker.unsynced, NULL);
      if (self->worker.repo != NULL)
        {
          hr_git_scan_save (self->worker.scan, self->worker.repo);
          hr_git_pool_give (self->handles, g_steal_pointer (&self->worker.repo));
        }
    }
  G_OBJECT_CLASS (hr_git_store_parent_class)->dispose (object);
}

static void
hr_git_store_finalize (GObject *object)
{
  HrGitStore *self = HR_GIT_STORE (object);

  g_clear_pointer (&self->worker.scan, hr_git_scan_free);
  g_clear_pointer (&self->worker.unsynced, g_array_unref);
  g_clear_pointer (&self->worker.newest, g_free);
  g_clear_pointer (&self->handles, hr_git_pool_unref);
  g_clear_pointer (&self->book, hr_release_book_free);
  g_clear_pointer (&self->spec, hr_service_spec_unref);
  g_free (self->repo_path);
  G_OBJECT_CLASS (hr_git_store_parent_class)->finalize (object);
}

static void
hr_git_store_class_init (HrGitStoreClass *class)
{
  G_OBJECT_CLASS (class)->dispose = hr_git_store_dispose;
  G_OBJECT_CLASS (class)->finalize = hr_git_store_finalize;
}

static void
hr_git_store_init (HrGitStore *self)
{
  self->worker.unsynced = g_array_new (FALSE, FALSE, sizeof (HrOid));
}

static void
hr_git_store_allow_large (HrReleaseStore *store)
{
  g_atomic_int_set (&HR_GIT_STORE (store)->large, TRUE);
}

static void
hr_git_store_iface_init (HrReleaseStoreInterface *iface)
{
  iface->scan_async = hr_git_store_scan_async;
  iface->scan_finish = hr_git_store_scan_finish;
  iface->commit_async = hr_git_store_commit_async;
  iface->commit_finish = hr_git_store_commit_finish;
  iface->set_fate = hr_git_store_set_fate;
  iface->diff_async = hr_git_store_diff_async;
  iface->diff_finish = hr_git_store_diff_finish;
  iface->list_async = hr_git_store_list_async;
  iface->load_async = hr_git_store_load_async;
  iface->load = hr_git_store_load;
  iface->get_book = hr_git_store_get_book;
  iface->allow_large = hr_git_store_allow_large;
}

/**
 * hr_git_store_open:
 * @repo_path: the bare repository, shared by all services, in the state directory; created when there is none
 * @spec: the service; its state directory is never recorded, even when its source holds it
 * @error: return location
 *
 * Opens the store of one service and reads what is known of its releases. A release that is damaged is left out with a
 * warning. The last reference must be dropped in the thread that made the store; it waits for what is not written yet.
 *
 * Returns: (transfer full): the store; %NULL with an error that names the path and what to do when the repository
 *   cannot be used. Nothing is deleted then.
 */
HrReleaseStore *
hr_git_store_open (const char *repo_path, HrServiceSpec *spec, GError **error)
{
  g_autoptr (HrGitStore) self = NULL;
  const HrRelease *newest;
  HrGitRepo *repo;

  g_return_val_if_fail (repo_path != NULL && spec != NULL, NULL);

  self = g_object_new (HR_TYPE_GIT_STORE, NULL);
  self->spec = hr_service_spec_ref (spec);
  self->repo_path = g_strdup (repo_path);
  self->worker.scan = hr_git_scan_new (repo_path, spec);
  self->handles = hr_git_pool_open (repo_path, error);
  repo = self->handles != NULL ? hr_git_pool_take (self->handles, NULL, error) : NULL;
  if (repo == NULL)
    return NULL;
  self->book = hr_git_releases_open (repo, spec->name, &self->worker.last, error);
  hr_git_pool_give (self->handles, repo);
  if (self->book == NULL)
    return NULL;
  newest = hr_release_book_get_newest (self->book);
  self->worker.newest = newest != NULL ? g_strdup (newest->commit) : NULL;
  self->pool = g_thread_pool_new (run_operation, self, 1, FALSE, error);
  return self->pool != NULL ? HR_RELEASE_STORE (g_steal_pointer (&self)) : NULL;
}

/**
 * hr_git_store_flush:
 * @store: a store
 *
 * Waits until what was asked for is written. To be called before the same service's store is opened anew: two must not
 * give numbers at a time, and the second reads what the first has written.
 *
 * Blocks the caller. No reload is under way then; what may be is the scan of a query, which mostly looks at each file
 * without reading it, and which the limits on a source's files and bytes bound. It is not cancelled: whoever asked for
 * a comparison would get an error because another edited a service file.
 */
void
hr_git_store_flush (HrReleaseStore *store)
{
  HrGitStore *self = HR_GIT_STORE (store);

  g_thread_pool_free (self->pool, FALSE, TRUE);
  self->pool = g_thread_pool_new (run_operation, self, 1, FALSE, NULL);
}
