/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-size.h: sizes as people write them: 512K, 16M, 1.5G, a bare number for bytes. K is 1024, as with systemd.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A larger one is taken for a mistake, and sums of some stay far from overflow. Bytes. */
#define HR_SIZE_MAX (G_GUINT64_CONSTANT (1) << 40)

gboolean hr_size_parse (const char *text, guint64 *bytes, GError **error);
char *hr_size_to_string (guint64 bytes);

G_END_DECLS
