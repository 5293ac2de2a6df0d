/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-spec-canary.h: group Canary of the service file: its values, and whether the canary that it asks for can be had
 * with what else the file says.
 *
 * What only the running program shows, such as a listener that it bound by itself, is found out before a reload starts
 * anything.
 */
#pragma once

#include "hr-spec-set.h"
#include "hr-spec-table.h"

G_BEGIN_DECLS

/* By offset; @least above 0: it cannot be taken back. */
gboolean hr_spec_set_canary_share (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_canary_duration (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);
gboolean hr_spec_set_canary_steps (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error);

gboolean hr_spec_canary_asks_by_network (const HrServiceSpec *spec);
gboolean hr_spec_check_canary (const HrServiceSpec *spec, const HrSpecTable *table, GError **error);

G_END_DECLS
