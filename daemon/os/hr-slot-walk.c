/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-slot-walk.h"

#include <string.h>

typedef struct {
  HrSlotDir *dir;
  HrSlotRecord *record;
  HrIgnore *ignore;
  GCancellable *cancellable;
  HrSlotWalk *found;
} Walker;

static void
own_free (gpointer data)
{
  HrSlotOwn *own = data;

  g_free (own->path);
  g_free (own);
}

/**
 * hr_slot_walk_free:
 * @self: (transfer full) (nullable): what a walk found
 */
void
hr_slot_walk_free (HrSlotWalk *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->paths);
  g_hash_table_unref (self->hidden);
  g_ptr_array_unref (self->unreadable);
  g_ptr_array_unref (self->own);
  g_free (self);
}

static void
add_own (Walker *walker, const char *path, const struct stat *info, const HrPlaced *placed)
{
  HrSlotOwn *own = g_new0 (HrSlotOwn, 1);

  own->path = g_strdup (path);
  own->info = *info;
  own->placed = placed;
  g_ptr_array_add (walker->found->own, own);
  g_hash_table_insert (walker->found->paths, own->path, own);
}

/* Whether what stands at @path is what was placed; a file whose stamp alone differs gets its new stamp entered. */
static gboolean
is_intact (Walker *walker, const char *path, HrPlaced *placed, const struct stat *info)
{
  g_autofree char *now = NULL;

  switch (placed->kind)
    {
    case HR_PLACED_DIR:
    case HR_PLACED_SHARE_DIR:
      return S_ISDIR (info->st_mode);
    case HR_PLACED_SHARE_LINK:
      now = S_ISLNK (info->st_mode) ? hr_slot_dir_read_link (walker->dir, path) : NULL;
      return g_strcmp0 (now, placed->id) == 0;
    case HR_PLACED_FILE:
    case HR_PLACED_LINK:
      if (placed->kind == HR_PLACED_LINK ? !S_ISLNK (info->st_mode) : !S_ISREG (info->st_mode))
        return FALSE;
      if (hr_stamp_matches (&placed->stamp, info) && hr_slot_record_sure (walker->record, placed))
        return TRUE;
      now = hr_slot_dir_blob_id (walker->dir, path, info);
      if (g_strcmp0 (now, placed->id) != 0)
        return FALSE;
      placed->stamp = hr_stamp_of (info);
      return TRUE;
    default:
      g_return_val_if_reached (FALSE);
    }
}

/* Looks at what is no longer, or never was, as placed. Returns whether it is a directory to go into; @inside says
 * whether its parent belongs to the program whatever the ignore rules say, and is set for what is in @path. */
static gboolean
look_at_own (Walker *walker, const char *path, const struct stat *info, const HrPlaced *placed, gboolean *inside)
{
  gboolean is_dir = S_ISDIR (info->st_mode);

  if (!is_dir && !S_ISREG (info->st_mode) && !S_ISLNK (info->st_mode))
    {
      g_hash_table_add (walker->found->hidden, g_strdup (path));
      return FALSE;
    }
  if (hr_slot_record_is_made (walker->record, path, info))
    return is_dir;
  if (placed == NULL && !*inside)
    {
      switch (hr_ignore_classify (walker->ignore, path, is_dir))
        {
        case HR_PATH_CACHE:
          return FALSE;
        case HR_PATH_HIDE:
          g_hash_table_add (walker->found->hidden, g_strdup (path));
          return FALSE;
        case HR_PATH_SHARE:
          *inside = TRUE;
          break;
        case HR_PATH_RECORD:
        default:
          break;
        }
    }
  add_own (walker, path, info, placed);
  return is_dir;
}

