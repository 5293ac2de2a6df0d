/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From a candidate that may be started to one that has proven itself: start, preserve, ready, verify.
 */
#include "hr-error.h"
#include "hr-handover.h"
#include "hr-log.h"
#include "hr-reload-private.h"

static void start (HrReload *self);
static void load_state (HrReload *self);
static void verify (HrReload *self);

/* "release 7 of 'web'"; without a source there are no releases. */
static char *
describe_candidate (HrReload *self)
{
  guint64 number = self->release != NULL ? self->release->number : 0;

  return number == 0 ? g_strdup_printf ("'%s'", self->spec->name)
                     : g_strdup_printf ("release %" G_GUINT64_FORMAT " of '%s'", number, self->spec->name);
}

/* Ready, verify, switch */

/* With what it wrote last: it runs, and will be told to go. */
static void
reject (HrReload *self, const char *why)
{
  g_autofree char *candidate = describe_candidate (self);
  g_autofree char *words = hr_generation_last_words (self->candidate);

  hr_reload_fail (self,
                  g_error_new (HR_ERROR, HR_ERROR_NOT_HEALTHY, "while verifying %s: %s%s", candidate, why, words));
}

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
    reject (self, hr_health_get_error (health));
}

/**
 * hr_reload_watch_health:
 * @self: a reload whose candidate runs
 *
 * Begins to probe it, where that has not begun.
 */
void
hr_reload_watch_health (HrReload *self)
{
  if (self->health != NULL)
    return;
  self->health = hr_health_new (self->platform, self->candidate, self->spec->ready == HR_READY_PROBE);
  g_signal_connect (self->health, "changed", G_CALLBACK (health_changed), self);
}

/* Says that it is ready, and nobody can reach it: connections would wait for it for ever. */
static gboolean
has_let_go_of_listeners (HrReload *self)
{
  return self->previous != NULL && hr_generation_is_serving (self->previous)
         && hr_generation_may_accept (self->previous) && !hr_generation_may_accept (self->candidate);
}

static void
look_again (gpointer user_data)
{
  HrReload *self = user_data;

  self->switch_timer = 0;
  if (!hr_reload_has_ended (self))
    verify (self);
}

static void
verify (HrReload *self)
{
  HrHealthState state;
  gboolean deaf;

  if (self->phase != HR_PHASE_VERIFY)
    hr_reload_enter (self, HR_PHASE_VERIFY);
  hr_reload_watch_health (self);
  state = hr_health_get_state (self->health);
  if ((state != HR_HEALTH_UNKNOWN && state != HR_HEALTH_HEALTHY) || self->switch_timer != 0)
    return;
  /* Of its end we hear when nothing is left of it: until then the old one serves. */
  if (hr_generation_has_ended (self->candidate))
    return;
  deaf = has_let_go_of_listeners (self);
  if (deaf && !self->looked_again)
    {
      /* One that has ended has let go of everything: its end, of which we hear in a moment, says more. */
      self->looked_again = TRUE;
      self->switch_timer = hr_clock_after (hr_reload_clock (self), HR_LISTENERS_LOOK_USEC, look_again, self);
    }
  else if (deaf)
    reject (self, "it has closed the listeners that the instance before it accepts from, or never took them");
  else if (self->tries_canary)
    hr_reload_run_canary (self);
  else
    hr_reload_switch_over (self);
}

static void
candidate_ready (HrGeneration *candidate, HrReload *self)
{
  HrEvent event = { .kind = HR_EVENT_STATE_RESTORED, .service = self->spec->name, .snapshot = self->state_id };
  gboolean opened;

  /* During the handover the state has yet to be given: what is ready without it will say so again, or is too late. */
  if (hr_reload_has_ended (self) || self->handing_over)
    return;
  hr_reload_note_serving (self);
  /* Where an open cannot be seen, what the file held from the start counts as read. */
  opened = hr_generation_has_opened_state (candidate);
  if (self->state_id != NULL && (opened || !hr_generation_can_wait (candidate)))
    {
      hr_job_edit_outcome (self->job)->state_preserved = TRUE;
      hr_reload_emit_event (self, &event);
    }
  else if (!opened)
    hr_generation_forgo_state (candidate);
  verify (self);
}

static const char *
describe_doing (HrReloadPhase phase)
{
  switch (phase)
    {
    case HR_PHASE_VERIFY:
      return "verifying";
    case HR_PHASE_SWITCH:
      return "switching to";
    default:
      return "starting";
    }
}

