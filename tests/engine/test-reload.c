/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The reload transaction, seen from outside: what is said, what runs, what is kept.
 */
#include "engine-fixture.h"

#include <signal.h>
#include <string.h>

#include "hr-error.h"
#include "hr-names.h"

#define PROBE "[Health]\nProbe=exec:probe\nInterval=1s\nFailures=2\n"

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

/* Case 6: the checker's own words, and the PID as it was. */
static void
test_check_fails (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  GPid before = hr_service_get_pid (service);
  g_autoptr (HrHistoryEntry) entry = NULL;

  engine->platform->checker->fault = "main:1: invalid syntax";
  engine_save (engine, "main", "garbage");
  engine_run (engine, 10 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadFailed check");
  engine_expect_states (engine, "reloading | running");
  g_assert_cmpint (hr_service_get_pid (service), ==, before);
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, 0);
  g_assert_nonnull (strstr (hr_service_get_error (service), "main:1: invalid syntax"));
  engine_expect_fate (engine, 2, HR_FATE_REJECTED);
  g_assert_cmpstr (engine_release (engine, 2)->phase, ==, "check");
  entry = engine_history (engine);
  g_assert_false (entry->success);
  g_assert_cmpstr (entry->phase, ==, "check");
  g_assert_nonnull (strstr (entry->error, "main:1: invalid syntax"));
  g_assert_cmpuint (hr_manager_get_failed_reloads (engine->manager), ==, 1);

  engine->platform->checker->fault = NULL;
  engine_save (engine, "main", "three");
  engine_run (engine, PROVEN);
  engine_expect_fate (engine, 3, HR_FATE_GOOD);
  g_assert_null (hr_service_get_error (service));
}

static void
expect_kept (Engine *engine, HrService *service, const char *phase, const char *words)
{
  g_autoptr (HrHistoryEntry) entry = engine_history (engine);

  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, 0);
  g_assert_true (engine_instance (engine, 0)->alive);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
  g_assert_cmpstr (entry->phase, ==, phase);
  g_assert_cmpint (entry->downtime_usec, ==, 0);
  g_test_message ("%s", entry->error);
  g_assert_nonnull (strstr (entry->error, words));
  g_assert_nonnull (strstr (hr_service_get_error (service), words));
}

/* Pain 3: each way in which a candidate can fail before it is ready leaves the old one alone. */
static void
test_no_process (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine->launcher->failure = "fork: no more processes";
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  expect_kept (engine, service, "start", "no more processes");
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadFailed start");
}

static void
test_no_program (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  const HrFakeProgram none = { .cannot_execute = "while executing 'program': No such file or directory" };

  hr_fake_launcher_next (engine->launcher, &none);
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  expect_kept (engine, service, "start", "No such file or directory");
}

static void
test_no_environment (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine->platform->environment_failure = "'/etc/web.env' cannot be read";
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  expect_kept (engine, service, "check", "/etc/web.env");
}

static void
test_no_state_files (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine_parts (engine)->state->fail_offer = TRUE;
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  expect_kept (engine, service, "start", "no space left");
}

static void
test_exits_before_ready (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  const HrFakeProgram short_lived = { .ready_after = 1 * SECOND, .exits_after = 500 * MSEC, .exit_code = 1 };

  hr_fake_launcher_next (engine->launcher, &short_lived);
  engine_save (engine, "main", "two");
  engine_run (engine, 2 * SECOND);
  expect_kept (engine, service, "ready", "exited with status 1");
  engine_expect_fate (engine, 2, HR_FATE_REJECTED);
}

static void
test_never_ready (Engine *engine)
{
  HrService *service = engine_start (engine, "StartTimeout=5s\n");
  const HrFakeProgram silent = { .readiness = HR_FAKE_SAYS_NOTHING };

  hr_fake_launcher_next (engine->launcher, &silent);
  engine_save (engine, "main", "two");
  engine_run (engine, 5 * SECOND);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 2);
  engine_run (engine, 1 * SECOND);
  expect_kept (engine, service, "ready", "did not become ready");
  g_assert_true (engine_instance (engine, 1)->killed);
}

static void
test_probe_fails (Engine *engine)
{
  HrService *service = engine_start (engine, PROBE);

  g_assert_cmpstr (hr_service_get_health (service), ==, "healthy");
  engine->platform->checker->illness = "503";
  engine_save (engine, "main", "two");
  engine_run (engine, 800 * MSEC);
  expect_kept (engine, service, "verify", "503");
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadFailed verify");
  /* It was ready, so it may have taken connections: it ends as an instance does. */
  g_assert_cmpint (engine_instance (engine, 1)->signalled, ==, SIGTERM);
}

