/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-job-print.h: what came of a job, for people.
 */
#pragma once

#include "hr-output.h"

G_BEGIN_DECLS

char *hr_job_describe_phases (GVariant *outcome);
char *hr_job_describe_downtime (GVariant *outcome);
void hr_job_print_outcome (HrOutput *output, GVariant *outcome);
void hr_job_print_failure (HrOutput *output, GVariant *outcome);

G_END_DECLS
