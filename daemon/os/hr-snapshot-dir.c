/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-snapshot-dir.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-log.h"

#define SUFFIX ".json"
/* hr_fs_write() puts a dot and this many characters behind the name of its temporary file. */
#define TEMPORARY_LENGTH 7
/* A temporary file that old belongs to no write under way. */
#define TEMPORARY_AGE_SEC 3600
/* Documents of another layout than ours are listed up to this size: a list must not read what is large. */
#define LIST_READ_MAX (1024 * 1024)

struct _HrSnapshotDir {
  gatomicrefcount refs;
  char *path;
  char *service;
  guint keep;
  GMutex lock; /* held while storing: ids are made in order, and pruning meets no half-written file of ours */
};

G_DEFINE_BOXED_TYPE (HrSnapshotDir, hr_snapshot_dir, hr_snapshot_dir_ref, hr_snapshot_dir_unref)

/**
 * hr_snapshot_dir_new:
 * @path: the directory; made when something is first stored
 * @service: whose snapshots it holds
 * @keep: how many are kept; at least the newest is
 *
 * Returns: (transfer full): the directory
 */
HrSnapshotDir *
hr_snapshot_dir_new (const char *path, const char *service, guint keep)
{
  HrSnapshotDir *self = g_new0 (HrSnapshotDir, 1);

  g_atomic_ref_count_init (&self->refs);
  self->path = g_strdup (path);
  self->service = g_strdup (service);
  self->keep = MAX (keep, 1);
  g_mutex_init (&self->lock);
  return self;
}

/**
 * hr_snapshot_dir_ref:
 * @self: the directory
 *
 * Returns: (transfer full): @self
 */
HrSnapshotDir *
hr_snapshot_dir_ref (HrSnapshotDir *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

/**
 * hr_snapshot_dir_unref:
 * @self: (transfer full): the directory
 */
void
hr_snapshot_dir_unref (HrSnapshotDir *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  g_free (self->path);
  g_free (self->service);
  g_mutex_clear (&self->lock);
  g_free (self);
}

static char *
file_of (HrSnapshotDir *self, const char *id)
{
  g_autofree char *name = g_strconcat (id, SUFFIX, NULL);

  return g_build_filename (self->path, name, NULL);
}

static int
newest_first (gconstpointer a, gconstpointer b)
{
  return -strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* The ids of what is there, newest first; empty where there is no directory, %NULL where it cannot be read. */
static GPtrArray *
list_ids (HrSnapshotDir *self, GError **error)
{
  g_autoptr (GPtrArray) ids = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (self->path, 0, NULL);
  const char *name;

  if (dir == NULL && errno != ENOENT)
    {
      hr_fs_set_error (error, errno, "while listing '%s'", self->path);
      return NULL;
    }
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *id = g_str_has_suffix (name, SUFFIX) ? g_strndup (name, strlen (name) - strlen (SUFFIX)) : NULL;

      if (id != NULL && hr_snapshot_id_time (id) >= 0)
        g_ptr_array_add (ids, g_steal_pointer (&id));
    }
  g_ptr_array_sort (ids, newest_first);
  return g_steal_pointer (&ids);
}

static void
remove_file (HrSnapshotDir *self, const char *file)
{
  if (g_unlink (file) != 0 && errno != ENOENT)
    hr_log_warning (self->service, "while removing '%s': %s, ignoring", file, g_strerror (errno));
}

static void
remove_temporaries (HrSnapshotDir *self)
{
  g_autoptr (GDir) dir = g_dir_open (self->path, 0, NULL);
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      gsize tail = strlen (SUFFIX) + TEMPORARY_LENGTH;
      const char *dot = strlen (name) > tail ? name + strlen (name) - TEMPORARY_LENGTH : NULL;
      g_autofree char *id = NULL, *file = NULL;
      GStatBuf info;

      /* As long as a temporary file's: the name of what was set aside. */
      if (dot == NULL || *dot != '.' || g_str_equal (dot, ".broken")
          || strncmp (dot - strlen (SUFFIX), SUFFIX, strlen (SUFFIX)) != 0)
        continue;
      id = g_strndup (name, strlen (name) - tail);
      file = g_build_filename (self->path, name, NULL);
      if (hr_snapshot_id_time (id) >= 0 && g_lstat (file, &info) == 0 && now - info.st_mtime > TEMPORARY_AGE_SEC)
        remove_file (self, file);
    }
}

static void
prune (HrSnapshotDir *self)
{
  g_autoptr (GPtrArray) ids = list_ids (self, NULL);

  for (guint i = self->keep; ids != NULL && i < ids->len; i++)
    {
      g_autofree char *file = file_of (self, ids->pdata[i]);
      remove_file (self, file);
    }
  remove_temporaries (self);
}

