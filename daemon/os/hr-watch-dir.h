/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-watch-dir.h: one directory of a source that is watched, and how it was when it was listed last.
 */
#pragma once

#include "hr-inode.h"
#include "hr-watch-monitor.h"

G_BEGIN_DECLS

/**
 * HrWatchDir:
 * @path: relative to the source
 * @owner: the tree that watches it; the caller's
 * @walk: number of the walk that listed it last; the caller's
 *
 * The other members are private.
 */
typedef struct {
  char *path;
  gpointer owner;
  guint walk;
  HrWatchMonitor *monitor;
  HrInode inode; /* mtime is 0 when the listing may be out of date */
  HrInode rules; /* of its .gitignore; all 0: there is none */
} HrWatchDir;

/**
 * HrWatchDirState:
 * @gone: the path means something else now
 * @changed: it has to be listed again
 * @other_rules: its .gitignore is another one, or has another content
 */
typedef struct {
  gboolean gone;
  gboolean changed;
  gboolean other_rules;
} HrWatchDirState;

HrWatchDir *hr_watch_dir_new (const char *path, const char *full, const HrInode *inode, HrWatchMonitorFunc func,
                              gpointer user_data, GError **error);
void hr_watch_dir_free (HrWatchDir *self);
gboolean hr_watch_dir_is (const HrWatchDir *self, const HrInode *inode);
HrWatchDirState hr_watch_dir_inspect (const HrWatchDir *self, const char *full);
void hr_watch_dir_listed (HrWatchDir *self, const char *full, const HrInode *inode, gint64 when,
                          gboolean has_gitignore);
GPtrArray *hr_watch_dir_list (int fd, gboolean *has_gitignore);

G_END_DECLS
