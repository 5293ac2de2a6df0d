/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-status-view.h"

#include <glib/gi18n.h>
#include <inttypes.h>
#include <string.h>

#include "hr-dict.h"
#include "hr-fields.h"
#include "hr-log-view.h"
#include "hr-process-view.h"
#include "hr-text.h"

/* How many of its newest reloads the status of one service shows. */
#define RELOADS_SHOWN 3
/* How many of the last ends that nobody asked for. */
#define ENDS_SHOWN 5

/**
 * hr_status_view_print_daemon:
 * @status: of GetStatus
 * @output: where
 *
 * The daemon's own figures, as far as it tells them.
 */
void
hr_status_view_print_daemon (GVariant *status, HrOutput *output)
{
  g_autoptr (GVariant) daemon = g_variant_lookup_value (status, "daemon", G_VARIANT_TYPE_VARDICT);
  guint64 jobs, directories;
  g_autofree char *memory = NULL;
  g_autofree char *uptime = NULL;
  g_autofree char *cpu = NULL;

  if (daemon == NULL)
    return;
  memory = hr_text_size (hr_dict_number (daemon, "memoryBytes"));
  uptime = hr_text_duration ((gint64)hr_dict_number (daemon, "uptimeUsec"));
  cpu = hr_text_duration ((gint64)hr_dict_number (daemon, "cpuUsec"));
  jobs = hr_dict_number (daemon, "jobs");
  directories = hr_dict_number (daemon, "watchedDirectories");
  hr_output_print (
      output, _ ("Daemon %s (PID %" PRIu64 ") up for %s: memory %s, CPU %s, %" PRIu64 " of %" PRIu64 " descriptors, "),
      hr_dict_string (daemon, "version"), hr_dict_number (daemon, "pid"), uptime, memory, cpu,
      hr_dict_number (daemon, "descriptors"), hr_dict_number (daemon, "descriptorsMax"));
  hr_output_print (output, ngettext ("%u job, ", "%u jobs, ", (gulong)jobs), (guint)jobs);
  hr_output_print (output, ngettext ("%u directory watched\n", "%u directories watched\n", (gulong)directories),
                   (guint)directories);
  if (hr_dict_has (daemon, "noCgroup"))
    hr_output_print (output, _ ("No control groups: %s\n"), hr_dict_string (daemon, "noCgroup"));
}

/* "2 of 3 serve (PID 17, 18)". While a reload is under way those of both releases serve, and the PIDs are of one: they
 * are left out then. */
static void
print_instances (GVariant *service, HrOutput *output)
{
  g_autoptr (GVariant) pids = g_variant_lookup_value (service, "pids", G_VARIANT_TYPE ("au"));
  guint64 serving = hr_dict_number (service, "serving");
  guint64 instances = hr_dict_number (service, "instances");
  g_autoptr (GString) list = g_string_new (NULL);
  g_autofree char *line = NULL;

  if (instances <= 1)
    return;
  for (gsize i = 0; pids != NULL && serving == g_variant_n_children (pids) && i < serving; i++)
    {
      guint32 pid;

      g_variant_get_child (pids, i, "u", &pid);
      g_string_append_printf (list, "%s%u", i > 0 ? ", " : "", pid);
    }
  line = g_strdup_printf (_ ("%" PRIu64 " of %" PRIu64 " serve"), serving, instances);
  if (list->len > 0)
    {
      g_string_prepend (list, " (PID ");
      g_string_append_c (list, ')');
    }
  g_string_prepend (list, line);
  hr_fields_print (output, _ ("Instances"), list->str);
}

/* Where the daemon tells no more. */
static void
print_memory (GVariant *service, HrOutput *output)
{
  guint64 memory = hr_dict_number (service, "memoryBytes");
  g_autofree char *size = memory > 0 ? hr_text_size (memory) : g_strdup ("");

  hr_fields_print (output, _ ("Memory"), size);
}

/* "since 14:30:00 (3 min 4 s)": that of an instance by the daemon's clock, which nobody sets. */
static char *
describe_since (GVariant *service, GVariant *properties)
{
  guint64 since = hr_dict_number (properties, "StateSinceUsec");
  gint64 length = MAX (g_get_real_time () - (gint64)since, 0);
  g_autofree char *time = NULL;
  g_autofree char *shown = NULL;

  if (since == 0)
    return g_strdup ("");
  if (since == hr_dict_number (properties, "SinceUsec"))
    length = (gint64)hr_dict_number (service, "uptimeUsec");
  time = hr_text_time ((gint64)since);
  shown = hr_text_duration (length);
  return g_strdup_printf (_ (" since %s (%s)"), time, shown);
}

