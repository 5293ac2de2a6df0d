/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The daemon is re-executed: nothing that runs notices, and what was known is known.
 */
#include "engine-fixture.h"
#include "hr-error.h"

static guint
n_started (Engine *engine)
{
  return engine->launcher->instances->len;
}

static void
test_runs_on (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  gint64 since = hr_service_get_since (service), uptime;

  engine_run (engine, 5 * SECOND);
  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  since = hr_service_get_since (service);
  uptime = hr_service_get_uptime (service);
  engine_forget (engine);
  service = engine_reexec (engine, "web");
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpint (hr_service_get_pid (service), ==, engine_instance (engine, 1)->pid);
  g_assert_cmpint (hr_service_get_since (service), ==, since);
  g_assert_cmpint (hr_service_get_uptime (service), ==, uptime);
  g_assert_cmpuint (hr_manager_get_reload_count (engine->manager), ==, 1);
  engine_run (engine, PROVEN);
  engine_expect (engine, "");
  engine_expect_states (engine, "");
  g_assert_cmpuint (n_started (engine), ==, 2);
  /* Nobody asked for a start: there is no job of one. */
  g_assert_cmpuint (engine_n_history (engine), ==, 2);

  engine_save (engine, "main", "three");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
}

/* A job that has ended can still be read, for the rest of its minute. */
static void
test_jobs (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  HrJob *job = hr_service_reload (service, "tester");
  guint64 id = hr_job_get_id (job);
  g_autoptr (GPtrArray) jobs = NULL;
  g_autoptr (GPtrArray) later = NULL;
  const HrOutcome *outcome;

  engine_run (engine, PROVEN);
  engine_reexec (engine, "web");
  jobs = hr_manager_list_jobs (engine->manager);
  job = NULL;
  for (guint i = 0; i < jobs->len; i++)
    if (hr_job_get_id (g_ptr_array_index (jobs, i)) == id)
      job = g_ptr_array_index (jobs, i);
  g_assert_nonnull (job);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_cmpstr (hr_job_get_caller (job), ==, "tester");
  outcome = hr_job_get_outcome (job);
  g_assert_cmpuint (outcome->release, ==, 1);
  g_assert_cmpstr (outcome->message, ==, "release 1 of 'web' is live in a new process: the source has not changed");
  g_assert_nonnull (outcome->phases);
  g_clear_pointer (&jobs, g_ptr_array_unref);
  engine_run (engine, HR_JOB_KEEP_USEC);
  later = hr_manager_list_jobs (engine->manager);
  g_assert_cmpuint (later->len, ==, 0);
}

/* A reload that can be put back begins anew under its number; nobody is told of a failure, and there is none. */
static void
put_back (Engine *engine, const char *file, HrService *(*then) (Engine *engine, const char *name))
{
  const HrFakeProgram slow = { .ready_after = 2 * SECOND };
  HrService *service = engine_start (engine, file);
  g_autoptr (GPtrArray) jobs = NULL;
  guint64 id;

  engine_run (engine, PROVEN);
  engine_forget (engine);
  hr_fake_launcher_next (engine->launcher, &slow);
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  jobs = hr_manager_list_jobs (engine->manager);
  id = hr_job_get_id (g_ptr_array_index (jobs, jobs->len - 1));
  g_assert_cmpstr (hr_job_get_phase (g_ptr_array_index (jobs, jobs->len - 1)), ==, "ready");
  g_clear_pointer (&jobs, g_ptr_array_unref);
  engine_expect (engine, "FileChanged main | ReloadStarted 2");

  service = then (engine, "web");
  g_assert_cmpint (hr_service_get_pid (service), ==, engine_instance (engine, 0)->pid);
  g_assert_false (hr_job_is_finished (engine_find_job (engine, id)));
  engine_run (engine, PROVEN);
  g_assert_false (engine_instance (engine, 1)->alive);
  g_assert_cmpint (hr_job_get_result (engine_find_job (engine, id)), ==, HR_JOB_COMPLETED);
  engine_expect (engine, "ReloadCompleted 2");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpuint (engine_n_history (engine), ==, 2);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
  g_assert_cmpuint (n_started (engine), ==, 3);
}

