/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-error.h"
#include "hr-generation-private.h"

enum {
  SIGNAL_READY,
  SIGNAL_STATE_OPENED,
  SIGNAL_EXITED,
  SIGNAL_STATUS,
  SIGNAL_GONE,
  SIGNAL_ENDED,
  SIGNAL_WATCHDOG,
  SIGNAL_WATCHDOG_DUE,
  SIGNAL_MAIN_CHANGED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (HrGeneration, hr_generation, G_TYPE_OBJECT)

/**
 * hr_generation_clock:
 * @self: a generation
 *
 * Returns: (transfer none): time
 */
HrClock *
hr_generation_clock (HrGeneration *self)
{
  return hr_platform_get_clock (self->platform);
}

static void
hr_generation_dispose (GObject *object)
{
  HrGeneration *self = HR_GENERATION (object);

  g_clear_pointer (&self->readiness, hr_readiness_free);
  if (self->platform != NULL)
    {
      hr_clock_cancel (hr_generation_clock (self), &self->stop_timer);
      hr_clock_cancel (hr_generation_clock (self), &self->linger_timer);
      hr_clock_cancel (hr_generation_clock (self), &self->open_timer);
      hr_clock_cancel (hr_generation_clock (self), &self->reload_timer);
    }
  /* Whoever drops a running generation drops its process: nothing may outlive the object that watches it. */
  if (self->instance != NULL && self->alive)
    {
      g_signal_handlers_disconnect_by_data (self->instance, self);
      hr_instance_kill (self->instance);
    }
  g_clear_pointer (&self->drain, hr_drain_free);
  g_clear_object (&self->instance);
  g_clear_object (&self->offer);
  g_clear_object (&self->platform);
  G_OBJECT_CLASS (hr_generation_parent_class)->dispose (object);
}

static void
hr_generation_finalize (GObject *object)
{
  HrGeneration *self = HR_GENERATION (object);

  g_clear_pointer (&self->plan, hr_generation_plan_free);
  g_free (self->id);
  g_free (self->status_text);
  g_free (self->log_file);
  g_free (self->stuck);
  g_clear_error (&self->launch_error);
  g_strfreev (self->environment);
  G_OBJECT_CLASS (hr_generation_parent_class)->finalize (object);
}

static void
hr_generation_class_init (HrGenerationClass *klass)
{
  const char *const names[] = { "ready", "state-opened", "exited", "status", "gone", "ended" };

  G_OBJECT_CLASS (klass)->dispose = hr_generation_dispose;
  G_OBJECT_CLASS (klass)->finalize = hr_generation_finalize;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    signals[i] = g_signal_new (names[i], HR_TYPE_GENERATION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[SIGNAL_WATCHDOG] = g_signal_new ("watchdog", HR_TYPE_GENERATION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                           G_TYPE_NONE, 1, G_TYPE_BOOLEAN);
  signals[SIGNAL_WATCHDOG_DUE] = g_signal_new ("watchdog-due", HR_TYPE_GENERATION, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                               NULL, G_TYPE_NONE, 2, G_TYPE_INT64, G_TYPE_BOOLEAN);
  signals[SIGNAL_MAIN_CHANGED] =
      g_signal_new ("main-changed", HR_TYPE_GENERATION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

/**
 * hr_generation_emit_main_changed:
 * @self: a generation
 */
void
hr_generation_emit_main_changed (HrGeneration *self)
{
  g_signal_emit (self, signals[SIGNAL_MAIN_CHANGED], 0);
}

static void
hr_generation_init (HrGeneration *self)
{
  self->wait_status = -1;
}

/**
 * hr_generation_emit_status:
 * @self: a generation
 */
void
hr_generation_emit_status (HrGeneration *self)
{
  g_signal_emit (self, signals[SIGNAL_STATUS], 0);
}

/**
 * hr_generation_emit_gone:
 * @self: a generation that counted as ended
 */
void
hr_generation_emit_gone (HrGeneration *self)
{
  g_signal_emit (self, signals[SIGNAL_GONE], 0);
}

/**
 * hr_generation_emit_watchdog:
 * @self: a generation
 * @well: what it reported
 */
void
hr_generation_emit_watchdog (HrGeneration *self, gboolean well)
{
  g_signal_emit (self, signals[SIGNAL_WATCHDOG], 0, well);
}

/**
 * hr_generation_emit_watchdog_due:
 * @self: a generation
 * @usec: when its next report is due, from now
 * @extend: whether that is only to be later than it was
 */
void
hr_generation_emit_watchdog_due (HrGeneration *self, gint64 usec, gboolean extend)
{
  g_signal_emit (self, signals[SIGNAL_WATCHDOG_DUE], 0, usec, extend);
}

/* Its readiness does not wait for that. */
static void
looked_when_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  HrGeneration *self = HR_GENERATION (source);

  if (hr_generation_misses_listener (self))
    hr_generation_emit_status (self);
}

/**
 * hr_generation_become_ready:
 * @self: a generation; one that is ready, ends or has ended stays as it is
 */
void
hr_generation_become_ready (HrGeneration *self)
{
  if (self->ready || !self->alive || self->stopping || self->ended_at != 0)
    return;
  self->ready = TRUE;
  hr_generation_begin_state (self);
  hr_generation_look_async (self, looked_when_ready, NULL);
  hr_readiness_suspend (self->readiness);
  hr_clock_cancel (hr_generation_clock (self), &self->open_timer);
  g_signal_emit (self, signals[SIGNAL_READY], 0);
}

static void
open_wait_over (gpointer user_data)
{
  HrGeneration *self = user_data;

  self->open_timer = 0;
  hr_generation_become_ready (self);
}

/* It listens, lives or answers. Programs do that before they read their state, in an order that is theirs: where the
 * predecessor had state, being ready without it would lose it. READY=1 is another matter: who says so means it. */
static void
show_sign (HrGeneration *self)
{
  if (self->sign_held)
    return;
  if (!self->plan->expects_state || self->opened_state || self->state_given)
    {
      hr_generation_become_ready (self);
      return;
    }
  self->sign_held = TRUE;
  hr_readiness_suspend (self->readiness);
  self->open_timer =
      hr_clock_after (hr_generation_clock (self), MIN (HR_STATE_OPEN_WAIT_USEC, self->plan->spec->start_timeout / 2),
                      open_wait_over, self);
}

/* Ready, or known never to be: then its end says why. */
static void
time_decided (const GError *error, gpointer user_data)
{
  HrGeneration *self = user_data;

  if (error == NULL)
    {
      show_sign (self);
      return;
    }
  if (self->alive && !self->killed)
    self->launch_error = g_error_copy (error);
  hr_generation_kill (self);
}

/**
 * hr_generation_new:
 * @platform: the operating system
 * @plan: what to start; its @caller must outlive the generation
 *
 * Returns: (transfer full): a generation that has not been started
 */
HrGeneration *
hr_generation_new (HrPlatform *platform, const HrGenerationPlan *plan)
{
  HrGeneration *self = g_object_new (HR_TYPE_GENERATION, NULL);

  self->platform = g_object_ref (platform);
  self->plan = hr_generation_plan_copy (plan);
  self->readiness = hr_readiness_new (hr_generation_clock (self), self->plan, time_decided, self);
  self->id = g_uuid_string_random ();
  return self;
}

/* Time spent in the open of HOTRELOAD_STATE_IN does not count: it begins when that returns. */
static void
let_time_count (HrGeneration *self)
{
  if (self->ready || self->sign_held || (self->opened_state && !self->state_given))
    hr_readiness_suspend (self->readiness);
  else
    hr_readiness_watch (self->readiness, self->instance);
}

static void
instance_notified (HrInstance *instance, char **assignments, HrSentFds *sent, HrGeneration *self)
{
  g_autoptr (HrGeneration) guard = g_object_ref (self);

  hr_generation_take_words (self, assignments, sent);
}

static void
instance_listening (HrInstance *instance, HrGeneration *self)
{
  if (hr_readiness_accepts (self->readiness, HR_SIGN_LISTENING))
    show_sign (self);
}

/**
 * hr_generation_end:
 * @self: a generation whose main process has ended, or counts as that
 * @wait_status: of it
 * @known: whether that is known
 */
void
hr_generation_end (HrGeneration *self, int wait_status, gboolean known)
{
  g_autoptr (HrGeneration) guard = g_object_ref (self);

  self->alive = FALSE;
  self->wait_status = wait_status;
  self->status_known = known;
  hr_generation_note_end (self);
  hr_readiness_suspend (self->readiness);
  hr_clock_cancel (hr_generation_clock (self), &self->stop_timer);
  hr_clock_cancel (hr_generation_clock (self), &self->linger_timer);
  hr_clock_cancel (hr_generation_clock (self), &self->open_timer);
  hr_clock_cancel (hr_generation_clock (self), &self->reload_timer);
  g_clear_pointer (&self->drain, hr_drain_free);
  g_clear_object (&self->offer);
  hr_listeners_revive (self->plan->listeners);
  g_signal_emit (self, signals[SIGNAL_EXITED], 0);
}

static void
instance_exited (HrInstance *instance, int wait_status, gboolean known, HrGeneration *self)
{
  hr_generation_end (self, wait_status, known);
}

static void
state_opened (HrStateOffer *offer, HrGeneration *self)
{
  if (self->opened_state)
    return;
  self->opened_state = TRUE;
  hr_clock_cancel (hr_generation_clock (self), &self->open_timer);
  if (self->state_given)
    hr_state_offer_give (offer, NULL, NULL);
  else
    let_time_count (self);
  g_signal_emit (self, signals[SIGNAL_STATE_OPENED], 0);
}

/* Told of all that becomes of its process from now on. */
static void
follow (HrGeneration *self)
{
  self->alive = TRUE;
  self->main_pid = hr_instance_get_pid (self->instance);
  g_signal_connect (self->offer, "opened", G_CALLBACK (state_opened), self);
  g_signal_connect (self->instance, "notify-socket", G_CALLBACK (instance_notified), self);
  g_signal_connect (self->instance, "listening", G_CALLBACK (instance_listening), self);
  g_signal_connect_swapped (self->instance, "ended", G_CALLBACK (hr_generation_see_end), self);
  g_signal_connect (self->instance, "exited", G_CALLBACK (instance_exited), self);
}

static gboolean
launch (HrGeneration *self, GError **error)
{
  const HrGenerationPlan *plan = self->plan;
  g_autofree char *log_name = g_strdup_printf ("%" G_GUINT64_FORMAT "-%s", plan->release, self->id);

  self->environment = hr_generation_plan_environment (plan, self->platform, self->offer, error);
  if (self->environment == NULL)
    return FALSE;
  if (!hr_caller_context_lends (plan->caller))
    self->log_file = hr_platform_log_file (self->platform, plan->spec->name, log_name);
  self->unseen = hr_generation_plan_look (plan, self->platform);
  self->instance = hr_generation_plan_launch (plan, self->platform, self->id, (const char *const *)self->environment,
                                              self->log_file, error);
  return self->instance != NULL;
}

/**
 * hr_generation_start:
 * @self: a generation that has not been started
 * @state: (nullable): what HOTRELOAD_STATE_IN holds
 * @barrier: whether the open of it shall wait for hr_generation_give_state(); else @state is given at once
 * @error: return location
 *
 * Returns: whether there is a process now; else an error that says what could not be done
 */
gboolean
hr_generation_start (HrGeneration *self, GBytes *state, gboolean barrier, GError **error)
{
  g_autoptr (GError) local = NULL;

  g_return_val_if_fail (HR_IS_GENERATION (self), FALSE);
  g_return_val_if_fail (self->instance == NULL, FALSE);

  self->offer = hr_state_files_offer (self->plan->state_files, self->id, self->plan->release, state, &local);
  if (self->offer == NULL)
    {
      self->launch_error = g_error_copy (local);
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  self->state_given = !barrier || !hr_state_offer_is_barrier (self->offer);
  if (!launch (self, &local))
    {
      g_clear_object (&self->offer);
      self->launch_error = g_error_copy (local);
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }

  follow (self);
  self->started_at = hr_clock_now (hr_generation_clock (self));
  self->started_real = hr_clock_real (hr_generation_clock (self));
  hr_generation_begin_state (self);
  let_time_count (self);
  return TRUE;
}

/**
 * hr_generation_take_over:
 * @self: a generation that has not been started
 * @process: what an earlier daemon wrote of an instance that it started by the same plan, and that was ready
 * @error: return location
 *
 * It becomes that instance.
 *
 * Returns: success; else an error that says why it cannot be gone on with, and nothing is done to the process
 */
gboolean
hr_generation_take_over (HrGeneration *self, const HrRunProcess *process, GError **error)
{
  HrClock *clock = hr_generation_clock (self);

  g_return_val_if_fail (HR_IS_GENERATION (self), FALSE);
  g_return_val_if_fail (self->instance == NULL && process != NULL, FALSE);

  self->instance = hr_generation_plan_take_over (self->plan, self->platform, process, error);
  if (self->instance == NULL)
    return FALSE;
  g_free (self->id);
  self->id = g_strdup (process->instance);
  self->offer = hr_state_files_resume (self->plan->state_files, self->id);
  /* For probes and the like; where it cannot be had now, they are told less. */
  self->environment = hr_generation_plan_environment (self->plan, self->platform, self->offer, NULL);
  self->log_file = g_strdup (process->log_file);
  self->state_given = TRUE;
  self->signalled = process->signalled;
  self->kill_by = process->signalled ? process->kill_at : 0;
  self->opened_state = process->opened_state;
  self->notified = process->notified;
  self->started_real = process->started_at;
  self->started_at = hr_clock_now (clock) - MAX (hr_clock_real (clock) - process->started_at, 0);
  self->unseen = hr_generation_plan_look (self->plan, self->platform);
  follow (self);
  hr_generation_begin_state (self);
  self->ready = TRUE;
  hr_readiness_suspend (self->readiness);
  hr_generation_look_async (self, looked_when_ready, NULL);
  return TRUE;
}

/**
 * hr_generation_write_state:
 * @self: a generation that waits for its state
 * @data: the state
 * @error: return location
 *
 * It goes on waiting, for hr_generation_give_state() without data.
 *
 * Returns: success; else %HR_ERROR_STATE_FAILED
 */
gboolean
hr_generation_write_state (HrGeneration *self, GBytes *data, GError **error)
{
  g_return_val_if_fail (HR_IS_GENERATION (self), FALSE);
  return self->offer == NULL || hr_state_offer_write (self->offer, data, error);
}

/**
 * hr_generation_give_state:
 * @self: a generation that may be waiting for its state
 * @data: (nullable): the state; %NULL leaves what it was started with
 * @error: return location
 *
 * It may be ready by it, without "ready": see hr_generation_is_ready().
 *
 * Returns: success; else %HR_ERROR_STATE_FAILED
 */
gboolean
hr_generation_give_state (HrGeneration *self, GBytes *data, GError **error)
{
  g_return_val_if_fail (HR_IS_GENERATION (self), FALSE);

  if (self->offer == NULL)
    return TRUE;
  if (!hr_state_offer_give (self->offer, data, error))
    return FALSE;
  self->state_given = TRUE;
  /* The sign that came before counts now; whoever gives the state asks whether it is ready. */
  self->ready = self->ready || (self->sign_held && self->opened_state && self->alive && !self->stopping);
  let_time_count (self);
  return TRUE;
}

/**
 * hr_generation_forgo_state:
 * @self: a generation that is ready and has not opened its state
 *
 * It keeps what it was started with. That it opens it after all is seen, and answered at once: its successor will be
 * expected to.
 */
void
hr_generation_forgo_state (HrGeneration *self)
{
  g_return_if_fail (HR_IS_GENERATION (self));
  self->state_given = TRUE;
}

/**
 * hr_generation_set_ready:
 * @self: a generation
 *
 * For Ready=probe: its probe passed.
 */
void
hr_generation_set_ready (HrGeneration *self)
{
  g_return_if_fail (HR_IS_GENERATION (self));
  show_sign (self);
}
