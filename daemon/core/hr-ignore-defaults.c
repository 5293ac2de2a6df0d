/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-ignore-defaults.h"

#include <string.h>

#include "hr-glob.h"

/* "/" + "**" at the end: a directory (or a link to one) and all below it. */
static const struct {
  const char *glob;
  HrPathClass path_class;
} defaults[] = {
  { "**/.git/**", HR_PATH_SHARE },
  { "**/.hg/**", HR_PATH_SHARE },
  { "**/.svn/**", HR_PATH_SHARE },
  { "**/.jj/**", HR_PATH_SHARE },

  /* Dependencies */
  { "**/node_modules/**", HR_PATH_SHARE },
  { "**/bower_components/**", HR_PATH_SHARE },
  { "**/jspm_packages/**", HR_PATH_SHARE },
  { "**/.venv/**", HR_PATH_SHARE },
  { "**/venv/**", HR_PATH_SHARE },
  { "**/.tox/**", HR_PATH_SHARE },
  { "**/.nox/**", HR_PATH_SHARE },
  { "**/__pypackages__/**", HR_PATH_SHARE },
  { "**/.bundle/**", HR_PATH_SHARE },
  { "**/vendor/bundle/**", HR_PATH_SHARE },

  /* Caches */
  { "**/__pycache__/**", HR_PATH_CACHE },
  { "**/*.pyc", HR_PATH_CACHE },
  { "**/*.pyo", HR_PATH_CACHE },
  { "**/.pytest_cache/**", HR_PATH_CACHE },
  { "**/.mypy_cache/**", HR_PATH_CACHE },
  { "**/.ruff_cache/**", HR_PATH_CACHE },
  { "**/.hypothesis/**", HR_PATH_CACHE },
  { "**/.cache/**", HR_PATH_CACHE },
  { "**/.parcel-cache/**", HR_PATH_CACHE },
  { "**/.nyc_output/**", HR_PATH_CACHE },
  { "**/.sass-cache/**", HR_PATH_CACHE },
  { "**/.eslintcache", HR_PATH_CACHE },

  /* Editors' temporary files: vim, Emacs and most others, Kate, LibreOffice, JetBrains, GLib, desktops, any */
  { "**/*.swp", HR_PATH_HIDE },
  { "**/*.swo", HR_PATH_HIDE },
  { "**/*.swn", HR_PATH_HIDE },
  { "**/*.swx", HR_PATH_HIDE },
  { "**/4913", HR_PATH_HIDE },
  { "**/*~", HR_PATH_HIDE },
  { "**/.#*", HR_PATH_HIDE },
  { "**/#*#", HR_PATH_HIDE },
  { "**/*.kate-swp", HR_PATH_HIDE },
  { "**/.~lock.*#", HR_PATH_HIDE },
  { "**/*___jb_tmp___", HR_PATH_HIDE },
  { "**/*___jb_old___", HR_PATH_HIDE },
  { "**/.goutputstream-*", HR_PATH_HIDE },
  { "**/.DS_Store", HR_PATH_HIDE },
  { "**/*.tmp", HR_PATH_HIDE },
  { "**/*.bak", HR_PATH_HIDE },

  /* What is removed while a program has it open, over FUSE and NFS */
  { "**/.fuse_hidden*", HR_PATH_HIDE },
  { "**/.nfs0*", HR_PATH_HIDE },
};

/* Not ignored by themselves, but when something ignores them they belong to each slot: what they hold is made from a
 * release's own files, and shared output would make a rollback run what the newer release was built to. */
static const char *const build_output[] = {
  "target",     "build",       "dist",   "out",         "obj",        "_build",   ".next",
  ".nuxt",      ".output",     ".turbo", ".vite",       ".angular",   ".gradle",  ".eggs",
  ".dart_tool", ".svelte-kit", ".astro", ".docusaurus", "CMakeFiles", "coverage", "htmlcov",
};

static const char *const build_output_suffixes[] = { ".o", ".obj", ".lo", ".tsbuildinfo", ".egg-info" };

typedef struct {
  HrGlob *glob;
  gboolean whole_path;
  gboolean files_only;
  HrPathClass path_class;
} Pattern;

/* Nearly every name is none of these, and is asked for in every scan: plain names go through a hash table. */
typedef struct {
  GHashTable *names; /* name → Pattern without a glob */
  GArray *patterns;
  GHashTable *output;
  char **list;
} Tables;

