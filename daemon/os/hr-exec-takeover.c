/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Going on with an instance that an earlier daemon started.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "hr-cgroup-find.h"
#include "hr-error.h"
#include "hr-exec-instance-private.h"
#include "hr-fd-watch.h"
#include "hr-fd.h"
#include "hr-names.h"
#include "hr-process-children.h"
#include "hr-process-exit.h"
#include "hr-process-tree.h"

/**
 * hr_exec_instance_has_ended_meanwhile:
 * @process: what was written of an instance
 *
 * Returns: whether it has ended as a child of this process, which was re-executed, and nobody has learned how yet
 */
gboolean
hr_exec_instance_has_ended_meanwhile (const HrRunProcess *process)
{
  HrProcess found = { 0 };

  return process->pid > 0 && hr_process_read (process->pid, &found) && found.start == process->start
         && found.state == 'Z' && found.parent == getpid ();
}

/* What it calls its instance, and where it speaks to the daemon, is in the environment that it was started with. */
static gboolean
is_ours (HrExecInstance *self, const HrRunProcess *process, GError **error)
{
  HrProcess found = { 0 };
  const char *why = NULL;

  /* Nothing but its status is there any more. */
  if (hr_exec_instance_has_ended_meanwhile (process))
    return TRUE;
  if (!hr_process_read (self->pid, &found) || found.state == 'Z')
    why = "it has ended";
  else if (found.start != process->start)
    why = "its number is another process's now";
  else if (!hr_process_has_variable (self->pid, HR_ENV_INSTANCE, self->id))
    why = "it is no instance of this service, or cannot be looked at";
  else if (!hr_process_has_variable (self->pid, "NOTIFY_SOCKET", hr_notify_server_get_address (self->notify))
           || (self->adopt != NULL
               && !hr_process_has_variable (self->pid, HR_ENV_ADOPT, hr_adopt_server_get_value (self->adopt))))
    why = "it looks for its daemon elsewhere: the runtime directory is another one";
  if (why != NULL)
    g_set_error (error, HR_ERROR, HR_ERROR_FAILED, "while taking over PID %d of '%s': %s", (int)self->pid,
                 self->service, why);
  return why == NULL;
}

/**
 * hr_exec_instance_take_over:
 * @runtime_dir: for its sockets, which are where they were
 * @launch: what it was started by
 * @process: what was written of it
 * @error: return location
 *
 * As hr_launcher_take_over().
 *
 * Returns: (transfer full): the instance, which must be kept until it emits "exited"; %NULL with %HR_ERROR_FAILED
 */
HrExecInstance *
hr_exec_instance_take_over (const char *runtime_dir, const HrLaunch *launch, const HrRunProcess *process,
                            GError **error)
{
  g_autoptr (HrExecInstance) self = hr_exec_instance_new (runtime_dir, launch, error);

  if (self == NULL)
    return NULL;
  self->taken_over = TRUE;
  self->pid = process->pid;
  self->start = process->start;
  self->pidfd = self->pid > 1 ? pidfd_open (self->pid, 0) : -1;
  if (self->pidfd < 0)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_FAILED, "while taking over PID %d of '%s': it has ended", (int)self->pid,
                   self->service);
      return NULL;
    }
  fcntl (self->pidfd, F_SETFD, FD_CLOEXEC);
  /* The descriptor came first: what is found to be the process now is so for good. */
  if (!is_ours (self, process, error))
    {
      hr_fd_clear (&self->pidfd);
      return NULL;
    }
  self->cgroup = hr_cgroup_find_instance (self->pid, self->id);
  if (HR_IS_SOCKET_LISTENERS (launch->listeners))
    hr_socket_listeners_salvage (HR_SOCKET_LISTENERS (launch->listeners), self->pid, self->id);
  hr_notify_server_set_leader (self->notify, self->pid);
  if (self->adopt != NULL)
    {
      hr_adopt_server_set_leader (self->adopt, self->pid);
      hr_adopt_server_resume (self->adopt);
    }
  /* What serves already is ready, whoever had no time to write that down. */
  if (process->role == HR_RUN_HEIR && !process->ready
      && (self->adopt == NULL || !hr_adopt_server_has_accepted (self->adopt)))
    {
      g_set_error (error, HR_ERROR, HR_ERROR_FAILED, "it was not ready yet");
      hr_fd_clear (&self->pidfd);
      return NULL;
    }
  hr_process_children_enter (self->pid);
  self->pidfd_source = hr_fd_watch_add (self->pidfd, G_IO_IN, hr_exec_instance_leader_exited, self);
  return g_steal_pointer (&self);
}

/**
 * hr_exec_instance_learn_end:
 * @self: an instance whose main process has ended
 *
 * Of one that was taken over, others may be quicker to wait for it.
 *
 * Returns: whether its status is known now
 */
gboolean
hr_exec_instance_learn_end (HrExecInstance *self)
{
  if (self->taken_over && !self->known_end)
    self->known_end = hr_process_read_exit (self->pid, self->start, self->pidfd, &self->wait_status);
  return self->known_end;
}

/**
 * hr_exec_instance_get_id:
 * @self: an instance
 *
 * Returns: (transfer none): its id
 */
const char *
hr_exec_instance_get_id (HrExecInstance *self)
{
  return self->id;
}
