/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * verb-release.c: verbs that look at the code of a service: releases, diff, plan.
 */
#include <glib/gi18n.h>
#include <inttypes.h>
#include <string.h>

#include "hr-dict.h"
#include "hr-fields.h"
#include "hr-json.h"
#include "hr-names.h"
#include "hr-table.h"
#include "hr-text.h"
#include "hr-verb.h"

static const HrField release_fields[] = {
  { "number", HR_FIELD_NUMBER, FALSE }, { "fate", HR_FIELD_STRING, FALSE },        { "time", HR_FIELD_TIME, TRUE },
  { "commit", HR_FIELD_STRING, TRUE },  { "trigger", HR_FIELD_STRING, TRUE },      { "caller", HR_FIELD_STRING, TRUE },
  { "files", HR_FIELD_STRINGS, FALSE }, { "phase", HR_FIELD_STRING, TRUE },        { "error", HR_FIELD_STRING, TRUE },
  { "running", HR_FIELD_BOOL, FALSE },  { "rollbackPoint", HR_FIELD_BOOL, FALSE },
};

static const HrField plan_fields[] = {
  { "phase", HR_FIELD_STRING, FALSE },
  { "text", HR_FIELD_STRING, FALSE },
  { "handover", HR_FIELD_STRING, TRUE },
  { "reason", HR_FIELD_STRING, TRUE },
};

