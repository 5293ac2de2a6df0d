/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-git-tree-private.h: trees of releases, for the store itself: on a handle that the caller's thread owns.
 */
#pragma once

#include "hr-git-repo.h"
#include "hr-git-tree.h"
#include "hr-manifest.h"

G_BEGIN_DECLS

/* Names of the two entries of a release's tree. */
#define HR_GIT_TREE_FILES "files"
#define HR_GIT_TREE_MANIFEST "manifest"

/**
 * HrGitTop:
 * @exists: whether it is a tree at all; else the empty one
 * @files: git's tree of the source
 * @manifest_oid: names equal manifests
 * @manifest: what git's tree cannot keep
 *
 * A release's tree, opened.
 */
typedef struct {
  gboolean exists;
  HrOid files;
  HrOid manifest_oid;
  HrManifest *manifest;
} HrGitTop;

gboolean hr_git_top_open (HrGitTop *self, HrGitRepo *repo, const char *tree, GError **error);
void hr_git_top_clear (HrGitTop *self);
gboolean hr_git_tree_write_top (HrGitRepo *repo, const HrOid *files, const GString *manifest, HrOid *top,
                                GError **error);
gboolean hr_git_tree_check (HrGitRepo *repo, const HrOid *top, GError **error);
GPtrArray *hr_git_tree_compare (HrGitRepo *repo, const char *from_tree, const char *to_tree, GError **error);
gboolean hr_git_tree_fill_scan (HrGitRepo *repo, const char *base, HrScan *scan, GError **error);

void hr_git_store_distrust (HrReleaseStore *store, GError **error);
/* Of the store: a handle for reading beside what the store itself does, for hr_git_store_give_reader(). */
HrGitRepo *hr_git_store_take_reader (HrReleaseStore *store, GError **error);
void hr_git_store_give_reader (HrReleaseStore *store, HrGitRepo *repo);

G_END_DECLS
