/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-run-state.h"

#include <errno.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "hr-config.h"
#include "hr-error.h"
#include "hr-fs.h"
#include "hr-json.h"
#include "hr-json-member.h"
#include "hr-log.h"

/* A larger file is none of ours, in bytes: room for 100,000 services. */
#define FILE_SIZE_MAX (32 * 1024 * 1024)
/* Root, "services", a service. */
#define FILE_DEPTH_MAX 8

struct _HrRunState {
  GObject parent_instance;

  char *path;
  gboolean all_paused;
  gboolean unsaved;    /* the file is behind */
  GHashTable *records; /* name to Kept */
};

/* One service. With many, each change of one would else make the text of all others anew. */
typedef struct {
  HrRunRecord *record;
  char *text; /* its member in the file */
} Kept;

G_DEFINE_FINAL_TYPE (HrRunState, hr_run_state, G_TYPE_OBJECT)

/**
 * hr_run_record_free:
 * @self: a record
 */
void
hr_run_record_free (HrRunRecord *self)
{
  hr_run_process_free (self->current);
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

static HrRunRecord *
record_copy (const HrRunRecord *record)
{
  HrRunRecord *copy = g_new (HrRunRecord, 1);

  *copy = *record;
  copy->current = hr_run_process_copy (record->current);
  copy->others = others_copy (record->others);
  return copy;
}

static gboolean
record_equal (const HrRunRecord *a, const HrRunRecord *b)
{
  return a->stopped == b->stopped && a->paused == b->paused && a->ever_notified == b->ever_notified
         && a->running == b->running && a->slot == b->slot && a->last_good == b->last_good
         && hr_run_process_equal (a->current, b->current) && others_equal (a->others, b->others);
}

static void
add_record (JsonBuilder *builder, const HrRunRecord *record)
{
  json_builder_begin_object (builder);
  hr_json_member_bool (builder, "stopped", record->stopped);
  hr_json_member_bool (builder, "paused", record->paused);
  hr_json_member_bool (builder, "everNotified", record->ever_notified);
  hr_json_member_int (builder, "running", (gint64)record->running);
  hr_json_member_int (builder, "slot", record->slot);
  hr_json_member_int (builder, "lastGood", (gint64)record->last_good);
  json_builder_set_member_name (builder, "current");
  hr_run_process_write (record->current, builder);
  json_builder_set_member_name (builder, "others");
  json_builder_begin_array (builder);
  for (guint i = 0; record->others != NULL && i < record->others->len; i++)
    hr_run_process_write (g_ptr_array_index (record->others, i), builder);
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

  add_record (builder, self);
  root = json_builder_get_root (builder);
  return json_to_string (root, FALSE);
}

static void
kept_free (gpointer data)
{
  Kept *kept = data;

  hr_run_record_free (kept->record);
  g_free (kept->text);
  g_free (kept);
}

/* Takes the record. */
static void
keep (HrRunState *self, const char *service, HrRunRecord *record)
{
  g_autoptr (JsonNode) name = json_node_init_string (json_node_alloc (), service);
  g_autofree char *quoted = json_to_string (name, FALSE), *text = hr_run_record_to_string (record);
  Kept *kept = g_new (Kept, 1);

  kept->record = record;
  kept->text = g_strconcat (quoted, ":", text, NULL);
  g_hash_table_insert (self->records, g_strdup (service), kept);
}

static const HrRunRecord *
find (HrRunState *self, const char *service)
{
  const Kept *kept = g_hash_table_lookup (self->records, service);

  return kept != NULL ? kept->record : NULL;
}

/* A line for each service, in no order: nobody asks for one, and sorting a thousand names at each change is not free. */
static gboolean
save (HrRunState *self, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *dir = g_path_get_dirname (self->path);
  const char *separator = "\n";
  GHashTableIter iter;
  gpointer kept;

  g_string_printf (text, "{\"version\":%d,\"paused\":%s,\"services\":{", HR_RUN_STATE_VERSION,
                   self->all_paused ? "true" : "false");
  g_hash_table_iter_init (&iter, self->records);
  while (g_hash_table_iter_next (&iter, NULL, &kept))
    {
      g_string_append (text, separator);
      g_string_append (text, ((const Kept *)kept)->text);
      separator = ",\n";
    }
  g_string_append (text, "\n}}");
  return hr_fs_make_dir (dir, 0700, error) && hr_fs_write (self->path, text->str, text->len, 0600, error);
}

static gint64
get_int (JsonObject *object, const char *name, gint64 min, gint64 max, gint64 otherwise)
{
  gint64 value = json_object_get_int_member_with_default (object, name, otherwise);

  return value >= min && value <= max ? value : otherwise;
}

static gboolean
get_bool (JsonObject *object, const char *name)
{
  return json_object_get_boolean_member_with_default (object, name, FALSE);
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

static HrRunRecord *
read_record (JsonNode *node)
{
  HrRunRecord *record = g_new0 (HrRunRecord, 1);
  JsonObject *object = json_node_get_object (node);

  record->stopped = get_bool (object, "stopped");
  record->paused = get_bool (object, "paused");
  record->ever_notified = get_bool (object, "everNotified");
  record->running = (guint64)get_int (object, "running", 0, G_MAXINT64, 0);
  record->slot = (int)get_int (object, "slot", -1, 1, -1);
  record->last_good = (guint64)get_int (object, "lastGood", 0, G_MAXINT64, 0);
  record->current = hr_run_process_read (json_object_get_member (object, "current"));
  /* Before it had more than a PID it was written so. */
  if (record->current == NULL && get_int (object, "pid", 0, G_MAXINT, 0) > 0)
    record->current = hr_run_process_read (node);
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

  return root != NULL && JSON_NODE_HOLDS_OBJECT (root) ? read_record (root) : NULL;
}

static gboolean
read_root (HrRunState *self, JsonNode *root, GError **error)
{
  JsonObject *object = root != NULL && JSON_NODE_HOLDS_OBJECT (root) ? json_node_get_object (root) : NULL;
  gint64 version = object != NULL ? json_object_get_int_member_with_default (object, "version", 0) : 0;
  JsonNode *services = object != NULL ? json_object_get_member (object, "services") : NULL;
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;

  if (version > HR_RUN_STATE_VERSION)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED,
                   "the state in '%s' was written by a newer hotreload: its version is %" G_GINT64_FORMAT
                   ", and this one (%s) reads versions up to %d; use the newer one, or another --state-dir",
                   self->path, version, HR_VERSION, HR_RUN_STATE_VERSION);
      return FALSE;
    }
  if (version < 1)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "it has no version");
      return FALSE;
    }
  if (services == NULL || !JSON_NODE_HOLDS_OBJECT (services))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "it names no services");
      return FALSE;
    }
  self->all_paused = get_bool (object, "paused");
  json_object_iter_init (&iter, json_node_get_object (services));
  while (json_object_iter_next (&iter, &name, &node))
    if (JSON_NODE_HOLDS_OBJECT (node))
      keep (self, name, read_record (node));
  return TRUE;
}

