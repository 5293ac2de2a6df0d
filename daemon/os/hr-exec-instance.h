/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-exec-instance.h: a program started through hotreload-exec, with all that it starts.
 *
 * Its main process leads a session of its own and is held by a pidfd from birth; it is reaped only after the rest of
 * the instance is gone. Dropping the last reference ends nothing: a daemon that leaves may leave its services running.
 */
#pragma once

#include "hr-launcher.h"

G_BEGIN_DECLS

#define HR_TYPE_EXEC_INSTANCE (hr_exec_instance_get_type ())
G_DECLARE_FINAL_TYPE (HrExecInstance, hr_exec_instance, HR, EXEC_INSTANCE, HrInstance)

HrExecInstance *hr_exec_instance_new (const char *runtime_dir, const HrLaunch *launch, GError **error);
void hr_exec_instance_set_cgroup (HrExecInstance *self, char *dir, char **limits);
gboolean hr_exec_instance_start (HrExecInstance *self, const HrLaunch *launch, GError **error);
HrExecInstance *hr_exec_instance_take_over (const char *runtime_dir, const HrLaunch *launch,
                                            const HrRunProcess *process, GError **error);
gboolean hr_exec_instance_has_ended_meanwhile (const HrRunProcess *process);
int hr_exec_instance_get_pidfd (HrExecInstance *self);
const char *hr_exec_instance_get_id (HrExecInstance *self);
GPid hr_exec_instance_get_leader (HrExecInstance *self);

G_END_DECLS
