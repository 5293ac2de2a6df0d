/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-command-line.h"

#include <string.h>

#include "hr-error.h"
#include "hr-words.h"

#define SPECIFIERS "%%p, %%s, %%r, %%n, or %%%% for a percent sign"

static const struct {
  char letter;
  HrSpecifiers flag;
} specifiers[] = {
  { 'p', HR_SPECIFIER_PORT },
  { 's', HR_SPECIFIER_DIRECTORY },
  { 'r', HR_SPECIFIER_RELEASE },
  { 'n', HR_SPECIFIER_NAME },
  { '%', 0 },
};

/**
 * hr_command_line_split:
 * @text: UTF-8
 * @error: return location
 *
 * Returns: (transfer full) (array zero-terminated=1): at least one word, the first not empty, or %NULL with
 *   %HR_ERROR_INVALID_CONFIGURATION set
 */
char **
hr_command_line_split (const char *text, GError **error)
{
  g_auto (GStrv) argv = NULL;
  g_autoptr (GError) local = NULL;
  g_autofree char *quoted = NULL;

  g_return_val_if_fail (text != NULL, NULL);

  quoted = hr_words_quote (text);
  if (strlen (text) > HR_COMMAND_LINE_MAX)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "%s is longer than %d bytes", quoted,
                   HR_COMMAND_LINE_MAX);
      return NULL;
    }
  if (!g_shell_parse_argv (text, NULL, &argv, &local)
      && !g_error_matches (local, G_SHELL_ERROR, G_SHELL_ERROR_EMPTY_STRING))
    {
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION,
                   "%s ends within quotes or after a backslash: close the quotes as in a shell", quoted);
      return NULL;
    }
  if (argv == NULL || *argv[0] == '\0')
    {
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "%s names no program", quoted);
      return NULL;
    }
  return g_steal_pointer (&argv);
}

/* Splits @word into text, which is copied, and specifiers, which go to @replace; a failure of that ends it. */
typedef gboolean (*ReplaceFunc) (HrSpecifiers flag, GString *result, gpointer user_data, GError **error);

static gboolean
replace_in_word (const char *word, GString *result, ReplaceFunc replace, gpointer user_data, GError **error)
{
  for (; *word != '\0'; word++)
    {
      guint i = 0;

      if (*word != '%')
        {
          g_string_append_c (result, *word);
          continue;
        }
      word++;
      while (i < G_N_ELEMENTS (specifiers) && specifiers[i].letter != *word)
        i++;
      if (i == G_N_ELEMENTS (specifiers))
        {
          char shown[7] = { 0 };

          g_utf8_strncpy (shown, word, 1);
          g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, "'%%%s' is not known: write " SPECIFIERS,
                       shown);
          return FALSE;
        }
      if (specifiers[i].flag == 0)
        g_string_append_c (result, '%');
      else if (!replace (specifiers[i].flag, result, user_data, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
note (HrSpecifiers flag, GString *result, gpointer user_data, GError **error)
{
  HrSpecifiers *used = user_data;

  *used |= flag;
  return TRUE;
}

/**
 * hr_command_line_scan:
 * @argv: (array zero-terminated=1): words of a command line
 * @used: (out): which specifiers it needs
 * @error: return location
 *
 * Returns: whether each '%' is one of a specifier; else %HR_ERROR_INVALID_CONFIGURATION is set
 */
gboolean
hr_command_line_scan (const char *const *argv, HrSpecifiers *used, GError **error)
{
  g_autoptr (GString) scratch = g_string_new (NULL);
  HrSpecifiers found = 0;

  g_return_val_if_fail (argv != NULL && used != NULL, FALSE);

  for (; *argv != NULL; argv++)
    if (!replace_in_word (*argv, scratch, note, &found, error))
      return FALSE;
  *used = found;
  return TRUE;
}

static gboolean
insert (HrSpecifiers flag, GString *result, gpointer user_data, GError **error)
{
  const HrSpecifierValues *values = user_data;

  switch (flag)
    {
    case HR_SPECIFIER_PORT:
      if (values->port == 0)
        {
          g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION,
                       "'%%p' stands for a port, and '%s' has no TCP listener", values->name);
          return FALSE;
        }
      g_string_append_printf (result, "%u", values->port);
      return TRUE;
    case HR_SPECIFIER_DIRECTORY:
      if (values->directory == NULL)
        {
          g_set_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION,
                       "'%%s' stands for the directory of the code, and '%s' has no Source", values->name);
          return FALSE;
        }
      g_string_append (result, values->directory);
      return TRUE;
    case HR_SPECIFIER_RELEASE:
      g_string_append_printf (result, "%" G_GUINT64_FORMAT, values->release);
      return TRUE;
    case HR_SPECIFIER_NAME:
      g_string_append (result, values->name);
      return TRUE;
    default:
      g_return_val_if_reached (FALSE);
    }
}

/**
 * hr_command_line_expand:
 * @argv: (array zero-terminated=1): words of a command line
 * @values: what the specifiers stand for
 * @error: return location
 *
 * Returns: (transfer full) (array zero-terminated=1): the words with each specifier replaced, or %NULL with
 *   %HR_ERROR_INVALID_CONFIGURATION set where one is not known or has no value
 */
char **
hr_command_line_expand (const char *const *argv, const HrSpecifierValues *values, GError **error)
{
  g_autoptr (GStrvBuilder) expanded = g_strv_builder_new ();

  g_return_val_if_fail (argv != NULL && values != NULL && values->name != NULL, NULL);

  for (; *argv != NULL; argv++)
    {
      g_autoptr (GString) word = g_string_new (NULL);

      if (!replace_in_word (*argv, word, insert, (gpointer)values, error))
        return NULL;
      g_strv_builder_add (expanded, word->str);
    }
  return g_strv_builder_end (expanded);
}
