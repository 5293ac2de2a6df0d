/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-probe-exec.h"

#include "hr-command-task.h"

static void
ended (GObject *source, GAsyncResult *async, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_auto (HrCommandResult) result = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean ran = hr_command_task_finish (async, &result, &error);
  g_autofree char *end = ran ? hr_command_end (result.wait_status) : g_strdup (error->message);
  g_autofree char *words = hr_command_words (result.output);

  if (end == NULL)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_FAILED, "%s%s%s", end, *words != '\0' ? ":\n" : "", words);
}

/**
 * hr_probe_exec_async:
 * @request: what to run
 * @cancellable: (nullable): kills what runs
 * @callback: called in the caller's main context; of a late one when it has been killed
 * @user_data: for @callback
 */
void
hr_probe_exec_async (const HrProbeRequest *request, GCancellable *cancellable, GAsyncReadyCallback callback,
                     gpointer user_data)
{
  const char *dir = request->view != NULL ? hr_view_program_dir (request->view) : NULL;
  const HrCommand command = {
    .argv = (const char *const *)request->probe->words,
    .environment = request->environment,
    .view = request->view,
    .isolation = request->spec != NULL ? &request->spec->isolation : NULL,
    .directory = dir != NULL ? dir : "/",
    .output_head = HR_PROBE_OUTPUT_MAX / 4,
    .output_tail = HR_PROBE_OUTPUT_MAX - HR_PROBE_OUTPUT_MAX / 4,
    .deadline = g_get_monotonic_time () + request->timeout,
  };
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_set_source_tag (task, hr_probe_exec_async);
  hr_command_task_start (&command, cancellable, ended, task);
}

/**
 * hr_probe_exec_finish:
 * @result: of hr_probe_exec_async()
 * @error: return location
 *
 * Returns: whether the command exited with 0 in time; else an error of any domain with its last words
 */
gboolean
hr_probe_exec_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_async_result_is_tagged (result, hr_probe_exec_async), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}
