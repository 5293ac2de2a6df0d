/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "adopt-given.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>

#include "adopt-connection.h"
#include "adopt-gate.h"
#include "adopt-real.h"
#include "adopt-report.h"
#include "adopt-table.h"

/* Whether nobody has read from it or written to it. */
static bool
is_fresh (int fd)
{
  struct tcp_info info = { 0 };
  socklen_t length = sizeof info;
  int unread = 0;

  /* In this order: meanwhile more can come, which is unread then. */
  return REAL (getsockopt) (fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0
         && length >= offsetof (struct tcp_info, tcpi_bytes_sent) + sizeof info.tcpi_bytes_sent
         && REAL (ioctl) (fd, SIOCINQ, &unread) == 0 && (uint64_t)unread >= info.tcpi_bytes_received
         && info.tcpi_bytes_sent == 0 && info.tcpi_notsent_bytes == 0;
}

/* Of anything else than a connection, such as what listens, the last questions have no answer. */
static void
look (int fd)
{
  int unread;

  if (adopt_get_option (fd, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_TCP || REAL (ioctl) (fd, SIOCINQ, &unread) < 0)
    return;
  adopt_gate_join ();
  if (adopt_gate_page () != NULL && is_fresh (fd))
    adopt_connection_begin (fd);
}

/**
 * adopt_given_received:
 * @message: that recvmsg() has just filled in
 *
 * A connection that came along is followed as one that was accepted, if nothing was read from it or written to it
 * before: else it is not known where in a request it is. Keeps errno.
 */
void
adopt_given_received (const struct msghdr *message)
{
  int saved = errno;

  if (!adopt_is_on ())
    return;
  for (struct cmsghdr *part = CMSG_FIRSTHDR (message); part != NULL;
       part = CMSG_NXTHDR ((struct msghdr *)(uintptr_t)message, part))
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS && part->cmsg_len >= CMSG_LEN (0))
      for (size_t i = 0; i < (part->cmsg_len - CMSG_LEN (0)) / sizeof (int); i++)
        {
          int fd;

          memcpy (&fd, CMSG_DATA (part) + i * sizeof fd, sizeof fd);
          look (fd);
        }
  errno = saved;
}
