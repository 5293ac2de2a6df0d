/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-json.h"

#include "hr-dict.h"
#include "hr-text.h"

static JsonNode *
null_node (void)
{
  return json_node_new (JSON_NODE_NULL);
}

/**
 * hr_json_string_or_null:
 * @text: (nullable): a string
 *
 * Returns: (transfer full): a string, or null for %NULL
 */
JsonNode *
hr_json_string_or_null (const char *text)
{
  return text != NULL ? json_node_init_string (json_node_alloc (), text) : null_node ();
}

/**
 * hr_json_take_object:
 * @object: (transfer full): an object
 *
 * Returns: (transfer full): its node
 */
JsonNode *
hr_json_take_object (JsonObject *object)
{
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);

  json_node_take_object (node, object);
  return node;
}

/**
 * hr_json_take_array:
 * @array: (transfer full): an array
 *
 * Returns: (transfer full): its node
 */
JsonNode *
hr_json_take_array (JsonArray *array)
{
  JsonNode *node = json_node_new (JSON_NODE_ARRAY);

  json_node_take_array (node, array);
  return node;
}

static JsonNode *
strings_node (GVariant *dict, const char *key)
{
  g_autofree const char **strings = hr_dict_strings (dict, key);
  JsonArray *array = json_array_new ();

  for (gsize i = 0; strings[i] != NULL; i++)
    json_array_add_string_element (array, strings[i]);

  return hr_json_take_array (array);
}

static JsonNode *
phases_node (GVariant *dict, const char *key)
{
  g_autoptr (GVariant) phases = g_variant_lookup_value (dict, key, G_VARIANT_TYPE ("a(st)"));
  JsonArray *array;
  GVariantIter iter;
  const char *phase;
  guint64 usec;

  if (phases == NULL || g_variant_n_children (phases) == 0)
    return null_node ();
  array = json_array_new ();
  g_variant_iter_init (&iter, phases);
  while (g_variant_iter_next (&iter, "(&st)", &phase, &usec))
    {
      JsonObject *object = json_object_new ();

      json_object_set_string_member (object, "phase", phase);
      json_object_set_int_member (object, "usec", (gint64)usec);
      json_array_add_object_element (array, object);
    }
  return hr_json_take_array (array);
}

static JsonNode *
dict_node (GVariant *dict, const HrField *field)
{
  g_autoptr (GVariant) value = g_variant_lookup_value (dict, field->key, G_VARIANT_TYPE_VARDICT);

  return value != NULL ? hr_json_from_dict (value, field->fields, field->n_fields) : null_node ();
}

static JsonNode *
dicts_node (GVariant *dict, const HrField *field)
{
  g_autoptr (GVariant) dicts = g_variant_lookup_value (dict, field->key, G_VARIANT_TYPE ("aa{sv}"));

  if (dicts == NULL)
    return field->none_is_null ? null_node () : hr_json_take_array (json_array_new ());
  return hr_json_from_dicts (dicts, field->fields, field->n_fields);
}

static JsonNode *
numbers_node (GVariant *dict, const char *key)
{
  g_autoptr (GVariant) numbers = g_variant_lookup_value (dict, key, G_VARIANT_TYPE ("au"));
  JsonArray *array = json_array_new ();

  for (gsize i = 0; numbers != NULL && i < g_variant_n_children (numbers); i++)
    {
      guint32 number;

      g_variant_get_child (numbers, i, "u", &number);
      json_array_add_int_element (array, number);
    }

  return hr_json_take_array (array);
}

static JsonNode *
field_node (GVariant *dict, const HrField *field)
{
  const char *text;
  guint64 number;

  if (field->kind == HR_FIELD_DICT)
    return dict_node (dict, field);
  if (field->kind == HR_FIELD_DICTS)
    return dicts_node (dict, field);
  if (field->kind == HR_FIELD_STRINGS)
    return strings_node (dict, field->key);
  if (field->kind == HR_FIELD_NUMBERS)
    return numbers_node (dict, field->key);
  if (field->kind == HR_FIELD_PHASES)
    return phases_node (dict, field->key);
  if (!hr_dict_has (dict, field->key))
    return null_node ();

  switch (field->kind)
    {
    case HR_FIELD_STRING:
      text = hr_dict_string (dict, field->key);
      return hr_json_string_or_null (field->none_is_null && *text == '\0' ? NULL : text);
    case HR_FIELD_BOOL:
      return json_node_init_boolean (json_node_alloc (), hr_dict_bool (dict, field->key));
    case HR_FIELD_TIME:
      number = hr_dict_number (dict, field->key);
      if (number > 0)
        {
          g_autofree char *time = hr_text_iso_time ((gint64)number);

          return hr_json_string_or_null (time);
        }
      return null_node ();
    case HR_FIELD_NUMBER:
    default:
      number = hr_dict_number (dict, field->key);
      if (field->none_is_null && number == 0)
        return null_node ();
      return json_node_init_int (json_node_alloc (), (gint64)number);
    }
}

/**
 * hr_json_from_dict:
 * @dict: a dictionary
 * @fields: (array length=n_fields): keys, in order
 * @n_fields: how many
 *
 * Returns: (transfer full): an object with all of @fields
 */
JsonNode *
hr_json_from_dict (GVariant *dict, const HrField *fields, gsize n_fields)
{
  JsonObject *object = json_object_new ();

  for (gsize i = 0; i < n_fields; i++)
    json_object_set_member (object, fields[i].key, field_node (dict, &fields[i]));

  return hr_json_take_object (object);
}

/**
 * hr_json_from_dicts:
 * @dicts: dictionaries (aa{sv})
 * @fields: (array length=n_fields): keys, in order
 * @n_fields: how many
 *
 * Returns: (transfer full): an array with an object for each
 */
JsonNode *
hr_json_from_dicts (GVariant *dicts, const HrField *fields, gsize n_fields)
{
  JsonArray *array = json_array_new ();

  for (gsize i = 0; i < g_variant_n_children (dicts); i++)
    {
      g_autoptr (GVariant) dict = g_variant_get_child_value (dicts, i);

      json_array_add_element (array, hr_json_from_dict (dict, fields, n_fields));
    }

  return hr_json_take_array (array);
}

/**
 * hr_json_to_text:
 * @node: a document
 * @pretty: over several lines
 *
 * Returns: (transfer full): it as text, with a line break at the end
 */
char *
hr_json_to_text (JsonNode *node, gboolean pretty)
{
  g_autofree char *text = json_to_string (node, pretty);

  return g_strconcat (text, "\n", NULL);
}
