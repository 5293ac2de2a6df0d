/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-canary-verdict.h"

#include <stdlib.h>
#include <string.h>

/**
 * hr_canary_samples_add:
 * @self: of one instance; all zero at first
 * @good: whether the probe passed
 * @latency_usec: how long that took
 *
 * The latency of a probe that failed says nothing: it may have been refused at once.
 */
void
hr_canary_samples_add (HrCanarySamples *self, gboolean good, gint64 latency_usec)
{
  g_return_if_fail (self != NULL);

  self->probes++;
  if (!good)
    {
      self->failed++;
      return;
    }
  self->latencies[self->n_latencies++ % HR_CANARY_LATENCIES_MAX] = MAX (latency_usec, 0);
}

static guint
n_kept (const HrCanarySamples *self)
{
  return MIN (self->n_latencies, HR_CANARY_LATENCIES_MAX);
}

static int
compare (const void *a, const void *b)
{
  gint64 left = *(const gint64 *)a;
  gint64 right = *(const gint64 *)b;

  return left < right ? -1 : left > right;
}

/**
 * hr_canary_samples_latency:
 * @self: of one instance
 *
 * Returns: the median of the kept latencies, in microseconds, -1: there are none
 */
gint64
hr_canary_samples_latency (const HrCanarySamples *self)
{
  gint64 sorted[HR_CANARY_LATENCIES_MAX];
  guint n;

  g_return_val_if_fail (self != NULL, -1);

  n = n_kept (self);
  if (n == 0)
    return -1;
  memcpy (sorted, self->latencies, n * sizeof *sorted);
  qsort (sorted, n, sizeof *sorted, compare);
  return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/**
 * hr_canary_samples_carry:
 * @self: of one instance
 *
 * Returns: (transfer floating): all of it, for hr_canary_samples_take_carried()
 */
GVariant *
hr_canary_samples_carry (const HrCanarySamples *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return g_variant_new (
      "(uuu@ax)", self->probes, self->failed, self->n_latencies,
      g_variant_new_fixed_array (G_VARIANT_TYPE_INT64, self->latencies, n_kept (self), sizeof *self->latencies));
}

/**
 * hr_canary_samples_take_carried:
 * @self: (out): of one instance
 * @carried: what hr_canary_samples_carry() made
 *
 * Returns: whether it is that; else @self is of no use
 */
gboolean
hr_canary_samples_take_carried (HrCanarySamples *self, GVariant *carried)
{
  g_autoptr (GVariant) kept = NULL;
  const gint64 *latencies;
  gsize n = 0;

  g_return_val_if_fail (self != NULL && carried != NULL, FALSE);

  if (!g_variant_is_of_type (carried, G_VARIANT_TYPE (HR_CANARY_SAMPLES_TYPE)))
    return FALSE;
  g_variant_get (carried, "(uuu@ax)", &self->probes, &self->failed, &self->n_latencies, &kept);
  latencies = g_variant_get_fixed_array (kept, &n, sizeof *latencies);
  if (self->failed > self->probes || n != n_kept (self))
    return FALSE;
  for (gsize i = 0; i < n; i++)
    self->latencies[i] = latencies[i];
  return TRUE;
}

/* Compares a/b with c/d without fractions: counts are far below what would overflow. */
static gboolean
fails_more_often (const HrCanarySamples *candidate, const HrCanarySamples *running)
{
  guint64 of_candidate = (guint64)candidate->failed * 100 * MAX (running->probes, 1);
  guint64 of_running = (guint64)running->failed * 100 * candidate->probes;
  guint64 margin = (guint64)HR_CANARY_FAILURE_POINTS * candidate->probes * MAX (running->probes, 1);

  return of_candidate > of_running + margin;
}

static char *
describe_latency (gint64 usec)
{
  return usec < 10 * G_TIME_SPAN_MILLISECOND
             ? g_strdup_printf ("%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT " ms", usec / 1000, usec % 1000 / 100)
             : g_strdup_printf ("%" G_GINT64_FORMAT " ms", usec / 1000);
}

/* "12 of 12 times in 3.1 ms" */
static char *
describe_one (const HrCanarySamples *self)
{
  gint64 latency = hr_canary_samples_latency (self);
  g_autofree char *took = latency >= 0 ? describe_latency (latency) : NULL;

  return g_strdup_printf ("%u of %u times%s%s", self->probes - self->failed, self->probes, took != NULL ? " in " : "",
                          took != NULL ? took : "");
}

/**
 * hr_canary_describe_samples:
 * @candidate: what was seen of the new instance
 * @running: what was seen of the old one in the same time
 * @metrics: (nullable): what both told by themselves, for people
 *
 * Returns: (transfer full): the figures, for people
 */
char *
hr_canary_describe_samples (const HrCanarySamples *candidate, const HrCanarySamples *running, const char *metrics)
{
  g_autofree char *new_one = NULL;
  g_autofree char *old_one = NULL;

  g_return_val_if_fail (candidate != NULL && running != NULL, NULL);

  if (candidate->probes == 0)
    return g_strdup (metrics != NULL ? metrics : "it ran on; no probe came in that time");
  new_one = describe_one (candidate);
  old_one = describe_one (running);
  return g_strdup_printf ("its probe passed %s, that of the release before %s%s%s", new_one, old_one,
                          metrics != NULL ? "; " : "", metrics != NULL ? metrics : "");
}

static gboolean
judge_failures (const HrCanarySamples *candidate, const HrCanarySamples *running, gboolean over, char **reason)
{
  if (candidate->probes == 0 || (!over && candidate->probes < HR_CANARY_SAMPLES_MIN)
      || !fails_more_often (candidate, running))
    return TRUE;
  *reason = g_strdup_printf ("its probe failed %u of %u times, that of the release that runs %u of %u times",
                             candidate->failed, candidate->probes, running->failed, running->probes);
  return FALSE;
}

static gboolean
judge_latency (const HrCanarySamples *candidate, const HrCanarySamples *running, char **reason)
{
  gint64 new_usec = hr_canary_samples_latency (candidate);
  gint64 old_usec = hr_canary_samples_latency (running);
  g_autofree char *slow = NULL;
  g_autofree char *fast = NULL;

  if (n_kept (candidate) < HR_CANARY_SAMPLES_MIN || n_kept (running) < HR_CANARY_SAMPLES_MIN
      || new_usec <= old_usec * HR_CANARY_LATENCY_FACTOR || new_usec <= old_usec + HR_CANARY_LATENCY_SLACK_USEC)
    return TRUE;
  slow = describe_latency (new_usec);
  fast = describe_latency (old_usec);
  *reason = g_strdup_printf ("its probe takes %s (median of %u), more than %d times the %s of the release that runs "
                             "(median of %u)",
                             slow, n_kept (candidate), HR_CANARY_LATENCY_FACTOR, fast, n_kept (running));
  return FALSE;
}

/**
 * hr_canary_verdict:
 * @candidate: what was seen of the new instance
 * @running: what was seen of the old one in the same time
 * @over: whether this is the last look, and so decides by what there is
 * @reason: (out) (optional): when it is bad: why, for people, with the figures
 *
 * Returns: whether the candidate may go on
 */
gboolean
hr_canary_verdict (const HrCanarySamples *candidate, const HrCanarySamples *running, gboolean over, char **reason)
{
  g_autofree char *why = NULL;

  g_return_val_if_fail (candidate != NULL && running != NULL, TRUE);

  if (judge_failures (candidate, running, over, &why) && judge_latency (candidate, running, &why))
    return TRUE;
  if (reason != NULL)
    *reason = g_steal_pointer (&why);
  return FALSE;
}
