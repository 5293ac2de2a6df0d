/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-fake-metric-reader.h"

#include <math.h>

#include "hr-error.h"

static void hr_fake_metric_reader_iface_init (HrMetricReaderInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HrFakeMetricReader, hr_fake_metric_reader, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (HR_TYPE_METRIC_READER, hr_fake_metric_reader_iface_init))

static void
answer_read (GTask *task)
{
  HrFakeMetricReader *self = g_task_get_source_object (task);
  const HrMetricRequest *request = g_task_get_task_data (task);
  double *values;

  if (self->unreadable != NULL)
    {
      g_task_return_new_error (task, HR_ERROR, HR_ERROR_FAILED, "%s", self->unreadable);
      return;
    }
  values = g_new (double, HR_METRICS_MAX);
  self->add_up = request->add_up;
  self->port = request->port;
  for (guint i = 0; i < HR_METRICS_MAX; i++)
    {
      self->values[i] += self->grow[i];
      values[i] = request->metrics[i] != NULL ? self->values[i] : NAN;
    }
  g_task_return_pointer (task, values, g_free);
}

static void
fake_read_async (HrMetricReader *reader, const HrMetricRequest *request, GCancellable *cancellable,
                 GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (reader, cancellable, callback, user_data);

  g_task_set_task_data (task, (gpointer)request, NULL);
  hr_fake_gate_pass (&HR_FAKE_METRIC_READER (reader)->read, task, answer_read);
}

static gboolean
fake_read_finish (HrMetricReader *reader, GAsyncResult *result, double values[HR_METRICS_MAX], GError **error)
{
  g_autofree double *got = g_task_propagate_pointer (G_TASK (result), error);

  for (guint i = 0; i < HR_METRICS_MAX && got != NULL; i++)
    values[i] = got[i];
  return got != NULL;
}

static void
answer_run (GTask *task)
{
  HrFakeMetricReader *self = g_task_get_source_object (task);

  if (self->fault != NULL)
    g_task_return_new_error (task, HR_ERROR, HR_ERROR_FAILED, "%s", self->fault);
  else
    g_task_return_boolean (task, TRUE);
}

static void
fake_run_async (HrMetricReader *reader, const HrMetricRequest *request, GCancellable *cancellable,
                GAsyncReadyCallback callback, gpointer user_data)
{
  g_assert_nonnull (request->environment);
  hr_fake_gate_pass (&HR_FAKE_METRIC_READER (reader)->run, g_task_new (reader, cancellable, callback, user_data),
                     answer_run);
}

static gboolean
fake_run_finish (HrMetricReader *reader, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
hr_fake_metric_reader_iface_init (HrMetricReaderInterface *iface)
{
  iface->read_async = fake_read_async;
  iface->read_finish = fake_read_finish;
  iface->run_async = fake_run_async;
  iface->run_finish = fake_run_finish;
}

static void
hr_fake_metric_reader_finalize (GObject *object)
{
  HrFakeMetricReader *self = HR_FAKE_METRIC_READER (object);

  hr_fake_gate_clear (&self->read);
  hr_fake_gate_clear (&self->run);
  G_OBJECT_CLASS (hr_fake_metric_reader_parent_class)->finalize (object);
}

static void
hr_fake_metric_reader_class_init (HrFakeMetricReaderClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_fake_metric_reader_finalize;
}

static void
hr_fake_metric_reader_init (HrFakeMetricReader *self)
{
}

/**
 * hr_fake_metric_reader_new:
 *
 * Returns: (transfer full): a reader; every number is 0 and every command ends well
 */
HrFakeMetricReader *
hr_fake_metric_reader_new (void)
{
  return g_object_new (HR_TYPE_FAKE_METRIC_READER, NULL);
}
