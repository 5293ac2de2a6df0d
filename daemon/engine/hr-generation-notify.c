/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a program says of itself at $NOTIFY_SOCKET, see sd_notify(3). What is not known here is passed over.
 *
 * By EXTEND_TIMEOUT_USEC it asks to be waited for: in the state that it is in, and from now on. Whoever has a deadline
 * asks hr_generation_get_extension() when that has passed.
 */
#include <string.h>

#include "hr-generation-private.h"
#include "hr-log.h"
#include "hr-store-words.h"
#include "hr-words.h"

/* The largest errno of Linux. */
#define ERRNO_MAX 4095

/* "KEY=123": the number, up to @most. */
static gboolean
take_number (const char *line, const char *key, guint64 most, guint64 *number)
{
  return g_str_has_prefix (line, key) && g_ascii_string_to_unsigned (line + strlen (key), 10, 0, most, number, NULL);
}

static void
set_status_text (HrGeneration *self, const char *text)
{
  g_autofree char *cut = g_strndup (text, HR_STATUS_TEXT_MAX);

  g_free (self->status_text);
  self->status_text = g_utf8_make_valid (cut, -1);
  hr_generation_emit_status (self);
}

/**
 * hr_generation_begin_state:
 * @self: a generation that begins to start, reload itself or end, or is done with that
 *
 * What it asked for before was for another state.
 */
void
hr_generation_begin_state (HrGeneration *self)
{
  self->state_since = hr_clock_now (hr_generation_clock (self));
  self->extended_until = 0;
}

static gboolean
has_deadline (HrGeneration *self)
{
  return !self->ready || self->stopping || self->said_stopping || self->reloading;
}

static void
extend (HrGeneration *self, gint64 usec)
{
  gint64 until = hr_clock_now (hr_generation_clock (self)) + usec;

  if (has_deadline (self))
    self->extended_until = MIN (MAX (self->extended_until, until), self->state_since + HR_EXTEND_MAX_USEC);
  hr_generation_emit_watchdog_due (self, usec, TRUE);
}

/**
 * hr_generation_get_extension:
 * @self: a generation, of which a deadline has passed
 *
 * A program that works on and says so by EXTEND_TIMEOUT_USEC is waited for, %HR_EXTEND_MAX_USEC in all.
 *
 * Returns: how much longer it asked for in the state that it is in, in microseconds, 0: no longer
 */
gint64
hr_generation_get_extension (HrGeneration *self)
{
  g_return_val_if_fail (HR_IS_GENERATION (self), 0);

  if (!self->alive || self->killed || !has_deadline (self))
    return 0;
  return MAX (self->extended_until - hr_clock_now (hr_generation_clock (self)), 0);
}

static void
end_reloading (HrGeneration *self)
{
  if (!self->reloading)
    return;
  self->reloading = FALSE;
  hr_clock_cancel (hr_generation_clock (self), &self->reload_timer);
  hr_generation_begin_state (self);
}

/* It serves all the same: what it did was its own. */
static void
reload_timed_out (gpointer user_data)
{
  HrGeneration *self = user_data;
  gint64 extension = hr_generation_get_extension (self);

  self->reload_timer = 0;
  if (extension > 0)
    {
      self->reload_timer = hr_clock_after (hr_generation_clock (self), extension, reload_timed_out, self);
      return;
    }
  hr_log_warning (self->plan->spec->name,
                  "PID %d said RELOADING=1 and did not say READY=1 within StartTimeout; it counts as running",
                  (int)hr_generation_get_pid (self));
  end_reloading (self);
  hr_generation_emit_status (self);
}

/* @began: MONOTONIC_USEC, 0: it did not say. One that began before it was last ready is over: another process of it may
 * have been slow to say so. */
static void
begin_reloading (HrGeneration *self, gint64 began)
{
  if (!self->ready || self->stopping || self->said_stopping || (began != 0 && began < self->said_ready_at))
    return;
  self->reloading = TRUE;
  hr_generation_begin_state (self);
  hr_clock_cancel (hr_generation_clock (self), &self->reload_timer);
  self->reload_timer =
      hr_clock_after (hr_generation_clock (self), self->plan->spec->start_timeout, reload_timed_out, self);
  hr_generation_emit_status (self);
}

static void
say_ready (HrGeneration *self)
{
  self->notified = TRUE;
  self->said_ready_at = hr_clock_now (hr_generation_clock (self));
  end_reloading (self);
  hr_generation_emit_status (self);
  if (hr_readiness_accepts (self->readiness, HR_SIGN_NOTIFIED))
    hr_generation_become_ready (self);
}

static void
say_stopping (HrGeneration *self)
{
  if (self->said_stopping)
    return;
  self->said_stopping = TRUE;
  end_reloading (self);
  hr_generation_expect_end (self);
  hr_generation_emit_status (self);
}

static void
report (HrGeneration *self, gboolean well)
{
  self->reported_at = well ? hr_clock_now (hr_generation_clock (self)) : 0;
  hr_generation_emit_watchdog (self, well);
}

static void
set_watchdog_interval (HrGeneration *self, gint64 usec)
{
  self->watchdog_interval = usec;
  hr_generation_emit_watchdog_due (self, usec, FALSE);
}

