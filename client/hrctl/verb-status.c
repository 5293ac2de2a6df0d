/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * verb-status.c: list and status.
 */
#include <glib/gi18n.h>
#include <inttypes.h>

#include "hr-dict.h"
#include "hr-error.h"
#include "hr-json.h"
#include "hr-names.h"
#include "hr-status-view.h"
#include "hr-table.h"
#include "hr-text.h"
#include "hr-usage.h"
#include "hr-verb.h"

/* How many of the last lines of its output the status of one service shows, and at most. */
#define LINES_DEFAULT 10
#define LINES_MAX 1000000

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

static const HrField process_fields[] = {
  { "pid", HR_FIELD_NUMBER, FALSE },         { "parent", HR_FIELD_NUMBER, TRUE },
  { "main", HR_FIELD_NUMBER, FALSE },        { "release", HR_FIELD_NUMBER, TRUE },
  { "instance", HR_FIELD_NUMBER, FALSE },    { "role", HR_FIELD_STRING, FALSE },
  { "name", HR_FIELD_STRING, FALSE },        { "command", HR_FIELD_STRING, TRUE },
  { "memoryBytes", HR_FIELD_NUMBER, FALSE }, { "cpuUsec", HR_FIELD_NUMBER, FALSE },
  { "threads", HR_FIELD_NUMBER, FALSE },
};

static const HrField usage_fields[] = {
  { "processes", HR_FIELD_NUMBER, FALSE },
  { "tasks", HR_FIELD_NUMBER, FALSE },
  { "memoryBytes", HR_FIELD_NUMBER, FALSE },
  { "cpuUsec", HR_FIELD_NUMBER, FALSE },
};

static const HrField daemon_fields[] = {
  { "version", HR_FIELD_STRING, FALSE },
  { "pid", HR_FIELD_NUMBER, FALSE },
  { "uptimeUsec", HR_FIELD_NUMBER, FALSE },
  { "memoryBytes", HR_FIELD_NUMBER, FALSE },
  { "cpuUsec", HR_FIELD_NUMBER, FALSE },
  { "descriptors", HR_FIELD_NUMBER, FALSE },
  { "descriptorsMax", HR_FIELD_NUMBER, FALSE },
  { "jobs", HR_FIELD_NUMBER, FALSE },
  { "watchedDirectories", HR_FIELD_NUMBER, FALSE },
  { "cgroup", HR_FIELD_STRING, TRUE },
  { "noCgroup", HR_FIELD_STRING, TRUE },
};

static const HrField service_fields[] = {
  { "name", HR_FIELD_STRING, FALSE },
  { "state", HR_FIELD_STRING, FALSE },
  { "health", HR_FIELD_STRING, FALSE },
  { "pid", HR_FIELD_NUMBER, TRUE },
  { "release", HR_FIELD_NUMBER, TRUE },
  { "restarts", HR_FIELD_NUMBER, FALSE },
  { "drainsCut", HR_FIELD_NUMBER, FALSE },
  { "connectionsCut", HR_FIELD_NUMBER, FALSE },
  { "connectionsCutBusy", HR_FIELD_NUMBER, FALSE },
  { "connectionsWaiting", HR_FIELD_NUMBER, FALSE },
  { "uptimeUsec", HR_FIELD_NUMBER, FALSE },
  { "memoryBytes", HR_FIELD_NUMBER, TRUE },
  { "listen", HR_FIELD_STRINGS, FALSE },
  { "stored", HR_FIELD_STRINGS, FALSE },
  { "view", HR_FIELD_STRING, TRUE },
  { "socketsAdvice", HR_FIELD_STRING, TRUE },
  { "error", HR_FIELD_STRING, TRUE },
  { "instances", HR_FIELD_NUMBER, FALSE },
  { "serving", HR_FIELD_NUMBER, FALSE },
  { "pids", HR_FIELD_NUMBERS, FALSE },
  { "canary", HR_FIELD_DICT, FALSE, canary_fields, G_N_ELEMENTS (canary_fields) },
  { "ends", HR_FIELD_DICTS, FALSE, end_fields, G_N_ELEMENTS (end_fields) },
  { "usage", HR_FIELD_DICT, FALSE, usage_fields, G_N_ELEMENTS (usage_fields) },
  { "processes", HR_FIELD_DICTS, TRUE, process_fields, G_N_ELEMENTS (process_fields) },
};

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
      g_autofree char *release_text = hr_text_number (release);
      g_autofree char *pid_text = hr_text_number (pid);

      hr_table_add (table, name, hr_text_word (state), hr_text_word (health), release_text, pid_text, NULL);
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

/* The services of @services with what GetUsage says of each, and with @processes, of the one that was asked for. */
static GVariant *
add_usage (GVariant *services, GVariant *usage, GVariant *processes)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (gsize i = 0; i < g_variant_n_children (services); i++)
    {
      g_autoptr (GVariant) service = g_variant_get_child_value (services, i);
      g_autoptr (GVariant) used = hr_usage_find (usage, hr_dict_string (service, "name"));
      g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (service);

      if (used != NULL)
        g_variant_dict_insert_value (&dict, "usage", used);
      if (processes != NULL)
        g_variant_dict_insert_value (&dict, "processes", processes);
      g_variant_builder_add_value (&builder, g_variant_dict_end (&dict));
    }

  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

