/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-canary-abort.c: the ways out of a canary that somebody asks for: abort, rollback, stop. The share goes back at
 * once, the verdict waits for nothing, and what the canary has accepted it finishes.
 */
#include "canary-fixture.h"

#include <signal.h>
#include <string.h>

#include "hr-error.h"

static void
test_abort_puts_the_share_back_and_drains (Engine *engine)
{
  HrService *service = begin (engine, LISTEN RAMP "[Service]\nDrainTimeout=20s\n");
  HrFakeInstance *candidate = engine_instance (engine, 1);
  g_autoptr (GError) error = NULL;

  candidate->connections = 3;
  engine_forget (engine);
  g_assert_true (hr_service_abort_canary (service, "me", &error));
  /* At once, not when the loop turns. */
  g_assert_null (listeners (engine)->separate);
  g_assert_null (hr_service_get_canary (service));
  /* The verdict does not wait for what it has accepted. */
  engine_run (engine, 0);
  engine_expect (engine, "CanaryProgress 1000 | ReloadFailed canary");
  g_assert_true (hr_job_is_finished (newest_job));
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  engine_run (engine, 19 * SECOND);
  g_assert_true (candidate->retired);
  g_assert_cmpint (candidate->signalled, ==, 0);
  candidate->connections = 0;
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "");
  g_assert_cmpint (candidate->signalled, ==, SIGTERM);
  expect_kept (engine, service, "the canary of release 2 of 'web' was aborted on request of me at 10%",
               "aborted on request of me at 10%: it ran on; no probe came in that time");
  engine_expect_fate (engine, 2, HR_FATE_REJECTED);
}

/* Whoever puts an end to it is told how it stood, as of one that passed. */
static void
test_abort_tells_what_was_compared (Engine *engine)
{
  HrService *service = begin (engine, LISTEN RAMP "[Health]\nProbe=exec:true\nInterval=1s\n");
  g_autoptr (GError) error = NULL;

  engine_run (engine, 5 * SECOND);
  g_assert_true (hr_service_abort_canary (service, "me", &error));
  engine_run (engine, 1 * SECOND);
  expect_kept (
      engine, service, "the canary of release 2 of 'web' was aborted on request of me at 10%",
      "aborted on request of me at 10%: its probe passed 6 of 6 times in 0.0 ms, that of the release before 6 of 6");
}

static void
test_abort_ends_when_the_drain_does (Engine *engine)
{
  HrService *service = begin (engine, LISTEN RAMP "[Service]\nDrainTimeout=5s\n");
  g_autoptr (GError) error = NULL;

  engine_instance (engine, 1)->connections = 3;
  g_assert_true (hr_service_abort_canary (service, "me", &error));
  engine_run (engine, 4 * SECOND);
  g_assert_true (engine_instance (engine, 1)->alive);
  engine_run (engine, 2 * SECOND);
  g_assert_false (engine_instance (engine, 1)->alive);
  expect_kept (engine, service, "on request", "aborted on request of me at 10%");
}

/* As after a switch: at most two generations, so that the next reload ends it first. */
static void
test_save_cuts_the_drain_of_an_abort_short (Engine *engine)
{
  HrService *service = begin (engine, LISTEN MANUAL "[Service]\nDrainTimeout=60s\n");
  HrFakeInstance *aborted = engine_instance (engine, 1);
  g_autoptr (GError) error = NULL;

  aborted->connections = aborted->idle_connections = 3;
  g_assert_true (hr_service_abort_canary (service, "me", &error));
  engine_run (engine, 5 * SECOND);
  engine_forget (engine);
  engine_save (engine, "main", "three");
  engine_run (engine, 1 * SECOND);
  g_assert_false (aborted->alive);
  g_assert_false (aborted->killed);
  engine_expect (engine, "FileChanged main | ReloadStarted 3 | CanaryProgress 50");
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, 0);
}

/* What it writes on its way out is not the service's state, and what it wrote into its slot is not carried. */
static void
test_aborted_leaves_nothing (Engine *engine)
{
  const HrFakeProgram keeper = { .retires = TRUE, .opens_state = TRUE, .leaves = "{\"n\":1}" };
  HrService *service = engine_start_with (engine, LISTEN MANUAL, &keeper);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) snapshots = NULL;

  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  engine_forget (engine);
  g_assert_true (hr_service_abort_canary (service, "me", &error));
  engine_run (engine, 5 * SECOND);
  engine_expect (engine, "CanaryProgress 50 | ReloadFailed canary");
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
  snapshots = hr_service_list_snapshots (service);
  g_assert_cmpuint (snapshots->len, ==, 0);
}

