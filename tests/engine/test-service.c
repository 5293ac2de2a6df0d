/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is asked of one service: start, stop, restart, reload; one runs and one waits; pauses; what the next daemon knows.
 */
#include "engine-fixture.h"
#include "hr-error.h"
#include "hr-reload.h"

#define TWO_SECONDS_TO_STOP ((HrFakeProgram){ .stop_takes = 2 * SECOND })

static void
expect_ended (HrJob *job, HrJobResult result)
{
  g_assert_cmpstr (hr_job_result_to_string (hr_job_get_result (job)), ==, hr_job_result_to_string (result));
}

/* Start, stop, restart */

static void
test_start (Engine *engine)
{
  HrService *service;
  g_autoptr (HrHistoryEntry) entry = NULL;

  engine_set (engine, "web", "");
  service = engine_apply (engine, "web");
  g_assert_cmpstr (hr_service_get_state (service), ==, "starting");
  g_assert_cmpint (hr_service_get_uptime (service), ==, -1);
  engine_run (engine, 3 * SECOND);
  engine_expect_states (engine, "starting | running");
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpint (hr_service_get_uptime (service), ==, 3 * SECOND);
  engine_expect_fate (engine, 1, HR_FATE_UNPROVEN);
  entry = engine_history (engine);
  g_assert_cmpstr (entry->trigger, ==, "start");
  g_assert_cmpuint (engine_n_history (engine), ==, 1);
  engine_run (engine, PROVEN);
  engine_expect_fate (engine, 1, HR_FATE_GOOD);
}

static void
test_start_twice (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  GPid pid = hr_service_get_pid (service);
  HrJob *job = hr_service_start (service, "somebody");

  expect_ended (job, HR_JOB_COMPLETED);
  g_assert_cmpstr (hr_job_get_outcome (job)->message, ==, "is running already");
  g_assert_cmpuint (hr_job_get_outcome (job)->release, ==, 1);
  engine_run (engine, PROVEN);
  g_assert_cmpint (hr_service_get_pid (service), ==, pid);
  engine_expect (engine, "");
}

static void
test_stop (Engine *engine)
{
  HrService *service = engine_start_with (engine, "Listen=http=tcp:127.0.0.1:8080\n", &TWO_SECONDS_TO_STOP);
  HrJob *job = hr_service_stop (service, "somebody");

  engine_run (engine, 1 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopping");
  expect_ended (job, HR_JOB_RUNNING);
  engine_run (engine, 1 * SECOND);
  engine_expect_states (engine, "stopping | stopped");
  expect_ended (job, HR_JOB_COMPLETED);
  g_assert_cmpstr (hr_job_get_outcome (job)->message, ==, "stopped");
  g_assert_cmpint (hr_service_get_pid (service), ==, 0);
  g_assert_cmpuint (engine_parts (engine)->listeners->closed, ==, 1);
  g_assert_cmpuint (engine_n_history (engine), ==, 1);
}

static void
test_stop_kills (Engine *engine)
{
  const HrFakeProgram deaf = { .ignores_stop = TRUE };
  HrService *service = engine_start_with (engine, "StopTimeout=3s\n", &deaf);

  hr_service_stop (service, "somebody");
  engine_run (engine, 3 * SECOND - 1);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 1);
  engine_run (engine, 1);
  g_assert_true (engine_instance (engine, 0)->killed);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
}

static void
test_stop_twice (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_service_stop (service, "somebody");
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_job_get_outcome (hr_service_stop (service, "somebody"))->message, ==, "was not running");
}

/* A stopped service stays so, whatever is saved; the start takes that in. */
static void
test_stopped_stays (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_service_stop (service, "somebody");
  engine_run (engine, SECOND);
  engine_forget (engine);
  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  engine_expect (engine, "");
  g_assert_cmpint (hr_service_get_pid (service), ==, 0);
  hr_service_start (service, "somebody");
  engine_run (engine, SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  engine_expect_states (engine, "starting | running | reloading | running");
}

static void
test_restart (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &TWO_SECONDS_TO_STOP);
  GPid pid = hr_service_get_pid (service);
  HrJob *job = hr_service_restart (service, "somebody");

  engine_run (engine, 1 * SECOND);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 1);
  engine_run (engine, 2 * SECOND);
  expect_ended (job, HR_JOB_COMPLETED);
  g_assert_cmpint (hr_service_get_pid (service), !=, pid);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpint (hr_job_get_outcome (job)->downtime_usec, ==, 2 * SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
  engine_expect (engine, "");
  g_assert_cmpuint (engine_n_history (engine), ==, 1);
}

