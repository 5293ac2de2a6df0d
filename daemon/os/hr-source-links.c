/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-source-links.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "hr-fs.h"

static void
source_name_free (gpointer data)
{
  HrSourceName *self = data;

  g_free (self->dir);
  g_free (self->name);
  g_free (self);
}

/**
 * hr_source_names_new:
 *
 * Returns: (transfer full) (element-type HrSourceName): an empty list
 */
GPtrArray *
hr_source_names_new (void)
{
  return g_ptr_array_new_with_free_func (source_name_free);
}

static void
add_name (GPtrArray *names, const char *dir, const char *name, gboolean is_dir)
{
  HrSourceName *source_name = g_new (HrSourceName, 1);

  source_name->dir = g_strdup (dir);
  source_name->name = g_strdup (name);
  source_name->is_dir = is_dir;
  g_ptr_array_add (names, source_name);
}

static void
push_parts (GQueue *parts, const char *path)
{
  g_auto (GStrv) split = g_strsplit (path, "/", -1);

  for (guint i = g_strv_length (split); i > 0; i--)
    if (*split[i - 1] != '\0' && !g_str_equal (split[i - 1], "."))
      g_queue_push_head (parts, g_strdup (split[i - 1]));
}

/* Follows one part from @dir, which it replaces; a link's parts go in front of @parts. */
static gboolean
follow_part (char **dir, const char *part, GQueue *parts, GPtrArray *names, guint *n_links, GError **error)
{
  g_autofree char *path = g_build_filename (*dir, part, NULL);
  g_autofree char *target = NULL;
  struct stat st;

  if (g_str_equal (part, ".."))
    {
      char *parent = g_path_get_dirname (*dir);

      g_free (*dir);
      *dir = parent;
      return TRUE;
    }
  if (lstat (path, &st) != 0)
    {
      int errnum = errno;

      add_name (names, *dir, part, FALSE);
      return hr_fs_set_error (error, errnum, "while looking for '%s'", path);
    }
  add_name (names, *dir, part, S_ISDIR (st.st_mode));
  if (!S_ISLNK (st.st_mode))
    {
      g_free (*dir);
      *dir = g_steal_pointer (&path);
      return TRUE;
    }
  if (++*n_links > HR_SOURCE_LINKS_MAX)
    return hr_fs_set_error (error, ELOOP, "while following '%s'", path);
  target = g_file_read_link (path, error);
  if (target == NULL)
    return FALSE;
  push_parts (parts, target);
  if (*target == '/')
    {
      g_free (*dir);
      *dir = g_strdup ("/");
    }
  return TRUE;
}

/**
 * hr_source_links_resolve:
 * @path: absolute
 * @names: (element-type HrSourceName): filled with the names on the way, up to the one that is missing
 * @error: return location
 *
 * Returns: (transfer full): @path without links; or %NULL with a #GIOErrorEnum, @names filled all the same
 */
char *
hr_source_links_resolve (const char *path, GPtrArray *names, GError **error)
{
  g_autofree char *dir = g_strdup ("/");
  GQueue parts = G_QUEUE_INIT;
  guint n_links = 0;
  gboolean ok = TRUE;

  g_return_val_if_fail (path != NULL && *path == '/', NULL);

  push_parts (&parts, path);
  while (ok && !g_queue_is_empty (&parts))
    {
      g_autofree char *part = g_queue_pop_head (&parts);

      ok = follow_part (&dir, part, &parts, names, &n_links, error);
    }
  g_queue_clear_full (&parts, g_free);
  return ok ? g_steal_pointer (&dir) : NULL;
}
