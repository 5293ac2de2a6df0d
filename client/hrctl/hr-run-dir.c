/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-run-dir.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "run-"
#define LOCK "lock"
/* Directories held open at once while removing a tree. */
#define DESCRIPTORS_MAX 32
/* Each try fails only if another hrctl took the new directory for an abandoned one. */
#define TRIES_MAX 8

struct _HrRunDir {
  char *path;
  char *runtime;
  int lock;
};

/* Slots keep the modes of their directories, so some cannot be written to. */
static int
open_up (const char *path, const struct stat *status, int kind, struct FTW *walk)
{
  if (S_ISDIR (status->st_mode))
    (void)chmod (path, 0700);
  return 0;
}

static int
remove_one (const char *path, const struct stat *status, int kind, struct FTW *walk)
{
  (void)remove (path);
  return 0;
}

static void
remove_tree (const char *path)
{
  nftw (path, open_up, DESCRIPTORS_MAX, FTW_PHYS);
  nftw (path, remove_one, DESCRIPTORS_MAX, FTW_PHYS | FTW_DEPTH);
}

/* The lock of a directory, or -1 if somebody holds it or there is none. */
static int
try_lock (const char *directory, int flags)
{
  g_autofree char *path = g_build_filename (directory, LOCK, NULL);
  int fd = open (path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
  struct stat status;

  if (fd >= 0 && flock (fd, LOCK_EX | LOCK_NB) == 0 && fstat (fd, &status) == 0 && status.st_nlink > 0)
    return fd;

  if (fd >= 0)
    close (fd);
  return -1;
}

static void
remove_abandoned (const char *parent)
{
  g_autoptr (GDir) dir = g_dir_open (parent, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (parent, name, NULL);
      int lock = g_str_has_prefix (name, PREFIX) ? try_lock (path, 0) : -1;

      if (lock < 0)
        continue;
      remove_tree (path);
      close (lock);
    }
}

static gboolean
set_error (GError **error, const char *path)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), _ ("cannot create %s: %s"), path, g_strerror (errno));
  return FALSE;
}

static gboolean
make_locked (HrRunDir *self, const char *parent, GError **error)
{
  for (guint i = 0; i < TRIES_MAX; i++)
    {
      g_free (self->path);
      self->path = g_build_filename (parent, PREFIX "XXXXXX", NULL);
      if (g_mkdtemp_full (self->path, 0700) == NULL)
        return set_error (error, self->path);

      self->lock = try_lock (self->path, O_CREAT);
      if (self->lock >= 0)
        return TRUE;
    }

  errno = EBUSY;
  return set_error (error, self->path);
}

/**
 * hr_run_dir_new:
 * @error: that nothing can be written there
 *
 * Returns: (transfer full): new directories, removed with all that is in them by hr_run_dir_free()
 */
HrRunDir *
hr_run_dir_new (GError **error)
{
  g_autoptr (HrRunDir) self = g_new0 (HrRunDir, 1);
  g_autofree char *parent = g_build_filename (g_get_user_state_dir (), "hotreload", NULL);

  self->lock = -1;
  if (g_mkdir_with_parents (parent, 0700) != 0)
    {
      set_error (error, parent);
      return NULL;
    }

  remove_abandoned (parent);
  if (!make_locked (self, parent, error))
    return NULL;

  /* Apart and short: paths of sockets must fit into 108 bytes. */
  self->runtime = g_dir_make_tmp ("hotreload-XXXXXX", error);
  return self->runtime != NULL ? g_steal_pointer (&self) : NULL;
}

void
hr_run_dir_free (HrRunDir *self)
{
  if (self == NULL)
    return;

  if (self->lock >= 0)
    remove_tree (self->path);
  if (self->runtime != NULL)
    remove_tree (self->runtime);
  if (self->lock >= 0)
    close (self->lock);
  g_free (self->path);
  g_free (self->runtime);
  g_free (self);
}

/* For configuration and state. */
const char *
hr_run_dir_get_path (HrRunDir *self)
{
  return self->path;
}

/* For sockets. */
const char *
hr_run_dir_get_runtime (HrRunDir *self)
{
  return self->runtime;
}
