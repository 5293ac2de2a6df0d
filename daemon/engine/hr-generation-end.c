/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How an instance ended, and what is said of that.
 */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "hr-error.h"
#include "hr-fs.h"
#include "hr-generation-private.h"
#include "hr-log.h"

/**
 * hr_generation_note_end:
 * @self: a generation whose main process has ended
 *
 * Keeps when that was, where it is not known yet.
 */
void
hr_generation_note_end (HrGeneration *self)
{
  if (self->ended_at != 0)
    return;
  self->ended_at = hr_clock_now (hr_generation_clock (self));
  self->ended_real = hr_clock_real (hr_generation_clock (self));
}

/**
 * hr_generation_see_end:
 * @self: a generation whose main process has ended, and of which something may be left
 *
 * Emits "ended". It serves no more; all that follows waits for "exited".
 */
void
hr_generation_see_end (HrGeneration *self)
{
  g_autoptr (HrGeneration) guard = g_object_ref (self);

  hr_generation_note_end (self);
  g_signal_emit_by_name (self, "ended");
}

/**
 * hr_generation_get_ended_at:
 * @self: a generation
 *
 * Returns: when its main process was seen to have ended, on the platform's clock; 0: it has not
 */
gint64
hr_generation_get_ended_at (HrGeneration *self)
{
  g_return_val_if_fail (HR_IS_GENERATION (self), 0);
  return self->ended_at;
}

static void
stuck_exited (HrInstance *instance, int wait_status, gboolean known, HrGeneration *self)
{
  g_autoptr (HrGeneration) guard = g_object_ref (self);

  hr_log_info (self->plan->spec->name, "PID %d, which did not end when it was killed, has ended",
               (int)hr_instance_get_pid (instance));
  g_signal_handlers_disconnect_by_func (instance, stuck_exited, self);
  hr_generation_emit_gone (self);
}

/**
 * hr_generation_end_stuck:
 * @self: a generation that was killed and has not ended
 *
 * It counts as ended from now on. Its process is watched until it has, which is told; until then it keeps the generation.
 */
void
hr_generation_end_stuck (HrGeneration *self)
{
  const char *service = self->plan->spec->name;
  g_autofree char *held = hr_instance_abandon (self->instance);

  self->stuck =
      g_strdup_printf ("PID %d does not end, although it was killed %d s ago: %s",
                       (int)hr_instance_get_pid (self->instance), (int)(HR_KILL_WAIT_USEC / G_USEC_PER_SEC), held);
  hr_log_warning (service, "release %" G_GUINT64_FORMAT ": %s; nothing waits for it any more", self->plan->release,
                  self->stuck);
  g_signal_handlers_disconnect_by_data (self->instance, self);
  g_signal_connect_data (self->instance, "exited", G_CALLBACK (stuck_exited), g_object_ref (self),
                         (GClosureNotify)(GCallback)g_object_unref, G_CONNECT_DEFAULT);
  hr_generation_end (self, -1, FALSE);
}

/**
 * hr_generation_get_stuck:
 * @self: a generation that has ended
 *
 * Returns: (nullable): for people: that its process is there still, and what holds it; %NULL: it is not
 */
const char *
hr_generation_get_stuck (HrGeneration *self)
{
  g_return_val_if_fail (HR_IS_GENERATION (self), NULL);
  return self->stuck;
}

static gboolean
contains (const GArray *numbers, int number)
{
  for (guint i = 0; i < numbers->len; i++)
    if (g_array_index (numbers, int, i) == number)
      return TRUE;
  return FALSE;
}

/* As systemd has it: a program that has no handler for a signal that asks it to end does what it is asked. One that
 * leaves a core does not. */
static gboolean
is_clean_signal (HrGeneration *self)
{
  int number = WTERMSIG (self->wait_status);

  if (WCOREDUMP (self->wait_status))
    return FALSE;
  return number == SIGHUP || number == SIGINT || number == SIGTERM || number == SIGPIPE
         || contains (self->plan->spec->success_exit_signals, number);
}

/**
 * hr_generation_ended_well:
 * @self: a generation that has ended
 *
 * Returns: whether it exited with 0, by SIGHUP, SIGINT, SIGTERM or SIGPIPE, with a status or by a signal of
 *   SuccessExitStatus, or by StopSignal when it was told to stop or had said STOPPING=1. Where nobody knows how it ended:
 *   whether it was told to, or said that it would
 */
