/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-inode.h: which file a path means, and whether it still means the same.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/**
 * HrInode:
 * @dev: file system
 * @ino: number in it; 0: no file
 * @birth: when it was made, in nanoseconds, 0 where the file system does not say: numbers are used again
 * @mtime: when its content changed, in nanoseconds
 *
 * A value.
 */
typedef struct {
  guint64 dev;
  guint64 ino;
  gint64 birth;
  gint64 mtime;
} HrInode;

gboolean hr_inode_read (int fd, const char *path, mode_t type, HrInode *inode);
gboolean hr_inode_is_same (const HrInode *a, const HrInode *b);

G_END_DECLS
