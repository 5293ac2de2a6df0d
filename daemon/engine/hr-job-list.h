/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-job-list.h: the jobs of a manager: all that run, and those that have ended, for a minute more, so that a late
 * caller can still read their result.
 *
 * Signals: "added" (HrJob *), "removed" (HrJob *).
 */
#pragma once

#include "hr-clock.h"
#include "hr-job.h"

G_BEGIN_DECLS

#define HR_JOB_LIST_MAX 4096
#define HR_JOB_KEEP_USEC (60 * G_USEC_PER_SEC)

#define HR_TYPE_JOB_LIST (hr_job_list_get_type ())
G_DECLARE_FINAL_TYPE (HrJobList, hr_job_list, HR, JOB_LIST, GObject)

HrJobList *hr_job_list_new (HrClock *clock);
guint64 hr_job_list_next_id (HrJobList *self);
void hr_job_list_add (HrJobList *self, HrJob *job);
GPtrArray *hr_job_list_get_all (HrJobList *self);
HrJob *hr_job_list_find (HrJobList *self, guint64 id);
GVariant *hr_job_list_carry (HrJobList *self);
void hr_job_list_take_carried (HrJobList *self, GVariant *carried);

G_END_DECLS
