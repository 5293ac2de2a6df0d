/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-slot-carry.h"

#include <string.h>

typedef enum { VERDICT_NOTHING, VERDICT_BRING, VERDICT_KEEP } Verdict;

/* Whether the release has something above @path in which it cannot be: a file, a link, something shared. */
static gboolean
is_under_other (HrSlotRecord *want, const char *path)
{
  g_autofree char *above = g_strdup (path);
  char *slash;

  while ((slash = strrchr (above, '/')) != NULL)
    {
      const HrPlaced *placed;

      *slash = '\0';
      placed = g_hash_table_lookup (want->placed, above);
      if (placed != NULL && placed->kind != HR_PLACED_DIR)
        return TRUE;
    }
  return FALSE;
}

/* What becomes of @own, going by what the release in the other slot has in its place. */
static Verdict
judge (HrSlotChange *change, const HrSlotOwn *own)
{
  const HrPlaced *want = g_hash_table_lookup (change->want->placed, own->path);
  gboolean is_dir = S_ISDIR (own->info.st_mode);
  g_autofree char *id = NULL;

  if (is_under_other (change->want, own->path))
    return is_dir ? VERDICT_NOTHING : VERDICT_KEEP;
  if (want != NULL && (is_dir || hr_placed_kind_is_dir (want->kind)))
    return is_dir ? VERDICT_NOTHING : VERDICT_KEEP;
  /* A directory in place of a file that the program removed: brought along only where nothing is recorded. */
  if (own->placed == NULL || is_dir)
    {
      if (want == NULL)
        return VERDICT_BRING;
      id = want->kind == HR_PLACED_SHARE_LINK ? NULL : hr_slot_dir_blob_id (change->from, own->path, &own->info);
      return g_strcmp0 (id, want->id) == 0 ? VERDICT_NOTHING : VERDICT_KEEP;
    }
  /* A program that replaced the link to something shared by a file of its own goes on with that. */
  if (own->placed->kind == HR_PLACED_SHARE_LINK)
    return want == NULL || want->kind == HR_PLACED_SHARE_LINK ? VERDICT_BRING : VERDICT_KEEP;
  return want != NULL && want->kind == own->placed->kind && g_strcmp0 (want->id, own->placed->id) == 0 ? VERDICT_BRING
                                                                                                       : VERDICT_KEEP;
}

/* Whether the other slot had the file with this very stamp. */
static gboolean
is_shared (const HrSlotRecord *record, const char *path, const struct stat *info)
{
  const HrAgreed *agreed = hr_slot_record_agrees (record, path, info);

  return agreed != NULL && !agreed->kept;
}

static gboolean
is_fresh_write (const struct stat *info)
{
  return g_get_real_time () * 1000 - hr_stamp_time (info) < HR_STAMP_UNSURE_NSEC;
}

/* Enters that both slots have the same at @own's path. A file written a moment ago may be written again without
 * getting another time, so that is left open while its program runs. */
static void
agree (HrSlotChange *change, const HrSlotOwn *own, const struct stat *in_to)
{
  HrStamp to_stamp = hr_stamp_of (in_to);
  HrStamp from_stamp = hr_stamp_of (&own->info);

  hr_slot_record_agree (change->want, own->path, &to_stamp, FALSE);
  if (change->from_ended || S_ISDIR (own->info.st_mode) || !is_fresh_write (&own->info))
    hr_slot_record_agree (change->from_record, own->path, &from_stamp, FALSE);
}

static gboolean
keep (HrSlotChange *change, const HrSlotOwn *own, GError **error)
{
  HrStamp stamp = hr_stamp_of (&own->info);
  g_autoptr (GError) local = NULL;

  if (hr_slot_change_keep (change, change->from, change->from_record->release, own->path, &own->info, FALSE, &local))
    {
      hr_slot_record_agree (change->from_record, own->path, &stamp, TRUE);
      return TRUE;
    }
  if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    return TRUE;
  if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED))
    {
      g_ptr_array_add (change->kept_aside, hr_slot_dir_full_path (change->from, own->path));
      return TRUE;
    }
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

/* A slot without a trustworthy record looks as if everything in it were the program's; what the store holds is not. */
static void
drop_recorded (HrSlotChange *change)
{
  for (guint i = change->in_from->own->len; i > 0; i--)
    {
      const HrSlotOwn *own = g_ptr_array_index (change->in_from->own, i - 1);

      if (!S_ISDIR (own->info.st_mode) && hr_slot_change_is_recorded (change, change->from, own->path, &own->info))
        {
          g_hash_table_remove (change->in_from->paths, own->path);
          g_ptr_array_remove_index (change->in_from->own, i - 1);
        }
    }
}

/**
 * hr_slot_carry_plan:
 * @change: a change with all slots, records and walks
 * @error: return location
 *
 * Decides about each file that the program in @change's from wrote, and keeps aside those that lose.
 *
 * Returns: (transfer full) (element-type filename HrSlotOwn): set of what is to be brought along, by path; %NULL with
 *   an error set
 */
