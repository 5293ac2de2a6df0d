/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-bus-methods.h"

#include "hr-bus-auth.h"
#include "hr-bus-calls.h"
#include "hr-bus-configuration.h"
#include "hr-bus-format.h"
#include "hr-bus-transient.h"
#include "hr-bus-usage.h"
#include "hr-error.h"

struct _HrBusMethods {
  GObject parent_instance;

  HrConfiguration *configuration;
  HrManager *manager;
  HrBusTransient *transient;
  HrUsage *usage;
  HrDbusManager *skeleton;
  HrBusReexecuteFunc reexecute;
  gpointer reexecute_data;
};

G_DEFINE_FINAL_TYPE (HrBusMethods, hr_bus_methods, G_TYPE_OBJECT)

static void
hr_bus_methods_dispose (GObject *object)
{
  HrBusMethods *self = HR_BUS_METHODS (object);

  if (self->skeleton != NULL)
    g_signal_handlers_disconnect_by_data (self->skeleton, self);
  g_clear_object (&self->skeleton);
  g_clear_object (&self->usage);
  g_clear_object (&self->transient);
  g_clear_object (&self->manager);
  g_clear_object (&self->configuration);
  G_OBJECT_CLASS (hr_bus_methods_parent_class)->dispose (object);
}

static void
hr_bus_methods_class_init (HrBusMethodsClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hr_bus_methods_dispose;
}

static void
hr_bus_methods_init (HrBusMethods *self)
{
}

static HrService *
find (HrBusMethods *self, GDBusMethodInvocation *invocation, const char *name)
{
  GError *error = NULL;
  HrService *service = hr_manager_get (self->manager, name, &error);

  if (service == NULL)
    g_dbus_method_invocation_take_error (invocation, error);
  return service;
}

static gboolean
handle_reload (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusMethods *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_reload (service, invocation, NULL);
  return TRUE;
}

static gboolean
handle_reload_with_options (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, GVariant *options,
                            HrBusMethods *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_reload (service, invocation, options);
  return TRUE;
}

static gboolean
handle_reload_all (HrDbusManager *bus, GDBusMethodInvocation *invocation, HrBusMethods *self)
{
  const char *caller = hr_bus_auth_caller (invocation);

  hr_bus_return_job (invocation, hr_manager_reload_all (self->manager, caller), NULL);
  return TRUE;
}

static gboolean
handle_reset_failed (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusMethods *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_reset_failed (service, invocation);
  return TRUE;
}

static gboolean
handle_rollback (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, guint64 release,
                 HrBusMethods *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_rollback (service, invocation, release);
  return TRUE;
}

static gboolean
handle_start (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusMethods *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_start (service, invocation);
  return TRUE;
}

static gboolean
handle_stop (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusMethods *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_stop (service, invocation);
  return TRUE;
}

static gboolean
handle_restart (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusMethods *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_restart (service, invocation);
  return TRUE;
}

static void
set_paused (HrBusMethods *self, GDBusMethodInvocation *invocation, const char *name, gboolean paused)
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
handle_pause (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusMethods *self)
{
  set_paused (self, invocation, name, TRUE);
  return TRUE;
}

static gboolean
handle_resume (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusMethods *self)
{
  set_paused (self, invocation, name, FALSE);
  return TRUE;
}

static gboolean
handle_promote (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusMethods *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_decide (service, invocation, hr_service_promote_canary);
  return TRUE;
}

static gboolean
handle_abort (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusMethods *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_decide (service, invocation, hr_service_abort_canary);
  return TRUE;
}

static gboolean
handle_hold (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusMethods *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_decide (service, invocation, hr_service_hold_canary);
  return TRUE;
}

static gboolean
handle_list_services (HrDbusManager *bus, GDBusMethodInvocation *invocation, HrBusMethods *self)
{
  hr_dbus_manager_complete_list_services (bus, invocation, hr_bus_format_services (self->manager));
  return TRUE;
}

static gboolean
handle_get_status (HrDbusManager *bus, GDBusMethodInvocation *invocation, HrBusMethods *self)
{
  hr_dbus_manager_complete_get_status (bus, invocation,
                                       hr_bus_format_status (self->manager, hr_bus_auth_may_read (invocation)));
  return TRUE;
}

static gboolean
handle_get_processes (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusMethods *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_processes (self->usage, service, invocation);
  return TRUE;
}

static gboolean
handle_get_usage (HrDbusManager *bus, GDBusMethodInvocation *invocation, HrBusMethods *self)
{
  hr_bus_call_usage (self->usage, self->manager, invocation);
  return TRUE;
}

static gboolean
handle_get_history (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, guint limit,
                    HrBusMethods *self)
{
  hr_bus_call_history (self->manager, invocation, name, limit);
  return TRUE;
}

static gboolean
handle_list_releases (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusMethods *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_list_releases (service, invocation);
  return TRUE;
}

static gboolean
handle_diff (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, guint64 from, guint64 to,
             HrBusMethods *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_diff (service, invocation, from, to);
  return TRUE;
}

static gboolean
handle_plan (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusMethods *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_plan (service, invocation);
  return TRUE;
}

static gboolean
handle_create_snapshot (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusMethods *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_create_snapshot (service, invocation);
  return TRUE;
}

static gboolean
handle_list_snapshots (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusMethods *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_list_snapshots (service, invocation);
  return TRUE;
}

