/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-caller-context.h"

#include <fcntl.h>

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
 * hr_caller_context_new_bound:
 *
 * Returns: (transfer full): the context of a service that has nothing of its caller but how long it lives
 */
HrCallerContext *
hr_caller_context_new_bound (void)
{
  HrCallerContext *self = g_new0 (HrCallerContext, 1);

  self->stdout_fd = self->stderr_fd = -1;
  return self;
}

/**
 * hr_caller_context_lends:
 * @self: (nullable): the context of a service; %NULL: it is not transient
 *
 * Returns: whether the service has environment, working directory and output of its caller
 */
gboolean
hr_caller_context_lends (const HrCallerContext *self)
{
  return self != NULL && self->environment != NULL;
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
  g_free (self->owner);
  g_free (self->text);
  hr_fd_clear (&self->stdout_fd);
  hr_fd_clear (&self->stderr_fd);
  g_free (self);
}

/**
 * hr_caller_context_carry:
 * @self: a context
 * @fds: (element-type int): where descriptors are added that must stay open for it
 *
 * Returns: (transfer floating): for hr_caller_context_new_carried() of the program that this process becomes
 */
GVariant *
hr_caller_context_carry (const HrCallerContext *self, GArray *fds)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "uid", "u", self->uid);
  if (self->owner != NULL)
    g_variant_dict_insert (&dict, "owner", "s", self->owner);
  if (self->text != NULL)
    g_variant_dict_insert (&dict, "text", "^ay", self->text);
  if (hr_caller_context_lends (self))
    {
      g_variant_dict_insert (&dict, "environment", "^aay", self->environment);
      g_variant_dict_insert (&dict, "directory", "^ay", self->directory);
      g_variant_dict_insert (&dict, "stdout", "i", self->stdout_fd);
      g_variant_dict_insert (&dict, "stderr", "i", self->stderr_fd);
      g_array_append_val (fds, self->stdout_fd);
      g_array_append_val (fds, self->stderr_fd);
    }
  return g_variant_dict_end (&dict);
}

static gboolean
take_fd (GVariant *carried, const char *key, int *fd)
{
  gint32 number = -1;

  if (!g_variant_lookup (carried, key, "i", &number) || fcntl (number, F_SETFD, FD_CLOEXEC) != 0)
    return FALSE;
  *fd = number;
  return TRUE;
}

static HrCallerContext *
take_lent (GVariant *carried)
{
  g_auto (GStrv) environment = NULL;
  g_autofree char *directory = NULL;
  g_auto (HrFd) out = -1, err = -1;

  if (!g_variant_lookup (carried, "environment", "^aay", &environment)
      || !g_variant_lookup (carried, "directory", "^ay", &directory) || !take_fd (carried, "stdout", &out)
      || !take_fd (carried, "stderr", &err))
    return NULL;
  return hr_caller_context_new ((const char *const *)environment, directory, hr_fd_steal (&out), hr_fd_steal (&err));
}

/**
 * hr_caller_context_new_carried:
 * @carried: what hr_caller_context_carry() made
 *
 * Returns: (transfer full) (nullable): the context; %NULL: it is none, or its descriptors are not open
 */
HrCallerContext *
hr_caller_context_new_carried (GVariant *carried)
{
  g_autoptr (GVariant) environment = g_variant_lookup_value (carried, "environment", NULL);
  HrCallerContext *self = environment != NULL ? take_lent (carried) : hr_caller_context_new_bound ();

  if (self == NULL)
    return NULL;
  g_variant_lookup (carried, "uid", "u", &self->uid);
  g_variant_lookup (carried, "owner", "s", &self->owner);
  g_variant_lookup (carried, "text", "^ay", &self->text);
  return self;
}
