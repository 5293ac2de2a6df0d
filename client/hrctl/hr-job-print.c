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

/* What to do about a failure, by its error's name below org.hotreload.Error, and where that says too little by the kind of
 * the job or the phase; the first row counts that fits. %s is the service, %l the options by which its logs show the
 * instance that failed, %r the verb that asks for the same again. */
static const struct {
  const char *error;
  const char *kind;
  const char *phase;
  gboolean ran; /* only where something ran that could have said anything */
  const char *advice;
} advices[] = {
  { "CheckFailed", NULL, NULL, FALSE, N_ ("mend what the check found, then save it or reload again") },
  { "CheckUnavailable", NULL, NULL, FALSE,
    N_ ("install what is missing, or change Validate (see hotreload.service(5))") },
  { "StartFailed", NULL, NULL, TRUE, N_ ("'hrctl logs %l %s' shows what it said") },
  { "NotHealthy", NULL, NULL, TRUE, N_ ("'hrctl logs %l %s' shows what it said") },
  { "TimedOut", NULL, "check", FALSE,
    N_ ("check less, or raise Timeout in group 'Check' (see hotreload.service(5)), then try again") },
  { "TimedOut", NULL, NULL, TRUE, N_ ("'hrctl logs %l %s' shows what it said") },
  { "Cancelled", "restore-snapshot", NULL, FALSE, N_ ("'hrctl snapshot list %s' shows what can be restored") },
  { "Cancelled", NULL, NULL, FALSE, N_ ("'%r' tries it again") },
  { "RollbackFailed", NULL, NULL, TRUE,
    N_ ("'hrctl status %s' says what serves, 'hrctl logs %l %s' why; where nothing does, 'hrctl start %s'") },
  { "RollbackFailed", NULL, NULL, FALSE,
    N_ ("'hrctl status %s' says what serves; where nothing does, 'hrctl start %s'") },
};

static gboolean
is_kind (GVariant *outcome, const char *kind)
{
  return g_str_equal (hr_dict_string (outcome, "kind"), kind);
}

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
 * Returns: (transfer full): "record 6 ms, check 20 ms (failed)", on as many lines as it takes; "" where there are none
 */
