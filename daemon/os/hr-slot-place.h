/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-slot-place.h: bringing a slot in which no program runs to a release.
 */
#pragma once

#include "hr-slot-change.h"

G_BEGIN_DECLS

gboolean hr_slot_place_read_tree (HrReleaseStore *store, const char *tree, HrSlotRecord *want, GError **error);
gboolean hr_slot_place (HrSlotChange *change, GError **error);

G_END_DECLS
