/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-environment.h"

#include <string.h>

#include "hr-error.h"

/* What a service gets of the daemon's environment; besides these, what begins with "XDG_". */
static const char *const passed_on[] = { "PATH", "HOME", "USER", "LANG", "SHELL" };

typedef struct {
  const char *file;
  const char *next;
  const char *end;
  guint line;
} Reader;

static gboolean
is_newline (char c)
{
  return c == '\n' || c == '\r';
}

static gboolean
is_blank (char c)
{
  return c == ' ' || c == '\t' || is_newline (c);
}

static char
take (Reader *reader)
{
  char c = *reader->next++;

  if (c == '\n')
    reader->line++;
  return c;
}

static gboolean
fail (const Reader *reader, guint line, GError **error, const char *what)
{
  g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "environment file '%s', line %u: %s", reader->file,
               line, what);
  return FALSE;
}

static gboolean
name_is_valid (const char *name)
{
  if (!g_ascii_isalpha (*name) && *name != '_')
    return FALSE;
  while (g_ascii_isalnum (*name) || *name == '_')
    name++;
  return *name == '\0';
}

/* Up to the closing quote; backslashes mean something between double quotes only. */
static gboolean
read_quoted (Reader *reader, char quote, GString *value, GError **error)
{
  guint begun = reader->line;

  while (reader->next < reader->end)
    {
      char c = take (reader);

      if (c == quote)
        return TRUE;
      if (c == '\\' && quote == '"' && reader->next < reader->end)
        {
          c = take (reader);
          if (strchr ("\"\\`$", c) == NULL && c != '\n')
            g_string_append_c (value, '\\');
          if (c == '\n')
            continue;
        }
      g_string_append_c (value, c);
    }
  return fail (reader, begun, error, quote == '"' ? "the closing \" is missing" : "the closing ' is missing");
}

/* What stands unquoted, up to the end of the line; blanks at its end do not count, escaped ones do. */
static void
read_plain (Reader *reader, GString *value)
{
  gsize kept = value->len;

  while (reader->next < reader->end && !is_newline (*reader->next))
    {
      char c = take (reader);

      if (c == '\\' && reader->next < reader->end)
        {
          c = take (reader);
          if (c == '\n')
            continue;
          g_string_append_c (value, c);
          kept = value->len;
          continue;
        }
      g_string_append_c (value, c);
      if (!is_blank (c))
        kept = value->len;
    }
  g_string_truncate (value, kept);
}

static gboolean
read_value (Reader *reader, GString *value, GError **error)
{
  while (reader->next < reader->end && !is_newline (*reader->next))
    {
      if (*reader->next == '"' || *reader->next == '\'')
        {
          if (!read_quoted (reader, take (reader), value, error))
            return FALSE;
        }
      else if (is_blank (*reader->next))
        take (reader);
      else
        read_plain (reader, value);
    }
  return TRUE;
}

static gboolean
read_assignment (Reader *reader, GPtrArray *list, GError **error)
{
  const char *begin = reader->next;
  guint line = reader->line;
  g_autofree char *name = NULL;
  g_autofree char *problem = NULL;
  g_autoptr (GString) value = g_string_new (NULL);

  while (reader->next < reader->end && *reader->next != '=' && !is_newline (*reader->next))
    take (reader);
  name = g_strchomp (g_strndup (begin, (gsize)(reader->next - begin)));
  if (reader->next == reader->end || *reader->next != '=')
    return fail (reader, line, error, "expected KEY=VALUE, there is no '='");
  if (!name_is_valid (name))
    {
      g_autofree char *shown = g_utf8_make_valid (name, -1);

      problem = g_strdup_printf ("'%s' is no name for a variable: letters, digits and '_', no digit first", shown);
      return fail (reader, line, error, problem);
    }
  take (reader);
  if (!read_value (reader, value, error))
    return FALSE;
  g_ptr_array_add (list, g_strconcat (name, "=", value->str, NULL));
  return TRUE;
}

