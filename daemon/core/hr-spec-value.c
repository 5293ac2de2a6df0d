/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-spec-value.h"

#include <signal.h>
#include <string.h>

#include "hr-error.h"
#include "hr-spec-file.h"
#include "hr-nearest.h"
#include "hr-words.h"

/* Signal names from 1 to this have a fixed meaning; real-time signals follow. */
#define SIGNAL_MAX 31

/* Sets an error that begins with the quoted @text. */
G_GNUC_PRINTF (3, 4)
static gboolean
refuse (GError **error, const char *text, const char *format, ...)
{
  g_autofree char *quoted = hr_words_quote (text);
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "%s %s", quoted, message);
  return FALSE;
}

/**
 * hr_spec_value_word:
 * @text: raw value
 * @words: the ones to choose from
 * @value: (out): what the word means
 * @error: return location
 *
 * Returns: whether @text is one of @words that means something
 */
gboolean
hr_spec_value_word (const char *text, const HrSpecWord *words, int *value, GError **error)
{
  g_autoptr (GString) choice = g_string_new (NULL);

  g_return_val_if_fail (text != NULL && words != NULL && value != NULL, FALSE);

  for (const HrSpecWord *word = words; word->word != NULL; word++)
    {
      if (!g_str_equal (word->word, text))
        {
          if (word->value != HR_SPEC_WORD_LATER)
            g_string_append_printf (choice, "%s%s", choice->len > 0 ? ", " : "", word->word);
          continue;
        }
      if (word->value == HR_SPEC_WORD_LATER)
        return refuse (error, text, "is not supported yet");
      *value = word->value;
      return TRUE;
    }
  return refuse (error, text, "is not one of: %s", choice->str);
}

/**
 * hr_spec_value_boolean:
 * @text: raw value
 * @value: (out): what it says
 * @error: return location
 *
 * Returns: whether @text says yes or no
 */
gboolean
hr_spec_value_boolean (const char *text, gboolean *value, GError **error)
{
  static const HrSpecWord words[] = {
    { "yes", TRUE },  { "no", FALSE }, { "true", TRUE }, { "false", FALSE }, { "on", TRUE },
    { "off", FALSE }, { "1", TRUE },   { "0", FALSE },   { NULL },
  };

  g_return_val_if_fail (text != NULL && value != NULL, FALSE);

  return hr_spec_value_word (text, words, value, NULL) || refuse (error, text, "is neither yes nor no");
}

/**
 * hr_spec_value_number:
 * @text: raw value
 * @least: smallest that is allowed
 * @most: largest that is allowed
 * @value: (out): the number
 * @error: return location
 *
 * Returns: whether @text is a whole number within the bounds
 */
gboolean
hr_spec_value_number (const char *text, guint least, guint most, guint *value, GError **error)
{
  guint64 number;

  g_return_val_if_fail (text != NULL && value != NULL, FALSE);

  if (!g_ascii_string_to_unsigned (text, 10, least, most, &number, NULL))
    return refuse (error, text, "is not a number from %u to %u", least, most);
  *value = (guint)number;
  return TRUE;
}

/**
 * hr_spec_value_percent:
 * @text: raw value, like 5% or 0.5%
 * @value: (out): from 0 to 100
 * @error: return location
 *
 * Returns: whether @text is a share in percent
 */
gboolean
hr_spec_value_percent (const char *text, double *value, GError **error)
{
  double number;
  char *end;

  g_return_val_if_fail (text != NULL && value != NULL, FALSE);

  /* Digits first: neither a sign nor a word that strtod() knows. */
  number = g_ascii_isdigit (*text) ? g_ascii_strtod (text, &end) : -1;
  if (number < 0 || number > 100 || strspn (text, G_CSET_DIGITS ".") != (gsize)(end - text)
      || !g_str_equal (end + strspn (end, " "), "%"))
    return refuse (error, text, "is not a share from 0%% to 100%%: write it like 5%% or 0.5%%");
  *value = number;
  return TRUE;
}

/**
 * hr_spec_value_signal:
 * @text: name of a signal, with or without SIG in front
 * @value: (out): its number
 * @error: return location
 *
 * Returns: whether there is such a signal
 */
gboolean
hr_spec_value_signal (const char *text, int *value, GError **error)
{
  const char *name;
  const char *names[SIGNAL_MAX + 1] = { NULL };
  const char *nearest;
  guint n = 0;

  g_return_val_if_fail (text != NULL && value != NULL, FALSE);

  name = g_str_has_prefix (text, "SIG") ? text + strlen ("SIG") : text;
  for (int i = 1; i <= SIGNAL_MAX; i++)
    {
      const char *known = sigabbrev_np (i);

      if (known == NULL)
        continue;
      if (g_str_equal (known, name))
        {
          *value = i;
          return TRUE;
        }
      names[n++] = known;
    }
  nearest = hr_nearest_find (name, names);
  return refuse (error, text, "is not the name of a signal: write it like SIG%s", nearest != NULL ? nearest : "TERM");
}

/**
 * hr_spec_value_version:
 * @text: raw value
 * @error: return location
 *
 * Returns: whether @text is a semantic version
 */
gboolean
hr_spec_value_version (const char *text, GError **error)
{
  static const char pattern[] = "^(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)"
                                "(-(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
                                "(\\.(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?"
                                "(\\+[0-9A-Za-z-]+(\\.[0-9A-Za-z-]+)*)?$";

  g_return_val_if_fail (text != NULL, FALSE);

  return (strlen (text) <= 256 && g_regex_match_simple (pattern, text, G_REGEX_DOLLAR_ENDONLY, 0))
         || refuse (error, text, "is not a semantic version: write it like 1.4.0 or 2.0.0-beta.1");
}

