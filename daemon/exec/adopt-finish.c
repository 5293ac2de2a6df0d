/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-finish.c: no further request on the connections of an instance that is about to be told to stop.
 *
 * A client that keeps its connection and sends request after request leaves no moment in which a program that ends at
 * once when it is told to could end without cutting off an answer. So, while the daemon waits for what is under way,
 * the program sees the end of a connection where the next request would be: on one of HTTP/1 on which a request without
 * a body has just been answered (what a program answers while it still reads goes on). The client finds a kept
 * connection ended before any byte of an answer, and sends its request again over
 * another (RFC 9112, 9.3.1). In the last moment, when the daemon has seen nothing under way, that holds for whatever
 * has been answered before, of any protocol.
 *
 * Outside of these moments nothing is remembered of any connection. Only TCP connections that came in by the service's
 * ports are looked at; marks are kept by descriptor and checked by the kernel's name for the socket.
 */
#include "adopt-finish.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "adopt-gate.h"
#include "adopt-real.h"
#include "adopt-table.h"

/* Connections with a higher descriptor are not looked at. */
#define MARKS_MAX 16384
/* What is thrown away of a request that is not answered here, in bytes: closing a connection with something unread
   would end it with a reset. */
#define DISCARD_MAX (1024 * 1024)

/* By descriptor, the cookie of an HTTP/1 connection: from which a whole request was read last, and of those, that was
   answered. */
static uint64_t asked[MARKS_MAX], answered[MARKS_MAX];

static unsigned
stage_of (HrAdoptPage **page)
{
  *page = adopt_gate_page ();
  return *page != NULL ? __atomic_load_n (&(*page)->stage, __ATOMIC_SEQ_CST) : HR_ADOPT_GOES_ON;
}

