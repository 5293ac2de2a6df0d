/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One operation at a time, one waiting: start, stop, restart, reload, rollback, restoring a snapshot.
 */
#include "hr-error.h"
#include "hr-log.h"
#include "hr-reload-policy.h"
#include "hr-service-private.h"

static void run (HrService *self, HrRequest *request);
static void report_undone (HrService *self, HrRequest *request, const GError *error);

/**
 * hr_service_new_request:
 * @self: a service
 * @kind: what to do
 * @trigger: the contract's word
 * @caller: (nullable): who asked
 *
 * Returns: (transfer full): a request with a new job, by hand when there is a caller
 */
HrRequest *
hr_service_new_request (HrService *self, HrJobKind kind, const char *trigger, const char *caller)
{
  return hr_request_new (hr_service_next_job_id (self), kind, self->name, trigger, caller);
}

static void
cancel_waiting (HrService *self, const char *why)
{
  g_autoptr (HrRequest) request = g_steal_pointer (&self->waiting);
  g_autoptr (GError) error = NULL;

  if (request == NULL)
    return;
  g_set_error (&error, HR_ERROR, HR_ERROR_CANCELLED, "the job was cancelled while it waited: %s", why);
  hr_job_finish (request->job, error);
}

static void
cancel_waiting_as_asked (HrService *self)
{
  g_autoptr (HrRequest) request = g_steal_pointer (&self->waiting);
  g_autoptr (GError) error =
      g_error_new (HR_ERROR, HR_ERROR_CANCELLED, "the job was cancelled on request while it waited");

  report_undone (self, request, error);
  hr_job_finish (request->job, error);
}

static void
cancel_asked (HrJob *job, gpointer user_data)
{
  HrService *self = user_data;

  if (self->waiting != NULL && self->waiting->job == job)
    cancel_waiting_as_asked (self);
  else if (self->reload != NULL && hr_reload_get_job (self->reload) == job)
    hr_reload_cancel (self->reload, "on request");
}

/**
 * hr_service_request:
 * @self: a service
 * @request: (transfer full): what to do
 *
 * Runs it now, or lets it wait. A request of the same kind as the waiting one becomes that one; another kind takes its
 * place. A stop does not wait for a reload: it cancels it.
 *
 * Returns: (transfer none): the job that does it
 */
HrJob *
hr_service_request (HrService *self, HrRequest *request)
{
  HrJob *job = request->job;

  if (self->closing && request->kind != HR_JOB_STOP)
    {
      g_autoptr (GError) error = g_error_new (HR_ERROR, HR_ERROR_BUSY, "service '%s' is going away", self->name);

      g_signal_emit_by_name (self, "job-added", job);
      hr_job_finish (job, error);
      hr_request_free (request);
      return job;
    }
  if (self->running == NULL)
    {
      hr_job_set_cancel_func (job, cancel_asked, self);
      g_signal_emit_by_name (self, "job-added", job);
      run (self, request);
      return job;
    }
  if (self->waiting != NULL && self->waiting->kind == request->kind && self->waiting->target == request->target
      && g_strcmp0 (self->waiting->snapshot, request->snapshot) == 0)
    {
      hr_request_free (request);
      return self->waiting->job;
    }
  cancel_waiting (self, "a newer request took its place");
  self->waiting = request;
  hr_job_set_cancel_func (job, cancel_asked, self);
  g_signal_emit_by_name (self, "job-added", job);
  if (request->kind == HR_JOB_STOP && self->reload != NULL)
    hr_reload_cancel (self->reload, "the service is to stop");
  return job;
}

/**
 * hr_service_operation_next:
 * @self: a service without a running operation
 *
 * Runs what waits, or lets the intake say again that it is due.
 */
void
hr_service_operation_next (HrService *self)
{
  g_return_if_fail (self->running == NULL);

  if (self->waiting != NULL)
    run (self, g_steal_pointer (&self->waiting));
  else if (self->intake != NULL)
    hr_intake_poke (self->intake);
}

/**
 * hr_service_end_request:
 * @self: a service with a running operation
 * @error: (nullable): why it failed
 *
 * Ends it, and begins what waits.
 */
void
hr_service_end_request (HrService *self, const GError *error)
{
  g_autoptr (HrRequest) request = g_steal_pointer (&self->running);

  hr_service_supervise (self);
  hr_service_touch (self);
  hr_job_finish (request->job, error);
  hr_service_operation_next (self);
}

/* Everything that ends in a new instance */

static gboolean
is_reload_for_users (HrService *self)
{
  if (self->running->kind == HR_JOB_RESTART)
    return FALSE;
  return self->running->kind != HR_JOB_START || hr_reload_has_new_release (self->reload);
}

