/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-slot-change.h"

#include <string.h>

#include "hr-fs.h"
#include "hr-git-tree.h"

/**
 * hr_slot_change_new:
 * @service: name of the service
 * @store: its rollback store
 * @base: directory of its slots; what is kept aside goes into "kept" there
 *
 * Returns: (transfer full): a change that does not know its slots yet; @service stays the caller's
 */
HrSlotChange *
hr_slot_change_new (const char *service, HrReleaseStore *store, const char *base)
{
  HrSlotChange *self = g_new0 (HrSlotChange, 1);

  self->service = service;
  self->store = g_object_ref (store);
  self->kept = g_build_filename (base, "kept", NULL);
  self->carried = g_ptr_array_new_with_free_func (g_free);
  self->kept_aside = g_ptr_array_new_with_free_func (g_free);
  return self;
}

/**
 * hr_slot_change_free:
 * @self: (transfer full) (nullable): a change
 */
void
hr_slot_change_free (HrSlotChange *self)
{
  if (self == NULL)
    return;
  hr_slot_walk_free (self->in_to);
  hr_slot_walk_free (self->in_from);
  hr_slot_dir_free (self->to);
  hr_slot_dir_free (self->from);
  hr_slot_record_free (self->have);
  hr_slot_record_free (self->want);
  hr_slot_record_free (self->from_record);
  g_ptr_array_unref (self->carried);
  g_ptr_array_unref (self->kept_aside);
  g_object_unref (self->store);
  g_free (self->kept);
  g_free (self);
}

/**
 * hr_placed_kind_is_dir:
 * @kind: a kind
 *
 * Returns: whether it is a directory
 */
gboolean
hr_placed_kind_is_dir (HrPlacedKind kind)
{
  return kind == HR_PLACED_DIR || kind == HR_PLACED_SHARE_DIR;
}

/**
 * hr_slot_change_begin:
 * @self: a change
 * @error: return location
 *
 * To be called before anything in the slot is changed: marks it durably, so that what is interrupted is done anew.
 *
 * Returns: success; else a #GIOErrorEnum is set
 */
gboolean
hr_slot_change_begin (HrSlotChange *self, GError **error)
{
  if (!self->begun && self->marker != NULL && !hr_fs_write (self->marker, "", 0, 0600, error))
    return FALSE;
  self->begun = TRUE;
  return TRUE;
}

/**
 * hr_slot_change_is_recorded:
 * @self: a change
 * @dir: one of its slots
 * @path: a file or link there
 * @info: its attributes
 *
 * Returns: whether the store holds its content, so that it comes from a release
 */
gboolean
hr_slot_change_is_recorded (HrSlotChange *self, HrSlotDir *dir, const char *path, const struct stat *info)
{
  g_autofree char *id = hr_slot_dir_blob_id (dir, path, info);
  g_autoptr (GBytes) content = id == NULL ? NULL : hr_git_tree_read (self->store, id, NULL);

  return content != NULL;
}

typedef struct {
  gint64 time;
  char *path;
} Kept;

static void
kept_free (gpointer data)
{
  Kept *kept = data;

  g_free (kept->path);
  g_free (kept);
}

static int
compare_kept (gconstpointer a, gconstpointer b)
{
  const Kept *const *left = a;
  const Kept *const *right = b;

  return (*left)->time < (*right)->time ? -1 : (*left)->time > (*right)->time;
}

static void
limit_kept (HrSlotChange *self)
{
  g_autoptr (GDir) dir = g_dir_open (self->kept, 0, NULL);
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func (kept_free);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      Kept *kept = g_new0 (Kept, 1);
      struct stat info;

      kept->path = g_build_filename (self->kept, name, NULL);
      kept->time = lstat (kept->path, &info) == 0 ? hr_stamp_time (&info) : 0;
      g_ptr_array_add (all, kept);
    }
  g_ptr_array_sort (all, compare_kept);
  for (guint i = 0; i + HR_SLOT_KEPT_MAX < all->len; i++)
    {
      const Kept *kept = g_ptr_array_index (all, i);

      hr_fs_remove_tree (kept->path, NULL);
    }
}

static void
report (GPtrArray *list, char *path)
{
  if (list->len < HR_SLOT_REPORT_MAX)
    g_ptr_array_add (list, path);
  else
    g_free (path);
}

/**
 * hr_slot_change_keep:
 * @self: a change
 * @dir: one of its slots
 * @release: whose program wrote it
 * @path: a file or link there, or with @move a directory
 * @info: its attributes
 * @move: whether it leaves the slot
 * @error: return location
 *
 * Keeps aside what cannot be carried, and reports it.
 *
 * Returns: success; else a #GIOErrorEnum is set
 */
gboolean
hr_slot_change_keep (HrSlotChange *self, HrSlotDir *dir, guint64 release, const char *path, const struct stat *info,
                     gboolean move, GError **error)
{
  g_autofree char *number = g_strdup_printf ("%" G_GUINT64_FORMAT, release);
  g_autofree char *kept = g_build_filename (self->kept, number, NULL);
  char *aside;

  if (move && !hr_slot_change_begin (self, error))
    return FALSE;
  aside = hr_slot_dir_keep (dir, path, info, kept, move, error);
  if (aside == NULL)
    return FALSE;
  report (self->kept_aside, aside);
  limit_kept (self);
  return TRUE;
}

