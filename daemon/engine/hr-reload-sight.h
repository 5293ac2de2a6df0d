/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-reload-sight.h: whether a reload can be an overlap, as far as that is known before it begins.
 */
#pragma once

#include "hr-generation.h"
#include "hr-unseen.h"

G_BEGIN_DECLS

const char *hr_reload_sequential_reason (const HrServiceSpec *spec, HrStateFiles *state);
HrUnseenCase hr_reload_sight_case (HrGeneration *previous, HrListeners *listeners, gint64 now);

G_END_DECLS
