/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-run-record.h"

#include "hr-json-member.h"

/* Of a service of which nothing is known. */
const HrRunRecord hr_run_record_unknown = { .slot = -1 };

/**
 * hr_run_record_free:
 * @self: a record
 */
void
hr_run_record_free (HrRunRecord *self)
{
  g_free (self->verdict);
  hr_run_process_free (self->current);
  g_free (self->config);
  g_clear_pointer (&self->others, g_ptr_array_unref);
  g_free (self);
}

static GPtrArray *
others_copy (GPtrArray *others)
{
  GPtrArray *copy;

  if (others == NULL || others->len == 0)
    return NULL;
  copy = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_run_process_free);
  for (guint i = 0; i < others->len && i < HR_RUN_OTHERS_MAX; i++)
    g_ptr_array_add (copy, hr_run_process_copy (g_ptr_array_index (others, i)));
  return copy;
}

static gboolean
others_equal (GPtrArray *a, GPtrArray *b)
{
  guint n = a != NULL ? a->len : 0;

  if (n != (b != NULL ? b->len : 0))
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (!hr_run_process_equal (g_ptr_array_index (a, i), g_ptr_array_index (b, i)))
      return FALSE;
  return TRUE;
}

/**
 * hr_run_record_copy:
 * @self: a record
 *
 * Returns: (transfer full): a copy
 */
HrRunRecord *
hr_run_record_copy (const HrRunRecord *self)
{
  HrRunRecord *copy = g_new (HrRunRecord, 1);

  *copy = *self;
  copy->verdict = g_strdup (self->verdict);
  copy->current = hr_run_process_copy (self->current);
  copy->config = g_strdup (self->config);
  copy->others = others_copy (self->others);
  return copy;
}

/**
 * hr_run_record_equal:
 * @a: a record
 * @b: another
 *
 * Returns: whether there is nothing to write anew
 */
gboolean
hr_run_record_equal (const HrRunRecord *a, const HrRunRecord *b)
{
  return hr_run_record_lasts_equal (a, b) && hr_run_process_equal (a->current, b->current)
         && g_strcmp0 (a->config, b->config) == 0 && others_equal (a->others, b->others);
}

/**
 * hr_run_record_lasts_equal:
 * @a: a record
 * @b: another
 *
 * Returns: whether they say the same to a daemon that starts with the machine: of all but the processes
 */
gboolean
hr_run_record_lasts_equal (const HrRunRecord *a, const HrRunRecord *b)
{
  return a->stopped == b->stopped && a->paused == b->paused && a->ever_notified == b->ever_notified
         && a->running == b->running && a->slot == b->slot && a->last_good == b->last_good
         && g_strcmp0 (a->verdict, b->verdict) == 0;
}

/**
 * hr_run_record_find:
 * @self: a record
 * @instance: an id
 *
 * Returns: (transfer none) (nullable): the process of that instance
 */
HrRunProcess *
hr_run_record_find (const HrRunRecord *self, const char *instance)
{
  if (self->current != NULL && g_str_equal (self->current->instance, instance))
    return self->current;
  for (guint i = 0; self->others != NULL && i < self->others->len; i++)
    {
      HrRunProcess *other = g_ptr_array_index (self->others, i);

      if (g_str_equal (other->instance, instance))
        return other;
    }
  return NULL;
}

/**
 * hr_run_record_forget_processes:
 * @self: a record of an earlier run of the machine
 */
void
hr_run_record_forget_processes (HrRunRecord *self)
{
  g_clear_pointer (&self->current, hr_run_process_free);
  g_clear_pointer (&self->config, g_free);
  g_clear_pointer (&self->others, g_ptr_array_unref);
}

/**
 * hr_run_record_write:
 * @self: a record
 * @builder: where a value is to come
 */