static void
test_exits_while_probed (Engine *engine)
{
  HrService *service = engine_start (engine, PROBE);

  hr_fake_gate_hold (&engine->platform->checker->probe);
  engine_save (engine, "main", "two");
  engine_run (engine, 100 * MSEC);
  hr_fake_instance_exit (engine_instance (engine, 1), 9);
  engine_run (engine, 0);
  expect_kept (engine, service, "verify", "exited with status 9");
}

/* Ready=probe: the first success of the probe is the readiness, failures before it count for nothing. */
static void
test_ready_by_probe (Engine *engine)
{
  const HrFakeProgram silent = { .readiness = HR_FAKE_SAYS_NOTHING };
  HrService *service = engine_start_with (engine, "Ready=probe\n" PROBE, &silent);

  engine->platform->checker->illness = "connection refused";
  engine_save (engine, "main", "two");
  engine_run (engine, 4 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  engine->platform->checker->illness = NULL;
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

/* The rules of Ready, one by one: what the program does, and when it counts as ready. */
static void
expect_ready (Engine *engine, const char *text, const HrFakeProgram *program, gint64 after)
{
  HrService *service;

  hr_fake_launcher_next (engine->launcher, program);
  engine_set (engine, "web", text);
  service = engine_apply (engine, "web");
  engine_run (engine, after - 1);
  g_assert_cmpstr (hr_service_get_state (service), ==, "starting");
  engine_run (engine, 1);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
}

static void
test_ready_alive (Engine *engine)
{
  const HrFakeProgram silent = { .readiness = HR_FAKE_SAYS_NOTHING };

  expect_ready (engine, "", &silent, 1 * SECOND);
}

/* Where the library is not, listening cannot be seen. */
static void
test_ready_alive_unseen (Engine *engine)
{
  const HrFakeProgram unseen = { .readiness = HR_FAKE_SAYS_NOTHING, .is_static = TRUE };

  expect_ready (engine, "Listen=http=tcp:127.0.0.1:8080\n", &unseen, 1 * SECOND);
}

static void
test_ready_listens_to_passed (Engine *engine)
{
  const HrFakeProgram listens = { .readiness = HR_FAKE_LISTENS, .ready_after = 3 * SECOND };

  expect_ready (engine, "Sockets=pass\nListen=http=tcp:127.0.0.1:8080\n", &listens, 3 * SECOND);
}

static void
test_ready_listen_unseen (Engine *engine)
{
  const HrFakeProgram listens = { .readiness = HR_FAKE_LISTENS };
  const HrFakeProgram unseen = { .readiness = HR_FAKE_SAYS_NOTHING, .is_static = TRUE };
  HrService *service = engine_start_with (engine, "Ready=listen\n", &listens);

  hr_fake_launcher_next (engine->launcher, &unseen);
  engine_save (engine, "main", "two");
  engine_run (engine, 2 * SECOND);
  expect_kept (engine, service, "ready", "Ready=listen cannot be seen: the adopt library is not in");
  g_assert_null (strstr (hr_service_get_error (service), "before it was ready"));
}

/* The second of life is no proof where a predecessor began to listen in the meantime, or long ago. */
static void
test_ready_after_a_late_listener (Engine *engine)
{
  const HrFakeProgram silent = { .readiness = HR_FAKE_SAYS_NOTHING };
  const HrFakeProgram listens = { .readiness = HR_FAKE_LISTENS, .ready_after = 3 * SECOND };
  HrService *service = engine_start_with (engine, "", &silent);

  hr_fake_launcher_next (engine->launcher, &listens);
  engine_save (engine, "main", "two");
  engine_run (engine, 600 * MSEC);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 2);
  hr_fake_listeners_discover (engine_parts (engine)->listeners, 3000);
  engine_run (engine, 2 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, 0);
  engine_run (engine, 1 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);

  hr_fake_launcher_next (engine->launcher, &silent);
  engine_save (engine, "main", "three");
  engine_run (engine, 40 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_nonnull (strstr (hr_service_get_error (service), "did not listen"));
  g_assert_nonnull (strstr (hr_service_get_error (service), "tcp:127.0.0.1:3000"));
}

static void
test_ready_listens (Engine *engine)
{
  const HrFakeProgram listens = { .readiness = HR_FAKE_LISTENS, .ready_after = 3 * SECOND };

  expect_ready (engine, "Listen=http=tcp:127.0.0.1:8080\n", &listens, 3 * SECOND);
}

static void
test_ready_listen_only (Engine *engine)
{
  const HrFakeProgram listens = { .readiness = HR_FAKE_LISTENS, .ready_after = 3 * SECOND };

  expect_ready (engine, "Ready=listen\n", &listens, 3 * SECOND);
}

static void
test_ready_notify (Engine *engine)
{
  const HrFakeProgram notifies = { .ready_after = 4 * SECOND };

  expect_ready (engine, "Ready=notify\n", &notifies, 4 * SECOND);
}

static void
test_ready_delay (Engine *engine)
{
  const HrFakeProgram silent = { .readiness = HR_FAKE_SAYS_NOTHING };

  expect_ready (engine, "Ready=delay:2500ms\n", &silent, 2500 * MSEC);
}

/* A service that ever said READY=1 is "notify" from then on: listening is no longer enough. */
static void
test_notify_for_ever (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  const HrFakeProgram listens = { .readiness = HR_FAKE_LISTENS };

  hr_fake_launcher_next (engine->launcher, &listens);
  engine_save (engine, "main", "two");
  engine_run (engine, 3 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  hr_fake_instance_say (engine_instance (engine, 1), "READY=1");
  engine_run (engine, 0);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

/* Where a reload is held up, one phase each. */
typedef struct {
  const char *name;
  const char *phase;
  const char *text;
  gint64 deadline; /* from the save */
  guint release;   /* that must have been recorded by then */
  gboolean old_ends;
} Stop;

static const Stop stops[] = {
  { "scan", "record", "", 301 * SECOND, 0, FALSE },    { "commit", "record", "", 301 * SECOND, 0, FALSE },
  { "place", "place", "", 320 * SECOND, 2, FALSE },    { "check", "check", "", 90 * SECOND, 2, FALSE },
  { "start", "ready", "", 31 * SECOND, 2, FALSE },     { "stop", "preserve", "", 11 * SECOND, 2, TRUE },
  { "collect", "preserve", "", 45 * SECOND, 2, TRUE }, { "ready", "ready", "", 31 * SECOND, 2, TRUE },
  { "verify", "verify", PROBE, 70 * SECOND, 2, TRUE },
};

static const HrFakeProgram stateful = { .opens_state = TRUE, .leaves = "{\"n\":1}" };

static void
hold_up (Engine *engine, const Stop *stop)
{
  HrFakeService *parts = engine_parts (engine);
  HrFakeProgram program = stateful;

  if (g_str_equal (stop->name, "scan"))
    hr_fake_gate_hold (&parts->store->scan);
  else if (g_str_equal (stop->name, "commit"))
    hr_fake_gate_hold (&parts->store->commit);
  else if (g_str_equal (stop->name, "place"))
    hr_fake_gate_hold (&parts->slots->place);
  else if (g_str_equal (stop->name, "check"))
    hr_fake_gate_hold (&engine->platform->checker->check);
  else if (g_str_equal (stop->name, "start"))
    program.opens_state = FALSE, program.readiness = HR_FAKE_SAYS_NOTHING;
  else if (g_str_equal (stop->name, "stop"))
    engine_instance (engine, 0)->program.ignores_stop = TRUE;
  else if (g_str_equal (stop->name, "collect"))
    hr_fake_gate_hold (&parts->state->collect);
  else if (g_str_equal (stop->name, "ready"))
    program.readiness = HR_FAKE_SAYS_NOTHING;
  else if (g_str_equal (stop->name, "verify"))
    hr_fake_gate_hold (&engine->platform->checker->probe);
  hr_fake_launcher_next (engine->launcher, &program);
}

static HrJob *
begin_stopped (Engine *engine, const Stop *stop, HrService *service)
{
  HrJob *job;

  hold_up (engine, stop);
  hr_fake_store_write (engine_parts (engine)->store, "main", "two");
  job = g_object_ref (hr_service_reload (service, "tester"));
  engine_run (engine, 400 * MSEC);
  g_assert_cmpstr (hr_job_get_phase (job), ==, stop->phase);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_RUNNING);
  return job;
}

/* Whatever phase it failed in: release 1 serves alone, with its state, and the next save works. */
static void
expect_as_before (Engine *engine, const Stop *stop, HrService *service, HrJob *job)
{
  HrFakeInstance *serving = hr_fake_launcher_last (engine->launcher);

  g_assert_true (hr_job_is_finished (job));
  g_assert_cmpstr (hr_job_get_outcome (job)->phase, ==, stop->phase);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
  if (stop->old_ends)
    {
      g_assert_true (serving->alive);
      g_assert_cmpuint (hr_fake_instance_release (serving), ==, 1);
      g_assert_cmpstr (serving->state, ==, g_str_equal (stop->name, "stop") ? "{}" : "{\"n\":1}");
    }
  else
    g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, 0);
  if (stop->release != 0)
    engine_expect_fate (engine, stop->release, HR_FATE_REJECTED);
  g_assert_cmpuint (hr_manager_get_failed_reloads (engine->manager), ==, 1);

  hr_fake_platform_release (engine->platform);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
  engine_save (engine, "main", "three");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), >, 1);
  g_assert_cmpstr (hr_fake_store_read (engine_parts (engine)->store, hr_service_get_release (service), "main"), ==,
                   "three");
}