/* Whether it is a connection that came in by one of the service's ports. */
static bool
came_in (int fd, const HrAdoptPage *page)
{
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  unsigned port, n_ports = __atomic_load_n (&page->n_ports, __ATOMIC_ACQUIRE);

  if (fd < 0 || fd >= MARKS_MAX || getsockname (fd, (struct sockaddr *)&address, &length) < 0
      || adopt_get_option (fd, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_TCP
      || adopt_get_option (fd, SOL_SOCKET, SO_ACCEPTCONN) != 0)
    return false;
  /* Both have the port in the same place. */
  port = ntohs (((const struct sockaddr_in *)(const void *)&address)->sin_port);
  for (unsigned i = 0; i < n_ports && i < HR_ADOPT_PORTS_MAX; i++)
    if (page->ports[i] == port)
      return true;
  return false;
}

/* Whether something was sent and something was received on it before the last @size bytes. */
static bool
has_answered_before (int fd, size_t size)
{
  struct tcp_info info = { 0 };
  socklen_t length = sizeof info;
  int unread = 0;

  return getsockopt (fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 && REAL (ioctl) (fd, SIOCINQ, &unread) == 0
         && info.tcpi_bytes_sent > 0 && info.tcpi_bytes_received > size + (size_t)unread;
}

/* Whether a field tells of a body: what is not sure to have none is left alone. Names are written in any case. */
static bool
has_body_field (const char *data, size_t size)
{
  static const char length[] = "\ncontent-length:", encoding[] = "\ntransfer-encoding:";

  for (size_t i = 0; i + sizeof encoding < size; i++)
    if (strncasecmp (data + i, length, sizeof length - 1) == 0
        || strncasecmp (data + i, encoding, sizeof encoding - 1) == 0)
      return true;
  return false;
}

/* Whether it is one request of HTTP/1 from its first to its last byte, of those that have no body. */
static bool
is_whole_request (const char *data, size_t size)
{
  static const char *const methods[] = { "GET ", "HEAD ", "OPTIONS ", "DELETE " };
  bool begins = false;

  for (size_t i = 0; i < sizeof methods / sizeof *methods && !begins; i++)
    begins = size >= strlen (methods[i]) && memcmp (data, methods[i], strlen (methods[i])) == 0;
  return begins && size >= 4 && memcmp (data + size - 4, "\r\n\r\n", 4) == 0
         && memmem (data, size - 3, "\r\n\r\n", 4) == NULL && !has_body_field (data, size);
}

static void
discard (int fd)
{
  ssize_t got;
  size_t total = 0;

  do
    {
      got = REAL (recv) (fd, NULL, DISCARD_MAX, MSG_TRUNC | MSG_DONTWAIT);
      total += got > 0 ? (size_t)got : 0;
  } while (got > 0 && total < DISCARD_MAX);
}

/**
 * adopt_finish_received:
 * @fd: from which the program has read
 * @data: where to, or the first part of it
 * @size: how much has room there
 * @result: what that returned
 *
 * Keeps errno.
 *
 * Returns: @result; 0, the end of the connection, where it is a request that is not answered here
 */
ssize_t
adopt_finish_received (int fd, const void *data, size_t size, ssize_t result)
{
  HrAdoptPage *page;
  unsigned now;
  int saved = errno;
  bool refused;

  if (result <= 0 || (now = stage_of (&page)) == HR_ADOPT_GOES_ON)
    return result;
  if (!came_in (fd, page))
    {
      errno = saved;
      return result;
    }
  refused = __atomic_load_n (&answered[fd], __ATOMIC_ACQUIRE) == adopt_cookie (fd)
            || (now == HR_ADOPT_ENDS && has_answered_before (fd, (size_t)result));
  if (refused)
    discard (fd);
  else
    __atomic_store_n (&asked[fd],
                      (size_t)result <= size && is_whole_request (data, (size_t)result) ? adopt_cookie (fd) : 0,
                      __ATOMIC_RELEASE);
  errno = saved;
  return refused ? 0 : result;
}

/**
 * adopt_finish_received_parts:
 * @fd: from which the program has read
 * @parts: (array length=n_parts): where to
 * @n_parts: how many
 * @result: what that returned
 *
 * Returns: as adopt_finish_received()
 */
ssize_t
adopt_finish_received_parts (int fd, const struct iovec *parts, size_t n_parts, ssize_t result)
{
  return n_parts > 0 ? adopt_finish_received (fd, parts[0].iov_base, parts[0].iov_len, result) : result;
}

/* An answer has begun: not one that says that another comes (1xx). */
static bool
begins_answer (const void *data, size_t size)
{
  const char *text = data;

  return size >= 10 && memcmp (text, "HTTP/1.", 7) == 0 && text[8] == ' ' && text[9] != '1';
}

static ssize_t
sent (int fd, const void *data, size_t size, ssize_t result)
{
  HrAdoptPage *page;
  int saved = errno;

  if (result > 0 && stage_of (&page) != HR_ADOPT_GOES_ON && begins_answer (data, size) && came_in (fd, page)
      && __atomic_load_n (&asked[fd], __ATOMIC_ACQUIRE) == adopt_cookie (fd))
    __atomic_store_n (&answered[fd], adopt_cookie (fd), __ATOMIC_RELEASE);
  errno = saved;
  return result;
}

static ssize_t
sent_parts (int fd, const struct iovec *parts, size_t n_parts, ssize_t result)
{
  for (size_t i = 0; result > 0 && i < n_parts; i++)
    if (parts[i].iov_len > 0)
      return sent (fd, parts[i].iov_base, parts[i].iov_len, result);
  return result;
}

EXPORT ssize_t
write (int fd, const void *data, size_t size)
{
  return sent (fd, data, size, REAL (write) (fd, data, size));
}

EXPORT ssize_t
writev (int fd, const struct iovec *parts, int n_parts)
{
  return sent_parts (fd, parts, (size_t)n_parts, REAL (writev) (fd, parts, n_parts));
}

EXPORT ssize_t
send (int fd, const void *data, size_t size, int flags)
{
  return sent (fd, data, size, REAL (send) (fd, data, size, flags));
}

EXPORT ssize_t
sendto (int fd, const void *data, size_t size, int flags, __CONST_SOCKADDR_ARG address, socklen_t length)
{
  return sent (fd, data, size, REAL (sendto) (fd, data, size, flags, address, length));
}

EXPORT ssize_t
sendmsg (int fd, const struct msghdr *message, int flags)
{
  return sent_parts (fd, message->msg_iov, message->msg_iovlen, REAL (sendmsg) (fd, message, flags));
}
