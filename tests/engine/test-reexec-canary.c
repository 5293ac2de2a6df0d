/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The daemon is re-executed in the middle of a canary: that goes on, with its share and its time.
 */
#include "canary-fixture.h"

#define PROBED "[Health]\nProbe=http://127.0.0.1:8080/\nInterval=1s\nFailures=3\n"

static HrCanaryInfo
info (HrService *service)
{
  g_assert_nonnull (hr_service_get_canary (service));
  return hr_canary_get_info (hr_service_get_canary (service));
}

/* As if nothing had happened: same instances, same job, same share. */
static HrService *
reexec (Engine *engine, HrService *service, guint64 *job)
{
  GPid pid = hr_service_get_pid (service);
  HrCanaryInfo before = info (service), after;
  g_autofree char *id = g_strdup (listeners (engine)->separate);

  /* The object is of the daemon before. */
  if (*job == 0)
    *job = hr_job_get_id (newest_job);
  service = engine_reexec (engine, "web");
  after = info (service);
  g_assert_cmpint (hr_service_get_pid (service), ==, pid);
  g_assert_cmpuint (after.share, ==, before.share);
  g_assert_cmpuint (after.release, ==, 2);
  g_assert_cmpuint (after.previous_release, ==, 1);
  g_assert_cmpint (after.since_real, ==, before.since_real);
  g_assert_true (after.held == before.held);
  g_assert_cmpstr (hr_job_get_phase (engine_find_job (engine, *job)), ==, "canary");
  g_assert_cmpint (hr_job_get_result (engine_find_job (engine, *job)), ==, HR_JOB_RUNNING);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 2);
  g_assert_false (engine_instance (engine, 1)->retired);
  g_assert_cmpstr (listeners (engine)->separate, ==, id);
  g_assert_cmpuint (listeners (engine)->share, ==, after.share);
  return service;
}

/* 10 % at first, and 10 % more every ten seconds: the re-execution changes neither when nor how much. */
static void
test_plan (Engine *engine)
{
  HrService *service = begin (engine, LISTEN RAMP);
  const HrOutcome *outcome;
  guint64 job = 0;

  engine_run (engine, 14 * SECOND);
  g_assert_cmpuint (info (service).share, ==, 2000);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | CanaryProgress 1000 | CanaryProgress 2000");
  service = reexec (engine, service, &job);
  engine_run (engine, 4 * SECOND);
  g_assert_cmpuint (info (service).share, ==, 2000);
  engine_run (engine, 2 * SECOND);
  g_assert_cmpuint (info (service).share, ==, 3000);
  service = reexec (engine, service, &job);
  service = reexec (engine, service, &job);
  engine_run (engine, 90 * SECOND);
  g_assert_null (hr_service_get_canary (service));
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpint (hr_job_get_result (engine_find_job (engine, job)), ==, HR_JOB_COMPLETED);
  outcome = hr_job_get_outcome (engine_find_job (engine, job));
  /* From the save on: the settle time is no part of it. */
  g_assert_cmpint (outcome->duration_usec, >, 99 * SECOND);
  g_assert_cmpint (outcome->duration_usec, <, 102 * SECOND);
  g_assert_cmpint (outcome->downtime_usec, ==, 0);
  g_assert_true (g_str_has_prefix (outcome->canary, "passed at 100%"));
  engine_run (engine, PROVEN);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
  g_assert_cmpuint (engine_n_history (engine), ==, 2);
  g_assert_cmpuint (hr_manager_get_reload_count (engine->manager), ==, 1);
}

static void
test_promoted (Engine *engine)
{
  g_autoptr (GError) error = NULL;
  HrService *service = begin (engine, LISTEN MANUAL);
  guint64 job = 0;

  service = reexec (engine, service, &job);
  g_assert_true (hr_service_promote_canary (service, "tester", &error));
  g_assert_no_error (error);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpint (hr_service_get_pid (service), ==, engine_instance (engine, 1)->pid);
  g_assert_cmpint (hr_job_get_result (engine_find_job (engine, job)), ==, HR_JOB_COMPLETED);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
}

static void
test_aborted (Engine *engine)
{
  g_autoptr (GError) error = NULL;
  HrService *service = begin (engine, LISTEN MANUAL);
  guint64 job = 0;

  service = reexec (engine, service, &job);
  g_assert_true (hr_service_abort_canary (service, "tester", &error));
  g_assert_no_error (error);
  engine_run (engine, PROVEN);
  expect_kept (engine, service, "aborted on request of tester", "aborted on request of tester");
  g_assert_cmpint (hr_job_get_result (engine_find_job (engine, job)), ==, HR_JOB_CANCELLED);
}

