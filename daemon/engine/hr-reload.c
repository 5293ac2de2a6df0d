/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-reload.h"

#include "hr-error.h"
#include "hr-fallback.h"
#include "hr-handover.h"
#include "hr-reload-policy.h"

struct _HrReload {
  GObject parent_instance;

  /* What was asked for. */
  HrPlatform *platform;
  HrServiceSpec *spec;
  HrParts parts;
  HrJob *job;
  char *trigger;
  gboolean by_hand;
  guint64 target;
  char **hints;
  const HrScan *known_scan;
  HrGeneration *previous;
  HrGeneration *retiring;
  char *snapshot;
  gboolean sequential;
  HrSlot last_slot;
  const HrCallerContext *caller;
  gboolean ever_notified;

  /* Where it stands. */
  HrReloadPhase phase;
  guint timer;
  gint64 began_at;
  gint64 outage_since;
  GCancellable *cancellable;
  gboolean announced;
  gboolean new_release;
  gboolean large;
  gboolean held_already;
  gboolean handing_over;
  gboolean failing;
  GError *error;
  HrReloadPhase failed_phase;
  HrReloadEnd end;

  /* What it made. */
  HrScan *scan;
  HrRelease *release;
  HrPlacement *placement;
  HrSlot slot;
  char **environment;
  HrCheckRequest check;
  HrGeneration *candidate;
  HrGeneration *fallback;
  HrHealth *health;
  GBytes *state;       /* what the old instance left, for the way back */
  GBytes *start_state; /* what the candidate starts with */
  char *state_id;
};

enum { SIGNAL_ANNOUNCED, SIGNAL_EVENT, SIGNAL_ENDED, N_SIGNALS };

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (HrReload, hr_reload, G_TYPE_OBJECT)

static void reload_fail (HrReload *self, GError *error);
static void place (HrReload *self);
static void start (HrReload *self);
static void load_state (HrReload *self);
static void verify (HrReload *self);

static HrClock *
reload_clock (HrReload *self)
{
  return hr_platform_get_clock (self->platform);
}

static void
hr_reload_dispose (GObject *object)
{
  HrReload *self = HR_RELOAD (object);

  if (self->platform != NULL)
    hr_clock_cancel (reload_clock (self), &self->timer);
  if (self->candidate != NULL)
    g_signal_handlers_disconnect_by_data (self->candidate, self);
  if (self->previous != NULL)
    g_signal_handlers_disconnect_by_data (self->previous, self);
  if (self->retiring != NULL)
    g_signal_handlers_disconnect_by_data (self->retiring, self);
  if (self->health != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->health, self);
      hr_health_stop (self->health);
    }
  g_clear_object (&self->health);
  g_clear_object (&self->candidate);
  g_clear_object (&self->fallback);
  g_clear_object (&self->previous);
  g_clear_object (&self->retiring);
  g_clear_object (&self->cancellable);
  g_clear_object (&self->job);
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
  hr_release_free (self->release);
  hr_placement_free (self->placement);
  g_strfreev (self->environment);
  g_clear_pointer (&self->state, g_bytes_unref);
  g_clear_pointer (&self->start_state, g_bytes_unref);
  g_free (self->state_id);
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
  signals[SIGNAL_ENDED] =
      g_signal_new ("ended", HR_TYPE_RELOAD, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
hr_reload_init (HrReload *self)
{
  self->slot = HR_SLOT_NONE;
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
  self->job = g_object_ref (plan->job);
  self->trigger = g_strdup (plan->trigger);
  self->by_hand = plan->by_hand;
  self->target = plan->target;
  self->hints = g_strdupv ((char **)plan->hints);
  self->known_scan = plan->scan;
  g_set_object (&self->previous, plan->previous);
  g_set_object (&self->retiring, plan->retiring);
  self->snapshot = g_strdup (plan->snapshot);
  self->sequential = plan->sequential || plan->spec->handover == HR_HANDOVER_SEQUENTIAL
                     || (plan->spec->preserve && hr_state_files_wait_limit (plan->parts->state) == 0);
  self->outage_since = plan->outage_since;
  self->last_slot = plan->previous != NULL ? hr_generation_get_slot (plan->previous) : plan->last_slot;
  self->caller = plan->caller;
  self->ever_notified = plan->ever_notified;
  return self;
}

static gboolean
has_ended (HrReload *self)
{
  return self->failing || self->end != HR_RELOAD_UNDER_WAY;
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
      return self->spec->stop_timeout + HR_PRESERVE_MARGIN_USEC;
    case HR_PHASE_VERIFY:
      return HR_VERIFY_TIMEOUT_USEC + self->spec->probe_failures * self->spec->probe_timeout;
    case HR_PHASE_WAIT:
    case HR_PHASE_SETTLE:
    case HR_PHASE_SWITCH:
    case HR_PHASE_OBSERVE:
    default:
      return 0;
    }
}

