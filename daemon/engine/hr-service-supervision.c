/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What happens to the instance between operations: exits, observation, the old one's end.
 */
#include "hr-error.h"
#include "hr-log.h"
#include "hr-service-private.h"

static void
collected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrService) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrSnapshot) snapshot = hr_state_files_collect_finish (HR_STATE_FILES (source), result, &error);

  if (error != NULL)
    hr_log_warning (self->name, "%s", error->message);
}

/* Retiring: the instance before the running one */

static void
carried (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrService) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrPlacement) placement = hr_slots_carry_finish (HR_SLOTS (source), result, &error);

  if (placement == NULL)
    hr_log_warning (self->name, "%s, ignoring", error->message);
  else if (placement->carried != NULL && placement->carried[0] != NULL)
    {
      hr_files_merge (&self->carried, (const char *const *)placement->carried);
      hr_service_touch (self);
    }
}

/* What it wrote into its slot in its last moments. Before anything else is placed there: the slots keep the order. */
static void
carry_from (HrService *self, HrGeneration *retiring)
{
  HrSlot from = hr_generation_get_slot (retiring);
  HrSlot to = self->current != NULL ? hr_generation_get_slot (self->current) : HR_SLOT_NONE;

  if (self->parts.slots != NULL && from != HR_SLOT_NONE && to != HR_SLOT_NONE && from != to)
    hr_slots_carry_async (self->parts.slots, from, to, NULL, carried, g_object_ref (self));
}

static void
retiring_exited (HrGeneration *retiring, HrService *self)
{
  /* The end of a stop may be the end of the service. */
  g_autoptr (HrService) guard = g_object_ref (self);
  HrServiceSpec *spec = hr_generation_get_spec (retiring);

  g_signal_handlers_disconnect_by_data (retiring, self);
  carry_from (self, retiring);
  /* It was not asked for its state, so nobody waits for it; what it wrote all the same is kept. */
  if (spec->preserve && hr_generation_ended_well (retiring))
    hr_state_files_collect_async (self->parts.state, hr_generation_get_id (retiring),
                                  hr_generation_get_release (retiring), spec->state_version, NULL, collected,
                                  g_object_ref (self));
  if (hr_generation_was_killed (retiring))
    hr_log_warning (self->name, "release %" G_GUINT64_FORMAT " did not end within DrainTimeout and was killed",
                    hr_generation_get_release (retiring));
  g_clear_object (&self->retiring);
  hr_service_touch (self);
  hr_service_end_stop (self);
}

/**
 * hr_service_retire_current:
 * @self: a service whose candidate serves
 *
 * Lets go of the old instance: it finishes what it has and ends, within DrainTimeout.
 */
void
hr_service_retire_current (HrService *self)
{
  if (self->current == NULL)
    return;
  g_signal_handlers_disconnect_by_data (self->current, self);
  if (hr_generation_is_alive (self->current))
    {
      self->retiring = g_steal_pointer (&self->current);
      g_signal_connect (self->retiring, "exited", G_CALLBACK (retiring_exited), self);
      hr_generation_retire (self->retiring);
    }
  g_clear_object (&self->current);
}

/* The running instance */

static void
current_status (HrGeneration *current, HrService *self)
{
  if (hr_generation_has_notified (current) && !self->ever_notified)
    {
      self->ever_notified = TRUE;
      hr_service_remember (self);
    }
  hr_service_touch (self);
}

static void
current_ready (HrGeneration *current, HrService *self)
{
  hr_clock_cancel (hr_platform_get_clock (self->platform), &self->start_deadline);
  self->outage_since = 0;
  hr_backoff_healthy (self->backoff, hr_clock_now (hr_platform_get_clock (self->platform)));
  hr_service_set_error (self, NULL);
  hr_service_observe_again (self);
  hr_service_remember (self);
  hr_service_touch (self);
}

/**
 * hr_service_is_good:
 * @self: a service
 * @number: of a release
 *
 * Returns: whether there is such a release and it has proven itself
 */
gboolean
hr_service_is_good (HrService *self, guint64 number)
{
  const HrRelease *release = self->parts.store != NULL ? hr_release_store_get (self->parts.store, number) : NULL;

  return release != NULL && release->fate == HR_FATE_GOOD;
}

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
 * hr_service_awaits_rollback:
 * @self: a service with an instance
 *
 * Returns: whether its end is followed by a rollback: a failed observation asks for that itself, when it hears of the
 *   exit
 */
gboolean
hr_service_awaits_rollback (HrService *self)
{
  return self->running == NULL && self->observation != NULL && rollback_point_for (self) != 0
         && !hr_generation_is_alive (self->current) && !hr_observation_allows_end (self->current);
}