void
hr_run_record_write (const HrRunRecord *self, JsonBuilder *builder)
{
  json_builder_begin_object (builder);
  hr_json_member_bool (builder, "stopped", self->stopped);
  hr_json_member_bool (builder, "paused", self->paused);
  hr_json_member_bool (builder, "everNotified", self->ever_notified);
  hr_json_member_int (builder, "running", (gint64)self->running);
  hr_json_member_int (builder, "slot", self->slot);
  hr_json_member_int (builder, "lastGood", (gint64)self->last_good);
  if (self->verdict != NULL)
    {
      json_builder_set_member_name (builder, "verdict");
      json_builder_add_string_value (builder, self->verdict);
    }
  json_builder_set_member_name (builder, "current");
  hr_run_process_write (self->current, builder);
  if (self->config != NULL)
    {
      json_builder_set_member_name (builder, "config");
      json_builder_add_string_value (builder, self->config);
    }
  json_builder_set_member_name (builder, "others");
  json_builder_begin_array (builder);
  for (guint i = 0; self->others != NULL && i < self->others->len; i++)
    hr_run_process_write (g_ptr_array_index (self->others, i), builder);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

/**
 * hr_run_record_to_string:
 * @self: a record
 *
 * Returns: (transfer full): as hr_run_record_from_string() reads it
 */
char *
hr_run_record_to_string (const HrRunRecord *self)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;

  hr_run_record_write (self, builder);
  root = json_builder_get_root (builder);
  return json_to_string (root, FALSE);
}

/* What is no process is skipped: nothing is ended that is not known for sure. */
static GPtrArray *
read_others (JsonNode *node)
{
  JsonArray *array = node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  guint n = array != NULL ? MIN (json_array_get_length (array), HR_RUN_OTHERS_MAX) : 0;
  g_autoptr (GPtrArray) others = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_run_process_free);

  for (guint i = 0; i < n; i++)
    {
      HrRunProcess *process = hr_run_process_read (json_array_get_element (array, i));

      if (process != NULL)
        g_ptr_array_add (others, process);
    }
  return others->len > 0 ? g_steal_pointer (&others) : NULL;
}

/**
 * hr_run_record_read:
 * @node: (nullable): what hr_run_record_write() wrote, or an earlier version of it
 *
 * Returns: (transfer full) (nullable): the record; %NULL for what is none
 */
HrRunRecord *
hr_run_record_read (JsonNode *node)
{
  JsonObject *object = node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  HrRunRecord *record;

  if (object == NULL)
    return NULL;
  record = g_new0 (HrRunRecord, 1);
  record->stopped = hr_json_member_get_bool (object, "stopped");
  record->paused = hr_json_member_get_bool (object, "paused");
  record->ever_notified = hr_json_member_get_bool (object, "everNotified");
  record->running = (guint64)hr_json_member_get_int (object, "running", 0, G_MAXINT64, 0);
  record->slot = (int)hr_json_member_get_int (object, "slot", -1, 1, -1);
  record->last_good = (guint64)hr_json_member_get_int (object, "lastGood", 0, G_MAXINT64, 0);
  record->verdict = g_strdup (json_object_get_string_member_with_default (object, "verdict", NULL));
  record->current = hr_run_process_read (json_object_get_member (object, "current"));
  /* Before it had more than a PID it was written so. */
  if (record->current == NULL && hr_json_member_get_int (object, "pid", 0, G_MAXINT, 0) > 0)
    record->current = hr_run_process_read (node);
  record->config = g_strdup (json_object_get_string_member_with_default (object, "config", NULL));
  record->others = read_others (json_object_get_member (object, "others"));
  return record;
}

/**
 * hr_run_record_from_string:
 * @text: of hr_run_record_to_string()
 *
 * Returns: (transfer full) (nullable): the record; %NULL for what is none
 */
HrRunRecord *
hr_run_record_from_string (const char *text)
{
  g_autoptr (JsonNode) root = json_from_string (text, NULL);

  return hr_run_record_read (root);
}
