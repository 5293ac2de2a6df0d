/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-lease-state-files.h"

#include <fcntl.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-lease-state-offer.h"
#include "hr-lease.h"
#include "hr-log.h"
#include "hr-snapshot-dir.h"
#include "hr-state-exchange.h"

struct _HrLeaseStateFiles {
  GObject parent_instance;

  char *exchange_dir;
  HrSnapshotDir *snapshots;
  HrStateExchange *exchange;
  HrOwner owner;
  HrKeeper *keeper;  /* NULL: leases end with the daemon */
  gint64 wait_limit; /* -1: not found out yet */
};

static void hr_lease_state_files_iface_init (HrStateFilesInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HrLeaseStateFiles, hr_lease_state_files, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (HR_TYPE_STATE_FILES, hr_lease_state_files_iface_init))

/* What a worker thread needs; it never sees the object. */
typedef struct {
  HrSnapshotDir *snapshots;
  HrStateExchange *exchange;
  char *instance;
  guint64 release;
  guint version;
  char *id;
} Work;

static Work *
work_new (HrLeaseStateFiles *self)
{
  Work *work = g_new0 (Work, 1);

  work->snapshots = hr_snapshot_dir_ref (self->snapshots);
  work->exchange = hr_state_exchange_ref (self->exchange);
  return work;
}

static void
work_free (Work *work)
{
  hr_snapshot_dir_unref (work->snapshots);
  hr_state_exchange_unref (work->exchange);
  g_free (work->instance);
  g_free (work->id);
  g_free (work);
}

static void
ignore_opened (gpointer user_data)
{
}

/* Whether leases are given in the exchange directory. */
static gboolean
can_lease (HrLeaseStateFiles *self)
{
  g_autofree char *path = g_build_filename (self->exchange_dir, ".lease.XXXXXX", NULL);
  g_autoptr (HrLease) lease = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (HrFd) fd = -1;

  if (hr_fs_make_dir (self->exchange_dir, 0700, &error))
    fd = g_mkstemp_full (path, O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0)
    return FALSE;
  unlink (path);
  lease = hr_lease_new (fd, ignore_opened, NULL, &error);
  if (lease == NULL)
    g_debug ("'%s' can hold no barrier: %s", self->exchange_dir, error->message);
  return lease != NULL;
}

static gint64
wait_limit (HrStateFiles *files)
{
  HrLeaseStateFiles *self = HR_LEASE_STATE_FILES (files);

  if (self->wait_limit < 0)
    self->wait_limit = can_lease (self) ? MAX (hr_lease_wait_max () - HR_STATE_WAIT_MARGIN, 0) : 0;
  return self->wait_limit;
}

static HrStateOffer *
offer (HrStateFiles *files, const char *instance, guint64 release, GBytes *data, GError **error)
{
  HrLeaseStateFiles *self = HR_LEASE_STATE_FILES (files);
  g_autofree char *dir = hr_state_exchange_open (self->exchange, instance, release, error);
  g_autofree char *same = hr_state_exchange_dup_kept_file (self->exchange);
  HrStateOffer *made;

  if (dir == NULL)
    return NULL;
  made = hr_lease_state_offer_new (dir, data, same, wait_limit (files) > 0, &self->owner, error);
  if (made != NULL)
    hr_lease_state_offer_keep (made, self->keeper, instance);
  return made;
}

static HrStateOffer *
resume (HrStateFiles *files, const char *instance)
{
  g_autofree char *dir = hr_state_exchange_resume (HR_LEASE_STATE_FILES (files)->exchange, instance);

  return hr_lease_state_offer_resume (dir);
}

static void
return_snapshot (GTask *task, HrSnapshot *snapshot, GError *error)
{
  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, snapshot, (GDestroyNotify)hr_snapshot_free);
}

static GTask *
task_new (HrStateFiles *files, gpointer tag, GCancellable *cancellable, GAsyncReadyCallback callback,
          gpointer user_data)
{
  GTask *task = g_task_new (files, cancellable, callback, user_data);

  g_task_set_source_tag (task, tag);
  /* Work that was begun is finished and its result told: a stored snapshot must not be forgotten. */
  g_task_set_check_cancellable (task, FALSE);
  return task;
}

