/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What follows when RestartLimit is reached: one rollback, then failed, until somebody lifts that.
 */
#include <signal.h>
#include <string.h>

#include "engine-fixture.h"
#include "hr-error.h"

#define CRASHES ((HrFakeProgram){ .ready_after = SECOND, .exits_after = MSEC, .exit_code = 1 })
#define LIMIT_TIME (30 * SECOND)

/* Releases 1 and 2 have both proven themselves, and 2 runs. */
static HrService *
start_second (Engine *engine, const char *text)
{
  HrService *service = engine_start (engine, text);

  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
  engine_forget (engine);
  return service;
}

static HrFakeInstance *
last (Engine *engine)
{
  return hr_fake_launcher_last (engine->launcher);
}

/* The running release crashes at once, each time, until RestartLimit is reached; what is started then is of the launcher's
 * ordinary program. */
static void
crash_to_limit (Engine *engine)
{
  const HrFakeProgram crashes = CRASHES;
  guint started = engine->launcher->instances->len;

  for (guint i = 0; i < 4; i++)
    hr_fake_launcher_next (engine->launcher, &crashes);
  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, 3 * SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, >=, started + 4);
}

static void
test_rolls_back (Engine *engine)
{
  HrService *service = start_second (engine, "");
  g_autoptr (HrHistoryEntry) entry = NULL;

  crash_to_limit (engine);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  engine_expect (engine, "ReloadStarted 1 | ReloadCompleted 1 | RolledBack 2>1");
  engine_expect_states (engine, "starting | running");
  entry = engine_history (engine);
  g_assert_cmpstr (entry->trigger, ==, "rollback");
  g_assert_cmpstr (entry->reason, ==, "RestartLimit was reached: it exited with status 1");
  g_assert_cmpuint (entry->previous_release, ==, 2);
  g_assert_null (entry->caller);
  /* What it went back from has served well, but is not what the next rollback goes to. */
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
  g_assert_cmpstr (engine_release (engine, 2)->error, ==, "RestartLimit was reached: it exited with status 1");
  /* The evidence stays. */
  g_assert_cmpuint (hr_ends_count (hr_service_get_ends (service)), ==, 5);
  g_assert_cmpuint (hr_ends_get (hr_service_get_ends (service), 0)->release, ==, 2);
  /* The rollback has spent nothing: the release that runs has its whole budget. */
  engine_forget (engine);
  engine->launcher->program = CRASHES;
  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, LIMIT_TIME);
  engine_expect_states (engine, "starting | failed");
  g_assert_cmpuint (hr_ends_count (hr_service_get_ends (service)), ==, HR_ENDS_MAX);
  engine_expect (engine, "");
  g_assert_cmpstr (hr_service_get_error (service), ==,
                   "release 1: it exited with status 1; RestartLimit was reached, as by release 2 before it");
}

/* Of three good ones it goes back once, not to the first. */
static void
test_rolls_back_once (Engine *engine)
{
  HrService *service = start_second (engine, "");

  engine_save (engine, "main", "three");
  engine_run (engine, PROVEN);
  engine_forget (engine);
  engine->launcher->program = (HrFakeProgram){ .exits_after = 20 * MSEC, .exit_code = 1 };
  crash_to_limit (engine);
  engine_run (engine, 2 * LIMIT_TIME);
  g_assert_cmpstr (hr_service_get_state (service), ==, "failed");
  engine_expect (engine, "ReloadStarted 2 | ReloadCompleted 2 | RolledBack 3>2");
  for (guint i = 1; i < engine->launcher->instances->len; i++)
    g_assert_cmpuint (hr_fake_instance_release (engine_instance (engine, i)), !=, 1);
}

/* What the rollback starts crashes before it is ready: that was the one try. */
static void
test_rollback_fails (Engine *engine)
{
  HrService *service = start_second (engine, "");

  engine->launcher->program = CRASHES;
  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, 2 * LIMIT_TIME);
  g_assert_cmpstr (hr_service_get_state (service), ==, "failed");
  engine_expect (engine, "ReloadStarted 1 | ReloadFailed ready");
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2 + 4 + 1);
  g_assert_cmpuint (hr_ends_count (hr_service_get_ends (service)), ==, 5);
  g_test_message ("%s", hr_service_get_error (service));
  g_assert_nonnull (strstr (hr_service_get_error (service),
                            "release 2: it exited with status 1; RestartLimit was reached, and the rollback failed: "));
}

