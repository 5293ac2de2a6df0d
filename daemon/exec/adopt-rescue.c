/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "adopt-rescue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "adopt-client.h"
#include "adopt-options.h"
#include "adopt-real.h"

/* The port, and the host as one of IPv6. */
static uint32_t
read_peer (const struct sockaddr_storage *peer, uint8_t host[16])
{
  const struct sockaddr_in *four = (const void *)peer;
  const struct sockaddr_in6 *six = (const void *)peer;

  if (peer->ss_family == AF_INET6)
    {
      memcpy (host, &six->sin6_addr, 16);
      return ntohs (six->sin6_port);
    }
  memset (host, 0, 10);
  host[10] = host[11] = 0xff;
  memcpy (&host[12], &four->sin_addr, 4);
  return ntohs (four->sin_port);
}

static bool
is_nudge (const HrAdoptPage *page, const struct sockaddr_storage *peer)
{
  uint8_t host[16];
  uint32_t port;

  if (__atomic_load_n (&page->n_nudges, __ATOMIC_ACQUIRE) == 0)
    return false;
  port = read_peer (peer, host);
  for (int i = 0; i < HR_ADOPT_NUDGES_MAX; i++)
    if (__atomic_load_n (&page->nudges[i].port, __ATOMIC_ACQUIRE) == port
        && memcmp (page->nudges[i].host, host, sizeof host) == 0)
      return true;
  return false;
}

/* Puts the saved connection in the place of the nudge; -1 with EAGAIN when another was quicker. */
static int
exchange (int nudge, struct sockaddr_storage *peer, socklen_t *peer_length, int flags)
{
  int found = adopt_client_fetch (peer, *peer_length);

  /* Only now: the daemon takes the end of a nudge for its being forgotten. */
  close (nudge);
  *peer_length = sizeof *peer;
  if (found >= 0 && getpeername (found, (struct sockaddr *)peer, peer_length) < 0)
    {
      /* Its client has gone; the program would hear of it in its first read. */
      close (found);
      found = -1;
    }
  if (found < 0)
    {
      errno = EAGAIN;
      return -1;
    }
  if ((flags & SOCK_CLOEXEC) == 0)
    REAL (fcntl) (found, F_SETFD, 0);
  if ((flags & SOCK_NONBLOCK) != 0)
    REAL (fcntl) (found, F_SETFL, REAL (fcntl) (found, F_GETFL) | O_NONBLOCK);
  return found;
}

/**
 * adopt_rescue_accept:
 * @page: (nullable): what the daemon says
 * @fd: a shared socket, non-blocking
 * @family: of the program's own socket, in which it is told of the peer; 0: as it is
 * @name: (out) (nullable): the peer
 * @length: (inout) (nullable): space in @name, then what it takes
 * @flags: as of accept4()
 *
 * Returns: a connection; -1 with errno set
 */
int
adopt_rescue_accept (const HrAdoptPage *page, int fd, int family, struct sockaddr *name, socklen_t *length, int flags)
{
  struct sockaddr_storage peer = { 0 };
  socklen_t peer_length = sizeof peer;
  int result;

  /* What is wrong is for the kernel to say. */
  if (name != NULL && length == NULL)
    return REAL (accept4) (fd, name, length, flags);
  result = REAL (accept4) (fd, (struct sockaddr *)&peer, &peer_length, flags);
  if (result >= 0 && page != NULL && is_nudge (page, &peer))
    result = exchange (result, &peer, &peer_length, flags);
  if (result >= 0 && name != NULL)
    adopt_options_put_address (family != 0 ? family : peer.ss_family, &peer, peer_length, name, length);
  return result;
}
