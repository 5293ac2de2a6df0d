/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-forbid.h: forbidden patterns in the text files of a candidate.
 *
 * Blocks; belongs in a worker thread. Regular expressions are applied to a whole file, with '^' and '$' at each line;
 * PCRE bounds the work of one match, and one that goes beyond counts as a fault, since nothing is proven then.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Larger files are not searched, in bytes. */
#define HR_FORBID_FILE_MAX (16 * 1024 * 1024)
/* More findings than this are not named. */
#define HR_FORBID_FINDINGS_MAX 20

gboolean hr_forbid_check (const char *const *patterns, const char *dir, const char *shown_dir, const char *const *files,
                          GPtrArray *skipped, gint64 deadline, GCancellable *cancellable, GError **error);

G_END_DECLS
