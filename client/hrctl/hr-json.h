/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-json.h: the contract's JSON, made from dictionaries by tables of keys: their order, and when one is null.
 */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

typedef enum {
  HR_FIELD_STRING,
  HR_FIELD_NUMBER,
  HR_FIELD_BOOL,
  HR_FIELD_STRINGS, /* [] if it is not there */
  HR_FIELD_NUMBERS, /* [] if it is not there */
  HR_FIELD_DICT,    /* an object with the keys of HrField.fields; null if it is not there */
  HR_FIELD_DICTS,   /* aa{sv}: a list of such objects; [] if it is not there, null with none_is_null */
  HR_FIELD_TIME,    /* microseconds since 1970, written as ISO 8601; null if 0 */
  HR_FIELD_PHASES,  /* a(st): [{"phase": "record", "usec": 120}]; null if it is not there or empty */
} HrFieldKind;

/**
 * HrField:
 * @key: its name in the dictionary and in the JSON
 * @kind: what it is
 * @none_is_null: the empty string or 0 stand for null
 * @fields: (array length=n_fields): of %HR_FIELD_DICT and %HR_FIELD_DICTS: their keys, in order
 * @n_fields: how many
 *
 * A key that is not in the dictionary is null, and an empty list for those that are lists.
 */
typedef struct _HrField HrField;

struct _HrField {
  const char *key;
  HrFieldKind kind;
  gboolean none_is_null;
  const HrField *fields;
  gsize n_fields;
};

JsonNode *hr_json_from_dict (GVariant *dict, const HrField *fields, gsize n_fields);
JsonNode *hr_json_from_dicts (GVariant *dicts, const HrField *fields, gsize n_fields);
JsonNode *hr_json_take_object (JsonObject *object);
JsonNode *hr_json_take_array (JsonArray *array);
JsonNode *hr_json_string_or_null (const char *text);
char *hr_json_to_text (JsonNode *node, gboolean pretty);

G_END_DECLS
