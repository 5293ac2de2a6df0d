/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Observation and rollback: what happens to a release after the switch, and how one goes back.
 */
#include "engine-fixture.h"

#include <string.h>

#include "hr-error.h"

#define PROBE "[Health]\nProbe=exec:probe\nInterval=1s\nFailures=2\n"

static const HrFakeProgram keeper = { .opens_state = TRUE, .leaves = "{\"level\":3}" };

/* Rule 5: exits within RollbackAfter: a job and an entry of its own. */
static void
test_exit (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &keeper);
  HrFakeProgram bad = keeper;
  g_autoptr (HrHistoryEntry) entry = NULL;
  g_autoptr (GPtrArray) jobs = NULL;
  HrJob *job;

  bad.exits_after = 2 * SECOND;
  bad.exit_code = 1;
  hr_fake_launcher_next (engine->launcher, &bad);
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | StatePreserved | StateRestored | ReloadCompleted 2");
  engine_run (engine, 2 * SECOND);
  engine_expect (engine, "ReloadStarted 1 | StateRestored | ReloadCompleted 1 | RolledBack 2>1");
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpstr (hr_fake_launcher_last (engine->launcher)->state, ==, "{\"level\":3}");
  engine_expect_fate (engine, 2, HR_FATE_REJECTED);
  g_assert_cmpstr (engine_release (engine, 2)->phase, ==, "observe");
  g_assert_nonnull (strstr (engine_release (engine, 2)->error, "exited with status 1"));
  engine_expect_fate (engine, 1, HR_FATE_GOOD);
  entry = engine_history (engine);
  g_assert_cmpstr (entry->trigger, ==, "rollback");
  g_assert_true (entry->success);
  g_assert_cmpuint (entry->release, ==, 1);
  g_assert_cmpuint (entry->previous_release, ==, 2);
  g_assert_null (entry->caller);
  g_assert_null (entry->error);
  g_assert_nonnull (strstr (entry->reason, "exited with status 1"));
  jobs = hr_manager_list_jobs (engine->manager);
  job = g_ptr_array_index (jobs, jobs->len - 1);
  g_assert_cmpint (hr_job_get_kind (job), ==, HR_JOB_ROLLBACK);
  /* Rule 3: the tree that was rolled back is not tried again until it changes. */
  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpuint (hr_service_get_restarts (service), ==, 0);
}

static void
test_probe (Engine *engine)
{
  HrService *service = engine_start (engine, PROBE);

  engine_save (engine, "main", "two");
  engine_run (engine, 500 * MSEC);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  engine_forget (engine);
  /* Probed every second from its start; the second failure is one too many. */
  engine->platform->prober->illness = "503";
  engine_run (engine, 1 * SECOND);
  g_assert_cmpstr (hr_service_get_health (service), ==, "degraded");
  hr_fake_gate_hold (&engine->platform->prober->probe);
  engine_run (engine, 1 * SECOND);
  hr_fake_gate_release (&engine->platform->prober->probe);
  engine_run (engine, 0);
  engine->platform->prober->illness = NULL;
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "ReloadStarted 1 | ReloadCompleted 1 | RolledBack 2>1");
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  engine_expect_fate (engine, 2, HR_FATE_REJECTED);
  g_assert_cmpstr (engine_release (engine, 2)->error, ==, "503");
}

