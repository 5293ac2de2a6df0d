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

/**
 * hr_json_member_get_int:
 * @object: that was read
 * @name: of the member
 * @min: the least that it can be
 * @max: the most
 * @otherwise: what it is when it is missing or out of these bounds
 *
 * Returns: the member
 */
gint64
hr_json_member_get_int (JsonObject *object, const char *name, gint64 min, gint64 max, gint64 otherwise)
{
  gint64 value = json_object_get_int_member_with_default (object, name, otherwise);

  return value >= min && value <= max ? value : otherwise;
}

/**
 * hr_json_member_get_bool:
 * @object: that was read
 * @name: of the member
 *
 * Returns: the member; %FALSE when it is missing
 */
gboolean
hr_json_member_get_bool (JsonObject *object, const char *name)
{
  return json_object_get_boolean_member_with_default (object, name, FALSE);
}
