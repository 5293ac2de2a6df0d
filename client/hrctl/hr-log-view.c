/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-log-view.h"

#include <glib/gi18n.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hr-error.h"
#include "hr-json.h"
#include "hr-text.h"

/* So many lines of one log are printed before it is another's turn. */
#define TURN_LINES 4096

static void
source_free (gpointer data)
{
  HrLogSource *self = data;

  g_clear_pointer (&self->clock, hr_log_clock_free);
  hr_log_reader_free (self->reader);
  hr_log_file_free (self->file);
  g_free (self->prefix);
  g_free (self);
}

/**
 * hr_log_view_new:
 * @output: where to
 * @service: name
 * @link: the daemon's link to its newest log
 *
 * Returns: (transfer full): a view of all its logs, empty before hr_log_view_refresh()
 */
HrLogView *
hr_log_view_new (HrOutput *output, const char *service, const char *link)
{
  HrLogView *self = g_new0 (HrLogView, 1);

  self->output = output;
  self->service = g_strdup (service);
  self->link = g_strdup (link);
  self->sources = g_ptr_array_new_with_free_func (source_free);
  return self;
}

/**
 * hr_log_view_free:
 * @self: (transfer full): a view
 */
void
hr_log_view_free (HrLogView *self)
{
  g_clear_pointer (&self->lines, json_array_unref);
  g_ptr_array_unref (self->sources);
  g_free (self->service);
  g_free (self->link);
  g_free (self);
}

static gboolean
has_source (HrLogView *self, const char *path)
{
  for (guint i = 0; i < self->sources->len; i++)
    {
      if (g_str_equal (((HrLogSource *)g_ptr_array_index (self->sources, i))->file->path, path))
        return TRUE;
    }

  return FALSE;
}

static void
add_source (HrLogView *self, HrLogFile *file)
{
  HrLogSource *source = g_new0 (HrLogSource, 1);
  g_autofree char *prefix = g_strconcat (file->label, ": ", NULL);

  source->file = file;
  source->reader = hr_log_reader_new (file->path);
  source->prefix = hr_output_tint (self->output, HR_TINT_DIM, prefix);
  source->watch = -1;
  source->dirty = TRUE;
  g_ptr_array_add (self->sources, source);
}

static void
set_no_release (HrLogView *self, GPtrArray *files, GError **error)
{
  g_autofree char *others = hr_log_describe_releases (files);

  g_set_error (error, HR_ERROR, HR_ERROR_NO_SUCH_RELEASE,
               files->len > 0 ? _ ("there is no log of release %" PRIu64 " of '%s'; there are those of %s")
                              : _ ("there is no log of release %" PRIu64 " of '%s'%s"),
               self->release, self->service, others);
}

/**
 * hr_log_view_refresh:
 * @self: a view
 * @error: %HR_ERROR_NO_SUCH_RELEASE, naming the releases whose logs are kept, or that they cannot be read
 *
 * Takes in logs that are new.
 *
 * Returns: whether there is what was asked for
 */
gboolean
hr_log_view_refresh (HrLogView *self, GError **error)
{
  g_autoptr (GPtrArray) files = hr_log_find (self->link, self->service, error);
  gboolean found = FALSE;

  if (files == NULL)
    return FALSE;

  for (guint i = 0; i < files->len; i++)
    {
      HrLogFile *file = g_ptr_array_index (files, i);

      if (self->release != 0 && file->release != self->release)
        continue;
      found = TRUE;
      if ((self->newest && i + 1 < files->len) || has_source (self, file->path))
        continue;
      add_source (self, g_ptr_array_steal_index (files, i--));
    }
  if (!found && self->release != 0)
    set_no_release (self, files, error);
  return found || self->release == 0;
}

static JsonObject *
line_to_json (const HrLogSource *source, const HrLogLine *line, gint64 time)
{
  JsonObject *object = json_object_new ();
  g_autofree char *text = g_utf8_make_valid (line->text, (gssize)line->length);
  g_autofree char *iso = hr_text_iso_time (time);

  json_object_set_string_member (object, "time", iso);
  if (source->file->release != 0)
    json_object_set_int_member (object, "release", (gint64)source->file->release);
  else
    json_object_set_null_member (object, "release");
  json_object_set_string_member (object, "instance", source->file->instance);
  json_object_set_string_member (object, "text", text);
  return object;
}

static void
print_text (HrLogView *self, const HrLogLine *line)
{
  g_autofree char *clean = NULL;

  if (self->harmless || hr_output_is_terminal (self->output))
    {
      clean = hr_text_clean_line (line->text, line->length, !self->harmless && hr_output_is_colored (self->output));
      fputs (clean, stdout);
    }
  else
    fwrite (line->text, 1, line->length, stdout);
  putchar ('\n');
}

static void
print_line (HrLogView *self, HrLogSource *source, const HrLogLine *line, gint64 time)
{
  if (line->lost)
    {
      fflush (stdout);
      hr_output_remark (self->output, HR_TINT_MIDDLING,
                        _ ("hotreload: output of %s came quicker than it could be read, some is left out"),
                        source->file->label);
    }
  if (self->lines != NULL)
    {
      json_array_add_object_element (self->lines, line_to_json (source, line, time));
      return;
    }
  if (hr_output_is_json (self->output))
    {
      hr_output_json_line (self->output, hr_json_take_object (line_to_json (source, line, time)));
      return;
    }

  if (!self->plain)
    fputs (source->prefix, stdout);
  print_text (self, line);
}

