/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-bus.h: the message bus: which one, and whether a daemon runs on it or can be started.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum { HR_BUS_AUTO, HR_BUS_SESSION, HR_BUS_SYSTEM } HrBusChoice;

GDBusConnection *hr_bus_open (HrBusChoice choice, GError **error);
GDBusConnection *hr_bus_choose (GError **error);
char *hr_bus_find_daemon (GDBusConnection *bus);
gboolean hr_bus_activate (GDBusConnection *bus, GError **error);

G_END_DECLS
