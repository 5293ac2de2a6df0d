/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-bus-manager.h"

#include "hr-bus-auth.h"
#include "hr-bus-dirty.h"
#include "hr-bus-format.h"
#include "hr-bus-guard.h"
#include "hr-bus-job.h"
#include "hr-bus-methods.h"
#include "hr-bus-service.h"
#include "hr-bus-text.h"
#include "hr-canary-plan.h"
#include "hr-config.h"
#include "hr-dbus-generated.h"
#include "hr-figures.h"
#include "hr-names.h"
#include "hr-object-path.h"

struct _HrBusManager {
  GObject parent_instance;

  HrConfiguration *configuration;
  HrManager *manager;
  HrBusAuth *auth;
  HrBusMethods *methods;
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
  if (self->server != NULL)
    g_dbus_object_manager_server_set_connection (self->server, NULL);
  g_clear_object (&self->server);
  g_clear_object (&self->methods);
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
    case HR_EVENT_CANARY_PROGRESS:
      hr_dbus_manager_emit_canary_progress (bus, event->service, hr_canary_share_to_percent (event->canary->share),
                                            hr_bus_format_canary (event->canary, message));
      break;
    case HR_EVENT_STATE_CHANGED:
      hr_dbus_manager_emit_service_state_changed (bus, event->service, event->old_state, event->new_state);
      break;
    default:
      g_return_if_reached ();
    }
}

static void
export_manager (HrBusManager *self, GDBusConnection *connection)
{
  g_autoptr (GDBusObjectSkeleton) object = g_dbus_object_skeleton_new (HR_MANAGER_PATH);

  self->skeleton = hr_bus_guard_new (self->auth, HR_DBUS_TYPE_MANAGER_SKELETON);
  hr_dbus_manager_set_version (self->skeleton, HR_VERSION);
  hr_dbus_manager_set_profile (self->skeleton, hr_manager_get_profile (self->manager));
  self->methods = hr_bus_methods_new (self->configuration, self->skeleton, connection);
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
  hr_bus_auth_take_gate (self->auth, hr_bus_gate_new (connection));
  self->server = g_dbus_object_manager_server_new (HR_ROOT_PATH);
  export_manager (self, connection);

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

/**
 * hr_bus_manager_set_reexecute:
 * @self: the objects on the bus
 * @func: what answers Reexecute
 * @user_data: for @func
 */
void
hr_bus_manager_set_reexecute (HrBusManager *self, HrBusReexecuteFunc func, gpointer user_data)
{
  g_return_if_fail (HR_IS_BUS_MANAGER (self));
  hr_bus_methods_set_reexecute (self->methods, func, user_data);
}

/**
 * hr_bus_manager_count_calls:
 * @self: the objects on the bus
 *
 * Returns: how many calls have come and are not answered yet
 */
guint
hr_bus_manager_count_calls (HrBusManager *self)
{
  g_return_val_if_fail (HR_IS_BUS_MANAGER (self), 0);
  return hr_bus_auth_count_calls (self->auth);
}
