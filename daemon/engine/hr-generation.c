/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-generation.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hr-drain.h"
#include "hr-error.h"
#include "hr-fs.h"
#include "hr-names.h"
#include "hr-readiness.h"

struct _HrGeneration {
  GObject parent_instance;

  HrPlatform *platform;
  HrGenerationPlan *plan;
  char *id;
  char **environment;
  HrInstance *instance;
  HrReadiness *readiness;
  HrStateOffer *offer;
  HrDrain *drain; /* while it finishes what it has accepted */
  gint64 started_at;
  guint stop_timer;
  gint64 kill_at;
  char *status_text;
  char *log_file; /* NULL: the caller of a transient service has its output */
  GError *launch_error;

  gboolean alive;
  gboolean ready;
  gboolean stopping; /* told to go, by StopSignal or by taking its listeners' connections away */
  gboolean signalled;
  gboolean killed;
  gboolean opened_state;
  gboolean state_given;
  gboolean notified;
  gboolean said_stopping;
  int wait_status;
  gboolean status_known;
};

enum { SIGNAL_READY, SIGNAL_STATE_OPENED, SIGNAL_EXITED, SIGNAL_STATUS, N_SIGNALS };

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (HrGeneration, hr_generation, G_TYPE_OBJECT)

static HrClock *
generation_clock (HrGeneration *self)
{
  return hr_platform_get_clock (self->platform);
}

static void
hr_generation_dispose (GObject *object)
{
  HrGeneration *self = HR_GENERATION (object);

  g_clear_pointer (&self->readiness, hr_readiness_free);
  if (self->platform != NULL)
    hr_clock_cancel (generation_clock (self), &self->stop_timer);
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
  g_clear_error (&self->launch_error);
  g_strfreev (self->environment);
  G_OBJECT_CLASS (hr_generation_parent_class)->finalize (object);
}

