/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "adopt-options.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "adopt-real.h"
#include "hr-socket-options.h"

/* Whether the program has switched it on. */
static bool
is_on (int fd, const HrSocketOption *option)
{
  int value = 0;
  socklen_t length = sizeof value;

  return REAL (getsockopt) (fd, option->level, option->name, &value, &length) == 0 && value > 0;
}

/**
 * adopt_options_copy:
 * @from: the program's socket
 * @to: the daemon's
 *
 * Sets what accepted connections inherit from the socket that accepts, where the program wants something else; what it
 * has no right to set stays as it is. Keeps errno.
 */
void
adopt_options_copy (int from, int to)
{
  int saved = errno;
  const HrSocketOption *option;

  for (size_t i = 0; (option = hr_socket_options_get (i)) != NULL; i++)
    if (option->kind != HR_SOCKET_OPTION_BIND && (option->kind != HR_SOCKET_OPTION_SWITCH || is_on (from, option)))
      hr_socket_option_copy (option, from, to);
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
