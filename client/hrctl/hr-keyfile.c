/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-keyfile.h"

#include <glib/gi18n.h>
#include <string.h>

#include "hr-error.h"

/* Bytes that no shell-like split gives a meaning to. */
#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=@+,-%"

static gboolean
check_value (const char *value, GError **error)
{
  if (!g_utf8_validate (value, -1, NULL))
    {
      g_set_error_literal (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT,
                           _ ("a service file must be UTF-8, and this command line is not"));
      return FALSE;
    }
  if (strchr (value, '\n') != NULL || strchr (value, '\r') != NULL)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT,
                   _ ("a service file cannot hold a line break, as in '%s'; put it into a script"), value);
      return FALSE;
    }

  return TRUE;
}

static char *
replace_all (const char *text, const char *what, const char *with)
{
  g_auto (GStrv) parts = g_strsplit (text, what, -1);

  return g_strjoinv (with, parts);
}

/* One word, so that the split of Exec gives it back and the expansion of % leaves it alone. */
static char *
quote_word (const char *word)
{
  g_autofree char *percent = replace_all (word, "%", "%%");

  if (*word != '\0' && percent[strspn (percent, PLAIN)] == '\0')
    return g_steal_pointer (&percent);

  return g_shell_quote (percent);
}

static gboolean
is_port (const char *text)
{
  return g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT16, NULL, NULL);
}

/**
 * hr_keyfile_listen_address:
 * @text: PORT, :PORT, HOST:PORT, or with the kind before it: tcp:HOST:PORT, udp:HOST:PORT, unix:PATH
 * @error: %HR_ERROR_INVALID_ARGUMENT, with what is right
 *
 * A port alone is one of this machine; the daemon looks at the host.
 *
 * Returns: (transfer full): the address as a service file has it
 */
char *
hr_keyfile_listen_address (const char *text, GError **error)
{
  gboolean has_kind = g_str_has_prefix (text, "tcp:") || g_str_has_prefix (text, "udp:");
  const char *address = has_kind ? text + strlen ("tcp:") : text;
  const char *colon = strrchr (address, ':');

  if (g_str_has_prefix (text, "unix:") && text[strlen ("unix:")] != '\0')
    return g_strdup (text);
  if (colon != NULL && is_port (colon + 1) && strpbrk (text, "=;/ ") == NULL)
    return has_kind ? g_strdup (text) : g_strconcat ("tcp:", *text == ':' ? "127.0.0.1" : "", text, NULL);
  if (!has_kind && is_port (text))
    return g_strconcat ("tcp:127.0.0.1:", text, NULL);

  g_set_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT,
               _ ("run: '%s' is no address to listen on: write PORT, HOST:PORT or tcp:HOST:PORT"), text);
  return NULL;
}

/**
 * hr_keyfile_for_command:
 * @words: a command line
 * @source: directory with its code, absolute
 * @listen: (nullable): address to listen on
 * @validate: whether the syntax of its files is checked
 * @error: that it cannot be written as a service file
 *
 * Returns: (transfer full): a service file that runs exactly these words
 */
