/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-spec-check.h: keys of a service file that are right one by one and wrong together.
 */
#pragma once

#include "hr-service-spec.h"
#include "hr-spec-table.h"

G_BEGIN_DECLS

gboolean hr_spec_check_specifiers (const HrServiceSpec *spec, const char *const *words, const HrSpecEntry *entry,
                                   GError **error);
gboolean hr_spec_check (const HrServiceSpec *spec, const HrSpecTable *table, GError **error);

G_END_DECLS
