/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-run-state.h"

#include <string.h>

#include "hr-error.h"
#include "hr-fs.h"
#include "hr-log.h"
#include "hr-run-file.h"
#include "hr-run-pair.h"
#include "hr-service-spec.h"

/* A larger file is none of ours, in bytes: room for 100,000 services, when they all were in it. */
#define FILE_SIZE_MAX (32 * 1024 * 1024)

/* Of the file's name, which the directory's lacks. */
#define FILE_SUFFIX ".json"

struct _HrRunState {
  GObject parent_instance;

  char *path;
  char *dir;
  gboolean all_paused;
  gboolean is_old;     /* the file still has all services: the directory does not count */
  gboolean unsaved;    /* the file is behind */
  GHashTable *records; /* name to HrRunPair */
  GHashTable *behind;  /* names of those whose files are */
};

G_DEFINE_FINAL_TYPE (HrRunState, hr_run_state, G_TYPE_OBJECT)

/* Writing */

static gboolean
save (HrRunState *self, GError **error)
{
  g_autofree char *text =
      g_strdup_printf ("{\"version\":%d,\"paused\":%s}\n", HR_RUN_STATE_VERSION, self->all_paused ? "true" : "false");

  /* First, as its parents are synced with the file. */
  if (!hr_fs_make_dir (self->dir, 0700, error) || !hr_fs_write (self->path, text, strlen (text), 0600, error))
    return FALSE;
  self->unsaved = FALSE;
  return TRUE;
}

/* From one file to one for each. The old one counts until all of them last, whatever comes in between. */
static gboolean
convert (HrRunState *self, GError **error)
{
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer name, value;

  if (!hr_fs_remove_tree (self->dir, error) || !hr_fs_make_dir (self->dir, 0700, error))
    return FALSE;
  g_hash_table_iter_init (&iter, self->records);
  while (g_hash_table_iter_next (&iter, &name, &value))
    {
      const HrRunPair *pair = value;
      char *path = hr_run_pair_get_lasting (self->dir, name);

      g_ptr_array_add (paths, path);
      if (!hr_run_file_write (path, pair->record, pair->change, FALSE, error))
        return FALSE;
    }
  g_ptr_array_add (paths, g_strdup (self->dir));
  if (!hr_fs_sync_all ((const char *const *)paths->pdata, paths->len, error) || !save (self, error))
    return FALSE;
  self->is_old = FALSE;
  return TRUE;
}

static gboolean
write_service (HrRunState *self, const char *service, GError **error)
{
  HrRunPair *pair = g_hash_table_lookup (self->records, service);

  if ((self->is_old && !convert (self, error)) || (self->unsaved && !save (self, error)))
    return FALSE;
  return pair != NULL ? hr_run_pair_write (pair, self->dir, service, error)
                      : hr_run_pair_remove (self->dir, service, error);
}

/* And whatever else could not be written before, as there may be room again. */
static gboolean
catch_up (HrRunState *self, const char *service, GError **error)
{
  GHashTableIter iter;
  gpointer other;

  if (!g_hash_table_contains (self->behind, service))
    return TRUE;
  if (!write_service (self, service, error))
    return FALSE;
  g_hash_table_remove (self->behind, service);
  g_hash_table_iter_init (&iter, self->behind);
  while (g_hash_table_iter_next (&iter, &other, NULL) && write_service (self, other, NULL))
    g_hash_table_iter_remove (&iter);
  return TRUE;
}

/* Reading */

static gboolean
read_services (HrRunState *self, gboolean only_looks, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GHashTable) services = hr_run_pair_list (self->dir, only_looks, &local);
  GHashTableIter iter;
  gpointer service;

  if (services == NULL)
    {
      if (!only_looks && !g_error_matches (local, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        hr_run_file_set_aside (self->dir, local);
      return TRUE;
    }
  g_hash_table_iter_init (&iter, services);
  while (g_hash_table_iter_next (&iter, &service, NULL))
    {
      HrRunPair *pair;

      if (!hr_run_pair_read (self->dir, service, only_looks, &pair, error))
        return FALSE;
      if (pair == NULL)
        continue;
      g_hash_table_insert (self->records, g_strdup (service), pair);
      if (pair->lasts_unsaved)
        g_hash_table_add (self->behind, g_strdup (service));
    }
  return TRUE;
}

/* Before each service had a file of its own. */
static gboolean
read_old_services (HrRunState *self, JsonObject *object, GError **error)
{
  JsonNode *services = json_object_get_member (object, "services");
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;

  if (services == NULL || !JSON_NODE_HOLDS_OBJECT (services))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "it names no services");
      return FALSE;
    }
  json_object_iter_init (&iter, json_node_get_object (services));
  while (json_object_iter_next (&iter, &name, &node))
    if (JSON_NODE_HOLDS_OBJECT (node) && hr_service_name_is_valid (name))
      g_hash_table_insert (self->records, g_strdup (name), hr_run_pair_new (hr_run_record_read (node)));
  self->is_old = TRUE;
  return TRUE;
}

static gboolean
read_file (HrRunState *self, GError **error)
{
  g_autoptr (JsonParser) parser = hr_run_file_load (self->path, FILE_SIZE_MAX, error);
  JsonObject *object = parser != NULL ? json_node_get_object (json_parser_get_root (parser)) : NULL;

  if (object == NULL
      || (json_object_get_int_member_with_default (object, "version", 0) == 1
          && !read_old_services (self, object, error)))
    return FALSE;
  self->all_paused = json_object_get_boolean_member_with_default (object, "paused", FALSE);
  self->unsaved = FALSE;
  return TRUE;
}

