/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-socket-address.h: the address of a listener of any kind: from a service file, from a socket, for people, compared.
 *
 * What TCP and UDP have in common is in hr-tcp-address.h.
 */
#pragma once

#include <sys/socket.h>

#include "hr-listen-spec.h"

G_BEGIN_DECLS

/**
 * HrSocketAddress:
 * @kind: TCP, UDP or Unix
 * @length: bytes of @storage that count
 * @storage: an IPv4, IPv6 or Unix address; of a path with its final 0
 */
typedef struct {
  HrListenKind kind;
  socklen_t length;
  struct sockaddr_storage storage;
} HrSocketAddress;

gboolean hr_socket_address_from_spec (const HrListenSpec *spec, HrSocketAddress *address, GError **error);
gboolean hr_socket_address_of (int fd, HrSocketAddress *address);
const char *hr_socket_address_get_path (const HrSocketAddress *address);
char *hr_socket_address_to_string (const HrSocketAddress *address);
guint16 hr_socket_address_port (const HrSocketAddress *address);
gboolean hr_socket_address_equal (const HrSocketAddress *a, const HrSocketAddress *b);
gboolean hr_socket_address_equal_host (const HrSocketAddress *a, const HrSocketAddress *b);
gboolean hr_socket_address_overlaps (const HrSocketAddress *a, const HrSocketAddress *b);

G_END_DECLS
