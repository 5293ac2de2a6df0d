/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-job-print.h"

#include <glib/gi18n.h>
#include <inttypes.h>
#include <string.h>

#include "hr-dict.h"
#include "hr-fields.h"
#include "hr-names.h"
#include "hr-text.h"

/* Columns that the phases may take beside their title, so that a line fits a terminal. */
#define PHASES_WIDTH 64

/* What to do about a failure, by its error's name below org.hotreload.Error; %s is the service. */
static const struct {
  const char *error;
  const char *advice;
} advices[] = {
  { "CheckFailed", N_ ("mend what the check found, then save it or reload again") },
  { "CheckUnavailable", N_ ("install what is missing, or change Validate (see hotreload.service(5))") },
  { "StartFailed", N_ ("'hrctl logs %s' shows what it said") },
  { "NotHealthy", N_ ("'hrctl logs %s' shows what it said") },
  { "TimedOut", N_ ("'hrctl logs %s' shows what it said") },
  { "Cancelled", N_ ("'hrctl reload %s' tries it again") },
  { "RollbackFailed", N_ ("'hrctl status %s' says what serves, 'hrctl logs %s' why; then 'hrctl start %s'") },
};

static gboolean
moves_code (GVariant *outcome)
{
  const char *const kinds[] = { "reload", "rollback", "restore-snapshot", NULL };

  return g_strv_contains (kinds, hr_dict_string (outcome, "kind"));
}

/**
 * hr_job_describe_phases:
 * @outcome: what came of a job, or an entry of the history
 *
 * Returns: (transfer full): "record 6 ms, check 20 ms", on as many lines as it takes; "" where there are none
 */