/* A person takes a hand: that is a new beginning, with a rollback of its own. */
static void
test_again_after_start (Engine *engine)
{
  HrService *service = start_second (engine, "");
  HrJob *job;

  engine->launcher->program = CRASHES;
  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, 2 * LIMIT_TIME);
  g_assert_cmpstr (hr_service_get_state (service), ==, "failed");
  engine->launcher->program = (HrFakeProgram){ 0 };
  job = hr_service_start (service, "somebody");
  engine_run (engine, SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpuint (hr_ends_count (hr_service_get_ends (service)), ==, 0);
  crash_to_limit (engine);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

/* Also where it ends before it is ready, which fails the start itself. */
static void
test_start_crashes (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine->launcher->program = CRASHES;
  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, LIMIT_TIME);
  for (guint i = 0; i < 2; i++)
    {
      guint started = engine->launcher->instances->len;
      HrJob *job = i == 0 ? hr_service_start (service, "somebody") : hr_service_restart (service, "somebody");

      engine_run (engine, LIMIT_TIME);
      g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_FAILED);
      g_assert_cmpstr (hr_service_get_state (service), ==, "failed");
      g_assert_cmpuint (engine->launcher->instances->len - started, ==, 5);
    }
}

/* A release that ran well for RestartWindow has what it goes back to again. */
static void
test_again_when_stable (Engine *engine)
{
  HrService *service = start_second (engine, "");

  engine_save (engine, "main", "three");
  engine_run (engine, PROVEN);
  crash_to_limit (engine);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  engine_run (engine, 40 * SECOND);
  crash_to_limit (engine);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

/* A save is another release, with all that belongs to it. */
static void
test_save_after_failed (Engine *engine)
{
  HrService *service = start_second (engine, "");

  engine->launcher->program = CRASHES;
  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, 2 * LIMIT_TIME);
  g_assert_cmpstr (hr_service_get_state (service), ==, "failed");
  engine->launcher->program = (HrFakeProgram){ 0 };
  engine_save (engine, "main", "mended");
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
  g_assert_null (hr_service_get_error (service));
  /* Release 2 was never rolled back from: that failed. */
  crash_to_limit (engine);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

static void
test_without_source (Engine *engine)
{
  HrService *service = engine_start (engine, "-");

  engine->launcher->program = CRASHES;
  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, LIMIT_TIME);
  g_assert_cmpstr (hr_service_get_state (service), ==, "failed");
  engine_expect (engine, "");
  g_assert_cmpstr (hr_service_get_error (service), ==, "it exited with status 1; RestartLimit was reached");
}

/* Each start takes longer than RestartWindow. */
static void
test_slow_starts (Engine *engine)
{
  HrService *service = engine_start (engine, "StartTimeout=20s\nRestartWindow=10s\nRestartLimit=3\n");
  guint started;

  engine->launcher->program = (HrFakeProgram){ .readiness = HR_FAKE_SAYS_NOTHING };
  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, 45 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "failed");
  g_assert_nonnull (strstr (hr_service_get_error (service), "RestartLimit was reached"));
  started = engine->launcher->instances->len;
  g_assert_cmpuint (started, ==, 3);
  engine_run (engine, 100 * SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, started);
}

/* What the source holds is looked at after a start. What the start began has crashed before that is known: it is the same
 * release, which waits for its next start, and each of its starts counts. */
static void
test_start_of_what_crashes (Engine *engine)
{
  HrFakeGate *scan;
  HrService *service;
  guint started;

  engine->launcher->program = (HrFakeProgram){ .ready_after = MSEC, .exits_after = MSEC, .exit_code = 1 };
  engine_set (engine, "web", "RestartDelay=100ms\n");
  service = engine_apply (engine, "web");
  engine_run (engine, LIMIT_TIME);
  g_assert_cmpstr (hr_service_get_state (service), ==, "failed");
  engine->launcher->program.exits_after = 10 * MSEC;
  hr_service_start (service, NULL);
  engine_run (engine, LIMIT_TIME);
  engine_expect_fate (engine, 1, HR_FATE_UNPROVEN);
  started = engine->launcher->instances->len;
  scan = &engine_parts (engine)->store->scan;
  hr_fake_gate_hold (scan);
  hr_service_start (service, NULL);
  engine_run (engine, 60 * MSEC);
  g_assert_false (last (engine)->alive);
  g_assert_cmpuint (g_queue_get_length (&scan->held), ==, 1);
  engine->launcher->program.exits_after = MSEC;
  engine_forget (engine);
  hr_fake_gate_release (scan);
  engine_run (engine, LIMIT_TIME);
  g_assert_cmpstr (hr_service_get_state (service), ==, "failed");
  g_assert_cmpuint (engine->launcher->instances->len, ==, started + 5);
  engine_expect (engine, "");
}

