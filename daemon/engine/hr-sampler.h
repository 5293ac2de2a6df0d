/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-sampler.h: looks at one instance again and again, by what [PostCheck] names, and keeps the figures of the last
 * RollbackAfter.
 *
 * One look at a time: first the metrics, then Command; the next begins PostCheck.Interval after the end of the last. The
 * results of the probe come from HrHealth as they are. Signal "sampled" (): the figures have changed, or a look ended
 * without any. Signal "readable" (): what hr_sampler_describe_unread() says has changed.
 */
#pragma once

#include "hr-generation.h"
#include "hr-health.h"
#include "hr-post-figures.h"
#include "hr-rollback-policy.h"

G_BEGIN_DECLS

#define HR_TYPE_SAMPLER (hr_sampler_get_type ())
G_DECLARE_FINAL_TYPE (HrSampler, hr_sampler, HR, SAMPLER, GObject)

HrSampler *hr_sampler_new (HrPlatform *platform, HrGeneration *generation, HrHealth *health, gboolean with_command);
void hr_sampler_stop (HrSampler *self);
void hr_sampler_hold (HrSampler *self, gboolean hold);
void hr_sampler_look_now (HrSampler *self);
HrGeneration *hr_sampler_get_generation (HrSampler *self);
HrPostFigures hr_sampler_get_figures (HrSampler *self);
char *hr_sampler_describe (HrSampler *self, HrSampler *before);
char *hr_sampler_describe_unread (HrSampler *self);
void hr_sampler_append_unread (HrSampler *self, GString *text);
HrVerdict hr_sampler_judge (HrSampler *self, const HrPostFigures *before, gboolean over, char **reason);

G_END_DECLS
