/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Jobs by themselves: their results, how they are cancelled, and jobs of several services.
 */
#include "hr-error.h"
#include "hr-job.h"

static void
count (HrJob *job, const char *caller, gpointer user_data)
{
  ++*(guint *)user_data;
}

static void
finish (HrJob *job, HrError code)
{
  g_autoptr (GError) error = g_error_new_literal (HR_ERROR, code, "it is over");

  hr_job_finish (job, error);
}

static void
test_life (void)
{
  g_autoptr (HrJob) job = hr_job_new (7, HR_JOB_RELOAD, "web", "somebody");
  guint changed = 0, finished = 0;

  g_signal_connect (job, "changed", G_CALLBACK (count), &changed);
  g_signal_connect (job, "finished", G_CALLBACK (count), &finished);
  g_assert_cmpuint (hr_job_get_id (job), ==, 7);
  g_assert_cmpstr (hr_job_get_service (job), ==, "web");
  g_assert_cmpstr (hr_job_get_caller (job), ==, "somebody");
  g_assert_cmpstr (hr_job_result_to_string (hr_job_get_result (job)), ==, "waiting");
  g_assert_cmpstr (hr_job_get_phase (job), ==, "");
  hr_job_set_phase (job, "check");
  hr_job_set_phase (job, NULL);
  g_assert_cmpstr (hr_job_get_phase (job), ==, "check");
  g_assert_cmpstr (hr_job_result_to_string (hr_job_get_result (job)), ==, "running");
  hr_job_finish (job, NULL);
  g_assert_cmpstr (hr_job_result_to_string (hr_job_get_result (job)), ==, "completed");
  g_assert_cmpstr (hr_job_get_phase (job), ==, "");
  g_assert_cmpuint (changed, ==, 3);
  g_assert_cmpuint (finished, ==, 1);
}

static void
test_results (void)
{
  g_autoptr (HrJob) failed = hr_job_new (1, HR_JOB_RESTART, "web", NULL);
  g_autoptr (HrJob) cancelled = hr_job_new (2, HR_JOB_STOP, "web", NULL);

  finish (failed, HR_ERROR_START_FAILED);
  finish (cancelled, HR_ERROR_CANCELLED);
  g_assert_cmpstr (hr_job_result_to_string (hr_job_get_result (failed)), ==, "failed");
  g_assert_error (hr_job_get_error (failed), HR_ERROR, HR_ERROR_START_FAILED);
  g_assert_cmpstr (hr_job_result_to_string (hr_job_get_result (cancelled)), ==, "cancelled");
  g_assert_cmpstr (hr_job_kind_to_string (hr_job_get_kind (failed)), ==, "restart");
}

static void
test_cancel (void)
{
  g_autoptr (HrJob) job = hr_job_new (1, HR_JOB_STOP, "web", NULL);
  g_autoptr (GError) too_late = NULL;
  g_autoptr (GError) ended = NULL;
  guint asked = 0;

  hr_job_set_cancel_func (job, count, &asked);
  g_assert_true (hr_job_cancel (job, NULL, NULL));
  g_assert_cmpuint (asked, ==, 1);
  hr_job_set_cancel_func (job, NULL, NULL);
  g_assert_false (hr_job_cancel (job, NULL, &too_late));
  g_assert_error (too_late, HR_ERROR, HR_ERROR_NOT_SUPPORTED);
  hr_job_finish (job, NULL);
  g_assert_false (hr_job_cancel (job, NULL, &ended));
  g_assert_error (ended, HR_ERROR, HR_ERROR_FAILED);
}

static void
test_children (void)
{
  g_autoptr (HrJob) all = hr_job_new (1, HR_JOB_RELOAD_ALL, "", NULL);
  g_autoptr (HrJob) web = hr_job_new (2, HR_JOB_RELOAD, "web", NULL);
  g_autoptr (HrJob) api = hr_job_new (3, HR_JOB_RELOAD, "api", NULL);
  guint asked = 0;

  hr_job_set_cancel_func (api, count, &asked);
  hr_job_add_child (all, web);
  hr_job_add_child (all, api);
  hr_job_settle (all);
  finish (web, HR_ERROR_CHECK_FAILED);
  g_assert_false (hr_job_is_finished (all));
  g_assert_true (hr_job_cancel (all, NULL, NULL));
  g_assert_cmpuint (asked, ==, 1);
  finish (api, HR_ERROR_CANCELLED);
  g_assert_error (hr_job_get_error (all), HR_ERROR, HR_ERROR_CHECK_FAILED);
  g_assert_cmpstr (hr_job_get_error (all)->message, ==, "2 of 2 services failed, the first is 'web': it is over");
  hr_job_settle (all);
  g_assert_finalize_object (g_steal_pointer (&all));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/job/life", test_life);
  g_test_add_func ("/job/results", test_results);
  g_test_add_func ("/job/cancel", test_cancel);
  g_test_add_func ("/job/children", test_children);
  return g_test_run ();
}
