/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-finish.c: no further request on the connections of an instance that is about to be told to stop.
 *
 * A client that keeps its connection and sends request after request leaves no moment in which a program that ends at
 * once when it is told to could end without cutting off an answer. From when the successor serves, each answer says that
 * it is the last one of its connection (adopt-last.h). What clients send all the same while the daemon waits for what is
 * under way, the program does not see: it sees the end of a connection where the next request would be, on one of HTTP/1
 * on which an answer has begun since then to each request that was read, whole with its body (AdoptConnection). The client
 * finds a kept connection ended before any byte of an answer, and sends its request again over another (RFC 9112, 9.3.1).
 * In the last moment, when the daemon has seen nothing under way, that holds for whatever has been answered before, of any
 * protocol; but not in the midst of a request.
 *
 * A connection of which the library has not seen from where the program has it (adopt-given.h) is known from the first of
 * these moments on, if it came in by one of the service's ports: a request that began before them is one that is not
 * understood. Of requests that a client sends before it has the answer to the one before, those count that are read from
 * then on.
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

#include "adopt-connection.h"
#include "adopt-gate.h"
#include "adopt-real.h"
#include "adopt-table.h"

/* What is thrown away of a request that is not answered here, in bytes: closing a connection with something unread
   would end it with a reset. */
#define DISCARD_MAX (1024 * 1024)

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

  if (fd < 0 || fd >= ADOPT_CONNECTIONS_MAX || getsockname (fd, (struct sockaddr *)&address, &length) < 0
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

/* Whether the next thing on it is not for this instance. */
static bool
is_refused (const AdoptConnection *connection, const HrAdoptPage *page, unsigned stage, int fd, size_t size)
{
  if (stage == HR_ADOPT_GOES_ON)
    return false;
  if (connection != NULL && __atomic_load_n (&connection->is_late, __ATOMIC_ACQUIRE)
      && adopt_connection_is_answered (connection))
    return true;
  /* A client that was asked for the body (100 Continue) may take its time, of which the kernel counts nothing. */
  if (connection != NULL && adopt_connection_is_busy (connection))
    return false;
  return stage == HR_ADOPT_ENDS && came_in (fd, page) && has_answered_before (fd, size);
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
  AdoptConnection *connection;
  unsigned now;
  int saved = errno;
  bool refused;

  if (result <= 0 || (flags & (MSG_OOB | MSG_ERRQUEUE)) != 0)
    return result;
  connection = adopt_connection_find (fd);
  now = stage_of (&page);
  if (connection == NULL && (now == HR_ADOPT_GOES_ON || !came_in (fd, page)))
    {
      errno = saved;
      return result;
    }
  refused = is_refused (connection, page, now, fd, (size_t)result);
  if (refused)
    discard (fd);
  /* What was only looked at is read again; what was thrown away is nowhere. */
  else if ((flags & MSG_PEEK) == 0)
    adopt_connection_note_received (connection != NULL ? connection : adopt_connection_begin_unseen (fd), parts,
                                    (flags & MSG_TRUNC) == 0 ? n_parts : 0, (size_t)result);
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
