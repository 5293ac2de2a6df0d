/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-slot-dir-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "hr-fs.h"

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
 * hr_slot_dir_set_owner:
 * @self: a slot
 * @owner: whose is what is made in it from now on
 */
void
hr_slot_dir_set_owner (HrSlotDir *self, const HrOwner *owner)
{
  self->owner = *owner;
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

gboolean
hr_slot_dir_set_error (HrSlotDir *self, GError **error, int errnum, const char *what, const char *path)
{
  g_autofree char *full = hr_slot_dir_full_path (self, path);

  return hr_fs_set_error (error, errnum, "while %s '%s'", what, full);
}

void
hr_slot_dir_forget_parent (HrSlotDir *self)
{
  hr_fd_clear (&self->parent_fd);
  g_clear_pointer (&self->parent, g_free);
}

/* O_PATH descriptors take no fchmod(). */
int
hr_slot_dir_chmod (int fd, guint mode)
{
  char proc[64];

  g_snprintf (proc, sizeof proc, "/proc/self/fd/%d", fd);
  return chmod (proc, mode);
}

/* Lets the owner into directory @path, which @fd refers to; FALSE when that was done before or cannot help. */
gboolean
hr_slot_dir_loosen (HrSlotDir *self, const char *path, gsize length, int fd)
{
  g_autofree char *key = g_strndup (path, length);
  struct stat info;

  if (self->temporary == NULL || fstat (fd, &info) != 0 || (info.st_mode & 0700) == 0700
      || hr_slot_dir_chmod (fd, (info.st_mode & 07777) | 0700) != 0)
    return FALSE;
  if (!g_hash_table_contains (self->modes, key))
    g_hash_table_insert (self->modes, g_steal_pointer (&key), GUINT_TO_POINTER (info.st_mode & 07777));
  return TRUE;
}

/* Opens directory @path part by part; -1 with errno. */
int
hr_slot_dir_enter (HrSlotDir *self, const char *path, gsize length)
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

      if (next < 0 && errno == EACCES
          && hr_slot_dir_loosen (self, path, part > path ? (gsize)(part - path - 1) : 0, fd))
        next = openat (fd, name, flags);
      hr_fd_clear (&fd);
      fd = next;
      part = slash != NULL ? slash + 1 : end;
    }
  return hr_fd_steal (&fd);
}

/* The directory that holds @path, and the last part of @path; -1 with errno. */
int
hr_slot_dir_parent (HrSlotDir *self, const char *path, const char **name)
{
  const char *slash = strrchr (path, '/');
  gsize length = slash != NULL ? (gsize)(slash - path) : 0;

  *name = slash != NULL ? slash + 1 : path;
  if (self->parent != NULL && strlen (self->parent) == length && memcmp (self->parent, path, length) == 0)
    return self->parent_fd;

  hr_slot_dir_forget_parent (self);
  self->parent_fd = hr_slot_dir_enter (self, path, length);
  if (self->parent_fd >= 0)
    self->parent = g_strndup (path, length);
  return self->parent_fd;
}

/* Whether what failed in @path's directory for want of a permission may be tried again. */
gboolean
hr_slot_dir_may_retry (HrSlotDir *self, const char *path)
{
  return errno == EACCES && self->parent != NULL
         && hr_slot_dir_loosen (self, path, strlen (self->parent), self->parent_fd);
}

int
hr_slot_dir_open_in (HrSlotDir *self, const char *path, int flags)
{
  const char *name;
  int parent = hr_slot_dir_parent (self, path, &name);
  int fd;

  if (parent < 0)
    return -1;
  while ((fd = openat (parent, *name != '\0' ? name : ".", flags | O_NOFOLLOW | O_CLOEXEC)) < 0
         && hr_slot_dir_may_retry (self, path))
    ;
  return fd;
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

  hr_slot_dir_forget_parent (self);
  for (GList *link = paths; link != NULL; link = link->next)
    {
      const char *path = link->data;
      guint mode = GPOINTER_TO_UINT (g_hash_table_lookup (self->modes, path));
      g_auto (HrFd) fd = hr_slot_dir_enter (self, path, strlen (path));

      if (fd >= 0 && hr_slot_dir_chmod (fd, mode) != 0 && ok)
        ok = hr_slot_dir_set_error (self, error, errno, "changing the mode of", path);
    }
  g_hash_table_remove_all (self->modes);

  if (ok && self->changes > HR_SLOT_DIR_SYNC_MAX)
    {
      g_auto (HrFd) fd = open (self->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

      if (fd < 0 || syncfs (fd) != 0)
        ok = hr_slot_dir_set_error (self, error, errno, "syncing", "");
    }
  self->changes = 0;
  return ok;
}
