/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-reload-sight.h: what a reload can be, as far as that is known before it begins: an overlap, with a canary.
 */
#pragma once

#include "hr-generation.h"
#include "hr-unseen.h"

G_BEGIN_DECLS

const char *hr_reload_sequential_reason (const HrServiceSpec *spec, HrStateFiles *state);
gboolean hr_reload_holds_tcp (HrListeners *listeners);
const char *hr_reload_probe_obstacle (const HrServiceSpec *spec, gboolean watched, HrListeners *listeners);
const char *hr_reload_canary_obstacle (const HrServiceSpec *spec, gboolean watched, HrListeners *listeners);
HrUnseenCase hr_reload_sight_case (HrGeneration *previous, HrListeners *listeners, gint64 now);

G_END_DECLS