static void
test_cancel (gconstpointer data)
{
  const Stop *stop = data;
  g_autoptr (Engine) engine = engine_new ();
  HrService *service = engine_start_with (engine, stop->text, &stateful);
  g_autoptr (HrJob) job = begin_stopped (engine, stop, service);
  g_autoptr (GError) error = NULL;

  g_assert_true (hr_job_cancel (job, &error));
  g_assert_no_error (error);
  hr_fake_gate_release (&engine_parts (engine)->state->collect);
  if (g_str_equal (stop->name, "verify"))
    hr_fake_gate_release (&engine->platform->checker->probe);
  engine_run (engine, g_str_equal (stop->name, "stop") ? 10 * SECOND : 0);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_CANCELLED);
  g_assert_error (hr_job_get_error (job), HR_ERROR, HR_ERROR_CANCELLED);
  g_assert_false (hr_job_cancel (job, NULL));
  expect_as_before (engine, stop, service, job);
}

/* Pain 7: whatever never answers, the reload ends. */
static void
test_deadline (gconstpointer data)
{
  const Stop *stop = data;
  g_autoptr (Engine) engine = engine_new ();
  HrService *service = engine_start_with (engine, stop->text, &stateful);
  g_autoptr (HrJob) job = begin_stopped (engine, stop, service);

  engine_run (engine, stop->deadline);
  if (g_str_equal (stop->name, "stop"))
    {
      /* SIGKILL ends what does not stop; nothing was left, so the reload goes on with no state. */
      g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
      g_assert_true (engine_instance (engine, 0)->killed);
      return;
    }
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_FAILED);
  g_assert_error (hr_job_get_error (job), HR_ERROR, HR_ERROR_TIMED_OUT);
  if (g_str_equal (stop->name, "collect"))
    {
      /* What the old one left cannot be had: its release runs again without. */
      g_assert_cmpuint (hr_service_get_release (service), ==, 1);
      g_assert_cmpstr (hr_service_get_state (service), ==, "running");
      return;
    }
  expect_as_before (engine, stop, service, job);
}

