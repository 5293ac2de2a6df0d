/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-local-metric-reader.h"

#include <math.h>

#include "hr-command-task.h"
#include "hr-error.h"
#include "hr-http.h"

/* Of what a command says when it fails, in bytes. */
#define WORDS_MAX 512

struct _HrLocalMetricReader {
  GObject parent_instance;
};

static void reader_iface_init (HrMetricReaderInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HrLocalMetricReader, hr_local_metric_reader, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (HR_TYPE_METRIC_READER, reader_iface_init))

/* One look at several numbers. */
typedef struct {
  const HrMetricRequest *request;
  gint64 deadline;
  guint at; /* the metric that is being read */
  double values[HR_METRICS_MAX];
  char *url;      /* of the last answer */
  GBytes *answer; /* to it */
} Look;

static void
look_free (gpointer data)
{
  Look *self = data;

  g_clear_pointer (&self->answer, g_bytes_unref);
  g_free (self->url);
  g_free (self);
}

static void read_next (GTask *task);

static gint64
time_left (const Look *self)
{
  return MAX (self->deadline - g_get_monotonic_time (), 1);
}

/* Takes the task. */
static void
fail (GTask *task, GError *error)
{
  Look *self = g_task_get_task_data (task);

  g_prefix_error (&error, "while reading '%s': ", self->request->metrics[self->at]->text);
  g_task_return_error (task, error);
  g_object_unref (task);
}

/* Takes the task. */
static void
take_text (GTask *task, const char *text, gsize size)
{
  Look *self = g_task_get_task_data (task);
  GError *error = NULL;

  if (!hr_metric_spec_read_text (self->request->metrics[self->at], text, size, self->request->add_up,
                                 &self->values[self->at], &error))
    {
      fail (task, error);
      return;
    }
  self->at++;
  read_next (task);
}

static void
take_answer (GTask *task)
{
  Look *self = g_task_get_task_data (task);
  gsize size;
  const char *text = g_bytes_get_data (self->answer, &size);

  take_text (task, text, size);
}

static void
got_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Look *self = g_task_get_task_data (task);
  GError *error = NULL;
  guint status = 0;

  self->answer = hr_http_get_finish (result, &status, &error);
  if (self->answer == NULL)
    fail (task, error);
  else if (status != 200)
    fail (task, g_error_new (HR_ERROR, HR_ERROR_FAILED, "the answer has status %u", status));
  else
    take_answer (task);
}

static void
read_http (GTask *task, const HrMetricSpec *metric)
{
  Look *self = g_task_get_task_data (task);
  g_autofree char *url = hr_metric_spec_get_url (metric, self->request->port);
  HrHttpRequest get = { .source = self->request->source, .timeout_usec = time_left (self) };

  if (self->answer != NULL && g_str_equal (self->url, url))
    {
      take_answer (task);
      return;
    }
  g_clear_pointer (&self->answer, g_bytes_unref);
  g_free (self->url);
  self->url = g_steal_pointer (&url);
  get.url = self->url;
  hr_http_get_async (&get, g_task_get_cancellable (task), got_answer, task);
}

static gboolean
check_end (const HrCommandResult *result, const GString *said, GError **error)
{
  g_autofree char *end = hr_command_end (result->wait_status);
  g_autofree char *words = hr_command_words (said);

  if (end == NULL)
    return TRUE;
  g_set_error (error, HR_ERROR, HR_ERROR_FAILED, "%s%s%s", end, *words != '\0' ? ": " : "", words);
  return FALSE;
}

static void
printed (GObject *source, GAsyncResult *async, gpointer user_data)
{
  GTask *task = user_data;
  g_auto (HrCommandResult) result = { 0 };
  GError *error = NULL;

  if (!hr_command_task_finish (async, &result, &error) || !check_end (&result, result.errors, &error))
    fail (task, error);
  else if (result.left_out > 0)
    fail (task, g_error_new (HR_ERROR, HR_ERROR_LIMIT_EXCEEDED, "it printed more than %d bytes", HR_METRIC_OUTPUT_MAX));
  else
    take_text (task, result.output->str, result.output->len);
}

