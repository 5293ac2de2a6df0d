/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-slot-read.c: looking at what is in a slot.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "hr-fs.h"
#include "hr-slot-dir-private.h"

/**
 * hr_slot_dir_stat:
 * @self: a slot
 * @path: relative to it
 * @info: (out): what stands there, symbolic links themselves
 *
 * Returns: whether anything stands there that can be reached without following a link
 */
gboolean
hr_slot_dir_stat (HrSlotDir *self, const char *path, struct stat *info)
{
  const char *name;
  int parent = hr_slot_dir_parent (self, path, &name);
  int result;

  if (parent < 0)
    return FALSE;
  while ((result = fstatat (parent, *name != '\0' ? name : ".", info, AT_SYMLINK_NOFOLLOW)) != 0
         && hr_slot_dir_may_retry (self, path))
    ;
  return result == 0;
}

/**
 * hr_slot_dir_names:
 * @self: a slot
 * @path: a directory below it, "" for the slot itself
 * @error: return location
 *
 * Returns: (transfer full): the names in it, in no order; %NULL with a #GIOErrorEnum set
 */
char **
hr_slot_dir_names (HrSlotDir *self, const char *path, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_auto (HrFd) fd = hr_slot_dir_open_in (self, path, O_RDONLY | O_DIRECTORY);
  struct dirent *entry;
  DIR *dir;

  if (fd < 0 && errno == EACCES)
    {
      g_auto (HrFd) itself = hr_slot_dir_enter (self, path, strlen (path));

      if (itself >= 0 && hr_slot_dir_loosen (self, path, strlen (path), itself))
        fd = hr_slot_dir_open_in (self, path, O_RDONLY | O_DIRECTORY);
      else
        errno = EACCES;
    }
  dir = fd < 0 ? NULL : fdopendir (fd);
  if (dir == NULL)
    {
      hr_slot_dir_set_error (self, error, errno, "reading", path);
      return NULL;
    }
  hr_fd_steal (&fd);
  while ((entry = readdir (dir)) != NULL)
    {
      if (!g_str_equal (entry->d_name, ".") && !g_str_equal (entry->d_name, ".."))
        g_ptr_array_add (names, g_strdup (entry->d_name));
    }
  closedir (dir);
  g_ptr_array_add (names, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&names), FALSE);
}

/**
 * hr_slot_dir_read_link:
 * @self: a slot
 * @path: a symbolic link below it
 *
 * Returns: (transfer full) (nullable): its target
 */
char *
hr_slot_dir_read_link (HrSlotDir *self, const char *path)
{
  g_auto (HrFd) fd = hr_slot_dir_open_in (self, path, O_PATH);
  char target[PATH_MAX];
  ssize_t length = fd < 0 ? -1 : readlinkat (fd, "", target, sizeof target);

  return length < 0 ? NULL : g_strndup (target, (gsize)length);
}

/**
 * hr_slot_dir_read:
 * @self: a slot
 * @path: a file below it
 * @size_max: in bytes
 *
 * Returns: (transfer full) (nullable): its content; %NULL when there is no such regular file of at most that size
 */
GBytes *
hr_slot_dir_read (HrSlotDir *self, const char *path, gsize size_max)
{
  g_auto (HrFd) fd = hr_slot_dir_open_in (self, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  char proc[64];

  if (fd < 0)
    return NULL;
  g_snprintf (proc, sizeof proc, "/proc/self/fd/%d", fd);
  return hr_fs_read (proc, size_max, NULL);
}

static void
checksum_begin (GChecksum *checksum, guint64 size)
{
  g_autofree char *header = g_strdup_printf ("blob %" G_GUINT64_FORMAT, size);

  g_checksum_update (checksum, (const guchar *)header, (gssize)strlen (header) + 1);
}

/**
 * hr_slot_dir_blob_id:
 * @self: a slot
 * @path: a file or symbolic link below it
 * @info: its attributes
 *
 * Returns: (transfer full) (nullable): the id under which the rollback store keeps such content; %NULL when it cannot
 *   be read or is changed meanwhile
 */
char *
hr_slot_dir_blob_id (HrSlotDir *self, const char *path, const struct stat *info)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA1);
  g_auto (HrFd) fd = -1;
  guint64 size = (guint64)info->st_size;

  if (S_ISLNK (info->st_mode))
    {
      g_autofree char *target = hr_slot_dir_read_link (self, path);

      if (target == NULL)
        return NULL;
      checksum_begin (checksum, strlen (target));
      g_checksum_update (checksum, (const guchar *)target, -1);
      return g_strdup (g_checksum_get_string (checksum));
    }
  if (!S_ISREG (info->st_mode))
    return NULL;
  fd = hr_slot_dir_open_in (self, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  checksum_begin (checksum, size);
  while (fd >= 0)
    {
      guchar buffer[64 * 1024];
      ssize_t got = read (fd, buffer, sizeof buffer);

      if (got < 0 && errno == EINTR)
        continue;
      if (got < 0 || (guint64)got > size)
        return NULL;
      if (got == 0)
        return size == 0 ? g_strdup (g_checksum_get_string (checksum)) : NULL;
      g_checksum_update (checksum, buffer, got);
      size -= (guint64)got;
    }
  return NULL;
}

/**
 * hr_slot_dir_is_written:
 * @self: a slot
 * @path: a file below it
 *
 * Finds out by asking for a read lease, which the kernel refuses while any process has the file open for writing.
 *
 * Returns: whether some process has; %FALSE also where the file system has no leases
 */
gboolean
hr_slot_dir_is_written (HrSlotDir *self, const char *path)
{
  g_auto (HrFd) fd = hr_slot_dir_open_in (self, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  gboolean written;

  if (fd < 0)
    return FALSE;
  /* The signal for a broken lease would end the process; this one is ignored unless somebody asks for it. */
  if (fcntl (fd, F_SETSIG, SIGURG) != 0)
    return FALSE;
  written = fcntl (fd, F_SETLEASE, F_RDLCK) != 0 && errno == EAGAIN;
  if (!written)
    fcntl (fd, F_SETLEASE, F_UNLCK);
  return written;
}
