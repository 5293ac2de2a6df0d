/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-ignore-programs.h: which words of Exec may be programs below the source, which are recorded even if ignored.
 *
 * Pure: a word counts by its form, not by what exists. A file that only holds a program's data must not count, or an
 * ignored database would be copied into each release instead of being used in place. So these words count: the first
 * one; behind a program from elsewhere (an interpreter) the first that is no option; and any other that is named like
 * a script or lies in build output. A word in Share never counts, nor does one in a dependency directory or a cache.
 */
#pragma once

#include "hr-service-spec.h"

G_BEGIN_DECLS

/**
 * HrIgnoreProgram:
 * @path: relative to the source
 * @tree: (nullable): the directory whose other files belong to it: its own, or @path for a program that is a
 *   directory; never the source itself
 */
typedef struct {
  char *path;
  char *tree;
} HrIgnoreProgram;

GPtrArray *hr_ignore_programs_find (const HrServiceSpec *spec);
gboolean hr_ignore_program_leaves_out (const HrIgnoreProgram *self, const char *path);
gboolean hr_path_is_below (const char *path, const char *dir);

G_END_DECLS
