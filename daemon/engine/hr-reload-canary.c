/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The canary of a reload: whether there is one, its phase, and what its end means.
 */
#include "hr-canary-plan.h"
#include "hr-error.h"
#include "hr-reload-private.h"
#include "hr-reload-sight.h"

/* A canary compares two releases that run beside each other. A rollback skips it, a new process of the same release has
 * nothing to be compared with, and where nothing runs or the state goes first there is nothing beside it.
 * Several instances, of which the number may have been changed, are rolled instead. */
static gboolean
wants_canary (HrReload *self)
{
  return self->spec->canary_from > 0 && self->previous != NULL && !self->sequential && !hr_reload_has_several (self)
         && self->release != NULL && self->release->number != hr_generation_get_release (self->previous)
         && !g_str_equal (self->trigger, "rollback");
}

static void
looked_at_running (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrReload) self = user_data;

  hr_reload_place (self);
}

/**
 * hr_reload_decide_canary:
 * @self: a reload whose release is known
 *
 * Whether it has a canary, and can have one, which only the running instance shows: before anything is started. One that
 * was just taken over from an earlier daemon may not have been looked at, or not in time on a machine that is busy.
 *
 * Returns: whether it goes on; else the reload has failed, or hr_reload_place() is called again in a moment
 */
gboolean
hr_reload_decide_canary (HrReload *self)
{
  const char *why;

  self->watched = self->watched || (self->previous != NULL && hr_generation_is_watched (self->previous));
  self->tries_canary = wants_canary (self);
  if (self->tries_canary && !self->watched && self->n_canary_looks < HR_CANARY_LOOKS_MAX)
    {
      self->n_canary_looks++;
      hr_generation_look_async (self->previous, looked_at_running, g_object_ref (self));
      return FALSE;
    }
  why = self->tries_canary ? hr_reload_canary_obstacle (self->spec, self->watched, self->parts.listeners) : NULL;
  if (why == NULL)
    return TRUE;
  hr_reload_fail_in (
      self, HR_PHASE_CANARY,
      g_error_new (HR_ERROR, HR_ERROR_NOT_SUPPORTED,
                   "'%s' cannot have the canary that Percentage in group 'Canary' asks for: %s; or remove "
                   "Percentage",
                   self->spec->name, why));
  return FALSE;
}

/**
 * hr_reload_separate_canary:
 * @self: a reload that wants a canary, whose candidate is not started
 *
 * Gives the candidate sockets of its own, unless it has them for its probe already.
 *
 * Returns: success; else the reload has failed
 */
gboolean
hr_reload_separate_canary (HrReload *self)
{
  const char *id = hr_generation_get_id (self->candidate);
  g_autoptr (GError) error = NULL;

  if (hr_listeners_is_separate (self->parts.listeners, id) || hr_listeners_separate (self->parts.listeners, id, &error))
    return TRUE;
  hr_reload_fail_in (self, HR_PHASE_CANARY,
                     g_error_new (error->domain, error->code,
                                  "while making sockets for the canary of '%s': %s; without Percentage in group "
                                  "'Canary' there is none, and old and new share what there is",
                                  self->spec->name, error->message));
  return FALSE;
}

/* What is told of it: to who waits for the job, and to everybody. */
static void
tell (HrReload *self)
{
  HrOutcome *outcome = hr_job_edit_outcome (self->job);
  HrCanaryInfo info = hr_canary_get_info (self->canary);
  HrEvent event = { .kind = HR_EVENT_CANARY_PROGRESS, .service = self->spec->name, .job = self->job, .canary = &info };

  g_free (outcome->canary);
  outcome->canary = hr_canary_describe (self->canary);
  event.message = outcome->canary;
  hr_job_tell (self->job);
  hr_reload_emit_event (self, &event);
}

static void
canary_progressed (HrCanary *canary, HrReload *self)
{
  tell (self);
}

static void
canary_passed (HrCanary *canary, HrReload *self)
{
  tell (self);
  hr_reload_switch_over (self);
}

static void
canary_failed (HrCanary *canary, const GError *error, HrReload *self)
{
  hr_reload_fail (self, g_error_copy (error));
}

/**
 * hr_reload_make_canary:
 * @self: a reload that wants a canary, whose candidate is ready and healthy
 *
 * Enters the phase, with a canary that has not begun.
 */
void
hr_reload_make_canary (HrReload *self)
{
  hr_reload_enter (self, HR_PHASE_CANARY);
  self->canary = hr_canary_new (self->platform, self->parts.listeners, self->candidate, self->health, self->previous,
                                self->previous_health);
  g_signal_connect (self->canary, "progress", G_CALLBACK (canary_progressed), self);
  g_signal_connect (self->canary, "passed", G_CALLBACK (canary_passed), self);
  g_signal_connect (self->canary, "failed", G_CALLBACK (canary_failed), self);
}

/**
 * hr_reload_run_canary:
 * @self: a reload that wants a canary, whose candidate is ready and healthy
 *
 * The phase canary. It ends in a switch or in a failure. Where the old instance has just ended by itself there is none:
 * what is ready serves.
 */
void
hr_reload_run_canary (HrReload *self)
{
  g_autoptr (GError) error = NULL;

  if (!hr_generation_is_serving (self->previous))
    {
      hr_job_edit_outcome (self->job)->canary = g_strdup ("took over at 0%: the instance before had ended by itself");
      hr_reload_switch_over (self);
      return;
    }
  hr_reload_make_canary (self);
  if (hr_canary_begin (self->canary, &error))
    {
      tell (self);
      return;
    }
  g_prefix_error (&error, "while giving release %" G_GUINT64_FORMAT " of '%s' a share of the new connections: ",
                  self->release->number, self->spec->name);
  hr_reload_fail (self, g_steal_pointer (&error));
}

/**
 * hr_reload_end_canary:
 * @self: a reload that fails
 *
 * Its canary, if one runs, is over: tells so.
 */
void
hr_reload_end_canary (HrReload *self)
{
  if (self->canary == NULL || self->phase != HR_PHASE_CANARY)
    return;
  if (self->error != NULL)
    hr_canary_end (self->canary, self->error->message);
  g_signal_handlers_disconnect_by_data (self->canary, self);
  if (!self->abandoned)
    tell (self);
}

/**
 * hr_reload_get_canary:
 * @self: a reload
 *
 * Returns: (transfer none) (nullable): its canary, while that runs
 */
HrCanary *
hr_reload_get_canary (HrReload *self)
{
  return self->phase == HR_PHASE_CANARY && !hr_reload_has_ended (self) ? self->canary : NULL;
}

/**
 * hr_reload_canary_timeout:
 * @self: a reload
 *
 * Returns: when the phase is over at the latest, in microseconds; the canary keeps its deadlines itself
 */
gint64
hr_reload_canary_timeout (HrReload *self)
{
  const HrServiceSpec *spec = self->spec;

  return hr_canary_plan_length (spec->canary_from, spec->canary_to, spec->canary_duration, spec->canary_steps)
         + HR_CANARY_HOLD_MAX_USEC + HR_CANARY_MARGIN_USEC;
}
