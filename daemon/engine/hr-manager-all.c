/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is done to all services: reload, pause, shutdown.
 */
#include "hr-log.h"
#include "hr-manager-private.h"

/* Whether none of its services has begun. */
static gboolean
waits_for_all (HrJob *job)
{
  GPtrArray *children = hr_job_get_children (job);

  for (guint i = 0; i < children->len; i++)
    if (hr_job_get_result (g_ptr_array_index (children, i)) != HR_JOB_WAITING)
      return FALSE;
  return hr_job_get_kind (job) == HR_JOB_RELOAD_ALL && !hr_job_is_finished (job);
}

static HrJob *
find_waiting_for_all (HrManager *self)
{
  g_autoptr (GPtrArray) jobs = hr_job_list_get_all (self->jobs);

  for (guint i = jobs->len; i > 0; i--)
    if (waits_for_all (g_ptr_array_index (jobs, i - 1)))
      return g_ptr_array_index (jobs, i - 1);
  return NULL;
}

/**
 * hr_manager_reload_all:
 * @self: a manager
 * @caller: (nullable): who asked
 *
 * Every service that is not stopped on request. As for one service, at most one such job waits.
 *
 * Returns: (transfer none): a job with a child for each
 */
HrJob *
hr_manager_reload_all (HrManager *self, const char *caller)
{
  HrJob *waiting = find_waiting_for_all (self);
  g_autoptr (HrJob) job = NULL;
  g_autoptr (GPtrArray) services = NULL;

  if (waiting != NULL)
    return waiting;
  job = hr_job_new (hr_job_list_next_id (self->jobs), HR_JOB_RELOAD_ALL, "", caller);
  services = hr_manager_list (self);
  hr_job_list_add (self->jobs, job);
  hr_job_set_phase (job, NULL);
  for (guint i = 0; i < services->len; i++)
    if (hr_service_wants_start (g_ptr_array_index (services, i)))
      hr_job_add_child (job, hr_service_reload (g_ptr_array_index (services, i), caller));
  hr_job_edit_outcome (job)->message = g_strdup_printf ("%u services", hr_job_get_children (job)->len);
  hr_job_settle (job);
  return job;
}

/**
 * hr_manager_set_paused:
 * @self: a manager
 * @paused: whether changes of any source are only kept
 */
void
hr_manager_set_paused (HrManager *self, gboolean paused)
{
  g_autoptr (GPtrArray) services = hr_manager_list (self);
  g_autoptr (GError) error = NULL;

  if (!hr_run_state_set_all_paused (hr_platform_get_run_state (self->platform), paused, &error))
    hr_log_warning (NULL, "%s", error->message);
  for (guint i = 0; i < services->len; i++)
    hr_service_set_paused (g_ptr_array_index (services, i), paused, TRUE);
  hr_manager_touch (self);
}

static void
shutdown_step (HrJob *job, gpointer user_data)
{
  HrManager *self = user_data;
  guint left = GPOINTER_TO_UINT (g_task_get_task_data (self->shutdown)) - 1;

  g_task_set_task_data (self->shutdown, GUINT_TO_POINTER (left), NULL);
  if (left > 0)
    return;
  g_task_return_boolean (self->shutdown, TRUE);
  g_clear_object (&self->shutdown);
}

/**
 * hr_manager_shutdown_async:
 * @self: a manager
 * @callback: called when no service runs
 * @user_data: for @callback
 *
 * Stops all services side by side; none is remembered as stopped on request. Those that were removed and are still
 * stopping are waited for.
 */
void
hr_manager_shutdown_async (HrManager *self, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GPtrArray) services = hr_manager_list (self);
  GHashTableIter iter;
  gpointer removed;

  g_return_if_fail (self->shutdown == NULL);
  self->ending = TRUE;

  g_hash_table_iter_init (&iter, self->removing);
  while (g_hash_table_iter_next (&iter, &removed, NULL))
    g_ptr_array_add (services, g_object_ref (removed));

  self->shutdown = g_task_new (self, NULL, callback, user_data);
  /* One more, for this function itself: a stop may end at once. */
  g_task_set_task_data (self->shutdown, GUINT_TO_POINTER (services->len + 1), NULL);
  for (guint i = 0; i < services->len; i++)
    {
      HrJob *job = hr_service_stop (g_ptr_array_index (services, i), NULL);

      if (hr_job_is_finished (job))
        shutdown_step (job, self);
      else
        g_signal_connect (job, "finished", G_CALLBACK (shutdown_step), self);
    }
  shutdown_step (NULL, self);
}

/**
 * hr_manager_shutdown_finish:
 * @self: a manager
 * @result: of hr_manager_shutdown_async()
 */
void
hr_manager_shutdown_finish (HrManager *self, GAsyncResult *result)
{
  g_task_propagate_boolean (G_TASK (result), NULL);
}

/**
 * hr_manager_leave_async:
 * @self: a manager
 * @callback: called when nothing is under way
 * @user_data: for @callback
 *
 * Services run on: another daemon takes them over. Nothing is begun any more; what is under way is cancelled where it
 * can be, and waited for. Transient services stop, and those that were removed.
 */
void
hr_manager_leave_async (HrManager *self, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GPtrArray) services = hr_manager_list (self);
  g_autoptr (GPtrArray) jobs = g_ptr_array_new_with_free_func (g_object_unref);
  GHashTableIter iter;
  gpointer removed;

  g_return_if_fail (self->shutdown == NULL);
  self->ending = TRUE;

  for (guint i = 0; i < services->len; i++)
    {
      HrService *service = g_ptr_array_index (services, i);
      HrJob *job = hr_service_is_transient (service) ? g_object_ref (hr_service_stop (service, NULL))
                                                     : hr_service_leave (service);

      if (job != NULL)
        g_ptr_array_add (jobs, job);
    }
  g_hash_table_iter_init (&iter, self->removing);
  while (g_hash_table_iter_next (&iter, &removed, NULL))
    g_ptr_array_add (jobs, g_object_ref (hr_service_stop (removed, NULL)));

  self->shutdown = g_task_new (self, NULL, callback, user_data);
  g_task_set_task_data (self->shutdown, GUINT_TO_POINTER (jobs->len + 1), NULL);
  for (guint i = 0; i < jobs->len; i++)
    {
      HrJob *job = g_ptr_array_index (jobs, i);

      if (hr_job_is_finished (job))
        shutdown_step (job, self);
      else
        g_signal_connect (job, "finished", G_CALLBACK (shutdown_step), self);
    }
  shutdown_step (NULL, self);
}

/**
 * hr_manager_leave_finish:
 * @self: a manager
 * @result: of hr_manager_leave_async()
 */
void
hr_manager_leave_finish (HrManager *self, GAsyncResult *result)
{
  g_task_propagate_boolean (G_TASK (result), NULL);
}
