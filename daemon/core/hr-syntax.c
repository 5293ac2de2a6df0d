/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-syntax.h"

#include <string.h>

static const struct {
  const char *extension;
  HrSyntax syntax;
} extensions[] = {
  { ".py", HR_SYNTAX_PYTHON },      { ".js", HR_SYNTAX_JAVASCRIPT },  { ".cjs", HR_SYNTAX_JAVASCRIPT },
  { ".mjs", HR_SYNTAX_JAVASCRIPT }, { ".ts", HR_SYNTAX_TYPESCRIPT },  { ".mts", HR_SYNTAX_TYPESCRIPT },
  { ".cts", HR_SYNTAX_TYPESCRIPT }, { ".tsx", HR_SYNTAX_TYPESCRIPT }, { ".jsx", HR_SYNTAX_JSX },
  { ".sh", HR_SYNTAX_SHELL },       { ".bash", HR_SYNTAX_BASH },      { ".json", HR_SYNTAX_JSON },
};

static const char *const names[] = { "other",       "Python",       "JavaScript",  "TypeScript",   "JSX",
                                     "bash script", "shell script", "dash script", "shell script", "JSON" };
G_STATIC_ASSERT (G_N_ELEMENTS (names) == HR_SYNTAX_LAST + 1);

/* Named .json, but read by programs that take comments and commas at the end. */
static const char *const json_with_comments[] = { "tsconfig*.json",     "jsconfig*.json",   "tslint.json",
                                                  ".eslintrc.json",     ".babelrc.json",    "babel.config.json",
                                                  "api-extractor.json", "devcontainer.json" };

static gboolean
takes_comments (const char *path)
{
  g_autofree char *name = g_path_get_basename (path);

  for (gsize i = 0; i < G_N_ELEMENTS (json_with_comments); i++)
    if (g_pattern_match_simple (json_with_comments[i], name))
      return TRUE;
  return g_str_has_prefix (path, ".vscode/") || strstr (path, "/.vscode/") != NULL;
}

/**
 * hr_syntax_interpreter:
 * @head: (array length=size): how a file begins
 * @size: in bytes
 *
 * Returns: (transfer full) (nullable): the interpreter that its first line names: a path, or the name alone after
 *   env; %NULL when it names none
 */
char *
hr_syntax_interpreter (const char *head, gsize size)
{
  const char *end = memchr (head, '\n', size);
  g_autofree char *line = NULL;
  g_auto (GStrv) words = NULL;
  g_autofree char *name = NULL;
  char **word;

  if (size < 3 || head[0] != '#' || head[1] != '!')
    return NULL;
  line = g_strndup (head + 2, (gsize)((end != NULL ? end : head + size) - head - 2));
  words = g_strsplit_set (g_strstrip (line), " \t\r", -1);
  if (words[0] == NULL)
    return NULL;
  name = g_path_get_basename (words[0]);
  if (!g_str_equal (name, "env"))
    return g_strdup (words[0]);
  for (word = words + 1; *word != NULL; word++)
    if (**word != '\0' && **word != '-' && strchr (*word, '=') == NULL)
      return g_strdup (*word);
  return NULL;
}

static HrSyntax
of_interpreter (const char *head, gsize size)
{
  g_autofree char *interpreter = hr_syntax_interpreter (head, size);
  g_autofree char *name = interpreter != NULL ? g_path_get_basename (interpreter) : NULL;

  if (name == NULL)
    return HR_SYNTAX_NONE;
  if (g_str_has_prefix (name, "python3") || g_str_equal (name, "python"))
    return HR_SYNTAX_PYTHON;
  if (g_str_equal (name, "node") || g_str_equal (name, "nodejs"))
    return HR_SYNTAX_JAVASCRIPT;
  if (g_str_equal (name, "bash"))
    return HR_SYNTAX_BASH;
  if (g_str_equal (name, "dash"))
    return HR_SYNTAX_DASH;
  return g_str_equal (name, "sh") ? HR_SYNTAX_SH : HR_SYNTAX_NONE;
}

/* A '.ts' may be a film or a translation of Qt. */
static gboolean
is_other (HrSyntax syntax, const char *head, gsize size)
{
  return memchr (head, '\0', size) != NULL || (syntax == HR_SYNTAX_TYPESCRIPT && size > 0 && head[0] == '<');
}

/**
 * hr_syntax_of:
 * @path: relative to the source
 * @head: (array length=size): how the file begins
 * @size: of @head, in bytes; %HR_SYNTAX_HEAD is enough
 *
 * Returns: what checks it
 */
HrSyntax
hr_syntax_of (const char *path, const char *head, gsize size)
{
  g_autofree char *base = g_path_get_basename (path);
  const char *extension = strrchr (base, '.');
  HrSyntax by_line;

  if (extension == NULL)
    return is_other (HR_SYNTAX_NONE, head, size) ? HR_SYNTAX_NONE : of_interpreter (head, size);
  for (gsize i = 0; i < G_N_ELEMENTS (extensions); i++)
    {
      HrSyntax syntax = extensions[i].syntax;

      if (!g_str_equal (extension, extensions[i].extension))
        continue;
      if (is_other (syntax, head, size) || (syntax == HR_SYNTAX_JSON && takes_comments (path)))
        return HR_SYNTAX_NONE;
      if (syntax != HR_SYNTAX_SHELL || size < 2 || strncmp (head, "#!", 2) != 0)
        return syntax;
      /* A script for zsh or ksh is none of ours, whatever its name. */
      by_line = of_interpreter (head, size);
      return by_line == HR_SYNTAX_BASH || by_line == HR_SYNTAX_DASH || by_line == HR_SYNTAX_SH ? by_line
                                                                                               : HR_SYNTAX_NONE;
    }
  return HR_SYNTAX_NONE;
}

/**
 * hr_syntax_name:
 * @syntax: a kind of file
 *
 * Returns: (transfer none): for people: "JavaScript"
 */
const char *
hr_syntax_name (HrSyntax syntax)
{
  g_return_val_if_fail (syntax <= HR_SYNTAX_LAST, NULL);
  return names[syntax];
}
