/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-text.h"

#include <glib/gi18n.h>
#include <inttypes.h>
#include <string.h>

#define MINUTE ((gint64)60)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/**
 * hr_text_duration:
 * @usec: length of time, not negative
 *
 * Returns: (transfer full): it in at most two units: "41 ms", "1.2 s", "3 min 4 s", "2 h 5 min", "3 d 4 h"
 */
char *
hr_text_duration (gint64 usec)
{
  gint64 s = usec / G_USEC_PER_SEC;

  if (usec < G_USEC_PER_SEC)
    return g_strdup_printf (_ ("%d ms"), (int)(usec / 1000));
  if (s < MINUTE)
    return g_strdup_printf (_ ("%.1f s"), (double)(usec / 100000) / 10);
  if (s < HOUR)
    return g_strdup_printf (_ ("%d min %d s"), (int)(s / MINUTE), (int)(s % MINUTE));
  if (s < DAY)
    return g_strdup_printf (_ ("%d h %d min"), (int)(s / HOUR), (int)(s % HOUR / MINUTE));
  return g_strdup_printf (_ ("%" PRId64 " d %d h"), s / DAY, (int)(s % DAY / HOUR));
}

/**
 * hr_text_downtime:
 * @usec: length of time
 *
 * Returns: (transfer full): the contract's form of a downtime in any language: "0.0s"
 */
char *
hr_text_downtime (gint64 usec)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd (number, sizeof number, "%.1f", (double)usec / G_USEC_PER_SEC);
  return g_strconcat (number, "s", NULL);
}

/**
 * hr_text_time:
 * @usec: moment, since 1970
 *
 * Returns: (transfer full): local time; without the date if it is today's
 */
char *
hr_text_time (gint64 usec)
{
  g_autoptr (GDateTime) moment = g_date_time_new_from_unix_local (usec / G_USEC_PER_SEC);
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();

  if (moment == NULL || now == NULL)
    return g_strdup ("?");

  if (g_date_time_get_year (moment) == g_date_time_get_year (now)
      && g_date_time_get_day_of_year (moment) == g_date_time_get_day_of_year (now))
    return g_date_time_format (moment, "%H:%M:%S");

  return g_date_time_format (moment, "%Y-%m-%d %H:%M");
}

/**
 * hr_text_iso_time:
 * @usec: moment, since 1970
 *
 * Returns: (transfer full) (nullable): the form of JSON: "2025-10-05T14:30:00Z"; %NULL for a moment out of range
 */
char *
hr_text_iso_time (gint64 usec)
{
  g_autoptr (GDateTime) moment = g_date_time_new_from_unix_utc (usec / G_USEC_PER_SEC);

  return moment != NULL ? g_date_time_format (moment, "%Y-%m-%dT%H:%M:%SZ") : NULL;
}

/**
 * hr_text_parse_iso_time:
 * @text: moment in ISO 8601
 *
 * Returns: microseconds since 1970, 0 if @text is no moment
 */
gint64
hr_text_parse_iso_time (const char *text)
{
  g_autoptr (GTimeZone) utc = g_time_zone_new_utc ();
  g_autoptr (GDateTime) moment = g_date_time_new_from_iso8601 (text, utc);

  if (moment == NULL)
    return 0;

  return g_date_time_to_unix (moment) * G_USEC_PER_SEC + g_date_time_get_microsecond (moment);
}

/**
 * hr_text_size:
 * @bytes: size
 *
 * Returns: (transfer full): it in a fitting unit: "12.3 MB"
 */
char *
hr_text_size (guint64 bytes)
{
  return g_format_size (bytes);
}

/**
 * hr_text_number:
 * @number: a number of which 0 means none
 *
 * Returns: (transfer full): it, "" for 0
 */
char *
hr_text_number (guint64 number)
{
  return number > 0 ? g_strdup_printf ("%" PRIu64, number) : g_strdup ("");
}

/* What the daemon calls states, health, fates of releases, phases and triggers of reloads, results of jobs, views of
 * files and roles of processes, which scripts rely on. */
static const char *const words[] = {
  N_ ("stopped"),   N_ ("starting"),  N_ ("running"),    N_ ("reloading"), N_ ("stopping"), N_ ("failed"),
  N_ ("invalid"),   N_ ("healthy"),   N_ ("degraded"),   N_ ("offline"),   N_ ("unknown"),  N_ ("candidate"),
  N_ ("unproven"),  N_ ("good"),      N_ ("rejected"),   N_ ("retired"),   N_ ("wait"),     N_ ("settle"),
  N_ ("record"),    N_ ("place"),     N_ ("check"),      N_ ("start"),     N_ ("preserve"), N_ ("ready"),
  N_ ("verify"),    N_ ("canary"),    N_ ("switch"),     N_ ("observe"),   N_ ("fallback"), N_ ("file"),
  N_ ("manual"),    N_ ("resume"),    N_ ("dependency"), N_ ("rollback"),  N_ ("alert"),    N_ ("waiting"),
  N_ ("completed"), N_ ("cancelled"), N_ ("source"),     N_ ("slot"),      N_ ("retiring"),
};

/**
 * hr_text_word:
 * @word: one of the daemon's words
 *
 * Returns: (transfer none): it in the language of whoever reads it; @word itself if it is not known here
 */
