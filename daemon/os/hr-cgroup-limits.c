/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-cgroup-limits.h"

#include <unistd.h>

#include "hr-error.h"

static const struct {
  const char *controller;
  const char *file;
} kinds[HR_N_RESOURCES] = {
  [HR_RESOURCE_MEMORY] = { "memory", "memory.max" },
  [HR_RESOURCE_CPU] = { "cpu", "cpu.weight" },
  [HR_RESOURCE_TASKS] = { "pids", "pids.max" },
};

/* Of what the system has, which is asked when the instance starts. */
static guint64
read_whole (HrResourceKind kind)
{
  static const char *const files[] = { "/proc/sys/kernel/threads-max", "/proc/sys/kernel/pid_max" };
  guint64 least = G_MAXINT32;

  if (kind == HR_RESOURCE_MEMORY)
    return (guint64)sysconf (_SC_PHYS_PAGES) * (guint64)sysconf (_SC_PAGESIZE);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *text = NULL;

      if (g_file_get_contents (files[i], &text, NULL, NULL))
        least = MIN (least, g_ascii_strtoull (text, NULL, 10));
    }
  return least;
}

static guint64
resolve (HrResourceKind kind, const HrResource *resource)
{
  if (!resource->is_share)
    return resource->value;
  return MAX (read_whole (kind) / HR_RESOURCE_WHOLE * resource->value, 1);
}

/**
 * hr_cgroup_limits_are_wanted:
 * @isolation: (nullable): what a service file says
 *
 * Returns: whether it limits what all processes of an instance use together
 */
gboolean
hr_cgroup_limits_are_wanted (const HrIsolation *isolation)
{
  for (guint i = 0; isolation != NULL && i < HR_N_RESOURCES; i++)
    if (isolation->resources[i].set)
      return TRUE;
  return FALSE;
}

/* Says which key it is about. */
static gboolean
refuse (HrResourceKind kind, const HrIsolation *isolation, const char *why, GError **error)
{
  g_autofree char *key = hr_resource_to_string (kind, &isolation->resources[kind]);

  g_set_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED, "%s cannot be had here: %s", key, why);
  return FALSE;
}

/**
 * hr_cgroup_limits_check:
 * @base: (nullable): where control groups are made
 * @no_base: (nullable): why they are not
 * @isolation: (nullable): what a service file says
 * @error: return location
 *
 * Changes nothing.
 *
 * Returns: whether each limit that is asked for can be had, as far as can be told; else %HR_ERROR_NOT_SUPPORTED that says
 *   what is missing where
 */
gboolean
hr_cgroup_limits_check (HrCgroupBase *base, const char *no_base, const HrIsolation *isolation, GError **error)
{
  for (guint i = 0; isolation != NULL && i < HR_N_RESOURCES; i++)
    {
      g_autoptr (GError) local = NULL;

      if (!isolation->resources[i].set)
        continue;
      if (base == NULL)
        return refuse ((HrResourceKind)i, isolation, no_base, error);
      if (!hr_cgroup_base_has (base, kinds[i].controller, &local))
        return refuse ((HrResourceKind)i, isolation, local->message, error);
    }
  return TRUE;
}

/**
 * hr_cgroup_limits_prepare:
 * @base: (nullable): where control groups are made
 * @no_base: (nullable): why they are not
 * @isolation: (nullable): what a service file says
 * @error: return location
 *
 * Has the controllers that it needs enabled.
 *
 * Returns: (transfer full): "FILE:VALUE" of the group for each limit; %NULL with %HR_ERROR_NOT_SUPPORTED that says what is
 *   missing where
 */
char **
hr_cgroup_limits_prepare (HrCgroupBase *base, const char *no_base, const HrIsolation *isolation, GError **error)
{
  g_autoptr (GStrvBuilder) limits = g_strv_builder_new ();

  if (!hr_cgroup_limits_check (base, no_base, isolation, error))
    return NULL;
  for (guint i = 0; isolation != NULL && i < HR_N_RESOURCES; i++)
    {
      g_autofree char *limit = NULL;
      g_autoptr (GError) local = NULL;

      if (!isolation->resources[i].set)
        continue;
      if (!hr_cgroup_base_enable (base, kinds[i].controller, &local))
        {
          refuse ((HrResourceKind)i, isolation, local->message, error);
          return NULL;
        }
      limit = g_strdup_printf ("%s:%" G_GUINT64_FORMAT, kinds[i].file,
                               resolve ((HrResourceKind)i, &isolation->resources[i]));
      g_strv_builder_add (limits, limit);
    }
  return g_strv_builder_end (limits);
}
