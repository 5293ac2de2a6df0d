/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-git-diff.h: the difference of two releases' trees as unified text, in the form that git prints.
 */
#pragma once

#include "hr-git-repo.h"

G_BEGIN_DECLS

/* A longer text is cut, with a last line that says so, in bytes. */
#define HR_GIT_DIFF_TEXT_MAX (4 * 1024 * 1024)

/* Of larger files it is only said that they differ, in bytes. */
#define HR_GIT_DIFF_FILE_MAX (8 * 1024 * 1024)

char *hr_git_diff_text (HrGitRepo *repo, const char *from_tree, const char *to_tree, GCancellable *cancellable,
                        GError **error);

G_END_DECLS
