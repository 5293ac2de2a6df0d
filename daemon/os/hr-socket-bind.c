/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-socket-bind.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-socket-holder.h"
#include "hr-socket-options.h"

/* As systemd's SocketMode= and DirectoryMode=. */
#define SOCKET_MODE 0666
#define DIRECTORY_MODE 0755

static int
fail (const HrSocketAddress *address, int errnum, GError **error)
{
  g_autofree char *holder = errnum == EADDRINUSE ? hr_socket_holder (address) : NULL;

  g_set_error (error, HR_ERROR, HR_ERROR_START_FAILED, "%s%s%s", g_strerror (errnum), holder != NULL ? ", by " : "",
               holder != NULL ? holder : "");
  return -1;
}

static int
make_socket (const HrSocketAddress *address)
{
  int type = address->kind == HR_LISTEN_UDP ? SOCK_DGRAM : SOCK_STREAM;
  g_auto (HrFd) low = socket (address->storage.ss_family, type | SOCK_CLOEXEC, 0);

  return low < 0 ? -1 : hr_fd_dup (low, NULL);
}

/* Not SO_REUSEADDR for UDP: there it would let another program take what comes. */
static gboolean
bind_internet (int fd, const HrSocketAddress *address)
{
  int on = 1, off = 0;

  return (address->kind == HR_LISTEN_UDP || setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0)
         && (address->storage.ss_family != AF_INET6
             || setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0)
         && bind (fd, (const struct sockaddr *)&address->storage, address->length) == 0
         && (address->kind == HR_LISTEN_UDP || listen (fd, SOMAXCONN) == 0);
}

/* Whether nobody listens behind the socket file: connecting says so. */
static gboolean
is_stale (const HrSocketAddress *address)
{
  g_auto (HrFd) fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  return fd >= 0 && connect (fd, (const struct sockaddr *)&address->storage, address->length) != 0
         && errno == ECONNREFUSED;
}

static gboolean
is_socket_file (const char *path)
{
  struct stat info;

  return lstat (path, &info) == 0 && S_ISSOCK (info.st_mode);
}

static int
bind_unix (int fd, const HrSocketAddress *address, GError **error)
{
  const struct sockaddr *name = (const struct sockaddr *)&address->storage;
  const char *path = hr_socket_address_get_path (address);
  g_autofree char *directory = path != NULL ? g_path_get_dirname (path) : NULL;
  g_autoptr (GError) local = NULL;
  gboolean bound;

  if (directory != NULL && !hr_fs_make_dir (directory, DIRECTORY_MODE, &local))
    {
      g_set_error_literal (error, HR_ERROR, HR_ERROR_START_FAILED, local->message);
      return -1;
    }
  bound = bind (fd, name, address->length) == 0;
  if (!bound && errno == EADDRINUSE && path != NULL)
    {
      if (!is_socket_file (path))
        {
          g_set_error (error, HR_ERROR, HR_ERROR_START_FAILED, "'%s' is no socket: move it away or write another path",
                       path);
          return -1;
        }
      errno = EADDRINUSE;
      if (is_stale (address) && unlink (path) == 0)
        bound = bind (fd, name, address->length) == 0;
      else
        errno = EADDRINUSE;
    }
  if (!bound || listen (fd, SOMAXCONN) != 0 || (path != NULL && chmod (path, SOCKET_MODE) != 0))
    return fail (address, errno, error);
  return 0;
}

/**
 * hr_socket_bind:
 * @address: where
 * @error: return location
 *
 * Returns: a descriptor, of a stream one that listens; -1 with %HR_ERROR_START_FAILED, which names the holder of an
 *   address that is in use
 */
int
hr_socket_bind (const HrSocketAddress *address, GError **error)
{
  g_auto (HrFd) fd = make_socket (address);

  if (fd < 0)
    return fail (address, errno, error);
  if (address->kind == HR_LISTEN_UNIX)
    return bind_unix (fd, address, error) == 0 ? hr_fd_steal (&fd) : -1;
  return bind_internet (fd, address) ? hr_fd_steal (&fd) : fail (address, errno, error);
}

/**
 * hr_socket_get_option:
 * @fd: a socket
 * @level: as of getsockopt(2)
 * @name: the same; of an option that is a number
 *
 * Returns: its value, -1 when it has none
 */