/* An id for @time_usec that nothing has. With @newest one that sorts behind all others, also after the clock was set
 * back. */
static char *
make_id (HrSnapshotDir *self, gint64 time_usec, gboolean newest, guint64 release, GError **error)
{
  g_autoptr (GPtrArray) ids = list_ids (self, error);

  if (ids == NULL)
    return NULL;
  if (newest && ids->len > 0)
    time_usec = MAX (time_usec, hr_snapshot_id_time (ids->pdata[0]) + 1);
  for (guint i = ids->len; i > 0; i--)
    if (hr_snapshot_id_time (ids->pdata[i - 1]) == time_usec)
      time_usec++;
  return hr_snapshot_make_id (time_usec, release);
}

/**
 * hr_snapshot_dir_store:
 * @self: the directory
 * @snapshot: what to store; gets its id
 * @time_usec: microseconds since 1970 at which an earlier snapshot was taken, that is not to become the newest if it
 *   is not; -1: now, and the newest
 * @error: return location
 *
 * Writes @snapshot durably, then removes the oldest beyond what is kept.
 *
 * Returns: success; else %HR_ERROR_STATE_FAILED that names the file
 */
gboolean
hr_snapshot_dir_store (HrSnapshotDir *self, HrSnapshot *snapshot, gint64 time_usec, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  g_autoptr (GBytes) document = hr_snapshot_to_bytes (snapshot);
  g_autoptr (GError) local = NULL;
  g_autofree char *id = NULL, *file = NULL;

  if (hr_fs_make_dir (self->path, 0700, &local))
    id = make_id (self, time_usec >= 0 ? time_usec : g_get_real_time (), time_usec < 0, snapshot->release, &local);
  file = id != NULL ? file_of (self, id) : NULL;
  if (file == NULL || !hr_fs_write (file, g_bytes_get_data (document, NULL), g_bytes_get_size (document), 0600, &local))
    {
      g_set_error (error, HR_ERROR, HR_ERROR_STATE_FAILED, "while storing a snapshot of '%s': %s", self->service,
                   local->message);
      return FALSE;
    }
  g_free (snapshot->id);
  snapshot->id = g_steal_pointer (&id);
  prune (self);
  return TRUE;
}

/* Whether a file that failed to read with @error is none that could be read another time. */
static gboolean
is_unusable (const GError *error)
{
  return error->domain == HR_ERROR || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED)
         || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE)
         || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_IS_DIRECTORY)
         || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE)
         || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_LINKS);
}

static HrSnapshot *
read_file (HrSnapshotDir *self, const char *id, gsize size_max, GError **error)
{
  g_autofree char *file = file_of (self, id);
  g_autoptr (GBytes) document = hr_fs_read (file, size_max, error);
  g_autoptr (HrSnapshot) snapshot = NULL;

  if (document == NULL)
    return NULL;
  snapshot = hr_snapshot_parse (document, error);
  if (snapshot == NULL)
    {
      g_prefix_error (error, "while reading '%s': ", file);
      return NULL;
    }
  if (!g_str_equal (snapshot->service, self->service))
    {
      g_set_error (error, HR_ERROR, HR_ERROR_STATE_FAILED, "while reading '%s': it is a snapshot of '%s', not of '%s'",
                   file, snapshot->service, self->service);
      return NULL;
    }
  g_free (snapshot->id);
  snapshot->id = g_strdup (id);
  return g_steal_pointer (&snapshot);
}

static void
set_aside (HrSnapshotDir *self, const char *id, const GError *why)
{
  g_autofree char *file = file_of (self, id);
  g_autoptr (GError) error = NULL;
  g_autofree char *aside = hr_fs_set_aside (file, &error);

  if (aside != NULL)
    hr_log_warning (self->service, "%s; set aside as '%s'", why->message, aside);
  else
    hr_log_warning (self->service, "%s; %s, ignoring", why->message, error->message);
}

