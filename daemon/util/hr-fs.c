/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-fd.h"

/* So many files are synced at the same time. */
#define SYNC_AT_ONCE 8

/**
 * hr_fs_strerror:
 * @errnum: a value of errno
 *
 * Returns: (transfer none): the system's words for it, and what to do about a full disk
 */
const char *
hr_fs_strerror (int errnum)
{
  g_autofree char *words = NULL;

  if (errnum != ENOSPC && errnum != EDQUOT)
    return g_strerror (errnum);
  words = g_strconcat (g_strerror (errnum), " (make room there)", NULL);
  return g_intern_string (words);
}

/**
 * hr_fs_set_error:
 * @error: return location
 * @errnum: a value of errno
 * @format: what was being done, "while …"
 *
 * Sets a #GIOErrorEnum whose message is @format, a colon and the words for @errnum, see hr_fs_strerror().
 *
 * Returns: %FALSE, for the caller to return
 */
gboolean
hr_fs_set_error (GError **error, int errnum, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errnum), "%s: %s", what, hr_fs_strerror (errnum));
  return FALSE;
}

/**
 * hr_fs_sync_dir:
 * @path: a directory
 * @error: return location
 *
 * Makes what was renamed or created in @path durable.
 *
 * Returns: success; else a #GIOErrorEnum is set
 */
gboolean
hr_fs_sync_dir (const char *path, GError **error)
{
  g_auto (HrFd) fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0 || fsync (fd) != 0)
    return hr_fs_set_error (error, errno, "while syncing directory '%s'", path);
  return TRUE;
}

typedef struct {
  const char *const *paths;
  guint n;
  int next;         /* atomic: the first that nobody has taken */
  int failed_first; /* atomic: one more than the number of one that failed, 0: none did */
  int failed_errno;
} SyncWork;

static gpointer
sync_some (gpointer data)
{
  SyncWork *work = data;
  guint i;

  while ((i = (guint)g_atomic_int_add (&work->next, 1)) < work->n)
    {
      g_auto (HrFd) fd = open (work->paths[i], O_RDONLY | O_CLOEXEC);
      int errnum = fd < 0 || fsync (fd) != 0 ? errno : 0;

      if (errnum != 0 && g_atomic_int_compare_and_exchange (&work->failed_first, 0, (int)i + 1))
        work->failed_errno = errnum;
    }
  return NULL;
}

/**
 * hr_fs_sync_all:
 * @paths: (array length=n): files and directories
 * @n: how many
 * @error: return location
 *
 * Makes them durable, several at a time: what a disk is told together costs it hardly more than one of them. Blocks.
 *
 * Returns: success; else a #GIOErrorEnum that names the path
 */
gboolean
hr_fs_sync_all (const char *const *paths, guint n, GError **error)
{
  SyncWork work = { .paths = paths, .n = n };
  GThread *threads[SYNC_AT_ONCE - 1] = { NULL };

  /* Where there is no thread to be had, there is one less. */
  for (guint i = 0; i + 1 < MIN (n, SYNC_AT_ONCE); i++)
    threads[i] = g_thread_try_new ("sync", sync_some, &work, NULL);
  sync_some (&work);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    if (threads[i] != NULL)
      g_thread_join (threads[i]);
  if (work.failed_first == 0)
    return TRUE;
  return hr_fs_set_error (error, work.failed_errno, "while syncing '%s'", paths[work.failed_first - 1]);
}

static gboolean
write_file (const char *path, gconstpointer data, gsize size, int mode, gboolean sync, GError **error)
{
  g_autofree char *temporary = g_strconcat (path, ".XXXXXX", NULL);
  g_autoptr (GError) local = NULL;
  g_auto (HrFd) fd = g_mkstemp_full (temporary, O_RDWR | O_CLOEXEC, 0600);

  if (fd < 0)
    return hr_fs_set_error (error, errno, "while creating a temporary file beside '%s'", path);

  if (!hr_fd_write_all (fd, data, size, &local))
    {
      g_unlink (temporary);
      g_propagate_prefixed_error (error, g_steal_pointer (&local), "while writing '%s': ", path);
      return FALSE;
    }
  if (fchmod (fd, (mode_t)mode) != 0 || (sync && fsync (fd) != 0) || g_rename (temporary, path) != 0)
    {
      int saved = errno;
      g_unlink (temporary);
      return hr_fs_set_error (error, saved, "while writing '%s'", path);
    }
  return TRUE;
}

