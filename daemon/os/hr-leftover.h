/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-leftover.h: an instance that an earlier daemon left running when it died.
 *
 * It is not our child: its exit status cannot be known, and its sockets are not ours.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

gboolean hr_leftover_is_ending (const char *instance);
gboolean hr_leftover_exists (GPid pid, guint64 start, const char *instance);
void hr_leftover_end_async (GPid pid, guint64 start, const char *instance, int stop_signal, gint64 timeout_usec,
                            GAsyncReadyCallback callback, gpointer user_data);
gboolean hr_leftover_end_finish (GAsyncResult *result, GError **error);

G_END_DECLS