static void
phase_timed_out (gpointer user_data)
{
  HrReload *self = user_data;

  self->timer = 0;
  reload_fail (self, g_error_new (HR_ERROR, HR_ERROR_TIMED_OUT,
                                  "while reloading '%s': phase '%s' did not end within %" G_GINT64_FORMAT " ms%s",
                                  self->spec->name, hr_reload_phase_to_string (self->phase),
                                  phase_timeout (self, self->phase) / G_TIME_SPAN_MILLISECOND,
                                  self->phase == HR_PHASE_START || self->phase == HR_PHASE_READY
                                      ? ": the new instance did not become ready (see Ready and StartTimeout)"
                                      : ""));
}

/* The one place where the phase changes. */
static void
enter (HrReload *self, HrReloadPhase phase)
{
  gint64 timeout = phase_timeout (self, phase);

  self->phase = phase;
  hr_clock_cancel (reload_clock (self), &self->timer);
  if (timeout > 0)
    self->timer = hr_clock_after (reload_clock (self), timeout, phase_timed_out, self);
  hr_job_set_phase (self->job, hr_reload_phase_to_string (phase));
}

/* Downtime: no instance alive, ready and not told to stop. */
static void
note_serving (HrReload *self)
{
  gboolean serving = (self->previous != NULL && hr_generation_is_serving (self->previous))
                     || (self->candidate != NULL && hr_generation_is_serving (self->candidate))
                     || (self->fallback != NULL && hr_generation_is_serving (self->fallback));
  gint64 now = hr_clock_now (reload_clock (self));

  if (!serving && self->outage_since == 0 && self->previous != NULL)
    self->outage_since = now;
  else if (serving && self->outage_since != 0)
    {
      hr_job_edit_outcome (self->job)->downtime_usec += now - self->outage_since;
      self->outage_since = 0;
    }
}

static void
previous_exited (HrGeneration *previous, HrReload *self)
{
  note_serving (self);
}

static void
finish (HrReload *self, HrReloadEnd end)
{
  g_autoptr (HrReload) guard = g_object_ref (self);

  self->end = end;
  hr_clock_cancel (reload_clock (self), &self->timer);
  hr_job_edit_outcome (self->job)->duration_usec = hr_clock_now (reload_clock (self)) - self->began_at;
  if (self->candidate != NULL)
    g_signal_handlers_disconnect_by_data (self->candidate, self);
  if (self->health != NULL)
    g_signal_handlers_disconnect_by_data (self->health, self);
  g_signal_emit (self, signals[SIGNAL_ENDED], 0);
}

/* Failure */

static void
fallback_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrReload) self = user_data;
  g_autoptr (GError) error = NULL;

  if (!hr_fallback_finish (result, &self->fallback, &error))
    {
      /* The reason stays the first failure; that the way back failed too is said louder. */
      g_prefix_error (&self->error, "%s; before that: ", error->message);
      self->error->domain = HR_ERROR;
      self->error->code = HR_ERROR_ROLLBACK_FAILED;
    }
  note_serving (self);
  finish (self, HR_RELOAD_ENDED_BADLY);
}

static void
fall_back (HrReload *self)
{
  const HrRelease *previous = self->previous != NULL && self->parts.store != NULL
                                  ? hr_release_store_get (self->parts.store, hr_generation_get_release (self->previous))
                                  : NULL;
  HrFallbackPlan plan = {
    .platform = self->platform,
    .parts = &self->parts,
    .candidate = self->candidate,
    .previous = self->previous,
    .commit = previous != NULL ? previous->commit : NULL,
    .state = self->state,
    .caller = self->caller,
  };

  if (self->candidate != NULL)
    g_signal_handlers_disconnect_by_data (self->candidate, self);
  hr_fallback_async (&plan, fallback_done, g_object_ref (self));
}