static void
hr_generation_class_init (HrGenerationClass *klass)
{
  const char *const names[N_SIGNALS] = { "ready", "state-opened", "exited", "status" };

  G_OBJECT_CLASS (klass)->dispose = hr_generation_dispose;
  G_OBJECT_CLASS (klass)->finalize = hr_generation_finalize;
  for (guint i = 0; i < N_SIGNALS; i++)
    signals[i] = g_signal_new (names[i], HR_TYPE_GENERATION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
hr_generation_init (HrGeneration *self)
{
  self->wait_status = -1;
}

static void
become_ready (HrGeneration *self)
{
  if (self->ready || !self->alive || self->stopping)
    return;
  self->ready = TRUE;
  hr_readiness_suspend (self->readiness);
  g_signal_emit (self, signals[SIGNAL_READY], 0);
}

/* Ready, or known never to be: then its end says why. */
static void
time_decided (const GError *error, gpointer user_data)
{
  HrGeneration *self = user_data;

  if (error == NULL)
    {
      become_ready (self);
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
  self->readiness = hr_readiness_new (generation_clock (self), self->plan, time_decided, self);
  self->id = g_uuid_string_random ();
  return self;
}

/* Time spent in the open of HOTRELOAD_STATE_IN does not count: it begins when that returns. */
static void
let_time_count (HrGeneration *self)
{
  if (self->ready || (self->opened_state && !self->state_given))
    hr_readiness_suspend (self->readiness);
  else
    hr_readiness_watch (self->readiness, self->instance);
}

static void
set_status_text (HrGeneration *self, const char *text)
{
  g_autofree char *cut = g_strndup (text, HR_STATUS_TEXT_MAX);

  g_free (self->status_text);
  self->status_text = g_utf8_make_valid (cut, -1);
  g_signal_emit (self, signals[SIGNAL_STATUS], 0);
}

static void
instance_notified (HrInstance *instance, char **assignments, HrGeneration *self)
{
  for (guint i = 0; assignments[i] != NULL; i++)
    {
      const char *line = assignments[i];

      if (g_str_equal (line, "READY=1"))
        {
          self->notified = TRUE;
          g_signal_emit (self, signals[SIGNAL_STATUS], 0);
          if (hr_readiness_accepts (self->readiness, HR_SIGN_NOTIFIED))
            become_ready (self);
        }
      else if (g_str_equal (line, "STOPPING=1"))
        self->said_stopping = TRUE;
      else if (g_str_has_prefix (line, "STATUS="))
        set_status_text (self, line + strlen ("STATUS="));
    }
}

static void
instance_listening (HrInstance *instance, HrGeneration *self)
{
  if (hr_readiness_accepts (self->readiness, HR_SIGN_LISTENING))
    become_ready (self);
}

static void
instance_exited (HrInstance *instance, int wait_status, gboolean known, HrGeneration *self)
{
  g_autoptr (HrGeneration) guard = g_object_ref (self);

  self->alive = FALSE;
  self->wait_status = wait_status;
  self->status_known = known;
  hr_readiness_suspend (self->readiness);
  hr_clock_cancel (generation_clock (self), &self->stop_timer);
  g_clear_pointer (&self->drain, hr_drain_free);
  g_clear_object (&self->offer);
  hr_listeners_revive (self->plan->listeners);
  g_signal_emit (self, signals[SIGNAL_EXITED], 0);
}

static void
state_opened (HrStateOffer *offer, HrGeneration *self)
{
  if (self->opened_state)
    return;
  self->opened_state = TRUE;
  if (self->state_given)
    hr_state_offer_give (offer, NULL, NULL);
  else
    let_time_count (self);
  g_signal_emit (self, signals[SIGNAL_STATE_OPENED], 0);
}

static gboolean
launch (HrGeneration *self, GError **error)
{
  const HrGenerationPlan *plan = self->plan;
  g_autofree char *log_name = g_strdup_printf ("%" G_GUINT64_FORMAT "-%s", plan->release, self->id);

  self->environment = hr_generation_plan_environment (plan, self->platform, self->offer, error);
  if (self->environment == NULL)
    return FALSE;
  if (plan->caller == NULL)
    self->log_file = hr_platform_log_file (self->platform, plan->spec->name, log_name);
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

  self->offer = hr_state_files_offer (self->plan->state_files, self->id, state, &local);
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

  self->alive = TRUE;
  self->started_at = hr_clock_now (generation_clock (self));
  g_signal_connect (self->offer, "opened", G_CALLBACK (state_opened), self);
  g_signal_connect (self->instance, "notify-socket", G_CALLBACK (instance_notified), self);
  g_signal_connect (self->instance, "listening", G_CALLBACK (instance_listening), self);
  g_signal_connect (self->instance, "exited", G_CALLBACK (instance_exited), self);
  let_time_count (self);
  return TRUE;
}

/**
 * hr_generation_give_state:
 * @self: a generation that may be waiting for its state
 * @data: (nullable): the state; %NULL leaves what it was started with
 * @error: return location
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
  let_time_count (self);
  return TRUE;
}

static void
stop_timed_out (gpointer user_data)
{
  HrGeneration *self = user_data;

  self->stop_timer = 0;
  hr_generation_kill (self);
}

/* A later call can only shorten the time. */
static void
arm_kill (HrGeneration *self, gint64 timeout_usec)
{
  gint64 kill_at = hr_clock_now (generation_clock (self)) + timeout_usec;

  if (self->stop_timer != 0 && self->kill_at <= kill_at)
    return;
  self->kill_at = kill_at;
  hr_clock_cancel (generation_clock (self), &self->stop_timer);
  self->stop_timer = hr_clock_after (generation_clock (self), timeout_usec, stop_timed_out, self);
}

static void
begin_stopping (HrGeneration *self)
{
  if (self->stopping)
    return;
  self->stopping = TRUE;
  hr_readiness_suspend (self->readiness);
  /* It cannot act on a signal while it waits in the open. */
  if (self->opened_state && !self->state_given)
    hr_generation_give_state (self, NULL, NULL);
}

static void
drained (gpointer user_data)
{
  HrGeneration *self = user_data;

  hr_generation_stop (self, self->plan->spec->stop_timeout);
}

static void
begin_drain (HrGeneration *self, gboolean busy, gint64 timeout_usec)
{
  self->drain =
      hr_drain_new (generation_clock (self), self->instance, self->plan->listeners, busy, timeout_usec, drained, self);
}

/**
 * hr_generation_retire:
 * @self: a generation whose successor serves
 *
 * It accepts nothing any more; when it has finished what it had accepted, or after DrainTimeout, it is stopped. What
 * cannot be held to accepting nothing is told to stop at once and has DrainTimeout for it. Once; hr_generation_stop()
 * cuts it short.
 */
void
hr_generation_retire (HrGeneration *self)
{
  g_return_if_fail (HR_IS_GENERATION (self));

  if (!self->alive || self->stopping)
    return;
  begin_stopping (self);
  if (hr_instance_retire (self->instance))
    begin_drain (self, FALSE, self->plan->spec->drain_timeout);
  else
    hr_generation_stop (self, self->plan->spec->drain_timeout);
}

/**
 * hr_generation_hand_over:
 * @self: a generation for whose end somebody waits
 * @timeout_usec: from now to SIGKILL
 *
 * It accepts nothing any more and gets a moment (%HR_HANDOVER_FINISH_USEC) to answer what is under way, so that a
 * program that ends at once when it is told to stop drops no request; then it is stopped. New connections wait
 * meanwhile, which is why idle ones are not waited for.
 */
void
hr_generation_hand_over (HrGeneration *self, gint64 timeout_usec)
{
  g_return_if_fail (HR_IS_GENERATION (self));

  if (!self->alive || self->stopping || timeout_usec <= HR_HANDOVER_FINISH_USEC || !hr_instance_retire (self->instance))
    {
      hr_generation_stop (self, timeout_usec);
      return;
    }
  begin_stopping (self);
  begin_drain (self, TRUE, HR_HANDOVER_FINISH_USEC);
  arm_kill (self, timeout_usec);
}

/**
 * hr_generation_stop:
 * @self: a generation
 * @timeout_usec: after this, SIGKILL to all of it
 *
 * Sends StopSignal, once. A later call can only shorten the time.
 */
void
hr_generation_stop (HrGeneration *self, gint64 timeout_usec)
{
  g_return_if_fail (HR_IS_GENERATION (self));

  if (!self->alive || self->killed)
    return;
  begin_stopping (self);
  g_clear_pointer (&self->drain, hr_drain_free);
  if (!self->signalled)
    {
      self->signalled = TRUE;
      hr_instance_stop (self->instance, self->plan->spec->stop_signal);
    }
  arm_kill (self, timeout_usec);
}

/**
 * hr_generation_kill:
 * @self: a generation
 *
 * SIGKILL to all of it, now.
 */
void
hr_generation_kill (HrGeneration *self)
{
  g_return_if_fail (HR_IS_GENERATION (self));

  hr_clock_cancel (generation_clock (self), &self->stop_timer);
  if (!self->alive)
    return;
  g_clear_pointer (&self->drain, hr_drain_free);
  self->stopping = TRUE;
  self->killed = TRUE;
  hr_instance_kill (self->instance);
}

/**
 * hr_generation_give_up:
 * @self: a generation that did not become ready within StartTimeout
 *
 * SIGKILL to all of it, now; what is said of its end names what was waited for.
 */
void
hr_generation_give_up (HrGeneration *self)
{
  g_autofree char *wait = NULL;

  g_return_if_fail (HR_IS_GENERATION (self));

  if (!self->alive || self->killed)
    return;
  wait = hr_readiness_describe (self->readiness);
  self->launch_error =
      g_error_new (HR_ERROR, HR_ERROR_TIMED_OUT, "it did not become ready within StartTimeout: %s", wait);
  hr_generation_kill (self);
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
  become_ready (self);
}

/**
 * hr_generation_get_id:
 * @self: a generation
 *
 * Returns: (transfer none): HOTRELOAD_INSTANCE
 */
const char *
hr_generation_get_id (HrGeneration *self)
{
  return self->id;
}

/**
 * hr_generation_get_spec:
 * @self: a generation
 *
 * Returns: (transfer none): what it was started by, which may no longer be the service's newest
 */
HrServiceSpec *
hr_generation_get_spec (HrGeneration *self)
{
  return self->plan->spec;
}

/**
 * hr_generation_get_release:
 * @self: a generation
 *
 * Returns: its release, 0 without source
 */
guint64
hr_generation_get_release (HrGeneration *self)
{
  return self->plan->release;
}

/**
 * hr_generation_get_slot:
 * @self: a generation
 *
 * Returns: where its files are
 */
HrSlot
hr_generation_get_slot (HrGeneration *self)
{
  return self->plan->slot;
}

/**
 * hr_generation_get_log_file:
 * @self: a generation
 *
 * Returns: (transfer none) (nullable): the file with its output; %NULL before its start and for a transient service
 */
const char *
hr_generation_get_log_file (HrGeneration *self)
{
  return self->log_file;
}

/**
 * hr_generation_get_view:
 * @self: a generation
 *
 * Returns: (transfer none) (nullable): how it sees them
 */
HrView *
hr_generation_get_view (HrGeneration *self)
{
  return self->plan->view;
}

/**
 * hr_generation_get_pid:
 * @self: a generation
 *
 * Returns: the main process's PID, 0 before the start and after the end
 */
GPid
hr_generation_get_pid (HrGeneration *self)
{
  return self->alive ? hr_instance_get_pid (self->instance) : 0;
}

/**
 * hr_generation_is_alive:
 * @self: a generation
 *
 * Returns: whether its main process runs
 */
gboolean
hr_generation_is_alive (HrGeneration *self)
{
  return self->alive;
}

/**
 * hr_generation_is_ready:
 * @self: a generation
 *
 * Returns: whether it ever became ready
 */
gboolean
hr_generation_is_ready (HrGeneration *self)
{
  return self->ready;
}

/**
 * hr_generation_is_serving:
 * @self: a generation
 *
 * Returns: whether it is alive, ready and not told to stop: what downtime is counted by
 */
gboolean
hr_generation_is_serving (HrGeneration *self)
{
  return self->alive && self->ready && !self->stopping;
}

/**
 * hr_generation_is_stopping:
 * @self: a generation
 *
 * Returns: whether it was told to stop, or to accept nothing any more
 */
gboolean
hr_generation_is_stopping (HrGeneration *self)
{
  return self->stopping;
}

/**
 * hr_generation_was_killed:
 * @self: a generation
 *
 * Returns: whether SIGKILL was sent
 */
gboolean
hr_generation_was_killed (HrGeneration *self)
{
  return self->killed;
}

/**
 * hr_generation_has_opened_state:
 * @self: a generation
 *
 * Returns: whether it opened HOTRELOAD_STATE_IN, as far as that can be seen
 */
gboolean
hr_generation_has_opened_state (HrGeneration *self)
{
  return self->opened_state;
}

/**
 * hr_generation_can_wait:
 * @self: a started generation
 *
 * Returns: whether its open of HOTRELOAD_STATE_IN waits and is seen
 */
gboolean
hr_generation_can_wait (HrGeneration *self)
{
  return self->offer != NULL && hr_state_offer_is_barrier (self->offer);
}

/**
 * hr_generation_may_accept:
 * @self: a generation
 *
 * Returns: whether it may still accept a new connection from one of the service's listeners
 */
gboolean
hr_generation_may_accept (HrGeneration *self)
{
  return self->alive && hr_instance_may_accept (self->instance, self->plan->listeners);
}

/**
 * hr_generation_has_notified:
 * @self: a generation
 *
 * Returns: whether it said READY=1
 */
gboolean
hr_generation_has_notified (HrGeneration *self)
{
  return self->notified;
}

/**
 * hr_generation_get_started_at:
 * @self: a generation
 *
 * Returns: when its process was made, on the platform's clock
 */
gint64
hr_generation_get_started_at (HrGeneration *self)
{
  return self->started_at;
}

/**
 * hr_generation_ended_well:
 * @self: a generation that has ended
 *
 * Returns: whether it exited with 0, a status of SuccessExitStatus, or by the StopSignal it was sent
 */
gboolean
hr_generation_ended_well (HrGeneration *self)
{
  if (self->alive || !self->status_known)
    return !self->alive && (self->said_stopping && !self->killed);
  if (self->killed)
    return FALSE;
  if (WIFSIGNALED (self->wait_status))
    return self->stopping && WTERMSIG (self->wait_status) == self->plan->spec->stop_signal;
  if (WEXITSTATUS (self->wait_status) == 0)
    return TRUE;
  for (guint i = 0; i < self->plan->spec->success_exit_status->len; i++)
    if (g_array_index (self->plan->spec->success_exit_status, int, i) == WEXITSTATUS (self->wait_status))
      return TRUE;
  return FALSE;
}

/**
 * hr_generation_describe_end:
 * @self: a generation that has ended
 *
 * Returns: (transfer full): for people: "it exited with status 1"
 */
char *
hr_generation_describe_end (HrGeneration *self)
{
  const GError *start_error = self->launch_error != NULL ? self->launch_error : hr_generation_get_start_error (self);

  if (start_error != NULL)
    return g_strdup (start_error->message);
  if (!self->status_known)
    return g_strdup ("it ended with an unknown status");
  if (WIFSIGNALED (self->wait_status))
    return g_strdup_printf ("it was ended by signal %d (%s)%s", WTERMSIG (self->wait_status),
                            g_strsignal (WTERMSIG (self->wait_status)),
                            self->killed ? " because it did not stop in time" : "");
  return g_strdup_printf ("it exited with status %d", WEXITSTATUS (self->wait_status));
}

/**
 * hr_generation_describe_wait:
 * @self: a generation that did not become ready
 *
 * Returns: (transfer full): for people: "it did not listen on tcp:127.0.0.1:8080"
 */
char *
hr_generation_describe_wait (HrGeneration *self)
{
  return hr_readiness_describe (self->readiness);
}

/**
 * hr_generation_last_words:
 * @self: a generation that failed
 *
 * Returns: (transfer full): a newline and the last lines of its output, "" where there are none
 */
char *
hr_generation_last_words (HrGeneration *self)
{
  g_autofree char *lines = NULL;

  if (self->log_file != NULL && hr_generation_get_start_error (self) == NULL)
    lines = hr_fs_read_last_lines (self->log_file, HR_LAST_WORDS_SIZE, HR_LAST_WORDS_LINES);
  return lines != NULL ? g_strconcat ("\n", lines, NULL) : g_strdup ("");
}

/**
 * hr_generation_get_start_error:
 * @self: a generation
 *
 * Returns: (transfer none) (nullable): why its program could not be executed
 */
const GError *
hr_generation_get_start_error (HrGeneration *self)
{
  return self->instance != NULL ? hr_instance_get_start_error (self->instance) : NULL;
}

/**
 * hr_generation_get_status_text:
 * @self: a generation
 *
 * Returns: (transfer none) (nullable): its last STATUS=
 */
const char *
hr_generation_get_status_text (HrGeneration *self)
{
  return self->status_text;
}

/**
 * hr_generation_dup_environment:
 * @self: a started generation
 *
 * Returns: (transfer full): what it was started with, for what runs beside it (probes)
 */
char **
hr_generation_dup_environment (HrGeneration *self)
{
  return g_environ_setenv (g_strdupv (self->environment), HR_ENV_INSTANCE, self->id, TRUE);
}
