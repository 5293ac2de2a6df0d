/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-backoff.h"

struct _HrBackoff {
  gint64 delay;
  gint64 delay_max;
  guint limit;
  gint64 window;

  gint64 next;          /* the delay after the next failure, without jitter */
  gint64 began;         /* a start that has not ended, -1: there is none */
  gint64 healthy_since; /* -1: not now */
  GArray *failures;     /* gint64 times within the window, oldest first; at most @limit */
};

/**
 * hr_backoff_new:
 * @delay: RestartDelay, in microseconds
 * @delay_max: RestartDelayMax, in microseconds
 * @limit: RestartLimit: this many failures within @window give up; 0 never
 * @window: RestartWindow, in microseconds
 *
 * Returns: (transfer full): a backoff without failures
 */
HrBackoff *
hr_backoff_new (gint64 delay, gint64 delay_max, guint limit, gint64 window)
{
  HrBackoff *self;

  g_return_val_if_fail (delay >= 0 && delay_max >= 0 && window >= 0, NULL);

  self = g_new0 (HrBackoff, 1);
  self->delay = delay;
  self->delay_max = delay_max;
  self->limit = limit;
  self->window = window;
  self->failures = g_array_new (FALSE, FALSE, sizeof (gint64));
  hr_backoff_reset (self);
  return self;
}

/**
 * hr_backoff_free:
 * @self: (transfer full) (nullable): a backoff
 */
void
hr_backoff_free (HrBackoff *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->failures);
  g_free (self);
}

/**
 * hr_backoff_began:
 * @self: a backoff
 * @now: the time
 *
 * The program is started again. As long as it is neither ready nor has failed RestartWindow stands still: a start that
 * takes longer than that, and fails, would else never be one too many.
 */
void
hr_backoff_began (HrBackoff *self, gint64 now)
{
  g_return_if_fail (self != NULL);
  self->began = now;
}

/* The start has ended: what failed before it has not become older by it. */
static void
end_start (HrBackoff *self, gint64 now)
{
  gint64 took = self->began >= 0 ? MAX (now - self->began, 0) : 0;

  self->began = -1;
  for (guint i = 0; i < self->failures->len; i++)
    g_array_index (self->failures, gint64, i) += took;
}

/**
 * hr_backoff_healthy:
 * @self: a backoff
 * @now: the time
 *
 * The program is ready. Once it has been so for RestartWindow, the next failure counts as the first.
 */
void
hr_backoff_healthy (HrBackoff *self, gint64 now)
{
  g_return_if_fail (self != NULL);

  end_start (self, now);
  if (self->healthy_since < 0)
    self->healthy_since = now;
}

/**
 * hr_backoff_is_stable:
 * @self: a backoff
 * @now: the time
 *
 * Returns: whether the program has been ready for RestartWindow, so that a failure now counts as the first
 */
gboolean
hr_backoff_is_stable (const HrBackoff *self, gint64 now)
{
  g_return_val_if_fail (self != NULL, FALSE);
  return self->healthy_since >= 0 && now - self->healthy_since >= self->window;
}

/* Keeps the times of the failures within the window, this one included. Whether they are fewer than the limit. */
static gboolean
count_failure (HrBackoff *self, gint64 now)
{
  guint old = 0;

  if (self->limit == 0)
    return TRUE;
  while (old < self->failures->len && now - g_array_index (self->failures, gint64, old) > self->window)
    old++;
  g_array_remove_range (self->failures, 0, old);
  /* Of those that are too many the newest count. */
  if (self->failures->len == self->limit)
    g_array_remove_index (self->failures, 0);
  g_array_append_val (self->failures, now);
  return self->failures->len < self->limit;
}

/**
 * hr_backoff_failed:
 * @self: a backoff
 * @now: the time
 * @chance: any number, evenly distributed: spreads the restarts of programs that failed together
 *
 * The program failed: ended when it should not have, or never became ready. The delay doubles with each failure, up
 * to RestartDelayMax; jitter adds at most a tenth of it and never takes away.
 *
 * Returns: how long to wait before the next start, in microseconds, or %HR_BACKOFF_GIVE_UP; that again for each
 *   further failure within the window, until hr_backoff_reset()
 */
gint64
hr_backoff_failed (HrBackoff *self, gint64 now, guint32 chance)
{
  gint64 delay;

  g_return_val_if_fail (self != NULL, HR_BACKOFF_GIVE_UP);

  if (hr_backoff_is_stable (self, now))
    hr_backoff_reset (self);
  self->healthy_since = -1;
  end_start (self, now);
  if (!count_failure (self, now))
    return HR_BACKOFF_GIVE_UP;

  delay = MIN (self->next, self->delay_max);
  self->next = delay > self->delay_max / 2 ? self->delay_max : delay * 2;
  return delay + (gint64)((double)delay / 10 * chance / G_MAXUINT32);
}

/**
 * hr_backoff_reset:
 * @self: a backoff
 *
 * Forgets all failures: a person asked for a start, or another release begins.
 */
void
hr_backoff_reset (HrBackoff *self)
{
  g_return_if_fail (self != NULL);

  self->next = self->delay;
  self->began = -1;
  self->healthy_since = -1;
  g_array_set_size (self->failures, 0);
}

/**
 * hr_backoff_carry:
 * @self: a backoff
 *
 * How long a start takes that is under way is not carried.
 *
 * Returns: (transfer floating): its failures and what follows the next one, for hr_backoff_take_carried() in another
 *   process on this machine
 */
GVariant *
hr_backoff_carry (const HrBackoff *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return g_variant_new (
      "(xx@ax)", self->next, self->healthy_since,
      g_variant_new_fixed_array (G_VARIANT_TYPE_INT64, self->failures->data, self->failures->len, sizeof (gint64)));
}

/**
 * hr_backoff_take_carried:
 * @self: a backoff without failures, of the same service
 * @carried: what hr_backoff_carry() made, "(xxax)"
 */
void
hr_backoff_take_carried (HrBackoff *self, GVariant *carried)
{
  g_autoptr (GVariant) failures = NULL;
  const gint64 *times;
  gsize n;

  g_return_if_fail (self != NULL);

  g_variant_get (carried, "(xx@ax)", &self->next, &self->healthy_since, &failures);
  self->next = CLAMP (self->next, self->delay, MAX (self->delay, self->delay_max));
  times = g_variant_get_fixed_array (failures, &n, sizeof (gint64));
  n = MIN (n, self->limit);
  if (n > 0)
    g_array_append_vals (self->failures, times, (guint)n);
}