static void
reload_fail (HrReload *self, GError *error)
{
  if (has_ended (self))
    {
      g_error_free (error);
      return;
    }
  self->failing = TRUE;
  self->error = error;
  self->failed_phase = self->phase;
  hr_clock_cancel (reload_clock (self), &self->timer);
  g_cancellable_cancel (self->cancellable);
  if (self->health != NULL)
    hr_health_stop (self->health);
  /* An instance that was told to stop will stop: its state comes first, then the old release is started with it. */
  if (!self->handing_over)
    fall_back (self);
}

/* Ready, verify, switch */

static void
health_changed (HrHealth *health, HrReload *self)
{
  HrHealthState state = hr_health_get_state (health);

  if (self->phase != HR_PHASE_VERIFY)
    {
      /* Ready=probe: the first success is the readiness. */
      if (state == HR_HEALTH_HEALTHY)
        hr_generation_set_ready (self->candidate);
      return;
    }
  if (state == HR_HEALTH_HEALTHY)
    verify (self);
  else if (state == HR_HEALTH_OFFLINE)
    reload_fail (self, g_error_new (HR_ERROR, HR_ERROR_NOT_HEALTHY,
                                    "while verifying release %" G_GUINT64_FORMAT " of '%s': %s",
                                    hr_generation_get_release (self->candidate), self->spec->name,
                                    hr_health_get_error (health)));
}

static void
watch_health (HrReload *self)
{
  if (self->health != NULL)
    return;
  self->health = hr_health_new (self->platform, self->candidate, self->spec->ready == HR_READY_PROBE);
  g_signal_connect (self->health, "changed", G_CALLBACK (health_changed), self);
}

static void
verify (HrReload *self)
{
  HrHealthState state;

  if (self->phase != HR_PHASE_VERIFY)
    enter (self, HR_PHASE_VERIFY);
  watch_health (self);
  state = hr_health_get_state (self->health);
  if (state != HR_HEALTH_UNKNOWN && state != HR_HEALTH_HEALTHY)
    return;
  enter (self, HR_PHASE_SWITCH);
  note_serving (self);
  finish (self, HR_RELOAD_ENDED_WELL);
}

static void
candidate_ready (HrGeneration *candidate, HrReload *self)
{
  HrEvent event = { .kind = HR_EVENT_STATE_RESTORED, .service = self->spec->name, .snapshot = self->state_id };

  /* During the handover the state has yet to be given: what is ready without it will say so again, or is too late. */
  if (has_ended (self) || self->handing_over)
    return;
  note_serving (self);
  if (hr_generation_has_opened_state (candidate) && self->state_id != NULL)
    {
      hr_job_edit_outcome (self->job)->state_preserved = TRUE;
      g_signal_emit (self, signals[SIGNAL_EVENT], 0, &event);
    }
  else
    hr_generation_give_state (candidate, NULL, NULL);
  verify (self);
}

static void
candidate_exited (HrGeneration *candidate, HrReload *self)
{
  g_autofree char *end = hr_generation_describe_end (candidate);

  reload_fail (self, g_error_new (HR_ERROR, HR_ERROR_START_FAILED,
                                  "while starting release %" G_GUINT64_FORMAT " of '%s': %s before it was ready",
                                  hr_generation_get_release (candidate), self->spec->name, end));
}

/* Preserve */

