/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-bus-name.h: our name on the bus, also on a connection that has owned it since before the daemon was re-executed.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _HrBusName HrBusName;

HrBusName *hr_bus_name_own (GDBusConnection *connection, GBusNameOwnerFlags flags, GBusNameAcquiredCallback acquired,
                            GBusNameLostCallback lost, gpointer user_data);
HrBusName *hr_bus_name_keep (GDBusConnection *connection, GBusNameLostCallback lost, gpointer user_data);
void hr_bus_name_release (HrBusName *self);
void hr_bus_name_free (HrBusName *self);

G_END_DECLS
