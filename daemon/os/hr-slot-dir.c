/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-slot-dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-fs.h"

/* The one name that is used in the temporary directory: there is one operation of a service at a time. */
#define NEW "new"

/* So many names are tried for what is kept aside. */
#define KEPT_TRIES_MAX 1000

struct _HrSlotDir {
  char *path;
  char *temporary; /* NULL: only to read */
  HrFd root;
  HrFd temporary_fd;

  /* The directory used last: paths come sorted, so it is nearly always the next one's too. */
  char *parent;
  HrFd parent_fd;

  GHashTable *modes; /* path of a directory → mode that it gets at the end */
  guint changes;
};

/**
 * hr_slot_dir_open:
 * @path: the slot, an existing directory
 * @temporary: (nullable): directory on the same file system for what is not yet in place; %NULL: only to read
 * @error: return location
 *
 * Returns: (transfer full): the directory; %NULL with a #GIOErrorEnum set
 */
HrSlotDir *
hr_slot_dir_open (const char *path, const char *temporary, GError **error)
{
  g_autoptr (HrSlotDir) self = g_new0 (HrSlotDir, 1);

  self->path = g_strdup (path);
  self->temporary = g_strdup (temporary);
  self->temporary_fd = self->parent_fd = -1;
  self->modes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->root = open (path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (self->root < 0)
    {
      hr_fs_set_error (error, errno, "while opening slot '%s'", path);
      return NULL;
    }
  if (temporary != NULL)
    {
      self->temporary_fd = open (temporary, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (self->temporary_fd < 0)
        {
          hr_fs_set_error (error, errno, "while opening '%s'", temporary);
          return NULL;
        }
    }
  return g_steal_pointer (&self);
}

/**
 * hr_slot_dir_free:
 * @self: (transfer full) (nullable): a slot; directories that had to be opened for the owner get their modes back
 */
void
hr_slot_dir_free (HrSlotDir *self)
{
  if (self == NULL)
    return;
  hr_slot_dir_finish (self, NULL);
  hr_fd_clear (&self->parent_fd);
  hr_fd_clear (&self->temporary_fd);
  hr_fd_clear (&self->root);
  g_hash_table_unref (self->modes);
  g_free (self->parent);
  g_free (self->temporary);
  g_free (self->path);
  g_free (self);
}

/**
 * hr_slot_dir_full_path:
 * @self: a slot
 * @path: relative to it
 *
 * Returns: (transfer full): the absolute path
 */
char *
hr_slot_dir_full_path (HrSlotDir *self, const char *path)
{
  return g_build_filename (self->path, path, NULL);
}

static gboolean
set_path_error (HrSlotDir *self, GError **error, int errnum, const char *what, const char *path)
{
  g_autofree char *full = hr_slot_dir_full_path (self, path);

  return hr_fs_set_error (error, errnum, "while %s '%s'", what, full);
}

static void
forget_parent (HrSlotDir *self)
{
  hr_fd_clear (&self->parent_fd);
  g_clear_pointer (&self->parent, g_free);
}

/* O_PATH descriptors take no fchmod(). */
static int
chmod_fd (int fd, guint mode)
{
  char proc[64];

  g_snprintf (proc, sizeof proc, "/proc/self/fd/%d", fd);
  return chmod (proc, mode);
}

/* Lets the owner into directory @path, which @fd refers to; FALSE when that was done before or cannot help. */
static gboolean
loosen (HrSlotDir *self, const char *path, gsize length, int fd)
{
  g_autofree char *key = g_strndup (path, length);
  struct stat info;

  if (self->temporary == NULL || fstat (fd, &info) != 0 || (info.st_mode & 0700) == 0700
      || chmod_fd (fd, (info.st_mode & 07777) | 0700) != 0)
    return FALSE;
  if (!g_hash_table_contains (self->modes, key))
    g_hash_table_insert (self->modes, g_steal_pointer (&key), GUINT_TO_POINTER (info.st_mode & 07777));
  return TRUE;
}

/* Opens directory @path part by part; -1 with errno. */
static int
open_dir (HrSlotDir *self, const char *path, gsize length)
{
  g_auto (HrFd) fd = fcntl (self->root, F_DUPFD_CLOEXEC, 3);
  const char *part = path;
  const char *end = path + length;

  while (fd >= 0 && part < end)
    {
      const char *slash = memchr (part, '/', (gsize)(end - part));
      gsize part_length = (gsize)((slash != NULL ? slash : end) - part);
      g_autofree char *name = g_strndup (part, part_length);
      int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
      int next = openat (fd, name, flags);

      if (next < 0 && errno == EACCES && loosen (self, path, part > path ? (gsize)(part - path - 1) : 0, fd))
        next = openat (fd, name, flags);
      hr_fd_clear (&fd);
      fd = next;
      part = slash != NULL ? slash + 1 : end;
    }
  return hr_fd_steal (&fd);
}

/* The directory that holds @path, and the last part of @path; -1 with errno. */
static int
parent_of (HrSlotDir *self, const char *path, const char **name)
{
  const char *slash = strrchr (path, '/');
  gsize length = slash != NULL ? (gsize)(slash - path) : 0;

  *name = slash != NULL ? slash + 1 : path;
  if (self->parent != NULL && strlen (self->parent) == length && memcmp (self->parent, path, length) == 0)
    return self->parent_fd;

  forget_parent (self);
  self->parent_fd = open_dir (self, path, length);
  if (self->parent_fd >= 0)
    self->parent = g_strndup (path, length);
  return self->parent_fd;
}

/* Whether what failed in @path's directory for want of a permission may be tried again. */
static gboolean
may_retry (HrSlotDir *self, const char *path)
{
  return errno == EACCES && self->parent != NULL && loosen (self, path, strlen (self->parent), self->parent_fd);
}

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
  int parent = parent_of (self, path, &name);
  int result;

  if (parent < 0)
    return FALSE;
  while ((result = fstatat (parent, *name != '\0' ? name : ".", info, AT_SYMLINK_NOFOLLOW)) != 0
         && may_retry (self, path))
    ;
  return result == 0;
}

static int
open_in (HrSlotDir *self, const char *path, int flags)
{
  const char *name;
  int parent = parent_of (self, path, &name);
  int fd;

  if (parent < 0)
    return -1;
  while ((fd = openat (parent, *name != '\0' ? name : ".", flags | O_NOFOLLOW | O_CLOEXEC)) < 0
         && may_retry (self, path))
    ;
  return fd;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/**
 * hr_slot_dir_names:
 * @self: a slot
 * @path: a directory below it, "" for the slot itself
 * @error: return location
 *
 * Returns: (transfer full): the names in it, sorted; %NULL with a #GIOErrorEnum set
 */
char **
hr_slot_dir_names (HrSlotDir *self, const char *path, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_auto (HrFd) fd = open_in (self, path, O_RDONLY | O_DIRECTORY);
  struct dirent *entry;
  DIR *dir;

  if (fd < 0 && errno == EACCES)
    {
      g_auto (HrFd) itself = open_dir (self, path, strlen (path));

      if (itself >= 0 && loosen (self, path, strlen (path), itself))
        fd = open_in (self, path, O_RDONLY | O_DIRECTORY);
      else
        errno = EACCES;
    }
  dir = fd < 0 ? NULL : fdopendir (fd);
  if (dir == NULL)
    {
      set_path_error (self, error, errno, "reading", path);
      return NULL;
    }
  hr_fd_steal (&fd);
  while ((entry = readdir (dir)) != NULL)
    {
      if (!g_str_equal (entry->d_name, ".") && !g_str_equal (entry->d_name, ".."))
        g_ptr_array_add (names, g_strdup (entry->d_name));
    }
  closedir (dir);
  g_ptr_array_sort (names, compare_names);
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
  g_auto (HrFd) fd = open_in (self, path, O_PATH);
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
  g_auto (HrFd) fd = open_in (self, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
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
  fd = open_in (self, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
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
  g_auto (HrFd) fd = open_in (self, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
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

static gboolean
sync_change (HrSlotDir *self, int fd)
{
  return self->changes++ >= HR_SLOT_DIR_SYNC_MAX || fdatasync (fd) == 0;
}

/**
 * hr_slot_dir_prepare:
 * @self: a slot
 * @content: of a new file
 * @mode: its permission bits
 * @path: where it will be put, for the message
 * @error: return location
 *
 * Makes a file beside the slot, for hr_slot_dir_commit().
 *
 * Returns: success; else a #GIOErrorEnum is set
 */
gboolean
hr_slot_dir_prepare (HrSlotDir *self, GBytes *content, int mode, const char *path, GError **error)
{
  g_auto (HrFd) fd = -1;
  g_autoptr (GError) local = NULL;

  unlinkat (self->temporary_fd, NEW, 0);
  fd = openat (self->temporary_fd, NEW, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return set_path_error (self, error, errno, "creating", path);
  if (!hr_fd_write_all (fd, g_bytes_get_data (content, NULL), g_bytes_get_size (content), &local))
    {
      g_autofree char *full = hr_slot_dir_full_path (self, path);

      unlinkat (self->temporary_fd, NEW, 0);
      g_propagate_prefixed_error (error, g_steal_pointer (&local), "while writing '%s': ", full);
      return FALSE;
    }
  if (fchmod (fd, (mode_t)mode & 07777) != 0 || !sync_change (self, fd))
    {
      int saved = errno;

      unlinkat (self->temporary_fd, NEW, 0);
      return set_path_error (self, error, saved, "writing", path);
    }
  return TRUE;
}

/**
 * hr_slot_dir_prepare_link:
 * @self: a slot
 * @target: of a new symbolic link
 * @path: where it will be put, for the message
 * @error: return location
 *
 * Makes a link beside the slot, for hr_slot_dir_commit().
 *
 * Returns: success; else a #GIOErrorEnum is set
 */
gboolean
hr_slot_dir_prepare_link (HrSlotDir *self, const char *target, const char *path, GError **error)
{
  unlinkat (self->temporary_fd, NEW, 0);
  if (symlinkat (target, self->temporary_fd, NEW) != 0)
    return set_path_error (self, error, errno, "creating link", path);
  return TRUE;
}

/**
 * hr_slot_dir_prepare_copy:
 * @self: a slot
 * @from: another one
 * @path: a file or link in @from
 * @info: its attributes; the copy gets mode, times and owner as far as that is allowed
 * @error: return location
 *
 * Makes a copy beside the slot, for hr_slot_dir_commit().
 *
 * Returns: success; else a #GIOErrorEnum is set, %G_IO_ERROR_NOT_FOUND when there is nothing to copy any more
 */
gboolean
hr_slot_dir_prepare_copy (HrSlotDir *self, HrSlotDir *from, const char *path, const struct stat *info, GError **error)
{
  struct timespec times[2] = { info->st_atim, info->st_mtim };
  g_auto (HrFd) fd = -1;

  if (S_ISLNK (info->st_mode))
    {
      g_autofree char *target = hr_slot_dir_read_link (from, path);

      if (target == NULL)
        return set_path_error (from, error, errno, "reading link", path);
      if (!hr_slot_dir_prepare_link (self, target, path, error))
        return FALSE;
    }
  else
    {
      g_autofree char *target = g_build_filename (self->temporary, NEW, NULL);
      g_autofree char *source = NULL;
      const char *name;
      int parent = parent_of (from, path, &name);

      if (parent < 0)
        return set_path_error (from, error, errno, "opening", path);
      source = g_strdup_printf ("/proc/self/fd/%d/%s", parent, name);
      if (!hr_fs_copy (source, target, info->st_mode & 07777, error))
        {
          g_autofree char *full = hr_slot_dir_full_path (from, path);

          g_prefix_error (error, "while bringing '%s' along: ", full);
          return FALSE;
        }
      fd = openat (self->temporary_fd, NEW, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
      if (fd >= 0 && !sync_change (self, fd))
        return set_path_error (self, error, errno, "writing", path);
    }
  if (info->st_uid != geteuid ()
      && fchownat (self->temporary_fd, NEW, info->st_uid, info->st_gid, AT_SYMLINK_NOFOLLOW) != 0)
    g_debug ("'%s' is kept as a copy with another owner", path);
  utimensat (self->temporary_fd, NEW, times, AT_SYMLINK_NOFOLLOW);
  return TRUE;
}

/**
 * hr_slot_dir_commit:
 * @self: a slot
 * @path: where the prepared file or link goes; a file there is replaced, a directory is not
 * @info: (out) (nullable): its attributes there
 * @error: return location
 *
 * Puts what was prepared last in its place, in one step.
 *
 * Returns: success; else a #GIOErrorEnum is set
 */
gboolean
hr_slot_dir_commit (HrSlotDir *self, const char *path, struct stat *info, GError **error)
{
  const char *name;
  int parent = parent_of (self, path, &name);
  int result = -1;

  if (parent >= 0)
    {
      while ((result = renameat (self->temporary_fd, NEW, parent, name)) != 0 && may_retry (self, path))
        ;
    }
  if (result == 0 && info != NULL)
    result = fstatat (parent, name, info, AT_SYMLINK_NOFOLLOW);
  if (result != 0)
    {
      int saved = errno;

      unlinkat (self->temporary_fd, NEW, 0);
      return set_path_error (self, error, saved, "placing", path);
    }
  return TRUE;
}

/**
 * hr_slot_dir_make:
 * @self: a slot
 * @path: a directory whose parent is there
 * @mode: its permission bits, given to it in hr_slot_dir_finish()
 * @error: return location
 *
 * Returns: whether it is a directory now; else a #GIOErrorEnum is set
 */
gboolean
hr_slot_dir_make (HrSlotDir *self, const char *path, guint mode, GError **error)
{
  const char *name;
  int parent = parent_of (self, path, &name);
  int result = -1;

  if (parent >= 0)
    {
      while ((result = mkdirat (parent, name, 0700)) != 0 && may_retry (self, path))
        ;
    }
  if (result != 0)
    return set_path_error (self, error, errno, "creating directory", path);
  hr_slot_dir_set_dir_mode (self, path, mode);
  return TRUE;
}

/**
 * hr_slot_dir_set_mode:
 * @self: a slot
 * @path: a file below it
 * @mode: its new permission bits
 * @error: return location
 *
 * Returns: success; else a #GIOErrorEnum is set
 */
gboolean
hr_slot_dir_set_mode (HrSlotDir *self, const char *path, guint mode, GError **error)
{
  g_auto (HrFd) fd = open_in (self, path, O_PATH);

  if (fd < 0 || chmod_fd (fd, mode) != 0)
    return set_path_error (self, error, errno, "changing the mode of", path);
  return TRUE;
}

/**
 * hr_slot_dir_set_dir_mode:
 * @self: a slot
 * @path: a directory below it, "" for the slot itself
 * @mode: permission bits that it gets in hr_slot_dir_finish()
 */
void
hr_slot_dir_set_dir_mode (HrSlotDir *self, const char *path, guint mode)
{
  g_hash_table_replace (self->modes, g_strdup (path), GUINT_TO_POINTER (mode & 07777));
}

static void
sync_parent (HrSlotDir *self, int parent)
{
  g_auto (HrFd) fd = -1;

  if (self->changes++ >= HR_SLOT_DIR_SYNC_MAX)
    return;
  fd = openat (parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0)
    fsync (fd);
}

/**
 * hr_slot_dir_remove:
 * @self: a slot
 * @path: a file, link or empty directory below it, or nothing
 * @is_dir: which of these
 * @error: return location
 *
 * Returns: whether nothing is left; else a #GIOErrorEnum is set, %G_IO_ERROR_NOT_EMPTY for a directory in use
 */
gboolean
hr_slot_dir_remove (HrSlotDir *self, const char *path, gboolean is_dir, GError **error)
{
  const char *name;
  int parent = parent_of (self, path, &name);
  int result = -1;

  if (parent >= 0)
    {
      while ((result = unlinkat (parent, name, is_dir ? AT_REMOVEDIR : 0)) != 0 && may_retry (self, path))
        ;
    }
  if (result != 0 && errno != ENOENT && errno != ENOTDIR)
    return set_path_error (self, error, errno, "removing", path);
  if (result == 0)
    sync_parent (self, parent);
  if (is_dir)
    {
      g_hash_table_remove (self->modes, path);
      forget_parent (self);
    }
  return TRUE;
}

/**
 * hr_slot_dir_remove_tree:
 * @self: a slot
 * @path: a directory below it
 * @error: return location
 *
 * Removes it with all below it.
 *
 * Returns: whether nothing is left; else a #GIOErrorEnum is set
 */
gboolean
hr_slot_dir_remove_tree (HrSlotDir *self, const char *path, GError **error)
{
  g_autofree char *aside = g_build_filename (self->temporary, NEW, NULL);
  const char *name;
  int parent = parent_of (self, path, &name);
  int result = -1;

  /* Out of the slot in one step, so that what is removed is not looked up by path below it. */
  if (!hr_fs_remove_tree (aside, error))
    return FALSE;
  if (parent >= 0)
    {
      while ((result = renameat (parent, name, self->temporary_fd, NEW)) != 0 && may_retry (self, path))
        ;
    }
  if (result != 0)
    return set_path_error (self, error, errno, "removing", path);
  sync_parent (self, parent);
  forget_parent (self);
  return hr_fs_remove_tree (aside, error);
}

/* "@kept/@path", or below the first of "@kept.2", "@kept.3" … where it is free, with its parents made. */
static char *
free_kept_path (const char *kept, const char *path, GError **error)
{
  for (guint i = 1;; i++)
    {
      g_autofree char *root = i == 1 ? g_strdup (kept) : g_strdup_printf ("%s.%u", kept, i);
      g_autofree char *candidate = g_build_filename (root, path, NULL);
      g_autofree char *dir = g_path_get_dirname (candidate);
      g_autoptr (GError) local = NULL;
      struct stat info;

      if (hr_fs_make_dir (dir, 0700, &local))
        {
          if (lstat (candidate, &info) != 0)
            {
              /* What was added to last is the newest. */
              utimensat (AT_FDCWD, root, NULL, 0);
              return g_steal_pointer (&candidate);
            }
        }
      else if (i >= KEPT_TRIES_MAX
               || !(g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_DIRECTORY)
                    || g_error_matches (local, G_IO_ERROR, G_IO_ERROR_EXISTS)))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return NULL;
        }
    }
}

/**
 * hr_slot_dir_keep:
 * @self: a slot
 * @path: what a program wrote in it: a file, a link or, with @move, a directory
 * @info: its attributes
 * @kept: directory for what is kept aside; made where it is missing
 * @move: whether it leaves the slot
 * @error: return location
 *
 * Returns: (transfer full): the absolute path where it, or its copy, is kept; %NULL with a #GIOErrorEnum set
 */
char *
hr_slot_dir_keep (HrSlotDir *self, const char *path, const struct stat *info, const char *kept, gboolean move,
                  GError **error)
{
  g_autofree char *target = free_kept_path (kept, path, error);
  const char *name;
  int parent = parent_of (self, path, &name);
  int result = -1;

  if (target == NULL)
    return NULL;
  if (parent >= 0 && move)
    {
      while ((result = renameat (parent, name, AT_FDCWD, target)) != 0 && may_retry (self, path))
        ;
      if (S_ISDIR (info->st_mode))
        forget_parent (self);
    }
  else if (parent >= 0 && S_ISLNK (info->st_mode))
    {
      g_autofree char *link = hr_slot_dir_read_link (self, path);

      result = link == NULL ? -1 : symlink (link, target);
    }
  else if (parent >= 0)
    {
      g_autofree char *source = g_strdup_printf ("/proc/self/fd/%d/%s", parent, name);

      if (!hr_fs_copy (source, target, info->st_mode & 07777, error))
        return NULL;
      result = 0;
    }
  if (result != 0)
    {
      set_path_error (self, error, errno, "keeping aside", path);
      return NULL;
    }
  return g_steal_pointer (&target);
}

static int
compare_descending (gconstpointer a, gconstpointer b)
{
  return strcmp (b, a);
}

/**
 * hr_slot_dir_finish:
 * @self: a slot
 * @error: return location
 *
 * Gives directories their modes, the inner ones first, and makes durable what was not yet.
 *
 * Returns: success; else a #GIOErrorEnum is set
 */
gboolean
hr_slot_dir_finish (HrSlotDir *self, GError **error)
{
  g_autoptr (GList) paths = g_list_sort (g_hash_table_get_keys (self->modes), compare_descending);
  gboolean ok = TRUE;

  forget_parent (self);
  for (GList *link = paths; link != NULL; link = link->next)
    {
      const char *path = link->data;
      guint mode = GPOINTER_TO_UINT (g_hash_table_lookup (self->modes, path));
      g_auto (HrFd) fd = open_dir (self, path, strlen (path));

      if (fd >= 0 && chmod_fd (fd, mode) != 0 && ok)
        ok = set_path_error (self, error, errno, "changing the mode of", path);
    }
  g_hash_table_remove_all (self->modes);

  if (ok && self->changes > HR_SLOT_DIR_SYNC_MAX)
    {
      g_auto (HrFd) fd = open (self->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

      if (fd < 0 || syncfs (fd) != 0)
        ok = set_path_error (self, error, errno, "syncing", "");
    }
  self->changes = 0;
  return ok;
}
