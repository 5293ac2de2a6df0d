/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-tcp-queue.h"

#include <netinet/in.h>
#include <string.h>

#include "hr-tcp-address.h"
#include "hr-tcp-diag.h"

typedef struct {
  const struct sockaddr_storage *listeners;
  guint n_listeners;
  gint64 longest;
} Search;

static void
read_local (const struct inet_diag_msg *connection, struct sockaddr_storage *local)
{
  memset (local, 0, sizeof *local);
  local->ss_family = connection->idiag_family;
  if (connection->idiag_family == AF_INET6)
    {
      struct sockaddr_in6 *address = (struct sockaddr_in6 *)local;

      address->sin6_port = connection->id.idiag_sport;
      memcpy (&address->sin6_addr, connection->id.idiag_src, sizeof address->sin6_addr);
    }
  else
    {
      struct sockaddr_in *address = (struct sockaddr_in *)local;

      address->sin_port = connection->id.idiag_sport;
      memcpy (&address->sin_addr, connection->id.idiag_src, sizeof address->sin_addr);
    }
}

static void
consider (const struct inet_diag_msg *connection, const struct tcp_info *info, gpointer user_data)
{
  Search *search = user_data;
  struct sockaddr_storage local;

  if (connection->idiag_inode != 0 || info == NULL)
    return;
  read_local (connection, &local);
  for (guint i = 0; i < search->n_listeners; i++)
    if (hr_tcp_address_receives (&search->listeners[i], &local))
      {
        search->longest = MAX (search->longest, (gint64)info->tcpi_last_data_sent * G_TIME_SPAN_MILLISECOND);
        return;
      }
}

/**
 * hr_tcp_queue_longest_wait:
 * @listeners: (array length=n_listeners): what is listened on, with ports
 * @n_listeners: how many
 * @error: return location
 *
 * Blocks for as long as the kernel takes: for worker threads.
 *
 * Returns: how long the first of those that wait there has waited, in microseconds, as finely as the kernel's clock for
 *   it goes, which is 1 to 10 ms; 0 when none waits; -1 with a #GIOErrorEnum set when the kernel does not tell
 */
gint64
hr_tcp_queue_longest_wait (const struct sockaddr_storage *listeners, guint n_listeners, GError **error)
{
  Search search = { .listeners = listeners, .n_listeners = n_listeners };

  return hr_tcp_diag_list (consider, &search, error) ? search.longest : -1;
}
