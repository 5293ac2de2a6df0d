/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-command-task.h"

#include "hr-task-thread.h"

typedef struct {
  HrCommand command;
  char *directory;
  HrCommandResult result;
} Run;

static void
run_free (gpointer data)
{
  Run *self = data;

  hr_command_result_clear (&self->result);
  g_free (self->directory);
  g_free (self);
}

static gboolean
run (gpointer data, GCancellable *cancellable, GError **error)
{
  Run *self = data;

  return hr_command_run (&self->command, cancellable, &self->result, error);
}

/**
 * hr_command_task_start:
 * @command: what to run; what it points to, but for the directory, stays the caller's until @callback
 * @cancellable: (nullable): stops it
 * @callback: called in the caller's main context
 * @user_data: for @callback
 */
void
hr_command_task_start (const HrCommand *command, GCancellable *cancellable, GAsyncReadyCallback callback,
                       gpointer user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);
  Run *self = g_new0 (Run, 1);

  g_task_set_source_tag (task, hr_command_task_start);
  /* Cancelled or not, the callback comes when the child is gone. */
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, self, run_free);
  self->command = *command;
  self->directory = g_strdup (command->directory);
  self->command.directory = self->directory;
  self->result.wait_status = -1;
  hr_task_thread_run (task, run);
}

/**
 * hr_command_task_finish:
 * @async: of hr_command_task_start()
 * @result: (out): as of hr_command_run(); to be cleared in any case
 * @error: return location
 *
 * Returns: as hr_command_run()
 */
gboolean
hr_command_task_finish (GAsyncResult *async, HrCommandResult *result, GError **error)
{
  Run *self;

  g_return_val_if_fail (g_task_is_valid (async, NULL) && result != NULL, FALSE);
  self = g_task_get_task_data (G_TASK (async));
  *result = self->result;
  self->result = (HrCommandResult){ .wait_status = -1 };
  return g_task_propagate_boolean (G_TASK (async), error);
}
