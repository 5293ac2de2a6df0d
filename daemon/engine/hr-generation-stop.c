/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How an instance ends: it finishes what it has, is told to stop, is killed.
 */
#include <signal.h>

#include "hr-error.h"
#include "hr-generation-private.h"
#include "hr-log.h"

static void
kill_timed_out (gpointer user_data)
{
  HrGeneration *self = user_data;

  self->stop_timer = 0;
  hr_generation_end_stuck (self);
}

static void
stop_timed_out (gpointer user_data)
{
  HrGeneration *self = user_data;
  gint64 extension = hr_generation_get_extension (self);

  self->stop_timer = 0;
  if (extension > 0)
    {
      self->kill_at = hr_clock_now (hr_generation_clock (self)) + extension;
      self->stop_timer = hr_clock_after (hr_generation_clock (self), extension, stop_timed_out, self);
      return;
    }
  hr_generation_kill (self);
}

/* A later call can only shorten the time. */
static void
arm_kill (HrGeneration *self, gint64 timeout_usec)
{
  gint64 now = hr_clock_now (hr_generation_clock (self));
  gint64 kill_at = now + timeout_usec;

  if (self->kill_by != 0)
    kill_at = MIN (kill_at, MAX (self->kill_by, now));
  if (self->stop_timer != 0 && self->kill_at <= kill_at)
    return;
  self->kill_at = kill_at;
  hr_clock_cancel (hr_generation_clock (self), &self->stop_timer);
  self->stop_timer = hr_clock_after (hr_generation_clock (self), kill_at - now, stop_timed_out, self);
}

/* Written down at once when it is done. Where that fails, or the daemon dies between both, the next one does it again: a
 * program that is told twice may take that for impatience, but one that is not told at all loses its state for sure. */
static void
send_stop_signal (HrGeneration *self)
{
  g_autoptr (GError) error = NULL;

  self->signalled = TRUE;
  hr_instance_stop (self->instance, self->plan->spec->stop_signal);
  if (!hr_run_state_set_signalled (hr_platform_get_run_state (self->platform), self->plan->spec->name, self->id,
                                   self->kill_at, &error))
    hr_log_warning (self->plan->spec->name, "%s", error->message);
}

static void
begin_stopping (HrGeneration *self)
{
  if (self->stopping)
    return;
  self->stopping = TRUE;
  self->reloading = FALSE;
  hr_generation_begin_state (self);
  hr_clock_cancel (hr_generation_clock (self), &self->reload_timer);
  hr_clock_cancel (hr_generation_clock (self), &self->open_timer);
  hr_readiness_suspend (self->readiness);
  /* It cannot act on a signal while it waits in the open. */
  if (self->opened_state && !self->state_given)
    hr_generation_give_state (self, NULL, NULL);
}

/* Whatever is armed for later: what comes now takes its place. */
static void
forget_drain (HrGeneration *self)
{
  self->retirement++;
  self->hands_on = FALSE;
  hr_clock_cancel (hr_generation_clock (self), &self->linger_timer);
  g_clear_pointer (&self->drain, hr_drain_free);
}

/* Of connections that are open only these have lost an answer; the others were kept for a next request, as far as the
 * kernel can tell. */
static void
count_busy (HrGeneration *self, int connections)
{
  if (connections <= 0)
    return;
  self->plan->tally->busy += (guint)connections;
  hr_log_info (self->plan->spec->name,
               "release %" G_GUINT64_FORMAT " is told to stop while something is under way on %d of its connections",
               self->plan->release, connections);
  hr_generation_emit_status (self);
}

static void
busy_ones_counted (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrGeneration) self = user_data;

  count_busy (self, hr_instance_count_connections_finish (self->instance, result, NULL));
}

static void
finished (gpointer user_data)
{
  HrGeneration *self = user_data;

  if (self->cut)
    count_busy (self, hr_drain_count_open (self->drain));
  self->cut = FALSE;
  hr_generation_stop (self, self->plan->spec->stop_timeout);
}

static void
begin_finish (HrGeneration *self)
{
  forget_drain (self);
  self->drain = hr_drain_new (hr_generation_clock (self), self->instance, self->plan->listeners, TRUE,
                              HR_HANDOVER_FINISH_USEC, finished, self);
}

static void
count_cut (HrGeneration *self, int connections)
{
  if (connections <= 0)
    return;
  self->plan->tally->n_cut++;
  self->plan->tally->connections += (guint)connections;
  hr_log_info (self->plan->spec->name,
               "the drain of release %" G_GUINT64_FORMAT " ends with %d of its connections open", self->plan->release,
               connections);
  hr_generation_emit_status (self);
}

