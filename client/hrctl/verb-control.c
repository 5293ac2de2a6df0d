/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * verb-control.c: verbs that make the daemon do something to services: start, stop, restart, reload, reload-all,
 * rollback, reset-failed, pause, resume.
 */
#include <glib/gi18n.h>

#include "hr-dict.h"
#include "hr-error.h"
#include "hr-job-report.h"
#include "hr-json.h"
#include "hr-names.h"
#include "hr-verb.h"

static const struct {
  const char *verb;
  const char *method;
} methods[] = {
  { "start", "Start" },   { "stop", "Stop" },   { "restart", "Restart" },
  { "reload", "Reload" }, { "pause", "Pause" }, { "resume", "Resume" },
};

/* The job of all services has no name. */
static const char *const everything[] = { "", NULL };

static const char *
find_method (const HrVerb *verb)
{
  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    {
      if (g_str_equal (methods[i].verb, verb->name))
        return methods[i].method;
    }

  g_return_val_if_reached (NULL);
}

static gboolean
check_all (HrCtl *ctl, GError **error)
{
  gboolean all = hr_args_has (ctl->args, HR_OPTION_ALL);

  if (all && ctl->args->operands[0] != NULL)
    {
      hr_usage_error (error, ctl->args->verb, _ ("--all and names exclude each other"));
      return FALSE;
    }
  if (!all && ctl->args->operands[0] == NULL)
    {
      hr_usage_error (error, ctl->args->verb, _ ("something is missing: it takes %s"), ctl->args->verb->operands);
      return FALSE;
    }

  return TRUE;
}

/**
 * hr_verb_control:
 *
 * start, stop, restart, reload: each service's job at the same time as the others'.
 */
int
hr_verb_control (HrCtl *ctl, GError **error)
{
  gboolean all = hr_args_has (ctl->args, HR_OPTION_ALL);
  g_autoptr (HrJobs) jobs = NULL;
  g_auto (GStrv) every = NULL;
  GStrv names = ctl->args->operands;
  HrClient *client;

  if (!check_all (ctl, error))
    return HR_EXIT_USAGE;
  client = hr_ctl_connect (ctl, error);
  if (client == NULL)
    return hr_job_report_refused (ctl, all ? everything : (const char *const *)names,
                                  all ? HR_REPORT_ARRAY : HR_REPORT_OBJECT, error);
  if (all)
    {
      every = hr_client_list_services (client, error);
      if (every == NULL)
        return HR_EXIT_FAILED;
      names = every;
    }

  jobs = hr_jobs_new (client);
  for (guint i = 0; names[i] != NULL; i++)
    hr_jobs_request (jobs, names[i], find_method (ctl->args->verb), g_variant_new ("(s)", names[i]));

  return hr_job_report_run (ctl, jobs, all ? HR_REPORT_ARRAY : HR_REPORT_OBJECT, error);
}

int
hr_verb_reload_all (HrCtl *ctl, GError **error)
{
  HrClient *client = hr_ctl_connect (ctl, error);
  g_autoptr (HrJobs) jobs = NULL;

  if (client == NULL)
    return hr_job_report_refused (ctl, everything, HR_REPORT_ARRAY, error);

  jobs = hr_jobs_new (client);
  hr_jobs_request (jobs, "", "ReloadAll", NULL);
  return hr_job_report_run (ctl, jobs, HR_REPORT_ARRAY, error);
}

int
hr_verb_rollback (HrCtl *ctl, GError **error)
{
  const char *service = ctl->args->operands[0];
  g_autoptr (HrJobs) jobs = NULL;
  guint64 release = 0;
  HrClient *client;

  if (!hr_args_get_number (ctl->args, HR_OPTION_TO, 1, G_MAXUINT64, &release, error))
    return HR_EXIT_USAGE;
  client = hr_ctl_connect (ctl, error);
  if (client == NULL)
    return hr_job_report_refused (ctl, (const char *const[]){ service, NULL }, HR_REPORT_OBJECT, error);

  jobs = hr_jobs_new (client);
  hr_jobs_request (jobs, service, "Rollback", g_variant_new ("(st)", service, release));
  return hr_job_report_run (ctl, jobs, HR_REPORT_OBJECT, error);
}

