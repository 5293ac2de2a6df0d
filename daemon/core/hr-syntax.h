/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-syntax.h: which syntax check a file gets.
 *
 * By its name, and where that says nothing by its first line. Pure.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* So much of a file's begin tells its kind, in bytes. */
#define HR_SYNTAX_HEAD 256

/**
 * HrSyntax:
 * @HR_SYNTAX_NONE: is not checked
 * @HR_SYNTAX_PYTHON: compiled by the service's Python
 * @HR_SYNTAX_JAVASCRIPT: parsed by node
 * @HR_SYNTAX_TYPESCRIPT: parsed by TypeScript or bun
 * @HR_SYNTAX_JSX: the same
 * @HR_SYNTAX_BASH: bash -n
 * @HR_SYNTAX_SH: sh -n
 * @HR_SYNTAX_DASH: dash -n
 * @HR_SYNTAX_SHELL: a shell script that does not say for which shell: bash -n, or sh -n without bash
 * @HR_SYNTAX_JSON: valid JSON
 */
typedef enum {
  HR_SYNTAX_NONE,
  HR_SYNTAX_PYTHON,
  HR_SYNTAX_JAVASCRIPT,
  HR_SYNTAX_TYPESCRIPT,
  HR_SYNTAX_JSX,
  HR_SYNTAX_BASH,
  HR_SYNTAX_SH,
  HR_SYNTAX_DASH,
  HR_SYNTAX_SHELL,
  HR_SYNTAX_JSON,
} HrSyntax;
#define HR_SYNTAX_LAST HR_SYNTAX_JSON

HrSyntax hr_syntax_of (const char *path, const char *head, gsize size);
const char *hr_syntax_name (HrSyntax syntax);
char *hr_syntax_interpreter (const char *head, gsize size);

G_END_DECLS