/**
 * hr_fs_write:
 * @path: the file
 * @data: (array length=size): its new content
 * @size: length in bytes
 * @mode: permission bits, before the umask is applied: exactly these are set
 * @error: return location
 *
 * Replaces @path in one step that survives a crash: temporary file, sync, rename, sync of the directory. When it
 * fails the old content stands.
 *
 * Returns: success; else a #GIOErrorEnum is set
 */
gboolean
hr_fs_write (const char *path, gconstpointer data, gsize size, int mode, GError **error)
{
  g_autofree char *dir = g_path_get_dirname (path);

  return write_file (path, data, size, mode, TRUE, error) && hr_fs_sync_dir (dir, error);
}

/**
 * hr_fs_replace:
 * @path: the file
 * @data: (array length=size): its new content
 * @size: length in bytes
 * @mode: permission bits, before the umask is applied: exactly these are set
 * @error: return location
 *
 * As hr_fs_write(), but nothing is synced: it survives the process that writes it, not the machine, after whose end
 * anything may stand there.
 *
 * Returns: success; else a #GIOErrorEnum is set
 */
gboolean
hr_fs_replace (const char *path, gconstpointer data, gsize size, int mode, GError **error)
{
  return write_file (path, data, size, mode, FALSE, error);
}

/**
 * hr_fs_read:
 * @path: a regular file
 * @size_max: refuse a larger one, in bytes
 * @error: return location
 *
 * Returns: (transfer full): the content, or %NULL with a #GIOErrorEnum set: %G_IO_ERROR_NOT_FOUND where there is
 *   none, %G_IO_ERROR_NOT_REGULAR_FILE for what is no file, %G_IO_ERROR_MESSAGE_TOO_LARGE above @size_max
 */
GBytes *
hr_fs_read (const char *path, gsize size_max, GError **error)
{
  /* Without O_NONBLOCK a FIFO in a file's place would hold the daemon for ever. */
  g_auto (HrFd) fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  GBytes *content;
  struct stat info;

  if (fd < 0 || fstat (fd, &info) != 0)
    {
      hr_fs_set_error (error, errno, "while opening '%s'", path);
      return NULL;
    }
  if (!S_ISREG (info.st_mode))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE, "while opening '%s': it is not a regular file",
                   path);
      return NULL;
    }
  content = hr_fd_read_all (fd, size_max, error);
  if (content == NULL)
    g_prefix_error (error, "while reading '%s': ", path);
  return content;
}

/**
 * hr_fs_read_last_lines:
 * @path: a text file
 * @size_max: of what is read, in bytes
 * @lines_max: how many lines at most
 *
 * Returns: (transfer full) (nullable): its last lines as UTF-8, without a newline at the end; %NULL when there are none
 */
char *
hr_fs_read_last_lines (const char *path, gsize size_max, guint lines_max)
{
  g_auto (HrFd) fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  g_autofree char *bytes = g_malloc (size_max + 1);
  g_autofree char *text = NULL;
  struct stat info;
  ssize_t freed = 0;
  ssize_t got;
  char *begin;

  if (fd < 0 || fstat (fd, &info) != 0 || !S_ISREG (info.st_mode))
    return NULL;
  got = pread (fd, bytes, size_max, MAX (info.st_size - (off_t)size_max, 0));
  if (got <= 0)
    return NULL;
  /* What a file begins with that was freed reads as zeros. */
  while (freed < got && bytes[freed] == '\0')
    freed++;
  text = g_utf8_make_valid (bytes + freed, got - freed);
  g_strchomp (text);
  begin = text + strlen (text);
  while (begin > text && (begin[-1] != '\n' || --lines_max > 0))
    begin--;
  return *begin != '\0' ? g_strdup (begin) : NULL;
}

/**
 * hr_fs_set_aside:
 * @path: a file that cannot be used
 * @error: return location
 *
 * Renames @path to the first free of "@path.broken", "@path.broken.2" …: what cannot be read is kept, never deleted.
 *
 * Returns: (transfer full): the new path, or %NULL with a #GIOErrorEnum set
 */
char *
hr_fs_set_aside (const char *path, GError **error)
{
  for (int i = 1; i < 10000; i++)
    {
      g_autofree char *aside = i == 1 ? g_strconcat (path, ".broken", NULL) : g_strdup_printf ("%s.broken.%d", path, i);

      if (renameat2 (AT_FDCWD, path, AT_FDCWD, aside, RENAME_NOREPLACE) == 0)
        return g_steal_pointer (&aside);
      if (errno == EINVAL && !g_file_test (aside, G_FILE_TEST_EXISTS) && g_rename (path, aside) == 0)
        return g_steal_pointer (&aside);
      if (errno != EEXIST && errno != EINVAL)
        break;
    }
  hr_fs_set_error (error, errno, "while setting '%s' aside", path);
  return NULL;
}

