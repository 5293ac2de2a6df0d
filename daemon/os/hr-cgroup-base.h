/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-cgroup-base.h: where the daemon may make control groups (cgroup v2), one for each instance.
 *
 * Its own group is the daemon's to divide when it was given to it: by the manager whose group it is (Delegate=yes), or
 * because there is no such manager and the daemon may write there. In it is one group of this daemon, named after its
 * state directory so that the next one finds it and no other takes it for its own, and in that one group for each
 * instance:
 *
 *   OWN/supervisor                  the daemon and its helpers, where they had to make room
 *   OWN/hotreload-KEY/SERVICE.ID    the processes of an instance
 *
 * No group that others made is touched, but that of a daemon that is no more is removed when nothing is in it. A group whose members have limits may have no processes of its own: where a
 * controller is asked for, the daemon moves into a leaf, which it can only if nobody else is in its group.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The leaf for the daemon itself. */
#define HR_CGROUP_LEAF "supervisor"

typedef struct _HrCgroupBase HrCgroupBase;

HrCgroupBase *hr_cgroup_base_new (const char *own, const char *key, char **why);
HrCgroupBase *hr_cgroup_base_find (const char *state_dir, char **why);
void hr_cgroup_base_free (HrCgroupBase *self);
const char *hr_cgroup_base_get_dir (HrCgroupBase *self);
char *hr_cgroup_base_name (HrCgroupBase *self, const char *service, const char *instance);
char **hr_cgroup_base_list (HrCgroupBase *self);
gboolean hr_cgroup_base_has (HrCgroupBase *self, const char *controller, GError **error);
gboolean hr_cgroup_base_enable (HrCgroupBase *self, const char *controller, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrCgroupBase, hr_cgroup_base_free)

G_END_DECLS
