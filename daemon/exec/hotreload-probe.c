/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hotreload-probe.c: libhotreload-probe.so, preloaded into the command of a probe.
 *
 * While two instances listen on one address it depends on where a connection comes from which of them gets it. What the
 * command connects to the service by way of this machine's loopback network comes from the address that leads to the
 * instance which is to be probed. IPv6's loopback has one address only, so that a connection to it becomes one over
 * IPv4: there are only listeners that take both. Everything else is left as it is.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "adopt-real.h"
#include "hr-names.h"

static bool
is_probed (in_port_t port)
{
  const char *ports = getenv (HR_ENV_PROBE_PORTS);
  char *end = NULL;

  for (; ports != NULL && *ports != '\0'; ports = end)
    {
      unsigned long one = strtoul (ports, &end, 10);

      if (end == ports)
        return false;
      if (one == ntohs (port))
        return true;
    }
  return false;
}

static bool
find_source (struct in_addr *source)
{
  const char *text = getenv (HR_ENV_PROBE_SOURCE);

  return text != NULL && inet_pton (AF_INET, text, source) == 1;
}

/* What was bound to an address stays so: the command knows what it does. */
static int
connect_four (int fd, const struct sockaddr_in *to)
{
  struct sockaddr_in from = { .sin_family = AF_INET };
  int saved = errno;

  if ((ntohl (to->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET || to->sin_addr.s_addr == htonl (INADDR_ANY))
      && is_probed (to->sin_port) && find_source (&from.sin_addr))
    bind (fd, (struct sockaddr *)&from, sizeof from);
  errno = saved;
  return REAL (connect) (fd, (const struct sockaddr *)to, sizeof *to);
}

static void
map (struct in6_addr *six, in_addr_t four)
{
  memset (six, 0, sizeof *six);
  six->s6_addr[10] = six->s6_addr[11] = 0xff;
  memcpy (&six->s6_addr[12], &four, sizeof four);
}

static int
connect_six (int fd, const struct sockaddr_in6 *to)
{
  bool mapped = IN6_IS_ADDR_V4MAPPED (&to->sin6_addr) && to->sin6_addr.s6_addr[12] == IN_LOOPBACKNET;
  bool own = IN6_IS_ADDR_LOOPBACK (&to->sin6_addr) || IN6_IS_ADDR_UNSPECIFIED (&to->sin6_addr);
  struct sockaddr_in6 from = { .sin6_family = AF_INET6 }, four = *to;
  struct in_addr source;
  int saved = errno;

  if ((mapped || own) && is_probed (to->sin6_port) && find_source (&source))
    {
      map (&from.sin6_addr, source.s_addr);
      if (own)
        map (&four.sin6_addr, htonl (INADDR_LOOPBACK));
      if (bind (fd, (struct sockaddr *)&from, sizeof from) == 0)
        to = &four;
      errno = saved;
    }
  return REAL (connect) (fd, (const struct sockaddr *)to, sizeof *to);
}

__attribute__ ((visibility ("default"))) int
connect (int fd, __CONST_SOCKADDR_ARG name, socklen_t length)
{
  const struct sockaddr *to = name.__sockaddr__;
  int type = 0;
  socklen_t type_length = sizeof type;

  if (to == NULL || length < sizeof to->sa_family || getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &type_length) < 0
      || type != SOCK_STREAM)
    return REAL (connect) (fd, name, length);
  if (to->sa_family == AF_INET && length >= sizeof (struct sockaddr_in))
    return connect_four (fd, (const void *)to);
  if (to->sa_family == AF_INET6 && length >= sizeof (struct sockaddr_in6))
    return connect_six (fd, (const void *)to);
  return REAL (connect) (fd, name, length);
}
