/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-unix-connections.h: how many connections a process tree has that came in by given Unix sockets.
 *
 * A connection that was accepted has the name of the listener, as /proc/net/unix shows it. The kernel does not say when
 * something last came or went: whether one is busy cannot be told, so all count. What waits in a queue belongs to nobody
 * yet and has no inode.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

int hr_unix_connections_count (GPid pid, const char *const *names, GError **error);

G_END_DECLS
