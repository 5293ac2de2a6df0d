/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-socket-group-private.h"

#include <asm/socket.h>
#include <sys/socket.h>

#include "hr-closer.h"
#include "hr-error.h"
#include "hr-fd.h"
#include "hr-log.h"
#include "hr-socket-bind.h"
#include "hr-socket-strays.h"

static void
member_free (gpointer data)
{
  HrSocketMember *self = data;

  g_clear_handle_id (&self->source, g_source_remove);
  hr_closer_clear_listener (&self->fd);
  g_hash_table_unref (self->owners);
  g_hash_table_unref (self->users);
  g_free (self);
}

/* Takes the descriptor. */
static HrSocketMember *
member_new (HrSocketGroup *group, int fd, const char *owner)
{
  HrSocketMember *self = g_new0 (HrSocketMember, 1);
  socklen_t length = sizeof self->cookie;

  getsockopt (fd, SOL_SOCKET, SO_COOKIE, &self->cookie, &length);
  self->group = group;
  self->fd = fd;
  self->owners = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  if (owner != NULL)
    g_hash_table_add (self->owners, g_strdup (owner));
  self->users = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->busy_at = self->left_at = g_get_monotonic_time ();
  return self;
}

/**
 * hr_socket_group_member_of:
 * @self: a group
 * @instance: (nullable): id of an instance
 *
 * Returns: (transfer none): the socket that it was made for or that it accepts from; else the main one
 */
HrSocketMember *
hr_socket_group_member_of (HrSocketGroup *self, const char *instance)
{
  for (guint i = 0; instance != NULL && i < self->members->len; i++)
    {
      HrSocketMember *member = g_ptr_array_index (self->members, i);

      if (g_hash_table_contains (member->owners, instance) || g_hash_table_contains (member->users, instance))
        return member;
    }
  return self->main;
}

static guint
index_of (HrSocketGroup *self, HrSocketMember *member)
{
  guint index = 0;

  g_ptr_array_find (self->members, member, &index);
  return index;
}

/**
 * hr_socket_group_apply:
 * @self: a group
 * @error: return location
 *
 * Has its rule hold from the next connection on.
 *
 * Returns: success; else what the kernel said
 */
gboolean
hr_socket_group_apply (HrSocketGroup *self, GError **error)
{
  self->rule.main_index = index_of (self, self->main);
  self->rule.own_index = self->own != NULL ? index_of (self, self->own) : self->rule.main_index;
  return hr_traffic_apply (self->main->fd, &self->rule, error);
}

static void
tell (HrSocketGroup *self)
{
  if (self->changed != NULL)
    self->changed (self->changed_data);
}

/**
 * hr_socket_group_direct:
 * @self: a group of which the members have changed
 *
 * Has new connections go where they are to go; where that cannot be done any more it is warned of.
 */
void
hr_socket_group_direct (HrSocketGroup *self)
{
  g_autoptr (GError) error = NULL;

  if (!hr_socket_group_apply (self, &error))
    hr_log_warning (NULL, "%s, ignoring", error->message);
  tell (self);
}

/**
 * hr_socket_group_add:
 * @self: a group
 * @fd: (transfer full): a socket that is the last in it
 *
 * Returns: (transfer none): it, which nobody has yet
 */
HrSocketMember *
hr_socket_group_add (HrSocketGroup *self, int fd)
{
  HrSocketMember *member = member_new (self, fd, NULL);

  g_ptr_array_add (self->members, member);
  return member;
}

static void
set_reuseport (HrSocketGroup *self, int value)
{
  setsockopt (self->main->fd, SOL_SOCKET, SO_REUSEPORT, &value, sizeof value);
}

/**
 * hr_socket_group_has_strays:
 * @self: a group
 *
 * Returns: whether somebody else has a socket in it
 */
gboolean
hr_socket_group_has_strays (HrSocketGroup *self)
{
  g_autofree guint64 *cookies = g_new (guint64, self->members->len);

  for (guint i = 0; i < self->members->len; i++)
    cookies[i] = ((HrSocketMember *)g_ptr_array_index (self->members, i))->cookie;
  return hr_socket_strays_exist (self->main->fd, cookies, self->members->len);
}

/**
 * hr_socket_group_new:
 * @fd: (transfer full): a TCP socket that listens
 *
 * Returns: (transfer full): a group of one
 */
HrSocketGroup *
hr_socket_group_new (int fd)
{
  HrSocketGroup *self = g_new0 (HrSocketGroup, 1);

  self->members = g_ptr_array_new_with_free_func (member_free);
  self->main = member_new (self, fd, NULL);
  g_ptr_array_add (self->members, self->main);
  return self;
}

/**
 * hr_socket_group_free:
 * @self: (transfer full) (nullable): a group; its sockets are closed
 */
void
hr_socket_group_free (HrSocketGroup *self)
{
  if (self == NULL)
    return;
  g_clear_handle_id (&self->timer, g_source_remove);
  g_ptr_array_unref (self->members);
  g_free (self);
}

