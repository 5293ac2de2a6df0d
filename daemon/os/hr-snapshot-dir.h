/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-snapshot-dir.h: the snapshots of one service on disk: a directory with a file ID.json each.
 *
 * The directory is the truth: nothing of it is kept in memory. All calls block and may be made from any thread.
 * Other files in it are left alone, but for those that an interrupted write left.
 */
#pragma once

#include <gio/gio.h>

#include "hr-snapshot.h"

G_BEGIN_DECLS

typedef struct _HrSnapshotDir HrSnapshotDir;

#define HR_TYPE_SNAPSHOT_DIR (hr_snapshot_dir_get_type ())
GType hr_snapshot_dir_get_type (void);

HrSnapshotDir *hr_snapshot_dir_new (const char *path, const char *service, guint keep);
HrSnapshotDir *hr_snapshot_dir_ref (HrSnapshotDir *self);
void hr_snapshot_dir_unref (HrSnapshotDir *self);

gboolean hr_snapshot_dir_store (HrSnapshotDir *self, HrSnapshot *snapshot, gint64 time_usec, GError **error);
HrSnapshot *hr_snapshot_dir_load (HrSnapshotDir *self, const char *id, GError **error);
GPtrArray *hr_snapshot_dir_list (HrSnapshotDir *self);
char *hr_snapshot_dir_get_path (HrSnapshotDir *self, const char *id);
char *hr_snapshot_dir_take_aside (HrSnapshotDir *self, const char *file, const char *name, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrSnapshotDir, hr_snapshot_dir_unref)

G_END_DECLS
