/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-fake-state-files.h"

#include <string.h>

#include "hr-error.h"
#include "hr-fake-state-offer.h"

/* What Linux lets a lease wait: lease-break-time. */
#define WAIT_LIMIT (40 * G_USEC_PER_SEC)

typedef struct {
  char *text; /* an instance, or the id of a snapshot */
  guint64 release;
  guint version;
} Request;

static void hr_fake_state_files_iface_init (HrStateFilesInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HrFakeStateFiles, hr_fake_state_files, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (HR_TYPE_STATE_FILES, hr_fake_state_files_iface_init))

static void
request_free (gpointer data)
{
  Request *request = data;

  g_free (request->text);
  g_free (request);
}

static GTask *
make_task (HrStateFiles *files, const char *text, guint64 release, guint version, GCancellable *cancellable,
           GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (files, cancellable, callback, user_data);
  Request *request = g_new0 (Request, 1);

  request->text = g_strdup (text);
  request->release = release;
  request->version = version;
  g_task_set_task_data (task, request, request_free);
  return task;
}

static HrStateOffer *
fake_offer (HrStateFiles *files, const char *instance, guint64 release, GBytes *data, GError **error)
{
  HrFakeStateFiles *self = HR_FAKE_STATE_FILES (files);

  if (self->fail_offer)
    {
      g_set_error_literal (error, HR_ERROR, HR_ERROR_STATE_FAILED, "no space left for state files");
      return NULL;
    }
  g_hash_table_add (self->open, g_strdup (instance));
  return HR_STATE_OFFER (hr_fake_state_offer_new (instance, data, self->wait_limit > 0, self->written));
}

static HrStateOffer *
fake_resume (HrStateFiles *files, const char *instance)
{
  g_hash_table_add (HR_FAKE_STATE_FILES (files)->open, g_strdup (instance));
  return HR_STATE_OFFER (hr_fake_state_offer_new (instance, NULL, FALSE, HR_FAKE_STATE_FILES (files)->written));
}

static gint64
fake_wait_limit (HrStateFiles *files)
{
  return HR_FAKE_STATE_FILES (files)->wait_limit;
}

static HrSnapshot *
store (HrFakeStateFiles *self, guint64 release, guint version, const char *text, GError **error)
{
  g_autoptr (GBytes) data = g_bytes_new (text, strlen (text));
  gint64 now = hr_clock_real (self->clock);
  HrSnapshot *snapshot = hr_snapshot_new (self->service, now / G_USEC_PER_SEC, release, version, data, error);

  if (snapshot == NULL)
    return NULL;
  /* Two at one moment of a clock that stands still still have ids of their own. */
  g_free (snapshot->id);
  snapshot->id = hr_snapshot_make_id (now + self->snapshots->len, release);
  g_ptr_array_add (self->snapshots, snapshot);
  return snapshot;
}

static void
answer_collect (GTask *task)
{
  HrFakeStateFiles *self = g_task_get_source_object (task);
  Request *request = g_task_get_task_data (task);
  const char *text = g_hash_table_lookup (self->written, request->text);
  g_autoptr (GError) error = NULL;
  HrSnapshot *snapshot;

  g_hash_table_remove (self->open, request->text);
  if (text == NULL)
    {
      g_task_return_pointer (task, NULL, NULL);
      return;
    }
  snapshot = store (self, request->release, request->version, text, &error);
  g_hash_table_remove (self->written, request->text);
  if (snapshot == NULL)
    g_task_return_new_error (task, HR_ERROR, HR_ERROR_STATE_FAILED, "the state is set aside: %s", error->message);
  else
    g_task_return_pointer (task, hr_snapshot_copy (snapshot), (GDestroyNotify)hr_snapshot_free);
}

static void
fake_collect_async (HrStateFiles *files, const char *instance, guint64 release, guint version,
                    GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  hr_fake_gate_pass (&HR_FAKE_STATE_FILES (files)->collect,
                     make_task (files, instance, release, version, cancellable, callback, user_data), answer_collect);
}

