/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-git-tree.h: reading the trees of the rollback store: what a release holds, and what differs between two.
 *
 * A tree is named by the hex id of HrScan.tree and HrRelease.tree. The calls block and may be made from any thread;
 * they do not wait for what the store itself is doing. They work on a store that hr_git_store_open() gave.
 */
#pragma once

#include "hr-release-store.h"

G_BEGIN_DECLS

/* Length of a hex id with its final zero byte. */
#define HR_GIT_HEX 41

typedef enum { HR_GIT_FILE, HR_GIT_LINK, HR_GIT_DIR } HrGitKind;
typedef enum { HR_GIT_ADDED, HR_GIT_MODIFIED, HR_GIT_REMOVED } HrGitChange;

/**
 * HrGitEntry:
 * @path: relative to the source, as the file system spells it: any bytes but zero; never ".", never with "./"
 * @kind: regular file, symbolic link or directory
 * @change: what became of it between two trees; %HR_GIT_ADDED in a list
 * @mode: permission bits (07777) of a file or directory; 0777 for a link. Of a removed one: those it had
 * @old_mode: of a modified one, the bits it had; else 0
 * @empty: of a directory: nothing is recorded below it
 * @oid: content of a file, target of a link (see hr_git_tree_read()); "" for a directory. Of a removed one: what it had
 * @old_oid: of a modified one, what it had; else ""
 *
 * One path of a tree, or of the difference of two. A modified one differs in content (@oid and @old_oid differ), in
 * mode, or in both; its kind is the same: what changed its kind is removed and added.
 */
typedef struct {
  char *path;
  HrGitKind kind;
  HrGitChange change;
  guint mode;
  guint old_mode;
  gboolean empty;
  char oid[HR_GIT_HEX];
  char old_oid[HR_GIT_HEX];
} HrGitEntry;

void hr_git_entry_free (HrGitEntry *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrGitEntry, hr_git_entry_free)

GPtrArray *hr_git_tree_list (HrReleaseStore *store, const char *tree, GError **error);
GPtrArray *hr_git_tree_diff (HrReleaseStore *store, const char *from_tree, const char *to_tree, GError **error);
GBytes *hr_git_tree_read (HrReleaseStore *store, const char *oid, GError **error);

G_END_DECLS
