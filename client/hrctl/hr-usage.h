/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-usage.h: what the daemon says that processes use.
 */
#pragma once

#include "hr-client.h"

G_BEGIN_DECLS

/* GetProcesses returns no more, see its description. */
#define HR_PROCESSES_MAX 1000

GVariant *hr_usage_get (HrClient *client);
GVariant *hr_usage_find (GVariant *usage, const char *service);
GVariant *hr_processes_get (HrClient *client, const char *service);

G_END_DECLS
