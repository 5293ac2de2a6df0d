/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * verb-config.c: verbs for service files and the daemon that reads them: check, add, remove, daemon-reload, daemon-reexec.
 */
#include <errno.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <string.h>
#include <unistd.h>

#include "hr-config-call.h"
#include "hr-daemon.h"
#include "hr-error.h"
#include "hr-json.h"
#include "hr-keyfile.h"
#include "hr-names.h"
#include "hr-verb.h"

/* Larger service files are refused by the daemon; no need to send them, in bytes. */
#define SERVICE_FILE_MAX (1024 * 1024)

/* {"success": true, "service": …} */
static void
print_done (HrCtl *ctl, const char *service, const char *text)
{
  JsonObject *object;

  if (!hr_output_is_json (ctl->output))
    {
      hr_output_print (ctl->output, "%s\n", text);
      return;
    }

  object = json_object_new ();
  json_object_set_boolean_member (object, "success", TRUE);
  json_object_set_string_member (object, "service", service);
  hr_output_json (ctl->output, hr_json_take_object (object));
}

static GStrv
check_command (HrCtl *ctl, GError **error)
{
  static const HrOption passed_on[] = { HR_OPTION_SESSION, HR_OPTION_SYSTEM, HR_OPTION_CONFIG_DIR, HR_OPTION_PROFILE };
  const char *file = ctl->args->operands[0];
  g_autoptr (GStrvBuilder) command = g_strv_builder_new ();
  g_autofree char *program = hr_daemon_find_program (error);

  if (program == NULL)
    return NULL;

  g_strv_builder_add_many (command, program, "--check", NULL);
  for (guint i = 0; i < G_N_ELEMENTS (passed_on); i++)
    {
      const HrOptionInfo *option = &hr_options[passed_on[i]];
      g_autofree char *word = NULL;

      if (!hr_args_has (ctl->args, passed_on[i]))
        continue;
      word = g_strconcat ("--", option->name, option->value != NULL ? "=" : "", ctl->args->values[passed_on[i]], NULL);
      g_strv_builder_add (command, word);
    }
  if (file != NULL && *file == '-')
    {
      g_autofree char *path = g_strconcat ("./", file, NULL);

      g_strv_builder_add (command, path);
    }
  else if (file != NULL)
    g_strv_builder_add (command, file);

  return g_strv_builder_end (command);
}

static int
check_to_json (HrCtl *ctl, const char *const *command, GError **error)
{
  g_autoptr (GSubprocess) check = NULL;
  g_autofree char *output = NULL;
  g_auto (GStrv) lines = NULL;
  JsonObject *object;
  JsonArray *messages;
  int code;

  check = g_subprocess_newv (command, G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE, error);
  if (check == NULL || !g_subprocess_communicate_utf8 (check, NULL, NULL, &output, NULL, error))
    return HR_EXIT_FAILED;

  code = g_subprocess_get_if_exited (check) ? g_subprocess_get_exit_status (check) : HR_EXIT_FAILED;
  messages = json_array_new ();
  lines = g_strsplit (g_strchomp (output), "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    json_array_add_string_element (messages, lines[i]);

  object = json_object_new ();
  json_object_set_boolean_member (object, "success", code == HR_EXIT_OK);
  json_object_set_array_member (object, "messages", messages);
  hr_output_json (ctl->output, hr_json_take_object (object));
  return code;
}

/**
 * hr_verb_check:
 *
 * The daemon's program has the parser; no daemon need run.
 */
int
hr_verb_check (HrCtl *ctl, GError **error)
{
  g_auto (GStrv) command = check_command (ctl, error);

  if (command == NULL)
    return HR_EXIT_FAILED;
  if (hr_output_is_json (ctl->output))
    return check_to_json (ctl, (const char *const *)command, error);

  execv (command[0], command);
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), _ ("cannot run %s: %s"), command[0],
               g_strerror (errno));
  return HR_EXIT_FAILED;
}

static char *
name_from_file (const char *path)
{
  char *name = g_path_get_basename (path);

  if (g_str_has_suffix (name, ".conf"))
    name[strlen (name) - strlen (".conf")] = '\0';
  return name;
}

static char *
read_service_file (const char *path, GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autofree char *text = NULL;
  g_autofree char *absolute = g_canonicalize_filename (path, NULL);
  g_autofree char *directory = g_path_get_dirname (absolute);
  g_autoptr (GError) local = NULL;
  gsize size;

  if (!g_file_load_contents (file, NULL, &text, &size, NULL, &local))
    {
      /* In the words of everything else, and by the name that was given. */
      const char *why = g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_FOUND)           ? g_strerror (ENOENT)
                        : g_error_matches (local, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED) ? g_strerror (EACCES)
                        : g_error_matches (local, G_IO_ERROR, G_IO_ERROR_IS_DIRECTORY)      ? g_strerror (EISDIR)
                                                                                            : local->message;

      g_set_error (error, HR_ERROR, HR_ERROR_FAILED, _ ("cannot read service file '%s': %s"), path, why);
      return NULL;
    }

  if (size > SERVICE_FILE_MAX || memchr (text, '\0', size) != NULL || !g_utf8_validate (text, (gssize)size, NULL))
    {
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION,
                   _ ("%s is no service file: it is binary or larger than 1 MiB"), path);
      return NULL;
    }

  return hr_keyfile_move (text, directory);
}

