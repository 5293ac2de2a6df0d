/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-instance-socket.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "hr-fd.h"
#include "hr-fs.h"

/* Below the runtime directory. */
#define SOCKET_DIR "instances"

/* Addresses to descriptors: of those that are open, and of those that were when the daemon was re-executed and nobody has
 * asked for since. Of the whole process, as the descriptors are. */
static GHashTable *open_ones;
static GHashTable *handed;

static char *
make_address (const char *dir, const char *instance, const char *suffix)
{
  g_autofree char *name = g_strconcat (instance, ".", suffix, NULL);
  g_autofree char *path = NULL;
  g_autofree char *digest = NULL;

  g_strdelimit (name, "/", '_');
  path = g_build_filename (dir, name, NULL);
  if (strlen (path) < sizeof ((struct sockaddr_un *)NULL)->sun_path)
    return g_steal_pointer (&path);
  digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, path, -1);
  return g_strconcat ("@hotreload/", digest, NULL);
}

static socklen_t
fill_address (struct sockaddr_un *address, const char *text)
{
  gsize length = strlen (text);

  *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
  memcpy (address->sun_path, text, length);
  if (text[0] != '@')
    return sizeof *address;
  address->sun_path[0] = '\0';
  return (socklen_t)(offsetof (struct sockaddr_un, sun_path) + length);
}

static int
take_handed (const char *address)
{
  gpointer fd;

  if (handed == NULL || !g_hash_table_lookup_extended (handed, address, NULL, &fd))
    return -1;
  g_hash_table_remove (handed, address);
  return GPOINTER_TO_INT (fd);
}

/**
 * hr_instance_socket_open:
 * @runtime_dir: the daemon's runtime directory
 * @instance: id of the instance
 * @suffix: what the socket is for
 * @type: SOCK_DGRAM or SOCK_SEQPACKET
 * @address: (out): where it is, as systemd writes it: a path, or '@' and an abstract name
 * @error: return location
 *
 * Binds a non-blocking socket that knows its senders' credentials; one that an earlier daemon left is replaced, and one
 * that this daemon had before it was re-executed gone on with.
 *
 * Returns: its descriptor; -1 with a #GIOErrorEnum set
 */
