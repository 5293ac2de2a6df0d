/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What comes of an operation that ends in a new instance: who serves, what the release is worth, who is told.
 */
#include "hr-error.h"
#include "hr-log.h"
#include "hr-reload-policy.h"
#include "hr-service-private.h"

/* Why nobody wants a release that somebody went back from. */
#define ROLLED_BACK "rolled back on request"

static gboolean
is_reload_for_users (HrService *self)
{
  if (self->running->kind == HR_JOB_RESTART)
    return FALSE;
  return self->running->kind != HR_JOB_START || hr_reload_has_new_release (self->reload);
}

/* What begins anew has been told of before. */
static void
tell_beginning (HrService *self)
{
  const HrOutcome *outcome = hr_job_get_outcome (self->running->job);
  HrEvent event = { .kind = HR_EVENT_FILE_CHANGED, .files = (const char *const *)outcome->files };

  if (outcome->files != NULL && outcome->files[0] != NULL && !self->running->by_hand)
    hr_service_emit_event (self, &event);
  event.kind = HR_EVENT_RELOAD_STARTED;
  event.job = self->running->job;
  event.release = outcome->release;
  hr_service_emit_event (self, &event);
}

static void
reload_announced (HrReload *reload, HrService *self)
{
  gboolean begun = self->running->begun;

  self->superseded = 0;
  if (!self->running->by_hand)
    g_signal_emit_by_name (self, "job-added", self->running->job);
  self->running->begun = TRUE;
  hr_service_forget_verdict (self, hr_job_get_outcome (self->running->job)->release);
  hr_service_observe_reload (self);
  /* A rollback out of the observation that this has ended does not come any more, or only when it has ended itself. */
  hr_service_supervise (self);
  self->reload_events = is_reload_for_users (self);
  hr_service_note_reload (self, hr_clock_real (hr_platform_get_clock (self->platform)));
  g_signal_connect_swapped (self->running->job, "changed", G_CALLBACK (hr_service_look_for_newer), self);
  if (self->reload_events && !begun)
    tell_beginning (self);
  hr_service_touch (self);
  hr_service_yield_to_rollback (self);
}

static void
reload_event (HrReload *reload, HrEvent *event, HrService *self)
{
  HrCanary *canary = hr_reload_get_canary (reload);
  gboolean holds = canary != NULL && self->to_hold == hr_canary_get_info (canary).release;

  if (event->kind == HR_EVENT_CANARY_PROGRESS)
    hr_service_touch (self);
  hr_service_emit_event (self, event);
  /* With the share that it begins with: somebody decides about it, not the clock. */
  if (holds)
    {
      self->to_hold = 0;
      hr_canary_hold (canary);
    }
  /* Asked for before it began: nobody waits for what it would prove. */
  if (canary != NULL && self->waiting != NULL && self->waiting->kind == HR_JOB_ROLLBACK)
    {
      hr_canary_abort (canary, hr_job_get_caller (self->waiting->job));
      hr_service_keep_verdict (self);
    }
}

static void
reload_processes (HrReload *reload, HrService *self)
{
  hr_service_remember (self);
  hr_service_touch (self);
}

/* Of a rollback that nobody asked for: what was found; else that somebody did. */
static const char *
rollback_reason (const HrRequest *request)
{
  if (request->kind != HR_JOB_ROLLBACK)
    return NULL;
  return request->reason != NULL ? request->reason : "requested";
}

/**
 * hr_service_write_history:
 * @self: a service
 * @request: what was asked for
 * @error: (nullable): why it failed
 *
 * Writes down what its job says of it, and counts it.
 */
