/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What goes wrong while state passes, and the way back to the release before.
 */
#include "engine-fixture.h"

#include <string.h>

#include "hr-error.h"
#include "hr-fake-state-offer.h"

#define PROBE "[Health]\nProbe=exec:probe\nInterval=1s\nFailures=2\n"

static const HrFakeProgram keeper = { .opens_state = TRUE, .leaves = "{\"level\":3}" };

/* The way back: the old release runs again, with the state that it left; the time without it is the downtime. */
static void
expect_back (Engine *engine, HrService *service, const char *state, const char *events, gint64 downtime)
{
  HrFakeInstance *again = hr_fake_launcher_last (engine->launcher);
  g_autoptr (HrHistoryEntry) entry = engine_history (engine);

  engine_expect (engine, events);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (hr_fake_instance_release (again), ==, 1);
  g_assert_cmpstr (again->state, ==, state);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
  g_assert_cmpint (entry->downtime_usec, ==, downtime);
  engine_expect_fate (engine, 2, HR_FATE_REJECTED);
  engine_expect_fate (engine, 1, HR_FATE_GOOD);
}

/* Case 7: exits 1 after it has taken the state. */
static void
test_dies_with_state (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &keeper);
  const HrFakeProgram bad = {
    .opens_state = TRUE, .ready_after = 2 * SECOND, .exits_after = 500 * MSEC, .exit_code = 1
  };

  hr_fake_launcher_next (engine->launcher, &bad);
  engine_save (engine, "main", "two");
  engine_run (engine, 2 * SECOND);
  expect_back (engine, service, "{\"level\":3}",
               "FileChanged main | ReloadStarted 2 | StatePreserved | ReloadFailed ready | RolledBack 2>1", 500 * MSEC);
  /* The time without it was told; the next reload has none. */
  engine_run (engine, 1 * SECOND);
  hr_service_reload (service, "tester");
  engine_run (engine, 1 * SECOND);
  {
    g_autoptr (HrHistoryEntry) entry = engine_history (engine);

    g_assert_true (entry->success);
    g_assert_cmpint (entry->downtime_usec, ==, 0);
  }
}

/* The candidate dies while the old one is stopping: that ends, leaves its state, and runs again with it. */
static void
test_dies_in_preserve (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &keeper);
  const HrFakeProgram bad = { .opens_state = TRUE, .exits_after = 500 * MSEC, .exit_code = 1 };

  engine_instance (engine, 0)->program.stop_takes = 3 * SECOND;
  hr_fake_launcher_next (engine->launcher, &bad);
  engine_save (engine, "main", "two");
  engine_run (engine, 4 * SECOND);
  expect_back (engine, service, "{\"level\":3}",
               "FileChanged main | ReloadStarted 2 | StatePreserved | ReloadFailed preserve | RolledBack 2>1",
               3 * SECOND);
}

/* What the old one left is no JSON: the newest snapshot that is good, and the old release. */
static void
test_invalid_state (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &keeper);

  hr_fake_state_files_add (engine_parts (engine)->state, 1, "{\"level\":2}");
  engine_instance (engine, 0)->program.leaves = "{ broken";
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  expect_back (engine, service, "{\"level\":2}",
               "FileChanged main | ReloadStarted 2 | ReloadFailed preserve | RolledBack 2>1", 0);
  {
    g_autoptr (HrHistoryEntry) entry = engine_history (engine);

    g_assert_nonnull (strstr (entry->error, "set aside"));
  }
}

static void
test_give_fails (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &keeper);
  HrFakeStateOffer *offer;

  engine_instance (engine, 0)->program.stop_takes = 1 * SECOND;
  engine_save (engine, "main", "two");
  engine_run (engine, 500 * MSEC);
  offer = hr_fake_state_offer_find (hr_fake_instance_getenv (engine_instance (engine, 1), "HOTRELOAD_STATE_IN"));
  hr_fake_state_offer_fail_give (offer);
  engine_run (engine, 1 * SECOND);
  expect_back (engine, service, "{\"level\":3}",
               "FileChanged main | ReloadStarted 2 | StatePreserved | ReloadFailed preserve | RolledBack 2>1",
               1 * SECOND);
}

/* It served alone while it was probed; from its stop on there was nothing. */
static void
test_probe_fails_after_state (Engine *engine)
{
  HrService *service = engine_start_with (engine, PROBE, &keeper);
  HrFakeProgram slow_to_stop = keeper;

  slow_to_stop.stop_takes = 700 * MSEC;
  slow_to_stop.leaves = "{\"of\":\"the rejected one\"}";
  hr_fake_launcher_next (engine->launcher, &slow_to_stop);
  engine->platform->prober->illness = "500";
  engine_save (engine, "main", "two");
  engine_run (engine, 3 * SECOND);
  expect_back (
      engine, service, "{\"level\":3}",
      "FileChanged main | ReloadStarted 2 | StatePreserved | StateRestored | ReloadFailed verify | RolledBack 2>1",
      700 * MSEC);
  /* What the rejected one left must not be found by the next daemon. */
  g_assert_cmpuint (hr_fake_state_files_n_written (engine_parts (engine)->state), ==, 0);
}

