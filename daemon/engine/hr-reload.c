/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-error.h"
#include "hr-handover.h"
#include "hr-reload-private.h"
#include "hr-reload-sight.h"

enum { SIGNAL_ANNOUNCED, SIGNAL_EVENT, SIGNAL_PROCESSES, SIGNAL_ENDED, N_SIGNALS };

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (HrReload, hr_reload, G_TYPE_OBJECT)

/**
 * hr_reload_clock:
 * @self: a reload
 *
 * Returns: (transfer none): time
 */
HrClock *
hr_reload_clock (HrReload *self)
{
  return hr_platform_get_clock (self->platform);
}

static void
forget_followers (HrReload *self)
{
  HrFollowers *all[] = { self->followers, self->old_followers, self->retiring_followers };

  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    if (all[i] != NULL)
      g_signal_handlers_disconnect_by_data (all[i], self);
}

static void
hr_reload_dispose (GObject *object)
{
  HrReload *self = HR_RELOAD (object);

  if (self->platform != NULL)
    {
      hr_clock_cancel (hr_reload_clock (self), &self->timer);
      hr_clock_cancel (hr_reload_clock (self), &self->switch_timer);
    }
  if (self->candidate != NULL)
    g_signal_handlers_disconnect_by_data (self->candidate, self);
  if (self->previous != NULL)
    g_signal_handlers_disconnect_by_data (self->previous, self);
  if (self->retiring != NULL)
    g_signal_handlers_disconnect_by_data (self->retiring, self);
  forget_followers (self);
  if (self->health != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->health, self);
      hr_health_stop (self->health);
    }
  if (self->canary != NULL)
    g_signal_handlers_disconnect_by_data (self->canary, self);
  g_clear_object (&self->canary);
  g_clear_object (&self->health);
  if (self->queue != NULL)
    hr_queue_watch_end (self->queue);
  g_clear_object (&self->queue);
  g_clear_object (&self->previous_health);
  g_clear_object (&self->candidate);
  g_clear_object (&self->fallback);
  g_clear_object (&self->previous);
  g_clear_object (&self->retiring);
  g_clear_object (&self->followers);
  g_clear_object (&self->old_followers);
  g_clear_object (&self->retiring_followers);
  g_clear_object (&self->cancellable);
  g_clear_object (&self->job);
  g_clear_object (&self->intake);
  hr_parts_clear (&self->parts);
  g_clear_object (&self->platform);
  G_OBJECT_CLASS (hr_reload_parent_class)->dispose (object);
}

static void
hr_reload_finalize (GObject *object)
{
  HrReload *self = HR_RELOAD (object);

  g_clear_pointer (&self->spec, hr_service_spec_unref);
  g_free (self->trigger);
  g_strfreev (self->hints);
  g_free (self->snapshot);
  g_clear_error (&self->error);
  hr_scan_free (self->scan);
  hr_scan_free (self->known_scan);
  hr_release_free (self->release);
  hr_placement_free (self->placement);
  g_strfreev (self->environment);
  g_clear_pointer (&self->state, g_bytes_unref);
  g_clear_pointer (&self->start_state, g_bytes_unref);
  g_free (self->state_id);
  g_clear_pointer (&self->tally, g_rc_box_release);
  G_OBJECT_CLASS (hr_reload_parent_class)->finalize (object);
}