static void
add_default (Tables *tables, const char *glob, HrPathClass path_class)
{
  gboolean is_dir = g_str_has_suffix (glob, "/**");
  g_autofree char *name = g_strdup (glob + strlen ("**/"));
  Pattern pattern = { .path_class = path_class, .files_only = !is_dir };

  if (is_dir)
    name[strlen (name) - strlen ("/**")] = '\0';
  if (strpbrk (name, "/*") == NULL)
    {
      g_hash_table_insert (tables->names, g_strdup (name), g_memdup2 (&pattern, sizeof pattern));
      return;
    }
  pattern.whole_path = strchr (name, '/') != NULL;
  if (pattern.whole_path)
    {
      g_autofree char *whole = g_strconcat ("**/", name, NULL);

      pattern.glob = hr_glob_new (whole, NULL);
    }
  else
    pattern.glob = hr_glob_new (name, NULL);
  g_array_append_val (tables->patterns, pattern);
}

static gpointer
make_tables (gpointer data)
{
  Tables *tables = g_new0 (Tables, 1);

  tables->names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  tables->patterns = g_array_new (FALSE, FALSE, sizeof (Pattern));
  tables->output = g_hash_table_new (g_str_hash, g_str_equal);
  tables->list = g_new0 (char *, G_N_ELEMENTS (defaults) + 1);
  for (guint i = 0; i < G_N_ELEMENTS (defaults); i++)
    {
      add_default (tables, defaults[i].glob, defaults[i].path_class);
      tables->list[i] = (char *)defaults[i].glob;
    }
  for (guint i = 0; i < G_N_ELEMENTS (build_output); i++)
    g_hash_table_add (tables->output, (gpointer)build_output[i]);
  return tables;
}

static const Tables *
get_tables (void)
{
  static GOnce once = G_ONCE_INIT;

  return g_once (&once, make_tables, NULL);
}

/**
 * hr_ignore_default_class:
 * @path: relative to the source
 * @base: the last part of @path, inside it
 * @is_dir: whether it is a directory
 * @path_class: (out): what becomes of it, when it is one
 *
 * Returns: whether @path is one of the defaults, its parents not considered
 */
gboolean
hr_ignore_default_class (const char *path, const char *base, gboolean is_dir, HrPathClass *path_class)
{
  const Tables *tables = get_tables ();
  const Pattern *named = g_hash_table_lookup (tables->names, base);

  if (named != NULL && !(named->files_only && is_dir))
    {
      *path_class = named->path_class;
      return TRUE;
    }
  for (guint i = 0; i < tables->patterns->len; i++)
    {
      const Pattern *pattern = &g_array_index (tables->patterns, Pattern, i);

      if (!(pattern->files_only && is_dir) && hr_glob_matches (pattern->glob, pattern->whole_path ? path : base))
        {
          *path_class = pattern->path_class;
          return TRUE;
        }
    }
  return FALSE;
}

/**
 * hr_ignore_is_build_output:
 * @path: an ignored path, relative to the source
 *
 * Returns: whether it is, or lies in, what a build makes
 */
gboolean
hr_ignore_is_build_output (const char *path)
{
  const Tables *tables = get_tables ();
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);

  for (guint i = 0; parts[i] != NULL; i++)
    if (g_hash_table_contains (tables->output, parts[i]))
      return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (build_output_suffixes); i++)
    if (g_str_has_suffix (path, build_output_suffixes[i]))
      return TRUE;
  return FALSE;
}

/* Of sed -i. */
#define WRITTEN_PREFIX "sed"
#define WRITTEN_RANDOM 6

/**
 * hr_ignore_is_being_written:
 * @base: name of a file
 * @mode: its permissions
 *
 * sed -i writes a file beside that which it replaces, for longer than a source takes to settle where it is large. A name
 * alone does not tell it from a word (sediments); but while it is written nobody else may read it.
 *
 * Returns: whether it is such a file
 */
gboolean
hr_ignore_is_being_written (const char *base, guint mode)
{
  const char *random = base + strlen (WRITTEN_PREFIX);

  if (mode != 0600 || !g_str_has_prefix (base, WRITTEN_PREFIX) || strlen (random) != WRITTEN_RANDOM)
    return FALSE;
  for (const char *c = random; *c != '\0'; c++)
    if (!g_ascii_isalnum (*c))
      return FALSE;
  return TRUE;
}

/**
 * hr_ignore_defaults:
 *
 * Returns: (transfer none) (array zero-terminated=1): the globs that are ignored in every source
 */
const char *const *
hr_ignore_defaults (void)
{
  return (const char *const *)get_tables ()->list;
}
