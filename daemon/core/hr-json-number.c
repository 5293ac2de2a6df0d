/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-json-number.h"

#include <math.h>
#include <string.h>

#include "hr-error.h"
#include "hr-json.h"
#include "hr-words.h"

/* The parts of a path; NULL when one is empty or a backslash stands alone. */
static char **
split (const char *path)
{
  g_autoptr (GStrvBuilder) parts = g_strv_builder_new ();
  g_autoptr (GString) part = g_string_new (NULL);

  for (const char *at = path;; at++)
    {
      if (*at == '\\' && (at[1] == '.' || at[1] == '\\'))
        g_string_append_c (part, *++at);
      else if (*at == '\\')
        return NULL;
      else if (*at != '.' && *at != '\0')
        g_string_append_c (part, *at);
      else if (part->len == 0)
        return NULL;
      else
        {
          g_strv_builder_add (parts, part->str);
          g_string_truncate (part, 0);
        }
      if (*at == '\0')
        return g_strv_builder_end (parts);
    }
}

/**
 * hr_json_number_check_path:
 * @path: a way to a number
 * @error: return location
 *
 * Returns: whether it is one; else %HR_ERROR_INVALID_CONFIGURATION
 */
gboolean
hr_json_number_check_path (const char *path, GError **error)
{
  g_auto (GStrv) parts = NULL;
  g_autofree char *quoted = NULL;

  g_return_val_if_fail (path != NULL, FALSE);
  parts = split (path);
  if (parts != NULL)
    return TRUE;
  quoted = hr_words_quote (path);
  g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION,
               "%s is not a path in JSON: write names and indices with dots between, like requests.failed", quoted);
  return FALSE;
}

static gboolean
fail (GError **error, const char *part, const char *what)
{
  g_autofree char *quoted = hr_words_quote (part);

  g_set_error (error, HR_ERROR, HR_ERROR_FAILED, "the JSON has %s %s", what, quoted);
  return FALSE;
}

static gboolean
name_is (const HrJsonScan *scan, const char *part)
{
  g_autofree char *name = hr_json_unquote (scan->text + scan->start, scan->end - scan->start);

  return g_strcmp0 (name, part) == 0;
}

/* Goes to the member or element; the text has been checked. */
static gboolean
step (HrJsonScan *scan, const char *part, GError **error)
{
  HrJsonToken token = hr_json_scan_next (scan, NULL);
  gsize begin, end;
  guint64 index;

  if (token == HR_JSON_OBJECT)
    {
      while (hr_json_scan_next (scan, NULL) == HR_JSON_NAME)
        {
          if (name_is (scan, part))
            return TRUE;
          hr_json_scan_value (scan, &begin, &end, NULL);
        }
      return fail (error, part, "no");
    }
  if (token != HR_JSON_ARRAY)
    return fail (error, part, "nothing below what comes before");
  if (!g_ascii_string_to_unsigned (part, 10, 0, G_MAXUINT32, &index, NULL))
    return fail (error, part, "an array, which has no");
  for (guint64 i = 0; i < index; i++)
    {
      token = hr_json_scan_value (scan, &begin, &end, NULL);
      if (token == HR_JSON_ARRAY_END || token == HR_JSON_ERROR)
        return fail (error, part, "an array that is too short for");
    }
  return TRUE;
}

/**
 * hr_json_number_find:
 * @text: (array length=size): JSON
 * @size: in bytes
 * @path: that hr_json_number_check_path() accepts
 * @value: (out): the number, finite
 * @error: return location
 *
 * Returns: whether there is a number at @path; else %HR_ERROR_FAILED, or that of hr_json_check()
 */
gboolean
hr_json_number_find (const char *text, gsize size, const char *path, double *value, GError **error)
{
  g_auto (HrJsonScan) scan = { 0 };
  g_auto (GStrv) parts = NULL;
  g_autofree char *number = NULL;
  gsize begin, end;

  g_return_val_if_fail (text != NULL && path != NULL && value != NULL, FALSE);

  parts = split (path);
  g_return_val_if_fail (parts != NULL, FALSE);
  if (!hr_json_check (text, size, HR_JSON_NUMBER_DEPTH_MAX, error))
    return FALSE;
  hr_json_scan_init (&scan, text, size, HR_JSON_NUMBER_DEPTH_MAX);
  for (char **part = parts; *part != NULL; part++)
    if (!step (&scan, *part, error))
      return FALSE;
  if (hr_json_scan_value (&scan, &begin, &end, NULL) != HR_JSON_NUMBER)
    return fail (error, path, "no number at");
  number = g_strndup (text + begin, end - begin);
  *value = g_ascii_strtod (number, NULL);
  return isfinite (*value) || fail (error, path, "a number that is too large at");
}
