/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * verb-run.c: run: a program in the foreground, as a service that lives as long as this.
 *
 * The program writes to our standard output and error itself; what we have to say goes to standard error, a line each.
 */
#include <errno.h>
#include <gio/gunixfdlist.h>
#include <glib-unix.h>
#include <glib/gi18n.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hr-daemon.h"
#include "hr-dict.h"
#include "hr-error.h"
#include "hr-keyfile.h"
#include "hr-main-process.h"
#include "hr-names.h"
#include "hr-object-path.h"
#include "hr-text.h"
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
  char *name;
  char *error; /* the service's last */
  char *said;  /* why its last reload failed */
  char *phase; /* of its first start, which failed, until it is known whether it ended well */
  HrMainProcess process;
  gint64 since;      /* start of its last instance, real time, 0: not known */
  gint64 began;      /* when it was first started, monotonic */
  GHashTable *notes; /* set of what was said already */
  gboolean started;
  gboolean live; /* a release of it was */
  gboolean ended;
  gboolean failed;
  gboolean stopping;
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
  hr_main_process_clear (&self->process);
  g_free (self->name);
  g_free (self->phase);
  g_free (self->error);
  g_free (self->said);
  g_hash_table_unref (self->notes);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Run, run_clear)

static void
say (Run *self, HrTint tint, const char *text)
{
  if (self->name != NULL)
    hr_output_remark (self->ctl->output, tint, "hotreload: %s: %s", self->name, text);
  else
    hr_output_remark (self->ctl->output, tint, "hotreload: %s", text);
}

static void
say_completed (Run *self, GVariant *parameters)
{
  g_autoptr (GVariant) details = NULL;
  g_autofree const char **files = NULL;
  g_autofree char *took = NULL;
  g_autofree char *count = NULL;
  g_autofree char *text = NULL;
  guint64 release;
  guint n;

  self->live = TRUE;
  g_variant_get (parameters, "(&s&ott@a{sv})", NULL, NULL, &release, NULL, &details);
  took = hr_text_duration ((gint64)hr_dict_number (details, "durationUsec"));
  files = hr_dict_strings (details, "files");
  n = g_strv_length ((GStrv)files);
  count = g_strdup_printf (ngettext ("%u file", "%u files", n), n);
  text = g_strdup_printf (_ ("release %" PRIu64 " is live in %s (%s)"), release, took, count);
  say (self, HR_TINT_DIM, text);
}

static void
say_failure (Run *self, const char *phase)
{
  g_autofree char *indented = hr_text_indent (self->said, "  ");
  g_autofree char *text = NULL;

  text = g_strdup_printf (self->live ? _ ("reload failed in phase %s\n%s") : _ ("could not be started: phase %s\n%s"),
                          phase, indented);
  say (self, HR_TINT_BAD, text);
}

static void
take_failure (Run *self, GVariant *parameters)
{
  const char *phase, *message;

  g_variant_get (parameters, "(&s&o&s&s@a{sv})", NULL, NULL, &phase, &message, NULL);
  g_free (self->said);
  self->said = g_strdup (message);
  /* A program that does its work and ends well never becomes ready: no failure, as its state will say. */
  if (!self->live && !self->failed)
    {
      g_free (self->phase);
      self->phase = g_strdup (phase);
    }
  else
    say_failure (self, phase);
}

static void
say_rolled_back (Run *self, GVariant *parameters)
{
  g_autofree char *text = NULL;
  const char *reason;
  guint64 from, to;

  g_variant_get (parameters, "(&stt&s)", NULL, &from, &to, &reason);
  text = g_strdup_printf (_ ("rolled back from release %" PRIu64 " to %" PRIu64 ": %s"), from, to, reason);
  say (self, HR_TINT_MIDDLING, text);
}

static void
say_once (Run *self, const char *format, const char *what)
{
  g_autofree char *text = g_strdup_printf ("%s%s", format, what);

  if (g_hash_table_contains (self->notes, text))
    return;

  say (self, HR_TINT_DIM, text);
  g_hash_table_add (self->notes, g_steal_pointer (&text));
}

static void
take_properties (Run *self, GVariant *properties)
{
  g_autofree const char **notes = hr_dict_strings (properties, "Notes");
  g_autofree const char **listen = hr_dict_strings (properties, "Listen");
  guint32 pid;

  for (guint i = 0; notes[i] != NULL; i++)
    say_once (self, "", notes[i]);
  for (guint i = 0; listen[i] != NULL; i++)
    say_once (self, _ ("listening on "), listen[i]);

  if (g_variant_lookup (properties, "Pid", "u", &pid))
    hr_main_process_hold (&self->process, (int)pid);
  if (hr_dict_number (properties, "SinceUsec") > 0)
    self->since = (gint64)hr_dict_number (properties, "SinceUsec");
  if (*hr_dict_string (properties, "Error") != '\0')
    {
      g_free (self->error);
      self->error = g_strdup (hr_dict_string (properties, "Error"));
    }
}

