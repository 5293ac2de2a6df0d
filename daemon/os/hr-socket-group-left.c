/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Members in which nobody accepts any more: what waits in them is handed on, and they go when nothing comes any more.
 */
#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-log.h"
#include "hr-socket-bind.h"
#include "hr-socket-group-private.h"

/* How often they are looked at. */
#define LOOK_INTERVAL_MSEC 100

/**
 * hr_socket_group_drop:
 * @self: a group
 * @member: (transfer full): one of it that is neither the main one nor anybody's own
 *
 * Its socket leaves the group at once, whoever has a copy of it.
 */
void
hr_socket_group_drop (HrSocketGroup *self, HrSocketMember *member)
{
  shutdown (member->fd, SHUT_RDWR);
  g_ptr_array_remove_fast (self->members, member);
  hr_socket_group_direct (self);
}

/**
 * hr_socket_group_may_drop:
 * @self: a group
 * @member: one of it that is neither the main one nor anybody's own
 *
 * The kernel gives the place of one that leaves to the last. Where that is the main one, new connections go anywhere for
 * the moment until the rule says so: what nobody accepts from hands them on, an instance that was retired would answer.
 *
 * Returns: whether nobody would
 */
gboolean
hr_socket_group_may_drop (HrSocketGroup *self, const HrSocketMember *member)
{
  if (g_ptr_array_index (self->members, self->members->len - 1) != self->main)
    return TRUE;
  for (guint i = 0; i < self->members->len; i++)
    {
      const HrSocketMember *other = g_ptr_array_index (self->members, i);

      if (other != self->main && other != member && g_hash_table_size (other->users) > 0)
        return FALSE;
    }
  return TRUE;
}

/**
 * hr_socket_group_is_left:
 * @self: a group
 * @member: one of it
 *
 * Returns: whether no new connection goes to it, and no instance accepts what is in it
 */
gboolean
hr_socket_group_is_left (HrSocketGroup *self, const HrSocketMember *member)
{
  return member != self->main && member != self->own && g_hash_table_size (member->users) == 0;
}

/**
 * hr_socket_group_can_hand_on:
 * @self: a group
 *
 * Returns: whether those that accept from the main socket can be given what waits in another, once that is left
 */
gboolean
hr_socket_group_can_hand_on (HrSocketGroup *self)
{
  return self->rescue != NULL && hr_rescue_can_take (self->rescue, self->main->users);
}

/* O_NONBLOCK belongs to the socket, and who else has it may have set it anew: the main loop must not wait for a
 * connection that does not come. */
static int
accept_waiting (int fd)
{
  struct pollfd waiting = { .fd = fd, .events = POLLIN };

  if (poll (&waiting, 1, 0) != 1)
    {
      errno = EAGAIN;
      return -1;
    }
  return g_unix_set_fd_nonblocking (fd, TRUE, NULL) ? accept4 (fd, NULL, NULL, SOCK_CLOEXEC) : -1;
}

/* Takes out of its queue what can be handed on. Returns whether it is to be asked again when there is more. */
static gboolean
rescue (HrSocketMember *member)
{
  HrSocketGroup *self = member->group;

  while (hr_rescue_can_take (self->rescue, self->main->users))
    {
      g_auto (HrFd) accepted = accept_waiting (member->fd);
      int fd;

      if (accepted < 0)
        return errno == EAGAIN;
      /* A copy might not be had, and then the client would be cut off. */
      fd = accepted > STDERR_FILENO ? hr_fd_steal (&accepted) : hr_fd_dup (accepted, NULL);
      if (fd < 0)
        return FALSE;
      member->busy_at = member->left_at = g_get_monotonic_time ();
      hr_rescue_add (self->rescue, fd, &self->reachable);
    }
  return FALSE;
}

/**
 * hr_socket_group_give_back:
 * @self: a group in which an instance is separate that does not run yet
 *
 * Between listen() and the rule, the kernel may have given its socket connections that are for the running instance.
 */
void
hr_socket_group_give_back (HrSocketGroup *self)
{
  if (self->rescue == NULL)
    return;
  rescue (self->own);
  g_unix_set_fd_nonblocking (self->own->fd, FALSE, NULL);
}

static gboolean
on_left_behind (gint fd, GIOCondition condition, gpointer user_data)
{
  HrSocketMember *member = user_data;

  if (hr_socket_group_is_left (member->group, member) && rescue (member))
    return G_SOURCE_CONTINUE;
  member->source = 0;
  return G_SOURCE_REMOVE;
}

