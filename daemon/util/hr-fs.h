/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-fs.h: files that survive a crash, and the few file operations GIO has no call for.
 *
 * All calls block: small state files may be written from the main loop, anything that grows with a tree belongs in a
 * worker thread.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

gboolean hr_fs_write (const char *path, gconstpointer data, gsize size, int mode, GError **error);
gboolean hr_fs_replace (const char *path, gconstpointer data, gsize size, int mode, GError **error);
GBytes *hr_fs_read (const char *path, gsize size_max, GError **error);
char *hr_fs_read_last_lines (const char *path, gsize size_max, guint lines_max);
char *hr_fs_set_aside (const char *path, GError **error);
gboolean hr_fs_make_dir (const char *path, int mode, GError **error);
gboolean hr_fs_sync_dir (const char *path, GError **error);
gboolean hr_fs_sync_all (const char *const *paths, guint n, GError **error);
gboolean hr_fs_remove_tree (const char *path, GError **error);
gboolean hr_fs_copy (const char *from, const char *to, int mode, GError **error);
const char *hr_fs_strerror (int errnum);
gboolean hr_fs_set_error (GError **error, int errnum, const char *format, ...) G_GNUC_PRINTF (3, 4);

G_END_DECLS
