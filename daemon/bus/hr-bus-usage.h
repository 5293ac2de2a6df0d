/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-bus-usage.h: what processes use, the services' and the daemon's own, as the bus has it.
 */
#pragma once

#include <gio/gio.h>

#include "hr-usage.h"

G_BEGIN_DECLS

/* GetProcesses returns no more, the oldest. */
#define HR_BUS_PROCESSES_MAX 1000

GVariant *hr_bus_format_daemon (HrManager *manager);
void hr_bus_call_processes (HrUsage *usage, HrService *service, GDBusMethodInvocation *invocation);
void hr_bus_call_usage (HrUsage *usage, HrManager *manager, GDBusMethodInvocation *invocation);

G_END_DECLS