/* The daemon has the text alone, and calls it by the name of the file that it is to become. */
static void
name_file (GError *error, const char *name, const char *path)
{
  g_autofree char *theirs = g_strconcat (name, ".conf:", NULL);
  char *message;

  if (!g_error_matches (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION) || !g_str_has_prefix (error->message, theirs))
    return;
  message = g_strconcat (path, ":", error->message + strlen (theirs), NULL);
  g_free (error->message);
  error->message = message;
}

int
hr_verb_add (HrCtl *ctl, GError **error)
{
  const char *path = ctl->args->operands[0];
  g_autofree char *name = NULL;
  g_autofree char *text = read_service_file (path, error);
  g_autoptr (GError) local = NULL;
  int code;

  if (text == NULL)
    return HR_EXIT_FAILED;

  name = hr_args_has (ctl->args, HR_OPTION_NAME) ? g_strdup (ctl->args->values[HR_OPTION_NAME]) : name_from_file (path);
  code = hr_config_call_run (ctl, "AddService", g_variant_new ("(ss)", name, text), name, &local);
  if (local != NULL)
    {
      name_file (local, name, path);
      g_propagate_error (error, g_steal_pointer (&local));
    }
  return code;
}

/* Sends the request and looks only at what can be seen without waiting for the end. */
static gboolean
request_removal (HrClient *client, const char *name, GError **error)
{
  g_auto (GStrv) names = hr_client_list_services (client, error);

  if (names == NULL)
    return FALSE;
  if (!g_strv_contains ((const char *const *)names, name))
    {
      g_set_error (error, HR_ERROR, HR_ERROR_NO_SUCH_SERVICE, _ ("there is no service '%s'"), name);
      return FALSE;
    }

  g_dbus_connection_call (hr_client_get_bus (client), hr_client_get_owner (client), HR_MANAGER_PATH,
                          HR_MANAGER_INTERFACE, "RemoveService", g_variant_new ("(s)", name), NULL,
                          G_DBUS_CALL_FLAGS_NO_AUTO_START, HR_CLIENT_TIMEOUT_MSEC, NULL, NULL, NULL);
  return g_dbus_connection_flush_sync (hr_client_get_bus (client), NULL, error);
}

int
hr_verb_remove (HrCtl *ctl, GError **error)
{
  const char *name = ctl->args->operands[0];
  g_autofree char *message = NULL;
  HrClient *client;

  client = hr_ctl_connect (ctl, error);
  if (client == NULL)
    return HR_EXIT_FAILED;

  if (hr_args_has (ctl->args, HR_OPTION_NO_WAIT))
    {
      if (!request_removal (client, name, error))
        return HR_EXIT_FAILED;
      message = g_strdup_printf (_ ("%s: being removed"), name);
    }
  else
    {
      g_autoptr (GVariant) reply = NULL;

      hr_output_progress (ctl->output, name);
      reply = hr_client_call (client, "RemoveService", g_variant_new ("(s)", name), "()", HR_CLIENT_LONG_TIMEOUT_MSEC,
                              error);
      if (reply == NULL)
        return HR_EXIT_FAILED;
      message = g_strdup_printf (_ ("%s: removed"), name);
    }

  print_done (ctl, name, message);
  return HR_EXIT_OK;
}

int
hr_verb_daemon_reload (HrCtl *ctl, GError **error)
{
  return hr_config_call_run (ctl, "ReloadConfiguration", NULL, NULL, error);
}

int
hr_verb_daemon_reexec (HrCtl *ctl, GError **error)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) properties = NULL;
  const char *version = "";
  HrClient *client = hr_ctl_connect (ctl, error);
  JsonObject *object;

  if (client == NULL)
    return HR_EXIT_FAILED;
  hr_output_progress (ctl->output, _ ("the daemon is being re-executed"));
  reply = hr_client_call (client, "Reexecute", NULL, "()", HR_CLIENT_LONG_TIMEOUT_MSEC, error);
  hr_output_progress (ctl->output, NULL);
  properties = reply != NULL ? hr_client_get_properties (client, HR_MANAGER_PATH, HR_MANAGER_INTERFACE, error) : NULL;
  if (properties == NULL)
    return HR_EXIT_FAILED;
  g_variant_lookup (properties, "Version", "&s", &version);

  if (hr_output_is_json (ctl->output))
    {
      object = json_object_new ();
      json_object_set_boolean_member (object, "success", TRUE);
      json_object_set_string_member (object, "version", version);
      hr_output_json (ctl->output, hr_json_take_object (object));
      return HR_EXIT_OK;
    }
  hr_output_print (ctl->output, _ ("the daemon was re-executed: hotreload %s\n"), version);
  return HR_EXIT_OK;
}