/**
 * hr_slot_change_carried:
 * @self: a change
 * @path: a file that a program wrote and that was brought along
 */
void
hr_slot_change_carried (HrSlotChange *self, const char *path)
{
  report (self->carried, g_strdup (path));
}

/**
 * hr_slot_change_protect:
 * @self: a change
 * @path: a file or link in the slot that is changed, which will be replaced or removed
 * @info: its attributes
 * @error: return location
 *
 * Moves it aside unless its content is safe elsewhere.
 *
 * Returns: success; else a #GIOErrorEnum is set
 */
gboolean
hr_slot_change_protect (HrSlotChange *self, const char *path, const struct stat *info, GError **error)
{
  const HrPlaced *placed = g_hash_table_lookup (self->have->placed, path);

  if ((placed != NULL && placed->intact) || hr_slot_record_agrees (self->have, path, info) != NULL)
    return TRUE;
  /* Neither as placed nor own: a cache, or of no worth. */
  if (!g_hash_table_contains (self->in_to->paths, path) && !g_hash_table_contains (self->in_to->hidden, path))
    return TRUE;
  if (self->scratch && hr_slot_change_is_recorded (self, self->to, path, info))
    return TRUE;
  return hr_slot_change_keep (self, self->to, self->have->release, path, info, TRUE, error);
}

static gboolean
set_has_below (GHashTable *set, const char *path)
{
  gsize length = strlen (path);
  GHashTableIter iter;
  const char *key;

  g_hash_table_iter_init (&iter, set);
  while (g_hash_table_iter_next (&iter, (gpointer *)&key, NULL))
    {
      if (strncmp (key, path, length) == 0 && key[length] == '/')
        return TRUE;
    }
  return FALSE;
}

/**
 * hr_slot_change_has_below:
 * @self: a change
 * @path: a directory in the slot that is changed
 *
 * Returns: whether anything but caches is left in it
 */
gboolean
hr_slot_change_has_below (HrSlotChange *self, const char *path)
{
  return set_has_below (self->in_to->paths, path) || set_has_below (self->in_to->hidden, path);
}

/**
 * hr_slot_change_vacate:
 * @self: a change
 * @path: where something else will be put, in the slot that is changed
 * @error: return location
 *
 * Returns: whether nothing is left there, what a program wrote being kept aside; else a #GIOErrorEnum is set
 */
gboolean
hr_slot_change_vacate (HrSlotChange *self, const char *path, GError **error)
{
  struct stat info;

  if (!hr_slot_dir_stat (self->to, path, &info))
    return TRUE;
  if (!hr_slot_change_begin (self, error))
    return FALSE;
  if (S_ISDIR (info.st_mode))
    {
      g_autoptr (GError) local = NULL;

      if (hr_slot_dir_remove (self->to, path, TRUE, &local))
        return TRUE;
      return hr_slot_change_has_below (self, path)
                 ? hr_slot_change_keep (self, self->to, self->have->release, path, &info, TRUE, error)
                 : hr_slot_dir_remove_tree (self->to, path, error);
    }
  return hr_slot_change_protect (self, path, &info, error) && hr_slot_dir_remove (self->to, path, FALSE, error);
}

static void
remove_unwanted (HrSlotChange *self, const char *path)
{
  if (!g_hash_table_contains (self->want->placed, path))
    hr_slot_dir_remove (self->to, path, FALSE, NULL);
}

/**
 * hr_slot_change_forget_bytecode:
 * @self: a change
 * @path: what was placed or removed
 *
 * Removes what Python has compiled from @path: it compares only whole seconds and sizes, and would run the old code
 * after a quick second save of the same size.
 */
void
hr_slot_change_forget_bytecode (HrSlotChange *self, const char *path)
{
  g_autofree char *dir = NULL;
  g_autofree char *cache = NULL;
  g_autofree char *stem = NULL;
  g_autofree char *beside = NULL;
  g_auto (GStrv) names = NULL;

  if (!g_str_has_suffix (path, ".py"))
    return;
  beside = g_strconcat (path, "c", NULL);
  remove_unwanted (self, beside);

  dir = g_path_get_dirname (path);
  cache = g_str_equal (dir, ".") ? g_strdup ("__pycache__") : g_build_filename (dir, "__pycache__", NULL);
  names = hr_slot_dir_names (self->to, cache, NULL);
  if (names == NULL)
    return;
  stem = g_path_get_basename (path);
  stem[strlen (stem) - strlen ("py")] = '\0';
  for (gsize i = 0; names[i] != NULL; i++)
    {
      if (g_str_has_prefix (names[i], stem) && g_str_has_suffix (names[i], ".pyc"))
        {
          g_autofree char *compiled = g_build_filename (cache, names[i], NULL);

          remove_unwanted (self, compiled);
        }
    }
  if (!g_hash_table_contains (self->want->placed, cache))
    hr_slot_dir_remove (self->to, cache, TRUE, NULL);
}
