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

/**
 * hr_service_cancel_waiting:
 * @self: a service
 * @why: for people
 *
 * What waits, if anything does, ends without having begun.
 */
void
hr_service_cancel_waiting (HrService *self, const char *why)
{
  g_autoptr (HrRequest) request = g_steal_pointer (&self->waiting);
  g_autoptr (GError) error = NULL;

  if (request == NULL)
    return;
  g_set_error (&error, HR_ERROR, HR_ERROR_CANCELLED, "the job was cancelled while it waited: %s", why);
  hr_job_finish (request->job, error);
}

static void
cancel_waiting_as_asked (HrService *self, HrRequest **waiting, const char *on_request)
{
  g_autoptr (HrRequest) request = g_steal_pointer (waiting);
  g_autoptr (GError) error =
      g_error_new (HR_ERROR, HR_ERROR_CANCELLED, "the job was cancelled %s while it waited", on_request);

  report_undone (self, request, error);
  hr_service_remember (self);
  hr_job_finish (request->job, error);
}

static void
cancel_asked (HrJob *job, const char *caller, gpointer user_data)
{
  HrService *self = user_data;
  g_autofree char *on_request = g_strconcat ("on request", caller != NULL ? " of " : NULL, caller, NULL);

  if (self->waiting != NULL && self->waiting->job == job)
    cancel_waiting_as_asked (self, &self->waiting, on_request);
  else if (self->put_back != NULL && self->put_back->job == job)
    cancel_waiting_as_asked (self, &self->put_back, on_request);
  else if (self->reload != NULL && hr_reload_get_job (self->reload) == job)
    {
      hr_reload_cancel (self->reload, on_request);
      hr_service_keep_verdict (self);
    }
}

/**
 * hr_service_yield_to_rollback:
 * @self: a service
 *
 * Where somebody waits for a rollback, nobody waits for what its reload would come to: that is cancelled, if it can be.
 * One that only looks at the source is not, until it is known that it will do something. To go back to the release before
 * is then to keep the one that was to be replaced, as if it had been asked for a moment later.
 */
void
hr_service_yield_to_rollback (HrService *self)
{
  if (self->waiting == NULL || self->waiting->kind != HR_JOB_ROLLBACK || self->waiting->reason != NULL
      || self->reload == NULL || self->running->kind != HR_JOB_RELOAD || !hr_reload_is_announced (self->reload))
    return;
  if (hr_job_get_outcome (self->running->job)->release != self->last_release)
    {
      self->waiting->aborted = hr_job_get_outcome (self->running->job)->release;
      if (self->waiting->open && self->current != NULL)
        {
          self->waiting->target = self->last_release;
          self->waiting->open = FALSE;
        }
    }
  hr_reload_cancel (self->reload, "a rollback was asked for");
  hr_service_keep_verdict (self);
}

/**
 * hr_service_request:
 * @self: a service
 * @request: (transfer full): what to do
 *
 * Runs it now, or lets it wait. A request of the same kind as the waiting one becomes that one; another kind takes its
 * place. A stop or a rollback does not wait for a reload: it cancels it.
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
  if (self->running == NULL && !self->held)
    {
      hr_job_set_cancel_func (job, cancel_asked, self);
      g_signal_emit_by_name (self, "job-added", job);
      run (self, request);
      return job;
    }
  if (self->waiting != NULL && self->waiting->kind == request->kind && self->waiting->target == request->target
      && self->waiting->open == request->open && self->waiting->spares_rejected == request->spares_rejected
      && g_strcmp0 (self->waiting->snapshot, request->snapshot) == 0)
    {
      self->waiting->aborted = MAX (self->waiting->aborted, request->aborted);
      hr_request_free (request);
      return self->waiting->job;
    }
  hr_service_cancel_waiting (self, "a newer request took its place");
  self->waiting = request;
  hr_job_set_cancel_func (job, cancel_asked, self);
  hr_service_remember (self);
  g_signal_emit_by_name (self, "job-added", job);
  if (request->kind == HR_JOB_STOP && self->reload != NULL)
    hr_reload_give_way (self->reload);
  hr_service_yield_to_rollback (self);
  return job;
}

/**
 * hr_service_wait_again:
 * @self: a service that is held
 * @request: (transfer full): what waited in the daemon before, or ran there
 * @place: (inout): where it is to wait, empty
 *
 * Its turn comes when the service is not held any more.
 */