static void
open_ones_counted (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrGeneration) self = user_data;

  count_cut (self, hr_instance_count_connections_finish (self->instance, result, NULL));
}

/* Its connections have no more time: those that are open end, with what is under way on them, but for what is answered in
 * the moment that it has yet. */
static void
end_drain (HrGeneration *self)
{
  int n_open = self->drain != NULL ? hr_drain_count_open (self->drain) : -1;

  if (!self->drains || self->plan->tally == NULL)
    return;
  self->drains = FALSE;
  self->cut = TRUE;
  if (n_open >= 0)
    count_cut (self, n_open);
  else
    hr_instance_count_connections_async (self->instance, self->plan->listeners, FALSE, open_ones_counted,
                                         g_object_ref (self));
}

/* Either it has no connection any more, or time is up: what is under way even then is answered. */
static void
drained (gpointer user_data)
{
  end_drain (user_data);
  begin_finish (user_data);
}

static void linger (gpointer user_data);

static void
looked_before_retiring (GObject *source, GAsyncResult *result, gpointer user_data)
{
  HrGeneration *self = HR_GENERATION (source);
  HrClock *clock = hr_generation_clock (self);
  gint64 left = MAX (self->retire_by - hr_clock_now (clock), 0);
  gboolean held;

  if (GPOINTER_TO_UINT (user_data) != self->retirement || !self->alive || self->killed)
    return;
  held = hr_instance_retire (self->instance);
  if (!held && self->hands_on)
    {
      /* It would go on accepting, should it wake up, and perhaps has something to finish. */
      self->hands_on = FALSE;
      self->cannot_be_held = TRUE;
      linger (self);
    }
  else if (!held)
    {
      /* For what it has it has this time. */
      self->drains = FALSE;
      hr_generation_stop (self, left);
    }
  else if (self->retires_briefly)
    begin_finish (self);
  else
    self->drain = hr_drain_new (clock, self->instance, self->plan->listeners, FALSE, left, drained, self);
}

/* Whether it can be held to that is known when it was looked at. */
static void
accept_no_more (HrGeneration *self, gint64 timeout_usec, gboolean briefly)
{
  forget_drain (self);
  self->retire_by = hr_clock_now (hr_generation_clock (self)) + timeout_usec;
  self->retires_briefly = briefly;
  hr_generation_look_async (self, looked_before_retiring, GUINT_TO_POINTER (self->retirement));
}

static void
set_stranded (HrGeneration *self, guint n)
{
  gboolean begins = self->n_stranded == 0;
  g_autofree char *text = NULL;

  if (self->n_stranded == n)
    return;
  self->n_stranded = n;
  text = begins ? hr_generation_describe_stranded (self) : NULL;
  if (text != NULL)
    hr_log_warning (self->plan->spec->name, "%s", text);
  hr_generation_emit_status (self);
}

/* Whether it accepts nothing of what waits in its sockets. Nothing new comes, so that their number falls while it does. */
static gboolean
hangs (HrGeneration *self, int waiting, gint64 now)
{
  if (waiting <= 0 || waiting < self->n_waiting)
    self->moved_at = now;
  self->n_waiting = waiting;
  return waiting > 0 && now - self->moved_at >= HR_LINGER_STALL_USEC;
}

static void
linger (gpointer user_data)
{
  HrGeneration *self = user_data;
  gint64 now = hr_clock_now (hr_generation_clock (self));
  int waiting = hr_listeners_count_waiting (self->plan->listeners, self->id);
  gboolean stalled = hangs (self, waiting, now);
  gboolean hands_on = stalled && !self->cannot_be_held && hr_listeners_can_hand_on (self->plan->listeners, self->id);

  self->linger_timer = 0;
  if (hands_on)
    hr_log_info (self->plan->spec->name,
                 "PID %d of release %" G_GUINT64_FORMAT " does not accept the %d connections that wait in its sockets; "
                 "handing them on",
                 (int)hr_generation_get_pid (self), self->plan->release, waiting);
  set_stranded (self, stalled && !hands_on ? (guint)waiting : 0);
  if (hands_on || now >= self->linger_until || (now >= self->linger_from + HR_LINGER_USEC && waiting <= 0))
    {
      accept_no_more (self, MAX (self->linger_until - now, 0), FALSE);
      self->hands_on = hands_on;
    }
  else
    self->linger_timer = hr_clock_after (hr_generation_clock (self), HR_LINGER_STEP_USEC, linger, self);
}

