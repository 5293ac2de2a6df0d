/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * verb-history.c: history.
 */
#include <glib/gi18n.h>
#include <inttypes.h>

#include "hr-dict.h"
#include "hr-fields.h"
#include "hr-job-print.h"
#include "hr-json.h"
#include "hr-names.h"
#include "hr-table.h"
#include "hr-text.h"
#include "hr-verb.h"

#define ENTRIES_DEFAULT 10
#define ENTRIES_MAX 10000

static const HrField history_fields[] = {
  { "timestamp", HR_FIELD_STRING, FALSE },
  { "service", HR_FIELD_STRING, FALSE },
  { "file", HR_FIELD_STRING, TRUE },
  { "files", HR_FIELD_STRINGS, FALSE },
  { "success", HR_FIELD_BOOL, FALSE },
  { "release", HR_FIELD_NUMBER, TRUE },
  { "previousRelease", HR_FIELD_NUMBER, TRUE },
  { "downtime", HR_FIELD_STRING, FALSE },
  { "downtimeUsec", HR_FIELD_NUMBER, FALSE },
  { "durationUsec", HR_FIELD_NUMBER, FALSE },
  { "queueWaitUsec", HR_FIELD_NUMBER, FALSE },
  { "connectionsCut", HR_FIELD_NUMBER, FALSE },
  { "phases", HR_FIELD_PHASES, FALSE },
  { "phase", HR_FIELD_STRING, TRUE },
  { "error", HR_FIELD_STRING, TRUE },
  { "trigger", HR_FIELD_STRING, FALSE },
  { "caller", HR_FIELD_STRING, TRUE },
  { "reason", HR_FIELD_STRING, TRUE },
  { "canary", HR_FIELD_STRING, TRUE },
};

static char *
describe_files (GVariant *entry)
{
  g_autofree const char **files = hr_dict_strings (entry, "files");
  guint n = g_strv_length ((GStrv)files);

  if (n <= 1)
    return g_strdup (n == 1 ? files[0] : "");

  return g_strdup_printf (_ ("%s and %u more"), files[0], n - 1);
}

static char *
number_or_nothing (guint64 number)
{
  return number > 0 ? g_strdup_printf ("%" PRIu64, number) : g_strdup ("");
}

static char *
describe_result (GVariant *entry)
{
  if (hr_dict_bool (entry, "success"))
    return g_strdup (_ ("live"));

  return g_strdup_printf (_ ("failed in %s"), hr_text_word (hr_dict_string (entry, "phase")));
}

static void
print_entry (HrOutput *output, GVariant *entry)
{
  gboolean success = hr_dict_bool (entry, "success");
  g_autofree char *time = hr_text_time (hr_text_parse_iso_time (hr_dict_string (entry, "timestamp")));
  g_autofree char *result = describe_result (entry);
  g_autofree char *tinted = hr_output_tint (output, success ? HR_TINT_GOOD : HR_TINT_BAD, result);
  g_autofree char *release = number_or_nothing (hr_dict_number (entry, "release"));
  g_autofree char *previous = number_or_nothing (hr_dict_number (entry, "previousRelease"));
  g_autofree char *took = hr_text_duration ((gint64)hr_dict_number (entry, "durationUsec"));
  g_autofree char *phases = hr_job_describe_phases (entry);
  g_autofree char *downtime = hr_job_describe_downtime (entry);
  g_autofree char *files = hr_dict_join (entry, "files", "\n");

  hr_output_print (output, "%s  %s  %s\n", time, hr_dict_string (entry, "service"), tinted);
  hr_fields_print (output, _ ("Release"), release);
  hr_fields_print (output, _ ("Before"), previous);
  hr_fields_print (output, _ ("Took"), took);
  hr_fields_print (output, _ ("Phases"), phases);
  hr_fields_print (output, _ ("Downtime"), downtime);
  hr_fields_print (output, _ ("Trigger"), hr_text_word (hr_dict_string (entry, "trigger")));
  hr_fields_print (output, _ ("Caller"), hr_dict_string (entry, "caller"));
  hr_fields_print (output, _ ("Files"), files);
  hr_fields_print (output, _ ("Canary"), hr_dict_string (entry, "canary"));
  hr_fields_print (output, _ ("Reason"), hr_dict_string (entry, "reason"));
  hr_fields_print (output, _ ("Error"), hr_dict_string (entry, "error"));
}

