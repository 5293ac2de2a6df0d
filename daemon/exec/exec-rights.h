/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * exec-rights.h: the limits and rights of a process that is to become the program.
 *
 * Each that cannot be had ends in exec_fail() with the key of the service file that asks for it.
 */
#pragma once

#include <stdbool.h>

/* As many as there are keys. */
#define EXEC_LIMITS_MAX 16

/**
 * ExecRights:
 * @limits: "NAME:SOFT:HARD", each number decimal or "infinity", NAME as after "Limit" in its key
 * @n_limits: length
 * @nice: (nullable): decimal, -20 to 19
 * @umask: (nullable): octal
 * @no_new_privileges: whether nothing that is executed from now on gains any: no set-user-ID, no file capabilities
 */
typedef struct {
  const char *limits[EXEC_LIMITS_MAX];
  int n_limits;
  const char *nice;
  const char *umask;
  bool no_new_privileges;
} ExecRights;

void exec_rights_add_limit (ExecRights *self, const char *limit);
void exec_rights_apply (const ExecRights *self);
