/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-cgroup-limits.h: the limits of an instance's control group, from the keys of its service file.
 */
#pragma once

#include "hr-cgroup-base.h"
#include "hr-isolation.h"

G_BEGIN_DECLS

gboolean hr_cgroup_limits_are_wanted (const HrIsolation *isolation);
char **hr_cgroup_limits_prepare (HrCgroupBase *base, const char *no_base, const HrIsolation *isolation, GError **error);
gboolean hr_cgroup_limits_check (HrCgroupBase *base, const char *no_base, const HrIsolation *isolation, GError **error);

G_END_DECLS