static void
test_put_back (Engine *engine)
{
  put_back (engine, "", engine_reexec);
}

/* The program could not be executed in the end: all goes on. */
static HrService *
hold_and_release (Engine *engine, const char *name)
{
  hr_manager_hold (engine->manager);
  hr_manager_put_back (engine->manager);
  engine_run (engine, 10 * MSEC);
  g_assert_null (hr_manager_find_activity (engine->manager));
  hr_manager_release (engine->manager);
  return hr_manager_get (engine->manager, name, NULL);
}

static void
test_refused (Engine *engine)
{
  put_back (engine, "", hold_and_release);
}

/* What is asked for while the service is held is done by the next daemon. */
static void
test_waiting (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  guint64 id;

  engine_run (engine, PROVEN);
  hr_manager_hold (engine->manager);
  id = hr_job_get_id (hr_service_restart (service, "tester"));
  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (n_started (engine), ==, 1);
  service = engine_reexec (engine, "web");
  engine_run (engine, PROVEN);
  g_assert_cmpint (hr_job_get_result (engine_find_job (engine, id)), ==, HR_JOB_COMPLETED);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

/* What has switched, or handed over its state, is waited for. */
static void
test_handed_over (Engine *engine)
{
  const HrFakeProgram old = { .opens_state = TRUE, .stop_takes = 2 * SECOND, .leaves = "{\"count\": 7}" };
  HrService *service = engine_start_with (engine, "", &old);

  engine_run (engine, PROVEN);
  engine_save (engine, "main", "two");
  while (engine_instance (engine, 0)->signalled == 0)
    engine_run (engine, MSEC);
  service = engine_reexec (engine, "web");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpuint (n_started (engine), ==, 2);
  g_assert_cmpuint (engine_n_history (engine), ==, 2);
}

/* Its time goes on. */
static void
test_observation (Engine *engine)
{
  HrService *service = engine_start (engine, "[PostCheck]\nRollbackAfter=8s\n");
  gint64 until = 0;

  engine_run (engine, 30 * SECOND);
  engine_save (engine, "main", "two");
  while (hr_service_get_release (service) != 2)
    engine_run (engine, 10 * MSEC);
  engine_run (engine, 5 * SECOND);
  engine_reexec (engine, "web");
  engine_expect_fate (engine, 2, HR_FATE_UNPROVEN);
  while (engine_release (engine, 2)->fate != HR_FATE_GOOD)
    {
      engine_run (engine, 100 * MSEC);
      until += 100 * MSEC;
      g_assert_cmpint (until, <=, 4 * SECOND);
    }
}

/* So does that of a restart, and what was counted. */
static void
test_restart (Engine *engine)
{
  HrService *service = engine_start (engine, "RestartDelay=10s\nRestartDelayMax=40s\nRestartWindow=10min\n");

  engine_run (engine, PROVEN);
  hr_fake_instance_exit (engine_instance (engine, 0), 3);
  engine_run (engine, 5 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "starting");
  service = engine_reexec (engine, "web");
  g_assert_cmpstr (hr_service_get_state (service), ==, "starting");
  g_assert_nonnull (hr_service_get_error (service));
  engine_run (engine, 4 * SECOND);
  g_assert_cmpuint (n_started (engine), ==, 1);
  engine_run (engine, 3 * SECOND);
  g_assert_cmpuint (n_started (engine), ==, 2);
  g_assert_cmpuint (hr_service_get_restarts (service), ==, 1);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  /* The delay has doubled. */
  hr_fake_instance_exit (engine_instance (engine, 1), 3);
  service = engine_reexec (engine, "web");
  engine_run (engine, 15 * SECOND);
  g_assert_cmpuint (n_started (engine), ==, 2);
  engine_run (engine, 10 * SECOND);
  g_assert_cmpuint (n_started (engine), ==, 3);
}

static void
test_failed (Engine *engine)
{
  HrService *service = engine_start (engine, "RestartLimit=1\n");
  g_autofree char *error = NULL;

  engine_run (engine, PROVEN);
  hr_fake_instance_exit (engine_instance (engine, 0), 3);
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_service_get_state (service), ==, "failed");
  error = g_strdup (hr_service_get_error (service));
  service = engine_reexec (engine, "web");
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_service_get_state (service), ==, "failed");
  g_assert_cmpstr (hr_service_get_error (service), ==, error);
  g_assert_cmpuint (hr_ends_count (hr_service_get_ends (service)), ==, 1);
  g_assert_cmpuint (n_started (engine), ==, 1);
  hr_service_start (service, "tester");
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
}

