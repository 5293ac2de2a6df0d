/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-handover.h: ending an instance and taking over what it leaves: its state, and what it wrote into its slot.
 */
#pragma once

#include "hr-generation.h"

G_BEGIN_DECLS

/* What the old instance leaves must be taken within this of its end; then it is given up. */
#define HR_HANDOVER_TAKE_USEC (20 * G_USEC_PER_SEC)

void hr_handover_async (HrPlatform *platform, HrGeneration *old, const HrParts *parts, HrSlot to_slot,
                        gint64 stop_timeout, GAsyncReadyCallback callback, gpointer user_data);
gboolean hr_handover_finish (GAsyncResult *result, HrSnapshot **snapshot, gboolean *fresh, char ***carried,
                             GError **error);

G_END_DECLS
