/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-git-repo.h: the bare repository that holds releases, as a keeper of objects: blobs and trees.
 *
 * The users of libgit2 are hr-git-*.c, behind hr-git-private.h; no other header shows it. A handle is used by one
 * thread at a time; any number of handles may be open on one repository.
 */
#pragma once

#include <gio/gio.h>

#include "hr-git-oid.h"

G_BEGIN_DECLS

/* Modes of entries in a tree of git. */
#define HR_GIT_MODE_DIR 0040000
#define HR_GIT_MODE_FILE 0100644
#define HR_GIT_MODE_EXEC 0100755
#define HR_GIT_MODE_LINK 0120000

/* Objects that wait in memory to be written as one pack, compressed; above it, a pack is written early. */
#define HR_GIT_BATCH_BYTES_MAX (64 * 1024 * 1024)

/**
 * HrGitItem:
 * @name: one part of a path
 * @mode: one of HR_GIT_MODE_…
 * @oid: blob or tree
 *
 * An entry of one tree of git.
 */
typedef struct {
  const char *name;
  guint32 mode;
  HrOid oid;
} HrGitItem;

/**
 * HrGitItemFunc:
 * @item: valid during the call
 * @user_data: what was given to hr_git_repo_read_tree()
 * @error: return location
 *
 * Returns: whether to go on
 */
typedef gboolean (*HrGitItemFunc) (const HrGitItem *item, gpointer user_data, GError **error);

typedef struct _HrGitRepo HrGitRepo;

HrGitRepo *hr_git_repo_open (const char *path, GError **error);
gboolean hr_git_repo_check_access (const char *path, GError **error);
void hr_git_repo_free (HrGitRepo *self);
void hr_git_repo_begin_use (HrGitRepo *self, GArray *unsynced, guint n_packs);
guint hr_git_repo_end_use (HrGitRepo *self, guint n_packs);
const char *hr_git_repo_path (HrGitRepo *self);

gboolean hr_git_repo_has (HrGitRepo *self, const HrOid *oid);
gboolean hr_git_repo_write_blob (HrGitRepo *self, gconstpointer data, gsize size, HrOid *oid, GError **error);
gboolean hr_git_repo_write_fd (HrGitRepo *self, int fd, guint64 size, HrOid *oid, GError **error);
void hr_git_item_append (GByteArray *tree, const HrGitItem *item);
gboolean hr_git_repo_write_tree (HrGitRepo *self, const GByteArray *tree, HrOid *oid, GError **error);
GBytes *hr_git_repo_read_blob (HrGitRepo *self, const HrOid *oid, GError **error);
gboolean hr_git_repo_read_tree (HrGitRepo *self, const HrOid *oid, HrGitItemFunc func, gpointer user_data,
                                GError **error);

gboolean hr_git_repo_sync (HrGitRepo *self, GError **error);
void hr_git_repo_note_written (HrGitRepo *self, const HrOid *oid);
void hr_git_repo_begin_batch (HrGitRepo *self);
gboolean hr_git_repo_end_batch (HrGitRepo *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrGitRepo, hr_git_repo_free)

G_END_DECLS
