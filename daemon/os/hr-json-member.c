/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-json-member.h"

/**
 * hr_json_member_bool:
 * @builder: in an object
 * @name: of the member
 * @value: of it
 */
void
hr_json_member_bool (JsonBuilder *builder, const char *name, gboolean value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_boolean_value (builder, value);
}

/**
 * hr_json_member_int:
 * @builder: in an object
 * @name: of the member
 * @value: of it
 */
void
hr_json_member_int (JsonBuilder *builder, const char *name, gint64 value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, value);
}
