/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-spec-health.h: the keys of group [Health]: from their raw values into the spec, and whether they fit together.
 */
#pragma once

#include "hr-spec-set.h"
#include "hr-spec-table.h"

G_BEGIN_DECLS

/* Of Probe and StartProbe, by offset. */
gboolean hr_spec_set_probe (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_probe_status (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_check_health (const HrServiceSpec *spec, const HrSpecTable *table, GError **error);

G_END_DECLS
