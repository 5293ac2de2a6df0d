/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What happens to the instance between operations: exits, and the old one's end.
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
      hr_files_merge (&self->carried_files, (const char *const *)placement->carried);
      hr_service_touch (self);
    }
}

/**
 * hr_service_carry_from:
 * @self: a service
 * @from: the slot of instances that were retired and have all ended
 *
 * Takes along what they wrote there in their last moments. Before anything else is placed there: the slots keep the order.
 */
void
hr_service_carry_from (HrService *self, HrSlot from)
{
  HrSlot to = self->current != NULL ? hr_generation_get_slot (self->current) : HR_SLOT_NONE;

  if (self->parts.slots != NULL && from != HR_SLOT_NONE && to != HR_SLOT_NONE && from != to)
    hr_slots_carry_async (self->parts.slots, from, to, NULL, carried, g_object_ref (self));
}

/* Takes what an instance has written that nobody waits for, if that is to be kept; what a program writes while it fails
 * is not to be trusted with a restart. Else its directory would stay for as long as the daemon runs. */
static void
take_state (HrService *self, HrGeneration *ended)
{
  HrServiceSpec *spec = hr_generation_get_spec (ended);

  if (!spec->preserve || !hr_generation_ended_well (ended))
    hr_state_files_discard (self->parts.state, hr_generation_get_id (ended));
  else
    hr_state_files_collect_async (self->parts.state, hr_generation_get_id (ended), hr_generation_get_release (ended),
                                  spec->state_version, NULL, collected, g_object_ref (self));
}

static void
retiring_exited (HrGeneration *retiring, HrService *self)
{
  /* The end of a stop may be the end of the service. */
  g_autoptr (HrService) guard = g_object_ref (self);

  g_signal_handlers_disconnect_by_data (retiring, self);
  if (self->retiring_followers == NULL)
    hr_service_carry_from (self, hr_generation_get_slot (retiring));
  /* It was not asked for its state; what it wrote all the same is kept. */
  take_state (self, retiring);
  if (hr_generation_was_killed (retiring))
    hr_log_warning (self->name,
                    "release %" G_GUINT64_FORMAT
                    " did not end in time and was killed (see DrainTimeout and StopTimeout)",
                    hr_generation_get_release (retiring));
  hr_service_note_stuck (self, retiring);
  g_clear_object (&self->retiring);
  hr_service_touch (self);
  hr_service_end_stop (self);
}

/**
 * hr_service_retire:
 * @self: a service without a retiring instance
 * @generation: (transfer none): one that runs and is not to serve any more
 *
 * Lets go of it: it finishes what it has and ends, within DrainTimeout.
 */
void
hr_service_retire (HrService *self, HrGeneration *generation)
{
  g_return_if_fail (self->retiring == NULL);

  self->retiring = g_object_ref (generation);
  g_signal_connect (self->retiring, "exited", G_CALLBACK (retiring_exited), self);
  g_signal_connect_swapped (self->retiring, "status", G_CALLBACK (hr_service_touch), self);
  hr_generation_retire (self->retiring);
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
  hr_service_retire_followers (self);
  if (self->current == NULL)
    return;
  g_signal_handlers_disconnect_by_data (self->current, self);
  if (hr_generation_is_alive (self->current))
    hr_service_retire (self, self->current);
  g_clear_object (&self->current);
}

/* What it wrote on its way out is not the state of the service: it never served alone. */
static void
rejected_exited (HrGeneration *candidate, HrService *self)
{
  g_autoptr (HrService) guard = g_object_ref (self);

  g_signal_handlers_disconnect_by_data (candidate, self);
  hr_state_files_discard (self->parts.state, hr_generation_get_id (candidate));
  hr_service_note_stuck (self, candidate);
  g_clear_object (&self->retiring);
  self->retires_rejected = FALSE;
  hr_service_remember (self);
  hr_service_touch (self);
  hr_service_end_stop (self);
}

/**
 * hr_service_take_rejected:
 * @self: a service without a retiring instance
 * @candidate: (transfer none): one that was not switched to, and that was told to go
 *
 * Waits for its end as for that of an old instance, but takes nothing of it along.
 */
