/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How a canary gets over a re-execution of the daemon: its share stays, its time goes on, and what was seen of both counts.
 * Only metrics are read anew: what was counted before the first reading is no part of them anyway.
 */
#include "hr-canary-private.h"

/**
 * hr_canary_carry:
 * @self: a canary that has begun and not ended
 *
 * Returns: (transfer floating): all of it, for hr_canary_take_carried()
 */
GVariant *
hr_canary_carry (HrCanary *self)
{
  GVariantDict dict;

  g_return_val_if_fail (HR_IS_CANARY (self) && !self->ended, NULL);

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert_value (&dict, "plan", hr_canary_plan_carry (&self->plan));
  g_variant_dict_insert (&dict, "share", "u", self->share);
  g_variant_dict_insert (&dict, "since", "x", self->since_real);
  g_variant_dict_insert (&dict, "waiting-since", "x", self->waiting_since);
  g_variant_dict_insert (&dict, "waited", "x", self->waited);
  g_variant_dict_insert_value (&dict, "seen", hr_canary_samples_carry (&self->seen));
  g_variant_dict_insert_value (&dict, "seen-running", hr_canary_samples_carry (&self->seen_running));
  return g_variant_dict_end (&dict);
}

/**
 * hr_canary_take_carried:
 * @self: a canary that has not begun, whose candidate has its share still
 * @carried: what hr_canary_carry() made of one of the same instances
 *
 * Goes on with it.
 *
 * Returns: success; else @carried is nothing of the sort, and @self of no use
 */
gboolean
hr_canary_take_carried (HrCanary *self, GVariant *carried)
{
  g_autoptr (GVariant) plan = g_variant_lookup_value (carried, "plan", NULL);
  g_autoptr (GVariant) seen = g_variant_lookup_value (carried, "seen", NULL);
  g_autoptr (GVariant) seen_running = g_variant_lookup_value (carried, "seen-running", NULL);

  g_return_val_if_fail (HR_IS_CANARY (self), FALSE);

  if (plan == NULL || seen == NULL || seen_running == NULL || !hr_canary_plan_take_carried (&self->plan, plan)
      || !hr_canary_samples_take_carried (&self->seen, seen)
      || !hr_canary_samples_take_carried (&self->seen_running, seen_running)
      || !g_variant_lookup (carried, "share", "u", &self->share)
      || !g_variant_lookup (carried, "since", "x", &self->since_real)
      || !g_variant_lookup (carried, "waiting-since", "x", &self->waiting_since)
      || !g_variant_lookup (carried, "waited", "x", &self->waited))
    return FALSE;
  hr_canary_follow (self);
  return TRUE;
}
