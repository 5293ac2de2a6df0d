/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-json-member.h: members of an object of JSON, written and read.
 */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

void hr_json_member_bool (JsonBuilder *builder, const char *name, gboolean value);
void hr_json_member_int (JsonBuilder *builder, const char *name, gint64 value);
gint64 hr_json_member_get_int (JsonObject *object, const char *name, gint64 min, gint64 max, gint64 otherwise);
gboolean hr_json_member_get_bool (JsonObject *object, const char *name);

G_END_DECLS
