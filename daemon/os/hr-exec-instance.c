/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-exec-instance-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hr-connections.h"
#include "hr-error.h"
#include "hr-exec-command.h"
#include "hr-fd-watch.h"
#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-log.h"
#include "hr-process-children.h"
#include "hr-process-tree.h"
#include "hr-socket-holder.h"

/* What hotreload-exec says when it cannot start the program; see exec-fail.c. */
#define STATUS_MAX 4096

G_DEFINE_FINAL_TYPE (HrExecInstance, hr_exec_instance, HR_TYPE_INSTANCE)

static GPid
hr_exec_instance_get_pid (HrInstance *instance)
{
  return hr_exec_instance_main_pid (HR_EXEC_INSTANCE (instance));
}

static void
hr_exec_instance_stop (HrInstance *instance, int signal_number)
{
  hr_exec_instance_signal_main (HR_EXEC_INSTANCE (instance), signal_number);
}

static void
hr_exec_instance_kill (HrInstance *instance)
{
  hr_exec_instance_kill_all (HR_EXEC_INSTANCE (instance));
}

static const GError *
hr_exec_instance_get_start_error (HrInstance *instance)
{
  return HR_EXEC_INSTANCE (instance)->start_error;
}

static const char *
hr_exec_instance_get_cgroup (HrInstance *instance)
{
  return HR_EXEC_INSTANCE (instance)->cgroup;
}

static const char *
hr_exec_instance_get_cause (HrInstance *instance)
{
  return HR_EXEC_INSTANCE (instance)->cause;
}

static void
close_status (HrExecInstance *self)
{
  g_clear_handle_id (&self->status_source, g_source_remove);
  hr_fd_clear (&self->status_fd);
}

/* "STEP\nERRNO\nSENTENCE"; the pipe takes it in one piece. */
static void
read_status (HrExecInstance *self)
{
  char text[STATUS_MAX];
  g_auto (GStrv) lines = NULL;
  ssize_t length;

  if (self->status_fd < 0)
    return;
  length = TEMP_FAILURE_RETRY (read (self->status_fd, text, sizeof text - 1));
  if (length < 0 && errno == EAGAIN)
    return;
  if (length > 0)
    {
      text[length] = '\0';
      lines = g_strsplit (text, "\n", 3);
      g_set_error_literal (&self->start_error, HR_ERROR, HR_ERROR_START_FAILED,
                           g_strv_length (lines) == 3 ? lines[2] : text);
    }
  close_status (self);
}

static gboolean
on_status (gint fd, GIOCondition condition, gpointer user_data)
{
  HrExecInstance *self = user_data;

  self->status_source = 0;
  read_status (self);
  return G_SOURCE_REMOVE;
}

/**
 * hr_exec_instance_leader_exited:
 *
 * For hr_fd_watch_add(), with the instance as user data.
 */
gboolean
hr_exec_instance_leader_exited (gint fd, GIOCondition condition, gpointer user_data)
{
  g_autoptr (HrExecInstance) self = g_object_ref (user_data);

  hr_exec_instance_learn_end (self);
  read_status (self);
  /* Another may be the main process by what was said last. */
  for (guint i = 0; i < HR_NOTIFY_LAST_MAX && self->notify != NULL && hr_notify_server_read (self->notify); i++)
    ;
  g_clear_handle_id (&self->pidfd_source, hr_fd_watch_remove);
  if (!hr_exec_instance_main_runs (self))
    hr_exec_instance_end (self);
  return G_SOURCE_REMOVE;
}

static void
on_notify (const char *const *assignments, HrSentFds *sent, gpointer user_data)
{
  g_autoptr (HrInstance) self = g_object_ref (user_data);

  hr_exec_instance_name_main (HR_EXEC_INSTANCE (self), assignments);
  hr_instance_emit_notify (self, assignments, sent);
}

static void
on_listening (gpointer user_data)
{
  g_autoptr (HrInstance) self = g_object_ref (user_data);

  hr_instance_emit_listening (self);
}

