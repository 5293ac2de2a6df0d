/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-view.h"

#include <string.h>

G_DEFINE_BOXED_TYPE (HrView, hr_view, hr_view_ref, hr_view_unref)

static char **
copy_list (const char *const *list)
{
  return list != NULL ? g_strdupv ((char **)list) : g_new0 (char *, 1);
}

/**
 * hr_view_new:
 * @source: (nullable): the real source
 * @dir: (nullable): the directory with the files
 * @real_source: (nullable): mount point for the real source; %NULL: nothing is mounted
 * @shares: (nullable): directories to mount into @dir
 * @read_only_shares: (nullable): directories to mount into @dir read-only
 *
 * Returns: (transfer full): a view
 */
HrView *
hr_view_new (const char *source, const char *dir, const char *real_source, const char *const *shares,
             const char *const *read_only_shares)
{
  HrView *self = g_new0 (HrView, 1);

  g_atomic_ref_count_init (&self->refs);
  self->source = g_strdup (source);
  self->dir = g_strdup (dir);
  self->mounted = real_source != NULL;
  self->real_source = g_strdup (real_source);
  self->shares = copy_list (shares);
  self->read_only_shares = copy_list (read_only_shares);
  return self;
}

/**
 * hr_view_ref:
 * @self: a view
 *
 * Returns: (transfer full): @self
 */
HrView *
hr_view_ref (HrView *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

/**
 * hr_view_unref:
 * @self: (transfer full) (nullable): a view
 */
void
hr_view_unref (HrView *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->refs))
    return;
  g_free (self->source);
  g_free (self->dir);
  g_free (self->real_source);
  g_strfreev (self->shares);
  g_strfreev (self->read_only_shares);
  g_free (self);
}

/**
 * hr_view_program_dir:
 * @self: a view
 *
 * Returns: (transfer none) (nullable): the directory in which the program sees its files: %s of the command line
 */
const char *
hr_view_program_dir (const HrView *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->mounted ? self->source : self->dir;
}

/**
 * hr_view_locate:
 * @self: (nullable): a view
 * @path: an absolute path as the program sees it
 *
 * Returns: (transfer full): where that is for the daemon: in the slot, or in the source what is shared from there
 */
char *
hr_view_locate (const HrView *self, const char *path)
{
  const char *dir = self != NULL ? hr_view_program_dir (self) : NULL;
  gsize length = dir != NULL ? strlen (dir) : 0;
  g_autofree char *placed = NULL;

  if (dir == NULL || strncmp (path, dir, length) != 0 || path[length] != '/')
    return g_strdup (path);
  placed = g_build_filename (self->dir, path + length, NULL);
  if (self->source == NULL || g_file_test (placed, G_FILE_TEST_EXISTS))
    return g_steal_pointer (&placed);
  return g_build_filename (self->source, path + length, NULL);
}