static gint64
find_began (char **assignments)
{
  guint64 usec = 0;

  for (guint i = 0; assignments[i] != NULL; i++)
    if (take_number (assignments[i], "MONOTONIC_USEC=", G_MAXINT64, &usec))
      break;
  return (gint64)usec;
}

/* What is to be believed of MAINPID, the instance decides. */
static void
look_at_main (HrGeneration *self)
{
  GPid pid = hr_instance_get_pid (self->instance);

  if (!self->alive || pid == self->main_pid)
    return;
  self->main_pid = pid;
  hr_generation_emit_main_changed (self);
}

static void
store (HrGeneration *self, const HrStoreWords *words, HrSentFds *sent)
{
  HrFdStore *stored = self->plan->stored;
  HrFdStoreResult result = HR_FD_STORE_TAKEN;

  for (gsize i = 0; i < sent->n && result < HR_FD_STORE_FULL; i++)
    if (sent->fds[i] >= 0)
      result = hr_fd_store_add (stored, &sent->fds[i], words->name, words->polls);
  if (result == HR_FD_STORE_FULL && !self->store_full)
    hr_log_warning (self->plan->spec->name,
                    "PID %d wants to store more descriptors than FileDescriptorStoreMax=%u; the others are closed",
                    (int)hr_generation_get_pid (self), hr_fd_store_get_max (stored));
  else if (result == HR_FD_STORE_BUSY)
    hr_log_warning (
        self->plan->spec->name,
        "PID %d stores descriptors while too many of its earlier ones hang in being closed; they are closed",
        (int)hr_generation_get_pid (self));
  /* Who goes on all the same is told once. */
  self->store_full = result == HR_FD_STORE_FULL;
}

/* As systemd does it: a message that removes and stores does it in this order. */
static void
take_descriptors (HrGeneration *self, char **assignments, HrSentFds *sent)
{
  const HrStoreWords words = hr_store_words_read ((const char *const *)assignments);
  HrFdStore *stored = self->plan->stored;

  if (stored == NULL || hr_fd_store_get_max (stored) == 0)
    return;
  if (words.refused != NULL && (words.stores || words.removes))
    {
      g_autofree char *quoted = hr_words_quote (words.refused);

      hr_log_warning (self->plan->spec->name, "FDNAME=%s is no name of a descriptor, ignoring", quoted);
    }
  if (words.removes)
    hr_fd_store_remove (stored, words.name);
  if (words.stores && sent != NULL && sent->n > 0)
    store (self, &words, sent);
}

/**
 * hr_generation_take_words:
 * @self: a generation
 * @assignments: a message: "READY=1", …
 * @sent: (nullable) (inout): what came along; what is stored is taken out of it
 */
void
hr_generation_take_words (HrGeneration *self, char **assignments, HrSentFds *sent)
{
  look_at_main (self);
  take_descriptors (self, assignments, sent);
  for (guint i = 0; assignments[i] != NULL; i++)
    {
      const char *line = assignments[i];
      guint64 number;

      if (g_str_equal (line, "READY=1"))
        say_ready (self);
      else if (g_str_equal (line, "RELOADING=1"))
        begin_reloading (self, find_began (assignments));
      else if (g_str_equal (line, "STOPPING=1"))
        say_stopping (self);
      else if (g_str_equal (line, "WATCHDOG=1"))
        report (self, TRUE);
      else if (g_str_equal (line, "WATCHDOG=trigger"))
        report (self, FALSE);
      else if (g_str_has_prefix (line, "STATUS="))
        set_status_text (self, line + strlen ("STATUS="));
      else if (take_number (line, "ERRNO=", ERRNO_MAX, &number))
        self->said_errno = (int)number;
      else if (take_number (line, "EXTEND_TIMEOUT_USEC=", G_MAXINT64, &number))
        extend (self, MIN ((gint64)number, HR_EXTEND_MAX_USEC));
      else if (take_number (line, "WATCHDOG_USEC=", HR_WATCHDOG_MAX_USEC, &number) && number >= HR_WATCHDOG_MIN_USEC)
        set_watchdog_interval (self, (gint64)number);
    }
}

/**
 * hr_generation_is_reloading_itself:
 * @self: a generation
 *
 * Returns: whether it said RELOADING=1, and not READY=1 since
 */
gboolean
hr_generation_is_reloading_itself (HrGeneration *self)
{
  return self->alive && self->reloading;
}

/**
 * hr_generation_says_stopping:
 * @self: a generation
 *
 * Returns: whether it said STOPPING=1
 */
gboolean
hr_generation_says_stopping (HrGeneration *self)
{
  return self->said_stopping;
}

/**
 * hr_generation_get_watchdog_interval:
 * @self: a generation whose probe is a watchdog
 *
 * Returns: how long it may be silent, in microseconds: Interval, unless it asked for another by WATCHDOG_USEC
 */
gint64
hr_generation_get_watchdog_interval (HrGeneration *self)
{
  return self->watchdog_interval != 0 ? self->watchdog_interval : self->plan->spec->probe_interval;
}
