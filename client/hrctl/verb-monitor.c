/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * verb-monitor.c: monitor: the daemon's signals as they come, a line each, until interrupted.
 */
#include <glib/gi18n.h>

#include "hr-dict.h"
#include "hr-error.h"
#include "hr-event-text.h"
#include "hr-json.h"
#include "hr-names.h"
#include "hr-text.h"
#include "hr-verb.h"

#include "hr-dbus-generated.h"

/* The signal's arguments under the names that the interface gives them. */
static JsonNode *
event_to_json (const char *signal, GVariant *parameters)
{
  GDBusSignalInfo *info = g_dbus_interface_info_lookup_signal (hr_dbus_manager_interface_info (), signal);
  JsonObject *object = json_object_new ();
  g_autofree char *now = hr_text_iso_time (g_get_real_time ());

  json_object_set_string_member (object, "timestamp", now);
  json_object_set_string_member (object, "signal", signal);
  for (gsize i = 0; info != NULL && i < g_variant_n_children (parameters) && info->args[i] != NULL; i++)
    {
      g_autoptr (GVariant) value = g_variant_get_child_value (parameters, i);

      json_object_set_member (object, info->args[i]->name, json_gvariant_serialize (value));
    }

  return hr_json_take_object (object);
}

static void
on_signal (GDBusConnection *bus, const char *sender, const char *path, const char *interface, const char *signal,
           GVariant *parameters, gpointer user_data)
{
  HrOutput *output = user_data;
  HrTint tint = HR_TINT_NONE;
  g_autofree char *text = NULL;
  g_autofree char *clean = NULL;
  g_autofree char *tinted = NULL;
  g_autofree char *time = NULL;
  g_autoptr (GError) error = NULL;

  if (hr_output_is_json (output))
    {
      hr_output_json_line (output, event_to_json (signal, parameters));
      return;
    }

  text = hr_event_to_text (signal, parameters, &tint);
  if (text == NULL)
    return;
  clean = hr_text_clean (text);
  tinted = hr_output_tint (output, tint, clean);
  time = hr_text_time (g_get_real_time ());
  hr_output_print (output, "%s %s\n", time, tinted);
  hr_output_flush (output, NULL);
}

static gboolean
on_deadline (gpointer user_data)
{
  *(gboolean *)user_data = TRUE;
  return G_SOURCE_REMOVE;
}

int
hr_verb_monitor (HrCtl *ctl, GError **error)
{
  HrClient *client = hr_ctl_connect (ctl, error);
  gint64 timeout = hr_args_get_timeout (ctl->args);
  gboolean timed_out = FALSE;
  guint subscription;

  if (client == NULL)
    return HR_EXIT_FAILED;

  subscription =
      hr_client_subscribe (client, HR_MANAGER_PATH, HR_MANAGER_INTERFACE, NULL, NULL, on_signal, ctl->output);
  if (timeout >= 0)
    g_timeout_add ((guint)CLAMP (timeout / 1000, 1, G_MAXUINT), on_deadline, &timed_out);
  while (!hr_client_is_lost (client) && !timed_out)
    g_main_context_iteration (NULL, TRUE);
  g_dbus_connection_signal_unsubscribe (hr_client_get_bus (client), subscription);

  if (timed_out)
    return HR_EXIT_TIMEOUT;

  g_set_error_literal (error, HR_ERROR, HR_ERROR_FAILED, _ ("the daemon went away"));
  return HR_EXIT_FAILED;
}