char *
hr_job_describe_phases (GVariant *outcome)
{
  g_autoptr (GVariant) phases = g_variant_lookup_value (outcome, "phases", G_VARIANT_TYPE ("a(st)"));
  g_autoptr (GString) text = g_string_new (NULL);
  GVariantIter iter;
  const char *phase;
  guint64 usec;
  guint width = 0;

  if (phases == NULL)
    return g_strdup ("");
  g_variant_iter_init (&iter, phases);
  while (g_variant_iter_next (&iter, "(&st)", &phase, &usec))
    {
      g_autofree char *took = hr_text_duration ((gint64)usec);
      g_autofree char *item = g_strdup_printf ("%s %s", phase, took);
      guint item_width = hr_text_width (item) + 2;

      if (text->len > 0)
        g_string_append (text, width + item_width > PHASES_WIDTH ? ",\n" : ", ");
      width = width + item_width > PHASES_WIDTH ? item_width : width + item_width;
      g_string_append (text, item);
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/**
 * hr_job_describe_downtime:
 * @outcome: what came of a job, or an entry of the history
 *
 * Returns: (transfer full): how long nobody served and, where that is known, how long somebody had to wait meanwhile
 */
char *
hr_job_describe_downtime (GVariant *outcome)
{
  g_autofree char *downtime = hr_text_duration ((gint64)hr_dict_number (outcome, "downtimeUsec"));
  g_autofree char *wait = NULL;

  if (!hr_dict_has (outcome, "queueWaitUsec"))
    return g_steal_pointer (&downtime);
  wait = hr_text_duration ((gint64)hr_dict_number (outcome, "queueWaitUsec"));
  return g_strdup_printf (_ ("%s, longest wait in the queue %s"), downtime, wait);
}

static void
print_list (HrOutput *output, GVariant *outcome, const char *key, const char *title)
{
  g_autofree char *joined = hr_dict_join (outcome, key, "\n");

  hr_fields_print (output, title, joined);
}

static void
print_figures (HrOutput *output, GVariant *outcome)
{
  g_autofree char *took = hr_text_duration ((gint64)hr_dict_number (outcome, "durationUsec"));
  g_autofree char *phases = hr_job_describe_phases (outcome);
  g_autofree char *downtime = hr_job_describe_downtime (outcome);

  hr_fields_print (output, _ ("Took"), took);
  hr_fields_print (output, _ ("Phases"), phases);
  print_list (output, outcome, "checks", _ ("Checked"));
  hr_fields_print (output, _ ("Canary"), hr_dict_string (outcome, "canary"));
  hr_fields_print (output, _ ("Downtime"), downtime);
  print_list (output, outcome, "carried", _ ("Carried over"));
}

static void
print_way_back (HrOutput *output, GVariant *outcome)
{
  guint64 release = hr_dict_number (outcome, "rollbackTo");
  g_autofree char *text = NULL;

  if (release == 0 || g_str_equal (hr_dict_string (outcome, "kind"), "rollback"))
    return;
  text =
      g_strdup_printf (_ ("hrctl rollback %s (to release %" PRIu64 ")"), hr_dict_string (outcome, "service"), release);
  hr_fields_print (output, _ ("Go back"), text);
}

/* "service: ", unless the message names the service itself. */
static char *
make_prefix (GVariant *outcome)
{
  const char *service = hr_dict_string (outcome, "service");
  g_autofree char *quoted = g_strdup_printf ("'%s'", service);

  if (*service == '\0' || strstr (hr_dict_string (outcome, "message"), quoted) != NULL)
    return g_strdup ("");

  return g_strconcat (service, ": ", NULL);
}

/* What cannot begin, or cannot be executed, says nothing. */
static gboolean
has_run (GVariant *outcome)
{
  static const char *const before[] = { "", "wait", "start", NULL };

  return !g_strv_contains (before, hr_dict_string (outcome, "phase"));
}

/* What to do now, "" where the words say it already. */
static char *
make_advice (GVariant *outcome)
{
  const char *name = hr_dict_string (outcome, "errorName");
  const char *service = hr_dict_string (outcome, "service");

  if (!g_str_has_prefix (name, HR_ERROR_PREFIX) || *service == '\0'
      || (g_str_equal (name, HR_ERROR_PREFIX "StartFailed") && !has_run (outcome)))
    return g_strdup ("");
  for (guint i = 0; i < G_N_ELEMENTS (advices); i++)
    if (g_str_equal (advices[i].error, name + strlen (HR_ERROR_PREFIX)))
      {
        g_auto (GStrv) pieces = g_strsplit (_ (advices[i].advice), "%s", -1);

        return g_strjoinv (service, pieces);
      }
  return g_strdup ("");
}

/**
 * hr_job_print_failure:
 * @output: where
 * @outcome: what came of a job: its details, with success, error and kind
 *
 * What serves now, the phase, the words, and what to do.
 */
void
hr_job_print_failure (HrOutput *output, GVariant *outcome)
{
  const char *message = hr_dict_string (outcome, "message");
  const char *error = hr_dict_string (outcome, "error");
  const char *phase = hr_dict_string (outcome, "phase");
  g_autofree char *prefix = make_prefix (outcome);
  g_autofree char *advice = make_advice (outcome);
  g_autoptr (GString) text = g_string_new (prefix);

  g_string_append (text, *message != '\0' ? message : error);
  if (*phase != '\0')
    g_string_append_printf (text, _ (" (phase %s)"), phase);
  if (*error != '\0' && *message != '\0' && !g_str_equal (message, error))
    {
      g_autofree char *indented = hr_text_indent (error, "  ");

      g_string_append_printf (text, "\n%s", indented);
    }
  if (hr_dict_number (outcome, "downtimeUsec") > 0)
    {
      g_autofree char *downtime = hr_job_describe_downtime (outcome);

      g_string_append_printf (text, _ ("\n  downtime %s"), downtime);
    }
  if (*advice != '\0')
    g_string_append_printf (text, "\n  %s", advice);

  hr_output_error (output, text->str);
}

/**
 * hr_job_print_outcome:
 * @output: where
 * @outcome: what came of a job: its details, with success, error and kind
 *
 * One that moved a service to other code says what that took, and how to go back.
 */
void
hr_job_print_outcome (HrOutput *output, GVariant *outcome)
{
  g_autofree char *prefix = make_prefix (outcome);
  g_autofree char *message = hr_text_clean (hr_dict_string (outcome, "message"));
  g_autofree char *tinted = NULL;

  if (!hr_dict_bool (outcome, "success"))
    {
      hr_job_print_failure (output, outcome);
      return;
    }

  tinted = hr_output_tint (output, HR_TINT_GOOD, *message != '\0' ? message : _ ("done"));
  hr_output_print (output, "%s%s\n", prefix, tinted);
  if (!moves_code (outcome))
    {
      print_list (output, outcome, "checks", _ ("Checked"));
      print_list (output, outcome, "carried", _ ("Carried over"));
      return;
    }
  print_figures (output, outcome);
  print_way_back (output, outcome);
}
