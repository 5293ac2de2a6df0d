/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-settle.h"

/**
 * hr_settle_init:
 * @self: not initialised
 * @quiet: Watch.Settle in microseconds, -1 for auto
 * @max_wait: Watch.MaxWait in microseconds
 *
 * Nothing has changed yet.
 */
void
hr_settle_init (HrSettle *self, gint64 quiet, gint64 max_wait)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (quiet >= -1 && max_wait >= 0);

  *self = (HrSettle){ .quiet = quiet, .max_wait = max_wait };
}

/**
 * hr_settle_touch:
 * @self: a settle timer
 * @now: the time
 *
 * Something changed.
 */
void
hr_settle_touch (HrSettle *self, gint64 now)
{
  g_return_if_fail (self != NULL);

  if (!self->pending)
    {
      self->pending = TRUE;
      self->first = now;
      self->gap = 0;
    }
  else
    self->gap = MAX (self->gap, now - self->last);
  self->last = now;
}

static gint64
quiet_time (const HrSettle *self)
{
  /* Half as long again as the longest pause so far: a checkout or a formatter writes on at its own pace. */
  return self->quiet >= 0 ? self->quiet : CLAMP (self->gap + self->gap / 2, HR_SETTLE_AUTO, HR_SETTLE_AUTO_MAX);
}

/**
 * hr_settle_due:
 * @self: a settle timer
 *
 * Returns: when the source counts as quiet unless it changes again, or -1 when nothing changed
 */
gint64
hr_settle_due (const HrSettle *self)
{
  g_return_val_if_fail (self != NULL, -1);

  if (!self->pending)
    return -1;
  return MIN (self->last + quiet_time (self), self->first + self->max_wait);
}

/**
 * hr_settle_since:
 * @self: a settle timer
 * @now: the time
 *
 * Returns: when the first of the changes came that are not taken care of; @now without one
 */
gint64
hr_settle_since (const HrSettle *self, gint64 now)
{
  g_return_val_if_fail (self != NULL, now);

  return self->pending ? self->first : now;
}

/**
 * hr_settle_least:
 * @self: a settle timer
 *
 * Returns: the shortest time after which a source counts as quiet, in microseconds
 */
gint64
hr_settle_least (const HrSettle *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->quiet >= 0 ? self->quiet : HR_SETTLE_AUTO;
}

/**
 * hr_settle_clear:
 * @self: a settle timer
 *
 * What changed is taken care of; the next change begins anew.
 */
void
hr_settle_clear (HrSettle *self)
{
  g_return_if_fail (self != NULL);

  self->pending = FALSE;
}
