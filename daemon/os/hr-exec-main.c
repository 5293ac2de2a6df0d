/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which process of an instance is its main one: the one that was started, its leader, unless another was named.
 *
 * The leader is not reaped before the end of the instance, also when it has ended: by it the others are known.
 */
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>

#include "hr-exec-instance-private.h"
#include "hr-log.h"

#define MAINPID "MAINPID="

/**
 * hr_exec_instance_main_pid:
 * @self: an instance
 *
 * Returns: the number of its main process
 */
GPid
hr_exec_instance_main_pid (HrExecInstance *self)
{
  return self->main != NULL ? hr_main_process_get_pid (self->main) : self->pid;
}

/**
 * hr_exec_instance_get_leader:
 * @self: an instance
 *
 * Returns: the number of the process that was started for it, which is reaped by it and nobody else
 */
GPid
hr_exec_instance_get_leader (HrExecInstance *self)
{
  return self->pid;
}

/**
 * hr_exec_instance_get_pidfd:
 * @self: an instance that runs
 *
 * Returns: the descriptor of its main process, which stays the instance's: until it names another, or has emitted "exited"
 */
int
hr_exec_instance_get_pidfd (HrExecInstance *self)
{
  return self->main != NULL ? hr_main_process_get_pidfd (self->main) : self->pidfd;
}

/**
 * hr_exec_instance_main_runs:
 * @self: an instance whose leader has ended
 *
 * Returns: whether another is its main process, and has not
 */
gboolean
hr_exec_instance_main_runs (HrExecInstance *self)
{
  return self->main != NULL && !self->main_ended;
}

/**
 * hr_exec_instance_signal_main:
 * @self: an instance
 * @signal_number: for its main process
 */
void
hr_exec_instance_signal_main (HrExecInstance *self, int signal_number)
{
  if (self->main != NULL)
    hr_main_process_signal (self->main, signal_number);
  else if (self->pidfd >= 0)
    pidfd_send_signal (self->pidfd, signal_number, NULL, 0);
}

/* With it the instance ends. The leader, if it runs, is in the way of that. */
static void
on_main_ended (gpointer user_data)
{
  HrExecInstance *self = user_data;

  self->main_ended = TRUE;
  if (self->pidfd_source != 0)
    {
      pidfd_send_signal (self->pidfd, SIGKILL, NULL, 0);
      hr_exec_instance_tell_ended (self);
    }
  else
    hr_exec_instance_end (self);
}

static void
set_main (HrExecInstance *self, HrMainProcess *process)
{
  hr_main_process_free (self->main);
  self->main = process;
  hr_notify_server_set_main (self->notify, process != NULL ? hr_main_process_get_pid (process) : 0);
}

static void
name_main (HrExecInstance *self, const char *text)
{
  guint64 pid = 0;
  HrMainProcess *process = NULL;

  if (!g_ascii_string_to_unsigned (text, 10, 2, G_MAXINT, &pid, NULL) || (GPid)pid == hr_exec_instance_main_pid (self))
    return;
  if ((GPid)pid == self->pid)
    {
      /* Of one that has ended nothing would tell the end any more. */
      if (self->pidfd_source != 0)
        set_main (self, NULL);
      return;
    }
  process = hr_main_process_new ((GPid)pid, self->pid, self->id, on_main_ended, self);
  if (process != NULL)
    set_main (self, process);
  else
    hr_log_debug (self->service, "instance %s: PID %d is no process of it that could be its main one", self->id,
                  (int)pid);
}

/**
 * hr_exec_instance_name_main:
 * @self: an instance that runs
 * @assignments: what a process of it said
 *
 * Acts on MAINPID, where the process that it names is of the instance and runs.
 */
void
hr_exec_instance_name_main (HrExecInstance *self, const char *const *assignments)
{
  if (self->main_ended)
    return;
  for (; *assignments != NULL; assignments++)
    if (g_str_has_prefix (*assignments, MAINPID))
      name_main (self, *assignments + strlen (MAINPID));
}
