/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * verb-status.c: list and status.
 */
#include <glib/gi18n.h>
#include <inttypes.h>

#include "hr-dict.h"
#include "hr-error.h"
#include "hr-fields.h"
#include "hr-json.h"
#include "hr-names.h"
#include "hr-table.h"
#include "hr-text.h"
#include "hr-verb.h"

/* How many of its newest reloads the status of one service shows. */
#define RELOADS_SHOWN 3
/* How many of the last ends that nobody asked for. */
#define ENDS_SHOWN 5

static const HrField status_fields[] = {
  { "enabled", HR_FIELD_BOOL, FALSE },       { "paused", HR_FIELD_BOOL, FALSE },
  { "profile", HR_FIELD_STRING, FALSE },     { "watchedFiles", HR_FIELD_NUMBER, FALSE },
  { "reloadCount", HR_FIELD_NUMBER, FALSE }, { "failedReloads", HR_FIELD_NUMBER, FALSE },
  { "successRate", HR_FIELD_STRING, TRUE },  { "lastReload", HR_FIELD_STRING, TRUE },
  { "pending", HR_FIELD_STRINGS, FALSE },
};

static const HrField canary_fields[] = {
  { "release", HR_FIELD_NUMBER, TRUE },
  { "previousRelease", HR_FIELD_NUMBER, TRUE },
  { "sharePermyriad", HR_FIELD_NUMBER, FALSE },
  { "held", HR_FIELD_BOOL, FALSE },
  { "sinceUsec", HR_FIELD_NUMBER, FALSE },
  { "probes", HR_FIELD_NUMBER, FALSE },
  { "failedProbes", HR_FIELD_NUMBER, FALSE },
  { "latencyUsec", HR_FIELD_NUMBER, FALSE },
  { "previousProbes", HR_FIELD_NUMBER, FALSE },
  { "previousFailedProbes", HR_FIELD_NUMBER, FALSE },
  { "previousLatencyUsec", HR_FIELD_NUMBER, FALSE },
  { "text", HR_FIELD_STRING, TRUE },
};

static const HrField end_fields[] = {
  { "timeUsec", HR_FIELD_NUMBER, FALSE },   { "release", HR_FIELD_NUMBER, TRUE },
  { "instance", HR_FIELD_NUMBER, FALSE },   { "pid", HR_FIELD_NUMBER, TRUE },
  { "exitStatus", HR_FIELD_NUMBER, FALSE }, { "signal", HR_FIELD_NUMBER, TRUE },
  { "text", HR_FIELD_STRING, FALSE },
};

static const HrField service_fields[] = {
  { "name", HR_FIELD_STRING, FALSE },
  { "state", HR_FIELD_STRING, FALSE },
  { "health", HR_FIELD_STRING, FALSE },
  { "pid", HR_FIELD_NUMBER, TRUE },
  { "release", HR_FIELD_NUMBER, TRUE },
  { "restarts", HR_FIELD_NUMBER, FALSE },
  { "uptimeUsec", HR_FIELD_NUMBER, FALSE },
  { "memoryBytes", HR_FIELD_NUMBER, TRUE },
  { "listen", HR_FIELD_STRINGS, FALSE },
  { "view", HR_FIELD_STRING, TRUE },
  { "socketsAdvice", HR_FIELD_STRING, TRUE },
  { "error", HR_FIELD_STRING, TRUE },
  { "instances", HR_FIELD_NUMBER, FALSE },
  { "serving", HR_FIELD_NUMBER, FALSE },
  { "pids", HR_FIELD_NUMBERS, FALSE },
  { "canary", HR_FIELD_DICT, FALSE, canary_fields, G_N_ELEMENTS (canary_fields) },
  { "ends", HR_FIELD_DICTS, FALSE, end_fields, G_N_ELEMENTS (end_fields) },
};

static char *
number_or_nothing (guint64 number)
{
  return number > 0 ? g_strdup_printf ("%" PRIu64, number) : g_strdup ("");
}

