/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-socket-options.c: a socket in the place of another, or beside it, is like that one, option by option.
 */
#include <asm/socket.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "adopt-options.h"
#include "connection.h"
#include "hr-fd.h"
#include "hr-socket-bind.h"
#include "hr-socket-options.h"
#include "hr-tcp-address.h"

#define NUMBER(n)                                                                                                      \
  {                                                                                                                    \
    .number = n                                                                                                        \
  }
#define ROW(constant, ...)                                                                                             \
  {                                                                                                                    \
#constant, __VA_ARGS__                                                                                             \
  }

typedef union {
  int number;
  struct linger linger;
  struct timeval time;
  char bytes[32];
} Value;

/* What no socket has by itself. */
static const struct {
  const char *text;
  Value value;
  socklen_t length; /* 0: that of a number */
} values[] = {
  ROW (IPV6_V6ONLY, NUMBER (1)),
  ROW (IPV6_FREEBIND, NUMBER (1)),
  ROW (IPV6_TRANSPARENT, NUMBER (1)),
  ROW (IP_FREEBIND, NUMBER (1)),
  ROW (IP_TRANSPARENT, NUMBER (1)),
  ROW (SO_BINDTOIFINDEX, NUMBER (1)),
  ROW (IP_TOS, NUMBER (0x10)),
  ROW (IP_TTL, NUMBER (33)),
  ROW (IP_MINTTL, NUMBER (7)),
  ROW (IP_MTU_DISCOVER, NUMBER (IP_PMTUDISC_DO)),
  ROW (IPV6_TCLASS, NUMBER (0x20)),
  ROW (IPV6_UNICAST_HOPS, NUMBER (33)),
  ROW (IPV6_MINHOPCOUNT, NUMBER (7)),
  ROW (IPV6_MTU_DISCOVER, NUMBER (IPV6_PMTUDISC_DO)),
  ROW (SO_KEEPALIVE, NUMBER (1)),
  ROW (SO_OOBINLINE, NUMBER (1)),
  ROW (SO_PRIORITY, NUMBER (3)),
  ROW (SO_MARK, NUMBER (17)),
  ROW (SO_DONTROUTE, NUMBER (1)),
  ROW (SO_LINGER, { .linger = { 1, 5 } }, sizeof (struct linger)),
  ROW (SO_RCVTIMEO, { .time = { 3, 0 } }, sizeof (struct timeval)),
  ROW (SO_SNDTIMEO, { .time = { 4, 0 } }, sizeof (struct timeval)),
  ROW (SO_RCVLOWAT, NUMBER (5)),
  ROW (SO_RCVBUF, NUMBER (40000)),
  ROW (SO_SNDBUF, NUMBER (41000)),
  ROW (SO_BUSY_POLL, NUMBER (50)),
  ROW (SO_MAX_PACING_RATE, NUMBER (1000000)),
  ROW (SO_PASSCRED, NUMBER (1)),
  ROW (TCP_NODELAY, NUMBER (1)),
  ROW (TCP_KEEPIDLE, NUMBER (77)),
  ROW (TCP_KEEPINTVL, NUMBER (13)),
  ROW (TCP_KEEPCNT, NUMBER (4)),
  ROW (TCP_LINGER2, NUMBER (11)),
  ROW (TCP_USER_TIMEOUT, NUMBER (5000)),
  ROW (TCP_DEFER_ACCEPT, NUMBER (7)),
  ROW (TCP_MAXSEG, NUMBER (700)),
  ROW (TCP_WINDOW_CLAMP, NUMBER (20000)),
  ROW (TCP_NOTSENT_LOWAT, NUMBER (9000)),
  ROW (TCP_CONGESTION, { .bytes = "reno" }, sizeof "reno"),
  ROW (TCP_THIN_LINEAR_TIMEOUTS, NUMBER (1)),
  ROW (TCP_SAVE_SYN, NUMBER (1)),
  ROW (TCP_FASTOPEN, NUMBER (5)),
  ROW (TCP_FASTOPEN_KEY, { .bytes = "of sixteen bytes" }, 16),
  ROW (TCP_FASTOPEN_NO_COOKIE, NUMBER (1)),
  ROW (SO_BROADCAST, NUMBER (1)),
  ROW (SO_TIMESTAMP, NUMBER (1)),
  ROW (SO_TIMESTAMPNS, NUMBER (1)),
  ROW (IP_PKTINFO, NUMBER (1)),
  ROW (IP_RECVTTL, NUMBER (1)),
  ROW (IP_RECVTOS, NUMBER (1)),
  ROW (IPV6_RECVPKTINFO, NUMBER (1)),
  ROW (IPV6_RECVTCLASS, NUMBER (1)),
  ROW (IPV6_RECVHOPLIMIT, NUMBER (1)),
};