static void
print_process (GVariant *service, GVariant *properties, GVariant *processes, GVariant *usage, HrOutput *output)
{
  const char *state = hr_dict_string (service, "state");
  g_autofree char *tinted = hr_output_tint (output, hr_tint_for_state (state), hr_text_word (state));
  g_autofree char *since = describe_since (service, properties);
  g_autofree char *whole = NULL;
  g_autofree char *pid = hr_text_number (hr_dict_number (service, "pid"));

  whole = g_strconcat (tinted, since, hr_dict_bool (properties, "Paused") ? _ (", paused") : NULL, NULL);
  hr_fields_print_tinted (output, _ ("State"), whole);
  hr_fields_print (output, _ ("Health"), hr_text_word (hr_dict_string (service, "health")));
  hr_fields_print (output, _ ("PID"), pid);
  print_instances (service, output);
  if (processes != NULL && g_variant_n_children (processes) > 0)
    hr_process_view_print (processes, usage, output);
  else
    print_memory (service, output);
}

/* The last check is told as by the reload that it was of: it is no reason to do anything. */
static void
print_notes (GVariant *properties, HrOutput *output)
{
  static const char check[] = "check: ";
  g_autofree const char **notes = hr_dict_strings (properties, "Notes");
  g_autoptr (GString) checks = g_string_new (NULL);
  g_autoptr (GString) others = g_string_new (NULL);

  for (guint i = 0; notes[i] != NULL; i++)
    {
      gboolean is_check = g_str_has_prefix (notes[i], check);
      GString *text = is_check ? checks : others;

      g_string_append_printf (text, "%s%s", text->len > 0 ? "\n" : "", notes[i] + (is_check ? strlen (check) : 0));
    }
  hr_fields_print (output, _ ("Checked"), checks->str);
  hr_fields_print (output, _ ("Note"), others->str);
}

static void
print_code (GVariant *service, GVariant *properties, HrOutput *output)
{
  guint64 release = hr_dict_number (service, "release");
  guint64 point = hr_dict_number (properties, "RollbackPoint");
  g_autofree char *number = hr_text_number (release);
  g_autofree char *line = NULL;
  g_autofree char *pending = hr_dict_join (properties, "Pending", "\n");

  if (release > 0 && point > 0)
    line = g_strdup_printf (_ ("%s (a rollback would go to %" PRIu64 ")"), number, point);
  hr_fields_print (output, _ ("Release"), line != NULL ? line : number);
  hr_fields_print (output, _ ("View"), hr_text_word (hr_dict_string (service, "view")));
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

/* "14:30:00 release 3 went live in 187 ms"; without a source there are no releases. */
static char *
describe_reload (GVariant *entry)
{
  g_autofree char *time = hr_text_time (hr_text_parse_iso_time (hr_dict_string (entry, "timestamp")));
  g_autofree char *took = hr_text_duration ((gint64)hr_dict_number (entry, "durationUsec"));
  const char *phase = hr_text_word (hr_dict_string (entry, "phase"));
  guint64 release = hr_dict_number (entry, "release");

  if (!hr_dict_bool (entry, "success"))
    return release > 0 ? g_strdup_printf (_ ("%s release %" PRIu64 " failed in phase %s"), time, release, phase)
                       : g_strdup_printf (_ ("%s failed in phase %s"), time, phase);
  if (release == 0)
    return g_strdup_printf (_ ("%s a new process went live in %s"), time, took);
  if (g_str_equal (hr_dict_string (entry, "trigger"), "rollback"))
    return g_strdup_printf (_ ("%s rolled back to release %" PRIu64 " in %s"), time, release, took);
  return g_strdup_printf (_ ("%s release %" PRIu64 " went live in %s"), time, release, took);
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
      g_autofree char *line = describe_reload (entry);

      hr_fields_print (output, i == 0 ? _ ("Reloads") : "", line);
    }
}