static JsonNode *
list_to_json (GVariant *services)
{
  JsonArray *array = json_array_new ();
  GVariantIter iter;
  const char *name, *state, *health;
  guint64 release;
  guint32 pid;

  g_variant_iter_init (&iter, services);
  while (g_variant_iter_next (&iter, "(&s&s&stu)", &name, &state, &health, &release, &pid))
    {
      JsonObject *object = json_object_new ();

      json_object_set_string_member (object, "name", name);
      json_object_set_string_member (object, "state", state);
      json_object_set_string_member (object, "health", health);
      if (release > 0)
        json_object_set_int_member (object, "release", (gint64)release);
      else
        json_object_set_null_member (object, "release");
      if (pid > 0)
        json_object_set_int_member (object, "pid", pid);
      else
        json_object_set_null_member (object, "pid");
      json_array_add_object_element (array, object);
    }

  return hr_json_take_array (array);
}

static void
list_to_table (GVariant *services, HrOutput *output)
{
  g_autoptr (HrTable) table = hr_table_new (_ ("SERVICE"), _ ("STATE"), _ ("HEALTH"), _ ("RELEASE"), _ ("PID"), NULL);
  GVariantIter iter;
  const char *name, *state, *health;
  guint64 release;
  guint32 pid;

  g_variant_iter_init (&iter, services);
  while (g_variant_iter_next (&iter, "(&s&s&stu)", &name, &state, &health, &release, &pid))
    {
      g_autofree char *release_text = number_or_nothing (release);
      g_autofree char *pid_text = number_or_nothing (pid);

      hr_table_add (table, name, state, health, release_text, pid_text, NULL);
      hr_table_tint (table, 1, hr_tint_for_state (state));
      hr_table_tint (table, 2, hr_tint_for_health (health));
    }

  hr_table_print (table, output);
}

static void
list_to_names (GVariant *services, HrOutput *output)
{
  GVariantIter iter;
  const char *name;

  g_variant_iter_init (&iter, services);
  while (g_variant_iter_next (&iter, "(&s&s&stu)", &name, NULL, NULL, NULL, NULL))
    hr_output_print (output, "%s\n", name);
}

int
hr_verb_list (HrCtl *ctl, GError **error)
{
  HrClient *client = hr_ctl_connect (ctl, error);
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) services = NULL;

  if (client == NULL)
    return HR_EXIT_FAILED;

  reply = hr_client_call (client, "ListServices", NULL, "(a(ssstu))", HR_CLIENT_TIMEOUT_MSEC, error);
  if (reply == NULL)
    return HR_EXIT_FAILED;

  services = g_variant_get_child_value (reply, 0);
  if (hr_output_is_json (ctl->output))
    hr_output_json (ctl->output, list_to_json (services));
  else if (hr_args_has (ctl->args, HR_OPTION_NAMES))
    list_to_names (services, ctl->output);
  else if (g_variant_n_children (services) == 0)
    hr_output_write (ctl->output, _ ("There are no services.\n"));
  else
    list_to_table (services, ctl->output);

  return HR_EXIT_OK;
}

