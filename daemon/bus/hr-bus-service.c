/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-bus-service.h"

#include "hr-bus-calls.h"
#include "hr-bus-dirty.h"
#include "hr-bus-format.h"
#include "hr-bus-guard.h"
#include "hr-bus-text.h"
#include "hr-object-path.h"

struct _HrBusService {
  GObject parent_instance;

  HrManager *manager;
  HrService *service;
  HrDbusService *skeleton;
  GDBusObjectSkeleton *object;
  HrBusDirty dirty;
};

G_DEFINE_FINAL_TYPE (HrBusService, hr_bus_service, G_TYPE_OBJECT)

static void
hr_bus_service_dispose (GObject *object)
{
  HrBusService *self = HR_BUS_SERVICE (object);

  hr_bus_dirty_clear (&self->dirty);
  if (self->service != NULL)
    g_signal_handlers_disconnect_by_data (self->service, self);
  if (self->skeleton != NULL)
    g_signal_handlers_disconnect_by_data (self->skeleton, self);
  g_clear_object (&self->object);
  g_clear_object (&self->skeleton);
  g_clear_object (&self->service);
  g_clear_object (&self->manager);
  G_OBJECT_CLASS (hr_bus_service_parent_class)->dispose (object);
}

static void
hr_bus_service_class_init (HrBusServiceClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hr_bus_service_dispose;
}

static void
hr_bus_service_init (HrBusService *self)
{
}

/**
 * hr_bus_service_flush:
 * @self: a service on the bus
 *
 * Brings its properties to what the engine says now.
 */
void
hr_bus_service_flush (HrBusService *self)
{
  HrDbusService *skeleton = self->skeleton;
  HrService *service = self->service;
  g_auto (GStrv) listen = hr_service_get_listen (service);
  g_auto (GStrv) stored = hr_service_get_stored (service);
  g_auto (GStrv) raw_pending = hr_service_get_pending (service);
  g_auto (GStrv) pending = hr_bus_texts ((const char *const *)raw_pending);
  g_auto (GStrv) raw_notes = hr_service_get_notes (service);
  g_auto (GStrv) notes = hr_bus_texts ((const char *const *)raw_notes);
  g_autofree char *log_file = hr_service_get_log_file (service);
  g_auto (GStrv) instance_log_files = hr_service_get_instance_log_files (service);
  g_autofree char *instance_log_file = hr_service_get_instance_log_file (service);
  g_autofree char *advice = hr_service_get_sockets_advice (service);
  g_autofree char *error = hr_bus_text (hr_service_get_error (service));
  g_autofree char *status = hr_bus_text (hr_service_get_status_text (service));

  hr_dbus_service_set_description (skeleton, hr_service_get_description (service));
  hr_dbus_service_set_state (skeleton, hr_service_get_state (service));
  hr_dbus_service_set_health (skeleton, hr_service_get_health (service));
  hr_dbus_service_set_pid (skeleton, (guint)hr_service_get_pid (service));
  hr_dbus_service_set_instances (skeleton, hr_service_get_instances (service));
  hr_dbus_service_set_serving (skeleton, hr_service_get_serving (service));
  hr_dbus_service_set_pids (skeleton, hr_bus_format_pids (service));
  hr_dbus_service_set_release (skeleton, hr_service_get_release (service));
  hr_dbus_service_set_restarts (skeleton, hr_service_get_restarts (service));
  hr_dbus_service_set_drains_cut (skeleton, hr_service_get_tally (service)->n_cut);
  hr_dbus_service_set_connections_cut (skeleton, hr_service_get_tally (service)->connections);
  hr_dbus_service_set_connections_cut_busy (skeleton, hr_service_get_tally (service)->busy);
  hr_dbus_service_set_since_usec (skeleton, (guint64)hr_service_get_since (service));
  hr_dbus_service_set_state_since_usec (skeleton, (guint64)hr_service_get_state_since (service));
  hr_dbus_service_set_memory_bytes (skeleton, (guint64)MAX (hr_service_get_memory (service), 0));
  hr_dbus_service_set_listen (skeleton, (const char *const *)listen);
  hr_dbus_service_set_stored (skeleton, (const char *const *)stored);
  hr_dbus_service_set_sockets_advice (skeleton, advice != NULL ? advice : "");
  hr_dbus_service_set_view (skeleton, hr_service_get_view (service));
  hr_dbus_service_set_error (skeleton, error);
  hr_dbus_service_set_ends (skeleton, hr_bus_format_ends (service));
  hr_dbus_service_set_canary (skeleton, hr_bus_format_service_canary (service));
  hr_dbus_service_set_paused (skeleton, hr_service_get_paused (service));
  hr_dbus_service_set_pending (skeleton, (const char *const *)pending);
  hr_dbus_service_set_notes (skeleton, (const char *const *)notes);
  hr_dbus_service_set_status_text (skeleton, status);
  hr_dbus_service_set_rollback_point (skeleton, hr_service_get_rollback_point (service));
  hr_dbus_service_set_log_file (skeleton, log_file);
  hr_dbus_service_set_instance_log_file (skeleton, instance_log_file);
  hr_dbus_service_set_instance_log_files (skeleton, (const char *const *)instance_log_files);
}