static void
test_restart_starts (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_service_stop (service, "somebody");
  engine_run (engine, SECOND);
  hr_service_restart (service, "somebody");
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  engine_new_daemon (engine);
  service = engine_apply (engine, "web");
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
}

static void
test_no_listeners (Engine *engine)
{
  HrService *service;
  HrJob *job;

  engine_set (engine, "web", "Listen=http=tcp:127.0.0.1:8080\n");
  hr_fake_platform_service (engine->platform, "web")->listeners->failure = "the address is in use";
  service = engine_apply (engine, "web");
  engine_run (engine, SECOND);
  engine_expect_states (engine, "failed");
  g_assert_cmpstr (hr_service_get_error (service), ==, "the address is in use");
  engine_parts (engine)->listeners->failure = NULL;
  job = hr_service_start (service, "somebody");
  engine_run (engine, SECOND);
  expect_ended (job, HR_JOB_COMPLETED);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_null (hr_service_get_error (service));
}

/* One runs, one waits */

static void
test_one_waits (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  HrJob *running, *waiting;

  hr_fake_gate_hold (&engine->platform->checker->check);
  engine_save (engine, "main", "two");
  running = hr_service_reload (service, "first");
  engine_run (engine, SECOND);
  waiting = hr_service_reload (service, "second");
  g_assert_true (waiting != running);
  expect_ended (waiting, HR_JOB_WAITING);
  g_assert_true (hr_service_reload (service, "third") == waiting);
  g_assert_cmpstr (hr_job_get_caller (waiting), ==, "second");
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, SECOND);
  expect_ended (running, HR_JOB_COMPLETED);
  expect_ended (waiting, HR_JOB_COMPLETED);
  engine_expect (engine, "ReloadStarted 2 | ReloadCompleted 2 | ReloadStarted 2 | ReloadCompleted 2");
  g_assert_cmpuint (engine_n_history (engine), ==, 3);
}

static void
test_other_kind_takes_place (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  g_autoptr (HrJob) waiting = NULL;
  HrJob *restart;

  hr_fake_gate_hold (&engine->platform->checker->check);
  engine_save (engine, "main", "two");
  hr_service_reload (service, "first");
  engine_run (engine, SECOND);
  waiting = g_object_ref (hr_service_reload (service, "second"));
  restart = hr_service_restart (service, "third");
  expect_ended (waiting, HR_JOB_CANCELLED);
  g_assert_error (hr_job_get_error (waiting), HR_ERROR, HR_ERROR_CANCELLED);
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, SECOND);
  expect_ended (restart, HR_JOB_COMPLETED);
}

static void
test_cancel_waiting (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  HrJob *running, *waiting;

  hr_fake_gate_hold (&engine->platform->checker->check);
  engine_save (engine, "main", "two");
  running = hr_service_reload (service, "first");
  engine_run (engine, SECOND);
  waiting = hr_service_reload (service, "second");
  g_assert_true (hr_job_cancel (waiting, "third", NULL));
  expect_ended (waiting, HR_JOB_CANCELLED);
  g_assert_cmpstr (hr_job_get_error (waiting)->message, ==,
                   "the job was cancelled on request of third while it waited");
  expect_ended (running, HR_JOB_RUNNING);
  g_assert_true (hr_job_cancel (running, "third", NULL));
  engine_run (engine, SECOND);
  expect_ended (running, HR_JOB_CANCELLED);
  g_assert_cmpstr (hr_job_get_error (running)->message, ==,
                   "the reload of 'web' was cancelled in phase 'check': on request of third");
  engine_expect (engine, "ReloadStarted 2 | ReloadFailed wait | ReloadFailed check");
  /* Somebody asked for both, and somebody else took them back: that is in the history, too. */
  g_assert_cmpuint (engine_n_history (engine), ==, 3);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

static void
test_stop_during_reload (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  HrJob *reload, *stop;

  hr_fake_gate_hold (&engine->platform->checker->check);
  engine_save (engine, "main", "two");
  reload = hr_service_reload (service, "first");
  engine_run (engine, SECOND);
  stop = hr_service_stop (service, "second");
  engine_run (engine, SECOND);
  expect_ended (reload, HR_JOB_CANCELLED);
  expect_ended (stop, HR_JOB_COMPLETED);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 0);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
}

