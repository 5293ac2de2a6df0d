/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a reload does when a step of it fails, takes too long or is cancelled: the old version never stops serving.
 */
#include "engine-fixture.h"

#include <signal.h>
#include <string.h>

#include "hr-error.h"
#include "hr-reload.h"

#define PROBE "[Health]\nProbe=exec:probe\nInterval=1s\nFailures=2\n"

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

/* Who is told of the fault is told, too, what was looked at. */
static void
test_failed_checks_are_told (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  HrJob *job;

  engine->platform->checker->fault = "main:1: invalid syntax";
  engine_save (engine, "main", "garbage");
  job = hr_service_reload (service, "somebody");
  engine_run (engine, 10 * SECOND);
  g_assert_error (hr_job_get_error (job), HR_ERROR, HR_ERROR_CHECK_FAILED);
  g_assert_cmpstr (hr_job_get_outcome (job)->checks[0], ==, "fake: all files (failed)");
}

/* Pain 3: each way in which a candidate can fail before it is ready leaves the old one alone. */
static void
test_no_process (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine->launcher->failure = "fork: no more processes";
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  engine_expect_kept (engine, service, "start", "no more processes");
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
  engine_expect_kept (engine, service, "start", "No such file or directory");
}

static void
test_no_environment (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine->platform->environment_failure = "'/etc/web.env' cannot be read";
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  engine_expect_kept (engine, service, "check", "/etc/web.env");
}

static void
test_no_state_files (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine_parts (engine)->state->fail_offer = TRUE;
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  engine_expect_kept (engine, service, "start", "no space left");
}

static void
test_exits_before_ready (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  const HrFakeProgram short_lived = { .ready_after = 1 * SECOND, .exits_after = 500 * MSEC, .exit_code = 1 };

  hr_fake_launcher_next (engine->launcher, &short_lived);
  engine_save (engine, "main", "two");
  engine_run (engine, 2 * SECOND);
  engine_expect_kept (engine, service, "ready", "exited with status 1");
  engine_expect_fate (engine, 2, HR_FATE_REJECTED);
}

/* What the kernel kills says nothing; who it was, and by which limit, is known all the same. */
static void
test_eats_its_memory (Engine *engine)
{
  HrService *service = engine_start (engine, "MemoryMax=64M\n");
  const HrFakeProgram glutton = { .ready_after = 1 * SECOND, .cause = "it exceeded MemoryMax=64M" };

  hr_fake_launcher_next (engine->launcher, &glutton);
  engine_save (engine, "main", "two");
  engine_run (engine, 500 * MSEC);
  hr_fake_instance_end_by (hr_fake_launcher_last (engine->launcher), SIGKILL);
  engine_run (engine, 1 * SECOND);
  engine_expect_kept (engine, service, "ready", "it was killed because it exceeded MemoryMax=64M");
  engine_expect_fate (engine, 2, HR_FATE_REJECTED);
}

static void
test_worker_eats_its_memory (Engine *engine)
{
  HrService *service = engine_start (engine, "MemoryMax=64M\n");
  const HrFakeProgram glutton = {
    .ready_after = 1 * SECOND, .exits_after = 500 * MSEC, .exit_code = 1, .cause = "it exceeded MemoryMax=64M"
  };

  hr_fake_launcher_next (engine->launcher, &glutton);
  engine_save (engine, "main", "two");
  engine_run (engine, 2 * SECOND);
  engine_expect_kept (engine, service, "ready",
                      "it exited with status 1; a process of it had been killed because it exceeded MemoryMax=64M");
}

static void
test_no_limits (Engine *engine)
{
  HrService *service = engine_start (engine, "MemoryMax=64M\n");

  engine->launcher->no_limits = "MemoryMax=64M cannot be had here: the controller 'memory' is missing";
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  engine_expect_kept (engine, service, "start", "the controller 'memory' is missing");
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
  engine_expect_kept (engine, service, "ready", "did not become ready");
  g_assert_true (engine_instance (engine, 1)->killed);
}