/**
 * hr_environment_parse:
 * @file: path, for messages
 * @text: (array length=size): content of an environment file
 * @size: in bytes
 * @error: return location
 *
 * By the rules of systemd's EnvironmentFile=: one KEY=VALUE a line; lines that are empty or begin with '#' or ';' do
 * not count; quotes as in a shell, also over several lines; a backslash before the line's end continues it. Unlike
 * there, a line that is none of these is an error.
 *
 * Returns: (transfer full): KEY=VALUE in the file's order; %NULL with %HR_ERROR_INVALID_CONFIGURATION that names file
 *   and line
 */
char **
hr_environment_parse (const char *file, const char *text, gsize size, GError **error)
{
  Reader reader = { .file = file, .next = text, .end = text + size, .line = 1 };
  g_autoptr (GPtrArray) list = g_ptr_array_new_with_free_func (g_free);

  g_return_val_if_fail (file != NULL, NULL);
  g_return_val_if_fail (text != NULL || size == 0, NULL);

  if (size > 0 && memchr (text, '\0', size) != NULL)
    {
      fail (&reader, 1, error, "it holds a byte 0 and is no text");
      return NULL;
    }
  while (reader.next < reader.end)
    {
      if (is_blank (*reader.next))
        take (&reader);
      else if (*reader.next == '#' || *reader.next == ';')
        while (reader.next < reader.end && *reader.next != '\n')
          take (&reader);
      else if (!read_assignment (&reader, list, error))
        return NULL;
    }
  g_ptr_array_add (list, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&list), FALSE);
}

static void
merge_into (GPtrArray *list, GHashTable *places, const char *const *more)
{
  for (; more != NULL && *more != NULL; more++)
    {
      g_autofree char *name = g_strndup (*more, strcspn (*more, "="));
      gpointer place;

      if (g_hash_table_lookup_extended (places, name, NULL, &place))
        {
          g_free (list->pdata[GPOINTER_TO_UINT (place)]);
          list->pdata[GPOINTER_TO_UINT (place)] = g_strdup (*more);
          continue;
        }
      g_hash_table_insert (places, g_steal_pointer (&name), GUINT_TO_POINTER (list->len));
      g_ptr_array_add (list, g_strdup (*more));
    }
}

/**
 * hr_environment_merge:
 * @first: (nullable): KEY=VALUE
 * @second: (nullable): KEY=VALUE; wins over @first, as a later one of the same list does over an earlier
 *
 * Returns: (transfer full): both, each name once, where it stood first
 */
char **
hr_environment_merge (const char *const *first, const char *const *second)
{
  g_autoptr (GPtrArray) list = g_ptr_array_new ();
  g_autoptr (GHashTable) places = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  merge_into (list, places, first);
  merge_into (list, places, second);
  g_ptr_array_add (list, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&list), FALSE);
}

static gboolean
is_passed_on (const char *assignment)
{
  gsize length = strcspn (assignment, "=");

  if (assignment[length] != '=')
    return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (passed_on); i++)
    if (strlen (passed_on[i]) == length && strncmp (passed_on[i], assignment, length) == 0)
      return TRUE;
  return g_str_has_prefix (assignment, "XDG_");
}

/**
 * hr_environment_base:
 * @daemon_environ: (nullable): the environment of the daemon, or of who runs a transient service
 *
 * Returns: (transfer full): of it PATH, HOME, USER, LANG, SHELL and the XDG variables, and nothing else
 */
char **
hr_environment_base (const char *const *daemon_environ)
{
  g_autoptr (GPtrArray) list = g_ptr_array_new ();

  for (const char *const *entry = daemon_environ; entry != NULL && *entry != NULL; entry++)
    if (is_passed_on (*entry))
      g_ptr_array_add (list, (char *)*entry);
  g_ptr_array_add (list, NULL);
  return hr_environment_merge ((const char *const *)list->pdata, NULL);
}
