/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What libgit2 says of a failure, and what it leaves out.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "hr-error.h"
#include "hr-fs.h"
#include "hr-git-private.h"
#include "hr-state-lock.h"

/* Sets G_IO_ERROR_NOT_FOUND for what is missing, else HR_ERROR_FAILED, with libgit2's own words; returns FALSE. */
gboolean
hr_git_set_error (GError **error, int code, const char *format, ...)
{
  const git_error *last = git_error_last ();
  const char *why = last != NULL && last->message != NULL ? last->message : "the object is damaged";
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  if (code == GIT_ENOTFOUND)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "%s: %s", what, why);
  else
    g_set_error (error, HR_ERROR, HR_ERROR_FAILED, "%s: %s", what, why);
  return FALSE;
}

/* libgit2 hides the cause of some failures, and knows no remedy. */
static void
explain_full_disk (HrGitRepo *self, GError **error)
{
  char *old;

  if (error == NULL || *error == NULL)
    return;
  old = (*error)->message;
  if (strstr (old, g_strerror (ENOSPC)) != NULL || strstr (old, g_strerror (EDQUOT)) != NULL)
    (*error)->message = g_strconcat (old, " (make room there)", NULL);
  else if (!hr_state_dir_check_space (hr_git_repo_path (self), NULL))
    (*error)->message = g_strconcat (old, ": ", hr_fs_strerror (ENOSPC), NULL);
  else
    return;
  g_free (old);
}

/**
 * hr_git_repo_set_write_error:
 * @self: a repository
 * @code: what libgit2 returned
 * @error: return location
 * @format: what was being written
 *
 * As hr_git_set_error(), and says so where the disk is full.
 *
 * Returns: %FALSE, for the caller to return
 */
gboolean
hr_git_repo_set_write_error (HrGitRepo *self, int code, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  hr_git_set_error (error, code, "%s", what);
  explain_full_disk (self, error);
  return FALSE;
}
