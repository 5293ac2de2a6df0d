/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The reload transaction, seen from outside: what is said, what runs, what is kept.
 */
#include "engine-fixture.h"

#include <signal.h>
#include <string.h>

#include "hr-names.h"

/* A save becomes a release that runs beside the old one before that is told to stop. */
static void
test_save (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  GPid before = hr_service_get_pid (service);
  g_autoptr (HrHistoryEntry) entry = NULL;

  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  engine_expect_states (engine, "reloading | running");
  g_assert_cmpint (hr_service_get_pid (service), !=, before);
  g_assert_cmpint (engine->completed_pid, ==, hr_service_get_pid (service));
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpuint (hr_fake_instance_release (engine_instance (engine, 1)), ==, 2);
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, SIGTERM);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
  entry = engine_history (engine);
  g_assert_true (entry->success);
  g_assert_cmpuint (entry->release, ==, 2);
  g_assert_cmpuint (entry->previous_release, ==, 1);
  g_assert_cmpstr (entry->trigger, ==, "file");
  g_assert_cmpstr (entry->files[0], ==, "main");
  g_assert_cmpint (entry->downtime_usec, ==, 0);
  engine_expect_fate (engine, 2, HR_FATE_UNPROVEN);
  engine_run (engine, 5 * SECOND);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
}

/* Pain 2: nothing tells the old one to stop while the new one is not ready. */
static void
test_overlap (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  const HrFakeProgram slow = { .ready_after = 3 * SECOND };

  hr_fake_launcher_next (engine->launcher, &slow);
  engine_save (engine, "main", "two");
  engine_run (engine, 2 * SECOND);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 2);
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, 0);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpstr (hr_service_get_state (service), ==, "reloading");
  engine_run (engine, 2 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, SIGTERM);
  g_assert_false (engine_instance (engine, 0)->killed);
}

/* What the program is told of itself. */
static void
test_identity (Engine *engine)
{
  HrFakeInstance *instance;

  engine_start (engine, "Environment=A=1;HOTRELOAD_SLOT=lie\nListen=http=tcp:127.0.0.1:8080\n");
  instance = engine_instance (engine, 0);
  g_assert_cmpstr (hr_fake_instance_getenv (instance, HR_ENV_SERVICE), ==, "web");
  g_assert_cmpstr (hr_fake_instance_getenv (instance, HR_ENV_RELEASE), ==, "1");
  g_assert_cmpstr (hr_fake_instance_getenv (instance, HR_ENV_COMMIT), ==, "commit-1");
  g_assert_cmpstr (hr_fake_instance_getenv (instance, HR_ENV_SLOT), ==, "a");
  g_assert_cmpstr (hr_fake_instance_getenv (instance, "A"), ==, "1");
  g_assert_cmpstr (instance->argv[2], ==, "1");
  g_assert_cmpstr (instance->directory, ==, "/fake/slots/a");
  g_assert_true (instance->pass);
  g_assert_true (instance->adopt);
  g_assert_nonnull (strstr (instance->log_file, "web"));
}

/* A program that must not run twice: the old one ends first; the time without one is the downtime, to the microsecond. */
static void
test_sequential (Engine *engine)
{
  const HrFakeProgram program = {
    .opens_state = TRUE, .leaves = "{\"n\":1}", .stop_takes = 300 * MSEC, .ready_after = 200 * MSEC
  };
  HrService *service = engine_start_with (engine, "Handover=sequential\n", &program);
  g_autoptr (HrHistoryEntry) entry = NULL;

  engine_save (engine, "main", "two");
  engine_run (engine, 100 * MSEC);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 1);
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | StatePreserved | StateRestored | ReloadCompleted 2");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpstr (engine_instance (engine, 1)->state, ==, "{\"n\":1}");
  entry = engine_history (engine);
  g_assert_cmpint (entry->downtime_usec, ==, 500 * MSEC);
  g_assert_cmpuint (engine_parts (engine)->listeners->closed, ==, 0);
}

static const HrFakeProgram stateful = { .opens_state = TRUE, .leaves = "{\"n\":1}" };

/* A service without Source: nothing to record, a reload is a new process. */
static void
test_without_source (Engine *engine)
{
  HrService *service = engine_start (engine, "-");
  g_autoptr (HrHistoryEntry) entry = NULL;

  g_assert_cmpuint (hr_service_get_release (service), ==, 0);
  hr_service_reload (service, "tester");
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "ReloadStarted 0 | ReloadCompleted 0");
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
  g_assert_cmpstr (engine_instance (engine, 1)->directory, ==, "/");
  entry = engine_history (engine);
  g_assert_cmpuint (entry->release, ==, 0);
}

