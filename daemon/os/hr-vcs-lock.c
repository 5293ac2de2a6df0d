/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-vcs-lock.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "hr-fs.h"

/* A ".git" that is a file says where the repository's directory is, in one line. */
#define GIT_FILE_MAX 8192

/* The directory with the locks of the work tree whose top is @dir, or NULL if @dir is no top. */
static char *
git_dir_of (const char *dir)
{
  g_autofree char *path = g_build_filename (dir, ".git", NULL);
  g_autoptr (GBytes) bytes = NULL;
  g_autofree char *text = NULL;
  struct stat st;

  if (stat (path, &st) != 0)
    return NULL;
  if (S_ISDIR (st.st_mode))
    return g_steal_pointer (&path);

  bytes = S_ISREG (st.st_mode) ? hr_fs_read (path, GIT_FILE_MAX, NULL) : NULL;
  if (bytes == NULL)
    return NULL;
  text = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  if (!g_str_has_prefix (text, "gitdir: "))
    return NULL;
  return g_canonicalize_filename (g_strchomp (text + strlen ("gitdir: ")), dir);
}

/**
 * hr_vcs_is_busy:
 * @source: absolute path of a source, which may lie deep in a work tree
 *
 * A few calls of stat, for each directory from @source up to the work tree's top.
 *
 * Returns: whether git holds its index or HEAD locked, or is between the steps of a rebase
 */
gboolean
hr_vcs_is_busy (const char *source)
{
  static const char *const locks[] = { "index.lock", "HEAD.lock" };
  static const char *const dirs[] = { "rebase-merge", "rebase-apply" };
  g_autofree char *dir = g_strdup (source);
  g_autofree char *git_dir = git_dir_of (dir);

  while (git_dir == NULL && !g_str_equal (dir, "/") && !g_str_equal (dir, "."))
    {
      char *parent = g_path_get_dirname (dir);

      g_free (dir);
      dir = parent;
      git_dir = git_dir_of (dir);
    }
  if (git_dir == NULL)
    return FALSE;

  for (guint i = 0; i < G_N_ELEMENTS (locks); i++)
    {
      g_autofree char *path = g_build_filename (git_dir, locks[i], NULL);
      struct stat st;

      if (lstat (path, &st) == 0 && time (NULL) - st.st_mtime < HR_VCS_LOCK_AGE_MAX)
        return TRUE;
    }
  for (guint i = 0; i < G_N_ELEMENTS (dirs); i++)
    {
      g_autofree char *path = g_build_filename (git_dir, dirs[i], NULL);

      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        return TRUE;
    }
  return FALSE;
}
