/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-bus-auth.h: who may call what: one table, and what is not in it is denied.
 */
#pragma once

#include "hr-bus-gate.h"

G_BEGIN_DECLS

/**
 * HrBusRight:
 * @HR_BUS_DENIED: nobody
 * @HR_BUS_LOOK: everybody who reaches the daemon: names, states, figures
 * @HR_BUS_LOOK_IN_PART: the same, and for those who may read, more: see hr_bus_auth_may_read()
 * @HR_BUS_READ: the daemon's own user and root: code, errors, state
 * @HR_BUS_CHANGE: the daemon's own user and root
 */
typedef enum { HR_BUS_DENIED, HR_BUS_LOOK, HR_BUS_LOOK_IN_PART, HR_BUS_READ, HR_BUS_CHANGE } HrBusRight;

HrBusRight hr_bus_auth_right (const char *interface_name, const char *method);

#define HR_TYPE_BUS_AUTH (hr_bus_auth_get_type ())
G_DECLARE_FINAL_TYPE (HrBusAuth, hr_bus_auth, HR, BUS_AUTH, GObject)

/* Calls of one caller that wait until the bus has said who it is. */
#define HR_BUS_WAITING_MAX 64

/**
 * HrBusPassFunc:
 * @owner: what was given to hr_bus_auth_pass()
 * @invocation: (transfer full): the call, allowed
 */
typedef void (*HrBusPassFunc) (gpointer owner, GDBusMethodInvocation *invocation);

HrBusAuth *hr_bus_auth_new (void);
void hr_bus_auth_take_gate (HrBusAuth *self, HrBusGate *gate);
guint hr_bus_auth_count_calls (HrBusAuth *self);
void hr_bus_auth_pass (HrBusAuth *self, GDBusMethodInvocation *invocation, HrBusPassFunc pass, gpointer owner);
gboolean hr_bus_auth_may_read (GDBusMethodInvocation *invocation);
const char *hr_bus_auth_caller (GDBusMethodInvocation *invocation);
guint hr_bus_auth_uid (GDBusMethodInvocation *invocation);

G_END_DECLS
