/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-dict.h"

static GVariant *
lookup (GVariant *dict, const char *key)
{
  return g_variant_lookup_value (dict, key, NULL);
}

/**
 * hr_dict_has:
 * @dict: a dictionary
 * @key: a key
 *
 * Returns: whether @key is there
 */
gboolean
hr_dict_has (GVariant *dict, const char *key)
{
  g_autoptr (GVariant) value = lookup (dict, key);

  return value != NULL;
}

/**
 * hr_dict_string:
 * @dict: a dictionary
 * @key: a key
 *
 * Returns: (transfer none): its string, "" if it is not there; lives as long as @dict
 */
const char *
hr_dict_string (GVariant *dict, const char *key)
{
  const char *text = "";

  g_variant_lookup (dict, key, "&s", &text);
  return text;
}

/**
 * hr_dict_number:
 * @dict: a dictionary
 * @key: a key
 *
 * Returns: its number whatever its width, 0 if it is not there or negative
 */
guint64
hr_dict_number (GVariant *dict, const char *key)
{
  g_autoptr (GVariant) value = lookup (dict, key);

  if (value == NULL)
    return 0;

  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_UINT32:
      return g_variant_get_uint32 (value);
    case G_VARIANT_CLASS_UINT64:
      return g_variant_get_uint64 (value);
    case G_VARIANT_CLASS_INT32:
      return (guint64)MAX (0, g_variant_get_int32 (value));
    case G_VARIANT_CLASS_INT64:
      return (guint64)MAX (0, g_variant_get_int64 (value));
    default:
      return 0;
    }
}

/**
 * hr_dict_bool:
 * @dict: a dictionary
 * @key: a key
 *
 * Returns: its value, %FALSE if it is not there
 */
gboolean
hr_dict_bool (GVariant *dict, const char *key)
{
  gboolean value = FALSE;

  g_variant_lookup (dict, key, "b", &value);
  return value;
}

/**
 * hr_dict_strings:
 * @dict: a dictionary
 * @key: a key
 *
 * Returns: (transfer container): its strings, empty if it is not there; they live as long as @dict
 */
const char **
hr_dict_strings (GVariant *dict, const char *key)
{
  const char **strings = NULL;

  if (!g_variant_lookup (dict, key, "^a&s", &strings))
    strings = g_new0 (const char *, 1);

  return strings;
}

/**
 * hr_dict_join:
 * @dict: a dictionary
 * @key: a key
 * @separator: what to put between
 *
 * Returns: (transfer full): its strings in one
 */
char *
hr_dict_join (GVariant *dict, const char *key, const char *separator)
{
  g_autofree const char **strings = hr_dict_strings (dict, key);

  return g_strjoinv (separator, (char **)strings);
}
