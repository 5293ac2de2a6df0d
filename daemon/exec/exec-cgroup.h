/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * exec-cgroup.h: the control group (cgroup v2) of an instance, which it enters before anything of the program runs.
 *
 * Made by the process that enters it, so that the daemon does not wait for the kernel, which may take its time.
 */
#pragma once

/* As many as there are keys. */
#define EXEC_CGROUP_LIMITS_MAX 3

/**
 * ExecCgroup:
 * @dir: (nullable): path of the group, which need not be there
 * @limits: "FILE:VALUE", each a file of the group
 * @n_limits: length; without any the program runs also where the group cannot be had
 */
typedef struct {
  const char *dir;
  const char *limits[EXEC_CGROUP_LIMITS_MAX];
  int n_limits;
} ExecCgroup;

void exec_cgroup_add_limit (ExecCgroup *self, const char *limit);
void exec_cgroup_enter (const ExecCgroup *self);
int exec_cgroup_release (void);
