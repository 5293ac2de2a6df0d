/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-task-thread.h"

#include "hr-error.h"

typedef struct {
  GTask *task;
  GThread *thread;
  HrTaskThreadFunc func;
  GError *error;
  gboolean ok;
  gboolean answered;   /* without waiting for the thread any longer */
  GSource *deadline;   /* NULL: the thread ends by itself */
  GSource *cancelling; /* NULL: the same */
} Work;

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

/* Lets the caller go on; what the thread comes to is dropped. */
static void
answer (Work *self, GError *error)
{
  clear_source (&self->deadline);
  clear_source (&self->cancelling);
  self->answered = TRUE;
  g_task_return_error (self->task, error);
}

static gboolean
on_deadline (gpointer data)
{
  answer (data, g_error_new_literal (HR_ERROR, HR_ERROR_TIMED_OUT, "it took too long"));
  return G_SOURCE_REMOVE;
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer data)
{
  answer (data, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "it was cancelled"));
  return G_SOURCE_REMOVE;
}

/* In the caller's main context, so that neither thread nor task outlives the callback. */
static gboolean
work_finish (gpointer data)
{
  g_autofree Work *self = data;
  g_autoptr (GTask) task = self->task;

  g_thread_join (self->thread);
  clear_source (&self->deadline);
  clear_source (&self->cancelling);
  if (self->answered)
    g_clear_error (&self->error);
  else if (self->ok)
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

static GSource *
attach (Work *self, GSource *source, GSourceFunc func)
{
  g_source_set_priority (source, g_task_get_priority (self->task));
  g_source_set_callback (source, func, self, NULL);
  g_source_attach (source, g_task_get_context (self->task));
  return source;
}

/* With @msec 0 the thread is waited for however long it takes. */
static void
run (GTask *task, HrTaskThreadFunc func, guint msec)
{
  GCancellable *cancellable = g_task_get_cancellable (task);
  Work *self = g_new0 (Work, 1);
  GError *error = NULL;

  self->task = task;
  self->func = func;
  if (msec > 0)
    self->deadline = attach (self, g_timeout_source_new (msec), on_deadline);
  if (msec > 0 && cancellable != NULL)
    self->cancelling = attach (self, g_cancellable_source_new (cancellable), G_SOURCE_FUNC (on_cancelled));
  self->thread = g_thread_try_new ("task", work_run, self, &error);
  if (self->thread != NULL)
    return;
  clear_source (&self->deadline);
  clear_source (&self->cancelling);
  g_free (self);
  g_task_return_error (task, error);
  g_object_unref (task);
}

/**
 * hr_task_thread_run:
 * @task: (transfer full): returns %TRUE or the error of @func, from its main context
 * @func: what to do
 */
void
hr_task_thread_run (GTask *task, HrTaskThreadFunc func)
{
  run (task, func, 0);
}

/**
 * hr_task_thread_run_within:
 * @task: (transfer full): as of hr_task_thread_run(); without a source object. To be made in the main loop that is the
 *   thread-default one
 * @func: what to do
 * @msec: how long it may take, in milliseconds, above 0
 *
 * For what somebody else can hold up for as long as he likes, as a look into a file system that a program serves. When
 * time is up the task returns %HR_ERROR_TIMED_OUT, and when it is cancelled %G_IO_ERROR_CANCELLED, at once; the thread
 * goes on until it can end. The task's data is the thread's until then: only a callback that has got %TRUE may look at
 * it, and it is freed, from the main loop, when the thread has ended. Whoever starts such threads counts them there.
 */
void
hr_task_thread_run_within (GTask *task, HrTaskThreadFunc func, guint msec)
{
  g_return_if_fail (msec > 0 && g_task_get_source_object (task) == NULL);
  run (task, func, msec);
}