static void
test_probe_fails (Engine *engine)
{
  HrService *service = engine_start (engine, PROBE);

  g_assert_cmpstr (hr_service_get_health (service), ==, "healthy");
  engine->platform->prober->illness = "503";
  engine_save (engine, "main", "two");
  engine_run (engine, 800 * MSEC);
  engine_expect_kept (engine, service, "verify", "503");
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadFailed verify");
  /* It was ready, so it may have taken connections: it ends as an instance does. */
  g_assert_cmpint (engine_instance (engine, 1)->signalled, ==, SIGTERM);
}

static void
test_exits_while_probed (Engine *engine)
{
  HrService *service = engine_start (engine, PROBE);

  hr_fake_gate_hold (&engine->platform->prober->probe);
  engine_save (engine, "main", "two");
  engine_run (engine, 100 * MSEC);
  hr_fake_instance_exit (engine_instance (engine, 1), 9);
  engine_run (engine, 0);
  engine_expect_kept (engine, service, "verify", "while verifying release 2 of 'web': it exited with status 9");
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
    hr_fake_gate_hold (&engine->platform->prober->probe);
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

  g_assert_true (hr_job_cancel (job, NULL, &error));
  g_assert_no_error (error);
  hr_fake_gate_release (&engine_parts (engine)->state->collect);
  if (g_str_equal (stop->name, "verify"))
    hr_fake_gate_release (&engine->platform->prober->probe);
  engine_run (engine, g_str_equal (stop->name, "stop") ? 10 * SECOND : 0);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_CANCELLED);
  g_assert_error (hr_job_get_error (job), HR_ERROR, HR_ERROR_CANCELLED);
  g_assert_false (hr_job_cancel (job, NULL, NULL));
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
  /* A probe that never comes back is one that failed. */
  if (g_str_equal (stop->name, "verify"))
    g_assert_error (hr_job_get_error (job), HR_ERROR, HR_ERROR_NOT_HEALTHY);
  else
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
  engine_expect_kept (engine, service, phase, "no space left on device");
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
  engine_expect_kept (engine, service, "record", "too many files");
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

static void
add_stops (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (stops); i++)
    {
      g_autofree char *cancel = g_strdup_printf ("/reload-failure/cancel-in-every-phase/%s", stops[i].name);
      g_autofree char *deadline =
          g_strdup_printf ("/reload-failure/pain-7/every-phase-has-a-deadline/%s", stops[i].name);

      g_test_add_data_func (cancel, &stops[i], test_cancel);
      g_test_add_data_func (deadline, &stops[i], test_deadline);
    }
}

static void
add_failures (void)
{
  engine_add ("/reload-failure/case-6/check-fails-and-pid-stays", test_check_fails);
  engine_add ("/reload-failure/failed-checks-are-told", test_failed_checks_are_told);
  engine_add ("/reload-failure/pain-3/no-process", test_no_process);
  engine_add ("/reload-failure/pain-3/no-program", test_no_program);
  engine_add ("/reload-failure/pain-3/no-environment", test_no_environment);
  engine_add ("/reload-failure/pain-3/no-state-files", test_no_state_files);
  engine_add ("/reload-failure/pain-3/exits-before-ready", test_exits_before_ready);
  engine_add ("/reload-failure/pain-3/eats-its-memory", test_eats_its_memory);
  engine_add ("/reload-failure/pain-3/worker-eats-its-memory", test_worker_eats_its_memory);
  engine_add ("/reload-failure/pain-3/limits-cannot-be-had", test_no_limits);
  engine_add ("/reload-failure/pain-3/never-ready", test_never_ready);
  engine_add ("/reload-failure/pain-3/probe-fails", test_probe_fails);
  engine_add ("/reload-failure/pain-3/exits-while-probed", test_exits_while_probed);
  engine_add ("/reload-failure/pain-3/scan-fails", test_scan_fails);
  engine_add ("/reload-failure/pain-3/commit-fails", test_commit_fails);
  engine_add ("/reload-failure/too-large", test_too_large);
  engine_add ("/reload-failure/pain-3/too-large-for-slots", test_too_large_for_slots);
  engine_add ("/reload-failure/pain-3/place-fails", test_place_fails);
  engine_add ("/reload-failure/pain-3/check-breaks", test_check_breaks);
  engine_add ("/reload-failure/promise-1/failed-scan-is-made-up-for", test_failed_scan_is_made_up_for);
}