void
hr_service_write_history (HrService *self, const HrRequest *request, const GError *error)
{
  HrJob *job = request->job;
  const HrOutcome *outcome = hr_job_get_outcome (job);
  HrHistoryEntry entry = {
    .time_usec = hr_clock_real (hr_platform_get_clock (self->platform)),
    .service = self->name,
    .files = outcome->files,
    .success = error == NULL,
    .release = outcome->release,
    .previous_release = outcome->previous_release,
    .downtime_usec = outcome->downtime_usec,
    .duration_usec = outcome->duration_usec,
    .queue_wait_usec = outcome->queue_wait_usec,
    .connections_cut = outcome->connections_cut,
    .phases = outcome->phases,
    .phase = outcome->phase,
    .error = error != NULL ? error->message : NULL,
    .trigger = request->trigger,
    .caller = (char *)hr_job_get_caller (job),
    .reason = (char *)rollback_reason (request),
    .canary = outcome->canary,
  };
  g_autoptr (GError) failure = NULL;

  if (!hr_history_append (hr_platform_get_history (self->platform), &entry, &failure))
    hr_log_warning (self->name, "%s", failure->message);
  /* A first start is in the history; it is no reload. */
  if (request->kind != HR_JOB_START)
    g_signal_emit_by_name (self, "reloaded", error == NULL, entry.time_usec);
}

static void
announce_rollback (HrService *self, guint64 from, guint64 to, const char *reason)
{
  HrEvent event = { .kind = HR_EVENT_ROLLED_BACK, .from = from, .to = to, .message = reason };

  hr_service_emit_event (self, &event);
}

/* Also one that somebody went back from must not come again by itself: neither with the next look at the source, if it
 * has not proven itself, nor as what the next rollback goes to. It was not found bad by that, though; and what somebody
 * goes forward from is as good to go back to as before. */
static void
leave_release (HrService *self, guint64 from, guint64 to)
{
  const char *found = self->running->reason;

  if (from == to || (found == NULL && from < to))
    return;
  if (hr_service_is_good (self, from))
    hr_service_set_fate (self, from, HR_FATE_GOOD, NULL, found != NULL ? found : ROLLED_BACK);
  else if (found == NULL)
    hr_service_set_fate (self, from, HR_FATE_UNPROVEN, NULL, ROLLED_BACK);
  else
    hr_service_set_fate (self, from, HR_FATE_REJECTED, hr_reload_phase_to_string (HR_PHASE_OBSERVE), found);
}

/* That there is nothing to compare the new release with: with what was checked before it served. */
static void
tell_unread (HrService *self, HrOutcome *outcome)
{
  g_autoptr (GStrvBuilder) found = g_strv_builder_new ();
  g_autoptr (GStrvBuilder) all = g_strv_builder_new ();
  g_auto (GStrv) unread = NULL;

  hr_service_note_unread (self, found);
  unread = g_strv_builder_end (found);
  if (unread[0] == NULL)
    return;
  if (outcome->checks != NULL)
    g_strv_builder_addv (all, (const char **)outcome->checks);
  g_strv_builder_addv (all, (const char **)unread);
  g_strfreev (outcome->checks);
  outcome->checks = g_strv_builder_end (all);
}

static char *
describe_success (HrService *self, HrGeneration *candidate)
{
  const char *lost = hr_generation_missed_state (candidate)
                         ? "; the state of the one before was not handed over: this one was ready and had not opened "
                           "HOTRELOAD_STATE_IN"
                         : "";
  guint64 release = hr_generation_get_release (candidate);
  gboolean unchanged = self->running->kind == HR_JOB_RELOAD && !self->running->spares_rejected
                       && hr_job_get_outcome (self->running->job)->previous_release == release;

  if (release != 0)
    return g_strdup_printf ("release %" G_GUINT64_FORMAT " of '%s' is live%s%s", release, self->name,
                            unchanged ? " in a new process: the source has not changed" : "", lost);
  return g_strdup_printf ("'%s' runs in a new process%s", self->name, lost);
}

