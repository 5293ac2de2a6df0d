/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * late-bind-program.c: a server that makes something of its socket before it binds it, as event loops do.
 *
 * No part of the project is linked in. It listens on 127.0.0.1 and TEST_PORT and answers each connection with the id of
 * its instance. What differs from what the kernel alone would say ends it with a word of why.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_SILENT 100
#define SEEN UINT64_C (0xfedcba9876543210)
#define CHECK(condition)                                                                                               \
  do                                                                                                                   \
    if (!(condition))                                                                                                  \
      fail (#condition, __LINE__);                                                                                     \
  while (0)

static void
fail (const char *what, int line)
{
  fprintf (stderr, "line %d: not so: %s (%s)\n", line, what, strerror (errno));
  _exit (1);
}

static int
unbound (int type)
{
  int fd = socket (AF_INET, SOCK_STREAM | type, 0), on = 1;

  CHECK (fd >= 0);
  CHECK (setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
  return fd;
}

static void
bind_and_listen (int fd)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons ((in_port_t)atoi (getenv ("TEST_PORT"))) };

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  CHECK (bind (fd, (struct sockaddr *)&address, sizeof address) == 0);
  CHECK (listen (fd, 16) == 0);
}

static void
answer (int fd)
{
  char request[1000], text[1000];

  if (read (fd, request, sizeof request) > 0)
    {
      snprintf (text, sizeof text, "HTTP/1.0 200 OK\r\n\r\n%s", getenv ("HOTRELOAD_INSTANCE"));
      if (write (fd, text, strlen (text)) < 0)
        CHECK (errno == EPIPE || errno == ECONNRESET);
    }
  close (fd);
}

static void
add (int set, int fd, unsigned events, uint64_t data)
{
  CHECK (epoll_ctl (set, EPOLL_CTL_ADD, fd, &(struct epoll_event){ .events = events, .data.u64 = data }) == 0);
}

/* Beside so much in the set from which nothing comes that what the kernel says of it is long. */
static void
serve_set (unsigned flags)
{
  int set = epoll_create1 (EPOLL_CLOEXEC), listener = unbound (SOCK_NONBLOCK | SOCK_CLOEXEC), ends[2];

  for (unsigned i = 0; i < N_SILENT; i++)
    {
      CHECK (pipe (ends) == 0);
      add (set, ends[0], EPOLLIN, i);
    }
  add (set, listener, EPOLLIN | flags, SEEN);
  bind_and_listen (listener);
  errno = 0;
  CHECK (epoll_ctl (set, EPOLL_CTL_ADD, listener, &(struct epoll_event){ .events = EPOLLIN }) < 0 && errno == EEXIST);
  CHECK ((fcntl (listener, F_GETFD) & FD_CLOEXEC) != 0);
  for (;;)
    {
      struct epoll_event found[4];
      int n = epoll_wait (set, found, 4, -1), fd;

      CHECK (n == 1 && found[0].data.u64 == SEEN && found[0].events == EPOLLIN);
      while ((fd = accept4 (listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        answer (fd);
      CHECK (errno == EAGAIN);
    }
}

static void
serve_copy (void)
{
  int original = unbound (0), copy = fcntl (original, F_DUPFD_CLOEXEC, 50), other = dup3 (original, 60, 0);

  CHECK (copy >= 50 && other == 60);
  bind_and_listen (original);
  CHECK (fcntl (original, F_GETFD) == 0 && fcntl (copy, F_GETFD) == FD_CLOEXEC && fcntl (other, F_GETFD) == 0);
  close (original);
  close (other);
  for (;;)
    {
      int fd = accept (copy, NULL, NULL);

      CHECK (fd >= 0);
      answer (fd);
    }
}

/* The number by which it is in the set is gone, the socket is not. */
static void
serve_set_by_copy (void)
{
  int set = epoll_create1 (EPOLL_CLOEXEC), original = unbound (SOCK_NONBLOCK), listener = dup (original);

  add (set, original, EPOLLIN, SEEN);
  CHECK (listener >= 0 && dup2 (STDERR_FILENO, original) == original);
  bind_and_listen (listener);
  for (;;)
    {
      struct epoll_event found;
      int fd;

      CHECK (epoll_wait (set, &found, 1, -1) == 1 && found.data.u64 == SEEN);
      while ((fd = accept (listener, NULL, NULL)) >= 0)
        answer (fd);
      CHECK (errno == EAGAIN);
    }
}

int
main (int argc, char **argv)
{
  const char *how = argc > 1 ? argv[1] : "";

  signal (SIGPIPE, SIG_IGN);
  if (strcmp (how, "epoll-before-bind") == 0)
    serve_set (0);
  else if (strcmp (how, "epoll-edge-before-bind") == 0)
    serve_set (EPOLLET);
  else if (strcmp (how, "copy-before-bind") == 0)
    serve_copy ();
  else if (strcmp (how, "epoll-by-copy-before-bind") == 0)
    serve_set_by_copy ();
  CHECK (!"known");
}
