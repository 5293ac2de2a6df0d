/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-tcp-queue.h: how long connections have waited to be accepted.
 *
 * A connection that no program has accepted has no inode yet, and nothing was sent on it: the kernel's time since the
 * last sending is its age. Only what is in the queue at this moment is seen.
 */
#pragma once

#include <gio/gio.h>
#include <sys/socket.h>

G_BEGIN_DECLS

gint64 hr_tcp_queue_longest_wait (const struct sockaddr_storage *listeners, guint n_listeners, GError **error);

G_END_DECLS