void
hr_service_take_rejected (HrService *self, HrGeneration *candidate)
{
  g_return_if_fail (self->retiring == NULL);

  self->retiring = g_object_ref (candidate);
  self->retires_rejected = TRUE;
  g_signal_connect (self->retiring, "exited", G_CALLBACK (rejected_exited), self);
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
current_main_changed (HrGeneration *current, HrService *self)
{
  hr_service_remember (self);
  hr_service_touch (self);
}

static void watch_health (HrService *self, HrHealth *health);

static void
current_ready (HrGeneration *current, HrService *self)
{
  hr_clock_cancel (hr_platform_get_clock (self->platform), &self->start_deadline);
  self->outage_since = 0;
  hr_backoff_healthy (self->backoff, hr_clock_now (hr_platform_get_clock (self->platform)));
  hr_service_set_error (self, NULL);
  if (self->health == NULL)
    watch_health (self, NULL);
  if (self->reload != NULL)
    hr_reload_set_previous_health (self->reload, self->health);
  hr_service_observe_again (self);
  /* What a reload has begun to replace gets no more of them. */
  if (self->reload == NULL || !hr_reload_is_announced (self->reload))
    hr_service_fill (self);
  hr_service_sample_always (self);
  hr_service_remember (self);
  hr_service_touch (self);
}

/**
 * hr_service_note_outage:
 * @self: a service
 * @ended: one of its instances, whose main process has ended
 *
 * If nobody else serves the outage began when that was seen, not when all that it left was gone.
 */
void
hr_service_note_outage (HrService *self, HrGeneration *ended)
{
  gboolean serving = (self->current != NULL && hr_generation_is_serving (self->current))
                     || (self->followers != NULL && hr_followers_n_serving (self->followers) > 0);

  if (!serving && self->outage_since == 0)
    self->outage_since = hr_generation_get_ended_at (ended);
}

static void
current_ended (HrGeneration *current, HrService *self)
{
  hr_service_note_outage (self, current);
}

static void
current_exited (HrGeneration *current, HrService *self)
{
  g_autoptr (HrService) guard = g_object_ref (self);
  HrClock *clock = hr_platform_get_clock (self->platform);

  hr_clock_cancel (clock, &self->start_deadline);
  if (!hr_generation_is_stopping (current))
    take_state (self, current);
  if (self->health != NULL)
    hr_health_stop (self->health);
  g_clear_object (&self->health);
  if (self->sampler != NULL)
    hr_sampler_stop (self->sampler);
  if (hr_service_promote (self))
    return;
  hr_service_note_outage (self, current);
  hr_service_supervise (self);
  /* Where a rollback follows, what is shown next is that. */
  if (!hr_service_awaits_rollback (self))
    hr_service_touch (self);
}

static void
health_failed (HrHealth *health, HrService *self)
{
  hr_service_touch (self);
}

static void
health_changed (HrHealth *health, HrService *self)
{
  HrHealthState state = hr_health_get_state (health);

  if (state != HR_HEALTH_HEALTHY && hr_health_get_error (health) != NULL)
    hr_log_warning (self->name, "is %s: %s", hr_health_state_to_string (state), hr_health_get_error (health));
  hr_service_touch (self);
  /* Ready=probe: the first success is the readiness. */
  if (state == HR_HEALTH_HEALTHY && hr_generation_get_spec (self->current)->ready == HR_READY_PROBE
      && !hr_generation_is_ready (self->current))
    hr_generation_set_ready (self->current);
  /* A release that is being watched is rolled back by that, and its instance with it. */
  if (hr_health_wants_restart (health) && !hr_service_may_roll_back (self))
    hr_generation_abort (self->current, hr_health_get_error (health));
}

static void
watch_health (HrService *self, HrHealth *health)
{
  gboolean is_readiness =
      hr_generation_get_spec (self->current)->ready == HR_READY_PROBE && !hr_generation_is_ready (self->current);

  self->health = health != NULL ? g_object_ref (health) : hr_health_new (self->platform, self->current, is_readiness);
  g_signal_connect (self->health, "changed", G_CALLBACK (health_changed), self);
  g_signal_connect (self->health, "failed", G_CALLBACK (health_failed), self);
}

/**
 * hr_service_set_current:
 * @self: a service
 * @generation: (nullable): the instance that serves now, or is to be supervised
 * @health: (nullable): its health; %NULL: begun when it is ready, if it has a probe
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
  hr_service_end_sampling (self, generation != NULL ? hr_generation_get_release (generation) : 0);
  hr_clock_cancel (hr_platform_get_clock (self->platform), &self->start_deadline);
  g_set_object (&self->current, generation);
  hr_service_cancel_restart (self);
  self->restart_at = 0;
  self->falls_back = FALSE;
  if (generation == NULL)
    return;
  /* It may have become ready before it came here: then the outage has been counted by the reload. */
  if (hr_generation_is_serving (generation))
    self->outage_since = 0;

  self->last_release = hr_generation_get_release (generation);
  self->last_slot = hr_generation_get_slot (generation);
  self->since_real = hr_clock_real (hr_platform_get_clock (self->platform));
  g_signal_connect (generation, "status", G_CALLBACK (current_status), self);
  g_signal_connect (generation, "main-changed", G_CALLBACK (current_main_changed), self);
  g_signal_connect (generation, "ready", G_CALLBACK (current_ready), self);
  g_signal_connect (generation, "ended", G_CALLBACK (current_ended), self);
  g_signal_connect (generation, "exited", G_CALLBACK (current_exited), self);
  self->ever_notified = self->ever_notified || hr_generation_has_notified (generation);
  if (!hr_generation_is_alive (generation))
    return;
  /* What has yet to become ready cannot answer, unless its answer is the readiness. */
  if (health != NULL || hr_generation_is_ready (generation)
      || hr_generation_get_spec (generation)->ready == HR_READY_PROBE)
    watch_health (self, health);
  if (hr_generation_is_serving (generation))
    hr_service_sample_always (self);
}
