/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-log-find.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "hr-names.h"

/* Of an instance's ID, a UUID: enough to tell those of one service apart. */
#define SHORT_ID 8

/**
 * hr_log_file_free:
 * @self: (transfer full): a log; the file stays
 */
void
hr_log_file_free (HrLogFile *self)
{
  g_free (self->path);
  g_free (self->instance);
  g_free (self->label);
  g_free (self);
}

/* "7-UUID" of "NAME.7-UUID.log"; names of services have dots, what follows has none. */
static char *
instance_part (const char *file, const char *service)
{
  gsize prefix = strlen (service);
  const char *part;

  if (!g_str_has_suffix (file, HR_LOG_SUFFIX) || strncmp (file, service, prefix) != 0 || file[prefix] != '.')
    return NULL;
  part = file + prefix + 1;
  if (strlen (part) <= strlen (HR_LOG_SUFFIX) || strcspn (part, ".") != strlen (part) - strlen (HR_LOG_SUFFIX))
    return NULL;
  return g_strndup (part, strcspn (part, "."));
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

static HrLogFile *
log_file_new (const char *directory, const char *file, const char *service)
{
  g_autofree char *part = instance_part (file, service);
  const char *dash = part != NULL ? strchr (part, '-') : NULL;
  g_autofree char *digits = NULL;
  guint64 release = 0;
  HrLogFile *self;

  if (dash == NULL)
    return NULL;
  digits = g_strndup (part, (gsize)(dash - part));
  if (!g_ascii_string_to_unsigned (digits, 10, 0, G_MAXUINT64, &release, NULL))
    return NULL;

  self = g_new0 (HrLogFile, 1);
  self->path = g_build_filename (directory, file, NULL);
  self->release = release;
  self->instance = g_strdup (dash + 1);
  self->label = release != 0 ? g_strdup_printf ("%s[r%" PRIu64 " %.*s]", service, release, SHORT_ID, self->instance)
                             : g_strdup_printf ("%s[%.*s]", service, SHORT_ID, self->instance);
  self->birth = birth (self->path);
  return self;
}

static int
compare_birth (gconstpointer a, gconstpointer b)
{
  const HrLogFile *one = *(HrLogFile *const *)a, *other = *(HrLogFile *const *)b;

  if (one->birth != other->birth)
    return one->birth < other->birth ? -1 : 1;
  return strcmp (one->path, other->path);
}

/**
 * hr_log_find:
 * @link: the daemon's link to the newest log of @service
 * @service: name
 * @error: that the directory cannot be read
 *
 * Returns: (transfer full) (element-type HrLogFile): the logs of its instances that are kept, by when they started
 */
GPtrArray *
hr_log_find (const char *link, const char *service, GError **error)
{
  g_autofree char *directory = g_path_get_dirname (link);
  g_autoptr (GDir) dir = g_dir_open (directory, 0, error);
  g_autoptr (GPtrArray) logs = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_log_file_free);
  const char *name;

  if (dir == NULL)
    return NULL;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      HrLogFile *file = log_file_new (directory, name, service);

      if (file != NULL)
        g_ptr_array_add (logs, file);
    }

  g_ptr_array_sort (logs, compare_birth);
  return g_steal_pointer (&logs);
}

static int
compare_numbers (gconstpointer a, gconstpointer b)
{
  guint64 one = *(const guint64 *)a, other = *(const guint64 *)b;

  return one < other ? -1 : one > other;
}

/**
 * hr_log_describe_releases:
 * @logs: (element-type HrLogFile): logs
 *
 * Returns: (transfer full): "3, 4", each once; "" of none
 */
char *
hr_log_describe_releases (GPtrArray *logs)
{
  g_autoptr (GArray) releases = g_array_new (FALSE, FALSE, sizeof (guint64));
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < logs->len; i++)
    g_array_append_val (releases, ((HrLogFile *)g_ptr_array_index (logs, i))->release);
  g_array_sort (releases, compare_numbers);
  for (guint i = 0; i < releases->len; i++)
    {
      guint64 number = g_array_index (releases, guint64, i);

      if (i == 0 || g_array_index (releases, guint64, i - 1) != number)
        g_string_append_printf (text, "%s%" PRIu64, i > 0 ? ", " : "", number);
    }

  return g_string_free (g_steal_pointer (&text), FALSE);
}
