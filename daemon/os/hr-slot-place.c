/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-slot-place.h"

#include <string.h>

#include "hr-git-tree.h"
#include "hr-slot-carry.h"

/**
 * hr_slot_place_read_tree:
 * @store: the rollback store
 * @tree: one of its trees
 * @want: to which the paths of the tree are added
 * @error: return location
 *
 * Returns: success; else an error is set
 */
gboolean
hr_slot_place_read_tree (HrReleaseStore *store, const char *tree, HrSlotRecord *want, GError **error)
{
  static const HrPlacedKind kinds[] = {
    [HR_GIT_FILE] = HR_PLACED_FILE, [HR_GIT_LINK] = HR_PLACED_LINK, [HR_GIT_DIR] = HR_PLACED_DIR
  };
  g_autoptr (GPtrArray) entries = hr_git_tree_list (store, tree, error);

  if (entries == NULL)
    return FALSE;
  for (guint i = 0; i < entries->len; i++)
    {
      const HrGitEntry *entry = g_ptr_array_index (entries, i);

      hr_slot_record_place (want, entry->path, kinds[entry->kind], entry->mode,
                            entry->kind == HR_GIT_DIR ? NULL : entry->oid);
    }
  return TRUE;
}

static int
compare_ascending (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

static int
compare_descending (gconstpointer a, gconstpointer b)
{
  return compare_ascending (b, a);
}

/* Whether what is wanted leaves no room for the own @path: something else is wanted above it, or in its place. */
static gboolean
is_in_the_way (HrSlotChange *change, const char *path, gboolean is_dir)
{
  const HrPlaced *want = g_hash_table_lookup (change->want->placed, path);
  g_autofree char *above = NULL;
  char *slash;

  if (want != NULL)
    return hr_placed_kind_is_dir (want->kind) != is_dir;
  above = g_strdup (path);
  while ((slash = strrchr (above, '/')) != NULL)
    {
      *slash = '\0';
      want = g_hash_table_lookup (change->want->placed, above);
      if (want != NULL && want->kind != HR_PLACED_DIR)
        return TRUE;
    }
  return FALSE;
}

/* Whether the program whose files are brought along has removed what this slot still has from before. */
static gboolean
was_removed (HrSlotChange *change, const HrSlotOwn *own)
{
  struct stat info;

  return change->from != NULL && hr_slot_record_agrees (change->have, own->path, &own->info) != NULL
         && !hr_slot_dir_stat (change->from, own->path, &info);
}

/* The paths that must go, inner ones first; they belong to the record and the walk. */
static GPtrArray *
list_obsolete (HrSlotChange *change, GHashTable *bring)
{
  GPtrArray *obsolete = g_ptr_array_new ();
  GHashTableIter iter;
  const char *path;
  const HrPlaced *placed;

  g_hash_table_iter_init (&iter, change->have->placed);
  while (g_hash_table_iter_next (&iter, (gpointer *)&path, (gpointer *)&placed))
    {
      const HrPlaced *want = g_hash_table_lookup (change->want->placed, path);

      if (placed->seen && placed->intact
          && (want == NULL || hr_placed_kind_is_dir (want->kind) != hr_placed_kind_is_dir (placed->kind))
          && !g_hash_table_contains (bring, path))
        g_ptr_array_add (obsolete, (char *)path);
    }
  for (guint i = 0; i < change->in_to->own->len; i++)
    {
      const HrSlotOwn *own = g_ptr_array_index (change->in_to->own, i);
      gboolean is_dir = S_ISDIR (own->info.st_mode);
      gboolean is_recorded = change->scratch && !is_dir && !g_hash_table_contains (change->want->placed, own->path)
                             && hr_slot_change_is_recorded (change, change->to, own->path, &own->info);

      if (!g_hash_table_contains (bring, own->path)
          && (is_in_the_way (change, own->path, is_dir) || was_removed (change, own) || is_recorded
              || (own->placed != NULL && !is_dir && !g_hash_table_contains (change->want->placed, own->path))))
        g_ptr_array_add (obsolete, own->path);
    }
  g_ptr_array_sort (obsolete, compare_descending);
  return obsolete;
}

static void
forget_own (HrSlotChange *change, const char *path)
{
  g_hash_table_remove (change->in_to->paths, path);
  hr_slot_change_forget_bytecode (change, path);
}

static gboolean
remove_dir (HrSlotChange *change, const char *path, GError **error)
{
  const HrPlaced *want = g_hash_table_lookup (change->want->placed, path);
  g_autoptr (GError) local = NULL;

  if (want != NULL && !hr_placed_kind_is_dir (want->kind))
    return hr_slot_change_vacate (change, path, error);
  if (hr_slot_dir_remove (change->to, path, TRUE, &local))
    return TRUE;
  /* What a program wrote there stays, and the directory with it. */
  if (hr_slot_change_has_below (change, path))
    return TRUE;
  return hr_slot_dir_remove_tree (change->to, path, error);
}

/* Without a record, a directory that held nothing but what was removed is taken to have been placed too. */
static void
remove_emptied (HrSlotChange *change, const char *path)
{
  g_autofree char *above = g_strdup (path);
  char *slash;

  while ((slash = strrchr (above, '/')) != NULL)
    {
      *slash = '\0';
      if (g_hash_table_contains (change->want->placed, above) || !hr_slot_dir_remove (change->to, above, TRUE, NULL))
        return;
      g_hash_table_remove (change->in_to->paths, above);
    }
}

static gboolean
remove_obsolete (HrSlotChange *change, GHashTable *bring, GError **error)
{
  g_autoptr (GPtrArray) obsolete = list_obsolete (change, bring);

  for (guint i = 0; i < obsolete->len; i++)
    {
      const char *path = g_ptr_array_index (obsolete, i);
      const HrPlaced *placed = g_hash_table_lookup (change->have->placed, path);
      struct stat info;

      if (g_cancellable_set_error_if_cancelled (change->cancellable, error))
        return FALSE;
      if (!hr_slot_dir_stat (change->to, path, &info))
        continue;
      if (!hr_slot_change_begin (change, error))
        return FALSE;
      if (S_ISDIR (info.st_mode) ? !remove_dir (change, path, error) : !hr_slot_change_vacate (change, path, error))
        return FALSE;
      if (placed != NULL && (placed->kind == HR_PLACED_FILE || placed->kind == HR_PLACED_LINK))
        change->written++;
      forget_own (change, path);
      if (change->scratch)
        remove_emptied (change, path);
    }
  return TRUE;
}

static gboolean
place_dir (HrSlotChange *change, const char *path, const HrPlaced *want, GError **error)
{
  struct stat info;

  if (hr_slot_dir_stat (change->to, path, &info) && S_ISDIR (info.st_mode))
    {
      if (want->kind == HR_PLACED_SHARE_DIR || (info.st_mode & 07777) == want->mode)
        return TRUE;
      if (!hr_slot_change_begin (change, error))
        return FALSE;
      hr_slot_dir_set_dir_mode (change->to, path, want->mode);
      return TRUE;
    }
  return hr_slot_change_begin (change, error) && hr_slot_change_vacate (change, path, error)
         && hr_slot_dir_make (change->to, path, want->mode, error);
}

/* Whether @path holds what is wanted already, however it came there. */
static gboolean
adopt (HrSlotChange *change, const char *path, HrPlaced *want, const struct stat *info, GError **error)
{
  g_autofree char *now = NULL;

  if (want->kind == HR_PLACED_SHARE_LINK)
    now = S_ISLNK (info->st_mode) ? hr_slot_dir_read_link (change->to, path) : NULL;
  else if (want->kind == HR_PLACED_LINK ? S_ISLNK (info->st_mode) : S_ISREG (info->st_mode))
    now = hr_slot_dir_blob_id (change->to, path, info);
  if (g_strcmp0 (now, want->id) != 0)
    return FALSE;

  if (want->kind == HR_PLACED_FILE && (info->st_mode & 07777) != want->mode
      && (!hr_slot_change_begin (change, error) || !hr_slot_dir_set_mode (change->to, path, want->mode, error)))
    return FALSE;
  /* Which content the bytecode beside it was made from is not known. */
  hr_slot_change_forget_bytecode (change, path);
  want->stamp = hr_stamp_of (info);
  return TRUE;
}

static gboolean
prepare (HrSlotChange *change, const char *path, const HrPlaced *want, GError **error)
{
  g_autoptr (GBytes) content = NULL;
  g_autofree char *target = NULL;

  if (want->kind == HR_PLACED_SHARE_LINK)
    return hr_slot_dir_prepare_link (change->to, want->id, path, error);
  content = hr_git_tree_read (change->store, want->id, error);
  if (content == NULL)
    {
      g_prefix_error (error, "while placing '%s' of '%s': ", path, change->service);
      return FALSE;
    }
  if (want->kind == HR_PLACED_FILE)
    return hr_slot_dir_prepare (change->to, content, (int)want->mode, path, error);
  target = g_strndup (g_bytes_get_data (content, NULL), g_bytes_get_size (content));
  return hr_slot_dir_prepare_link (change->to, target, path, error);
}

static gboolean
place_file (HrSlotChange *change, const char *path, HrPlaced *want, GError **error)
{
  g_autoptr (GError) local = NULL;
  struct stat info;
  gboolean is_there = hr_slot_dir_stat (change->to, path, &info);

  if (is_there && adopt (change, path, want, &info, &local))
    return TRUE;
  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (!hr_slot_change_begin (change, error) || !prepare (change, path, want, error))
    return FALSE;
  if (is_there && S_ISDIR (info.st_mode) ? !hr_slot_change_vacate (change, path, error)
                                         : is_there && !hr_slot_change_protect (change, path, &info, error))
    return FALSE;
  if (!hr_slot_dir_commit (change->to, path, &info, error))
    return FALSE;
  want->stamp = hr_stamp_of (&info);
  if (want->kind != HR_PLACED_SHARE_LINK)
    change->written++;
  hr_slot_change_forget_bytecode (change, path);
  return TRUE;
}

/* Whether what stands at @path is what was placed there and is still wanted. */
static gboolean
is_up_to_date (HrSlotChange *change, const char *path, HrPlaced *want)
{
  const HrPlaced *have = g_hash_table_lookup (change->have->placed, path);

  if (have == NULL || !have->seen || !have->intact || have->kind != want->kind || g_strcmp0 (have->id, want->id) != 0
      || ((have->kind == HR_PLACED_FILE || have->kind == HR_PLACED_DIR) && have->mode_now != want->mode))
    return FALSE;
  want->stamp = have->stamp;
  return TRUE;
}

/* Whether the program's version of a recorded file stays: it is this slot's program that will run again, and either
 * nothing is brought along or the very same release comes back. */
static gboolean
stays_changed (HrSlotChange *change, const char *path, const HrPlaced *want)
{
  const HrPlaced *have = g_hash_table_lookup (change->have->placed, path);
  const HrSlotOwn *own = g_hash_table_lookup (change->in_to->paths, path);
  const HrAgreed *agreed;

  if (change->scratch || have == NULL || own == NULL || S_ISDIR (own->info.st_mode) || have->kind != want->kind
      || g_strcmp0 (have->id, want->id) != 0)
    return FALSE;
  if (change->from == NULL)
    return TRUE;
  agreed = hr_slot_record_agrees (change->have, path, &own->info);
  return agreed != NULL && agreed->kept && change->have->release == change->want->release;
}

static gboolean
place_wanted (HrSlotChange *change, GHashTable *bring, GError **error)
{
  g_autofree const char **paths = (const char **)g_hash_table_get_keys_as_array (change->want->placed, NULL);
  guint length = g_hash_table_size (change->want->placed);

  qsort (paths, length, sizeof *paths, compare_ascending);
  for (guint i = 0; i < length; i++)
    {
      HrPlaced *want = g_hash_table_lookup (change->want->placed, paths[i]);

      if (g_cancellable_set_error_if_cancelled (change->cancellable, error))
        return FALSE;
      if (g_hash_table_contains (bring, paths[i]) || stays_changed (change, paths[i], want)
          || is_up_to_date (change, paths[i], want))
        continue;
      if (hr_placed_kind_is_dir (want->kind) ? !place_dir (change, paths[i], want, error)
                                             : !place_file (change, paths[i], want, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
bring_along (HrSlotChange *change, GHashTable *bring, GError **error)
{
  for (guint i = 0; change->from != NULL && i < change->in_from->own->len; i++)
    {
      const HrSlotOwn *own = g_ptr_array_index (change->in_from->own, i);
      HrPlaced *want = g_hash_table_lookup (change->want->placed, own->path);
      gboolean brought;

      if (!g_hash_table_contains (bring, own->path))
        continue;
      if (g_cancellable_set_error_if_cancelled (change->cancellable, error)
          || !hr_slot_carry_bring (change, own, &brought, error))
        return FALSE;
      if (!brought && want != NULL && !place_file (change, own->path, want, error))
        return FALSE;
    }
  return TRUE;
}

/* Of the files that stay, what both slots had is still known. */
static void
keep_agreements (HrSlotChange *change)
{
  GHashTableIter iter;
  const HrSlotOwn *own;

  g_hash_table_iter_init (&iter, change->in_to->paths);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *)&own))
    {
      const HrAgreed *agreed = hr_slot_record_agrees (change->have, own->path, &own->info);

      if (agreed != NULL && !g_hash_table_contains (change->want->agreed, own->path))
        hr_slot_record_agree (change->want, own->path, &agreed->stamp, agreed->kept);
    }
}

/* What builds and checks made stays, whatever release is built next, and is still known as that. */
static void
keep_made (HrSlotChange *change)
{
  GHashTableIter iter;
  const char *path;
  const HrStamp *stamp;
  struct stat info;

  g_hash_table_iter_init (&iter, change->have->made);
  while (g_hash_table_iter_next (&iter, (gpointer *)&path, (gpointer *)&stamp))
    if (hr_slot_dir_stat (change->to, path, &info) && hr_stamp_matches (stamp, &info))
      hr_slot_record_make (change->want, path, stamp);
}

/**
 * hr_slot_place:
 * @change: a change with all slots, records and walks; its want has no stamps yet
 * @error: return location
 *
 * Writes and removes what differs from what is wanted, and brings along what a program wrote. Where nothing differs,
 * nothing is touched.
 *
 * Returns: success; else an error that names the path
 */
gboolean
hr_slot_place (HrSlotChange *change, GError **error)
{
  g_autoptr (GHashTable) bring = hr_slot_carry_plan (change, error);

  if (bring == NULL || !remove_obsolete (change, bring, error) || !place_wanted (change, bring, error)
      || !bring_along (change, bring, error) || !hr_slot_dir_finish (change->to, error))
    return FALSE;
  keep_agreements (change);
  keep_made (change);
  return TRUE;
}