static gboolean
spawn (HrExecInstance *self, const HrLaunch *launch, const HrExecCommand *command, GError **error)
{
  gboolean has_output = launch->stdout_fd >= 0 || launch->stderr_fd >= 0;
  /* Descriptors are close-on-exec at birth: leaving them alone is what lets GLib start the helper without a copy of
     this process. */
  GSpawnFlags flags = G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_LEAVE_DESCRIPTORS_OPEN;
  g_autoptr (GError) local = NULL;

  if (!has_output || launch->stdout_fd < 0)
    flags |= G_SPAWN_STDOUT_TO_DEV_NULL;
  if (!has_output || launch->stderr_fd < 0)
    flags |= G_SPAWN_STDERR_TO_DEV_NULL;
  if (g_spawn_async_with_pipes_and_fds (
          NULL, (const char *const *)command->argv, (const char *const *)command->environment, flags, NULL, NULL, -1,
          has_output ? launch->stdout_fd : -1, has_output ? launch->stderr_fd : -1, command->source_fds,
          command->target_fds, command->n_fds, &self->pid, NULL, NULL, NULL, &local))
    return TRUE;
  g_set_error_literal (error, HR_ERROR, HR_ERROR_START_FAILED, local->message);
  return FALSE;
}

/* Without a pidfd nothing about the process can be told or done safely. */
static gboolean
hold_process (HrExecInstance *self, GError **error)
{
  self->pidfd = pidfd_open (self->pid, 0);
  if (self->pidfd >= 0)
    {
      fcntl (self->pidfd, F_SETFD, FD_CLOEXEC);
      return TRUE;
    }
  g_set_error (error, HR_ERROR, HR_ERROR_START_FAILED, "cannot watch process %d: %s", (int)self->pid,
               g_strerror (errno));
  kill (self->pid, SIGKILL);
  TEMP_FAILURE_RETRY (waitpid (self->pid, NULL, 0));
  self->pid = 0;
  return FALSE;
}

/**
 * hr_exec_instance_start:
 * @self: an instance that was not started
 * @launch: what to start: the same that it was made for
 * @error: return location
 *
 * Starts the helper, which becomes the program. The instance must be kept until it emits "exited".
 *
 * Returns: success; else %HR_ERROR_START_FAILED
 */
gboolean
hr_exec_instance_start (HrExecInstance *self, const HrLaunch *launch, GError **error)
{
  g_autoptr (HrExecCommand) command = NULL;
  g_auto (HrFd) said = -1;
  int ends[2];

  g_return_val_if_fail (self->pid == 0, FALSE);
  if (!g_unix_open_pipe (ends, FD_CLOEXEC, error))
    return FALSE;
  self->status_fd = ends[0];
  said = ends[1];
  g_unix_set_fd_nonblocking (self->status_fd, TRUE, NULL);
  command = hr_exec_command_new (launch, hr_notify_server_get_address (self->notify),
                                 self->adopt != NULL ? hr_adopt_server_get_value (self->adopt) : NULL, self->cgroup,
                                 (const char *const *)self->cgroup_limits, said);
  if (!spawn (self, launch, command, error) || !hold_process (self, error))
    return FALSE;
  hr_notify_server_set_leader (self->notify, self->pid);
  if (self->adopt != NULL)
    hr_adopt_server_set_leader (self->adopt, self->pid);
  self->status_source = g_unix_fd_add (self->status_fd, G_IO_IN | G_IO_HUP, on_status, self);
  hr_process_children_enter (self->pid);
  self->pidfd_source = hr_fd_watch_add (self->pidfd, G_IO_IN, hr_exec_instance_leader_exited, self);
  return TRUE;
}

/**
 * hr_exec_instance_set_cgroup:
 * @self: an instance that was not started
 * @dir: (transfer full): its control group, which it makes
 * @limits: (transfer full) (nullable): "FILE:VALUE" of that
 */
void
hr_exec_instance_set_cgroup (HrExecInstance *self, char *dir, char **limits)
{
  self->cgroup = dir;
  self->cgroup_limits = limits;
}

/**
 * hr_exec_instance_new:
 * @runtime_dir: for its sockets
 * @launch: what it is for
 * @error: return location
 *
 * Opens the sockets of an instance; hr_exec_instance_start() starts it.
 *
 * Returns: (transfer full): the instance; %NULL with %HR_ERROR_START_FAILED
 */
