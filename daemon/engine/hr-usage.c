/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-usage.h"

#include "hr-error.h"
#include "hr-service-private.h"
#include "hr-task-thread.h"

struct _HrUsage {
  GObject parent_instance;

  GQueue waiting; /* GTask */
  gboolean looking;
};

G_DEFINE_FINAL_TYPE (HrUsage, hr_usage, G_TYPE_OBJECT)

/* One look: what is asked for, and what comes of it. */
typedef struct {
  GPtrArray *services; /* HrService */
  gboolean commands;
  GPtrArray *roots;
  HrUsageReport *report;
} Look;

static void
look_free (Look *self)
{
  g_clear_pointer (&self->services, g_ptr_array_unref);
  g_clear_pointer (&self->roots, g_ptr_array_unref);
  hr_usage_report_free (self->report);
  g_free (self);
}

static void
instance_free (HrUsageInstance *self)
{
  g_free (self->service);
  g_free (self->cgroup);
  g_free (self);
}

/**
 * hr_usage_report_free:
 * @self: (nullable): what was seen
 */
void
hr_usage_report_free (HrUsageReport *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->services, g_ptr_array_unref);
  g_clear_pointer (&self->instances, g_ptr_array_unref);
  g_clear_pointer (&self->processes, g_ptr_array_unref);
  g_free (self);
}

static void
hr_usage_class_init (HrUsageClass *klass)
{
}

static void
hr_usage_init (HrUsage *self)
{
  g_queue_init (&self->waiting);
}

/**
 * hr_usage_new:
 *
 * Returns: (transfer full): who looks
 */
HrUsage *
hr_usage_new (void)
{
  return g_object_new (HR_TYPE_USAGE, NULL);
}

static const char *
role_of (HrService *service, HrGeneration *generation, GPtrArray *running)
{
  if (hr_generation_is_stopping (generation))
    return "retiring";
  if (!hr_generation_is_ready (generation))
    return "starting";
  return g_ptr_array_find (running, generation, NULL) ? "serving" : "candidate";
}

static void
add_instances (Look *look, HrService *service)
{
  g_autoptr (GPtrArray) alive = hr_service_list_alive (service);
  g_autoptr (GPtrArray) running = hr_service_list_running (service);

  g_ptr_array_add (look->report->services, g_strdup (hr_service_get_name (service)));
  for (guint i = 0; i < alive->len; i++)
    {
      HrGeneration *generation = g_ptr_array_index (alive, i);
      HrUsageInstance *instance = g_new0 (HrUsageInstance, 1);

      instance->service = g_strdup (hr_service_get_name (service));
      instance->pid = hr_generation_get_pid (generation);
      instance->release = hr_generation_get_release (generation);
      instance->index = hr_generation_get_plan (generation)->index;
      instance->cgroup = g_strdup (hr_generation_get_cgroup (generation));
      instance->role = role_of (service, generation, running);
      g_ptr_array_add (look->report->instances, instance);
      g_ptr_array_add (look->roots,
                       hr_process_root_new (instance->pid, hr_generation_get_id (generation), instance->cgroup));
    }
}

/* Of what runs when it is looked, not when it was asked for. */
static void
list_instances (Look *look)
{
  look->report = g_new0 (HrUsageReport, 1);
  look->report->services = g_ptr_array_new_with_free_func (g_free);
  look->report->instances = g_ptr_array_new_with_free_func ((GDestroyNotify)instance_free);
  look->roots = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_process_root_free);
  for (guint i = 0; i < look->services->len; i++)
    add_instances (look, g_ptr_array_index (look->services, i));
}

static gboolean
work (gpointer data, GCancellable *cancellable, GError **error)
{
  Look *look = data;

  for (guint i = 0; i < look->report->instances->len; i++)
    {
      HrUsageInstance *instance = g_ptr_array_index (look->report->instances, i);

      hr_cgroup_read_usage (instance->cgroup, &instance->group);
    }
  look->report->processes = hr_process_usage_read (look->roots, look->commands);
  return TRUE;
}

static void next (HrUsage *self);

static void
looked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  HrUsage *self = HR_USAGE (source);
  g_autoptr (GTask) asked = user_data;
  GError *error = NULL;

  self->looking = FALSE;
  if (g_task_propagate_boolean (G_TASK (result), &error))
    g_task_return_boolean (asked, TRUE);
  else
    g_task_return_error (asked, error);
  next (self);
}

static void
next (HrUsage *self)
{
  GTask *asked = self->looking ? NULL : g_queue_pop_head (&self->waiting);
  GTask *task;
  Look *look;

  if (asked == NULL)
    return;
  self->looking = TRUE;
  look = g_task_get_task_data (asked);
  list_instances (look);
  task = g_task_new (self, NULL, looked, asked);
  /* Borrowed: the task that asked lives until this one has returned. */
  g_task_set_task_data (task, look, NULL);
  hr_task_thread_run (task, work);
}

/**
 * hr_usage_look_async:
 * @self: who looks
 * @services: (element-type HrService): whose processes
 * @commands: whether names and command lines are asked for
 * @callback: called when it was looked
 * @user_data: for @callback
 *
 * Fails with %HR_ERROR_LIMIT_EXCEEDED when %HR_USAGE_WAITING_MAX wait.
 */
void
hr_usage_look_async (HrUsage *self, GPtrArray *services, gboolean commands, GAsyncReadyCallback callback,
                     gpointer user_data)
{
  GTask *task = g_task_new (self, NULL, callback, user_data);
  Look *look = g_new0 (Look, 1);

  g_return_if_fail (HR_IS_USAGE (self));

  look->services = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < services->len; i++)
    g_ptr_array_add (look->services, g_object_ref (g_ptr_array_index (services, i)));
  look->commands = commands;
  g_task_set_task_data (task, look, (GDestroyNotify)look_free);
  if (self->waiting.length >= HR_USAGE_WAITING_MAX)
    {
      g_task_return_new_error (task, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED,
                               "%d others wait for a look at their services' processes", HR_USAGE_WAITING_MAX);
      g_object_unref (task);
      return;
    }
  g_queue_push_tail (&self->waiting, task);
  next (self);
}

/**
 * hr_usage_look_finish:
 * @self: who looks
 * @result: of hr_usage_look_async()
 * @error: return location
 *
 * Returns: (transfer full): what was seen
 */
HrUsageReport *
hr_usage_look_finish (HrUsage *self, GAsyncResult *result, GError **error)
{
  Look *look = g_task_get_task_data (G_TASK (result));

  if (!g_task_propagate_boolean (G_TASK (result), error))
    return NULL;
  return g_steal_pointer (&look->report);
}