static void
handed_over (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrReload) self = user_data;
  g_autoptr (HrSnapshot) snapshot = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) carried = NULL;
  gboolean fresh = FALSE;
  gboolean ok = hr_handover_finish (result, &snapshot, &fresh, &carried, &error);

  self->handing_over = FALSE;
  note_serving (self);
  if (snapshot != NULL)
    {
      HrEvent event = {
        .kind = HR_EVENT_STATE_PRESERVED, .service = self->spec->name, .snapshot = snapshot->id, .size = snapshot->size
      };

      self->state = g_bytes_ref (snapshot->data);
      self->state_id = g_strdup (snapshot->id);
      if (fresh)
        g_signal_emit (self, signals[SIGNAL_EVENT], 0, &event);
    }
  if (self->failing)
    {
      fall_back (self);
      return;
    }
  if (!ok)
    {
      g_prefix_error (&error, "while taking the state of '%s': ", self->spec->name);
      reload_fail (self, g_steal_pointer (&error));
      return;
    }
  if (self->candidate == NULL)
    {
      if (self->snapshot != NULL)
        {
          load_state (self);
          return;
        }
      self->start_state = self->state != NULL ? g_bytes_ref (self->state) : NULL;
      start (self);
      return;
    }
  if (!hr_generation_give_state (self->candidate, self->state, &error))
    {
      reload_fail (self, g_steal_pointer (&error));
      return;
    }
  enter (self, HR_PHASE_READY);
  /* READY=1 that came before the state was there counts once it is. */
  if (hr_generation_is_ready (self->candidate))
    candidate_ready (self->candidate, self);
}

static void
preserve (HrReload *self)
{
  gint64 limit = hr_state_files_wait_limit (self->parts.state);
  gint64 timeout = self->spec->stop_timeout;

  enter (self, HR_PHASE_PRESERVE);
  self->handing_over = TRUE;
  if (self->candidate != NULL)
    timeout = MIN (timeout, limit);
  hr_handover_async (self->previous, &self->parts, self->slot, timeout, handed_over, g_object_ref (self));
  note_serving (self);
}

static void
candidate_opened_state (HrGeneration *candidate, HrReload *self)
{
  if (has_ended (self) || self->handing_over || self->sequential)
    return;
  if (self->previous != NULL)
    preserve (self);
}

/* Start */

static void
start (HrReload *self)
{
  gboolean barrier = self->previous != NULL && !self->sequential && self->spec->preserve;
  HrGenerationPlan plan = {
    .spec = self->spec,
    .release = self->release != NULL ? self->release->number : 0,
    .commit = self->release != NULL ? self->release->commit : NULL,
    .slot = self->slot,
    .view = self->placement != NULL ? self->placement->view : NULL,
    .parts = &self->parts,
    .caller = self->caller,
    .ever_notified = self->ever_notified,
  };
  g_autoptr (GError) error = NULL;

  enter (self, HR_PHASE_START);
  self->candidate = hr_generation_new (self->platform, &plan);
  g_signal_connect (self->candidate, "ready", G_CALLBACK (candidate_ready), self);
  g_signal_connect (self->candidate, "state-opened", G_CALLBACK (candidate_opened_state), self);
  g_signal_connect (self->candidate, "exited", G_CALLBACK (candidate_exited), self);
  if (!hr_generation_start (self->candidate, self->start_state, barrier, &error))
    {
      g_prefix_error (&error, "while starting release %" G_GUINT64_FORMAT " of '%s': ", plan.release, self->spec->name);
      reload_fail (self, g_steal_pointer (&error));
      return;
    }
  if (self->spec->ready == HR_READY_PROBE)
    watch_health (self);
}

static void
snapshot_loaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrReload) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrSnapshot) snapshot = hr_state_files_load_finish (HR_STATE_FILES (source), result, &error);

  if (has_ended (self))
    return;
  if (error != NULL)
    {
      reload_fail (self, g_steal_pointer (&error));
      return;
    }
  if (snapshot != NULL)
    {
      g_free (self->state_id);
      self->start_state = g_bytes_ref (snapshot->data);
      self->state_id = g_strdup (snapshot->id);
    }
  start (self);
}

static void
load_state (HrReload *self)
{
  hr_state_files_load_async (self->parts.state, self->snapshot, self->cancellable, snapshot_loaded,
                             g_object_ref (self));
}

/* Between check and start: where does the state come from? */
static void
before_start (HrReload *self)
{
  if (self->previous != NULL && self->sequential)
    preserve (self);
  else if (self->spec->preserve && self->previous == NULL)
    load_state (self);
  else
    start (self);
}

/* Check */