static void
flush (gpointer user_data)
{
  hr_bus_service_flush (user_data);
}

static void
service_changed (HrService *service, HrBusService *self)
{
  hr_bus_dirty_mark (&self->dirty, flush, self);
}

static gboolean
handle_start (HrDbusService *skeleton, GDBusMethodInvocation *invocation, HrBusService *self)
{
  hr_bus_call_start (self->service, invocation);
  return TRUE;
}

static gboolean
handle_stop (HrDbusService *skeleton, GDBusMethodInvocation *invocation, HrBusService *self)
{
  hr_bus_call_stop (self->service, invocation);
  return TRUE;
}

static gboolean
handle_restart (HrDbusService *skeleton, GDBusMethodInvocation *invocation, HrBusService *self)
{
  hr_bus_call_restart (self->service, invocation);
  return TRUE;
}

static gboolean
handle_reload (HrDbusService *skeleton, GDBusMethodInvocation *invocation, HrBusService *self)
{
  hr_bus_call_reload (self->service, invocation, NULL);
  return TRUE;
}

static gboolean
handle_reload_with_options (HrDbusService *skeleton, GDBusMethodInvocation *invocation, GVariant *options,
                            HrBusService *self)
{
  hr_bus_call_reload (self->service, invocation, options);
  return TRUE;
}

static gboolean
handle_rollback (HrDbusService *skeleton, GDBusMethodInvocation *invocation, guint64 release, HrBusService *self)
{
  hr_bus_call_rollback (self->service, invocation, release);
  return TRUE;
}

static gboolean
handle_reset_failed (HrDbusService *skeleton, GDBusMethodInvocation *invocation, HrBusService *self)
{
  hr_bus_call_reset_failed (self->service, invocation);
  return TRUE;
}

static gboolean
handle_pause (HrDbusService *skeleton, GDBusMethodInvocation *invocation, HrBusService *self)
{
  hr_bus_call_set_paused (self->service, invocation, TRUE);
  return TRUE;
}

static gboolean
handle_resume (HrDbusService *skeleton, GDBusMethodInvocation *invocation, HrBusService *self)
{
  hr_bus_call_set_paused (self->service, invocation, FALSE);
  return TRUE;
}

static gboolean
handle_promote (HrDbusService *skeleton, GDBusMethodInvocation *invocation, HrBusService *self)
{
  hr_bus_call_decide (self->service, invocation, hr_service_promote_canary);
  return TRUE;
}

static gboolean
handle_abort (HrDbusService *skeleton, GDBusMethodInvocation *invocation, HrBusService *self)
{
  hr_bus_call_decide (self->service, invocation, hr_service_abort_canary);
  return TRUE;
}

static gboolean
handle_hold (HrDbusService *skeleton, GDBusMethodInvocation *invocation, HrBusService *self)
{
  hr_bus_call_decide (self->service, invocation, hr_service_hold_canary);
  return TRUE;
}

static gboolean
handle_get_history (HrDbusService *skeleton, GDBusMethodInvocation *invocation, guint limit, HrBusService *self)
{
  hr_bus_call_history (self->manager, invocation, hr_service_get_name (self->service), limit);
  return TRUE;
}

static gboolean
handle_list_releases (HrDbusService *skeleton, GDBusMethodInvocation *invocation, HrBusService *self)
{
  hr_bus_call_list_releases (self->service, invocation);
  return TRUE;
}

