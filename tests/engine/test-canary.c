/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-canary.c: a candidate that gets a share of the new connections, and each way in which that can end.
 */
#include "canary-fixture.h"

#include <signal.h>
#include <string.h>

#include "hr-error.h"

#define HOUR G_TIME_SPAN_HOUR
#define PROBE "[Health]\nProbe=exec:probe\nInterval=1s\nFailures=2\n"

static void
expect_live (Engine *engine, HrService *service, const char *verdict)
{
  g_autoptr (HrHistoryEntry) entry = engine_history (engine);

  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_null (hr_service_get_canary (service));
  g_assert_true (entry->success);
  g_assert_cmpstr (entry->canary, ==, verdict);
}

/* The end of the ramp comes while a step is taken, on a machine that has other things to do: it is no wait for somebody
 * to decide. */
static void
test_ramp_ends_on_a_busy_machine (Engine *engine)
{
  HrService *service = begin (engine, LISTEN "[Canary]\nPercentage=10\nRampTo=50\nRampDuration=10s\n");

  engine_run (engine, 7 * SECOND);
  listeners (engine)->clock = engine->clock;
  listeners (engine)->share_takes = 10 * SECOND;
  engine_run (engine, 12 * SECOND);
  g_assert_null (hr_service_get_canary (service));
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

/* It was held in the moment in which it would have ended. */
static void
test_held_at_its_end (Engine *engine)
{
  HrService *service = begin (engine, LISTEN "[Canary]\nPercentage=10\nRampTo=50\nRampDuration=10s\n");

  engine_run (engine, 9 * SECOND);
  hr_fake_clock_pass (engine->clock, 10 * SECOND);
  hr_canary_hold (hr_service_get_canary (service));
  engine_run (engine, HOUR);
  g_assert_nonnull (hr_service_get_canary (service));
  hr_canary_go_on (hr_service_get_canary (service));
  engine_run (engine, SECOND);
  g_assert_null (hr_service_get_canary (service));
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

static void
test_ramp_goes_to_its_end (Engine *engine)
{
  HrService *service = begin (engine, LISTEN RAMP PROBE);
  HrCanaryInfo info = hr_canary_get_info (hr_service_get_canary (service));

  engine_expect (engine, "FileChanged main | ReloadStarted 2 | CanaryProgress 1000");
  g_assert_cmpuint (info.release, ==, 2);
  g_assert_cmpuint (info.previous_release, ==, 1);
  g_assert_cmpuint (listeners (engine)->share, ==, 1000);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpstr (hr_service_get_state (service), ==, "reloading");
  for (guint i = 2; i <= 10; i++)
    {
      g_autofree char *expected = g_strdup_printf ("CanaryProgress %u", i * 1000);

      engine_run (engine, 10 * SECOND);
      engine_expect (engine, expected);
      g_assert_cmpuint (listeners (engine)->share, ==, i * 1000);
    }
  engine_run (engine, 10 * SECOND);
  engine_expect (engine, "CanaryProgress 10000 | ReloadCompleted 2");
  expect_live (engine, service,
               "passed at 100%: its probe passed 100 of 100 times in 0.0 ms, that of the release before 100 of 100 "
               "times in 0.0 ms");
  engine_run (engine, PROVEN);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
  g_assert_true (engine_instance (engine, 0)->retired);
}

static void
test_first_start_restart_and_rollback_skip_it (Engine *engine)
{
  HrService *service = begin (engine, LISTEN MANUAL);
  g_autoptr (GError) error = NULL;

  g_assert_true (hr_service_promote_canary (service, "me", &error));
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  engine_forget (engine);
  hr_service_restart (service, "me");
  engine_run (engine, PROVEN);
  /* A new process of the same release has nothing to be compared with. */
  hr_service_reload (service, "me");
  engine_run (engine, PROVEN);
  engine_expect (engine, "ReloadStarted 2 | ReloadCompleted 2");
  g_assert_nonnull (hr_service_rollback (service, 0, "me", &error));
  engine_run (engine, 3 * SECOND);
  engine_expect (engine, "ReloadStarted 1 | ReloadCompleted 1 | RolledBack 2>1");
  {
    g_autoptr (HrHistoryEntry) entry = engine_history (engine);

    g_assert_cmpstr (entry->canary, ==, NULL);
  }
}

static void
test_gets_no_state (Engine *engine)
{
  const HrFakeProgram keeper = { .retires = TRUE, .opens_state = TRUE, .leaves = "{\"n\":1}" };
  HrService *service = engine_start_with (engine, LISTEN MANUAL, &keeper);

  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | CanaryProgress 50");
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, 0);
  g_assert_cmpstr (engine_instance (engine, 1)->state, ==, "{}");
  g_assert_nonnull (hr_service_get_canary (service));
}

/* Its source is what the canary has been promoted with: that is no other canary. */
static void
test_reload_of_the_same_source_waits_and_says_so (Engine *engine)
{
  HrService *service = begin (engine, LISTEN RAMP);
  HrJob *job = hr_service_reload (service, "me");

  engine_run (engine, 10 * SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_WAITING);
  g_assert_true (hr_service_promote_canary (service, "me", NULL));
  engine_run (engine, SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_cmpstr (hr_job_get_outcome (job)->message, ==,
                   "release 2 of 'web' is live in a new process: the source has not changed");
  g_assert_null (hr_job_get_outcome (job)->canary);
}

static void
test_promote_switches_at_once (Engine *engine)
{
  HrService *service = begin (engine, LISTEN RAMP);
  g_autoptr (GError) error = NULL;

  engine_run (engine, 10 * SECOND);
  engine_forget (engine);
  g_assert_true (hr_service_promote_canary (service, "me", &error));
  engine_run (engine, 0);
  engine_expect (engine, "CanaryProgress 2000 | ReloadCompleted 2");
  expect_live (engine, service, "promoted on request of me at 20%: it ran on; no probe came in that time");
  g_assert_false (hr_service_promote_canary (service, "me", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_FAILED);
}

static void
test_hold_stops_the_ramp_and_resume_goes_on (Engine *engine)
{
  HrService *service = begin (engine, LISTEN RAMP);
  g_autoptr (GError) error = NULL;

  engine_run (engine, 14 * SECOND);
  engine_forget (engine);
  g_assert_true (hr_service_hold_canary (service, "me", &error));
  g_assert_true (hr_service_hold_canary (service, "me", &error));
  engine_run (engine, 20 * HOUR);
  engine_expect (engine, "CanaryProgress 2000 held");
  g_assert_cmpuint (listeners (engine)->share, ==, 2000);
  /* Resuming everything is about pauses only. */
  hr_service_set_paused (service, FALSE, TRUE);
  engine_run (engine, 100 * SECOND);
  engine_expect (engine, "");
  hr_service_set_paused (service, FALSE, FALSE);
  engine_run (engine, 6 * SECOND);
  engine_expect (engine, "CanaryProgress 2000 | CanaryProgress 3000");
  g_assert_true (hr_service_hold_canary (service, "me", &error));
  engine_forget (engine);
  g_assert_true (hr_service_promote_canary (service, "me", &error));
  engine_run (engine, 0);
  engine_expect (engine, "CanaryProgress 3000 held | ReloadCompleted 2");
}

static void
test_pain_7_no_canary_is_held_for_ever (Engine *engine)
{
  HrService *service = begin (engine, LISTEN RAMP);
  g_autoptr (GError) error = NULL;

  g_assert_true (hr_service_hold_canary (service, "me", &error));
  engine_run (engine, 20 * HOUR);
  /* What it waited before counts. */
  hr_service_set_paused (service, FALSE, FALSE);
  engine_run (engine, 1 * SECOND);
  g_assert_true (hr_service_hold_canary (service, "me", &error));
  engine_run (engine, 4 * HOUR - 10 * SECOND);
  g_assert_nonnull (hr_service_get_canary (service));
  engine_run (engine, 20 * SECOND);
  expect_kept (engine, service, "nobody promoted or aborted it within 24 h", "given up at 10%");
}

static void
test_without_a_ramp_it_waits_for_a_decision (Engine *engine)
{
  HrService *service = begin (engine, LISTEN MANUAL);

  engine_expect (engine, "FileChanged main | ReloadStarted 2 | CanaryProgress 50");
  engine_run (engine, 24 * HOUR - 10 * SECOND);
  g_assert_cmpuint (listeners (engine)->share, ==, 50);
  engine_run (engine, 20 * SECOND);
  expect_kept (engine, service, "nobody promoted or aborted it within 24 h", "given up at 0.5%");
}

static void
test_bad_probe_aborts_it (Engine *engine)
{
  HrService *service = begin (engine, LISTEN RAMP PROBE);

  engine_forget (engine);
  engine->platform->prober->illness = "503";
  engine_run (engine, 2 * SECOND);
  g_assert_null (listeners (engine)->separate);
  engine_run (engine, 10 * SECOND);
  engine_expect (engine, "CanaryProgress 1000 | ReloadFailed canary");
  expect_kept (engine, service, "503",
               "failed at 10%: 503; its probe passed 1 of 3 times in 0.0 ms, that of the release before 1 of 3");
  engine_expect_fate (engine, 2, HR_FATE_REJECTED);
}

/* Metrics are judged as after the switch, while both releases serve. */
static void
test_bad_metrics_abort_it (Engine *engine)
{
  HrService *service = begin (engine, LISTEN RAMP "[PostCheck]\nErrorRate=5%\nErrorMetric=exec:rate\n");

  engine_run (engine, 10 * SECOND);
  g_assert_cmpuint (listeners (engine)->share, ==, 2000);
  engine->platform->metric_reader->values[0] = 50;
  engine_run (engine, 10 * SECOND);
  expect_kept (engine, service, "ErrorRate: ", "failed at 20%: ErrorRate: ");
}

/* It goes on, and says while it runs, and when it has ended, that it was compared with nothing, and why. */
static void
test_unread_metrics_are_told (Engine *engine)
{
  static const char words[] = "the metrics of release 1 cannot be read, and decide nothing: no answer";
  HrService *service = start (engine, LISTEN RAMP "[PostCheck]\nErrorRate=5%\nErrorMetric=exec:rate\n", &program);
  g_autoptr (HrHistoryEntry) entry = NULL;

  engine->platform->metric_reader->unreadable = "no answer";
  engine_save (engine, "main", "two");
  engine_run (engine, 2 * SECOND);
  g_assert_nonnull (hr_service_get_canary (service));
  {
    const char *told = hr_job_get_outcome (newest_job)->canary;

    g_assert_nonnull (strstr (told, "of the new connections; the metrics of release 2 cannot be read, and decide "
                                    "nothing: no answer; "));
    g_assert_nonnull (strstr (told, words));
  }
  hr_service_promote_canary (service, NULL, NULL);
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  entry = engine_history (engine);
  g_assert_nonnull (strstr (entry->canary, ": its metrics could not be read: no answer; "));
  g_assert_nonnull (strstr (entry->canary, words));
}

static void
test_exit_ends_it (Engine *engine)
{
  HrService *service = begin (engine, LISTEN RAMP PROBE);

  engine_run (engine, 10 * SECOND);
  hr_fake_instance_exit (engine_instance (engine, 1), 3);
  engine_run (engine, 0);
  expect_kept (engine, service, "while release 2 of 'web' was a canary: it exited with status 3",
               "failed at 20%: while");
  g_assert_error (hr_job_get_error (newest_job), HR_ERROR, HR_ERROR_NOT_HEALTHY);
}

static void
test_takes_over_when_the_old_one_ends (Engine *engine)
{
  HrService *service = begin (engine, LISTEN RAMP);

  hr_fake_instance_exit (engine_instance (engine, 0), 1);
  engine_run (engine, 1 * SECOND);
  expect_live (engine, service, "took over at 10%: the instance before ended by itself: it exited with status 1");
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
}

static void
test_save_waits_for_its_end (Engine *engine)
{
  HrService *service = begin (engine, LISTEN MANUAL);
  g_autoptr (GError) error = NULL;

  engine_save (engine, "main", "three");
  engine_run (engine, 1 * HOUR);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 2);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | CanaryProgress 50");
  g_assert_true (hr_service_abort_canary (service, "me", &error));
  engine_run (engine, 5 * SECOND);
  engine_expect (engine,
                 "CanaryProgress 50 | ReloadFailed canary | FileChanged main | ReloadStarted 3 | CanaryProgress "
                 "50");
  g_assert_cmpuint (hr_canary_get_info (hr_service_get_canary (service)).release, ==, 3);
}

static void
test_cancel_ends_it (Engine *engine)
{
  HrService *service = begin (engine, LISTEN MANUAL);
  g_autoptr (GError) error = NULL;

  g_assert_true (hr_job_cancel (newest_job, NULL, &error));
  g_assert_null (listeners (engine)->separate);
  engine_run (engine, 5 * SECOND);
  expect_kept (engine, service, "was cancelled in phase 'canary'", "failed at 0.5%: the reload of 'web' was cancelled");
}

static void
test_share_that_cannot_be_set_fails_it (Engine *engine)
{
  HrService *service = engine_start_with (engine, LISTEN RAMP, &program);

  listeners (engine)->share_failure = "no such socket";
  engine_save (engine, "main", "two");
  engine_run (engine, 5 * SECOND);
  expect_kept (engine, service, "a share of the new connections: no such socket", "failed at 0%");

  listeners (engine)->share_failure = NULL;
  engine_forget (engine);
  engine_save (engine, "main", "three");
  engine_run (engine, 5 * SECOND);
  listeners (engine)->share_failure = "no such socket";
  engine_run (engine, 10 * SECOND);
  engine_expect (engine,
                 "FileChanged main | ReloadStarted 3 | CanaryProgress 1000 | CanaryProgress 1000 | ReloadFailed "
                 "canary");
}

static void
test_is_refused_before_anything_is_started (Engine *engine)
{
  const HrFakeProgram unseen = { .retires = TRUE, .is_static = TRUE };
  HrService *service = start (engine, LISTEN RAMP, &unseen);

  engine_save (engine, "main", "two");
  engine_run (engine, 5 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadFailed canary");
  g_assert_error (hr_job_get_error (newest_job), HR_ERROR, HR_ERROR_NOT_SUPPORTED);
  g_assert_nonnull (strstr (hr_service_get_error (service), "the adopt library does not see its program"));
  g_assert_nonnull (strstr (hr_service_get_error (service), "remove Percentage"));
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

static void
test_needs_a_tcp_listener_that_the_daemon_holds (Engine *engine)
{
  HrService *service = engine_start_with (engine, RAMP, &program);

  engine_save (engine, "main", "two");
  engine_run (engine, 5 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadFailed canary");
  g_assert_nonnull (strstr (hr_service_get_error (service), "no TCP listener that the daemon holds"));
  /* One that the program bound by itself will do. */
  hr_fake_listeners_discover (listeners (engine), 8080);
  engine_save (engine, "main", "three");
  engine_run (engine, 5 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 3 | CanaryProgress 1000");
}

static void
test_what_is_answered_over_ipv6_alone_is_no_judgement (Engine *engine)
{
  HrService *service = engine_start_with (engine, RAMP PROBE, &program);
  HrListener *six;

  hr_fake_listeners_discover (listeners (engine), 8080);
  six = g_ptr_array_index (listeners (engine)->list, 0);
  six->only_ipv6 = TRUE;
  engine_save (engine, "main", "two");
  engine_run (engine, 5 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadFailed canary");
  g_assert_nonnull (strstr (hr_service_get_error (service), "its listeners take IPv6 only"));
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
}

static void
test_who_decides_is_told_that_there_is_none (Engine *engine)
{
  HrService *service = engine_start_with (engine, LISTEN, &program);
  gboolean (*const decide[]) (HrService *, const char *, GError **) = { hr_service_promote_canary,
                                                                        hr_service_abort_canary,
                                                                        hr_service_hold_canary };

  for (guint i = 0; i < G_N_ELEMENTS (decide); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (decide[i](service, "me", &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_FAILED);
      g_assert_cmpstr (error->message, ==,
                       "'web' has no canary: its service file asks for none (see Percentage in group 'Canary')");
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
#define TEST(name, func) engine_add ("/canary/" name, func)
  TEST ("ends-on-a-busy-machine", test_ramp_ends_on_a_busy_machine);
  TEST ("held-at-its-end", test_held_at_its_end);
  TEST ("ramp-goes-to-its-end", test_ramp_goes_to_its_end);
  TEST ("first-start-restart-and-rollback-skip-it", test_first_start_restart_and_rollback_skip_it);
  TEST ("gets-no-state", test_gets_no_state);
  TEST ("reload-of-the-same-source-waits-and-says-so", test_reload_of_the_same_source_waits_and_says_so);
  TEST ("promote-switches-at-once", test_promote_switches_at_once);
  TEST ("hold-stops-the-ramp-and-resume-goes-on", test_hold_stops_the_ramp_and_resume_goes_on);
  TEST ("pain-07-no-canary-is-held-for-ever", test_pain_7_no_canary_is_held_for_ever);
  TEST ("without-a-ramp-it-waits-for-a-decision", test_without_a_ramp_it_waits_for_a_decision);
  TEST ("bad-probe-aborts-it", test_bad_probe_aborts_it);
  TEST ("bad-metrics-abort-it", test_bad_metrics_abort_it);
  TEST ("unread-metrics-are-told", test_unread_metrics_are_told);
  TEST ("exit-ends-it", test_exit_ends_it);
  TEST ("takes-over-when-the-old-one-ends", test_takes_over_when_the_old_one_ends);
  TEST ("save-waits-for-its-end", test_save_waits_for_its_end);
  TEST ("cancel-ends-it", test_cancel_ends_it);
  TEST ("share-that-cannot-be-set-fails-it", test_share_that_cannot_be_set_fails_it);
  TEST ("is-refused-before-anything-is-started", test_is_refused_before_anything_is_started);
  TEST ("needs-a-tcp-listener-that-the-daemon-holds", test_needs_a_tcp_listener_that_the_daemon_holds);
  TEST ("answered-over-ipv6-alone-is-no-judgement", test_what_is_answered_over_ipv6_alone_is_no_judgement);
  TEST ("who-decides-is-told-that-there-is-none", test_who_decides_is_told_that_there_is_none);
  return g_test_run ();
}
