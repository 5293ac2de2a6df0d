/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-tool-search.h"

#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>

#include "hr-command-line.h"
#include "hr-syntax.h"

#define TYPESCRIPT_LIBRARY "lib/typescript.js"
/* As of execvp() without a PATH. */
#define DEFAULT_PATH "/bin:/usr/bin"

static gboolean
is_below (const char *path, const char *dir)
{
  g_autofree char *real = dir != NULL ? realpath (dir, NULL) : NULL;
  gsize length = real != NULL ? strlen (real) : 0;

  return real != NULL && strncmp (path, real, length) == 0 && path[length] == '/';
}

/* Whether it can be executed and is no file of the service, wherever links lead. */
static gboolean
is_usable (const HrToolSearch *search, const char *path)
{
  g_autofree char *here = hr_view_locate (search->view, path);
  g_autofree char *real = realpath (here, NULL);

  return real != NULL && g_file_test (real, G_FILE_TEST_IS_REGULAR) && g_file_test (real, G_FILE_TEST_IS_EXECUTABLE)
         && !is_below (real, search->view->dir) && !is_below (real, search->view->source);
}

/**
 * hr_tool_search_path:
 * @search: for whom
 * @name: a program
 *
 * Returns: (transfer full) (nullable): the first of this name in the service's PATH that may be used
 */
char *
hr_tool_search_path (const HrToolSearch *search, const char *name)
{
  g_auto (GStrv) dirs = g_strsplit (search->path != NULL ? search->path : DEFAULT_PATH, ":", -1);

  for (char **dir = dirs; *dir != NULL; dir++)
    {
      g_autofree char *file = g_build_filename (*dir, name, NULL);

      if (g_path_is_absolute (*dir) && is_usable (search, file))
        return g_steal_pointer (&file);
    }
  return NULL;
}

/* The first word of the command line as a path; NULL where only the start can tell. */
static char *
exec_path (const HrToolSearch *search)
{
  const char *first[] = { search->spec->exec[0], NULL };
  const char *dir = hr_view_program_dir (search->view);
  const HrSpecifierValues values = { .directory = dir, .name = search->spec->name };
  g_auto (GStrv) words = hr_command_line_expand (first, &values, NULL);
  g_autofree char *directory = NULL;

  if (words == NULL)
    return NULL;
  if (strchr (words[0], '/') == NULL)
    return hr_tool_search_path (search, words[0]);
  directory =
      g_canonicalize_filename (search->spec->working_directory != NULL ? search->spec->working_directory : ".", dir);
  return g_canonicalize_filename (words[0], directory);
}

static char *
interpreter_of (const HrToolSearch *search, const char *script)
{
  g_autofree char *here = hr_view_locate (search->view, script);
  g_autofree char *interpreter = NULL;
  g_autoptr (GFileInputStream) stream = NULL;
  g_autoptr (GFile) file = g_file_new_for_path (here);
  char head[HR_SYNTAX_HEAD];
  gsize size = 0;

  if (!g_file_test (here, G_FILE_TEST_IS_REGULAR))
    return NULL;
  stream = g_file_read (file, NULL, NULL);
  if (stream == NULL || !g_input_stream_read_all (G_INPUT_STREAM (stream), head, sizeof head, &size, NULL, NULL))
    return NULL;
  interpreter = hr_syntax_interpreter (head, size);
  if (interpreter == NULL || strchr (interpreter, '/') != NULL)
    return g_steal_pointer (&interpreter);
  return hr_tool_search_path (search, interpreter);
}

/**
 * hr_tool_search_own:
 * @search: for whom
 * @is_wanted: tells a program by its name
 *
 * Returns: (transfer full) (nullable): what the service itself runs, if that is wanted and may be used: its program,
 *   or the interpreter of the script that it is; as the service sees it
 */
char *
hr_tool_search_own (const HrToolSearch *search, HrToolIsWanted is_wanted)
{
  g_autofree char *program = exec_path (search);

  for (int i = 0; program != NULL && i < 2; i++)
    {
      g_autofree char *name = g_path_get_basename (program);
      g_autofree char *script = NULL;

      if (is_wanted (name))
        return is_usable (search, program) ? g_steal_pointer (&program) : NULL;
      script = g_steal_pointer (&program);
      program = interpreter_of (search, script);
    }
  return NULL;
}

/**
 * hr_tool_search_interpreter:
 * @search: for whom
 * @is_wanted: tells a program by its name
 * @name: what is taken where the service itself runs none
 *
 * Returns: (transfer full) (nullable): an interpreter
 */
char *
hr_tool_search_interpreter (const HrToolSearch *search, HrToolIsWanted is_wanted, const char *name)
{
  char *own = hr_tool_search_own (search, is_wanted);

  return own != NULL ? own : hr_tool_search_path (search, name);
}

/**
 * hr_tool_search_typescript:
 * @search: for whom
 *
 * Returns: (transfer full) (nullable): the library of the TypeScript below the source, else of that whose tsc is in
 *   the service's PATH
 */
char *
hr_tool_search_typescript (const HrToolSearch *search)
{
  const char *dir = hr_view_program_dir (search->view);
  g_autofree char *below = g_build_filename (dir, "node_modules/typescript", TYPESCRIPT_LIBRARY, NULL);
  g_autofree char *here = hr_view_locate (search->view, below);
  g_autofree char *compiler = NULL;
  g_autofree char *real = NULL;
  g_autofree char *bin = NULL;
  g_autofree char *package = NULL;
  g_autofree char *library = NULL;

  if (g_file_test (here, G_FILE_TEST_IS_REGULAR))
    return g_steal_pointer (&below);
  compiler = hr_tool_search_path (search, "tsc");
  real = compiler != NULL ? realpath (compiler, NULL) : NULL;
  if (real == NULL)
    return NULL;
  bin = g_path_get_dirname (real);
  package = g_path_get_dirname (bin);
  library = g_build_filename (package, TYPESCRIPT_LIBRARY, NULL);
  return g_file_test (library, G_FILE_TEST_IS_REGULAR) ? g_steal_pointer (&library) : NULL;
}
