/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-stamp.h: what tells whether a file is the one it was, as far as that is seen without reading it.
 */
#pragma once

#include <glib.h>
#include <sys/stat.h>

G_BEGIN_DECLS

/* Within this time two writes of a file may leave the same time on it (the kernel's tick, with room to spare). */
#define HR_STAMP_UNSURE_NSEC (20 * G_GINT64_CONSTANT (1000000))

/**
 * HrStamp:
 * @size: in bytes; 0 for a directory
 * @mtime: in nanoseconds since 1970; 0 for a directory
 * @inode: number; 0: the stamp of no file
 */
typedef struct {
  guint64 size;
  gint64 mtime;
  guint64 inode;
} HrStamp;

gint64 hr_stamp_time (const struct stat *info);
HrStamp hr_stamp_of (const struct stat *info);
gboolean hr_stamp_matches (const HrStamp *self, const struct stat *info);

G_END_DECLS
