/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <string.h>

#include "hr-syntax.h"

static void
test_kind_follows_name_and_first_line (void)
{
  static const struct {
    const char *path;
    const char *head;
    HrSyntax syntax;
  } cases[] = {
    { "app.py", "", HR_SYNTAX_PYTHON },
    { "a/b.js", "", HR_SYNTAX_JAVASCRIPT },
    { "b.cjs", "", HR_SYNTAX_JAVASCRIPT },
    { "b.mjs", "#!/usr/bin/env node\n", HR_SYNTAX_JAVASCRIPT },
    { "b.ts", "let a", HR_SYNTAX_TYPESCRIPT },
    { "b.tsx", "let a", HR_SYNTAX_TYPESCRIPT },
    { "de.ts", "<?xml version='1.0'?><!DOCTYPE TS>", HR_SYNTAX_NONE },
    { "c.jsx", "<div/>", HR_SYNTAX_JSX },
    { "run.sh", "echo", HR_SYNTAX_SHELL },
    { "run.sh", "", HR_SYNTAX_SHELL },
    { "run.sh", "#!/bin/sh -e\necho", HR_SYNTAX_SH },
    { "run.sh", "#! /bin/dash", HR_SYNTAX_DASH },
    { "run.sh", "#!/usr/bin/env bash\necho", HR_SYNTAX_BASH },
    { "run.sh", "#!/usr/bin/env -S LANG=C bash -e\r\n", HR_SYNTAX_BASH },
    { "run.sh", "#!/bin/zsh\n", HR_SYNTAX_NONE },
    { "run.sh", "#!\n", HR_SYNTAX_NONE },
    { "run.bash", "echo", HR_SYNTAX_BASH },
    { "bin/run", "#!/bin/bash\n", HR_SYNTAX_BASH },
    { "bin/run", "#!/usr/bin/python3.11\n", HR_SYNTAX_PYTHON },
    { "bin/run", "#!/usr/bin/env node", HR_SYNTAX_JAVASCRIPT },
    { "bin/run", "#!/usr/bin/perl\n", HR_SYNTAX_NONE },
    { "bin/run", "#!/usr/bin/env\n", HR_SYNTAX_NONE },
    { "Makefile", "all:\n", HR_SYNTAX_NONE },
    { "a.json", "{", HR_SYNTAX_JSON },
    { "tsconfig.json", "{", HR_SYNTAX_NONE },
    { "web/tsconfig.build.json", "{", HR_SYNTAX_NONE },
    { ".vscode/settings.json", "{", HR_SYNTAX_NONE },
    { "web/.vscode/settings.json", "{", HR_SYNTAX_NONE },
    { "settings.jsonc", "{", HR_SYNTAX_NONE },
    { "main.c", "int", HR_SYNTAX_NONE },
    { "x.pl", "#!/usr/bin/perl", HR_SYNTAX_NONE },
    { "py", "", HR_SYNTAX_NONE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("%s: %s", cases[i].path, cases[i].head);
      g_assert_cmpint (hr_syntax_of (cases[i].path, cases[i].head, strlen (cases[i].head)), ==, cases[i].syntax);
    }
}

static void
test_binary_file_is_not_checked (void)
{
  g_assert_cmpint (hr_syntax_of ("film.ts", "G\0\x10", 3), ==, HR_SYNTAX_NONE);
  g_assert_cmpint (hr_syntax_of ("tool", "#!/bin/sh\n\0", 11), ==, HR_SYNTAX_NONE);
}

static void
test_every_kind_has_a_name (void)
{
  for (int syntax = 0; syntax <= HR_SYNTAX_LAST; syntax++)
    g_assert_cmpstr (hr_syntax_name ((HrSyntax)syntax), !=, NULL);
  g_assert_cmpstr (hr_syntax_name (HR_SYNTAX_TYPESCRIPT), ==, "TypeScript");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/syntax/kind-follows-name-and-first-line", test_kind_follows_name_and_first_line);
  g_test_add_func ("/syntax/binary-file-is-not-checked", test_binary_file_is_not_checked);
  g_test_add_func ("/syntax/every-kind-has-a-name", test_every_kind_has_a_name);
  return g_test_run ();
}
