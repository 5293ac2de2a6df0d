/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-json-number.h: one number out of a JSON text, by the way to it.
 *
 * A path is names of members and indices of arrays with dots between: "pools.0.failed". A dot within a name is written
 * "\.", a backslash "\\".
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A text that is nested deeper is refused. */
#define HR_JSON_NUMBER_DEPTH_MAX 100

gboolean hr_json_number_check_path (const char *path, GError **error);
gboolean hr_json_number_find (const char *text, gsize size, const char *path, double *value, GError **error);

G_END_DECLS
