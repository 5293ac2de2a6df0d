/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-bus-configuration.h"

#include "hr-bus-calls.h"
#include "hr-bus-text.h"
#include "hr-object-path.h"

static char **
names_of (GPtrArray *names)
{
  g_autoptr (GPtrArray) raw = g_ptr_array_new ();

  for (guint i = 0; i < names->len; i++)
    g_ptr_array_add (raw, g_ptr_array_index (names, i));
  g_ptr_array_add (raw, NULL);
  return hr_bus_texts ((const char *const *)raw->pdata);
}

static char **
paths_of (GPtrArray *jobs)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (guint i = 0; i < jobs->len; i++)
    {
      g_autofree char *path = hr_job_object_path (hr_job_get_id (g_ptr_array_index (jobs, i)));

      g_strv_builder_add (builder, path);
    }
  return g_strv_builder_end (builder);
}

static void
announce (HrDbusManager *bus, GDBusMethodInvocation *invocation, const HrConfigChange *change)
{
  const char *caller = g_dbus_method_invocation_get_sender (invocation);
  g_auto (GStrv) added = names_of (change->added);
  g_auto (GStrv) changed = names_of (change->changed);
  g_auto (GStrv) removed = names_of (change->removed);
  g_auto (GStrv) jobs = paths_of (change->jobs);

  hr_dbus_manager_emit_configuration_reloaded (bus, caller != NULL ? caller : "", (const char *const *)added,
                                               (const char *const *)changed, (const char *const *)removed,
                                               (const char *const *)jobs);
}

/**
 * hr_bus_configuration_announce_one:
 * @bus: the manager's interface
 * @invocation: (transfer none): what added it
 * @name: a service that was added without a file
 * @job: of its start
 */
void
hr_bus_configuration_announce_one (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name, HrJob *job)
{
  const char *caller = g_dbus_method_invocation_get_sender (invocation);
  g_autofree char *path = hr_job_object_path (hr_job_get_id (job));
  const char *const added[] = { name, NULL }, *const jobs[] = { path, NULL }, *const none[] = { NULL };

  hr_dbus_manager_emit_configuration_reloaded (bus, caller != NULL ? caller : "", added, none, none, jobs);
}

/**
 * hr_bus_configuration_add:
 * @configuration: the configuration
 * @bus: the manager's interface
 * @invocation: (transfer full): AddService, with options or without
 * @name: of the new service
 * @text: of its file
 */
void
hr_bus_configuration_add (HrConfiguration *configuration, HrDbusManager *bus, GDBusMethodInvocation *invocation,
                          const char *name, const char *text)
{
  GError *error = NULL;
  g_autoptr (HrConfigChange) change = hr_configuration_add (configuration, name, text, &error);

  if (change == NULL)
    {
      hr_bus_return_job (invocation, NULL, error);
      return;
    }
  announce (bus, invocation, change);
  g_dbus_method_invocation_return_value (invocation, NULL);
}

/**
 * hr_bus_configuration_reload:
 * @configuration: the configuration
 * @bus: the manager's interface
 * @invocation: (transfer full): ReloadConfiguration
 */
void
hr_bus_configuration_reload (HrConfiguration *configuration, HrDbusManager *bus, GDBusMethodInvocation *invocation)
{
  GError *error = NULL;
  g_autoptr (HrConfigChange) change = hr_configuration_load (configuration, &error);

  if (change != NULL)
    {
      announce (bus, invocation, change);
      error = hr_config_change_get_error (change);
    }
  if (error != NULL)
    hr_bus_return_job (invocation, NULL, error);
  else
    hr_dbus_manager_complete_reload_configuration (bus, invocation);
}