static void
checked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrReload) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrCheckReport) report = hr_checker_check_finish (HR_CHECKER (source), result, &error);
  g_autoptr (GStrvBuilder) lines = g_strv_builder_new ();

  if (has_ended (self))
    return;
  if (report == NULL)
    {
      g_prefix_error (&error, "while checking release %" G_GUINT64_FORMAT " of '%s': ", self->release->number,
                      self->spec->name);
      reload_fail (self, g_steal_pointer (&error));
      return;
    }
  for (guint i = 0; report->done != NULL && report->done[i] != NULL; i++)
    g_strv_builder_add (lines, report->done[i]);
  for (guint i = 0; report->unavailable != NULL && report->unavailable[i] != NULL; i++)
    g_strv_builder_add (lines, report->unavailable[i]);
  hr_job_edit_outcome (self->job)->checks = g_strv_builder_end (lines);
  before_start (self);
}

/* What was switched to once was checked and built; of what was rejected, or never got that far, that is not known. */
static gboolean
has_passed_checks (const HrRelease *release)
{
  return release->fate == HR_FATE_UNPROVEN || release->fate == HR_FATE_GOOD || release->fate == HR_FATE_RETIRED;
}

static void
check (HrReload *self)
{
  static const char *const none[] = { NULL };
  g_autoptr (GError) error = NULL;

  if (self->held_already && has_passed_checks (self->release))
    {
      before_start (self);
      return;
    }
  enter (self, HR_PHASE_CHECK);
  self->environment = hr_platform_base_environment (self->platform, self->spec, &error);
  if (self->environment == NULL)
    {
      reload_fail (self, g_steal_pointer (&error));
      return;
    }
  self->check.spec = self->spec;
  self->check.view = self->placement->view;
  self->check.files = self->target == 0 && self->scan->files != NULL ? (const char *const *)self->scan->files : none;
  self->check.environment = (const char *const *)self->environment;
  self->check.baseline = self->previous != NULL ? hr_generation_get_view (self->previous) : NULL;
  hr_checker_check_async (hr_platform_get_checker (self->platform), &self->check, self->cancellable, checked,
                          g_object_ref (self));
}

/* Place */

static void
placed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrReload) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrPlacement) placement = hr_slots_place_finish (HR_SLOTS (source), result, &error);

  if (has_ended (self))
    return;
  if (placement == NULL)
    {
      g_prefix_error (&error, "while placing release %" G_GUINT64_FORMAT " of '%s': ", self->release->number,
                      self->spec->name);
      reload_fail (self, g_steal_pointer (&error));
      return;
    }
  hr_job_edit_outcome (self->job)->carried = g_strdupv (placement->carried);
  self->placement = g_steal_pointer (&placement);
  check (self);
}

static HrSlot
choose_slot (HrReload *self)
{
  HrSlot other = self->last_slot == HR_SLOT_A ? HR_SLOT_B : HR_SLOT_A;

  /* Nothing runs: where the release is placed already, or ran last, there is nothing to do. */
  if (self->previous == NULL && self->last_slot != HR_SLOT_NONE
      && hr_slots_holds (self->parts.slots, self->last_slot) == self->release->number)
    return self->last_slot;
  return other;
}

static void
retiring_exited (HrGeneration *retiring, HrReload *self)
{
  g_signal_handlers_disconnect_by_data (retiring, self);
  if (!has_ended (self))
    place (self);
}

static void
place (HrReload *self)
{
  const HrScan *scan = self->scan != NULL ? self->scan : self->known_scan;

  if (self->phase != HR_PHASE_PLACE)
    enter (self, HR_PHASE_PLACE);
  /* At most two generations: the one before the running one ends now. */
  if (self->retiring != NULL && hr_generation_is_alive (self->retiring))
    {
      g_signal_connect (self->retiring, "exited", G_CALLBACK (retiring_exited), self);
      hr_generation_stop (self->retiring, hr_generation_get_spec (self->retiring)->stop_timeout);
      return;
    }
  self->slot = choose_slot (self);
  self->held_already = hr_slots_holds (self->parts.slots, self->slot) == self->release->number;
  hr_slots_place_async (self->parts.slots, self->slot, self->release, scan,
                        self->last_slot == self->slot ? HR_SLOT_NONE : self->last_slot, self->cancellable, placed,
                        g_object_ref (self));
}

/* Record */

/* People and signals get the first of a large change set; the checks get all of it. */
static char **
first_files (char **files)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (guint i = 0; files[i] != NULL && i < HR_RELEASE_FILES_MAX; i++)
    g_strv_builder_add (builder, files[i]);
  return g_strv_builder_end (builder);
}

