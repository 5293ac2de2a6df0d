/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-history-entry.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "hr-json.h"
#include "hr-json-member.h"
#include "hr-release.h"

#define LINE_VERSION 1
/* An entry is an object with a list in it. */
#define LINE_DEPTH_MAX 8

/**
 * hr_history_entry_new:
 *
 * Returns: (transfer full): an entry without anything in it
 */
HrHistoryEntry *
hr_history_entry_new (void)
{
  HrHistoryEntry *self = g_new0 (HrHistoryEntry, 1);

  self->queue_wait_usec = -1;
  return self;
}

/**
 * hr_history_entry_free:
 * @self: an entry
 */
void
hr_history_entry_free (HrHistoryEntry *self)
{
  g_free (self->service);
  g_strfreev (self->files);
  hr_phase_times_free (self->phases);
  g_free (self->phase);
  g_free (self->error);
  g_free (self->trigger);
  g_free (self->caller);
  g_free (self->reason);
  g_free (self->canary);
  g_free (self);
}

static void
add_string (JsonBuilder *builder, const char *name, const char *text)
{
  json_builder_set_member_name (builder, name);
  if (text == NULL)
    json_builder_add_null_value (builder);
  else
    {
      /* A checker's words and a file's name are bytes; JSON is UTF-8. */
      g_autofree char *valid = g_utf8_make_valid (text, -1);
      json_builder_add_string_value (builder, valid);
    }
}

/* The beginning of @text, at most @size_max bytes in whole characters. */
static char *
cut (const char *text, gsize size_max)
{
  g_autofree char *valid = text != NULL ? g_utf8_make_valid (text, -1) : NULL;

  if (valid != NULL && strlen (valid) > size_max)
    *g_utf8_find_prev_char (valid, valid + size_max + 1) = '\0';
  return g_steal_pointer (&valid);
}

static void
add_files (JsonBuilder *builder, char **files)
{
  json_builder_set_member_name (builder, "files");
  json_builder_begin_array (builder);
  for (guint i = 0; files != NULL && files[i] != NULL && i < HR_RELEASE_FILES_MAX; i++)
    {
      g_autofree char *valid = g_utf8_make_valid (files[i], -1);
      json_builder_add_string_value (builder, valid);
    }
  json_builder_end_array (builder);
}

static void
add_phases (JsonBuilder *builder, const HrPhaseTimes *phases)
{
  json_builder_set_member_name (builder, "phases");
  if (phases == NULL)
    {
      json_builder_add_null_value (builder);
      return;
    }
  json_builder_begin_object (builder);
  for (guint i = 0; i < hr_phase_times_count (phases); i++)
    {
      gint64 usec;
      const char *phase = hr_phase_times_get (phases, i, &usec);

      hr_json_member_int (builder, phase, usec);
    }
  json_builder_end_object (builder);
}

/**
 * hr_history_entry_to_line:
 * @entry: an entry with at least a service and a trigger
 *
 * Returns: (transfer full): the line of @entry with its newline
 */
char *
hr_history_entry_to_line (const HrHistoryEntry *entry)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *error = cut (entry->error, HR_HISTORY_ERROR_MAX);
  g_autofree char *reason = cut (entry->reason, HR_HISTORY_ERROR_MAX);
  g_autofree char *canary = cut (entry->canary, HR_HISTORY_ERROR_MAX);
  g_autofree char *line = NULL;

  json_builder_begin_object (builder);
  hr_json_member_int (builder, "version", LINE_VERSION);
  hr_json_member_int (builder, "timestamp", entry->time_usec);
  add_string (builder, "service", entry->service);
  add_files (builder, entry->files);
  hr_json_member_bool (builder, "success", entry->success);
  hr_json_member_int (builder, "release", (gint64)entry->release);
  hr_json_member_int (builder, "previousRelease", (gint64)entry->previous_release);
  hr_json_member_int (builder, "downtimeUsec", entry->downtime_usec);
  hr_json_member_int (builder, "durationUsec", entry->duration_usec);
  if (entry->queue_wait_usec >= 0)
    hr_json_member_int (builder, "queueWaitUsec", entry->queue_wait_usec);
  else
    add_string (builder, "queueWaitUsec", NULL);
  hr_json_member_int (builder, "connectionsCut", (gint64)entry->connections_cut);
  add_phases (builder, entry->phases);
  add_string (builder, "phase", entry->phase);
  add_string (builder, "error", error);
  add_string (builder, "trigger", entry->trigger);
  add_string (builder, "caller", entry->caller);
  add_string (builder, "reason", reason);
  add_string (builder, "canary", canary);
  json_builder_end_object (builder);

  root = json_builder_get_root (builder);
  json_generator_set_root (generator, root);
  line = json_generator_to_data (generator, NULL);
  return g_strconcat (line, "\n", NULL);
}