/* The services of @status: all, or the one called @name. */
static GVariant *
pick_services (GVariant *status, const char *name, GError **error)
{
  g_autoptr (GVariant) services = g_variant_lookup_value (status, "services", G_VARIANT_TYPE ("aa{sv}"));
  GVariantBuilder builder;
  gboolean found = name == NULL;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (gsize i = 0; services != NULL && i < g_variant_n_children (services); i++)
    {
      g_autoptr (GVariant) service = g_variant_get_child_value (services, i);

      if (name != NULL && !g_str_equal (hr_dict_string (service, "name"), name))
        continue;
      g_variant_builder_add_value (&builder, service);
      found = TRUE;
    }

  if (!found)
    {
      g_variant_builder_clear (&builder);
      g_set_error (error, HR_ERROR, HR_ERROR_NO_SUCH_SERVICE, _ ("there is no service '%s'"), name);
      return NULL;
    }

  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

static void
print_summary (GVariant *status, HrOutput *output)
{
  g_autofree char *pending = hr_dict_join (status, "pending", ", ");
  g_autofree char *clean = hr_text_clean (pending);
  guint64 watched = hr_dict_number (status, "watchedFiles");
  guint64 reloads = hr_dict_number (status, "reloadCount");

  hr_output_print (output, _ ("Profile %s, "), hr_dict_string (status, "profile"));
  hr_output_print (output, ngettext ("%u file watched", "%u files watched", (gulong)watched), (guint)watched);
  hr_output_write (output, hr_dict_bool (status, "paused") ? _ (", everything is paused\n") : "\n");
  hr_output_print (output, ngettext ("%u reload", "%u reloads", (gulong)reloads), (guint)reloads);
  if (reloads > 0)
    {
      g_autofree char *last = hr_text_time (hr_text_parse_iso_time (hr_dict_string (status, "lastReload")));

      hr_output_print (output, _ (", %u failed (%s good), the last one at %s"),
                       (guint)hr_dict_number (status, "failedReloads"), hr_dict_string (status, "successRate"), last);
    }
  hr_output_write (output, "\n");
  if (*clean != '\0')
    hr_output_print (output, _ ("Pending: %s\n"), clean);
}

/* "running 2/3" where there are to be several. */
static char *
describe_state (GVariant *service)
{
  guint64 instances = hr_dict_number (service, "instances");
  const char *state = hr_dict_string (service, "state");

  return instances > 1
             ? g_strdup_printf ("%s %" PRIu64 "/%" PRIu64, state, hr_dict_number (service, "serving"), instances)
             : g_strdup (state);
}

static void
add_service_row (HrTable *table, GVariant *service)
{
  const char *state = hr_dict_string (service, "state");
  const char *health = hr_dict_string (service, "health");
  guint64 memory = hr_dict_number (service, "memoryBytes");
  g_autofree char *shown = describe_state (service);
  g_autofree char *release = number_or_nothing (hr_dict_number (service, "release"));
  g_autofree char *pid = number_or_nothing (hr_dict_number (service, "pid"));
  g_autofree char *uptime = NULL;
  g_autofree char *size = memory > 0 ? hr_text_size (memory) : g_strdup ("");
  g_autofree char *listen = hr_dict_join (service, "listen", " ");

  uptime = hr_dict_has (service, "uptimeUsec") ? hr_text_duration ((gint64)hr_dict_number (service, "uptimeUsec"))
                                               : g_strdup ("");
  hr_table_add (table, hr_dict_string (service, "name"), shown, health, release, pid, uptime, size, listen,
                hr_dict_string (service, "error"), NULL);
  hr_table_tint (table, 1, hr_tint_for_state (state));
  hr_table_tint (table, 2, hr_tint_for_health (health));
  hr_table_tint (table, 8, HR_TINT_BAD);
}

static void
print_all (GVariant *status, GVariant *services, HrOutput *output)
{
  g_autoptr (HrTable) table = hr_table_new (_ ("SERVICE"), _ ("STATE"), _ ("HEALTH"), _ ("RELEASE"), _ ("PID"),
                                            _ ("UPTIME"), _ ("MEMORY"), _ ("LISTEN"), _ ("ERROR"), NULL);

  print_summary (status, output);
  if (g_variant_n_children (services) == 0)
    {
      hr_output_write (output, _ ("There are no services.\n"));
      return;
    }

  hr_output_write (output, "\n");
  for (gsize i = 0; i < g_variant_n_children (services); i++)
    {
      g_autoptr (GVariant) service = g_variant_get_child_value (services, i);

      add_service_row (table, service);
    }
  hr_table_print (table, output);
}

/* "2 of 3 serve (PIDs 17, 18)" */
static void
print_instances (GVariant *service, HrOutput *output)
{
  g_autoptr (GVariant) pids = g_variant_lookup_value (service, "pids", G_VARIANT_TYPE ("au"));
  guint64 instances = hr_dict_number (service, "instances");
  g_autoptr (GString) list = g_string_new (NULL);
  g_autofree char *line = NULL;

  if (instances <= 1)
    return;
  for (gsize i = 0; pids != NULL && i < g_variant_n_children (pids); i++)
    {
      guint32 pid;

      g_variant_get_child (pids, i, "u", &pid);
      g_string_append_printf (list, "%s%u", i > 0 ? ", " : "", pid);
    }
  line = g_strdup_printf (_ ("%" PRIu64 " of %" PRIu64 " serve"), hr_dict_number (service, "serving"), instances);
  if (list->len > 0)
    {
      g_string_prepend (list, " (PID ");
      g_string_append_c (list, ')');
    }
  g_string_prepend (list, line);
  hr_fields_print (output, _ ("Instances"), list->str);
}

static void
print_process (GVariant *service, GVariant *properties, HrOutput *output)
{
  guint64 memory = hr_dict_number (service, "memoryBytes");
  guint64 since = hr_dict_number (properties, "SinceUsec");
  const char *state = hr_dict_string (service, "state");
  g_autofree char *tinted = hr_output_tint (output, hr_tint_for_state (state), state);
  g_autofree char *line = NULL;
  g_autofree char *whole = NULL;
  g_autofree char *pid = number_or_nothing (hr_dict_number (service, "pid"));
  g_autofree char *size = memory > 0 ? hr_text_size (memory) : g_strdup ("");

  if (since > 0)
    {
      g_autofree char *time = hr_text_time ((gint64)since);
      g_autofree char *uptime = hr_text_duration ((gint64)hr_dict_number (service, "uptimeUsec"));

      line = g_strdup_printf (_ ("since %s (%s)"), time, uptime);
    }

  whole = g_strconcat (tinted, line != NULL ? " " : "", line != NULL ? line : "",
                       hr_dict_bool (properties, "Paused") ? _ (", paused") : NULL, NULL);
  hr_fields_print_tinted (output, _ ("State"), whole);
  hr_fields_print (output, _ ("Health"), hr_dict_string (service, "health"));
  hr_fields_print (output, _ ("PID"), pid);
  print_instances (service, output);
  hr_fields_print (output, _ ("Memory"), size);
}

static void
print_code (GVariant *service, GVariant *properties, HrOutput *output)
{
  guint64 release = hr_dict_number (service, "release");
  guint64 point = hr_dict_number (properties, "RollbackPoint");
  g_autofree char *number = number_or_nothing (release);
  g_autofree char *line = NULL;
  g_autofree char *pending = hr_dict_join (properties, "Pending", "\n");

  if (release > 0 && point > 0)
    line = g_strdup_printf (_ ("%s (a rollback would go to %" PRIu64 ")"), number, point);
  hr_fields_print (output, _ ("Release"), line != NULL ? line : number);
  hr_fields_print (output, _ ("View"), hr_dict_string (service, "view"));
  hr_fields_print (output, _ ("Pending"), pending);
}

/* "release 3 gets 20% of the new connections, since 14:30:00" */
static void
print_canary (GVariant *service, HrOutput *output)
{
  g_autoptr (GVariant) canary = g_variant_lookup_value (service, "canary", G_VARIANT_TYPE_VARDICT);
  g_autofree char *since = NULL;
  g_autofree char *line = NULL;

  if (canary == NULL)
    return;
  since = hr_text_time ((gint64)hr_dict_number (canary, "sinceUsec"));
  line = g_strdup_printf (_ ("release %" PRIu64 " has %s (since %s)"), hr_dict_number (canary, "release"),
                          hr_dict_string (canary, "text"), since);
  hr_fields_print (output, _ ("Canary"), line);
}

/* "14:30:00 release 3: it exited with status 1 (PID 1234)" */
static void
print_ends (GVariant *service, HrOutput *output)
{
  g_autoptr (GVariant) ends = g_variant_lookup_value (service, "ends", G_VARIANT_TYPE ("aa{sv}"));

  for (gsize i = 0; ends != NULL && i < MIN (g_variant_n_children (ends), ENDS_SHOWN); i++)
    {
      g_autoptr (GVariant) end = g_variant_get_child_value (ends, i);
      g_autofree char *time = hr_text_time ((gint64)hr_dict_number (end, "timeUsec"));
      guint64 release = hr_dict_number (end, "release");
      g_autofree char *of = release > 0 ? g_strdup_printf (_ ("release %" PRIu64 ": "), release) : g_strdup ("");
      g_autofree char *pid = hr_dict_has (end, "pid")
                                 ? g_strdup_printf (" (PID %" PRIu64 ")", hr_dict_number (end, "pid"))
                                 : g_strdup ("");
      g_autofree char *line = g_strconcat (time, " ", of, hr_dict_string (end, "text"), pid, NULL);

      hr_fields_print (output, i == 0 ? _ ("Ended") : "", line);
    }
}

/* The newest reloads of the service; a daemon that cannot tell is no reason to fail. */
static void
print_reloads (HrClient *client, const char *name, HrOutput *output)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) entries = NULL;

  reply = hr_client_call (client, "GetHistory", g_variant_new ("(su)", name, RELOADS_SHOWN), "(aa{sv})",
                          HR_CLIENT_TIMEOUT_MSEC, NULL);
  entries = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;

  for (gsize i = 0; entries != NULL && i < g_variant_n_children (entries); i++)
    {
      g_autoptr (GVariant) entry = g_variant_get_child_value (entries, i);
      g_autofree char *time = hr_text_time (hr_text_parse_iso_time (hr_dict_string (entry, "timestamp")));
      g_autofree char *took = hr_text_duration ((gint64)hr_dict_number (entry, "durationUsec"));
      g_autofree char *line = NULL;

      if (hr_dict_bool (entry, "success"))
        line = g_strdup_printf (_ ("%s release %" PRIu64 " went live in %s"), time, hr_dict_number (entry, "release"),
                                took);
      else
        line = g_strdup_printf (_ ("%s failed in phase %s"), time, hr_dict_string (entry, "phase"));
      hr_fields_print (output, i == 0 ? _ ("Reloads") : "", line);
    }
}