/* Calls @method with the service's name; the reply is a list of dictionaries. */
static GVariant *
call_for_dicts (HrCtl *ctl, const char *method, int timeout_msec, GError **error)
{
  HrClient *client = hr_ctl_connect (ctl, error);
  g_autoptr (GVariant) reply = NULL;

  if (client == NULL)
    return NULL;

  reply =
      hr_client_call (client, method, g_variant_new ("(s)", ctl->args->operands[0]), "(aa{sv})", timeout_msec, error);
  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

static HrTint
tint_for_fate (const char *fate)
{
  if (g_str_equal (fate, "good"))
    return HR_TINT_GOOD;
  if (g_str_equal (fate, "rejected"))
    return HR_TINT_BAD;
  if (g_str_equal (fate, "retired"))
    return HR_TINT_DIM;

  return HR_TINT_MIDDLING;
}

static const char *
mark_of (GVariant *release)
{
  if (hr_dict_bool (release, "running"))
    return _ ("running");
  if (!hr_dict_bool (release, "rollbackPoint"))
    return "";

  /* Where none has proven itself, the newest that served is better than nothing; it is no rollback point. */
  return g_str_equal (hr_dict_string (release, "fate"), "good") ? _ ("rollback point") : _ ("rollback goes here");
}

static void
add_release (HrTable *table, GVariant *release)
{
  const char *fate = hr_dict_string (release, "fate");
  g_autofree char *number = g_strdup_printf ("%" PRIu64, hr_dict_number (release, "number"));
  g_autofree char *time = hr_text_time ((gint64)hr_dict_number (release, "time"));
  g_autofree char *files = hr_dict_join (release, "files", " ");
  g_autofree char *error = NULL;

  if (*hr_dict_string (release, "error") != '\0')
    {
      g_autofree char *line = hr_text_first_line (hr_dict_string (release, "error"));

      error = hr_dict_has (release, "phase")
                  ? g_strdup_printf ("%s: %s", hr_text_word (hr_dict_string (release, "phase")), line)
                  : g_steal_pointer (&line);
    }

  hr_table_add (table, number, hr_text_word (fate), mark_of (release), time,
                hr_text_word (hr_dict_string (release, "trigger")), hr_dict_string (release, "caller"), files,
                error != NULL ? error : "", NULL);
  hr_table_tint (table, 1, tint_for_fate (fate));
  hr_table_tint (table, 7, HR_TINT_BAD);
}

static void
print_release (HrOutput *output, GVariant *release)
{
  const char *fate = hr_dict_string (release, "fate");
  const char *mark = mark_of (release);
  g_autofree char *tinted = hr_output_tint (output, tint_for_fate (fate), hr_text_word (fate));
  g_autofree char *time = hr_text_time ((gint64)hr_dict_number (release, "time"));
  g_autofree char *files = hr_dict_join (release, "files", "\n");

  hr_output_print (output, _ ("Release %" PRIu64), hr_dict_number (release, "number"));
  hr_output_print (output, *mark != '\0' ? "  %s  %s\n" : "  %s%s\n", tinted, mark);
  hr_fields_print (output, _ ("Recorded"), time);
  hr_fields_print (output, _ ("Commit"), hr_dict_string (release, "commit"));
  hr_fields_print (output, _ ("Trigger"), hr_text_word (hr_dict_string (release, "trigger")));
  hr_fields_print (output, _ ("Caller"), hr_dict_string (release, "caller"));
  hr_fields_print (output, _ ("Files"), files);
  hr_fields_print (output, _ ("Phase"), hr_text_word (hr_dict_string (release, "phase")));
  hr_fields_print (output, _ ("Error"), hr_dict_string (release, "error"));
}

int
hr_verb_releases (HrCtl *ctl, GError **error)
{
  g_autoptr (GVariant) releases = call_for_dicts (ctl, "ListReleases", HR_CLIENT_TIMEOUT_MSEC, error);
  g_autoptr (HrTable) table = NULL;

  if (releases == NULL)
    return HR_EXIT_FAILED;

  if (hr_output_is_json (ctl->output))
    {
      hr_output_json (ctl->output, hr_json_from_dicts (releases, release_fields, G_N_ELEMENTS (release_fields)));
      return HR_EXIT_OK;
    }
  if (g_variant_n_children (releases) == 0)
    {
      hr_output_write (ctl->output, _ ("There are no releases yet.\n"));
      return HR_EXIT_OK;
    }

  if (hr_args_has (ctl->args, HR_OPTION_LONG))
    {
      for (gsize i = 0; i < g_variant_n_children (releases); i++)
        {
          g_autoptr (GVariant) release = g_variant_get_child_value (releases, i);

          if (i > 0)
            hr_output_write (ctl->output, "\n");
          print_release (ctl->output, release);
        }
      return HR_EXIT_OK;
    }

  table = hr_table_new (_ ("RELEASE"), _ ("FATE"), "", _ ("RECORDED"), _ ("TRIGGER"), _ ("CALLER"), _ ("FILES"),
                        _ ("ERROR"), NULL);
  for (gsize i = 0; i < g_variant_n_children (releases); i++)
    {
      g_autoptr (GVariant) release = g_variant_get_child_value (releases, i);

      add_release (table, release);
    }
  hr_table_print (table, ctl->output);
  return HR_EXIT_OK;
}

int
hr_verb_plan (HrCtl *ctl, GError **error)
{
  g_autoptr (GVariant) steps = NULL;
  g_autoptr (HrTable) table = hr_table_new (_ ("PHASE"), _ ("WHAT IT WOULD DO"), NULL);

  steps = call_for_dicts (ctl, "Plan", HR_CLIENT_LONG_TIMEOUT_MSEC, error);
  if (steps == NULL)
    return HR_EXIT_FAILED;

  if (hr_output_is_json (ctl->output))
    {
      hr_output_json (ctl->output, hr_json_from_dicts (steps, plan_fields, G_N_ELEMENTS (plan_fields)));
      return HR_EXIT_OK;
    }

  for (gsize i = 0; i < g_variant_n_children (steps); i++)
    {
      g_autoptr (GVariant) step = g_variant_get_child_value (steps, i);

      hr_table_add (table, hr_text_word (hr_dict_string (step, "phase")), hr_dict_string (step, "text"), NULL);
    }
  hr_table_print (table, ctl->output);
  return HR_EXIT_OK;
}

static HrTint
tint_for_diff_line (const char *line)
{
  if (g_str_has_prefix (line, "+++") || g_str_has_prefix (line, "---") || g_str_has_prefix (line, "diff "))
    return HR_TINT_BOLD;
  if (g_str_has_prefix (line, "@@"))
    return HR_TINT_MIDDLING;
  if (line[0] == '+')
    return HR_TINT_GOOD;
  if (line[0] == '-')
    return HR_TINT_BAD;

  return HR_TINT_NONE;
}

/* On a terminal harmless and, if wanted, in colour; elsewhere as it is, so that it can be applied as a patch. */
static void
print_diff (const char *diff, HrOutput *output)
{
  g_autofree char *clean = NULL;
  g_auto (GStrv) lines = NULL;

  if (!hr_output_is_terminal (output))
    {
      hr_output_write (output, diff);
      return;
    }

  clean = hr_text_clean (diff);
  lines = g_strsplit (clean, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_autofree char *line = hr_output_tint (output, tint_for_diff_line (lines[i]), lines[i]);

      if (lines[i + 1] != NULL || *line != '\0')
        hr_output_print (output, "%s\n", line);
    }
}

static void
set_release_member (JsonObject *object, const char *key, guint64 release)
{
  if (release > 0)
    json_object_set_int_member (object, key, (gint64)release);
  else
    json_object_set_null_member (object, key);
}

int
hr_verb_diff (HrCtl *ctl, GError **error)
{
  GStrv operands = ctl->args->operands;
  guint64 numbers[2] = { 0, 0 };
  g_autoptr (GVariant) reply = NULL;
  HrClient *client;
  const char *diff;

  for (guint i = 0; i < G_N_ELEMENTS (numbers) && operands[i + 1] != NULL; i++)
    {
      if (!hr_args_parse_number (ctl->args, operands[i + 1], _ ("a release"), 1, G_MAXUINT64, &numbers[i], error))
        return HR_EXIT_USAGE;
    }

  client = hr_ctl_connect (ctl, error);
  if (client == NULL)
    return HR_EXIT_FAILED;
  reply = hr_client_call (client, "Diff", g_variant_new ("(stt)", operands[0], numbers[0], numbers[1]), "(s)",
                          HR_CLIENT_LONG_TIMEOUT_MSEC, error);
  if (reply == NULL)
    return HR_EXIT_FAILED;

  g_variant_get (reply, "(&s)", &diff);
  if (hr_output_is_json (ctl->output))
    {
      JsonObject *object = json_object_new ();

      json_object_set_string_member (object, "service", operands[0]);
      set_release_member (object, "from", numbers[0]);
      set_release_member (object, "to", numbers[1]);
      json_object_set_string_member (object, "diff", diff);
      hr_output_json (ctl->output, hr_json_take_object (object));
    }
  else
    print_diff (diff, ctl->output);

  return HR_EXIT_OK;
}
