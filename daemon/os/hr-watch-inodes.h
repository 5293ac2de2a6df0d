/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-watch-inodes.h: which directories are watched, by what they are and not by how they are called.
 *
 * To the kernel a directory is one watch, whatever its path. One that was moved is watched by its new name and, until
 * the event is handled, by its old one; GLib knows them as two, and ending one of them ends the kernel's watch of both.
 * Of the watch thread, for all trees.
 */
#pragma once

#include "hr-watch-dir.h"

G_BEGIN_DECLS

void hr_watch_inodes_add (HrWatchDir *dir);
void hr_watch_inodes_remove (HrWatchDir *dir);
GSList *hr_watch_inodes_find (const HrInode *inode);

G_END_DECLS
