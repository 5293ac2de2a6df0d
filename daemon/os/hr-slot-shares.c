/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-slot-shares.h"

#include <string.h>

static gboolean
is_git (const char *path)
{
  const char *slash = strrchr (path, '/');

  return g_str_equal (slash != NULL ? slash + 1 : path, ".git");
}

/* Whether @path is free: nothing of the release in its place, only directories above it. */
static gboolean
is_free (HrSlotRecord *want, const char *path)
{
  g_autofree char *above = g_strdup (path);
  const HrPlaced *placed = g_hash_table_lookup (want->placed, path);
  char *slash;

  while (placed == NULL && (slash = strrchr (above, '/')) != NULL)
    {
      *slash = '\0';
      placed = g_hash_table_lookup (want->placed, above);
      if (placed != NULL && placed->kind == HR_PLACED_DIR)
        placed = NULL;
    }
  return placed == NULL;
}

static void
place_parents (const HrSlotShares *self, HrSlotRecord *want, const char *path)
{
  g_autofree char *above = g_strdup (path);
  char *slash;

  while ((slash = strrchr (above, '/')) != NULL)
    {
      g_autofree char *original = NULL;
      struct stat info;

      *slash = '\0';
      if (g_hash_table_contains (want->placed, above))
        continue;
      original = g_build_filename (self->source, above, NULL);
      hr_slot_record_place (want, above, HR_PLACED_DIR, stat (original, &info) == 0 ? info.st_mode & 07777 : 0755,
                            NULL);
    }
}

static void
place_dir (const HrSlotShares *self, HrSlotRecord *want, const char *path, GPtrArray *mounts,
           GPtrArray *read_only_mounts)
{
  g_autofree char *original = g_build_filename (self->source, path, NULL);
  struct stat info;

  if (lstat (original, &info) != 0 || !S_ISDIR (info.st_mode) || (self->real_source == NULL && is_git (path)))
    return;
  place_parents (self, want, path);
  if (self->real_source == NULL)
    {
      hr_slot_record_place (want, path, HR_PLACED_SHARE_LINK, 0777, original);
      return;
    }
  hr_slot_record_place (want, path, HR_PLACED_SHARE_DIR, 0755, NULL);
  g_ptr_array_add (is_git (path) ? read_only_mounts : mounts, g_strdup (path));
}

static void
place_file (const HrSlotShares *self, HrSlotRecord *want, const char *path)
{
  g_autofree char *original = g_build_filename (self->source, path, NULL);
  g_autofree char *target = NULL;

  if (self->real_source == NULL && is_git (path))
    return;
  /* Behind the second mount a link relative to its own place would lead nowhere; in the slot, which is seen at the
   * source's place, it leads where it does in the source. */
  if (self->real_source != NULL)
    target = g_file_read_link (original, NULL);
  if (target == NULL)
    target = self->real_source != NULL ? g_build_filename (self->real_source, path, NULL) : g_strdup (original);
  place_parents (self, want, path);
  hr_slot_record_place (want, path, HR_PLACED_SHARE_LINK, 0777, target);
}

/**
 * hr_slot_shares_place:
 * @self: what is shared
 * @want: what shall be in the slot: the release; shares are added where that leaves room
 * @mounts: (out) (transfer full): directories to mount
 * @read_only_mounts: (out) (transfer full): directories to mount read-only
 */
void
hr_slot_shares_place (const HrSlotShares *self, HrSlotRecord *want, char ***mounts, char ***read_only_mounts)
{
  g_autoptr (GPtrArray) writable = g_ptr_array_new ();
  g_autoptr (GPtrArray) read_only = g_ptr_array_new ();

  for (gsize i = 0; self->dirs[i] != NULL; i++)
    {
      if (is_free (want, self->dirs[i]))
        place_dir (self, want, self->dirs[i], writable, read_only);
    }
  for (gsize i = 0; self->files[i] != NULL; i++)
    {
      if (is_free (want, self->files[i]))
        place_file (self, want, self->files[i]);
    }
  g_ptr_array_add (writable, NULL);
  g_ptr_array_add (read_only, NULL);
  *mounts = (char **)g_ptr_array_free (g_steal_pointer (&writable), FALSE);
  *read_only_mounts = (char **)g_ptr_array_free (g_steal_pointer (&read_only), FALSE);
}