/* The old one dies while what was aborted drains: there is no reload any more that it would have to wait for. */
static void
test_old_one_dies_while_the_aborted_drains (Engine *engine)
{
  HrService *service = begin (engine, LISTEN MANUAL "[Service]\nDrainTimeout=60s\n");
  g_autoptr (GError) error = NULL;

  engine_instance (engine, 1)->connections = engine_instance (engine, 1)->idle_connections = 3;
  g_assert_true (hr_service_abort_canary (service, "me", &error));
  engine_run (engine, 1 * SECOND);
  hr_fake_instance_exit (engine_instance (engine, 0), 1);
  engine_run (engine, 110 * MSEC);
  g_assert_cmpuint (hr_service_get_serving (service), ==, 1);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_true (engine_instance (engine, 1)->alive);
}

/* The daemon dies then: it is no old instance that the next one would take the state of. */
static void
test_next_daemon_while_the_aborted_drains (Engine *engine)
{
  HrService *service = begin (engine, LISTEN MANUAL "[Service]\nDrainTimeout=60s\n");
  GPid pid = hr_service_get_pid (service);
  g_autoptr (GError) error = NULL;

  engine_instance (engine, 1)->connections = engine_instance (engine, 1)->idle_connections = 3;
  g_assert_true (hr_service_abort_canary (service, "me", &error));
  engine_run (engine, 1 * SECOND);
  engine_crash (engine);
  service = engine_apply (engine, "web");
  engine_run (engine, 0);
  g_assert_cmpint (hr_service_get_pid (service), ==, pid);
  g_assert_cmpuint (engine_n_warnings (engine, "*had not been switched to when an earlier daemon died*"), ==, 1);
  engine_run (engine, 100 * SECOND);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
}

static void
expect_rolled_back (Engine *engine, HrService *service, HrJob *job, HrJob *reload, GPid pid)
{
  engine_run (engine, 0);
  engine_expect (engine, "CanaryProgress 50 | ReloadFailed canary");
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_cmpint (hr_job_get_result (reload), ==, HR_JOB_CANCELLED);
  g_assert_cmpuint (hr_job_get_outcome (job)->release, ==, 1);
  g_assert_cmpuint (hr_job_get_outcome (job)->previous_release, ==, 2);
  g_assert_cmpstr (hr_job_get_outcome (job)->message, ==,
                   "the canary of release 2 of 'web' was aborted; release 1 serves all new connections");
  g_assert_cmpint (hr_service_get_pid (service), ==, pid);
  engine_expect_fate (engine, 2, HR_FATE_REJECTED);
}

/* The way back from a canary is the release beside it. */
static void
test_rollback_is_an_abort (Engine *engine)
{
  HrService *service = begin (engine, LISTEN MANUAL);
  HrJob *reload = newest_job, *job;
  GPid pid = hr_service_get_pid (service);
  g_autoptr (GError) error = NULL;

  engine_instance (engine, 1)->connections = 3;
  engine_forget (engine);
  job = hr_service_rollback (service, 0, "me", &error);
  g_assert_no_error (error);
  /* At once, not when the loop turns. */
  g_assert_null (listeners (engine)->separate);
  expect_rolled_back (engine, service, job, reload, pid);
  g_assert_true (engine_instance (engine, 1)->alive);
}

/* Also where the daemon is re-executed before the rollback had its turn. */
static void
test_rollback_is_an_abort_over_a_reexecution (Engine *engine)
{
  HrService *service = begin (engine, LISTEN MANUAL);
  GPid pid = hr_service_get_pid (service);
  guint n_started = engine->launcher->instances->len;
  g_autoptr (GPtrArray) jobs = NULL;
  g_autoptr (GError) error = NULL;
  guint64 id;

  hr_manager_hold (engine->manager);
  id = hr_job_get_id (hr_service_rollback (service, 0, "me", &error));
  g_assert_no_error (error);
  service = engine_reexec (engine, "web");
  engine_run (engine, 1 * SECOND);
  jobs = hr_manager_list_jobs (engine->manager);
  for (guint i = 0; i < jobs->len; i++)
    {
      HrJob *job = g_ptr_array_index (jobs, i);

      if (hr_job_get_id (job) != id)
        continue;
      g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
      g_assert_cmpuint (hr_job_get_outcome (job)->previous_release, ==, 2);
      g_assert_cmpint (hr_service_get_pid (service), ==, pid);
      g_assert_cmpuint (engine->launcher->instances->len, ==, n_started);
      return;
    }
  g_assert_not_reached ();
}

