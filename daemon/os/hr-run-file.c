/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-run-file.h"

#include <string.h>

#include "hr-boot.h"
#include "hr-config.h"
#include "hr-error.h"
#include "hr-fs.h"
#include "hr-json-member.h"
#include "hr-json.h"
#include "hr-log.h"
#include "hr-run-state.h"

/* A larger file of one service is none of ours, in bytes: room for all the processes that there can be. */
#define SERVICE_SIZE_MAX (4 * 1024 * 1024)
/* Root, the service, a process, its view, a list of that; one more before there was a file for each service. */
#define DEPTH_MAX 8

static gboolean
check_version (const char *path, JsonNode *root, GError **error)
{
  JsonObject *object = root != NULL && JSON_NODE_HOLDS_OBJECT (root) ? json_node_get_object (root) : NULL;
  gint64 version = object != NULL ? json_object_get_int_member_with_default (object, "version", 0) : 0;

  if (version > HR_RUN_STATE_VERSION)
    g_set_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED,
                 "the state in '%s' was written by a newer hotreload: its version is %" G_GINT64_FORMAT
                 ", and this one (%s) reads versions up to %d; use the newer one, or another --state-dir",
                 path, version, HR_VERSION, HR_RUN_STATE_VERSION);
  else if (version < 1)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "it has no version");
  return version >= 1 && version <= HR_RUN_STATE_VERSION;
}

/**
 * hr_run_file_load:
 * @path: a file of the run state
 * @size_max: of it, in bytes
 * @error: return location
 *
 * Returns: (transfer full): what is in it, an object; %NULL with %HR_ERROR_NOT_SUPPORTED when a newer daemon wrote it, or
 *   a #GIOErrorEnum or #JsonParserError, %G_IO_ERROR_NOT_FOUND where there is none
 */
JsonParser *
hr_run_file_load (const char *path, gsize size_max, GError **error)
{
  g_autoptr (GBytes) content = hr_fs_read (path, size_max, error);
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  const char *text;
  gsize size;

  if (content == NULL)
    return NULL;
  text = g_bytes_get_data (content, &size);
  /* json-glib recurses: what comes from a damaged file is measured first. */
  if (hr_json_check (text, size, DEPTH_MAX, error) && json_parser_load_from_data (parser, text, (gssize)size, error)
      && check_version (path, json_parser_get_root (parser), error))
    return g_steal_pointer (&parser);
  return NULL;
}

/**
 * hr_run_file_read:
 * @path: what hr_run_file_write() wrote
 * @stamp: (out): of it
 * @error: return location
 *
 * Returns: (transfer full): the record; %NULL as of hr_run_file_load()
 */
HrRunRecord *
hr_run_file_read (const char *path, HrRunStamp *stamp, GError **error)
{
  g_autoptr (JsonParser) parser = hr_run_file_load (path, SERVICE_SIZE_MAX, error);
  JsonObject *object = parser != NULL ? json_node_get_object (json_parser_get_root (parser)) : NULL;
  HrRunRecord *record;

  if (object == NULL)
    return NULL;
  record = hr_run_record_read (json_object_get_member (object, "service"));
  if (record == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "it describes no service");
      return NULL;
    }
  stamp->change = (guint64)MAX (json_object_get_int_member_with_default (object, "change", 0), 0);
  stamp->this_boot = g_strcmp0 (json_object_get_string_member_with_default (object, "boot", NULL), hr_boot_id ()) == 0;
  return record;
}

/**
 * hr_run_file_write:
 * @path: the file
 * @record: of a service
 * @change: the how manyth change of it this is
 * @lasts: whether it has to outlive the machine's run, not only the daemon's
 * @error: return location
 *
 * Returns: success; else a #GIOErrorEnum is set, and the file is as it was
 */
gboolean
hr_run_file_write (const char *path, const HrRunRecord *record, guint64 change, gboolean lasts, GError **error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *text = NULL;

  json_builder_begin_object (builder);
  hr_json_member_int (builder, "version", HR_RUN_STATE_VERSION);
  hr_json_member_int (builder, "change", (gint64)change);
  json_builder_set_member_name (builder, "boot");
  json_builder_add_string_value (builder, hr_boot_id ());
  json_builder_set_member_name (builder, "service");
  hr_run_record_write (record, builder);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  text = json_to_string (root, FALSE);
  return lasts ? hr_fs_write (path, text, strlen (text), 0600, error)
               : hr_fs_replace (path, text, strlen (text), 0600, error);
}

/**
 * hr_run_file_set_aside:
 * @path: a file of the run state, or the directory of others
 * @why: it cannot be used
 *
 * With a warning, which names where it is now.
 */
void
hr_run_file_set_aside (const char *path, const GError *why)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *aside = hr_fs_set_aside (path, &error);

  if (aside != NULL)
    hr_log_warning (NULL, "the run state '%s' cannot be used: %s; set aside as '%s'", path, why->message, aside);
  else
    hr_log_warning (NULL, "the run state '%s' cannot be used: %s; %s, ignoring", path, why->message, error->message);
}
