/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-socket-file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-fs.h"

/* How often a path is looked up again because of others that move directories. */
#define MOVES_MAX 8

struct _HrSocketFile {
  int directory;
  char *name;
  dev_t device;
  ino_t inode;
  uid_t owner;
};

/* The socket @name in a directory, of which a copy is kept. */
static HrSocketFile *
look_up (int low, const char *name, const char *path, GError **error)
{
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
  self->name = g_strdup (name);
  self->device = info.st_dev;
  self->inode = info.st_ino;
  self->owner = info.st_uid;
  return self;
}

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
  g_auto (HrFd) directory = open (parent, O_PATH | O_DIRECTORY | O_CLOEXEC);

  return look_up (directory, name, path, error);
}

/* Nothing on the way leads out of @root, neither '..' nor a symbolic link. */
static int
open_below (int root, const char *path)
{
  struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                          .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
  int fd;

  /* Something was moved meanwhile, so that the kernel cannot tell whether it stayed below. */
  for (int i = 0;
       (fd = (int)syscall (SYS_openat2, root, path, &how, sizeof how)) < 0 && errno == EAGAIN && i < MOVES_MAX; i++)
    ;
  return fd;
}

/* Whether looking something up there waits for another program, or for another machine. */
static gboolean
is_served (int directory)
{
  static const guint32 kinds[] = { FUSE_SUPER_MAGIC, NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC,  CIFS_SUPER_MAGIC,
                                   SMB2_SUPER_MAGIC, V9FS_MAGIC,       AFS_SUPER_MAGIC,  AFS_FS_MAGIC,
                                   CEPH_SUPER_MAGIC, CODA_SUPER_MAGIC, OCFS2_SUPER_MAGIC };
  struct statfs info;

  if (fstatfs (directory, &info) != 0)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if ((guint32)info.f_type == kinds[i])
      return TRUE;
  return FALSE;
}

/**
 * hr_socket_file_new_in:
 * @root: of a process: "/proc/4711/root"
 * @path: absolute path of a socket, as that process sees it
 * @error: return location
 *
 * What is on the way is that process's: looking it up may take for ever, which is for a thread that nobody waits for.
 * Where looking it up again could, the file is not taken: others do that from the main loop.
 *
 * Returns: (transfer full): what is there now; %NULL with a #GIOErrorEnum set when that is no socket, or on a file
 *   system that is served by a program or over a network
 */
HrSocketFile *
hr_socket_file_new_in (const char *root, const char *path, GError **error)
{
  g_autofree char *parent = g_path_get_dirname (path);
  g_autofree char *name = g_path_get_basename (path);
  g_auto (HrFd) top = open (root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  g_auto (HrFd) directory = top < 0 ? -1 : open_below (top, parent);

  if (directory >= 0 && is_served (directory))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   "'%s' is on a file system that a program, or another machine, serves", path);
      return NULL;
    }
  return look_up (directory, name, path, error);
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
