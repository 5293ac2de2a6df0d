/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-since.h"

#include <stdio.h>
#include <string.h>

static const struct {
  const char *name;
  double seconds;
} units[] = {
  { "ms", 0.001 },    { "s", 1 },           { "sec", 1 },          { "m", 60 },
  { "min", 60 },      { "h", 3600 },        { "hour", 3600 },      { "hours", 3600 },
  { "d", 24 * 3600 }, { "day", 24 * 3600 }, { "days", 24 * 3600 }, { "w", 7 * 24 * 3600 },
};

static double
find_unit (const char *name, gsize length)
{
  for (guint i = 0; i < G_N_ELEMENTS (units); i++)
    {
      if (strlen (units[i].name) == length && strncmp (units[i].name, name, length) == 0)
        return units[i].seconds;
    }

  return 0;
}

/* "10min", "1h 30min", with a "-" before or "ago" after; seconds. */
static gboolean
parse_relative (const char *text, double *seconds)
{
  double sum = 0;
  const char *at = *text == '-' ? text + 1 : text;

  do
    {
      char *end;
      double number = g_ascii_strtod (at, &end);
      gsize length;
      double unit;

      if (!g_ascii_isdigit (*at))
        return FALSE;
      end += strspn (end, " ");
      length = strspn (end, "abcdefghijklmnopqrstuvwxyz");
      unit = find_unit (end, length);
      if (unit == 0)
        return FALSE;
      sum += number * unit;
      at = end + length;
      at += strspn (at, " ");
  } while (*at != '\0' && strcmp (at, "ago") != 0);

  *seconds = sum;
  return sum < 1e10;
}

static GDateTime *
midnight (GDateTime *day)
{
  return g_date_time_new (g_date_time_get_timezone (day), g_date_time_get_year (day), g_date_time_get_month (day),
                          g_date_time_get_day_of_month (day), 0, 0, 0);
}

/* "14:30" and "14:30:15" of today, "yesterday", "2026-01-31" with or without a time. */
static GDateTime *
parse_date (const char *text, GDateTime *now)
{
  g_autoptr (GDateTime) day = NULL;
  g_autofree char *iso = NULL;
  int hour, minute, second = 0, length = 0;

  if (strcmp (text, "today") == 0)
    return midnight (now);
  if (strcmp (text, "yesterday") == 0)
    {
      day = g_date_time_add_days (now, -1);
      return midnight (day);
    }
  if ((sscanf (text, "%2d:%2d%n:%2d%n", &hour, &minute, &length, &second, &length) >= 2)
      && (gsize)length == strlen (text) && g_ascii_isdigit (*text))
    return g_date_time_new (g_date_time_get_timezone (now), g_date_time_get_year (now), g_date_time_get_month (now),
                            g_date_time_get_day_of_month (now), hour, minute, second);

  iso = g_strdup (text);
  if (strlen (iso) > 10 && iso[10] == ' ')
    iso[10] = 'T';
  if (strlen (iso) == 10 || strlen (iso) == 16)
    {
      char *full = g_strconcat (iso, strlen (iso) == 10 ? "T00:00:00" : ":00", NULL);

      g_free (iso);
      iso = full;
    }
  return g_date_time_new_from_iso8601 (iso, g_date_time_get_timezone (now));
}

/**
 * hr_since_parse:
 * @text: what a person wrote
 * @now: the moment, in the person's time zone
 * @usec: (out): microseconds since 1970
 *
 * Returns: whether @text is a moment
 */
gboolean
hr_since_parse (const char *text, GDateTime *now, gint64 *usec)
{
  g_autoptr (GDateTime) date = NULL;
  gint64 now_usec = g_date_time_to_unix (now) * G_USEC_PER_SEC + g_date_time_get_microsecond (now);
  guint64 unix_time;
  double seconds;

  if (strcmp (text, "now") == 0)
    {
      *usec = now_usec;
      return TRUE;
    }
  if (*text == '@' && g_ascii_string_to_unsigned (text + 1, 10, 0, G_MAXINT64 / G_USEC_PER_SEC, &unix_time, NULL))
    {
      *usec = (gint64)unix_time * G_USEC_PER_SEC;
      return TRUE;
    }
  if (parse_relative (text, &seconds))
    {
      *usec = now_usec - (gint64)(seconds * G_USEC_PER_SEC);
      return TRUE;
    }

  date = parse_date (text, now);
  if (date == NULL)
    return FALSE;
  *usec = g_date_time_to_unix (date) * G_USEC_PER_SEC + g_date_time_get_microsecond (date);
  return TRUE;
}
