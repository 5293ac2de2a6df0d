/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-socket-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-fs.h"

struct _HrSocketFile {
  int directory;
  char *name;
  dev_t device;
  ino_t inode;
  uid_t owner;
};

/**
 * hr_socket_file_new:
 * @path: absolute path of a socket that is bound
 * @error: return location
 *
 * Returns: (transfer full): what is there now; %NULL with a #GIOErrorEnum set when that is no socket
 */
HrSocketFile *
hr_socket_file_new (const char *path, GError **error)
{
  g_autofree char *parent = g_path_get_dirname (path);
  g_autofree char *name = g_path_get_basename (path);
  g_auto (HrFd) low = open (parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
  g_auto (HrFd) directory = low < 0 ? -1 : hr_fd_dup (low, NULL);
  HrSocketFile *self;
  struct stat info;

  if (directory < 0 || fstatat (directory, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
    {
      hr_fs_set_error (error, errno, "while looking for socket '%s'", path);
      return NULL;
    }
  if (!S_ISSOCK (info.st_mode))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "'%s' is no socket", path);
      return NULL;
    }
  self = g_new (HrSocketFile, 1);
  self->directory = hr_fd_steal (&directory);
  self->name = g_steal_pointer (&name);
  self->device = info.st_dev;
  self->inode = info.st_ino;
  self->owner = info.st_uid;
  return self;
}

/**
 * hr_socket_file_free:
 * @self: (transfer full) (nullable): a file, which stays
 */
void
hr_socket_file_free (HrSocketFile *self)
{
  if (self == NULL)
    return;
  hr_fd_clear (&self->directory);
  g_free (self->name);
  g_free (self);
}

/**
 * hr_socket_file_is:
 * @self: a file
 * @device: of another
 * @inode: of another
 *
 * Returns: whether they are one
 */
gboolean
hr_socket_file_is (HrSocketFile *self, dev_t device, ino_t inode)
{
  return self->device == device && self->inode == inode;
}

/**
 * hr_socket_file_identify:
 * @self: a file
 * @device: (out): of it
 * @inode: (out): of it
 */
void
hr_socket_file_identify (HrSocketFile *self, guint64 *device, guint64 *inode)
{
  *device = self->device;
  *inode = self->inode;
}

/**
 * hr_socket_file_is_in:
 * @self: a file
 * @device: of a directory
 * @inode: of a directory
 *
 * Returns: whether the file is an entry of it
 */
gboolean
hr_socket_file_is_in (HrSocketFile *self, dev_t device, ino_t inode)
{
  struct stat info;

  return fstat (self->directory, &info) == 0 && info.st_dev == device && info.st_ino == inode;
}

/**
 * hr_socket_file_get_owner:
 * @self: a file
 *
 * Returns: whose it was when it was looked up
 */
uid_t
hr_socket_file_get_owner (HrSocketFile *self)
{
  return self->owner;
}

/**
 * hr_socket_file_is_there:
 * @self: a file
 *
 * Returns: whether its path still leads to it
 */
gboolean
hr_socket_file_is_there (HrSocketFile *self)
{
  struct stat info;

  return fstatat (self->directory, self->name, &info, AT_SYMLINK_NOFOLLOW) == 0
         && hr_socket_file_is (self, info.st_dev, info.st_ino);
}

/**
 * hr_socket_file_remove:
 * @self: a file
 *
 * Removes it, if its path still leads to it.
 */
void
hr_socket_file_remove (HrSocketFile *self)
{
  if (hr_socket_file_is_there (self))
    unlinkat (self->directory, self->name, 0);
}