static void
answer_load (GTask *task)
{
  HrFakeStateFiles *self = g_task_get_source_object (task);
  Request *request = g_task_get_task_data (task);

  for (guint i = self->snapshots->len; i > 0; i--)
    {
      HrSnapshot *snapshot = g_ptr_array_index (self->snapshots, i - 1);

      if (request->text == NULL || g_str_equal (request->text, snapshot->id))
        {
          g_task_return_pointer (task, hr_snapshot_copy (snapshot), (GDestroyNotify)hr_snapshot_free);
          return;
        }
    }
  if (request->text == NULL)
    g_task_return_pointer (task, NULL, NULL);
  else
    g_task_return_new_error (task, HR_ERROR, HR_ERROR_NO_SUCH_SNAPSHOT, "there is no snapshot '%s'", request->text);
}

static void
fake_load_async (HrStateFiles *files, const char *id, GCancellable *cancellable, GAsyncReadyCallback callback,
                 gpointer user_data)
{
  hr_fake_gate_pass (&HR_FAKE_STATE_FILES (files)->load, make_task (files, id, 0, 0, cancellable, callback, user_data),
                     answer_load);
}

static HrSnapshot *
fake_finish (HrStateFiles *files, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static GPtrArray *
fake_list (HrStateFiles *files)
{
  HrFakeStateFiles *self = HR_FAKE_STATE_FILES (files);
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_snapshot_free);

  for (guint i = self->snapshots->len; i > 0; i--)
    {
      HrSnapshot *copy = hr_snapshot_copy (g_ptr_array_index (self->snapshots, i - 1));

      g_clear_pointer (&copy->data, g_bytes_unref);
      g_ptr_array_add (list, copy);
    }
  return list;
}

static void
fake_discard (HrStateFiles *files, const char *instance)
{
  HrFakeStateFiles *self = HR_FAKE_STATE_FILES (files);

  g_hash_table_remove (self->open, instance);
  g_hash_table_remove (self->written, instance);
}

static void
hr_fake_state_files_iface_init (HrStateFilesInterface *iface)
{
  iface->offer = fake_offer;
  iface->resume = fake_resume;
  iface->wait_limit = fake_wait_limit;
  iface->collect_async = fake_collect_async;
  iface->collect_finish = fake_finish;
  iface->load_async = fake_load_async;
  iface->load_finish = fake_finish;
  iface->list = fake_list;
  iface->discard = fake_discard;
}

static void
hr_fake_state_files_finalize (GObject *object)
{
  HrFakeStateFiles *self = HR_FAKE_STATE_FILES (object);

  hr_fake_gate_clear (&self->collect);
  hr_fake_gate_clear (&self->load);
  g_hash_table_unref (self->open);
  g_hash_table_unref (self->written);
  g_ptr_array_unref (self->snapshots);
  g_object_unref (self->clock);
  g_free (self->service);
  G_OBJECT_CLASS (hr_fake_state_files_parent_class)->finalize (object);
}

static void
hr_fake_state_files_class_init (HrFakeStateFilesClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_fake_state_files_finalize;
}

static void
hr_fake_state_files_init (HrFakeStateFiles *self)
{
  self->wait_limit = WAIT_LIMIT;
  self->open = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->written = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->snapshots = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_snapshot_free);
}

/**
 * hr_fake_state_files_new:
 * @service: name
 * @clock: for the time of snapshots
 *
 * Returns: (transfer full): state files without snapshots
 */
HrFakeStateFiles *
hr_fake_state_files_new (const char *service, HrClock *clock)
{
  HrFakeStateFiles *self = g_object_new (HR_TYPE_FAKE_STATE_FILES, NULL);

  self->service = g_strdup (service);
  self->clock = g_object_ref (clock);
  return self;
}

/**
 * hr_fake_state_files_add:
 * @self: the state files
 * @release: that wrote it
 * @text: valid JSON
 *
 * Returns: (transfer none): id of a new snapshot
 */
const char *
hr_fake_state_files_add (HrFakeStateFiles *self, guint64 release, const char *text)
{
  g_autoptr (GError) error = NULL;
  HrSnapshot *snapshot = store (self, release, 1, text, &error);

  g_assert_no_error (error);
  return snapshot->id;
}

/**
 * hr_fake_state_files_n_written:
 * @self: the state files
 *
 * Returns: how many instances left state that was neither collected nor discarded
 */
guint
hr_fake_state_files_n_written (HrFakeStateFiles *self)
{
  return g_hash_table_size (self->written);
}

/**
 * hr_fake_state_files_n_open:
 * @self: the state files
 *
 * Returns: how many instances have a place for their state: those that run, and those whose end nobody saw to
 */
guint
hr_fake_state_files_n_open (HrFakeStateFiles *self)
{
  return g_hash_table_size (self->open);
}
