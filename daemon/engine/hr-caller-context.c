/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-caller-context.h"

#include "hr-fd.h"

/**
 * hr_caller_context_new:
 * @environment: KEY=VALUE, complete
 * @directory: working directory, absolute
 * @stdout_fd: (transfer full): standard output
 * @stderr_fd: (transfer full): standard error
 *
 * Returns: (transfer full): the context
 */
HrCallerContext *
hr_caller_context_new (const char *const *environment, const char *directory, int stdout_fd, int stderr_fd)
{
  HrCallerContext *self = g_new0 (HrCallerContext, 1);

  self->environment = g_strdupv ((char **)environment);
  self->directory = g_strdup (directory);
  self->stdout_fd = stdout_fd;
  self->stderr_fd = stderr_fd;
  return self;
}

/**
 * hr_caller_context_free:
 * @self: (transfer full) (nullable): a context; its descriptors are closed
 */
void
hr_caller_context_free (HrCallerContext *self)
{
  if (self == NULL)
    return;
  g_strfreev (self->environment);
  g_free (self->directory);
  hr_fd_clear (&self->stdout_fd);
  hr_fd_clear (&self->stderr_fd);
  g_free (self);
}
