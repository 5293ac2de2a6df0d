/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * datagram-program.c: a UDP server that receives in one of the ways in which programs do, and answers each datagram
 * with the id of its instance. Not all of these tell the sender: a datagram begins with its port.
 *
 * No part of the project is linked in.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static int server, epoll;
static char buffer[1000];

static ssize_t
receive (const char *how, struct sockaddr_in *peer, socklen_t *length)
{
  /* A size that the compiler does not know: then a fortified program calls __recv_chk() and its like. */
  volatile size_t size = sizeof buffer;
  struct iovec part = { .iov_base = buffer, .iov_len = sizeof buffer };
  struct mmsghdr messages = { .msg_hdr = {
                                  .msg_iov = &part, .msg_iovlen = 1, .msg_name = peer, .msg_namelen = *length } };
  struct epoll_event event;

  if (strcmp (how, "recvmmsg") == 0)
    return recvmmsg (server, &messages, 1, MSG_WAITFORONE, NULL);
  if (strcmp (how, "epoll") == 0)
    {
      if (epoll_wait (epoll, &event, 1, -1) != 1)
        return -1;
      return recvfrom (server, buffer, size, 0, (struct sockaddr *)peer, length);
    }
  if (strcmp (how, "recv") == 0)
    return recv (server, buffer, size, 0);
  if (strcmp (how, "read") == 0)
    return read (server, buffer, size);
  return readv (server, &part, 1);
}

int
main (int argc, char **argv)
{
  struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  const char *id = getenv ("HOTRELOAD_INSTANCE"), *port = getenv ("TEST_PORT");
  struct epoll_event event = { .events = EPOLLIN };

  if (argc != 2 || id == NULL || port == NULL)
    abort ();
  server = socket (AF_INET, SOCK_DGRAM, 0);
  own.sin_port = htons ((unsigned short)atoi (port));
  if (bind (server, (struct sockaddr *)&own, sizeof own) < 0)
    abort ();
  if (strcmp (argv[1], "epoll") == 0)
    {
      fcntl (server, F_SETFL, O_NONBLOCK);
      epoll = epoll_create1 (0);
      epoll_ctl (epoll, EPOLL_CTL_ADD, server, &event);
    }
  for (;;)
    {
      struct sockaddr_in peer = { 0 };
      socklen_t length = sizeof peer;
      unsigned short answer_to;

      if (receive (argv[1], &peer, &length) <= 0)
        continue;
      memcpy (&answer_to, buffer, sizeof answer_to);
      peer = own;
      peer.sin_port = answer_to;
      sendto (server, id, strlen (id), 0, (struct sockaddr *)&peer, sizeof peer);
    }
}
