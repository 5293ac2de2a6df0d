/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exec-cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "exec-fail.h"
#include "hr-names.h"

#define STEP "cgroup"

/**
 * exec_cgroup_add_limit:
 * @self: what is collected
 * @limit: "FILE:VALUE"; must stay
 */
void
exec_cgroup_add_limit (ExecCgroup *self, const char *limit)
{
  if (self->n_limits == EXEC_CGROUP_LIMITS_MAX)
    exec_fail ("options", 0, "more than %d limits of a control group", EXEC_CGROUP_LIMITS_MAX);
  if (strchr (limit, ':') == NULL)
    exec_fail ("options", 0, "'%s' is not a limit of a control group", limit);
  self->limits[self->n_limits++] = limit;
}

/* Returns 0, or -1 with errno. */
static int
write_file (int group, const char *name, const char *value)
{
  int fd = openat (group, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  size_t length = strlen (value);
  int result = fd >= 0 && write (fd, value, length) == (ssize_t)length ? 0 : -1;
  int number = errno;

  if (fd >= 0)
    close (fd);
  errno = number;
  return result;
}

static void
set_limit (const ExecCgroup *self, int group, const char *limit)
{
  const char *value = strchr (limit, ':') + 1;
  char name[64];

  snprintf (name, sizeof name, "%.*s", (int)(value - limit - 1), limit);
  if (write_file (group, name, value) != 0)
    exec_fail (STEP, errno, "'%s' of control group '%s' cannot be set to '%s'", name, self->dir, value);
}

/**
 * exec_cgroup_enter:
 * @self: what is wanted
 *
 * Makes the group and moves the calling process there. To be called first: what is opened and mounted from now on, and all
 * memory that the process gets, is the group's.
 */
void
exec_cgroup_enter (const ExecCgroup *self)
{
  int group;

  if (self->dir == NULL)
    return;
  group = mkdir (self->dir, 0755) == 0 || errno == EEXIST ? open (self->dir, O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1;
  if (group < 0)
    {
      if (self->n_limits > 0)
        exec_fail (STEP, errno, "control group '%s' cannot be made", self->dir);
      return;
    }
  for (int i = 0; i < self->n_limits; i++)
    set_limit (self, group, self->limits[i]);
  if (write_file (group, "cgroup.procs", "0") != 0 && self->n_limits > 0)
    exec_fail (STEP, errno, "control group '%s' cannot be entered", self->dir);
  close (group);
}

/* Where systemd starts what it starts for a unit beside its main process. */
#define CONTROL_GROUP "/.control"

/* The group of the unit that this process is started for; -1: there is none. */
static int
open_unit (void)
{
  static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
  char line[PATH_MAX], path[2 * PATH_MAX];
  FILE *file = fopen ("/proc/self/cgroup", "re");
  int group = -1;

  while (file != NULL && group < 0 && fgets (line, sizeof line, file) != NULL)
    {
      size_t length = strcspn (line, "\n");

      if (strncmp (line, "0::/", 4) != 0)
        continue;
      if (length > strlen (CONTROL_GROUP)
          && strncmp (line + length - strlen (CONTROL_GROUP), CONTROL_GROUP, strlen (CONTROL_GROUP)) == 0)
        length -= strlen (CONTROL_GROUP);
      for (size_t i = 0; i < sizeof mounts / sizeof *mounts && group < 0; i++)
        {
          struct statfs info;

          snprintf (path, sizeof path, "%s%.*s", mounts[i], (int)length - 3, line + 3);
          if (statfs (path, &info) == 0 && info.f_type == CGROUP2_SUPER_MAGIC)
            group = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        }
    }
  if (file != NULL)
    fclose (file);
  return group;
}

/* One by one: of one that the kernel does not know it would take none. */
static void
keep_controllers (int group)
{
  static const char *const names[] = { "-memory", "-cpu", "-pids" };

  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    write_file (group, "cgroup.subtree_control", names[i]);
}

/**
 * exec_cgroup_release:
 *
 * Lets the service manager start a daemon again: as long as the daemon's group hands controllers down to those of
 * instances that run on, no process can be in it. Limits do not hold until the daemon has taken them over.
 *
 * Returns: exit status
 */
int
exec_cgroup_release (void)
{
  int unit = open_unit ();
  int copy = unit >= 0 ? dup (unit) : -1;
  DIR *dir = copy >= 0 ? fdopendir (copy) : NULL;

  if (dir == NULL)
    return EXIT_FAILURE;
  for (struct dirent *entry = readdir (dir); entry != NULL; entry = readdir (dir))
    if (strncmp (entry->d_name, HR_CGROUP_PREFIX, strlen (HR_CGROUP_PREFIX)) == 0)
      {
        int group = openat (unit, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

        if (group >= 0)
          {
            keep_controllers (group);
            close (group);
          }
      }
  closedir (dir);
  keep_controllers (unit);
  close (unit);
  return EXIT_SUCCESS;
}