/* Ends that are no failures count as well where the program is always to run. */
static void
test_always (Engine *engine)
{
  HrService *service = engine_start (engine, "Restart=always\n");

  engine->launcher->program = (HrFakeProgram){ .ready_after = SECOND, .exits_after = MSEC };
  hr_fake_instance_exit (last (engine), 0);
  engine_run (engine, LIMIT_TIME);
  g_assert_cmpstr (hr_service_get_state (service), ==, "failed");
  g_assert_cmpstr (hr_service_get_error (service), ==, "release 1: it exited with status 0; RestartLimit was reached");
  g_assert_cmpint (hr_ends_get (hr_service_get_ends (service), 0)->exit_status, ==, 0);
}

static void
test_stop_meanwhile (Engine *engine)
{
  HrService *service = start_second (engine, "");

  engine->launcher->program = (HrFakeProgram){ .ready_after = 10 * SECOND };
  crash_to_limit (engine);
  g_assert_cmpuint (hr_fake_instance_release (last (engine)), ==, 1);
  g_assert_cmpstr (hr_service_get_state (service), ==, "starting");
  hr_service_stop (service, "somebody");
  engine_run (engine, LIMIT_TIME);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 0);
}

/* A look at the source between the last end and the rollback neither starts it once more nor takes its place. */
static void
test_touch_meanwhile (Engine *engine)
{
  HrService *service = start_second (engine, "RestartLimit=1\n");
  guint started = engine->launcher->instances->len;

  hr_fake_gate_hold (&engine_parts (engine)->store->scan);
  hr_fake_watcher_hint (engine_parts (engine)->watcher, "main");
  engine_run (engine, SECOND);
  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, started);
  hr_fake_gate_release (&engine_parts (engine)->store->scan);
  engine_run (engine, SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, started + 1);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

/* reset-failed */

static void
test_reset (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine->launcher->program = CRASHES;
  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, LIMIT_TIME);
  g_assert_cmpstr (hr_service_get_state (service), ==, "failed");
  engine_forget (engine);
  hr_service_reset_failed (service);
  engine_expect_states (engine, "stopped");
  g_assert_null (hr_service_get_error (service));
  g_assert_cmpuint (hr_ends_count (hr_service_get_ends (service)), ==, 0);
  /* Neither by itself nor by a look at the source. */
  hr_fake_watcher_hint (engine_parts (engine)->watcher, "main");
  engine_run (engine, LIMIT_TIME);
  engine_expect_states (engine, "");
  engine->launcher->program = (HrFakeProgram){ 0 };
  engine_save (engine, "main", "mended");
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

/* It was not stopped on request: the next daemon starts it. */
static void
test_reset_and_new_daemon (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine->launcher->program = CRASHES;
  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, LIMIT_TIME);
  hr_service_reset_failed (service);
  engine->launcher->program = (HrFakeProgram){ 0 };
  engine_new_daemon (engine);
  service = engine_apply (engine, "web");
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
}

static void
test_reset_what_runs (Engine *engine)
{
  HrService *service = engine_start (engine, "RestartDelay=1s\nRestartLimit=3\n");

  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, 1500 * MSEC);
  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, 3 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  engine_forget (engine);
  hr_service_reset_failed (service);
  engine_expect_states (engine, "");
  /* The third within the window, and the first again. */
  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, 1500 * MSEC);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
}

/* While it waits for its next start, that stays due. */
static void
test_reset_what_waits (Engine *engine)
{
  HrService *service = engine_start (engine, "RestartDelay=5s\n");

  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, SECOND);
  hr_service_reset_failed (service);
  g_assert_cmpstr (hr_service_get_state (service), ==, "starting");
  engine_run (engine, 5 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
}

static void
test_reset_what_never_ran (Engine *engine)
{
  HrService *service;

  engine->launcher->program.cannot_execute = "there is no program";
  engine_set (engine, "web", "");
  service = engine_apply (engine, "web");
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "failed");
  hr_service_reset_failed (service);
  engine_run (engine, LIMIT_TIME);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
  g_assert_null (hr_service_get_error (service));
}

/* Several instances */

#define THREE "Instances=3\n"

static guint
n_serving (Engine *engine, HrService *service, guint64 release)
{
  g_assert_cmpuint (hr_service_get_release (service), ==, release);
  return hr_service_get_serving (service);
}

