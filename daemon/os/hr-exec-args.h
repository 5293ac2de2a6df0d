/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-exec-args.h: how to start something through hotreload-exec, and where it is.
 */
#pragma once

#include "hr-isolation.h"
#include "hr-view.h"

G_BEGIN_DECLS

#define HR_NO_MOUNT_NAMESPACE "the kernel allows no mount namespace"

char *hr_exec_helper_path (void);
char *hr_exec_adopt_library_path (void);
char **hr_exec_preload (char **environment, const char *library);
char **hr_exec_preload_probe (char **environment);
void hr_exec_args_add_view (GPtrArray *argv, HrView *view, gboolean shares_read_only);
void hr_exec_args_add_isolation (GPtrArray *argv, const HrIsolation *isolation, HrView *view,
                                 const char *const *environment);
gboolean hr_exec_can_mount (char **why);
const char *hr_exec_mount_obstacle (void);

G_END_DECLS