/* After that, an exit is a crash like any other: the release is started again. */
static void
test_exit_after_good (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  hr_fake_instance_exit (engine_instance (engine, 1), 1);
  engine_run (engine, 1 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpuint (hr_service_get_restarts (service), ==, 1);
}

/* A service that should run has not proven itself when it ends, also not with status 0. */
static void
test_exits_well_in_observation (Engine *engine)
{
  HrService *service = engine_start (engine, "Restart=always\n");

  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  hr_fake_instance_exit (engine_instance (engine, 1), 0);
  engine_run (engine, 1 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  engine_expect_fate (engine, 2, HR_FATE_REJECTED);
}

/* With Restart=no a program may end: that proves nothing either way. */
static void
test_may_end_in_observation (Engine *engine)
{
  engine_start (engine, "Restart=no\n");
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  hr_fake_instance_exit (engine_instance (engine, 1), 0);
  engine_run (engine, 1 * SECOND);
  engine_expect_fate (engine, 2, HR_FATE_UNPROVEN);
}

/* A save and an exit in the same moment: the newer release serves, and is not rolled back for the older one's sake. */
static void
test_exit_while_scanning (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  hr_fake_gate_hold (&engine_parts (engine)->store->scan);
  engine_save (engine, "main", "three");
  engine_run (engine, 1 * SECOND);
  hr_fake_instance_exit (engine_instance (engine, 1), 1);
  hr_fake_gate_release (&engine_parts (engine)->store->scan);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
  engine_expect_fate (engine, 3, HR_FATE_GOOD);
}

/* The same, but the save changed nothing: then the rollback has its turn. */
static void
test_exit_while_scanning_nothing (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  hr_fake_gate_hold (&engine_parts (engine)->store->scan);
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  hr_fake_instance_exit (engine_instance (engine, 1), 1);
  hr_fake_gate_release (&engine_parts (engine)->store->scan);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  engine_expect_fate (engine, 2, HR_FATE_REJECTED);
}

static void
make_three (Engine *engine)
{
  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  engine_save (engine, "main", "three");
  engine_run (engine, PROVEN);
  engine_forget (engine);
}

/* Default: the good one before; to N: that one. Promise 5: the source is left as it is, and is not reloaded. */
static void
test_by_hand (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  g_autoptr (GError) error = NULL;
  g_autoptr (HrHistoryEntry) entry = NULL;
  HrJob *job;

  make_three (engine);
  g_assert_cmpuint (hr_service_get_rollback_point (service), ==, 2);
  job = hr_service_rollback (service, 0, "tester", &error);
  g_assert_no_error (error);
  engine_run (engine, PROVEN);
  engine_expect (engine, "ReloadStarted 2 | ReloadCompleted 2 | RolledBack 3>2");
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  entry = engine_history (engine);
  g_assert_cmpstr (entry->trigger, ==, "rollback");
  g_assert_cmpstr (entry->caller, ==, "tester");
  g_assert_cmpstr (entry->reason, ==, "requested");
  engine_expect_fate (engine, 3, HR_FATE_GOOD);
  g_assert_cmpstr (g_hash_table_lookup (engine_parts (engine)->store->source, "main"), ==, "three");

  hr_service_rollback (service, 3, "tester", &error);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
  hr_service_rollback (service, 1, "tester", &error);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

/* Twice back is two releases back, and what was gone back from is not gone back to unless it is named. */
static void
test_never_forward (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  make_three (engine);
  hr_service_rollback (service, 0, "tester", NULL);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpuint (hr_service_get_rollback_point (service), ==, 1);
  engine_save (engine, "main", "four");
  engine_run (engine, PROVEN);
  engine_expect_fate (engine, 4, HR_FATE_GOOD);
  g_assert_cmpuint (hr_service_get_rollback_point (service), ==, 2);
  engine_new_daemon (engine);
  service = engine_apply (engine, "web");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_rollback_point (service), ==, 2);

  /* Named, it runs, and is a release like any other again. */
  hr_service_rollback (service, 3, "tester", NULL);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
  engine_save (engine, "main", "five");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 5);
  g_assert_cmpuint (hr_service_get_rollback_point (service), ==, 3);
}

/* Whoever goes forward finds the way back again. */
static void
test_forward_leaves_the_way_back (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine_run (engine, PROVEN);
  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  hr_service_rollback (service, 0, "tester", NULL);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_rollback_point (service), ==, 0);
  hr_service_rollback (service, 2, "tester", NULL);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpuint (hr_service_get_rollback_point (service), ==, 1);
  for (guint i = 1; i <= 2; i++)
    {
      engine_expect_fate (engine, i, HR_FATE_GOOD);
      g_assert_null (engine_release (engine, i)->error);
    }
}

/* It had no time to prove itself, which is not its fault; it does not come again by itself all the same. */
static void
test_on_request_nothing_is_found_bad (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine_run (engine, PROVEN);
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  hr_service_rollback (service, 0, "tester", NULL);
  engine_run (engine, PROVEN);
  engine_expect_fate (engine, 2, HR_FATE_UNPROVEN);
  g_assert_null (engine_release (engine, 2)->phase);
  g_assert_cmpstr (engine_release (engine, 2)->error, ==, "rolled back on request");
  hr_service_reload_as_configured (service);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  engine_new_daemon (engine);
  service = engine_apply (engine, "web");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  hr_service_rollback (service, 2, "tester", NULL);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
}