static HrSnapshot *
load_newest (HrSnapshotDir *self, GError **error)
{
  g_autoptr (GError) unlisted = NULL;
  g_autoptr (GPtrArray) ids = list_ids (self, &unlisted);

  if (ids == NULL)
    {
      g_set_error_literal (error, HR_ERROR, HR_ERROR_STATE_FAILED, unlisted->message);
      return NULL;
    }
  for (guint i = 0; i < ids->len; i++)
    {
      g_autoptr (GError) local = NULL;
      HrSnapshot *snapshot = read_file (self, ids->pdata[i], HR_SNAPSHOT_DOCUMENT_MAX, &local);

      if (snapshot != NULL)
        return snapshot;
      if (is_unusable (local))
        set_aside (self, ids->pdata[i], local);
      else if (!g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
        {
          /* An older state in its place would be worse than none now. */
          g_set_error_literal (error, HR_ERROR, HR_ERROR_STATE_FAILED, local->message);
          return NULL;
        }
    }
  return NULL;
}

/**
 * hr_snapshot_dir_load:
 * @self: the directory
 * @id: (nullable): which; %NULL: the newest that can be read
 * @error: return location
 *
 * What is damaged, of another service or not readable for us is set aside with a warning.
 *
 * Returns: (transfer full) (nullable): the snapshot with its data; %NULL without @error when there is none and @id is
 *   %NULL; %NULL with %HR_ERROR_NO_SUCH_SNAPSHOT or %HR_ERROR_STATE_FAILED
 */
HrSnapshot *
hr_snapshot_dir_load (HrSnapshotDir *self, const char *id, GError **error)
{
  g_autoptr (GError) local = NULL;
  HrSnapshot *snapshot;

  if (id == NULL)
    return load_newest (self, error);

  /* Only what an id can look like becomes part of a path. */
  snapshot = hr_snapshot_id_time (id) >= 0 ? read_file (self, id, HR_SNAPSHOT_DOCUMENT_MAX, &local) : NULL;
  if (snapshot != NULL)
    return snapshot;
  if (local == NULL || g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    g_set_error (error, HR_ERROR, HR_ERROR_NO_SUCH_SNAPSHOT, "'%s' has no snapshot '%s'", self->service, id);
  else
    {
      if (is_unusable (local))
        set_aside (self, id, local);
      g_set_error_literal (error, HR_ERROR, HR_ERROR_STATE_FAILED, local->message);
    }
  return NULL;
}

static HrSnapshot *
read_head (HrSnapshotDir *self, const char *id)
{
  g_autofree char *file = file_of (self, id);
  g_auto (HrFd) fd = open (file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  char head[HR_SNAPSHOT_HEAD_SIZE];
  struct stat info;
  ssize_t got;
  HrSnapshot *snapshot;

  if (fd < 0 || fstat (fd, &info) != 0 || !S_ISREG (info.st_mode) || (got = pread (fd, head, sizeof head, 0)) < 0)
    return NULL;
  snapshot = hr_snapshot_parse_head (head, (gsize)got, (guint64)info.st_size, NULL);
  if (snapshot != NULL)
    {
      g_free (snapshot->id);
      snapshot->id = g_strdup (id);
      return snapshot;
    }
  snapshot = read_file (self, id, LIST_READ_MAX, NULL);
  if (snapshot != NULL)
    g_clear_pointer (&snapshot->data, g_bytes_unref);
  return snapshot;
}

/**
 * hr_snapshot_dir_list:
 * @self: the directory
 *
 * Reads the heads of the files only, so that it may be called from the main loop.
 *
 * Returns: (transfer full) (element-type HrSnapshot): the snapshots without data, newest first; damaged ones are left
 *   out as far as their heads tell
 */
GPtrArray *
hr_snapshot_dir_list (HrSnapshotDir *self)
{
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_snapshot_free);
  g_autoptr (GPtrArray) ids = list_ids (self, NULL);

  for (guint i = 0; ids != NULL && i < ids->len; i++)
    {
      g_autoptr (HrSnapshot) snapshot = read_head (self, ids->pdata[i]);

      if (snapshot != NULL && g_str_equal (snapshot->service, self->service))
        g_ptr_array_add (list, g_steal_pointer (&snapshot));
    }
  return list;
}

/**
 * hr_snapshot_dir_take_aside:
 * @self: the directory
 * @file: something that was to become a snapshot and cannot
 * @name: what it is called here
 * @error: return location
 *
 * Moves @file into the directory under the first free name "NAME.broken", "NAME.broken.2" …
 *
 * Returns: (transfer full): its new path; %NULL with a #GIOErrorEnum set, @file is then where it was
 */
char *
hr_snapshot_dir_take_aside (HrSnapshotDir *self, const char *file, const char *name, GError **error)
{
  g_autofree char *target = g_build_filename (self->path, name, NULL);
  g_autofree char *aside = NULL;

  if (!hr_fs_make_dir (self->path, 0700, error))
    return NULL;
  if (g_rename (file, target) != 0)
    {
      if (errno != EXDEV)
        {
          hr_fs_set_error (error, errno, "while moving '%s' to '%s'", file, target);
          return NULL;
        }
      if (!hr_fs_copy (file, target, 0600, error))
        return NULL;
      remove_file (self, file);
    }
  aside = hr_fs_set_aside (target, error);
  return aside != NULL ? g_steal_pointer (&aside) : NULL;
}

/**
 * hr_snapshot_dir_get_path:
 * @self: the directory
 * @id: a snapshot
 *
 * Returns: (transfer full): its file, whether or not there is one
 */
char *
hr_snapshot_dir_get_path (HrSnapshotDir *self, const char *id)
{
  return file_of (self, id);
}
