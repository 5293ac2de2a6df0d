/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-bus-job.h: org.hotreload.Job of one job.
 */
#pragma once

#include "hr-bus-auth.h"
#include "hr-dbus-generated.h"
#include "hr-job.h"

G_BEGIN_DECLS

#define HR_TYPE_BUS_JOB (hr_bus_job_get_type ())
G_DECLARE_FINAL_TYPE (HrBusJob, hr_bus_job, HR, BUS_JOB, GObject)

HrBusJob *hr_bus_job_new (HrJob *job, HrBusAuth *auth);
GDBusObjectSkeleton *hr_bus_job_get_object (HrBusJob *self);

G_END_DECLS
