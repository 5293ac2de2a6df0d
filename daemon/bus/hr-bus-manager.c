/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-bus-manager.h"

#include "hr-bus-auth.h"
#include "hr-bus-calls.h"
#include "hr-bus-configuration.h"
#include "hr-bus-dirty.h"
#include "hr-bus-format.h"
#include "hr-bus-guard.h"
#include "hr-bus-job.h"
#include "hr-bus-service.h"
#include "hr-bus-text.h"
#include "hr-bus-transient.h"
#include "hr-config.h"
#include "hr-dbus-generated.h"
#include "hr-error.h"
#include "hr-figures.h"
#include "hr-names.h"
#include "hr-object-path.h"

struct _HrBusManager {
  GObject parent_instance;

  HrConfiguration *configuration;
  HrManager *manager;
  HrBusAuth *auth;
  HrBusTransient *transient;
  HrDbusManager *skeleton;
  GDBusObjectManagerServer *server;
  GHashTable *services; /* HrService -> HrBusService */
  GHashTable *jobs;     /* HrJob -> HrBusJob */
  HrBusDirty dirty;
};

G_DEFINE_FINAL_TYPE (HrBusManager, hr_bus_manager, G_TYPE_OBJECT)

static void
hr_bus_manager_dispose (GObject *object)
{
  HrBusManager *self = HR_BUS_MANAGER (object);

  hr_bus_dirty_clear (&self->dirty);
  if (self->manager != NULL)
    g_signal_handlers_disconnect_by_data (self->manager, self);
  if (self->skeleton != NULL)
    g_signal_handlers_disconnect_by_data (self->skeleton, self);
  if (self->server != NULL)
    g_dbus_object_manager_server_set_connection (self->server, NULL);
  g_clear_object (&self->server);
  g_clear_object (&self->transient);
  g_hash_table_remove_all (self->services);
  g_hash_table_remove_all (self->jobs);
  g_clear_object (&self->skeleton);
  g_clear_object (&self->auth);
  g_clear_object (&self->manager);
  g_clear_object (&self->configuration);
  G_OBJECT_CLASS (hr_bus_manager_parent_class)->dispose (object);
}

static void
hr_bus_manager_finalize (GObject *object)
{
  HrBusManager *self = HR_BUS_MANAGER (object);

  g_hash_table_unref (self->services);
  g_hash_table_unref (self->jobs);
  G_OBJECT_CLASS (hr_bus_manager_parent_class)->finalize (object);
}

static void
hr_bus_manager_class_init (HrBusManagerClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hr_bus_manager_dispose;
  G_OBJECT_CLASS (klass)->finalize = hr_bus_manager_finalize;
}

static void
hr_bus_manager_init (HrBusManager *self)
{
  self->services = g_hash_table_new_full (NULL, NULL, g_object_unref, g_object_unref);
  self->jobs = g_hash_table_new_full (NULL, NULL, g_object_unref, g_object_unref);
}

/* From the engine to the bus */

static void
flush (gpointer user_data)
{
  HrBusManager *self = user_data;
  g_auto (GStrv) raw = hr_figures_get_pending (self->manager);
  g_auto (GStrv) pending = hr_bus_texts ((const char *const *)raw);

  hr_dbus_manager_set_paused (self->skeleton, hr_manager_get_paused (self->manager));
  hr_dbus_manager_set_enabled (self->skeleton, hr_figures_get_enabled (self->manager));
  hr_dbus_manager_set_watched_files (self->skeleton, hr_figures_get_watched_files (self->manager));
  hr_dbus_manager_set_reload_count (self->skeleton, hr_manager_get_reload_count (self->manager));
  hr_dbus_manager_set_failed_reloads (self->skeleton, hr_manager_get_failed_reloads (self->manager));
  hr_dbus_manager_set_last_reload (self->skeleton, (guint64)hr_manager_get_last_reload (self->manager));
  hr_dbus_manager_set_pending (self->skeleton, (const char *const *)pending);
}

static void
manager_changed (HrManager *manager, HrBusManager *self)
{
  hr_bus_dirty_mark (&self->dirty, flush, self);
}

