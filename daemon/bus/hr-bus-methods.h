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

HrBusMethods *hr_bus_methods_new (HrConfiguration *configuration, HrDbusManager *skeleton);

G_END_DECLS
