/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-size.h"

#include <string.h>

#include "hr-error.h"
#include "hr-words.h"

static const struct {
  const char *name;
  guint shift;
} units[] = { { "", 0 }, { "K", 10 }, { "M", 20 }, { "G", 30 }, { "T", 40 } };

static gboolean
find_unit (const char *name, guint *shift)
{
  for (guint i = 0; i < G_N_ELEMENTS (units); i++)
    if (g_str_equal (units[i].name, name))
      {
        *shift = units[i].shift;
        return TRUE;
      }
  return FALSE;
}

/* Digits with an optional fraction; what follows the number is left at @end. */
static gboolean
read_number (const char *text, double *number, const char **end)
{
  const char *at = text + strspn (text, "0123456789");

  if (at == text)
    return FALSE;
  if (*at == '.')
    {
      gsize digits = strspn (at + 1, "0123456789");

      if (digits == 0)
        return FALSE;
      at += 1 + digits;
    }
  *number = g_ascii_strtod (text, NULL);
  *end = at;
  return TRUE;
}

/**
 * hr_size_parse:
 * @text: digits, with a fraction if need be, and "K", "M", "G", "T" or nothing
 * @bytes: (out): not above %HR_SIZE_MAX, rounded down
 * @error: return location
 *
 * Returns: whether @text is a size; else %HR_ERROR_INVALID_CONFIGURATION is set
 */
gboolean
hr_size_parse (const char *text, guint64 *bytes, GError **error)
{
  g_autofree char *quoted = NULL;
  const char *end;
  double number;
  guint shift;

  g_return_val_if_fail (text != NULL && bytes != NULL, FALSE);

  quoted = hr_words_quote (text);
  if (!read_number (text, &number, &end) || !find_unit (end + strspn (end, " "), &shift))
    {
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION,
                   "%s is not a size: write it like 512K, 16M or 1G, a bare number is bytes", quoted);
      return FALSE;
    }
  number *= (double)(G_GUINT64_CONSTANT (1) << shift);
  if (number > (double)HR_SIZE_MAX)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "%s is more than 1T", quoted);
      return FALSE;
    }
  *bytes = (guint64)number;
  return TRUE;
}

/**
 * hr_size_to_string:
 * @bytes: a size
 *
 * Returns: (transfer full): exactly that size as hr_size_parse() reads it, in the largest unit without a fraction
 */
char *
hr_size_to_string (guint64 bytes)
{
  guint unit = 0;

  while (bytes != 0 && unit + 1 < G_N_ELEMENTS (units)
         && bytes % (G_GUINT64_CONSTANT (1) << units[unit + 1].shift) == 0)
    unit++;
  return g_strdup_printf ("%" G_GUINT64_FORMAT "%s", bytes >> units[unit].shift, units[unit].name);
}
