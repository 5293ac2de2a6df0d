/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-object-path.h"

#include "hr-names.h"

/**
 * hr_service_object_path:
 * @service: name of a service, not empty
 *
 * Every byte that is no letter or digit, and a digit at the start, becomes an underscore and two hex digits, as systemd
 * does: the path of "being-system" ends in "being_2dsystem".
 *
 * Returns: (transfer full): the path of the service's object
 */
char *
hr_service_object_path (const char *service)
{
  GString *path;

  g_return_val_if_fail (service != NULL && *service != '\0', NULL);

  path = g_string_new (HR_SERVICE_PATH_PREFIX);
  for (const char *p = service; *p != '\0'; p++)
    {
      if (g_ascii_isalpha (*p) || (g_ascii_isdigit (*p) && p != service))
        g_string_append_c (path, *p);
      else
        g_string_append_printf (path, "_%02x", (guchar)*p);
    }

  return g_string_free (path, FALSE);
}

/**
 * hr_job_object_path:
 * @id: number of a job
 *
 * Returns: (transfer full): the path of the job's object
 */
char *
hr_job_object_path (guint64 id)
{
  return g_strdup_printf (HR_JOB_PATH_PREFIX "%" G_GUINT64_FORMAT, id);
}