/* Failures of what the operating system does, where it answers. */
static void
fail_and_expect (Engine *engine, HrFakeGate *gate, const char *phase)
{
  HrService *service = engine_start (engine, "");
  g_autofree char *events = g_strdup_printf ("ReloadFailed %s", phase);

  hr_fake_gate_fail_next (gate, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "no space left on device");
  hr_fake_store_write (engine_parts (engine)->store, "main", "two");
  hr_service_reload (service, "tester");
  engine_run (engine, 1 * SECOND);
  expect_kept (engine, service, phase, "no space left on device");
  g_assert_cmpstr (g_ptr_array_index (engine->events, engine->events->len - 1), ==, events);
}

static void
test_scan_fails (Engine *engine)
{
  fail_and_expect (engine, &engine_parts (engine)->store->scan, "record");
}

static void
test_commit_fails (Engine *engine)
{
  fail_and_expect (engine, &engine_parts (engine)->store->commit, "record");
}

/* Too large to be placed, and the service file leaves the choice: it is looked at once more, to run in its source. */
static void
test_too_large (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_fake_gate_fail_next (&engine_parts (engine)->store->scan, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED, "too many files");
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

static void
test_too_large_for_slots (Engine *engine)
{
  HrService *service = engine_start (engine, "Slots=yes\n");

  hr_fake_gate_fail_next (&engine_parts (engine)->store->scan, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED, "too many files");
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  expect_kept (engine, service, "record", "too many files");
}

static void
test_place_fails (Engine *engine)
{
  fail_and_expect (engine, &engine_parts (engine)->slots->place, "place");
}

static void
test_check_breaks (Engine *engine)
{
  fail_and_expect (engine, &engine->platform->checker->check, "check");
}

/* A save whose scan failed is seen by the next one, whatever that names. */
static void
test_failed_scan_is_made_up_for (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_fake_gate_fail_next (&engine_parts (engine)->store->scan, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "no space");
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "ReloadFailed record");
  /* A rollback looks at nothing. */
  hr_service_restart (service, "tester");
  engine_run (engine, 1 * SECOND);
  engine_save (engine, "other", "x");
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_fake_store_read (engine_parts (engine)->store, hr_service_get_release (service), "main"), ==,
                   "two");
}

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
  g_assert_cmpuint (engine_n_warnings (engine, "*was killed*"), ==, 1);
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

