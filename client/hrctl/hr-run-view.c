/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-run-view.h"

#include <glib/gi18n.h>
#include <inttypes.h>

#include "hr-dict.h"
#include "hr-names.h"
#include "hr-object-path.h"
#include "hr-text.h"

/**
 * hr_run_view_init:
 * @self: memory of a view
 * @output: where to print; must outlive it
 *
 * Makes a view of a service whose name is not known yet.
 */
void
hr_run_view_init (HrRunView *self, HrOutput *output)
{
  *self = (HrRunView){ .output = output,
                       .process = HR_MAIN_PROCESS_INIT,
                       .notes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL) };
}

/**
 * hr_run_view_clear:
 * @self: a view
 *
 * Frees what it holds.
 */
void
hr_run_view_clear (HrRunView *self)
{
  hr_main_process_clear (&self->process);
  g_clear_pointer (&self->name, g_free);
  g_clear_pointer (&self->phase, g_free);
  g_clear_pointer (&self->error, g_free);
  g_clear_pointer (&self->said, g_free);
  g_clear_pointer (&self->notes, g_hash_table_unref);
}

/**
 * hr_run_view_say:
 * @self: a view
 * @tint: its colour on a terminal
 * @text: one line or more, translated
 *
 * Prints it to standard error, with the name of the service as soon as that is known.
 */
void
hr_run_view_say (HrRunView *self, HrTint tint, const char *text)
{
  if (self->name != NULL)
    hr_output_remark (self->output, tint, "hotreload: %s: %s", self->name, text);
  else
    hr_output_remark (self->output, tint, "hotreload: %s", text);
}

static void
say_completed (HrRunView *self, GVariant *parameters)
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
  hr_run_view_say (self, HR_TINT_DIM, text);
}

static void
say_failure (HrRunView *self, const char *phase)
{
  g_autofree char *indented = hr_text_indent (self->said, "  ");
  g_autofree char *text = NULL;

  text = g_strdup_printf (self->live ? _ ("reload failed in phase %s\n%s") : _ ("could not be started: phase %s\n%s"),
                          hr_text_word (phase), indented);
  hr_run_view_say (self, HR_TINT_BAD, text);
}

static void
take_failure (HrRunView *self, GVariant *parameters)
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
say_rolled_back (HrRunView *self, GVariant *parameters)
{
  g_autofree char *text = NULL;
  const char *reason;
  guint64 from, to;

  g_variant_get (parameters, "(&stt&s)", NULL, &from, &to, &reason);
  text = g_strdup_printf (_ ("rolled back from release %" PRIu64 " to %" PRIu64 ": %s"), from, to, reason);
  hr_run_view_say (self, HR_TINT_MIDDLING, text);
}

/**
 * hr_run_view_say_once:
 * @self: a view
 * @words: begins the line, translated
 * @what: ends it
 *
 * Prints a line unless it was printed before.
 */
void
hr_run_view_say_once (HrRunView *self, const char *words, const char *what)
{
  g_autofree char *text = g_strconcat (words, what, NULL);

  if (g_hash_table_contains (self->notes, text))
    return;

  hr_run_view_say (self, HR_TINT_DIM, text);
  g_hash_table_add (self->notes, g_steal_pointer (&text));
}

/**
 * hr_run_view_take_properties:
 * @self: a view
 * @properties: of the service (a{sv}), all of them or those that changed
 *
 * Says what is new in them and keeps what is told later.
 */
