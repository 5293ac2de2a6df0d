/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-socket-group-keep.h"

#include <sys/socket.h>

#include "hr-fd.h"
#include "hr-socket-bind.h"
#include "hr-socket-group-private.h"

/**
 * hr_socket_group_part_free:
 * @self: (transfer full): a part
 */
void
hr_socket_group_part_free (gpointer self)
{
  HrSocketGroupPart *part = self;

  g_strfreev (part->instances);
  g_free (part);
}

/**
 * hr_socket_group_set_changed_func:
 * @self: a group
 * @func: called when its sockets or who has them have changed
 * @user_data: for @func
 */
void
hr_socket_group_set_changed_func (HrSocketGroup *self, HrSocketGroupFunc func, gpointer user_data)
{
  self->changed = func;
  self->changed_data = user_data;
}

static char **
list_instances (const HrSocketMember *member)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  GHashTableIter iter;
  gpointer instance;

  g_hash_table_iter_init (&iter, member->owners);
  while (g_hash_table_iter_next (&iter, &instance, NULL))
    g_strv_builder_add (builder, instance);
  g_hash_table_iter_init (&iter, member->users);
  while (g_hash_table_iter_next (&iter, &instance, NULL))
    if (!g_hash_table_contains (member->owners, instance))
      g_strv_builder_add (builder, instance);
  return g_strv_builder_end (builder);
}

/**
 * hr_socket_group_describe:
 * @self: a group
 *
 * Returns: (transfer full) (element-type HrSocketGroupPart): its sockets, as the kernel numbers them
 */
GPtrArray *
hr_socket_group_describe (HrSocketGroup *self)
{
  GPtrArray *parts = g_ptr_array_new_with_free_func (hr_socket_group_part_free);

  for (guint i = 0; i < self->members->len; i++)
    {
      const HrSocketMember *member = g_ptr_array_index (self->members, i);
      HrSocketGroupPart *part = g_new0 (HrSocketGroupPart, 1);

      part->fd = member->fd;
      part->cookie = member->cookie;
      part->main = member == self->main;
      part->index = i;
      part->instances = list_instances (member);
      g_ptr_array_add (parts, part);
    }
  return parts;
}

static gint
compare (gconstpointer a, gconstpointer b, gpointer user_data)
{
  GHashTable *numbers = user_data;
  guint one = GPOINTER_TO_UINT (g_hash_table_lookup (numbers, *(gpointer const *)a));
  guint other = GPOINTER_TO_UINT (g_hash_table_lookup (numbers, *(gpointer const *)b));

  return one < other ? -1 : one > other ? 1 : 0;
}

/* What was shut down in the last moment of the other daemon has left already, and the last one is in its place. */
static gboolean
drop_those_that_left (HrSocketGroup *self)
{
  gboolean any = FALSE;

  for (guint i = self->members->len; i > 0; i--)
    {
      const HrSocketMember *member = g_ptr_array_index (self->members, i - 1);

      if (member != self->main && hr_socket_get_option (member->fd, SOL_SOCKET, SO_ACCEPTCONN) <= 0)
        {
          g_ptr_array_remove_index_fast (self->members, i - 1);
          any = TRUE;
        }
    }
  return any;
}

/**
 * hr_socket_group_restore:
 * @self: a new group of one
 * @index: the number of that in the kernel
 * @parts: (element-type HrSocketGroupPart): the others that an earlier daemon had
 * @keeps_rule: whether that was this process, which was re-executed: new connections go where they went, until
 *   hr_socket_group_separate_again() or hr_socket_group_direct(); else all go to the main one from now on
 *
 * Instances that still run find their own sockets again by
 * hr_socket_group_enter(); what nobody has goes as any that was left.
 */
void
hr_socket_group_restore (HrSocketGroup *self, guint index, GPtrArray *parts, gboolean keeps_rule)
{
  g_autoptr (GHashTable) numbers = g_hash_table_new (NULL, NULL);

  g_hash_table_insert (numbers, self->main, GUINT_TO_POINTER (index));
  for (guint i = 0; i < parts->len; i++)
    {
      const HrSocketGroupPart *part = g_ptr_array_index (parts, i);
      int fd = hr_fd_dup (part->fd, NULL);
      HrSocketMember *member = fd >= 0 ? hr_socket_group_add (self, fd) : NULL;

      for (guint k = 0; member != NULL && part->instances[k] != NULL; k++)
        g_hash_table_add (member->owners, g_strdup (part->instances[k]));
      if (member != NULL)
        g_hash_table_insert (numbers, member, GUINT_TO_POINTER (part->index));
    }
  if (self->members->len == 1)
    return;
  g_ptr_array_sort_with_data (self->members, compare, numbers);
  if (drop_those_that_left (self) || !keeps_rule)
    hr_socket_group_direct (self);
  hr_socket_group_begin_looking (self);
}

/**
 * hr_socket_group_separate_again:
 * @self: a group that was restored
 * @instance: id of an instance that was separate in the daemon before
 * @sources: as for hr_socket_group_separate()
 * @share: that it had
 * @sticky: as it was
 * @error: return location
 *
 * In a group in which it had no socket of its own, as that of a listener that was discovered since, this changes nothing.
 *
 * Returns: success; else an error, and nobody is separate
 */
gboolean
hr_socket_group_separate_again (HrSocketGroup *self, const char *instance, const HrSocketGroupSources *sources,
                                guint share, gboolean sticky, GError **error)
{
  HrSocketMember *member = hr_socket_group_member_of (self, instance);

  g_return_val_if_fail (self->own == NULL, FALSE);

  if (member == self->main)
    return TRUE;
  self->own = member;
  self->gives_back = FALSE;
  self->rule = (HrTrafficRule){ .share = share,
                                .sticky = sticky,
                                .own_source = sources->own,
                                .main_source = sources->main,
                                .salt = g_str_hash (instance) };
  if (hr_socket_group_apply (self, error))
    return TRUE;
  hr_socket_group_rejoin (self);
  return FALSE;
}