/* What has ended well rests. */
static void
test_ended (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine_run (engine, PROVEN);
  hr_fake_instance_exit (engine_instance (engine, 0), 0);
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
  service = engine_reexec (engine, "web");
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
  g_assert_cmpuint (n_started (engine), ==, 1);
}

/* The file says something else: it is reloaded, as by a daemon that reads it again. */
static void
test_changed_file (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine_run (engine, PROVEN);
  engine_set (engine, "web", "StopTimeout=7s\n");
  service = engine_reexec (engine, "web");
  g_assert_cmpint (hr_service_get_pid (service), ==, engine_instance (engine, 0)->pid);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (n_started (engine), ==, 2);
  g_assert_false (engine_instance (engine, 0)->alive);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

static void
test_of_all (Engine *engine)
{
  HrJob *job;
  guint64 id;

  engine_start (engine, "");
  engine_run (engine, PROVEN);
  hr_manager_hold (engine->manager);
  job = hr_manager_reload_all (engine->manager, "tester");
  id = hr_job_get_id (job);
  engine_reexec (engine, "web");
  job = engine_find_job (engine, id);
  g_assert_cmpuint (hr_job_get_children (job)->len, ==, 1);
  g_assert_false (hr_job_is_finished (job));
  engine_run (engine, PROVEN);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
}

/* While it waits it can be cancelled, also by the next daemon. */
static void
test_cancel (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  g_autoptr (GError) error = NULL;
  HrJob *job;

  engine_run (engine, PROVEN);
  hr_manager_hold (engine->manager);
  job = hr_service_restart (service, "tester");
  g_assert_true (hr_job_cancel (job, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_CANCELLED);
  engine_reexec (engine, "web");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (n_started (engine), ==, 1);
}

/* What is ill is so afterwards, and needs no other failures for it. */
static void
test_health (Engine *engine)
{
  HrService *service = engine_start (
      engine, "[Health]\nProbe=http://127.0.0.1:8080/\nInterval=1s\nFailures=3\n[PostCheck]\nRollbackAfter=0\n");

  engine_run (engine, 2 * SECOND);
  g_assert_cmpstr (hr_service_get_health (service), ==, "healthy");
  engine->platform->prober->illness = "no answer";
  engine_run (engine, 1 * SECOND);
  g_assert_cmpstr (hr_service_get_health (service), ==, "degraded");
  service = engine_reexec (engine, "web");
  g_assert_cmpstr (hr_service_get_health (service), ==, "degraded");
  engine_run (engine, 1100 * MSEC);
  g_assert_cmpstr (hr_service_get_health (service), ==, "offline");
  service = engine_reexec (engine, "web");
  g_assert_cmpstr (hr_service_get_health (service), ==, "offline");
  engine->platform->prober->illness = NULL;
  engine_run (engine, 1 * SECOND);
  g_assert_cmpstr (hr_service_get_health (service), ==, "healthy");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/reexec/runs-on", test_runs_on);
  engine_add ("/reexec/jobs", test_jobs);
  engine_add ("/reexec/put-back", test_put_back);
  engine_add ("/reexec/refused", test_refused);
  engine_add ("/reexec/waiting", test_waiting);
  engine_add ("/reexec/handed-over", test_handed_over);
  engine_add ("/reexec/observation", test_observation);
  engine_add ("/reexec/restart", test_restart);
  engine_add ("/reexec/failed", test_failed);
  engine_add ("/reexec/ended", test_ended);
  engine_add ("/reexec/changed-file", test_changed_file);
  engine_add ("/reexec/health", test_health);
  engine_add ("/reexec/of-all", test_of_all);
  engine_add ("/reexec/cancel", test_cancel);
  return g_test_run ();
}