/* The last lines of its output, as "hrctl logs" shows them; none is no reason to fail. */
static void
print_log (HrOutput *output, const char *name, const char *link, guint64 lines)
{
  g_autoptr (HrLogView) view = *link != '\0' && lines > 0 ? hr_log_view_new (output, name, link) : NULL;

  if (view == NULL || !hr_log_view_refresh (view, NULL) || view->sources->len == 0)
    return;
  view->harmless = TRUE;
  hr_output_write (output, "\n");
  hr_log_view_print_tail (view, lines, 0, NULL);
}

/* Drains that left somebody behind: not told where there were none. Not everybody who has a connection waits for an answer. */
static void
print_cut (GVariant *service, HrOutput *output)
{
  guint64 drains = hr_dict_number (service, "drainsCut"), connections = hr_dict_number (service, "connectionsCut");
  guint64 busy = hr_dict_number (service, "connectionsCutBusy");
  g_autofree char *n_drains = g_strdup_printf (ngettext ("%u drain", "%u drains", (gulong)drains), (guint)drains);
  g_autofree char *n_connections =
      g_strdup_printf (ngettext ("%u open connection", "%u open connections", (gulong)connections), (guint)connections);
  g_autofree char *n_busy = busy > 0 ? g_strdup_printf (_ ("something was under way on %u"), (guint)busy)
                                     : g_strdup (_ ("nothing was under way on them"));
  g_autofree char *text = g_strconcat (n_drains, ", ", n_connections, "; ", n_busy, NULL);

  if (drains > 0)
    hr_fields_print (output, _ ("Cut short"), text);
}

/* How many descriptors, and their names. */
static void
print_stored (GVariant *service, HrOutput *output)
{
  g_autofree const char **names = hr_dict_strings (service, "stored");
  g_autofree char *all = hr_dict_join (service, "stored", ", ");
  g_autofree char *text = g_strdup_printf ("%u: %s", g_strv_length ((char **)names), all);

  if (names[0] != NULL)
    hr_fields_print (output, _ ("Stored"), text);
}

/* Not told where there are none; a few for a moment are no fault. */
static void
print_waiting (GVariant *service, HrOutput *output)
{
  guint64 n = hr_dict_number (service, "connectionsWaiting");
  g_autofree char *line = NULL;

  if (n == 0)
    return;
  line = g_strdup_printf (
      ngettext ("%" PRIu64 " connection has not been accepted", "%" PRIu64 " connections have not been accepted", n),
      n);
  hr_fields_print (output, _ ("Waiting"), line);
}

/**
 * hr_status_view_print:
 * @client: the daemon
 * @output: where
 * @service: a service of GetStatus
 * @processes: (nullable): what GetProcesses says of it
 * @usage: (nullable): what GetUsage says of it
 * @lines: how many lines of its output
 * @error: the daemon's
 *
 * Everything about one service.
 *
 * Returns: whether the daemon told it
 */
gboolean
hr_status_view_print (HrClient *client, HrOutput *output, GVariant *service, GVariant *processes, GVariant *usage,
                      guint64 lines, GError **error)
{
  const char *name = hr_dict_string (service, "name");
  g_autoptr (GVariant) properties = hr_client_get_service (client, name, error);
  g_autofree char *listen = hr_dict_join (service, "listen", "\n");
  g_autofree char *restarts = hr_text_number (hr_dict_number (service, "restarts"));
  g_autofree char *title = hr_output_tint (output, HR_TINT_BOLD, name);
  g_autofree char *description = NULL;

  if (properties == NULL)
    return FALSE;

  description = hr_text_clean (hr_dict_string (properties, "Description"));
  hr_output_print (output, "%s%s%s\n", title, *description != '\0' ? " - " : "", description);
  print_process (service, properties, processes, usage, output);
  hr_fields_print (output, _ ("Restarts"), restarts);
  print_cut (service, output);
  print_code (service, properties, output);
  print_canary (service, output);
  hr_fields_print (output, _ ("Listen"), listen);
  print_waiting (service, output);
  print_stored (service, output);
  hr_fields_print (output, _ ("Sockets"), hr_dict_string (service, "socketsAdvice"));
  hr_fields_print (output, _ ("Status"), hr_dict_string (properties, "StatusText"));
  hr_fields_print (output, _ ("Log"), hr_dict_string (properties, "LogFile"));
  print_notes (properties, output);
  print_ends (service, output);
  hr_fields_print (output, _ ("Error"), hr_dict_string (service, "error"));
  print_reloads (client, name, output);
  print_log (output, name, hr_dict_string (properties, "LogFile"), lines);
  return TRUE;
}