GHashTable *
hr_slot_carry_plan (HrSlotChange *change, GError **error)
{
  g_autoptr (GHashTable) bring = g_hash_table_new (g_str_hash, g_str_equal);

  if (change->from == NULL)
    return g_steal_pointer (&bring);
  if (change->from_record->release == 0)
    drop_recorded (change);
  for (guint i = 0; i < change->in_from->own->len; i++)
    {
      HrSlotOwn *own = g_ptr_array_index (change->in_from->own, i);
      Verdict verdict = judge (change, own);
      const HrAgreed *agreed = hr_slot_record_agrees (change->from_record, own->path, &own->info);

      if (g_cancellable_set_error_if_cancelled (change->cancellable, error))
        return NULL;
      if (verdict == VERDICT_KEEP && (agreed == NULL || !agreed->kept) && !keep (change, own, error))
        return NULL;
      if (verdict == VERDICT_BRING)
        g_hash_table_insert (bring, own->path, own);
    }
  for (guint i = 0; i < change->in_from->unreadable->len; i++)
    g_ptr_array_add (change->kept_aside,
                     hr_slot_dir_full_path (change->from, g_ptr_array_index (change->in_from->unreadable, i)));
  return g_steal_pointer (&bring);
}

static gboolean
make_parents (HrSlotChange *change, const char *path, GError **error)
{
  g_autofree char *dir = g_path_get_dirname (path);
  struct stat info;
  struct stat original;

  if (g_str_equal (dir, "."))
    return TRUE;
  if (hr_slot_dir_stat (change->to, dir, &info) && S_ISDIR (info.st_mode))
    return TRUE;
  /* Where a program runs, room was looked for before. */
  return make_parents (change, dir, error) && (change->in_to == NULL || hr_slot_change_vacate (change, dir, error))
         && hr_slot_dir_make (change->to, dir,
                              hr_slot_dir_stat (change->from, dir, &original) ? original.st_mode & 07777 : 0755, error);
}

static gboolean
same_content (HrSlotChange *change, const HrSlotOwn *own, const struct stat *in_to)
{
  g_autofree char *theirs = NULL;
  g_autofree char *ours = NULL;

  if ((own->info.st_mode & S_IFMT) != (in_to->st_mode & S_IFMT))
    return FALSE;
  if (S_ISDIR (in_to->st_mode))
    return TRUE;
  if (own->info.st_size != in_to->st_size || (own->info.st_mode & 07777) != (in_to->st_mode & 07777))
    return FALSE;
  theirs = hr_slot_dir_blob_id (change->from, own->path, &own->info);
  ours = hr_slot_dir_blob_id (change->to, own->path, in_to);
  return theirs != NULL && g_strcmp0 (theirs, ours) == 0;
}

/* Copies @own beside the slot; @copied is unset when there is nothing to copy or it may not be read. */
static gboolean
copy_beside (HrSlotChange *change, const HrSlotOwn *own, gboolean *copied, GError **error)
{
  g_autoptr (GError) local = NULL;

  *copied = hr_slot_dir_prepare_copy (change->to, change->from, own->path, &own->info, &local);
  if (*copied || g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    return TRUE;
  if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED))
    {
      g_ptr_array_add (change->kept_aside, hr_slot_dir_full_path (change->from, own->path));
      return TRUE;
    }
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

static gboolean
put (HrSlotChange *change, const HrSlotOwn *own, gboolean *brought, GError **error)
{
  struct stat placed;

  if (!hr_slot_dir_commit (change->to, own->path, &placed, error))
    return FALSE;
  agree (change, own, &placed);
  hr_slot_change_carried (change, own->path);
  hr_slot_change_forget_bytecode (change, own->path);
  *brought = TRUE;
  return TRUE;
}

static gboolean
bring_dir (HrSlotChange *change, const HrSlotOwn *own, GError **error)
{
  struct stat info;

  if (!make_parents (change, own->path, error)
      || !hr_slot_dir_make (change->to, own->path, own->info.st_mode & 07777, error)
      || !hr_slot_dir_stat (change->to, own->path, &info))
    return FALSE;
  agree (change, own, &info);
  return TRUE;
}

/**
 * hr_slot_carry_bring:
 * @change: a change of a slot in which no program runs
 * @own: of the plan, its parents before it
 * @brought: (out): whether @change's to has it now; not when it has vanished or may not be read
 * @error: return location
 *
 * Returns: success; else a #GIOErrorEnum is set
 */
