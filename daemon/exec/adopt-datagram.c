/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-datagram.c: receiving from UDP sockets that are shared with other instances.
 *
 * A datagram is taken by whichever instance receives it, as a connection by whichever accepts it; when the successor
 * serves, the old instance's calls act as if nothing came any more. Such a socket stays a blocking one, whatever the
 * program asked for, and each call says that it is not to wait: what the program wants is acted here, and sending is
 * left alone. Since the kernel does not know of a datagram once it was received, what a thread does between receiving
 * one and coming back for the next counts as answering it.
 *
 * connect() would take the socket away from every other peer and instance, and is refused.
 *
 * Of other sockets the same calls say what came along with a message (adopt-given.h), and what is read of connections
 * (adopt-finish.h).
 */
#include "adopt-datagram.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "adopt-finish.h"
#include "adopt-gate.h"
#include "adopt-given.h"
#include "adopt-look.h"
#include "adopt-real.h"
#include "adopt-report.h"
#include "adopt-table.h"

/* One of two calls: the others are made from them. */
typedef struct {
  struct msghdr *message;
  struct mmsghdr *messages; /* NULL: one message */
  unsigned n_messages;
  int flags;
} Call;

static ssize_t
take (int fd, const Call *call)
{
  if (call->messages == NULL)
    return REAL (recvmsg) (fd, call->message, call->flags | MSG_DONTWAIT);
  return REAL (recvmmsg) (fd, call->messages, call->n_messages, call->flags | MSG_DONTWAIT, NULL);
}

static ssize_t
receive (int fd, const AdoptEntry *entry, const Call *call)
{
  bool waits = !__atomic_load_n (&entry->non_blocking, __ATOMIC_ACQUIRE) && (call->flags & MSG_DONTWAIT) == 0;
  bool looked = adopt_look_take (entry), again;
  HrAdoptPage *page;
  ssize_t result;

  adopt_gate_end_handling ();
  adopt_report_if_shared (fd);
  do
    {
      bool open = adopt_gate_enter (&page);

      result = open ? take (fd, call) : -1;
      if (result >= 0 && (call->flags & MSG_PEEK) == 0)
        adopt_gate_begin_handling (page);
      if (open)
        adopt_gate_leave (page, false);
      again = (!open || (result < 0 && errno == EAGAIN)) && adopt_miss (fd, entry, waits, looked, open);
  } while (again);
  /* What accept() says of a connection that is gone is nothing that happens to datagrams. */
  if (result < 0 && errno == ECONNABORTED)
    errno = EAGAIN;
  return result;
}

static AdoptEntry *
find (int fd, int flags)
{
  return (flags & MSG_ERRQUEUE) == 0 ? adopt_table_find_datagrams (fd) : NULL;
}

EXPORT ssize_t
recvmsg (int fd, struct msghdr *message, int flags)
{
  const AdoptEntry *entry = find (fd, flags);
  ssize_t result;

  if (entry != NULL)
    return receive (fd, entry, &(Call){ .message = message, .flags = flags });
  result = REAL (recvmsg) (fd, message, flags);
  if (result < 0)
    return result;
  if (message->msg_controllen > 0)
    adopt_given_received (message);
  return adopt_finish_received_parts (fd, message->msg_iov, message->msg_iovlen, flags, result);
}

EXPORT int
recvmmsg (int fd, struct mmsghdr *messages, unsigned n_messages, int flags, struct timespec *timeout)
{
  const AdoptEntry *entry = find (fd, flags);
  int result;

  if (entry != NULL)
    return (int)receive (fd, entry, &(Call){ .messages = messages, .n_messages = n_messages, .flags = flags });
  result = REAL (recvmmsg) (fd, messages, n_messages, flags, timeout);
  for (int i = 0; i < result; i++)
    if (messages[i].msg_hdr.msg_controllen > 0)
      adopt_given_received (&messages[i].msg_hdr);
  return result;
}

EXPORT ssize_t
recvfrom (int fd, void *restrict buffer, size_t size, int flags, __SOCKADDR_ARG address, socklen_t *restrict length)
{
  const AdoptEntry *entry = find (fd, flags);
  struct iovec part = { .iov_base = buffer, .iov_len = size };
  struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
  ssize_t result;

  if (entry == NULL)
    return adopt_finish_received (fd, buffer, size, flags, REAL (recvfrom) (fd, buffer, size, flags, address, length));
  if (address.__sockaddr__ != NULL && length != NULL)
    {
      message.msg_name = address.__sockaddr__;
      message.msg_namelen = *length;
    }
  result = receive (fd, entry, &(Call){ .message = &message, .flags = flags });
  if (result >= 0 && length != NULL)
    *length = message.msg_namelen;
  return result;
}