static void
succeeded (HrService *self)
{
  HrJob *job = self->running->job;
  HrOutcome *outcome = hr_job_edit_outcome (job);
  HrGeneration *candidate = hr_reload_get_candidate (self->reload);
  g_autoptr (HrHealth) health = hr_reload_steal_health (self->reload);
  guint64 release = hr_generation_get_release (candidate);
  guint64 from = self->last_release;

  /* What failed its observation while this reload was only looking has been replaced. */
  if (self->waiting != NULL && self->waiting->reason != NULL)
    hr_service_cancel_waiting (self, "another release serves");
  g_strfreev (self->checks);
  self->checks = g_strdupv (outcome->checks);
  tell_unread (self, outcome);
  hr_service_retire_current (self);
  hr_service_set_current (self, candidate, health);
  hr_service_set_followers (self, hr_reload_get_followers (self->reload));
  if (release != from)
    hr_backoff_reset (self->backoff);
  if (release != from && self->running->kind != HR_JOB_ROLLBACK)
    self->fell_back_from = 0;
  self->failed = FALSE;
  self->outage_since = 0;
  hr_backoff_healthy (self->backoff, hr_clock_now (hr_platform_get_clock (self->platform)));
  hr_service_set_error (self, NULL);
  if (self->first_release == 0)
    self->first_release = release;
  if (outcome->carried != NULL && outcome->carried[0] != NULL)
    {
      g_strfreev (self->carried_files);
      self->carried_files = g_strdupv (outcome->carried);
    }
  hr_service_observe (self);
  if (self->reload_events && self->running->kind == HR_JOB_ROLLBACK)
    leave_release (self, from, release);
  hr_service_remember (self);
  if (self->running->snapshot != NULL)
    hr_state_files_renew (self->parts.state, self->running->snapshot);

  outcome->message = describe_success (self, candidate);
  outcome->rollback_to = hr_service_get_rollback_point (self);
  if (hr_generation_missed_state (candidate))
    hr_log_warning (self->name, "%s", outcome->message);
  if (self->reload_events)
    {
      HrEvent event = {
        .kind = HR_EVENT_RELOAD_COMPLETED, .job = job, .release = release, .downtime_usec = outcome->downtime_usec
      };

      if (self->running->kind == HR_JOB_ROLLBACK)
        outcome->previous_release = from;
      hr_service_emit_event (self, &event);
      if (self->running->kind == HR_JOB_ROLLBACK)
        announce_rollback (self, from, release, rollback_reason (self->running));
      hr_service_write_history (self, self->running, NULL);
    }
  hr_log_info (self->name, "%s (PID %d, %s)", outcome->message, (int)hr_generation_get_pid (candidate),
               hr_job_kind_to_string (self->running->kind));
}

/**
 * hr_service_keep_what_serves:
 * @self: a service whose reload has failed
 *
 * Of several instances those that serve: of the old release, or of a start at which not all of them came up.
 */
void
hr_service_keep_what_serves (HrService *self)
{
  HrGeneration *candidate = hr_reload_get_candidate (self->reload);

  if (self->current == NULL && candidate != NULL && hr_generation_is_serving (candidate))
    {
      hr_service_set_current (self, candidate, NULL);
      hr_service_set_followers (self, hr_reload_get_followers (self->reload));
    }
  else if (self->followers != NULL)
    hr_followers_supervise (self->followers);
  hr_service_fill (self);
}

