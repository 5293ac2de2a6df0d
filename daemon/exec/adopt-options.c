/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "adopt-options.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/time.h>

#include "adopt-real.h"
#include "adopt-table.h"

/* The longest value of those below. */
typedef union {
  int number;
  struct linger linger;
  struct timeval time;
} Value;

static bool
read_option (int fd, int level, int name, Value *value, socklen_t *length)
{
  memset (value, 0, sizeof *value);
  *length = sizeof *value;
  return REAL (getsockopt) (fd, level, name, value, length) == 0;
}

/**
 * adopt_options_copy:
 * @from: the program's socket
 * @to: the daemon's
 *
 * Sets what accepted connections inherit from the socket that accepts, where the program wants something else. Keeps
 * errno.
 */
void
adopt_options_copy (int from, int to)
{
  static const struct {
    int level, name;
  } options[] = {
    { SOL_SOCKET, SO_KEEPALIVE },  { SOL_SOCKET, SO_OOBINLINE },      { SOL_SOCKET, SO_PRIORITY },
    { SOL_SOCKET, SO_LINGER },     { SOL_SOCKET, SO_RCVTIMEO },       { SOL_SOCKET, SO_SNDTIMEO },
    { SOL_SOCKET, SO_RCVBUF },     { SOL_SOCKET, SO_SNDBUF },         { IPPROTO_TCP, TCP_NODELAY },
    { IPPROTO_TCP, TCP_KEEPIDLE }, { IPPROTO_TCP, TCP_KEEPINTVL },    { IPPROTO_TCP, TCP_KEEPCNT },
    { IPPROTO_TCP, TCP_LINGER2 },  { IPPROTO_TCP, TCP_USER_TIMEOUT }, { IPPROTO_TCP, TCP_DEFER_ACCEPT },
    { IPPROTO_IP, IP_TOS },        { SOL_SOCKET, SO_PASSCRED },
  };
  /* Of these one switched on is another instance's wish as well, and stays. */
  static const struct {
    int level, name;
  } switches[] = {
    { SOL_SOCKET, SO_BROADCAST },       { SOL_SOCKET, SO_TIMESTAMP },      { SOL_SOCKET, SO_TIMESTAMPNS },
    { IPPROTO_IP, IP_PKTINFO },         { IPPROTO_IP, IP_RECVTTL },        { IPPROTO_IP, IP_RECVTOS },
    { IPPROTO_IPV6, IPV6_RECVPKTINFO }, { IPPROTO_IPV6, IPV6_RECVTCLASS }, { IPPROTO_IPV6, IPV6_RECVHOPLIMIT },
  };
  int saved = errno;

  for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
    if (adopt_get_option (from, switches[i].level, switches[i].name) > 0)
      setsockopt (to, switches[i].level, switches[i].name, &(int){ 1 }, sizeof (int));
  for (size_t i = 0; i < sizeof options / sizeof *options; i++)
    {
      int level = options[i].level, name = options[i].name;
      bool doubles = level == SOL_SOCKET && (name == SO_RCVBUF || name == SO_SNDBUF);
      Value wanted, is;
      socklen_t length, is_length;

      if (!read_option (from, level, name, &wanted, &length) || !read_option (to, level, name, &is, &is_length)
          || (length == is_length && memcmp (&wanted, &is, length) == 0))
        continue;
      /* The kernel tells twice of what it was told. */
      if (doubles)
        wanted.number /= 2;
      setsockopt (to, level, name, &wanted, length);
    }
  errno = saved;
}

static void
to_ipv4 (const struct sockaddr_storage *address, struct sockaddr_in *result)
{
  const struct sockaddr_in6 *from = (const void *)address;

  result->sin_family = AF_INET;
  result->sin_port = from->sin6_port;
  /* Every host stays every host; any other that talks to a program for IPv4 is one of those in IPv6's clothes. */
  if (IN6_IS_ADDR_V4MAPPED (&from->sin6_addr))
    memcpy (&result->sin_addr, &from->sin6_addr.s6_addr[12], sizeof result->sin_addr);
  else if (IN6_IS_ADDR_LOOPBACK (&from->sin6_addr))
    result->sin_addr.s_addr = htonl (INADDR_LOOPBACK);
}

static void
to_ipv6 (const struct sockaddr_storage *address, struct sockaddr_in6 *result)
{
  const struct sockaddr_in *from = (const void *)address;

  result->sin6_family = AF_INET6;
  result->sin6_port = from->sin_port;
  if (from->sin_addr.s_addr == htonl (INADDR_ANY))
    return;
  result->sin6_addr.s6_addr[10] = result->sin6_addr.s6_addr[11] = 0xff;
  memcpy (&result->sin6_addr.s6_addr[12], &from->sin_addr, sizeof from->sin_addr);
}

/**
 * adopt_options_put_address:
 * @family: of the program's socket
 * @address: of the same family, or IPv4 for IPv6 or the other way round
 * @address_length: its size in bytes
 * @name: (out caller-allocates): the same address in @family
 * @length: (inout): space in @name, then what it takes
 *
 * Answers as the kernel does: what there is no space for is cut off.
 */
void
adopt_options_put_address (int family, const struct sockaddr_storage *address, socklen_t address_length,
                           struct sockaddr *name, socklen_t *length)
{
  struct sockaddr_storage result = { 0 };
  socklen_t whole = family == AF_INET ? sizeof (struct sockaddr_in) : sizeof (struct sockaddr_in6);

  if (address->ss_family == family)
    {
      whole = address_length;
      memcpy (&result, address, whole);
    }
  else if (family == AF_INET)
    to_ipv4 (address, (void *)&result);
  else
    to_ipv6 (address, (void *)&result);
  memcpy (name, &result, *length < whole ? *length : whole);
  *length = whole;
}
