/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-observation.h: the time in which a new release is watched before it counts as good (PostCheck.RollbackAfter).
 *
 * Signals, one of them, once: "passed" (); "failed" (char *reason), for people.
 */
#pragma once

#include "hr-generation.h"
#include "hr-health.h"

G_BEGIN_DECLS

#define HR_TYPE_OBSERVATION (hr_observation_get_type ())
G_DECLARE_FINAL_TYPE (HrObservation, hr_observation, HR, OBSERVATION, GObject)

HrObservation *hr_observation_new (HrClock *clock, HrGeneration *generation, HrHealth *health, gint64 duration_usec);
gboolean hr_observation_allows_end (HrGeneration *generation);
guint64 hr_observation_get_release (HrObservation *self);

G_END_DECLS
