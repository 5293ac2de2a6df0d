/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-syntax-check.h: the syntax of all changed files of a candidate, each kind by its tool.
 *
 * A file that a tool rejects is a fault only when the tool fits the service: a tool that also rejects the running
 * release's own file (for a new file: any of its files of that kind) is switched off for it, and said.
 *
 * Blocks; belongs in a worker thread.
 */
#pragma once

#include "hr-checker.h"

G_BEGIN_DECLS

/* To judge a tool by other files of the running release, at most so many entries are looked at, and so many checked. */
#define HR_SYNTAX_WALK_MAX 20000
#define HR_SYNTAX_SAMPLE_MAX 200

gboolean hr_syntax_check (const HrCheckRequest *request, gint64 deadline, GPtrArray *done, GPtrArray *unavailable,
                          GCancellable *cancellable, GError **error);

G_END_DECLS
