/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-bus-configuration.h: AddService and ReloadConfiguration: what they did is told to the caller by a signal before
 * the reply, because the methods themselves return nothing.
 */
#pragma once

#include "hr-configuration.h"
#include "hr-dbus-generated.h"

G_BEGIN_DECLS

void hr_bus_configuration_add (HrConfiguration *configuration, HrDbusManager *bus, GDBusMethodInvocation *invocation,
                               const char *name, const char *text);
void hr_bus_configuration_announce_one (HrDbusManager *bus, GDBusMethodInvocation *invocation, const char *name,
                                        HrJob *job);
void hr_bus_configuration_reload (HrConfiguration *configuration, HrDbusManager *bus,
                                  GDBusMethodInvocation *invocation);

G_END_DECLS
