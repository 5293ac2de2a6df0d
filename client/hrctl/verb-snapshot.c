/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * verb-snapshot.c: snapshot create, list, show and restore. Without an id, show and restore take the newest.
 */
#include <glib/gi18n.h>
#include <inttypes.h>
#include <string.h>

#include "hr-dict.h"
#include "hr-error.h"
#include "hr-job-report.h"
#include "hr-json.h"
#include "hr-names.h"
#include "hr-table.h"
#include "hr-text.h"
#include "hr-verb.h"

static const HrField snapshot_fields[] = {
  { "id", HR_FIELD_STRING, FALSE },      { "time", HR_FIELD_NUMBER, FALSE },     { "release", HR_FIELD_NUMBER, TRUE },
  { "version", HR_FIELD_NUMBER, FALSE }, { "checksum", HR_FIELD_STRING, FALSE }, { "size", HR_FIELD_NUMBER, FALSE },
  { "path", HR_FIELD_STRING, FALSE },
};

static GVariant *
list_snapshots (HrCtl *ctl, const char *service, GError **error)
{
  HrClient *client = hr_ctl_connect (ctl, error);
  g_autoptr (GVariant) reply = NULL;

  if (client == NULL)
    return NULL;

  reply = hr_client_call (client, "ListSnapshots", g_variant_new ("(s)", service), "(aa{sv})", HR_CLIENT_TIMEOUT_MSEC,
                          error);
  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

/* The snapshot with @id, or the newest without one. */
static GVariant *
find_snapshot (HrCtl *ctl, const char *service, const char *id, GError **error)
{
  g_autoptr (GVariant) snapshots = list_snapshots (ctl, service, error);

  if (snapshots == NULL)
    return NULL;

  for (gsize i = 0; i < g_variant_n_children (snapshots); i++)
    {
      g_autoptr (GVariant) snapshot = g_variant_get_child_value (snapshots, i);

      if (id == NULL || g_str_equal (hr_dict_string (snapshot, "id"), id))
        return g_steal_pointer (&snapshot);
    }

  if (id != NULL)
    g_set_error (error, HR_ERROR, HR_ERROR_NO_SUCH_SNAPSHOT, _ ("'%s' has no snapshot '%s'"), service, id);
  else
    g_set_error (error, HR_ERROR, HR_ERROR_NO_SUCH_SNAPSHOT, _ ("'%s' has no snapshot"), service);
  return NULL;
}

static int
snapshot_create (HrCtl *ctl, const char *service, const char *id, GError **error)
{
  g_autoptr (GVariant) reply = NULL;
  HrClient *client;
  const char *created;

  if (id != NULL)
    {
      hr_usage_error (error, ctl->args->verb, _ ("the daemon chooses the id of a new snapshot"));
      return HR_EXIT_USAGE;
    }
  client = hr_ctl_connect (ctl, error);
  if (client == NULL)
    return HR_EXIT_FAILED;
  reply = hr_client_call (client, "CreateSnapshot", g_variant_new ("(s)", service), "(s)", HR_CLIENT_LONG_TIMEOUT_MSEC,
                          error);
  if (reply == NULL)
    return HR_EXIT_FAILED;

  g_variant_get (reply, "(&s)", &created);
  if (hr_output_is_json (ctl->output))
    {
      JsonObject *object = json_object_new ();

      json_object_set_string_member (object, "service", service);
      json_object_set_string_member (object, "id", created);
      hr_output_json (ctl->output, hr_json_take_object (object));
    }
  else
    hr_output_print (ctl->output, _ ("%s: snapshot %s\n"), service, created);

  return HR_EXIT_OK;
}

static void
add_snapshot (HrTable *table, GVariant *snapshot)
{
  g_autofree char *time = hr_text_time ((gint64)hr_dict_number (snapshot, "time") * G_USEC_PER_SEC);
  g_autofree char *release = g_strdup_printf ("%" PRIu64, hr_dict_number (snapshot, "release"));
  g_autofree char *version = g_strdup_printf ("%" PRIu64, hr_dict_number (snapshot, "version"));
  g_autofree char *size = hr_text_size (hr_dict_number (snapshot, "size"));

  hr_table_add (table, hr_dict_string (snapshot, "id"), time, release, version, size, NULL);
}

static int
snapshot_list (HrCtl *ctl, const char *service, const char *id, GError **error)
{
  g_autoptr (GVariant) snapshots = NULL;
  g_autoptr (HrTable) table = hr_table_new (_ ("ID"), _ ("TAKEN"), _ ("RELEASE"), _ ("VERSION"), _ ("SIZE"), NULL);

  if (id != NULL)
    {
      hr_usage_error (error, ctl->args->verb, _ ("'%s' is too much"), id);
      return HR_EXIT_USAGE;
    }
  snapshots = list_snapshots (ctl, service, error);
  if (snapshots == NULL)
    return HR_EXIT_FAILED;

  if (hr_output_is_json (ctl->output))
    hr_output_json (ctl->output, hr_json_from_dicts (snapshots, snapshot_fields, G_N_ELEMENTS (snapshot_fields)));
  else if (g_variant_n_children (snapshots) == 0)
    hr_output_write (ctl->output, _ ("There are no snapshots.\n"));
  else
    {
      for (gsize i = 0; i < g_variant_n_children (snapshots); i++)
        {
          g_autoptr (GVariant) snapshot = g_variant_get_child_value (snapshots, i);

          add_snapshot (table, snapshot);
        }
      hr_table_print (table, ctl->output);
    }

  return HR_EXIT_OK;
}

/* The document byte for byte: it is JSON already, and a parser's round trip damages numbers. */
static int
snapshot_show (HrCtl *ctl, const char *service, const char *id, GError **error)
{
  g_autoptr (GVariant) snapshot = find_snapshot (ctl, service, id, error);
  g_autoptr (GFile) file = NULL;
  g_autofree char *text = NULL;
  gsize size;

  if (snapshot == NULL)
    return HR_EXIT_FAILED;

  file = g_file_new_for_path (hr_dict_string (snapshot, "path"));
  if (!g_file_load_contents (file, NULL, &text, &size, NULL, error))
    {
      g_prefix_error (error, _ ("cannot read snapshot %s of '%s': "), hr_dict_string (snapshot, "id"), service);
      return HR_EXIT_FAILED;
    }

  hr_output_write (ctl->output, text);
  if (size > 0 && text[size - 1] != '\n')
    hr_output_write (ctl->output, "\n");
  return HR_EXIT_OK;
}

static int
snapshot_restore (HrCtl *ctl, const char *service, const char *id, GError **error)
{
  g_autoptr (GVariant) snapshot = find_snapshot (ctl, service, id, error);
  g_autoptr (HrJobs) jobs = NULL;

  if (snapshot == NULL)
    return HR_EXIT_FAILED;

  jobs = hr_jobs_new (ctl->client);
  hr_jobs_request (jobs, service, "RestoreSnapshot", g_variant_new ("(ss)", service, hr_dict_string (snapshot, "id")));
  return hr_job_report_run (ctl, jobs, HR_REPORT_OBJECT, error);
}

static const struct {
  const char *name;
  int (*run) (HrCtl *ctl, const char *service, const char *id, GError **error);
} actions[] = {
  { "create", snapshot_create },
  { "list", snapshot_list },
  { "show", snapshot_show },
  { "restore", snapshot_restore },
};

int
hr_verb_snapshot (HrCtl *ctl, GError **error)
{
  GStrv operands = ctl->args->operands;

  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    {
      if (g_str_equal (actions[i].name, operands[0]))
        return actions[i].run (ctl, operands[1], operands[2], error);
    }

  hr_usage_error (error, ctl->args->verb, _ ("'%s' is none of create, list, show, restore"), operands[0]);
  return HR_EXIT_USAGE;
}
