/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-bus-service.h: org.hotreload.Service of one service.
 */
#pragma once

#include "hr-bus-auth.h"
#include "hr-dbus-generated.h"
#include "hr-manager.h"

G_BEGIN_DECLS

#define HR_TYPE_BUS_SERVICE (hr_bus_service_get_type ())
G_DECLARE_FINAL_TYPE (HrBusService, hr_bus_service, HR, BUS_SERVICE, GObject)

HrBusService *hr_bus_service_new (HrManager *manager, HrService *service, HrBusAuth *auth);
GDBusObjectSkeleton *hr_bus_service_get_object (HrBusService *self);
void hr_bus_service_flush (HrBusService *self);

G_END_DECLS
