/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * verb-logs.c: logs: the output of a service, of its instances together, and what is added to it.
 *
 * The path is the daemon's, the files are read here: no log byte goes through the daemon.
 */
#include <glib/gi18n.h>
#include <signal.h>

#include "hr-dict.h"
#include "hr-json.h"
#include "hr-log-follow.h"
#include "hr-log-view.h"
#include "hr-names.h"
#include "hr-object-path.h"
#include "hr-since.h"
#include "hr-verb.h"

#define LINES_DEFAULT 10
#define LINES_MAX 1000000

/* The document of --json. */
static void
print_as_json (HrCtl *ctl, HrLogView *view)
{
  JsonObject *object = json_object_new ();
  JsonArray *files = json_array_new ();

  for (guint i = 0; i < view->sources->len; i++)
    {
      const HrLogSource *source = g_ptr_array_index (view->sources, i);

      json_array_add_string_element (files, source->file->path);
    }
  json_object_set_string_member (object, "service", view->service);
  json_object_set_array_member (object, "files", files);
  json_object_set_array_member (object, "lines", g_steal_pointer (&view->lines));
  hr_output_json (ctl->output, hr_json_take_object (object));
}

static gboolean
get_since (const HrArgs *args, gint64 *since, GError **error)
{
  const char *text = args->values[HR_OPTION_SINCE];
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();

  if (text == NULL || hr_since_parse (text, now, since))
    return TRUE;
  hr_usage_error (error, args->verb,
                  _ ("'%s' is no time: write it like 10min, 14:30, yesterday, 2026-01-31 or '2026-01-31 08:00'"), text);
  return FALSE;
}

static gboolean
check_options (const HrArgs *args, guint64 *lines, gint64 *since, guint64 *release, GError **error)
{
  if (!get_since (args, since, error))
    return FALSE;
  *lines = *since != 0 ? HR_LOG_VIEW_ALL : LINES_DEFAULT;
  if (!hr_args_get_number (args, HR_OPTION_LINES, 0, LINES_MAX, lines, error)
      || !hr_args_get_number (args, HR_OPTION_RELEASE, 1, G_MAXUINT64, release, error))
    return FALSE;
  if (hr_args_has (args, HR_OPTION_NEWEST) && *release != 0)
    {
      hr_usage_error (error, args->verb, _ ("--newest and --release exclude each other"));
      return FALSE;
    }

  return TRUE;
}

static HrLogView *
open_view (HrCtl *ctl, HrClient *client, guint64 release, GError **error)
{
  const char *service = ctl->args->operands[0];
  g_autoptr (GVariant) properties = hr_client_get_service (client, service, error);
  g_autoptr (HrLogView) view = NULL;
  const char *link;

  if (properties == NULL)
    return NULL;
  link = hr_dict_string (properties, "LogFile");
  if (*link == '\0')
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, _ ("the output of '%s' does not go to a file"), service);
      return NULL;
    }

  view = hr_log_view_new (ctl->output, service, link);
  view->release = release;
  view->newest = hr_args_has (ctl->args, HR_OPTION_NEWEST);
  view->plain = hr_args_has (ctl->args, HR_OPTION_PLAIN);
  view->follow = hr_args_has (ctl->args, HR_OPTION_FOLLOW);
  if (hr_output_is_json (ctl->output) && !view->follow)
    view->lines = json_array_new ();
  return hr_log_view_refresh (view, error) ? g_steal_pointer (&view) : NULL;
}

int
hr_verb_logs (HrCtl *ctl, GError **error)
{
  g_autofree char *object = hr_service_object_path (ctl->args->operands[0]);
  g_autoptr (HrLogView) view = NULL;
  guint64 lines;
  guint64 release = 0;
  gint64 since = 0;
  HrClient *client;

  if (!check_options (ctl->args, &lines, &since, &release, error))
    return HR_EXIT_USAGE;
  client = hr_ctl_connect (ctl, error);
  view = client != NULL ? open_view (ctl, client, release, error) : NULL;
  if (view == NULL)
    return HR_EXIT_FAILED;

  /* As with other filters: who reads no more is no error. The bus is written to with MSG_NOSIGNAL. */
  signal (SIGPIPE, SIG_DFL);
  if (!hr_log_view_print_tail (view, lines, since, error))
    return HR_EXIT_FAILED;
  if (view->lines != NULL)
    print_as_json (ctl, view);
  if (view->follow)
    hr_log_follow (view, client, object);
  return HR_EXIT_OK;
}
