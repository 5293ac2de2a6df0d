/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-watch-tree.h: the recorded directories of one source, each with a monitor.
 *
 * One monitor a directory, never one a file: a save that replaces a file would end it. Ignored directories have none.
 * Events are told as they come; keeping the tree true to them is the caller's part, outside of the event.
 */
#pragma once

#include "hr-ignore.h"
#include "hr-watch-monitor.h"

G_BEGIN_DECLS

/**
 * HrWatchFunc:
 * @event: what happened
 * @path: (nullable): to what, relative to the source; %NULL with %HR_WATCH_ROOT: the source may be another directory
 * @user_data: of hr_watch_tree_new()
 */
typedef void (*HrWatchFunc) (HrWatchEvent event, const char *path, gpointer user_data);

typedef struct _HrWatchTree HrWatchTree;

HrWatchTree *hr_watch_tree_new (HrIgnore *ignore, HrWatchFunc func, gpointer user_data);
void hr_watch_tree_free (HrWatchTree *self);
void hr_watch_tree_set_limit (HrWatchTree *self, guint limit);
gboolean hr_watch_tree_open (HrWatchTree *self, const char *root, GError **error);
void hr_watch_tree_close (HrWatchTree *self);
gboolean hr_watch_tree_add (HrWatchTree *self, const char *path, GError **error);
gboolean hr_watch_tree_has (HrWatchTree *self, const char *path);
void hr_watch_tree_drop (HrWatchTree *self, GHashTable *paths);
gboolean hr_watch_tree_audit (HrWatchTree *self, GError **error);
gboolean hr_watch_tree_apply_rules (HrWatchTree *self, GError **error);
guint hr_watch_tree_size (HrWatchTree *self);
const char *hr_watch_tree_root (HrWatchTree *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrWatchTree, hr_watch_tree_free)

G_END_DECLS