/* How it ended, unless that was the failure of a reload, which has been told. */
static void
say_end (Run *self)
{
  /* The signal comes before the change of the property. */
  g_autoptr (GVariant) known = hr_client_get_service (self->client, self->name, NULL);
  g_autofree char *lived = NULL;
  g_autofree char *text = NULL;

  if (known != NULL)
    take_properties (self, known);
  if (self->error == NULL || (self->said != NULL && self->since == 0))
    return;

  lived = hr_text_duration (MAX (0, g_get_real_time () - self->since));
  text = self->since > 0 ? g_strdup_printf (_ ("%s, after %s"), self->error, lived) : g_strdup (self->error);
  say (self, HR_TINT_BAD, text);
}

static void
say_ended (Run *self)
{
  g_autofree char *lived = hr_text_duration (g_get_monotonic_time () - self->began);
  g_autofree char *text = g_strdup_printf (_ ("it ended after %s"), lived);

  say (self, HR_TINT_DIM, text);
}

static void
take_state (Run *self, const char *state)
{
  if (g_str_equal (state, "failed") && self->phase != NULL)
    say_failure (self, self->phase);
  if (g_str_equal (state, "failed"))
    g_clear_pointer (&self->phase, g_free);

  if (g_str_equal (state, "stopped"))
    {
      if (!self->live && !self->failed && !self->stopping)
        say_ended (self);
      self->ended = TRUE;
    }
  else if (g_str_equal (state, "invalid"))
    self->ended = self->failed = TRUE;
  else if (g_str_equal (state, "failed") && !self->failed)
    {
      /* Its source is still watched: the next save may mend it. */
      self->failed = TRUE;
      say_end (self);
      say (self, HR_TINT_BAD, _ ("it is not running; waiting for a change"));
    }
  else if (g_str_equal (state, "running"))
    self->failed = FALSE;
}

static void
on_signal (GDBusConnection *bus, const char *sender, const char *path, const char *interface, const char *signal,
           GVariant *parameters, gpointer user_data)
{
  Run *self = user_data;
  const char *state;

  if (g_str_equal (signal, "ReloadCompleted"))
    say_completed (self, parameters);
  else if (g_str_equal (signal, "ReloadFailed"))
    take_failure (self, parameters);
  else if (g_str_equal (signal, "RolledBack"))
    say_rolled_back (self, parameters);
  else if (g_str_equal (signal, "ServiceStateChanged"))
    {
      g_variant_get (parameters, "(&s&s&s)", NULL, NULL, &state);
      take_state (self, state);
    }
}

static void
on_properties_changed (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
                       const char *signal, GVariant *parameters, gpointer user_data)
{
  g_autoptr (GVariant) properties = g_variant_get_child_value (parameters, 1);

  take_properties (user_data, properties);
}

static void
on_stop_reply (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Run *self = user_data;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, NULL);

  /* Refused: it is gone already. */
  if (reply == NULL)
    self->ended = TRUE;
}

