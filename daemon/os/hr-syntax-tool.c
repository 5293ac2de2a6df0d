/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-syntax-tool.h"

#include <string.h>

#include "hr-command.h"
#include "hr-environment.h"
#include "hr-error.h"
#include "hr-fs.h"
#include "hr-snapshot.h"
#include "hr-syntax-resource.h"
#include "hr-tool-search.h"

/* All records of one run, in bytes; the tools stop by themselves long before. */
#define RECORDS_MAX (8 * 1024 * 1024)
/* Of a tool that fails by itself, these words are kept, in bytes. */
#define WORDS_MAX 4096
/* Deeper nested JSON is not valid for any of the usual parsers either. */
#define JSON_DEPTH_MAX 10000

struct _HrSyntaxTool {
  char *name;
  char **argv; /* NULL: JSON, checked here */
  char **environment;
  const HrIsolation *isolation; /* of the spec */
};

static void
failure_free (gpointer data)
{
  HrSyntaxFailure *self = data;

  g_free (self->file);
  g_free (self->words);
  g_free (self);
}

static void
add_failure (GPtrArray *list, const char *file, const char *words, gboolean unfit)
{
  HrSyntaxFailure *failure = g_new0 (HrSyntaxFailure, 1);

  failure->file = g_strdup (file);
  failure->words = g_utf8_make_valid (words, -1);
  failure->unfit = unfit;
  g_ptr_array_add (list, failure);
}

static gboolean
is_python (const char *name)
{
  return g_str_equal (name, "python") || g_str_has_prefix (name, "python3") || g_str_has_prefix (name, "pypy3");
}

static gboolean
is_node (const char *name)
{
  return g_str_equal (name, "node") || g_str_equal (name, "nodejs");
}

static gboolean
is_bun (const char *name)
{
  return g_str_equal (name, "bun");
}

static const char *
script (const char *name)
{
  g_autofree char *path = g_strconcat ("/org/hotreload/syntax/", name, NULL);
  g_autoptr (GBytes) bytes =
      g_resource_lookup_data (hr_syntax_get_resource (), path, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);

  /* Part of the program's image, ended by a byte 0. */
  return g_bytes_get_data (bytes, NULL);
}

static HrSyntaxTool *
tool_new (const char *name, const char *const *argv)
{
  HrSyntaxTool *self = g_new0 (HrSyntaxTool, 1);

  self->name = g_path_get_basename (name);
  self->argv = g_strdupv ((char **)argv);
  return self;
}

static HrSyntaxTool *
find_python_tool (const HrToolSearch *search)
{
  g_autofree char *python = hr_tool_search_interpreter (search, is_python, "python3");
  const char *argv[] = { python, "-I", "-S", "-B", "-W", "ignore", "-c", script ("python.py"), NULL };

  return python != NULL ? tool_new (python, argv) : NULL;
}

static HrSyntaxTool *
bun_tool (const char *bun)
{
  const char *argv[] = { bun, "-e", script ("bun.js"), NULL };

  return bun != NULL ? tool_new (bun, argv) : NULL;
}

static HrSyntaxTool *
find_javascript_tool (const HrToolSearch *search)
{
  g_autofree char *bun = hr_tool_search_own (search, is_bun);
  g_autofree char *node = hr_tool_search_interpreter (search, is_node, "node");
  const char *argv[] = { node, "--experimental-vm-modules", "--no-warnings", "-e", script ("javascript.js"), NULL };

  if (bun != NULL || node == NULL)
    return bun_tool (bun);
  return tool_new (node, argv);
}

static HrSyntaxTool *
find_typescript_tool (const HrToolSearch *search)
{
  g_autofree char *bun = hr_tool_search_interpreter (search, is_bun, "bun");
  g_autofree char *node = hr_tool_search_interpreter (search, is_node, "node");
  g_autofree char *library = hr_tool_search_typescript (search);
  const char *argv[] = { node, "--no-warnings", "-e", script ("typescript.js"), library, NULL };

  return node != NULL && library != NULL ? tool_new ("typescript", argv) : bun_tool (bun);
}

