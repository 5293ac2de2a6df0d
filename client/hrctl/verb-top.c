/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * verb-top.c: top: what services use, live in the terminal, or as tables one after the other.
 *
 * The daemon is asked once per update, and never while it has not answered.
 */
#include <glib-unix.h>
#include <glib/gi18n.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "hr-dict.h"
#include "hr-error.h"
#include "hr-json.h"
#include "hr-names.h"
#include "hr-screen.h"
#include "hr-text.h"
#include "hr-top-model.h"
#include "hr-verb.h"

#define DELAY_DEFAULT 2.0
#define DELAY_MIN 0.1
#define DELAY_MAX 3600.0
#define COUNT_MAX 1000000
/* Lines above the services: two of text and one with titles. */
#define HEAD_LINES 3

typedef struct {
  HrCtl *ctl;
  HrClient *client;
  HrTopModel *model;
  GCancellable *cancellable;
  GVariant *status; /* of the answer that is awaited */
  guint first;      /* row that is shown at the top */
  guint delay_msec;
  guint64 left; /* updates, 0: any number */
  guint shown;
  gboolean live;
  gboolean counts; /* the last but one answer told what is used */
  gboolean over;
  guint timer;
  GError *error;
} Top;

static void ask (Top *self);

static void
quit (Top *self)
{
  self->over = TRUE;
  g_main_context_wakeup (NULL);
}

static void
draw (Top *self)
{
  g_autoptr (HrTable) table = hr_top_model_to_table (self->model);
  g_autofree char *text = hr_table_to_text (table, self->ctl->output);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (GString) page = g_string_new ("");
  g_autofree char *time = hr_text_time (g_get_real_time ());
  guint rows = hr_screen_get_rows ();
  guint room = rows > HEAD_LINES ? rows - HEAD_LINES : 1;
  guint n = hr_top_model_count (self->model);

  self->first = MIN (self->first, n > room ? n - room : 0);
  g_string_append_printf (page, _ ("hotreload %s, services: %u, sorted by %s"), time, n,
                          hr_top_key_name (hr_top_model_get_key (self->model)));
  g_string_append_printf (page, "\n%s\n%s", _ ("n name  c CPU  m memory  r restarts  e release  s state  q quit"),
                          lines[0]);
  for (guint i = self->first; i < n && i < self->first + room; i++)
    g_string_append_printf (page, "\n%s", lines[i + 1]);
  hr_screen_draw (page->str);
}

static void
print (Top *self)
{
  if (hr_output_is_json (self->ctl->output))
    {
      g_autofree char *now = hr_text_iso_time (g_get_real_time ());
      JsonObject *object = json_object_new ();

      json_object_set_string_member (object, "timestamp", now);
      json_object_set_member (object, "services", hr_top_model_to_json (self->model));
      hr_output_json_line (self->ctl->output, hr_json_take_object (object));
      return;
    }
  if (self->shown > 0)
    hr_output_write (self->ctl->output, "\n");
  if (hr_top_model_count (self->model) == 0)
    hr_output_write (self->ctl->output, _ ("There are no services.\n"));
  else
    {
      g_autoptr (HrTable) table = hr_top_model_to_table (self->model);

      hr_table_print (table, self->ctl->output);
    }
  if (!hr_output_flush (self->ctl->output, NULL))
    quit (self);
}

static gboolean
on_time (gpointer user_data)
{
  Top *self = user_data;

  self->timer = 0;
  ask (self);
  return G_SOURCE_REMOVE;
}

static void
update (Top *self)
{
  /* A table without shares of the processor is of no use to who reads only one. */
  if (self->live || self->counts)
    {
      if (self->live)
        draw (self);
      else
        print (self);
      self->shown++;
      if (self->left > 0 && --self->left == 0)
        quit (self);
    }
  self->counts = TRUE;
  self->timer = g_timeout_add (self->delay_msec, on_time, self);
}