static gboolean
print_one (HrCtl *ctl, const char *name, GVariant *service, GError **error)
{
  g_autoptr (GVariant) properties = NULL;
  g_autofree char *listen = hr_dict_join (service, "listen", "\n");
  g_autofree char *restarts = number_or_nothing (hr_dict_number (service, "restarts"));
  g_autofree char *notes = NULL;
  g_autofree char *title = hr_output_tint (ctl->output, HR_TINT_BOLD, name);
  g_autofree char *description = NULL;

  properties = hr_client_get_service (ctl->client, name, error);
  if (properties == NULL)
    return FALSE;

  description = hr_text_clean (hr_dict_string (properties, "Description"));
  notes = hr_dict_join (properties, "Notes", "\n");
  hr_output_print (ctl->output, "%s%s%s\n", title, *description != '\0' ? " - " : "", description);
  print_process (service, properties, ctl->output);
  hr_fields_print (ctl->output, _ ("Restarts"), restarts);
  print_code (service, properties, ctl->output);
  print_canary (service, ctl->output);
  hr_fields_print (ctl->output, _ ("Listen"), listen);
  hr_fields_print (ctl->output, _ ("Sockets"), hr_dict_string (service, "socketsAdvice"));
  hr_fields_print (ctl->output, _ ("Status"), hr_dict_string (properties, "StatusText"));
  hr_fields_print (ctl->output, _ ("Log"), hr_dict_string (properties, "LogFile"));
  hr_fields_print (ctl->output, _ ("Note"), notes);
  print_ends (service, ctl->output);
  hr_fields_print (ctl->output, _ ("Error"), hr_dict_string (service, "error"));
  print_reloads (ctl->client, name, ctl->output);
  return TRUE;
}

