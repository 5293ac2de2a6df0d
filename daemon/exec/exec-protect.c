/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exec-protect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec-fail.h"
#include "exec-mount.h"

#define STEP "protect"
/* Of all memory: what a program leaves in its /tmp is never written to a disk. */
#define TMP_OPTIONS "mode=1777,size=25%"

/* A tree that is put back where it was, on top of what came in between. */
typedef struct {
  const char *path;
  int tree;
} Kept;

static const char *const tmp_dirs[] = { "/tmp", "/var/tmp", NULL };

static bool
is_below (const char *path, const char *dir)
{
  size_t length = strlen (dir);

  return strncmp (path, dir, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static bool
is_in_tmp (const char *path)
{
  for (const char *const *dir = tmp_dirs; *dir != NULL; dir++)
    if (is_below (path, *dir))
      return true;
  return false;
}

static size_t
count (const char **list)
{
  size_t n = 0;

  while (list[n] != NULL)
    n++;
  return n;
}

static void
keep (Kept *kept, size_t *n, const char *path)
{
  struct stat info;
  bool optional = *path == '-';
  int dir;

  path += optional;
  if (optional && stat (path, &info) < 0 && errno == ENOENT)
    return;
  dir = exec_mount_open (path);
  kept[(*n)++] = (Kept){ path, exec_mount_clone (dir, path, false) };
  close (dir);
}

/* Directory @path, of which only the begin may exist, in a /tmp that is empty. */
static void
make_point (const char *path)
{
  char *part = strdup (path);

  if (part == NULL)
    exec_fail (STEP, ENOMEM, "cannot make '%s'", path);
  for (char *slash = strchr (part + 1, '/'); slash != NULL; slash = strchr (slash + 1, '/'))
    {
      *slash = '\0';
      if (mkdir (part, 0755) < 0 && errno != EEXIST && errno != EROFS)
        exec_fail (STEP, errno, "cannot make directory '%s'", part);
      *slash = '/';
    }
  if (mkdir (part, 0755) < 0 && errno != EEXIST)
    exec_fail (STEP, errno, "cannot make directory '%s'", part);
  free (part);
}

static void
put_back (const Kept *kept, size_t n, bool private_tmp)
{
  for (size_t i = 0; i < n; i++)
    {
      int point;

      if (private_tmp && is_in_tmp (kept[i].path))
        make_point (kept[i].path);
      point = exec_mount_open (kept[i].path);
      exec_mount_attach (kept[i].tree, point, kept[i].path);
      close (point);
    }
}

/* What is no mount becomes one by being mounted over itself. */
static void
cover_read_only (const char *path)
{
  struct stat info;
  int dir;

  if (lstat (path, &info) < 0 || !S_ISDIR (info.st_mode))
    return;
  dir = exec_mount_open (path);
  exec_mount_attach (exec_mount_clone (dir, path, true), dir, path);
  close (dir);
}

static void
protect_system (const char *how)
{
  static const char *const boot[] = { "/usr", "/boot", "/efi", NULL };

  if (strcmp (how, "strict") == 0)
    {
      int root = exec_mount_open ("/");

      exec_mount_set_read_only (root, "/");
      close (root);
      return;
    }
  for (const char *const *dir = boot; *dir != NULL; dir++)
    cover_read_only (*dir);
  if (strcmp (how, "full") == 0)
    cover_read_only ("/etc");
}

static void
make_tmp (void)
{
  for (const char *const *dir = tmp_dirs; *dir != NULL; dir++)
    {
      struct stat info;

      /* One that is a link leads to the other. */
      if (lstat (*dir, &info) < 0 || !S_ISDIR (info.st_mode))
        continue;
      if (mount ("tmpfs", *dir, "tmpfs", MS_NOSUID | MS_NODEV, TMP_OPTIONS) < 0)
        exec_fail (STEP, errno, "cannot mount an empty '%s'", *dir);
    }
}

/**
 * exec_protect_apply:
 * @self: what is wanted
 *
 * Exits through exec_fail() when it cannot be had. The working directory must be entered after it.
 */
void
exec_protect_apply (const ExecProtect *self)
{
  static const char *const kernel_dirs[] = { "/dev", "/proc", "/sys", NULL };
  bool strict = self->system != NULL && strcmp (self->system, "strict") == 0;
  Kept *kept;
  size_t n = 0;

  if (self->system == NULL && !self->private_tmp)
    return;
  exec_fail_set_subject (self->system == NULL ? "PrivateTmp=yes cannot be had here"
                         : self->private_tmp  ? "ProtectSystem and PrivateTmp cannot be had here"
                                              : "ProtectSystem cannot be had here");
  exec_mount_enter_namespace ();
  kept = calloc (count (self->writable) + count (self->visible) + 3, sizeof *kept);
  if (kept == NULL)
    exec_fail (STEP, ENOMEM, "cannot remember what stays");
  for (const char *const *dir = kernel_dirs; strict && *dir != NULL; dir++)
    if (access (*dir, F_OK) == 0)
      keep (kept, &n, *dir);
  for (const char **path = self->visible; *path != NULL; path++)
    if (self->private_tmp && is_in_tmp (*path))
      keep (kept, &n, *path);
  for (const char **path = self->writable; *path != NULL; path++)
    if (self->system != NULL || is_in_tmp (*path + (**path == '-')))
      keep (kept, &n, *path);

  if (self->system != NULL)
    protect_system (self->system);
  if (self->private_tmp)
    make_tmp ();
  put_back (kept, n, self->private_tmp);
  free (kept);
  exec_fail_set_subject (NULL);
}