static void
reload_announced (HrReload *reload, HrService *self)
{
  const HrOutcome *outcome = hr_job_get_outcome (self->running->job);
  HrEvent event = { .kind = HR_EVENT_FILE_CHANGED, .files = (const char *const *)outcome->files };

  if (!self->running->by_hand)
    g_signal_emit_by_name (self, "job-added", self->running->job);
  g_clear_object (&self->observation);
  self->reload_events = is_reload_for_users (self);
  if (!self->reload_events)
    {
      hr_service_touch (self);
      return;
    }
  if (outcome->files != NULL && outcome->files[0] != NULL && !self->running->by_hand)
    hr_service_emit_event (self, &event);
  event.kind = HR_EVENT_RELOAD_STARTED;
  event.job = self->running->job;
  event.release = outcome->release;
  hr_service_emit_event (self, &event);
  hr_service_touch (self);
}

static void
reload_event (HrReload *reload, HrEvent *event, HrService *self)
{
  hr_service_emit_event (self, event);
}

/* Of a rollback that nobody asked for: what was found; else that somebody did. */
static const char *
rollback_reason (const HrRequest *request)
{
  if (request->kind != HR_JOB_ROLLBACK)
    return NULL;
  return request->reason != NULL ? request->reason : "requested";
}

static void
write_history (HrService *self, const HrRequest *request, const GError *error)
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
    .phase = outcome->phase,
    .error = error != NULL ? error->message : NULL,
    .trigger = request->trigger,
    .caller = (char *)hr_job_get_caller (job),
    .reason = (char *)rollback_reason (request),
  };
  g_autoptr (GError) failure = NULL;

  if (!hr_history_append (hr_platform_get_history (self->platform), &entry, &failure))
    hr_log_warning (self->name, "%s", failure->message);
  /* A first start is in the history; it is no reload. */
  if (request->kind != HR_JOB_START)
    g_signal_emit_by_name (self, "reloaded", error == NULL, entry.time_usec);
}

static void
set_fate (HrService *self, guint64 release, HrFate fate, const char *phase, const char *message)
{
  if (self->parts.store != NULL && release != 0)
    hr_release_store_set_fate (self->parts.store, release, fate, phase, message);
}

static void
announce_rollback (HrService *self, guint64 from, guint64 to, const char *reason)
{
  HrEvent event = { .kind = HR_EVENT_ROLLED_BACK, .from = from, .to = to, .message = reason };

  hr_service_emit_event (self, &event);
}

/* Also one that somebody went back from must not come again by itself: neither with the next look at the source, if it
 * has not proven itself, nor as what the next rollback goes to. */
static void
leave_release (HrService *self, guint64 from, guint64 to)
{
  const char *reason = self->running->reason != NULL ? self->running->reason : "rolled back on request";

  if (from == to)
    return;
  if (hr_service_is_good (self, from))
    set_fate (self, from, HR_FATE_GOOD, NULL, reason);
  else
    set_fate (self, from, HR_FATE_REJECTED, hr_reload_phase_to_string (HR_PHASE_OBSERVE), reason);
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
    cancel_waiting (self, "another release serves");
  hr_service_retire_current (self);
  hr_service_set_current (self, candidate, health);
  if (release != from)
    hr_backoff_reset (self->backoff);
  self->failed = FALSE;
  self->outage_since = 0;
  hr_backoff_healthy (self->backoff, hr_clock_now (hr_platform_get_clock (self->platform)));
  hr_service_set_error (self, NULL);
  g_strfreev (self->checks);
  self->checks = g_strdupv (outcome->checks);
  if (outcome->carried != NULL && outcome->carried[0] != NULL)
    {
      g_strfreev (self->carried);
      self->carried = g_strdupv (outcome->carried);
    }
  hr_service_observe (self);
  hr_service_remember (self);
  if (self->running->snapshot != NULL)
    hr_state_files_renew (self->parts.state, self->running->snapshot);

  if (release != 0)
    outcome->message = g_strdup_printf ("release %" G_GUINT64_FORMAT " of '%s' is live", release, self->name);
  else
    outcome->message = g_strdup_printf ("'%s' runs in a new process", self->name);
  if (self->reload_events)
    {
      HrEvent event = {
        .kind = HR_EVENT_RELOAD_COMPLETED, .job = job, .release = release, .downtime_usec = outcome->downtime_usec
      };

      if (self->running->kind == HR_JOB_ROLLBACK)
        {
          leave_release (self, from, release);
          outcome->previous_release = from;
        }
      hr_service_emit_event (self, &event);
      if (self->running->kind == HR_JOB_ROLLBACK)
        announce_rollback (self, from, release, rollback_reason (self->running));
      write_history (self, self->running, NULL);
    }
  hr_log_info (self->name, "%s (PID %d, %s)", outcome->message, (int)hr_generation_get_pid (candidate),
               hr_job_kind_to_string (self->running->kind));
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
  /* A new process of the release that serves may fail for other reasons than the release; a stop is none at all. */
  if (number != 0 && !hr_service_is_good (self, number) && number != hr_service_get_release (self)
      && (self->waiting == NULL || self->waiting->kind != HR_JOB_STOP
          || !g_error_matches (error, HR_ERROR, HR_ERROR_CANCELLED)))
    set_fate (self, number, HR_FATE_REJECTED, phase, error->message);
  if (fallback != NULL)
    hr_service_set_current (self, fallback, NULL);
  hr_service_observe_again (self);
  hr_service_set_error (self, error->message);
  hr_service_remember (self);
  if (hr_service_get_release (self) != 0 && hr_generation_is_serving (self->current))
    outcome->message =
        g_strdup_printf ("kept release %" G_GUINT64_FORMAT " of '%s'", hr_service_get_release (self), self->name);
  else if (self->current != NULL && hr_generation_is_serving (self->current))
    outcome->message = g_strdup_printf ("kept the instance of '%s'", self->name);
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
      write_history (self, self->running, error);
    }
  hr_log_warning (self->name, "%s; %s", error->message, outcome->message);
}