int
hr_verb_reset_failed (HrCtl *ctl, GError **error)
{
  const char *service = ctl->args->operands[0];
  HrClient *client = hr_ctl_connect (ctl, error);
  g_autoptr (GVariant) reply = NULL;

  if (client == NULL)
    return HR_EXIT_FAILED;

  reply = hr_client_call (client, "ResetFailed", g_variant_new ("(s)", service), "()", HR_CLIENT_TIMEOUT_MSEC, error);
  if (reply == NULL)
    return HR_EXIT_FAILED;

  if (hr_output_is_json (ctl->output))
    {
      JsonObject *object = json_object_new ();

      json_object_set_string_member (object, "service", service);
      json_object_set_boolean_member (object, "reset", TRUE);
      hr_output_json (ctl->output, hr_json_take_object (object));
    }
  else
    hr_output_print (ctl->output, _ ("%s: its failures are forgotten\n"), service);

  return HR_EXIT_OK;
}

/* Whether resuming would do anything: a canary that is held goes on then. What cannot be told counts as that. */
static gboolean
is_paused (HrClient *client, const char *service)
{
  g_autoptr (GVariant) properties =
      service != NULL ? hr_client_get_service (client, service, NULL)
                      : hr_client_get_properties (client, HR_MANAGER_PATH, HR_MANAGER_INTERFACE, NULL);
  g_autoptr (GVariant) canary = NULL;

  if (properties == NULL || hr_dict_bool (properties, "Paused"))
    return TRUE;
  canary = g_variant_lookup_value (properties, "Canary", G_VARIANT_TYPE_VARDICT);
  return canary != NULL && hr_dict_bool (canary, "held");
}

static void
print_paused (HrOutput *output, const char *service)
{
  if (service != NULL)
    hr_output_print (output, _ ("%s: paused; changes are kept for later\n"), service);
  else
    hr_output_write (output, _ ("Everything is paused; changes are kept for later.\n"));
}

/* Each kind of pause ends by itself. */
static void
print_resumed (HrOutput *output, const char *service, gboolean before, gboolean after)
{
  if (service == NULL)
    hr_output_write (output, before ? _ ("Everything is resumed.\n") : _ ("There was no pause of everything.\n"));
  else if (!before)
    hr_output_print (output, _ ("%s: was not paused\n"), service);
  else if (after)
    hr_output_print (output, _ ("%s: stays paused, as everything is; 'hrctl resume' ends that\n"), service);
  else
    hr_output_print (output, _ ("%s: resumed\n"), service);
}

/**
 * hr_verb_pause:
 *
 * pause, resume; without a name, of everything.
 */
int
hr_verb_pause (HrCtl *ctl, GError **error)
{
  const char *service = ctl->args->operands[0];
  gboolean pause = g_str_equal (ctl->args->verb->name, "pause");
  HrClient *client = hr_ctl_connect (ctl, error);
  g_autoptr (GVariant) reply = NULL;
  gboolean before;

  if (client == NULL)
    return HR_EXIT_FAILED;

  before = pause || is_paused (client, service);
  reply = hr_client_call (client, find_method (ctl->args->verb), g_variant_new ("(s)", service != NULL ? service : ""),
                          "()", HR_CLIENT_TIMEOUT_MSEC, error);
  if (reply == NULL)
    return HR_EXIT_FAILED;

  if (hr_output_is_json (ctl->output))
    {
      JsonObject *object = json_object_new ();

      json_object_set_member (object, "service", hr_json_string_or_null (service));
      json_object_set_boolean_member (object, "paused", pause);
      hr_output_json (ctl->output, hr_json_take_object (object));
    }
  else if (pause)
    print_paused (ctl->output, service);
  else
    print_resumed (ctl->output, service, before, service != NULL && before && is_paused (client, service));

  return HR_EXIT_OK;
}
