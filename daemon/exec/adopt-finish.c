/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-finish.c: no further request on the connections of an instance that is about to be told to stop.
 *
 * A client that keeps its connection and sends request after request leaves no moment in which a program that ends at
 * once when it is told to could end without cutting off an answer. So, while the daemon waits for what is under way,
 * the program sees the end of a connection where the next request would be: on one of HTTP/1 on which each request that
 * was read, whole with its body (AdoptRequest), has got the beginning of its answer. The client finds a kept connection
 * ended before any byte of an answer, and sends its request again over another (RFC 9112, 9.3.1). In the last moment,
 * when the daemon has seen nothing under way, that holds for whatever has been answered before, of any protocol; but not
 * in the midst of a request.
 *
 * Outside of these moments nothing is remembered of any connection, so that a request which began before them is one that
 * is not understood: its connection goes on until there is another. Of requests that a client sends before it has the
 * answer to the one before, those count that are read from then on. Only TCP connections that came in by the service's
 * ports are looked at; what is known of them is kept by descriptor and checked by the kernel's name for the socket.
 */
#include "adopt-finish.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "adopt-gate.h"
#include "adopt-real.h"
#include "adopt-request.h"
#include "adopt-table.h"

/* Connections with a higher descriptor are not looked at. */
#define MARKS_MAX 16384
/* What is thrown away of a request that is not answered here, in bytes: closing a connection with something unread
   would end it with a reset. */
#define DISCARD_MAX (1024 * 1024)

/**
 * Connection:
 * @cookie: the kernel's name for it; 0: nothing is known of it
 * @heads: how many requests have begun, of which all the head was read
 * @answers: to how many of them an answer has begun
 * @request: where the reading is, only for who reads
 */
typedef struct {
  uint64_t cookie;
  uint32_t heads;
  uint32_t answers;
  AdoptRequest request;
} Connection;

/* By descriptor. */
static Connection connections[MARKS_MAX];

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

/* What is known of it; NULL: nothing. */
static Connection *
find (int fd)
{
  Connection *found = &connections[fd];

  return __atomic_load_n (&found->cookie, __ATOMIC_ACQUIRE) == adopt_cookie (fd) ? found : NULL;
}

/* Nobody else reads from it, and nobody answers what was not read. */
static void
begin (Connection *connection, uint64_t cookie)
{
  __atomic_store_n (&connection->cookie, 0, __ATOMIC_SEQ_CST);
  connection->request = (AdoptRequest){ 0 };
  connection->heads = connection->answers = 0;
  __atomic_store_n (&connection->cookie, cookie, __ATOMIC_RELEASE);
}

/* Whether all that was read of it has been answered. */
static bool
is_answered (const Connection *connection)
{
  uint32_t heads = __atomic_load_n (&connection->heads, __ATOMIC_ACQUIRE);

  return heads > 0 && __atomic_load_n (&connection->answers, __ATOMIC_ACQUIRE) >= heads
         && adopt_request_is_between (&connection->request);
}

/* Whether the next thing on it is not for this instance. */
static bool
is_refused (const Connection *connection, unsigned stage, int fd, size_t size)
{
  if (connection != NULL && is_answered (connection))
    return true;
  /* A client that was asked for the body (100 Continue) may take its time, of which the kernel counts nothing. */
  if (connection != NULL && !adopt_request_is_between (&connection->request)
      && !adopt_request_is_lost (&connection->request))
    return false;
  return stage == HR_ADOPT_ENDS && has_answered_before (fd, size);
}

static void
note (int fd, const struct iovec *parts, size_t n_parts, size_t size)
{
  Connection *connection = &connections[fd];
  unsigned heads = 0;

  if (find (fd) == NULL || adopt_request_is_lost (&connection->request))
    begin (connection, adopt_cookie (fd));
  for (size_t i = 0; i < n_parts && size > 0; i++)
    {
      size_t part = parts[i].iov_len < size ? parts[i].iov_len : size;

      heads += adopt_request_feed (&connection->request, parts[i].iov_base, part);
      size -= part;
    }
  /* Of what is not there nothing can be told. */
  if (size > 0)
    adopt_request_lose (&connection->request);
  __atomic_add_fetch (&connection->heads, heads, __ATOMIC_RELEASE);
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
 * adopt_finish_received_parts:
 * @fd: from which the program has read
 * @parts: (array length=n_parts): where to
 * @n_parts: how many
 * @flags: of recv()
 * @result: what that returned
 *
 * Keeps errno.
 *
 * Returns: @result; 0, the end of the connection, where it is a request that is not answered here
 */
ssize_t
adopt_finish_received_parts (int fd, const struct iovec *parts, size_t n_parts, int flags, ssize_t result)
{
  HrAdoptPage *page;
  unsigned now;
  int saved = errno;
  bool refused;

  if (result <= 0 || (flags & (MSG_OOB | MSG_ERRQUEUE)) != 0 || (now = stage_of (&page)) == HR_ADOPT_GOES_ON)
    return result;
  if (!came_in (fd, page))
    {
      errno = saved;
      return result;
    }
  refused = is_refused (find (fd), now, fd, (size_t)result);
  if (refused)
    discard (fd);
  /* What was only looked at is read again; what was thrown away is nowhere. */
  else if ((flags & MSG_PEEK) == 0)
    note (fd, parts, (flags & MSG_TRUNC) == 0 ? n_parts : 0, (size_t)result);
  errno = saved;
  return refused ? 0 : result;
}

/**
 * adopt_finish_received:
 * @fd: from which the program has read
 * @data: where to
 * @size: how much has room there
 * @flags: of recv()
 * @result: what that returned
 *
 * Returns: as adopt_finish_received_parts()
 */
ssize_t
adopt_finish_received (int fd, const void *data, size_t size, int flags, ssize_t result)
{
  const struct iovec part = { .iov_base = (void *)(uintptr_t)data, .iov_len = size };

  return adopt_finish_received_parts (fd, &part, 1, flags, result);
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
  Connection *connection;
  int saved = errno;

  if (result > 0 && stage_of (&page) != HR_ADOPT_GOES_ON && begins_answer (data, size) && came_in (fd, page)
      && (connection = find (fd)) != NULL
      && __atomic_load_n (&connection->answers, __ATOMIC_ACQUIRE)
             < __atomic_load_n (&connection->heads, __ATOMIC_ACQUIRE))
    __atomic_add_fetch (&connection->answers, 1, __ATOMIC_RELEASE);
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