/**
 * hr_fs_make_dir:
 * @path: a directory
 * @mode: permission bits of those that are created
 * @error: return location
 *
 * Creates @path and its parents where they are missing.
 *
 * Returns: whether @path is a directory now; else a #GIOErrorEnum is set
 */
gboolean
hr_fs_make_dir (const char *path, int mode, GError **error)
{
  if (g_mkdir_with_parents (path, mode) != 0)
    return hr_fs_set_error (error, errno, "while creating directory '%s'", path);
  return TRUE;
}

static gboolean
remove_entry (int parent, const char *name, const char *shown, GError **error)
{
  g_auto (HrFd) fd = -1;
  DIR *dir;
  struct dirent *entry;
  gboolean ok = TRUE;

  if (unlinkat (parent, name, 0) == 0 || errno == ENOENT)
    return TRUE;
  if (errno != EISDIR && errno != EPERM)
    return hr_fs_set_error (error, errno, "while removing '%s'", shown);

  fd = openat (parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && errno == EACCES && fchmodat (parent, name, 0700, 0) == 0)
    fd = openat (parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return hr_fs_set_error (error, errno, "while removing '%s'", shown);
  /* A directory of a recorded tree may be read-only; its entries can be removed only when it is not. */
  fchmod (fd, 0700);

  dir = fdopendir (hr_fd_steal (&fd));
  if (dir == NULL)
    return hr_fs_set_error (error, errno, "while removing '%s'", shown);
  while (ok && (entry = readdir (dir)) != NULL)
    {
      g_autofree char *child = NULL;

      if (g_str_equal (entry->d_name, ".") || g_str_equal (entry->d_name, ".."))
        continue;
      child = g_build_filename (shown, entry->d_name, NULL);
      ok = remove_entry (dirfd (dir), entry->d_name, child, error);
    }
  closedir (dir);
  if (ok && unlinkat (parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
    ok = hr_fs_set_error (error, errno, "while removing '%s'", shown);
  return ok;
}

/**
 * hr_fs_remove_tree:
 * @path: a file or directory, or nothing
 * @error: return location
 *
 * Removes @path with all below it; follows no symbolic link.
 *
 * Returns: whether nothing is left; else a #GIOErrorEnum is set
 */
gboolean
hr_fs_remove_tree (const char *path, GError **error)
{
  return remove_entry (AT_FDCWD, path, path, error);
}

/**
 * hr_fs_copy:
 * @from: a regular file
 * @to: where its copy goes; what stands there is replaced in one step
 * @mode: permission bits of the copy
 * @error: return location
 *
 * Shares the blocks with the original where the file system can; not synced.
 *
 * Returns: success; else a #GIOErrorEnum is set
 */
gboolean
hr_fs_copy (const char *from, const char *to, int mode, GError **error)
{
  g_autofree char *temporary = g_strconcat (to, ".XXXXXX", NULL);
  g_auto (HrFd) source = open (from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  g_auto (HrFd) target = -1;
  int saved = 0;

  if (source < 0)
    return hr_fs_set_error (error, errno, "while opening '%s'", from);
  target = g_mkstemp_full (temporary, O_RDWR | O_CLOEXEC, 0600);
  if (target < 0)
    return hr_fs_set_error (error, errno, "while creating a temporary file beside '%s'", to);

  if (ioctl (target, FICLONE, source) != 0)
    {
      for (;;)
        {
          char buffer[64 * 1024];
          ssize_t got = read (source, buffer, sizeof buffer);

          if (got < 0 && errno == EINTR)
            continue;
          if (got <= 0)
            {
              saved = got < 0 ? errno : 0;
              break;
            }
          for (ssize_t done = 0; done < got && saved == 0;)
            {
              ssize_t written = write (target, buffer + done, (size_t)(got - done));

              if (written < 0 && errno != EINTR)
                saved = errno;
              else if (written > 0)
                done += written;
            }
          if (saved != 0)
            break;
        }
    }
  if (saved == 0 && (fchmod (target, (mode_t)mode) != 0 || g_rename (temporary, to) != 0))
    saved = errno;
  if (saved != 0)
    {
      g_unlink (temporary);
      return hr_fs_set_error (error, saved, "while copying '%s' to '%s'", from, to);
    }
  return TRUE;
}