/* Pain 5: the last good one stays warm: going back writes and checks nothing. */
static void
test_warm (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  guint checks;

  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  checks = engine->platform->checker->check.calls;
  hr_service_rollback (service, 0, "tester", NULL);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (engine->platform->checker->check.calls, ==, checks);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

static void
test_without_source (Engine *engine)
{
  HrService *service = engine_start (engine, "-");
  g_autoptr (GError) error = NULL;

  g_assert_null (hr_service_rollback (service, 1, "tester", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED);
}

/* Pain 6: a rollback that fails is its own, louder result; what served goes on. */
static void
test_fails (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  const HrFakeProgram bad = { .exits_after = 10 * MSEC, .ready_after = SECOND, .exit_code = 1 };
  HrJob *job;

  make_three (engine);
  hr_fake_launcher_next (engine->launcher, &bad);
  job = hr_service_rollback (service, 0, "tester", NULL);
  engine_run (engine, 1 * SECOND);
  g_assert_error (hr_job_get_error (job), HR_ERROR, HR_ERROR_ROLLBACK_FAILED);
  g_assert_true (g_str_has_prefix (hr_job_get_error (job)->message, "the rollback to release 2 failed: while "));
  engine_expect (engine, "ReloadStarted 2 | ReloadFailed ready");
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
}

/* A rollback out of the observation that fails: the service is not left lying. */
static void
test_automatic_fails (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  const HrFakeProgram bad = { .exits_after = 10 * MSEC, .ready_after = SECOND, .exit_code = 1 };

  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  hr_fake_launcher_next (engine->launcher, &bad);
  hr_fake_instance_exit (engine_instance (engine, 1), 1);
  engine_run (engine, 20 * MSEC);
  g_assert_cmpuint (hr_manager_get_failed_reloads (engine->manager), ==, 1);
  engine_run (engine, 5 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
}

static void
collect_text (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  char *text = hr_service_diff_finish (HR_SERVICE (source), result, &error);

  *(char **)user_data = text != NULL ? text : g_strdup (error->message);
}

static void
expect_diff (Engine *engine, guint64 from, guint64 to, const char *expected)
{
  g_autofree char *text = NULL;

  hr_service_diff_async (hr_manager_get (engine->manager, "web", NULL), from, to, collect_text, &text);
  engine_run (engine, 0);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_diff (Engine *engine)
{
  engine_start (engine, "");
  make_three (engine);
  expect_diff (engine, 1, 3, "main");
  expect_diff (engine, 0, 0, "");
  hr_fake_store_write (engine_parts (engine)->store, "new", "x");
  expect_diff (engine, 0, 0, "new");
  expect_diff (engine, 2, 9, "service 'web' has no release 9");
  expect_diff (engine, 9, 2, "service 'web' has no release 9");
  hr_fake_gate_fail_next (&engine_parts (engine)->store->scan, G_IO_ERROR, G_IO_ERROR_FAILED, "unreadable");
  expect_diff (engine, 0, 0, "unreadable");
  hr_fake_gate_fail_next (&engine_parts (engine)->store->diff, G_IO_ERROR, G_IO_ERROR_FAILED, "damaged");
  expect_diff (engine, 1, 2, "damaged");
}

static void
test_diff_without_source (Engine *engine)
{
  engine_start (engine, "-");
  expect_diff (engine, 0, 0, "service 'web' has no release to compare with");
}

/* A rollback skips the checks: what never got through them must not come in by it. */
static void
test_never_served (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  g_autoptr (GError) error = NULL;

  engine->platform->checker->fault = "forbidden";
  engine_save (engine, "main", "broken");
  engine_run (engine, SECOND);
  engine_expect_fate (engine, 2, HR_FATE_REJECTED);
  engine->platform->checker->fault = NULL;
  g_assert_null (hr_service_rollback (service, 2, "somebody", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_CHECK_FAILED);
  g_assert_nonnull (strstr (error->message, "forbidden"));
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/rollback/case-7/exit", test_exit);
  engine_add ("/rollback/rule-5/probe", test_probe);
  engine_add ("/rollback/exit-after-good", test_exit_after_good);
  engine_add ("/rollback/exits-well-in-observation", test_exits_well_in_observation);
  engine_add ("/rollback/may-end-in-observation", test_may_end_in_observation);
  engine_add ("/rollback/rule-2/exit-while-scanning", test_exit_while_scanning);
  engine_add ("/rollback/rule-2/exit-while-scanning-nothing", test_exit_while_scanning_nothing);
  engine_add ("/rollback/promise-5/by-hand", test_by_hand);
  engine_add ("/rollback/never-forward", test_never_forward);
  engine_add ("/rollback/forward-leaves-the-way-back", test_forward_leaves_the_way_back);
  engine_add ("/rollback/on-request-nothing-is-found-bad", test_on_request_nothing_is_found_bad);
  engine_add ("/rollback/pain-5/warm", test_warm);
  engine_add ("/rollback/without-source", test_without_source);
  engine_add ("/rollback/pain-6/fails", test_fails);
  engine_add ("/rollback/pain-6/automatic-fails", test_automatic_fails);
  engine_add ("/rollback/diff", test_diff);
  engine_add ("/rollback/diff-without-source", test_diff_without_source);
  engine_add ("/rollback/not-to-what-never-served", test_never_served);
  return g_test_run ();
}