static guint
find_value (const HrSocketOption *option)
{
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    if (g_str_equal (values[i].text, option->text))
      return i;
  g_error ("there is no value for %s here", option->text);
}

static gboolean
skip (const char *what, int errnum)
{
  g_autofree char *why = g_strdup_printf ("not run here: %s: %s%s", what, g_strerror (errnum),
                                          errnum == EPERM ? ", which is for root to do" : "");

  g_test_skip (why);
  return FALSE;
}

/* A socket that has it; -1: there can be none here. */
static int
make (const HrSocketOption *option)
{
  guint row = find_value (option);
  socklen_t length = values[row].length != 0 ? values[row].length : sizeof (int);
  int fd = socket (option->level == IPPROTO_IPV6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (fd < 0)
    skip ("IPv6", errno);
  else if (setsockopt (fd, option->level, option->name, &values[row].value, length) < 0)
    {
      skip (option->text, errno);
      hr_fd_clear (&fd);
    }
  return fd;
}

static gboolean
listen_with (int fd, const HrSocketOption *option)
{
  struct sockaddr_storage address;

  g_assert_true (hr_tcp_address_parse (option->level == IPPROTO_IPV6 ? "[::1]" : "127.0.0.1", 0, &address, NULL));
  g_assert_cmpint (setsockopt (fd, SOL_SOCKET, SO_REUSEPORT, &(int){ 1 }, sizeof (int)), ==, 0);
  if (bind (fd, (struct sockaddr *)&address, hr_tcp_address_size (&address)) < 0)
    return skip ("an address of loopback", errno);
  g_assert_cmpint (listen (fd, 5), ==, 0);
  return TRUE;
}

static GBytes *
read_option (int fd, const HrSocketOption *option)
{
  char bytes[64];
  socklen_t length = sizeof bytes;

  g_assert_cmpint (getsockopt (fd, option->level, option->name, bytes, &length), ==, 0);
  return g_bytes_new (bytes, length);
}

static gboolean
are_alike (int one, int other, const HrSocketOption *option)
{
  g_autoptr (GBytes) of_one = read_option (one, option);
  g_autoptr (GBytes) of_other = read_option (other, option);

  return g_bytes_equal (of_one, of_other);
}

/* What a candidate gets beside the service's socket. */
static void
test_second (gconstpointer data)
{
  const HrSocketOption *option = data;
  g_auto (HrFd) first = make (option);
  g_auto (HrFd) second = -1;
  g_autoptr (GError) error = NULL;

  if (first < 0 || !listen_with (first, option))
    return;
  second = hr_socket_bind_again (first, &error);
  g_assert_no_error (error);
  g_assert_true (are_alike (first, second, option));
}

/* The daemon's in the place of a program's: bound already, and shared. */
static void
test_adopted (gconstpointer data)
{
  const HrSocketOption *option = data;
  g_auto (HrFd) own = make (option);
  g_auto (HrFd) held = -1;
  g_autoptr (GBytes) before = NULL;
  g_autoptr (GBytes) after = NULL;

  if (own < 0)
    return;
  held = socket (option->level == IPPROTO_IPV6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (!listen_with (held, option))
    return;
  before = read_option (held, option);
  errno = ENOTTY;
  adopt_options_copy (own, held);
  g_assert_cmpint (errno, ==, ENOTTY);
  after = read_option (held, option);
  g_assert_cmpint (g_bytes_equal (before, after), ==, option->kind == HR_SOCKET_OPTION_BIND);
  if (option->kind != HR_SOCKET_OPTION_BIND)
    g_assert_true (are_alike (own, held, option));
}

/* What one instance has switched on is not switched off by another. */
static void
test_switch_stays (void)
{
  g_auto (HrFd) own = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  guint16 port;
  g_auto (HrFd) held = connection_listen ("127.0.0.1", 5, &port);

  g_assert_cmpint (setsockopt (held, IPPROTO_IP, IP_RECVTOS, &(int){ 1 }, sizeof (int)), ==, 0);
  g_assert_cmpint (setsockopt (held, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof (int)), ==, 0);
  adopt_options_copy (own, held);
  g_assert_cmpint (hr_socket_get_option (held, IPPROTO_IP, IP_RECVTOS), ==, 1);
  g_assert_cmpint (hr_socket_get_option (held, IPPROTO_TCP, TCP_NODELAY), ==, 0);
}

/* What it is about: connections that came in by the second one. */
static void
test_inherited (void)
{
  static const struct {
    int level, name, value;
  } wanted[] = {
    { IPPROTO_TCP, TCP_NODELAY, 1 },         { SOL_SOCKET, SO_KEEPALIVE, 1 }, { IPPROTO_TCP, TCP_KEEPIDLE, 77 },
    { IPPROTO_TCP, TCP_KEEPINTVL, 13 },      { IPPROTO_TCP, TCP_KEEPCNT, 4 }, { IPPROTO_IP, IP_TOS, 0x10 },
    { IPPROTO_TCP, TCP_USER_TIMEOUT, 5000 },
  };
  guint16 port;
  g_auto (HrFd) first = connection_listen ("127.0.0.1", 5, &port);
  g_auto (HrFd) second = -1;
  g_auto (HrFd) client = -1;
  g_auto (HrFd) accepted = -1;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (setsockopt (first, SOL_SOCKET, SO_REUSEPORT, &(int){ 1 }, sizeof (int)), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++)
    g_assert_cmpint (setsockopt (first, wanted[i].level, wanted[i].name, &wanted[i].value, sizeof (int)), ==, 0);
  second = hr_socket_bind_again (first, &error);
  g_assert_no_error (error);
  hr_fd_clear (&first);
  client = connection_open ("127.0.0.1", port);
  accepted = accept4 (second, NULL, NULL, SOCK_CLOEXEC);
  g_assert_cmpint (accepted, >=, 0);
  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++)
    g_assert_cmpint (hr_socket_get_option (accepted, wanted[i].level, wanted[i].name), ==, wanted[i].value);
}

/* No row of the one is missing in the other. */
static void
test_complete (void)
{
  const HrSocketOption *option;
  guint n = 0;

  for (; (option = hr_socket_options_get (n)) != NULL; n++)
    find_value (option);
  g_assert_cmpuint (n, ==, G_N_ELEMENTS (values));
}

int
main (int argc, char **argv)
{
  const HrSocketOption *option;

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/socket-options/every-one-is-tested", test_complete);
  g_test_add_func ("/socket-options/connections-inherit-them", test_inherited);
  g_test_add_func ("/socket-options/what-another-switched-on-stays", test_switch_stays);
  for (gsize i = 0; (option = hr_socket_options_get (i)) != NULL; i++)
    {
      g_autofree char *second = g_strconcat ("/socket-options/second/", option->text, NULL);
      g_autofree char *adopted = g_strconcat ("/socket-options/adopted/", option->text, NULL);

      g_test_add_data_func (second, option, test_second);
      g_test_add_data_func (adopted, option, test_adopted);
    }
  return g_test_run ();
}