/* Puts the reader where the lines that are asked for begin. */
static gboolean
begin (HrLogSource *source, guint64 lines, gint64 since, GError **error)
{
  guint64 first = 0;
  guint64 end;

  source->clock = hr_log_clock_new (source->file->path);
  if (since != 0)
    first = hr_log_clock_offset (source->clock, since);
  if (!hr_log_reader_open (source->reader, error))
    return FALSE;

  end = hr_log_reader_get_size (source->reader);
  if (first > 0 && first < end)
    {
      HrLogLine line;

      /* The line before, or its newline. */
      hr_log_reader_seek (source->reader, first - 1, end);
      first = hr_log_reader_next (source->reader, &line) ? line.offset + line.length + 1 : end;
    }
  first = MIN (first, end);
  if (lines == 0)
    first = end;
  else if (lines != HR_LOG_VIEW_ALL)
    first = hr_log_reader_find_tail (source->reader, first, end, lines);
  hr_log_reader_seek (source->reader, first, end);
  return TRUE;
}

static void
next_line (HrLogView *self, HrLogSource *source)
{
  source->has_line = hr_log_reader_next (source->reader, &source->line);
  if (!source->has_line && !self->follow)
    source->has_line = hr_log_reader_rest (source->reader, &source->line);
  if (source->has_line)
    source->time = hr_log_clock_time (source->clock, source->line.offset);
}

/* How many there are, from where the reader is. */
static guint64
count_lines (HrLogView *self, HrLogSource *source)
{
  guint64 n = 0;

  for (next_line (self, source); source->has_line; next_line (self, source))
    n++;
  hr_log_reader_rewind (source->reader);
  return n;
}

/* By time, and of one time by when the instance started. */
static HrLogSource *
first_source (HrLogView *self)
{
  HrLogSource *first = NULL;

  for (guint i = 0; i < self->sources->len; i++)
    {
      HrLogSource *source = g_ptr_array_index (self->sources, i);

      if (source->has_line && (first == NULL || source->time < first->time))
        first = source;
    }

  return first;
}

static void
end (HrLogSource *source)
{
  hr_log_reader_close (source->reader);
  hr_log_reader_set_end (source->reader, G_MAXUINT64);
  g_clear_pointer (&source->clock, hr_log_clock_free);
}

/**
 * hr_log_view_print_tail:
 * @self: a view
 * @lines: how many, the newest, or %HR_LOG_VIEW_ALL
 * @since: not before this moment, in microseconds since 1970; 0: whenever
 * @error: that a log cannot be read
 *
 * Prints what is there now, of all logs together, by time.
 *
 * Returns: whether all could be read
 */
gboolean
hr_log_view_print_tail (HrLogView *self, guint64 lines, gint64 since, GError **error)
{
  HrLogSource *source;
  guint64 n = 0;

  for (guint i = 0; i < self->sources->len;)
    {
      g_autoptr (GError) local = NULL;

      source = g_ptr_array_index (self->sources, i);
      if (begin (source, lines, since, &local))
        {
          n += lines != HR_LOG_VIEW_ALL ? count_lines (self, source) : 0;
          i++;
        }
      else if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
        g_ptr_array_remove_index (self->sources, i);
      else
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
    }
  for (guint i = 0; i < self->sources->len; i++)
    next_line (self, g_ptr_array_index (self->sources, i));
  while ((source = first_source (self)) != NULL)
    {
      if (lines == HR_LOG_VIEW_ALL || n <= lines)
        print_line (self, source, &source->line, source->time);
      n -= n > 0 ? 1 : 0;
      next_line (self, source);
    }
  for (guint i = 0; i < self->sources->len; i++)
    end (g_ptr_array_index (self->sources, i));
  return TRUE;
}

/**
 * hr_log_view_print_added:
 * @self: a view
 * @source: one of its logs
 *
 * Prints what was added to it, and its last line when its instance has ended.
 *
 * Returns: whether there may be more
 */
gboolean
hr_log_view_print_added (HrLogView *self, HrLogSource *source)
{
  HrLogLine line;
  guint n = 0;

  if (!hr_log_reader_open (source->reader, NULL))
    return FALSE;
  while (n < TURN_LINES && hr_log_reader_next (source->reader, &line))
    {
      print_line (self, source, &line, g_get_real_time ());
      n++;
    }
  hr_log_reader_close (source->reader);
  if (n < TURN_LINES && source->ended)
    hr_log_view_print_rest (self, source);
  return n == TURN_LINES;
}

/**
 * hr_log_view_print_rest:
 * @self: a view
 * @source: one of its logs
 *
 * Prints a line that has no end and gets none.
 */
void
hr_log_view_print_rest (HrLogView *self, HrLogSource *source)
{
  HrLogLine line;

  if (hr_log_reader_rest (source->reader, &line))
    print_line (self, source, &line, g_get_real_time ());
}
