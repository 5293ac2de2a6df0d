/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-socket-strays.h: sockets of others that listen on the address of one of ours.
 *
 * With SO_REUSEPORT any program of the same user may do so, once one of ours has had the option: the kernel remembers
 * that for as long as anything is bound to the port.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

gboolean hr_socket_strays_exist (int fd, const guint64 *ours, guint n_ours);

G_END_DECLS
