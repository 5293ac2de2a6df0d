/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-bus-watch.h: tells when a client of the bus is gone, also on a connection of which GDBus does not know that it is
 * one to a bus, since the daemon was re-executed.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _HrBusWatch HrBusWatch;

/**
 * HrBusVanishedFunc:
 * @user_data: what was given to hr_bus_watch_new()
 *
 * Called at most once, never from within hr_bus_watch_new(). It may free the watch.
 */
typedef void (*HrBusVanishedFunc) (gpointer user_data);

HrBusWatch *hr_bus_watch_new (GDBusConnection *connection, const char *name, gboolean matched,
                              HrBusVanishedFunc vanished, gpointer user_data, GDestroyNotify destroy);
void hr_bus_watch_free (HrBusWatch *self);

G_END_DECLS
