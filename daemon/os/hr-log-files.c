/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-log-files.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-log.h"

#define LOG_SUFFIX ".log"

struct _HrLogFiles {
  char *dir;
  GHashTable *services; /* name to GPtrArray of file names, oldest first */
};

/* While the directory is read. */
typedef struct {
  char *name;
  struct timespec time;
} LogFile;

static void
log_file_clear (gpointer data)
{
  g_free (((LogFile *)data)->name);
}

static int
compare_oldest_first (gconstpointer a, gconstpointer b)
{
  const LogFile *one = a, *other = b;

  if (one->time.tv_sec != other->time.tv_sec)
    return one->time.tv_sec < other->time.tv_sec ? -1 : 1;
  if (one->time.tv_nsec != other->time.tv_nsec)
    return one->time.tv_nsec < other->time.tv_nsec ? -1 : 1;
  return strcmp (one->name, other->name);
}

/* Of NAME.INSTANCE.log; names have dots, ids of instances have none. */
static char *
service_of (const char *file)
{
  g_autofree char *stem = NULL;
  char *dot;

  if (!g_str_has_suffix (file, LOG_SUFFIX))
    return NULL;
  stem = g_strndup (file, strlen (file) - strlen (LOG_SUFFIX));
  dot = strrchr (stem, '.');
  if (dot == NULL || dot == stem)
    return NULL;
  *dot = '\0';
  return g_steal_pointer (&stem);
}

static GPtrArray *
list_of (HrLogFiles *self, const char *service)
{
  GPtrArray *list = g_hash_table_lookup (self->services, service);

  if (list == NULL)
    {
      list = g_ptr_array_new_with_free_func (g_free);
      g_hash_table_insert (self->services, g_strdup (service), list);
    }
  return list;
}

static void
read_dir (HrLogFiles *self)
{
  g_autoptr (GArray) files = g_array_new (FALSE, FALSE, sizeof (LogFile));
  g_autoptr (GDir) dir = g_dir_open (self->dir, 0, NULL);
  const char *name;

  g_array_set_clear_func (files, log_file_clear);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (self->dir, name, NULL);
      struct stat info;

      /* The links are named like files of other services. */
      if (lstat (path, &info) == 0 && S_ISREG (info.st_mode))
        {
          LogFile file = { .name = g_strdup (name), .time = info.st_mtim };
          g_array_append_val (files, file);
        }
    }
  g_array_sort (files, compare_oldest_first);
  for (guint i = 0; i < files->len; i++)
    {
      const char *file = g_array_index (files, LogFile, i).name;
      g_autofree char *service = service_of (file);

      if (service != NULL)
        g_ptr_array_add (list_of (self, service), g_strdup (file));
    }
}

/**
 * hr_log_files_new:
 * @dir: an existing directory
 *
 * Returns: (transfer full): the log files in it
 */
HrLogFiles *
hr_log_files_new (const char *dir)
{
  HrLogFiles *self;

  g_return_val_if_fail (dir != NULL, NULL);

  self = g_new0 (HrLogFiles, 1);
  self->dir = g_strdup (dir);
  self->services = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
  read_dir (self);
  return self;
}

/**
 * hr_log_files_free:
 * @self: (transfer full) (nullable): log files; they stay where they are
 */
void
hr_log_files_free (HrLogFiles *self)
{
  if (self == NULL)
    return;
  g_free (self->dir);
  g_hash_table_unref (self->services);
  g_free (self);
}

/* A write lease is given only where nobody else has the file open; where there are no leases, age must do. */
static gboolean
is_open (const char *path)
{
  g_auto (HrFd) fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

  return fd >= 0 && fcntl (fd, F_SETLEASE, F_WRLCK) != 0 && errno == EAGAIN;
}

static void
prune (HrLogFiles *self, const char *service, GPtrArray *list)
{
  for (guint i = 0; i < list->len && list->len > HR_LOG_FILES_KEPT;)
    {
      g_autofree char *path = g_build_filename (self->dir, g_ptr_array_index (list, i), NULL);

      if (is_open (path))
        {
          i++;
          continue;
        }
      if (g_unlink (path) != 0 && errno != ENOENT)
        hr_log_debug (service, "Cannot remove log file '%s': %s", path, g_strerror (errno));
      g_ptr_array_remove_index (list, i);
    }
}

/* In one step, so that a reader always finds a log. */
static void
point_link (HrLogFiles *self, const char *service, const char *name)
{
  g_autofree char *link = g_strconcat (self->dir, "/", service, LOG_SUFFIX, NULL);
  g_autofree char *temporary = g_strconcat (self->dir, "/.", service, LOG_SUFFIX, NULL);

  g_unlink (temporary);
  if (symlink (name, temporary) != 0 || g_rename (temporary, link) != 0)
    hr_log_warning (service, "Cannot make '%s' point to the newest log, ignoring: %s", link, g_strerror (errno));
}

/**
 * hr_log_files_next:
 * @self: log files
 * @service: name
 * @instance: id of an instance that is about to start, without a dot
 *
 * Makes the link point to its file and removes old files of the service. The file itself is made by who opens it.
 *
 * Returns: (transfer full): path of the file
 */
char *
hr_log_files_next (HrLogFiles *self, const char *service, const char *instance)
{
  g_autofree char *name = NULL;
  GPtrArray *list;

  g_return_val_if_fail (self != NULL && service != NULL, NULL);
  g_return_val_if_fail (instance != NULL && strpbrk (instance, "./") == NULL, NULL);

  name = g_strconcat (service, ".", instance, LOG_SUFFIX, NULL);
  list = list_of (self, service);
  prune (self, service, list);
  g_ptr_array_add (list, g_strdup (name));
  point_link (self, service, name);
  return g_build_filename (self->dir, name, NULL);
}

/**
 * hr_log_files_newest:
 * @self: log files
 * @service: name
 *
 * Returns: (transfer full): path of the link to the file of the newest instance, whether or not there is one
 */
char *
hr_log_files_newest (HrLogFiles *self, const char *service)
{
  g_autofree char *name = NULL;

  g_return_val_if_fail (self != NULL && service != NULL, NULL);

  name = g_strconcat (service, LOG_SUFFIX, NULL);
  return g_build_filename (self->dir, name, NULL);
}
