/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-process-exit.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-process-tree.h"

/* Of linux/pidfd.h, in its first form; Debian 12 does not know it. */
typedef struct {
  guint64 mask;
  guint64 cgroup;
  guint32 ids[11];
  gint32 exit_code;
} PidfdInfo;

#define PIDFD_GET_INFO_IOCTL _IOWR (0xFF, 11, PidfdInfo)
#define PIDFD_INFO_EXIT_BIT (G_GUINT64_CONSTANT (1) << 3)

/* The last of the fields behind the name, see proc(5). */
#define STAT_EXIT_CODE 49

static gboolean
read_from_proc (GPid pid, guint64 start, int *wait_status)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int)pid);
  g_autofree char *text = NULL;
  g_auto (GStrv) fields = NULL;
  HrProcess process = { 0 };
  const char *name_end;
  struct stat info;

  /* Of a process that may not be looked at, 0 is shown. */
  if (stat (path, &info) != 0 || (geteuid () != 0 && info.st_uid != geteuid ()))
    return FALSE;
  if (!g_file_get_contents (path, &text, NULL, NULL) || !hr_process_read (pid, &process) || process.start != start)
    return FALSE;
  name_end = strrchr (text, ')');
  fields = name_end != NULL && name_end[1] == ' ' ? g_strsplit (name_end + 2, " ", -1) : NULL;
  if (fields == NULL || g_strv_length (fields) <= STAT_EXIT_CODE || fields[0][0] != 'Z')
    return FALSE;
  *wait_status = (int)g_ascii_strtoll (fields[STAT_EXIT_CODE], NULL, 10);
  return TRUE;
}

/**
 * hr_process_read_exit:
 * @pid: a process that has ended
 * @start: its start time, see HrProcess
 * @pidfd: of it, opened while it ran
 * @wait_status: (out): as of waitpid(2)
 *
 * Returns: whether that can be known
 */
gboolean
hr_process_read_exit (GPid pid, guint64 start, int pidfd, int *wait_status)
{
  PidfdInfo info = { .mask = PIDFD_INFO_EXIT_BIT };

  if (read_from_proc (pid, start, wait_status))
    return TRUE;
  if (ioctl (pidfd, PIDFD_GET_INFO_IOCTL, &info) != 0 || (info.mask & PIDFD_INFO_EXIT_BIT) == 0)
    return FALSE;
  *wait_status = info.exit_code;
  return TRUE;
}
