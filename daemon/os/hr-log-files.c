/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-log-files.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-log-journal.h"
#include "hr-log-keeper.h"
#include "hr-log.h"
#include "hr-names.h"

struct _HrLogFiles {
  char *dir;
  HrLogKeeper *keeper;
  HrLogJournal *journal; /* NULL: there is none */
  GHashTable *found;     /* service to GPtrArray of names, until it is known whether the journal gets them */
  GHashTable *silent;    /* services that the journal does not get */
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

  if (!g_str_has_suffix (file, HR_LOG_SUFFIX))
    return NULL;
  stem = g_strndup (file, strlen (file) - strlen (HR_LOG_SUFFIX));
  dot = strrchr (stem, '.');
  if (dot == NULL || dot == stem)
    return NULL;
  *dot = '\0';
  return g_steal_pointer (&stem);
}

static void
remember_found (HrLogFiles *self, const char *service, const char *file)
{
  GPtrArray *list = g_hash_table_lookup (self->found, service);

  if (list == NULL)
    {
      list = g_ptr_array_new_with_free_func (g_free);
      g_hash_table_insert (self->found, g_strdup (service), list);
    }
  g_ptr_array_add (list, g_strdup (file));
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

      if (service == NULL)
        continue;
      hr_log_keeper_found (self->keeper, service, file);
      if (self->journal != NULL)
        remember_found (self, service, file);
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
  self->keeper = hr_log_keeper_new (dir);
  self->journal = hr_log_journal_new (dir);
  self->found = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
  self->silent = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
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
  hr_log_journal_free (self->journal);
  hr_log_keeper_free (self->keeper);
  g_hash_table_unref (self->found);
  g_hash_table_unref (self->silent);
  g_free (self->dir);
  g_free (self);
}

/* In one step, so that a reader always finds a log. */
static void
point_link (HrLogFiles *self, const char *service, const char *name)
{
  g_autofree char *link = g_strconcat (self->dir, "/", service, HR_LOG_SUFFIX, NULL);
  g_autofree char *temporary = g_strconcat (self->dir, "/.", service, HR_LOG_SUFFIX, NULL);

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
 * Makes the link point to its file and has old files of the service removed. The file itself is made by who opens it
 * first.
 *
 * Returns: (transfer full): path of the file
 */
char *
hr_log_files_next (HrLogFiles *self, const char *service, const char *instance)
{
  g_autofree char *name = NULL;

  g_return_val_if_fail (self != NULL && service != NULL, NULL);
  g_return_val_if_fail (instance != NULL && strpbrk (instance, "./") == NULL, NULL);

  name = g_strconcat (service, ".", instance, HR_LOG_SUFFIX, NULL);
  point_link (self, service, name);
  hr_log_keeper_starts (self->keeper, service, name);
  if (!g_hash_table_contains (self->silent, service))
    hr_log_journal_follow (self->journal, service, name, FALSE);
  return g_build_filename (self->dir, name, NULL);
}

/**
 * hr_log_files_limit:
 * @self: log files
 * @service: name
 * @max: LogMax in bytes, 0: none
 *
 * From now on the newest @max bytes of each running instance are kept, and at most twice that.
 */
void
hr_log_files_limit (HrLogFiles *self, const char *service, guint64 max)
{
  g_return_if_fail (self != NULL && service != NULL);
  hr_log_keeper_limit (self->keeper, service, max);
}

/**
 * hr_log_files_use_journal:
 * @self: log files
 * @service: name
 * @journal: whether its output goes to the journal, too, where there is one
 *
 * From its next instance on, and for those that an earlier daemon left running.
 */
void
hr_log_files_use_journal (HrLogFiles *self, const char *service, gboolean journal)
{
  GPtrArray *list;

  g_return_if_fail (self != NULL && service != NULL);

  if (journal)
    g_hash_table_remove (self->silent, service);
  else
    g_hash_table_add (self->silent, g_strdup (service));
  list = g_hash_table_lookup (self->found, service);
  for (guint i = 0; journal && list != NULL && i < list->len; i++)
    hr_log_journal_follow (self->journal, service, g_ptr_array_index (list, i), TRUE);
  g_hash_table_remove (self->found, service);
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

  name = g_strconcat (service, HR_LOG_SUFFIX, NULL);
  return g_build_filename (self->dir, name, NULL);
}