static void
service_added (HrManager *manager, HrService *service, HrBusManager *self)
{
  HrBusService *shown = hr_bus_service_new (manager, service, self->auth);

  g_dbus_object_manager_server_export (self->server, hr_bus_service_get_object (shown));
  g_hash_table_insert (self->services, g_object_ref (service), shown);
}

static void
service_removed (HrManager *manager, HrService *service, HrBusManager *self)
{
  g_autofree char *path = hr_service_object_path (hr_service_get_name (service));

  g_dbus_object_manager_server_unexport (self->server, path);
  g_hash_table_remove (self->services, service);
}

static void
job_added (HrManager *manager, HrJob *job, HrBusManager *self)
{
  HrBusJob *shown = hr_bus_job_new (job, self->auth);

  g_dbus_object_manager_server_export (self->server, hr_bus_job_get_object (shown));
  g_hash_table_insert (self->jobs, g_object_ref (job), shown);
}

static void
job_removed (HrManager *manager, HrJob *job, HrBusManager *self)
{
  g_autofree char *path = hr_job_object_path (hr_job_get_id (job));

  g_dbus_object_manager_server_unexport (self->server, path);
  g_hash_table_remove (self->jobs, job);
}

static void
manager_event (HrManager *manager, HrEvent *event, HrBusManager *self)
{
  HrDbusManager *bus = self->skeleton;
  g_autofree char *job = event->job != NULL ? hr_job_object_path (hr_job_get_id (event->job)) : NULL;
  g_auto (GStrv) files = hr_bus_texts (event->files);
  g_autofree char *message = hr_bus_text (event->message);
  HrBusService *shown = g_hash_table_lookup (self->services, hr_manager_get (manager, event->service, NULL));

  /* Who hears the signal and then asks must see what it said. */
  if (shown != NULL)
    hr_bus_service_flush (shown);
  switch (event->kind)
    {
    case HR_EVENT_FILE_CHANGED:
      hr_dbus_manager_emit_file_changed (bus, event->service, (const char *const *)files);
      break;
    case HR_EVENT_RELOAD_STARTED:
      hr_dbus_manager_emit_reload_started (bus, event->service, job, event->release, (const char *const *)files);
      break;
    case HR_EVENT_RELOAD_COMPLETED:
      hr_dbus_manager_emit_reload_completed (bus, event->service, job, event->release, (guint64)event->downtime_usec,
                                             hr_bus_format_details (event->job, NULL));
      break;
    case HR_EVENT_RELOAD_FAILED:
      hr_dbus_manager_emit_reload_failed (bus, event->service, job, event->phase, message,
                                          hr_bus_format_details (event->job, event->error));
      break;
    case HR_EVENT_STATE_PRESERVED:
      hr_dbus_manager_emit_state_preserved (bus, event->service, event->snapshot, event->size);
      break;
    case HR_EVENT_STATE_RESTORED:
      hr_dbus_manager_emit_state_restored (bus, event->service, event->snapshot);
      break;
    case HR_EVENT_ROLLED_BACK:
      hr_dbus_manager_emit_rolled_back (bus, event->service, event->from, event->to, message);
      break;
    case HR_EVENT_STATE_CHANGED:
      hr_dbus_manager_emit_service_state_changed (bus, event->service, event->old_state, event->new_state);
      break;
    default:
      g_return_if_reached ();
    }
}

/* From the bus to the engine */

static HrService *
find (HrBusManager *self, GDBusMethodInvocation *invocation, const char *name)
{
  GError *error = NULL;
  HrService *service = hr_manager_get (self->manager, name, &error);

  if (service == NULL)
    g_dbus_method_invocation_take_error (invocation, error);
  return service;
}

static gboolean
handle_reload (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusManager *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_reload (service, invocation, NULL);
  return TRUE;
}

static gboolean
handle_reload_with_options (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, GVariant *options,
                            HrBusManager *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_reload (service, invocation, options);
  return TRUE;
}

static gboolean
handle_reload_all (HrDbusManager *bus, GDBusMethodInvocation *invocation, HrBusManager *self)
{
  const char *caller = hr_bus_auth_caller (invocation);

  hr_bus_return_job (invocation, hr_manager_reload_all (self->manager, caller), NULL);
  return TRUE;
}

static gboolean
handle_rollback (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, guint64 release,
                 HrBusManager *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_rollback (service, invocation, release);
  return TRUE;
}

