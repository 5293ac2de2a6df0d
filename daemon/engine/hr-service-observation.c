/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The time after the switch: what proves the running release, what rolls it back, and what it is compared with.
 *
 * A sampler is of the running instance. It looks during the observation and, with Baseline=yes, for as long as the
 * instance runs, so that there are figures to compare the next release with. Without Baseline it stops then: that the
 * metrics could be read is still worth knowing when those of the next release cannot. Of an instance that was not
 * observed, as it was good already, they are read while the next release is prepared.
 */
#include "hr-error.h"
#include "hr-log.h"
#include "hr-rollback-policy.h"
#include "hr-service-private.h"

/* The least time of an observation that follows one that failed. */
#define AGAIN_USEC (1 * G_USEC_PER_SEC)

/* Sampling */

/* Whether a reload is under way that will do something. */
static gboolean
is_replaced (HrService *self)
{
  return self->reload != NULL && hr_reload_is_announced (self->reload)
         && hr_reload_get_end (self->reload) == HR_RELOAD_UNDER_WAY;
}

static void
sample (HrService *self, gboolean with_command)
{
  if (self->sampler == NULL && self->current != NULL && hr_generation_is_serving (self->current)
      && hr_rollback_policy_has_samples (hr_generation_get_spec (self->current)))
    {
      self->sampler = hr_sampler_new (self->platform, self->current, self->health, with_command);
      g_signal_connect_object (self->sampler, "readable", G_CALLBACK (hr_service_touch), self, G_CONNECT_SWAPPED);
    }
  /* What was started again beside a candidate. */
  if (self->sampler != NULL && is_replaced (self) && hr_reload_get_candidate (self->reload) != NULL)
    hr_sampler_hold (self->sampler, TRUE);
}

/**
 * hr_service_sample_always:
 * @self: a service whose instance serves
 *
 * Begins to sample what the next release will be compared with, where that is asked for.
 */
void
hr_service_sample_always (HrService *self)
{
  if (hr_generation_get_spec (self->current)->baseline)
    sample (self, TRUE);
}

/**
 * hr_service_note_unread:
 * @self: a service
 * @builder: gets a line where the metrics of the running release could not be read
 *
 * Also when nobody looks any more: that it has proven itself without figures is worth knowing for as long as it runs.
 */
void
hr_service_note_unread (HrService *self, GStrvBuilder *builder)
{
  g_autofree char *unread = hr_sampler_describe_unread (self->sampler);
  g_autofree char *line = unread != NULL ? g_strconcat ("post-check: ", unread, NULL) : NULL;

  if (line != NULL)
    g_strv_builder_add (builder, line);
}

static void
sample_for_reload (HrService *self)
{
  if (self->current != NULL && hr_rollback_policy_by_metrics (hr_generation_get_spec (self->current)))
    sample (self, FALSE);
}

static void
drop_sampler (HrService *self)
{
  if (self->sampler != NULL)
    hr_sampler_stop (self->sampler);
  g_clear_object (&self->sampler);
}

/**
 * hr_service_forget_before:
 * @self: a service
 *
 * There is nothing to compare the next release with.
 */
void
hr_service_forget_before (HrService *self)
{
  g_clear_pointer (&self->before_spec, hr_service_spec_unref);
}

/**
 * hr_service_end_sampling:
 * @self: a service whose running instance is about to be another, or none
 * @next: the release of that one, 0: none
 *
 * What was seen of another release is kept, to compare this one with.
 */
void
hr_service_end_sampling (HrService *self, guint64 next)
{
  if (next != self->last_release)
    {
      hr_service_forget_before (self);
      self->unproven = FALSE;
    }
  if (next != self->last_release && self->sampler != NULL)
    {
      self->before = hr_sampler_get_figures (self->sampler);
      self->before_spec = hr_service_spec_ref (hr_generation_get_spec (hr_sampler_get_generation (self->sampler)));
    }
  drop_sampler (self);
}

