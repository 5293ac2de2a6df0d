/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-git-pack.h: many new objects, gathered in memory and written as one pack.
 *
 * Not libgit2's packbuilder: that compresses at a fixed level, which is most of the cost of a first import, and takes
 * objects only from a database that holds them already. What is gathered cannot be read before it is written.
 */
#pragma once

#include "hr-git-repo.h"

G_BEGIN_DECLS

typedef enum { HR_GIT_PACK_TREE = 2, HR_GIT_PACK_BLOB = 3 } HrGitPackType;

typedef struct _HrGitPack HrGitPack;

HrGitPack *hr_git_pack_new (void);
void hr_git_pack_free (HrGitPack *self);
gboolean hr_git_pack_has (HrGitPack *self, const HrOid *oid);
gboolean hr_git_pack_add (HrGitPack *self, const HrOid *oid, HrGitPackType type, gconstpointer data, gsize size,
                          GError **error);
gsize hr_git_pack_size (HrGitPack *self);
gboolean hr_git_pack_write (HrGitPack *self, const char *objects_dir, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrGitPack, hr_git_pack_free)

G_END_DECLS
