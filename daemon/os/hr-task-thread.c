/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-task-thread.h"

typedef struct {
  GTask *task;
  GThread *thread;
  HrTaskThreadFunc func;
  GError *error;
  gboolean ok;
} Work;

/* In the caller's main context, so that neither thread nor task outlives the callback. */
static gboolean
work_finish (gpointer data)
{
  g_autofree Work *self = data;
  g_autoptr (GTask) task = self->task;

  g_thread_join (self->thread);
  if (self->ok)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, self->error);
  return G_SOURCE_REMOVE;
}

static gpointer
work_run (gpointer data)
{
  Work *self = data;
  g_autoptr (GSource) source = g_idle_source_new ();

  self->ok = self->func (g_task_get_task_data (self->task), g_task_get_cancellable (self->task), &self->error);
  g_source_set_priority (source, g_task_get_priority (self->task));
  g_source_set_callback (source, work_finish, self, NULL);
  g_source_attach (source, g_task_get_context (self->task));
  return NULL;
}

/**
 * hr_task_thread_run:
 * @task: (transfer full): returns %TRUE or the error of @func, from its main context
 * @func: what to do
 */
void
hr_task_thread_run (GTask *task, HrTaskThreadFunc func)
{
  Work *self = g_new0 (Work, 1);
  GError *error = NULL;

  self->task = task;
  self->func = func;
  self->thread = g_thread_try_new ("task", work_run, self, &error);
  if (self->thread != NULL)
    return;
  g_free (self);
  g_task_return_error (task, error);
  g_object_unref (task);
}