static void
failed (HrService *self, const GError *error)
{
  HrJob *job = self->running->job;
  HrOutcome *outcome = hr_job_edit_outcome (job);
  const char *phase = hr_reload_get_failed_phase (self->reload);
  const HrRelease *release = hr_reload_get_release (self->reload);
  HrGeneration *fallback = hr_reload_get_fallback (self->reload);
  guint64 number = release != NULL ? release->number : 0;

  outcome->phase = g_strdup (phase);
  hr_service_reject_failed (self, phase, error);
  /* That RestartLimit is reached as well is no reason to try once more. */
  if (self->running->kind == HR_JOB_ROLLBACK && self->running->reason != NULL)
    self->fell_back_from = self->last_release;
  if (fallback != NULL && self->current != NULL && hr_generation_is_alive (self->current))
    {
      g_signal_handlers_disconnect_by_data (self->current, self);
      hr_service_retire (self, self->current);
      g_clear_object (&self->current);
    }
  if (fallback != NULL)
    hr_service_set_current (self, fallback, NULL);
  hr_service_keep_what_serves (self);
  if (hr_reload_has_left_candidate (self->reload))
    hr_service_take_rejected (self, hr_reload_get_candidate (self->reload));
  /* What failed its observation and could not be replaced would fail it again: for ever. */
  if (self->running->reason == NULL || self->current == NULL || !hr_generation_is_alive (self->current))
    hr_service_observe_again (self);
  hr_service_set_error (self, error->message);
  hr_service_remember (self);
  if (self->from_nothing && hr_service_get_serving (self) > 0)
    outcome->message = g_strdup_printf ("%u of %u instances of '%s' serve", hr_service_get_serving (self),
                                        hr_service_get_instances (self), self->name);
  else if (hr_service_get_release (self) != 0 && hr_generation_is_serving (self->current))
    outcome->message =
        g_strdup_printf ("kept release %" G_GUINT64_FORMAT " of '%s'", hr_service_get_release (self), self->name);
  else if (self->current != NULL && hr_generation_is_serving (self->current))
    outcome->message = g_strdup_printf ("kept the instance of '%s'", self->name);
  else if (self->restart_at != 0 || (self->current != NULL && hr_generation_is_alive (self->current)))
    outcome->message = g_strdup_printf ("'%s' is being started again", self->name);
  else
    outcome->message = g_strdup_printf ("'%s' is not running", self->name);
  if (self->reload_events || self->running->kind == HR_JOB_RELOAD || hr_reload_has_new_release (self->reload))
    {
      HrEvent event = {
        .kind = HR_EVENT_RELOAD_FAILED, .job = job, .phase = phase, .message = error->message, .error = error
      };

      hr_service_emit_event (self, &event);
      if (fallback != NULL && hr_generation_is_serving (fallback))
        announce_rollback (self, number, hr_generation_get_release (fallback), error->message);
      hr_service_write_history (self, self->running, error);
    }
  hr_log_warning (self->name, "%s; %s", error->message, outcome->message);
}

/* What was ready and was told to go, as by its probe: it did not end by itself, and would be told so again. */
static gboolean
was_found_bad (HrGeneration *candidate, const GError *error)
{
  return hr_generation_is_ready (candidate) && hr_generation_is_stopping (candidate)
         && !g_error_matches (error, HR_ERROR, HR_ERROR_CANCELLED);
}

/* Without an instance after a failure: what cannot be repaired by another try is failed, the rest is supervised. Who
 * starts what is failed gives it its whole RestartLimit, also when it ends before it is ready. */
static void
settle_failure (HrService *self, const GError *error)
{
  HrGeneration *candidate = hr_reload_get_candidate (self->reload);
  gboolean lifts = self->failed && (self->running->kind == HR_JOB_START || self->running->kind == HR_JOB_RESTART);

  if (self->current != NULL && hr_generation_is_alive (self->current))
    return;
  /* Something else is tried at once. */
  if (self->waiting != NULL || self->gives_way)
    return;
  if ((self->current == NULL || lifts) && candidate != NULL && hr_generation_get_start_error (candidate) == NULL)
    {
      hr_service_set_current (self, candidate, NULL);
      self->failed = was_found_bad (candidate, error);
    }
  if (self->current == NULL)
    self->failed = TRUE;
}

/* A look at the source that nobody knew of, and that a stop put an end to: nothing has happened. */
static gboolean
was_only_looking (HrService *self, const GError *error)
{
  return !self->running->by_hand && !hr_reload_is_announced (self->reload)
         && g_error_matches (error, HR_ERROR, HR_ERROR_CANCELLED);
}

/* The source is again as what runs: what was wrong with it is so no more. */
static void
forget_error_if_mended (HrService *self)
{
  const HrRelease *running =
      self->current != NULL && hr_generation_is_serving (self->current) && self->parts.store != NULL
          ? hr_release_store_get (self->parts.store, hr_generation_get_release (self->current))
          : NULL;

  if (running != NULL && self->scan != NULL && g_str_equal (running->tree, self->scan->tree))
    hr_service_set_error (self, NULL);
}

/* A rollback that failed is a louder result than what it failed of: to programs by its code, to people by its words. */
static void
make_louder (HrService *self, GError **error)
{
  const HrRelease *release = hr_reload_get_release (self->reload);
  guint64 to = release != NULL ? release->number : self->running->target;

  g_prefix_error (error, "the rollback to release %" G_GUINT64_FORMAT " failed: ", to);
  (*error)->domain = HR_ERROR;
  (*error)->code = HR_ERROR_ROLLBACK_FAILED;
}