int
hr_socket_get_option (int fd, int level, int name)
{
  int value = 0;
  socklen_t length = sizeof value;

  return getsockopt (fd, level, name, &value, &length) == 0 ? value : -1;
}

/* Before it is bound and listens: what is about buffers decides about the windows of its connections. */
static gboolean
copy_options (int from, int to, GError **error)
{
  const HrSocketOption *option;

  for (gsize i = 0; (option = hr_socket_options_get (i)) != NULL; i++)
    if (!hr_socket_option_copy (option, from, to))
      {
        hr_fs_set_error (error, errno, "while setting %s as the first one has it", option->text);
        return FALSE;
      }
  return TRUE;
}

/* Not bound yet. */
static int
make_like (int like, const HrSocketAddress *address, GError **error)
{
  g_auto (HrFd) low = socket (address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_auto (HrFd) fd = low < 0 ? -1 : hr_fd_dup (low, NULL);
  const int on = 1;
  struct stat info;

  if (fd < 0
      || fstat (like, &info) < 0
      /* Only sockets of one user share an address, and a program may have made the first. */
      || (info.st_uid != geteuid () && fchown (fd, info.st_uid, (gid_t)-1) < 0)
      || setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0
      || setsockopt (fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
    {
      hr_fs_set_error (error, errno, "while making a socket");
      return -1;
    }
  return copy_options (like, fd, error) ? hr_fd_steal (&fd) : -1;
}

/**
 * hr_socket_bind_again:
 * @like: a TCP socket that listens, with SO_REUSEPORT
 * @error: return location
 *
 * Returns: a descriptor of another one that listens on the same address, in the same group, with the same options (see
 *   hr-socket-options.h); -1 with a #GIOErrorEnum set
 */
int
hr_socket_bind_again (int like, GError **error)
{
  HrSocketAddress address = { 0 };
  g_autofree char *text = NULL;
  g_auto (HrFd) fd = -1;

  if (!hr_socket_address_of (like, &address))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "while making a second socket for descriptor %d: it is none of a kind that listens", like);
      return -1;
    }
  text = hr_socket_address_to_string (&address);
  fd = make_like (like, &address, error);
  if (fd >= 0 && bind (fd, (struct sockaddr *)&address.storage, address.length) == 0 && listen (fd, SOMAXCONN) == 0)
    return hr_fd_steal (&fd);
  if (fd >= 0)
    hr_fs_set_error (error, errno, "while binding it");
  g_prefix_error (error, "while making a second socket for %s: ", text);
  return -1;
}

/**
 * hr_socket_count_waiting:
 * @fd: a TCP socket that listens
 *
 * Returns: how many connections wait in its queue
 */
int
hr_socket_count_waiting (int fd)
{
  struct tcp_info info = { 0 };
  socklen_t length = sizeof info;

  /* Of a socket that listens, this is the length of its queue. */
  return getsockopt (fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 ? (int)info.tcpi_unacked : 0;
}

/* Of a Unix socket, shutdown() is for ever. */
static gboolean
is_shut_down (int fd)
{
  struct pollfd socket = { .fd = fd };

  return poll (&socket, 1, 0) == 1 && (socket.revents & POLLHUP) != 0;
}

/* Puts a new socket in its place. */
static gboolean
renew (int fd, const HrSocketAddress *address)
{
  g_auto (HrFd) made = hr_socket_bind (address, NULL);

  return made >= 0 && dup3 (made, fd, O_CLOEXEC) >= 0;
}

/**
 * hr_socket_revive:
 * @fd: of a listener
 * @address: what it is bound to
 *
 * Undoes what a shutdown() by any holder did to it.
 *
 * Returns: whether @fd is another socket now
 */
gboolean
hr_socket_revive (int fd, const HrSocketAddress *address)
{
  int listening = 0;
  socklen_t length = sizeof listening;

  if (address->kind == HR_LISTEN_UNIX && is_shut_down (fd))
    return renew (fd, address);
  if (address->kind != HR_LISTEN_TCP || getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0
      || listening)
    return FALSE;
  /* The kernel takes back a port that it chose: ask for the same. Else bind fails, being bound. */
  bind (fd, (const struct sockaddr *)&address->storage, address->length);
  listen (fd, SOMAXCONN);
  return FALSE;
}