/* One of several that cannot be kept running is rolled back as the only one would be, while the others serve. */
static void
test_one_of_several (Engine *engine)
{
  HrService *service;
  const HrFakeProgram crashes = CRASHES;

  engine->launcher->most = 8;
  service = start_second (engine, THREE);
  g_assert_cmpuint (n_serving (engine, service, 2), ==, 3);
  for (guint i = 0; i < 4; i++)
    hr_fake_launcher_next (engine->launcher, &crashes);
  hr_fake_instance_exit (last (engine), 1);
  for (guint i = 0; i < LIMIT_TIME / MSEC && hr_service_get_release (service) == 2; i++)
    {
      g_assert_cmpuint (hr_service_get_serving (service), >=, 2);
      engine_run (engine, MSEC);
    }
  engine_run (engine, 5 * SECOND);
  g_assert_cmpuint (n_serving (engine, service, 1), ==, 3);
  engine_expect (engine, "ReloadStarted 1 | ReloadCompleted 1 | RolledBack 2>1");
  engine_expect_states (engine, "reloading | running");
}

/* Where there is nothing to go back to it is given up; a start or reset-failed starts it again. */
static void
test_given_up (Engine *engine)
{
  for (guint how = 0; how < 2; how++)
    {
      g_autoptr (Engine) own = engine_new ();
      const HrFakeProgram crashes = CRASHES;
      HrService *service;

      own->launcher->most = 8;
      service = engine_start (own, THREE);
      for (guint i = 0; i < 4; i++)
        hr_fake_launcher_next (own->launcher, &crashes);
      hr_fake_instance_exit (last (own), 1);
      engine_run (own, LIMIT_TIME);
      g_assert_cmpuint (n_serving (own, service, 1), ==, 2);
      g_assert_cmpstr (hr_service_get_error (service), ==,
                       "instance 3 of release 1: it exited with status 1; RestartLimit was reached");
      g_assert_cmpuint (hr_ends_count (hr_service_get_ends (service)), ==, 5);
      g_assert_cmpuint (hr_ends_get (hr_service_get_ends (service), 4)->index, ==, 3);
      engine_run (own, 2 * LIMIT_TIME);
      g_assert_cmpuint (n_serving (own, service, 1), ==, 2);
      if (how == 0)
        hr_service_reset_failed (service);
      else
        hr_service_start (service, "somebody");
      engine_run (own, SECOND);
      g_assert_cmpuint (n_serving (own, service, 1), ==, 3);
      g_assert_null (hr_service_get_error (service));
      g_assert_cmpuint (hr_service_get_restarts (service), ==, 4);
    }
}

/* When the lead is the one that crashes another leads; the end is counted once. */
static void
test_lead_of_several (Engine *engine)
{
  HrService *service;
  const HrFakeProgram crashes = CRASHES;

  engine->launcher->most = 8;
  service = start_second (engine, THREE);
  for (guint i = 0; i < 4; i++)
    hr_fake_launcher_next (engine->launcher, &crashes);
  for (guint i = 0; i < engine->launcher->instances->len; i++)
    if (engine_instance (engine, i)->pid == hr_service_get_pid (service))
      {
        hr_fake_instance_exit (engine_instance (engine, i), 1);
        break;
      }
  g_assert_cmpuint (hr_ends_count (hr_service_get_ends (service)), ==, 1);
  engine_run (engine, LIMIT_TIME);
  g_assert_cmpuint (n_serving (engine, service, 1), ==, 3);
  engine_expect (engine, "ReloadStarted 1 | ReloadCompleted 1 | RolledBack 2>1");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/limit/rolls-back-to-the-last-good-release", test_rolls_back);
  engine_add ("/limit/rolls-back-once", test_rolls_back_once);
  engine_add ("/limit/rollback-fails", test_rollback_fails);
  engine_add ("/limit/again/after-a-start", test_again_after_start);
  engine_add ("/limit/again/after-a-start-that-crashes", test_start_crashes);
  engine_add ("/limit/again/when-stable", test_again_when_stable);
  engine_add ("/limit/again/after-a-save", test_save_after_failed);
  engine_add ("/limit/without-source", test_without_source);
  engine_add ("/limit/slow-starts", test_slow_starts);
  engine_add ("/limit/a-start-of-what-crashes-has-the-whole-budget-and-no-more", test_start_of_what_crashes);
  engine_add ("/limit/always", test_always);
  engine_add ("/limit/meanwhile/stop", test_stop_meanwhile);
  engine_add ("/limit/meanwhile/touch", test_touch_meanwhile);
  engine_add ("/limit/reset/failed", test_reset);
  engine_add ("/limit/reset/is-no-stop-on-request", test_reset_and_new_daemon);
  engine_add ("/limit/reset/what-runs", test_reset_what_runs);
  engine_add ("/limit/reset/what-waits", test_reset_what_waits);
  engine_add ("/limit/reset/what-never-ran", test_reset_what_never_ran);
  engine_add ("/limit/several/one-rolls-back", test_one_of_several);
  engine_add ("/limit/several/given-up", test_given_up);
  engine_add ("/limit/several/lead", test_lead_of_several);
  return g_test_run ();
}
