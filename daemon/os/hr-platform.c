/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-platform.h"

G_DEFINE_ABSTRACT_TYPE (HrPlatform, hr_platform, G_TYPE_OBJECT)

static void
hr_platform_class_init (HrPlatformClass *klass)
{
}

static void
hr_platform_init (HrPlatform *self)
{
}

/**
 * hr_parts_clear:
 * @self: parts; their references are dropped
 */
void
hr_parts_clear (HrParts *self)
{
  g_clear_object (&self->store);
  g_clear_object (&self->slots);
  g_clear_object (&self->watcher);
  g_clear_object (&self->listeners);
  g_clear_object (&self->state);
  g_clear_object (&self->stored);
}

/**
 * hr_platform_get_clock:
 * @self: the platform
 *
 * Returns: (transfer none): time and timers
 */
HrClock *
hr_platform_get_clock (HrPlatform *self)
{
  g_return_val_if_fail (HR_IS_PLATFORM (self), NULL);
  return HR_PLATFORM_GET_CLASS (self)->get_clock (self);
}

/**
 * hr_platform_get_launcher:
 * @self: the platform
 *
 * Returns: (transfer none): what starts programs
 */
HrLauncher *
hr_platform_get_launcher (HrPlatform *self)
{
  g_return_val_if_fail (HR_IS_PLATFORM (self), NULL);
  return HR_PLATFORM_GET_CLASS (self)->get_launcher (self);
}

/**
 * hr_platform_get_checker:
 * @self: the platform
 *
 * Returns: (transfer none): what checks candidates
 */
HrChecker *
hr_platform_get_checker (HrPlatform *self)
{
  g_return_val_if_fail (HR_IS_PLATFORM (self), NULL);
  return HR_PLATFORM_GET_CLASS (self)->get_checker (self);
}

/**
 * hr_platform_get_metric_reader:
 * @self: the platform
 *
 * Returns: (transfer none): what reads numbers of running services
 */
HrMetricReader *
hr_platform_get_metric_reader (HrPlatform *self)
{
  g_return_val_if_fail (HR_IS_PLATFORM (self), NULL);
  return HR_PLATFORM_GET_CLASS (self)->get_metric_reader (self);
}

/**
 * hr_platform_get_prober:
 * @self: the platform
 *
 * Returns: (transfer none): what asks instances whether they are well
 */
HrProber *
hr_platform_get_prober (HrPlatform *self)
{
  g_return_val_if_fail (HR_IS_PLATFORM (self), NULL);
  return HR_PLATFORM_GET_CLASS (self)->get_prober (self);
}

/**
 * hr_platform_get_history:
 * @self: the platform
 *
 * Returns: (transfer none): the history of reloads
 */
HrHistory *
hr_platform_get_history (HrPlatform *self)
{
  g_return_val_if_fail (HR_IS_PLATFORM (self), NULL);
  return HR_PLATFORM_GET_CLASS (self)->get_history (self);
}

/**
 * hr_platform_get_run_state:
 * @self: the platform
 *
 * Returns: (transfer none): what survives the daemon
 */
HrRunState *
hr_platform_get_run_state (HrPlatform *self)
{
  g_return_val_if_fail (HR_IS_PLATFORM (self), NULL);
  return HR_PLATFORM_GET_CLASS (self)->get_run_state (self);
}

/**
 * hr_platform_open_parts:
 * @self: the platform
 * @spec: a service
 * @old: (nullable): the parts that it had until now: its listeners and what it has stored are taken over, so that nothing closes
 * @parts: (out): return location
 * @error: return location
 *
 * Returns: success; else an error that names what cannot be used, and why
 */
gboolean
hr_platform_open_parts (HrPlatform *self, HrServiceSpec *spec, const HrParts *old, HrParts *parts, GError **error)
{
  g_return_val_if_fail (HR_IS_PLATFORM (self), FALSE);
  return HR_PLATFORM_GET_CLASS (self)->open_parts (self, spec, old, parts, error);
}

/**
 * hr_platform_log_file:
 * @self: the platform
 * @service: name
 * @instance: (nullable): id of an instance that is about to start
 *
 * Makes logs/NAME.log point to the file of @instance, which is any name without dots and slashes.
 *
 * Returns: (transfer full): the file for the instance's output; without @instance that of the newest: logs/NAME.log
 */
char *
hr_platform_log_file (HrPlatform *self, const char *service, const char *instance)
{
  g_return_val_if_fail (HR_IS_PLATFORM (self), NULL);
  return HR_PLATFORM_GET_CLASS (self)->log_file (self, service, instance);
}

/**
 * hr_platform_take_strays:
 * @self: the platform
 * @service: name
 *
 * Returns: (transfer full) (element-type HrRunProcess): of instances of it that an earlier daemon started, and of which
 *   something runs, whether that was written down or not; each is given once
 */
GPtrArray *
hr_platform_take_strays (HrPlatform *self, const char *service)
{
  g_return_val_if_fail (HR_IS_PLATFORM (self), NULL);
  return HR_PLATFORM_GET_CLASS (self)->take_strays (self, service);
}

/**
 * hr_platform_keep_note:
 * @self: the platform
 * @service: name
 * @note: (nullable): what is under way, in at most %HR_NOTE_MAX bytes; %NULL: nothing any more
 *
 * Costs next to nothing. It outlives the daemon, but not the machine.
 */
void
hr_platform_keep_note (HrPlatform *self, const char *service, const char *note)
{
  g_return_if_fail (HR_IS_PLATFORM (self));
  HR_PLATFORM_GET_CLASS (self)->keep_note (self, service, note);
}

/**
 * hr_platform_take_note:
 * @self: the platform
 * @service: name
 *
 * Returns: (transfer full) (nullable): what an earlier daemon noted last; given once
 */
char *
hr_platform_take_note (HrPlatform *self, const char *service)
{
  g_return_val_if_fail (HR_IS_PLATFORM (self), NULL);
  return HR_PLATFORM_GET_CLASS (self)->take_note (self, service);
}

/**
 * hr_platform_base_environment:
 * @self: the platform
 * @spec: a service
 * @error: return location
 *
 * Reads the daemon's own PATH, HOME, USER, LANG, SHELL and XDG variables and the service's EnvironmentFile anew, and
 * adds Environment: what a service gets, besides what tells it who it is.
 *
 * Returns: (transfer full): KEY=VALUE; %NULL with an error that names the file
 */
char **
hr_platform_base_environment (HrPlatform *self, HrServiceSpec *spec, GError **error)
{
  g_return_val_if_fail (HR_IS_PLATFORM (self), NULL);
  return HR_PLATFORM_GET_CLASS (self)->base_environment (self, spec, error);
}