static void
reload_ended (HrReload *reload, HrService *self)
{
  g_autoptr (HrService) guard = g_object_ref (self);
  g_autoptr (HrReload) ended = g_object_ref (reload);
  HrReloadEnd end = hr_reload_get_end (reload);
  HrScan *scan = hr_reload_steal_scan (reload);
  gboolean puts_back = self->puts_back;
  gboolean was_start = self->running->kind == HR_JOB_START && self->running->target != 0;
  g_autoptr (GError) error = hr_reload_get_error (reload) != NULL ? g_error_copy (hr_reload_get_error (reload)) : NULL;

  /* A change that was seen and not recorded must be seen again: by the next scan, unless it is limited to hints. */
  if (scan == NULL && self->running->target == 0)
    self->scan_everything = TRUE;
  else if (scan != NULL && self->running->hints == NULL)
    self->scan_everything = FALSE;
  if (scan != NULL)
    {
      hr_scan_free (self->scan);
      self->scan = scan;
    }
  g_signal_handlers_disconnect_by_data (reload, self);
  if (self->running->kind == HR_JOB_ROLLBACK && error != NULL && !g_error_matches (error, HR_ERROR, HR_ERROR_CANCELLED))
    make_louder (self, &error);
  hr_service_observe_reload_end (self, end == HR_RELOAD_ENDED_WELL);
  g_signal_handlers_disconnect_by_func (self->running->job, hr_service_look_for_newer, self);
  hr_service_forget_newer (self);
  /* However it ended: the next one that is cancelled is not put back. */
  self->puts_back = FALSE;
  /* Not while it was only asked for: what could not be placed is to be started the next time. */
  if (end == HR_RELOAD_ENDED_WELL
      || (self->running->target == self->interrupted && hr_reload_get_candidate (reload) != NULL))
    self->interrupted = 0;
  if (puts_back && end == HR_RELOAD_ENDED_BADLY && g_error_matches (error, HR_ERROR, HR_ERROR_CANCELLED))
    {
      hr_service_note_reload_end (self);
      hr_service_take_back (self);
      return;
    }
  if (end == HR_RELOAD_ENDED_WELL)
    succeeded (self);
  else if (end == HR_RELOAD_ENDED_NOTHING && !hr_reload_was_unsettled (reload))
    forget_error_if_mended (self);
  else if (end == HR_RELOAD_ENDED_BADLY && !was_only_looking (self, error))
    {
      if (!hr_reload_is_announced (reload) && !self->running->by_hand)
        g_signal_emit_by_name (self, "job-added", self->running->job);
      failed (self, error);
      settle_failure (self, error);
      /* It has told of what was up to now. */
      if (hr_reload_get_outage_since (reload) != 0)
        self->outage_since = hr_reload_get_outage_since (reload);
    }
  /* Not before it is written down what became of it: else nobody would know. */
  hr_service_note_reload_end (self);
  if (hr_reload_was_unsettled (reload) && self->intake != NULL)
    {
      self->next_trigger = g_intern_string (self->running->trigger);
      self->retries_unproven = self->running->retries_unproven;
      hr_intake_demand (self->intake);
    }
  g_clear_object (&self->reload);
  hr_service_note_effort (self, end);
  hr_service_end_request (self, error);
  /* The last good release serves, or does not any more; what the source holds now comes as an ordinary reload. */
  if (was_start && !self->stopped && self->intake != NULL)
    {
      self->next_trigger = "start";
      self->retries_unproven = TRUE;
      hr_intake_demand (self->intake);
    }
}

/**
 * hr_service_follow_reload:
 * @self: a service with a reload that has not begun
 *
 * Tells of what it does, and acts on its end.
 */
void
hr_service_follow_reload (HrService *self)
{
  g_signal_connect (self->reload, "announced", G_CALLBACK (reload_announced), self);
  g_signal_connect (self->reload, "event", G_CALLBACK (reload_event), self);
  g_signal_connect (self->reload, "processes", G_CALLBACK (reload_processes), self);
  g_signal_connect (self->reload, "ended", G_CALLBACK (reload_ended), self);
}
