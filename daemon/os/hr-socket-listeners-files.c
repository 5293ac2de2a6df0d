/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-socket-listeners-files.c: the part of HrSocketListeners that knows Unix sockets by their files.
 */
#include "hr-socket-listeners-private.h"

static HrHeldListener *
get (HrSocketListeners *self, guint index)
{
  return g_ptr_array_index (self->held, index);
}

static HrHeldListener *
find_file (HrSocketListeners *self, dev_t device, ino_t inode)
{
  for (guint i = 0; i < self->held->len; i++)
    if (get (self, i)->file != NULL && hr_socket_file_is (get (self, i)->file, device, inode))
      return get (self, i);
  return NULL;
}

/**
 * hr_socket_listeners_take_file:
 * @self: the listeners
 * @device: of the file that is at the path which a program of the service binds
 * @inode: of the same
 * @instance: id of the instance
 *
 * Returns: a descriptor of the Unix socket with that file, which stays the listeners'; -1 when there is none
 */
int
hr_socket_listeners_take_file (HrSocketListeners *self, dev_t device, ino_t inode, const char *instance)
{
  HrHeldListener *found = find_file (self, device, inode);

  if (found == NULL)
    return -1;
  g_hash_table_add (found->users, g_strdup (instance));
  return found->shown.fd;
}

/**
 * hr_socket_listeners_has_file:
 * @self: the listeners
 * @device: of a file that a program of the service removes
 * @inode: of the same
 *
 * Returns: whether a listener is found by it, so that it has to stay
 */
gboolean
hr_socket_listeners_has_file (HrSocketListeners *self, dev_t device, ino_t inode)
{
  return find_file (self, device, inode) != NULL;
}

/**
 * hr_socket_listeners_leave_directory:
 * @self: the listeners
 * @device: of a directory that a program of the service removes
 * @inode: of the same
 * @instance: id of the instance
 *
 * Closes the discovered listeners that are found in it and used by no other instance, and removes their files.
 *
 * Returns: whether there were any
 */
gboolean
hr_socket_listeners_leave_directory (HrSocketListeners *self, dev_t device, ino_t inode, const char *instance)
{
  guint before = self->held->len;

  for (guint i = before; i > 0; i--)
    {
      HrHeldListener *held = get (self, i - 1);

      if (held->shown.discovered && held->file != NULL && g_hash_table_size (held->users) == 1
          && g_hash_table_contains (held->users, instance) && hr_socket_file_is_in (held->file, device, inode))
        g_ptr_array_remove_index (self->held, i - 1);
    }
  if (self->held->len == before)
    return FALSE;
  hr_socket_listeners_keep (self);
  g_signal_emit_by_name (self, "changed");
  return TRUE;
}
