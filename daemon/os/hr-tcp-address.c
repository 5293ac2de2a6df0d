/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-tcp-address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include "hr-error.h"
#include "hr-fd.h"

/* Over IPv6 where this kernel has it: such a socket takes IPv4 as well. */
static void
fill_wildcard (guint16 port, struct sockaddr_storage *address)
{
  int fd = socket (AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons (port), .sin6_addr = IN6ADDR_ANY_INIT };
  struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons (port) };

  if (fd >= 0)
    memcpy (address, &six, sizeof six);
  else
    memcpy (address, &four, sizeof four);
  hr_fd_clear (&fd);
}

/**
 * hr_tcp_address_parse:
 * @host: numeric address, with or without brackets, "localhost", or "" or "*" for every address
 * @port: port, 0 for a free one
 * @address: (out): the address
 * @error: return location
 *
 * Returns: success; else %HR_ERROR_NOT_SUPPORTED for a name
 */
gboolean
hr_tcp_address_parse (const char *host, guint16 port, struct sockaddr_storage *address, GError **error)
{
  const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
  g_autofree char *plain = NULL;
  g_autofree char *service = g_strdup_printf ("%u", port);
  struct addrinfo *found = NULL;
  gsize length = strlen (host);

  memset (address, 0, sizeof *address);
  if (g_str_equal (host, "") || g_str_equal (host, "*"))
    {
      fill_wildcard (port, address);
      return TRUE;
    }
  if (host[0] == '[' && host[length - 1] == ']')
    plain = g_strndup (host + 1, length - 2);
  else
    plain = g_strdup (g_str_equal (host, "localhost") ? "127.0.0.1" : host);
  if (getaddrinfo (plain, service, &hints, &found) != 0)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED,
                   "'%s' is not a numeric address and names are not looked up, except for localhost", host);
      return FALSE;
    }
  memcpy (address, found->ai_addr, found->ai_addrlen);
  freeaddrinfo (found);
  return TRUE;
}

/**
 * hr_tcp_address_to_string:
 * @address: an address
 *
 * Returns: (transfer full): as in a service file: "tcp:127.0.0.1:8080", "tcp:[::]:8080"
 */
char *
hr_tcp_address_to_string (const struct sockaddr_storage *address)
{
  char host[NI_MAXHOST];

  if (getnameinfo ((const struct sockaddr *)address, hr_tcp_address_size (address), host, sizeof host, NULL, 0,
                   NI_NUMERICHOST)
      != 0)
    return g_strdup ("tcp:?");
  return g_strdup_printf (address->ss_family == AF_INET6 ? "tcp:[%s]:%u" : "tcp:%s:%u", host,
                          hr_tcp_address_port (address));
}

/**
 * hr_tcp_address_port:
 * @address: an address
 *
 * Returns: its port
 */
guint16
hr_tcp_address_port (const struct sockaddr_storage *address)
{
  if (address->ss_family == AF_INET6)
    return ntohs (((const struct sockaddr_in6 *)address)->sin6_port);
  return ntohs (((const struct sockaddr_in *)address)->sin_port);
}

/**
 * hr_tcp_address_size:
 * @address: an address
 *
 * Returns: bytes of it that count
 */
socklen_t
hr_tcp_address_size (const struct sockaddr_storage *address)
{
  return address->ss_family == AF_INET6 ? sizeof (struct sockaddr_in6) : sizeof (struct sockaddr_in);
}

/* As IPv6; an IPv4 address becomes a mapped one. */
static struct in6_addr
host_of (const struct sockaddr_storage *address)
{
  struct in6_addr host = { 0 };

  if (address->ss_family == AF_INET6)
    return ((const struct sockaddr_in6 *)address)->sin6_addr;
  host.s6_addr[10] = host.s6_addr[11] = 0xff;
  memcpy (&host.s6_addr[12], &((const struct sockaddr_in *)address)->sin_addr, 4);
  return host;
}

static gboolean
is_wildcard (const struct in6_addr *host)
{
  static const guint8 mapped[16] = { [10] = 0xff, [11] = 0xff };

  return IN6_IS_ADDR_UNSPECIFIED (host) || memcmp (host, mapped, sizeof mapped) == 0;
}

static gboolean
is_localhost (const struct in6_addr *host)
{
  static const guint8 mapped[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 };

  return IN6_IS_ADDR_LOOPBACK (host) || memcmp (host, mapped, sizeof mapped) == 0;
}

/**
 * hr_tcp_address_equal_host:
 * @a: an address
 * @b: an address
 *
 * Returns: whether they are of the same family and host
 */
gboolean
hr_tcp_address_equal_host (const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
  struct in6_addr host_a = host_of (a), host_b = host_of (b);

  return a->ss_family == b->ss_family && memcmp (&host_a, &host_b, sizeof host_a) == 0;
}

/**
 * hr_tcp_address_equal:
 * @a: an address
 * @b: an address
 *
 * Returns: whether they are of the same family, host and port
 */
gboolean
hr_tcp_address_equal (const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
  return hr_tcp_address_equal_host (a, b) && hr_tcp_address_port (a) == hr_tcp_address_port (b);
}

/**
 * hr_tcp_address_receives:
 * @listener: that a socket listens on
 * @local: the local end of a connection
 *
 * Returns: whether the connection may have come in by that socket: the same port, and the same host or every host of
 *   the family; IPv6's every host is IPv4's, too
 */
gboolean
hr_tcp_address_receives (const struct sockaddr_storage *listener, const struct sockaddr_storage *local)
{
  struct in6_addr host = host_of (listener), end = host_of (local);

  return hr_tcp_address_port (listener) == hr_tcp_address_port (local)
         && (memcmp (&host, &end, sizeof host) == 0 || IN6_IS_ADDR_UNSPECIFIED (&host)
             || (is_wildcard (&host) && IN6_IS_ADDR_V4MAPPED (&end)));
}

/**
 * hr_tcp_address_overlaps:
 * @a: an address
 * @b: an address
 *
 * Returns: whether a program that asks for one may be given the other: the same port, and the same host, or one of
 * them every host, or both this machine by its two names
 */
gboolean
hr_tcp_address_overlaps (const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
  struct in6_addr host_a = host_of (a), host_b = host_of (b);

  return hr_tcp_address_port (a) == hr_tcp_address_port (b)
         && (memcmp (&host_a, &host_b, sizeof host_a) == 0 || is_wildcard (&host_a) || is_wildcard (&host_b)
             || (is_localhost (&host_a) && is_localhost (&host_b)));
}
