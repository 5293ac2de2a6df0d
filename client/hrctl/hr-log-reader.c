/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-log-reader.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (64 * 1024)
/* No file system has larger blocks. */
#define BLOCK_MAX CHUNK

struct _HrLogReader {
  char *path;
  int fd;
  guint64 position; /* of what is read next */
  guint64 begin;    /* where it was put last */
  guint64 end;      /* what begins here is not read */
  GString *text;    /* what was read, up to position */
  gsize taken;      /* how much of it was given out */
  gboolean fresh;   /* nothing was read yet */
  gboolean lost;
};

/**
 * hr_log_reader_new:
 * @path: of a log
 *
 * Returns: (transfer full): a reader at its begin
 */
HrLogReader *
hr_log_reader_new (const char *path)
{
  HrLogReader *self = g_new0 (HrLogReader, 1);

  self->path = g_strdup (path);
  self->fd = -1;
  self->end = G_MAXUINT64;
  self->text = g_string_new (NULL);
  self->fresh = TRUE;
  return self;
}

/**
 * hr_log_reader_free:
 * @self: (transfer full): a reader
 */
void
hr_log_reader_free (HrLogReader *self)
{
  hr_log_reader_close (self);
  g_string_free (self->text, TRUE);
  g_free (self->path);
  g_free (self);
}

/**
 * hr_log_reader_open:
 * @self: a reader
 * @error: %G_IO_ERROR_NOT_FOUND where there is no such file, or another error
 *
 * Returns: whether lines can be read, until hr_log_reader_close()
 */
