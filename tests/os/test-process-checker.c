/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-exec-args.h"
#include "hr-fs.h"
#include "hr-process-checker.h"

/* Longer than any check here may take. */
#define DEADLINE_SEC 60

static char *no_words[] = { NULL };

/* A service with a source, the running release in slot a and the candidate in slot b. */
typedef struct {
  char *root, *source, *running, *candidate, *real_source, *marks;
  HrServiceSpec spec;
  char *exec[2], *words[4];
  GPtrArray *environment;
  GPtrArray *files;
  HrView *view, *baseline;
  HrChecker *checker;
  GMainLoop *loop;
  GAsyncResult *result;
} Fixture;

static char *
make_dir (Fixture *f, const char *name)
{
  char *path = g_build_filename (f->root, name, NULL);

  g_assert_cmpint (g_mkdir_with_parents (path, 0755), ==, 0);
  return path;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  f->root = g_dir_make_tmp ("hr-check-XXXXXX", &error);
  g_assert_no_error (error);
  f->source = make_dir (f, "source");
  f->running = make_dir (f, "a");
  f->candidate = make_dir (f, "b");
  f->real_source = make_dir (f, "real");
  f->marks = make_dir (f, "marks");
  f->exec[0] = (char *)"app";
  f->spec = (HrServiceSpec){ .name = (char *)"svc",
                             .exec = f->exec,
                             .source = f->source,
                             .validate = TRUE,
                             .build = no_words,
                             .precheck = no_words,
                             .forbid = no_words,
                             .probe_exec = no_words,
                             .check_timeout = DEADLINE_SEC * G_USEC_PER_SEC };
  f->environment = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (f->environment, g_strdup ("PATH=/usr/local/bin:/usr/bin:/bin"));
  g_ptr_array_add (f->environment, g_strdup ("LANG=C.UTF-8"));
  f->files = g_ptr_array_new_with_free_func (g_free);
  f->view = hr_view_new (f->source, f->candidate, NULL, NULL, NULL);
  f->checker = hr_process_checker_new ();
  f->loop = g_main_loop_new (NULL, FALSE);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_assert_true (hr_fs_remove_tree (f->root, NULL));
  g_free (f->root);
  g_free (f->source);
  g_free (f->running);
  g_free (f->candidate);
  g_free (f->real_source);
  g_free (f->marks);
  g_ptr_array_unref (f->environment);
  g_ptr_array_unref (f->files);
  hr_view_unref (f->view);
  hr_view_unref (f->baseline);
  g_main_loop_unref (f->loop);
  g_assert_finalize_object (f->checker);
}

static void
put (const char *dir, const char *file, const char *content)
{
  g_autofree char *path = g_build_filename (dir, file, NULL);
  g_autofree char *parent = g_path_get_dirname (path);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (parent, 0755), ==, 0);
  g_file_set_contents (path, content, -1, &error);
  g_assert_no_error (error);
}

static void
put_program (const char *dir, const char *file, const char *content)
{
  g_autofree char *path = g_build_filename (dir, file, NULL);

  put (dir, file, content);
  g_assert_cmpint (g_chmod (path, 0755), ==, 0);
}

/* A changed file of the candidate. */
static void
change (Fixture *f, const char *file, const char *content)
{
  put (f->candidate, file, content);
  g_ptr_array_remove (f->files, NULL);
  g_ptr_array_add (f->files, g_strdup (file));
}

static void
run_from (Fixture *f, const char *dir)
{
  f->baseline = hr_view_new (f->source, dir, NULL, NULL, NULL);
}

static void
set_variable (Fixture *f, const char *assignment)
{
  g_ptr_array_add (f->environment, g_strdup (assignment));
}

/* A command that the shell runs, as a step of the check. */
static void
set_step (Fixture *f, char ***step, const char *line)
{
  f->words[0] = (char *)"sh";
  f->words[1] = (char *)"-c";
  f->words[2] = (char *)line;
  *step = f->words;
}

static void
ended (GObject *source, GAsyncResult *result, gpointer data)
{
  Fixture *f = data;

  f->result = g_object_ref (result);
  g_main_loop_quit (f->loop);
}

static gboolean
too_late (gpointer data)
{
  g_error ("the check does not end");
  return G_SOURCE_REMOVE;
}

static HrCheckRequest
make_request (Fixture *f)
{
  if (f->files->len == 0 || f->files->pdata[f->files->len - 1] != NULL)
    g_ptr_array_add (f->files, NULL);
  if (f->environment->pdata[f->environment->len - 1] != NULL)
    g_ptr_array_add (f->environment, NULL);
  return (HrCheckRequest){ .spec = &f->spec,
                           .view = f->view,
                           .files = (const char *const *)f->files->pdata,
                           .environment = (const char *const *)f->environment->pdata,
                           .baseline = f->baseline };
}

static void
wait_for_end (Fixture *f)
{
  guint watchdog = g_timeout_add_seconds (2 * DEADLINE_SEC, too_late, NULL);

  g_main_loop_run (f->loop);
  g_source_remove (watchdog);
}

