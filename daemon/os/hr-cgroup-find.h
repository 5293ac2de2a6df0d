/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-cgroup-find.h: in which control group (cgroup v2) a process is, and where that is in the file system.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

char *hr_cgroup_parse_path (const char *proc_cgroup);
char *hr_cgroup_parse_dir (const char *mountinfo, const char *path);
char *hr_cgroup_find_of (GPid pid);
char *hr_cgroup_find_instance (GPid pid, const char *instance);
gboolean hr_cgroup_has_process (const char *instance, GPid pid);

G_END_DECLS
