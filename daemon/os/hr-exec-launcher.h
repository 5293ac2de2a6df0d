/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-exec-launcher.h: starts programs through hotreload-exec and holds them until they have ended.
 *
 * Makes the daemon a child subreaper: processes whose parents ended become its children, so that none of an instance
 * gets away and all of them are reaped.
 */
#pragma once

#include "hr-cgroup-base.h"
#include "hr-keeper.h"
#include "hr-launcher.h"

G_BEGIN_DECLS

#define HR_TYPE_EXEC_LAUNCHER (hr_exec_launcher_get_type ())
G_DECLARE_FINAL_TYPE (HrExecLauncher, hr_exec_launcher, HR, EXEC_LAUNCHER, GObject)

HrLauncher *hr_exec_launcher_new (const char *runtime_dir, GError **error);
void hr_exec_launcher_set_keeper (HrExecLauncher *self, HrKeeper *keeper);
void hr_exec_launcher_set_cgroups (HrExecLauncher *self, HrCgroupBase *cgroups, const char *why);
void hr_exec_launcher_sweep (HrExecLauncher *self);

G_END_DECLS
