/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bench-server.c: the program that the benchmarks supervise. It reads its answer from a file at start, and sends it to
 * whoever connects.
 *
 * Usage: bench-server PORT FILE [state]. Takes a passed listener (LISTEN_FDS) where there is one, else binds
 * 127.0.0.1:PORT; says READY=1 where that is asked for. With "state" it reads its predecessor's state at start and
 * writes its own at the end. Without a library, so that its start costs what any program's does: a fork and an exec.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024

static volatile sig_atomic_t stopping;

static void
on_stop (int number)
{
  stopping = number;
}

static _Noreturn void
fail (const char *what)
{
  perror (what);
  exit (1);
}

static ssize_t
read_file (const char *path, char *buffer, size_t size)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  ssize_t length;

  if (fd < 0)
    fail (path);
  length = read (fd, buffer, size);
  if (length < 0)
    fail (path);
  close (fd);
  return length;
}

static int
get_listener (const char *port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons ((in_port_t)atoi (port)) };
  int fd = 3, yes = 1;

  if (getenv ("LISTEN_FDS") != NULL)
    {
      fcntl (fd, F_SETFL, fcntl (fd, F_GETFL) | O_NONBLOCK);
      return fd;
    }
  fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  if (fd < 0 || setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0
      || bind (fd, (struct sockaddr *)&address, sizeof address) < 0 || listen (fd, BACKLOG) < 0)
    fail ("listener");
  return fd;
}

static void
say_ready (void)
{
  const char *path = getenv ("NOTIFY_SOCKET");
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  size_t length = path != NULL ? strlen (path) : 0;
  int fd;

  if (length == 0 || length >= sizeof address.sun_path)
    return;
  memcpy (address.sun_path, path, length);
  if (path[0] == '@')
    address.sun_path[0] = '\0';
  fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (sendto (fd, "READY=1", 7, 0, (struct sockaddr *)&address,
              (socklen_t)(offsetof (struct sockaddr_un, sun_path) + length))
      < 0)
    fail ("READY=1");
  close (fd);
}

/* Whoever connects sends nothing: so nothing unread can turn the end of the connection into a reset. */
static void
serve (int listener, const char *answer, size_t length)
{
  int fd;

  while (!stopping && (fd = accept4 (listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
    {
      if (write (fd, answer, length) < 0 && errno != EPIPE && errno != ECONNRESET)
        fail ("answer");
      close (fd);
    }
}

static void
write_state (void)
{
  FILE *file = fopen (getenv ("HOTRELOAD_STATE_OUT"), "we");

  if (file == NULL || fputs ("{\"count\": 1}\n", file) < 0 || fclose (file) != 0)
    fail ("state");
}

int
main (int argc, char **argv)
{
  struct sigaction action = { .sa_handler = on_stop };
  char answer[256], state[256];
  struct pollfd waiting = { .events = POLLIN };
  sigset_t blocked, open_mask;
  int keeps_state = argc == 4;
  ssize_t length;

  if (argc < 3)
    return 2;
  sigemptyset (&blocked);
  sigaddset (&blocked, SIGTERM);
  sigaddset (&blocked, SIGINT);
  sigprocmask (SIG_BLOCK, &blocked, &open_mask);
  sigaction (SIGTERM, &action, NULL);
  sigaction (SIGINT, &action, NULL);
  signal (SIGPIPE, SIG_IGN);
  length = read_file (argv[2], answer, sizeof answer);
  if (keeps_state)
    read_file (getenv ("HOTRELOAD_STATE_IN"), state, sizeof state);
  waiting.fd = get_listener (argv[1]);
  say_ready ();
  while (!stopping)
    {
      serve (waiting.fd, answer, (size_t)length);
      ppoll (&waiting, 1, NULL, &open_mask);
    }
  if (keeps_state)
    write_state ();
  return 0;
}
