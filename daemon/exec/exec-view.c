/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exec-view.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec-fail.h"

#define STEP "view"

static void
write_file (const char *path, const char *text)
{
  int fd = open (path, O_WRONLY | O_CLOEXEC);

  if (fd < 0 || write (fd, text, strlen (text)) < 0)
    exec_fail (STEP, errno, "cannot map the user in '%s'", path);
  close (fd);
}

/* The caller becomes itself in the new user namespace, with the right to mount until exec. */
static void
map_caller (uid_t uid, gid_t gid)
{
  char line[64];

  write_file ("/proc/self/setgroups", "deny");
  snprintf (line, sizeof line, "%u %u 1", (unsigned)uid, (unsigned)uid);
  write_file ("/proc/self/uid_map", line);
  snprintf (line, sizeof line, "%u %u 1", (unsigned)gid, (unsigned)gid);
  write_file ("/proc/self/gid_map", line);
}

static void
enter_namespace (void)
{
  uid_t uid = geteuid ();
  gid_t gid = getegid ();

  if (unshare (CLONE_NEWNS | (uid == 0 ? 0 : CLONE_NEWUSER)) < 0)
    exec_fail (STEP, errno, "cannot make a %smount namespace", uid == 0 ? "" : "user and a ");
  if (uid != 0)
    map_caller (uid, gid);
  /* Nothing of ours goes out; a disk that is unmounted outside goes away here too. */
  if (mount (NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
    exec_fail (STEP, errno, "cannot keep mounts to this instance");
}

static int
open_dir (const char *path)
{
  int fd = open (path, O_PATH | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0)
    exec_fail (STEP, errno, "cannot open directory '%s'", path);
  return fd;
}

/* A directory below another; never one outside of it, whatever symbolic links say. */
static int
open_below (int top, const char *top_path, const char *path, unsigned resolve)
{
  struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_BENEATH | resolve };
  int fd = (int)syscall (SYS_openat2, top, path, &how, sizeof how);

  if (fd < 0)
    exec_fail (STEP, errno, "cannot open directory '%s' below '%s'", path, top_path);
  return fd;
}

/* With what is mounted below @from: the kernel lets nobody see through a mount by cloning only what is under it. */
static int
clone_tree (int from, const char *path, bool read_only)
{
  struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
  int tree = open_tree (from, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);

  if (tree < 0)
    exec_fail (STEP, errno, "cannot mount '%s'", path);
  /* Only adds: nosuid, nodev and the like stay as they are. */
  if (read_only && mount_setattr (tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0)
    exec_fail (STEP, errno, "cannot make '%s' read-only", path);
  return tree;
}

static void
attach_tree (int tree, int to, const char *path)
{
  if (move_mount (tree, "", to, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
    exec_fail (STEP, errno, "cannot mount over '%s'", path);
  close (tree);
}

static void
attach_shares (const ExecView *self, int original, const char **shares, bool read_only)
{
  for (; *shares != NULL; shares++)
    {
      /* Opened anew: what is looked up must be on top of the mounts made so far. */
      int covered = open_dir (self->source);
      int from = open_below (original, self->source, *shares, 0);
      int to = open_below (covered, self->dir, *shares, RESOLVE_NO_SYMLINKS);

      attach_tree (clone_tree (from, *shares, read_only), to, *shares);
      close (to);
      close (from);
      close (covered);
    }
}

/**
 * exec_view_apply:
 * @self: a view
 *
 * Moves the calling process into a mount namespace in which the view's directory is at its source. Exits through
 * exec_fail() when that cannot be done. The working directory must be entered after it.
 */
void
exec_view_apply (const ExecView *self)
{
  int original, dir;

  if (self->source == NULL)
    return;
  enter_namespace ();
  original = open_dir (self->source);
  dir = open_dir (self->dir);
  if (self->real_source != NULL)
    {
      int point = open_dir (self->real_source);

      attach_tree (clone_tree (original, self->source, false), point, self->real_source);
      close (point);
    }
  attach_tree (clone_tree (dir, self->dir, false), original, self->source);
  attach_shares (self, original, self->shares, self->shares_read_only);
  attach_shares (self, original, self->read_only_shares, true);
  close (dir);
  close (original);
}

/**
 * exec_view_probe:
 *
 * Does what a view needs, on the directory for temporary files, visible to this process only. Exits through exec_fail()
 * when the kernel does not allow it.
 */
void
exec_view_probe (void)
{
  int point;

  enter_namespace ();
  point = open_dir (P_tmpdir);
  attach_tree (clone_tree (point, P_tmpdir, true), point, P_tmpdir);
  close (point);
}
