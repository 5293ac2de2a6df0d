/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-figures.h"

static guint
sum (HrManager *manager, guint (*get) (HrService *service))
{
  g_autoptr (GPtrArray) services = hr_manager_list (manager);
  guint all = 0;

  for (guint i = 0; i < services->len; i++)
    all += get (g_ptr_array_index (services, i));
  return all;
}

/**
 * hr_figures_get_enabled:
 * @manager: a manager
 *
 * Returns: whether any service's source is watched by its configuration
 */
gboolean
hr_figures_get_enabled (HrManager *manager)
{
  g_autoptr (GPtrArray) services = hr_manager_list (manager);

  for (guint i = 0; i < services->len; i++)
    {
      HrServiceSpec *spec = hr_service_get_spec (g_ptr_array_index (services, i));

      if (spec != NULL && spec->source != NULL && spec->watch_enabled)
        return TRUE;
    }
  return FALSE;
}

/**
 * hr_figures_get_watched_files:
 * @manager: a manager
 *
 * Returns: how many files are watched
 */
guint
hr_figures_get_watched_files (HrManager *manager)
{
  return sum (manager, hr_service_get_watched);
}

/**
 * hr_figures_get_watched_directories:
 * @manager: a manager
 *
 * Returns: how many directories are watched
 */
guint
hr_figures_get_watched_directories (HrManager *manager)
{
  return sum (manager, hr_service_get_watched_directories);
}

/**
 * hr_figures_get_jobs:
 * @manager: a manager
 *
 * Returns: how many jobs run or wait
 */
guint
hr_figures_get_jobs (HrManager *manager)
{
  g_autoptr (GPtrArray) jobs = hr_manager_list_jobs (manager);
  guint n = 0;

  for (guint i = 0; i < jobs->len; i++)
    n += !hr_job_is_finished (g_ptr_array_index (jobs, i));
  return n;
}

/**
 * hr_figures_get_pending:
 * @manager: a manager
 *
 * Returns: (transfer full): "SERVICE/PATH" of every path that waits to be looked at
 */
char **
hr_figures_get_pending (HrManager *manager)
{
  g_autoptr (GPtrArray) services = hr_manager_list (manager);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (guint i = 0; i < services->len; i++)
    {
      HrService *service = g_ptr_array_index (services, i);
      g_auto (GStrv) pending = hr_service_get_pending (service);

      for (guint j = 0; pending[j] != NULL; j++)
        {
          g_autofree char *path = g_strconcat (hr_service_get_name (service), "/", pending[j], NULL);

          g_strv_builder_add (builder, path);
        }
    }
  return g_strv_builder_end (builder);
}
