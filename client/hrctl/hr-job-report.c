/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-job-report.h"

#include "hr-dict.h"
#include "hr-error.h"
#include "hr-job-print.h"
#include "hr-json.h"
#include "hr-names.h"
#include "hr-text.h"

static const HrField outcome_fields[] = {
  { "success", HR_FIELD_BOOL, FALSE },
  { "service", HR_FIELD_STRING, TRUE },
  { "message", HR_FIELD_STRING, TRUE },
  { "release", HR_FIELD_NUMBER, TRUE },
  { "previousRelease", HR_FIELD_NUMBER, TRUE },
  { "statePreserved", HR_FIELD_BOOL, FALSE },
  { "dependentsReloaded", HR_FIELD_STRINGS, FALSE },
  { "downtime", HR_FIELD_STRING, FALSE },
  { "downtimeUsec", HR_FIELD_NUMBER, FALSE },
  { "durationUsec", HR_FIELD_NUMBER, FALSE },
  { "queueWaitUsec", HR_FIELD_NUMBER, FALSE },
  { "connectionsCut", HR_FIELD_NUMBER, FALSE },
  { "phases", HR_FIELD_PHASES, FALSE },
  { "phase", HR_FIELD_STRING, TRUE },
  { "error", HR_FIELD_STRING, TRUE },
  { "canary", HR_FIELD_STRING, TRUE },
};

static const HrField accepted_fields[] = {
  { "service", HR_FIELD_STRING, TRUE },
  { "job", HR_FIELD_STRING, TRUE },
  { "error", HR_FIELD_STRING, TRUE },
};

static void
insert_default (GVariantDict *dict, const char *key, GVariant *value)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);

  if (!g_variant_dict_contains (dict, key))
    g_variant_dict_insert_value (dict, key, owned);
}

/* Why the job is not done, "" if it is; @unfinished: why we do not wait any more. */
static const char *
find_error (const HrJobView *view, const GError *unfinished)
{
  if (view->refused != NULL)
    return view->refused->message;
  if (!view->ended)
    return unfinished != NULL ? unfinished->message : "";
  if (*view->error != '\0')
    return view->error;

  return g_str_equal (view->result, "completed") ? "" : view->result;
}

/* The model of all printers: the job's details, with what they lack. */
static GVariant *
make_outcome (const HrJobView *view, const GError *unfinished)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (view->details);
  gboolean success = view->refused == NULL && g_str_equal (view->result, "completed");
  const char *error = find_error (view, unfinished);
  g_autofree char *downtime = NULL;

  insert_default (&dict, "service", g_variant_new_string (view->service));
  insert_default (&dict, "message", g_variant_new_string (error));
  insert_default (&dict, "statePreserved", g_variant_new_boolean (FALSE));
  insert_default (&dict, "downtimeUsec", g_variant_new_uint64 (0));
  insert_default (&dict, "durationUsec", g_variant_new_uint64 (0));
  insert_default (&dict, "connectionsCut", g_variant_new_uint64 (0));
  insert_default (&dict, "phase", g_variant_new_string (success ? "" : view->phase));
  if (view->details != NULL)
    downtime = hr_text_downtime ((gint64)hr_dict_number (view->details, "downtimeUsec"));
  g_variant_dict_insert (&dict, "downtime", "s", downtime != NULL ? downtime : "0.0s");
  g_variant_dict_insert (&dict, "success", "b", success);
  g_variant_dict_insert (&dict, "ended", "b", view->ended);
  g_variant_dict_insert (&dict, "error", "s", success ? "" : error);
  g_variant_dict_insert (&dict, "job", "s", view->path != NULL ? view->path : "");
  g_variant_dict_insert (&dict, "kind", "s", view->kind);

  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static int
exit_code (const HrJobView *view, const GError *unfinished)
{
  if (view->refused != NULL)
    return hr_client_exit_code (view->refused);
  if (!view->ended && unfinished != NULL)
    return hr_client_exit_code (unfinished);
  if (g_str_equal (view->result, "completed"))
    return HR_EXIT_OK;

  if (view->details != NULL)
    {
      g_autoptr (GError) error = NULL;
      int code;

      error = g_dbus_error_new_for_dbus_error (hr_dict_string (view->details, "errorName"), "");
      code = hr_client_exit_code (error);
      if (code == HR_EXIT_NOT_FOUND || code == HR_EXIT_NOT_ALLOWED)
        return code;
    }

  return HR_EXIT_FAILED;
}

static void
print_accepted (HrOutput *output, GVariant *outcome)
{
  if (*hr_dict_string (outcome, "job") == '\0')
    hr_job_print_failure (output, outcome);
  else if (*hr_dict_string (outcome, "service") == '\0')
    hr_output_print (output, "%s\n", hr_dict_string (outcome, "job"));
  else
    hr_output_print (output, "%s: %s\n", hr_dict_string (outcome, "service"), hr_dict_string (outcome, "job"));
}