static void
print_as_json (GVariant *status, GVariant *services, GVariant *usage, GVariant *processes, HrOutput *output)
{
  g_autoptr (GVariant) full = add_usage (services, usage, processes);
  g_autoptr (GVariant) daemon = g_variant_lookup_value (status, "daemon", G_VARIANT_TYPE_VARDICT);
  JsonNode *node = hr_json_from_dict (status, status_fields, G_N_ELEMENTS (status_fields));
  JsonObject *object = json_node_get_object (node);

  json_object_set_member (object, "services", hr_json_from_dicts (full, service_fields, G_N_ELEMENTS (service_fields)));
  json_object_set_member (object, "daemon",
                          daemon != NULL ? hr_json_from_dict (daemon, daemon_fields, G_N_ELEMENTS (daemon_fields))
                                         : json_node_init_null (json_node_alloc ()));
  hr_output_json (output, node);
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

      hr_output_print (output, _ (" since the daemon began, %u failed (%s good), the last one at %s"),
                       (guint)hr_dict_number (status, "failedReloads"), hr_dict_string (status, "successRate"), last);
    }
  hr_output_write (output, "\n");
  if (*clean != '\0')
    hr_output_print (output, _ ("Pending: %s\n"), clean);
  hr_status_view_print_daemon (status, output);
}

/* "running 2/3" where there are to be several. */
static char *
describe_state (GVariant *service)
{
  guint64 instances = hr_dict_number (service, "instances");
  const char *state = hr_text_word (hr_dict_string (service, "state"));

  return instances > 1
             ? g_strdup_printf ("%s %" PRIu64 "/%" PRIu64, state, hr_dict_number (service, "serving"), instances)
             : g_strdup (state);
}

static void
add_service_row (HrTable *table, GVariant *service, GVariant *usage)
{
  g_autoptr (GVariant) used = hr_usage_find (usage, hr_dict_string (service, "name"));
  const char *state = hr_dict_string (service, "state");
  const char *health = hr_dict_string (service, "health");
  guint64 memory = hr_dict_number (used != NULL ? used : service, "memoryBytes");
  g_autofree char *shown = describe_state (service);
  g_autofree char *release = hr_text_number (hr_dict_number (service, "release"));
  g_autofree char *pid = hr_text_number (hr_dict_number (service, "pid"));
  g_autofree char *uptime = NULL;
  g_autofree char *size = memory > 0 ? hr_text_size (memory) : g_strdup ("");
  g_autofree char *listen = hr_dict_join (service, "listen", " ");

  uptime = hr_dict_has (service, "uptimeUsec") ? hr_text_duration ((gint64)hr_dict_number (service, "uptimeUsec"))
                                               : g_strdup ("");
  hr_table_add (table, hr_dict_string (service, "name"), shown, hr_text_word (health), release, pid, uptime, size,
                listen, hr_dict_string (service, "error"), NULL);
  hr_table_tint (table, 1, hr_tint_for_state (state));
  hr_table_tint (table, 2, hr_tint_for_health (health));
  hr_table_tint (table, 8, HR_TINT_BAD);
}

static void
print_all (GVariant *status, GVariant *services, GVariant *usage, HrOutput *output)
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

      add_service_row (table, service, usage);
    }
  hr_table_print (table, output);
}

int
hr_verb_status (HrCtl *ctl, GError **error)
{
  const char *name = ctl->args->operands[0];
  gboolean json = hr_output_is_json (ctl->output);
  guint64 lines = LINES_DEFAULT;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) status = NULL;
  g_autoptr (GVariant) services = NULL;
  g_autoptr (GVariant) usage = NULL;
  g_autoptr (GVariant) processes = NULL;
  HrClient *client;

  if (!hr_args_get_number (ctl->args, HR_OPTION_LINES, 0, LINES_MAX, &lines, error))
    return HR_EXIT_USAGE;
  client = hr_ctl_connect (ctl, error);
  if (client == NULL)
    return HR_EXIT_FAILED;

  reply = hr_client_call (client, "GetStatus", NULL, "(a{sv})", HR_CLIENT_TIMEOUT_MSEC, error);
  if (reply == NULL)
    return HR_EXIT_FAILED;
  status = g_variant_get_child_value (reply, 0);
  services = pick_services (status, name, error);
  if (services == NULL)
    return HR_EXIT_NOT_FOUND;

  /* A daemon that cannot tell is no reason to fail. */
  usage = hr_usage_get (client);
  if (name != NULL)
    processes = hr_processes_get (client, name);
  if (json)
    print_as_json (status, services, usage, processes, ctl->output);
  else if (name == NULL)
    print_all (status, services, usage, ctl->output);
  else
    {
      g_autoptr (GVariant) service = g_variant_get_child_value (services, 0);
      g_autoptr (GVariant) used = hr_usage_find (usage, name);

      if (!hr_status_view_print (client, ctl->output, service, processes, used, lines, error))
        return HR_EXIT_FAILED;
    }

  return HR_EXIT_OK;
}
