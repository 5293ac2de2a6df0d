/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-socket-strays.h"

#include <arpa/inet.h>
#include <string.h>

#include "hr-log.h"
#include "hr-socket-address.h"
#include "hr-tcp-diag.h"

typedef struct {
  HrSocketAddress address;
  const guint64 *ours;
  guint n_ours;
  gboolean found;
} Search;

static gboolean
is_same_host (const struct inet_diag_msg *listener, const struct sockaddr_storage *address)
{
  const struct sockaddr_in *four = (const void *)address;
  const struct sockaddr_in6 *six = (const void *)address;

  if (listener->idiag_family != address->ss_family)
    return FALSE;
  return address->ss_family == AF_INET ? listener->id.idiag_src[0] == four->sin_addr.s_addr
                                       : memcmp (listener->id.idiag_src, &six->sin6_addr, sizeof six->sin6_addr) == 0;
}

static void
look_at (const struct inet_diag_msg *listener, const struct tcp_info *info, gpointer user_data)
{
  Search *search = user_data;
  guint64 cookie = listener->id.idiag_cookie[0] | (guint64)listener->id.idiag_cookie[1] << 32;

  if (search->found || ntohs (listener->id.idiag_sport) != hr_socket_address_port (&search->address)
      || !is_same_host (listener, &search->address.storage))
    return;
  for (guint i = 0; i < search->n_ours; i++)
    if (search->ours[i] == cookie)
      return;
  search->found = TRUE;
}

/**
 * hr_socket_strays_exist:
 * @fd: a TCP socket that listens
 * @ours: (array length=n_ours): SO_COOKIE of each of our sockets of its address
 * @n_ours: how many
 *
 * Returns: whether somebody else listens on the very address; %FALSE also where the kernel does not tell
 */
gboolean
hr_socket_strays_exist (int fd, const guint64 *ours, guint n_ours)
{
  Search search = { .ours = ours, .n_ours = n_ours };
  g_autoptr (GError) error = NULL;

  if (!hr_socket_address_of (fd, &search.address))
    return FALSE;
  if (!hr_tcp_diag_list_listeners (look_at, &search, &error))
    hr_log_debug (NULL, "%s, ignoring: others on the address of a listener are not seen", error->message);
  return search.found;
}
