/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How an instance ends: SIGKILL to all of it, and what is left of it when its main process has ended.
 */
#include <signal.h>
#include <sys/pidfd.h>

#include "hr-cgroup.h"
#include "hr-exec-instance-private.h"
#include "hr-fd.h"
#include "hr-log.h"
#include "hr-process-children.h"
#include "hr-process-tree.h"
#include "hr-process-wait.h"

static void
kill_group (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  hr_cgroup_kill (data);
  g_task_return_boolean (task, TRUE);
}

/**
 * hr_exec_instance_kill_all:
 * @self: an instance
 *
 * SIGKILL to every process of it that can be told without looking for it; the rest is found when it has ended.
 */
void
hr_exec_instance_kill_all (HrExecInstance *self)
{
  if (self->pidfd < 0)
    return;
  if (self->cgroup != NULL)
    {
      g_autoptr (GTask) task = g_task_new (NULL, NULL, NULL, NULL);

      g_task_set_source_tag (task, hr_exec_instance_kill_all);
      g_task_set_priority (task, G_PRIORITY_HIGH);
      g_task_set_task_data (task, g_strdup (self->cgroup), g_free);
      g_task_run_in_thread (task, kill_group);
    }
  hr_exec_instance_signal_main (self, SIGKILL);
  pidfd_send_signal (self->pidfd, SIGKILL, NULL, 0);
  /* The leader is not reaped: no other group can have its number. What is in no group of it is killed when its end is
     seen; so is all else of one that was taken over, which others reap. */
  if (!self->taken_over)
    kill (-self->pid, SIGKILL);
}

/* What the worker needs; it must not hold the instance, which is the main loop's alone. */
typedef struct {
  GPid leader;
  char *instance;
  char *cgroup; /* NULL: it has none */
  HrCgroupOom oom;
} Tree;

static void
tree_free (gpointer data)
{
  Tree *tree = data;

  g_free (tree->instance);
  g_free (tree->cgroup);
  g_free (tree);
}

static void
kill_leftovers (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Tree *tree = data;
  gboolean is_empty;

  hr_cgroup_read_oom (tree->cgroup, &tree->oom);
  is_empty = hr_cgroup_end (tree->cgroup);
  /* Without a group all are found so; with one, what it was let out of by somebody. */
  g_task_return_boolean (task, hr_process_tree_kill (tree->leader, tree->instance) && is_empty);
}

/* Of its own limit the group counts how often it was reached; where it never was, memory ran out above it. */
static char *
describe_oom (HrExecInstance *self, const HrCgroupOom *oom)
{
  if (oom->limit > 0 && self->memory_max != NULL)
    return g_strdup_printf ("it exceeded %s", self->memory_max);
  return g_strdup ("memory ran out on this system, or in a group above its own");
}

/* Nothing is said by it any more. */
static void
stop_listening (HrExecInstance *self)
{
  g_clear_pointer (&self->notify, hr_notify_server_free);
  self->wait = self->adopt != NULL ? hr_adopt_server_get_wait (self->adopt) : self->wait;
  g_clear_pointer (&self->adopt, hr_adopt_server_free);
}

/**
 * hr_exec_instance_abandon:
 *
 * For HrInstanceClass.
 */
char *
hr_exec_instance_abandon (HrInstance *instance)
{
  HrExecInstance *self = HR_EXEC_INSTANCE (instance);

  stop_listening (self);
  return hr_process_describe_wait (hr_exec_instance_main_pid (self));
}

static void
on_leftovers_killed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HrExecInstance) self = user_data;
  const Tree *tree = g_task_get_task_data (G_TASK (result));
  gboolean known;

  if (!g_task_propagate_boolean (G_TASK (result), NULL))
    hr_log_debug (self->service, "instance %s: a process of it does not end", self->id);
  if (tree->oom.kills > 0)
    self->cause = describe_oom (self, &tree->oom);
  hr_process_children_leave (self->pid);
  known = hr_process_reap (self->pid, self->pidfd, &self->wait_status) || hr_exec_instance_learn_end (self);
  if (self->main != NULL)
    known = hr_main_process_get_status (self->main, &self->wait_status);
  hr_fd_clear (&self->pidfd);
  stop_listening (self);
  hr_instance_emit_exited (HR_INSTANCE (self), known ? self->wait_status : -1, known);
}

/**
 * hr_exec_instance_tell_ended:
 * @self: an instance whose main process has ended
 *
 * Emits "ended", once.
 */
void
hr_exec_instance_tell_ended (HrExecInstance *self)
{
  if (self->told_ended)
    return;
  self->told_ended = TRUE;
  hr_instance_emit_ended (HR_INSTANCE (self));
}

/**
 * hr_exec_instance_end:
 * @self: an instance whose leader and main process have ended
 *
 * Emits "ended", and kills what is left of it; then it emits "exited".
 */
void
hr_exec_instance_end (HrExecInstance *self)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, on_leftovers_killed, g_object_ref (self));
  Tree *tree = g_new0 (Tree, 1);

  self->main_ended = TRUE;
  /* Its last words, while it can still be told who spoke. */
  for (guint i = 0; i < HR_NOTIFY_LAST_MAX && self->notify != NULL && hr_notify_server_read (self->notify); i++)
    ;
  tree->leader = self->pid;
  tree->instance = g_strdup (self->id);
  tree->cgroup = g_strdup (self->cgroup);
  g_task_set_source_tag (task, hr_exec_instance_end);
  g_task_set_priority (task, G_PRIORITY_HIGH);
  g_task_set_task_data (task, tree, tree_free);
  g_task_run_in_thread (task, kill_leftovers);
  /* To find what is left takes as long as the machine is busy; nobody is served meanwhile. */
  hr_exec_instance_tell_ended (self);
}
