/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * connection.h: the two ends of a TCP connection on loopback, as tests need them.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How long close() of one that lingers takes. */
#define CONNECTION_LINGER_SECONDS 15
/* For native_only(), where another thread is to close such a connection. */
#define CONNECTION_LINGER_NATIVE "valgrind holds all threads while one closes a socket"

int connection_open (const char *host, guint16 port);
int connection_listen (const char *host, int backlog, guint16 *port);
int connection_open_lingering (int *listener);
void connection_say (int fd, const char *text);
char *connection_hear (int fd, const char *words);

G_END_DECLS