gboolean
hr_log_reader_open (HrLogReader *self, GError **error)
{
  struct stat info;

  if (self->fd < 0)
    self->fd = open (self->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (self->fd < 0 || fstat (self->fd, &info) != 0)
    {
      g_set_error (error, G_IO_ERROR, (gint)g_io_error_from_errno (errno), _ ("cannot read %s: %s"), self->path,
                   g_strerror (errno));
      return FALSE;
    }
  /* Somebody emptied it. */
  if ((guint64)info.st_size < self->position)
    hr_log_reader_seek (self, 0, self->end);
  return TRUE;
}

/**
 * hr_log_reader_close:
 * @self: a reader
 *
 * What was read stays, so that a line that is not finished yet can be.
 */
void
hr_log_reader_close (HrLogReader *self)
{
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
}

/**
 * hr_log_reader_seek:
 * @self: a reader
 * @offset: where a line begins; beyond what there is it is the end
 * @end: where to stop, %G_MAXUINT64: nowhere
 */
void
hr_log_reader_seek (HrLogReader *self, guint64 offset, guint64 end)
{
  g_string_truncate (self->text, 0);
  self->taken = 0;
  self->begin = offset;
  self->position = offset;
  self->end = end;
  self->fresh = TRUE;
  self->lost = FALSE;
}

/**
 * hr_log_reader_rewind:
 * @self: a reader
 *
 * Puts it where hr_log_reader_seek() did.
 */
void
hr_log_reader_rewind (HrLogReader *self)
{
  hr_log_reader_seek (self, self->begin, self->end);
}

/**
 * hr_log_reader_set_end:
 * @self: a reader
 * @end: where to stop from now on, %G_MAXUINT64: nowhere
 */
void
hr_log_reader_set_end (HrLogReader *self, guint64 end)
{
  self->end = end;
}

/**
 * hr_log_reader_get_size:
 * @self: a reader that is open
 *
 * Returns: where the file ends now
 */
guint64
hr_log_reader_get_size (HrLogReader *self)
{
  off_t end = lseek (self->fd, 0, SEEK_END);

  return end >= 0 ? (guint64)end : 0;
}

static void
drop_text (HrLogReader *self)
{
  g_string_truncate (self->text, 0);
  self->taken = 0;
  /* At the first look nothing is missed. */
  self->lost = !self->fresh;
}

/* Passes over what was freed. Returns FALSE when nothing follows. */
static gboolean
pass_hole (HrLogReader *self)
{
  off_t data = lseek (self->fd, (off_t)self->position, SEEK_DATA);

  if (data < 0)
    return errno != ENXIO;
  if ((guint64)data != self->position)
    drop_text (self);
  self->position = (guint64)data;
  return TRUE;
}

/* Of the block in which the content begins, what was freed is zeros. */
static gsize
count_freed (int fd, guint64 position, const char *text, gsize length)
{
  off_t head = lseek (fd, 0, SEEK_DATA);
  gsize n = 0;

  if (head <= 0 || position >= (guint64)head + BLOCK_MAX)
    return 0;
  while (n < length && text[n] == '\0')
    n++;
  return n;
}

/* Returns FALSE at the end. */
static gboolean
read_more (HrLogReader *self)
{
  char buffer[CHUNK];
  gsize freed;
  ssize_t n;

  do
    {
      gsize size = (gsize)MIN (sizeof buffer, self->end - MIN (self->position, self->end));

      if (self->fd < 0 || size == 0 || !pass_hole (self))
        return FALSE;
      n = pread (self->fd, buffer, size, (off_t)self->position);
      if (n <= 0)
        return FALSE;
      /* What was freed between both calls reads as zeros. */
  } while (lseek (self->fd, (off_t)self->position, SEEK_DATA) > (off_t)self->position);

  freed = count_freed (self->fd, self->position, buffer, (gsize)n);
  if (freed > 0)
    drop_text (self);
  g_string_append_len (self->text, buffer + freed, n - (gssize)freed);
  self->fresh = self->fresh && freed == (gsize)n;
  self->position += (guint64)n;
  return TRUE;
}

static void
give (HrLogReader *self, gsize length, gsize step, HrLogLine *line)
{
  line->text = self->text->str + self->taken;
  line->length = length;
  line->offset = self->position - (self->text->len - self->taken);
  line->lost = self->lost;
  self->lost = FALSE;
  self->taken += step;
}

/**
 * hr_log_reader_next:
 * @self: a reader
 * @line: (out): valid until the next call
 *
 * Returns: whether there is another line that has its end
 */
gboolean
hr_log_reader_next (HrLogReader *self, HrLogLine *line)
{
  gsize searched = self->taken;

  for (;;)
    {
      const char *newline = memchr (self->text->str + searched, '\n', self->text->len - searched);

      if (newline != NULL)
        {
          gsize length = (gsize)(newline - self->text->str) - self->taken;

          give (self, length, length + 1, line);
          return TRUE;
        }
      if (self->text->len - self->taken >= HR_LOG_LINE_MAX)
        {
          give (self, HR_LOG_LINE_MAX, HR_LOG_LINE_MAX, line);
          return TRUE;
        }
      g_string_erase (self->text, 0, (gssize)self->taken);
      self->taken = 0;
      searched = self->text->len;
      if (!read_more (self))
        return FALSE;
      searched = MIN (searched, self->text->len);
    }
}

/**
 * hr_log_reader_rest:
 * @self: a reader at whose end there is nothing more
 * @line: (out): valid until the next call
 *
 * Returns: whether there is a line without an end
 */
gboolean
hr_log_reader_rest (HrLogReader *self, HrLogLine *line)
{
  if (self->text->len == self->taken)
    return FALSE;
  give (self, self->text->len - self->taken, self->text->len - self->taken, line);
  return TRUE;
}

/**
 * hr_log_reader_find_tail:
 * @self: a reader that is open
 * @begin: what is before it does not count
 * @end: nor what is after it
 * @lines: how many
 *
 * Returns: where the last @lines lines begin, not before @begin
 */
guint64
hr_log_reader_find_tail (HrLogReader *self, guint64 begin, guint64 end, guint64 lines)
{
  off_t head = lseek (self->fd, 0, SEEK_DATA);
  off_t first = MAX (head, 0);
  off_t position = (off_t)end;
  gboolean at_end = TRUE;
  char buffer[CHUNK];

  first = MIN (MAX (first, (off_t)begin), position);
  while (position > first)
    {
      off_t start = MAX (first, position - CHUNK);
      ssize_t n = pread (self->fd, buffer, (size_t)(position - start), start);

      if (n <= 0)
        return (guint64)position;
      for (ssize_t i = n - 1; i >= 0; i--)
        {
          /* The rest of a block that was freed in part. */
          if (buffer[i] == '\0' && head > 0 && start + i < head + BLOCK_MAX)
            return (guint64)(start + i + 1);
          if (buffer[i] == '\n' && !at_end && --lines == 0)
            return (guint64)(start + i + 1);
          at_end = FALSE;
        }
      position = start;
    }

  return (guint64)first;
}
