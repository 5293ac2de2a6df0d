/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exec-mount.h"

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

/**
 * exec_mount_enter_namespace:
 *
 * Moves the calling process into a mount namespace of its own, once. Without privilege a user namespace that maps the
 * caller to itself comes with it.
 */
void
exec_mount_enter_namespace (void)
{
  static bool entered = false;
  uid_t uid = geteuid ();
  gid_t gid = getegid ();

  if (entered)
    return;
  entered = true;
  if (unshare (CLONE_NEWNS | (uid == 0 ? 0 : CLONE_NEWUSER)) < 0)
    exec_fail (STEP, errno, "cannot make a %smount namespace", uid == 0 ? "" : "user and a ");
  if (uid != 0)
    map_caller (uid, gid);
  /* Nothing of ours goes out; a disk that is unmounted outside goes away here too. */
  if (mount (NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
    exec_fail (STEP, errno, "cannot keep mounts to this instance");
}

/**
 * exec_mount_open:
 * @path: an existing directory
 *
 * Returns: a descriptor for it, close-on-exec
 */
int
exec_mount_open (const char *path)
{
  int fd = open (path, O_PATH | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0)
    exec_fail (STEP, errno, "cannot open directory '%s'", path);
  return fd;
}

/**
 * exec_mount_open_below:
 * @top: a directory
 * @top_path: its path, for messages
 * @path: relative to it
 * @resolve: further flags of openat2()
 *
 * A directory below another; never one outside of it, whatever symbolic links say.
 *
 * Returns: a descriptor for it, close-on-exec
 */
int
exec_mount_open_below (int top, const char *top_path, const char *path, unsigned resolve)
{
  struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_BENEATH | resolve };
  int fd = (int)syscall (SYS_openat2, top, path, &how, sizeof how);

  if (fd < 0)
    exec_fail (STEP, errno, "cannot open directory '%s' below '%s'", path, top_path);
  return fd;
}

/**
 * exec_mount_set_read_only:
 * @tree: the root of a mount
 * @path: for messages
 *
 * With what is mounted below it.
 */
void
exec_mount_set_read_only (int tree, const char *path)
{
  struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

  /* Only adds: nosuid, nodev and the like stay as they are. */
  if (mount_setattr (tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0)
    exec_fail (STEP, errno, "cannot make '%s' read-only", path);
}

/**
 * exec_mount_clone:
 * @from: a directory
 * @path: its path, for messages
 * @read_only: whether nothing can be written through the clone
 *
 * With what is mounted below @from: the kernel lets nobody see through a mount by cloning only what is under it.
 *
 * Returns: a descriptor for the tree, which is attached nowhere yet
 */
int
exec_mount_clone (int from, const char *path, bool read_only)
{
  int tree = open_tree (from, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);

  if (tree < 0)
    exec_fail (STEP, errno, "cannot mount '%s'", path);
  if (read_only)
    exec_mount_set_read_only (tree, path);
  return tree;
}

/**
 * exec_mount_attach:
 * @tree: of exec_mount_clone(); is closed
 * @to: what it covers
 * @path: of @to, for messages
 */
void
exec_mount_attach (int tree, int to, const char *path)
{
  if (move_mount (tree, "", to, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
    exec_fail (STEP, errno, "cannot mount over '%s'", path);
  close (tree);
}