/**
 * hr_spec_value_assignment:
 * @text: KEY=VALUE
 * @error: return location
 *
 * Returns: whether @text sets an environment variable
 */
gboolean
hr_spec_value_assignment (const char *text, GError **error)
{
  gsize length;

  g_return_val_if_fail (text != NULL, FALSE);

  length = strcspn (text, "=");
  if (text[length] == '\0')
    return refuse (error, text,
                   "has no '=': write KEY=VALUE; a value with ';' in it stands in a group [" HR_SPEC_GROUP_ENVIRONMENT
                   "]");
  if (length == 0 || g_ascii_isdigit (*text) || strspn (text, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_") < length)
    return refuse (error, text, "does not begin with the name of a variable: letters, digits and '_', no digit first");
  return TRUE;
}

static gboolean
add_item (GPtrArray *items, GString *item, const char *text, GError **error)
{
  g_autofree char *stripped = g_strstrip (g_strdup (item->str));

  g_string_truncate (item, 0);
  if (*stripped == '\0')
    return TRUE;
  if (items->len >= HR_SPEC_LIST_MAX)
    return refuse (error, text, "has more than %d items", HR_SPEC_LIST_MAX);
  g_ptr_array_add (items, g_steal_pointer (&stripped));
  return TRUE;
}

/**
 * hr_spec_value_list:
 * @text: items with ';' between them, "\;" for one within an item
 * @error: return location
 *
 * White space around an item and empty items do not count.
 *
 * Returns: (transfer full) (array zero-terminated=1): the items, or %NULL above %HR_SPEC_LIST_MAX
 */
char **
hr_spec_value_list (const char *text, GError **error)
{
  g_autoptr (GPtrArray) items = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GString) item = g_string_new (NULL);

  g_return_val_if_fail (text != NULL, NULL);

  for (const char *at = text; *at != '\0'; at++)
    {
      if (at[0] == '\\' && at[1] == ';')
        g_string_append_c (item, *++at);
      else if (*at != ';')
        g_string_append_c (item, *at);
      else if (!add_item (items, item, text, error))
        return NULL;
    }
  if (!add_item (items, item, text, error))
    return NULL;
  g_ptr_array_add (items, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&items), FALSE);
}

/**
 * hr_spec_value_path:
 * @text: a path, not empty
 * @directory: what a relative one starts from, absolute
 * @error: return location
 *
 * Returns: (transfer full): an absolute path without "." and "..", or %NULL for one that only a shell understands
 */
char *
hr_spec_value_path (const char *text, const char *directory, GError **error)
{
  g_return_val_if_fail (text != NULL && directory != NULL, NULL);

  if (*text == '~')
    {
      refuse (error, text, "begins with '~', which is not replaced: write the whole path, or './~' for that name");
      return NULL;
    }
  return g_canonicalize_filename (text, directory);
}

/**
 * hr_spec_value_paths:
 * @text: a list of paths, each with a '-' before it where it may be missing
 * @file: absolute path of the file in which it stands; relative paths start from its directory
 * @error: return location
 *
 * Returns: (transfer full) (array zero-terminated=1): the same with absolute paths; %NULL as hr_spec_value_list() and
 *   hr_spec_value_path() have it, and for a '-' with nothing after it
 */
char **
hr_spec_value_paths (const char *text, const char *file, GError **error)
{
  g_autofree char *directory = g_path_get_dirname (file);
  g_auto (GStrv) items = hr_spec_value_list (text, error);

  if (items == NULL)
    return NULL;
  for (guint i = 0; items[i] != NULL; i++)
    {
      const char *optional = items[i][0] == '-' ? "-" : "";
      g_autofree char *path = NULL;

      if (items[i][strlen (optional)] == '\0')
        {
          g_set_error_literal (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "the path after '-' is missing");
          return NULL;
        }
      path = hr_spec_value_path (items[i] + strlen (optional), directory, error);
      if (path == NULL)
        return NULL;
      g_free (items[i]);
      items[i] = g_strconcat (optional, path, NULL);
    }
  return g_steal_pointer (&items);
}

/**
 * hr_spec_value_inside:
 * @text: a path below the source
 * @error: return location
 *
 * Returns: (transfer full): the path relative to the source, without "." and ".." in it, "." for the source itself, or
 *   %NULL for a path that leaves it
 */
char *
hr_spec_value_inside (const char *text, GError **error)
{
  g_auto (GStrv) parts = NULL;
  g_autoptr (GPtrArray) kept = g_ptr_array_new ();

  g_return_val_if_fail (text != NULL, NULL);

  if (g_path_is_absolute (text))
    {
      refuse (error, text, "is an absolute path: write it relative to Source");
      return NULL;
    }
  parts = g_strsplit (text, "/", -1);
  for (guint i = 0; parts[i] != NULL; i++)
    {
      if (*parts[i] == '\0' || g_str_equal (parts[i], "."))
        continue;
      if (!g_str_equal (parts[i], ".."))
        g_ptr_array_add (kept, parts[i]);
      else if (kept->len > 0)
        g_ptr_array_set_size (kept, (gint)kept->len - 1);
      else
        {
          refuse (error, text, "leaves Source: only paths below it can stand here");
          return NULL;
        }
    }
  if (kept->len == 0)
    return g_strdup (".");
  g_ptr_array_add (kept, NULL);
  return g_strjoinv ("/", (char **)kept->pdata);
}