gboolean
hr_generation_ended_well (HrGeneration *self)
{
  if (self->alive || !self->status_known)
    return !self->alive && (self->said_stopping || self->signalled) && !self->killed;
  /* What hung has failed, however it went. */
  if (self->killed || self->launch_error != NULL)
    return FALSE;
  if (WIFSIGNALED (self->wait_status))
    return is_clean_signal (self)
           || ((self->stopping || self->said_stopping)
               && WTERMSIG (self->wait_status) == self->plan->spec->stop_signal);
  return WEXITSTATUS (self->wait_status) == 0
         || contains (self->plan->spec->success_exit_status, WEXITSTATUS (self->wait_status));
}

/**
 * hr_generation_was_refused:
 * @self: a generation that has ended, or could not be started
 *
 * Returns: whether it was not started because what its file asks for cannot be had here; the next one would not either
 */
gboolean
hr_generation_was_refused (HrGeneration *self)
{
  g_return_val_if_fail (HR_IS_GENERATION (self), FALSE);
  return self->instance == NULL && g_error_matches (self->launch_error, HR_ERROR, HR_ERROR_NOT_SUPPORTED);
}

/* " (ERRNO=2: No such file or directory)", as it said itself. */
static char *
describe_errno (HrGeneration *self)
{
  return self->said_errno != 0 ? g_strdup_printf (" (ERRNO=%d: %s)", self->said_errno, g_strerror (self->said_errno))
                               : g_strdup ("");
}

/* What it left to be seen. */
static char *
describe_status (HrGeneration *self)
{
  const GError *start_error = self->launch_error != NULL ? self->launch_error : hr_generation_get_start_error (self);

  if (self->stuck != NULL && start_error != NULL)
    return g_strdup_printf ("%s; %s", start_error->message, self->stuck);
  if (self->stuck != NULL || start_error != NULL)
    return g_strdup (self->stuck != NULL ? self->stuck : start_error->message);
  if (!self->status_known)
    return g_strdup ("it ended with an unknown status");
  if (WIFSIGNALED (self->wait_status))
    return g_strdup_printf ("it was ended by signal %d (%s)%s", WTERMSIG (self->wait_status),
                            g_strsignal (WTERMSIG (self->wait_status)),
                            self->killed ? " because it did not stop in time" : "");
  return g_strdup_printf ("it exited with status %d", WEXITSTATUS (self->wait_status));
}

/**
 * hr_generation_describe_end:
 * @self: a generation that has ended
 *
 * Returns: (transfer full): for people: "it exited with status 1", "it was killed because it exceeded MemoryMax=64M"
 */
char *
hr_generation_describe_end (HrGeneration *self)
{
  const char *cause = self->instance != NULL ? hr_instance_get_cause (self->instance) : NULL;
  g_autofree char *status = describe_status (self);
  g_autofree char *number = describe_errno (self);

  if (cause == NULL)
    return g_strconcat (status, number, NULL);
  if (self->status_known && WIFSIGNALED (self->wait_status) && WTERMSIG (self->wait_status) == SIGKILL && !self->killed
      && self->launch_error == NULL)
    return g_strdup_printf ("it was killed because %s%s", cause, number);
  return g_strdup_printf ("%s%s; a process of it had been killed because %s", status, number, cause);
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
 * hr_generation_get_end:
 * @self: a generation that has ended, or could not be started
 *
 * Returns: (transfer full): its end, to be kept
 */
HrEnd *
hr_generation_get_end (HrGeneration *self)
{
  HrEnd *end = g_new0 (HrEnd, 1);
  gboolean exited = self->status_known && WIFEXITED (self->wait_status);

  end->time_usec = self->ended_real != 0 ? self->ended_real : hr_clock_real (hr_generation_clock (self));
  end->release = self->plan->release;
  end->index = self->plan->index;
  end->pid = self->instance != NULL ? hr_instance_get_pid (self->instance) : 0;
  end->exit_status = exited ? WEXITSTATUS (self->wait_status) : -1;
  end->signal_number = self->status_known && WIFSIGNALED (self->wait_status) ? WTERMSIG (self->wait_status) : 0;
  end->text = hr_generation_describe_end (self);
  return end;
}
