/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "adopt-client.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "adopt-clock.h"
#include "adopt-real.h"
#include "hr-names.h"
#include "hr-scm-rights.h"

/* A connection to the daemon, and until when it is waited for on it: signals interrupt a wait, and must not prolong it. */
typedef struct {
  int fd; /* -1: there is none */
  int64_t deadline;
} Connection;

static struct sockaddr_un server;
static socklen_t server_length;

/**
 * adopt_client_init:
 *
 * Remembers where the daemon is: programs change their environment.
 *
 * Returns: what it wants to know; %ADOPT_NOTHING when there is none
 */
AdoptMode
adopt_client_init (void)
{
  const char *where = getenv (HR_ENV_ADOPT);
  bool watch_only = where != NULL && strncmp (where, HR_ADOPT_WATCH_ONLY, strlen (HR_ADOPT_WATCH_ONLY)) == 0;
  size_t length;

  if (watch_only)
    where += strlen (HR_ADOPT_WATCH_ONLY);
  length = where != NULL ? strlen (where) : 0;
  if (length == 0 || length >= sizeof server.sun_path)
    return ADOPT_NOTHING;
  server.sun_family = AF_UNIX;
  memcpy (server.sun_path, where, length);
  if (where[0] == '@')
    server.sun_path[0] = '\0';
  server_length = (socklen_t)(offsetof (struct sockaddr_un, sun_path) + length + (where[0] == '@' ? 0 : 1));
  return watch_only ? ADOPT_WATCH : ADOPT_ALL;
}

/* Lets the next call wait for as long as there is. Returns whether there is time left. */
static bool
may_wait (const Connection *connection, int option)
{
  int64_t left = connection->deadline - adopt_clock_now ();
  struct timeval patience = { .tv_sec = left / ADOPT_USEC_PER_SEC, .tv_usec = left % ADOPT_USEC_PER_SEC };

  /* None at all would be for ever. */
  return left > 0 && setsockopt (connection->fd, SOL_SOCKET, option, &patience, sizeof patience) == 0;
}

static bool
send_request (const Connection *connection, const HrAdoptRequest *request, int given)
{
  HrScmRights control;
  struct iovec data = { .iov_base = (void *)request, .iov_len = sizeof *request };
  struct msghdr header = { .msg_iov = &data, .msg_iovlen = 1 };
  ssize_t sent;

  if (given >= 0)
    hr_scm_rights_attach (&header, &control, &given, 1);
  do
    sent = may_wait (connection, SO_SNDTIMEO) ? sendmsg (connection->fd, &header, MSG_NOSIGNAL) : 0;
  while (sent < 0 && errno == EINTR);
  return sent == (ssize_t)sizeof *request;
}

/* Returns whether the answer is yes; *found: what came along, or -1. */
static bool
receive_reply (const Connection *connection, int *found)
{
  union {
    struct cmsghdr align;
    char space[CMSG_SPACE (sizeof (int))];
  } control;
  HrAdoptReply reply = { 0 };
  struct iovec data = { .iov_base = &reply, .iov_len = sizeof reply };
  struct msghdr header = {
    .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
  };
  struct cmsghdr *part;
  ssize_t length;

  do
    length = may_wait (connection, SO_RCVTIMEO) ? REAL (recvmsg) (connection->fd, &header, MSG_CMSG_CLOEXEC) : 0;
  while (length < 0 && errno == EINTR);
  part = length > 0 ? CMSG_FIRSTHDR (&header) : NULL;
  if (part != NULL && part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS
      && part->cmsg_len == CMSG_LEN (sizeof (int)))
    memcpy (found, CMSG_DATA (part), sizeof (int));
  if (length == (ssize_t)sizeof reply && reply.version == HR_ADOPT_VERSION && reply.found)
    return true;
  if (*found >= 0)
    close (*found);
  *found = -1;
  return false;
}

