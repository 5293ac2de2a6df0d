/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-connections.h"

#include <string.h>

#include "hr-socket-address.h"
#include "hr-tcp-connections.h"
#include "hr-unix-connections.h"

struct _HrConnections {
  GArray *ports;    /* guint16 */
  GPtrArray *names; /* of Unix sockets, as the kernel has them, and NULL */
};

/**
 * hr_connections_new:
 * @listeners: a service's
 *
 * Returns: (transfer full): where they listen at this moment; may be used in another thread
 */
HrConnections *
hr_connections_new (HrListeners *listeners)
{
  HrConnections *self = g_new (HrConnections, 1);
  GPtrArray *list = hr_listeners_list (listeners);

  self->ports = g_array_new (FALSE, FALSE, sizeof (guint16));
  self->names = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < list->len; i++)
    {
      const HrListener *listener = g_ptr_array_index (list, i);
      HrSocketAddress address;

      if (listener->kind == HR_LISTEN_TCP)
        g_array_append_val (self->ports, listener->port);
      /* A program may have bound a relative path. */
      else if (listener->kind == HR_LISTEN_UNIX && listener->fd >= 0 && hr_socket_address_of (listener->fd, &address))
        {
          g_autofree char *text = hr_socket_address_to_string (&address);

          g_ptr_array_add (self->names, g_strdup (text + strlen ("unix:")));
        }
    }
  g_ptr_array_add (self->names, NULL);
  return self;
}

/**
 * hr_connections_free:
 * @self: (transfer full) (nullable): where listeners listen
 */
void
hr_connections_free (HrConnections *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->ports);
  g_ptr_array_unref (self->names);
  g_free (self);
}

/**
 * hr_connections_get_ports:
 * @self: where listeners listen
 * @n_ports: (out): how many
 *
 * Returns: (transfer none) (array length=n_ports): TCP ports
 */
const guint16 *
hr_connections_get_ports (HrConnections *self, guint *n_ports)
{
  *n_ports = self->ports->len;
  return (const guint16 *)(gpointer)self->ports->data;
}

/**
 * hr_connections_count:
 * @self: where listeners listen
 * @pid: a process
 * @busy: whether only those count on which something is under way
 * @error: return location
 *
 * Blocks for as long as reading /proc takes: for worker threads.
 *
 * Returns: how many connections the process and its descendants have there, as far as that can be seen; -1 with a
 *   #GIOErrorEnum set when the kernel does not tell
 */
int
hr_connections_count (HrConnections *self, GPid pid, gboolean busy, GError **error)
{
  int tcp = hr_tcp_connections_count (pid, (const guint16 *)(gpointer)self->ports->data, self->ports->len, busy, error);
  int local = tcp < 0 ? -1 : hr_unix_connections_count (pid, (const char *const *)self->names->pdata, error);

  return local < 0 ? -1 : tcp + local;
}
