/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-bus-transient.h: services that live as long as the caller who asked for them.
 */
#pragma once

#include <gio/gunixfdlist.h>

#include "hr-configuration.h"
#include "hr-dbus-generated.h"

G_BEGIN_DECLS

#define HR_TYPE_BUS_TRANSIENT (hr_bus_transient_get_type ())
G_DECLARE_FINAL_TYPE (HrBusTransient, hr_bus_transient, HR, BUS_TRANSIENT, GObject)

HrBusTransient *hr_bus_transient_new (HrConfiguration *configuration, GDBusConnection *connection);
void hr_bus_transient_call (HrBusTransient *self, GDBusMethodInvocation *invocation, GUnixFDList *fds, const char *name,
                            const char *text, GVariant *options, GVariant *stdout_handle, GVariant *stderr_handle);
void hr_bus_transient_add (HrBusTransient *self, HrDbusManager *bus, GDBusMethodInvocation *invocation,
                           const char *name, const char *text);

G_END_DECLS
