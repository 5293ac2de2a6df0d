/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The eight rules of a reload.
 */
#include "engine-fixture.h"

#include <string.h>

/* Rule 2: the job ends with the switch, not with the drain; a new reload ends the observation. */
static void
test_job_ends_with_switch (Engine *engine)
{
  const HrFakeProgram drains = { .stop_takes = 20 * SECOND };
  HrService *service = engine_start_with (engine, "", &drains);
  HrJob *job = hr_service_reload (service, "a");

  engine_run (engine, 100 * MSEC);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_cmpint (engine->completed_job, ==, HR_JOB_RUNNING);
  g_assert_true (engine_instance (engine, 0)->alive);
  g_assert_cmpuint (hr_job_get_outcome (job)->duration_usec, <, 100 * MSEC);
}

static void
test_new_reload_ends_observation (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine_save (engine, "main", "two");
  engine_run (engine, 2 * SECOND);
  engine_expect_fate (engine, 2, HR_FATE_UNPROVEN);
  engine_save (engine, "main", "three");
  engine_run (engine, 2 * SECOND);
  engine_expect_fate (engine, 3, HR_FATE_UNPROVEN);
  engine_run (engine, 10 * SECOND);
  engine_expect_fate (engine, 2, HR_FATE_UNPROVEN);
  engine_expect_fate (engine, 3, HR_FATE_GOOD);
  g_assert_cmpuint (hr_service_get_rollback_point (service), ==, 1);
}

/* Also when that reload fails: the release stays unproven. */
static void
test_failed_reload_ends_observation (Engine *engine)
{
  const HrFakeProgram slow = { .ready_after = 20 * SECOND };

  engine_start (engine, "");
  engine_save (engine, "main", "two");
  engine_run (engine, 2 * SECOND);
  hr_fake_launcher_next (engine->launcher, &slow);
  engine_save (engine, "main", "three");
  engine_run (engine, 10 * SECOND);
  engine_expect_fate (engine, 2, HR_FATE_UNPROVEN);
}

/* Rule 3, case 20: equal content is nothing: no reload, no job, no entry in the history. */
static void
test_touch (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  GPid pid = hr_service_get_pid (service);
  guint before = engine_n_history (engine);
  g_autoptr (GPtrArray) jobs = NULL;
  g_autoptr (GPtrArray) jobs_after = NULL;

  jobs = hr_manager_list_jobs (engine->manager);
  engine_save (engine, "main", "one");
  engine_run (engine, PROVEN);
  engine_expect (engine, "");
  engine_expect_states (engine, "");
  g_assert_cmpint (hr_service_get_pid (service), ==, pid);
  g_assert_cmpuint (engine_n_history (engine), ==, before);
  g_assert_cmpuint (hr_manager_get_reload_count (engine->manager), ==, 0);
  jobs_after = hr_manager_list_jobs (engine->manager);
  g_assert_cmpuint (jobs_after->len, ==, jobs->len);
}

/* A rejected tree is not tried again until it changes; by hand it is, under its number. */
static void
test_rejected_tree (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine->platform->checker->fault = "bad";
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadFailed check");
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "");
  hr_service_reload (service, "a");
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "ReloadStarted 2 | ReloadFailed check");
  engine->platform->checker->fault = NULL;
  hr_service_reload (service, "a");
  engine_run (engine, PROVEN);
  engine_expect (engine, "ReloadStarted 2 | ReloadCompleted 2");
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
}

/* Nor does a change of the service file make a rejected source run: the release that serves gets what is new. */
static void
test_rejected_tree_and_other_file (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine->platform->checker->fault = "bad";
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadFailed check");
  engine->platform->checker->fault = NULL;
  engine_set (engine, "web", "Environment=LEVEL=debug\n");
  engine_apply (engine, "web");
  engine_run (engine, PROVEN);
  engine_expect (engine, "ReloadStarted 1 | ReloadCompleted 1");
  engine_expect_fate (engine, 2, HR_FATE_REJECTED);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  /* What has changed since is tried. */
  engine_save (engine, "main", "three");
  engine_set (engine, "web", "Environment=LEVEL=info\n");
  engine_apply (engine, "web");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
}

