/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-fd.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <linux/kcmp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hr-fs.h"

/**
 * hr_fd_clear:
 * @fd: (inout): a descriptor or -1; set to -1
 *
 * Closes it and keeps errno.
 */
void
hr_fd_clear (int *fd)
{
  int saved = errno;

  if (*fd >= 0)
    close (*fd);
  *fd = -1;
  errno = saved;
}

/**
 * hr_fd_steal:
 * @fd: (inout): a descriptor; set to -1
 *
 * Returns: what @fd held; the caller closes it
 */
int
hr_fd_steal (int *fd)
{
  int stolen = *fd;

  *fd = -1;
  return stolen;
}

/**
 * hr_fd_write_all:
 * @fd: where to write
 * @data: (array length=size): what to write
 * @size: its length in bytes
 * @error: return location
 *
 * Writes everything, through interruptions and short writes. The descriptor must be blocking.
 *
 * Returns: whether all was written; else a #GIOErrorEnum is set
 */
gboolean
hr_fd_write_all (int fd, const void *data, gsize size, GError **error)
{
  const char *next = data;

  while (size > 0)
    {
      ssize_t written = write (fd, next, size);

      if (written < 0 && errno == EINTR)
        continue;
      if (written < 0)
        {
          int saved = errno;
          g_set_error_literal (error, G_IO_ERROR, g_io_error_from_errno (saved), hr_fs_strerror (saved));
          return FALSE;
        }
      next += written;
      size -= (gsize)written;
    }
  return TRUE;
}

/**
 * hr_fd_read_all:
 * @fd: where to read, from its position to the end
 * @size_max: refuse more, in bytes
 * @error: return location
 *
 * Returns: (transfer full): what was read, or %NULL with a #GIOErrorEnum set: %G_IO_ERROR_MESSAGE_TOO_LARGE above
 *   @size_max
 */
GBytes *
hr_fd_read_all (int fd, gsize size_max, GError **error)
{
  g_autoptr (GByteArray) content = g_byte_array_new ();

  for (;;)
    {
      guint8 buffer[64 * 1024];
      ssize_t got = read (fd, buffer, sizeof buffer);

      if (got < 0 && errno == EINTR)
        continue;
      if (got < 0)
        {
          int saved = errno;
          g_set_error_literal (error, G_IO_ERROR, g_io_error_from_errno (saved), g_strerror (saved));
          return NULL;
        }
      if (got == 0)
        return g_byte_array_free_to_bytes (g_steal_pointer (&content));
      if ((gsize)got > size_max - MIN (content->len, size_max))
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE, "it is larger than %" G_GSIZE_FORMAT " bytes",
                       size_max);
          return NULL;
        }
      g_byte_array_append (content, buffer, (guint)got);
    }
}

/**
 * hr_fd_dup:
 * @fd: a descriptor
 * @error: return location
 *
 * Returns: a copy with close-on-exec, at 3 or above; -1 with a #GIOErrorEnum set when there is none left
 */
int
hr_fd_dup (int fd, GError **error)
{
  int copy = fcntl (fd, F_DUPFD_CLOEXEC, 3);

  if (copy < 0)
    {
      int saved = errno;
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved), "while copying descriptor %d: %s", fd,
                   g_strerror (saved));
    }
  return copy;
}

static gboolean
look (int fd, struct statx *info)
{
  return statx (fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, info) == 0;
}

/**
 * hr_fd_is_same:
 * @fd: a descriptor
 * @other: another
 *
 * Nobody is waited for, also where a program serves their file system.
 *
 * Returns: whether they are copies of each other. Where the kernel does not tell (kcmp), so are those of one file that
 *   were opened alike; what has no file of its own, such as an event, is no copy then
 */
gboolean
hr_fd_is_same (int fd, int other)
{
  long order = syscall (SYS_kcmp, getpid (), getpid (), KCMP_FILE, fd, other);
  struct statx one, two;

  if (order >= 0)
    return order == 0;
  return look (fd, &one) && look (other, &two) && (one.stx_mode & S_IFMT) != 0 && one.stx_ino == two.stx_ino
         && one.stx_dev_major == two.stx_dev_major && one.stx_dev_minor == two.stx_dev_minor
         && fcntl (fd, F_GETFL) == fcntl (other, F_GETFL);
}
