/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-git-store.h: the rollback store: releases as commits in a bare git repository that all services share.
 *
 * A release of service NAME is the ref refs/hotreload/NAME/N. It points to an annotated tag whose message holds the
 * fate; the tag points to the commit with trigger, caller and changed paths; the commit's tree holds "files", the
 * source as git can keep it, and "manifest", what git cannot (see hr-manifest.h). What is damaged is left out with a
 * warning, and its number is not given again.
 */
#pragma once

#include "hr-release-store.h"
#include "hr-service-spec.h"

G_BEGIN_DECLS

#define HR_TYPE_GIT_STORE (hr_git_store_get_type ())
G_DECLARE_FINAL_TYPE (HrGitStore, hr_git_store, HR, GIT_STORE, GObject)

HrReleaseStore *hr_git_store_open (const char *repo_path, HrServiceSpec *spec, GError **error);
void hr_git_store_flush (HrReleaseStore *store);

G_END_DECLS