/* A service that gave up is not started by a touch either. */
static void
test_touch_of_failed (Engine *engine)
{
  HrService *service = engine_start (engine, "RestartLimit=1\n");

  hr_fake_instance_exit (engine_instance (engine, 0), 1);
  engine_run (engine, 1 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "failed");
  engine_save (engine, "main", "one");
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_service_get_state (service), ==, "failed");
  /* New content starts it, with a fresh budget. */
  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

/* When that new process fails, the release that serves is not the one to reject. */
static void
test_by_hand_fails (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  const HrFakeProgram bad = { .exits_after = 10 * MSEC, .ready_after = SECOND, .exit_code = 1 };

  engine_save (engine, "main", "two");
  engine_run (engine, 2 * SECOND);
  hr_fake_launcher_next (engine->launcher, &bad);
  hr_service_reload (service, "a");
  engine_run (engine, 1 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  engine_expect_fate (engine, 2, HR_FATE_UNPROVEN);
}

/* Rule 6: the last good release at once, then what the source holds. */
static void
test_daemon_start (Engine *engine)
{
  HrFakeStore *store = engine_parts (engine)->store;
  const HrFakeProgram slow = { .ready_after = 1 * SECOND };
  HrService *service;
  g_autoptr (HrHistoryEntry) entry = NULL;

  hr_fake_store_add (store, "one", HR_FATE_GOOD);
  hr_fake_store_write (store, "main", "two");
  hr_fake_launcher_next (engine->launcher, &slow);
  engine_set (engine, "web", "");
  service = engine_apply (engine, "web");
  engine_run (engine, 1 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  engine_expect (engine, "");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  entry = engine_history (engine);
  g_assert_cmpstr (entry->trigger, ==, "start");
  g_assert_cmpuint (engine_n_history (engine), ==, 1);
}

/* Unchanged source at the start: one process, nothing said. */
static void
test_daemon_start_unchanged (Engine *engine)
{
  HrService *service;

  hr_fake_store_add (engine_parts (engine)->store, "one", HR_FATE_GOOD);
  engine_set (engine, "web", "");
  service = engine_apply (engine, "web");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 1);
  engine_expect (engine, "");
  g_assert_cmpuint (engine_n_history (engine), ==, 0);
}

/* The last good release does not start any more: a changed source is tried all the same. */
static void
test_daemon_start_good_fails (Engine *engine)
{
  HrFakeStore *store = engine_parts (engine)->store;
  const HrFakeProgram bad = { .cannot_execute = "no such interpreter" };
  HrService *service;

  hr_fake_store_add (store, "one", HR_FATE_GOOD);
  hr_fake_store_write (store, "main", "two");
  hr_fake_launcher_next (engine->launcher, &bad);
  engine_set (engine, "web", "");
  service = engine_apply (engine, "web");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

/* Without a good one, a source that fails its checks gives failed, with the checker's words. */
static void
test_first_start_fails_checks (Engine *engine)
{
  HrService *service;

  engine->platform->checker->fault = "main:1: invalid syntax";
  engine_set (engine, "web", "");
  service = engine_apply (engine, "web");
  engine_run (engine, 1 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "failed");
  g_assert_nonnull (strstr (hr_service_get_error (service), "main:1: invalid syntax"));
  engine_expect (engine, "ReloadStarted 1 | ReloadFailed check");
  g_assert_cmpuint (engine->launcher->instances->len, ==, 0);
  /* A save that mends it starts it. */
  engine->platform->checker->fault = NULL;
  engine_save (engine, "main", "mended");
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/rules/2/job-ends-with-switch", test_job_ends_with_switch);
  engine_add ("/rules/2/new-reload-ends-observation", test_new_reload_ends_observation);
  engine_add ("/rules/2/failed-reload-ends-observation", test_failed_reload_ends_observation);
  engine_add ("/rules/3/case-20/touch", test_touch);
  engine_add ("/rules/3/rejected-tree", test_rejected_tree);
  engine_add ("/rules/3/rejected-tree-and-another-service-file", test_rejected_tree_and_other_file);
  engine_add ("/rules/3/touch-of-failed-service", test_touch_of_failed);
  engine_add ("/rules/3/by-hand-fails", test_by_hand_fails);
  engine_add ("/rules/6/daemon-start", test_daemon_start);
  engine_add ("/rules/6/daemon-start-unchanged", test_daemon_start_unchanged);
  engine_add ("/rules/6/good-release-fails", test_daemon_start_good_fails);
  engine_add ("/rules/6/first-start-fails-checks", test_first_start_fails_checks);
  return g_test_run ();
}
