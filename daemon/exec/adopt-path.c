/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-path.c: keeps the program from removing the file of a Unix socket that other instances use.
 *
 * Programs remove it before they bind, and libuv when it closes, even when a successor serves there. The program is
 * told that it is gone, and its bind() gets the listener. Whose file it is, the daemon says: it knows it by device and
 * inode, as paths mean different things to it and to the program.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adopt-client.h"
#include "adopt-real.h"
#include "adopt-report.h"

/* Whether a file stayed that the program believes to be removed. */
static int has_kept;

/* Whether the file is a listener's. Keeps errno. */
static bool
is_kept (int directory, const char *path)
{
  HrAdoptRequest request = { .question = HR_ADOPT_UNLINK };
  int saved = errno, found;
  struct stat info;
  bool kept = false;

  if (adopt_is_on () && fstatat (directory, path, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK (info.st_mode))
    {
      request.device = info.st_dev;
      request.inode = info.st_ino;
      kept = adopt_client_call (&request, -1, &found);
    }
  if (kept)
    __atomic_store_n (&has_kept, 1, __ATOMIC_RELEASE);
  errno = saved;
  return kept;
}

/* A directory that was made for a socket goes with its files: the program does not mean to use it again. Returns
   whether to try again; keeps errno, which says why it could not be removed. */
static bool
let_go (int directory, const char *path)
{
  HrAdoptRequest request = { .question = HR_ADOPT_REMOVE_DIRECTORY };
  int why = errno, found;
  bool stands = (why == ENOTEMPTY || why == EEXIST) && __atomic_load_n (&has_kept, __ATOMIC_ACQUIRE);
  struct stat info;

  if (stands && fstatat (directory, path, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR (info.st_mode))
    {
      request.device = info.st_dev;
      request.inode = info.st_ino;
      stands = !adopt_client_call (&request, -1, &found);
    }
  else
    stands = true;
  errno = why;
  return !stands;
}

EXPORT int
unlink (const char *path)
{
  return is_kept (AT_FDCWD, path) ? 0 : REAL (unlink) (path);
}

EXPORT int
unlinkat (int directory, const char *path, int flags)
{
  int result;

  if ((flags & AT_REMOVEDIR) == 0)
    return is_kept (directory, path) ? 0 : REAL (unlinkat) (directory, path, flags);
  result = REAL (unlinkat) (directory, path, flags);
  return result < 0 && let_go (directory, path) ? REAL (unlinkat) (directory, path, flags) : result;
}

EXPORT int
rmdir (const char *path)
{
  int result = REAL (rmdir) (path);

  return result < 0 && let_go (AT_FDCWD, path) ? REAL (rmdir) (path) : result;
}

/* Of a directory this is rmdir(), which libc calls past the one above. */
EXPORT int
remove (const char *path)
{
  int result;

  if (is_kept (AT_FDCWD, path))
    return 0;
  result = REAL (remove) (path);
  return result < 0 && let_go (AT_FDCWD, path) ? REAL (remove) (path) : result;
}