static HrCheckReport *
check (Fixture *f, GError **error)
{
  HrCheckRequest request = make_request (f);
  HrCheckReport *report;

  hr_checker_check_async (f->checker, &request, NULL, ended, f);
  wait_for_end (f);
  report = hr_checker_check_finish (f->checker, f->result, error);
  g_clear_object (&f->result);
  return report;
}

static gboolean
probe (Fixture *f, gint64 timeout, GError **error)
{
  HrCheckRequest request = make_request (f);
  gboolean healthy;

  hr_checker_probe_async (f->checker, &request, timeout, NULL, ended, f);
  wait_for_end (f);
  healthy = hr_checker_probe_finish (f->checker, f->result, error);
  g_clear_object (&f->result);
  return healthy;
}

static void
assert_report (Fixture *f, const char *done, const char *unavailable)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HrCheckReport) report = check (f, &error);
  g_autofree char *was_done = NULL;
  g_autofree char *was_not = NULL;

  g_assert_no_error (error);
  was_done = g_strjoinv ("|", report->done);
  was_not = g_strjoinv ("|", report->unavailable);
  g_assert_cmpstr (was_done, ==, done);
  g_assert_cmpstr (was_not, ==, unavailable);
}

#define assert_contains(text, words)                                                                                   \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    if (strstr (text, words) == NULL)                                                                                  \
      g_error ("'%s' is not in: %s", words, text);                                                                     \
  }                                                                                                                    \
  G_STMT_END

static void
assert_rejected (Fixture *f, const char *words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HrCheckReport) report = check (f, &error);

  g_assert_null (report);
  g_assert_error (error, HR_ERROR, HR_ERROR_CHECK_FAILED);
  assert_contains (error->message, words);
}

static gboolean
is_missing (const char *program)
{
  g_autofree char *path = g_build_filename ("/usr/bin", program, NULL);

  if (g_file_test (path, G_FILE_TEST_IS_EXECUTABLE))
    return FALSE;
  g_test_skip_printf ("not run here: '%s' is not installed", program);
  return TRUE;
}

