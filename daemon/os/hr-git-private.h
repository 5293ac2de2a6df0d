/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-git-private.h: what the users of libgit2 share. Included by hr-git-*.c only.
 */
#pragma once

#include <git2.h>

#include "hr-git-repo.h"

G_BEGIN_DECLS

G_DEFINE_AUTOPTR_CLEANUP_FUNC (git_repository, git_repository_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (git_odb, git_odb_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (git_odb_object, git_odb_object_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (git_odb_stream, git_odb_stream_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (git_config, git_config_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (git_object, git_object_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (git_tree, git_tree_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (git_commit, git_commit_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (git_tag, git_tag_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (git_reference, git_reference_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (git_reference_iterator, git_reference_iterator_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (git_signature, git_signature_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (git_patch, git_patch_free)

HrGitRepo *hr_git_repo_new (const char *path, git_repository *repository, GError **error);
git_repository *hr_git_repo_repository (HrGitRepo *self);
gboolean hr_git_set_error (GError **error, int code, const char *format, ...) G_GNUC_PRINTF (3, 4);
gboolean hr_git_repo_set_write_error (HrGitRepo *self, int code, GError **error, const char *format, ...)
    G_GNUC_PRINTF (4, 5);

G_END_DECLS
