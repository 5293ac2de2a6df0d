/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The time after the switch: what proves a release, what rolls it back, and rollbacks that somebody asks for.
 */
#include "hr-observation.h"

#include "engine-fixture.h"
#include "hr-error.h"

static HrService *
reloaded (Engine *engine, const char *text)
{
  HrService *service = engine_start (engine, text);

  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  engine_forget (engine);
  return service;
}

static void
test_rollback_needs_no_file_work (Engine *engine)
{
  HrService *service = reloaded (engine, "");
  guint scans = engine_parts (engine)->store->scan.calls;
  guint checks = engine->platform->checker->check.calls;

  hr_fake_instance_exit (engine_instance (engine, 1), 1);
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpuint (engine_parts (engine)->store->scan.calls, ==, scans);
  g_assert_cmpuint (engine->platform->checker->check.calls, ==, checks);
}

/* The old one has a stream to finish, which may last as long as DrainTimeout lets it: who connects does not wait for
 * that. Only those two run at any time. */
static void
test_rollback_beside_retiring (Engine *engine)
{
  const HrFakeProgram old = { .retires = TRUE };
  HrService *service = engine_start_with (engine, "DrainTimeout=10min\n", &old);

  engine->launcher->most = 2;
  engine_instance (engine, 0)->connections = 1;
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  g_assert_true (engine_instance (engine, 0)->alive);
  hr_fake_instance_exit (engine_instance (engine, 1), 1);
  engine_run (engine, 10 * MSEC);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpint (hr_service_get_pid (service), ==, engine_instance (engine, 2)->pid);
  g_assert_cmpuint (hr_service_get_serving (service), ==, 1);
  g_assert_true (engine_instance (engine, 0)->alive);
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, 0);
  /* With what serves again it is one too many for the next. */
  engine_save (engine, "main", "three");
  engine_run (engine, 10 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
  g_assert_false (engine_instance (engine, 0)->alive);
}

/* Its slot may hold what the disk has no room for, and nothing is built twice: then what drains ends first. */
static void
rollback_after_retiring (const char *text, gboolean place_fails)
{
  g_autoptr (Engine) engine = engine_new ();
  g_autofree char *file = g_strconcat ("DrainTimeout=10min\n", text, NULL);
  const HrFakeProgram old = { .retires = TRUE };
  HrService *service = engine_start_with (engine, file, &old);

  engine->launcher->most = 2;
  engine_instance (engine, 0)->connections = 1;
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  g_assert_true (engine_instance (engine, 0)->alive);
  if (place_fails)
    hr_fake_gate_fail_next (&engine_parts (engine)->slots->place, HR_ERROR, HR_ERROR_FAILED, "no space left");
  hr_fake_instance_exit (engine_instance (engine, 1), 1);
  engine_run (engine, 5 * SECOND);
  g_assert_false (engine_instance (engine, 0)->alive);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpuint (hr_service_get_serving (service), ==, 1);
}

static void
test_rollback_after_retiring (void)
{
  rollback_after_retiring ("[Check]\nBuild=make\n", FALSE);
  rollback_after_retiring ("", TRUE);
}

static void
test_unknown_end (Engine *engine)
{
  HrService *service = reloaded (engine, "");

  hr_fake_instance_vanish (engine_instance (engine, 1));
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpstr (engine_release (engine, 2)->error, ==, "it ended with an unknown status");
}

/* It said that it is about to end: nothing is held against it. */
static void
test_unknown_end_announced (Engine *engine)
{
  reloaded (engine, "Restart=no\n");
  hr_fake_instance_say (engine_instance (engine, 1), "STOPPING=1");
  hr_fake_instance_vanish (engine_instance (engine, 1));
  engine_run (engine, SECOND);
  engine_expect (engine, "");
  engine_expect_states (engine, "stopping | stopped");
  engine_expect_fate (engine, 2, HR_FATE_UNPROVEN);
}

