/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "check-fixture.h"
#include "hr-error.h"

static void
test_good_python_passes_and_leaves_no_bytecode (CheckFixture *f, gconstpointer data)
{
  g_autofree char *left = NULL;

  check_change (f, "app.py", "import json\nx = 1\nif x is 1: print('warned, not failed')\n");
  check_change (f, "empty.py", "");
  check_change (f, "pkg/latin.py", "# -*- coding: latin-1 -*-\ns = '\xe4'\n");
  check_assert_report (f, "python3: 2 files", "");
  left = check_list_dir (f->candidate);
  g_assert_null (strstr (left, "__pycache__"));
}

static void
test_broken_python_is_rejected_in_its_own_words (CheckFixture *f, gconstpointer data)
{
  g_autofree char *place = g_strdup_printf ("File \"%s/app.py\", line 2", f->candidate);
  g_autoptr (GError) error = NULL;

  check_change (f, "app.py", "x = 1\ndef f(:\n  pass\n");
  check_change (f, "good.py", "x = 1\n");
  g_assert_null (check_run (f, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_CHECK_FAILED);
  g_assert_cmpint (strncmp (error->message, "python3 rejects 'app.py':\n", 26), ==, 0);
  check_assert_contains (error->message, place);
  g_assert_true (g_str_has_suffix (error->message, "SyntaxError: invalid syntax"));
}

static void
test_python_file_of_garbage_is_rejected (CheckFixture *f, gconstpointer data)
{
  check_change (f, "app.py", "%$&/(§ garbage\n");
  check_assert_rejected (f, "SyntaxError");
}

static void
test_javascript_is_parsed_as_what_it_is (CheckFixture *f, gconstpointer data)
{
  if (check_is_missing ("node"))
    return;
  check_change (f, "cjs.js", "#!/usr/bin/env node\nconst fs = require('fs');\nmodule.exports = 1;\nreturn;\n");
  check_change (f, "esm.js", "import fs from 'fs';\nexport const a = await 1;\n");
  check_change (f, "shebang.mjs", "#!/usr/bin/env node\nimport fs from 'fs';\n");
  check_change (f, "strict.cjs", "with (Math) { x = cos(1); }\n");
  check_change (f, "dynamic.js", "const a = `import x`; // export\nimport('x');\n");
  check_change (f, "bom.js", "\xef\xbb\xbfmodule.exports = 1;\n");
  check_put (f->candidate, "module/package.json", "{\"type\": \"module\"}");
  check_change (f, "module/a/b.js", "import fs from 'fs';\n");
  check_change (f, "module/a/c.cjs", "const fs = require('fs'); return;\n");
  check_assert_report (f, "node: 8 files", "");
}

static void
test_broken_javascript_is_rejected (CheckFixture *f, gconstpointer data)
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

  if (check_is_missing ("node"))
    return;
  check_put (f->candidate, "module/package.json", "{\"type\": \"module\"}");
  check_put (f->candidate, "commonjs/package.json", "{\"type\": \"commonjs\"}");
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *place = g_strdup_printf ("%s/%s%s", f->candidate, cases[i].file, cases[i].line);
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", cases[i].file);
      g_ptr_array_set_size (f->files, 0);
      check_change (f, cases[i].file, cases[i].content);
      g_assert_null (check_run (f, &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_CHECK_FAILED);
      check_assert_contains (error->message, place);
      check_assert_contains (error->message, cases[i].words);
    }
}

static void
test_jsx_is_not_taken_for_a_fault (CheckFixture *f, gconstpointer data)
{
  if (check_is_missing ("node"))
    return;
  if (g_file_test ("/usr/bin/tsc", G_FILE_TEST_EXISTS) || g_file_test ("/usr/bin/bun", G_FILE_TEST_EXISTS))
    {
      g_test_skip ("not run here: JSX can be checked, TypeScript or bun is installed");
      return;
    }
  check_change (f, "page.js", "export const Page = () => <div className='x'>hi</div>;\n");
  check_change (f, "page.jsx", "export const Page = () => <div>hi</div>;\n");
  check_change (f, "good.js", "const a = 1;\n");
  check_assert_report (f, "node: 2 files",
                       "JavaScript: 'page.js' was not checked: it holds JSX|JSX: neither 'tsc' nor 'bun' is installed "
                       "(1 file)");
}

