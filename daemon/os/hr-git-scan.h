/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-git-scan.h: looks at a source and compares it with a release, with an index of what is stored already.
 *
 * The index is a file beside the repository. It only saves reading: without it, or when it is damaged, every file is
 * read anew. To be used by one thread at a time.
 */
#pragma once

#include "hr-git-repo.h"
#include "hr-release-store.h"
#include "hr-service-spec.h"

G_BEGIN_DECLS

typedef struct _HrGitScan HrGitScan;

HrGitScan *hr_git_scan_new (const char *repo_path, HrServiceSpec *spec);
void hr_git_scan_free (HrGitScan *self);

void hr_git_scan_forget (HrGitScan *self);
void hr_git_scan_allow_large (HrGitScan *self);
HrScan *hr_git_scan_run (HrGitScan *self, HrGitRepo *repo, const char *const *hints, const char *base_tree,
                         GCancellable *cancellable, gboolean *damaged, GError **error);

gboolean hr_git_scan_has_unsaved (HrGitScan *self);
void hr_git_scan_save (HrGitScan *self, HrGitRepo *repo);
void hr_git_scan_save_many (HrGitScan *self, HrGitRepo *repo);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrGitScan, hr_git_scan_free)

G_END_DECLS
