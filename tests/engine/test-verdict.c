/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What was answered outlives the daemon: it dies right after, before its loop turns and before the store has written
 * anything.
 */
#include <signal.h>

#include "canary-fixture.h"

/* As long as the store has not come to it, the fate of a release is what it was. */
static void
forget_fate (Engine *engine, guint64 number, HrFate fate)
{
  HrRelease *release = (HrRelease *)engine_release (engine, number);

  release->fate = fate;
  g_clear_pointer (&release->phase, g_free);
  g_clear_pointer (&release->error, g_free);
}

static HrService *
die (Engine *engine)
{
  engine_crash (engine);
  engine_forget (engine);
  return engine_apply (engine, "web");
}

static HrService *
die_before_the_store (Engine *engine, guint64 number, HrFate fate)
{
  engine_crash (engine);
  forget_fate (engine, number, fate);
  engine_forget (engine);
  return engine_apply (engine, "web");
}

/* Nothing is tried again, and the one that ran runs on. */
static void
expect_not_again (Engine *engine, HrService *service, const char *words)
{
  g_autoptr (HrHistoryEntry) entry = NULL;

  engine_run (engine, PROVEN);
  engine_expect (engine, "");
  engine_expect_fate (engine, 2, HR_FATE_REJECTED);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpint (hr_service_get_pid (service), ==, engine_instance (engine, 0)->pid);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
  entry = engine_history (engine);
  g_assert_cmpstr (entry->phase, ==, "canary");
  g_assert_nonnull (strstr (entry->error, words));
}

static void
abort_it (HrService *service)
{
  g_assert_true (hr_service_abort_canary (service, "me", NULL));
}

static void
roll_it_back (HrService *service)
{
  g_assert_nonnull (hr_service_rollback (service, 0, "me", NULL));
}

static void
cancel_it (HrService *service)
{
  g_assert_true (hr_job_cancel (newest_job, NULL, NULL));
}

/* A canary is judged; the daemon dies when so much time has passed after the answer. */
static void
judge_and_die (Engine *engine, void (*judge) (HrService *service), gint64 after)
{
  HrService *service = begin (engine, LISTEN RAMP);

  engine_run (engine, PROVEN);
  judge (service);
  if (after > 0)
    engine_run (engine, after);
  service = die_before_the_store (engine, 2, HR_FATE_CANDIDATE);
  expect_not_again (engine, service, "on request");
}

static void
test_abort (Engine *engine)
{
  judge_and_die (engine, abort_it, 0);
}

/* The end of the reload has been told, too. */
static void
test_abort_ended (Engine *engine)
{
  judge_and_die (engine, abort_it, 1 * MSEC);
}

static void
test_rollback_of_a_canary (Engine *engine)
{
  judge_and_die (engine, roll_it_back, 0);
}

static void
test_cancel (Engine *engine)
{
  judge_and_die (engine, cancel_it, 0);
}

/* What failed its observation while the source was only looked at is rolled back by the daemon itself, and nobody waits
 * for the canary that was to come after it. */
static void
test_rollback_by_itself (Engine *engine)
{
  HrService *service = start (engine, LISTEN MANUAL "[Health]\nProbe=exec:probe\nInterval=1s\nFailures=2\n", &program);
  HrFakeGate *scan = &engine_parts (engine)->store->scan;
  HrFakeGate *probe = &engine->platform->prober->probe;
  g_autoptr (HrRunRecord) record = NULL;

  engine_save (engine, "main", "two");
  engine_run (engine, 2 * SECOND);
  g_assert_true (hr_service_promote_canary (service, "me", NULL));
  engine_run (engine, 1 * SECOND);
  hr_fake_gate_hold (scan);
  engine_save (engine, "main", "three");
  engine->platform->prober->illness = "503";
  engine_run (engine, 3 * SECOND);
  g_assert_cmpuint (engine_n_warnings (engine, "release 2 failed its observation*"), ==, 1);
  engine->platform->prober->illness = NULL;
  hr_fake_gate_hold (probe);
  hr_fake_gate_release (scan);
  engine_run (engine, 1 * SECOND);
  engine_forget (engine);
  hr_fake_gate_release (probe);
  /* Turn by turn: in the one in which it is aborted the next daemon would know, before anything follows. */
  while (engine->events->len == 0)
    g_assert_true (g_main_context_iteration (NULL, FALSE));
  engine_expect (engine, "CanaryProgress 50 | CanaryProgress 50");
  record = hr_run_state_get (hr_platform_get_run_state (HR_PLATFORM (engine->platform)), "web");
  g_assert_nonnull (record->verdict);
  g_assert_nonnull (strstr (record->verdict, "'release': <uint64 3>"));
  g_assert_nonnull (strstr (record->verdict, "'rejected'"));
  engine_run (engine, PROVEN);
  engine_expect (engine, "ReloadFailed canary | ReloadStarted 1 | ReloadCompleted 1 | RolledBack 2>1");
  engine_expect_fate (engine, 3, HR_FATE_REJECTED);
}

static void
test_promote (Engine *engine)
{
  HrService *service = begin (engine, LISTEN RAMP);

  engine_run (engine, PROVEN);
  g_assert_true (hr_service_promote_canary (service, "me", NULL));
  service = die (engine);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpint (hr_service_get_pid (service), ==, engine_instance (engine, 1)->pid);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
}

