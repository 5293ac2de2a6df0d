/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-observation.h: the time in which a new release is watched before it counts as good (PostCheck.RollbackAfter).
 *
 * It fails when the instance ends, when its probe says that it is offline, and when what [PostCheck] names says so
 * (hr-rollback-policy): before the time is over, as soon as enough was seen, else after one last look.
 *
 * Signals, one of them, once: "passed" (); "failed" (char *reason), for people.
 */
#pragma once

#include "hr-generation.h"
#include "hr-health.h"
#include "hr-sampler.h"

G_BEGIN_DECLS

#define HR_TYPE_OBSERVATION (hr_observation_get_type ())
G_DECLARE_FINAL_TYPE (HrObservation, hr_observation, HR, OBSERVATION, GObject)

HrObservation *hr_observation_new (HrClock *clock, HrGeneration *generation, HrHealth *health, HrSampler *sampler,
                                   const HrPostFigures *before, gint64 duration_usec);
gboolean hr_observation_allows_end (HrGeneration *generation);
void hr_observation_instance_ended (HrObservation *self, HrGeneration *generation);
guint64 hr_observation_get_release (HrObservation *self);

G_END_DECLS