static gboolean
load (HrRunState *self, GError **error)
{
  g_autoptr (GError) local = NULL;

  if (!read_file (self, &local) && !g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    {
      if (g_error_matches (local, HR_ERROR, HR_ERROR_NOT_SUPPORTED))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
      hr_run_file_set_aside (self->path, local);
      g_clear_error (&local);
    }
  if (!self->is_old)
    return read_services (self, FALSE, error);
  if (!convert (self, &local))
    hr_log_warning (NULL, "%s", local->message);
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
  const HrRunPair *pair;

  g_return_val_if_fail (HR_IS_RUN_STATE (self), NULL);
  pair = g_hash_table_lookup (self->records, service);
  return hr_run_record_copy (pair != NULL ? pair->record : &hr_run_record_unknown);
}

/**
 * hr_run_state_set:
 * @self: the run state
 * @service: name
 * @record: (nullable): what to keep; %NULL: nothing, the service is no more
 * @error: return location
 *
 * Written when something differs, durably when that is not only a process. When it fails the record is kept in memory,
 * and written with the next. Of what has a name that no service can have nothing is kept.
 *
 * Returns: success; else a #GIOErrorEnum is set
 */
gboolean
hr_run_state_set (HrRunState *self, const char *service, const HrRunRecord *record, GError **error)
{
  HrRunPair *pair;

  g_return_val_if_fail (HR_IS_RUN_STATE (self), FALSE);
  g_return_val_if_fail (service != NULL, FALSE);

  /* No service that runs. */
  if (!hr_service_name_is_valid (service))
    return TRUE;
  pair = g_hash_table_lookup (self->records, service);
  if (record == NULL ? pair != NULL : pair == NULL || !hr_run_record_equal (pair->record, record))
    {
      if (pair == NULL)
        {
          pair = hr_run_pair_new (hr_run_record_copy (&hr_run_record_unknown));
          g_hash_table_insert (self->records, g_strdup (service), pair);
        }
      if (record != NULL)
        hr_run_pair_set (pair, record);
      else
        g_hash_table_remove (self->records, service);
      g_hash_table_add (self->behind, g_strdup (service));
    }
  return catch_up (self, service, error);
}

/**
 * hr_run_state_set_signalled:
 * @self: the run state
 * @service: name
 * @instance: the id of one of its instances
 * @kill_at: when SIGKILL follows, by the monotonic clock in microseconds
 * @error: return location
 *
 * To be called right after StopSignal was sent to it, so that the next daemon does not send it again: many programs take a
 * second one for impatience, and drop what they have. Of an instance that was not kept nothing is.
 *
 * Returns: success; else a #GIOErrorEnum is set
 */
gboolean
hr_run_state_set_signalled (HrRunState *self, const char *service, const char *instance, gint64 kill_at, GError **error)
{
  g_autoptr (HrRunRecord) record = hr_run_state_get (self, service);
  HrRunProcess *process;

  g_return_val_if_fail (record != NULL && instance != NULL, FALSE);

  process = hr_run_record_find (record, instance);
  if (process == NULL)
    return TRUE;
  process->stopping = process->signalled = TRUE;
  process->kill_at = kill_at;
  return hr_run_state_set (self, service, record, error);
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
  self->unsaved = TRUE;
  return self->is_old ? convert (self, error) : save (self, error);
}

static void
hr_run_state_finalize (GObject *object)
{
  HrRunState *self = HR_RUN_STATE (object);

  g_free (self->path);
  g_free (self->dir);
  g_hash_table_unref (self->records);
  g_hash_table_unref (self->behind);
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
  self->records = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)hr_run_pair_free);
  self->behind = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->unsaved = TRUE;
}

static HrRunState *
new_at (const char *path)
{
  HrRunState *self = g_object_new (HR_TYPE_RUN_STATE, NULL);

  self->path = g_strdup (path);
  self->dir = g_strndup (path, strlen (path) - strlen (FILE_SUFFIX));
  return self;
}

/**
 * hr_run_state_new:
 * @path: the file, which ends in ".json"; made when something is first kept
 * @error: return location
 *
 * Reads what the last daemon kept. What cannot be read is set aside with a warning, and nothing is known of it then.
 *
 * Returns: (transfer full): the run state; %NULL with %HR_ERROR_NOT_SUPPORTED when a newer daemon wrote it, and it is left
 *   as it is
 */
HrRunState *
hr_run_state_new (const char *path, GError **error)
{
  g_autoptr (HrRunState) self = NULL;

  g_return_val_if_fail (path != NULL && g_str_has_suffix (path, FILE_SUFFIX), NULL);
  self = new_at (path);
  return load (self, error) ? g_steal_pointer (&self) : NULL;
}

/**
 * hr_run_state_check:
 * @path: the file, which ends in ".json"
 * @error: return location
 *
 * For who only wants to know: nothing is changed.
 *
 * Returns: whether hr_run_state_new() could go on with it; where there is none there is nothing to go on with
 */
gboolean
hr_run_state_check (const char *path, GError **error)
{
  g_autoptr (HrRunState) self = NULL;
  g_autoptr (GError) local = NULL;

  g_return_val_if_fail (path != NULL && g_str_has_suffix (path, FILE_SUFFIX), FALSE);
  self = new_at (path);
  if (read_file (self, &local) || g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    return self->is_old || read_services (self, TRUE, error);
  if (g_error_matches (local, HR_ERROR, HR_ERROR_NOT_SUPPORTED))
    g_propagate_error (error, g_steal_pointer (&local));
  else
    g_propagate_prefixed_error (error, g_steal_pointer (&local), "the run state '%s' cannot be used: ", path);
  return FALSE;
}