static void
add_entry (HrTable *table, GVariant *entry)
{
  gboolean success = hr_dict_bool (entry, "success");
  g_autofree char *time = hr_text_time (hr_text_parse_iso_time (hr_dict_string (entry, "timestamp")));
  g_autofree char *release = number_or_nothing (hr_dict_number (entry, "release"));
  g_autofree char *took = hr_text_duration ((gint64)hr_dict_number (entry, "durationUsec"));
  g_autofree char *downtime = hr_text_duration ((gint64)hr_dict_number (entry, "downtimeUsec"));
  /* Of the longest wait in the queue, where that is known. */
  g_autofree char *wait = hr_dict_has (entry, "queueWaitUsec")
                              ? hr_text_duration ((gint64)hr_dict_number (entry, "queueWaitUsec"))
                              : g_strdup ("");
  g_autofree char *files = describe_files (entry);
  g_autofree char *result = describe_result (entry);

  hr_table_add (table, time, hr_dict_string (entry, "service"), result, release, took, downtime, wait,
                hr_text_word (hr_dict_string (entry, "trigger")), hr_dict_string (entry, "caller"), files,
                hr_dict_string (entry, success ? "reason" : "error"), NULL);
  hr_table_tint (table, 2, success ? HR_TINT_GOOD : HR_TINT_BAD);
  hr_table_tint (table, 10, success ? HR_TINT_MIDDLING : HR_TINT_BAD);
}

int
hr_verb_history (HrCtl *ctl, GError **error)
{
  const char *service = ctl->args->operands[0];
  guint64 limit = ENTRIES_DEFAULT;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) entries = NULL;
  g_autoptr (HrTable) table = NULL;
  HrClient *client;

  if (!hr_args_get_number (ctl->args, HR_OPTION_LINES, 1, ENTRIES_MAX, &limit, error))
    return HR_EXIT_USAGE;
  client = hr_ctl_connect (ctl, error);
  if (client == NULL)
    return HR_EXIT_FAILED;

  reply = hr_client_call (client, "GetHistory", g_variant_new ("(su)", service != NULL ? service : "", (guint)limit),
                          "(aa{sv})", HR_CLIENT_TIMEOUT_MSEC, error);
  if (reply == NULL)
    return HR_EXIT_FAILED;

  entries = g_variant_get_child_value (reply, 0);
  if (hr_output_is_json (ctl->output))
    {
      hr_output_json (ctl->output, hr_json_from_dicts (entries, history_fields, G_N_ELEMENTS (history_fields)));
      return HR_EXIT_OK;
    }
  if (g_variant_n_children (entries) == 0)
    {
      hr_output_write (ctl->output, _ ("Nothing was reloaded yet.\n"));
      return HR_EXIT_OK;
    }

  if (hr_args_has (ctl->args, HR_OPTION_LONG))
    {
      for (gsize i = 0; i < g_variant_n_children (entries); i++)
        {
          g_autoptr (GVariant) entry = g_variant_get_child_value (entries, i);

          if (i > 0)
            hr_output_write (ctl->output, "\n");
          print_entry (ctl->output, entry);
        }
      return HR_EXIT_OK;
    }

  table = hr_table_new (_ ("TIME"), _ ("SERVICE"), _ ("RESULT"), _ ("RELEASE"), _ ("TOOK"), _ ("DOWNTIME"), _ ("WAIT"),
                        _ ("TRIGGER"), _ ("CALLER"), _ ("FILES"), _ ("REASON"), NULL);
  for (gsize i = 0; i < g_variant_n_children (entries); i++)
    {
      g_autoptr (GVariant) entry = g_variant_get_child_value (entries, i);

      add_entry (table, entry);
    }
  hr_table_print (table, ctl->output);
  return HR_EXIT_OK;
}
