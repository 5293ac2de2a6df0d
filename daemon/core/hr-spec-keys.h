/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-spec-keys.h: which groups and keys a service file may have, and how each becomes a member of the spec.
 *
 * One table holds them all, those that are refused because they are not supported yet as well.
 */
#pragma once

#include "hr-service-spec.h"

G_BEGIN_DECLS

gboolean hr_spec_keys_check (const HrSpecEntry *entry, GError **error);
gboolean hr_spec_keys_set (HrServiceSpec *spec, const HrSpecEntry *entry, GError **error);

G_END_DECLS
