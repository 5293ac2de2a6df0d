/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-tcp-address.h: addresses of TCP listeners: read, written, compared.
 *
 * Names are not looked up: that can take seconds and can change. "localhost" is 127.0.0.1.
 */
#pragma once

#include <gio/gio.h>
#include <sys/socket.h>

G_BEGIN_DECLS

gboolean hr_tcp_address_parse (const char *host, guint16 port, struct sockaddr_storage *address, GError **error);
char *hr_tcp_address_to_string (const struct sockaddr_storage *address);
guint16 hr_tcp_address_port (const struct sockaddr_storage *address);
socklen_t hr_tcp_address_size (const struct sockaddr_storage *address);
gboolean hr_tcp_address_equal (const struct sockaddr_storage *a, const struct sockaddr_storage *b);
gboolean hr_tcp_address_equal_host (const struct sockaddr_storage *a, const struct sockaddr_storage *b);
gboolean hr_tcp_address_receives (const struct sockaddr_storage *listener, const struct sockaddr_storage *local);
gboolean hr_tcp_address_overlaps (const struct sockaddr_storage *a, const struct sockaddr_storage *b);

G_END_DECLS
