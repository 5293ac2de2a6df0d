/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How a reload ends that does not succeed: the first failure is kept, the candidate ends, the old release serves.
 */
#include "hr-error.h"
#include "hr-fallback.h"
#include "hr-reload-private.h"

static void
append (GError *error, const char *words)
{
  char *longer = g_strdup_printf ("%s; %s", error->message, words);

  g_free (error->message);
  error->message = longer;
}

static void
fallback_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrReload) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autofree char *missing = NULL;

  if (!hr_fallback_finish (result, &self->fallback, &error))
    {
      /* The reason stays the first failure; that the way back failed too is said louder. */
      g_prefix_error (&self->error, "%s; before that: ", error->message);
      self->error->domain = HR_ERROR;
      self->error->code = HR_ERROR_ROLLBACK_FAILED;
    }
  hr_reload_note_serving (self);
  if (self->candidate != NULL && hr_generation_get_stuck (self->candidate) != NULL)
    append (self->error, hr_generation_get_stuck (self->candidate));
  missing = hr_reload_describe_missing (self);
  if (missing != NULL)
    append (self->error, missing);
  self->awaits_followers = self->followers != NULL && !hr_followers_are_gone (self->followers);
  if (!self->awaits_followers)
    hr_reload_end (self, HR_RELOAD_ENDED_BADLY);
}

/**
 * hr_reload_fall_back:
 * @self: a reload that failed
 *
 * Ends the candidate, with its followers, and brings the old release back where it has ended; of several instances that
 * are being rolled first those that were retired for new ones. A canary is left to finish what it has: that belongs to
 * the service.
 */
void
hr_reload_fall_back (HrReload *self)
{
  const HrRelease *previous = self->previous != NULL && self->parts.store != NULL
                                  ? hr_release_store_get (self->parts.store, hr_generation_get_release (self->previous))
                                  : NULL;
  HrFallbackPlan plan = {
    .platform = self->platform,
    .parts = &self->parts,
    .candidate = self->candidate,
    /* What this reload never touched serves, or is the supervision's. */
    .previous = self->claims_previous ? self->previous : NULL,
    .commit = previous != NULL ? previous->commit : NULL,
    .state = self->state,
    .caller = self->caller,
    .queue = self->queue,
    .beside = self->switched && !self->sequential,
    .leaves = self->canary != NULL && self->failed_phase == HR_PHASE_CANARY,
  };

  if (self->abandoned)
    return;
  if (self->rolling && hr_reload_keeps_what_serves (self))
    {
      hr_reload_end (self, HR_RELOAD_ENDED_BADLY);
      return;
    }
  /* Also when only the last look at the old ones was missing. */
  if (self->rolling || (self->switched && hr_reload_has_several (self) && !self->unrolled))
    {
      hr_reload_unroll (self);
      return;
    }
  if (self->giving_way && self->unrolled)
    plan.previous = NULL;
  if (self->candidate != NULL)
    g_signal_handlers_disconnect_by_data (self->candidate, self);
  if (self->followers != NULL)
    hr_followers_hand_over (self->followers);
  hr_fallback_async (&plan, fallback_done, g_object_ref (self));
  /* A candidate that served while the old one was gone has been told to stop. */
  hr_reload_note_serving (self);
}

/**
 * hr_reload_fail:
 * @self: a reload
 * @error: (transfer full): why; the first failure is the one that is kept
 */
void
hr_reload_fail (HrReload *self, GError *error)
{
  hr_reload_fail_in (self, self->phase, error);
}

/**
 * hr_reload_fail_in:
 * @self: a reload
 * @phase: to which the failure belongs, where that is known only later
 * @error: (transfer full): why
 */
void
hr_reload_fail_in (HrReload *self, HrReloadPhase phase, GError *error)
{
  if (hr_reload_has_ended (self))
    {
      g_error_free (error);
      return;
    }
  self->failing = TRUE;
  self->error = error;
  self->failed_phase = phase;
  self->coming_end = HR_RELOAD_UNDER_WAY;
  hr_reload_time_phase (self, HR_PHASE_WORD_FALLBACK);
  hr_clock_cancel (hr_reload_clock (self), &self->timer);
  g_cancellable_cancel (self->cancellable);
  if (self->health != NULL)
    hr_health_stop (self->health);
  hr_reload_end_traffic (self);
  /* An instance that was told to stop will stop: its state comes first, then the old release is started with it. The
   * candidate ends now: it must not go on without that state when it cannot be kept waiting any longer. */
  if (!self->handing_over)
    hr_reload_fall_back (self);
  else if (self->candidate != NULL && hr_generation_is_ready (self->candidate))
    hr_generation_stop (self->candidate, self->spec->stop_timeout);
  else if (self->candidate != NULL)
    hr_generation_kill (self->candidate);
}

/**
 * hr_reload_cancel:
 * @self: a reload
 * @reason: for people
 *
 * Goes back to where it was: as any failure, with %HR_ERROR_CANCELLED. The end of a switch cannot be undone any more: it
 * goes on, and ends within %HR_SWITCH_WAIT_USEC and %HR_QUEUE_LOOK_WAIT_USEC.
 */
void
hr_reload_cancel (HrReload *self, const char *reason)
{
  g_return_if_fail (HR_IS_RELOAD (self));

  if (self->phase == HR_PHASE_SWITCH && !self->rolling)
    return;
  hr_reload_fail (self, g_error_new (HR_ERROR, HR_ERROR_CANCELLED, "the reload of '%s' was cancelled in phase '%s': %s",
                                     self->spec->name, hr_reload_phase_to_string (self->phase), reason));
}

/**
 * hr_reload_give_way:
 * @self: a reload whose service is to stop
 *
 * As hr_reload_cancel(), but that no instance is started again for it.
 */
void
hr_reload_give_way (HrReload *self)
{
  g_return_if_fail (HR_IS_RELOAD (self));

  self->giving_way = TRUE;
  hr_reload_cancel (self, "the service is to stop");
  /* It may have failed before, and be on its way back. */
  if (self->unrolling)
    hr_reload_unroll (self);
}

/**
 * hr_reload_abandon:
 * @self: a reload whose service goes away
 *
 * Ends the candidate and goes on with nothing; no signal comes any more.
 */
void
hr_reload_abandon (HrReload *self)
{
  g_return_if_fail (HR_IS_RELOAD (self));

  if (self->end != HR_RELOAD_UNDER_WAY)
    return;
  self->failing = TRUE;
  self->abandoned = TRUE;
  hr_clock_cancel (hr_reload_clock (self), &self->timer);
  g_cancellable_cancel (self->cancellable);
  if (self->health != NULL)
    hr_health_stop (self->health);
  hr_reload_end_traffic (self);
  if (self->candidate != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->candidate, self);
      hr_generation_kill (self->candidate);
    }
  /* Their processes end with them. */
  g_clear_object (&self->followers);
}
