/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-usage.h: looking at the processes of services, for people who ask.
 *
 * Nothing is looked at unless somebody asks. One look is under way at a time, in a thread of its own; others wait.
 */
#pragma once

#include "hr-cgroup.h"
#include "hr-manager.h"
#include "hr-process-usage.h"

G_BEGIN_DECLS

/* More that wait for a look are refused. */
#define HR_USAGE_WAITING_MAX 32

/**
 * HrUsageInstance:
 * @service: whose
 * @pid: its main process
 * @release: its release, 0: none
 * @index: its number among the instances, from 1
 * @cgroup: (nullable): its control group
 * @group: what all in that use together
 * @role: "serving", "starting", "candidate" or "retiring"
 */
typedef struct {
  char *service;
  GPid pid;
  guint64 release;
  guint index;
  char *cgroup;
  HrCgroupUsage group;
  const char *role;
} HrUsageInstance;

/**
 * HrUsageReport:
 * @services: (element-type utf8): those that were asked for, also what does not run
 * @instances: (element-type HrUsageInstance): theirs
 * @processes: (element-type HrProcessUsage): of these; root is an index of @instances
 */
typedef struct {
  GPtrArray *services;
  GPtrArray *instances;
  GPtrArray *processes;
} HrUsageReport;

void hr_usage_report_free (HrUsageReport *self);

#define HR_TYPE_USAGE (hr_usage_get_type ())
G_DECLARE_FINAL_TYPE (HrUsage, hr_usage, HR, USAGE, GObject)

HrUsage *hr_usage_new (void);
void hr_usage_look_async (HrUsage *self, GPtrArray *services, gboolean commands, GAsyncReadyCallback callback,
                          gpointer user_data);
HrUsageReport *hr_usage_look_finish (HrUsage *self, GAsyncResult *result, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrUsageReport, hr_usage_report_free)

G_END_DECLS
