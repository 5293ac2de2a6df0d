/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-slot-dir.h: file operations below one slot.
 *
 * Programs write into slots while the daemon works there, so a path is walked part by part and no symbolic link on
 * the way is followed: nothing outside the slot is ever read or changed. What is new is made beside the slot and
 * renamed into it, so that a program sees a file whole or not at all and a hard link elsewhere keeps its content. A
 * directory that its own mode protects is opened for the owner and gets its mode back in hr_slot_dir_finish(). Used by
 * one thread at a time. Every path is relative to the slot; errors name it in full.
 */
#pragma once

#include <gio/gio.h>
#include <sys/stat.h>

#include "hr-owner.h"

G_BEGIN_DECLS

/* So many changed files are synced one by one; beyond it, the whole file system once. */
#define HR_SLOT_DIR_SYNC_MAX 64

typedef struct _HrSlotDir HrSlotDir;

HrSlotDir *hr_slot_dir_open (const char *path, const char *temporary, GError **error);
void hr_slot_dir_set_owner (HrSlotDir *self, const HrOwner *owner);
void hr_slot_dir_free (HrSlotDir *self);
gboolean hr_slot_dir_finish (HrSlotDir *self, GError **error);
char *hr_slot_dir_full_path (HrSlotDir *self, const char *path);

gboolean hr_slot_dir_stat (HrSlotDir *self, const char *path, struct stat *info);
char **hr_slot_dir_names (HrSlotDir *self, const char *path, GError **error);
char *hr_slot_dir_read_link (HrSlotDir *self, const char *path);
GBytes *hr_slot_dir_read (HrSlotDir *self, const char *path, gsize size_max);
char *hr_slot_dir_blob_id (HrSlotDir *self, const char *path, const struct stat *info);
gboolean hr_slot_dir_is_written (HrSlotDir *self, const char *path);

gboolean hr_slot_dir_prepare (HrSlotDir *self, GBytes *content, int mode, const char *path, GError **error);
gboolean hr_slot_dir_prepare_link (HrSlotDir *self, const char *target, const char *path, GError **error);
gboolean hr_slot_dir_prepare_copy (HrSlotDir *self, HrSlotDir *from, const char *path, const struct stat *info,
                                   GError **error);
gboolean hr_slot_dir_commit (HrSlotDir *self, const char *path, struct stat *info, GError **error);
gboolean hr_slot_dir_make (HrSlotDir *self, const char *path, guint mode, GError **error);
gboolean hr_slot_dir_set_mode (HrSlotDir *self, const char *path, guint mode, GError **error);
void hr_slot_dir_set_dir_mode (HrSlotDir *self, const char *path, guint mode);
gboolean hr_slot_dir_remove (HrSlotDir *self, const char *path, gboolean is_dir, GError **error);
gboolean hr_slot_dir_remove_tree (HrSlotDir *self, const char *path, GError **error);
char *hr_slot_dir_keep (HrSlotDir *self, const char *path, const struct stat *info, const char *kept, gboolean move,
                        GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrSlotDir, hr_slot_dir_free)

G_END_DECLS