HrExecInstance *
hr_exec_instance_new (const char *runtime_dir, const HrLaunch *launch, GError **error)
{
  g_autoptr (HrExecInstance) self = g_object_new (HR_TYPE_EXEC_INSTANCE, NULL);
  g_autoptr (GError) local = NULL;

  self->service = g_strdup (launch->service);
  self->id = g_strdup (launch->id);
  if (launch->isolation != NULL && launch->isolation->resources[HR_RESOURCE_MEMORY].set)
    self->memory_max = hr_resource_to_string (HR_RESOURCE_MEMORY, &launch->isolation->resources[HR_RESOURCE_MEMORY]);
  self->notify = hr_notify_server_new (runtime_dir, launch->id, on_notify, self, &local);
  if (self->notify != NULL && HR_IS_SOCKET_LISTENERS (launch->listeners)
      && (launch->adopt || (launch->pass && hr_listeners_list (launch->listeners)->len > 0)))
    self->adopt = hr_adopt_server_new (runtime_dir, launch->id, HR_SOCKET_LISTENERS (launch->listeners), launch->adopt,
                                       on_listening, self, &local);
  if (local != NULL || !hr_notify_server_set_owner (self->notify, hr_owner_of (launch->isolation), &local)
      || (self->adopt != NULL && !hr_adopt_server_set_owner (self->adopt, hr_owner_of (launch->isolation), &local)))
    {
      g_set_error_literal (error, HR_ERROR, HR_ERROR_START_FAILED, local->message);
      return NULL;
    }
  return g_steal_pointer (&self);
}

static void
hr_exec_instance_finalize (GObject *object)
{
  HrExecInstance *self = HR_EXEC_INSTANCE (object);

  close_status (self);
  g_clear_handle_id (&self->pidfd_source, hr_fd_watch_remove);
  if (self->pidfd >= 0)
    hr_process_children_leave (self->pid);
  hr_fd_clear (&self->pidfd);
  g_clear_pointer (&self->main, hr_main_process_free);
  g_clear_pointer (&self->notify, hr_notify_server_free);
  g_clear_pointer (&self->adopt, hr_adopt_server_free);
  g_clear_pointer (&self->sights, hr_adopt_sights_free);
  g_clear_error (&self->start_error);
  g_strfreev (self->cgroup_limits);
  g_free (self->cgroup);
  g_free (self->memory_max);
  g_free (self->cause);
  g_free (self->service);
  g_free (self->id);
  G_OBJECT_CLASS (hr_exec_instance_parent_class)->finalize (object);
}

static gboolean
hr_exec_instance_retire (HrInstance *instance)
{
  HrExecInstance *self = HR_EXEC_INSTANCE (instance);

  /* One that accepts by way of io_uring heeds no gate. Where a connection came through an accept() that does, the
     program uses io_uring for something else. */
  self->retired = self->adopt != NULL && (hr_adopt_server_has_accepted (self->adopt) || !self->seen.uses_uring)
                  && hr_adopt_server_retire (self->adopt);
  return self->retired;
}

static void
hr_exec_instance_finish (HrInstance *instance, HrListeners *listeners, gboolean ends)
{
  HrExecInstance *self = HR_EXEC_INSTANCE (instance);
  g_autoptr (HrConnections) where = hr_connections_new (listeners);
  guint n_ports;
  const guint16 *ports = hr_connections_get_ports (where, &n_ports);

  if (self->adopt != NULL)
    hr_adopt_server_set_stage (self->adopt, ends ? HR_ADOPT_ENDS : HR_ADOPT_FINISHES, ports, n_ports);
}

static gboolean
hr_exec_instance_may_accept (HrInstance *instance, HrListeners *listeners)
{
  HrExecInstance *self = HR_EXEC_INSTANCE (instance);
  GPtrArray *list = hr_listeners_list (listeners);
  g_autoptr (GArray) inodes = g_array_new (FALSE, FALSE, sizeof (guint64));

  if (self->pidfd < 0)
    return FALSE;
  if (self->retired)
    return self->adopt != NULL && hr_adopt_server_may_accept (self->adopt);
  for (guint i = 0; i < list->len; i++)
    {
      const HrListener *listener = g_ptr_array_index (list, i);
      int fd = hr_listeners_get_fd (listeners, listener, self->id);
      struct stat info;

      if (fd >= 0 && fstat (fd, &info) == 0)
        {
          guint64 inode = info.st_ino;

          g_array_append_val (inodes, inode);
        }
    }
  return inodes->len > 0
         && hr_socket_count_held (hr_exec_instance_main_pid (self), (const guint64 *)(gpointer)inodes->data,
                                  inodes->len, 1)
                > 0;
}