/**
 * hr_generation_retire:
 * @self: a generation whose successor serves
 *
 * It accepts nothing any more; when it has finished what it had accepted, or after DrainTimeout and a moment more for
 * what is under way even then (%HR_HANDOVER_FINISH_USEC), it is stopped. What cannot be held to accepting nothing is
 * told to stop at once and has DrainTimeout for it. Once; hr_generation_stop() cuts it short.
 *
 * From sockets that are its alone, to which no new connection goes, it goes on accepting for %HR_LINGER_USEC, as
 * handshakes may be under way, and until nothing waits in them, for DrainTimeout at most. When it accepts nothing of what
 * waits for %HR_LINGER_STALL_USEC, and others can be given it, they are.
 */
void
hr_generation_retire (HrGeneration *self)
{
  g_return_if_fail (HR_IS_GENERATION (self));

  if (!self->alive || self->stopping)
    return;
  if (self->signalled)
    {
      /* By an earlier daemon. */
      hr_generation_stop (self, self->plan->spec->stop_timeout);
      return;
    }
  begin_stopping (self);
  self->drains = TRUE;
  if (hr_listeners_count_waiting (self->plan->listeners, self->id) < 0)
    {
      accept_no_more (self, self->plan->spec->drain_timeout, FALSE);
      return;
    }
  self->linger_from = self->moved_at = hr_clock_now (hr_generation_clock (self));
  self->linger_until = self->linger_from + MAX (self->plan->spec->drain_timeout, HR_LINGER_USEC);
  self->linger_timer = hr_clock_after (hr_generation_clock (self), HR_LINGER_STEP_USEC, linger, self);
}

/**
 * hr_generation_hand_over:
 * @self: a generation for whose end somebody waits
 * @timeout_usec: from now to SIGKILL
 *
 * It accepts nothing any more and gets a moment (%HR_HANDOVER_FINISH_USEC) to answer what is under way, so that a
 * program that ends at once when it is told to stop drops no request; then it is stopped. New connections wait
 * meanwhile, which is why idle ones are not waited for. Of one that drains already, this cuts the drain short.
 */
void
hr_generation_hand_over (HrGeneration *self, gint64 timeout_usec)
{
  g_return_if_fail (HR_IS_GENERATION (self));

  if (!self->alive || self->signalled || self->killed || timeout_usec <= HR_HANDOVER_FINISH_USEC)
    {
      hr_generation_stop (self, timeout_usec);
      return;
    }
  begin_stopping (self);
  end_drain (self);
  if (self->drain != NULL)
    begin_finish (self);
  else
    accept_no_more (self, timeout_usec, TRUE);
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
  end_drain (self);
  forget_drain (self);
  if (self->cut)
    {
      self->cut = FALSE;
      hr_instance_count_connections_async (self->instance, self->plan->listeners, TRUE, busy_ones_counted,
                                           g_object_ref (self));
    }
  arm_kill (self, timeout_usec);
  if (!self->signalled)
    send_stop_signal (self);
}

/**
 * hr_generation_expect_end:
 * @self: a generation that says that it ends by itself
 *
 * Within StopTimeout, as if it had been told to; one that was has its own time already.
 */
void
hr_generation_expect_end (HrGeneration *self)
{
  if (!self->alive || self->stopping)
    return;
  hr_generation_begin_state (self);
  arm_kill (self, self->plan->spec->stop_timeout);
}

/**
 * hr_generation_kill:
 * @self: a generation
 *
 * SIGKILL to all of it, now. What does not end even then counts as ended after %HR_KILL_WAIT_USEC, see
 * hr_generation_get_stuck().
 */
void
hr_generation_kill (HrGeneration *self)
{
  g_return_if_fail (HR_IS_GENERATION (self));

  if (!self->alive)
    return;
  forget_drain (self);
  self->stopping = TRUE;
  hr_instance_kill (self->instance);
  if (self->killed)
    return;
  self->killed = TRUE;
  hr_clock_cancel (hr_generation_clock (self), &self->stop_timer);
  self->stop_timer = hr_clock_after (hr_generation_clock (self), HR_KILL_WAIT_USEC, kill_timed_out, self);
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
 * hr_generation_abort:
 * @self: a generation that hangs
 * @why: what is said of its end
 *
 * SIGABRT, by which it may leave a trace of where it hangs, and after StopTimeout SIGKILL to all of it. For everybody
 * else it ends by itself.
 */
void
hr_generation_abort (HrGeneration *self, const char *why)
{
  g_return_if_fail (HR_IS_GENERATION (self));

  if (!self->alive || self->stopping || self->launch_error != NULL)
    return;
  self->launch_error = g_error_new_literal (HR_ERROR, HR_ERROR_NOT_HEALTHY, why);
  hr_instance_stop (self->instance, SIGABRT);
  arm_kill (self, self->plan->spec->stop_timeout);
}