static char *
list_dir (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  GString *names = g_string_new (NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    g_string_append_printf (names, "%s ", name);
  return g_string_free (names, FALSE);
}

static void
test_good_python_passes_and_leaves_no_bytecode (Fixture *f, gconstpointer data)
{
  g_autofree char *left = NULL;

  change (f, "app.py", "import json\nx = 1\nif x is 1: print('warned, not failed')\n");
  change (f, "empty.py", "");
  change (f, "pkg/latin.py", "# -*- coding: latin-1 -*-\ns = '\xe4'\n");
  assert_report (f, "python3: 2 files", "");
  left = list_dir (f->candidate);
  g_assert_null (strstr (left, "__pycache__"));
}

static void
test_broken_python_is_rejected_in_its_own_words (Fixture *f, gconstpointer data)
{
  g_autofree char *place = g_strdup_printf ("File \"%s/app.py\", line 2", f->candidate);
  g_autoptr (GError) error = NULL;

  change (f, "app.py", "x = 1\ndef f(:\n  pass\n");
  change (f, "good.py", "x = 1\n");
  g_assert_null (check (f, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_CHECK_FAILED);
  g_assert_cmpint (strncmp (error->message, "python3 rejects 'app.py':\n", 26), ==, 0);
  assert_contains (error->message, place);
  g_assert_true (g_str_has_suffix (error->message, "SyntaxError: invalid syntax"));
}

static void
test_python_file_of_garbage_is_rejected (Fixture *f, gconstpointer data)
{
  change (f, "app.py", "%$&/(§ garbage\n");
  assert_rejected (f, "SyntaxError");
}

static void
test_javascript_is_parsed_as_what_it_is (Fixture *f, gconstpointer data)
{
  if (is_missing ("node"))
    return;
  change (f, "cjs.js", "#!/usr/bin/env node\nconst fs = require('fs');\nmodule.exports = 1;\nreturn;\n");
  change (f, "esm.js", "import fs from 'fs';\nexport const a = await 1;\n");
  change (f, "shebang.mjs", "#!/usr/bin/env node\nimport fs from 'fs';\n");
  change (f, "strict.cjs", "with (Math) { x = cos(1); }\n");
  change (f, "dynamic.js", "const a = `import x`; // export\nimport('x');\n");
  change (f, "bom.js", "\xef\xbb\xbfmodule.exports = 1;\n");
  put (f->candidate, "module/package.json", "{\"type\": \"module\"}");
  change (f, "module/a/b.js", "import fs from 'fs';\n");
  change (f, "module/a/c.cjs", "const fs = require('fs'); return;\n");
  assert_report (f, "node: 8 files", "");
}

static void
test_broken_javascript_is_rejected (Fixture *f, gconstpointer data)
{
  static const struct {
    const char *file;
    const char *content;
    const char *line;
    const char *words;
  } cases[] = {
    { "a.js", "const a = ;\n", ":1\n", "SyntaxError: Unexpected token ';'" },
    { "b.js", "import fs from 'fs';\nexport const a = ;\n", ":2\n", "SyntaxError: Unexpected token ';'" },
    { "c.mjs", "#!/usr/bin/env node\n\nimport fs from;\n", ":3\n", "SyntaxError: Unexpected" },
    { "d.cjs", "const x = await 1;\n", ":1\n", "await is only valid" },
    { "e.cjs", "import fs from 'fs';\n", ":1\n", "outside a module" },
    { "module/f.js", "with (Math) {}\n", ":1\n", "Strict mode code may not include a with statement" },
    { "commonjs/g.js", "export const a = 1;\n", ":1\n", "Unexpected token 'export'" },
    { "h.js", "<<<<<<< HEAD\nx\n", ":1\n", "Unexpected token '<<'" },
    { "i.js", "const fs = require('fs')\nfunction (\n", ":2\n", "SyntaxError: Function statements require" },
  };

  if (is_missing ("node"))
    return;
  put (f->candidate, "module/package.json", "{\"type\": \"module\"}");
  put (f->candidate, "commonjs/package.json", "{\"type\": \"commonjs\"}");
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *place = g_strdup_printf ("%s/%s%s", f->candidate, cases[i].file, cases[i].line);
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", cases[i].file);
      g_ptr_array_set_size (f->files, 0);
      change (f, cases[i].file, cases[i].content);
      g_assert_null (check (f, &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_CHECK_FAILED);
      assert_contains (error->message, place);
      assert_contains (error->message, cases[i].words);
    }
}

static void
test_jsx_is_not_taken_for_a_fault (Fixture *f, gconstpointer data)
{
  if (is_missing ("node"))
    return;
  if (g_file_test ("/usr/bin/tsc", G_FILE_TEST_EXISTS) || g_file_test ("/usr/bin/bun", G_FILE_TEST_EXISTS))
    {
      g_test_skip ("not run here: JSX can be checked, TypeScript or bun is installed");
      return;
    }
  change (f, "page.js", "export const Page = () => <div className='x'>hi</div>;\n");
  change (f, "page.jsx", "export const Page = () => <div>hi</div>;\n");
  change (f, "good.js", "const a = 1;\n");
  assert_report (f, "node: 2 files",
                 "JavaScript: 'page.js' was not checked: it holds JSX|JSX: neither 'tsc' nor 'bun' is installed "
                 "(1 file)");
}

static void
test_typescript_without_a_checker_is_said (Fixture *f, gconstpointer data)
{
  if (g_file_test ("/usr/bin/tsc", G_FILE_TEST_EXISTS) || g_file_test ("/usr/bin/bun", G_FILE_TEST_EXISTS))
    {
      g_test_skip ("not run here: TypeScript or bun is installed");
      return;
    }
  change (f, "a.ts", "const a: number = ;\n");
  change (f, "b.tsx", "const a: number = ;\n");
  assert_report (f, "", "TypeScript: neither 'tsc' nor 'bun' is installed (2 files)");
}

/* A compiler whose library says what it is given. */
static void
test_typescript_of_the_service_is_used (Fixture *f, gconstpointer data)
{
  static const char library[] =
      "module.exports = { ScriptKind: {}, ScriptTarget: {}, flattenDiagnosticMessageText: (text) => text,\n"
      "  createSourceFile: (name, text) => ({\n"
      "    getLineAndCharacterOfPosition: () => ({ line: 0, character: 4 }),\n"
      "    parseDiagnostics: text.includes('bad') ? [{ start: 4, code: 1005, messageText: 'no' }] : [] }) };\n";
  g_autofree char *words = g_strdup_printf ("\n%s/bad.ts(1,5): error TS1005: no", f->candidate);

  if (is_missing ("node"))
    return;
  put (f->source, "node_modules/typescript/lib/typescript.js", library);
  put (f->candidate, "node_modules/typescript/lib/typescript.js", library);
  change (f, "good.ts", "let a: number;\n");
  assert_report (f, "typescript: 1 file", "");
  g_ptr_array_set_size (f->files, 0);
  change (f, "bad.ts", "let bad\n");
  assert_rejected (f, words);
}

static void
test_shell_is_read_by_the_shell_it_names (Fixture *f, gconstpointer data)
{
  if (is_missing ("bash") || is_missing ("dash"))
    return;
  change (f, "any.sh", "a=(1 2)\n");
  change (f, "bash.sh", "#!/usr/bin/env bash\na=(1 2)\n");
  change (f, "posix", "#!/bin/dash\necho hi\n");
  change (f, "run", "#!/bin/sh\ntouch /nonexistent/ran\n");
  change (f, "zsh.sh", "#!/bin/zsh\na=(\n");
  assert_report (f, "bash: 1 file|sh: 1 file|dash: 1 file|bash: 1 file", "");

  g_ptr_array_set_size (f->files, 0);
  change (f, "a file.sh", "#!/bin/bash\nif true; then\n");
  assert_rejected (f, "a file.sh: line 3: syntax error: unexpected end of file");
  g_ptr_array_set_size (f->files, 0);
  change (f, "posix", "#!/bin/dash\na=(1 2)\n");
  assert_rejected (f, "posix: 2: Syntax error: \"(\" unexpected");
}

static void
test_json_must_be_valid (Fixture *f, gconstpointer data)
{
  g_autofree char *place = g_strdup_printf ("%s/bad.json: not JSON: line 3", f->candidate);

  change (f, "good.json", "\xef\xbb\xbf{\"a\": [1, 2.5e3, null]}\n");
  change (f, "tsconfig.json", "{ // comment\n}\n");
  change (f, "empty.json", "");
  assert_report (f, "JSON: 1 file", "");
  change (f, "bad.json", "{\n\"a\": 1,\n}");
  assert_rejected (f, place);
}

static void
test_what_no_checker_knows_passes (Fixture *f, gconstpointer data)
{
  g_autofree char *link = g_build_filename (f->candidate, "link.py", NULL);

  change (f, "main.c", "int main (\n");
  change (f, "x.pl", "BEGIN { die }\n");
  g_assert_cmpint (symlink ("/nowhere", link), ==, 0);
  g_ptr_array_add (f->files, g_strdup ("link.py"));
  g_ptr_array_add (f->files, g_strdup ("not-there.py"));
  assert_report (f, "", "");
}

static void
test_missing_checker_is_reported (Fixture *f, gconstpointer data)
{
  g_ptr_array_set_size (f->environment, 0);
  set_variable (f, "PATH=/nonexistent");
  change (f, "a.py", "def f(:\n");
  change (f, "a.js", "const a = ;\n");
  change (f, "a.sh", "if\n");
  assert_report (f, "",
                 "Python: 'python3' is not installed (1 file)|JavaScript: 'node' is not installed (1 file)|"
                 "shell script: neither 'bash' nor 'sh' is installed (1 file)");
}

static void
test_checker_that_fails_itself_is_reported (Fixture *f, gconstpointer data)
{
  g_autofree char *bin = make_dir (f, "bin");
  g_autofree char *path = g_strdup_printf ("PATH=%s:/usr/bin:/bin", bin);

  put_program (bin, "python3", "#!/bin/sh\necho out of order >&2\nexit 3\n");
  g_ptr_array_set_size (f->environment, 0);
  set_variable (f, path);
  change (f, "a.py", "def f(:\n");
  assert_report (f, "", "Python: 'python3' itself fails: exit code 3: out of order (1 file)");
}

static void
test_validate_no_checks_no_syntax (Fixture *f, gconstpointer data)
{
  f->spec.validate = FALSE;
  change (f, "a.py", "def f(:\n");
  assert_report (f, "", "");
}

static void
test_service_interpreter_is_used (Fixture *f, gconstpointer data)
{
  g_autofree char *outside = make_dir (f, "outside");
  g_autofree char *venv = g_build_filename (f->source, ".venv/bin", NULL);
  g_autofree char *link = g_build_filename (venv, "python", NULL);
  g_autofree char *target = g_build_filename (outside, "real-python", NULL);
  g_autofree char *script = g_strdup_printf ("#!/bin/sh\ntouch %s/used\nexec /usr/bin/python3 \"$@\"\n", f->marks);
  g_autofree char *used = g_build_filename (f->marks, "used", NULL);
  g_autofree char *shebang = g_strdup_printf ("#!%s\n", link);

  if (is_missing ("python3"))
    return;
  put_program (outside, "real-python", script);
  g_assert_cmpint (g_mkdir_with_parents (venv, 0755), ==, 0);
  g_assert_cmpint (symlink (target, link), ==, 0);
  change (f, "app.py", "x = 1\n");
  /* With Slots=no the program sees the source itself. */
  hr_view_unref (f->view);
  f->view = hr_view_new (f->source, f->source, NULL, NULL, NULL);
  put (f->source, "app.py", "x = 1\n");
  f->exec[0] = (char *)".venv/bin/python";
  assert_report (f, "python: 1 file", "");
  g_assert_cmpint (g_unlink (used), ==, 0);
  f->exec[0] = (char *)"%s/.venv/bin/python";
  assert_report (f, "python: 1 file", "");
  g_assert_cmpint (g_unlink (used), ==, 0);
  put_program (f->source, ".venv/bin/gunicorn", shebang);
  f->exec[0] = (char *)"./.venv/bin/gunicorn";
  assert_report (f, "python: 1 file", "");
  g_assert_cmpint (g_unlink (used), ==, 0);
}

static void
test_checker_switched_off_by_the_running_file (Fixture *f, gconstpointer data)
{
  run_from (f, f->running);
  put (f->running, "old.py", "print 'python 2'\n");
  change (f, "old.py", "print 'python 2, edited'\n");
  change (f, "good.py", "x = 1\n");
  assert_report (f, "python3: 1 file", "python3: switched off: it also rejects the running release's 'old.py'");
}

static void
test_checker_switched_off_for_a_new_file (Fixture *f, gconstpointer data)
{
  run_from (f, f->running);
  put (f->running, "lib/old.py", "print 'python 2'\n");
  put (f->running, "good.py", "x = 1\n");
  change (f, "new.py", "print 'python 2 too'\n");
  assert_report (f, "", "python3: switched off: it also rejects the running release's 'lib/old.py'");
}

static void
test_fault_in_a_file_that_runs_is_a_fault (Fixture *f, gconstpointer data)
{
  run_from (f, f->running);
  put (f->running, "old.py", "print 'python 2'\n");
  put (f->running, "app.py", "x = 1\n");
  change (f, "old.py", "print 'python 2, edited'\n");
  change (f, "app.py", "x = (\n");
  assert_rejected (f, "python3 rejects 'app.py':");
}

static void
test_new_broken_file_is_a_fault (Fixture *f, gconstpointer data)
{
  run_from (f, f->running);
  put (f->running, "app.py", "x = 1\n");
  put (f->running, "node_modules/x/py2.py", "print 'not ours'\n");
  change (f, "new.py", "x = (\n");
  assert_rejected (f, "python3 rejects 'new.py':");
}

static void
test_candidate_is_no_baseline_of_itself (Fixture *f, gconstpointer data)
{
  run_from (f, f->candidate);
  change (f, "app.py", "x = (\n");
  assert_rejected (f, "python3 rejects 'app.py':");
}

static void
test_forbidden_pattern_names_file_and_line (Fixture *f, gconstpointer data)
{
  char *forbid[] = { (char *)"eval\\(", (char *)"^debugger", NULL };
  g_autofree char *first = g_strdup_printf ("%s/a.txt:2: forbidden pattern 'eval\\('", f->candidate);
  g_autofree char *second = g_strdup_printf ("%s/b.py:3: forbidden pattern '^debugger'", f->candidate);
  g_autofree char *binary = g_build_filename (f->candidate, "c.bin", NULL);
  g_autoptr (GError) error = NULL;

  f->spec.forbid = forbid;
  put (f->candidate, "unchanged.txt", "eval(\n");
  change (f, "good.txt", "evaluate\n debugger\n");
  change (f, "c.bin", "");
  g_assert_true (g_file_set_contents (binary, "\0eval(", 6, NULL));
  assert_report (f, "Forbid", "");
  change (f, "a.txt", "one\nx = eval(\xff)\neval(\n");
  change (f, "b.py", "x = 1\n\ndebugger\n");
  g_assert_null (check (f, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_CHECK_FAILED);
  assert_contains (error->message, first);
  assert_contains (error->message, second);
}

static void
test_pattern_without_end_is_no_pass (Fixture *f, gconstpointer data)
{
  char *forbid[] = { (char *)"(a+)+$", NULL };

  f->spec.forbid = forbid;
  change (f, "a.txt", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
  assert_rejected (f, "a.txt: forbidden pattern '(a+)+$' could not be applied");
}

static void
test_build_runs_in_the_slot_with_the_environment (Fixture *f, gconstpointer data)
{
  g_autofree char *made = g_build_filename (f->candidate, "made", NULL);
  g_autofree char *content = NULL;
  g_autofree char *expected = g_strdup_printf ("%s value 0\n", f->candidate);

  set_variable (f, "OWN=value");
  set_step (f, &f->spec.build, "echo \"$PWD $OWN $(cat | wc -c)\" > made");
  assert_report (f, "Build", "");
  g_assert_true (g_file_get_contents (made, &content, NULL, NULL));
  g_assert_cmpstr (content, ==, expected);
}

static void
test_failing_build_says_its_words (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  set_step (f, &f->spec.build, "echo out; echo err >&2; exit 3");
  g_assert_null (check (f, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_CHECK_FAILED);
  g_assert_cmpstr (error->message, ==, "Build 'sh -c echo out; echo err >&2; exit 3': exit code 3:\nout\nerr");
}

static void
test_build_comes_after_syntax_and_before_precheck (Fixture *f, gconstpointer data)
{
  char *precheck[] = { (char *)"test", (char *)"-e", (char *)"made", NULL };
  g_autofree char *made = g_build_filename (f->candidate, "made", NULL);

  f->spec.precheck = precheck;
  set_step (f, &f->spec.build, "echo > made");
  assert_report (f, "Build|PreCheck", "");
  g_assert_cmpint (g_unlink (made), ==, 0);
  change (f, "app.py", "x = (\n");
  assert_rejected (f, "python3 rejects");
  g_assert_false (g_file_test (made, G_FILE_TEST_EXISTS));
}

static void
test_missing_build_program_is_unavailable (Fixture *f, gconstpointer data)
{
  char *build[] = { (char *)"no-such-program-here", (char *)"x", NULL };
  g_autoptr (GError) error = NULL;

  f->spec.build = build;
  g_assert_null (check (f, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_CHECK_UNAVAILABLE);
  assert_contains (error->message, "Build 'no-such-program-here x': ");
  assert_contains (error->message, "No such file or directory");
}

static void
test_output_without_end_is_kept_in_bounds (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  set_step (f, &f->spec.build, "echo first; yes 0123456789 | head -c 20000000; echo last; exit 1");
  g_assert_null (check (f, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_CHECK_FAILED);
  assert_contains (error->message, ":\nfirst\n");
  assert_contains (error->message, "[… 19995915 bytes left out …]");
  g_assert_true (g_str_has_suffix (error->message, "last"));
  g_assert_cmpint (strlen (error->message), <, HR_CHECK_OUTPUT_MAX + 256);
}

/* A pipe's end that processes of the check hold; its hang-up says that they are gone. */
static int
open_fifo (Fixture *f)
{
  g_autofree char *fifo = g_build_filename (f->candidate, "alive", NULL);
  int fd;

  g_assert_cmpint (mkfifo (fifo, 0666), ==, 0);
  fd = open (fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  return fd;
}

static void
assert_gone (Fixture *f, int fd)
{
  struct pollfd alive = { .fd = fd, .events = POLLIN };
  g_autofree char *fifo = g_build_filename (f->candidate, "alive", NULL);

  /* Without a writer ever there is no hang-up. */
  close (open (fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  g_assert_cmpint (poll (&alive, 1, DEADLINE_SEC * 1000), ==, 1);
  g_assert_cmpint (alive.revents & POLLHUP, ==, POLLHUP);
  close (fd);
}

static void
test_nothing_of_a_build_outlives_it (Fixture *f, gconstpointer data)
{
  int fd = open_fifo (f);

  set_step (f, &f->spec.build, "exec 3> alive; sleep 1000 & exec true");
  assert_report (f, "Build", "");
  assert_gone (f, fd);
}

static void
test_late_build_is_ended_with_its_group (Fixture *f, gconstpointer data)
{
  int fd = open_fifo (f);
  g_autoptr (GError) error = NULL;

  f->spec.check_timeout = G_USEC_PER_SEC / 5;
  set_step (f, &f->spec.build, "exec > alive 2>&1; trap '' TERM; sleep 1000 & while :; do wait; done");
  g_assert_null (check (f, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_TIMED_OUT);
  assert_contains (error->message, "Check.Timeout=0.2 s: Build 'sh ");
  assert_gone (f, fd);
}

static void
test_cancelled_check_ends_its_processes (Fixture *f, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GFile) marks = g_file_new_for_path (f->marks);
  g_autoptr (GFileMonitor) monitor = g_file_monitor_directory (marks, 0, NULL, NULL);
  g_autofree char *line = g_strdup_printf ("exec > alive 2>&1; echo > %s/begun; sleep 1000", f->marks);
  g_autoptr (GError) error = NULL;
  HrCheckRequest request;
  int fd = open_fifo (f);

  set_step (f, &f->spec.build, line);
  request = make_request (f);
  g_signal_connect_swapped (monitor, "changed", G_CALLBACK (g_cancellable_cancel), cancellable);
  hr_checker_check_async (f->checker, &request, cancellable, ended, f);
  wait_for_end (f);
  g_assert_null (hr_checker_check_finish (f->checker, f->result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_object (&f->result);
  assert_gone (f, fd);
}

static void
test_check_cancelled_before_it_begins_runs_nothing (Fixture *f, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *line = g_strdup_printf ("echo > %s/begun", f->marks);
  g_autofree char *left = NULL;
  HrCheckRequest request;

  set_step (f, &f->spec.build, line);
  request = make_request (f);
  g_cancellable_cancel (cancellable);
  hr_checker_check_async (f->checker, &request, cancellable, ended, f);
  wait_for_end (f);
  g_assert_null (hr_checker_check_finish (f->checker, f->result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_object (&f->result);
  left = list_dir (f->marks);
  g_assert_cmpstr (left, ==, "");
}

static void
put_hook (Fixture *f, const char *file, const char *format)
{
  g_autofree char *mark = g_strdup_printf ("%s/%s", f->marks, file);
  g_auto (GStrv) parts = g_strsplit (format, "MARK", -1);
  g_autofree char *content = NULL;

  g_strdelimit (mark + strlen (f->marks) + 1, "/", '-');
  content = g_strjoinv (mark, parts);
  put (f->source, file, content);
  change (f, file, content);
}

static void
add_hook_variables (Fixture *f)
{
  const struct {
    const char *name;
    const char *file;
  } variables[] = {
    { "PYTHONPATH", "" },
    { "PYTHONSTARTUP", "startup.py" },
    { "PYTHONUSERBASE", "" },
    { "NODE_PATH", "" },
    { "BASH_ENV", "hook.sh" },
    { "ENV", "hook.sh" },
    { "NODE_REPL_EXTERNAL_MODULE", "hook.js" },
    { "HOME", "" },
    { "XDG_CONFIG_HOME", "" },
  };
  g_autofree char *options = g_strdup_printf ("NODE_OPTIONS=--require=%s/hook.js", f->candidate);
  g_autofree char *path = g_strdup_printf ("PATH=%s/bin:/usr/local/bin:/usr/bin:/bin", f->candidate);

  g_ptr_array_set_size (f->environment, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (variables); i++)
    {
      g_autofree char *value = g_strdup_printf ("%s=%s/%s", variables[i].name, f->candidate, variables[i].file);
      set_variable (f, value);
    }
  set_variable (f, options);
  set_variable (f, path);
}

/* Case 15 of the predecessors. */
static void
test_validation_runs_no_hook_of_the_service (Fixture *f, gconstpointer data)
{
  static const char *const modules[] = {
    "json.py",           "sitecustomize.py",      "usercustomize.py", "conftest.py", "traceback.py", "os.py",
    "encodings/evil.py", "encodings/__init__.py", "startup.py",       "setup.py",    "app.py"
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (HrCheckReport) report = NULL;
  g_autofree char *left = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (modules); i++)
    put_hook (f, modules[i], "open('MARK', 'w')\n");
  put_hook (f, "evil.pth", "import os; open('MARK', 'w')\n");
  put_hook (f, "lib/python3.11/site-packages/evil.pth", "import os; open('MARK', 'w')\n");
  put_hook (f, "hook.js", "require('fs').writeFileSync('MARK', '')\n");
  put_hook (f, "vm.js", "require('fs').writeFileSync('MARK', '')\n");
  put_hook (f, "index.mjs", "import fs from 'fs'; fs.writeFileSync('MARK', '')\n");
  put_hook (f, "hook.sh", "touch MARK\n");
  put_hook (f, "run.sh", "#!/bin/bash\nx=$(touch MARK)\n");
  put_hook (f, ".bashrc", "touch MARK\n");
  put_hook (f, ".profile", "touch MARK\n");
  put_hook (f, "package.json", "{\"scripts\": {\"prepare\": \"touch MARK\", \"preinstall\": \"touch MARK\"}}\n");
  put_hook (f, "x.pl", "BEGIN { open(F, '>MARK') }\n");
  put_hook (f, "bin/python3", "#!/bin/sh\ntouch MARK\n");
  put_hook (f, "bin/node", "#!/bin/sh\ntouch MARK\n");
  put_hook (f, "bin/bash", "#!/bin/sh\ntouch MARK\n");
  put_program (f->candidate, "bin/xargs", "#!/bin/sh\ntouch MARK\n");
  for (const char *const *name = (const char *const[]){ "bin/python3", "bin/node", "bin/bash", NULL }; *name; name++)
    {
      g_autofree char *program = g_build_filename (f->candidate, *name, NULL);
      g_assert_cmpint (g_chmod (program, 0755), ==, 0);
    }
  add_hook_variables (f);
  f->exec[0] = (char *)"bin/python3";
  report = check (f, &error);
  g_assert_no_error (error);
  left = list_dir (f->marks);
  g_assert_cmpstr (left, ==, "");
}

static void
mount_view (Fixture *f, const char *share)
{
  const char *shares[] = { share, NULL };

  hr_view_unref (f->view);
  f->view = hr_view_new (f->source, f->candidate, f->real_source, shares, NULL);
}

static gboolean
cannot_mount (void)
{
  g_autofree char *why = NULL;

  if (hr_exec_can_mount (&why))
    return FALSE;
  g_test_skip_printf ("not run here: %s", why);
  return TRUE;
}

static void
test_messages_name_what_the_program_sees (Fixture *f, gconstpointer data)
{
  g_autofree char *place = g_strdup_printf ("File \"%s/app.py\", line 1", f->source);

  if (cannot_mount ())
    return;
  mount_view (f, NULL);
  put (f->source, "app.py", "x = 1\n");
  change (f, "app.py", "x = (\n");
  assert_rejected (f, place);
}

static void
test_shares_are_read_only_for_a_build (Fixture *f, gconstpointer data)
{
  g_autofree char *in_source = g_build_filename (f->source, "deps", NULL);
  g_autofree char *in_slot = g_build_filename (f->candidate, "deps", NULL);

  if (cannot_mount ())
    return;
  g_assert_cmpint (g_mkdir (in_source, 0755), ==, 0);
  g_assert_cmpint (g_mkdir (in_slot, 0755), ==, 0);
  mount_view (f, "deps");
  set_step (f, &f->spec.build, "echo > own && echo > deps/x");
  assert_rejected (f, "Read-only file system");
}

static void
test_probe_says_whether_it_is_well (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  set_step (f, &f->spec.probe_exec, "test \"$OWN\" = value || { echo sick; exit 1; }");
  g_assert_false (probe (f, DEADLINE_SEC * G_USEC_PER_SEC, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_NOT_HEALTHY);
  g_assert_true (g_str_has_suffix (error->message, "exit code 1:\nsick"));
  g_ptr_array_set_size (f->environment, f->environment->len - 1);
  set_variable (f, "OWN=value");
  g_assert_true (probe (f, DEADLINE_SEC * G_USEC_PER_SEC, NULL));
}

static void
test_late_and_missing_probes_are_not_healthy (Fixture *f, gconstpointer data)
{
  char *missing[] = { (char *)"no-such-program-here", NULL };
  g_autoptr (GError) late = NULL;
  g_autoptr (GError) error = NULL;

  set_step (f, &f->spec.probe_exec, "echo slow; exec sleep 1000");
  g_assert_false (probe (f, G_USEC_PER_SEC / 5, &late));
  g_assert_error (late, HR_ERROR, HR_ERROR_NOT_HEALTHY);
  assert_contains (late->message, "it did not end in time:\nslow");
  f->spec.probe_exec = missing;
  g_assert_false (probe (f, DEADLINE_SEC * G_USEC_PER_SEC, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_NOT_HEALTHY);
}

static void
test_service_without_source_can_be_probed (Fixture *f, gconstpointer data)
{
  g_clear_pointer (&f->view, hr_view_unref);
  set_step (f, &f->spec.probe_exec, "test \"$PWD\" = /");
  g_assert_true (probe (f, DEADLINE_SEC * G_USEC_PER_SEC, NULL));
  assert_report (f, "", "");
}

#define add(name, function) g_test_add ("/process-checker/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("good-python-passes-and-leaves-no-bytecode", test_good_python_passes_and_leaves_no_bytecode);
  add ("broken-python-is-rejected-in-its-own-words", test_broken_python_is_rejected_in_its_own_words);
  add ("python-file-of-garbage-is-rejected", test_python_file_of_garbage_is_rejected);
  add ("javascript-is-parsed-as-what-it-is", test_javascript_is_parsed_as_what_it_is);
  add ("broken-javascript-is-rejected", test_broken_javascript_is_rejected);
  add ("jsx-is-not-taken-for-a-fault", test_jsx_is_not_taken_for_a_fault);
  add ("typescript-without-a-checker-is-said", test_typescript_without_a_checker_is_said);
  add ("typescript-of-the-service-is-used", test_typescript_of_the_service_is_used);
  add ("shell-is-read-by-the-shell-it-names", test_shell_is_read_by_the_shell_it_names);
  add ("json-must-be-valid", test_json_must_be_valid);
  add ("what-no-checker-knows-passes", test_what_no_checker_knows_passes);
  add ("missing-checker-is-reported", test_missing_checker_is_reported);
  add ("checker-that-fails-itself-is-reported", test_checker_that_fails_itself_is_reported);
  add ("validate-no-checks-no-syntax", test_validate_no_checks_no_syntax);
  add ("service-interpreter-is-used", test_service_interpreter_is_used);
  add ("checker-switched-off-by-the-running-file", test_checker_switched_off_by_the_running_file);
  add ("checker-switched-off-for-a-new-file", test_checker_switched_off_for_a_new_file);
  add ("fault-in-a-file-that-runs-is-a-fault", test_fault_in_a_file_that_runs_is_a_fault);
  add ("new-broken-file-is-a-fault", test_new_broken_file_is_a_fault);
  add ("candidate-is-no-baseline-of-itself", test_candidate_is_no_baseline_of_itself);
  add ("forbidden-pattern-names-file-and-line", test_forbidden_pattern_names_file_and_line);
  add ("pattern-without-end-is-no-pass", test_pattern_without_end_is_no_pass);
  add ("build-runs-in-the-slot-with-the-environment", test_build_runs_in_the_slot_with_the_environment);
  add ("failing-build-says-its-words", test_failing_build_says_its_words);
  add ("build-comes-after-syntax-and-before-precheck", test_build_comes_after_syntax_and_before_precheck);
  add ("missing-build-program-is-unavailable", test_missing_build_program_is_unavailable);
  add ("output-without-end-is-kept-in-bounds", test_output_without_end_is_kept_in_bounds);
  add ("nothing-of-a-build-outlives-it", test_nothing_of_a_build_outlives_it);
  add ("late-build-is-ended-with-its-group", test_late_build_is_ended_with_its_group);
  add ("cancelled-check-ends-its-processes", test_cancelled_check_ends_its_processes);
  add ("check-cancelled-before-it-begins-runs-nothing", test_check_cancelled_before_it_begins_runs_nothing);
  add ("validation-runs-no-hook-of-the-service", test_validation_runs_no_hook_of_the_service);
  add ("messages-name-what-the-program-sees", test_messages_name_what_the_program_sees);
  add ("shares-are-read-only-for-a-build", test_shares_are_read_only_for_a_build);
  add ("probe-says-whether-it-is-well", test_probe_says_whether_it_is_well);
  add ("late-and-missing-probes-are-not-healthy", test_late_and_missing_probes_are_not_healthy);
  add ("service-without-source-can-be-probed", test_service_without_source_can_be_probed);
  return g_test_run ();
}
