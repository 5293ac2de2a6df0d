/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-command-line.h: command lines of service files: split as a shell splits words, run without one.
 *
 * Quotes and backslashes work as in a shell; variables, globs, pipes and redirections mean nothing. Specifiers are
 * replaced after the splitting, word by word: a value with blanks stays one word.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A longer line is refused, in bytes: unquoting takes time by its square. */
#define HR_COMMAND_LINE_MAX (64 * 1024)

/**
 * HrSpecifiers:
 * @HR_SPECIFIER_PORT: %p, port of the first TCP listener
 * @HR_SPECIFIER_DIRECTORY: %s, where the program sees its files
 * @HR_SPECIFIER_RELEASE: %r, the release's number
 * @HR_SPECIFIER_NAME: %n, the service's name
 */
typedef enum {
  HR_SPECIFIER_PORT = 1 << 0,
  HR_SPECIFIER_DIRECTORY = 1 << 1,
  HR_SPECIFIER_RELEASE = 1 << 2,
  HR_SPECIFIER_NAME = 1 << 3,
} HrSpecifiers;

/**
 * HrSpecifierValues:
 * @port: 0: none
 * @directory: (nullable): none
 * @release: of the instance to be started
 * @name: of the service
 */
typedef struct {
  guint16 port;
  const char *directory;
  guint64 release;
  const char *name;
} HrSpecifierValues;

char **hr_command_line_split (const char *text, GError **error);
gboolean hr_command_line_scan (const char *const *argv, HrSpecifiers *used, GError **error);
char **hr_command_line_expand (const char *const *argv, const HrSpecifierValues *values, GError **error);

G_END_DECLS
