/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-state-lock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-fd.h"
#include "hr-fs.h"

/* How often the lock is tried while another holds it; flock itself has no deadline. */
#define TRY_INTERVAL_MSEC 50

/**
 * hr_state_dir_prepare:
 * @path: a directory of the daemon
 * @option: what chooses another one, "--state-dir"
 * @error: return location
 *
 * Creates it, for its owner alone, where it is missing.
 *
 * Returns: whether it can be used; else an error that names it and the remedy
 */
gboolean
hr_state_dir_prepare (const char *path, const char *option, GError **error)
{
  g_autoptr (GError) local = NULL;
  struct stat info;

  g_return_val_if_fail (path != NULL && option != NULL, FALSE);

  if (!hr_fs_make_dir (path, 0700, &local) || stat (path, &info) != 0)
    {
      if (local == NULL)
        hr_fs_set_error (&local, errno, "while looking at directory '%s'", path);
      g_propagate_prefixed_error (error, g_steal_pointer (&local), "choose another directory with %s: ", option);
      return FALSE;
    }
  if (info.st_uid == geteuid ())
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
               "directory '%s' belongs to user %u: choose one of your own with %s", path, (guint)info.st_uid, option);
  return FALSE;
}

static gboolean
set_unusable (const char *path, int errnum, GError **error)
{
  if (errnum == ENOSPC || errnum == EDQUOT)
    return hr_fs_set_error (error, errnum, "state directory '%s' is full: make room there", path);
  return hr_fs_set_error (error, errnum,
                          "state directory '%s' cannot be written: make it writable or choose another one with "
                          "--state-dir",
                          path);
}

/**
 * hr_state_dir_check_space:
 * @path: the state directory
 * @error: return location
 *
 * Returns: whether %HR_STATE_SPACE_MIN can be written there; else an error that names it and the remedy
 */
gboolean
hr_state_dir_check_space (const char *path, GError **error)
{
  g_autofree char *file = g_build_filename (path, ".space.XXXXXX", NULL);
  g_auto (HrFd) fd = g_mkstemp_full (file, O_RDWR | O_CLOEXEC, 0600);
  int problem = fd < 0 ? errno : 0;

  if (fd >= 0)
    {
      problem = posix_fallocate (fd, 0, HR_STATE_SPACE_MIN);
      unlink (file);
    }
  return problem == 0 || set_unusable (path, problem, error);
}

static gboolean
set_busy (int fd, const char *state_dir, GError **error)
{
  char text[32] = "";
  gint64 holder = 0;

  if (pread (fd, text, sizeof text - 1, 0) > 0)
    holder = g_ascii_strtoll (text, NULL, 10);
  if (holder > 0)
    g_set_error (error, HR_ERROR, HR_ERROR_BUSY,
                 "state directory '%s' is held by another hotreloadd, PID %" G_GINT64_FORMAT
                 ": stop it or choose another directory with --state-dir",
                 state_dir, holder);
  else
    g_set_error (error, HR_ERROR, HR_ERROR_BUSY,
                 "state directory '%s' is held by another hotreloadd: stop it or choose another directory with "
                 "--state-dir",
                 state_dir);
  return FALSE;
}

static gboolean
wait_for_lock (int fd, const char *state_dir, GError **error)
{
  gint64 deadline = g_get_monotonic_time () + HR_STATE_LOCK_WAIT_USEC;

  while (flock (fd, LOCK_EX | LOCK_NB) != 0)
    {
      if (errno != EWOULDBLOCK && errno != EINTR)
        return hr_fs_set_error (error, errno, "while locking state directory '%s'", state_dir);
      if (g_get_monotonic_time () >= deadline)
        return set_busy (fd, state_dir, error);
      poll (NULL, 0, TRY_INTERVAL_MSEC);
    }
  return TRUE;
}

/**
 * hr_state_lock_take:
 * @state_dir: an existing directory
 * @error: return location
 *
 * Waits for up to %HR_STATE_LOCK_WAIT_USEC, for the use at a daemon's start.
 *
 * Returns: a descriptor that holds the lock until it is closed; -1 with %HR_ERROR_BUSY that names the holder, or a
 *   #GIOErrorEnum that names the file and the remedy
 */
int
hr_state_lock_take (const char *state_dir, GError **error)
{
  g_autofree char *path = g_build_filename (state_dir, "lock", NULL);
  g_auto (HrFd) fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);

  if (fd < 0)
    {
      set_unusable (state_dir, errno, error);
      return -1;
    }
  if (!wait_for_lock (fd, state_dir, error))
    return -1;
  /* Only for messages: a full disk is found, and said, by who stores something. */
  if (ftruncate (fd, 0) == 0)
    dprintf (fd, "%d\n", (int)getpid ());
  return hr_fd_steal (&fd);
}
