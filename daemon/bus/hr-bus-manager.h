/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-bus-manager.h: org.hotreload.Manager and everything below /org/hotreload on one connection.
 */
#pragma once

#include "hr-bus-methods.h"
#include "hr-configuration.h"

G_BEGIN_DECLS

#define HR_TYPE_BUS_MANAGER (hr_bus_manager_get_type ())
G_DECLARE_FINAL_TYPE (HrBusManager, hr_bus_manager, HR, BUS_MANAGER, GObject)

HrBusManager *hr_bus_manager_new (HrConfiguration *configuration, GDBusConnection *connection);
void hr_bus_manager_set_reexecute (HrBusManager *self, HrBusReexecuteFunc func, gpointer user_data);
guint hr_bus_manager_count_calls (HrBusManager *self);

G_END_DECLS
