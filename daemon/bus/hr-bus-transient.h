/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-bus-transient.h: services that live as long as the caller who asked for them.
 */
#pragma once

#include <gio/gunixfdlist.h>

#include "hr-configuration.h"

G_BEGIN_DECLS

/* More transient services at a time are refused. */
#define HR_BUS_TRANSIENTS_MAX 256

#define HR_TYPE_BUS_TRANSIENT (hr_bus_transient_get_type ())
G_DECLARE_FINAL_TYPE (HrBusTransient, hr_bus_transient, HR, BUS_TRANSIENT, GObject)

HrBusTransient *hr_bus_transient_new (HrConfiguration *configuration, GDBusConnection *connection);
void hr_bus_transient_call (HrBusTransient *self, GDBusMethodInvocation *invocation, GUnixFDList *fds, const char *name,
                            const char *text, GVariant *options, GVariant *stdout_handle, GVariant *stderr_handle);

G_END_DECLS
