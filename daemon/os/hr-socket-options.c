/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-socket-options.h"

#include <asm/socket.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

/* The longest value there is: two keys of TCP_FASTOPEN_KEY. */
#define VALUE_MAX 32

#define OPTION(level, name, kind)                                                                                      \
  {                                                                                                                    \
    level, name, #name, HR_SOCKET_OPTION_##kind                                                                        \
  }

/* IP_TOS sets SO_PRIORITY, and SO_RCVLOWAT may enlarge the buffer: what is set in passing comes first. */
static const HrSocketOption options[] = {
  OPTION (IPPROTO_IPV6, IPV6_V6ONLY, BIND),
  OPTION (IPPROTO_IPV6, IPV6_FREEBIND, BIND),
  OPTION (IPPROTO_IPV6, IPV6_TRANSPARENT, BIND),
  OPTION (IPPROTO_IP, IP_FREEBIND, BIND),
  OPTION (IPPROTO_IP, IP_TRANSPARENT, BIND),
  OPTION (SOL_SOCKET, SO_BINDTOIFINDEX, BIND),

  OPTION (IPPROTO_IP, IP_TOS, PLAIN),
  OPTION (IPPROTO_IP, IP_TTL, PLAIN),
  OPTION (IPPROTO_IP, IP_MINTTL, PLAIN),
  OPTION (IPPROTO_IP, IP_MTU_DISCOVER, PLAIN),
  OPTION (IPPROTO_IPV6, IPV6_TCLASS, PLAIN),
  OPTION (IPPROTO_IPV6, IPV6_UNICAST_HOPS, PLAIN),
  OPTION (IPPROTO_IPV6, IPV6_MINHOPCOUNT, PLAIN),
  OPTION (IPPROTO_IPV6, IPV6_MTU_DISCOVER, PLAIN),

  OPTION (SOL_SOCKET, SO_KEEPALIVE, PLAIN),
  OPTION (SOL_SOCKET, SO_OOBINLINE, PLAIN),
  OPTION (SOL_SOCKET, SO_PRIORITY, PLAIN),
  OPTION (SOL_SOCKET, SO_MARK, PLAIN),
  OPTION (SOL_SOCKET, SO_DONTROUTE, PLAIN),
  OPTION (SOL_SOCKET, SO_LINGER, PLAIN),
  OPTION (SOL_SOCKET, SO_RCVTIMEO, PLAIN),
  OPTION (SOL_SOCKET, SO_SNDTIMEO, PLAIN),
  OPTION (SOL_SOCKET, SO_RCVLOWAT, PLAIN),
  OPTION (SOL_SOCKET, SO_RCVBUF, SIZE),
  OPTION (SOL_SOCKET, SO_SNDBUF, SIZE),
  OPTION (SOL_SOCKET, SO_BUSY_POLL, PLAIN),
  OPTION (SOL_SOCKET, SO_MAX_PACING_RATE, PLAIN),
  OPTION (SOL_SOCKET, SO_PASSCRED, PLAIN),

  OPTION (IPPROTO_TCP, TCP_NODELAY, PLAIN),
  OPTION (IPPROTO_TCP, TCP_KEEPIDLE, PLAIN),
  OPTION (IPPROTO_TCP, TCP_KEEPINTVL, PLAIN),
  OPTION (IPPROTO_TCP, TCP_KEEPCNT, PLAIN),
  OPTION (IPPROTO_TCP, TCP_LINGER2, PLAIN),
  OPTION (IPPROTO_TCP, TCP_USER_TIMEOUT, PLAIN),
  OPTION (IPPROTO_TCP, TCP_DEFER_ACCEPT, PLAIN),
  OPTION (IPPROTO_TCP, TCP_MAXSEG, PLAIN),
  OPTION (IPPROTO_TCP, TCP_WINDOW_CLAMP, PLAIN),
  OPTION (IPPROTO_TCP, TCP_NOTSENT_LOWAT, PLAIN),
  OPTION (IPPROTO_TCP, TCP_CONGESTION, PLAIN),
  OPTION (IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, PLAIN),
  OPTION (IPPROTO_TCP, TCP_SAVE_SYN, PLAIN),
  OPTION (IPPROTO_TCP, TCP_FASTOPEN, PLAIN),
  OPTION (IPPROTO_TCP, TCP_FASTOPEN_KEY, PLAIN),
  OPTION (IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, PLAIN),

  OPTION (SOL_SOCKET, SO_BROADCAST, SWITCH),
  OPTION (SOL_SOCKET, SO_TIMESTAMP, SWITCH),
  OPTION (SOL_SOCKET, SO_TIMESTAMPNS, SWITCH),
  OPTION (IPPROTO_IP, IP_PKTINFO, SWITCH),
  OPTION (IPPROTO_IP, IP_RECVTTL, SWITCH),
  OPTION (IPPROTO_IP, IP_RECVTOS, SWITCH),
  OPTION (IPPROTO_IPV6, IPV6_RECVPKTINFO, SWITCH),
  OPTION (IPPROTO_IPV6, IPV6_RECVTCLASS, SWITCH),
  OPTION (IPPROTO_IPV6, IPV6_RECVHOPLIMIT, SWITCH),
};

/* A number, a struct or a word. */
typedef struct {
  char bytes[VALUE_MAX] __attribute__ ((aligned (sizeof (long))));
  socklen_t length;
} Value;

static bool
read_value (int fd, const HrSocketOption *option, Value *value)
{
  memset (value, 0, sizeof *value);
  value->length = sizeof value->bytes;
  return getsockopt (fd, option->level, option->name, value->bytes, &value->length) == 0;
}

static bool
set_size (int fd, const HrSocketOption *option, const Value *value)
{
  int force = option->name == SO_RCVBUF ? SO_RCVBUFFORCE : SO_SNDBUFFORCE, size;

  memcpy (&size, value->bytes, sizeof size);
  size /= 2;
  /* Above the system's limit only where that was allowed for the first one, too. */
  return setsockopt (fd, option->level, force, &size, sizeof size) == 0
         || setsockopt (fd, option->level, option->name, &size, sizeof size) == 0;
}

/**
 * hr_socket_options_get:
 * @index: from 0 on
 *
 * Returns: (nullable): an option, in the order in which they are to be set; %NULL after the last
 */
const HrSocketOption *
hr_socket_options_get (size_t index)
{
  return index < sizeof options / sizeof *options ? &options[index] : NULL;
}

/**
 * hr_socket_option_copy:
 * @option: of the table
 * @from: a socket
 * @to: another
 *
 * Sets what differs. A socket that has no such option, as one of another family, wants nothing.
 *
 * Returns: success; else errno says why it could not be set
 */
bool
hr_socket_option_copy (const HrSocketOption *option, int from, int to)
{
  Value wanted, is;

  if (!read_value (from, option, &wanted) || !read_value (to, option, &is)
      || (wanted.length == is.length && memcmp (wanted.bytes, is.bytes, wanted.length) == 0))
    return true;
  if (option->kind == HR_SOCKET_OPTION_SIZE)
    return set_size (to, option, &wanted);
  return setsockopt (to, option->level, option->name, wanted.bytes, wanted.length) == 0;
}
