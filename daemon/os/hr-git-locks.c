/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-git-locks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-log.h"

/* refs/hotreload/SERVICE/NUMBER.lock, and what git has beside them. */
#define DEPTH_MAX 4

/* Of a directory and those in it, @depth of them. */
static void
clear (int parent, const char *name, guint depth)
{
  int fd = openat (parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *dir = fd >= 0 ? fdopendir (fd) : NULL;
  const struct dirent *entry;

  if (dir == NULL)
    {
      if (fd >= 0)
        close (fd);
      return;
    }
  while ((entry = readdir (dir)) != NULL)
    {
      if (entry->d_type == DT_DIR && entry->d_name[0] != '.' && depth > 1)
        clear (dirfd (dir), entry->d_name, depth - 1);
      else if (entry->d_type == DT_REG && g_str_has_suffix (entry->d_name, ".lock"))
        {
          if (unlinkat (dirfd (dir), entry->d_name, 0) == 0)
            hr_log_info (NULL, "removed lock '%s' from the rollback store: an earlier daemon died while it held it",
                         entry->d_name);
          else
            hr_log_warning (NULL, "lock '%s' of an earlier daemon stays in the rollback store: %s", entry->d_name,
                            g_strerror (errno));
        }
    }
  closedir (dir);
}

/**
 * hr_git_locks_clear:
 * @path: directory of a repository, which need not be there; nobody else uses it, and nobody in this process yet
 *
 * Who is killed while it writes a ref, the packed refs or the configuration leaves a lock file, for which libgit2 refuses
 * every later write of the same, for ever.
 */
void
hr_git_locks_clear (const char *path)
{
  g_autofree char *refs = g_build_filename (path, "refs", NULL);
  g_autofree char *own = g_build_filename (path, "hotreload", NULL);

  clear (AT_FDCWD, path, 1);
  clear (AT_FDCWD, own, 1);
  clear (AT_FDCWD, refs, DEPTH_MAX);
}
