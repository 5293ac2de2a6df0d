/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-bus-job.h"

#include "hr-bus-format.h"
#include "hr-bus-guard.h"
#include "hr-bus-text.h"
#include "hr-error.h"
#include "hr-object-path.h"

struct _HrBusJob {
  GObject parent_instance;

  HrJob *job;
  HrDbusJob *skeleton;
  GDBusObjectSkeleton *object;
};

G_DEFINE_FINAL_TYPE (HrBusJob, hr_bus_job, G_TYPE_OBJECT)

static void
hr_bus_job_dispose (GObject *object)
{
  HrBusJob *self = HR_BUS_JOB (object);

  if (self->job != NULL)
    g_signal_handlers_disconnect_by_data (self->job, self);
  if (self->skeleton != NULL)
    g_signal_handlers_disconnect_by_data (self->skeleton, self);
  g_clear_object (&self->object);
  g_clear_object (&self->skeleton);
  g_clear_object (&self->job);
  G_OBJECT_CLASS (hr_bus_job_parent_class)->dispose (object);
}

static void
hr_bus_job_class_init (HrBusJobClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hr_bus_job_dispose;
}

static void
hr_bus_job_init (HrBusJob *self)
{
}

static void
set_children (HrBusJob *self)
{
  GPtrArray *children = hr_job_get_children (self->job);
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < children->len; i++)
    g_ptr_array_add (paths, hr_job_object_path (hr_job_get_id (g_ptr_array_index (children, i))));
  g_ptr_array_add (paths, NULL);
  hr_dbus_job_set_children (self->skeleton, (const char *const *)paths->pdata);
}

/* Phases are what a client follows: each is said, not only the last of a turn of the loop. */
static void
job_changed (HrJob *job, HrBusJob *self)
{
  const GError *error = hr_job_get_error (job);
  g_autofree char *message = hr_bus_text (error != NULL ? error->message : NULL);

  hr_dbus_job_set_phase (self->skeleton, hr_job_get_phase (job));
  hr_dbus_job_set_result (self->skeleton, hr_job_result_to_string (hr_job_get_result (job)));
  hr_dbus_job_set_error (self->skeleton, message);
  hr_dbus_job_set_details (self->skeleton, hr_bus_format_details (job, hr_job_get_error (job)));
  set_children (self);
  g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (self->skeleton));
}

static void
job_finished (HrJob *job, HrBusJob *self)
{
  const GError *error = hr_job_get_error (job);
  g_autofree char *message = hr_bus_text (error != NULL ? error->message : NULL);

  job_changed (job, self);
  hr_dbus_job_emit_finished (self->skeleton, error == NULL, message);
}

static gboolean
handle_cancel (HrDbusJob *skeleton, GDBusMethodInvocation *invocation, HrBusJob *self)
{
  GError *error = NULL;

  if (hr_job_cancel (self->job, hr_bus_auth_caller (invocation), &error))
    hr_dbus_job_complete_cancel (skeleton, invocation);
  else
    g_dbus_method_invocation_take_error (invocation, error);
  return TRUE;
}

/**
 * hr_bus_job_new:
 * @job: a job
 * @auth: who may call
 *
 * Returns: (transfer full): the job as an object for the bus
 */
HrBusJob *
hr_bus_job_new (HrJob *job, HrBusAuth *auth)
{
  HrBusJob *self = g_object_new (HR_TYPE_BUS_JOB, NULL);
  g_autofree char *path = hr_job_object_path (hr_job_get_id (job));
  const char *caller = hr_job_get_caller (job);

  self->job = g_object_ref (job);
  self->skeleton = hr_bus_guard_new (auth, HR_DBUS_TYPE_JOB_SKELETON);
  hr_dbus_job_set_service (self->skeleton, hr_job_get_service (job));
  hr_dbus_job_set_kind (self->skeleton, hr_job_kind_to_string (hr_job_get_kind (job)));
  hr_dbus_job_set_caller (self->skeleton, caller != NULL ? caller : "");
  job_changed (job, self);
  g_signal_connect (self->skeleton, "handle-cancel", G_CALLBACK (handle_cancel), self);
  g_signal_connect (job, "changed", G_CALLBACK (job_changed), self);
  g_signal_connect (job, "finished", G_CALLBACK (job_finished), self);
  self->object = g_dbus_object_skeleton_new (path);
  g_dbus_object_skeleton_add_interface (self->object, G_DBUS_INTERFACE_SKELETON (self->skeleton));
  return self;
}

/**
 * hr_bus_job_get_object:
 * @self: a job on the bus
 *
 * Returns: (transfer none): its object
 */
GDBusObjectSkeleton *
hr_bus_job_get_object (HrBusJob *self)
{
  return self->object;
}