/* Without an instance after a failure: what cannot be repaired by another try is failed, the rest is supervised. */
static void
settle_failure (HrService *self)
{
  HrGeneration *candidate = hr_reload_get_candidate (self->reload);

  if (self->current != NULL && hr_generation_is_alive (self->current))
    return;
  if (self->waiting != NULL)
    return;
  if (self->current == NULL && candidate != NULL && hr_generation_get_start_error (candidate) == NULL)
    hr_service_set_current (self, candidate, NULL);
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

static void
reload_ended (HrReload *reload, HrService *self)
{
  g_autoptr (HrService) guard = g_object_ref (self);
  g_autoptr (HrReload) ended = g_object_ref (reload);
  HrReloadEnd end = hr_reload_get_end (reload);
  HrScan *scan = hr_reload_steal_scan (reload);
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
  /* A rollback that failed is a louder result than what it failed of. */
  if (self->running->kind == HR_JOB_ROLLBACK && error != NULL && !g_error_matches (error, HR_ERROR, HR_ERROR_CANCELLED))
    {
      error->domain = HR_ERROR;
      error->code = HR_ERROR_ROLLBACK_FAILED;
    }
  if (end == HR_RELOAD_ENDED_WELL)
    succeeded (self);
  else if (end == HR_RELOAD_ENDED_BADLY && !was_only_looking (self, error))
    {
      if (!hr_reload_is_announced (reload) && !self->running->by_hand)
        g_signal_emit_by_name (self, "job-added", self->running->job);
      failed (self, error);
      settle_failure (self);
    }
  g_clear_object (&self->reload);
  hr_service_end_request (self, error);
  /* The last good release serves, or does not any more; what the source holds now comes as an ordinary reload. */
  if (was_start && !self->stopped && self->intake != NULL)
    {
      self->next_trigger = "start";
      hr_intake_demand (self->intake);
    }
}

static void
run_reload (HrService *self)
{
  HrRequest *request = self->running;
  HrGeneration *alive = self->current != NULL && hr_generation_is_alive (self->current) ? self->current : NULL;
  HrReloadPlan plan = {
    .platform = self->platform,
    .spec = self->spec,
    .parts = &self->parts,
    .job = request->job,
    .trigger = request->trigger,
    .by_hand = request->by_hand,
    .target = request->target,
    .hints = (const char *const *)request->hints,
    .scan = self->scan,
    .previous = alive,
    .retiring = self->retiring,
    .snapshot = request->snapshot,
    .sequential = request->kind == HR_JOB_RESTART || request->kind == HR_JOB_RESTORE_SNAPSHOT,
    .outage_since = self->outage_since,
    .last_slot = self->last_slot,
    .caller = self->caller,
    .ever_notified = self->ever_notified,
  };

  hr_service_cancel_restart (self);
  self->stopped = FALSE;
  self->reload = hr_reload_new (&plan);
  self->reload_events = FALSE;
  self->from_nothing = alive == NULL;
  g_signal_connect (self->reload, "announced", G_CALLBACK (reload_announced), self);
  g_signal_connect (self->reload, "event", G_CALLBACK (reload_event), self);
  g_signal_connect (self->reload, "ended", G_CALLBACK (reload_ended), self);
  hr_reload_begin (self->reload);
  hr_service_touch (self);
}

static guint64
newest_of_fate (HrService *self, HrFate fate)
{
  GPtrArray *list = hr_service_list_releases (self);

  for (guint i = list != NULL ? list->len : 0; i > 0; i--)
    {
      const HrRelease *release = g_ptr_array_index (list, i - 1);

      if (release->fate == fate)
        return release->number;
    }
  return 0;
}

/* The last good release; where none had the time to prove itself, the newest that served. 0: none ever did. */
static guint64
release_to_start (HrService *self)
{
  guint64 number = hr_service_is_good (self, self->last_good) ? self->last_good : newest_of_fate (self, HR_FATE_GOOD);

  return number != 0 ? number : newest_of_fate (self, HR_FATE_UNPROVEN);
}

/* Of a reload that was asked for and never began, it is said and written down. */
static void
report_undone (HrService *self, HrRequest *request, const GError *error)
{
  HrEvent event = { .kind = HR_EVENT_RELOAD_FAILED, .job = request->job, .message = error->message, .error = error };

  event.phase = hr_reload_phase_to_string (HR_PHASE_WAIT);
  hr_job_edit_outcome (request->job)->message = g_strdup ("nothing was done");
  if (request->kind != HR_JOB_RELOAD)
    return;
  hr_job_edit_outcome (request->job)->phase = g_strdup (event.phase);
  hr_service_emit_event (self, &event);
  write_history (self, request, error);
}

/* An operation that cannot even begin. */
static void
refuse (HrService *self, GError *error)
{
  g_autoptr (GError) owned = error;
  gboolean by_change = self->running->kind == HR_JOB_RELOAD && !self->running->by_hand;

  hr_job_set_phase (self->running->job, NULL);
  /* Nobody waits for the job of a change, so it must be said that it was not acted on; and seen again. */
  if (by_change)
    g_signal_emit_by_name (self, "job-added", self->running->job);
  if (self->running->kind == HR_JOB_RELOAD)
    self->scan_everything = TRUE;
  report_undone (self, self->running, owned);
  hr_service_end_request (self, owned);
}

static gboolean
prepare (HrService *self)
{
  HrRequest *request = self->running;
  GError *error = NULL;

  if (self->spec == NULL
      || (self->config_error != NULL && (hr_service_get_pid (self) == 0 || request->kind == HR_JOB_RELOAD)))
    {
      refuse (self, g_error_new (HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "service '%s' does not load: %s", self->name,
                                 self->config_error));
      return FALSE;
    }
  if (!hr_listeners_open (self->parts.listeners, self->spec, &error))
    {
      self->failed = self->current == NULL;
      hr_service_set_error (self, error->message);
      refuse (self, error);
      return FALSE;
    }
  if (request->kind == HR_JOB_START && self->current != NULL && hr_generation_is_serving (self->current))
    {
      hr_job_set_phase (request->job, NULL);
      hr_job_edit_outcome (request->job)->message = g_strdup ("is running already");
      hr_job_edit_outcome (request->job)->release = hr_generation_get_release (self->current);
      hr_service_end_request (self, NULL);
      return FALSE;
    }
  /* Who runs a program by hand wants what is there, not what ran under this name before. */
  if (request->kind == HR_JOB_START)
    request->target = self->caller != NULL ? 0 : release_to_start (self);
  else if (request->kind == HR_JOB_RESTART || request->kind == HR_JOB_RESTORE_SNAPSHOT)
    request->target = self->last_release != 0 ? self->last_release : release_to_start (self);
  return TRUE;
}

static void
run (HrService *self, HrRequest *request)
{
  g_autoptr (HrService) guard = g_object_ref (self);

  self->running = request;
  if (request->kind == HR_JOB_STOP)
    {
      hr_service_cancel_restart (self);
      hr_service_run_stop (self);
      return;
    }
  if (!prepare (self))
    return;
  /* A failed observation asks as well, but each time anew: without a limit that might never end. */
  if (request->by_hand && request->reason == NULL)
    {
      hr_backoff_reset (self->backoff);
      self->restart_at = 0;
    }
  run_reload (self);
}

/**
 * hr_service_source_due:
 * @intake: the service's intake
 * @self: a service
 *
 * The source has settled: looks whether its content changed, and if so reloads. A service that is busy is told again.
 */
void
hr_service_source_due (HrIntake *intake, HrService *self)
{
  HrRequest *request;

  if (self->running != NULL || self->waiting != NULL)
    return;
  if (self->stopped || self->closing || self->spec == NULL)
    {
      g_auto (GStrv) hints = NULL;

      hr_intake_take (intake, &hints);
      return;
    }
  request =
      hr_service_new_request (self, HR_JOB_RELOAD, self->next_trigger != NULL ? self->next_trigger : "file", NULL);
  self->next_trigger = NULL;
  hr_intake_take (intake, &request->hints);
  if (self->scan_everything)
    g_clear_pointer (&request->hints, g_strfreev);
  hr_job_set_cancel_func (request->job, cancel_asked, self);
  run (self, request);
}
