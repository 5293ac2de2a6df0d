/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-adopt-match.h"

#include <string.h>
#include <sys/un.h>

#include "hr-log.h"
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

/**
 * hr_adopt_match_get_path:
 * @request: of a process that listens
 *
 * Returns: (transfer full) (nullable): the path of its Unix socket, as it sees it; %NULL for what has none
 */
char *
hr_adopt_match_get_path (const HrAdoptRequest *request)
{
  HrSocketAddress address;

  return address_of (request, &address) ? g_strdup (hr_socket_address_get_path (&address)) : NULL;
}

/**
 * hr_adopt_match_keep:
 * @listeners: a service's
 * @instance: id of the instance that gives it
 * @request: with the address that the program knows it by
 * @fd: (transfer full): a socket that listens
 * @file: (transfer full) (nullable): its file, where hr_adopt_match_get_path() has one
 *
 * Keeps it for the next instance. What cannot be kept is the program's alone, and no error.
 */
void
hr_adopt_match_keep (HrSocketListeners *listeners, const char *instance, const HrAdoptRequest *request, int fd,
                     HrSocketFile *file)
{
  gboolean free_port = request->question == HR_ADOPT_DISCOVERED_FREE;
  g_autoptr (GError) error = NULL;
  HrSocketAddress address;
  gboolean has_address = address_of (request, &address);

  if (!hr_socket_listeners_discover (listeners, fd, has_address ? &address : NULL, file, free_port, instance, &error))
    hr_log_debug (NULL, "instance %s: %s", instance, error->message);
}