char *
hr_keyfile_for_command (const char *const *words, const char *source, const char *listen, gboolean validate,
                        GError **error)
{
  g_autoptr (GString) text = g_string_new ("[Service]\nExec=");

  for (guint i = 0; words[i] != NULL; i++)
    {
      g_autofree char *quoted = quote_word (words[i]);

      if (!check_value (words[i], error))
        return NULL;
      g_string_append_printf (text, "%s%s", i > 0 ? " " : "", quoted);
    }

  if (!check_value (source, error) || (listen != NULL && !check_value (listen, error)))
    return NULL;

  /* In the foreground a program that ends is not started again by itself, but by the next save. */
  g_string_append_printf (text, "\nRestart=no\nSource=%s\n", source);
  if (listen != NULL)
    {
      g_autofree char *escaped = replace_all (listen, ";", "\\;");

      g_string_append_printf (text, "Listen=main=%s\n", escaped);
    }

  /* Also under a profile in which others are not. */
  g_string_append (text, "\n[Watch]\nEnabled=yes\n");
  if (!validate)
    g_string_append (text, "\n[Check]\nValidate=no\n");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* Joins a path to @dir unless it is absolute; a '-' before it says that the file may be missing. */
static char *
make_absolute (const char *path, const char *dir)
{
  gboolean optional = *path == '-';
  g_autofree char *absolute = NULL;

  if (*path == '\0')
    return g_strdup (path);

  absolute = g_canonicalize_filename (path + (optional ? 1 : 0), dir);
  return g_strconcat (optional ? "-" : "", absolute, NULL);
}

static char *
move_value (const char *key, const char *value, const char *dir)
{
  g_auto (GStrv) items = NULL;

  if (!g_str_has_suffix (key, "EnvironmentFile"))
    return make_absolute (value, dir);

  items = g_strsplit (value, ";", -1);
  for (guint i = 0; items[i] != NULL; i++)
    {
      char *moved = make_absolute (g_strstrip (items[i]), dir);

      g_free (items[i]);
      items[i] = moved;
    }

  return g_strjoinv (";", items);
}

static gboolean
is_relative_key (const char *group, const char *key)
{
  if (g_str_equal (group, "Service"))
    return g_str_equal (key, "Source") || g_str_equal (key, "EnvironmentFile");

  return g_str_has_prefix (group, "Profile ")
         && (g_str_equal (key, "Service.Source") || g_str_equal (key, "Service.EnvironmentFile"));
}

/* The line with its path made absolute, or as it is. */
static char *
move_line (const char *line, const char *group, const char *dir)
{
  const char *equals = strchr (line, '=');
  g_autofree char *key = NULL;
  g_autofree char *value = NULL;
  g_autofree char *moved = NULL;

  if (equals == NULL || *line == '#')
    return g_strdup (line);

  key = g_strstrip (g_strndup (line, (gsize)(equals - line)));
  if (!is_relative_key (group, key))
    return g_strdup (line);

  value = g_strstrip (g_strdup (equals + 1));
  moved = move_value (key, value, dir);
  return g_strdup_printf ("%s=%s", key, moved);
}

/**
 * hr_keyfile_move:
 * @text: a service file
 * @from_dir: the directory that its relative paths start from, absolute
 *
 * Returns: (transfer full): the file such that it means the same in another directory; nothing else in it changes
 */
char *
hr_keyfile_move (const char *text, const char *from_dir)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autofree char *group = g_strdup ("");

  for (guint i = 0; lines[i] != NULL; i++)
    {
      const char *end = strchr (lines[i], ']');
      char *moved;

      if (lines[i][0] == '[' && end != NULL)
        {
          g_free (group);
          group = g_strndup (lines[i] + 1, (gsize)(end - lines[i] - 1));
          continue;
        }

      moved = move_line (lines[i], group, from_dir);
      g_free (lines[i]);
      lines[i] = moved;
    }

  return g_strjoinv ("\n", lines);
}

/**
 * hr_keyfile_suggest_name:
 * @directory: where the code is
 * @program: what is run
 * @taken: names that exist
 *
 * Returns: (transfer full): a name of a service in the pattern of names, made of both, and not taken
 */
char *
hr_keyfile_suggest_name (const char *directory, const char *program, const char *const *taken)
{
  g_autofree char *dir = g_path_get_basename (directory);
  g_autofree char *base = g_path_get_basename (program);
  g_autofree char *both = g_strdup_printf ("%s-%s", dir, base);
  g_autofree char *lower = g_ascii_strdown (both, -1);
  char *start = lower;
  g_autofree char *name = NULL;

  g_strcanon (lower, "abcdefghijklmnopqrstuvwxyz0123456789_.-", '-');
  start += strspn (start, "_.-");
  /* Room for a number. */
  name = g_strndup (*start != '\0' ? start : "service", HR_NAME_MAX - 12);

  if (!g_strv_contains (taken, name))
    return g_steal_pointer (&name);

  for (guint i = 2;; i++)
    {
      g_autofree char *numbered = g_strdup_printf ("%s-%u", name, i);

      if (!g_strv_contains (taken, numbered))
        return g_steal_pointer (&numbered);
    }
}