/* Not the time alone proves a release. */
static void
test_passed (Engine *engine)
{
  HrService *service = reloaded (engine, "[PostCheck]\nRollbackAfter=3s\n");

  engine_run (engine, 1900 * MSEC);
  engine_expect_fate (engine, 2, HR_FATE_UNPROVEN);
  g_assert_cmpuint (hr_service_get_rollback_point (service), ==, 1);
  engine_run (engine, 200 * MSEC);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
  hr_fake_instance_exit (engine_instance (engine, 1), 1);
  engine_run (engine, SECOND);
  engine_expect (engine, "");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpuint (hr_service_get_restarts (service), ==, 1);
}

/* With the defaults three failures take longer than RollbackAfter. */
static void
sicken (Engine *engine)
{
  HrFakeProber *prober = engine->platform->prober;

  reloaded (engine, "[Health]\nProbe=exec:probe\n");
  prober->sick_pid = engine_instance (engine, 1)->pid;
  prober->illness = "503";
  engine_run (engine, 8 * SECOND);
  engine_expect_fate (engine, 2, HR_FATE_UNPROVEN);
}

static void
test_probe_that_fails_is_waited_for (Engine *engine)
{
  sicken (engine);
  engine_run (engine, 20 * SECOND);
  engine_expect (engine, "ReloadStarted 1 | ReloadCompleted 1 | RolledBack 2>1");
  engine_expect_fate (engine, 2, HR_FATE_REJECTED);
}

static void
test_probe_that_passes_again_is_enough (Engine *engine)
{
  sicken (engine);
  engine->platform->prober->illness = NULL;
  engine_run (engine, 5 * SECOND);
  engine_expect (engine, "");
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
}

static void
test_no_observation (Engine *engine)
{
  reloaded (engine, "[PostCheck]\nRollbackAfter=0\n");
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
}

/* Rule 2: a new reload ends the observation, and that release stays unproven. */
static void
test_reload_ends_observation (Engine *engine)
{
  HrService *service = reloaded (engine, "");

  engine_save (engine, "main", "three");
  engine_run (engine, PROVEN);
  engine_expect (engine, "FileChanged main | ReloadStarted 3 | ReloadCompleted 3");
  engine_expect_fate (engine, 2, HR_FATE_UNPROVEN);
  engine_expect_fate (engine, 3, HR_FATE_GOOD);
  g_assert_cmpuint (hr_service_get_rollback_point (service), ==, 1);
}

