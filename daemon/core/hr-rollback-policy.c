/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-rollback-policy.h"

#include <string.h>

/* Rates that differ by less are the same: they are sums of fractions. */
#define SAME 1e-9

/* One comparison of a rate with a limit. */
typedef struct {
  const char *key;   /* of the limit; NULL: none, as of Command alone */
  const char *units; /* of which the rate is, for people */
  HrRate seen;
  HrRate before; /* a whole of 0: nothing is known, or nothing asked for */
  double worse;  /* how many points it may be worse */
  gboolean of_successes;
  gboolean counts; /* requests, not results of ours */
} Comparison;

/**
 * hr_rollback_policy_by_metrics:
 * @spec: a service
 *
 * Returns: whether its rates are of metrics
 */
gboolean
hr_rollback_policy_by_metrics (const HrServiceSpec *spec)
{
  g_return_val_if_fail (spec != NULL, FALSE);
  return spec->error_metric != NULL || spec->success_metric != NULL;
}

/**
 * hr_rollback_policy_has_samples:
 * @spec: a service
 *
 * Returns: whether there is anything to judge a release by besides that it runs and its probe's verdict
 */
gboolean
hr_rollback_policy_has_samples (const HrServiceSpec *spec)
{
  g_return_val_if_fail (spec != NULL, FALSE);
  return spec->error_rate >= 0 || spec->success_rate >= 0 || spec->post_command[0] != NULL;
}

static gboolean
is_same (const HrMetricSpec *a, const HrMetricSpec *b)
{
  return g_strcmp0 (a != NULL ? a->text : NULL, b != NULL ? b->text : NULL) == 0;
}

/**
 * hr_rollback_policy_is_comparable:
 * @spec: of the new instance
 * @other: of the one before; the service file may have changed in between
 *
 * Returns: whether figures of both are of the same things
 */
gboolean
hr_rollback_policy_is_comparable (const HrServiceSpec *spec, const HrServiceSpec *other)
{
  g_return_val_if_fail (spec != NULL && other != NULL, FALSE);
  return is_same (spec->error_metric, other->error_metric) && is_same (spec->success_metric, other->success_metric)
         && is_same (spec->total_metric, other->total_metric)
         && g_strv_equal ((const char *const *)spec->post_command, (const char *const *)other->post_command);
}

/* "4.25": up to two digits behind the point, and none that says nothing. */
static char *
number (double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE + 64];
  gsize length;

  g_ascii_formatd (buffer, sizeof buffer, value < 1e15 ? "%.2f" : "%g", value);
  if (value >= 1e15)
    return g_strdup (buffer);
  for (length = strlen (buffer); buffer[length - 1] == '0'; length--)
    ;
  return g_strndup (buffer, buffer[length - 1] == '.' ? length - 1 : length);
}

/* "15% (6 of 40 requests)" */
static char *
describe (const Comparison *self, const HrRate *rate)
{
  g_autofree char *percent = number (hr_rate_percent (rate));
  g_autofree char *part = NULL;
  g_autofree char *whole = NULL;

  if (!self->counts && rate == &self->seen && self->units == NULL)
    return g_strdup_printf ("%s%% (mean of %u readings)", percent, rate->samples);
  if (self->units == NULL)
    return g_strdup_printf ("%s%%", percent);
  part = number (rate->part);
  whole = number (rate->whole);
  return g_strdup_printf ("%s%% (%s of %s %s)", percent, part, whole, self->units);
}

static char *
explain (const Comparison *self)
{
  g_autofree char *seen = describe (self, &self->seen);
  g_autofree char *worse = number (self->worse);
  g_autofree char *limit = number (self->of_successes ? 100 - self->worse : self->worse);
  g_autofree char *before = NULL;

  if (self->before.whole > 0)
    {
      before = describe (self, &self->before);
      return g_strdup_printf ("%s: %s is more than %s points %s the %s of the release before", self->key, seen, worse,
                              self->of_successes ? "below" : "above", before);
    }
  return g_strdup_printf ("%s: %s is %s %s%%", self->key, seen, self->of_successes ? "below" : "above", limit);
}

static gboolean
is_bad (const Comparison *self)
{
  double seen = hr_rate_percent (&self->seen);
  double before = self->before.whole > 0 ? hr_rate_percent (&self->before) : (self->of_successes ? 100 : 0);

  return (self->of_successes ? before - seen : seen - before) > self->worse + SAME;
}

/* @reason is set when it is bad. */
static gboolean
compare (const Comparison *self, gboolean over, char **reason)
{
  if (self->seen.whole <= 0)
    return TRUE;
  if (!over && self->seen.samples < HR_ROLLBACK_SAMPLES_MIN)
    return TRUE;
  if (!over && self->counts && self->seen.whole < HR_ROLLBACK_COUNT_MIN)
    return TRUE;
  if (!is_bad (self))
    return TRUE;
  *reason = explain (self);
  return FALSE;
}

/* Of Probe and Command; failures as they are, or what did not fail. */
static HrRate
results (const HrPostFigures *figures, gboolean of_successes)
{
  HrRate rate = figures->probes;

  hr_rate_add (&rate, &figures->commands);
  if (of_successes)
    rate.part = rate.whole - rate.part;
  return rate;
}

