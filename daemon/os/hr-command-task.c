/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-command-task.h"

typedef struct {
  GTask *task;
  GThread *thread;
  HrCommand command;
  char *directory;
  HrCommandResult result;
  GError *error;
  gboolean ok;
} Run;

static void
run_free (gpointer data)
{
  Run *self = data;

  hr_command_result_clear (&self->result);
  g_clear_error (&self->error);
  g_free (self->directory);
  g_free (self);
}

/* In the caller's main context. */
static gboolean
ended (gpointer data)
{
  Run *self = data;
  g_autoptr (GTask) task = self->task;

  g_thread_join (g_steal_pointer (&self->thread));
  if (self->ok)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, g_steal_pointer (&self->error));
  return G_SOURCE_REMOVE;
}

static gpointer
run (gpointer data)
{
  Run *self = data;
  g_autoptr (GSource) source = g_idle_source_new ();

  self->ok = hr_command_run (&self->command, g_task_get_cancellable (self->task), &self->result, &self->error);
  g_source_set_priority (source, g_task_get_priority (self->task));
  g_source_set_callback (source, ended, self, NULL);
  g_source_attach (source, g_task_get_context (self->task));
  return NULL;
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
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  Run *self = g_new0 (Run, 1);
  GError *error = NULL;

  g_task_set_source_tag (task, hr_command_task_start);
  /* Cancelled or not, the callback comes when the child is gone. */
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, self, run_free);
  self->task = task;
  self->command = *command;
  self->directory = g_strdup (command->directory);
  self->command.directory = self->directory;
  self->result.wait_status = -1;
  self->thread = g_thread_try_new ("command", run, self, &error);
  if (self->thread == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  /* Now it is that of ended(). */
  g_steal_pointer (&task);
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