static void
test_rollback_to_the_running_release_is_one_too (Engine *engine)
{
  HrService *service = begin (engine, LISTEN MANUAL);
  HrJob *reload = newest_job;
  GPid pid = hr_service_get_pid (service);
  g_autoptr (GError) error = NULL;

  engine_forget (engine);
  expect_rolled_back (engine, service, hr_service_rollback (service, 1, "me", &error), reload, pid);
}

/* Then that one is run, and not the canary waited for. */
static void
test_rollback_to_another_release (Engine *engine)
{
  HrService *service = begin (engine, LISTEN MANUAL);
  HrJob *job;
  g_autoptr (GError) error = NULL;

  g_assert_true (hr_service_promote_canary (service, "me", &error));
  engine_run (engine, PROVEN);
  engine_save (engine, "main", "three");
  engine_run (engine, 1 * SECOND);
  g_assert_nonnull (hr_service_get_canary (service));
  engine_forget (engine);
  job = hr_service_rollback (service, 1, "me", &error);
  g_assert_no_error (error);
  g_assert_null (listeners (engine)->separate);
  engine_run (engine, 3 * SECOND);
  engine_expect (engine,
                 "CanaryProgress 50 | ReloadFailed canary | ReloadStarted 1 | ReloadCompleted 1 | RolledBack 2>1");
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

/* Asked for before it has begun it means the same, and the canary does not begin. */
static void
test_rollback_before_the_canary (Engine *engine)
{
  HrService *service = begin (engine, LISTEN MANUAL);
  HrJob *job;
  g_autoptr (GError) error = NULL;

  g_assert_true (hr_service_promote_canary (service, "me", &error));
  engine_run (engine, PROVEN);
  hr_fake_gate_hold (&engine->platform->checker->check);
  engine_save (engine, "main", "three");
  engine_run (engine, 1 * SECOND);
  engine_forget (engine);
  job = hr_service_rollback (service, 0, "me", &error);
  engine_run (engine, 1 * MSEC);
  engine_expect (engine, "ReloadFailed check");
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, 3 * SECOND);
  engine_expect (engine, "");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

static void
test_stop_ends_it_without_waiting_for_its_connections (Engine *engine)
{
  HrService *service = begin (engine, LISTEN MANUAL);

  engine_instance (engine, 1)->connections = 3;
  hr_service_stop (service, "me");
  g_assert_null (listeners (engine)->separate);
  engine_run (engine, 5 * SECOND);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 0);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
  /* It was not its fault. */
  engine_expect_fate (engine, 2, HR_FATE_CANDIDATE);
}

static void
test_stop_cuts_the_drain_of_an_abort_short (Engine *engine)
{
  HrService *service = begin (engine, LISTEN MANUAL);
  g_autoptr (GError) error = NULL;

  engine_instance (engine, 1)->connections = 3;
  engine_instance (engine, 1)->idle_connections = 3;
  g_assert_true (hr_service_abort_canary (service, "me", &error));
  engine_run (engine, 1 * SECOND);
  g_assert_true (engine_instance (engine, 1)->alive);
  hr_service_stop (service, "me");
  engine_run (engine, 5 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
#define TEST(name, func) engine_add ("/canary-abort/" name, func)
  TEST ("abort-puts-the-share-back-and-drains", test_abort_puts_the_share_back_and_drains);
  TEST ("abort-tells-what-was-compared", test_abort_tells_what_was_compared);
  TEST ("abort-ends-when-the-drain-does", test_abort_ends_when_the_drain_does);
  TEST ("save-cuts-the-drain-of-an-abort-short", test_save_cuts_the_drain_of_an_abort_short);
  TEST ("aborted-leaves-nothing", test_aborted_leaves_nothing);
  TEST ("old-one-dies-while-the-aborted-drains", test_old_one_dies_while_the_aborted_drains);
  TEST ("next-daemon-while-the-aborted-drains", test_next_daemon_while_the_aborted_drains);
  TEST ("rollback-is-an-abort", test_rollback_is_an_abort);
  TEST ("rollback-is-an-abort-over-a-reexecution", test_rollback_is_an_abort_over_a_reexecution);
  TEST ("rollback-to-the-running-release-is-one-too", test_rollback_to_the_running_release_is_one_too);
  TEST ("rollback-to-another-release", test_rollback_to_another_release);
  TEST ("rollback-before-it-has-begun-keeps-what-runs", test_rollback_before_the_canary);
  TEST ("stop-ends-it-without-waiting-for-its-connections", test_stop_ends_it_without_waiting_for_its_connections);
  TEST ("stop-cuts-the-drain-of-an-abort-short", test_stop_cuts_the_drain_of_an_abort_short);
  return g_test_run ();
}
