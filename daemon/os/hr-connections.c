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

/* What the worker needs. */
typedef struct {
  HrConnections *where;
  GPid pid;
  guint more;
  gboolean busy;
} Count;

static void
count_free (gpointer data)
{
  Count *count = data;

  hr_connections_free (count->where);
  g_free (count);
}

static void
count_them (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Count *count = data;
  const HrConnections *where = count->where;
  GError *error = NULL;
  int tcp = hr_tcp_connections_count (count->pid, (const guint16 *)(gpointer)where->ports->data, where->ports->len,
                                      count->busy, &error);
  int local = tcp < 0 ? -1 : hr_unix_connections_count (count->pid, (const char *const *)where->names->pdata, &error);

  if (local < 0)
    g_task_return_error (task, error);
  else
    g_task_return_int (task, tcp + local + (int)count->more);
}

/**
 * hr_connections_count_async:
 * @self: (transfer full): where listeners listen
 * @pid: a process
 * @busy: whether only those count on which something is under way
 * @more: to be added
 * @callback: called when they are counted
 * @user_data: for @callback
 *
 * Reads much of /proc, in a worker thread.
 */
void
hr_connections_count_async (HrConnections *self, GPid pid, gboolean busy, guint more, GAsyncReadyCallback callback,
                            gpointer user_data)
{
  /* Without a source object: the worker must not hold what is the main loop's alone. */
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, user_data);
  Count *count = g_new (Count, 1);

  *count = (Count){ .where = self, .pid = pid, .more = more, .busy = busy };
  g_task_set_source_tag (task, hr_connections_count_async);
  g_task_set_task_data (task, count, count_free);
  g_task_run_in_thread (task, count_them);
}

/**
 * hr_connections_count_finish:
 * @result: of hr_connections_count_async()
 * @error: return location
 *
 * Returns: how many connections the process and its descendants have there, as far as that can be seen; -1 with a
 *   #GIOErrorEnum set when the kernel does not tell
 */
int
hr_connections_count_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_async_result_is_tagged (result, hr_connections_count_async), -1);
  return (int)g_task_propagate_int (G_TASK (result), error);
}
