/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-owner.h: the user as whom a service runs, where that is not the daemon's: whose its files are, and who may speak for
 * it.
 *
 * Asks the system's database of users, which for all but those of the machine may take a while.
 */
#pragma once

#include <sys/types.h>

#include "hr-isolation.h"

G_BEGIN_DECLS

/**
 * HrOwner:
 * @set: whether it is another one than the daemon's; else the rest means nothing
 * @uid: user
 * @gid: group
 */
typedef struct {
  gboolean set;
  uid_t uid;
  gid_t gid;
} HrOwner;

gboolean hr_owner_find (const HrIsolation *isolation, HrOwner *owner, GError **error);
HrOwner hr_owner_of (const HrIsolation *isolation);
char **hr_owner_environment (const HrIsolation *isolation, char **environment);
gboolean hr_owner_give (const HrOwner *self, const char *path, GError **error);
gboolean hr_owner_may_speak (const HrOwner *self, uid_t uid);
void hr_owner_let_through (const HrOwner *self, const char *dir);

G_END_DECLS