static gboolean
load (HrRunState *self, GError **error)
{
  g_autoptr (GBytes) content = hr_fs_read (self->path, FILE_SIZE_MAX, error);
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  const char *text;
  gsize size;

  if (content == NULL)
    return FALSE;
  text = g_bytes_get_data (content, &size);
  /* json-glib recurses: what comes from a damaged file is measured first. */
  return hr_json_check (text, size, FILE_DEPTH_MAX, error)
         && json_parser_load_from_data (parser, text, (gssize)size, error)
         && read_root (self, json_parser_get_root (parser), error);
}

static gboolean
load_or_set_aside (HrRunState *self, GError **refused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) aside_error = NULL;
  g_autofree char *aside = NULL;

  if (load (self, &error) || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    return TRUE;
  if (g_error_matches (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED))
    {
      g_propagate_error (refused, g_steal_pointer (&error));
      return FALSE;
    }
  aside = hr_fs_set_aside (self->path, &aside_error);
  if (aside != NULL)
    hr_log_warning (NULL, "the run state '%s' cannot be used: %s; set aside as '%s'", self->path, error->message,
                    aside);
  else
    hr_log_warning (NULL, "the run state '%s' cannot be used: %s; %s, ignoring", self->path, error->message,
                    aside_error->message);
  return TRUE;
}

/**
 * hr_run_state_get:
 * @self: the run state
 * @service: name
 *
 * Returns: (transfer full): what is kept of @service; of one that is not known a record that says so: nothing runs,
 *   slot -1
 */
