/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-bus-flush.h: waits until what was sent has been written to a bus, which may not read.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A bus that takes nothing for so long is not waited for. */
#define HR_BUS_FLUSH_USEC (3 * G_USEC_PER_SEC)

gboolean hr_bus_flush (GDBusConnection *connection, gint64 timeout_usec, GError **error);

G_END_DECLS