/* Time counts from here. */
static Connection
open_connection (void)
{
  Connection self = { .fd = socket (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0),
                      .deadline = adopt_clock_now () + (int64_t)ADOPT_ANSWER_DEADLINE_SEC * ADOPT_USEC_PER_SEC };
  int result;

  if (self.fd < 0)
    return self;
  do
    {
      /* It waits as well, where the daemon has not accepted those that came before. */
      errno = ETIMEDOUT;
      result = may_wait (&self, SO_SNDTIMEO) ? REAL (connect) (self.fd, (struct sockaddr *)&server, server_length) : -1;
  } while (result < 0 && errno == EINTR);
  if (result == 0)
    return self;
  close (self.fd);
  self.fd = -1;
  return self;
}

/**
 * adopt_client_call:
 * @request: what to ask or say; the version is filled in
 * @given: descriptor to send along, -1 for none; stays the caller's
 * @found: (out): a descriptor for the caller to close, -1 when none came along
 *
 * Keeps errno. Waits for the answer, for %ADOPT_ANSWER_DEADLINE_SEC at most; what is only said (%HR_ADOPT_LISTENING) waits for none, so that no
 * connection waits for the daemon.
 *
 * Returns: whether the answer is yes
 */
bool
adopt_client_call (HrAdoptRequest *request, int given, int *found)
{
  int saved = errno;
  Connection connection = open_connection ();
  bool yes = false;

  *found = -1;
  request->version = HR_ADOPT_VERSION;
  if (connection.fd >= 0 && send_request (&connection, request, given) && request->question != HR_ADOPT_LISTENING)
    yes = receive_reply (&connection, found);
  if (connection.fd >= 0)
    close (connection.fd);
  errno = saved;
  return yes;
}

/**
 * adopt_client_ask:
 * @question: what to ask or say
 * @address: (nullable): of a TCP socket
 * @length: its size in bytes
 * @given: descriptor to send along, -1 for none; stays the caller's
 *
 * As adopt_client_call().
 *
 * Returns: a descriptor of a socket that listens, for the caller to close; -1 when there is none
 */
int
adopt_client_ask (HrAdoptQuestion question, const struct sockaddr *address, socklen_t length, int given)
{
  HrAdoptRequest request = { .question = question };
  int found;

  if (address != NULL && length <= sizeof request.address)
    {
      memcpy (&request.address, address, length);
      request.length = length;
    }
  adopt_client_call (&request, given, &found);
  return found;
}

/**
 * adopt_client_fetch:
 * @nudge: where a nudge came from
 * @length: its size in bytes
 *
 * Keeps errno. Waits for the answer, for %ADOPT_ANSWER_DEADLINE_SEC at most. One that did not fit among the descriptors
 * of the process, or that the daemon cannot be told of, stays the daemon's, which hands it to somebody again.
 *
 * Returns: the connection that is to be in its place, which is the caller's; -1 when there is none
 */
int
adopt_client_fetch (const struct sockaddr_storage *nudge, socklen_t length)
{
  static const HrAdoptRequest taken = { .version = HR_ADOPT_VERSION, .question = HR_ADOPT_TAKEN };
  HrAdoptRequest request = { .version = HR_ADOPT_VERSION, .question = HR_ADOPT_RESCUE };
  int saved = errno, found = -1, none = -1;
  Connection connection = open_connection ();

  memcpy (&request.address, nudge, length < sizeof request.address ? length : sizeof request.address);
  /* The daemon closes its copy and then this connection. Before that the program must not have it: when it closes its
     own, an epoll entry would live on with the daemon's. */
  if (connection.fd >= 0 && send_request (&connection, &request, -1) && receive_reply (&connection, &found)
      && found >= 0)
    {
      if (send_request (&connection, &taken, -1))
        receive_reply (&connection, &none);
      else
        {
          close (found);
          found = -1;
        }
    }
  if (connection.fd >= 0)
    close (connection.fd);
  errno = saved;
  return found;
}