static void
announce (HrReload *self)
{
  HrOutcome *outcome = hr_job_edit_outcome (self->job);

  outcome->release = self->release != NULL ? self->release->number : 0;
  outcome->previous_release = self->previous != NULL ? hr_generation_get_release (self->previous) : 0;
  if (self->scan != NULL && self->target == 0)
    outcome->files = first_files (self->scan->files);
  self->announced = TRUE;
  g_signal_emit (self, signals[SIGNAL_ANNOUNCED], 0);
}

static void
committed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrReload) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrRelease) release = hr_release_store_commit_finish (HR_RELEASE_STORE (source), result, &error);

  if (has_ended (self))
    return;
  if (release == NULL)
    {
      g_prefix_error (&error, "while recording the source of '%s': ", self->spec->name);
      reload_fail (self, g_steal_pointer (&error));
      return;
    }
  self->release = g_steal_pointer (&release);
  self->new_release = TRUE;
  announce (self);
  place (self);
}

static void
commit (HrReload *self)
{
  HrRelease draft = {
    .tree = self->scan->tree,
    .time_usec = hr_clock_real (reload_clock (self)),
    .trigger = self->trigger,
    .caller = (char *)hr_job_get_caller (self->job),
    .files = self->scan->files,
  };

  hr_release_store_commit_async (self->parts.store, &draft, self->cancellable, committed, g_object_ref (self));
}

static const HrRelease *
running_release (HrReload *self)
{
  return self->previous != NULL ? hr_release_store_get (self->parts.store, hr_generation_get_release (self->previous))
                                : NULL;
}

static void scan_source (HrReload *self);

/* Too large to be placed, and the service file leaves the choice: it runs in its source. */
static gboolean
run_in_place_instead (HrReload *self, const GError *error)
{
  if (!g_error_matches (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED) || self->spec->slots != HR_SLOTS_AUTO || self->large)
    return FALSE;
  self->large = TRUE;
  hr_slots_run_in_place (self->parts.slots, "the source is too large to be placed; name what is no code in Ignore");
  hr_release_store_allow_large (self->parts.store);
  scan_source (self);
  return TRUE;
}

static void
scanned (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrReload) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrScan) scan = hr_release_store_scan_finish (HR_RELEASE_STORE (source), result, &error);
  GPtrArray *list = hr_release_store_list (self->parts.store);
  const HrRelease *last = list->len > 0 ? g_ptr_array_index (list, list->len - 1) : NULL;
  const HrRelease *running;

  if (has_ended (self))
    return;
  if (scan == NULL && run_in_place_instead (self, error))
    return;
  if (scan == NULL)
    {
      g_prefix_error (&error, "while recording the source of '%s': ", self->spec->name);
      reload_fail (self, g_steal_pointer (&error));
      return;
    }
  self->scan = g_steal_pointer (&scan);
  if (self->target != 0)
    {
      announce (self);
      place (self);
      return;
    }
  running = running_release (self);
  switch (hr_reload_decide (self->scan->tree, running != NULL ? running->tree : NULL, last != NULL ? last->tree : NULL,
                            self->by_hand))
    {
    case HR_RELOAD_NOTHING:
      finish (self, HR_RELOAD_ENDED_NOTHING);
      break;
    case HR_RELOAD_NEW:
      commit (self);
      break;
    case HR_RELOAD_RUNNING:
    case HR_RELOAD_LAST:
      self->release =
          hr_release_copy (g_strcmp0 (running != NULL ? running->tree : NULL, self->scan->tree) == 0 ? running : last);
      announce (self);
      place (self);
      break;
    }
}

static void
scan_source (HrReload *self)
{
  const HrRelease *running = running_release (self);

  hr_release_store_scan_async (self->parts.store, (const char *const *)self->hints,
                               running != NULL ? running->tree : NULL, self->cancellable, scanned, g_object_ref (self));
}