static void
fail (Top *self, GError *error)
{
  g_dbus_error_strip_remote_error (error);
  if (self->error == NULL && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    self->error = error;
  else
    g_error_free (error);
  quit (self);
}

static void
call (Top *self, const char *method, const char *type, GAsyncReadyCallback callback)
{
  g_dbus_connection_call (hr_client_get_bus (self->client), hr_client_get_owner (self->client), HR_MANAGER_PATH,
                          HR_MANAGER_INTERFACE, method, NULL, G_VARIANT_TYPE (type), G_DBUS_CALL_FLAGS_NO_AUTO_START,
                          HR_CLIENT_TIMEOUT_MSEC, self->cancellable, callback, self);
}

static void
on_usage (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Top *self = user_data;
  GError *error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  g_autoptr (GVariant) usage = NULL;

  if (reply == NULL)
    {
      fail (self, error);
      return;
    }
  usage = g_variant_get_child_value (reply, 0);
  hr_top_model_take (self->model, self->status, usage, g_get_monotonic_time ());
  update (self);
}

static void
on_status (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Top *self = user_data;
  GError *error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  if (reply == NULL)
    {
      fail (self, error);
      return;
    }
  g_clear_pointer (&self->status, g_variant_unref);
  self->status = g_variant_get_child_value (reply, 0);
  call (self, "GetUsage", "(aa{sv})", on_usage);
}

static void
ask (Top *self)
{
  call (self, "GetStatus", "(a{sv})", on_status);
}

static void
scroll (Top *self, int by)
{
  self->first = by < 0 && self->first < (guint)-by ? 0 : (guint)((int)self->first + by);
}

static void
press (Top *self, char key)
{
  static const char keys[] = "ncmres";
  const char *found = key != '\0' ? strchr (keys, key) : NULL;

  if (key == 'q' || key == 3)
    quit (self);
  else if (key == 26)
    hr_screen_suspend ();
  else if (found != NULL && hr_top_model_get_key (self->model) == (HrTopKey)(found - keys))
    hr_top_model_reverse (self->model);
  else if (found != NULL)
    hr_top_model_sort_by (self->model, (HrTopKey)(found - keys));
}

static gboolean
on_keys (int fd, GIOCondition condition, gpointer user_data)
{
  Top *self = user_data;
  char keys[64];
  ssize_t length = read (fd, keys, sizeof keys - 1);

  if (length <= 0)
    {
      quit (self);
      return G_SOURCE_REMOVE;
    }
  for (ssize_t i = 0; i < length; i++)
    {
      if (keys[i] == '\033' && i + 2 < length && (keys[i + 1] == '[' || keys[i + 1] == 'O'))
        {
          int page = (int)MAX (hr_screen_get_rows (), HEAD_LINES + 1) - HEAD_LINES;

          i += 2;
          scroll (self, keys[i] == 'A' ? -1 : keys[i] == 'B' ? 1 : keys[i] == '5' ? -page : keys[i] == '6' ? page : 0);
        }
      else
        press (self, keys[i]);
    }
  if (!self->over)
    draw (self);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_size (gpointer user_data)
{
  draw (user_data);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_end (gpointer user_data)
{
  quit (user_data);
  return G_SOURCE_CONTINUE;
}

static gboolean
read_options (Top *self, const HrArgs *args, GError **error)
{
  const char *delay = args->values[HR_OPTION_DELAY];
  const char *sort = args->values[HR_OPTION_SORT];
  HrTopKey key = HR_TOP_CPU;
  char *end = NULL;
  double seconds = delay != NULL ? g_ascii_strtod (delay, &end) : DELAY_DEFAULT;

  if (delay != NULL && (end == delay || *end != '\0' || !(seconds >= DELAY_MIN && seconds <= DELAY_MAX)))
    {
      hr_usage_error (error, args->verb, _ ("--delay must be a number of seconds from 0.1 to 3600, not '%s'"), delay);
      return FALSE;
    }
  if (sort != NULL && !hr_top_key_parse (sort, &key))
    {
      hr_usage_error (error, args->verb, _ ("--sort must be name, cpu, memory, restarts, release or state, not '%s'"),
                      sort);
      return FALSE;
    }
  self->delay_msec = (guint)(seconds * 1000);
  hr_top_model_sort_by (self->model, key);
  return hr_args_get_number (args, HR_OPTION_COUNT, 1, COUNT_MAX, &self->left, error);
}

/* Until somebody ends it, or the daemon does. */
static void
run (Top *self)
{
  static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
  guint sources[G_N_ELEMENTS (ends) + 2] = { 0 };
  gint64 timeout = hr_args_get_timeout (self->ctl->args);
  guint deadline = timeout >= 0 ? g_timeout_add ((guint)CLAMP (timeout / 1000, 1, G_MAXUINT), on_end, self) : 0;

  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    sources[i] = g_unix_signal_add (ends[i], on_end, self);
  if (self->live)
    {
      sources[G_N_ELEMENTS (ends)] = g_unix_signal_add (SIGWINCH, on_size, self);
      sources[G_N_ELEMENTS (ends) + 1] = g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR, on_keys, self);
    }
  ask (self);
  while (!self->over && !hr_client_is_lost (self->client))
    g_main_context_iteration (NULL, TRUE);
  hr_screen_leave ();
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    if (sources[i] != 0 && g_main_context_find_source_by_id (NULL, sources[i]) != NULL)
      g_source_remove (sources[i]);
  g_clear_handle_id (&self->timer, g_source_remove);
  g_clear_handle_id (&deadline, g_source_remove);
}

int
hr_verb_top (HrCtl *ctl, GError **error)
{
  g_autoptr (HrTopModel) model = hr_top_model_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Top self = { .ctl = ctl, .model = model, .cancellable = cancellable };

  if (!read_options (&self, ctl->args, error))
    return HR_EXIT_USAGE;
  self.client = hr_ctl_connect (ctl, error);
  if (self.client == NULL)
    return HR_EXIT_FAILED;

  self.live = !hr_args_has (ctl->args, HR_OPTION_BATCH) && !hr_output_is_json (ctl->output) && hr_screen_is_possible ()
              && hr_screen_enter ();
  run (&self);
  g_clear_pointer (&self.status, g_variant_unref);
  if (self.error == NULL && !self.over)
    g_set_error_literal (&self.error, HR_ERROR, HR_ERROR_FAILED, _ ("the daemon went away"));
  if (self.error == NULL)
    return HR_EXIT_OK;
  g_propagate_error (error, self.error);
  return HR_EXIT_FAILED;
}
