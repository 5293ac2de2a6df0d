/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-canary-plan.h: which share of the new connections a canary gets at which time.
 *
 * Pure: times are parameters, in microseconds of any clock that does not go back. Shares are in permyriad, a hundredth of
 * a percent: what the kernel's program works with, and what 0.5 % needs.
 *
 * The share begins with @from, and rises to @to by equal steps at equal times, the last of them @duration after the
 * beginning. There it stays for one more step, so that what is judged at the end has been seen at the full share; then
 * the plan is over. A share that does not rise stays for @duration. Without a duration it stays until somebody decides.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define HR_CANARY_SHARE_MAX 10000
#define HR_CANARY_STEPS_MAX 1000
/* A shorter step says nothing about the candidate, and would only cost. */
#define HR_CANARY_STEP_MIN_USEC (10 * G_TIME_SPAN_MILLISECOND)

/* What hr_canary_plan_carry() makes. */
#define HR_CANARY_PLAN_TYPE "(uuuxxxx)"

/* What hr_canary_plan_next() returns when nothing will change by itself. */
#define HR_CANARY_NEVER (-1)

/**
 * HrCanaryPlan:
 *
 * All members are private.
 */
typedef struct {
  guint from;
  guint to;
  guint steps; /* 0: it does not rise */
  gint64 duration;
  gint64 began_at;
  gint64 held_at;   /* HR_CANARY_NEVER: it is not held */
  gint64 held_usec; /* for how long it was, before now */
} HrCanaryPlan;

void hr_canary_plan_init (HrCanaryPlan *self, guint from, guint to, gint64 duration, guint steps, gint64 now);
guint hr_canary_plan_share (const HrCanaryPlan *self, gint64 now);
gint64 hr_canary_plan_next (const HrCanaryPlan *self, gint64 now);
gboolean hr_canary_plan_is_over (const HrCanaryPlan *self, gint64 now);
gint64 hr_canary_plan_length (guint from, guint to, gint64 duration, guint steps);
void hr_canary_plan_hold (HrCanaryPlan *self, gint64 now);
void hr_canary_plan_go_on (HrCanaryPlan *self, gint64 now);
gboolean hr_canary_plan_is_held (const HrCanaryPlan *self);
GVariant *hr_canary_plan_carry (const HrCanaryPlan *self);
gboolean hr_canary_plan_take_carried (HrCanaryPlan *self, GVariant *carried);
guint hr_canary_share_to_percent (guint share);
char *hr_canary_share_to_string (guint share);

G_END_DECLS
