/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-held-listener.h"

#include <asm/socket.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "hr-fd.h"
#include "hr-socket-bind.h"

static void
read_cookie (HrHeldListener *self)
{
  socklen_t length = sizeof self->cookie;

  getsockopt (self->shown.fd, SOL_SOCKET, SO_COOKIE, &self->cookie, &length);
}

static gboolean
is_of_ipv6_only (int fd, const HrSocketAddress *address)
{
  const struct sockaddr_in6 *six = (gconstpointer)&address->storage;
  int only_six = 0;
  socklen_t length = sizeof only_six;

  if (address->kind != HR_LISTEN_TCP || address->storage.ss_family != AF_INET6)
    return FALSE;
  return !IN6_IS_ADDR_UNSPECIFIED (&six->sin6_addr)
         || getsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_six, &length) < 0 || only_six;
}

static HrHeldListener *
make (int fd, const HrSocketAddress *address, HrSocketFile *file)
{
  HrHeldListener *self = g_new0 (HrHeldListener, 1);

  self->users = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->address = *address;
  self->file = file;
  self->shown.fd = fd;
  self->shown.kind = address->kind;
  self->shown.port = hr_socket_address_port (address);
  self->shown.address = hr_socket_address_to_string (address);
  self->shown.only_ipv6 = is_of_ipv6_only (fd, address);
  read_cookie (self);
  return self;
}

/**
 * hr_held_listener_new:
 * @fd: (transfer full): a socket that is bound, and listens where its kind does
 * @address: what it is bound to
 * @file: (transfer full) (nullable): of a Unix socket with a path
 *
 * Returns: (transfer full): the listener, without a name
 */
HrHeldListener *
hr_held_listener_new (int fd, const HrSocketAddress *address, HrSocketFile *file)
{
  HrHeldListener *self = make (fd, address, file);

  if (address->kind == HR_LISTEN_TCP)
    self->group = hr_socket_group_new (fd);
  return self;
}

/**
 * hr_held_listener_new_inherited:
 * @inherited: (transfer full): a socket that was taken
 * @error: return location
 *
 * Others have it open, so that it gets no second one beside it, and its file stays.
 *
 * Returns: (transfer full): a listener without a name; %NULL with a #GIOErrorEnum set, as when its file is gone, and
 *   @inherited is released
 */
HrHeldListener *
hr_held_listener_new_inherited (HrInheritedSocket *inherited, GError **error)
{
  const HrSocketAddress *address = hr_inherited_socket_get_address (inherited);
  const char *path = hr_socket_address_get_path (address);
  g_autoptr (HrSocketFile) file = path != NULL ? hr_socket_file_new (path, error) : NULL;
  int fd = path != NULL && file == NULL ? -1 : hr_fd_dup (hr_inherited_socket_get_fd (inherited), error);
  HrHeldListener *self;

  if (fd < 0)
    {
      hr_inherited_socket_release (inherited);
      return NULL;
    }
  self = make (fd, address, g_steal_pointer (&file));
  self->inherited = inherited;
  self->shown.passed = TRUE;
  return self;
}

/**
 * hr_held_listener_free:
 * @self: (transfer full) (nullable): a listener
 *
 * Closes it for the daemon, and removes its file; of one that was inherited only the copy closes.
 */
void
hr_held_listener_free (gpointer data)
{
  HrHeldListener *self = data;

  if (self == NULL)
    return;
  if (self->file != NULL && self->inherited == NULL)
    hr_socket_file_remove (self->file);
  g_clear_pointer (&self->file, hr_socket_file_free);
  if (self->group != NULL)
    hr_socket_group_free (self->group);
  else
    hr_fd_clear (&self->shown.fd);
  g_clear_pointer (&self->inherited, hr_inherited_socket_release);
  g_free (self->shown.name);
  g_free (self->shown.address);
  g_hash_table_unref (self->users);
  g_free (self);
}

/**
 * hr_held_listener_get_fd:
 * @self: a listener
 * @instance: id of an instance
 *
 * Returns: the descriptor which that is to have; stays the listener's
 */
int
hr_held_listener_get_fd (const HrHeldListener *self, const char *instance)
{
  return self->group != NULL ? hr_socket_group_get_fd (self->group, instance) : self->shown.fd;
}

