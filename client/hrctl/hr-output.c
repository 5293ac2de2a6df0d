/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-output.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-json.h"
#include "hr-text.h"

/* Width taken for a terminal that does not tell. */
#define TERMINAL_WIDTH_DEFAULT 80

struct _HrOutput {
  gboolean json;
  gboolean terminal_out;
  gboolean color_out;
  gboolean color_err;
  gboolean terminal_err;
  gboolean progress_shown;
};

static const char *const tints[] = {
  [HR_TINT_NONE] = "",       [HR_TINT_GOOD] = "\033[32m", [HR_TINT_BAD] = "\033[31m", [HR_TINT_MIDDLING] = "\033[33m",
  [HR_TINT_DIM] = "\033[2m", [HR_TINT_BOLD] = "\033[1m",
};

static gboolean
is_terminal (int fd)
{
  return isatty (fd) == 1 && g_strcmp0 (g_getenv ("TERM"), "dumb") != 0;
}

/**
 * hr_output_new:
 * @json: whether JSON was asked for
 * @color: whether colours are wanted where there is a terminal; NO_COLOR is heeded besides
 *
 * Returns: (transfer full): the output
 */
HrOutput *
hr_output_new (gboolean json, gboolean color)
{
  HrOutput *self = g_new0 (HrOutput, 1);
  const char *no_color = g_getenv ("NO_COLOR");

  if (no_color != NULL && *no_color != '\0')
    color = FALSE;

  self->json = json;
  self->terminal_err = is_terminal (STDERR_FILENO);
  self->terminal_out = is_terminal (STDOUT_FILENO);
  self->color_out = color && !json && self->terminal_out;
  self->color_err = color && self->terminal_err;
  return self;
}

void
hr_output_free (HrOutput *self)
{
  g_free (self);
}

gboolean
hr_output_is_json (HrOutput *self)
{
  return self->json;
}

/* Whether standard output is a terminal, in colour or not. */
gboolean
hr_output_is_terminal (HrOutput *self)
{
  return self->terminal_out;
}

/* Whether standard output is in colour. */
gboolean
hr_output_is_colored (HrOutput *self)
{
  return self->color_out;
}

