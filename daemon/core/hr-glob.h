/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-glob.h: path patterns: ?, *, **, [ab], [!ab], {a,b}.
 *
 * '*' and '?' stop at '/'; '**' as a whole part matches any number of parts, none included, so that 'node_modules' +
 * '/' + '**' matches 'node_modules/a/b/c.js' and '**' + '/' + '*.test.js' matches 'x.test.js' at the root. A
 * backslash takes the next character as it is.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A longer pattern, or one whose braces give more alternatives, is refused: both bound the work of one match. */
#define HR_GLOB_LENGTH_MAX 1024
#define HR_GLOB_ALTERNATIVES_MAX 256

typedef struct _HrGlob HrGlob;

HrGlob *hr_glob_new (const char *pattern, GError **error);
HrGlob *hr_glob_ref (HrGlob *self);
void hr_glob_unref (HrGlob *self);
gboolean hr_glob_matches (const HrGlob *self, const char *path);
const char *hr_glob_pattern (const HrGlob *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrGlob, hr_glob_unref)

G_END_DECLS
