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

/**
 * hr_main_process_hold:
 * @self: a hold
 * @pid: the service's main process as the daemon tells it, 0: it has none
 *
 * Lets go of the one before.
 */
void
hr_main_process_hold (HrMainProcess *self, int pid)
{
  if (pid == self->pid)
    return;
  hr_main_process_clear (self);
  if (pid <= 0)
    return;
  self->fd = open_pidfd (pid);
  if (self->fd >= 0)
    self->pid = pid;
}

static gboolean
wait_for_end (int fd, int seconds)
{
  gint64 deadline = g_get_monotonic_time () + seconds * G_USEC_PER_SEC;
  struct pollfd poll_fd = { fd, POLLIN, 0 };

  for (;;)
    {
      gint64 left = (deadline - g_get_monotonic_time () + 999) / 1000;
      int n = left > 0 ? poll (&poll_fd, 1, (int)left) : 0;

      if (n > 0)
        return TRUE;
      if (n == 0 || errno != EINTR)
        return FALSE;
    }
}

/**
 * hr_main_process_end:
 * @self: a hold
 *
 * TERM, and KILL after the deadline. Blocks.
 *
 * Returns: whether there was one that ran, and it has ended now
 */
gboolean
hr_main_process_end (HrMainProcess *self)
{
  if (self->fd < 0 || !send_signal (self->fd, SIGTERM))
    return FALSE;
  if (wait_for_end (self->fd, TERM_TIMEOUT_SEC))
    return TRUE;
  return send_signal (self->fd, SIGKILL) && wait_for_end (self->fd, KILL_TIMEOUT_SEC);
}

void
hr_main_process_clear (HrMainProcess *self)
{
  if (self->fd >= 0)
    close (self->fd);
  *self = HR_MAIN_PROCESS_INIT;
}
