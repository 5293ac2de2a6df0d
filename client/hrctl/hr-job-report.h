/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-job-report.h: what came of jobs, as text, as JSON and as an exit code, all from one dictionary for each job.
 */
#pragma once

#include "hr-jobs.h"
#include "hr-verb.h"

G_BEGIN_DECLS

typedef enum { HR_REPORT_OBJECT, HR_REPORT_ARRAY } HrReportShape;

int hr_job_report_each (HrCtl *ctl, HrJobs *jobs, gint64 timeout_usec, JsonArray *array);
int hr_job_report_refused (HrCtl *ctl, const char *const *services, HrReportShape shape, GError **error);
int hr_job_report_run (HrCtl *ctl, HrJobs *jobs, HrReportShape shape, GError **error);

G_END_DECLS
