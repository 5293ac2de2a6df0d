/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-base-environment.h"

#include "hr-environment.h"
#include "hr-error.h"
#include "hr-fs.h"
#include "hr-owner.h"

/* One EnvironmentFile; a '-' in front means that it may be missing. */
static char **
read_environment_file (const char *file, GError **error)
{
  const char *path = *file == '-' ? file + 1 : file;
  g_autoptr (GError) local = NULL;
  g_autoptr (GBytes) bytes = hr_fs_read (path, HR_ENVIRONMENT_FILE_MAX, &local);
  const char *text;
  gsize size;

  if (bytes == NULL)
    {
      if (path != file && g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
        return g_new0 (char *, 1);
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "EnvironmentFile of the service: %s",
                   local->message);
      return NULL;
    }
  text = g_bytes_get_data (bytes, &size);
  return hr_environment_parse (path, text, size, error);
}

/**
 * hr_base_environment:
 * @spec: a service
 * @error: return location
 *
 * Returns: (transfer full): what its program gets of the daemon's environment, its files and its keys; %NULL with
 *   %HR_ERROR_INVALID_CONFIGURATION
 */
char **
hr_base_environment (const HrServiceSpec *spec, GError **error)
{
  g_auto (GStrv) own = g_get_environ ();
  g_auto (GStrv) list = hr_owner_environment (&spec->isolation, hr_environment_base ((const char *const *)own));

  for (char **file = spec->environment_files; *file != NULL; file++)
    {
      g_auto (GStrv) read = read_environment_file (*file, error);
      char **merged;

      if (read == NULL)
        return NULL;
      merged = hr_environment_merge ((const char *const *)list, (const char *const *)read);
      g_strfreev (list);
      list = merged;
    }
  return hr_environment_merge ((const char *const *)list, (const char *const *)spec->environment);
}
