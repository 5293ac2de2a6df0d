/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-connections.h: how many connections a process tree has that came in by a service's listeners, of each kind that has
 * connections.
 */
#pragma once

#include <gio/gio.h>

#include "hr-listeners.h"

G_BEGIN_DECLS

typedef struct _HrConnections HrConnections;

HrConnections *hr_connections_new (HrListeners *listeners);
void hr_connections_free (HrConnections *self);
const guint16 *hr_connections_get_ports (HrConnections *self, guint *n_ports);
void hr_connections_count_async (HrConnections *self, GPid pid, gboolean busy, guint more, GAsyncReadyCallback callback,
                                 gpointer user_data);
int hr_connections_count_finish (GAsyncResult *result, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrConnections, hr_connections_free)

G_END_DECLS