/**
 * hr_socket_group_get_fd:
 * @self: a group
 * @instance: (nullable): id of an instance
 *
 * Returns: the descriptor it is to have, which stays the group's: its own, or the one it has already, or the main one
 */
int
hr_socket_group_get_fd (HrSocketGroup *self, const char *instance)
{
  return hr_socket_group_member_of (self, instance)->fd;
}

/**
 * hr_socket_group_holds:
 * @self: a group
 * @cookie: SO_COOKIE
 *
 * Returns: whether one of its sockets is that
 */
gboolean
hr_socket_group_holds (HrSocketGroup *self, guint64 cookie)
{
  for (guint i = 0; i < self->members->len; i++)
    if (((HrSocketMember *)g_ptr_array_index (self->members, i))->cookie == cookie)
      return TRUE;
  return FALSE;
}

/**
 * hr_socket_group_enter:
 * @self: a group
 * @instance: id of an instance
 *
 * It may accept from now on, from what hr_socket_group_get_fd() gives for it.
 */
void
hr_socket_group_enter (HrSocketGroup *self, const char *instance)
{
  HrSocketMember *member = hr_socket_group_member_of (self, instance);

  /* Handshakes that were under way when the rule came are mostly over now. */
  if (member == self->own && self->gives_back)
    hr_socket_group_give_back (self);
  self->gives_back = self->gives_back && member != self->own;
  g_hash_table_add (member->users, g_strdup (instance));
  tell (self);
}

/**
 * hr_socket_group_leave:
 * @self: a group
 * @instance: id of an instance
 *
 * It accepts nothing any more.
 */
void
hr_socket_group_leave (HrSocketGroup *self, const char *instance)
{
  for (guint i = 0; i < self->members->len; i++)
    {
      HrSocketMember *member = g_ptr_array_index (self->members, i);

      if (g_hash_table_remove (member->users, instance))
        member->busy_at = g_get_monotonic_time ();
    }
  tell (self);
  hr_socket_group_begin_looking (self);
}

/* Of those that nobody needs any more, the one that is so for the longest time goes early. */
static gboolean
make_room (HrSocketGroup *self, GError **error)
{
  HrSocketMember *oldest = NULL;

  if (self->members->len < HR_SOCKET_GROUP_MAX)
    return TRUE;
  for (guint i = 0; i < self->members->len; i++)
    {
      HrSocketMember *member = g_ptr_array_index (self->members, i);

      if (hr_socket_group_is_left (self, member) && hr_socket_count_waiting (member->fd) == 0
          && (oldest == NULL || member->busy_at < oldest->busy_at))
        oldest = member;
    }
  if (oldest == NULL)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED, "there are %d sockets with connections in them already",
                   HR_SOCKET_GROUP_MAX);
      return FALSE;
    }
  hr_socket_group_drop (self, oldest);
  return TRUE;
}

static void
set_stray_error (HrSocketGroup *self, GError **error)
{
  HrSocketAddress address;
  g_autofree char *text =
      hr_socket_address_of (self->main->fd, &address) ? hr_socket_address_to_string (&address) : NULL;

  g_set_error (error, HR_ERROR, HR_ERROR_BUSY, "another program listens on %s, too", text);
}

/**
 * hr_socket_group_separate:
 * @self: a group in which nobody is separate
 * @instance: id of an instance that does not run yet
 * @sources: where its probes come from, and what is always for the others
 * @error: return location
 *
 * Gives it a socket of its own, with share 0.
 *
 * Returns: success; else an error, %HR_ERROR_BUSY when somebody else is in the group, and nothing has changed
 */
gboolean
hr_socket_group_separate (HrSocketGroup *self, const char *instance, const HrSocketGroupSources *sources,
                          GError **error)
{
  int before = hr_socket_get_option (self->main->fd, SOL_SOCKET, SO_REUSEPORT);
  int fd;

  g_return_val_if_fail (self->own == NULL, FALSE);

  if (hr_socket_group_has_strays (self))
    {
      set_stray_error (self, error);
      return FALSE;
    }
  if (!make_room (self, error))
    return FALSE;
  set_reuseport (self, 1);
  fd = hr_socket_bind_again (self->main->fd, error);
  if (fd < 0)
    {
      set_reuseport (self, before > 0);
      return FALSE;
    }
  self->own = member_new (self, fd, instance);
  self->gives_back = TRUE;
  g_ptr_array_add (self->members, self->own);
  self->rule =
      (HrTrafficRule){ .own_source = sources->own, .main_source = sources->main, .salt = g_str_hash (instance) };
  if (hr_socket_group_apply (self, error))
    {
      tell (self);
      return TRUE;
    }
  hr_socket_group_drop (self, g_steal_pointer (&self->own));
  return FALSE;
}

/**
 * hr_socket_group_join:
 * @self: a group
 * @instance: id of an instance that does not run yet
 *
 * It is to have the socket of the instance that is separate; where none is, the main one.
 */