void
hr_service_wait_again (HrService *self, HrRequest *request, HrRequest **place)
{
  g_return_if_fail (self->held && *place == NULL);

  hr_job_set_cancel_func (request->job, cancel_asked, self);
  *place = request;
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

  if (self->held)
    return;
  hr_service_configure_next (self);
  if (self->put_back != NULL)
    {
      run (self, g_steal_pointer (&self->put_back));
      if (self->waiting != NULL && self->waiting->kind == HR_JOB_STOP && self->reload != NULL)
        hr_reload_give_way (self->reload);
    }
  else if (self->waiting != NULL)
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
  hr_service_close_at_rest (self);
  hr_service_touch (self);
  hr_service_trim_releases (self);
  hr_job_finish (request->job, error);
  hr_service_operation_next (self);
}

/**
 * hr_service_new_reload:
 * @self: a service with a running operation
 *
 * Returns: (transfer full): the reload that does it, which has not begun
 */
HrReload *
hr_service_new_reload (HrService *self)
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
    .spares_rejected = request->spares_rejected,
    .retries_unproven = request->retries_unproven,
    .target = request->target,
    .superseded = self->superseded,
    .hints = (const char *const *)request->hints,
    .intake = self->intake,
    .scan = self->scan,
    .previous = alive,
    .previous_health = alive != NULL ? self->health : NULL,
    .retiring = self->retiring,
    .followers = self->followers,
    .retiring_followers = self->retiring_followers,
    .snapshot = request->snapshot,
    .opens_listeners = request->opens_listeners,
    .awaits_restart = self->restart_at != 0,
    .sequential =
        self->spec->instances == 1 && (request->kind == HR_JOB_RESTART || request->kind == HR_JOB_RESTORE_SNAPSHOT),
    .outage_since = self->outage_since,
    .last_slot = self->last_slot,
    .tally = self->tally,
    .caller = self->caller,
    .ever_notified = self->ever_notified,
  };

  return hr_reload_new (&plan);
}

static void
run_reload (HrService *self)
{
  if (self->stopped)
    {
      self->stopped = FALSE;
      hr_service_remember (self);
    }
  self->reload = hr_service_new_reload (self);
  self->reload_events = FALSE;
  self->from_nothing = self->current == NULL || !hr_generation_is_alive (self->current);
  hr_service_follow_reload (self);
  hr_reload_begin (self->reload);
  hr_service_touch (self);
}

/* The last good release; where none had the time to prove itself, the newest that served. 0: none ever did. What a daemon
 * that died had told to stop, for a release that did not come, is no start: what ran goes on, though unproven. */
static guint64
release_to_start (HrService *self)
{
  guint64 interrupted = self->interrupted;
  guint64 number =
      hr_service_is_good (self, self->last_good) ? self->last_good : hr_service_find_newest (self, HR_FATE_GOOD);
  HrFate fate;

  if (hr_service_get_fate (self, interrupted, &fate) && (fate == HR_FATE_UNPROVEN || fate == HR_FATE_GOOD))
    return interrupted;
  return number != 0 ? number : hr_service_find_newest (self, HR_FATE_UNPROVEN);
}

/* Of a reload that was asked for and never began, it is said and written down. */
static void
report_undone (HrService *self, HrRequest *request, const GError *error)
{
  HrEvent event = { .kind = HR_EVENT_RELOAD_FAILED, .job = request->job, .message = error->message, .error = error };

  event.phase = hr_reload_phase_to_string (HR_PHASE_WAIT);
  hr_job_edit_outcome (request->job)->message =
      g_strdup (request->kind == HR_JOB_START ? "it was not started" : "nothing was done");
  if (request->kind != HR_JOB_RELOAD)
    return;
  hr_job_edit_outcome (request->job)->phase = g_strdup (event.phase);
  hr_service_emit_event (self, &event);
  hr_service_write_history (self, request, error);
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
  hr_service_remember (self);
  hr_service_end_request (self, owned);
}