static void
hr_reload_class_init (HrReloadClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hr_reload_dispose;
  G_OBJECT_CLASS (klass)->finalize = hr_reload_finalize;
  signals[SIGNAL_ANNOUNCED] =
      g_signal_new ("announced", HR_TYPE_RELOAD, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[SIGNAL_EVENT] =
      g_signal_new ("event", HR_TYPE_RELOAD, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_POINTER);
  signals[SIGNAL_PROCESSES] =
      g_signal_new ("processes", HR_TYPE_RELOAD, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[SIGNAL_ENDED] =
      g_signal_new ("ended", HR_TYPE_RELOAD, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
hr_reload_init (HrReload *self)
{
  self->slot = HR_SLOT_NONE;
  self->queue_wait = -1;
  self->cancellable = g_cancellable_new ();
}

/**
 * hr_reload_new:
 * @plan: what to do
 *
 * Returns: (transfer full): a reload that has not begun
 */
HrReload *
hr_reload_new (const HrReloadPlan *plan)
{
  HrReload *self = g_object_new (HR_TYPE_RELOAD, NULL);

  self->platform = g_object_ref (plan->platform);
  self->spec = hr_service_spec_ref (plan->spec);
  g_set_object (&self->parts.store, plan->parts->store);
  g_set_object (&self->parts.slots, plan->parts->slots);
  g_set_object (&self->parts.listeners, plan->parts->listeners);
  g_set_object (&self->parts.state, plan->parts->state);
  g_set_object (&self->parts.stored, plan->parts->stored);
  self->job = g_object_ref (plan->job);
  self->trigger = g_strdup (plan->trigger);
  self->by_hand = plan->by_hand;
  self->spares_rejected = plan->spares_rejected;
  self->retries_unproven = plan->retries_unproven;
  self->target = plan->target;
  self->superseded = plan->superseded;
  self->hints = g_strdupv ((char **)plan->hints);
  g_set_object (&self->intake, plan->intake);
  self->known_scan = plan->scan != NULL && plan->target != 0 ? hr_scan_copy (plan->scan) : NULL;
  g_set_object (&self->previous, plan->previous);
  g_set_object (&self->previous_health, plan->previous_health);
  g_set_object (&self->retiring, plan->retiring);
  g_set_object (&self->old_followers, plan->followers);
  g_set_object (&self->retiring_followers, plan->retiring_followers);
  self->snapshot = g_strdup (plan->snapshot);
  self->opens_listeners = plan->opens_listeners;
  self->sequential = plan->sequential || hr_reload_sequential_reason (plan->spec, plan->parts->state) != NULL;
  self->awaits_restart = plan->awaits_restart;
  self->outage_since = plan->outage_since;
  self->last_slot = plan->previous != NULL ? hr_generation_get_slot (plan->previous) : plan->last_slot;
  if (plan->tally != NULL)
    {
      self->tally = g_rc_box_acquire (plan->tally);
      self->cut_before = plan->tally->connections;
    }
  self->caller = plan->caller;
  self->ever_notified = plan->ever_notified;
  return self;
}

/**
 * hr_reload_has_ended:
 * @self: a reload
 *
 * Returns: whether it failed or ended: nothing goes on any more
 */
gboolean
hr_reload_has_ended (HrReload *self)
{
  return self->failing || self->end != HR_RELOAD_UNDER_WAY;
}

/* A candidate can be kept waiting for so long and no longer; what the old instance is at work on may take its full
 * StopTimeout all the same. */
static gint64
preserve_timeout (HrReload *self)
{
  gint64 timeout = self->spec->stop_timeout + HR_HANDOVER_TAKE_USEC + HR_PRESERVE_MARGIN_USEC;

  return self->candidate != NULL ? MIN (timeout, hr_state_files_wait_limit (self->parts.state)) : timeout;
}

static gint64
phase_timeout (HrReload *self, HrReloadPhase phase)
{
  switch (phase)
    {
    case HR_PHASE_RECORD:
      return HR_RECORD_TIMEOUT_USEC;
    case HR_PHASE_PLACE:
      return HR_PLACE_TIMEOUT_USEC + self->spec->stop_timeout;
    case HR_PHASE_CHECK:
      /* The checker keeps the deadline itself; this one is for a checker that does not. */
      return self->spec->check_timeout + HR_PRESERVE_MARGIN_USEC;
    case HR_PHASE_START:
    case HR_PHASE_READY:
      return self->spec->start_timeout;
    case HR_PHASE_PRESERVE:
      /* The handover keeps its deadlines itself. */
      return preserve_timeout (self);
    case HR_PHASE_VERIFY:
      return HR_VERIFY_TIMEOUT_USEC + hr_health_longest_verdict (self->spec);
    case HR_PHASE_CANARY:
      return hr_reload_canary_timeout (self);
    case HR_PHASE_WAIT:
    case HR_PHASE_SETTLE:
    case HR_PHASE_SWITCH:
      /* Each of several has its own StartTimeout; this one is for all of them. */
      return (self->spec->instances - 1) * (self->spec->start_timeout + HR_SWITCH_WAIT_USEC);
    case HR_PHASE_OBSERVE:
    default:
      return 0;
    }
}

/* A colon and more, or nothing. */
static char *
explain_timeout (HrReload *self)
{
  g_autofree char *wait = NULL;

  if (self->candidate == NULL)
    return g_strdup ("");
  if (self->phase == HR_PHASE_PRESERVE)
    return g_strdup (": the old instance takes longer to end than a new one can be kept waiting for its state (with "
                     "Handover=sequential there is no such limit)");
  if (self->phase != HR_PHASE_START && self->phase != HR_PHASE_READY)
    return g_strdup ("");
  wait = hr_generation_describe_wait (self->candidate);
  return g_strdup_printf (": the new instance did not become ready: %s (see Ready and StartTimeout)", wait);
}

/* How much longer whoever this phase waits for asks for. What waits in the open of its state cannot be kept there. */
static gint64
get_extension (HrReload *self)
{
  gint64 extension;

  switch (self->phase)
    {
    case HR_PHASE_PLACE:
      return self->retiring != NULL ? hr_generation_get_extension (self->retiring) : 0;
    case HR_PHASE_START:
    case HR_PHASE_READY:
      return self->candidate != NULL ? hr_generation_get_extension (self->candidate) : 0;
    case HR_PHASE_PRESERVE:
      extension = self->candidate == NULL && self->previous != NULL ? hr_generation_get_extension (self->previous) : 0;
      return extension > 0 ? extension + HR_HANDOVER_TAKE_USEC + HR_PRESERVE_MARGIN_USEC : 0;
    case HR_PHASE_SWITCH:
      return self->followers != NULL ? hr_followers_get_extension (self->followers) : 0;
    case HR_PHASE_RECORD:
    case HR_PHASE_CHECK:
    case HR_PHASE_VERIFY:
    case HR_PHASE_CANARY:
    case HR_PHASE_WAIT:
    case HR_PHASE_SETTLE:
    case HR_PHASE_OBSERVE:
    default:
      return 0;
    }
}

static void
phase_timed_out (gpointer user_data)
{
  HrReload *self = user_data;
  gint64 extension = get_extension (self);
  g_autofree char *why = explain_timeout (self);

  self->timer = 0;
  if (extension > 0)
    {
      self->timer = hr_clock_after (hr_reload_clock (self), extension, phase_timed_out, self);
      return;
    }
  hr_reload_fail (self, g_error_new (HR_ERROR, HR_ERROR_TIMED_OUT,
                                     "while reloading '%s': phase '%s' did not end within %" G_GINT64_FORMAT " ms%s",
                                     self->spec->name, hr_reload_phase_to_string (self->phase),
                                     phase_timeout (self, self->phase) / G_TIME_SPAN_MILLISECOND, why));
}

/**
 * hr_reload_enter:
 * @self: a reload
 * @phase: the next one
 *
 * The one place where the phase changes; arms its deadline.
 */
void
hr_reload_enter (HrReload *self, HrReloadPhase phase)
{
  gint64 timeout = phase_timeout (self, phase);

  self->phase = phase;
  hr_reload_time_phase (self, hr_reload_phase_to_string (phase));
  hr_clock_cancel (hr_reload_clock (self), &self->timer);
  if (timeout > 0)
    self->timer = hr_clock_after (hr_reload_clock (self), timeout, phase_timed_out, self);
  hr_job_set_phase (self->job, hr_reload_phase_to_string (phase));
}

static void
previous_changed (HrGeneration *previous, HrReload *self)
{
  hr_reload_note_serving (self);
}

/**
 * hr_reload_emit_event:
 * @self: a reload
 * @event: state was preserved or restored
 */
void
hr_reload_emit_event (HrReload *self, HrEvent *event)
{
  g_signal_emit (self, signals[SIGNAL_EVENT], 0, event);
}

/**
 * hr_reload_emit_announced:
 * @self: a reload
 */
void
hr_reload_emit_announced (HrReload *self)
{
  g_signal_emit (self, signals[SIGNAL_ANNOUNCED], 0);
}

/**
 * hr_reload_emit_processes:
 * @self: a reload
 */
void
hr_reload_emit_processes (HrReload *self)
{
  g_signal_emit (self, signals[SIGNAL_PROCESSES], 0);
}

/**
 * hr_reload_follow_previous:
 * @self: a reload while an instance runs
 */
void
hr_reload_follow_previous (HrReload *self)
{
  g_signal_connect (self->previous, "ready", G_CALLBACK (previous_changed), self);
  g_signal_connect (self->previous, "ended", G_CALLBACK (previous_changed), self);
  g_signal_connect (self->previous, "exited", G_CALLBACK (previous_changed), self);
  hr_reload_note_serving (self);
}

/**
 * hr_reload_replace_previous:
 * @self: a reload
 * @previous: what is the running instance now, as the one that was has ended by itself: one that was started again for
 *   it, or of several another one
 */
void
hr_reload_replace_previous (HrReload *self, HrGeneration *previous)
{
  g_return_if_fail (HR_IS_RELOAD (self));

  if (self->end != HR_RELOAD_UNDER_WAY)
    return;
  if (self->previous != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->previous, self);
      self->opened_state = self->opened_state || hr_generation_has_opened_state (self->previous);
    }
  g_set_object (&self->previous, previous);
  g_clear_object (&self->previous_health);
  if (self->queue != NULL)
    hr_queue_watch_add (self->queue, previous);
  hr_reload_follow_previous (self);
}

/**
 * hr_reload_set_previous_health:
 * @self: a reload
 * @health: (nullable): that of the running instance, which is ready now
 */
void
hr_reload_set_previous_health (HrReload *self, HrHealth *health)
{
  g_return_if_fail (HR_IS_RELOAD (self));
  g_set_object (&self->previous_health, health);
}

/**
 * hr_reload_finish:
 * @self: a reload
 * @end: how it ended
 *
 * Emits "ended".
 */
void
hr_reload_finish (HrReload *self, HrReloadEnd end)
{
  g_autoptr (HrReload) guard = g_object_ref (self);

  self->end = end;
  hr_clock_cancel (hr_reload_clock (self), &self->timer);
  hr_reload_take_figures (self);
  if (self->candidate != NULL)
    g_signal_handlers_disconnect_by_data (self->candidate, self);
  if (self->health != NULL)
    g_signal_handlers_disconnect_by_data (self->health, self);
  forget_followers (self);
  g_signal_emit (self, signals[SIGNAL_ENDED], 0);
}

/**
 * hr_reload_begin:
 * @self: a reload
 *
 * Runs it; "ended" comes from the main loop.
 */
void
hr_reload_begin (HrReload *self)
{
  g_return_if_fail (HR_IS_RELOAD (self));

  if (self->previous != NULL)
    {
      hr_reload_follow_previous (self);
      self->watched = hr_generation_is_watched (self->previous);
      /* For what is asked before anything is started. */
      hr_generation_look_async (self->previous, NULL, NULL);
    }
  hr_reload_enter (self, HR_PHASE_RECORD);
  if (self->target != 0)
    {
      hr_reload_record_target (self);
      return;
    }
  if (self->parts.store == NULL)
    {
      hr_reload_announce (self);
      hr_reload_place (self);
      return;
    }
  hr_reload_scan_source (self);
}