/**
 * hr_held_listener_is:
 * @self: a listener
 * @cookie: the kernel's name for a socket
 *
 * Returns: whether it is that socket, or that is one which an instance has of it for itself
 */
gboolean
hr_held_listener_is (const HrHeldListener *self, guint64 cookie)
{
  return self->group != NULL ? hr_socket_group_holds (self->group, cookie) : self->cookie == cookie;
}

/**
 * hr_held_listener_takes_ipv4:
 * @self: a listener
 *
 * Returns: whether a client with an IPv4 address can come in there
 */
gboolean
hr_held_listener_takes_ipv4 (const HrHeldListener *self)
{
  return self->group != NULL && !self->shown.only_ipv6;
}

/**
 * hr_held_listener_set_rescue:
 * @self: a listener
 * @rescue: for connections that nobody accepts; must outlive it
 */
void
hr_held_listener_set_rescue (HrHeldListener *self, HrRescue *rescue)
{
  struct sockaddr_storage reachable = self->address.storage;
  struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons (self->shown.port) };

  if (self->group == NULL)
    return;
  /* Of every address, this machine's own. */
  four.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  if (self->address.storage.ss_family == AF_INET6 && hr_held_listener_takes_ipv4 (self))
    memcpy (&reachable, &four, sizeof four);
  else if (reachable.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED (&((struct sockaddr_in6 *)&reachable)->sin6_addr))
    ((struct sockaddr_in6 *)&reachable)->sin6_addr = in6addr_loopback;
  else if (reachable.ss_family == AF_INET && ((struct sockaddr_in *)&reachable)->sin_addr.s_addr == htonl (INADDR_ANY))
    ((struct sockaddr_in *)&reachable)->sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  hr_socket_group_set_rescue (self->group, rescue, &reachable);
}

/**
 * hr_held_listener_refresh:
 * @self: a listener
 *
 * Shows the descriptor of the socket that is the service's now.
 */
void
hr_held_listener_refresh (HrHeldListener *self)
{
  if (self->group == NULL)
    return;
  self->shown.fd = hr_socket_group_get_fd (self->group, NULL);
  read_cookie (self);
}

/**
 * hr_held_listener_assign:
 * @self: a listener
 * @spec: the entry of Listen that it serves
 */
void
hr_held_listener_assign (HrHeldListener *self, const HrListenSpec *spec)
{
  g_free (self->shown.name);
  self->shown.name = g_strdup (spec->name);
  self->shown.discovered = FALSE;
  self->shown.ephemeral = spec->kind != HR_LISTEN_UNIX && spec->port == 0;
}

/**
 * hr_held_listener_serves:
 * @self: a listener
 * @spec: an entry of Listen
 * @address: what that is to be bound to
 *
 * Returns: whether it is what @spec asks for; a discovered one too, when the service file names it now. A Unix socket
 *   that is no longer found by its path serves nobody; one that was inherited for its name serves that name
 */
gboolean
hr_held_listener_serves (const HrHeldListener *self, const HrListenSpec *spec, const HrSocketAddress *address)
{
  if (self->file != NULL && !hr_socket_file_is_there (self->file))
    return FALSE;
  if (self->inherited != NULL && hr_inherited_socket_is_named (self->inherited, spec->name))
    return self->shown.kind == spec->kind;
  if (spec->kind != HR_LISTEN_UNIX && spec->port == 0)
    return self->shown.ephemeral && !self->shown.discovered && g_str_equal (self->shown.name, spec->name)
           && hr_socket_address_equal_host (&self->address, address);
  return (self->shown.discovered || !self->shown.ephemeral) && hr_socket_address_equal (&self->address, address);
}

/**
 * hr_held_listener_revive:
 * @self: a listener
 *
 * Makes it listen again after a shutdown() by any holder.
 */
void
hr_held_listener_revive (HrHeldListener *self)
{
  const char *path = hr_socket_address_get_path (&self->address);

  if (self->group != NULL)
    {
      hr_socket_group_revive (self->group, &self->address);
      return;
    }
  if (!hr_socket_revive (self->shown.fd, &self->address))
    return;
  g_clear_pointer (&self->file, hr_socket_file_free);
  self->file = path != NULL ? hr_socket_file_new (path, NULL) : NULL;
  read_cookie (self);
}