gboolean
hr_slot_carry_bring (HrSlotChange *change, const HrSlotOwn *own, gboolean *brought, GError **error)
{
  struct stat there;
  gboolean is_there = hr_slot_dir_stat (change->to, own->path, &there);
  gboolean copied;

  *brought = TRUE;
  if (is_there
      && ((is_shared (change->from_record, own->path, &own->info) && is_shared (change->have, own->path, &there))
          || same_content (change, own, &there)))
    {
      agree (change, own, &there);
      if (!S_ISDIR (own->info.st_mode))
        hr_slot_change_carried (change, own->path);
      return TRUE;
    }
  if (!hr_slot_change_begin (change, error))
    return FALSE;
  if (S_ISDIR (own->info.st_mode))
    return hr_slot_change_vacate (change, own->path, error) && bring_dir (change, own, error);

  *brought = FALSE;
  if (!copy_beside (change, own, &copied, error))
    return FALSE;
  if (!copied)
    return TRUE;
  if (is_there && S_ISDIR (there.st_mode) ? !hr_slot_change_vacate (change, own->path, error)
                                          : is_there && !hr_slot_change_protect (change, own->path, &there, error))
    return FALSE;
  return make_parents (change, own->path, error) && put (change, own, brought, error);
}

/* Whether the successor's program left what it was given at @path, so that it may be replaced. */
static gboolean
is_untouched (HrSlotChange *change, const char *path, const struct stat *info)
{
  const HrPlaced *placed = g_hash_table_lookup (change->want->placed, path);
  g_autofree char *now = NULL;

  if (hr_slot_record_agrees (change->want, path, info) != NULL)
    return TRUE;
  if (placed == NULL || S_ISDIR (info->st_mode))
    return FALSE;
  if (placed->kind == HR_PLACED_SHARE_LINK)
    now = S_ISLNK (info->st_mode) ? hr_slot_dir_read_link (change->to, path) : NULL;
  else if ((placed->kind == HR_PLACED_LINK) == S_ISLNK (info->st_mode))
    now = hr_slot_dir_blob_id (change->to, path, info);
  return g_strcmp0 (now, placed->id) == 0;
}

/* Whether what stands above @path are directories, as far as there is anything. */
static gboolean
has_room (HrSlotChange *change, const char *path)
{
  g_autofree char *above = g_strdup (path);
  struct stat info;

  for (char *slash = strchr (above, '/'); slash != NULL; slash = strchr (slash + 1, '/'))
    {
      *slash = '\0';
      if (!hr_slot_dir_stat (change->to, above, &info))
        return TRUE;
      if (!S_ISDIR (info.st_mode))
        return FALSE;
      *slash = '/';
    }
  return TRUE;
}

/* Brings @own into a slot in which a program runs, unless that has to do with it already. */
static gboolean
bring_late (HrSlotChange *change, const HrSlotOwn *own, GError **error)
{
  struct stat there;
  gboolean copied;
  gboolean brought;
  gboolean is_there = hr_slot_dir_stat (change->to, own->path, &there);

  if (!has_room (change, own->path))
    return S_ISDIR (own->info.st_mode) || keep (change, own, error);
  if (is_there && same_content (change, own, &there))
    {
      agree (change, own, &there);
      return TRUE;
    }
  if (S_ISDIR (own->info.st_mode))
    return is_there || g_hash_table_contains (change->want->agreed, own->path) || bring_dir (change, own, error);
  if (!copy_beside (change, own, &copied, error))
    return FALSE;
  if (!copied)
    return TRUE;

  /* Looked at only now: copying may have taken long. */
  is_there = hr_slot_dir_stat (change->to, own->path, &there);
  if (is_there ? !is_untouched (change, own->path, &there) || hr_slot_dir_is_written (change->to, own->path)
               : g_hash_table_contains (change->want->agreed, own->path)
                     || g_hash_table_contains (change->want->placed, own->path))
    return keep (change, own, error);
  return make_parents (change, own->path, error) && put (change, own, &brought, error);
}

/**
 * hr_slot_carry_late:
 * @change: a change whose from has ended; its to may run, and its want is the record of that
 * @error: return location
 *
 * Brings what was written since the two slots agreed last. What the program in @change's to has changed, removed, or
 * has open for writing, is left alone, and its predecessor's version kept aside.
 *
 * Returns: success; else a #GIOErrorEnum is set
 */
gboolean
hr_slot_carry_late (HrSlotChange *change, GError **error)
{
  if (change->from_record->release == 0)
    drop_recorded (change);
  for (guint i = 0; i < change->in_from->own->len; i++)
    {
      const HrSlotOwn *own = g_ptr_array_index (change->in_from->own, i);
      Verdict verdict;

      if (g_cancellable_set_error_if_cancelled (change->cancellable, error))
        return FALSE;
      if (hr_slot_record_agrees (change->from_record, own->path, &own->info) != NULL)
        continue;
      verdict = judge (change, own);
      if (verdict == VERDICT_KEEP ? !keep (change, own, error)
                                  : verdict == VERDICT_BRING && !bring_late (change, own, error))
        return FALSE;
    }
  return TRUE;
}
