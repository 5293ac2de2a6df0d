/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-inode.h"

#include <fcntl.h>
#include <sys/stat.h>

static gint64
nanoseconds (struct statx_timestamp time)
{
  return time.tv_sec * G_GINT64_CONSTANT (1000000000) + time.tv_nsec;
}

/**
 * hr_inode_read:
 * @fd: a directory that @path is relative to, or with "" for @path what is meant itself
 * @path: a path; a link at its end is not followed
 * @type: what it has to be: S_IFDIR, S_IFREG …
 * @inode: (out): all 0 if there is no such file
 *
 * Returns: whether there is
 */
gboolean
hr_inode_read (int fd, const char *path, mode_t type, HrInode *inode)
{
  struct statx st;

  *inode = (HrInode){ 0 };
  if (statx (fd, path, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, STATX_TYPE | STATX_INO | STATX_MTIME | STATX_BTIME, &st)
          != 0
      || (st.stx_mode & S_IFMT) != type)
    return FALSE;
  inode->dev = ((guint64)st.stx_dev_major << 32) | st.stx_dev_minor;
  inode->ino = st.stx_ino;
  inode->birth = (st.stx_mask & STATX_BTIME) != 0 ? nanoseconds (st.stx_btime) : 0;
  inode->mtime = nanoseconds (st.stx_mtime);
  return TRUE;
}

/**
 * hr_inode_is_same:
 * @a: one
 * @b: another
 *
 * Returns: whether they are the same file, whatever its content
 */
gboolean
hr_inode_is_same (const HrInode *a, const HrInode *b)
{
  return a->dev == b->dev && a->ino == b->ino && a->birth == b->birth;
}
