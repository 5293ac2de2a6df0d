/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-keep-message.h: the daemon's side of hr-keep-protocol.h: what comes and goes on the connection.
 */
#pragma once

#include <glib.h>

#include "hr-keep-protocol.h"

G_BEGIN_DECLS

gboolean hr_keep_message_send (int fd, HrKeepWhat what, const char *key, const char *data, int given);
gboolean hr_keep_message_receive (int fd, HrKeepMessage *message, int *given);

G_END_DECLS
