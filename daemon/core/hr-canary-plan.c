/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-canary-plan.h"

/* When step @i begins, after the beginning. Never overflows: a duration is at most a year, see hr-duration.h. */
static gint64
step_at (const HrCanaryPlan *self, guint i)
{
  return self->duration / self->steps * i + self->duration % self->steps * i / self->steps;
}

static gint64
elapsed (const HrCanaryPlan *self, gint64 now)
{
  gint64 until = self->held_at != HR_CANARY_NEVER ? self->held_at : now;

  return MAX (until - self->began_at - self->held_usec, 0);
}

static gint64
length (const HrCanaryPlan *self)
{
  return self->steps > 0 ? self->duration + self->duration / self->steps : self->duration;
}

/* How many steps have been taken. */
static guint
steps_taken (const HrCanaryPlan *self, gint64 now)
{
  gint64 passed = elapsed (self, now);
  guint low = 0;
  guint high = self->steps;

  while (low < high)
    {
      guint middle = (low + high + 1) / 2;

      if (step_at (self, middle) <= passed)
        low = middle;
      else
        high = middle - 1;
    }
  return low;
}

/**
 * hr_canary_plan_init:
 * @self: a plan
 * @from: share at the beginning, in permyriad, at most %HR_CANARY_SHARE_MAX
 * @to: share at the end, not less than @from
 * @duration: how long the way takes; 0: the share stays at @from until somebody decides
 * @steps: in how many steps, 1 to %HR_CANARY_STEPS_MAX
 * @now: when it begins
 */
void
hr_canary_plan_init (HrCanaryPlan *self, guint from, guint to, gint64 duration, guint steps, gint64 now)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (from <= to && to <= HR_CANARY_SHARE_MAX);
  g_return_if_fail (duration >= 0 && steps > 0 && steps <= HR_CANARY_STEPS_MAX);

  self->from = from;
  self->to = duration > 0 ? to : from;
  self->steps = self->to > from ? steps : 0;
  self->duration = duration;
  self->began_at = now;
  self->held_at = HR_CANARY_NEVER;
  self->held_usec = 0;
}

/**
 * hr_canary_plan_share:
 * @self: a plan
 * @now: the time
 *
 * Never falls while time goes on.
 *
 * Returns: the share of the candidate, in permyriad, rounded to the nearest
 */
guint
hr_canary_plan_share (const HrCanaryPlan *self, gint64 now)
{
  guint64 rise;

  g_return_val_if_fail (self != NULL, 0);

  if (self->steps == 0)
    return self->from;
  rise = (guint64)(self->to - self->from) * steps_taken (self, now);
  return self->from + (guint)((rise + self->steps / 2) / self->steps);
}

/**
 * hr_canary_plan_next:
 * @self: a plan
 * @now: the time
 *
 * Returns: when the share changes next or the plan is over, %HR_CANARY_NEVER: not by itself, or it is over already
 */
gint64
hr_canary_plan_next (const HrCanaryPlan *self, gint64 now)
{
  guint taken;

  g_return_val_if_fail (self != NULL, HR_CANARY_NEVER);

  if (self->held_at != HR_CANARY_NEVER || self->duration == 0 || hr_canary_plan_is_over (self, now))
    return HR_CANARY_NEVER;
  taken = steps_taken (self, now);
  return self->began_at + self->held_usec + (taken < self->steps ? step_at (self, taken + 1) : length (self));
}

/**
 * hr_canary_plan_is_over:
 * @self: a plan
 * @now: the time
 *
 * Returns: whether its last step has passed
 */
gboolean
hr_canary_plan_is_over (const HrCanaryPlan *self, gint64 now)
{
  g_return_val_if_fail (self != NULL, FALSE);
  return self->duration > 0 && elapsed (self, now) >= length (self);
}

/**
 * hr_canary_plan_length:
 * @from: as for hr_canary_plan_init()
 * @to: as there
 * @duration: as there
 * @steps: as there
 *
 * Returns: how long such a plan takes when it is not held; 0: it has no end of its own
 */
gint64
hr_canary_plan_length (guint from, guint to, gint64 duration, guint steps)
{
  HrCanaryPlan plan;

  hr_canary_plan_init (&plan, from, to, duration, steps, 0);
  return length (&plan);
}

/**
 * hr_canary_plan_hold:
 * @self: a plan
 * @now: the time
 *
 * The share stays where it is, and time does not count. Of one that is held, this changes nothing.
 */
void
hr_canary_plan_hold (HrCanaryPlan *self, gint64 now)
{
  g_return_if_fail (self != NULL);

  if (self->held_at == HR_CANARY_NEVER)
    self->held_at = now;
}

/**
 * hr_canary_plan_go_on:
 * @self: a plan
 * @now: the time
 *
 * Goes on from where it was held.
 */
void
hr_canary_plan_go_on (HrCanaryPlan *self, gint64 now)
{
  g_return_if_fail (self != NULL);

  if (self->held_at == HR_CANARY_NEVER)
    return;
  self->held_usec += MAX (now - self->held_at, 0);
  self->held_at = HR_CANARY_NEVER;
}

/**
 * hr_canary_plan_is_held:
 * @self: a plan
 *
 * Returns: whether somebody holds it
 */
gboolean
hr_canary_plan_is_held (const HrCanaryPlan *self)
{
  g_return_val_if_fail (self != NULL, FALSE);
  return self->held_at != HR_CANARY_NEVER;
}

/**
 * hr_canary_plan_carry:
 * @self: a plan
 *
 * Returns: (transfer floating): all of it, for hr_canary_plan_take_carried() of a program with the same clock
 */
GVariant *
hr_canary_plan_carry (const HrCanaryPlan *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return g_variant_new (HR_CANARY_PLAN_TYPE, self->from, self->to, self->steps, self->duration, self->began_at,
                        self->held_at, self->held_usec);
}

/**
 * hr_canary_plan_take_carried:
 * @self: (out): a plan
 * @carried: what hr_canary_plan_carry() made
 *
 * Returns: whether it is one; else @self is of no use
 */
gboolean
hr_canary_plan_take_carried (HrCanaryPlan *self, GVariant *carried)
{
  g_return_val_if_fail (self != NULL && carried != NULL, FALSE);

  if (!g_variant_is_of_type (carried, G_VARIANT_TYPE (HR_CANARY_PLAN_TYPE)))
    return FALSE;
  g_variant_get (carried, HR_CANARY_PLAN_TYPE, &self->from, &self->to, &self->steps, &self->duration, &self->began_at,
                 &self->held_at, &self->held_usec);
  return self->from <= self->to && self->to <= HR_CANARY_SHARE_MAX && self->steps <= HR_CANARY_STEPS_MAX
         && self->duration >= 0 && self->held_usec >= 0;
}

/**
 * hr_canary_share_to_percent:
 * @share: in permyriad
 *
 * Returns: it in whole percent, rounded up: only nothing is 0
 */
guint
hr_canary_share_to_percent (guint share)
{
  return (share + 99) / 100;
}

/**
 * hr_canary_share_to_string:
 * @share: in permyriad
 *
 * Returns: (transfer full): "20%", "0.5%", "0.25%"
 */
char *
hr_canary_share_to_string (guint share)
{
  if (share % 100 == 0)
    return g_strdup_printf ("%u%%", share / 100);
  if (share % 10 == 0)
    return g_strdup_printf ("%u.%u%%", share / 100, share % 100 / 10);
  return g_strdup_printf ("%u.%02u%%", share / 100, share % 100);
}
