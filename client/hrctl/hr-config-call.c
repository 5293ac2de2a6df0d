/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-config-call.h"

#include <glib/gi18n.h>

#include "hr-job-report.h"
#include "hr-json.h"
#include "hr-names.h"

typedef struct {
  gboolean heard;
  GStrv added;
  GStrv changed;
  GStrv removed;
  GStrv jobs;
} Change;

static void
change_clear (Change *self)
{
  g_strfreev (self->added);
  g_strfreev (self->changed);
  g_strfreev (self->removed);
  g_strfreev (self->jobs);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Change, change_clear)

static void
on_reloaded (GDBusConnection *bus, const char *sender, const char *path, const char *interface, const char *signal,
             GVariant *parameters, gpointer user_data)
{
  Change *self = user_data;

  if (self->heard || !g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(sasasasao)")))
    return;
  self->heard = TRUE;
  g_variant_get (parameters, "(s^as^as^as^ao)", NULL, &self->added, &self->changed, &self->removed, &self->jobs);
}

/* The signal comes before the reply, and is for us alone: it carries our name. */
static gboolean
call (HrClient *client, const char *method, GVariant *arguments, Change *change, GError **error)
{
  const char *us = g_dbus_connection_get_unique_name (hr_client_get_bus (client));
  guint subscription = hr_client_subscribe (client, HR_MANAGER_PATH, HR_MANAGER_INTERFACE, "ConfigurationReloaded", us,
                                            on_reloaded, change);
  g_autoptr (GVariant) reply = NULL;

  reply = hr_client_call (client, method, arguments, "()", HR_CLIENT_LONG_TIMEOUT_MSEC, error);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_dbus_connection_signal_unsubscribe (hr_client_get_bus (client), subscription);
  return reply != NULL;
}

static void
print_names (HrOutput *output, GStrv names, const char *what)
{
  for (guint i = 0; names[i] != NULL; i++)
    hr_output_print (output, "%s: %s\n", names[i], what);
}

static void
print_change (HrOutput *output, const Change *change, gboolean broken)
{
  print_names (output, change->added, _ ("added"));
  print_names (output, change->changed, _ ("changed"));
  print_names (output, change->removed, _ ("removed"));
  if (!broken && change->added[0] == NULL && change->changed[0] == NULL && change->removed[0] == NULL)
    hr_output_write (output, _ ("The configuration was read again; nothing has changed.\n"));
}

static void
set_names (JsonObject *object, const char *key, GStrv names)
{
  JsonArray *array = json_array_new ();

  for (guint i = 0; names[i] != NULL; i++)
    json_array_add_string_element (array, names[i]);
  json_object_set_array_member (object, key, array);
}

static void
print_json (HrOutput *output, const char *service, const Change *change, gboolean success, JsonArray *jobs,
            const GError *broken)
{
  JsonObject *object = json_object_new ();

  json_object_set_boolean_member (object, "success", success);
  json_object_set_member (object, "service", hr_json_string_or_null (service));
  set_names (object, "added", change->added);
  set_names (object, "changed", change->changed);
  set_names (object, "removed", change->removed);
  json_object_set_array_member (object, "jobs", json_array_ref (jobs));
  json_object_set_member (object, "error", hr_json_string_or_null (broken != NULL ? broken->message : NULL));
  hr_output_json (output, hr_json_take_object (object));
}

/**
 * hr_config_call_run:
 * @ctl: the run
 * @method: of org.hotreload.Manager that reads the configuration
 * @arguments: (nullable): its arguments
 * @service: (nullable): what is added
 * @error: that nothing was done
 *
 * Calls, waits for the jobs that follow, unless that is not wanted, and prints what came of it: also of what was done
 * beside files that do not load.
 *
 * Returns: the exit code
 */
int
hr_config_call_run (HrCtl *ctl, const char *method, GVariant *arguments, const char *service, GError **error)
{
  g_autoptr (GVariant) owned = arguments != NULL ? g_variant_ref_sink (arguments) : NULL;
  gint64 began = g_get_monotonic_time ();
  gint64 timeout = hr_args_get_timeout (ctl->args);
  HrClient *client = hr_ctl_connect (ctl, error);
  g_autoptr (JsonArray) array = json_array_new ();
  g_autoptr (HrJobs) jobs = NULL;
  g_autoptr (GError) broken = NULL;
  g_auto (Change) change = { FALSE };
  int code;

  if (client == NULL)
    return HR_EXIT_FAILED;

  jobs = hr_jobs_new (client);
  hr_output_progress (ctl->output, service != NULL ? service : ctl->args->verb->name);
  call (client, method, owned, &change, &broken);
  if (!change.heard)
    {
      if (broken == NULL)
        g_set_error_literal (&broken, G_IO_ERROR, G_IO_ERROR_FAILED, _ ("the daemon did not say what it did"));
      g_propagate_error (error, g_steal_pointer (&broken));
      return HR_EXIT_FAILED;
    }

  if (!hr_output_is_json (ctl->output))
    print_change (ctl->output, &change, broken != NULL);
  for (guint i = 0; change.jobs[i] != NULL; i++)
    hr_jobs_follow (jobs, change.jobs[i]);
  if (timeout >= 0)
    timeout = MAX (0, timeout - (g_get_monotonic_time () - began));
  code = hr_job_report_each (ctl, jobs, timeout, array);

  if (hr_output_is_json (ctl->output))
    print_json (ctl->output, service, &change, code == HR_EXIT_OK && broken == NULL, array, broken);
  else if (broken != NULL)
    hr_output_error (ctl->output, broken->message);
  return broken != NULL ? HR_EXIT_FAILED : code;
}
