/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-rollback-policy.h: whether a new release may stay, by what was seen of it since it serves and of the one before.
 *
 * Pure. ErrorRate and SuccessRate are of the metrics where any is named, else of the results of Probe and Command
 * together. Command alone, where no rate is of it, must come out well each time.
 *
 * Without Baseline a limit is compared with a release that is taken to have no failure at all; with it, with the one
 * before: ErrorRate=2% lets the new one be two points worse, and so does SuccessRate=98%. Where nothing was seen of the
 * one before the limits hold as without Baseline; where there is none, nothing is compared.
 */
#pragma once

#include "hr-post-figures.h"
#include "hr-service-spec.h"

G_BEGIN_DECLS

/* Before the time is over nothing is decided by fewer looks than this, */
#define HR_ROLLBACK_SAMPLES_MIN 3
/* nor by fewer of what is counted. */
#define HR_ROLLBACK_COUNT_MIN 20

typedef enum { HR_VERDICT_UNDECIDED, HR_VERDICT_GOOD, HR_VERDICT_BAD } HrVerdict;

gboolean hr_rollback_policy_by_metrics (const HrServiceSpec *spec);
gboolean hr_rollback_policy_has_samples (const HrServiceSpec *spec);
gboolean hr_rollback_policy_is_comparable (const HrServiceSpec *spec, const HrServiceSpec *other);
char *hr_rollback_policy_describe_metrics (const HrServiceSpec *spec, const HrPostFigures *seen,
                                           const HrPostFigures *before);
HrVerdict hr_rollback_policy_judge (const HrServiceSpec *spec, const HrPostFigures *seen, const HrPostFigures *before,
                                    gboolean over, char **reason);

G_END_DECLS
