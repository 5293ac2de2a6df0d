/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-main-process.h"

#include <fcntl.h>
#include <sys/pidfd.h>

#include "hr-fd-watch.h"
#include "hr-fd.h"
#include "hr-process-exit.h"
#include "hr-process-tree.h"

struct _HrMainProcess {
  GPid pid;
  guint64 start; /* see HrProcess */
  int pidfd;
  guint source;
  HrMainProcessFunc ended;
  gpointer user_data;
  gboolean known;
  int wait_status;
};

static gboolean
on_ended (gint fd, GIOCondition condition, gpointer user_data)
{
  HrMainProcess *self = user_data;

  /* Whoever is told may free it. */
  g_clear_handle_id (&self->source, hr_fd_watch_remove);
  /* A child of this process once the one that started it has ended; before that its parent may be quicker. */
  self->known = hr_process_reap (self->pid, self->pidfd, &self->wait_status)
                || hr_process_read_exit (self->pid, self->start, self->pidfd, &self->wait_status);
  self->ended (self->user_data);
  return G_SOURCE_REMOVE;
}

/* Once the descriptor is open the number is another's only if this one has ended, which is asked last. */
static gboolean
is_of_instance (int pidfd, GPid pid, GPid leader, const char *instance, HrProcess *process)
{
  return hr_process_belongs (pid, leader, instance) && hr_process_read (pid, process) && process->state != 'Z'
         && process->state != 'X' && pidfd_send_signal (pidfd, 0, NULL, 0) == 0;
}

/**
 * hr_main_process_new:
 * @pid: what was named
 * @leader: the process that was started for the instance, not reaped yet
 * @instance: the instance's id
 * @ended: called when it has ended
 * @user_data: for @ended
 *
 * Returns: (transfer full) (nullable): it; %NULL: there is no such process of the instance
 */
HrMainProcess *
hr_main_process_new (GPid pid, GPid leader, const char *instance, HrMainProcessFunc ended, gpointer user_data)
{
  g_auto (HrFd) pidfd = pid > 1 ? pidfd_open (pid, 0) : -1;
  HrProcess process = { 0 };
  HrMainProcess *self;

  if (pidfd < 0 || fcntl (pidfd, F_SETFD, FD_CLOEXEC) < 0 || !is_of_instance (pidfd, pid, leader, instance, &process))
    return NULL;
  self = g_new0 (HrMainProcess, 1);
  self->pid = pid;
  self->start = process.start;
  self->pidfd = hr_fd_steal (&pidfd);
  self->ended = ended;
  self->user_data = user_data;
  self->source = hr_fd_watch_add (self->pidfd, G_IO_IN, on_ended, self);
  return self;
}

/**
 * hr_main_process_free:
 * @self: (transfer full) (nullable): a main process; it is left as it is
 */
void
hr_main_process_free (HrMainProcess *self)
{
  if (self == NULL)
    return;
  g_clear_handle_id (&self->source, hr_fd_watch_remove);
  hr_fd_clear (&self->pidfd);
  g_free (self);
}

/**
 * hr_main_process_get_pid:
 * @self: a main process
 *
 * Returns: its PID
 */
GPid
hr_main_process_get_pid (HrMainProcess *self)
{
  return self->pid;
}

/**
 * hr_main_process_get_pidfd:
 * @self: a main process
 *
 * Returns: its descriptor, which stays its own
 */
int
hr_main_process_get_pidfd (HrMainProcess *self)
{
  return self->pidfd;
}

/**
 * hr_main_process_signal:
 * @self: a main process
 * @signal_number: for it alone; nobody gets it if it has ended
 */
void
hr_main_process_signal (HrMainProcess *self, int signal_number)
{
  pidfd_send_signal (self->pidfd, signal_number, NULL, 0);
}

/**
 * hr_main_process_get_status:
 * @self: a main process that has ended
 * @wait_status: (out): as of waitpid(2)
 *
 * Returns: whether it is known
 */
gboolean
hr_main_process_get_status (HrMainProcess *self, int *wait_status)
{
  if (self->known)
    *wait_status = self->wait_status;
  return self->known;
}