/* A candidate may answer in the place of the running instance: they share their sockets. */
static void
phase_changed (HrJob *job, HrService *self)
{
  if (self->sampler != NULL && self->reload != NULL && hr_reload_get_candidate (self->reload) != NULL)
    hr_sampler_hold (self->sampler, TRUE);
}

/**
 * hr_service_observe_reload:
 * @self: a service whose reload has been announced
 *
 * Ends the observation: rule 2.
 */
void
hr_service_observe_reload (HrService *self)
{
  g_clear_object (&self->observation);
  sample_for_reload (self);
  g_signal_connect (self->running->job, "changed", G_CALLBACK (phase_changed), self);
}

/**
 * hr_service_observe_reload_end:
 * @self: a service whose reload has ended, and which has not acted on that yet
 * @well: whether there is a new instance
 */
void
hr_service_observe_reload_end (HrService *self, gboolean well)
{
  g_signal_handlers_disconnect_by_func (self->running->job, phase_changed, self);
  if (well || self->sampler == NULL)
    return;
  if (hr_generation_get_spec (hr_sampler_get_generation (self->sampler))->baseline)
    hr_sampler_hold (self->sampler, FALSE);
  else if (self->observation == NULL)
    hr_sampler_stop (self->sampler);
}

/* What is gone back to */

/* The last good one may be newer than the running one: after a rollback. */
static guint64
rollback_point_for (HrService *self)
{
  guint64 point = hr_service_get_rollback_point (self);

  if (point != 0 && self->last_good != self->last_release && hr_service_is_good (self, self->last_good))
    point = self->last_good;

  return point != self->last_release ? point : 0;
}

/**
 * hr_service_may_roll_back:
 * @self: a service
 *
 * Returns: whether its instance is being watched, and what fails is followed by a rollback
 */
gboolean
hr_service_may_roll_back (HrService *self)
{
  return self->observation != NULL && rollback_point_for (self) != 0;
}

/**
 * hr_service_awaits_rollback:
 * @self: a service with an instance
 *
 * Returns: whether its end is followed by a rollback: a failed observation asks for that itself, when it hears of the
 *   exit
 */
gboolean
hr_service_awaits_rollback (HrService *self)
{
  return hr_service_may_roll_back (self) && !hr_generation_is_alive (self->current)
         && !hr_observation_allows_end (self->current);
}

/* Observation */

static void
become_good (HrService *self, guint64 release)
{
  self->last_good = release;
  hr_service_set_fate (self, release, HR_FATE_GOOD, NULL, NULL);
  hr_service_remember (self);
}

static void
observation_passed (HrObservation *observation, HrService *self)
{
  become_good (self, hr_observation_get_release (observation));
  g_clear_object (&self->observation);
  if (self->sampler != NULL && !hr_generation_get_spec (self->current)->baseline)
    hr_sampler_stop (self->sampler);
  if (self->unproven)
    hr_service_set_error (self, NULL);
  self->unproven = FALSE;
  hr_service_touch (self);
}

/* There is nothing to go back to: it may become good yet, and until then it is said once what is wrong. */
static void
stay (HrService *self, const char *why)
{
  g_autofree char *message = NULL;

  if (!hr_generation_is_alive (self->current))
    return;
  if (!self->unproven)
    {
      message =
          g_strdup_printf ("release %" G_GUINT64_FORMAT " failed its observation: %s; there is no good release to "
                           "go back to",
                           self->last_release, why);
      hr_log_warning (self->name, "%s", message);
      hr_service_set_error (self, message);
    }
  self->unproven = TRUE;
  drop_sampler (self);
  hr_service_observe (self);
  hr_service_touch (self);
}