/* It cannot be undone any more, and to bring the old release back only to stop it would take its time to drain. */
static void
test_stop_during_switch (Engine *engine)
{
  HrService *service = engine_start (engine, "DrainTimeout=10min\nStopTimeout=2s\n");
  HrJob *reload, *stop;

  engine_instance (engine, 0)->program.ignores_stop = TRUE;
  engine_instance (engine, 0)->program.keeps_listeners = TRUE;
  reload = hr_service_reload (service, "first");
  engine_run (engine, HR_SWITCH_WAIT_USEC / 2);
  g_assert_cmpstr (hr_job_get_phase (reload), ==, "switch");
  stop = hr_service_stop (service, "second");
  engine_run (engine, HR_SWITCH_WAIT_USEC);
  expect_ended (reload, HR_JOB_COMPLETED);
  engine_run (engine, 2 * SECOND);
  expect_ended (stop, HR_JOB_COMPLETED);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 0);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
}

/* Nothing was changed, so nobody hears of it. */
static void
test_stop_during_scan (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_fake_gate_hold (&engine_parts (engine)->store->scan);
  hr_fake_watcher_hint (engine_parts (engine)->watcher, "main");
  engine_run (engine, SECOND);
  hr_service_stop (service, "somebody");
  engine_run (engine, SECOND);
  engine_expect (engine, "");
  engine_expect_states (engine, "stopping | stopped");
  g_assert_cmpuint (engine_n_history (engine), ==, 1);
}

static void
test_start_during_stop (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &TWO_SECONDS_TO_STOP);
  HrJob *start;

  hr_service_stop (service, "somebody");
  engine_run (engine, SECOND);
  start = hr_service_start (service, "somebody");
  engine_run (engine, 2 * SECOND);
  expect_ended (start, HR_JOB_COMPLETED);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
}

/* Who is told that a service has stopped may rely on it, also of the instance that a reload left behind. */
static void
test_stop_waits_for_retiring (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &TWO_SECONDS_TO_STOP);
  HrJob *stop;

  hr_fake_launcher_next (engine->launcher, &(HrFakeProgram){ .stop_takes = 0 });
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 2);
  stop = hr_service_stop (service, "somebody");
  engine_run (engine, 0);
  expect_ended (stop, HR_JOB_RUNNING);
  engine_run (engine, 2 * SECOND);
  expect_ended (stop, HR_JOB_COMPLETED);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 0);
  g_assert_false (engine_instance (engine, 0)->killed);
}

/* What is done and what is not */

