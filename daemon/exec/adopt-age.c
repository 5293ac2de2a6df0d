/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "adopt-age.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "adopt-real.h"

/**
 * adopt_age_note:
 * @page: (nullable): of adopt_gate_enter(), which has not been left yet
 * @connection: that was just accepted
 *
 * Nothing was sent on it yet, so the time since the last sending is the time since the kernel made the connection, with
 * the end of the handshake. Keeps the longest. Keeps errno.
 */
void
adopt_age_note (HrAdoptPage *page, int connection)
{
  struct tcp_info info = { 0 };
  socklen_t length = sizeof info;
  int saved = errno;
  uint32_t longest;

  if (page == NULL || !__atomic_load_n (&page->measures_wait, __ATOMIC_RELAXED))
    return;
  if (REAL (getsockopt) (connection, IPPROTO_TCP, TCP_INFO, &info, &length) == 0
      && length >= offsetof (struct tcp_info, tcpi_last_data_sent) + sizeof info.tcpi_last_data_sent)
    {
      longest = __atomic_load_n (&page->longest_wait_msec, __ATOMIC_RELAXED);
      while (info.tcpi_last_data_sent > longest
             && !__atomic_compare_exchange_n (&page->longest_wait_msec, &longest, info.tcpi_last_data_sent, true,
                                              __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
    }
  errno = saved;
}
