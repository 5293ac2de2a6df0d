/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * connection.h: the two ends of a TCP connection on loopback, as tests need them.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

int connection_open (const char *host, guint16 port);
int connection_listen (const char *host, int backlog, guint16 *port);

G_END_DECLS
