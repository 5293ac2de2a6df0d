/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-history.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-json.h"
#include "hr-log.h"

/* The file is read backwards in pieces of this size. */
#define PIECE_SIZE (64 * 1024)

struct _HrHistory {
  GObject parent_instance;

  char *path;
  GPtrArray *unwritten; /* lines, oldest first */
  gboolean warned;      /* of lines that cannot be read */
};

G_DEFINE_FINAL_TYPE (HrHistory, hr_history, G_TYPE_OBJECT)

/* Opens @path; a thing in its place that can be no history is set aside. -1 with errno where there is none. */
static int
open_file (HrHistory *self, const char *path, int flags)
{
  g_auto (HrFd) fd = open (path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
  g_autoptr (GError) error = NULL;
  g_autofree char *aside = NULL;
  const char *why = NULL;
  int saved = errno;
  GStatBuf found;
  struct stat info;

  if (fd >= 0 && fstat (fd, &info) == 0 && S_ISREG (info.st_mode))
    return hr_fd_steal (&fd);
  if (fd >= 0)
    why = "it is not a regular file";
  else if ((saved == EACCES || saved == ELOOP || saved == EISDIR || saved == ENXIO) && g_lstat (path, &found) == 0)
    why = g_strerror (saved);
  if (why == NULL)
    {
      errno = saved;
      return -1;
    }

  aside = hr_fs_set_aside (path, &error);
  if (aside != NULL)
    hr_log_warning (NULL, "the history '%s' cannot be used: %s; set aside as '%s'", path, why, aside);
  else
    {
      if (!self->warned)
        hr_log_warning (NULL, "the history '%s' cannot be used: %s; %s", path, why, error->message);
      self->warned = TRUE;
      errno = EACCES;
      return -1;
    }
  return open (path, flags | O_CLOEXEC, 0600);
}

static gboolean
rotate (HrHistory *self, GError **error)
{
  g_autofree char *older = g_strconcat (self->path, ".1", NULL);

  if (g_rename (self->path, older) != 0)
    return hr_fs_set_error (error, errno, "while renaming '%s' to '%s'", self->path, older);
  return TRUE;
}

/* Appends all of @text or nothing. */
static gboolean
append_text (HrHistory *self, int fd, const char *text, gsize size, GError **error)
{
  g_autoptr (GString) whole = g_string_new (NULL);
  struct stat info;
  char last = '\n';

  if (fstat (fd, &info) != 0 || (info.st_size > 0 && pread (fd, &last, 1, info.st_size - 1) < 0))
    return hr_fs_set_error (error, errno, "while looking at '%s'", self->path);
  /* A line that a crash cut short must not swallow the next one. */
  if (last != '\n')
    g_string_append_c (whole, '\n');
  g_string_append_len (whole, text, (gssize)size);
  if (!hr_fd_write_all (fd, whole->str, whole->len, error))
    {
      g_prefix_error (error, "while writing '%s': ", self->path);
      if (ftruncate (fd, info.st_size) != 0)
        hr_log_debug (NULL, "while cutting '%s' back: %s", self->path, g_strerror (errno));
      return FALSE;
    }
  if (fdatasync (fd) != 0)
    return hr_fs_set_error (error, errno, "while syncing '%s'", self->path);
  return TRUE;
}

static gboolean
write_unwritten (HrHistory *self, GError **error)
{
  g_auto (HrFd) fd = open_file (self, self->path, O_RDWR | O_APPEND | O_CREAT);
  g_autoptr (GString) text = g_string_new (NULL);
  struct stat info;

  if (fd < 0 || fstat (fd, &info) != 0)
    return hr_fs_set_error (error, errno, "while opening '%s'", self->path);
  if (info.st_size >= HR_HISTORY_SIZE_MAX)
    {
      if (!rotate (self, error))
        return FALSE;
      hr_fd_clear (&fd);
      fd = open_file (self, self->path, O_RDWR | O_APPEND | O_CREAT);
      if (fd < 0)
        return hr_fs_set_error (error, errno, "while opening '%s'", self->path);
    }
  for (guint i = 0; i < self->unwritten->len; i++)
    g_string_append (text, self->unwritten->pdata[i]);
  if (!append_text (self, fd, text->str, text->len, error))
    return FALSE;
  g_ptr_array_set_size (self->unwritten, 0);
  return TRUE;
}

/**
 * hr_history_append:
 * @self: the history
 * @entry: what to add; more than %HR_RELEASE_FILES_MAX files are not named
 * @error: return location
 *
 * Writes @entry durably. What cannot be written is kept in memory, up to %HR_HISTORY_UNWRITTEN_MAX entries, shown by
 * hr_history_query(), and written with the next one.
 *
 * Returns: success; else a #GIOErrorEnum is set
 */
gboolean
hr_history_append (HrHistory *self, const HrHistoryEntry *entry, GError **error)
{
  g_return_val_if_fail (HR_IS_HISTORY (self), FALSE);
  g_return_val_if_fail (entry != NULL && entry->service != NULL && entry->trigger != NULL, FALSE);

  if (self->unwritten->len >= HR_HISTORY_UNWRITTEN_MAX)
    g_ptr_array_remove_index (self->unwritten, 0);
  g_ptr_array_add (self->unwritten, hr_history_entry_to_line (entry));
  return write_unwritten (self, error);
}

/* A query under way. */
typedef struct {
  GPtrArray *entries;
  const char *service; /* NULL: all */
  char *quoted;
  guint limit;
  guint unreadable;
} Query;

static gboolean
is_done (const Query *query)
{
  return query->entries->len >= query->limit;
}

static void
take_line (Query *query, const char *line, gsize size)
{
  HrHistoryEntry *entry;

  if (size == 0 || is_done (query))
    return;
  /* Most lines are of other services: cheaper to find out than to parse them. */
  if (query->quoted != NULL && memmem (line, size, query->quoted, strlen (query->quoted)) == NULL)
    return;
  entry = hr_history_entry_from_line (line, size);
  if (entry == NULL)
    query->unreadable++;
  else if (query->service != NULL && !g_str_equal (entry->service, query->service))
    hr_history_entry_free (entry);
  else
    g_ptr_array_add (query->entries, entry);
}

/* Takes the lines that are whole in @buffer, last first, and leaves what is before its first newline. */
static void
take_lines (Query *query, GByteArray *buffer)
{
  const char *text = (const char *)buffer->data;
  gsize end = buffer->len;
  const char *newline;

  while (!is_done (query) && end > 0 && (newline = memrchr (text, '\n', end)) != NULL)
    {
      take_line (query, newline + 1, end - (gsize)(newline + 1 - text));
      end = (gsize)(newline - text);
    }
  g_byte_array_set_size (buffer, (guint)end);
}

static void
query_file (HrHistory *self, Query *query, const char *path)
{
  g_auto (HrFd) fd = open_file (self, path, O_RDONLY);
  g_autoptr (GByteArray) rest = g_byte_array_new ();
  struct stat info;
  off_t at;

  if (fd < 0 || fstat (fd, &info) != 0)
    return;
  at = info.st_size;
  while (at > 0 && !is_done (query))
    {
      guint8 piece[PIECE_SIZE];
      size_t size = (size_t)MIN (at, (off_t)sizeof piece);

      at -= (off_t)size;
      if (pread (fd, piece, size, at) != (ssize_t)size)
        return;
      /* What is longer was not written by us: a part of it is as unreadable as all. */
      if (rest->len > HR_HISTORY_LINE_MAX)
        g_byte_array_set_size (rest, HR_HISTORY_LINE_MAX / 2);
      g_byte_array_prepend (rest, piece, (guint)size);
      take_lines (query, rest);
    }
  take_line (query, (const char *)rest->data, rest->len);
}

/**
 * hr_history_query:
 * @self: the history
 * @service: (nullable): whose entries; %NULL or empty: all
 * @limit: how many at most; at most %HR_HISTORY_LIMIT_MAX
 *
 * Reads from the end, no more than it takes.
 *
 * Returns: (transfer full) (element-type HrHistoryEntry): the entries, newest first
 */
GPtrArray *
hr_history_query (HrHistory *self, const char *service, guint limit)
{
  Query query = { 0 };
  g_autofree char *older = NULL;

  g_return_val_if_fail (HR_IS_HISTORY (self), NULL);

  query.entries = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_history_entry_free);
  query.limit = MIN (limit, HR_HISTORY_LIMIT_MAX);
  if (service != NULL && *service != '\0')
    {
      query.service = service;
      query.quoted = hr_json_quote (service);
    }
  for (guint i = self->unwritten->len; i > 0; i--)
    take_line (&query, self->unwritten->pdata[i - 1], strlen (self->unwritten->pdata[i - 1]));
  if (!is_done (&query))
    query_file (self, &query, self->path);
  older = g_strconcat (self->path, ".1", NULL);
  if (!is_done (&query))
    query_file (self, &query, older);

  if (query.unreadable > 0 && !self->warned)
    {
      hr_log_warning (NULL, "%u lines of the history '%s' cannot be read, ignoring", query.unreadable, self->path);
      self->warned = TRUE;
    }
  g_free (query.quoted);
  return query.entries;
}

static void
hr_history_finalize (GObject *object)
{
  HrHistory *self = HR_HISTORY (object);

  g_free (self->path);
  g_ptr_array_unref (self->unwritten);
  G_OBJECT_CLASS (hr_history_parent_class)->finalize (object);
}

static void
hr_history_class_init (HrHistoryClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_history_finalize;
}

static void
hr_history_init (HrHistory *self)
{
  self->unwritten = g_ptr_array_new_with_free_func (g_free);
}

/**
 * hr_history_new:
 * @path: the file; made when the first entry is added
 *
 * Returns: (transfer full): the history
 */
HrHistory *
hr_history_new (const char *path)
{
  HrHistory *self = g_object_new (HR_TYPE_HISTORY, NULL);

  self->path = g_strdup (path);
  return self;
}
