/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-main-process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

/* After TERM a program has this long until KILL, and after KILL to be gone, in seconds. */
#define TERM_TIMEOUT_SEC 10
#define KILL_TIMEOUT_SEC 5
/* Of those before it, so many are held: the daemon lets no more than one run on, and ends the others. */
#define BEFORE_MAX 4

/* glibc 2.36 is the first that knows these by name. */
static int
open_pidfd (int pid)
{
  return (int)syscall (SYS_pidfd_open, pid, 0);
}

static gboolean
send_signal (int fd, int number)
{
  return syscall (SYS_pidfd_send_signal, fd, number, NULL, 0) == 0;
}

static gboolean
has_ended (int fd)
{
  struct pollfd poll_fd = { fd, POLLIN, 0 };

  return poll (&poll_fd, 1, 0) > 0;
}

static void
drop_before (HrMainProcess *self, guint i)
{
  close (g_array_index (self->before, int, i));
  g_array_remove_index (self->before, i);
}

/* It runs on as long as it has work; those that do not are forgotten. */
static void
set_aside (HrMainProcess *self)
{
  if (self->before == NULL)
    self->before = g_array_new (FALSE, FALSE, sizeof (int));
  if (self->fd >= 0)
    g_array_append_val (self->before, self->fd);
  self->fd = -1;
  self->pid = 0;

  for (guint i = self->before->len; i > 0; i--)
    if (has_ended (g_array_index (self->before, int, i - 1)))
      drop_before (self, i - 1);
  if (self->before->len > BEFORE_MAX)
    drop_before (self, 0);
}

/**
 * hr_main_process_hold:
 * @self: a hold
 * @pid: the service's main process as the daemon tells it, 0: it has none
 *
 * The one before is held on to until it has ended.
 */
void
hr_main_process_hold (HrMainProcess *self, int pid)
{
  if (pid == self->pid)
    return;
  set_aside (self);
  if (pid <= 0)
    return;
  self->fd = open_pidfd (pid);
  if (self->fd >= 0)
    self->pid = pid;
}

static gboolean
wait_for_end (int fd, gint64 deadline)
{
  struct pollfd poll_fd = { fd, POLLIN, 0 };

  for (;;)
    {
      gint64 left = (deadline - g_get_monotonic_time () + 999) / 1000;
      int n = poll (&poll_fd, 1, (int)MAX (left, 0));

      if (n > 0)
        return TRUE;
      if (n == 0 || errno != EINTR)
        return FALSE;
    }
}

/* KILL to what has not ended until the deadline. */
static gboolean
await_end (int fd, gint64 deadline)
{
  return wait_for_end (fd, deadline)
         || (send_signal (fd, SIGKILL)
             && wait_for_end (fd, g_get_monotonic_time () + KILL_TIMEOUT_SEC * G_USEC_PER_SEC));
}

/**
 * hr_main_process_end:
 * @self: a hold
 *
 * TERM to all of them, and KILL after the deadline. Blocks.
 *
 * Returns: whether the newest still ran, and has ended now
 */
gboolean
hr_main_process_end (HrMainProcess *self)
{
  gint64 deadline = g_get_monotonic_time () + TERM_TIMEOUT_SEC * G_USEC_PER_SEC;
  gboolean ran = self->fd >= 0 && send_signal (self->fd, SIGTERM);
  guint n = self->before != NULL ? self->before->len : 0;

  for (guint i = 0; i < n; i++)
    (void)send_signal (g_array_index (self->before, int, i), SIGTERM);
  for (guint i = 0; i < n; i++)
    (void)await_end (g_array_index (self->before, int, i), deadline);
  return ran && await_end (self->fd, deadline);
}

void
hr_main_process_clear (HrMainProcess *self)
{
  if (self->fd >= 0)
    close (self->fd);
  while (self->before != NULL && self->before->len > 0)
    drop_before (self, 0);
  g_clear_pointer (&self->before, g_array_unref);
  *self = HR_MAIN_PROCESS_INIT;
}