static void
add_stops (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (stops); i++)
    {
      g_autofree char *cancel = g_strdup_printf ("/reload/cancel-in-every-phase/%s", stops[i].name);
      g_autofree char *deadline = g_strdup_printf ("/reload/pain-7/every-phase-has-a-deadline/%s", stops[i].name);

      g_test_add_data_func (cancel, &stops[i], test_cancel);
      g_test_add_data_func (deadline, &stops[i], test_deadline);
    }
}

static void
add_failures (void)
{
  engine_add ("/reload/case-6/check-fails-and-pid-stays", test_check_fails);
  engine_add ("/reload/pain-3/no-process", test_no_process);
  engine_add ("/reload/pain-3/no-program", test_no_program);
  engine_add ("/reload/pain-3/no-environment", test_no_environment);
  engine_add ("/reload/pain-3/no-state-files", test_no_state_files);
  engine_add ("/reload/pain-3/exits-before-ready", test_exits_before_ready);
  engine_add ("/reload/pain-3/never-ready", test_never_ready);
  engine_add ("/reload/pain-3/probe-fails", test_probe_fails);
  engine_add ("/reload/pain-3/exits-while-probed", test_exits_while_probed);
  engine_add ("/reload/pain-3/scan-fails", test_scan_fails);
  engine_add ("/reload/pain-3/commit-fails", test_commit_fails);
  engine_add ("/reload/too-large", test_too_large);
  engine_add ("/reload/pain-3/too-large-for-slots", test_too_large_for_slots);
  engine_add ("/reload/pain-3/place-fails", test_place_fails);
  engine_add ("/reload/pain-3/check-breaks", test_check_breaks);
  engine_add ("/reload/promise-1/failed-scan-is-made-up-for", test_failed_scan_is_made_up_for);
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
  engine_add ("/reload/ready/probe", test_ready_by_probe);
  engine_add ("/reload/ready/alive-for-a-second", test_ready_alive);
  engine_add ("/reload/ready/alive-for-a-second-where-nothing-is-seen", test_ready_alive_unseen);
  engine_add ("/reload/ready/auto-listens-to-passed-sockets", test_ready_listens_to_passed);
  engine_add ("/reload/ready/listen-that-cannot-be-seen-fails", test_ready_listen_unseen);
  engine_add ("/reload/ready/listens-where-a-predecessor-did", test_ready_after_a_late_listener);
  engine_add ("/reload/ready/auto-listens", test_ready_listens);
  engine_add ("/reload/ready/listen", test_ready_listen_only);
  engine_add ("/reload/ready/notify", test_ready_notify);
  engine_add ("/reload/ready/delay", test_ready_delay);
  engine_add ("/reload/ready/notify-from-then-on", test_notify_for_ever);
  engine_add ("/reload/pain-9/two-generations", test_two_generations);
  engine_add ("/reload/pain-9/two-generations-without-source", test_two_generations_without_source);
  engine_add ("/reload/rule-2/drain-is-cut-short", test_drain_cut_short);
  engine_add ("/reload/rule-2/drain-is-cut-by-stop-timeout", test_drain_cut_by_stop_timeout);
  engine_add ("/reload/carried-files-are-named", test_carried);
  engine_add ("/reload/carrying-may-fail", test_carry_fails);
  add_failures ();
  add_stops ();
  return g_test_run ();
}