void
hr_run_view_take_properties (HrRunView *self, GVariant *properties)
{
  g_autofree const char **notes = hr_dict_strings (properties, "Notes");
  g_autofree const char **listen = hr_dict_strings (properties, "Listen");
  guint32 pid;

  for (guint i = 0; notes[i] != NULL; i++)
    hr_run_view_say_once (self, "", notes[i]);
  for (guint i = 0; listen[i] != NULL; i++)
    hr_run_view_say_once (self, _ ("listening on "), listen[i]);

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
say_end (HrRunView *self)
{
  /* The signal comes before the change of the property. */
  g_autoptr (GVariant) known = hr_client_get_service (self->client, self->name, NULL);
  g_autofree char *lived = NULL;
  g_autofree char *text = NULL;

  if (known != NULL)
    hr_run_view_take_properties (self, known);
  if (self->error == NULL || (self->said != NULL && self->since == 0))
    return;

  lived = hr_text_duration (MAX (0, g_get_real_time () - self->since));
  text = self->since > 0 ? g_strdup_printf (_ ("%s, after %s"), self->error, lived) : g_strdup (self->error);
  hr_run_view_say (self, HR_TINT_BAD, text);
}

static void
say_ended (HrRunView *self)
{
  g_autofree char *lived = hr_text_duration (g_get_monotonic_time () - self->began);
  g_autofree char *text = g_strdup_printf (_ ("it ended after %s"), lived);

  hr_run_view_say (self, HR_TINT_DIM, text);
}

/* Nothing was started: whoever runs it sees at once what to mend. What has run waits for the next save. */
static gboolean
was_refused (HrRunView *self, const char *state)
{
  return g_str_equal (state, "failed") && !self->live && !self->failed && g_strcmp0 (self->phase, "check") == 0;
}

static void
take_state (HrRunView *self, const char *state)
{
  self->refused |= was_refused (self, state);
  if (g_str_equal (state, "failed") && self->phase != NULL)
    say_failure (self, self->phase);
  if (g_str_equal (state, "failed"))
    g_clear_pointer (&self->phase, g_free);

  /* Of the program before, which had the same name: it was removed from the list before it was told to be stopped. */
  if (!self->begun && g_str_equal (state, "stopped"))
    return;
  self->begun |= !g_str_equal (state, "stopping");

  if (g_str_equal (state, "stopped"))
    {
      if (!self->live && !self->failed && !self->stopping)
        say_ended (self);
      self->ended = TRUE;
    }
  else if (g_str_equal (state, "invalid") || self->refused)
    self->ended = self->failed = TRUE;
  else if (g_str_equal (state, "failed") && !self->failed)
    {
      /* Its source is still watched: the next save may mend it. */
      self->failed = TRUE;
      say_end (self);
      hr_run_view_say (self, HR_TINT_BAD, _ ("it is not running; waiting for a change"));
    }
  else if (g_str_equal (state, "running"))
    self->failed = FALSE;
}

static void
on_signal (GDBusConnection *bus, const char *sender, const char *path, const char *interface, const char *signal,
           GVariant *parameters, gpointer user_data)
{
  HrRunView *self = user_data;
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

  hr_run_view_take_properties (user_data, properties);
}

/**
 * hr_run_view_follow:
 * @self: a view whose service has a name
 * @client: the daemon; must outlive hr_run_view_unfollow()
 *
 * Says from now on what becomes of the service, in the turns of the main context.
 */
void
hr_run_view_follow (HrRunView *self, HrClient *client)
{
  g_autofree char *path = hr_service_object_path (self->name);

  self->client = client;
  self->began = g_get_monotonic_time ();
  self->signals =
      hr_client_subscribe (client, HR_MANAGER_PATH, HR_MANAGER_INTERFACE, NULL, self->name, on_signal, self);
  self->properties = hr_client_subscribe (client, path, "org.freedesktop.DBus.Properties", "PropertiesChanged",
                                          HR_SERVICE_INTERFACE, on_properties_changed, self);
}

/**
 * hr_run_view_unfollow:
 * @self: a view that follows
 *
 * Nothing is said by itself any more.
 */
void
hr_run_view_unfollow (HrRunView *self)
{
  GDBusConnection *bus = hr_client_get_bus (self->client);

  g_dbus_connection_signal_unsubscribe (bus, self->signals);
  g_dbus_connection_signal_unsubscribe (bus, self->properties);
  self->client = NULL;
}
