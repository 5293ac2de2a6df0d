/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "adopt-name.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "adopt-real.h"
#include "adopt-table.h"

#define PATH_OFFSET offsetof (struct sockaddr_un, sun_path)

/**
 * adopt_is_unix_stream:
 * @fd: a descriptor
 *
 * Returns: whether it is a Unix stream socket
 */
bool
adopt_is_unix_stream (int fd)
{
  return adopt_get_option (fd, SOL_SOCKET, SO_DOMAIN) == AF_UNIX
         && adopt_get_option (fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM;
}

static bool
is_udp (int fd)
{
  int domain = adopt_get_option (fd, SOL_SOCKET, SO_DOMAIN);

  return (domain == AF_INET || domain == AF_INET6) && adopt_get_option (fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_UDP;
}

/* As the daemon knows it, whose working directory is another. Returns whether it fits. */
static bool
fill_path (const char *path, size_t length, HrAdoptRequest *request)
{
  struct sockaddr_un name = { .sun_family = AF_UNIX };
  char directory[PATH_MAX];
  size_t used = 0;

  if (*path != '/')
    {
      if (getcwd (directory, sizeof directory) == NULL || *directory != '/')
        return false;
      used = strlen (directory);
      if (used + 1 + length >= sizeof name.sun_path)
        return false;
      memcpy (name.sun_path, directory, used);
      name.sun_path[used++] = '/';
    }
  if (used + length >= sizeof name.sun_path)
    return false;
  memcpy (name.sun_path + used, path, length);
  memcpy (&request->address, &name, sizeof name);
  request->length = (uint32_t)(PATH_OFFSET + used + length + 1);
  return true;
}

/* With the file that is there, if there is one. */
static bool
fill_unix (const struct sockaddr_un *address, socklen_t length, HrAdoptRequest *request)
{
  char path[sizeof address->sun_path + 1] = { 0 };
  size_t size = length - PATH_OFFSET;
  struct stat info;

  if (address->sun_path[0] == '\0')
    {
      memcpy (&request->address, address, length);
      request->length = length;
      return true;
    }
  size = strnlen (address->sun_path, size);
  memcpy (path, address->sun_path, size);
  if (!fill_path (path, size, request))
    return false;
  if (fstatat (AT_FDCWD, path, &info, AT_SYMLINK_NOFOLLOW) == 0)
    {
      request->device = info.st_dev;
      request->inode = info.st_ino;
    }
  return true;
}

static bool
has_port (const struct sockaddr *address, socklen_t length)
{
  if (address->sa_family == AF_INET && length >= sizeof (struct sockaddr_in))
    return ((const struct sockaddr_in *)(const void *)address)->sin_port != 0;
  return address->sa_family == AF_INET6 && length >= sizeof (struct sockaddr_in6)
         && ((const struct sockaddr_in6 *)(const void *)address)->sin6_port != 0;
}

/**
 * adopt_name_fill:
 * @fd: a socket
 * @address: (nullable): what it is bound to or is to be
 * @length: its size in bytes
 * @request: what address and file go into
 *
 * Keeps errno.
 *
 * Returns: whether the daemon may have a listener for it: a Unix stream socket with a name, a UDP socket with a port
 */
bool
adopt_name_fill (int fd, const struct sockaddr *address, socklen_t length, HrAdoptRequest *request)
{
  int saved = errno;
  bool filled = false;

  if (address == NULL || length <= sizeof address->sa_family || length > sizeof request->address)
    return false;
  if (address->sa_family == AF_UNIX)
    filled = length > PATH_OFFSET && length <= sizeof (struct sockaddr_un) && adopt_is_unix_stream (fd)
             && fill_unix ((const struct sockaddr_un *)(const void *)address, length, request);
  else if (has_port (address, length) && is_udp (fd))
    {
      memcpy (&request->address, address, length);
      request->length = length;
      request->datagrams = 1;
      filled = true;
    }
  errno = saved;
  return filled;
}

/**
 * adopt_is_bound_udp:
 * @fd: a descriptor
 *
 * Returns: whether it is a UDP socket with a port
 */
bool
adopt_is_bound_udp (int fd)
{
  struct sockaddr_storage address;
  socklen_t length = sizeof address;

  return is_udp (fd) && REAL (getsockname) (fd, (struct sockaddr *)&address, &length) == 0
         && has_port ((struct sockaddr *)&address, length);
}