/* Returns whether @path is a directory to go into, and in @inside whether all there is the program's. */
static gboolean
look_at (Walker *walker, const char *path, gboolean *inside)
{
  HrPlaced *placed = g_hash_table_lookup (walker->record->placed, path);
  struct stat info;

  /* Programs come and go with their files. */
  if (!hr_slot_dir_stat (walker->dir, path, &info))
    return FALSE;
  if (placed != NULL)
    {
      placed->seen = TRUE;
      placed->mode_now = info.st_mode & 07777;
      placed->intact = is_intact (walker, path, placed, &info) || hr_slot_record_is_made (walker->record, path, &info);
      *inside = placed->kind == HR_PLACED_SHARE_DIR;
      if (placed->intact)
        return S_ISDIR (info.st_mode);
    }
  return look_at_own (walker, path, &info, placed, inside);
}

static void
enter (Walker *walker, const char *path, char **names)
{
  g_autofree char *file = NULL;
  g_autoptr (GBytes) text = NULL;

  if (!g_strv_contains ((const char *const *)names, ".gitignore"))
    return;
  file = *path == '\0' ? g_strdup (".gitignore") : g_build_filename (path, ".gitignore", NULL);
  text = hr_slot_dir_read (walker->dir, file, HR_SLOT_GITIGNORE_MAX);
  if (text != NULL)
    hr_ignore_enter (walker->ignore, path, g_bytes_get_data (text, NULL), g_bytes_get_size (text));
}

static gboolean
walk_dir (Walker *walker, const char *path, gboolean inside, GError **error)
{
  g_auto (GStrv) names = NULL;
  g_autoptr (GPtrArray) dirs = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) inner = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GString) child = g_string_new (NULL);
  gsize length;

  if (g_cancellable_set_error_if_cancelled (walker->cancellable, error))
    return FALSE;
  names = hr_slot_dir_names (walker->dir, path, NULL);
  if (names == NULL)
    {
      g_ptr_array_add (walker->found->unreadable, g_strdup (path));
      return TRUE;
    }
  if (!inside)
    enter (walker, path, names);
  g_string_assign (child, path);
  if (child->len > 0)
    g_string_append_c (child, '/');
  length = child->len;
  for (gsize i = 0; names[i] != NULL; i++)
    {
      gboolean child_inside = inside;

      g_string_truncate (child, length);
      g_string_append (child, names[i]);
      if (look_at (walker, child->str, &child_inside))
        g_ptr_array_add (child_inside ? inner : dirs, g_strdup (child->str));
    }
  g_clear_pointer (&names, g_strfreev);
  for (guint i = 0; i < dirs->len; i++)
    {
      if (!walk_dir (walker, dirs->pdata[i], FALSE, error))
        return FALSE;
    }
  for (guint i = 0; i < inner->len; i++)
    {
      if (!walk_dir (walker, inner->pdata[i], TRUE, error))
        return FALSE;
    }
  return TRUE;
}

static int
compare_own (gconstpointer a, gconstpointer b)
{
  const HrSlotOwn *const *left = a;
  const HrSlotOwn *const *right = b;

  return strcmp ((*left)->path, (*right)->path);
}

/**
 * hr_slot_walk:
 * @dir: the slot
 * @record: its record; in its entries is noted whether they are there and intact
 * @ignore: the service's ignore rules, without any .gitignore entered; used up
 * @cancellable: (nullable): stops it between two directories
 * @error: return location
 *
 * Returns: (transfer full): what it found; %NULL with %G_IO_ERROR_CANCELLED
 */
HrSlotWalk *
hr_slot_walk (HrSlotDir *dir, HrSlotRecord *record, HrIgnore *ignore, GCancellable *cancellable, GError **error)
{
  g_autoptr (HrSlotWalk) found = g_new0 (HrSlotWalk, 1);
  Walker walker = { .dir = dir, .record = record, .ignore = ignore, .cancellable = cancellable, .found = found };

  found->own = g_ptr_array_new_with_free_func (own_free);
  found->paths = g_hash_table_new (g_str_hash, g_str_equal);
  found->hidden = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  found->unreadable = g_ptr_array_new_with_free_func (g_free);
  if (!walk_dir (&walker, "", FALSE, error))
    return NULL;
  g_ptr_array_sort (found->own, compare_own);
  return g_steal_pointer (&found);
}
