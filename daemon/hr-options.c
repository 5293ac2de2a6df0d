/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-options.h"

#include <unistd.h>

#include "hr-error.h"
#include "hr-names.h"
#include "hr-service-spec.h"

static gboolean
fail (GError **error, const char *format, const char *value)
{
  g_autofree char *message = g_strdup_printf ("%s: '%s'", format, value);

  g_set_error_literal (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT, message);
  return FALSE;
}

/* Without an option: HOTRELOAD_BUS; else the system bus for root where there is no session bus; else the session bus. */
static gboolean
choose_bus (HrOptions *self, gboolean session, gboolean system, GError **error)
{
  const char *wanted = g_getenv (HR_ENV_BUS);
  g_autofree char *socket = g_build_filename (g_get_user_runtime_dir (), "bus", NULL);
  gboolean has_session = g_getenv ("DBUS_SESSION_BUS_ADDRESS") != NULL || g_file_test (socket, G_FILE_TEST_EXISTS);

  if (session && system)
    {
      g_set_error_literal (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT, "--session and --system exclude each other");
      return FALSE;
    }
  if (session || system)
    self->bus = session ? G_BUS_TYPE_SESSION : G_BUS_TYPE_SYSTEM;
  else if (wanted == NULL || wanted[0] == '\0')
    self->bus = geteuid () == 0 && !has_session ? G_BUS_TYPE_SYSTEM : G_BUS_TYPE_SESSION;
  else if (g_str_equal (wanted, "session"))
    self->bus = G_BUS_TYPE_SESSION;
  else if (g_str_equal (wanted, "system"))
    self->bus = G_BUS_TYPE_SYSTEM;
  else
    return fail (error, HR_ENV_BUS " takes 'session' or 'system'", wanted);
  return TRUE;
}

static char *
absolute (char *path)
{
  char *result = path != NULL ? g_canonicalize_filename (path, NULL) : NULL;

  g_free (path);
  return result;
}

static void
fill_directories (HrOptions *self)
{
  gboolean system = self->bus == G_BUS_TYPE_SYSTEM;

  self->config_dir_given = self->config_dir != NULL;
  self->config_dir = absolute (self->config_dir);
  self->state_dir = absolute (self->state_dir);
  self->runtime_dir = absolute (self->runtime_dir);
  if (self->config_dir == NULL)
    self->config_dir =
        system ? g_strdup ("/etc/hotreload") : g_build_filename (g_get_user_config_dir (), "hotreload", NULL);
  if (self->state_dir == NULL)
    self->state_dir =
        system ? g_strdup ("/var/lib/hotreload") : g_build_filename (g_get_user_state_dir (), "hotreload", NULL);
  if (self->runtime_dir == NULL)
    self->runtime_dir =
        system ? g_strdup ("/run/hotreload") : g_build_filename (g_get_user_runtime_dir (), "hotreload", NULL);
}

static gboolean
check_values (HrOptions *self, const char *on_exit, GError **error)
{
  const char *profile = g_getenv (HR_ENV_PROFILE);

  if (self->profile == NULL)
    self->profile = g_strdup (profile != NULL && profile[0] != '\0' ? profile : "development");
  if (!hr_profile_is_valid (self->profile))
    return fail (error, "the profile must be development, production or testing", self->profile);
  self->keep = on_exit != NULL ? g_str_equal (on_exit, "keep") : self->bus == G_BUS_TYPE_SYSTEM;
  if (on_exit != NULL && !self->keep && !g_str_equal (on_exit, "stop"))
    return fail (error, "--on-exit takes 'stop' or 'keep'", on_exit);
  return TRUE;
}

/**
 * hr_options_parse:
 * @self: (out): return location, zeroed
 * @argc: (inout): number of arguments
 * @argv: (inout): the arguments
 * @error: return location
 *
 * Returns: success; else an error that names the option
 */
gboolean
hr_options_parse (HrOptions *self, int *argc, char ***argv, GError **error)
{
  gboolean session = FALSE, system = FALSE;
  g_autofree char *on_exit = NULL;
  const GOptionEntry entries[] = {
    { "session", 0, 0, G_OPTION_ARG_NONE, &session, "Serve the session bus", NULL },
    { "system", 0, 0, G_OPTION_ARG_NONE, &system, "Serve the system bus", NULL },
    { "config-dir", 0, 0, G_OPTION_ARG_FILENAME, &self->config_dir, "Directory with services.d", "DIR" },
    { "state-dir", 0, 0, G_OPTION_ARG_FILENAME, &self->state_dir, "Directory of releases, snapshots, history", "DIR" },
    { "runtime-dir", 0, 0, G_OPTION_ARG_FILENAME, &self->runtime_dir, "Directory of sockets", "DIR" },
    { "profile", 0, 0, G_OPTION_ARG_STRING, &self->profile, "development, production or testing", "NAME" },
    { "on-exit", 0, 0, G_OPTION_ARG_STRING, &on_exit, "What becomes of services at the end: stop or keep", "POLICY" },
    { "replace", 0, 0, G_OPTION_ARG_NONE, &self->replace, "Take the place of the daemon that runs", NULL },
    { "check", 0, 0, G_OPTION_ARG_NONE, &self->check, "Validate the configuration, or one FILE, and exit", NULL },
    { "check-state", 0, 0, G_OPTION_ARG_NONE, &self->check_state, "Say whether the state can be gone on with, and exit",
      NULL },
    { "exit-idle", 0, 0, G_OPTION_ARG_NONE, &self->exit_idle, "End when the last transient service is gone", NULL },
    { "verbose", 0, 0, G_OPTION_ARG_NONE, &self->verbose, "Say more", NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &self->version, "Print the version and exit", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("[FILE]");

  /* Before an update puts another one there. */
  self->program = g_file_read_link ("/proc/self/exe", NULL);
  self->arguments = g_strdupv (*argv);
  g_option_context_set_summary (context, "Keeps services running while their code changes.");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (*argc > 1 && !self->check)
    return fail (error, "an argument is only taken with --check", (*argv)[1]);
  if (*argc > 2)
    return fail (error, "--check takes one file", (*argv)[2]);
  if (*argc == 2)
    self->check_file = absolute (g_strdup ((*argv)[1]));
  if (!choose_bus (self, session, system, error) || !check_values (self, on_exit, error))
    return FALSE;
  fill_directories (self);
  return TRUE;
}

/**
 * hr_options_clear:
 * @self: options
 */
void
hr_options_clear (HrOptions *self)
{
  g_clear_pointer (&self->config_dir, g_free);
  g_clear_pointer (&self->state_dir, g_free);
  g_clear_pointer (&self->runtime_dir, g_free);
  g_clear_pointer (&self->profile, g_free);
  g_clear_pointer (&self->check_file, g_free);
  g_clear_pointer (&self->program, g_free);
  g_clear_pointer (&self->arguments, g_strfreev);
}
