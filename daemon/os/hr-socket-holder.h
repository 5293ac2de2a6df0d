/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-socket-holder.h: who has the port that is in use, for a message that helps.
 */
#pragma once

#include <sys/socket.h>

#include <glib.h>

G_BEGIN_DECLS

char *hr_socket_holder (guint16 port);

G_END_DECLS
