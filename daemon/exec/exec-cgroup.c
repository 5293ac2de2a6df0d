/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exec-cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec-fail.h"

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
