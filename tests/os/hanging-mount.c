/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hanging-mount.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Returns 0, or the errno of what failed. */
static int
make_mount (const char *dir)
{
  int fuse = open ("/dev/fuse", O_RDWR | O_CLOEXEC);
  g_autofree char *options =
      g_strdup_printf ("fd=%d,rootmode=40000,user_id=%d,group_id=%d", fuse, (int)geteuid (), (int)getegid ());

  if (fuse < 0 || unshare (CLONE_NEWNS) < 0 || mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0
      || mount ("hanging", dir, "fuse", MS_NOSUID | MS_NODEV, options) < 0)
    return errno;
  return 0;
}

/**
 * hanging_mount_new:
 * @dir: an empty directory: what is looked for below it is never found
 * @func: (nullable): what the process does, and then ends; %NULL: nothing
 * @data: for @func
 *
 * Returns: the process; -1 where there can be none, and the test is skipped
 */
pid_t
hanging_mount_new (const char *dir, HangingMountFunc func, gpointer data)
{
  int ends[2], result = EIO;
  pid_t pid;

  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      result = make_mount (dir);
      if (write (ends[1], &result, sizeof result) != sizeof result || result != 0)
        _exit (1);
      if (func != NULL)
        func (data);
      else
        pause ();
      _exit (0);
    }
  close (ends[1]);
  g_assert_cmpint (TEMP_FAILURE_RETRY (read (ends[0], &result, sizeof result)), ==, sizeof result);
  close (ends[0]);
  if (result != 0)
    {
      g_autofree char *why = g_strdup_printf ("not run here: no FUSE mount: %s", g_strerror (result));

      g_test_skip (why);
      hanging_mount_free (pid);
      return -1;
    }
  return pid;
}

/**
 * hanging_mount_free:
 * @pid: of hanging_mount_new()
 */
void
hanging_mount_free (pid_t pid)
{
  kill (pid, SIGKILL);
  g_assert_cmpint (TEMP_FAILURE_RETRY (waitpid (pid, NULL, 0)), ==, pid);
}
