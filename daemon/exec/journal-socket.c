/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "journal-socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "hr-names.h"

static struct sockaddr_un address = { .sun_family = AF_UNIX };

/**
 * journal_socket_open:
 * @path: where the journal listens; it need not yet
 *
 * Returns: a socket for it; -1 with errno set
 */
int
journal_socket_open (const char *path)
{
  if (strlen (path) >= sizeof address.sun_path)
    {
      errno = ENAMETOOLONG;
      return -1;
    }
  strcpy (address.sun_path, path);
  return socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

/**
 * journal_socket_send:
 * @fd: of journal_socket_open()
 * @origin: where it comes from
 * @priority: of syslog(3)
 * @text: a line without its end
 * @length: its bytes
 *
 * Waits while the journal does not read.
 *
 * Returns: whether the journal has it, or never will; else it cannot be reached now
 */
bool
journal_socket_send (int fd, const JournalOrigin *origin, int priority, const char *text, size_t length)
{
  char fields[1024];
  struct iovec parts[] = { { fields, 0 }, { (void *)"MESSAGE=", 8 }, { (void *)text, length }, { (void *)"\n", 1 } };
  struct msghdr message = {
    .msg_name = &address, .msg_namelen = sizeof address, .msg_iov = parts, .msg_iovlen = sizeof parts / sizeof *parts
  };
  int n = snprintf (fields, sizeof fields,
                    "PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\n" HR_ENV_SERVICE "=%s\n" HR_ENV_RELEASE "=%s\n" HR_ENV_INSTANCE
                    "=%s\n",
                    priority, origin->service, origin->service, origin->release, origin->instance);
  ssize_t sent;

  if (n < 0 || (size_t)n >= sizeof fields)
    return true;
  parts[0].iov_len = (size_t)n;
  do
    sent = sendmsg (fd, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  /* Too long for its queue even when that is empty: nobody else would get it through, either. */
  return sent >= 0 || errno == EMSGSIZE;
}

/**
 * journal_socket_send_line:
 * @fd: as of journal_socket_send()
 * @origin: as there
 * @text: as there; may begin with a priority, "<3>", as of sd-daemon(3)
 * @length: as there
 *
 * Returns: as journal_socket_send()
 */
bool
journal_socket_send_line (int fd, const JournalOrigin *origin, const char *text, size_t length)
{
  int priority = JOURNAL_INFO;

  if (length >= 3 && text[0] == '<' && text[1] >= '0' && text[1] <= '7' && text[2] == '>')
    {
      priority = text[1] - '0';
      text += 3;
      length -= 3;
    }
  return journal_socket_send (fd, origin, priority, text, length);
}
