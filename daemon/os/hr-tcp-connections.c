/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-tcp-connections.h"

#include "hr-socket-holder.h"
#include "hr-tcp-diag.h"

/* How long after its beginning a connection on which nothing came counts as busy, and how long after a piece of an
   answer more of it is expected. */
#define BEGINNING_MSEC 100
#define STREAMING_MSEC 50

typedef struct {
  const guint16 *ports;
  guint n_ports;
  gboolean busy;
  GArray *inodes; /* guint64, of sockets that some process has accepted */
} Search;

static gboolean
is_busy (const struct inet_diag_msg *found, const struct tcp_info *info)
{
  if (found->idiag_rqueue > 0 || found->idiag_wqueue > 0 || info == NULL)
    return TRUE;
  if (info->tcpi_bytes_received == 0)
    return info->tcpi_last_ack_recv < BEGINNING_MSEC;
  /* The clock behind these is coarse: a question and its answer often have the same time. */
  return info->tcpi_bytes_sent == 0 || info->tcpi_last_data_recv < info->tcpi_last_data_sent
         || info->tcpi_last_data_sent < STREAMING_MSEC;
}

static void
consider (const struct inet_diag_msg *found, const struct tcp_info *info, gpointer user_data)
{
  Search *search = user_data;
  guint16 port = g_ntohs (found->id.idiag_sport);
  guint64 inode = found->idiag_inode;

  for (guint i = 0; inode != 0 && i < search->n_ports; i++)
    if (search->ports[i] == port && (!search->busy || is_busy (found, info)))
      {
        g_array_append_val (search->inodes, inode);
        return;
      }
}

/**
 * hr_tcp_connections_count:
 * @pid: a process
 * @ports: (array length=n_ports): local ports
 * @n_ports: how many
 * @busy: whether only those count on which something is under way
 * @error: return location
 *
 * Blocks for as long as reading /proc takes: for worker threads.
 *
 * Returns: how many connections the process and its descendants have there, as far as that can be seen; -1 with a
 *   #GIOErrorEnum set when the kernel does not tell
 */
int
hr_tcp_connections_count (GPid pid, const guint16 *ports, guint n_ports, gboolean busy, GError **error)
{
  g_autoptr (GArray) inodes = g_array_new (FALSE, FALSE, sizeof (guint64));
  Search search = { .ports = ports, .n_ports = n_ports, .busy = busy, .inodes = inodes };

  if (!hr_tcp_diag_list (consider, &search, error))
    return -1;
  return inodes->len == 0
             ? 0
             : (int)hr_socket_count_held (pid, (const guint64 *)(gpointer)inodes->data, inodes->len, inodes->len);
}
