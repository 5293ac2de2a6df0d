/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-bus-format.h: the engine's values as the dictionaries that the XML describes.
 *
 * All return floating variants; a key whose value is not known is left out.
 */
#pragma once

#include <gio/gio.h>

#include "hr-manager.h"

G_BEGIN_DECLS

GVariant *hr_bus_format_details (HrJob *job, const GError *error);
GVariant *hr_bus_format_status (HrManager *manager, gboolean in_full);
GVariant *hr_bus_format_pids (HrService *service);
GVariant *hr_bus_format_services (HrManager *manager);
GVariant *hr_bus_format_history (GPtrArray *entries);
GVariant *hr_bus_format_releases (HrService *service, GPtrArray *releases);
GVariant *hr_bus_format_snapshots (HrService *service);
GVariant *hr_bus_format_canary (const HrCanaryInfo *info, const char *text);
GVariant *hr_bus_format_service_canary (HrService *service);
GVariant *hr_bus_format_ends (HrService *service);
GVariant *hr_bus_format_plan (GPtrArray *steps);

G_END_DECLS
