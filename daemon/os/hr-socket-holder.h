/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-socket-holder.h: which processes have a socket open, as /proc tells it.
 */
#pragma once

#include "hr-socket-address.h"

G_BEGIN_DECLS

char *hr_socket_holder (const HrSocketAddress *address);
guint hr_socket_take_held (const char *pid, GHashTable *inodes, guint most);
guint hr_socket_count_held (GPid pid, const guint64 *inodes, guint n_inodes, guint most);

G_END_DECLS
