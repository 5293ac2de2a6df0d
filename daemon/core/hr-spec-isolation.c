/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-spec-isolation.h"

#include <string.h>

#include "hr-error.h"
#include "hr-words.h"

#define UMASK_DIGITS_MAX 4

gboolean
hr_spec_set_limit (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  HrLimit *limit = &spec->isolation.limits[key->least];

  if (*value != '\0')
    return hr_limit_parse ((HrLimitKind)key->least, value, limit, error);
  *limit = (HrLimit){ 0 };
  return TRUE;
}

gboolean
hr_spec_set_resource (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  return hr_resource_parse ((HrResourceKind)key->least, value, &spec->isolation.resources[key->least], error);
}

gboolean
hr_spec_set_nice (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  const char *digits = *value == '+' ? value + 1 : value;
  gint64 nice = 0;

  if (*value != '\0' && !g_ascii_string_to_signed (digits, 10, -20, 19, &nice, NULL))
    {
      g_autofree char *quoted = hr_words_quote (value);

      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "%s is not a number from -20 (first) to 19 (last)",
                   quoted);
      return FALSE;
    }
  spec->isolation.has_nice = *value != '\0';
  spec->isolation.nice = (int)nice;
  return TRUE;
}

gboolean
hr_spec_set_umask (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  gsize length = strlen (value);

  if (strspn (value, "01234567") != length || length > UMASK_DIGITS_MAX
      || (length == UMASK_DIGITS_MAX && *value != '0'))
    {
      g_autofree char *quoted = hr_words_quote (value);

      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION,
                   "%s is not a mask of three octal digits, for example 022", quoted);
      return FALSE;
    }
  spec->isolation.has_umask = length > 0;
  spec->isolation.umask = length > 0 ? (guint)g_ascii_strtoull (value, NULL, 8) : 0;
  return TRUE;
}

/* As useradd(8) has them, with upper case and dots, which databases on the network have; or a number. */
static gboolean
check_account (const char *text, GError **error)
{
  g_autofree char *quoted = NULL;

  if (*text != '\0' && *text != '-' && *text != '.'
      && text[strspn (text, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_.-")] == '\0')
    return TRUE;
  quoted = hr_words_quote (text);
  g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION,
               "%s is neither the name nor the number of a user or group", quoted);
  return FALSE;
}

gboolean
hr_spec_set_account (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  return (*value == '\0' || check_account (value, error)) && hr_spec_set_string (spec, key, value, error);
}

gboolean
hr_spec_set_groups (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  g_auto (GStrv) items = hr_spec_value_list (value, error);

  if (items == NULL)
    return FALSE;
  for (guint i = 0; items[i] != NULL; i++)
    if (!check_account (items[i], error))
      return FALSE;
  g_strfreev (spec->isolation.groups);
  spec->isolation.groups = g_steal_pointer (&items);
  return TRUE;
}

gboolean
hr_spec_set_read_write_paths (HrServiceSpec *spec, const HrSpecKey *key, const char *value, GError **error)
{
  char **paths = hr_spec_value_paths (value, spec->file, error);

  if (paths == NULL)
    return FALSE;
  g_strfreev (spec->isolation.read_write_paths);
  spec->isolation.read_write_paths = paths;
  return TRUE;
}

static gboolean
is_in_tmp (const char *path)
{
  return g_str_has_prefix (path, "/tmp/") || g_str_has_prefix (path, "/var/tmp/");
}

/* With a /tmp of its own, the program would bind where nobody connects. One that is passed is bound already. */
static gboolean
check_private_tmp (const HrServiceSpec *spec, const HrSpecTable *table, GError **error)
{
  if (!spec->isolation.private_tmp || spec->sockets == HR_SOCKETS_PASS)
    return TRUE;
  for (guint i = 0; i < spec->listen->len; i++)
    {
      const HrListenSpec *listen = g_ptr_array_index (spec->listen, i);

      if (listen->path != NULL && is_in_tmp (listen->path))
        return hr_spec_entry_fail (hr_spec_table_get (table, "Service", "PrivateTmp"), error,
                                   "it hides '%s' of Listen from the program, which could bind it only for itself: "
                                   "write another path, or Sockets=pass",
                                   listen->path);
    }
  return TRUE;
}

/**
 * hr_spec_check_isolation:
 * @spec: with each key set
 * @table: the keys in force, for their places
 * @error: return location
 *
 * Returns: whether the rights of the program fit together and the rest; else %HR_ERROR_INVALID_CONFIGURATION is set
 */
gboolean
hr_spec_check_isolation (const HrServiceSpec *spec, const HrSpecTable *table, GError **error)
{
  g_return_val_if_fail (spec != NULL && table != NULL, FALSE);

  if (spec->isolation.read_write_paths[0] != NULL && spec->isolation.protect_system == HR_PROTECT_NO)
    return hr_spec_entry_fail (hr_spec_table_get (table, "Service", "ReadWritePaths"), error,
                               "it says what can be written in spite of ProtectSystem, and there is none in group "
                               "'Service'");
  return check_private_tmp (spec, table, error);
}