static void
current_exited (HrGeneration *current, HrService *self)
{
  g_autoptr (HrService) guard = g_object_ref (self);
  HrClock *clock = hr_platform_get_clock (self->platform);

  hr_clock_cancel (clock, &self->start_deadline);
  /* What a program writes while it fails is not to be trusted with a restart. */
  if (!hr_generation_is_stopping (current) && !hr_generation_ended_well (current))
    hr_state_files_discard (self->parts.state, hr_generation_get_id (current));
  else if (!hr_generation_is_stopping (current) && hr_generation_get_spec (current)->preserve)
    hr_state_files_collect_async (self->parts.state, hr_generation_get_id (current),
                                  hr_generation_get_release (current), hr_generation_get_spec (current)->state_version,
                                  NULL, collected, g_object_ref (self));
  if (self->health != NULL)
    hr_health_stop (self->health);
  g_clear_object (&self->health);
  if (self->outage_since == 0)
    self->outage_since = hr_clock_now (clock);
  hr_service_supervise (self);
  /* Where a rollback follows, what is shown next is that. */
  if (!hr_service_awaits_rollback (self))
    hr_service_touch (self);
}

static void
health_changed (HrHealth *health, HrService *self)
{
  if (hr_health_get_state (health) != HR_HEALTH_HEALTHY && hr_health_get_error (health) != NULL)
    hr_log_warning (self->name, "is %s: %s", hr_health_state_to_string (hr_health_get_state (health)),
                    hr_health_get_error (health));
  hr_service_touch (self);
}

/**
 * hr_service_set_current:
 * @self: a service
 * @generation: (nullable): the instance that serves now, or is to be supervised
 * @health: (nullable): its health; %NULL: begun now if it has a probe
 *
 * The one place where the running instance changes.
 */
void
hr_service_set_current (HrService *self, HrGeneration *generation, HrHealth *health)
{
  if (self->current != NULL)
    g_signal_handlers_disconnect_by_data (self->current, self);
  if (self->health != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->health, self);
      hr_health_stop (self->health);
    }
  g_clear_object (&self->health);
  g_clear_object (&self->observation);
  hr_clock_cancel (hr_platform_get_clock (self->platform), &self->start_deadline);
  g_set_object (&self->current, generation);
  self->restart_at = 0;
  if (generation == NULL)
    return;
  /* It may have become ready before it came here: then the outage has been counted by the reload. */
  if (hr_generation_is_serving (generation))
    self->outage_since = 0;

  self->last_release = hr_generation_get_release (generation);
  self->last_slot = hr_generation_get_slot (generation);
  self->since_real = hr_clock_real (hr_platform_get_clock (self->platform));
  g_signal_connect (generation, "status", G_CALLBACK (current_status), self);
  g_signal_connect (generation, "ready", G_CALLBACK (current_ready), self);
  g_signal_connect (generation, "exited", G_CALLBACK (current_exited), self);
  self->ever_notified = self->ever_notified || hr_generation_has_notified (generation);
  if (!hr_generation_is_alive (generation))
    return;
  self->health = health != NULL ? g_object_ref (health) : hr_health_new (self->platform, generation, FALSE);
  g_signal_connect (self->health, "changed", G_CALLBACK (health_changed), self);
}

/* Observation */

static void
become_good (HrService *self, guint64 release)
{
  self->last_good = release;
  if (self->parts.store != NULL && release != 0)
    hr_release_store_set_fate (self->parts.store, release, HR_FATE_GOOD, NULL, NULL);
  hr_service_remember (self);
}

static void
observation_passed (HrObservation *observation, HrService *self)
{
  become_good (self, hr_observation_get_release (observation));
  g_clear_object (&self->observation);
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
    return;
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
  const HrRelease *release = self->parts.store != NULL ? hr_release_store_get (self->parts.store, number) : NULL;
  gint64 duration = hr_generation_get_spec (self->current)->rollback_after;

  if (release == NULL)
    return;
  if (release->fate == HR_FATE_GOOD || duration == 0)
    {
      become_good (self, number);
      return;
    }
  hr_release_store_set_fate (self->parts.store, number, HR_FATE_UNPROVEN, NULL, NULL);
  self->observation =
      hr_observation_new (hr_platform_get_clock (self->platform), self->current, self->health, duration);
  g_signal_connect (self->observation, "passed", G_CALLBACK (observation_passed), self);
  g_signal_connect (self->observation, "failed", G_CALLBACK (observation_failed), self);
}

/**
 * hr_service_observe_again:
 * @self: a service
 *
 * Its instance serves again, after a restart or a reload that failed: a release that has not proven itself is watched
 * anew, so that what came up at the second try can become good, and what fails again is rolled back.
 */
void
hr_service_observe_again (HrService *self)
{
  if (self->observation == NULL && self->current != NULL && hr_generation_is_serving (self->current)
      && !hr_service_is_good (self, self->last_release))
    hr_service_observe (self);
}