HrRunRecord *
hr_run_state_get (HrRunState *self, const char *service)
{
  static const HrRunRecord unknown = { .slot = -1 };
  const HrRunRecord *record;

  g_return_val_if_fail (HR_IS_RUN_STATE (self), NULL);
  record = find (self, service);
  return record_copy (record != NULL ? record : &unknown);
}

/**
 * hr_run_state_set:
 * @self: the run state
 * @service: name
 * @record: (nullable): what to keep; %NULL: nothing, the service is no more
 * @error: return location
 *
 * Written durably when something differs. When that fails the record is kept in memory, and written with the next.
 *
 * Returns: success; else a #GIOErrorEnum is set
 */
gboolean
hr_run_state_set (HrRunState *self, const char *service, const HrRunRecord *record, GError **error)
{
  const HrRunRecord *old;

  g_return_val_if_fail (HR_IS_RUN_STATE (self), FALSE);
  g_return_val_if_fail (service != NULL, FALSE);

  old = find (self, service);
  if (!self->unsaved && (record == NULL ? old == NULL : old != NULL && record_equal (old, record)))
    return TRUE;
  if (record == NULL)
    g_hash_table_remove (self->records, service);
  else
    keep (self, service, record_copy (record));
  self->unsaved = !save (self, error);
  return !self->unsaved;
}

/**
 * hr_run_state_get_all_paused:
 * @self: the run state
 *
 * Returns: whether everything is paused
 */
gboolean
hr_run_state_get_all_paused (HrRunState *self)
{
  g_return_val_if_fail (HR_IS_RUN_STATE (self), FALSE);
  return self->all_paused;
}

/**
 * hr_run_state_set_all_paused:
 * @self: the run state
 * @paused: whether everything is paused
 * @error: return location
 *
 * Written durably when it differs. When that fails it is kept in memory, and written with the next.
 *
 * Returns: success; else a #GIOErrorEnum is set
 */
gboolean
hr_run_state_set_all_paused (HrRunState *self, gboolean paused, GError **error)
{
  g_return_val_if_fail (HR_IS_RUN_STATE (self), FALSE);

  if (!self->unsaved && !self->all_paused == !paused)
    return TRUE;
  self->all_paused = !!paused;
  self->unsaved = !save (self, error);
  return !self->unsaved;
}

static void
hr_run_state_finalize (GObject *object)
{
  HrRunState *self = HR_RUN_STATE (object);

  g_free (self->path);
  g_hash_table_unref (self->records);
  G_OBJECT_CLASS (hr_run_state_parent_class)->finalize (object);
}

static void
hr_run_state_class_init (HrRunStateClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_run_state_finalize;
}

static void
hr_run_state_init (HrRunState *self)
{
  self->records = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, kept_free);
}

/**
 * hr_run_state_new:
 * @path: the file; made when something is first kept
 * @error: return location
 *
 * Reads what the last daemon kept. What cannot be read is set aside with a warning, and nothing is known then.
 *
 * Returns: (transfer full): the run state; %NULL with %HR_ERROR_NOT_SUPPORTED when a newer daemon wrote it, and it is left
 *   as it is
 */
HrRunState *
hr_run_state_new (const char *path, GError **error)
{
  g_autoptr (HrRunState) self = g_object_new (HR_TYPE_RUN_STATE, NULL);

  self->path = g_strdup (path);
  return load_or_set_aside (self, error) ? g_steal_pointer (&self) : NULL;
}

/**
 * hr_run_state_check:
 * @path: the file
 * @error: return location
 *
 * For who only wants to know: nothing is changed.
 *
 * Returns: whether hr_run_state_new() could go on with it; where there is none there is nothing to go on with
 */
gboolean
hr_run_state_check (const char *path, GError **error)
{
  g_autoptr (HrRunState) self = g_object_new (HR_TYPE_RUN_STATE, NULL);
  g_autoptr (GError) local = NULL;

  self->path = g_strdup (path);
  if (load (self, &local) || g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    return TRUE;
  if (g_error_matches (local, HR_ERROR, HR_ERROR_NOT_SUPPORTED))
    g_propagate_error (error, g_steal_pointer (&local));
  else
    g_propagate_prefixed_error (error, g_steal_pointer (&local), "the run state '%s' cannot be used: ", path);
  return FALSE;
}