/* It says that it is ready, and nobody could reach it. */
static void
test_listeners_dropped (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  const HrFakeProgram deaf = { .drops_listeners = TRUE };

  hr_fake_launcher_next (engine->launcher, &deaf);
  engine_save (engine, "main", "deaf");
  engine_run (engine, 10 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadFailed verify");
  g_assert_true (engine_instance (engine, 0)->alive);
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, 0);
  g_assert_nonnull (strstr (hr_service_get_error (service), "closed the listeners"));
  engine_expect_fate (engine, 2, HR_FATE_REJECTED);
}

/* It dies in the moment in which the old one is already held to accepting nothing, and has a drain before it that may
 * take for ever: somebody must accept meanwhile. */
static void
test_dies_in_switch (Engine *engine)
{
  const HrFakeProgram old = { .retires = TRUE, .keeps_listeners = TRUE };
  HrService *service = engine_start_with (engine, "DrainTimeout=10min\n", &old);
  HrJob *job;

  engine_instance (engine, 0)->connections = 3;
  job = hr_service_reload (service, "somebody");
  engine_run (engine, HR_SWITCH_WAIT_USEC / 2);
  g_assert_cmpstr (hr_job_get_phase (job), ==, "switch");
  hr_fake_instance_exit (engine_instance (engine, 1), 9);
  engine_run (engine, 100 * MSEC);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_FAILED);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 3);
  g_assert_cmpint (hr_service_get_pid (service), ==, engine_instance (engine, 2)->pid);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  /* What it had accepted is finished all the same. */
  g_assert_true (engine_instance (engine, 0)->alive);
  g_assert_true (engine_instance (engine, 0)->retired);
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, 0);
  engine_instance (engine, 0)->program.keeps_listeners = FALSE;
  engine_instance (engine, 0)->connections = 0;
  engine_run (engine, 10 * SECOND);
  g_assert_false (engine_instance (engine, 0)->alive);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 1);
  job = hr_service_stop (service, "somebody");
  engine_run (engine, 10 * SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
}

/* The end of a program is told when nothing is left of it; it has ended before that. */
static const HrFakeProgram dies_untold = { .exits_after = 500 * MSEC, .exit_code = 9, .told_after = 2 * SECOND };

static void
test_dies_untold_before_switch (Engine *engine)
{
  HrService *service = engine_start (engine, PROBE);

  hr_fake_gate_hold (&engine->platform->prober->probe);
  hr_fake_launcher_next (engine->launcher, &dies_untold);
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  hr_fake_gate_release (&engine->platform->prober->probe);
  engine_run (engine, SECOND);
  g_assert_false (engine_instance (engine, 0)->retired);
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, 0);
  engine_run (engine, 2 * SECOND);
  engine_expect_kept (engine, service, "verify", "it exited with status 9");
  g_assert_cmpint (hr_service_get_pid (service), ==, engine_instance (engine, 0)->pid);
}

static void
test_dies_untold_in_switch (Engine *engine)
{
  const HrFakeProgram old = { .retires = TRUE, .keeps_listeners = TRUE };
  HrService *service = engine_start_with (engine, "DrainTimeout=10min\n", &old);
  HrJob *job;

  hr_fake_launcher_next (engine->launcher, &dies_untold);
  job = hr_service_reload (service, "somebody");
  engine_run (engine, HR_SWITCH_WAIT_USEC + 100 * MSEC);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_RUNNING);
  engine_run (engine, 2 * SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_FAILED);
  g_assert_cmpint (hr_service_get_pid (service), ==, engine_instance (engine, 2)->pid);
  engine_instance (engine, 0)->program.keeps_listeners = FALSE;
  engine_run (engine, 10 * SECOND);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  add_failures ();
  add_stops ();
  engine_add ("/reload-failure/promise-2/what-dies-in-the-switch-leaves-nobody-waiting", test_dies_in_switch);
  engine_add ("/reload-failure/promise-6/what-is-dead-is-not-switched-to", test_dies_untold_before_switch);
  engine_add ("/reload-failure/promise-6/what-is-dead-is-not-live", test_dies_untold_in_switch);
  engine_add ("/reload-failure/what-closed-its-listeners-is-rejected", test_listeners_dropped);
  return g_test_run ();
}
