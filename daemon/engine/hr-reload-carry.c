/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How a reload gets over a re-execution of the daemon in its phase canary, which may take days: as it was. Of every other
 * phase the end is waited for, or it begins anew.
 */
#include "hr-reload-private.h"

/**
 * hr_reload_carry_canary:
 * @self: a reload whose canary runs
 *
 * Returns: (transfer floating): what its job and its request do not tell of it, for hr_reload_take_canary(); "candidate"
 *   names the instance
 */
GVariant *
hr_reload_carry_canary (HrReload *self)
{
  GVariantDict dict;

  g_return_val_if_fail (HR_IS_RELOAD (self) && hr_reload_get_canary (self) != NULL, NULL);

  hr_reload_measure_anew (self);
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "candidate", "s", hr_generation_get_id (self->candidate));
  g_variant_dict_insert (&dict, "release", "t", self->release->number);
  g_variant_dict_insert (&dict, "new-release", "b", self->new_release);
  g_variant_dict_insert (&dict, "opened-state", "b", self->opened_state);
  g_variant_dict_insert (&dict, "began", "x", self->began_at);
  g_variant_dict_insert (&dict, "timed-since", "x", self->timed_since);
  g_variant_dict_insert (&dict, "queue-wait", "x", self->queue_wait);
  g_variant_dict_insert_value (&dict, "canary", hr_canary_carry (self->canary));
  if (self->health != NULL)
    g_variant_dict_insert_value (&dict, "health", hr_health_carry (self->health));
  return g_variant_dict_end (&dict);
}

/* Nothing of it has happened. */
static gboolean
give_up (HrReload *self)
{
  g_signal_handlers_disconnect_by_data (self->candidate, self);
  g_clear_object (&self->candidate);
  return FALSE;
}

/**
 * hr_reload_take_canary:
 * @self: a reload that has not begun, beside an instance that serves
 * @candidate: the other instance, which was taken over and has its share of the new connections
 * @carried: what hr_reload_carry_canary() made
 *
 * It is in its phase canary, as it was.
 *
 * Returns: success; else @carried does not fit what is there: @self is of no use, and @candidate was not touched
 */
gboolean
hr_reload_take_canary (HrReload *self, HrGeneration *candidate, GVariant *carried)
{
  g_autoptr (GVariant) canary = g_variant_lookup_value (carried, "canary", G_VARIANT_TYPE_VARDICT);
  g_autoptr (GVariant) health = g_variant_lookup_value (carried, "health", G_VARIANT_TYPE_VARDICT);
  const HrRelease *release;
  guint64 number = 0;

  g_return_val_if_fail (HR_IS_RELOAD (self) && self->candidate == NULL && self->previous != NULL, FALSE);

  g_variant_lookup (carried, "release", "t", &number);
  release = self->parts.store != NULL ? hr_release_store_get (self->parts.store, number) : NULL;
  if (release == NULL || canary == NULL)
    return FALSE;
  self->release = hr_release_copy (release);
  self->candidate = g_object_ref (candidate);
  self->slot = hr_generation_get_slot (candidate);
  self->announced = TRUE;
  self->tries_canary = TRUE;
  self->watched = TRUE;
  g_variant_lookup (carried, "new-release", "b", &self->new_release);
  g_variant_lookup (carried, "opened-state", "b", &self->opened_state);
  g_variant_lookup (carried, "queue-wait", "x", &self->queue_wait);
  hr_reload_follow_previous (self);
  hr_reload_follow_candidate (self);
  hr_reload_watch_queue (self);
  if (self->queue != NULL)
    hr_queue_watch_add (self->queue, candidate);
  hr_reload_watch_health (self);
  if (health != NULL)
    hr_health_take_carried (self->health, health);
  hr_reload_make_canary (self);
  /* Its time goes on, too. */
  g_variant_lookup (carried, "began", "x", &self->began_at);
  g_variant_lookup (carried, "timed-since", "x", &self->timed_since);
  return hr_canary_take_carried (self->canary, canary) || give_up (self);
}
