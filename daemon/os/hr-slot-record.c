/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-slot-record.h"

static void
placed_free (gpointer data)
{
  HrPlaced *placed = data;

  g_free (placed->id);
  g_free (placed);
}

/**
 * hr_slot_record_new:
 *
 * Returns: (transfer full): the record of an empty slot
 */
HrSlotRecord *
hr_slot_record_new (void)
{
  HrSlotRecord *self = g_new0 (HrSlotRecord, 1);

  self->placed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, placed_free);
  self->agreed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->made = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return self;
}

/**
 * hr_slot_record_free:
 * @self: (transfer full) (nullable): a record
 */
void
hr_slot_record_free (HrSlotRecord *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->placed);
  g_hash_table_unref (self->agreed);
  g_hash_table_unref (self->made);
  g_free (self->tree);
  g_free (self);
}

/**
 * hr_slot_record_place:
 * @self: a record
 * @path: relative to the slot
 * @kind: what is placed there
 * @mode: permission bits
 * @id: (nullable): see #HrPlaced
 *
 * Enters @path, in place of what was entered under it. Its stamp is that of no file.
 *
 * Returns: (transfer none): the entry
 */
HrPlaced *
hr_slot_record_place (HrSlotRecord *self, const char *path, HrPlacedKind kind, guint mode, const char *id)
{
  HrPlaced *placed = g_new0 (HrPlaced, 1);

  placed->kind = kind;
  placed->mode = mode & 07777;
  placed->id = g_strdup (id);
  g_hash_table_replace (self->placed, g_strdup (path), placed);
  return placed;
}

/**
 * hr_slot_record_agree:
 * @self: a record
 * @path: relative to the slot
 * @stamp: of the program's own file there
 * @kept: whether it is safe because a copy is kept aside, not because the other slot has it
 */
void
hr_slot_record_agree (HrSlotRecord *self, const char *path, const HrStamp *stamp, gboolean kept)
{
  HrAgreed *agreed = g_hash_table_lookup (self->agreed, path);

  if (agreed != NULL && agreed->kept == kept && agreed->stamp.inode == stamp->inode && agreed->stamp.size == stamp->size
      && agreed->stamp.mtime == stamp->mtime)
    return;
  agreed = g_new (HrAgreed, 1);
  agreed->stamp = *stamp;
  agreed->kept = kept;
  g_hash_table_replace (self->agreed, g_strdup (path), agreed);
  self->changed = TRUE;
}

/**
 * hr_slot_record_agrees:
 * @self: a record
 * @path: relative to the slot
 * @info: what is there now
 *
 * Returns: (transfer none) (nullable): what is known of it when its content is safe elsewhere
 */
const HrAgreed *
hr_slot_record_agrees (const HrSlotRecord *self, const char *path, const struct stat *info)
{
  const HrAgreed *agreed = g_hash_table_lookup (self->agreed, path);

  return agreed != NULL && hr_stamp_matches (&agreed->stamp, info) ? agreed : NULL;
}

/**
 * hr_slot_record_make:
 * @self: a record
 * @path: relative to the slot
 * @stamp: of what a build or check made there
 */
void
hr_slot_record_make (HrSlotRecord *self, const char *path, const HrStamp *stamp)
{
  g_hash_table_replace (self->made, g_strdup (path), g_memdup2 (stamp, sizeof *stamp));
  self->changed = TRUE;
}

/**
 * hr_slot_record_is_made:
 * @self: a record
 * @path: relative to the slot
 * @info: what is there now
 *
 * Returns: whether it is as a build or check made it
 */
gboolean
hr_slot_record_is_made (const HrSlotRecord *self, const char *path, const struct stat *info)
{
  const HrStamp *made = g_hash_table_lookup (self->made, path);

  return made != NULL && hr_stamp_matches (made, info);
}

/**
 * hr_slot_record_sure:
 * @self: a record
 * @placed: an entry of it
 *
 * Returns: whether an equal stamp proves that the file is unchanged: not for one placed in the last moment before a
 *   program could run, which that program can have changed without leaving another time on it
 */
gboolean
hr_slot_record_sure (const HrSlotRecord *self, const HrPlaced *placed)
{
  return placed->stamp.inode != 0 && placed->stamp.mtime + HR_STAMP_UNSURE_NSEC < self->placed_at;
}
