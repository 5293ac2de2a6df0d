/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-since.h: moments as people write them: 10min, 2h ago, 14:30, yesterday, 2026-01-31 08:00, @1700000000.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean hr_since_parse (const char *text, GDateTime *now, gint64 *usec);

G_END_DECLS