/* @before: (nullable) */
static Comparison
make_comparison (const HrServiceSpec *spec, const HrPostFigures *seen, const HrPostFigures *before,
                 gboolean of_successes)
{
  double limit = of_successes ? spec->success_rate : spec->error_rate;
  gboolean by_metrics = hr_rollback_policy_by_metrics (spec);
  Comparison comparison = {
    .key = of_successes ? "SuccessRate" : "ErrorRate",
    .worse = of_successes ? 100 - limit : limit,
    .of_successes = of_successes,
    .counts = by_metrics && spec->total_metric != NULL,
  };

  if (!by_metrics)
    comparison.units = spec->post_command[0] == NULL ? "results of Probe"
                       : spec->probe == NULL         ? "results of Command"
                                                     : "results of Probe and Command";
  else if (comparison.counts)
    comparison.units = "requests";
  comparison.seen = !by_metrics ? results (seen, of_successes) : of_successes ? seen->successes : seen->errors;
  if (before != NULL)
    comparison.before = !by_metrics    ? results (before, of_successes)
                        : of_successes ? before->successes
                                       : before->errors;
  return comparison;
}

static gboolean
has_limit (const HrServiceSpec *spec, gboolean of_successes)
{
  return (of_successes ? spec->success_rate : spec->error_rate) >= 0;
}

static gboolean
judge_rate (const HrServiceSpec *spec, const HrPostFigures *seen, const HrPostFigures *before, gboolean of_successes,
            gboolean over, char **reason)
{
  Comparison comparison = make_comparison (spec, seen, before, of_successes);

  if (!has_limit (spec, of_successes) || (spec->baseline && before == NULL))
    return TRUE;
  return compare (&comparison, over, reason);
}

static void
append_rate (GString *text, const HrServiceSpec *spec, const HrPostFigures *seen, const HrPostFigures *before,
             gboolean of_successes)
{
  Comparison comparison = make_comparison (spec, seen, before, of_successes);
  g_autofree char *figures = NULL;
  g_autofree char *compared = NULL;

  if (!has_limit (spec, of_successes))
    return;
  if (comparison.seen.whole > 0)
    figures = describe (&comparison, &comparison.seen);
  if (comparison.before.whole > 0)
    compared = describe (&comparison, &comparison.before);
  g_string_append_printf (text, "%sits %s was %s", text->len > 0 ? "; " : "", comparison.key,
                          figures != NULL ? figures : "of nothing, as nobody asked anything of it");
  if (compared != NULL)
    g_string_append_printf (text, ", that of the release before %s", compared);
}

/* Of a Command that no rate is of. */
static gboolean
judge_command (const HrServiceSpec *spec, const HrPostFigures *seen, const HrPostFigures *before, gboolean over,
               char **reason)
{
  Comparison comparison = { .key = "Command", .units = "results", .seen = seen->commands };
  gboolean alone = hr_rollback_policy_by_metrics (spec) || (spec->error_rate < 0 && spec->success_rate < 0);

  if (!alone || spec->post_command[0] == NULL || (spec->baseline && before == NULL))
    return TRUE;
  if (before != NULL)
    comparison.before = before->commands;
  if (compare (&comparison, over, reason))
    return TRUE;
  if (comparison.before.whole <= 0)
    {
      g_autofree char *part = number (seen->commands.part);
      g_autofree char *whole = number (seen->commands.whole);

      g_free (*reason);
      *reason = g_strdup_printf ("Command failed %s of %s times", part, whole);
    }
  return FALSE;
}

static gboolean
judge_reading (const HrPostFigures *seen, const HrPostFigures *before, gboolean over, char **reason)
{
  if (seen->read > 0 || seen->unread == 0 || before == NULL || before->read == 0)
    return TRUE;
  if (!over && seen->unread < HR_ROLLBACK_SAMPLES_MIN)
    return TRUE;
  *reason = g_strdup_printf ("its metrics could not be read (%u times tried), and those of the release before could",
                             seen->unread);
  return FALSE;
}

/**
 * hr_rollback_policy_describe_metrics:
 * @spec: names the metrics, and which rates are limited
 * @seen: of the new release
 * @before: of the release before
 *
 * Returns: (transfer full) (nullable): what the metrics told, for people; %NULL: none is named
 */
char *
hr_rollback_policy_describe_metrics (const HrServiceSpec *spec, const HrPostFigures *seen, const HrPostFigures *before)
{
  g_autoptr (GString) text = g_string_new (NULL);

  g_return_val_if_fail (spec != NULL && seen != NULL && before != NULL, NULL);

  if (!hr_rollback_policy_by_metrics (spec))
    return NULL;
  if (seen->read == 0)
    return g_strdup ("its metrics could not be read");
  append_rate (text, spec, seen, before, FALSE);
  append_rate (text, spec, seen, before, TRUE);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/**
 * hr_rollback_policy_judge:
 * @spec: its limits hold
 * @seen: of the new release since it serves
 * @before: (nullable): of the release before, in a window of the same length that ended before the new one was started;
 *   all 0 where nothing was seen of it; %NULL where there is none
 * @over: whether the time of watching has passed
 * @reason: (out) (optional): when it is bad: why, for people, with the figures
 *
 * Returns: the verdict; good is one only when the time is over
 */
HrVerdict
hr_rollback_policy_judge (const HrServiceSpec *spec, const HrPostFigures *seen, const HrPostFigures *before,
                          gboolean over, char **reason)
{
  g_autofree char *why = NULL;
  const HrPostFigures *baseline;

  g_return_val_if_fail (spec != NULL && seen != NULL, HR_VERDICT_UNDECIDED);

  baseline = spec->baseline ? before : NULL;
  if (judge_reading (seen, before, over, &why) && judge_rate (spec, seen, baseline, FALSE, over, &why)
      && judge_rate (spec, seen, baseline, TRUE, over, &why) && judge_command (spec, seen, baseline, over, &why))
    return over ? HR_VERDICT_GOOD : HR_VERDICT_UNDECIDED;
  if (reason != NULL)
    *reason = g_steal_pointer (&why);
  return HR_VERDICT_BAD;
}
