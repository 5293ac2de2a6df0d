/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-helpers.h"

#include <unistd.h>

#include "hr-config.h"
#include "hr-error.h"
#include "hr-names.h"

typedef struct {
  const char *name;
  const char *installed_dir;
  gboolean is_program;
  const char *lacks; /* what does not work without it; NULL: nothing does */
} Helper;

static const Helper helpers[] = {
  { HR_EXEC_HELPER, HR_LIBEXECDIR, TRUE, NULL },
  { HR_ADOPT_LIBRARY, HR_PKGLIBDIR, FALSE, NULL },
  { HR_JOURNAL_HELPER, HR_LIBEXECDIR, TRUE, "the journal does not get what services write" },
  { HR_PROBE_LIBRARY, HR_PKGLIBDIR, FALSE,
    "what a command (exec:) probes may be the running instance, not the new one" },
};

static const char *
given_dir (void)
{
  const char *dir = g_getenv (HR_ENV_LIBEXECDIR);

  return dir != NULL && *dir != '\0' ? dir : NULL;
}

static char *
path_of (const Helper *helper)
{
  return g_build_filename (given_dir () != NULL ? given_dir () : helper->installed_dir, helper->name, NULL);
}

/**
 * hr_helper_path:
 * @name: of a helper
 *
 * Returns: (transfer full): its path
 */
char *
hr_helper_path (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (helpers); i++)
    if (g_str_equal (helpers[i].name, name))
      return path_of (&helpers[i]);
  g_return_val_if_reached (NULL);
}

static gboolean
is_there (const Helper *helper)
{
  g_autofree char *path = path_of (helper);

  return access (path, helper->is_program ? X_OK : R_OK) == 0 && g_file_test (path, G_FILE_TEST_IS_REGULAR);
}

/* Where those of a build tree are: beside the daemon's own program. NULL: not there. */
static char *
find_built (void)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *dir = self != NULL ? g_path_get_dirname (self) : NULL;
  g_autofree char *built = dir != NULL ? g_build_filename (dir, "exec", NULL) : NULL;
  g_autofree char *helper = built != NULL ? g_build_filename (built, HR_EXEC_HELPER, NULL) : NULL;

  return helper != NULL && access (helper, X_OK) == 0 ? g_steal_pointer (&built) : NULL;
}

/* How to go on where one is missing. */
static char *
describe_remedy (void)
{
  g_autofree char *built = find_built ();

  if (built != NULL)
    return g_strdup_printf ("those that were built with this daemon are found with " HR_ENV_LIBEXECDIR "=%s", built);
  return g_strdup (given_dir () != NULL ? "correct or unset " HR_ENV_LIBEXECDIR
                                        : "install it, or set " HR_ENV_LIBEXECDIR " to its directory");
}

/**
 * hr_helpers_check:
 * @error: return location
 *
 * Returns: whether those are there that every service needs; else %HR_ERROR_FAILED, which names the file and what to do
 */
gboolean
hr_helpers_check (GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (helpers); i++)
    {
      g_autofree char *path = path_of (&helpers[i]);
      g_autofree char *remedy = NULL;

      if (helpers[i].lacks != NULL || is_there (&helpers[i]))
        continue;
      remedy = describe_remedy ();
      g_set_error (error, HR_ERROR, HR_ERROR_FAILED,
                   "its helper '%s' is missing, or cannot be %s, and no service can be started without it; %s", path,
                   helpers[i].is_program ? "executed" : "read", remedy);
      return FALSE;
    }
  return TRUE;
}

/**
 * hr_helpers_describe_missing:
 *
 * Returns: (transfer full): for people, of each that is missing and that not every service needs, what does not work
 */
char **
hr_helpers_describe_missing (void)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (guint i = 0; i < G_N_ELEMENTS (helpers); i++)
    {
      g_autofree char *path = path_of (&helpers[i]);
      g_autofree char *text = NULL;

      if (helpers[i].lacks == NULL || is_there (&helpers[i]))
        continue;
      text = g_strdup_printf ("its helper '%s' is missing, or cannot be %s: %s", path,
                              helpers[i].is_program ? "executed" : "read", helpers[i].lacks);
      g_strv_builder_add (builder, text);
    }
  return g_strv_builder_end (builder);
}
