/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-tcp-connections.h: how many connections a process tree has that came in by given ports.
 *
 * Asks the kernel by sock_diag(7): only what is established and not closed by the program counts. What waits in a queue
 * belongs to nobody yet. Only IPv4 and IPv6, in the network namespace of the daemon.
 *
 * A connection is busy when the last word was the peer's, when something is on its way, or when it is so new that the
 * peer has had no time to speak: what waits for its next request (keep-alive) is not. That is a guess from tcp_info, see
 * tcp(7): a program that thinks about an answer while it sends something else looks idle.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

int hr_tcp_connections_count (GPid pid, const guint16 *ports, guint n_ports, gboolean busy, GError **error);

G_END_DECLS