static gboolean
handle_diff (HrDbusService *skeleton, GDBusMethodInvocation *invocation, guint64 from, guint64 to, HrBusService *self)
{
  hr_bus_call_diff (self->service, invocation, from, to);
  return TRUE;
}

static gboolean
handle_plan (HrDbusService *skeleton, GDBusMethodInvocation *invocation, HrBusService *self)
{
  hr_bus_call_plan (self->service, invocation);
  return TRUE;
}

static gboolean
handle_create_snapshot (HrDbusService *skeleton, GDBusMethodInvocation *invocation, HrBusService *self)
{
  hr_bus_call_create_snapshot (self->service, invocation);
  return TRUE;
}

static gboolean
handle_list_snapshots (HrDbusService *skeleton, GDBusMethodInvocation *invocation, HrBusService *self)
{
  hr_bus_call_list_snapshots (self->service, invocation);
  return TRUE;
}

static gboolean
handle_restore_snapshot (HrDbusService *skeleton, GDBusMethodInvocation *invocation, const char *id, HrBusService *self)
{
  hr_bus_call_restore_snapshot (self->service, invocation, id);
  return TRUE;
}

static void
connect_handlers (HrBusService *self)
{
  static const struct {
    const char *signal;
    GCallback handler;
  } handlers[] = {
    { "handle-start", G_CALLBACK (handle_start) },
    { "handle-stop", G_CALLBACK (handle_stop) },
    { "handle-restart", G_CALLBACK (handle_restart) },
    { "handle-reload", G_CALLBACK (handle_reload) },
    { "handle-reload-with-options", G_CALLBACK (handle_reload_with_options) },
    { "handle-rollback", G_CALLBACK (handle_rollback) },
    { "handle-reset-failed", G_CALLBACK (handle_reset_failed) },
    { "handle-pause", G_CALLBACK (handle_pause) },
    { "handle-resume", G_CALLBACK (handle_resume) },
    { "handle-promote", G_CALLBACK (handle_promote) },
    { "handle-abort", G_CALLBACK (handle_abort) },
    { "handle-hold", G_CALLBACK (handle_hold) },
    { "handle-get-history", G_CALLBACK (handle_get_history) },
    { "handle-list-releases", G_CALLBACK (handle_list_releases) },
    { "handle-diff", G_CALLBACK (handle_diff) },
    { "handle-plan", G_CALLBACK (handle_plan) },
    { "handle-create-snapshot", G_CALLBACK (handle_create_snapshot) },
    { "handle-list-snapshots", G_CALLBACK (handle_list_snapshots) },
    { "handle-restore-snapshot", G_CALLBACK (handle_restore_snapshot) },
  };

  for (guint i = 0; i < G_N_ELEMENTS (handlers); i++)
    g_signal_connect (self->skeleton, handlers[i].signal, handlers[i].handler, self);
}

/**
 * hr_bus_service_new:
 * @manager: the manager
 * @service: one of its services
 * @auth: who may call
 *
 * Returns: (transfer full): the service as an object for the bus
 */
HrBusService *
hr_bus_service_new (HrManager *manager, HrService *service, HrBusAuth *auth)
{
  HrBusService *self = g_object_new (HR_TYPE_BUS_SERVICE, NULL);
  g_autofree char *path = hr_service_object_path (hr_service_get_name (service));

  self->manager = g_object_ref (manager);
  self->service = g_object_ref (service);
  self->skeleton = hr_bus_guard_new (auth, HR_DBUS_TYPE_SERVICE_SKELETON);
  hr_dbus_service_set_name (self->skeleton, hr_service_get_name (service));
  connect_handlers (self);
  hr_bus_service_flush (self);
  g_signal_connect (service, "changed", G_CALLBACK (service_changed), self);
  self->object = g_dbus_object_skeleton_new (path);
  g_dbus_object_skeleton_add_interface (self->object, G_DBUS_INTERFACE_SKELETON (self->skeleton));
  return self;
}

/**
 * hr_bus_service_get_object:
 * @self: a service on the bus
 *
 * Returns: (transfer none): its object
 */
GDBusObjectSkeleton *
hr_bus_service_get_object (HrBusService *self)
{
  return self->object;
}