static gint64
get_int (JsonObject *object, const char *name)
{
  return MAX (json_object_get_int_member_with_default (object, name, 0), 0);
}

static char *
get_string (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  if (node == NULL || json_node_get_value_type (node) != G_TYPE_STRING)
    return NULL;
  return json_node_dup_string (node);
}

static char **
get_files (JsonObject *object)
{
  g_autoptr (GStrvBuilder) files = g_strv_builder_new ();
  JsonNode *node = json_object_get_member (object, "files");
  JsonArray *array = node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;

  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    {
      JsonNode *element = json_array_get_element (array, i);
      if (json_node_get_value_type (element) == G_TYPE_STRING)
        g_strv_builder_add (files, json_node_get_string (element));
    }
  return g_strv_builder_end (files);
}

/* -1 where it is not there, or null. */
static gint64
get_known_int (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && json_node_get_value_type (node) == G_TYPE_INT64 ? get_int (object, name) : -1;
}

static HrPhaseTimes *
get_phases (JsonObject *object)
{
  JsonNode *node = json_object_get_member (object, "phases");
  HrPhaseTimes *phases;
  JsonObjectIter iter;
  const char *phase;
  JsonNode *usec;

  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
    return NULL;
  phases = hr_phase_times_new ();
  json_object_iter_init_ordered (&iter, json_node_get_object (node));
  while (json_object_iter_next_ordered (&iter, &phase, &usec))
    if (json_node_get_value_type (usec) == G_TYPE_INT64)
      hr_phase_times_add (phases, phase, MAX (json_node_get_int (usec), 0));
  return phases;
}

/**
 * hr_history_entry_from_line:
 * @line: (array length=size): a line
 * @size: in bytes
 *
 * Members it does not know are skipped.
 *
 * Returns: (transfer full) (nullable): the entry; %NULL when the line is none of hr_history_entry_to_line()
 */
HrHistoryEntry *
hr_history_entry_from_line (const char *line, gsize size)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  g_autoptr (HrHistoryEntry) entry = hr_history_entry_new ();
  JsonNode *root;
  JsonObject *object;

  /* json-glib recurses: what comes from a damaged file is measured first. */
  if (!hr_json_check (line, size, LINE_DEPTH_MAX, NULL)
      || !json_parser_load_from_data (parser, line, (gssize)size, NULL))
    return NULL;
  root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    return NULL;
  object = json_node_get_object (root);
  entry->service = get_string (object, "service");
  entry->trigger = get_string (object, "trigger");
  if (get_int (object, "version") != LINE_VERSION || entry->service == NULL || entry->trigger == NULL)
    return NULL;
  entry->time_usec = get_int (object, "timestamp");
  entry->files = get_files (object);
  entry->success = json_object_get_boolean_member_with_default (object, "success", FALSE);
  entry->release = (guint64)get_int (object, "release");
  entry->previous_release = (guint64)get_int (object, "previousRelease");
  entry->downtime_usec = get_int (object, "downtimeUsec");
  entry->duration_usec = get_int (object, "durationUsec");
  entry->queue_wait_usec = get_known_int (object, "queueWaitUsec");
  entry->connections_cut = (guint64)get_int (object, "connectionsCut");
  entry->phases = get_phases (object);
  entry->phase = get_string (object, "phase");
  entry->error = get_string (object, "error");
  entry->caller = get_string (object, "caller");
  entry->reason = get_string (object, "reason");
  entry->canary = get_string (object, "canary");
  return g_steal_pointer (&entry);
}