int
hr_verb_status (HrCtl *ctl, GError **error)
{
  const char *name = ctl->args->operands[0];
  HrClient *client = hr_ctl_connect (ctl, error);
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) status = NULL;
  g_autoptr (GVariant) services = NULL;

  if (client == NULL)
    return HR_EXIT_FAILED;

  reply = hr_client_call (client, "GetStatus", NULL, "(a{sv})", HR_CLIENT_TIMEOUT_MSEC, error);
  if (reply == NULL)
    return HR_EXIT_FAILED;
  status = g_variant_get_child_value (reply, 0);
  services = pick_services (status, name, error);
  if (services == NULL)
    return HR_EXIT_NOT_FOUND;

  if (hr_output_is_json (ctl->output))
    {
      JsonNode *node = hr_json_from_dict (status, status_fields, G_N_ELEMENTS (status_fields));

      json_object_set_member (json_node_get_object (node), "services",
                              hr_json_from_dicts (services, service_fields, G_N_ELEMENTS (service_fields)));
      hr_output_json (ctl->output, node);
    }
  else if (name == NULL)
    print_all (status, services, ctl->output);
  else
    {
      g_autoptr (GVariant) service = g_variant_get_child_value (services, 0);

      if (!print_one (ctl, name, service, error))
        return HR_EXIT_FAILED;
    }

  return HR_EXIT_OK;
}
