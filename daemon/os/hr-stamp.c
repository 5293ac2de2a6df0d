/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-stamp.h"

/**
 * hr_stamp_time:
 * @info: a file
 *
 * Returns: when it was last written, in nanoseconds since 1970
 */
gint64
hr_stamp_time (const struct stat *info)
{
  return info->st_mtim.tv_sec * G_GINT64_CONSTANT (1000000000) + info->st_mtim.tv_nsec;
}

/**
 * hr_stamp_of:
 * @info: a file
 *
 * Returns: its stamp
 */
HrStamp
hr_stamp_of (const struct stat *info)
{
  HrStamp stamp = { .inode = info->st_ino };

  if (!S_ISDIR (info->st_mode))
    {
      stamp.size = (guint64)info->st_size;
      stamp.mtime = hr_stamp_time (info);
    }
  return stamp;
}

/**
 * hr_stamp_matches:
 * @self: a stamp
 * @info: a file
 *
 * Returns: whether @info has that stamp
 */
gboolean
hr_stamp_matches (const HrStamp *self, const struct stat *info)
{
  HrStamp now = hr_stamp_of (info);

  return self->inode != 0 && self->inode == now.inode && self->size == now.size && self->mtime == now.mtime;
}
