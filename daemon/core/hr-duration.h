/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-duration.h: durations as people write them: 500ms, 30s, 2min, a bare number for seconds.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A longer one is refused: a year is "for ever" to a reload, and sums of some stay far from overflow. Microseconds. */
#define HR_DURATION_MAX (G_GINT64_CONSTANT (366) * 24 * 60 * 60 * G_USEC_PER_SEC)

gboolean hr_duration_parse (const char *text, gint64 *usec, GError **error);
char *hr_duration_to_string (gint64 usec);

G_END_DECLS
