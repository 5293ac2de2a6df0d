/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * verb-run.c: run: a program in the foreground, as a service that lives as long as this.
 *
 * The program writes to our standard output and error itself; what we have to say goes to standard error, a line each.
 */
#include <gio/gunixfdlist.h>
#include <glib-unix.h>
#include <glib/gi18n.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hr-daemon.h"
#include "hr-error.h"
#include "hr-keyfile.h"
#include "hr-names.h"
#include "hr-run-view.h"
#include "hr-verb.h"

/* A service that was told to stop must have done so after this long, in seconds. */
#define STOP_TIMEOUT_SEC 120
/* A daemon that is just ending is tried again until this long after the first try, and so often, in microseconds. */
#define RETRY_TIMEOUT_USEC (20 * G_USEC_PER_SEC)
#define RETRY_INTERVAL_USEC (50 * G_TIME_SPAN_MILLISECOND)

typedef struct {
  HrCtl *ctl;
  HrClient *client;
  HrDaemon *daemon; /* our own, NULL if there was one */
  HrRunView view;
  gboolean met; /* there was a daemon when we came, which may be gone when it is asked */
  gboolean started;
} Run;

/* Of a daemon of our own only that on the session bus is left, if others may use it or it is ending anyway. */
static void
drop_daemon (Run *self, gboolean leave)
{
  g_clear_pointer (&self->client, hr_client_free);
  if (leave)
    hr_daemon_leave (self->daemon);
  else
    hr_daemon_stop (self->daemon);
  self->daemon = NULL;
}

static void
run_clear (Run *self)
{
  drop_daemon (self, self->started);
  hr_run_view_clear (&self->view);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Run, run_clear)

static void
on_stop_reply (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Run *self = user_data;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, NULL);

  /* Refused: it is gone already. */
  if (reply == NULL)
    self->view.ended = TRUE;
}

