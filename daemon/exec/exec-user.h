/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * exec-user.h: becoming another user, which only root can.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/**
 * ExecUser:
 * @user: (nullable): name or number
 * @group: (nullable): the same; NULL: that of the user
 * @groups: NULL-terminated: further ones, beside those that the user is in
 * @uid: found
 * @gid: found
 * @ids: found: all groups
 * @n_ids: length
 */
typedef struct {
  const char *user;
  const char *group;
  const char **groups;
  uid_t uid;
  gid_t gid;
  gid_t *ids;
  int n_ids;
} ExecUser;

void exec_user_find (ExecUser *self);
void exec_user_become (const ExecUser *self);