static gboolean
handle_start (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusManager *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_start (service, invocation);
  return TRUE;
}

static gboolean
handle_stop (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusManager *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_stop (service, invocation);
  return TRUE;
}

static gboolean
handle_restart (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusManager *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_restart (service, invocation);
  return TRUE;
}

static void
set_paused (HrBusManager *self, GDBusMethodInvocation *invocation, const char *name, gboolean paused)
{
  HrService *service;

  if (name[0] == '\0')
    {
      hr_manager_set_paused (self->manager, paused);
      g_dbus_method_invocation_return_value (invocation, NULL);
      return;
    }
  service = find (self, invocation, name);
  if (service != NULL)
    hr_bus_call_set_paused (service, invocation, paused);
}

static gboolean
handle_pause (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusManager *self)
{
  set_paused (self, invocation, name, TRUE);
  return TRUE;
}

static gboolean
handle_resume (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusManager *self)
{
  set_paused (self, invocation, name, FALSE);
  return TRUE;
}

static gboolean
handle_list_services (HrDbusManager *bus, GDBusMethodInvocation *invocation, HrBusManager *self)
{
  hr_dbus_manager_complete_list_services (bus, invocation, hr_bus_format_services (self->manager));
  return TRUE;
}

static gboolean
handle_get_status (HrDbusManager *bus, GDBusMethodInvocation *invocation, HrBusManager *self)
{
  hr_dbus_manager_complete_get_status (bus, invocation,
                                       hr_bus_format_status (self->manager, hr_bus_auth_may_read (invocation)));
  return TRUE;
}

static gboolean
handle_get_history (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, guint limit,
                    HrBusManager *self)
{
  hr_bus_call_history (self->manager, invocation, name, limit);
  return TRUE;
}

static gboolean
handle_list_releases (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusManager *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_list_releases (service, invocation);
  return TRUE;
}

static gboolean
handle_diff (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, guint64 from, guint64 to,
             HrBusManager *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_diff (service, invocation, from, to);
  return TRUE;
}

static gboolean
handle_plan (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusManager *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_plan (service, invocation);
  return TRUE;
}

static gboolean
handle_create_snapshot (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusManager *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_create_snapshot (service, invocation);
  return TRUE;
}

static gboolean
handle_list_snapshots (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusManager *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_list_snapshots (service, invocation);
  return TRUE;
}

static gboolean
handle_restore_snapshot (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, const char *id,
                         HrBusManager *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_restore_snapshot (service, invocation, id);
  return TRUE;
}

static gboolean
handle_add_service (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, const char *text,
                    HrBusManager *self)
{
  hr_bus_configuration_add (self->configuration, bus, invocation, name, text);
  return TRUE;
}

static void
removed (HrJob *job, GDBusMethodInvocation *invocation)
{
  g_dbus_method_invocation_return_value (invocation, NULL);
}

static gboolean
handle_remove_service (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusManager *self)
{
  const char *caller = hr_bus_auth_caller (invocation);
  GError *error = NULL;
  HrJob *job = hr_configuration_remove (self->configuration, name, caller, &error);

  if (job == NULL)
    hr_bus_return_job (invocation, NULL, error);
  else if (hr_job_is_finished (job))
    removed (job, invocation);
  else
    g_signal_connect (job, "finished", G_CALLBACK (removed), invocation);
  return TRUE;
}

static gboolean
handle_run_transient (HrDbusManager *bus, GDBusMethodInvocation *invocation, GUnixFDList *fds, const char *name,
                      const char *text, GVariant *options, GVariant *stdout_handle, GVariant *stderr_handle,
                      HrBusManager *self)
{
  hr_bus_transient_call (self->transient, invocation, fds, name, text, options, stdout_handle, stderr_handle);
  return TRUE;
}

static gboolean
handle_reload_configuration (HrDbusManager *bus, GDBusMethodInvocation *invocation, HrBusManager *self)
{
  hr_bus_configuration_reload (self->configuration, bus, invocation);
  return TRUE;
}

