/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-log-file.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#include "hr-fd.h"

/* No file system has larger blocks; what lies before the head is a hole already, so that reaching back costs nothing. */
#define BLOCK_MAX (1024 * 1024)

/**
 * hr_log_file_is_open:
 * @dir: descriptor of the directory
 * @name: of a file in it
 *
 * A write lease is given only where nobody else has the file open; where there are no leases, nobody seems to.
 *
 * Returns: whether some process has it open
 */
gboolean
hr_log_file_is_open (int dir, const char *name)
{
  g_auto (HrFd) fd = openat (dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

  return fd >= 0 && fcntl (fd, F_SETLEASE, F_WRLCK) != 0 && errno == EAGAIN;
}

/**
 * hr_log_file_head:
 * @fd: a log
 * @size: in bytes
 *
 * Returns: where its content begins, at most a block too early
 */
guint64
hr_log_file_head (int fd, guint64 size)
{
  off_t data = lseek (fd, 0, SEEK_DATA);

  if (data >= 0)
    return MIN ((guint64)data, size);
  return errno == ENXIO ? size : 0;
}

/* The begin of the line that @offset lies in, @head where that is in it, or @offset where the line is too long. */
static guint64
find_line (int fd, guint64 head, guint64 offset)
{
  g_autofree char *buffer = g_malloc (HR_LOG_LINE_MAX);
  guint64 begin = offset > HR_LOG_LINE_MAX ? offset - HR_LOG_LINE_MAX : 0;
  const char *newline;
  ssize_t n;

  begin = MAX (begin, head);
  n = pread (fd, buffer, offset - begin, (off_t)begin);
  if (n < (ssize_t)(offset - begin))
    return offset;
  newline = memrchr (buffer, '\n', (gsize)n);
  if (newline == NULL)
    return begin == head ? head : offset;
  return begin + (guint64)(newline - buffer) + 1;
}

/**
 * hr_log_file_cut:
 * @fd: a log, open for reading and writing; others may append to it
 * @size: in bytes, as it was a moment ago
 * @keep: how much of the end must stay, in bytes
 * @head: (inout): where its content begins
 * @error: return location; %G_IO_ERROR_NOT_SUPPORTED where the file system cannot do this
 *
 * Frees what lies before the line in which the last @keep bytes begin. May wait for the disk.
 *
 * Returns: whether it is freed
 */
gboolean
hr_log_file_cut (int fd, guint64 size, guint64 keep, guint64 *head, GError **error)
{
  guint64 cut = size;
  guint64 begin;
  int result;

  g_return_val_if_fail (fd >= 0 && head != NULL, FALSE);

  if (keep >= size || size - keep <= *head)
    return TRUE;
  if (keep > 0)
    cut = find_line (fd, *head, size - keep);
  if (cut <= *head)
    return TRUE;
  begin = *head - *head % BLOCK_MAX;
  do
    result = fallocate (fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)begin, (off_t)(cut - begin));
  while (result != 0 && errno == EINTR);
  if (result != 0)
    {
      int code = errno == ENOSYS || errno == ENODEV ? EOPNOTSUPP : errno;

      g_set_error_literal (error, G_IO_ERROR, (gint)g_io_error_from_errno (code), g_strerror (code));
      return FALSE;
    }
  *head = cut;
  return TRUE;
}