static void
test_rejected_is_not_tried_again (Engine *engine)
{
  engine_start (engine, "");
  engine->platform->checker->fault = "line 1: garbage";
  engine_save (engine, "main", "garbage");
  engine_run (engine, SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadFailed check");
  engine_expect_fate (engine, 2, HR_FATE_REJECTED);
  hr_fake_watcher_hint (engine_parts (engine)->watcher, "main");
  engine_run (engine, PROVEN);
  engine_expect (engine, "");
  engine_save (engine, "main", "one");
  engine_run (engine, PROVEN);
  engine_expect (engine, "");
}

static void
test_rejected_by_hand (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine->platform->checker->fault = "the machine was busy";
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  engine_forget (engine);
  engine->platform->checker->fault = NULL;
  hr_service_reload (service, "somebody");
  engine_run (engine, PROVEN);
  engine_expect (engine, "ReloadStarted 2 | ReloadCompleted 2");
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
  g_assert_null (engine_release (engine, 2)->error);
}

static void
test_unchanged_by_hand (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  GPid pid = hr_service_get_pid (service);
  HrJob *job = hr_service_reload (service, "somebody");
  g_autoptr (HrHistoryEntry) entry = NULL;

  engine_run (engine, SECOND);
  engine_expect (engine, "ReloadStarted 1 | ReloadCompleted 1");
  g_assert_cmpstr (hr_job_get_outcome (job)->message, ==,
                   "release 1 of 'web' is live in a new process: the source has not changed");
  g_assert_cmpint (hr_service_get_pid (service), !=, pid);
  g_assert_cmpuint (engine_parts (engine)->store->releases->len, ==, 1);
  entry = engine_history (engine);
  g_assert_cmpstr (entry->trigger, ==, "manual");
  g_assert_cmpstr (entry->caller, ==, "somebody");
}

static void
test_older_tree_is_new (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  engine_save (engine, "main", "one");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
  g_assert_cmpstr (engine_release (engine, 3)->tree, ==, engine_release (engine, 1)->tree);
}

/* What ended as it may is not brought back by a touch. */
static void
test_touch_of_what_does_not_run (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_fake_instance_exit (engine_instance (engine, 0), 0);
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
  engine_forget (engine);
  hr_fake_watcher_hint (engine_parts (engine)->watcher, "main");
  engine_run (engine, PROVEN);
  engine_expect (engine, "");
  engine_expect_states (engine, "");
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
}

static void
test_change_during_reload (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_fake_gate_hold (&engine->platform->checker->check);
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  engine_save (engine, "main", "three");
  engine_run (engine, SECOND);
  engine_save (engine, "main", "four");
  engine_run (engine, SECOND);
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, SECOND);
  engine_expect (engine,
                 "FileChanged main | ReloadStarted 2 | ReloadCompleted 2 | FileChanged main | ReloadStarted 3 | "
                 "ReloadCompleted 3");
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
  g_assert_cmpstr (hr_fake_store_read (engine_parts (engine)->store, 3, "main"), ==, "four");
}

/* Start with the daemon */

static void
test_good_first (Engine *engine)
{
  HrService *service;

  hr_fake_store_add (hr_fake_platform_service (engine->platform, "web")->store, "one", HR_FATE_GOOD);
  hr_fake_store_write (engine_parts (engine)->store, "main", "two");
  engine_set (engine, "web", "");
  service = engine_apply (engine, "web");
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_fake_instance_release (engine_instance (engine, 0)), ==, 1);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpuint (engine_n_history (engine), ==, 1);
}

