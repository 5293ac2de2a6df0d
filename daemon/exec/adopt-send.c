/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-send.c: what of the adopt library stands before calls that write.
 *
 * Of connections that came in it is followed where answers begin and end. What is sent otherwise (splice(), io_uring) is
 * not seen.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "adopt-connection.h"
#include "adopt-gate.h"
#include "adopt-last.h"
#include "adopt-real.h"

/* Of one call. Whether the successor serves is looked at once, before it: what is noted of an answer must be what was
   said in it. */
typedef struct {
  int fd;
  const struct iovec *parts;
  size_t n_parts;
  int flags;
  AdoptConnection *connection; /* NULL: nothing is known of it */
  bool retired;
} Call;

static bool
is_retired (void)
{
  const HrAdoptPage *page = adopt_gate_page ();

  return page != NULL && __atomic_load_n (&page->retired, __ATOMIC_ACQUIRE);
}

static Call
begin (int fd, const struct iovec *parts, size_t n_parts, int flags)
{
  AdoptConnection *connection = adopt_connection_find (fd);

  return (Call){ .fd = fd,
                 .parts = parts,
                 .n_parts = parts != NULL ? n_parts : 0,
                 .flags = flags,
                 .connection = connection,
                 .retired = connection != NULL && is_retired () };
}

/* What the call wrote. */
static void
note (const Call *call, ssize_t result)
{
  int saved = errno;

  if (call->connection != NULL && result > 0)
    adopt_connection_note_sent (call->connection, call->parts, call->n_parts, (size_t)result, call->retired);
  errno = saved;
}

/* Whether the call was made in a way of ours; then *result is what it returned. */
static bool
send_last (const Call *call, ssize_t *result)
{
  bool done;

  if (!call->retired || !adopt_connection_awaits_answer (call->connection))
    return false;
  *result = adopt_last_send (call->fd, call->parts, call->n_parts, call->flags, &done);
  return done;
}

#define SEND(fd, parts, n_parts, flags, ordinary)                                                                      \
  ({                                                                                                                   \
    const Call call = begin (fd, parts, n_parts, flags);                                                               \
    ssize_t result = -1;                                                                                               \
    if (!send_last (&call, &result))                                                                                   \
      result = ordinary;                                                                                               \
    note (&call, result);                                                                                              \
    result;                                                                                                            \
  })

EXPORT ssize_t
write (int fd, const void *data, size_t size)
{
  const struct iovec part = { .iov_base = (void *)(uintptr_t)data, .iov_len = size };

  return SEND (fd, &part, 1, 0, REAL (write) (fd, data, size));
}

EXPORT ssize_t
writev (int fd, const struct iovec *parts, int n_parts)
{
  return SEND (fd, parts, n_parts > 0 ? (size_t)n_parts : 0, 0, REAL (writev) (fd, parts, n_parts));
}

EXPORT ssize_t
send (int fd, const void *data, size_t size, int flags)
{
  const struct iovec part = { .iov_base = (void *)(uintptr_t)data, .iov_len = size };

  return SEND (fd, &part, 1, flags, REAL (send) (fd, data, size, flags));
}

EXPORT ssize_t
sendto (int fd, const void *data, size_t size, int flags, __CONST_SOCKADDR_ARG address, socklen_t length)
{
  const struct iovec part = { .iov_base = (void *)(uintptr_t)data, .iov_len = size };

  return SEND (fd, &part, 1, flags, REAL (sendto) (fd, data, size, flags, address, length));
}

EXPORT ssize_t
sendmsg (int fd, const struct msghdr *message, int flags)
{
  /* What comes along is for the call as it is, and what is wrong is for the kernel to say. */
  if (message == NULL || message->msg_controllen > 0)
    return REAL (sendmsg) (fd, message, flags);
  return SEND (fd, message->msg_iov, message->msg_iovlen, flags, REAL (sendmsg) (fd, message, flags));
}

EXPORT ssize_t
sendfile (int out, int in, off_t *offset, size_t size)
{
  /* What is in a file is not looked at. */
  const struct iovec part = { .iov_base = NULL, .iov_len = size };

  return SEND (out, &part, 1, 0, REAL (sendfile) (out, in, offset, size));
}

EXPORT ssize_t
sendfile64 (int out, int in, off64_t *offset, size_t size)
{
  const struct iovec part = { .iov_base = NULL, .iov_len = size };

  return SEND (out, &part, 1, 0, REAL (sendfile64) (out, in, offset, size));
}