static void
collect_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  Work *work = task_data;
  GError *error = NULL;
  HrSnapshot *snapshot;

  if (g_cancellable_set_error_if_cancelled (cancellable, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  hr_state_exchange_recover (work->exchange);
  snapshot = hr_state_exchange_collect (work->exchange, work->instance, work->release, work->version, &error);
  return_snapshot (task, snapshot, error);
}

static void
collect_async (HrStateFiles *files, const char *instance, guint64 release, guint version, GCancellable *cancellable,
               GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = task_new (files, collect_async, cancellable, callback, user_data);
  Work *work = work_new (HR_LEASE_STATE_FILES (files));

  work->instance = g_strdup (instance);
  work->release = release;
  work->version = version;
  g_task_set_task_data (task, work, (GDestroyNotify)work_free);
  g_task_run_in_thread (task, collect_thread);
}

static void
load_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  Work *work = task_data;
  GError *error = NULL;
  HrSnapshot *snapshot;

  if (g_cancellable_set_error_if_cancelled (cancellable, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  hr_state_exchange_recover (work->exchange);
  snapshot = work->id == NULL ? hr_state_exchange_load_kept (work->exchange) : NULL;
  if (snapshot == NULL)
    snapshot = hr_snapshot_dir_load (work->snapshots, work->id, &error);
  return_snapshot (task, snapshot, error);
}

static void
load_async (HrStateFiles *files, const char *id, GCancellable *cancellable, GAsyncReadyCallback callback,
            gpointer user_data)
{
  g_autoptr (GTask) task = task_new (files, load_async, cancellable, callback, user_data);
  Work *work = work_new (HR_LEASE_STATE_FILES (files));

  work->id = g_strdup (id);
  g_task_set_task_data (task, work, (GDestroyNotify)work_free);
  g_task_run_in_thread (task, load_thread);
}

static HrSnapshot *
finish (HrStateFiles *files, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, files), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
renew_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  Work *work = task_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrSnapshot) snapshot = hr_snapshot_dir_load (work->snapshots, work->id, &error);

  if (snapshot == NULL || !hr_snapshot_dir_store (work->snapshots, snapshot, g_get_real_time (), &error))
    hr_log_warning (NULL, "while making snapshot '%s' the newest: %s", work->id, error->message);
  g_task_return_boolean (task, TRUE);
}

static void
renew (HrStateFiles *files, const char *id)
{
  g_autoptr (GTask) task = task_new (files, renew, NULL, NULL, NULL);
  Work *work = work_new (HR_LEASE_STATE_FILES (files));

  work->id = g_strdup (id);
  g_task_set_task_data (task, work, (GDestroyNotify)work_free);
  g_task_run_in_thread (task, renew_thread);
}

static char *
get_path (HrStateFiles *files, const char *id)
{
  return hr_snapshot_dir_get_path (HR_LEASE_STATE_FILES (files)->snapshots, id);
}

static GPtrArray *
list (HrStateFiles *files)
{
  return hr_snapshot_dir_list (HR_LEASE_STATE_FILES (files)->snapshots);
}

static void
discard (HrStateFiles *files, const char *instance)
{
  hr_state_exchange_discard (HR_LEASE_STATE_FILES (files)->exchange, instance);
}

static void
hr_lease_state_files_iface_init (HrStateFilesInterface *iface)
{
  iface->offer = offer;
  iface->resume = resume;
  iface->wait_limit = wait_limit;
  iface->collect_async = collect_async;
  iface->collect_finish = finish;
  iface->load_async = load_async;
  iface->load_finish = finish;
  iface->list = list;
  iface->discard = discard;
  iface->renew = renew;
  iface->get_path = get_path;
}

static void
hr_lease_state_files_finalize (GObject *object)
{
  HrLeaseStateFiles *self = HR_LEASE_STATE_FILES (object);

  g_clear_object (&self->keeper);
  g_free (self->exchange_dir);
  g_clear_pointer (&self->exchange, hr_state_exchange_unref);
  g_clear_pointer (&self->snapshots, hr_snapshot_dir_unref);
  G_OBJECT_CLASS (hr_lease_state_files_parent_class)->finalize (object);
}

static void
hr_lease_state_files_class_init (HrLeaseStateFilesClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_lease_state_files_finalize;
}

static void
hr_lease_state_files_init (HrLeaseStateFiles *self)
{
  self->wait_limit = -1;
}

/**
 * hr_lease_state_files_new:
 * @spec: whose; its State.Version and State.Keep are taken now
 * @snapshots_dir: where its snapshots are
 * @exchange_dir: where its instances get their two files; on a file system that has leases, else there is no barrier
 *
 * Neither directory needs to exist.
 *
 * Returns: (transfer full): the state files
 */
HrStateFiles *
hr_lease_state_files_new (HrServiceSpec *spec, const char *snapshots_dir, const char *exchange_dir)
{
  HrLeaseStateFiles *self = g_object_new (HR_TYPE_LEASE_STATE_FILES, NULL);

  self->exchange_dir = g_strdup (exchange_dir);
  self->snapshots = hr_snapshot_dir_new (snapshots_dir, spec->name, spec->state_keep);
  self->exchange = hr_state_exchange_new (exchange_dir, spec->name, spec->state_version, self->snapshots);
  self->owner = hr_owner_of (&spec->isolation);
  hr_state_exchange_set_owner (self->exchange, &self->owner);
  return HR_STATE_FILES (self);
}

/**
 * hr_lease_state_files_set_keeper:
 * @self: state files
 * @keeper: where leases are kept over the end of the daemon
 */
void
hr_lease_state_files_set_keeper (HrLeaseStateFiles *self, HrKeeper *keeper)
{
  g_return_if_fail (HR_IS_LEASE_STATE_FILES (self));
  g_set_object (&self->keeper, keeper);
}
