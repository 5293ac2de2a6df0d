/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-watch-limit.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/inotify.h>
#include <sys/vfs.h>

#include "hr-error.h"
#include "hr-fd.h"
#include "hr-fs.h"

#define WATCHES_FILE "/proc/sys/fs/inotify/max_user_watches"
#define EVENTS_FILE "/proc/sys/fs/inotify/max_queued_events"
#define EVENTS_DEFAULT 16384
/* What is left to the user's other programs: one in so many, and at least. */
#define HEADROOM_PART 16
#define HEADROOM_MIN 128
/* The value of the sysctl that is advised is never below this. */
#define ADVISED_WATCHES 524288

static guint
read_number (const char *file, guint otherwise)
{
  g_autoptr (GBytes) bytes = hr_fs_read (file, 64, NULL);
  g_autofree char *text = NULL;

  if (bytes == NULL)
    return otherwise;
  text = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  return (guint)CLAMP (g_ascii_strtoull (text, NULL, 10), 1, G_MAXINT);
}

/**
 * hr_watch_limit_dirs:
 *
 * Returns: how many directories the daemon may watch: the user's limit less some headroom
 */
guint
hr_watch_limit_dirs (void)
{
  guint watches = read_number (WATCHES_FILE, G_MAXINT);
  guint headroom = MAX (watches / HEADROOM_PART, HEADROOM_MIN);

  return watches > headroom ? watches - headroom : 1;
}

/**
 * hr_watch_limit_events:
 *
 * Returns: how many events the kernel keeps before it drops further ones
 */
guint
hr_watch_limit_events (void)
{
  return read_number (EVENTS_FILE, EVENTS_DEFAULT);
}

/**
 * hr_watch_limit_has_room:
 * @path: a directory
 *
 * GLib says nothing when the kernel refuses it a watch; whether there is room for one more is seen by trying.
 *
 * Returns: whether the user may have another watch
 */
gboolean
hr_watch_limit_has_room (const char *path)
{
  g_auto (HrFd) fd = inotify_init1 (IN_CLOEXEC);

  return fd < 0 || inotify_add_watch (fd, path, IN_DELETE_SELF) >= 0 || errno != ENOSPC;
}

/**
 * hr_watch_limit_set_error:
 * @error: return location
 * @root: what should have been watched
 * @needed: how many directories that makes in all
 *
 * Sets %HR_ERROR_LIMIT_EXCEEDED with the sysctl and what to set it to.
 *
 * Returns: %FALSE, for the caller to return
 */
gboolean
hr_watch_limit_set_error (GError **error, const char *root, guint needed)
{
  guint advised = ADVISED_WATCHES;

  while (advised < G_MAXUINT / 4 && advised < needed * 2)
    advised *= 2;
  g_set_error (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED,
               "watching '%s' needs %u directories to be watched in all, and fs.inotify.max_user_watches is %u: set it "
               "to %u (sysctl fs.inotify.max_user_watches=%u), or name large directories in Watch.Ignore",
               root, needed, read_number (WATCHES_FILE, 0), advised, advised);
  return FALSE;
}

/**
 * hr_watch_limit_is_remote:
 * @path: a directory
 *
 * Returns: whether it is on a file system of which the kernel knows only what this machine does
 */
gboolean
hr_watch_limit_is_remote (const char *path)
{
  static const guint32 remote[] = {
    NFS_SUPER_MAGIC, SMB_SUPER_MAGIC,  CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC, V9FS_MAGIC,
    AFS_SUPER_MAGIC, CEPH_SUPER_MAGIC, CODA_SUPER_MAGIC, FUSE_SUPER_MAGIC, 0x786f4256 /* vboxsf */,
  };
  struct statfs fs;

  if (statfs (path, &fs) != 0)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (remote); i++)
    if ((guint32)fs.f_type == remote[i])
      return TRUE;
  return FALSE;
}
