/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-log.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static gboolean show_debug;

/* The field SERVICE is there for queries; people read the message. */
static GLogWriterOutput
write_journal (GLogLevelFlags level, const GLogField *fields, gsize n_fields, const char *line)
{
  g_autofree GLogField *copy = g_memdup2 (fields, n_fields * sizeof *fields);

  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (copy[i].key, "MESSAGE"))
      {
        copy[i].value = line;
        copy[i].length = -1;
      }
  return g_log_writer_journald (level, copy, n_fields, NULL);
}

static GLogWriterOutput
write_line (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  const char *message = "", *service = NULL;
  g_autofree char *text = NULL, *line = NULL;

  if ((level & G_LOG_LEVEL_DEBUG) != 0 && !show_debug)
    return G_LOG_WRITER_HANDLED;

  for (gsize i = 0; i < n_fields; i++)
    {
      if (g_str_equal (fields[i].key, "MESSAGE"))
        message = fields[i].value;
      else if (g_str_equal (fields[i].key, "SERVICE"))
        service = fields[i].value;
    }
  text = service != NULL ? g_strdup_printf ("%s: %s", service, message) : g_strdup (message);
  if (g_log_writer_is_journald (STDERR_FILENO))
    return write_journal (level, fields, n_fields, text);
  line = g_strdup_printf ("hotreloadd: %s%s\n",
                          (level & (G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR)) ? "warning: " : "",
                          text);
  /* Nobody is there to be told when standard error is gone. */
  if (write (STDERR_FILENO, line, strlen (line)) < 0)
    return G_LOG_WRITER_UNHANDLED;
  return G_LOG_WRITER_HANDLED;
}

/**
 * hr_log_set_verbose:
 * @verbose: whether debug messages are written too
 *
 * Makes hr_log() and GLib's own messages go to the journal or standard error. Called once, by a program, before its
 * first thread.
 */
void
hr_log_set_verbose (gboolean verbose)
{
  show_debug = verbose;
  g_log_set_writer_func (write_line, NULL, NULL);
}

/**
 * hr_log:
 * @level: how grave it is
 * @service: (nullable): the service it is about, field SERVICE
 * @format: the message, without a final newline
 */
void
hr_log (GLogLevelFlags level, const char *service, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;
  GLogField fields[3] = { { "MESSAGE", NULL, -1 },
                          { "SYSLOG_IDENTIFIER", "hotreloadd", -1 },
                          { "SERVICE", service, -1 } };

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  fields[0].value = message;
  g_log_structured_array (level, fields, service != NULL ? 3 : 2);
}