static void
test_reload_ends_observation_at_its_begin (Engine *engine)
{
  HrService *service = reloaded (engine, "");

  hr_fake_gate_hold (&engine->platform->checker->check);
  engine_save (engine, "main", "three");
  engine_run (engine, PROVEN);
  engine_expect_fate (engine, 2, HR_FATE_UNPROVEN);
  hr_fake_gate_release (&engine->platform->checker->check);
  hr_fake_launcher_next (engine->launcher, &(HrFakeProgram){ .exits_after = 2 * SECOND, .exit_code = 1 });
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
  engine_forget (engine);
  engine_run (engine, 2 * SECOND);
  engine_expect (engine, "ReloadStarted 1 | ReloadCompleted 1 | RolledBack 3>1");
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

/* Saves that fail do not keep what works from becoming good: its time goes on. */
static void
test_failed_reload_goes_on (Engine *engine)
{
  reloaded (engine, "[PostCheck]\nRollbackAfter=3s\n");
  engine->platform->checker->fault = "bad";
  engine_run (engine, 1 * SECOND);
  engine_save (engine, "main", "three");
  engine_run (engine, 500 * MSEC);
  engine_expect (engine, "FileChanged main | ReloadStarted 3 | ReloadFailed check");
  engine_save (engine, "main", "four");
  engine_run (engine, 300 * MSEC);
  engine_expect_fate (engine, 2, HR_FATE_UNPROVEN);
  engine_run (engine, 500 * MSEC);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
}

/* A look at the source that finds nothing is no reload. */
static void
test_touch_ends_no_observation (Engine *engine)
{
  reloaded (engine, "");
  hr_fake_watcher_hint (engine_parts (engine)->watcher, "main");
  engine_run (engine, PROVEN);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
}

/* There is nothing to go back to: it is started again until it proves itself. */
static void
test_first_release (Engine *engine)
{
  HrService *service;

  hr_fake_launcher_next (engine->launcher, &(HrFakeProgram){ .exits_after = 2 * SECOND, .exit_code = 1 });
  engine_set (engine, "web", "");
  service = engine_apply (engine, "web");
  engine_run (engine, 3 * SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  engine_expect_fate (engine, 1, HR_FATE_UNPROVEN);
  engine_run (engine, PROVEN);
  engine_expect_fate (engine, 1, HR_FATE_GOOD);
}

/* What came up at the second try is worth going back to. */
static void
test_good_at_second_start (Engine *engine)
{
  HrService *service;

  hr_fake_launcher_next (engine->launcher,
                         &(HrFakeProgram){ .exits_after = MSEC, .exit_code = 1, .ready_after = 5 * MSEC });
  engine_set (engine, "web", "");
  service = engine_apply (engine, "web");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  engine_expect_fate (engine, 1, HR_FATE_GOOD);
  hr_fake_launcher_next (engine->launcher, &(HrFakeProgram){ .exits_after = 2 * SECOND, .exit_code = 1 });
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  engine_forget (engine);
  engine_run (engine, 2 * SECOND);
  engine_expect (engine, "ReloadStarted 1 | ReloadCompleted 1 | RolledBack 2>1");
}

/* Neither the new release nor the way back works: that is tried a few times, not for ever. */
static void
test_limit (Engine *engine)
{
  const HrFakeProgram crashes = { .exits_after = SECOND, .exit_code = 1 };
  const HrFakeProgram never_ready = { .ready_after = SECOND, .exits_after = MSEC, .exit_code = 1 };
  HrService *service = engine_start (engine, "RestartWindow=5min\n");

  for (guint i = 0; i < 20; i++)
    {
      hr_fake_launcher_next (engine->launcher, &crashes);
      hr_fake_launcher_next (engine->launcher, &never_ready);
    }
  engine_save (engine, "main", "two");
  engine_run (engine, 60 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "failed");
  g_assert_cmpuint (engine->launcher->instances->len, ==, 1 + 2 * 5);
}

/* Asked for */

static HrService *
three_releases (Engine *engine)
{
  HrService *service = reloaded (engine, "");

  engine_save (engine, "main", "three");
  engine_run (engine, PROVEN);
  engine_expect_fate (engine, 2, HR_FATE_UNPROVEN);
  engine_forget (engine);
  return service;
}

static void
test_previous_good (Engine *engine)
{
  HrService *service = three_releases (engine);
  g_autoptr (HrHistoryEntry) entry = NULL;
  g_autoptr (GError) error = NULL;
  HrJob *job = hr_service_rollback (service, 0, "somebody", &error);

  g_assert_no_error (error);
  engine_run (engine, SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  engine_expect (engine, "ReloadStarted 1 | ReloadCompleted 1 | RolledBack 3>1");
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  engine_expect_fate (engine, 3, HR_FATE_GOOD);
  engine_expect_fate (engine, 1, HR_FATE_GOOD);
  entry = engine_history (engine);
  g_assert_cmpstr (entry->trigger, ==, "rollback");
  g_assert_cmpstr (entry->caller, ==, "somebody");
  /* The source still holds release 3; only what changes there is a reload. */
  hr_fake_watcher_hint (engine_parts (engine)->watcher, "main");
  engine_run (engine, PROVEN);
  engine_expect (engine, "");
  g_assert_null (hr_service_rollback (service, 0, "somebody", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_NO_SUCH_RELEASE);
}

static void
test_to_number (Engine *engine)
{
  HrService *service = three_releases (engine);
  g_autoptr (GError) error = NULL;

  g_assert_null (hr_service_rollback (service, 17, "somebody", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_NO_SUCH_RELEASE);
  g_assert_nonnull (hr_service_rollback (service, 2, "somebody", NULL));
  engine_run (engine, PROVEN);
  engine_expect (engine, "ReloadStarted 2 | ReloadCompleted 2 | RolledBack 3>2");
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
  g_assert_nonnull (hr_service_rollback (service, 3, "somebody", NULL));
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
}

/* Rule 2: the last good one, also when it is a newer one. */
static void
test_back_from_rollback (Engine *engine)
{
  HrService *service = three_releases (engine);

  hr_fake_launcher_next (engine->launcher, &(HrFakeProgram){ .exits_after = SECOND, .exit_code = 1 });
  g_assert_nonnull (hr_service_rollback (service, 2, "somebody", NULL));
  engine_run (engine, 2 * SECOND);
  engine_expect (engine, "ReloadStarted 2 | ReloadCompleted 2 | RolledBack 3>2 | ReloadStarted 3 | ReloadCompleted 3 | "
                         "RolledBack 2>3");
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
  engine_expect_fate (engine, 2, HR_FATE_REJECTED);
}

static void
test_not_possible (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  HrService *plain;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) plain_error = NULL;
  g_autoptr (GError) place_error = NULL;

  g_assert_null (hr_service_rollback (service, 0, "somebody", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_NO_SUCH_RELEASE);
  g_clear_error (&error);
  g_assert_null (hr_service_rollback (service, 7, "somebody", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_NO_SUCH_RELEASE);
  engine_parts (engine)->slots->note = "in place: Slots=no";
  g_assert_null (hr_service_rollback (service, 0, "somebody", &place_error));
  g_assert_error (place_error, HR_ERROR, HR_ERROR_NOT_SUPPORTED);
  engine_set (engine, "plain", "-");
  plain = engine_apply (engine, "plain");
  engine_run (engine, SECOND);
  g_assert_null (hr_service_rollback (plain, 0, "somebody", &plain_error));
  g_assert_error (plain_error, HR_ERROR, HR_ERROR_NOT_SUPPORTED);
}

static void
test_keeps_after_new_daemon (Engine *engine)
{
  HrService *service = three_releases (engine);

  hr_service_rollback (service, 1, "somebody", NULL);
  engine_run (engine, SECOND);
  engine_new_daemon (engine);
  service = engine_apply (engine, "web");
  engine_run (engine, PROVEN);
  engine_expect (engine, "");
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/observation/rollback-is-a-start-from-the-other-slot", test_rollback_needs_no_file_work);
  engine_add ("/observation/promise-2/rollback-waits-for-no-drain", test_rollback_beside_retiring);
  g_test_add_func ("/observation/rollback-of-what-is-built", test_rollback_after_retiring);
  engine_add ("/observation/unknown-end-rolls-back", test_unknown_end);
  engine_add ("/observation/announced-end-does-not", test_unknown_end_announced);
  engine_add ("/observation/good-after-its-time", test_passed);
  engine_add ("/observation/promise-2/pain-04/failing-probe-with-default-settings-rolls-back",
              test_probe_that_fails_is_waited_for);
  engine_add ("/observation/what-passes-its-probe-again-is-good", test_probe_that_passes_again_is_enough);
  engine_add ("/observation/none-with-0", test_no_observation);
  engine_add ("/observation/rule-2/reload-ends-it", test_reload_ends_observation);
  engine_add ("/observation/rule-2/reload-ends-it-when-it-begins", test_reload_ends_observation_at_its_begin);
  engine_add ("/observation/rule-2/reload-that-fails-goes-on-with-it", test_failed_reload_goes_on);
  engine_add ("/observation/rule-2/touch-does-not", test_touch_ends_no_observation);
  engine_add ("/observation/first-release-is-started-again", test_first_release);
  engine_add ("/observation/good-at-its-second-start", test_good_at_second_start);
  engine_add ("/observation/rollback-that-fails-is-not-tried-for-ever", test_limit);
  engine_add ("/rollback/previous-good", test_previous_good);
  engine_add ("/rollback/to-a-number", test_to_number);
  engine_add ("/rollback/rule-2/back-to-the-last-good-one", test_back_from_rollback);
  engine_add ("/rollback/not-possible", test_not_possible);
  engine_add ("/rollback/new-daemon-keeps-it", test_keeps_after_new_daemon);
  return g_test_run ();
}