static HrSyntaxTool *
find_shell_tool (const HrToolSearch *search, const char *name)
{
  g_autofree char *shell = hr_tool_search_path (search, name);
  g_autofree char *sh = hr_tool_search_path (search, "sh");
  g_autofree char *xargs = hr_tool_search_path (search, "xargs");
  const char *argv[] = { xargs, "-0", sh, "-c", script ("shell.sh"), shell, NULL };

  return shell != NULL && sh != NULL && xargs != NULL ? tool_new (shell, argv) : NULL;
}

static HrSyntaxTool *
find_tool (const HrToolSearch *search, HrSyntax syntax, const char **missing)
{
  HrSyntaxTool *tool;

  *missing = "";
  switch (syntax)
    {
    case HR_SYNTAX_PYTHON:
      *missing = "'python3' is not installed";
      return find_python_tool (search);
    case HR_SYNTAX_JAVASCRIPT:
      *missing = "'node' is not installed";
      return find_javascript_tool (search);
    case HR_SYNTAX_TYPESCRIPT:
    case HR_SYNTAX_JSX:
      *missing = "neither 'tsc' nor 'bun' is installed";
      return find_typescript_tool (search);
    case HR_SYNTAX_BASH:
      *missing = "'bash' is not installed";
      return find_shell_tool (search, "bash");
    case HR_SYNTAX_DASH:
      *missing = "'dash' is not installed";
      return find_shell_tool (search, "dash");
    case HR_SYNTAX_SH:
      *missing = "'sh' is not installed";
      return find_shell_tool (search, "sh");
    case HR_SYNTAX_SHELL:
      *missing = "neither 'bash' nor 'sh' is installed";
      tool = find_shell_tool (search, "bash");
      return tool != NULL ? tool : find_shell_tool (search, "sh");
    case HR_SYNTAX_JSON:
      return tool_new ("JSON", NULL);
    case HR_SYNTAX_NONE:
    default:
      return NULL;
    }
}

/**
 * hr_syntax_tool_find:
 * @syntax: a kind of file, not %HR_SYNTAX_NONE
 * @spec: the service
 * @view: its files, with a directory
 * @environment: as the service gets it
 * @why: (out): when there is none: what is not installed
 *
 * Returns: (transfer full) (nullable): the tool, which must not outlive @spec
 */
HrSyntaxTool *
hr_syntax_tool_find (HrSyntax syntax, HrServiceSpec *spec, HrView *view, const char *const *environment, char **why)
{
  const HrToolSearch search = { .spec = spec, .view = view, .path = g_environ_getenv ((char **)environment, "PATH") };
  const char *missing;
  HrSyntaxTool *self;

  g_return_val_if_fail (view != NULL && view->dir != NULL, NULL);

  self = find_tool (&search, syntax, &missing);
  if (self == NULL)
    *why = g_strdup (missing);
  else
    {
      self->environment = hr_environment_base (environment);
      self->isolation = &spec->isolation;
    }
  return self;
}

/**
 * hr_syntax_tool_free:
 * @self: (transfer full) (nullable): a tool
 */
void
hr_syntax_tool_free (HrSyntaxTool *self)
{
  if (self == NULL)
    return;
  g_free (self->name);
  g_strfreev (self->argv);
  g_strfreev (self->environment);
  g_free (self);
}

/**
 * hr_syntax_tool_name:
 * @self: a tool
 *
 * Returns: (transfer none): for people: "python3"
 */
const char *
hr_syntax_tool_name (const HrSyntaxTool *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->name;
}

static gboolean
check_json (HrView *view, GPtrArray *files, GPtrArray *failures, GCancellable *cancellable, GError **error)
{
  for (guint i = 0; i < files->len; i++)
    {
      const char *file = g_ptr_array_index (files, i);
      g_autofree char *path = g_build_filename (view->dir, file, NULL);
      g_autofree char *shown = g_build_filename (hr_view_program_dir (view), file, NULL);
      g_autoptr (GError) local = NULL;
      g_autoptr (GBytes) bytes = hr_fs_read (path, HR_SYNTAX_JSON_MAX, &local);
      const char *text;
      gsize size;

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      if (bytes == NULL)
        {
          add_failure (failures, file, local->message, TRUE);
          continue;
        }
      text = g_bytes_get_data (bytes, &size);
      /* A byte order mark is let through by those who read such files. */
      if (size >= 3 && memcmp (text, "\xef\xbb\xbf", 3) == 0)
        text += 3, size -= 3;
      if (!hr_json_check (text, size, JSON_DEPTH_MAX, &local))
        {
          g_autofree char *words = g_strdup_printf ("%s: %s", shown, local->message);
          add_failure (failures, file, words, FALSE);
        }
    }
  return TRUE;
}

