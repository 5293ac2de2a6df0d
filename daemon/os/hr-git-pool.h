/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-git-pool.h: handles on one repository, lent to the stores of all services for one operation at a time.
 *
 * A handle costs some 20 KB and its cache; a service that has nothing to do needs none. Nobody takes a second one while
 * it has one: it could wait for itself.
 */
#pragma once

#include "hr-git-repo.h"

G_BEGIN_DECLS

/* Handles that are open at the same time; whoever wants one more waits until one is given back. */
#define HR_GIT_HANDLES_MAX 8
/* Handles that stay open with nothing to do: one for a store, one for a slot that reads beside it. */
#define HR_GIT_IDLE_MAX 2

typedef struct _HrGitPool HrGitPool;

HrGitPool *hr_git_pool_open (const char *path, GError **error);
void hr_git_pool_unref (HrGitPool *self);
HrGitRepo *hr_git_pool_take (HrGitPool *self, GArray *unsynced, GError **error);
void hr_git_pool_give (HrGitPool *self, HrGitRepo *repo);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrGitPool, hr_git_pool_unref)

G_END_DECLS
