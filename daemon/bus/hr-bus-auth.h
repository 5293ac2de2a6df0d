/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-bus-auth.h: who may call what: one table, and what is not in it is denied.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * HrBusRight:
 * @HR_BUS_DENIED: nobody
 * @HR_BUS_LOOK: everybody who reaches the daemon: names, states, figures
 * @HR_BUS_READ: the daemon's own user and root: code, errors, state
 * @HR_BUS_CHANGE: the daemon's own user and root
 */
typedef enum { HR_BUS_DENIED, HR_BUS_LOOK, HR_BUS_READ, HR_BUS_CHANGE } HrBusRight;

HrBusRight hr_bus_auth_right (const char *interface_name, const char *method);

#define HR_TYPE_BUS_AUTH (hr_bus_auth_get_type ())
G_DECLARE_FINAL_TYPE (HrBusAuth, hr_bus_auth, HR, BUS_AUTH, GObject)

HrBusAuth *hr_bus_auth_new (void);
const char *hr_bus_auth_caller (GDBusMethodInvocation *invocation);
void hr_bus_auth_guard (HrBusAuth *self, GDBusInterfaceSkeleton *skeleton);

G_END_DECLS