/* The first interruption stops the service; the second leaves that to the daemon, which sees us go. */
static gboolean
on_interrupted (gpointer user_data)
{
  Run *self = user_data;

  if (self->view.stopping)
    {
      self->view.ended = TRUE;
      return G_SOURCE_CONTINUE;
    }

  self->view.stopping = TRUE;
  hr_run_view_say (&self->view, HR_TINT_DIM, _ ("stopping"));
  g_dbus_connection_call (hr_client_get_bus (self->client), hr_client_get_owner (self->client), HR_MANAGER_PATH,
                          HR_MANAGER_INTERFACE, "Stop", g_variant_new ("(s)", self->view.name), G_VARIANT_TYPE ("(o)"),
                          G_DBUS_CALL_FLAGS_NO_AUTO_START, HR_CLIENT_TIMEOUT_MSEC, NULL, on_stop_reply, self);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_stop_late (gpointer user_data)
{
  ((Run *)user_data)->view.ended = TRUE;
  return G_SOURCE_REMOVE;
}

/* A daemon on the session bus: there already, started by the bus, or by us. */
static gboolean
use_session (Run *self, GDBusConnection *bus, GError **error)
{
  g_autofree char *owner = hr_bus_find_daemon (bus);
  g_autoptr (GError) local = NULL;

  self->met = owner != NULL;
  if (owner == NULL && !hr_bus_activate (bus, &local))
    {
      if (!g_error_matches (local, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN))
        {
          g_dbus_error_strip_remote_error (local);
          g_set_error (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN, _ ("the bus could not start the daemon: %s"),
                       local->message);
          return FALSE;
        }

      self->daemon = hr_daemon_start_on (bus, error);
      if (self->daemon == NULL)
        return FALSE;
      hr_run_view_say (&self->view, HR_TINT_DIM, _ ("no daemon was running: started one for this run"));
    }

  self->client = hr_client_new (bus, error);
  return self->client != NULL;
}

static gboolean
use_private (Run *self, GError **error)
{
  self->daemon = hr_daemon_start_private (error);
  if (self->daemon == NULL)
    return FALSE;

  hr_run_view_say (&self->view, HR_TINT_DIM, _ ("there is no session bus: started a bus and a daemon for this run"));
  self->client = hr_client_new (hr_daemon_get_bus (self->daemon), error);
  return self->client != NULL;
}

/* The session's daemon, because it runs as who is asking; the system's only on request, or for root without one. */
static gboolean
find_daemon (Run *self, GError **error)
{
  g_autoptr (GDBusConnection) bus = NULL;
  HrBusChoice choice;

  self->met = FALSE;
  if (!hr_ctl_get_bus_choice (self->ctl, &choice, error))
    return FALSE;

  if (choice != HR_BUS_SYSTEM)
    bus = hr_bus_open (HR_BUS_SESSION, NULL);
  if (bus != NULL)
    return use_session (self, bus, error);

  if (choice == HR_BUS_AUTO && getuid () == 0)
    self->client = hr_client_connect (HR_BUS_SYSTEM, FALSE, NULL);
  else if (choice == HR_BUS_SYSTEM)
    {
      self->client = hr_client_connect (HR_BUS_SYSTEM, TRUE, error);
      return self->client != NULL;
    }

  return self->client != NULL || use_private (self, error);
}

/* Everything that we were given, as far as D-Bus can carry it. */
static GVariant *
make_options (Run *self, const char *directory)
{
  g_auto (GStrv) environment = g_get_environ ();
  g_auto (GVariantDict) options = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (GPtrArray) valid = g_ptr_array_new ();

  for (guint i = 0; environment[i] != NULL; i++)
    {
      if (g_utf8_validate (environment[i], -1, NULL))
        g_ptr_array_add (valid, environment[i]);
      else
        {
          g_autofree char *name = g_strndup (environment[i], strcspn (environment[i], "="));

          hr_run_view_say_once (&self->view, _ ("not passed on because it is not UTF-8: "), name);
        }
    }

  g_variant_dict_insert_value (&options, "environment",
                               g_variant_new_strv ((const char *const *)valid->pdata, valid->len));
  g_variant_dict_insert (&options, "working-directory", "s", directory);
  return g_variant_dict_end (&options);
}

static gboolean
start_service (Run *self, const char *keyfile, const char *directory, GError **error)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) reply = NULL;
  int out = g_unix_fd_list_append (fds, STDOUT_FILENO, error);
  int err = out < 0 ? -1 : g_unix_fd_list_append (fds, STDERR_FILENO, error);

  if (err < 0)
    return FALSE;

  reply = g_dbus_connection_call_with_unix_fd_list_sync (
      hr_client_get_bus (self->client), hr_client_get_owner (self->client), HR_MANAGER_PATH, HR_MANAGER_INTERFACE,
      "RunTransient",
      g_variant_new ("(ss@a{sv}hh)", self->view.name, keyfile, make_options (self, directory), out, err),
      G_VARIANT_TYPE ("(o)"), G_DBUS_CALL_FLAGS_NO_AUTO_START, HR_CLIENT_TIMEOUT_MSEC, fds, NULL, NULL, error);
  if (reply == NULL && error != NULL)
    g_dbus_error_strip_remote_error (*error);

  return reply != NULL;
}

static gboolean
choose_name (Run *self, const char *source, GError **error)
{
  const HrArgs *args = self->ctl->args;
  g_auto (GStrv) taken = NULL;

  if (hr_args_has (args, HR_OPTION_NAME))
    {
      self->view.name = g_strdup (args->values[HR_OPTION_NAME]);
      return TRUE;
    }

  taken = hr_client_list_services (self->client, error);
  if (taken == NULL)
    return FALSE;

  self->view.name = hr_keyfile_suggest_name (source, args->operands[0], (const char *const *)taken);
  return TRUE;
}

/* The absolute path of a directory without links, as programs see it. */
static char *
resolve_directory (const char *path, GError **error)
{
  g_autofree char *resolved = NULL;
  char *real = realpath (path, NULL);

  resolved = g_strdup (real);
  free (real);
  if (resolved != NULL && g_file_test (resolved, G_FILE_TEST_IS_DIR))
    return g_steal_pointer (&resolved);

  g_set_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT, _ ("run: '%s' is no directory"), path);
  return NULL;
}