/* What is held stays so, and goes on from there. */
static void
test_held (Engine *engine)
{
  g_autoptr (GError) error = NULL;
  HrService *service = begin (engine, LISTEN RAMP);
  guint64 job = 0;

  g_assert_true (hr_service_hold_canary (service, "tester", &error));
  engine_run (engine, 60 * SECOND);
  service = reexec (engine, service, &job);
  engine_run (engine, 60 * SECOND);
  g_assert_true (info (service).held);
  g_assert_cmpuint (info (service).share, ==, 1000);
  hr_service_set_paused (service, FALSE, FALSE);
  engine_run (engine, 10 * SECOND);
  g_assert_cmpuint (info (service).share, ==, 2000);
}

/* A day for somebody to decide is a day in all. */
static void
test_waits_for_a_day (Engine *engine)
{
  HrService *service = begin (engine, LISTEN MANUAL);
  guint64 job = 0;

  engine_run (engine, HR_CANARY_HOLD_MAX_USEC / 2);
  service = reexec (engine, service, &job);
  engine_run (engine, HR_CANARY_HOLD_MAX_USEC / 2 - 10 * SECOND);
  g_assert_nonnull (hr_service_get_canary (service));
  engine_run (engine, 20 * SECOND);
  g_assert_null (hr_service_get_canary (service));
  g_assert_cmpint (hr_job_get_result (engine_find_job (engine, job)), ==, HR_JOB_FAILED);
}

/* What its probe said before counts. */
static void
test_samples (Engine *engine)
{
  HrService *service = begin (engine, LISTEN RAMP PROBED);
  guint before;
  guint64 job = 0;

  engine_run (engine, 5 * SECOND);
  before = info (service).candidate->probes;
  g_assert_cmpuint (before, >, 2);
  service = reexec (engine, service, &job);
  g_assert_cmpuint (info (service).candidate->probes, >=, before);
  g_assert_cmpuint (info (service).running->probes, >, 2);
  g_assert_cmpstr (hr_service_get_health (service), ==, "healthy");
}

/* It dies afterwards: as any canary that does. */
static void
test_dies (Engine *engine)
{
  HrService *service = begin (engine, LISTEN MANUAL);
  guint64 job = 0;

  service = reexec (engine, service, &job);
  hr_fake_instance_exit (engine_instance (engine, 1), 3);
  engine_run (engine, PROVEN);
  expect_kept (engine, service, "was a canary", "it exited with status 3");
  g_assert_cmpint (hr_job_get_result (engine_find_job (engine, job)), ==, HR_JOB_FAILED);
}

/* Its sockets are lost, or its file is another by now: the same job begins anew. The first "rejoin" is of the daemon
 * before, whose objects end here in order. */
static void
begins_anew (Engine *engine, const char *traffic)
{
  HrService *service;
  guint64 job = hr_job_get_id (newest_job);

  service = engine_reexec (engine, "web");
  engine_run (engine, 5 * SECOND);
  g_assert_cmpuint (info (service).release, ==, 2);
  g_assert_cmpint (hr_job_get_result (engine_find_job (engine, job)), ==, HR_JOB_RUNNING);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 3);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 2);
  g_assert_true (engine_instance (engine, 0)->alive);
  hr_fake_listeners_expect_traffic (listeners (engine), traffic);
}

static void
test_lost_sockets (Engine *engine)
{
  begin (engine, LISTEN MANUAL);
  listeners (engine)->again_failure = "nobody knows them";
  begins_anew (engine, "separate, share 50, rejoin, lost, separate, share 50");
}

static void
test_changed_file (Engine *engine)
{
  begin (engine, LISTEN MANUAL);
  engine_set (engine, "web", LISTEN "Environment=NEW=1\n" MANUAL);
  begins_anew (engine, "separate, share 50, rejoin, again 50, rejoin, separate, share 50");
}

/* Stopped while it was held: nothing is left. */
static void
test_stopped (Engine *engine)
{
  HrService *service = begin (engine, LISTEN MANUAL);

  hr_manager_hold (engine->manager);
  hr_service_stop (service, "tester");
  service = engine_reexec (engine, "web");
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 0);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/reexec/canary/plan", test_plan);
  engine_add ("/reexec/canary/promoted", test_promoted);
  engine_add ("/reexec/canary/aborted", test_aborted);
  engine_add ("/reexec/canary/held", test_held);
  engine_add ("/reexec/canary/waits-for-a-day", test_waits_for_a_day);
  engine_add ("/reexec/canary/samples", test_samples);
  engine_add ("/reexec/canary/dies", test_dies);
  engine_add ("/reexec/canary/lost-sockets", test_lost_sockets);
  engine_add ("/reexec/canary/changed-file", test_changed_file);
  engine_add ("/reexec/canary/stopped", test_stopped);
  return g_test_run ();
}