static void
candidate_exited (HrGeneration *candidate, HrReload *self)
{
  g_autofree char *who = describe_candidate (self);
  g_autofree char *end = hr_generation_describe_end (candidate);
  g_autofree char *words = hr_generation_last_words (candidate);
  g_autofree char *advice = hr_reload_advise (self, words);
  gboolean ran = hr_generation_get_start_error (candidate) == NULL;

  if (self->phase == HR_PHASE_CANARY)
    {
      hr_reload_fail (self,
                      g_error_new (HR_ERROR, HR_ERROR_NOT_HEALTHY, "while %s was a canary: %s%s", who, end, words));
      return;
    }
  /* Only now it is known that the program never ran: nothing could have become ready. */
  hr_reload_fail_in (self, !ran && self->phase == HR_PHASE_READY ? HR_PHASE_START : self->phase,
                     g_error_new (HR_ERROR, HR_ERROR_START_FAILED, "while %s %s: %s%s%s%s",
                                  describe_doing (self->phase), who, end,
                                  ran && !hr_generation_was_killed (candidate) && !hr_generation_is_ready (candidate)
                                      ? " before it was ready"
                                      : "",
                                  words, ran ? advice : ""));
}

/* Preserve */

static void go_on_with_state (HrReload *self);

static void
older_state_loaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrReload) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrSnapshot) snapshot = hr_state_files_load_finish (HR_STATE_FILES (source), result, &error);

  if (hr_reload_has_ended (self))
    return;
  if (error != NULL)
    {
      hr_reload_fail (self, g_steal_pointer (&error));
      return;
    }
  if (snapshot != NULL)
    {
      self->state = g_bytes_ref (snapshot->data);
      self->state_id = g_strdup (snapshot->id);
    }
  go_on_with_state (self);
}

static char *
append_remedy (char *message, const char *service)
{
  char *longer = g_strdup_printf ("%s; 'hrctl reload %s' goes on with the newest snapshot instead", message, service);

  g_free (message);
  return longer;
}

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
  hr_reload_note_serving (self);
  if (carried != NULL)
    hr_files_merge (&hr_job_edit_outcome (self->job)->carried, (const char *const *)carried);
  if (snapshot != NULL)
    {
      HrEvent event = {
        .kind = HR_EVENT_STATE_PRESERVED, .service = self->spec->name, .snapshot = snapshot->id, .size = snapshot->size
      };

      self->state = g_bytes_ref (snapshot->data);
      self->state_id = g_strdup (snapshot->id);
      if (fresh)
        hr_reload_emit_event (self, &event);
    }
  if (self->failing)
    {
      hr_reload_fall_back (self);
      return;
    }
  if (!ok && self->by_hand && g_error_matches (error, HR_ERROR, HR_ERROR_STATE_FAILED))
    {
      /* What cannot be read is set aside and will not be better the next time: who asks for it goes on without. */
      hr_log_warning (self->spec->name, "while taking its state: %s; going on with the newest snapshot",
                      error->message);
      hr_state_files_load_async (self->parts.state, NULL, self->cancellable, older_state_loaded, g_object_ref (self));
      return;
    }
  if (!ok)
    {
      g_prefix_error (&error, "while taking the state of '%s': ", self->spec->name);
      if (g_error_matches (error, HR_ERROR, HR_ERROR_STATE_FAILED))
        error->message = append_remedy (error->message, self->spec->name);
      hr_reload_fail (self, g_steal_pointer (&error));
      return;
    }
  go_on_with_state (self);
}

/* The old instance has ended and its state is known: the candidate gets it, or is started with it. */
static void
go_on_with_state (HrReload *self)
{
  g_autoptr (GError) error = NULL;

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
  if (self->state != NULL && !hr_generation_write_state (self->candidate, self->state, &error))
    {
      hr_reload_fail (self, g_steal_pointer (&error));
      return;
    }
  /* Before it goes on, and changes what nobody else has, it is known to the next daemon. */
  self->heir = TRUE;
  hr_reload_enter (self, HR_PHASE_READY);
  hr_generation_give_state (self->candidate, NULL, NULL);
  /* READY=1 that came before the state was there counts once it is. */
  if (hr_generation_is_ready (self->candidate))
    candidate_ready (self->candidate, self);
}