static GBytes *
file_list (HrView *view, GPtrArray *files)
{
  GByteArray *list = g_byte_array_new ();

  for (guint i = 0; i < files->len; i++)
    {
      g_autofree char *path = g_build_filename (hr_view_program_dir (view), g_ptr_array_index (files, i), NULL);
      g_byte_array_append (list, (const guint8 *)path, (guint)strlen (path) + 1);
    }
  return g_byte_array_free_to_bytes (list);
}

/* Records: 'F' or 'U', path, 0, words, 0. FALSE when that is not what the output is. */
static gboolean
parse_records (HrView *view, const GString *output, GPtrArray *failures)
{
  g_autofree char *prefix = g_strconcat (hr_view_program_dir (view), "/", NULL);
  const char *next = output->str;
  const char *end = output->str + output->len;

  while (next < end)
    {
      const char *path = next + 1;
      const char *words = memchr (next, '\0', (gsize)(end - next));
      const char *last = words != NULL ? memchr (words + 1, '\0', (gsize)(end - words - 1)) : NULL;

      if (last == NULL || (*next != 'F' && *next != 'U') || !g_str_has_prefix (path, prefix))
        return FALSE;
      add_failure (failures, path + strlen (prefix), words + 1, *next == 'U');
      next = last + 1;
    }
  return TRUE;
}

static gboolean
check_by_command (const HrSyntaxTool *self, HrView *view, GPtrArray *files, gint64 deadline, GCancellable *cancellable,
                  GPtrArray *failures, GError **error)
{
  g_autoptr (GBytes) input = file_list (view, files);
  const HrCommand command = {
    .argv = (const char *const *)self->argv,
    .environment = (const char *const *)self->environment,
    .view = view,
    .isolation = self->isolation,
    .shares_read_only = TRUE,
    .directory = "/",
    .input = input,
    .output_head = RECORDS_MAX,
    .errors_apart = TRUE,
    .deadline = deadline,
  };
  g_auto (HrCommandResult) result = { 0 };
  g_autofree char *end = NULL;
  g_autofree char *words = NULL;

  if (!hr_command_run (&command, cancellable, &result, error))
    return FALSE;
  end = hr_command_end (result.wait_status);
  if (end == NULL && parse_records (view, result.output, failures))
    return TRUE;
  if (result.errors->len > WORDS_MAX)
    g_string_truncate (result.errors, WORDS_MAX);
  words = hr_command_words (result.errors);
  g_set_error (error, HR_ERROR, HR_ERROR_CHECK_UNAVAILABLE, "'%s' itself fails: %s%s%s", self->name,
               end != NULL ? end : "its output is not understood", *words != '\0' ? ": " : "", words);
  return FALSE;
}

/**
 * hr_syntax_tool_check:
 * @self: a tool
 * @view: the files
 * @files: (element-type filename): existing ones of the tool's kind, relative to the source
 * @deadline: when it is stopped, g_get_monotonic_time()
 * @cancellable: (nullable): stops it
 * @error: return location
 *
 * Returns: (transfer container) (element-type HrSyntaxFailure): the files that did not pass; %NULL with
 *   %HR_ERROR_CHECK_UNAVAILABLE or %HR_ERROR_START_FAILED when the tool itself fails, %HR_ERROR_TIMED_OUT,
 *   %G_IO_ERROR_CANCELLED
 */
GPtrArray *
hr_syntax_tool_check (const HrSyntaxTool *self, HrView *view, GPtrArray *files, gint64 deadline,
                      GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) failures = g_ptr_array_new_with_free_func (failure_free);
  gboolean ok;

  g_return_val_if_fail (self != NULL && view != NULL, NULL);

  ok = self->argv == NULL ? check_json (view, files, failures, cancellable, error)
                          : check_by_command (self, view, files, deadline, cancellable, failures, error);
  return ok ? g_steal_pointer (&failures) : NULL;
}