static void
observation_failed (HrObservation *observation, const char *reason, HrService *self)
{
  g_autofree char *why = g_strdup (reason);
  guint64 point = rollback_point_for (self);
  HrRequest *request;

  g_clear_object (&self->observation);
  if (point == 0)
    {
      stay (self, why);
      return;
    }
  request = hr_service_new_request (self, HR_JOB_ROLLBACK, "rollback", NULL);
  request->by_hand = TRUE;
  request->target = point;
  request->reason = g_steal_pointer (&why);
  hr_log_warning (self->name,
                  "release %" G_GUINT64_FORMAT
                  " failed its observation: %s; rolling back to release %" G_GUINT64_FORMAT,
                  self->last_release, request->reason, point);
  hr_service_request (self, request);
}

/* What the running release is compared with; what was rolled back is no measure for what replaces it. */
static const HrPostFigures *
get_before (HrService *self, const HrPostFigures *none)
{
  HrServiceSpec *spec = hr_generation_get_spec (self->current);
  gboolean is_rollback = self->running != NULL && self->running->kind == HR_JOB_ROLLBACK;

  if (self->before_spec != NULL && !is_rollback && hr_rollback_policy_is_comparable (spec, self->before_spec))
    return &self->before;
  return rollback_point_for (self) != 0 ? none : NULL;
}

/* An instance that a failed reload left running goes on from where its observation was: else saves that fail, one after
 * the other, would keep what works from becoming good. Figures begin anew, and so does their time. */
static gint64
time_left (HrService *self, gint64 duration)
{
  const char *id = hr_generation_get_id (self->current);
  gint64 now = hr_clock_now (hr_platform_get_clock (self->platform));

  if (g_strcmp0 (self->observed, id) == 0 && !self->unproven
      && !hr_rollback_policy_has_samples (hr_generation_get_spec (self->current)))
    return MAX (duration - (now - self->observed_since), 1);
  g_free (self->observed);
  self->observed = g_strdup (id);
  self->observed_since = now;
  return duration;
}

/**
 * hr_service_observe:
 * @self: a service whose new instance has just been switched to
 *
 * Watches it for RollbackAfter, unless its release has proven itself before.
 */
void
hr_service_observe (HrService *self)
{
  guint64 number = self->last_release;
  const HrPostFigures none = { .read = 0 };
  const HrPostFigures *before;
  const HrRelease *release = hr_release_store_get (self->parts.store, number);
  HrServiceSpec *spec = hr_generation_get_spec (self->current);
  /* Over and over, where there is nothing to go back to: not faster than one can look. */
  gint64 duration = self->unproven ? MAX (spec->rollback_after, AGAIN_USEC) : spec->rollback_after;

  if (release == NULL)
    return;
  if (release->fate == HR_FATE_GOOD || duration == 0)
    {
      become_good (self, number);
      return;
    }
  hr_service_set_fate (self, number, HR_FATE_UNPROVEN, NULL, NULL);
  before = get_before (self, &none);
  /* With Baseline it looks already, else it may have ended, or left out Command. */
  if (!spec->baseline)
    drop_sampler (self);
  sample (self, TRUE);
  self->observation = hr_observation_new (hr_platform_get_clock (self->platform), self->current, self->health,
                                          self->sampler, before, time_left (self, duration));
  g_signal_connect (self->observation, "passed", G_CALLBACK (observation_passed), self);
  g_signal_connect (self->observation, "failed", G_CALLBACK (observation_failed), self);
}

/**
 * hr_service_observe_again:
 * @self: a service
 *
 * Its instance serves again, after a restart, or still, after a reload that failed: a release that has not proven itself
 * is watched anew, or for the rest of its time, so that what came up at the second try can become good, and what fails
 * again is rolled back. A reload has ended the observation (rule 2): one that fails begins it anew when it has ended.
 */
void
hr_service_observe_again (HrService *self)
{
  if (self->observation == NULL && !is_replaced (self) && self->current != NULL
      && hr_generation_is_serving (self->current) && !hr_service_is_good (self, self->last_release))
    hr_service_observe (self);
}
