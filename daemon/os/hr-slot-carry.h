/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-slot-carry.h: bringing what a program wrote into its slot along to the other one.
 *
 * A file that the program created, or changed while the developer did not, is carried. Where the developer's release
 * has something else in that place, the developer's wins and the program's is kept aside.
 */
#pragma once

#include "hr-slot-change.h"

G_BEGIN_DECLS

GHashTable *hr_slot_carry_plan (HrSlotChange *change, GError **error);
gboolean hr_slot_carry_bring (HrSlotChange *change, const HrSlotOwn *own, gboolean *brought, GError **error);
gboolean hr_slot_carry_late (HrSlotChange *change, GError **error);

G_END_DECLS