/* Without the daemon nobody would know of the program any more, and its port would be taken for who runs it next. */
static void
end_orphan (Run *self, GError **error)
{
  const char *program = self->ctl->args->operands[0];
  int pid = self->view.process.pid;

  if (hr_main_process_end (&self->view.process))
    g_set_error (error, HR_ERROR, HR_ERROR_FAILED, _ ("the daemon went away; %s (PID %d) was stopped"), program, pid);
  else
    hr_client_set_lost_error (error);
}

/* Old instances that finish their work, what our program has started, and the keeper of the listeners outlive a daemon
 * that dies. They end with the start of the next one. */
static void
replace_daemon (Run *self)
{
  GDBusConnection *bus = hr_client_get_bus (self->client);
  g_autofree char *owner = NULL;
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  /* Without its bus a daemon ends by itself, and takes everything along. */
  if (g_dbus_connection_is_closed (bus))
    return;
  owner = hr_bus_find_daemon (bus);
  if (owner != NULL
      || (self->daemon != NULL ? hr_daemon_start_again (self->daemon, &error) : hr_bus_activate (bus, &error)))
    return;

  g_dbus_error_strip_remote_error (error);
  text = g_strdup_printf (_ ("what it left behind, such as its address, may stay until a daemon runs again: %s"),
                          error->message);
  hr_run_view_say (&self->view, HR_TINT_MIDDLING, text);
}

/* Runs until the service has ended for good. */
static int
follow (Run *self, const char *keyfile, const char *directory, GError **error)
{
  guint late = 0;

  hr_run_view_follow (&self->view, self->client);
  if (start_service (self, keyfile, directory, error))
    {
      g_autoptr (GVariant) known = hr_client_get_service (self->client, self->view.name, NULL);

      self->started = TRUE;
      if (known != NULL)
        hr_run_view_take_properties (&self->view, known);
      while (!self->view.ended && !hr_client_is_lost (self->client))
        {
          if (self->view.stopping && late == 0)
            late = g_timeout_add_seconds (STOP_TIMEOUT_SEC, on_stop_late, self);
          g_main_context_iteration (NULL, TRUE);
        }
      if (!self->view.ended)
        {
          end_orphan (self, error);
          replace_daemon (self);
        }
    }

  hr_run_view_unfollow (&self->view);
  if (self->view.stopping)
    return HR_EXIT_OK;
  if (self->view.refused)
    g_set_error (error, HR_ERROR, HR_ERROR_CHECK_FAILED,
                 _ ("run: %s was not started: mend what the check names, or run it without with --no-validate"),
                 self->view.name);
  else if (self->view.ended && self->view.failed)
    g_set_error (error, HR_ERROR, HR_ERROR_FAILED, _ ("%s failed: %s"), self->view.name,
                 self->view.error != NULL ? self->view.error : _ ("see its output"));
  return HR_EXIT_OK;
}

/* Whether the program before us, of the same name, is in no list any more and has not quite ended yet. */
static gboolean
is_awaited (Run *self, const GError *error)
{
  g_autoptr (GVariant) known = NULL;

  if (!g_error_matches (error, HR_ERROR, HR_ERROR_BUSY) || self->view.name == NULL)
    return FALSE;
  known = hr_client_get_service (self->client, self->view.name, NULL);
  return known == NULL;
}

/* Whether the daemon that we asked is none any more, so that another one can be asked. */
static gboolean
is_ending (Run *self)
{
  g_autofree char *owner = NULL;

  if (self->client == NULL)
    return self->met;
  owner = hr_bus_find_daemon (hr_client_get_bus (self->client));
  return g_strcmp0 (owner, hr_client_get_owner (self->client)) != 0;
}

static gboolean
may_try_again (Run *self, const GError *error)
{
  return !self->started && !self->view.stopping && (is_ending (self) || is_awaited (self, error));
}