static void
preserve (HrReload *self)
{
  hr_reload_enter (self, HR_PHASE_PRESERVE);
  self->handing_over = TRUE;
  self->claims_previous = TRUE;
  /* Before it is so: of what ends then by itself the next daemon would not take the state. */
  hr_reload_emit_processes (self);
  hr_reload_give_all_traffic (self);
  hr_handover_async (self->platform, self->previous, &self->parts, self->slot, self->spec->stop_timeout, handed_over,
                     g_object_ref (self));
  hr_reload_note_serving (self);
}

static void
candidate_opened_state (HrGeneration *candidate, HrReload *self)
{
  /* A program that was ready before it opened keeps no state. */
  if (hr_reload_has_ended (self) || self->handing_over || self->sequential || hr_reload_has_several (self)
      || hr_generation_is_ready (candidate) || self->tries_canary)
    return;
  if (self->previous != NULL)
    preserve (self);
}

/* Start */

/**
 * hr_reload_follow_candidate:
 * @self: a reload with a candidate
 */
void
hr_reload_follow_candidate (HrReload *self)
{
  g_signal_connect (self->candidate, "ready", G_CALLBACK (candidate_ready), self);
  g_signal_connect (self->candidate, "state-opened", G_CALLBACK (candidate_opened_state), self);
  g_signal_connect_swapped (self->candidate, "ended", G_CALLBACK (hr_reload_note_serving), self);
  g_signal_connect (self->candidate, "exited", G_CALLBACK (candidate_exited), self);
}

static void
start (HrReload *self)
{
  gboolean barrier = self->previous != NULL && !self->sequential && self->spec->preserve
                     && !hr_reload_has_several (self) && !self->tries_canary;
  HrGenerationPlan plan = hr_reload_plan (self);
  g_autoptr (GError) error = NULL;

  plan.expects_state = barrier && (self->opened_state || hr_generation_has_opened_state (self->previous));
  hr_reload_enter (self, HR_PHASE_START);
  self->candidate = hr_generation_new (self->platform, &plan);
  self->heir = self->spec->preserve && !barrier && !hr_reload_has_several (self) && !self->tries_canary;
  hr_reload_separate (self, plan.expects_state);
  if (self->tries_canary && !hr_reload_separate_canary (self))
    return;
  hr_reload_follow_candidate (self);
  if (!hr_generation_start (self->candidate, self->start_state, barrier, &error))
    {
      g_autofree char *who = describe_candidate (self);

      g_prefix_error (&error, "while starting %s: ", who);
      hr_reload_fail (self, g_steal_pointer (&error));
      return;
    }
  if (self->queue != NULL)
    hr_queue_watch_add (self->queue, self->candidate);
  hr_reload_emit_processes (self);
  hr_reload_enter (self, HR_PHASE_READY);
  if (self->spec->ready == HR_READY_PROBE)
    hr_reload_watch_health (self);
}

static void
snapshot_loaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrReload) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (HrSnapshot) snapshot = hr_state_files_load_finish (HR_STATE_FILES (source), result, &error);

  if (hr_reload_has_ended (self))
    return;
  if (error != NULL)
    {
      hr_reload_fail (self, g_steal_pointer (&error));
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

static void
looked_at_previous (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrReload) self = user_data;
  g_autoptr (GError) error = NULL;

  if (hr_reload_has_ended (self))
    return;
  if (!hr_reload_look_at_program (self, &error))
    {
      hr_reload_fail_in (self, HR_PHASE_CHECK, g_steal_pointer (&error));
      return;
    }
  if (self->sequential)
    {
      self->claims_previous = TRUE;
      self->tries_canary = FALSE;
    }
  if (self->sequential && hr_reload_await_followers (self))
    return;
  if (self->previous != NULL && self->sequential)
    preserve (self);
  else if (self->spec->preserve && (self->previous == NULL || hr_reload_has_several (self)))
    load_state (self);
  else
    start (self);
}

/**
 * hr_reload_before_start:
 * @self: a reload whose candidate is placed and checked
 *
 * Looks at what runs, gets the state from where it is, and starts the candidate.
 */
void
hr_reload_before_start (HrReload *self)
{
  if (self->previous != NULL)
    hr_generation_look_async (self->previous, looked_at_previous, g_object_ref (self));
  else
    looked_at_previous (NULL, NULL, g_object_ref (self));
}