static guint
terminal_width (int fd)
{
  struct winsize size;

  return ioctl (fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : TERMINAL_WIDTH_DEFAULT;
}

/**
 * hr_output_get_width:
 * @self: the output
 *
 * Returns: how many columns the terminal has that standard output is, 0: it is none, lines may be of any length
 */
guint
hr_output_get_width (HrOutput *self)
{
  return self->terminal_out ? terminal_width (STDOUT_FILENO) : 0;
}

/**
 * hr_output_write:
 * @self: the output
 * @text: what to write on standard output, as it is
 */
void
hr_output_write (HrOutput *self, const char *text)
{
  hr_output_progress (self, NULL);
  fputs (text, stdout);
}

/**
 * hr_output_print:
 * @self: the output
 * @format: what to print on standard output
 */
void
hr_output_print (HrOutput *self, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list list;

  va_start (list, format);
  text = g_strdup_vprintf (format, list);
  va_end (list);
  hr_output_write (self, text);
}

static char *
tint_if (gboolean color, HrTint tint, const char *text)
{
  if (!color || tint == HR_TINT_NONE || *text == '\0')
    return g_strdup (text);

  return g_strconcat (tints[tint], text, "\033[0m", NULL);
}

/**
 * hr_output_tint:
 * @self: the output
 * @tint: how
 * @text: what
 *
 * Returns: (transfer full): @text, in colour if standard output takes it
 */
char *
hr_output_tint (HrOutput *self, HrTint tint, const char *text)
{
  return tint_if (self->color_out, tint, text);
}

/**
 * hr_output_json:
 * @self: the output
 * @document: (transfer full): the one document
 */
void
hr_output_json (HrOutput *self, JsonNode *document)
{
  g_autoptr (JsonNode) node = document;
  g_autofree char *text = hr_json_to_text (node, TRUE);

  hr_output_write (self, text);
}

/**
 * hr_output_json_line:
 * @self: the output
 * @document: (transfer full): one of many, on a line of its own and at once
 */
void
hr_output_json_line (HrOutput *self, JsonNode *document)
{
  g_autoptr (JsonNode) node = document;
  g_autofree char *text = hr_json_to_text (node, FALSE);

  hr_output_write (self, text);
  fflush (stdout);
}

/**
 * hr_output_error:
 * @self: the output
 * @message: what went wrong
 *
 * The only printer of errors for people.
 */
void
hr_output_error (HrOutput *self, const char *message)
{
  g_autofree char *clean = hr_text_clean (message);
  g_autofree char *prefix = tint_if (self->color_err, HR_TINT_BAD, "hrctl:");

  hr_output_progress (self, NULL);
  fflush (stdout);
  fprintf (stderr, "%s %s\n", prefix, g_strchomp (clean));
}

static const char *
error_name (const GError *error, char **owned)
{
  if (error->domain != G_DBUS_ERROR)
    return hr_error_name (error);

  *owned = g_dbus_error_encode_gerror (error);
  return *owned;
}

/**
 * hr_output_failure:
 * @self: the output
 * @error: why the verb has nothing else to print
 *
 * The last word of a verb: for people on standard error, or a JSON document on standard output, on one line.
 */
void
hr_output_failure (HrOutput *self, const GError *error)
{
  g_autofree char *owned = NULL;
  JsonObject *object;

  if (!self->json)
    {
      hr_output_error (self, error->message);
      return;
    }

  object = json_object_new ();
  json_object_set_string_member (object, "error", error->message);
  json_object_set_string_member (object, "name", error_name (error, &owned));
  hr_output_json_line (self, hr_json_take_object (object));
}

/**
 * hr_output_remark:
 * @self: the output
 * @tint: how
 * @format: a line for people on standard error, beside what a program prints
 */
void
hr_output_remark (HrOutput *self, HrTint tint, const char *format, ...)
{
  g_autofree char *text = NULL;
  g_autofree char *clean = NULL;
  g_autofree char *tinted = NULL;
  va_list list;

  va_start (list, format);
  text = g_strdup_vprintf (format, list);
  va_end (list);
  clean = hr_text_clean (text);
  tinted = tint_if (self->color_err, tint, g_strchomp (clean));

  hr_output_progress (self, NULL);
  fprintf (stderr, "%s\n", tinted);
}

/**
 * hr_output_shows_progress:
 * @self: the output
 *
 * Returns: whether hr_output_progress() does anything
 */
gboolean
hr_output_shows_progress (HrOutput *self)
{
  return self->terminal_err && !self->json;
}

/**
 * hr_output_progress:
 * @self: the output
 * @text: (nullable): what is going on, or %NULL to take the line away
 *
 * One line on a terminal that is written over; nothing elsewhere or with JSON.
 */
void
hr_output_progress (HrOutput *self, const char *text)
{
  g_autofree char *clean = NULL;
  char *end;
  guint width = 0;

  if (!hr_output_shows_progress (self) || (text == NULL && !self->progress_shown))
    return;

  self->progress_shown = text != NULL;
  fputs ("\r\033[K", stderr);
  if (text != NULL)
    {
      guint room = terminal_width (STDERR_FILENO) - 1;

      clean = hr_text_clean (text);
      for (end = clean; *end != '\0'; end = g_utf8_next_char (end))
        {
          width += g_unichar_iswide (g_utf8_get_char (end)) ? 2 : 1;
          if (width > room)
            break;
        }
      *end = '\0';
      fputs (clean, stderr);
    }
  fflush (stderr);
}

/**
 * hr_output_flush:
 * @self: the output
 * @error: that something could not be written
 *
 * Returns: whether all of standard output was written
 */
gboolean
hr_output_flush (HrOutput *self, GError **error)
{
  hr_output_progress (self, NULL);
  if (fflush (stdout) == 0 && ferror (stdout) == 0)
    return TRUE;

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), _ ("cannot write the output: %s"), g_strerror (errno));
  return FALSE;
}

/**
 * hr_tint_for_state:
 * @state: the contract's word
 *
 * Returns: its colour
 */
HrTint
hr_tint_for_state (const char *state)
{
  if (g_str_equal (state, "running"))
    return HR_TINT_GOOD;
  if (g_str_equal (state, "failed") || g_str_equal (state, "invalid"))
    return HR_TINT_BAD;
  if (g_str_equal (state, "stopped"))
    return HR_TINT_DIM;

  return HR_TINT_MIDDLING;
}

/**
 * hr_tint_for_health:
 * @health: the contract's word
 *
 * Returns: its colour
 */
HrTint
hr_tint_for_health (const char *health)
{
  if (g_str_equal (health, "healthy"))
    return HR_TINT_GOOD;
  if (g_str_equal (health, "offline"))
    return HR_TINT_BAD;
  if (g_str_equal (health, "unknown"))
    return HR_TINT_DIM;

  return HR_TINT_MIDDLING;
}