static gboolean
handle_restore_snapshot (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, const char *id,
                         HrBusMethods *self)
{
  HrService *service = find (self, invocation, name);

  if (service != NULL)
    hr_bus_call_restore_snapshot (service, invocation, id);
  return TRUE;
}

static gboolean
handle_add_service (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, const char *text,
                    HrBusMethods *self)
{
  hr_bus_configuration_add (self->configuration, bus, invocation, name, text);
  return TRUE;
}

static gboolean
handle_add_service_with_options (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name,
                                 const char *text, GVariant *options, HrBusMethods *self)
{
  static const char *const known[] = { "lifetime:s", NULL };
  const char *lifetime = "kept";

  if (!hr_bus_check_options (invocation, options, known))
    return TRUE;
  g_variant_lookup (options, "lifetime", "&s", &lifetime);
  if (g_str_equal (lifetime, "caller"))
    hr_bus_transient_add (self->transient, bus, invocation, name, text);
  else if (g_str_equal (lifetime, "kept"))
    hr_bus_configuration_add (self->configuration, bus, invocation, name, text);
  else
    hr_bus_return_job (invocation, NULL,
                       g_error_new (HR_ERROR, HR_ERROR_INVALID_ARGUMENT,
                                    "option 'lifetime': '%s' is neither 'kept' nor 'caller'", lifetime));
  return TRUE;
}

static void
removed (HrJob *job, GDBusMethodInvocation *invocation)
{
  g_dbus_method_invocation_return_value (invocation, NULL);
}

static gboolean
handle_remove_service (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrBusMethods *self)
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
                      HrBusMethods *self)
{
  hr_bus_transient_call (self->transient, invocation, fds, name, text, options, stdout_handle, stderr_handle);
  return TRUE;
}

static gboolean
handle_reload_configuration (HrDbusManager *bus, GDBusMethodInvocation *invocation, HrBusMethods *self)
{
  hr_bus_configuration_reload (self->configuration, bus, invocation);
  return TRUE;
}

static gboolean
handle_reexecute (HrDbusManager *bus, GDBusMethodInvocation *invocation, HrBusMethods *self)
{
  if (self->reexecute != NULL)
    self->reexecute (invocation, self->reexecute_data);
  else
    hr_bus_return_job (invocation, NULL,
                       g_error_new_literal (HR_ERROR, HR_ERROR_NOT_SUPPORTED, "this daemon cannot be re-executed"));
  return TRUE;
}

/**
 * hr_bus_methods_set_reexecute:
 * @self: the methods
 * @func: (nullable): what answers Reexecute
 * @user_data: for @func
 */
void
hr_bus_methods_set_reexecute (HrBusMethods *self, HrBusReexecuteFunc func, gpointer user_data)
{
  g_return_if_fail (HR_IS_BUS_METHODS (self));

  self->reexecute = func;
  self->reexecute_data = user_data;
}

static void
connect_handlers (HrBusMethods *self)
{
  static const struct {
    const char *signal;
    GCallback handler;
  } handlers[] = {
    { "handle-abort", G_CALLBACK (handle_abort) },
    { "handle-add-service", G_CALLBACK (handle_add_service) },
    { "handle-add-service-with-options", G_CALLBACK (handle_add_service_with_options) },
    { "handle-create-snapshot", G_CALLBACK (handle_create_snapshot) },
    { "handle-diff", G_CALLBACK (handle_diff) },
    { "handle-get-history", G_CALLBACK (handle_get_history) },
    { "handle-get-processes", G_CALLBACK (handle_get_processes) },
    { "handle-get-status", G_CALLBACK (handle_get_status) },
    { "handle-get-usage", G_CALLBACK (handle_get_usage) },
    { "handle-hold", G_CALLBACK (handle_hold) },
    { "handle-list-releases", G_CALLBACK (handle_list_releases) },
    { "handle-list-services", G_CALLBACK (handle_list_services) },
    { "handle-list-snapshots", G_CALLBACK (handle_list_snapshots) },
    { "handle-pause", G_CALLBACK (handle_pause) },
    { "handle-plan", G_CALLBACK (handle_plan) },
    { "handle-promote", G_CALLBACK (handle_promote) },
    { "handle-reexecute", G_CALLBACK (handle_reexecute) },
    { "handle-reload", G_CALLBACK (handle_reload) },
    { "handle-reload-all", G_CALLBACK (handle_reload_all) },
    { "handle-reload-configuration", G_CALLBACK (handle_reload_configuration) },
    { "handle-reload-with-options", G_CALLBACK (handle_reload_with_options) },
    { "handle-remove-service", G_CALLBACK (handle_remove_service) },
    { "handle-reset-failed", G_CALLBACK (handle_reset_failed) },
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

/**
 * hr_bus_methods_new:
 * @configuration: what is called
 * @skeleton: org.hotreload.Manager
 * @connection: where
 *
 * Returns: (transfer full): answers the calls of @skeleton until it goes
 */
HrBusMethods *
hr_bus_methods_new (HrConfiguration *configuration, HrDbusManager *skeleton, GDBusConnection *connection)
{
  HrBusMethods *self = g_object_new (HR_TYPE_BUS_METHODS, NULL);

  self->configuration = g_object_ref (configuration);
  self->manager = g_object_ref (hr_configuration_get_manager (configuration));
  self->usage = hr_usage_new ();
  self->transient = hr_bus_transient_new (configuration, connection);
  self->skeleton = g_object_ref (skeleton);
  connect_handlers (self);
  return self;
}
