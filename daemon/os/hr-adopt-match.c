/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-adopt-match.h"

#include <string.h>
#include <sys/un.h>

#include "hr-fd.h"
#include "hr-log.h"
#include "hr-socket-file.h"
#include "hr-tcp-address.h"

/* %FALSE when the request has none that is whole. */
static gboolean
address_of (const HrAdoptRequest *request, HrSocketAddress *address)
{
  int family = request->address.ss_family;

  memset (address, 0, sizeof *address);
  if (family == AF_UNIX)
    address->kind = HR_LISTEN_UNIX;
  else if (family == AF_INET || family == AF_INET6)
    address->kind = request->datagrams != 0 ? HR_LISTEN_UDP : HR_LISTEN_TCP;
  else
    return FALSE;
  if (request->length > sizeof request->address
      || (family == AF_UNIX ? request->length > sizeof (struct sockaddr_un)
                            : request->length < hr_tcp_address_size (&request->address)))
    return FALSE;
  memcpy (&address->storage, &request->address, request->length);
  address->length = family == AF_UNIX ? request->length : hr_tcp_address_size (&request->address);
  return TRUE;
}

/**
 * hr_adopt_match_take:
 * @listeners: a service's
 * @instance: id of the instance that asks
 * @request: what it binds
 * @match: which listener it may be given
 *
 * Returns: a descriptor that stays the listeners', -1 when there is none that fits
 */
int
hr_adopt_match_take (HrSocketListeners *listeners, const char *instance, const HrAdoptRequest *request,
                     HrListenerMatch match)
{
  HrSocketAddress address;

  if (!address_of (request, &address))
    return -1;
  if (hr_socket_address_get_path (&address) == NULL)
    return hr_socket_listeners_take (listeners, &address, match, instance);
  /* The same path may be another file to the program. */
  if (request->inode == 0)
    return -1;
  return hr_socket_listeners_take_file (listeners, request->device, request->inode, instance);
}

/* The file of a Unix socket, as the program that bound it sees it; NULL when it is another's. */
static HrSocketFile *
find_file (const HrAdoptRequest *request, const struct ucred *sender, const char *path)
{
  g_autofree char *seen = g_strdup_printf ("/proc/%d/root%s", (int)sender->pid, path);
  g_autoptr (HrSocketFile) file = hr_socket_file_new (seen, NULL);

  if (file == NULL || !hr_socket_file_is (file, request->device, request->inode)
      || hr_socket_file_get_owner (file) != sender->uid)
    return NULL;
  return g_steal_pointer (&file);
}

/**
 * hr_adopt_match_keep:
 * @listeners: a service's
 * @instance: id of the instance that gives it
 * @request: with the address that the program knows it by
 * @fd: (transfer full): a socket that listens
 * @sender: the process that gives it
 *
 * Keeps it for the next instance. What cannot be kept is the program's alone, and no error.
 */
void
hr_adopt_match_keep (HrSocketListeners *listeners, const char *instance, const HrAdoptRequest *request, int fd,
                     const struct ucred *sender)
{
  gboolean free_port = request->question == HR_ADOPT_DISCOVERED_FREE;
  g_auto (HrFd) given = fd;
  g_autoptr (GError) error = NULL;
  HrSocketAddress address;
  gboolean has_address = address_of (request, &address);
  const char *path = has_address ? hr_socket_address_get_path (&address) : NULL;
  HrSocketFile *file = path != NULL ? find_file (request, sender, path) : NULL;

  if (path != NULL && file == NULL)
    hr_log_debug (NULL, "instance %s: there is another file than its socket's at '%s'", instance, path);
  else if (!hr_socket_listeners_discover (listeners, hr_fd_steal (&given), has_address ? &address : NULL, file,
                                          free_port, instance, &error))
    hr_log_debug (NULL, "instance %s: %s", instance, error->message);
}
