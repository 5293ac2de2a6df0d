/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bench-idle.c: the program of which the benchmarks start a thousand. It tells that it runs, and then waits to be ended.
 *
 * Usage: bench-idle SOCKET NAME. Sends "NAME PID" to the datagram socket with that path, which takes no polling to see,
 * and says READY=1 where that is asked for; it holds nothing after that, and asks for no processor time.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* To a datagram socket; waits while its queue is full. */
static int
tell (const char *path, const char *text)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  size_t length = strlen (path), size = strlen (text);
  int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), result = -1;

  if (length < sizeof address.sun_path && fd >= 0)
    {
      memcpy (address.sun_path, path, length);
      /* An abstract one. */
      if (path[0] == '@')
        address.sun_path[0] = '\0';
      if (sendto (fd, text, size, 0, (struct sockaddr *)&address,
                  (socklen_t)(offsetof (struct sockaddr_un, sun_path) + length))
          == (ssize_t)size)
        result = 0;
    }
  if (fd >= 0)
    close (fd);
  return result;
}

int
main (int argc, char **argv)
{
  const char *notify = getenv ("NOTIFY_SOCKET");
  char text[64];

  if (argc != 3 || snprintf (text, sizeof text, "%s %d", argv[2], (int)getpid ()) >= (int)sizeof text)
    {
      fprintf (stderr, "usage: bench-idle SOCKET NAME\n");
      return 2;
    }
  if (tell (argv[1], text) != 0 || (notify != NULL && tell (notify, "READY=1") != 0))
    {
      perror ("bench-idle: cannot tell that it runs");
      return 1;
    }
  for (;;)
    pause ();
}
