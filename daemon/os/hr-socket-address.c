/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-socket-address.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "hr-tcp-address.h"

#define PATH_OFFSET offsetof (struct sockaddr_un, sun_path)

static const struct sockaddr_un *
as_unix (const HrSocketAddress *address)
{
  return (const struct sockaddr_un *)(gconstpointer)&address->storage;
}

static void
set_name (HrSocketAddress *address, const char *name)
{
  struct sockaddr_un filled = { .sun_family = AF_UNIX };
  gsize length = MIN (strlen (name), sizeof filled.sun_path - 1);

  memcpy (filled.sun_path, name, length);
  if (*name == '@')
    filled.sun_path[0] = '\0';
  memset (address, 0, sizeof *address);
  memcpy (&address->storage, &filled, sizeof filled);
  address->kind = HR_LISTEN_UNIX;
  address->length = (socklen_t)(PATH_OFFSET + length + (*name == '@' ? 0 : 1));
}

/**
 * hr_socket_address_from_spec:
 * @spec: a listener of a service file
 * @address: (out): where it is bound
 * @error: return location
 *
 * Returns: success; else %HR_ERROR_NOT_SUPPORTED for a host name
 */
gboolean
hr_socket_address_from_spec (const HrListenSpec *spec, HrSocketAddress *address, GError **error)
{
  struct sockaddr_storage storage;

  g_return_val_if_fail (spec != NULL && address != NULL, FALSE);

  if (spec->kind == HR_LISTEN_UNIX)
    {
      set_name (address, spec->path);
      return TRUE;
    }
  if (!hr_tcp_address_parse (spec->host != NULL ? spec->host : "", spec->port, &storage, error))
    return FALSE;
  address->kind = spec->kind;
  address->storage = storage;
  address->length = hr_tcp_address_size (&storage);
  return TRUE;
}

static int
get_option (int fd, int name)
{
  int value = -1;
  socklen_t length = sizeof value;

  return getsockopt (fd, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

/* Whether it is one of the kinds there are. */
static gboolean
kind_of (int fd, HrListenKind *kind)
{
  int domain = get_option (fd, SO_DOMAIN), type = get_option (fd, SO_TYPE), protocol = get_option (fd, SO_PROTOCOL);

  if (domain == AF_UNIX && type == SOCK_STREAM)
    *kind = HR_LISTEN_UNIX;
  else if ((domain == AF_INET || domain == AF_INET6) && protocol == IPPROTO_TCP)
    *kind = HR_LISTEN_TCP;
  else if ((domain == AF_INET || domain == AF_INET6) && protocol == IPPROTO_UDP)
    *kind = HR_LISTEN_UDP;
  else
    return FALSE;
  return TRUE;
}

/**
 * hr_socket_address_of:
 * @fd: a descriptor
 * @address: (out): what it is bound to
 *
 * Returns: whether it is a socket of one of the kinds, with a name or not
 */
gboolean
hr_socket_address_of (int fd, HrSocketAddress *address)
{
  HrSocketAddress found = { 0 };

  found.length = sizeof found.storage;
  if (!kind_of (fd, &found.kind) || getsockname (fd, (struct sockaddr *)&found.storage, &found.length) != 0)
    return FALSE;
  *address = found;
  return TRUE;
}

/**
 * hr_socket_address_get_path:
 * @address: an address
 *
 * Returns: (transfer none) (nullable): the path of its file; %NULL for what has none
 */
const char *
hr_socket_address_get_path (const HrSocketAddress *address)
{
  if (address->kind != HR_LISTEN_UNIX || address->length <= PATH_OFFSET || as_unix (address)->sun_path[0] == '\0')
    return NULL;
  return as_unix (address)->sun_path;
}

/* As people write it: an abstract name with '@' for each 0. */
static char *
unix_to_string (const HrSocketAddress *address)
{
  const char *path = hr_socket_address_get_path (address);
  g_autofree char *name = NULL;

  if (path != NULL)
    return g_strconcat ("unix:", path, NULL);
  if (address->length <= PATH_OFFSET)
    return g_strdup ("unix:?");
  name = g_strndup (as_unix (address)->sun_path + 1, address->length - PATH_OFFSET - 1);
  for (gsize i = 0; i < address->length - PATH_OFFSET - 1; i++)
    if (as_unix (address)->sun_path[1 + i] == '\0')
      name[i] = '@';
  return g_strconcat ("unix:@", name, NULL);
}

/**
 * hr_socket_address_to_string:
 * @address: an address
 *
 * Returns: (transfer full): as in a service file: "tcp:127.0.0.1:8080", "udp:[::]:53", "unix:/run/a.sock"
 */
char *
hr_socket_address_to_string (const HrSocketAddress *address)
{
  g_autofree char *text = NULL;

  if (address->kind == HR_LISTEN_UNIX)
    return unix_to_string (address);
  text = hr_tcp_address_to_string (&address->storage);
  return address->kind == HR_LISTEN_TCP ? g_steal_pointer (&text) : g_strconcat ("udp", strchr (text, ':'), NULL);
}

/**
 * hr_socket_address_port:
 * @address: an address
 *
 * Returns: its port, 0 for a Unix socket
 */
guint16
hr_socket_address_port (const HrSocketAddress *address)
{
  return address->kind == HR_LISTEN_UNIX ? 0 : hr_tcp_address_port (&address->storage);
}

/**
 * hr_socket_address_equal:
 * @a: an address
 * @b: an address
 *
 * Returns: whether they are one
 */
gboolean
hr_socket_address_equal (const HrSocketAddress *a, const HrSocketAddress *b)
{
  if (a->kind != b->kind)
    return FALSE;
  if (a->kind != HR_LISTEN_UNIX)
    return hr_tcp_address_equal (&a->storage, &b->storage);
  return a->length == b->length && memcmp (&a->storage, &b->storage, a->length) == 0;
}

/**
 * hr_socket_address_equal_host:
 * @a: an address
 * @b: an address
 *
 * Returns: whether they are of one kind, family and host; a Unix socket has none
 */
gboolean
hr_socket_address_equal_host (const HrSocketAddress *a, const HrSocketAddress *b)
{
  return a->kind == b->kind && a->kind != HR_LISTEN_UNIX && hr_tcp_address_equal_host (&a->storage, &b->storage);
}

/**
 * hr_socket_address_overlaps:
 * @a: an address
 * @b: an address
 *
 * Returns: whether a program that asks for one may be given the other, see hr_tcp_address_overlaps()
 */
gboolean
hr_socket_address_overlaps (const HrSocketAddress *a, const HrSocketAddress *b)
{
  if (a->kind != b->kind)
    return FALSE;
  return a->kind == HR_LISTEN_UNIX ? hr_socket_address_equal (a, b)
                                   : hr_tcp_address_overlaps (&a->storage, &b->storage);
}