EXPORT ssize_t
recv (int fd, void *buffer, size_t size, int flags)
{
  if (find (fd, flags) == NULL)
    return adopt_finish_received (fd, buffer, size, flags, REAL (recv) (fd, buffer, size, flags));
  return recvfrom (fd, buffer, size, flags, (struct sockaddr *)NULL, NULL);
}

EXPORT ssize_t
readv (int fd, const struct iovec *parts, int n_parts)
{
  const AdoptEntry *entry = find (fd, 0);
  struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)n_parts };

  return entry == NULL ? adopt_finish_received_parts (fd, parts, (size_t)n_parts, 0, REAL (readv) (fd, parts, n_parts))
                       : receive (fd, entry, &(Call){ .message = &message });
}

EXPORT ssize_t
read (int fd, void *buffer, size_t size)
{
  return find (fd, 0) == NULL ? adopt_finish_received (fd, buffer, size, 0, REAL (read) (fd, buffer, size))
                              : recv (fd, buffer, size, 0);
}

/* What fortified programs call. */
ssize_t __recv_chk (int fd, void *buffer, size_t size, size_t room, int flags);
ssize_t __recvfrom_chk (int fd, void *restrict buffer, size_t size, size_t room, int flags, __SOCKADDR_ARG address,
                        socklen_t *restrict length);
ssize_t __read_chk (int fd, void *buffer, size_t size, size_t room);

EXPORT ssize_t
__recv_chk (int fd, void *buffer, size_t size, size_t room, int flags)
{
  return size > room || find (fd, flags) == NULL
             ? adopt_finish_received (fd, buffer, size, flags, REAL (__recv_chk) (fd, buffer, size, room, flags))
             : recv (fd, buffer, size, flags);
}

EXPORT ssize_t
__recvfrom_chk (int fd, void *restrict buffer, size_t size, size_t room, int flags, __SOCKADDR_ARG address,
                socklen_t *restrict length)
{
  return size > room || find (fd, flags) == NULL ? adopt_finish_received (
             fd, buffer, size, flags, REAL (__recvfrom_chk) (fd, buffer, size, room, flags, address, length))
                                                 : recvfrom (fd, buffer, size, flags, address, length);
}

EXPORT ssize_t
__read_chk (int fd, void *buffer, size_t size, size_t room)
{
  return size > room || find (fd, 0) == NULL
             ? adopt_finish_received (fd, buffer, size, 0, REAL (__read_chk) (fd, buffer, size, room))
             : read (fd, buffer, size);
}

EXPORT int
connect (int fd, __CONST_SOCKADDR_ARG address, socklen_t length)
{
  if (adopt_table_find_datagrams (fd) == NULL)
    return REAL (connect) (fd, address, length);
  /* It is not connected. */
  if (address.__sockaddr__ != NULL && length >= sizeof (sa_family_t) && address.__sockaddr__->sa_family == AF_UNSPEC)
    return 0;
  errno = EOPNOTSUPP;
  return -1;
}

/**
 * adopt_datagram_polled:
 * @fds: what the program waits for
 * @n_fds: how many
 *
 * Whoever waits for the next datagram is done with the last one.
 */
void
adopt_datagram_polled (const struct pollfd *fds, nfds_t n_fds)
{
  if (!adopt_gate_is_handling ())
    return;
  for (nfds_t i = 0; i < n_fds; i++)
    if ((fds[i].events & POLLIN) != 0 && adopt_table_find_datagrams (fds[i].fd) != NULL)
      adopt_gate_end_handling ();
}

/**
 * adopt_datagram_selected:
 * @n_fds: as in select()
 * @readable: (nullable): what the program waits for
 *
 * The same.
 */
void
adopt_datagram_selected (int n_fds, const fd_set *readable)
{
  if (readable == NULL || !adopt_gate_is_handling ())
    return;
  for (int fd = 0; fd < n_fds && fd < FD_SETSIZE; fd++)
    if (FD_ISSET (fd, readable) && adopt_table_find_datagrams (fd) != NULL)
      adopt_gate_end_handling ();
}
