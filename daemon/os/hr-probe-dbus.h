/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-probe-dbus.h: whether the instance owns a name on the bus.
 *
 * The name counts only where a process of the instance has it. While another instance of the same service still has it
 * and this one waits in the name's queue, that counts too: the bus passes it on when the other ends.
 */
#pragma once

#include "hr-prober.h"

G_BEGIN_DECLS

/* Of those that wait for the name, so many are looked at. */
#define HR_PROBE_OWNERS_MAX 16

void hr_probe_dbus_async (GDBusConnection *bus, const HrProbeRequest *request, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data);
gboolean hr_probe_dbus_finish (GAsyncResult *result, GError **error);

G_END_DECLS