static void
test_typescript_without_a_checker_is_said (CheckFixture *f, gconstpointer data)
{
  if (g_file_test ("/usr/bin/tsc", G_FILE_TEST_EXISTS) || g_file_test ("/usr/bin/bun", G_FILE_TEST_EXISTS))
    {
      g_test_skip ("not run here: TypeScript or bun is installed");
      return;
    }
  check_change (f, "a.ts", "const a: number = ;\n");
  check_change (f, "b.tsx", "const a: number = ;\n");
  check_assert_report (f, "", "TypeScript: neither 'tsc' nor 'bun' is installed (2 files)");
}

static void
test_typescript_of_the_service_is_used (CheckFixture *f, gconstpointer data)
{
  static const char library[] =
      "module.exports = { ScriptKind: {}, ScriptTarget: {}, flattenDiagnosticMessageText: (text) => text,\n"
      "  createSourceFile: (name, text) => ({\n"
      "    getLineAndCharacterOfPosition: () => ({ line: 0, character: 4 }),\n"
      "    parseDiagnostics: text.includes('bad') ? [{ start: 4, code: 1005, messageText: 'no' }] : [] }) };\n";
  g_autofree char *words = g_strdup_printf ("\n%s/bad.ts(1,5): error TS1005: no", f->candidate);

  if (check_is_missing ("node"))
    return;
  check_put (f->source, "node_modules/typescript/lib/typescript.js", library);
  check_put (f->candidate, "node_modules/typescript/lib/typescript.js", library);
  check_change (f, "good.ts", "let a: number;\n");
  check_assert_report (f, "typescript: 1 file", "");
  g_ptr_array_set_size (f->files, 0);
  check_change (f, "bad.ts", "let bad\n");
  check_assert_rejected (f, words);
}

static void
test_typescript_that_is_installed_is_used (CheckFixture *f, gconstpointer data)
{
  g_autofree char *node = g_find_program_in_path ("node");

  if (!g_file_test ("/usr/bin/bun", G_FILE_TEST_EXISTS)
      && !(g_file_test ("/usr/bin/tsc", G_FILE_TEST_EXISTS) && node != NULL))
    {
      g_test_skip ("not run here: neither 'tsc' nor 'bun' is installed");
      return;
    }
  check_change (f, "good.ts", "enum E { A }\nconst a: E | undefined = E.A;\nexport default a;\n");
  check_change (f, "good.tsx", "const a = <div>{1 as number}</div>;\n");
  check_change (f, "good.d.ts", "declare const x: number;\n");
  check_change (f, "unresolved.ts", "import { x } from './nowhere';\nconst a: string = 5;\n");
  check_change (f, "bad.ts", "const a: number = ;\n");
  check_assert_rejected (f, "rejects 'bad.ts':\n");
  g_ptr_array_set_size (f->files, 0);
  check_change (f, "bad.jsx", "const a = <div>{1</div>;\n");
  check_assert_rejected (f, "rejects 'bad.jsx':\n");
}

static void
test_shell_is_read_by_the_shell_it_names (CheckFixture *f, gconstpointer data)
{
  if (check_is_missing ("bash") || check_is_missing ("dash"))
    return;
  check_change (f, "any.sh", "a=(1 2)\n");
  check_change (f, "bash.sh", "#!/usr/bin/env bash\na=(1 2)\n");
  check_change (f, "posix", "#!/bin/dash\necho hi\n");
  check_change (f, "run", "#!/bin/sh\ntouch /nonexistent/ran\n");
  check_change (f, "zsh.sh", "#!/bin/zsh\na=(\n");
  check_assert_report (f, "bash: 1 file|sh: 1 file|dash: 1 file|bash: 1 file", "");

  g_ptr_array_set_size (f->files, 0);
  check_change (f, "a file.sh", "#!/bin/bash\nif true; then\n");
  check_assert_rejected (f, "a file.sh: line 3: syntax error: unexpected end of file");
  g_ptr_array_set_size (f->files, 0);
  check_change (f, "posix", "#!/bin/dash\na=(1 2)\n");
  check_assert_rejected (f, "posix: 2: Syntax error: \"(\" unexpected");
}

