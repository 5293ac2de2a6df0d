/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-sd-notify.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hr-fd.h"

/**
 * hr_sd_notify:
 * @state: lines of KEY=VALUE
 *
 * Sends it to $NOTIFY_SOCKET, a path or, with '@' in front, an abstract name.
 *
 * Returns: whether it was sent; not being asked to is %FALSE
 */
gboolean
hr_sd_notify (const char *state)
{
  const char *path = g_getenv ("NOTIFY_SOCKET");
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_auto (HrFd) fd = -1;
  gsize length;

  if (path == NULL || (path[0] != '/' && path[0] != '@') || path[1] == '\0')
    return FALSE;
  length = strlen (path);
  if (length >= sizeof address.sun_path)
    return FALSE;
  memcpy (address.sun_path, path, length);
  if (path[0] == '@')
    address.sun_path[0] = '\0';
  fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return FALSE;
  return sendto (fd, state, strlen (state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                 (socklen_t)(offsetof (struct sockaddr_un, sun_path) + length))
         == (ssize_t)strlen (state);
}
