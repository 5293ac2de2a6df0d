/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-cgroup.h: one control group (cgroup v2) with all that is in it: who, how much, and the end of it.
 *
 * It is named by its path. What is not in a cgroup v2 file system is no control group: nothing is done to it. A
 * group that is not there is empty. All of this blocks for as long as the kernel takes; what waits says so.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * HrCgroupUsage:
 * @memory: in bytes, -1: the controller is missing
 * @cpu_usec: processor time, with that of processes that have ended, -1: unknown
 * @tasks: processes and threads, -1: the controller is missing
 *
 * What all in a group use together.
 */
typedef struct {
  gint64 memory;
  gint64 cpu_usec;
  gint64 tasks;
} HrCgroupUsage;

/**
 * HrCgroupOom:
 * @limit: how often its own limit was reached and nothing could be freed
 * @kills: how many of its processes were killed for want of memory, its own or everybody's
 */
typedef struct {
  guint64 limit;
  guint64 kills;
} HrCgroupOom;

gboolean hr_cgroup_exists (const char *dir);
GArray *hr_cgroup_list (const char *dir);
void hr_cgroup_read_usage (const char *dir, HrCgroupUsage *usage);
void hr_cgroup_read_oom (const char *dir, HrCgroupOom *oom);
gboolean hr_cgroup_write (const char *dir, const char *file, const char *value, GError **error);
void hr_cgroup_kill (const char *dir);
void hr_cgroup_kill_each (const char *dir);
gboolean hr_cgroup_end (const char *dir);

G_END_DECLS