void
hr_socket_group_join (HrSocketGroup *self, const char *instance)
{
  if (self->own == NULL)
    return;
  g_hash_table_add (self->own->owners, g_strdup (instance));
  tell (self);
}

/**
 * hr_socket_group_is_apart:
 * @self: a group
 * @instance: id of an instance
 *
 * Returns: whether it has the socket of the instance that is separate
 */
gboolean
hr_socket_group_is_apart (HrSocketGroup *self, const char *instance)
{
  return self->own != NULL && hr_socket_group_member_of (self, instance) == self->own;
}

/**
 * hr_socket_group_set_share:
 * @self: a group
 * @share: of %HR_TRAFFIC_ALL new connections
 * @sticky: whether that is decided by source address
 * @error: return location
 *
 * In a group in which nobody is separate, as that of a listener that was discovered since, this changes nothing.
 *
 * Returns: success; else an error, and it is as it was
 */
gboolean
hr_socket_group_set_share (HrSocketGroup *self, guint share, gboolean sticky, GError **error)
{
  HrTrafficRule before = self->rule;

  g_return_val_if_fail (share <= HR_TRAFFIC_ALL, FALSE);

  if (self->own == NULL)
    return TRUE;
  self->rule.share = share;
  self->rule.sticky = sticky;
  if (hr_socket_group_apply (self, error))
    return TRUE;
  self->rule = before;
  return FALSE;
}

/**
 * hr_socket_group_promote:
 * @self: a group without a separate instance but this
 * @instance: id of the instance that serves
 *
 * The socket of this instance is the main one from now on; the one that was stays until it is not needed any more.
 */
void
hr_socket_group_promote (HrSocketGroup *self, const char *instance)
{
  HrSocketMember *member = self->own != NULL ? self->own : hr_socket_group_member_of (self, instance);

  if (member == self->main)
    return;
  self->main->busy_at = g_get_monotonic_time ();
  self->main = member;
  self->own = NULL;
  hr_socket_group_direct (self);
  hr_socket_group_begin_looking (self);
}

/**
 * hr_socket_group_rejoin:
 * @self: a group
 *
 * The separate instance gets nothing any more; its socket goes when it has ended. One that has not been started yet is
 * to have the main one, as others.
 */
void
hr_socket_group_rejoin (HrSocketGroup *self)
{
  if (self->own == NULL)
    return;
  self->own->busy_at = g_get_monotonic_time ();
  if (g_hash_table_size (self->own->users) == 0)
    g_hash_table_remove_all (self->own->owners);
  self->own = NULL;
  hr_socket_group_direct (self);
  hr_socket_group_begin_looking (self);
}

/**
 * hr_socket_group_count_waiting:
 * @self: a group
 * @instance: id of an instance
 *
 * Returns: how many connections wait in its socket; -1 when that is the main one, or another instance accepts from it,
 *   too
 */
int
hr_socket_group_count_waiting (HrSocketGroup *self, const char *instance)
{
  const HrSocketMember *member = hr_socket_group_member_of (self, instance);
  guint n_others = g_hash_table_size (member->users) - (g_hash_table_contains (member->users, instance) ? 1 : 0);

  return member == self->main || n_others > 0 ? -1 : hr_socket_count_waiting (member->fd);
}

/**
 * hr_socket_group_count_queued:
 * @self: a group
 * @left: whether only those count that wait where no new connection goes
 *
 * Returns: how many connections wait in its sockets
 */
guint
hr_socket_group_count_queued (HrSocketGroup *self, gboolean left)
{
  guint n = 0;

  for (guint i = 0; i < self->members->len; i++)
    {
      const HrSocketMember *member = g_ptr_array_index (self->members, i);

      if (!left || (member != self->main && member != self->own))
        n += (guint)hr_socket_count_waiting (member->fd);
    }
  return n;
}

/**
 * hr_socket_group_revive:
 * @self: a group
 * @address: its address, with the real port
 *
 * Makes those listen again that do not: shutdown() by any holder closes a listening socket for all of them.
 */
void
hr_socket_group_revive (HrSocketGroup *self, const HrSocketAddress *address)
{
  g_autoptr (GPtrArray) closed = g_ptr_array_new ();

  /* All of them left the group before the first joins it again, as the last. */
  for (guint i = self->members->len; i > 0; i--)
    if (hr_socket_get_option (((HrSocketMember *)g_ptr_array_index (self->members, i - 1))->fd, SOL_SOCKET,
                              SO_ACCEPTCONN)
        <= 0)
      g_ptr_array_add (closed, g_ptr_array_steal_index_fast (self->members, i - 1));
  for (guint i = 0; i < closed->len; i++)
    {
      hr_socket_revive (((HrSocketMember *)g_ptr_array_index (closed, i))->fd, address);
      g_ptr_array_add (self->members, g_ptr_array_index (closed, i));
    }
  if (closed->len > 0 && hr_socket_get_option (self->main->fd, SOL_SOCKET, SO_REUSEPORT) > 0)
    hr_socket_group_direct (self);
}
