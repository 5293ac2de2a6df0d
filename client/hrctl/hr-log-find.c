/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-log-find.h"

#include <fcntl.h>
#include <glib/gi18n.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "hr-error.h"

#define SUFFIX ".log"

/* "7-UUID" of "NAME.7-UUID.log"; names of services have dots, what follows has none. */
static char *
instance_part (const char *file, const char *service)
{
  gsize length = strlen (file);
  gsize prefix = service != NULL ? strlen (service) : 0;
  g_autofree char *stem = NULL;
  char *dot;

  if (!g_str_has_suffix (file, SUFFIX))
    return NULL;

  stem = g_strndup (file, length - strlen (SUFFIX));
  dot = strrchr (stem, '.');
  if (dot == NULL || (service != NULL && ((gsize)(dot - stem) != prefix || strncmp (stem, service, prefix) != 0)))
    return NULL;

  return g_strdup (dot + 1);
}

static gboolean
parse_release (const char *part, guint64 *release)
{
  g_autofree char *digits = g_strndup (part, strcspn (part, "-"));

  return part[strlen (digits)] == '-' && g_ascii_string_to_unsigned (digits, 10, 0, G_MAXUINT64, release, NULL);
}

/**
 * hr_log_find_release:
 * @path: of a log file, or of a link to one
 *
 * Returns: the release of the instance that wrote it, 0: none or not known
 */
guint64
hr_log_find_release (const char *path)
{
  g_autofree char *target = g_file_read_link (path, NULL);
  g_autofree char *base = g_path_get_basename (target != NULL ? target : path);
  g_autofree char *part = instance_part (base, NULL);
  guint64 release = 0;

  if (part == NULL || !parse_release (part, &release))
    return 0;

  return release;
}

/* When the file was made: the last instance to write need not be the last to start. */
static gint64
birth (const char *path)
{
  struct statx info;

  if (statx (AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BTIME | STATX_MTIME, &info) != 0)
    return 0;
  if ((info.stx_mask & STATX_BTIME) != 0)
    return info.stx_btime.tv_sec * G_USEC_PER_SEC + info.stx_btime.tv_nsec / 1000;

  return info.stx_mtime.tv_sec * G_USEC_PER_SEC + info.stx_mtime.tv_nsec / 1000;
}

static int
compare_numbers (gconstpointer a, gconstpointer b)
{
  guint64 one = *(const guint64 *)a, other = *(const guint64 *)b;

  return one < other ? -1 : one > other;
}

/* "3, 4": each once. */
static char *
describe (GArray *releases)
{
  g_autoptr (GString) text = g_string_new (NULL);

  g_array_sort (releases, compare_numbers);
  for (guint i = 0; i < releases->len; i++)
    {
      guint64 number = g_array_index (releases, guint64, i);

      if (i == 0 || g_array_index (releases, guint64, i - 1) != number)
        g_string_append_printf (text, "%s%" PRIu64, i > 0 ? ", " : "", number);
    }

  return g_string_free (g_steal_pointer (&text), FALSE);
}

/**
 * hr_log_find_newest:
 * @link: the daemon's link to the newest log of @service
 * @service: name
 * @release: a release
 * @error: %HR_ERROR_NO_SUCH_RELEASE, naming the releases whose logs are kept
 *
 * Returns: (transfer full): path of the log of the newest instance of @release
 */
char *
hr_log_find_newest (const char *link, const char *service, guint64 release, GError **error)
{
  g_autofree char *directory = g_path_get_dirname (link);
  g_autoptr (GDir) dir = g_dir_open (directory, 0, error);
  g_autoptr (GArray) kept = g_array_new (FALSE, FALSE, sizeof (guint64));
  g_autofree char *found = NULL;
  gint64 found_birth = -1;
  const char *name;

  if (dir == NULL)
    return NULL;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *part = instance_part (name, service);
      g_autofree char *path = g_build_filename (directory, name, NULL);
      guint64 number;

      if (part == NULL || !parse_release (part, &number))
        continue;
      g_array_append_val (kept, number);
      if (number != release || birth (path) <= found_birth)
        continue;
      found_birth = birth (path);
      g_free (found);
      found = g_steal_pointer (&path);
    }

  if (found == NULL)
    {
      g_autofree char *others = describe (kept);

      g_set_error (error, HR_ERROR, HR_ERROR_NO_SUCH_RELEASE,
                   kept->len > 0 ? _ ("there is no log of release %" PRIu64 " of '%s'; there are those of %s")
                                 : _ ("there is no log of release %" PRIu64 " of '%s'%s"),
                   release, service, others);
    }
  return g_steal_pointer (&found);
}