static void
test_json_must_be_valid (CheckFixture *f, gconstpointer data)
{
  g_autofree char *place = g_strdup_printf ("%s/bad.json: not JSON: line 3", f->candidate);

  check_change (f, "good.json", "\xef\xbb\xbf{\"a\": [1, 2.5e3, null]}\n");
  check_change (f, "tsconfig.json", "{ // comment\n}\n");
  check_change (f, "empty.json", "");
  check_assert_report (f, "JSON: 1 file", "");
  check_change (f, "bad.json", "{\n\"a\": 1,\n}");
  check_assert_rejected (f, place);
}

static void
test_what_no_checker_knows_passes (CheckFixture *f, gconstpointer data)
{
  g_autofree char *link = g_build_filename (f->candidate, "link.py", NULL);

  check_change (f, "main.c", "int main (\n");
  check_change (f, "x.pl", "BEGIN { die }\n");
  g_assert_cmpint (symlink ("/nowhere", link), ==, 0);
  g_ptr_array_add (f->files, g_strdup ("link.py"));
  g_ptr_array_add (f->files, g_strdup ("not-there.py"));
  check_assert_report (f, "", "");
}

static void
test_missing_checker_is_reported (CheckFixture *f, gconstpointer data)
{
  g_ptr_array_set_size (f->environment, 0);
  check_set_variable (f, "PATH=/nonexistent");
  check_change (f, "a.py", "def f(:\n");
  check_change (f, "a.js", "const a = ;\n");
  check_change (f, "a.sh", "if\n");
  check_assert_report (f, "",
                       "Python: 'python3' is not installed (1 file)|JavaScript: 'node' is not installed (1 file)|"
                       "shell script: neither 'bash' nor 'sh' is installed (1 file)");
}

static void
test_checker_that_fails_itself_is_reported (CheckFixture *f, gconstpointer data)
{
  g_autofree char *bin = check_make_dir (f, "bin");
  g_autofree char *path = g_strdup_printf ("PATH=%s:/usr/bin:/bin", bin);

  check_put_program (bin, "python3", "#!/bin/sh\necho out of order >&2\nexit 3\n");
  g_ptr_array_set_size (f->environment, 0);
  check_set_variable (f, path);
  check_change (f, "a.py", "def f(:\n");
  check_assert_report (f, "", "Python: 'python3' itself fails: exit code 3: out of order (1 file)");
}

static void
test_validate_no_checks_no_syntax (CheckFixture *f, gconstpointer data)
{
  f->spec.validate = FALSE;
  check_change (f, "a.py", "def f(:\n");
  check_assert_report (f, "", "");
}

static void
test_service_interpreter_is_used (CheckFixture *f, gconstpointer data)
{
  g_autofree char *outside = check_make_dir (f, "outside");
  g_autofree char *venv = g_build_filename (f->source, ".venv/bin", NULL);
  g_autofree char *link = g_build_filename (venv, "python", NULL);
  g_autofree char *target = g_build_filename (outside, "real-python", NULL);
  g_autofree char *script = g_strdup_printf ("#!/bin/sh\ntouch %s/used\nexec /usr/bin/python3 \"$@\"\n", f->marks);
  g_autofree char *used = g_build_filename (f->marks, "used", NULL);
  g_autofree char *shebang = g_strdup_printf ("#!%s\n", link);

  if (check_is_missing ("python3"))
    return;
  check_put_program (outside, "real-python", script);
  g_assert_cmpint (g_mkdir_with_parents (venv, 0755), ==, 0);
  g_assert_cmpint (symlink (target, link), ==, 0);
  check_change (f, "app.py", "x = 1\n");
  /* With Slots=no the program sees the source itself. */
  hr_view_unref (f->view);
  f->view = hr_view_new (f->source, f->source, NULL, NULL, NULL);
  check_put (f->source, "app.py", "x = 1\n");
  f->exec[0] = (char *)".venv/bin/python";
  check_assert_report (f, "python: 1 file", "");
  g_assert_cmpint (g_unlink (used), ==, 0);
  f->exec[0] = (char *)"%s/.venv/bin/python";
  check_assert_report (f, "python: 1 file", "");
  g_assert_cmpint (g_unlink (used), ==, 0);
  check_put_program (f->source, ".venv/bin/gunicorn", shebang);
  f->exec[0] = (char *)"./.venv/bin/gunicorn";
  check_assert_report (f, "python: 1 file", "");
  g_assert_cmpint (g_unlink (used), ==, 0);
}

