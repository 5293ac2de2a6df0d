/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-leftover.h"

#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>

#include "hr-cgroup-find.h"
#include "hr-cgroup.h"
#include "hr-error.h"
#include "hr-fd.h"
#include "hr-process-tree.h"

/* Killed processes are gone within a millisecond; one that waits for a dead disk would be waited for in vain. */
#define KILL_TIMEOUT_MSEC 2000

typedef struct {
  GPid pid;
  guint64 start;
  char *instance;
  int stop_signal;
  gint64 timeout;
} Leftover;

/* Ids of instances that are being ended, so that nobody is quicker than their StopTimeout. */
static GMutex ending_lock;
static GHashTable *ending;

/**
 * hr_leftover_is_ending:
 * @instance: an instance's id
 *
 * Returns: whether hr_leftover_end_async() is at it
 */
gboolean
hr_leftover_is_ending (const char *instance)
{
  gboolean is_ending;

  g_mutex_lock (&ending_lock);
  is_ending = ending != NULL && g_hash_table_contains (ending, instance);
  g_mutex_unlock (&ending_lock);
  return is_ending;
}

static void
set_ending (const char *instance, gboolean is_ending)
{
  g_mutex_lock (&ending_lock);
  if (ending == NULL)
    ending = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  if (is_ending)
    g_hash_table_add (ending, g_strdup (instance));
  else
    g_hash_table_remove (ending, instance);
  if (g_hash_table_size (ending) == 0)
    g_clear_pointer (&ending, g_hash_table_unref);
  g_mutex_unlock (&ending_lock);
}

static void
leftover_free (gpointer data)
{
  Leftover *self = data;

  set_ending (self->instance, FALSE);
  g_free (self->instance);
  g_free (self);
}

/**
 * hr_leftover_exists:
 * @pid: main process of an instance
 * @start: its start time, see HrProcess
 * @instance: the instance's id
 *
 * Returns: whether this very process still runs; a PID that was used again is not it
 */
gboolean
hr_leftover_exists (GPid pid, guint64 start, const char *instance)
{
  HrProcess process = { 0 };

  return pid > 0 && instance != NULL && hr_process_read (pid, &process) && process.start == start
         && process.state != 'Z';
}

static void
end_in_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  Leftover *self = task_data;
  g_auto (HrFd) fd = pidfd_open (self->pid, 0);
  struct pollfd wait = { .fd = fd, .events = POLLIN };
  g_autofree char *cgroup = hr_cgroup_find_instance (self->pid, self->instance);
  gboolean is_empty;

  /* The descriptor came after the PID: only now it is certain whose it is. */
  if (fd >= 0 && hr_leftover_exists (self->pid, self->start, self->instance)
      && pidfd_send_signal (fd, self->stop_signal, NULL, 0) == 0
      && poll (&wait, 1, (int)(self->timeout / G_TIME_SPAN_MILLISECOND)) == 0
      && pidfd_send_signal (fd, SIGKILL, NULL, 0) == 0)
    poll (&wait, 1, KILL_TIMEOUT_MSEC);
  is_empty = hr_cgroup_end (cgroup);
  if (hr_process_tree_kill (self->pid, self->instance) && is_empty)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_new_error (task, HR_ERROR, HR_ERROR_FAILED,
                             "PID %d, left running by an earlier daemon, could not be ended", (int)self->pid);
}

/**
 * hr_leftover_end_async:
 * @pid: main process of an instance
 * @start: its start time
 * @instance: the instance's id
 * @stop_signal: StopSignal; 0: it has got it
 * @timeout_usec: from the signal to SIGKILL for all of the instance
 * @callback: called when nothing of it is left
 * @user_data: for @callback
 */
void
hr_leftover_end_async (GPid pid, guint64 start, const char *instance, int stop_signal, gint64 timeout_usec,
                       GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, user_data);
  Leftover *self = g_new0 (Leftover, 1);

  self->pid = pid;
  self->start = start;
  self->instance = g_strdup (instance);
  self->stop_signal = stop_signal;
  self->timeout = timeout_usec;
  set_ending (instance, TRUE);
  g_task_set_source_tag (task, hr_leftover_end_async);
  g_task_set_task_data (task, self, leftover_free);
  g_task_run_in_thread (task, end_in_thread);
}

/**
 * hr_leftover_end_finish:
 * @result: of hr_leftover_end_async()
 * @error: return location
 *
 * Returns: whether nothing of it is left
 */
gboolean
hr_leftover_end_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
