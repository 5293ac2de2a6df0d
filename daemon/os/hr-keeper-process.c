/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The process of the keeper: found, started, watched.
 */
#include <glib-unix.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "hr-exec-args.h"
#include "hr-fd.h"
#include "hr-instance-socket.h"
#include "hr-keeper-private.h"
#include "hr-log.h"

/**
 * hr_keeper_disconnect:
 * @self: the keeper
 *
 * Lets go of the connection to its process.
 */
void
hr_keeper_disconnect (HrKeeper *self)
{
  g_clear_handle_id (&self->source, g_source_remove);
  g_clear_handle_id (&self->send_source, g_source_remove);
  hr_fd_clear (&self->fd);
  self->pid = 0;
}

/**
 * hr_keeper_connect:
 * @self: a keeper that is not connected
 *
 * Returns: whether there is a process at its socket, of the daemon's user or root: nobody else gets our sockets
 */
gboolean
hr_keeper_connect (HrKeeper *self)
{
  int fd =
      hr_instance_socket_connect (self->runtime_dir, HR_KEEPER_SOCKET_NAME, HR_KEEPER_SOCKET_SUFFIX, SOCK_SEQPACKET);
  struct ucred peer = { 0 };
  socklen_t length = sizeof peer;

  if (fd < 0)
    return FALSE;
  self->fd = fd;
  if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && (peer.uid == geteuid () || peer.uid == 0))
    return TRUE;
  hr_log_warning (NULL, "the keeper's socket is served by user %u, ignoring", (guint)peer.uid);
  hr_keeper_disconnect (self);
  return FALSE;
}

/* Nothing is said by a keeper that was not asked: it has ended. */
static gboolean
on_keeper (gint fd, GIOCondition condition, gpointer user_data)
{
  HrKeeper *self = user_data;
  GHashTableIter iter;
  gpointer key;

  self->source = 0;
  hr_keeper_disconnect (self);
  g_hash_table_remove_all (self->unsent);
  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    g_hash_table_add (self->unsent, g_strdup (key));
  if (g_hash_table_size (self->entries) > 0)
    {
      hr_log_warning (NULL, "the keeper of the listeners has ended; starting another");
      hr_keeper_start (self);
    }
  return G_SOURCE_REMOVE;
}

/**
 * hr_keeper_watch:
 * @self: a keeper that is connected
 *
 * Follows its process to its end.
 */
void
hr_keeper_watch (HrKeeper *self)
{
  g_unix_set_fd_nonblocking (self->fd, TRUE, NULL);
  self->source = g_unix_fd_add (self->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_keeper, self);
}

static gboolean
on_child_ended (gint fd, GIOCondition condition, gpointer user_data)
{
  HrKeeper *self = user_data;
  siginfo_t info;

  waitid (P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG);
  self->pidfd_source = 0;
  hr_fd_clear (&self->pidfd);
  return G_SOURCE_REMOVE;
}

static gboolean
spawn (HrKeeper *self, int listening, GError **error)
{
  g_autofree char *helper = hr_exec_helper_path ();
  /* The directory says to people whose it is. */
  const char *argv[] = { helper, "--session", "--reset-signals", "--keep=3", "--", self->runtime_dir, NULL };
  const char *environment[] = { NULL };
  int target = 3;

  if (!g_spawn_async_with_pipes_and_fds (NULL, argv, environment,
                                         G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_LEAVE_DESCRIPTORS_OPEN
                                             | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
                                         NULL, NULL, -1, -1, -1, &listening, &target, 1, &self->pid, NULL, NULL, NULL,
                                         error))
    return FALSE;
  g_clear_handle_id (&self->pidfd_source, g_source_remove);
  hr_fd_clear (&self->pidfd);
  self->pidfd = pidfd_open (self->pid, 0);
  if (self->pidfd >= 0)
    self->pidfd_source = g_unix_fd_add (self->pidfd, G_IO_IN, on_child_ended, self);
  return TRUE;
}

static gboolean
start_again (gpointer user_data)
{
  HrKeeper *self = user_data;

  self->start_timer = 0;
  hr_keeper_start (self);
  return G_SOURCE_REMOVE;
}

/**
 * hr_keeper_start:
 * @self: a keeper without a process
 *
 * Starts one, now or in a while, which gets all that there is. The connection stands before it runs: it is made through
 * the socket that it gets.
 */
void
hr_keeper_start (HrKeeper *self)
{
  gint64 now = g_get_monotonic_time ();
  g_auto (HrFd) listening = -1;
  g_autoptr (GError) error = NULL;

  if (self->start_timer != 0)
    return;
  if (self->started_at != 0 && now - self->started_at < HR_KEEPER_START_INTERVAL_MSEC * G_TIME_SPAN_MILLISECOND)
    {
      self->start_timer = g_timeout_add (HR_KEEPER_START_INTERVAL_MSEC, start_again, self);
      return;
    }
  self->started_at = now;
  g_clear_pointer (&self->address, g_free);
  listening = hr_instance_socket_open (self->runtime_dir, HR_KEEPER_SOCKET_NAME, HR_KEEPER_SOCKET_SUFFIX,
                                       SOCK_SEQPACKET, &self->address, &error);
  if (listening >= 0 && spawn (self, listening, &error) && hr_keeper_connect (self))
    {
      hr_keeper_watch (self);
      hr_keeper_send_unsent (self);
      return;
    }
  hr_log_warning (NULL, "no keeper of the listeners can be had, so that they end with the daemon: %s",
                  error != NULL ? error->message : "it cannot be reached");
  self->start_timer = g_timeout_add (HR_KEEPER_START_INTERVAL_MSEC * 10, start_again, self);
}
