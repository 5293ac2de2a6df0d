/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-ignore-programs.h"

#include <string.h>

#include "hr-ignore-defaults.h"

/* Longer words are no paths. */
#define WORD_MAX 4096

static const char *const script_suffixes[] = {
  "js", "mjs", "cjs", "ts",  "mts", "cts", "jsx", "tsx",  "py", "pyz", "rb",   "php", "pl",
  "sh", "lua", "jar", "war", "exe", "dll", "so",  "wasm", "r",  "tcl", "bash", "zsh",
};

/**
 * hr_path_is_below:
 * @path: relative
 * @dir: relative
 *
 * Returns: whether @path lies below @dir; not if it is the same
 */
gboolean
hr_path_is_below (const char *path, const char *dir)
{
  gsize length = strlen (dir);

  return strncmp (path, dir, length) == 0 && path[length] == '/';
}

static void
program_free (gpointer data)
{
  HrIgnoreProgram *self = data;

  g_free (self->path);
  g_free (self->tree);
  g_free (self);
}

/* The service's working directory, absolute, or the source. */
static char *
working_dir (const HrServiceSpec *spec)
{
  const char *dir = spec->working_directory;

  if (dir == NULL)
    return g_strdup (spec->source);
  if (g_str_has_prefix (dir, "%s"))
    return g_strconcat (spec->source, dir + strlen ("%s"), NULL);
  return g_canonicalize_filename (dir, spec->source);
}

/* Where @word points below the source: relative, not the source itself, or NULL. */
static char *
word_path (const HrServiceSpec *spec, const char *word, const char *cwd)
{
  g_autofree char *root = g_canonicalize_filename (spec->source, "/");
  g_autofree char *expanded = NULL;
  g_autofree char *full = NULL;

  if (*word == '\0' || *word == '-' || strlen (word) > WORD_MAX)
    return NULL;
  if (g_str_has_prefix (word, "%s/"))
    expanded = g_strconcat (root, word + strlen ("%s"), NULL);
  else
    expanded = g_strdup (word);
  if (strchr (expanded, '%') != NULL)
    return NULL;
  full = g_canonicalize_filename (expanded, cwd);
  return hr_path_is_below (full, root) ? g_strdup (full + strlen (root) + 1) : NULL;
}

/* -1: no suffix, 0: another one, 1: a script's. */
static int
suffix_kind (const char *path)
{
  g_autofree char *base = g_path_get_basename (path);
  const char *dot = strrchr (base + 1, '.');

  if (dot == NULL)
    return -1;
  for (guint i = 0; i < G_N_ELEMENTS (script_suffixes); i++)
    if (g_ascii_strcasecmp (dot + 1, script_suffixes[i]) == 0)
      return 1;
  return 0;
}

/* node and Python run a directory, too, by its index.js or __main__.py. */
static gboolean
runs_directories (const char *program)
{
  g_autofree char *base = g_path_get_basename (program);

  return g_str_has_prefix (base, "node") || g_str_has_prefix (base, "python");
}

static gboolean
in_default_dir (const char *path)
{
  for (const char *end = path; end != NULL;)
    {
      g_autofree char *parent = NULL;
      g_autofree char *base = NULL;
      HrPathClass path_class;

      end = strchr (end, '/');
      parent = end != NULL ? g_strndup (path, end - path) : g_strdup (path);
      base = g_path_get_basename (parent);
      if (hr_ignore_default_class (parent, base, end != NULL, &path_class))
        return TRUE;
      end = end != NULL ? end + 1 : NULL;
    }
  return FALSE;
}

static void
add_program (GPtrArray *programs, const char *word, char *path, gboolean may_be_dir)
{
  HrIgnoreProgram *program = g_new0 (HrIgnoreProgram, 1);
  const char *slash = strrchr (path, '/');

  program->path = path;
  if (slash != NULL)
    program->tree = g_strndup (path, slash - path);
  else if (may_be_dir || strchr (word, '/') != NULL)
    program->tree = g_strdup (path);
  g_ptr_array_add (programs, program);
}

/**
 * hr_ignore_programs_find:
 * @spec: a service
 *
 * Returns: (transfer full) (element-type HrIgnoreProgram): its possible programs below its source
 */
GPtrArray *
hr_ignore_programs_find (const HrServiceSpec *spec)
{
  GPtrArray *programs = g_ptr_array_new_with_free_func (program_free);
  g_autofree char *cwd = NULL;
  gboolean interpreted = FALSE;

  if (spec->source == NULL || spec->exec == NULL || spec->exec[0] == NULL)
    return programs;

  cwd = working_dir (spec);
  for (guint i = 0; spec->exec[i] != NULL; i++)
    {
      const char *word = spec->exec[i];
      /* A name without a slash is looked up on PATH. */
      g_autofree char *path = i > 0 || strchr (word, '/') != NULL ? word_path (spec, word, cwd) : NULL;
      gboolean script = FALSE, counts = i == 0;

      if (i == 0)
        interpreted = path == NULL;
      else if (interpreted && *word != '-' && strchr (word, '=') == NULL)
        {
          interpreted = FALSE;
          script = TRUE;
        }
      if (path == NULL || in_default_dir (path))
        continue;
      if (i > 0)
        counts = suffix_kind (path) > 0 || (script && suffix_kind (path) != 0)
                 || (strchr (word, '/') != NULL && hr_ignore_is_build_output (path));
      if (counts)
        add_program (programs, word, g_steal_pointer (&path), script && runs_directories (spec->exec[0]));
    }
  return programs;
}

/**
 * hr_ignore_program_leaves_out:
 * @self: a program
 * @path: below its tree
 *
 * Beside the programs that Cargo builds lies what it builds them from, often gigabytes.
 *
 * Returns: whether @path has nothing to do with running the program
 */
gboolean
hr_ignore_program_leaves_out (const HrIgnoreProgram *self, const char *path)
{
  static const char *const names[] = { "build", "deps", "examples", "incremental", ".fingerprint", NULL };
  g_auto (GStrv) rest = NULL;

  if (!g_str_has_prefix (self->tree, "target/") && strstr (self->tree, "/target/") == NULL)
    return FALSE;
  if (!hr_path_is_below (path, self->tree))
    return FALSE;
  rest = g_strsplit (path + strlen (self->tree) + 1, "/", 2);
  return g_strv_contains (names, rest[0]);
}