static void
test_good_first_and_bad_source (Engine *engine)
{
  HrRunRecord record = { .last_good = 1, .running = 1, .slot = HR_SLOT_A };
  HrService *service;

  hr_fake_store_add (hr_fake_platform_service (engine->platform, "web")->store, "one", HR_FATE_GOOD);
  hr_fake_store_write (engine_parts (engine)->store, "main", "garbage");
  engine_parts (engine)->slots->holds[HR_SLOT_A] = 1;
  g_assert_true (hr_run_state_set (engine->platform->run_state, "web", &record, NULL));
  engine->platform->checker->fault = "line 1: garbage";
  engine_set (engine, "web", "");
  service = engine_apply (engine, "web");
  engine_run (engine, SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadFailed check");
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

static void
test_none_good (Engine *engine)
{
  HrService *service;

  engine->platform->checker->fault = "line 1: garbage";
  engine_set (engine, "web", "");
  service = engine_apply (engine, "web");
  engine_run (engine, PROVEN);
  engine_expect_states (engine, "starting | failed");
  g_assert_cmpstr (hr_service_get_error (service), ==, "while checking release 1 of 'web': line 1: garbage");
  engine->platform->checker->fault = NULL;
  engine_save (engine, "main", "mended");
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

/* The good one is gone from the store, another is there. */
static void
test_last_good_is_gone (Engine *engine)
{
  HrRunRecord record = { .last_good = 3, .slot = -1 };
  HrFakeStore *store = hr_fake_platform_service (engine->platform, "web")->store;
  HrService *service;

  hr_fake_store_add (store, "one", HR_FATE_GOOD);
  hr_fake_store_add (store, "two", HR_FATE_UNPROVEN);
  g_assert_true (hr_run_state_set (engine->platform->run_state, "web", &record, NULL));
  engine_set (engine, "web", "");
  service = engine_apply (engine, "web");
  engine_run (engine, 10 * MSEC);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

/* What an operation works with must not change under it: two stores of one service would both give the next number. */
static void
test_configured_during_reload (Engine *engine)
{
  HrService *service = engine_start (engine, "StopTimeout=3s\n");

  hr_fake_gate_hold (&engine->platform->checker->check);
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  engine_set (engine, "web", "StopTimeout=4s\n");
  engine_apply (engine, NULL);
  /* Read once more, it has not changed again. */
  engine_apply (engine, NULL);
  g_assert_cmpint (hr_service_get_spec (service)->stop_timeout, ==, 3 * SECOND);
  g_assert_cmpint (hr_service_get_configured_spec (service)->stop_timeout, ==, 4 * SECOND);
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, SECOND);
  g_assert_cmpint (hr_service_get_spec (service)->stop_timeout, ==, 4 * SECOND);
  engine_expect (engine,
                 "FileChanged main | ReloadStarted 2 | ReloadCompleted 2 | ReloadStarted 2 | ReloadCompleted 2");
  g_assert_cmpuint (engine->launcher->instances->len, ==, 3);
}

static void
test_broken_during_reload (Engine *engine)
{
  HrService *service = engine_start (engine, "StopTimeout=3s\n");

  hr_fake_gate_hold (&engine->platform->checker->check);
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  engine_set (engine, "web", "StopTimeout=4s\n");
  engine_apply (engine, NULL);
  engine_set_broken (engine, "web");
  engine_apply (engine, NULL);
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, SECOND);
  g_assert_cmpint (hr_service_get_spec (service)->stop_timeout, ==, 3 * SECOND);
  g_assert_true (hr_service_is_misconfigured (service));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/service/start", test_start);
  engine_add ("/service/start/is-running-already", test_start_twice);
  engine_add ("/service/start/listeners-cannot-be-opened", test_no_listeners);
  engine_add ("/service/stop", test_stop);
  engine_add ("/service/stop/kills-after-its-time", test_stop_kills);
  engine_add ("/service/stop/was-not-running", test_stop_twice);
  engine_add ("/service/stop/stays-stopped", test_stopped_stays);
  engine_add ("/service/stop/waits-for-the-retiring-one", test_stop_waits_for_retiring);
  engine_add ("/service/restart", test_restart);
  engine_add ("/service/restart/starts-what-is-stopped", test_restart_starts);
  engine_add ("/service/rule-1/one-runs-one-waits", test_one_waits);
  engine_add ("/service/rule-1/newer-kind-takes-the-place", test_other_kind_takes_place);
  engine_add ("/service/rule-1/cancel", test_cancel_waiting);
  engine_add ("/service/rule-1/stop-cancels-reload", test_stop_during_reload);
  engine_add ("/service/rule-1/stop-lets-a-switch-end", test_stop_during_switch);
  engine_add ("/service/rule-1/stop-during-a-look-at-the-source", test_stop_during_scan);
  engine_add ("/service/rule-1/start-after-stop", test_start_during_stop);
  engine_add ("/service/case-20/touch-starts-nothing", test_touch_of_what_does_not_run);
  engine_add ("/service/case-3/save-during-a-reload", test_change_during_reload);
  engine_add ("/service/rule-3/rejected-is-not-tried-again", test_rejected_is_not_tried_again);
  engine_add ("/service/rule-3/rejected-is-tried-by-hand", test_rejected_by_hand);
  engine_add ("/service/rule-3/unchanged-by-hand", test_unchanged_by_hand);
  engine_add ("/service/rule-4/older-tree-is-a-new-release", test_older_tree_is_new);
  engine_add ("/service/rule-6/last-good-first", test_good_first);
  engine_add ("/service/rule-6/last-good-stays", test_good_first_and_bad_source);
  engine_add ("/service/rule-6/none-good", test_none_good);
  engine_add ("/service/rule-6/last-good-is-gone", test_last_good_is_gone);
  engine_add ("/service/configured-during-a-reload-takes-effect-after-it", test_configured_during_reload);
  engine_add ("/service/broken-during-a-reload-takes-back-what-was-to-take-effect", test_broken_during_reload);
  return g_test_run ();
}