/* A daemon that ends with its last transient service may do so just now. */
static int
run_with_daemon (Run *self, const char *source, const char *keyfile, const char *directory, GError **error)
{
  gint64 deadline = g_get_monotonic_time () + RETRY_TIMEOUT_USEC;

  for (;;)
    {
      g_autoptr (GError) local = NULL;
      int code = HR_EXIT_FAILED;

      if (find_daemon (self, &local) && choose_name (self, source, &local))
        code = follow (self, keyfile, directory, &local);
      if (local == NULL)
        return code;
      if (!may_try_again (self, local) || g_get_monotonic_time () >= deadline)
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return code;
        }

      drop_daemon (self, TRUE);
      g_clear_pointer (&self->view.name, g_free);
      g_usleep (RETRY_INTERVAL_USEC);
    }
}

/* Nothing that could be saved would bring a program that is not there. */
static gboolean
check_program (const char *program, const char *source, GError **error)
{
  g_autofree char *found = NULL;

  if (strchr (program, G_DIR_SEPARATOR) == NULL)
    found = g_find_program_in_path (program);
  else
    {
      g_autofree char *here = g_canonicalize_filename (program, NULL);
      g_autofree char *there = g_canonicalize_filename (program, source);

      if (g_file_test (here, G_FILE_TEST_EXISTS) || g_file_test (there, G_FILE_TEST_EXISTS))
        found = g_steal_pointer (&here);
    }
  if (found == NULL)
    g_set_error (error, HR_ERROR, HR_ERROR_FAILED, _ ("run: there is no program '%s'"), program);

  return found != NULL;
}

static gboolean
check_options (const HrArgs *args, GError **error)
{
  static const HrOption useless[] = { HR_OPTION_JSON, HR_OPTION_NO_WAIT, HR_OPTION_TIMEOUT };

  for (guint i = 0; i < G_N_ELEMENTS (useless); i++)
    {
      if (hr_args_has (args, useless[i]))
        {
          hr_usage_error (error, args->verb, _ ("--%s has no meaning for a program in the foreground"),
                          hr_options[useless[i]].name);
          return FALSE;
        }
    }

  return TRUE;
}

int
hr_verb_run (HrCtl *ctl, GError **error)
{
  g_auto (Run) self = { .ctl = ctl };
  const HrArgs *args = ctl->args;
  const char *watch = args->values[HR_OPTION_WATCH];
  g_autofree char *directory = resolve_directory (".", error);
  g_autofree char *source = NULL;
  g_autofree char *listen = NULL;
  g_autofree char *keyfile = NULL;
  guint interruptions[3];
  int code;

  hr_run_view_init (&self.view, ctl->output);
  if (directory == NULL || !check_options (args, error))
    return HR_EXIT_USAGE;
  source = watch != NULL ? resolve_directory (watch, error) : g_strdup (directory);
  if (source == NULL)
    return HR_EXIT_USAGE;
  if (hr_args_has (args, HR_OPTION_LISTEN))
    {
      listen = hr_keyfile_listen_address (args->values[HR_OPTION_LISTEN], error);
      if (listen == NULL)
        return HR_EXIT_USAGE;
    }
  if (!check_program (args->operands[0], source, error))
    return HR_EXIT_FAILED;
  keyfile = hr_keyfile_for_command ((const char *const *)args->operands, source, listen,
                                    !hr_args_has (args, HR_OPTION_NO_VALIDATE), error);
  if (keyfile == NULL)
    return HR_EXIT_FAILED;

  interruptions[0] = g_unix_signal_add (SIGINT, on_interrupted, &self);
  interruptions[1] = g_unix_signal_add (SIGTERM, on_interrupted, &self);
  interruptions[2] = g_unix_signal_add (SIGHUP, on_interrupted, &self);
  code = run_with_daemon (&self, source, keyfile, directory, error);
  for (guint i = 0; i < G_N_ELEMENTS (interruptions); i++)
    g_source_remove (interruptions[i]);

  return code;
}
