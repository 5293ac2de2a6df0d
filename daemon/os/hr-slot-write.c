/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-slot-write.c: changing what is in a slot.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hr-fs.h"
#include "hr-slot-dir-private.h"

/* So many names are tried for what is kept aside. */
#define KEPT_TRIES_MAX 1000

static gboolean
sync_change (HrSlotDir *self, int fd)
{
  return self->changes++ >= HR_SLOT_DIR_SYNC_MAX || fdatasync (fd) == 0;
}

/* FALSE with errno. What the owner gets has no permissions yet that could be taken away by that. */
static gboolean
give_new (HrSlotDir *self, int parent, const char *name)
{
  return !self->owner.set || fchownat (parent, name, self->owner.uid, self->owner.gid, AT_SYMLINK_NOFOLLOW) == 0;
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

  unlinkat (self->temporary_fd, HR_SLOT_DIR_NEW, 0);
  fd = openat (self->temporary_fd, HR_SLOT_DIR_NEW, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return hr_slot_dir_set_error (self, error, errno, "creating", path);
  if (!hr_fd_write_all (fd, g_bytes_get_data (content, NULL), g_bytes_get_size (content), &local))
    {
      g_autofree char *full = hr_slot_dir_full_path (self, path);

      unlinkat (self->temporary_fd, HR_SLOT_DIR_NEW, 0);
      g_propagate_prefixed_error (error, g_steal_pointer (&local), "while writing '%s': ", full);
      return FALSE;
    }
  if (!give_new (self, self->temporary_fd, HR_SLOT_DIR_NEW) || fchmod (fd, (mode_t)mode & 07777) != 0
      || !sync_change (self, fd))
    {
      int saved = errno;

      unlinkat (self->temporary_fd, HR_SLOT_DIR_NEW, 0);
      return hr_slot_dir_set_error (self, error, saved, "writing", path);
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
  unlinkat (self->temporary_fd, HR_SLOT_DIR_NEW, 0);
  if (symlinkat (target, self->temporary_fd, HR_SLOT_DIR_NEW) != 0
      || !give_new (self, self->temporary_fd, HR_SLOT_DIR_NEW))
    return hr_slot_dir_set_error (self, error, errno, "creating link", path);
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
        return hr_slot_dir_set_error (from, error, errno, "reading link", path);
      if (!hr_slot_dir_prepare_link (self, target, path, error))
        return FALSE;
    }
  else
    {
      g_autofree char *target = g_build_filename (self->temporary, HR_SLOT_DIR_NEW, NULL);
      g_autofree char *source = NULL;
      const char *name;
      int parent = hr_slot_dir_parent (from, path, &name);

      if (parent < 0)
        return hr_slot_dir_set_error (from, error, errno, "opening", path);
      source = g_strdup_printf ("/proc/self/fd/%d/%s", parent, name);
      if (!hr_fs_copy (source, target, info->st_mode & 07777, error))
        {
          g_autofree char *full = hr_slot_dir_full_path (from, path);

          g_prefix_error (error, "while bringing '%s' along: ", full);
          return FALSE;
        }
      fd = openat (self->temporary_fd, HR_SLOT_DIR_NEW, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
      if (fd >= 0 && !sync_change (self, fd))
        return hr_slot_dir_set_error (self, error, errno, "writing", path);
    }
  if (info->st_uid != geteuid ()
      && fchownat (self->temporary_fd, HR_SLOT_DIR_NEW, info->st_uid, info->st_gid, AT_SYMLINK_NOFOLLOW) != 0)
    g_debug ("'%s' is kept as a copy with another owner", path);
  utimensat (self->temporary_fd, HR_SLOT_DIR_NEW, times, AT_SYMLINK_NOFOLLOW);
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
  int parent = hr_slot_dir_parent (self, path, &name);
  int result = -1;

  if (parent >= 0)
    {
      while ((result = renameat (self->temporary_fd, HR_SLOT_DIR_NEW, parent, name)) != 0
             && hr_slot_dir_may_retry (self, path))
        ;
    }
  if (result == 0 && info != NULL)
    result = fstatat (parent, name, info, AT_SYMLINK_NOFOLLOW);
  if (result != 0)
    {
      int saved = errno;

      unlinkat (self->temporary_fd, HR_SLOT_DIR_NEW, 0);
      return hr_slot_dir_set_error (self, error, saved, "placing", path);
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
  int parent = hr_slot_dir_parent (self, path, &name);
  int result = -1;

  if (parent >= 0)
    {
      while ((result = mkdirat (parent, name, 0700)) != 0 && hr_slot_dir_may_retry (self, path))
        ;
    }
  if (result != 0 || !give_new (self, parent, name))
    return hr_slot_dir_set_error (self, error, errno, "creating directory", path);
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
  g_auto (HrFd) fd = hr_slot_dir_open_in (self, path, O_PATH);

  if (fd < 0 || hr_slot_dir_chmod (fd, mode) != 0)
    return hr_slot_dir_set_error (self, error, errno, "changing the mode of", path);
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
  int parent = hr_slot_dir_parent (self, path, &name);
  int result = -1;

  if (parent >= 0)
    {
      while ((result = unlinkat (parent, name, is_dir ? AT_REMOVEDIR : 0)) != 0 && hr_slot_dir_may_retry (self, path))
        ;
    }
  if (result != 0 && errno != ENOENT && errno != ENOTDIR)
    return hr_slot_dir_set_error (self, error, errno, "removing", path);
  if (result == 0)
    sync_parent (self, parent);
  if (is_dir)
    {
      g_hash_table_remove (self->modes, path);
      hr_slot_dir_forget_parent (self);
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
  g_autofree char *aside = g_build_filename (self->temporary, HR_SLOT_DIR_NEW, NULL);
  const char *name;
  int parent = hr_slot_dir_parent (self, path, &name);
  int result = -1;

  /* Out of the slot in one step, so that what is removed is not looked up by path below it. */
  if (!hr_fs_remove_tree (aside, error))
    return FALSE;
  if (parent >= 0)
    {
      while ((result = renameat (parent, name, self->temporary_fd, HR_SLOT_DIR_NEW)) != 0
             && hr_slot_dir_may_retry (self, path))
        ;
    }
  if (result != 0)
    return hr_slot_dir_set_error (self, error, errno, "removing", path);
  sync_parent (self, parent);
  hr_slot_dir_forget_parent (self);
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
  int parent = hr_slot_dir_parent (self, path, &name);
  int result = -1;

  if (target == NULL)
    return NULL;
  if (parent >= 0 && move)
    {
      while ((result = renameat (parent, name, AT_FDCWD, target)) != 0 && hr_slot_dir_may_retry (self, path))
        ;
      if (S_ISDIR (info->st_mode))
        hr_slot_dir_forget_parent (self);
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
      hr_slot_dir_set_error (self, error, errno, "keeping aside", path);
      return NULL;
    }
  return g_steal_pointer (&target);
}