/* Of a rollback that has nothing more to do. */
static char *
describe_aborted (HrService *self, const HrRequest *request)
{
  const HrRelease *aborted = hr_release_store_get (self->parts.store, request->aborted);

  if (aborted != NULL && g_strcmp0 (aborted->phase, hr_reload_phase_to_string (HR_PHASE_CANARY)) != 0)
    return g_strdup_printf ("the reload to release %" G_GUINT64_FORMAT
                            " of '%s' did not go through; release %" G_GUINT64_FORMAT " serves on",
                            request->aborted, self->name, request->target);
  return g_strdup_printf ("the canary of release %" G_GUINT64_FORMAT " of '%s' was aborted; release %" G_GUINT64_FORMAT
                          " serves all new connections",
                          request->aborted, self->name, request->target);
}

/* What is asked for runs. */
static gboolean
is_done_already (HrService *self, HrRequest *request)
{
  HrOutcome *outcome = hr_job_edit_outcome (request->job);

  if (self->current == NULL || !hr_generation_is_serving (self->current))
    return FALSE;
  if (request->kind == HR_JOB_START)
    {
      if (self->followers != NULL)
        hr_followers_start_given_up (self->followers);
      outcome->message = g_strdup ("is running already");
      return TRUE;
    }
  if (request->aborted == 0 || request->target != hr_generation_get_release (self->current))
    return FALSE;
  outcome->previous_release = request->aborted;
  outcome->message = describe_aborted (self, request);
  return TRUE;
}

/* An instance that is about to end may still have what was taken out of the service file, and is named there again. It is
 * waited for by the reload then, as by any that needs its place. */
static gboolean
open_listeners (HrService *self, HrRequest *request, GError **error)
{
  g_autoptr (GError) local = NULL;

  request->opens_listeners = FALSE;
  if (hr_listeners_open (self->parts.listeners, self->spec, &local))
    return TRUE;
  if (self->retiring == NULL && self->retiring_followers == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  request->opens_listeners = TRUE;
  return TRUE;
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
  if (!open_listeners (self, request, &error))
    {
      self->failed = self->current == NULL;
      hr_service_set_error (self, error->message);
      refuse (self, error);
      return FALSE;
    }
  if (request->open && !hr_service_find_rollback (self, &request->target, &error))
    {
      refuse (self, error);
      return FALSE;
    }
  if (is_done_already (self, request))
    {
      hr_job_set_phase (request->job, NULL);
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
    hr_service_forget_failures (self);
  /* A reload may take its time before it starts anything; the others start what is asked for instead. */
  if (request->kind != HR_JOB_RELOAD)
    {
      hr_service_cancel_restart (self);
      self->restart_at = 0;
    }
  run_reload (self);
}

/**
 * hr_service_source_due:
 * @intake: the service's intake
 * @self: a service
 *
 * The source has settled: looks whether its content changed, and if so reloads. A service that is busy is told again;
 * what it is busy with may have to give way.
 */
void
hr_service_source_due (HrIntake *intake, HrService *self)
{
  HrRequest *request;

  if (self->running != NULL || self->waiting != NULL || self->held)
    {
      hr_service_look_for_newer (self);
      return;
    }
  if (self->stopped || self->closing || self->spec == NULL)
    {
      g_auto (GStrv) hints = NULL;

      hr_intake_take (intake, &hints);
      return;
    }
  request =
      hr_service_new_request (self, HR_JOB_RELOAD, self->next_trigger != NULL ? self->next_trigger : "file", NULL);
  self->next_trigger = NULL;
  request->retries_unproven = self->retries_unproven;
  self->retries_unproven = FALSE;
  hr_intake_take (intake, &request->hints);
  if (self->scan_everything)
    g_clear_pointer (&request->hints, g_strfreev);
  hr_job_set_cancel_func (request->job, cancel_asked, self);
  run (self, request);
}
