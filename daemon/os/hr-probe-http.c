/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-probe-http.h"

#include <string.h>

#include "hr-http.h"
#include "hr-words.h"

static gboolean
has_text (const HrServiceSpec *spec, const guint8 *body, gsize size)
{
  return size > 0 && memmem (body, size, spec->probe_text, strlen (spec->probe_text)) != NULL;
}

/* A body may have no end: no more of it is read than the verdict needs. */
static gboolean
is_decided (guint status, const guint8 *body, gsize size, gpointer user_data)
{
  const HrServiceSpec *spec = user_data;

  return !hr_probe_status_accepts (spec->probe_status, status) || spec->probe_text == NULL
         || has_text (spec, body, size) || size >= HR_PROBE_BODY_MAX;
}

static void
answered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  const HrServiceSpec *spec = g_task_get_task_data (task);
  GError *error = NULL;
  guint status = 0;
  g_autoptr (GBytes) body = hr_http_get_finish (result, &status, &error);
  g_autofree char *text = spec->probe_text != NULL ? hr_words_quote (spec->probe_text) : NULL;
  gsize size;
  const guint8 *data;

  if (body == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  data = g_bytes_get_data (body, &size);
  if (!hr_probe_status_accepts (spec->probe_status, status))
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_FAILED, "it answered with status %u", status);
  else if (spec->probe_text == NULL || has_text (spec, data, size))
    g_task_return_boolean (task, TRUE);
  else if (size >= HR_PROBE_BODY_MAX)
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_FAILED,
                             "what it answered does not contain %s in its first %d bytes", text, HR_PROBE_BODY_MAX);
  else
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_FAILED, "what it answered does not contain %s", text);
}

/**
 * hr_probe_http_async:
 * @request: what to ask
 * @cancellable: (nullable): ends it
 * @callback: called in the caller's main context
 * @user_data: for @callback
 */
void
hr_probe_http_async (const HrProbeRequest *request, GCancellable *cancellable, GAsyncReadyCallback callback,
                     gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  const HrHttpRequest get = {
    .url = request->probe->words[0],
    .source = request->source,
    .timeout_usec = request->timeout,
    .enough = is_decided,
    .user_data = request->spec,
  };

  g_task_set_source_tag (task, hr_probe_http_async);
  g_task_set_task_data (task, hr_service_spec_ref (request->spec), (GDestroyNotify)hr_service_spec_unref);
  hr_http_get_async (&get, cancellable, answered, g_steal_pointer (&task));
}

/**
 * hr_probe_http_finish:
 * @result: of hr_probe_http_async()
 * @error: return location
 *
 * Returns: whether the answer is one that Status and Text want; else an error that says what came, %HR_ERROR_TIMED_OUT
 *   when nothing did in time
 */
gboolean
hr_probe_http_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_async_result_is_tagged (result, hr_probe_http_async), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}
