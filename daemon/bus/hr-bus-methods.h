/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-bus-methods.h: from the bus to the engine: what the methods of org.hotreload.Manager do.
 */
#pragma once

#include "hr-configuration.h"
#include "hr-dbus-generated.h"

G_BEGIN_DECLS

#define HR_TYPE_BUS_METHODS (hr_bus_methods_get_type ())
G_DECLARE_FINAL_TYPE (HrBusMethods, hr_bus_methods, HR, BUS_METHODS, GObject)

/**
 * HrBusReexecuteFunc:
 * @invocation: (transfer full): the call
 * @user_data: of whoever set it
 */
typedef void (*HrBusReexecuteFunc) (GDBusMethodInvocation *invocation, gpointer user_data);

HrBusMethods *hr_bus_methods_new (HrConfiguration *configuration, HrDbusManager *skeleton, GDBusConnection *connection);
void hr_bus_methods_set_reexecute (HrBusMethods *self, HrBusReexecuteFunc func, gpointer user_data);

G_END_DECLS
