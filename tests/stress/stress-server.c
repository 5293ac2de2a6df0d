/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * stress-server.c: a plain HTTP server with epoll for the stress test; see stress_server.py.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define REQUEST_SIZE 2048
#define EVENTS_MAX 64

typedef struct {
  int fd;
  size_t length;
  char request[REQUEST_SIZE];
} Connection;

static char version[64];
static long dies, count;
static bool has_state;
static int epoll_fd, listener, stop_fd = -1, death_fd = -1;

static _Noreturn void
fail (const char *what)
{
  perror (what);
  exit (1);
}

static void
read_version (void)
{
  FILE *file = fopen ("version.txt", "re");

  if (file == NULL || fscanf (file, "%63s %ld", version, &dies) < 1)
    fail ("version.txt");
  fclose (file);
}

static void
read_state (void)
{
  FILE *file = fopen (getenv ("HOTRELOAD_STATE_IN"), "re");

  if (file == NULL)
    fail ("HOTRELOAD_STATE_IN");
  if (fscanf (file, " {\"count\": %ld", &count) < 1)
    count = 0;
  fclose (file);
}

static _Noreturn void
stop (void)
{
  FILE *file = fopen (getenv ("HOTRELOAD_STATE_OUT"), "we");

  if (file == NULL || fprintf (file, "{\"count\": %ld}\n", count) < 0 || fclose (file) != 0)
    fail ("HOTRELOAD_STATE_OUT");
  exit (0);
}

static void
open_listener (int port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons ((in_port_t)port) };
  int on = 1;

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  listener = getenv ("LISTEN_FDS") != NULL ? 3 : socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener != 3 || getenv ("LISTEN_FDS") == NULL)
    {
      setsockopt (listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      if (bind (listener, (struct sockaddr *)&address, sizeof address) < 0 || listen (listener, 511) < 0)
        fail ("bind");
    }
  fcntl (listener, F_SETFL, fcntl (listener, F_GETFL) | O_NONBLOCK);
}

static void
watch (int fd, void *data)
{
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = data };

  if (epoll_ctl (epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
    fail ("epoll_ctl");
}

static void
note_accepted (const struct sockaddr_in *peer)
{
  char line[16];
  int length = snprintf (line, sizeof line, "%u\n", ntohs (peer->sin_port));
  int fd = open (getenv ("STRESS_ACCEPTS"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);

  if (fd < 0 || write (fd, line, (size_t)length) != length)
    fail ("STRESS_ACCEPTS");
  close (fd);
}

static void
accept_all (void)
{
  struct sockaddr_in peer;
  socklen_t length = sizeof peer;
  int fd;

  while ((fd = accept4 (listener, (struct sockaddr *)&peer, &length, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
    {
      Connection *connection = calloc (1, sizeof *connection);

      if (connection == NULL)
        fail ("calloc");
      if (dies > 0)
        note_accepted (&peer);
      connection->fd = fd;
      watch (fd, connection);
      length = sizeof peer;
    }
}

static bool
answer (Connection *self)
{
  char text[256], body[64];
  bool closes = strstr (self->request, "Connection: close") != NULL;
  int length;

  if (strncmp (self->request, "GET /grow ", 10) == 0)
    count++;
  if (strncmp (self->request, "GET /count ", 11) == 0)
    snprintf (body, sizeof body, "%ld", count);
  else
    memcpy (body, version, sizeof body);
  length = snprintf (text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n%s\r\n%s", strlen (body),
                     closes ? "Connection: close\r\n" : "", body);
  self->length = 0;
  return send (self->fd, text, (size_t)length, MSG_NOSIGNAL) == length && !closes;
}

static void
serve (Connection *self)
{
  ssize_t got = recv (self->fd, self->request + self->length, sizeof self->request - 1 - self->length, 0);

  if (got < 0 && errno == EAGAIN)
    return;
  if (got > 0)
    {
      self->length += (size_t)got;
      self->request[self->length] = '\0';
      if (strstr (self->request, "\r\n\r\n") == NULL || answer (self))
        return;
    }
  close (self->fd);
  free (self);
}

int
main (int argc, char **argv)
{
  struct epoll_event events[EVENTS_MAX];

  if (argc < 2)
    return 2;
  read_version ();
  has_state = argc > 2 && strcmp (argv[2], "state") == 0;
  epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (dies > 0)
    {
      struct itimerspec when = { .it_value = { dies / 1000, dies % 1000 * 1000000 } };

      death_fd = timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC);
      timerfd_settime (death_fd, 0, &when, NULL);
      watch (death_fd, &death_fd);
    }
  if (has_state)
    {
      sigset_t signals;

      read_state ();
      sigemptyset (&signals);
      sigaddset (&signals, SIGTERM);
      sigprocmask (SIG_BLOCK, &signals, NULL);
      stop_fd = signalfd (-1, &signals, SFD_CLOEXEC);
      watch (stop_fd, &stop_fd);
    }
  open_listener (atoi (argv[1]));
  watch (listener, &listener);
  for (;;)
    {
      int n = epoll_wait (epoll_fd, events, EVENTS_MAX, -1);

      for (int i = 0; i < n; i++)
        if (events[i].data.ptr == &listener)
          accept_all ();
        else if (events[i].data.ptr == &stop_fd)
          stop ();
        else if (events[i].data.ptr == &death_fd)
          raise (SIGKILL);
        else
          serve (events[i].data.ptr);
    }
}