static gboolean
find_target (HrReload *self)
{
  const HrRelease *release = self->parts.store != NULL ? hr_release_store_get (self->parts.store, self->target) : NULL;

  if (release == NULL)
    {
      reload_fail (self,
                   g_error_new (HR_ERROR, HR_ERROR_NO_SUCH_RELEASE, "service '%s' has no release %" G_GUINT64_FORMAT,
                                self->spec->name, self->target));
      return FALSE;
    }
  self->release = hr_release_copy (release);
  return TRUE;
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

  self->began_at = hr_clock_now (reload_clock (self));
  if (self->previous != NULL)
    {
      g_signal_connect (self->previous, "exited", G_CALLBACK (previous_exited), self);
      note_serving (self);
    }
  enter (self, HR_PHASE_RECORD);
  if (self->target != 0 && !find_target (self))
    return;
  if (self->parts.store == NULL)
    {
      announce (self);
      before_start (self);
      return;
    }
  if (self->target != 0 && self->known_scan != NULL)
    {
      announce (self);
      place (self);
      return;
    }
  scan_source (self);
}

/**
 * hr_reload_cancel:
 * @self: a reload
 * @reason: for people
 *
 * Goes back to where it was: as any failure, with %HR_ERROR_CANCELLED.
 */
void
hr_reload_cancel (HrReload *self, const char *reason)
{
  g_return_if_fail (HR_IS_RELOAD (self));
  reload_fail (self, g_error_new (HR_ERROR, HR_ERROR_CANCELLED, "the reload of '%s' was cancelled in phase '%s': %s",
                                  self->spec->name, hr_reload_phase_to_string (self->phase), reason));
}

/**
 * hr_reload_get_end:
 * @self: a reload
 *
 * Returns: how it ended
 */
HrReloadEnd
hr_reload_get_end (HrReload *self)
{
  return self->end;
}

/**
 * hr_reload_get_error:
 * @self: a reload
 *
 * Returns: (transfer none) (nullable): the first failure
 */
const GError *
hr_reload_get_error (HrReload *self)
{
  return self->error;
}

/**
 * hr_reload_get_failed_phase:
 * @self: a reload
 *
 * Returns: (transfer none) (nullable): the phase of the first failure
 */
const char *
hr_reload_get_failed_phase (HrReload *self)
{
  return self->error != NULL ? hr_reload_phase_to_string (self->failed_phase) : NULL;
}

/**
 * hr_reload_get_job:
 * @self: a reload
 *
 * Returns: (transfer none): its job
 */
HrJob *
hr_reload_get_job (HrReload *self)
{
  return self->job;
}

/**
 * hr_reload_get_release:
 * @self: a reload
 *
 * Returns: (transfer none) (nullable): what it moves to, once that is known
 */
const HrRelease *
hr_reload_get_release (HrReload *self)
{
  return self->release;
}

/**
 * hr_reload_get_trigger:
 * @self: a reload
 *
 * Returns: (transfer none): why it happens
 */
const char *
hr_reload_get_trigger (HrReload *self)
{
  return self->trigger;
}

/**
 * hr_reload_is_announced:
 * @self: a reload
 *
 * Returns: whether "announced" was emitted
 */
gboolean
hr_reload_is_announced (HrReload *self)
{
  return self->announced;
}

/**
 * hr_reload_has_new_release:
 * @self: a reload
 *
 * Returns: whether it recorded a release
 */
gboolean
hr_reload_has_new_release (HrReload *self)
{
  return self->new_release;
}

/**
 * hr_reload_get_candidate:
 * @self: a reload
 *
 * Returns: (transfer none) (nullable): the new instance; it serves when the reload ended well
 */
HrGeneration *
hr_reload_get_candidate (HrReload *self)
{
  return self->candidate;
}

/**
 * hr_reload_get_fallback:
 * @self: a reload that ended badly
 *
 * Returns: (transfer none) (nullable): the old release's new instance, where the old one had ended
 */
HrGeneration *
hr_reload_get_fallback (HrReload *self)
{
  return self->fallback;
}

/**
 * hr_reload_steal_health:
 * @self: a reload that ended well
 *
 * Returns: (transfer full) (nullable): the health of the new instance, to be watched on
 */
HrHealth *
hr_reload_steal_health (HrReload *self)
{
  return g_steal_pointer (&self->health);
}

/**
 * hr_reload_steal_scan:
 * @self: a reload that has ended
 *
 * Returns: (transfer full) (nullable): the newest scan of the source, if it made one
 */
HrScan *
hr_reload_steal_scan (HrReload *self)
{
  return g_steal_pointer (&self->scan);
}