static void
watch (HrSocketGroup *self, HrSocketMember *member)
{
  if (member->source != 0 || !hr_socket_group_is_left (self, member) || !hr_socket_group_can_hand_on (self))
    return;
  /* At once: an instance that starts in the next moment cannot be nudged for as long as it does. */
  if (rescue (member))
    member->source = g_unix_fd_add (member->fd, G_IO_IN, on_left_behind, member);
}

/* A handshake that waits for its first byte is in no queue yet, nor in any count, and would be reset with the socket. From
 * now on it ends without that byte, when the kernel asks for its end again. */
static void
end_deferral (HrSocketMember *member)
{
  const int none = 0;
  int seconds = 0;
  socklen_t length = sizeof seconds;

  if (getsockopt (member->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, &length) < 0 || seconds <= 0)
    return;
  setsockopt (member->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &none, sizeof none);
  member->deferred = MIN (seconds * G_USEC_PER_SEC, HR_SOCKET_GROUP_DEFER_MAX_USEC);
}

/* Nobody could take what waits in it for too long: its clients hear of it at once, also where the socket has to stay. */
static void
end_waiting (HrSocketMember *member)
{
  const struct linger at_once = { .l_onoff = 1 };
  int waiting = hr_socket_count_waiting (member->fd);

  if (waiting <= 0)
    return;
  for (int i = MIN (waiting, HR_SOCKET_GROUP_END_MAX); i > 0; i--)
    {
      g_auto (HrFd) fd = accept_waiting (member->fd);

      if (fd < 0)
        break;
      setsockopt (fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      member->n_ended++;
    }
  if (member->n_ended == 0 || hr_socket_count_waiting (member->fd) > 0)
    return;
  hr_log_warning (NULL,
                  "no instance took the connections that were left in the queue of a socket within %d s; %u are closed",
                  (int)(HR_RESCUE_WAIT_USEC / G_USEC_PER_SEC), member->n_ended);
  member->n_ended = 0;
}

/* While an instance is separate, or somebody else is in the group, no index may move: see the head of the header.
 * Returns whether it is no member any more. */
static gboolean
go (HrSocketGroup *self, HrSocketMember *member, gint64 now)
{
  if (self->own != NULL || now - member->busy_at < HR_SOCKET_GROUP_LINGER_USEC + member->deferred
      || !hr_socket_group_may_drop (self, member))
    return FALSE;
  if (hr_socket_group_has_strays (self))
    {
      /* To be asked again when it may have changed, and not ten times a second. */
      member->busy_at = now;
      return FALSE;
    }
  hr_socket_group_drop (self, member);
  return TRUE;
}

static gboolean
look (gpointer user_data)
{
  HrSocketGroup *self = user_data;
  gint64 now = g_get_monotonic_time ();
  gboolean any = FALSE;

  for (guint i = self->members->len; i > 0; i--)
    {
      HrSocketMember *member = g_ptr_array_index (self->members, i - 1);
      gboolean left = hr_socket_group_is_left (self, member);
      gboolean waits;

      if (member == self->main || member == self->own)
        continue;
      waits = hr_socket_count_waiting (member->fd) > 0;
      if (left)
        end_deferral (member);
      if (!left || !waits)
        member->left_at = now;
      watch (self, member);
      if (now - member->left_at >= HR_RESCUE_WAIT_USEC)
        end_waiting (member);
      else if (!left || waits)
        member->busy_at = now;
      any = !go (self, member, now) || any;
    }
  if (any)
    return G_SOURCE_CONTINUE;
  self->timer = 0;
  return G_SOURCE_REMOVE;
}

/**
 * hr_socket_group_begin_looking:
 * @self: a group in which a member may have been left
 *
 * Sees to it until there is none.
 */
void
hr_socket_group_begin_looking (HrSocketGroup *self)
{
  hr_socket_group_sweep (self);
  if (self->timer == 0 && self->members->len > (self->own != NULL ? 2 : 1))
    self->timer = g_timeout_add (LOOK_INTERVAL_MSEC, look, self);
}

/**
 * hr_socket_group_set_rescue:
 * @self: a group
 * @rescue: for what comes into a socket from which nobody accepts; must outlive the group
 * @reachable: by which address the program can be reached through it
 */
void
hr_socket_group_set_rescue (HrSocketGroup *self, HrRescue *rescue, const struct sockaddr_storage *reachable)
{
  self->rescue = rescue;
  self->reachable = *reachable;
}

/**
 * hr_socket_group_sweep:
 * @self: a group
 *
 * To be called when there may be somebody to take what was left behind.
 */
void
hr_socket_group_sweep (HrSocketGroup *self)
{
  for (guint i = 0; i < self->members->len; i++)
    watch (self, g_ptr_array_index (self->members, i));
}