/* Pain 6: a way back that fails is said louder, and not given up. */
static void
test_rollback_fails (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &keeper);
  const HrFakeProgram bad = {
    .opens_state = TRUE, .ready_after = 2 * SECOND, .exits_after = 500 * MSEC, .exit_code = 1
  };
  const HrFakeProgram dead = { .exits_after = 10 * MSEC, .ready_after = SECOND, .exit_code = 2 };
  HrJob *job;

  hr_fake_launcher_next (engine->launcher, &bad);
  hr_fake_launcher_next (engine->launcher, &dead);
  hr_fake_store_write (engine_parts (engine)->store, "main", "two");
  job = hr_service_reload (service, "tester");
  engine_run (engine, 520 * MSEC);
  g_assert_error (hr_job_get_error (job), HR_ERROR, HR_ERROR_ROLLBACK_FAILED);
  g_assert_nonnull (strstr (hr_job_get_error (job)->message, "exited with status 1"));
  g_assert_nonnull (strstr (hr_job_get_error (job)->message, "exited with status 2"));
  engine_expect (engine, "ReloadStarted 2 | StatePreserved | ReloadFailed ready");
  g_assert_cmpstr (hr_service_get_state (service), ==, "starting");
  engine_run (engine, 1 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpstr (hr_fake_launcher_last (engine->launcher)->state, ==, "{\"level\":3}");
}

static void
test_rollback_never_ready (Engine *engine)
{
  HrService *service = engine_start_with (engine, "StartTimeout=3s\n", &keeper);
  const HrFakeProgram bad = {
    .opens_state = TRUE, .ready_after = 2 * SECOND, .exits_after = 500 * MSEC, .exit_code = 1
  };
  const HrFakeProgram silent = { .readiness = HR_FAKE_SAYS_NOTHING };
  HrJob *job;

  hr_fake_launcher_next (engine->launcher, &bad);
  hr_fake_launcher_next (engine->launcher, &silent);
  job = hr_service_reload (service, "tester");
  engine_run (engine, 5 * SECOND);
  g_assert_error (hr_job_get_error (job), HR_ERROR, HR_ERROR_ROLLBACK_FAILED);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (hr_service_get_restarts (service), ==, 1);
}

static void
test_rollback_no_process (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &keeper);
  const HrFakeProgram bad = {
    .opens_state = TRUE, .ready_after = 2 * SECOND, .exits_after = 500 * MSEC, .exit_code = 1
  };
  HrJob *job;

  hr_fake_launcher_next (engine->launcher, &bad);
  job = hr_service_reload (service, "tester");
  engine_run (engine, 100 * MSEC);
  engine->launcher->failure = "fork: no more processes";
  engine_run (engine, 500 * MSEC);
  g_assert_error (hr_job_get_error (job), HR_ERROR, HR_ERROR_ROLLBACK_FAILED);
  g_assert_nonnull (strstr (hr_service_get_error (service), "no more processes"));
  engine->launcher->failure = NULL;
  engine_run (engine, 5 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
}

/* A snapshot that cannot be read in time does not keep the old release from serving. */
static void
test_rollback_without_snapshot (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &keeper);

  hr_fake_gate_hold (&engine_parts (engine)->state->load);
  engine_instance (engine, 0)->program.leaves = "{ broken";
  engine_save (engine, "main", "two");
  engine_run (engine, 30 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpuint (engine_n_warnings (engine, "*without state*"), ==, 1);
  hr_fake_gate_release (&engine_parts (engine)->state->load);
  engine_run (engine, 1 * SECOND);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
}

/* The old one crashes while its successor starts: it is started again meanwhile, and the successor takes over. */
static void
test_old_crashes_meanwhile (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &keeper);
  HrFakeProgram slow = keeper;
  g_autoptr (HrHistoryEntry) entry = NULL;

  slow.opens_state = FALSE;
  slow.ready_after = 2 * SECOND;
  hr_fake_launcher_next (engine->launcher, &slow);
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  hr_fake_instance_exit (engine_instance (engine, 0), 1);
  engine_run (engine, 2 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  g_assert_cmpuint (engine->launcher->instances->len, ==, 3);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
  entry = engine_history (engine);
  g_assert_cmpint (entry->downtime_usec, <=, 110 * MSEC);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/state-back/case-7/dies-with-state", test_dies_with_state);
  engine_add ("/state-back/promise-2/dies-in-preserve", test_dies_in_preserve);
  engine_add ("/state-back/promise-2/invalid-state", test_invalid_state);
  engine_add ("/state-back/promise-2/state-cannot-be-given", test_give_fails);
  engine_add ("/state-back/promise-2/probe-fails-after-state", test_probe_fails_after_state);
  engine_add ("/state-back/promise-2/old-one-crashes-meanwhile", test_old_crashes_meanwhile);
  engine_add ("/state-back/pain-6/rollback-fails", test_rollback_fails);
  engine_add ("/state-back/pain-6/rollback-is-never-ready", test_rollback_never_ready);
  engine_add ("/state-back/pain-6/rollback-has-no-process", test_rollback_no_process);
  engine_add ("/state-back/pain-7/rollback-does-not-wait-for-its-snapshot", test_rollback_without_snapshot);
  return g_test_run ();
}
