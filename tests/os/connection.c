/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "connection.h"

#include <string.h>
#include <sys/socket.h>

#include "hr-tcp-address.h"

/* What does not come within this never will. */
#define PATIENCE_SEC 60

/**
 * connection_open:
 * @host: a numeric address, an IPv6 one in brackets
 * @port: on which somebody listens
 *
 * Returns: a connection, which waits for what is read, not for ever
 */
int
connection_open (const char *host, guint16 port)
{
  const struct timeval patience = { .tv_sec = PATIENCE_SEC };
  struct sockaddr_storage address;
  int fd;

  g_assert_true (hr_tcp_address_parse (host, port, &address, NULL));
  fd = socket (address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), ==, 0);
  g_assert_cmpint (connect (fd, (struct sockaddr *)&address, hr_tcp_address_size (&address)), ==, 0);
  return fd;
}

/**
 * connection_listen:
 * @host: a numeric address, an IPv6 one in brackets
 * @backlog: as of listen(2)
 * @port: (out): a free one that was chosen
 *
 * Returns: a socket that listens there
 */
int
connection_listen (const char *host, int backlog, guint16 *port)
{
  struct sockaddr_storage address;
  socklen_t length;
  int fd;

  g_assert_true (hr_tcp_address_parse (host, 0, &address, NULL));
  length = hr_tcp_address_size (&address);
  fd = socket (address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (bind (fd, (struct sockaddr *)&address, length), ==, 0);
  g_assert_cmpint (listen (fd, backlog), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *)&address, &length), ==, 0);
  *port = hr_tcp_address_port (&address);
  return fd;
}

/**
 * connection_open_lingering:
 * @listener: (out): to be closed when it may end
 *
 * Returns: a connection with data that nobody reads: close() of its last copy waits %CONNECTION_LINGER_SECONDS for that
 */
int
connection_open_lingering (int *listener)
{
  const struct linger linger = { .l_onoff = 1, .l_linger = CONNECTION_LINGER_SECONDS };
  static const char data[64 * 1024];
  guint16 port;
  int fd;

  *listener = connection_listen ("127.0.0.1", 1, &port);
  fd = connection_open ("127.0.0.1", port);
  g_assert_cmpint (setsockopt (fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), ==, 0);
  while (send (fd, data, sizeof data, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
    ;
  return fd;
}

/**
 * connection_say:
 * @fd: a connection
 * @text: what is sent at once
 */
void
connection_say (int fd, const char *text)
{
  g_assert_cmpint (send (fd, text, strlen (text), MSG_NOSIGNAL), ==, (gssize)strlen (text));
}

/**
 * connection_hear:
 * @fd: a connection
 * @words: until which to read; none is like it
 *
 * Returns: (transfer full): what comes until these words, or until the end of the connection: "" when there is no byte any
 *   more
 */
char *
connection_hear (int fd, const char *words)
{
  g_autoptr (GString) got = g_string_new (NULL);
  char piece[4096];
  ssize_t length;

  while (!g_str_has_suffix (got->str, words) && (length = recv (fd, piece, sizeof piece, 0)) != 0)
    {
      g_assert_cmpint (length, >, 0);
      g_string_append_len (got, piece, length);
    }
  return g_string_free (g_steal_pointer (&got), FALSE);
}