/* Pain 9: at most two generations, also where there is nothing to place. */
static void
expect_two_generations (Engine *engine, const char *text)
{
  const HrFakeProgram drains = { .ignores_stop = TRUE };
  HrService *service = engine_start_with (engine, text, &drains);

  for (guint i = 0; i < 3; i++)
    {
      HrJob *job = hr_service_reload (service, "tester");

      engine_run (engine, 11 * SECOND);
      g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
      g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), <=, 2);
    }
  engine_run (engine, 31 * SECOND);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
}

static void
test_two_generations (Engine *engine)
{
  expect_two_generations (engine, "");
}

static void
test_two_generations_without_source (Engine *engine)
{
  expect_two_generations (engine, "-");
}

/* A drain that a reload cuts short ends after StopTimeout, never later than it would have. */
static void
test_drain_cut_short (Engine *engine)
{
  const HrFakeProgram drains = { .ignores_stop = TRUE };
  HrService *service = engine_start_with (engine, "DrainTimeout=12s\nStopTimeout=10s\n", &drains);

  hr_service_reload (service, "tester");
  engine_run (engine, 10 * SECOND);
  g_assert_true (engine_instance (engine, 0)->alive);
  hr_service_reload (service, "tester");
  engine_run (engine, 3 * SECOND);
  g_assert_true (engine_instance (engine, 0)->killed);
  g_assert_cmpuint (engine_n_warnings (engine, "*did not end in time and was killed*StopTimeout*"), ==, 1);
  engine_run (engine, 1 * SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 3);
}

static void
test_drain_cut_by_stop_timeout (Engine *engine)
{
  const HrFakeProgram drains = { .ignores_stop = TRUE };
  HrService *service = engine_start_with (engine, "DrainTimeout=5min\nStopTimeout=3s\n", &drains);

  hr_service_reload (service, "tester");
  engine_run (engine, 10 * SECOND);
  hr_service_reload (service, "tester");
  engine_run (engine, 2 * SECOND);
  g_assert_true (engine_instance (engine, 0)->alive);
  engine_run (engine, 1 * SECOND);
  g_assert_false (engine_instance (engine, 0)->alive);
}

/* What the program wrote into its slot is carried along, and named. */
static void
test_carried (Engine *engine)
{
  const HrFakeProgram stateful_program = { .opens_state = TRUE, .leaves = "{}" };
  HrService *service = engine_start_with (engine, "", &stateful_program);
  HrJob *job;
  g_auto (GStrv) notes = NULL;
  g_autofree char *text = NULL;

  engine_parts (engine)->slots->carried = "data.db";
  job = hr_service_reload (service, "tester");
  engine_run (engine, 1 * SECOND);
  g_assert_cmpuint (g_strv_length (hr_job_get_outcome (job)->carried), ==, 1);
  g_assert_cmpstr (hr_job_get_outcome (job)->carried[0], ==, "data.db");
  g_assert_cmpuint (engine_parts (engine)->slots->carry.calls, ==, 1);
  notes = hr_service_get_notes (service);
  text = g_strjoinv ("\n", notes);
  g_assert_nonnull (strstr (text, "data.db"));
  g_assert_nonnull (strstr (text, "'tsc' is not installed"));
}

/* A carrying that fails loses nothing, for the files stay where they are: the handover goes on. */
static void
test_carry_fails (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &stateful);
  HrJob *job = hr_service_reload (service, "tester");

  hr_fake_gate_fail_next (&engine_parts (engine)->slots->carry, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "no space");
  engine_run (engine, 1 * SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_cmpuint (engine_n_warnings (engine, "no space, ignoring"), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/reload/promise-6/success-is-proven", test_save);
  engine_add ("/reload/pain-2/old-one-stays-until-new-one-is-ready", test_overlap);
  engine_add ("/reload/program-knows-who-it-is", test_identity);
  engine_add ("/reload/sequential-with-exact-downtime", test_sequential);
  engine_add ("/reload/without-source", test_without_source);
  engine_add ("/reload/pain-9/two-generations", test_two_generations);
  engine_add ("/reload/pain-9/two-generations-without-source", test_two_generations_without_source);
  engine_add ("/reload/rule-2/drain-is-cut-short", test_drain_cut_short);
  engine_add ("/reload/rule-2/drain-is-cut-by-stop-timeout", test_drain_cut_by_stop_timeout);
  engine_add ("/reload/carried-files-are-named", test_carried);
  engine_add ("/reload/carrying-may-fail", test_carry_fails);
  return g_test_run ();
}