static HrCommand
make_command (const HrMetricRequest *request, const char *const *argv, gint64 deadline)
{
  const char *dir = request->view != NULL ? hr_view_program_dir (request->view) : NULL;

  return (HrCommand){
    .argv = argv,
    .environment = request->environment,
    .view = request->view,
    .isolation = request->isolation,
    .directory = dir != NULL ? dir : "/",
    .deadline = deadline,
  };
}

/* Keeps the task until all is read. */
static void
read_next (GTask *task)
{
  Look *self = g_task_get_task_data (task);
  const HrMetricSpec *metric;

  while (self->at < HR_METRICS_MAX && self->request->metrics[self->at] == NULL)
    self->at++;
  if (self->at == HR_METRICS_MAX)
    {
      g_task_return_boolean (task, TRUE);
      g_object_unref (task);
      return;
    }
  metric = self->request->metrics[self->at];
  if (metric->kind == HR_METRIC_HTTP)
    read_http (task, metric);
  else
    {
      HrCommand command = make_command (self->request, (const char *const *)metric->argv, self->deadline);

      command.output_head = HR_METRIC_OUTPUT_MAX;
      command.errors_apart = TRUE;
      hr_command_task_start (&command, g_task_get_cancellable (task), printed, task);
    }
}

static void
read_async (HrMetricReader *reader, const HrMetricRequest *request, GCancellable *cancellable,
            GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (reader, cancellable, callback, user_data);
  Look *look = g_new0 (Look, 1);

  g_task_set_source_tag (task, read_async);
  look->request = request;
  look->deadline = g_get_monotonic_time () + request->timeout_usec;
  for (guint i = 0; i < HR_METRICS_MAX; i++)
    look->values[i] = NAN;
  g_task_set_task_data (task, look, look_free);
  read_next (task);
}

static gboolean
read_finish (HrMetricReader *reader, GAsyncResult *result, double values[HR_METRICS_MAX], GError **error)
{
  const Look *look;

  g_return_val_if_fail (g_task_is_valid (result, reader), FALSE);
  if (!g_task_propagate_boolean (G_TASK (result), error))
    return FALSE;
  look = g_task_get_task_data (G_TASK (result));
  for (guint i = 0; i < HR_METRICS_MAX; i++)
    values[i] = look->values[i];
  return TRUE;
}

static void
ran (GObject *source, GAsyncResult *async, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_auto (HrCommandResult) result = { 0 };
  GError *error = NULL;

  if (!hr_command_task_finish (async, &result, &error) || !check_end (&result, result.output, &error))
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

static void
run_async (HrMetricReader *reader, const HrMetricRequest *request, GCancellable *cancellable,
           GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (reader, cancellable, callback, user_data);
  HrCommand command = make_command (request, request->argv, g_get_monotonic_time () + request->timeout_usec);

  g_task_set_source_tag (task, run_async);
  command.output_tail = WORDS_MAX;
  hr_command_task_start (&command, cancellable, ran, task);
}

static gboolean
run_finish (HrMetricReader *reader, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, reader), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
reader_iface_init (HrMetricReaderInterface *iface)
{
  iface->read_async = read_async;
  iface->read_finish = read_finish;
  iface->run_async = run_async;
  iface->run_finish = run_finish;
}

static void
hr_local_metric_reader_class_init (HrLocalMetricReaderClass *klass)
{
}

static void
hr_local_metric_reader_init (HrLocalMetricReader *self)
{
}

/**
 * hr_local_metric_reader_new:
 *
 * Returns: (transfer full): a reader
 */
HrMetricReader *
hr_local_metric_reader_new (void)
{
  return g_object_new (HR_TYPE_LOCAL_METRIC_READER, NULL);
}