static void
hr_exec_instance_count_connections_async (HrInstance *instance, HrListeners *listeners, gboolean busy,
                                          GAsyncReadyCallback callback, gpointer user_data)
{
  HrExecInstance *self = HR_EXEC_INSTANCE (instance);
  guint handling = self->adopt != NULL ? hr_adopt_server_count_handling (self->adopt) : 0;

  hr_connections_count_async (hr_connections_new (listeners), hr_exec_instance_main_pid (self), busy, handling,
                              callback, user_data);
}

static int
hr_exec_instance_count_connections_finish (HrInstance *instance, GAsyncResult *result, GError **error)
{
  return hr_connections_count_finish (result, error);
}

static void
on_seen (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  HrExecInstance *self = g_task_get_source_object (task);
  HrAdoptSight sight;
  GError *error = NULL;

  if (!hr_adopt_sights_look_finish (result, &sight, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  self->seen = sight;
  g_task_return_boolean (task, TRUE);
}

static gboolean
hr_exec_instance_has_ended (HrInstance *instance)
{
  HrExecInstance *self = HR_EXEC_INSTANCE (instance);
  struct pollfd end = { .fd = self->pidfd, .events = POLLIN };

  return self->pidfd < 0 || poll (&end, 1, 0) > 0;
}

static void
hr_exec_instance_look_async (HrInstance *instance, GAsyncReadyCallback callback, gpointer user_data)
{
  HrExecInstance *self = HR_EXEC_INSTANCE (instance);
  g_autoptr (GTask) task = g_task_new (self, NULL, callback, user_data);

  g_task_set_source_tag (task, hr_exec_instance_look_async);
  if (self->pidfd >= 0)
    hr_adopt_sights_look_async (self->sights, hr_exec_instance_main_pid (self), on_seen, g_steal_pointer (&task));
  else
    g_task_return_new_error (task, HR_ERROR, HR_ERROR_FAILED, "it has ended");
}

static gboolean
hr_exec_instance_look_finish (HrInstance *instance, GAsyncResult *result, HrInstanceSight *sight, GError **error)
{
  HrExecInstance *self = HR_EXEC_INSTANCE (instance);

  g_return_val_if_fail (g_async_result_is_tagged (result, hr_exec_instance_look_async), FALSE);
  if (!g_task_propagate_boolean (G_TASK (result), error))
    return FALSE;
  sight->is_watched = self->adopt != NULL && self->seen.sees;
  sight->misses_listener = self->seen.misses_listener;
  return TRUE;
}

static void
hr_exec_instance_measure_wait (HrInstance *instance, gboolean measure)
{
  HrExecInstance *self = HR_EXEC_INSTANCE (instance);

  if (self->adopt != NULL)
    hr_adopt_server_measure_wait (self->adopt, measure);
}

static gint64
hr_exec_instance_get_wait (HrInstance *instance)
{
  HrExecInstance *self = HR_EXEC_INSTANCE (instance);

  return self->adopt != NULL ? hr_adopt_server_get_wait (self->adopt) : self->wait;
}

static void
hr_exec_instance_class_init (HrExecInstanceClass *klass)
{
  HrInstanceClass *instance_class = HR_INSTANCE_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = hr_exec_instance_finalize;
  instance_class->get_pid = hr_exec_instance_get_pid;
  instance_class->stop = hr_exec_instance_stop;
  instance_class->kill = hr_exec_instance_kill;
  instance_class->get_start_error = hr_exec_instance_get_start_error;
  instance_class->get_cgroup = hr_exec_instance_get_cgroup;
  instance_class->get_cause = hr_exec_instance_get_cause;
  instance_class->retire = hr_exec_instance_retire;
  instance_class->abandon = hr_exec_instance_abandon;
  instance_class->finish = hr_exec_instance_finish;
  instance_class->may_accept = hr_exec_instance_may_accept;
  instance_class->count_connections_async = hr_exec_instance_count_connections_async;
  instance_class->count_connections_finish = hr_exec_instance_count_connections_finish;
  instance_class->has_ended = hr_exec_instance_has_ended;
  instance_class->look_async = hr_exec_instance_look_async;
  instance_class->look_finish = hr_exec_instance_look_finish;
  instance_class->measure_wait = hr_exec_instance_measure_wait;
  instance_class->get_wait = hr_exec_instance_get_wait;
}

static void
hr_exec_instance_init (HrExecInstance *self)
{
  self->sights = hr_adopt_sights_new ();
  self->pidfd = -1;
  self->status_fd = -1;
  self->wait = -1;
}