char *
hr_job_describe_phases (GVariant *outcome)
{
  g_autoptr (GVariant) phases = g_variant_lookup_value (outcome, "phases", G_VARIANT_TYPE ("a(st)"));
  const char *failed = hr_dict_string (outcome, "phase");
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
      g_autofree char *item =
          g_strdup_printf (g_str_equal (phase, failed) ? _ ("%s %s (failed)") : "%s %s", hr_text_word (phase), took);
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
append_list (GString *lines, GVariant *outcome, const char *key, const char *title)
{
  g_autofree char *joined = hr_dict_join (outcome, key, "\n");

  hr_fields_append (lines, title, joined);
}

static void
append_way_back (GString *lines, GVariant *outcome)
{
  guint64 release = hr_dict_number (outcome, "rollbackTo");
  g_autofree char *text = NULL;

  if (release == 0 || !moves_code (outcome) || is_kind (outcome, "rollback"))
    return;
  text =
      g_strdup_printf (_ ("hrctl rollback %s (to release %" PRIu64 ")"), hr_dict_string (outcome, "service"), release);
  hr_fields_append (lines, _ ("Go back"), text);
}

/* What has ended and took its time in phases. */
static gboolean
has_figures (GVariant *outcome)
{
  g_autofree char *phases = hr_job_describe_phases (outcome);

  return hr_dict_bool (outcome, "ended") && *phases != '\0';
}

/* What a job did and what was found by that; the same of one that failed, up to there. A start that went well is told of
 * in short, and where nobody served before, the time in which nobody did is none. */
static void
append_account (GString *lines, GVariant *outcome)
{
  g_autofree char *took = hr_text_duration ((gint64)hr_dict_number (outcome, "durationUsec"));
  g_autofree char *phases = hr_job_describe_phases (outcome);
  g_autofree char *downtime = hr_job_describe_downtime (outcome);
  gboolean starts = is_kind (outcome, "start");
  gboolean figures = has_figures (outcome) && !(starts && hr_dict_bool (outcome, "success"));

  if (figures)
    {
      hr_fields_append (lines, _ ("Took"), took);
      hr_fields_append (lines, _ ("Phases"), phases);
    }
  append_list (lines, outcome, "checks", _ ("Checked"));
  hr_fields_append (lines, _ ("Canary"), hr_dict_string (outcome, "canary"));
  if (figures && (!starts || hr_dict_number (outcome, "downtimeUsec") > 0))
    hr_fields_append (lines, _ ("Downtime"), downtime);
  append_list (lines, outcome, "carried", _ ("Carried over"));
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

/* What never began, or cannot be executed, says nothing. */
static gboolean
has_run (GVariant *outcome)
{
  static const char *const before[] = { "", "wait", "settle", "record", "place", "check", NULL };
  const char *phase = hr_dict_string (outcome, "phase");

  if (g_str_equal (phase, "start"))
    return !g_str_equal (hr_dict_string (outcome, "errorName"), HR_ERROR_PREFIX "StartFailed");
  return !g_strv_contains (before, phase);
}

/* The one that failed is of a release of its own, or the newest of the one that serves. */
static char *
make_log_options (GVariant *outcome)
{
  guint64 release = hr_dict_number (outcome, "release");

  if (release == 0 || release == hr_dict_number (outcome, "previousRelease"))
    return g_strdup ("--newest");
  return g_strdup_printf ("--release=%" PRIu64, release);
}

/* The verb that asks for the same again. */
static char *
make_request (GVariant *outcome)
{
  const char *service = hr_dict_string (outcome, "service");
  guint64 release = is_kind (outcome, "rollback") ? hr_dict_number (outcome, "release") : 0;

  if (release != 0)
    return g_strdup_printf ("hrctl rollback %s --to=%" PRIu64, service, release);
  return g_strdup_printf ("hrctl %s %s", hr_dict_string (outcome, "kind"), service);
}

static const char *
find_advice (GVariant *outcome)
{
  const char *name = hr_dict_string (outcome, "errorName");

  if (!g_str_has_prefix (name, HR_ERROR_PREFIX))
    return NULL;
  for (guint i = 0; i < G_N_ELEMENTS (advices); i++)
    if (g_str_equal (advices[i].error, name + strlen (HR_ERROR_PREFIX))
        && (advices[i].kind == NULL || is_kind (outcome, advices[i].kind))
        && (advices[i].phase == NULL || g_str_equal (advices[i].phase, hr_dict_string (outcome, "phase")))
        && (!advices[i].ran || has_run (outcome)))
      return _ (advices[i].advice);
  return NULL;
}

/* What to do now, "" where the words say it already. */
static char *
make_advice (GVariant *outcome)
{
  const char *advice = find_advice (outcome);
  const char *service = hr_dict_string (outcome, "service");
  g_autofree char *options = make_log_options (outcome);
  g_autofree char *request = make_request (outcome);
  g_autoptr (GString) text = NULL;

  if (advice == NULL || *service == '\0')
    return g_strdup ("");
  text = g_string_new (advice);
  g_string_replace (text, "%l", options, 0);
  g_string_replace (text, "%r", request, 0);
  g_string_replace (text, "%s", service, 0);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* What to do, and where all of this can be read again: only what moves a service to other code is in the history. */
static void
append_way_on (GString *lines, GVariant *outcome)
{
  g_autofree char *advice = make_advice (outcome);
  g_autoptr (GString) text = g_string_new (advice);

  if (moves_code (outcome) && has_figures (outcome))
    {
      if (text->len > 0)
        g_string_append_c (text, '\n');
      g_string_append_printf (text, _ ("'hrctl history --long %s' shows this again"),
                              hr_dict_string (outcome, "service"));
    }
  hr_fields_append (lines, _ ("Go on"), text->str);
}

/**
 * hr_job_print_failure:
 * @output: where
 * @outcome: what came of a job: its details, with success, error and kind
 *
 * What serves now, the phase, the words, what was done up to there, and what to do.
 */
void
hr_job_print_failure (HrOutput *output, GVariant *outcome)
{
  const char *message = hr_dict_string (outcome, "message");
  const char *error = hr_dict_string (outcome, "error");
  const char *phase = hr_dict_string (outcome, "phase");
  g_autofree char *prefix = make_prefix (outcome);
  g_autoptr (GString) text = g_string_new (prefix);

  g_string_append (text, *message != '\0' ? message : error);
  if (*phase != '\0')
    g_string_append_printf (text, _ (" (phase %s)"), hr_text_word (phase));
  if (*error != '\0' && *message != '\0' && !g_str_equal (message, error))
    {
      g_autofree char *indented = hr_text_indent (error, "  ");

      g_string_append_printf (text, "\n%s", indented);
    }
  g_string_append_c (text, '\n');
  append_account (text, outcome);
  append_way_on (text, outcome);

  hr_output_error (output, text->str);
}

/**
 * hr_job_print_outcome:
 * @output: where
 * @outcome: what came of a job: its details, with success, error and kind
 *
 * One that moved a service to another instance says what that took, and how to go back.
 */
void
hr_job_print_outcome (HrOutput *output, GVariant *outcome)
{
  g_autofree char *prefix = make_prefix (outcome);
  g_autofree char *message = hr_text_clean (hr_dict_string (outcome, "message"));
  g_autofree char *tinted = NULL;
  g_autoptr (GString) lines = g_string_new (NULL);

  if (!hr_dict_bool (outcome, "success"))
    {
      hr_job_print_failure (output, outcome);
      return;
    }

  tinted = hr_output_tint (output, HR_TINT_GOOD, *message != '\0' ? message : _ ("done"));
  append_account (lines, outcome);
  append_way_back (lines, outcome);
  hr_output_print (output, "%s%s\n%s", prefix, tinted, lines->str);
}