/* Prints each job, or adds it to @array; @unfinished: why jobs that have not ended are not waited for. */
static int
report_each (HrCtl *ctl, HrJobs *jobs, gboolean waited, const GError *unfinished, JsonArray *array)
{
  GPtrArray *views = hr_jobs_list (jobs);
  int code = HR_EXIT_OK;

  for (guint i = 0; i < views->len; i++)
    {
      const HrJobView *view = g_ptr_array_index (views, i);
      g_autoptr (GVariant) outcome = make_outcome (view, unfinished);

      if (code == HR_EXIT_OK && (waited || view->refused != NULL))
        code = exit_code (view, unfinished);

      if (hr_output_is_json (ctl->output))
        json_array_add_element (array,
                                waited ? hr_json_from_dict (outcome, outcome_fields, G_N_ELEMENTS (outcome_fields))
                                       : hr_json_from_dict (outcome, accepted_fields, G_N_ELEMENTS (accepted_fields)));
      else if (waited)
        hr_job_print_outcome (ctl->output, outcome);
      else
        print_accepted (ctl->output, outcome);
    }

  return code;
}

static void
print_json (HrOutput *output, JsonArray *array, HrReportShape shape)
{
  if (shape == HR_REPORT_OBJECT && json_array_get_length (array) == 1)
    hr_output_json (output, json_array_dup_element (array, 0));
  else
    hr_output_json (output, hr_json_take_array (json_array_ref (array)));
}

static int
report (HrCtl *ctl, HrJobs *jobs, HrReportShape shape, gboolean waited, const GError *unfinished)
{
  g_autoptr (JsonArray) array = json_array_new ();
  int code = report_each (ctl, jobs, waited, unfinished, array);

  if (hr_output_is_json (ctl->output))
    print_json (ctl->output, array, shape);
  return code;
}

/**
 * hr_job_report_refused:
 * @ctl: the run
 * @services: (array zero-terminated=1): whom the jobs were to be of; "" for all
 * @shape: whether the JSON of one job is an object or an array
 * @error: (inout): why none could be asked for, as with no daemon; cleared where it is reported here
 *
 * With JSON, what is expected of such a verb is printed also where there is no daemon that could refuse anything.
 *
 * Returns: the exit code
 */
int
hr_job_report_refused (HrCtl *ctl, const char *const *services, HrReportShape shape, GError **error)
{
  g_autoptr (JsonArray) array = json_array_new ();
  gboolean waited = !hr_args_has (ctl->args, HR_OPTION_NO_WAIT);
  HrJobView view = {
    .kind = (char *)"", .phase = (char *)"", .result = (char *)"", .error = (char *)"", .ended = TRUE, .refused = *error
  };
  int code = hr_client_exit_code (*error);

  if (!hr_output_is_json (ctl->output))
    return code;

  for (guint i = 0; services[i] != NULL; i++)
    {
      g_autoptr (GVariant) outcome = NULL;

      view.service = (char *)services[i];
      outcome = make_outcome (&view, NULL);
      json_array_add_element (array,
                              waited ? hr_json_from_dict (outcome, outcome_fields, G_N_ELEMENTS (outcome_fields))
                                     : hr_json_from_dict (outcome, accepted_fields, G_N_ELEMENTS (accepted_fields)));
    }
  print_json (ctl->output, array, shape);
  g_clear_error (error);
  return code;
}

/**
 * hr_job_report_each:
 * @ctl: the run
 * @jobs: jobs that began
 * @timeout_usec: how long to wait for them, -1: as long as they take
 * @array: where JSON goes, an object for each
 *
 * Waits for @jobs, unless that is not wanted, and prints what came of them, or leaves that in @array.
 *
 * Returns: the exit code: that of the first job that is not done
 */
int
hr_job_report_each (HrCtl *ctl, HrJobs *jobs, gint64 timeout_usec, JsonArray *array)
{
  g_autoptr (GError) unfinished = NULL;

  if (hr_args_has (ctl->args, HR_OPTION_NO_WAIT))
    return report_each (ctl, jobs, FALSE, NULL, array);

  hr_jobs_wait (jobs, ctl->output, timeout_usec, &unfinished);
  return report_each (ctl, jobs, TRUE, unfinished, array);
}

/* A job that stands for several is reported by them; by itself only if it was refused or has not ended. */
static gboolean
stands_for_several (HrJobs *jobs)
{
  GPtrArray *views = hr_jobs_list (jobs);
  const HrJobView *view = views->len == 1 ? g_ptr_array_index (views, 0) : NULL;

  return view != NULL && view->refused == NULL && view->ended && *view->service == '\0';
}

/**
 * hr_job_report_run:
 * @ctl: the run
 * @jobs: jobs that were asked for
 * @shape: whether the JSON of one job is an object or an array
 * @error: that nothing can be reported
 *
 * Waits for @jobs, unless that is not wanted, and prints what came of them.
 *
 * Returns: the exit code: that of the first job that is not done
 */
int
hr_job_report_run (HrCtl *ctl, HrJobs *jobs, HrReportShape shape, GError **error)
{
  g_autoptr (GError) unfinished = NULL;

  if (hr_args_has (ctl->args, HR_OPTION_NO_WAIT))
    return report (ctl, jobs, shape, FALSE, NULL);

  hr_jobs_wait (jobs, ctl->output, hr_args_get_timeout (ctl->args), &unfinished);
  if (stands_for_several (jobs))
    {
      const HrJobView *parent = g_ptr_array_index (hr_jobs_list (jobs), 0);
      int code = exit_code (parent, NULL);
      int first;

      if (!hr_jobs_take_children (jobs, error))
        return HR_EXIT_FAILED;
      first = report (ctl, jobs, shape, TRUE, NULL);
      return first != HR_EXIT_OK ? first : code;
    }

  return report (ctl, jobs, shape, TRUE, unfinished);
}