/* The first interruption stops the service; the second leaves that to the daemon, which sees us go. */
static gboolean
on_interrupted (gpointer user_data)
{
  Run *self = user_data;

  if (self->stopping)
    {
      self->ended = TRUE;
      return G_SOURCE_CONTINUE;
    }

  self->stopping = TRUE;
  say (self, HR_TINT_DIM, _ ("stopping"));
  g_dbus_connection_call (hr_client_get_bus (self->client), hr_client_get_owner (self->client), HR_MANAGER_PATH,
                          HR_MANAGER_INTERFACE, "Stop", g_variant_new ("(s)", self->name), G_VARIANT_TYPE ("(o)"),
                          G_DBUS_CALL_FLAGS_NO_AUTO_START, HR_CLIENT_TIMEOUT_MSEC, NULL, on_stop_reply, self);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_stop_late (gpointer user_data)
{
  ((Run *)user_data)->ended = TRUE;
  return G_SOURCE_REMOVE;
}

/* A daemon on the session bus: there already, started by the bus, or by us. */
static gboolean
use_session (Run *self, GDBusConnection *bus, GError **error)
{
  g_autofree char *owner = hr_client_find_daemon (bus);
  g_autoptr (GError) local = NULL;

  if (owner == NULL && !hr_client_activate (bus, &local))
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
      say (self, HR_TINT_DIM, _ ("no daemon was running: started one for this run"));
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

  say (self, HR_TINT_DIM, _ ("there is no session bus: started a bus and a daemon for this run"));
  self->client = hr_client_new (hr_daemon_get_bus (self->daemon), error);
  return self->client != NULL;
}

/* The session's daemon, because it runs as who is asking; the system's only on request, or for root without one. */
static gboolean
find_daemon (Run *self, GError **error)
{
  g_autoptr (GDBusConnection) bus = NULL;
  HrBusChoice choice;

  if (!hr_ctl_get_bus_choice (self->ctl, &choice, error))
    return FALSE;

  if (choice != HR_BUS_SYSTEM)
    bus = hr_client_open_bus (HR_BUS_SESSION, NULL);
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

          say_once (self, _ ("not passed on because it is not UTF-8: "), name);
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
      "RunTransient", g_variant_new ("(ss@a{sv}hh)", self->name, keyfile, make_options (self, directory), out, err),
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
      self->name = g_strdup (args->values[HR_OPTION_NAME]);
      return TRUE;
    }

  taken = hr_client_list_services (self->client, error);
  if (taken == NULL)
    return FALSE;

  self->name = hr_keyfile_suggest_name (source, args->operands[0], (const char *const *)taken);
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
  int pid = self->process.pid;

  if (hr_main_process_end (&self->process))
    g_set_error (error, HR_ERROR, HR_ERROR_FAILED, _ ("the daemon went away; %s (PID %d) was stopped"), program, pid);
  else
    hr_client_set_lost_error (error);
}

/* Runs until the service has ended for good. */
static int
follow (Run *self, const char *keyfile, const char *directory, GError **error)
{
  g_autofree char *path = hr_service_object_path (self->name);
  GDBusConnection *bus = hr_client_get_bus (self->client);
  guint signals =
      hr_client_subscribe (self->client, HR_MANAGER_PATH, HR_MANAGER_INTERFACE, NULL, self->name, on_signal, self);
  guint properties = hr_client_subscribe (self->client, path, "org.freedesktop.DBus.Properties", "PropertiesChanged",
                                          HR_SERVICE_INTERFACE, on_properties_changed, self);
  guint late = 0;

  self->began = g_get_monotonic_time ();
  if (start_service (self, keyfile, directory, error))
    {
      g_autoptr (GVariant) known = hr_client_get_service (self->client, self->name, NULL);

      self->started = TRUE;
      if (known != NULL)
        take_properties (self, known);
      while (!self->ended && !hr_client_is_lost (self->client))
        {
          if (self->stopping && late == 0)
            late = g_timeout_add_seconds (STOP_TIMEOUT_SEC, on_stop_late, self);
          g_main_context_iteration (NULL, TRUE);
        }
      if (!self->ended)
        end_orphan (self, error);
    }

  g_dbus_connection_signal_unsubscribe (bus, signals);
  g_dbus_connection_signal_unsubscribe (bus, properties);
  if (self->stopping)
    return HR_EXIT_OK;
  if (self->ended && self->failed)
    g_set_error (error, HR_ERROR, HR_ERROR_FAILED, _ ("%s failed: %s"), self->name,
                 self->error != NULL ? self->error : _ ("see its output"));
  return HR_EXIT_OK;
}

/* Whether the daemon that we asked is none any more, so that another one can be asked. */
static gboolean
is_ending (Run *self)
{
  g_autofree char *owner = NULL;

  if (self->client == NULL || self->started || self->stopping)
    return FALSE;
  owner = hr_client_find_daemon (hr_client_get_bus (self->client));
  return g_strcmp0 (owner, hr_client_get_owner (self->client)) != 0;
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
      if (!is_ending (self) || g_get_monotonic_time () >= deadline)
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return code;
        }

      drop_daemon (self, TRUE);
      g_clear_pointer (&self->name, g_free);
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
  g_auto (Run) self = { .ctl = ctl,
                        .process = HR_MAIN_PROCESS_INIT,
                        .notes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL) };
  const HrArgs *args = ctl->args;
  const char *watch = args->values[HR_OPTION_WATCH];
  g_autofree char *directory = resolve_directory (".", error);
  g_autofree char *source = NULL;
  g_autofree char *listen = NULL;
  g_autofree char *keyfile = NULL;
  guint interruptions[3];
  int code;

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
  keyfile = hr_keyfile_for_command ((const char *const *)args->operands, source, listen, error);
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