const char *
hr_text_word (const char *word)
{
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_str_equal (words[i], word))
      return _ (words[i]);
  return word;
}

/**
 * hr_text_cut:
 * @text: valid UTF-8
 * @width: columns, at least 1
 *
 * Returns: (transfer full): as much of it as fits, with "…" at the end when that is not all
 */
char *
hr_text_cut (const char *text, guint width)
{
  g_autoptr (GString) cut = g_string_new ("");
  guint taken = 1;

  if (hr_text_width (text) <= width)
    return g_strdup (text);
  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      taken += g_unichar_iszerowidth (c) ? 0 : g_unichar_iswide (c) ? 2 : 1;
      if (taken > width)
        break;
      g_string_append_unichar (cut, c);
    }
  return g_strconcat (cut->str, "…", NULL);
}

/* The length of a sequence that sets colours and the like at @text (SGR), 0: there is none. */
static gsize
sgr_length (const char *text)
{
  gsize n;

  if (text[0] != '\033' || text[1] != '[')
    return 0;
  n = 2 + strspn (text + 2, "0123456789;:");
  return text[n] == 'm' ? n + 1 : 0;
}

static char *
clean (const char *text, gssize length, gboolean color)
{
  g_autofree char *valid = g_utf8_make_valid (text, length);
  GString *clean = g_string_sized_new (strlen (valid));
  gboolean colored = FALSE;
  gsize step;

  for (const char *p = valid; *p != '\0'; p += step)
    {
      gunichar c = g_utf8_get_char (p);

      step = color ? sgr_length (p) : 0;
      colored = colored || step > 0;
      if (step == 0)
        step = (gsize)(g_utf8_next_char (p) - p);
      else
        c = 0;
      if (c == 0 || c == '\n' || c == '\t' || !(c < 0x20 || (c >= 0x7f && c < 0xa0)))
        g_string_append_len (clean, p, (gssize)step);
      else
        g_string_append (clean, "\xef\xbf\xbd");
    }
  if (colored)
    g_string_append (clean, "\033[0m");

  return g_string_free (clean, FALSE);
}

/**
 * hr_text_clean:
 * @text: something a program, a file or another user wrote
 *
 * Returns: (transfer full): valid UTF-8 in which nothing but line breaks and tabs can move a terminal's cursor
 */
char *
hr_text_clean (const char *text)
{
  return clean (text, -1, FALSE);
}

/**
 * hr_text_clean_line:
 * @text: a line that a program wrote, of any bytes, without its line break
 * @length: in bytes
 * @color: whether it may be in colour
 *
 * Returns: (transfer full): valid UTF-8 that changes nothing on a terminal outside its line, and nothing at all but
 *   colours there; those end with the line
 */
char *
hr_text_clean_line (const char *text, gsize length, gboolean color)
{
  /* Of a line that ends as on Windows. */
  if (length > 0 && text[length - 1] == '\r')
    length--;
  return clean (text, (gssize)length, color);
}

/* As compilers and interpreters write it: "SyntaxError: …", "error: …". */
static gboolean
names_error (const char *line)
{
  return strstr (line, "rror") != NULL;
}

/**
 * hr_text_first_line:
 * @text: any text
 *
 * Returns: (transfer full): its first line with something on it, for a table; with the next one where it only leads up
 *   to that by a colon; and where that names a place and no error, with the last one, if that does
 */
char *
hr_text_first_line (const char *text)
{
  g_autofree char *line = NULL;
  g_autofree char *next = NULL;
  g_autofree char *rest = NULL;
  const char *last;

  text += strspn (text, "\n\t ");
  line = g_strchomp (g_strndup (text, strcspn (text, "\n")));
  text += strcspn (text, "\n");
  text += strspn (text, "\n\t ");
  if (!g_str_has_suffix (line, ":") || *text == '\0')
    return g_steal_pointer (&line);
  next = g_strchomp (g_strndup (text, strcspn (text, "\n")));
  rest = g_strstrip (g_strdup (text + strcspn (text, "\n")));
  last = strrchr (rest, '\n') != NULL ? strrchr (rest, '\n') + 1 : rest;
  last += strspn (last, "\t ");
  if (names_error (next) || !names_error (last))
    return g_strconcat (line, " ", next, NULL);
  return g_strconcat (line, " ", next, " … ", last, NULL);
}

/**
 * hr_text_indent:
 * @text: lines
 * @indent: what to put before each
 *
 * Returns: (transfer full): the lines, the last without a line break
 */
char *
hr_text_indent (const char *text, const char *indent)
{
  g_autofree char *copy = g_strchomp (g_strdup (text));
  g_auto (GStrv) lines = g_strsplit (copy, "\n", -1);
  g_autofree char *separator = g_strconcat ("\n", indent, NULL);
  g_autofree char *joined = g_strjoinv (separator, lines);

  return g_strconcat (indent, joined, NULL);
}

/**
 * hr_text_width:
 * @text: valid UTF-8
 *
 * Returns: columns that it takes on a terminal
 */
guint
hr_text_width (const char *text)
{
  guint width = 0;

  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (!g_unichar_iszerowidth (c))
        width += g_unichar_iswide (c) ? 2 : 1;
    }

  return width;
}