int
hr_instance_socket_open (const char *runtime_dir, const char *instance, const char *suffix, int type, char **address,
                         GError **error)
{
  g_autofree char *dir = g_build_filename (runtime_dir, SOCKET_DIR, NULL);
  g_autofree char *text = make_address (dir, instance, suffix);
  g_auto (HrFd) fd = take_handed (text);
  struct sockaddr_un name;
  socklen_t length = fill_address (&name, text);
  int on = 1;

  if (fd >= 0)
    {
      *address = g_steal_pointer (&text);
      return hr_fd_steal (&fd);
    }
  fd = socket (AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (!hr_fs_make_dir (dir, 0700, error))
    return -1;
  if (text[0] != '@')
    g_unlink (text);
  if (fd < 0 || setsockopt (fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0
      || bind (fd, (struct sockaddr *)&name, length) < 0 || (type != SOCK_DGRAM && listen (fd, SOMAXCONN) < 0))
    {
      hr_fs_set_error (error, errno, "while opening socket '%s'", text);
      return -1;
    }
  *address = g_steal_pointer (&text);
  return hr_fd_steal (&fd);
}

/**
 * hr_instance_socket_connect:
 * @runtime_dir: the daemon's runtime directory
 * @instance: as it was opened with
 * @suffix: the same
 * @type: SOCK_SEQPACKET
 *
 * Returns: a descriptor that blocks, -1 when nobody listens there
 */
int
hr_instance_socket_connect (const char *runtime_dir, const char *instance, const char *suffix, int type)
{
  g_autofree char *dir = g_build_filename (runtime_dir, SOCKET_DIR, NULL);
  g_autofree char *text = make_address (dir, instance, suffix);
  g_auto (HrFd) fd = socket (AF_UNIX, type | SOCK_CLOEXEC, 0);
  struct sockaddr_un name;
  socklen_t length = fill_address (&name, text);

  return fd >= 0 && connect (fd, (struct sockaddr *)&name, length) == 0 ? hr_fd_steal (&fd) : -1;
}

/**
 * hr_instance_socket_give:
 * @address: of an open socket
 * @owner: as whom the instance runs
 * @error: return location
 *
 * Lets that user, if one is set, connect; who speaks there is looked at as before.
 *
 * Returns: success; else a #GIOErrorEnum is set
 */
gboolean
hr_instance_socket_give (const char *address, const HrOwner *owner, GError **error)
{
  g_autofree char *dir = NULL;

  if (address[0] == '@')
    return TRUE;
  dir = g_path_get_dirname (address);
  hr_owner_let_through (owner, dir);
  return hr_owner_give (owner, address, error);
}

/**
 * hr_instance_socket_close:
 * @closer: for the socket, and what was sent to it and not received
 * @fd: (inout): the descriptor; set to -1
 * @address: (nullable): where it is
 *
 * Closes the socket and removes its path.
 */
void
hr_instance_socket_close (HrCloser *closer, int *fd, const char *address)
{
  if (open_ones != NULL && address != NULL)
    g_hash_table_remove (open_ones, address);
  if (*fd >= 0 && address != NULL && address[0] != '@')
    g_unlink (address);
  hr_closer_clear (closer, fd);
}

/**
 * hr_instance_socket_hand_on:
 * @fd: a socket that was opened, until hr_instance_socket_close()
 * @address: where it is
 *
 * It stays open when the daemon is re-executed: who speaks there meanwhile waits, and is not refused.
 */
void
hr_instance_socket_hand_on (int fd, const char *address)
{
  if (open_ones == NULL)
    open_ones = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_hash_table_insert (open_ones, g_strdup (address), GINT_TO_POINTER (fd));
}

/**
 * hr_instance_sockets_carry:
 * @fds: (element-type int): where descriptors are added that must stay open
 *
 * Returns: (transfer floating): an a(ayi) for hr_instance_sockets_take_carried() of the program that this process becomes
 */
GVariant *
hr_instance_sockets_carry (GArray *fds)
{
  GVariantBuilder builder;
  GHashTableIter iter;
  gpointer address, value;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(ayi)"));
  if (open_ones != NULL)
    {
      g_hash_table_iter_init (&iter, open_ones);
      while (g_hash_table_iter_next (&iter, &address, &value))
        {
          int fd = GPOINTER_TO_INT (value);

          g_variant_builder_add (&builder, "(^ayi)", address, fd);
          g_array_append_val (fds, fd);
        }
    }
  return g_variant_builder_end (&builder);
}

/**
 * hr_instance_sockets_take_carried:
 * @carried: what hr_instance_sockets_carry() made
 *
 * They are found by hr_instance_socket_open(), until hr_instance_sockets_settle().
 */
void
hr_instance_sockets_take_carried (GVariant *carried)
{
  GVariantIter iter;
  const char *address;
  gint32 fd;

  if (handed == NULL)
    handed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_variant_iter_init (&iter, carried);
  while (g_variant_iter_next (&iter, "(^&ayi)", &address, &fd))
    if (fcntl (fd, F_SETFD, FD_CLOEXEC) == 0)
      g_hash_table_insert (handed, g_strdup (address), GINT_TO_POINTER (fd));
}

/**
 * hr_instance_sockets_settle:
 *
 * Everybody has asked for his: the rest is closed.
 */
void
hr_instance_sockets_settle (void)
{
  GHashTableIter iter;
  gpointer address, value;

  if (handed == NULL)
    return;
  g_hash_table_iter_init (&iter, handed);
  while (g_hash_table_iter_next (&iter, &address, &value))
    {
      int fd = GPOINTER_TO_INT (value);

      if (*(const char *)address != '@')
        g_unlink (address);
      hr_fd_clear (&fd);
    }
  g_clear_pointer (&handed, g_hash_table_unref);
}