static void
test_checker_switched_off_by_the_running_file (CheckFixture *f, gconstpointer data)
{
  check_run_from (f, f->running);
  check_put (f->running, "old.py", "print 'python 2'\n");
  check_change (f, "old.py", "print 'python 2, edited'\n");
  check_change (f, "good.py", "x = 1\n");
  check_assert_report (f, "python3: 1 file", "python3: switched off: it also rejects the running release's 'old.py'");
}

static void
test_checker_switched_off_for_a_new_file (CheckFixture *f, gconstpointer data)
{
  check_run_from (f, f->running);
  check_put (f->running, "lib/old.py", "print 'python 2'\n");
  check_put (f->running, "good.py", "x = 1\n");
  check_change (f, "new.py", "print 'python 2 too'\n");
  check_assert_report (f, "", "python3: switched off: it also rejects the running release's 'lib/old.py'");
}

static void
test_fault_in_a_file_that_runs_is_a_fault (CheckFixture *f, gconstpointer data)
{
  check_run_from (f, f->running);
  check_put (f->running, "old.py", "print 'python 2'\n");
  check_put (f->running, "app.py", "x = 1\n");
  check_change (f, "old.py", "print 'python 2, edited'\n");
  check_change (f, "app.py", "x = (\n");
  check_assert_rejected (f, "python3 rejects 'app.py':");
}

static void
test_new_broken_file_is_a_fault (CheckFixture *f, gconstpointer data)
{
  check_run_from (f, f->running);
  check_put (f->running, "app.py", "x = 1\n");
  check_put (f->running, "node_modules/x/py2.py", "print 'not ours'\n");
  check_change (f, "new.py", "x = (\n");
  check_assert_rejected (f, "python3 rejects 'new.py':");
}

static void
test_jsx_that_runs_excuses_no_fault (CheckFixture *f, gconstpointer data)
{
  if (check_is_missing ("node"))
    return;
  check_run_from (f, f->running);
  check_put (f->running, "page.js", "const Page = () => <div/>;\n");
  check_change (f, "new.js", "const a = ;\n");
  check_assert_rejected (f, "node rejects 'new.js':");
}

static void
test_candidate_is_no_baseline_of_itself (CheckFixture *f, gconstpointer data)
{
  check_run_from (f, f->candidate);
  check_change (f, "app.py", "x = (\n");
  check_assert_rejected (f, "python3 rejects 'app.py':");
}

static void
put_hook (CheckFixture *f, const char *file, const char *format)
{
  g_autofree char *mark = g_strdup_printf ("%s/%s", f->marks, file);
  g_auto (GStrv) parts = g_strsplit (format, "MARK", -1);
  g_autofree char *content = NULL;

  g_strdelimit (mark + strlen (f->marks) + 1, "/", '-');
  content = g_strjoinv (mark, parts);
  check_put (f->source, file, content);
  check_change (f, file, content);
}

static void
add_hook_variables (CheckFixture *f)
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
      check_set_variable (f, value);
    }
  check_set_variable (f, options);
  check_set_variable (f, path);
}

static void
test_validation_runs_no_hook_of_the_service (CheckFixture *f, gconstpointer data)
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
  check_put_program (f->candidate, "bin/xargs", "#!/bin/sh\ntouch MARK\n");
  for (const char *const *name = (const char *const[]){ "bin/python3", "bin/node", "bin/bash", NULL }; *name; name++)
    {
      g_autofree char *program = g_build_filename (f->candidate, *name, NULL);
      g_assert_cmpint (g_chmod (program, 0755), ==, 0);
    }
  add_hook_variables (f);
  f->exec[0] = (char *)"bin/python3";
  report = check_run (f, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_strv_length (report->unavailable), ==, 0);
  left = check_list_dir (f->marks);
  g_assert_cmpstr (left, ==, "");
}

#define add(name, function)                                                                                            \
  g_test_add ("/syntax-check/" name, CheckFixture, NULL, check_set_up, function, check_tear_down)

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
  add ("typescript-that-is-installed-is-used", test_typescript_that_is_installed_is_used);
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
  add ("jsx-that-runs-excuses-no-fault", test_jsx_that_runs_excuses_no_fault);
  add ("candidate-is-no-baseline-of-itself", test_candidate_is_no_baseline_of_itself);
  add ("validation-runs-no-hook-of-the-service", test_validation_runs_no_hook_of_the_service);
  return g_test_run ();
}
