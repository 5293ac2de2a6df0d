/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-duration.h"

#include <string.h>

#include "hr-error.h"
#include "hr-words.h"

static const struct {
  const char *name;
  gint64 usec;
} units[] = {
  { "ms", 1000 },
  { "s", G_USEC_PER_SEC },
  { "min", 60 * G_USEC_PER_SEC },
  { "", G_USEC_PER_SEC },
};

static gint64
find_unit (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (units); i++)
    if (g_str_equal (units[i].name, name))
      return units[i].usec;
  return 0;
}

/* Digits with an optional fraction, in millionths; what follows the number is left at @end. A whole part far above the
 * maximum sticks there, so that nothing overflows. */
static gboolean
read_number (const char *text, gint64 *millionths, const char **end)
{
  gint64 whole = 0;
  gint64 part = 0;
  gint64 worth = 100000;

  if (!g_ascii_isdigit (*text))
    return FALSE;
  for (; g_ascii_isdigit (*text); text++)
    whole = MIN (whole * 10 + (*text - '0'), HR_DURATION_MAX);
  if (*text == '.')
    {
      text++;
      if (!g_ascii_isdigit (*text))
        return FALSE;
      for (; g_ascii_isdigit (*text); text++, worth /= 10)
        part += (*text - '0') * worth;
    }
  whole = MIN (whole, G_MAXINT64 / 1000000 - 1);
  *millionths = whole * 1000000 + part;
  *end = text;
  return TRUE;
}

/**
 * hr_duration_parse:
 * @text: digits, with a fraction if need be, and "ms", "s", "min" or nothing
 * @usec: (out): microseconds, not above %HR_DURATION_MAX
 * @error: return location
 *
 * Returns: whether @text is a duration; else %HR_ERROR_INVALID_CONFIGURATION is set
 */
gboolean
hr_duration_parse (const char *text, gint64 *usec, GError **error)
{
  g_autofree char *quoted = NULL;
  const char *end;
  gint64 millionths;
  gint64 unit;

  g_return_val_if_fail (text != NULL && usec != NULL, FALSE);

  quoted = hr_words_quote (text);
  if (!read_number (text, &millionths, &end) || (unit = find_unit (end + strspn (end, " "))) == 0)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION,
                   "%s is not a duration: write it like 500ms, 30s or 2min, a bare number is seconds", quoted);
      return FALSE;
    }
  if ((double)millionths * (double)unit > (double)HR_DURATION_MAX * 1e6)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "%s is longer than a year", quoted);
      return FALSE;
    }
  /* Within the bound above the product of both parts fits. */
  *usec = millionths / 1000000 * unit + millionths % 1000000 * unit / 1000000;
  return TRUE;
}

/**
 * hr_duration_to_string:
 * @usec: microseconds, 0 or above
 *
 * Returns: (transfer full): the duration as hr_duration_parse() reads it, rounded down to milliseconds
 */
char *
hr_duration_to_string (gint64 usec)
{
  g_return_val_if_fail (usec >= 0, NULL);

  if (usec >= 60 * G_USEC_PER_SEC && usec % (60 * G_USEC_PER_SEC) == 0)
    return g_strdup_printf ("%" G_GINT64_FORMAT "min", usec / (60 * G_USEC_PER_SEC));
  if (usec % G_USEC_PER_SEC == 0)
    return g_strdup_printf ("%" G_GINT64_FORMAT "s", usec / G_USEC_PER_SEC);
  return g_strdup_printf ("%" G_GINT64_FORMAT "ms", usec / 1000);
}