static void
connect_handlers (HrBusManager *self)
{
  static const struct {
    const char *signal;
    GCallback handler;
  } handlers[] = {
    { "handle-add-service", G_CALLBACK (handle_add_service) },
    { "handle-create-snapshot", G_CALLBACK (handle_create_snapshot) },
    { "handle-diff", G_CALLBACK (handle_diff) },
    { "handle-get-history", G_CALLBACK (handle_get_history) },
    { "handle-get-status", G_CALLBACK (handle_get_status) },
    { "handle-list-releases", G_CALLBACK (handle_list_releases) },
    { "handle-list-services", G_CALLBACK (handle_list_services) },
    { "handle-list-snapshots", G_CALLBACK (handle_list_snapshots) },
    { "handle-pause", G_CALLBACK (handle_pause) },
    { "handle-plan", G_CALLBACK (handle_plan) },
    { "handle-reload", G_CALLBACK (handle_reload) },
    { "handle-reload-all", G_CALLBACK (handle_reload_all) },
    { "handle-reload-configuration", G_CALLBACK (handle_reload_configuration) },
    { "handle-reload-with-options", G_CALLBACK (handle_reload_with_options) },
    { "handle-remove-service", G_CALLBACK (handle_remove_service) },
    { "handle-restart", G_CALLBACK (handle_restart) },
    { "handle-restore-snapshot", G_CALLBACK (handle_restore_snapshot) },
    { "handle-resume", G_CALLBACK (handle_resume) },
    { "handle-rollback", G_CALLBACK (handle_rollback) },
    { "handle-run-transient", G_CALLBACK (handle_run_transient) },
    { "handle-start", G_CALLBACK (handle_start) },
    { "handle-stop", G_CALLBACK (handle_stop) },
  };

  for (guint i = 0; i < G_N_ELEMENTS (handlers); i++)
    g_signal_connect (self->skeleton, handlers[i].signal, handlers[i].handler, self);
}

static void
export_manager (HrBusManager *self)
{
  g_autoptr (GDBusObjectSkeleton) object = g_dbus_object_skeleton_new (HR_MANAGER_PATH);

  self->skeleton = hr_bus_guard_new (self->auth, HR_DBUS_TYPE_MANAGER_SKELETON);
  hr_dbus_manager_set_version (self->skeleton, HR_VERSION);
  hr_dbus_manager_set_profile (self->skeleton, hr_manager_get_profile (self->manager));
  connect_handlers (self);
  flush (self);
  g_dbus_object_skeleton_add_interface (object, G_DBUS_INTERFACE_SKELETON (self->skeleton));
  g_dbus_object_manager_server_export (self->server, object);
}

/**
 * hr_bus_manager_new:
 * @configuration: what is shown and called
 * @connection: where
 *
 * Exports everything there is, and what comes.
 *
 * Returns: (transfer full): the objects on the bus; they go when it goes
 */
HrBusManager *
hr_bus_manager_new (HrConfiguration *configuration, GDBusConnection *connection)
{
  HrBusManager *self = g_object_new (HR_TYPE_BUS_MANAGER, NULL);
  g_autoptr (GPtrArray) services = NULL;
  g_autoptr (GPtrArray) jobs = NULL;

  self->configuration = g_object_ref (configuration);
  self->manager = g_object_ref (hr_configuration_get_manager (configuration));
  self->auth = hr_bus_auth_new ();
  self->transient = hr_bus_transient_new (configuration);
  self->server = g_dbus_object_manager_server_new (HR_ROOT_PATH);
  export_manager (self);

  services = hr_manager_list (self->manager);
  for (guint i = 0; i < services->len; i++)
    service_added (self->manager, g_ptr_array_index (services, i), self);
  jobs = hr_manager_list_jobs (self->manager);
  for (guint i = 0; i < jobs->len; i++)
    job_added (self->manager, g_ptr_array_index (jobs, i), self);
  g_signal_connect (self->manager, "changed", G_CALLBACK (manager_changed), self);
  g_signal_connect (self->manager, "event", G_CALLBACK (manager_event), self);
  g_signal_connect (self->manager, "service-added", G_CALLBACK (service_added), self);
  g_signal_connect (self->manager, "service-removed", G_CALLBACK (service_removed), self);
  g_signal_connect (self->manager, "job-added", G_CALLBACK (job_added), self);
  g_signal_connect (self->manager, "job-removed", G_CALLBACK (job_removed), self);
  g_dbus_object_manager_server_set_connection (self->server, connection);
  return self;
}
