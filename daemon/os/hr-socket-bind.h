/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-socket-bind.h: makes the socket of a listener, and makes one listen again.
 *
 * Streams listen at once, with the longest queue. A Unix socket's directory is made where it is missing, and everybody
 * may connect to the socket, as with systemd: who reaches it is the directory's matter. A socket file that a dead
 * program left is replaced; one on which somebody listens is not.
 */
#pragma once

#include "hr-socket-address.h"

G_BEGIN_DECLS

int hr_socket_bind (const HrSocketAddress *address, GError **error);
int hr_socket_get_option (int fd, int level, int name);
int hr_socket_bind_again (int like, GError **error);
int hr_socket_count_waiting (int fd);
gboolean hr_socket_revive (int fd, const HrSocketAddress *address);

G_END_DECLS
