/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-json-member.h: members of an object of JSON that is being built.
 */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

void hr_json_member_bool (JsonBuilder *builder, const char *name, gboolean value);
void hr_json_member_int (JsonBuilder *builder, const char *name, gint64 value);

G_END_DECLS
