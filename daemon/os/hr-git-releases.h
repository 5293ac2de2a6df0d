/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-git-releases.h: a service's releases as refs, tags and commits; see hr-git-store.h for their form.
 */
#pragma once

#include "hr-git-repo.h"
#include "hr-release-book.h"

G_BEGIN_DECLS

/* A longer text of a fate is cut, in bytes. */
#define HR_GIT_FATE_TEXT_MAX (64 * 1024)

HrReleaseBook *hr_git_releases_open (HrGitRepo *repo, const char *service, guint64 *last, GError **error);
GPtrArray *hr_git_releases_list (HrGitRepo *repo, const char *service, GCancellable *cancellable, GError **error);
HrRelease *hr_git_releases_load (HrGitRepo *repo, const char *service, guint64 number, GError **error);
HrRelease *hr_git_releases_commit (HrGitRepo *repo, const char *service, const HrRelease *draft, guint64 number,
                                   const char *parent, GError **error);
gboolean hr_git_releases_set_fate (HrGitRepo *repo, const char *service, const HrRelease *release, GError **error);

G_END_DECLS