/* It begins anew, as every canary whose daemon died, and waits for who held it. */
static void
test_hold (Engine *engine)
{
  HrService *service = begin (engine, LISTEN RAMP);

  engine_run (engine, 25 * SECOND);
  g_assert_true (hr_service_hold_canary (service, "me", NULL));
  service = die (engine);
  engine_run (engine, 10 * 60 * SECOND);
  {
    HrCanary *canary = hr_service_get_canary (service);

    g_assert_nonnull (canary);
    g_assert_true (hr_canary_get_info (canary).held);
    g_assert_cmpuint (hr_canary_get_info (canary).share, ==, 1000);
    g_assert_true (hr_service_promote_canary (service, "me", NULL));
  }
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  /* That was of this one only. */
  engine_save (engine, "main", "three");
  engine_run (engine, 10 * 60 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
}

static void
test_hold_over_reexecution (Engine *engine)
{
  HrService *service = begin (engine, LISTEN RAMP);

  engine_run (engine, 25 * SECOND);
  g_assert_true (hr_service_hold_canary (service, "me", NULL));
  service = engine_reexec (engine, "web");
  engine_run (engine, 10 * 60 * SECOND);
  g_assert_nonnull (hr_service_get_canary (service));
  g_assert_true (hr_canary_get_info (hr_service_get_canary (service)).held);
}

/* The source still holds what was rolled back from. */
static void
test_rollback (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  HrJob *job;

  engine_run (engine, PROVEN);
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  job = hr_service_rollback (service, 0, "me", NULL);
  while (!hr_job_is_finished (job))
    engine_run (engine, 1 * MSEC);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  service = die_before_the_store (engine, 2, HR_FATE_UNPROVEN);
  engine_run (engine, PROVEN);
  engine_expect (engine, "");
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  engine_expect_fate (engine, 2, HR_FATE_UNPROVEN);
}

/* What was told of it before is not true any more. */
static void
test_good_after_all (Engine *engine)
{
  HrService *service = begin (engine, LISTEN RAMP);

  engine_run (engine, PROVEN);
  g_assert_true (hr_service_abort_canary (service, "me", NULL));
  engine_run (engine, 1 * SECOND);
  hr_service_reload (service, "me");
  engine_run (engine, 1 * SECOND);
  g_assert_true (hr_service_promote_canary (service, "me", NULL));
  engine_run (engine, PROVEN);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
  service = die (engine);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
}

/* It waits for the end of what is under way, but nobody has to ask again. */
static void
test_stop_that_waits (Engine *engine)
{
  const HrFakeProgram slow = { .ready_after = 20 * SECOND, .ignores_kill = TRUE };
  HrService *service = engine_start_with (engine, "", &(const HrFakeProgram){ .stop_takes = 5 * SECOND });

  hr_fake_launcher_next (engine->launcher, &slow);
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  hr_service_stop (service, "me");
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, 0);
  service = die (engine);
  engine_run (engine, 60 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
  g_assert_false (engine_instance (engine, 0)->alive);
  hr_fake_instance_end_by (engine_instance (engine, 1), SIGKILL);
  engine_run (engine, 1 * SECOND);
}

static void
test_start (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_service_stop (service, "me");
  engine_run (engine, 5 * SECOND);
  hr_service_start (service, "me");
  service = die (engine);
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
}

/* A start that waits for the end of a stop is what was asked for last. */
static void
test_start_that_waits (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &(const HrFakeProgram){ .stop_takes = 5 * SECOND });

  hr_service_stop (service, "me");
  engine_run (engine, 1 * SECOND);
  hr_service_start (service, "me");
  service = die (engine);
  engine_run (engine, 60 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
}

/* Nor is a stop remembered that was taken back. */
static void
test_cancelled_start (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &(const HrFakeProgram){ .stop_takes = 5 * SECOND });
  HrJob *job;

  hr_service_stop (service, "me");
  engine_run (engine, 1 * SECOND);
  job = hr_service_start (service, "me");
  g_assert_true (hr_job_cancel (job, NULL, NULL));
  service = die (engine);
  engine_run (engine, 60 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/verdict/promise-7/abort-outlives-the-daemon", test_abort);
  engine_add ("/verdict/promise-7/abort-outlives-the-daemon-when-its-reload-has-ended", test_abort_ended);
  engine_add ("/verdict/promise-7/rollback-of-a-canary-outlives-the-daemon", test_rollback_of_a_canary);
  engine_add ("/verdict/promise-7/rollback-by-itself-of-a-canary-outlives-the-daemon", test_rollback_by_itself);
  engine_add ("/verdict/promise-7/cancel-outlives-the-daemon", test_cancel);
  engine_add ("/verdict/promise-7/promote-outlives-the-daemon", test_promote);
  engine_add ("/verdict/promise-7/hold-outlives-the-daemon", test_hold);
  engine_add ("/verdict/hold-outlives-a-re-execution", test_hold_over_reexecution);
  engine_add ("/verdict/promise-7/rollback-outlives-the-daemon", test_rollback);
  engine_add ("/verdict/what-became-good-after-all-stays-good", test_good_after_all);
  engine_add ("/verdict/promise-7/stop-that-waits-outlives-the-daemon", test_stop_that_waits);
  engine_add ("/verdict/promise-7/start-outlives-the-daemon", test_start);
  engine_add ("/verdict/promise-7/start-that-waits-outlives-the-daemon", test_start_that_waits);
  engine_add ("/verdict/start-that-was-cancelled-is-none", test_cancelled_start);
  return g_test_run ();
}
