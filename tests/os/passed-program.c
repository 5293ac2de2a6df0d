/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * passed-program.c: a program that takes a listener at descriptor 3 in one of the ways in which programs do.
 *
 * No part of the project is linked in. With "own" it listens on a socket of its own and says READY=1; with "rest" it
 * does nothing.
 */
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTENER 3

/* As the note that the linker of Go leaves. */
#ifdef LOOKS_LIKE_GO
__attribute__ ((section (".note.go.buildid"), aligned (4), used)) static const struct {
  unsigned name_size, size, type;
  char name[4];
  char data[4];
} note = { 4, 4, 4, "Go\0", "id" };
#endif

static void *
take_connections (void *unused)
{
  for (;;)
    {
      int fd = accept (LISTENER, NULL, NULL);

      if (fd < 0)
        return NULL;
      close (fd);
    }
}

static void
listen_alone (void)
{
  const char *where = getenv ("NOTIFY_SOCKET");
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int own = socket (AF_INET, SOCK_STREAM, 0), notify = socket (AF_UNIX, SOCK_DGRAM, 0);

  if (bind (own, (struct sockaddr *)&any, sizeof any) < 0 || listen (own, 1) < 0 || where == NULL)
    abort ();
  memcpy (address.sun_path, where, strlen (where));
  if (where[0] == '@')
    address.sun_path[0] = '\0';
  if (sendto (notify, "READY=1", 7, 0, (struct sockaddr *)&address,
              (socklen_t)(offsetof (struct sockaddr_un, sun_path) + strlen (where)))
      < 0)
    abort ();
}

static void
poll_one (int with_mask)
{
  /* A number that the compiler does not know: then a fortified program calls __poll_chk(). */
  volatile nfds_t n_fds = 1;
  struct pollfd fds[4] = { { .fd = LISTENER, .events = POLLIN } };

  if (with_mask)
    ppoll (fds, n_fds, NULL, NULL);
  else
    poll (fds, n_fds, -1);
}

static void
take (const char *how)
{
  struct epoll_event event = { .events = EPOLLIN };
  fd_set fds;
  pthread_t thread;

  FD_ZERO (&fds);
  FD_SET (LISTENER, &fds);
  if (strcmp (how, "accept") == 0)
    take_connections (NULL);
  else if (strcmp (how, "accept4") == 0)
    accept4 (LISTENER, NULL, NULL, SOCK_CLOEXEC);
  else if (strcmp (how, "thread") == 0)
    pthread_create (&thread, NULL, take_connections, NULL);
  else if (strcmp (how, "listen") == 0)
    listen (LISTENER, 1);
  else if (strcmp (how, "poll") == 0)
    poll_one (0);
  else if (strcmp (how, "ppoll") == 0)
    poll_one (1);
  else if (strcmp (how, "select") == 0)
    select (LISTENER + 1, &fds, NULL, NULL, NULL);
  else if (strcmp (how, "pselect") == 0)
    pselect (LISTENER + 1, &fds, NULL, NULL, NULL, NULL);
  else if (strcmp (how, "epoll") == 0)
    epoll_ctl (epoll_create1 (0), EPOLL_CTL_ADD, LISTENER, &event);
  else if (strcmp (how, "own") == 0)
    listen_alone ();
}

int
main (int argc, char **argv)
{
  take (argc > 1 ? argv[1] : "rest");
  for (;;)
    pause ();
}
