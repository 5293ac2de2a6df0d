/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What happens between requests: crashes, restarts and their limits, ends that are no crash.
 */
#include <string.h>

#include "engine-fixture.h"

#define CRASHES ((HrFakeProgram){ .ready_after = SECOND, .exits_after = MSEC, .exit_code = 1 })

static void
crash (Engine *engine)
{
  hr_fake_instance_exit (hr_fake_launcher_last (engine->launcher), 1);
}

static void
expect_starts (Engine *engine, gint64 usec, guint starts)
{
  engine_run (engine, usec);
  g_assert_cmpuint (engine->launcher->instances->len, ==, starts);
}

/* Jitter adds at most a tenth, so each restart is looked for just before its delay and a tenth after it. */
static void
test_backoff (Engine *engine)
{
  HrService *service = engine_start (engine, "RestartDelay=1s\nRestartDelayMax=5s\nRestartLimit=0\n");

  engine->launcher->program = CRASHES;
  crash (engine);
  expect_starts (engine, SECOND - MSEC, 1);
  expect_starts (engine, 150 * MSEC, 2);
  expect_starts (engine, 1800 * MSEC, 2);
  expect_starts (engine, 500 * MSEC, 3);
  expect_starts (engine, 3400 * MSEC, 3);
  expect_starts (engine, 900 * MSEC, 4);
  expect_starts (engine, 4000 * MSEC, 4);
  expect_starts (engine, 2000 * MSEC, 5);
  g_assert_cmpstr (hr_service_get_state (service), ==, "starting");
  g_assert_cmpuint (hr_service_get_restarts (service), ==, 4);
  g_assert_cmpstr (hr_service_get_error (service), ==, "it exited with status 1");
}

/* @count ends, each with status 1, a time and a process, the newest first, of @release. */
static void
expect_ends (HrService *service, guint count, guint64 release)
{
  const HrEnds *ends = hr_service_get_ends (service);

  g_assert_cmpuint (hr_ends_count (ends), ==, count);
  for (guint i = 0; i < count; i++)
    {
      const HrEnd *end = hr_ends_get (ends, i);

      g_assert_cmpuint (end->release, ==, release);
      g_assert_cmpint (end->exit_status, ==, 1);
      g_assert_cmpint (end->signal_number, ==, 0);
      g_assert_cmpint (end->pid, >, 0);
      g_assert_cmpuint (end->index, ==, 1);
      g_assert_cmpstr (end->text, ==, "it exited with status 1");
      if (i > 0)
        g_assert_cmpint (end->time_usec, <, hr_ends_get (ends, i - 1)->time_usec);
    }
}

static void
test_limit (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  HrJob *job;

  engine->launcher->program = CRASHES;
  crash (engine);
  engine_run (engine, 30 * SECOND);
  engine_expect_states (engine, "starting | failed");
  g_assert_cmpuint (engine->launcher->instances->len, ==, 5);
  g_assert_cmpstr (hr_service_get_error (service), ==, "release 1: it exited with status 1; RestartLimit was reached");
  g_assert_cmpuint (engine_n_warnings (engine, "*RestartLimit*"), ==, 1);
  expect_ends (service, 5, 1);
  engine->launcher->program = (HrFakeProgram){ 0 };
  job = hr_service_start (service, "somebody");
  engine_run (engine, SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  engine_expect_states (engine, "starting | running");
  g_assert_null (hr_service_get_error (service));
  expect_ends (service, 0, 0);
  /* The start has reset the count, or this one crash would be one too many. */
  crash (engine);
  engine_run (engine, 200 * MSEC);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
}

static void
test_stable_resets (Engine *engine)
{
  engine_start (engine, "RestartDelay=1s\n");
  crash (engine);
  expect_starts (engine, 1200 * MSEC, 2);
  engine_run (engine, 31 * SECOND);
  crash (engine);
  expect_starts (engine, 900 * MSEC, 2);
  expect_starts (engine, 300 * MSEC, 3);
}

static void
test_restart_no (Engine *engine)
{
  HrService *service = engine_start (engine, "Restart=no\n");

  crash (engine);
  engine_run (engine, 30 * SECOND);
  engine_expect_states (engine, "failed");
  g_assert_cmpstr (hr_service_get_error (service), ==, "release 1: it exited with status 1; Restart=no");
  g_assert_cmpuint (engine->launcher->instances->len, ==, 1);
}

static void
test_exit_0 (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_fake_instance_exit (engine_instance (engine, 0), 0);
  engine_run (engine, 30 * SECOND);
  engine_expect_states (engine, "stopped");
  g_assert_null (hr_service_get_error (service));
  g_assert_cmpuint (engine->launcher->instances->len, ==, 1);
  /* It was not stopped on request. */
  engine_new_daemon (engine);
  service = engine_apply (engine, "web");
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
}

static void
test_exit_0_restart_no (Engine *engine)
{
  engine_start (engine, "Restart=no\n");
  hr_fake_instance_exit (engine_instance (engine, 0), 0);
  engine_run (engine, 30 * SECOND);
  engine_expect_states (engine, "stopped");
}

static void
test_exit_0_restart_always (Engine *engine)
{
  HrService *service = engine_start (engine, "Restart=always\n");

  hr_fake_instance_exit (engine_instance (engine, 0), 0);
  expect_starts (engine, SECOND, 2);
  engine_expect_states (engine, "starting | running");
  g_assert_cmpuint (engine_n_warnings (engine, "*"), ==, 0);
  g_assert_cmpuint (hr_service_get_restarts (service), ==, 1);
}

static void
test_success_exit_status (Engine *engine)
{
  engine_start (engine, "SuccessExitStatus=3;4\n");
  hr_fake_instance_exit (engine_instance (engine, 0), 4);
  engine_run (engine, 30 * SECOND);
  engine_expect_states (engine, "stopped");
}

static void
test_stop_between (Engine *engine)
{
  HrService *service = engine_start (engine, "RestartDelay=10s\n");

  crash (engine);
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "starting");
  hr_service_stop (service, "somebody");
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
  expect_starts (engine, 60 * SECOND, 1);
}

static void
test_start_between (Engine *engine)
{
  HrService *service = engine_start (engine, "RestartDelay=10s\n");

  crash (engine);
  engine_run (engine, SECOND);
  hr_service_start (service, "somebody");
  expect_starts (engine, SECOND, 2);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  expect_starts (engine, 60 * SECOND, 2);
}

/* The time without service is told with the reload that ends it. */
static void
test_save_between (Engine *engine)
{
  HrService *service = engine_start (engine, "RestartDelay=10s\n[Watch]\nSettle=0\n");
  g_autoptr (HrHistoryEntry) entry = NULL;

  crash (engine);
  engine_run (engine, 2 * SECOND);
  engine_save (engine, "main", "mended");
  expect_starts (engine, SECOND, 2);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  entry = engine_history (engine);
  g_assert_cmpint (entry->downtime_usec, ==, 2 * SECOND);
}

/* A look at the source touches nothing: what ends meanwhile is restarted by policy, or, where it is to stop, not at all. */
static void
test_crash_during_scan (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_fake_gate_hold (&engine_parts (engine)->store->scan);
  hr_fake_watcher_hint (engine_parts (engine)->watcher, "main");
  engine_run (engine, SECOND);
  crash (engine);
  expect_starts (engine, SECOND, 2);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  crash (engine);
  g_assert_cmpstr (hr_service_get_state (service), ==, "starting");
  hr_service_stop (service, "somebody");
  expect_starts (engine, SECOND, 2);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
  hr_fake_gate_release (&engine_parts (engine)->store->scan);
  expect_starts (engine, 60 * SECOND, 2);
}

/* Looking at the source and finding nothing neither counts as a failure nor puts the restart off. */
static void
test_touch_between (Engine *engine)
{
  engine_start (engine, "RestartDelay=10s\nRestartLimit=3\n");
  crash (engine);
  for (guint i = 0; i < 9; i++)
    {
      hr_fake_watcher_hint (engine_parts (engine)->watcher, "main");
      expect_starts (engine, SECOND, 1);
    }
  expect_starts (engine, 2 * SECOND, 2);
  engine_expect_states (engine, "starting | running");
}

static void
test_stop_while_state_is_read (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_fake_gate_hold (&engine_parts (engine)->state->load);
  crash (engine);
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "starting");
  hr_service_stop (service, "somebody");
  engine_run (engine, SECOND);
  hr_fake_gate_release (&engine_parts (engine)->state->load);
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
  g_assert_cmpuint (engine->launcher->instances->len, ==, 1);
}

static void
test_restart_is_never_ready (Engine *engine)
{
  HrService *service = engine_start (engine, "StartTimeout=3s\n[State]\nPreserve=no\n");

  hr_fake_launcher_next (engine->launcher, &(HrFakeProgram){ .readiness = HR_FAKE_SAYS_NOTHING });
  crash (engine);
  engine_run (engine, 3 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "starting");
  engine_run (engine, SECOND);
  g_assert_true (engine_instance (engine, 1)->killed);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (
      engine_n_warnings (engine, "release 1: it did not become ready within StartTimeout: it did not say READY=1*"), ==,
      1);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 3);
}

static void
test_restart_has_no_process (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine->launcher->failure = "there are too many processes";
  crash (engine);
  engine_run (engine, 200 * MSEC);
  g_assert_cmpstr (hr_service_get_state (service), ==, "starting");
  engine->launcher->failure = NULL;
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_null (hr_service_get_error (service));
}

static void
test_first_start_fails (Engine *engine)
{
  HrService *service;

  hr_fake_launcher_next (engine->launcher, &CRASHES);
  engine_set (engine, "web", "");
  service = engine_apply (engine, "web");
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  engine_expect (engine, "ReloadStarted 1 | ReloadFailed ready");
  g_assert_null (hr_service_get_error (service));
}

/* It was started, answered badly and was told to go for that: not stopped, and nothing that a restart would mend. */
static void
test_first_start_is_found_bad (Engine *engine)
{
  static const char *const policies[] = { "no", "on-failure", "always" };

  for (guint i = 0; i < G_N_ELEMENTS (policies); i++)
    {
      g_autofree char *name = g_strdup_printf ("web-%u", i);
      g_autofree char *text =
          g_strdup_printf ("Restart=%s\n[Health]\nProbe=exec:probe\nInterval=1s\nFailures=2\n", policies[i]);
      guint n = engine->launcher->instances->len;
      HrService *service;

      engine->platform->prober->illness = "it answered with status 500";
      engine_set (engine, name, text);
      service = engine_apply (engine, name);
      engine_run (engine, 60 * SECOND);
      g_assert_cmpstr (hr_service_get_state (service), ==, "failed");
      g_assert_cmpstr (hr_service_get_health (service), ==, "offline");
      g_assert_nonnull (strstr (hr_service_get_error (service), "while verifying release 1 of 'web-"));
      g_assert_nonnull (strstr (hr_service_get_error (service), "it answered with status 500"));
      g_assert_cmpuint (engine->launcher->instances->len, ==, n + 1);
      /* Whoever starts it gets the same answer, and a try when it answers well. */
      hr_service_start (service, "somebody");
      engine_run (engine, 10 * SECOND);
      g_assert_cmpstr (hr_service_get_state (service), ==, "failed");
      engine->platform->prober->illness = NULL;
      hr_service_start (service, "somebody");
      engine_run (engine, 10 * SECOND);
      g_assert_cmpstr (hr_service_get_state (service), ==, "running");
      g_assert_null (hr_service_get_error (service));
    }
}

/* What was called off was not found bad. */
static void
test_first_start_is_cancelled (Engine *engine)
{
  g_autoptr (GPtrArray) jobs = NULL;
  g_autoptr (GError) error = NULL;
  HrService *service;
  HrJob *job;

  hr_fake_gate_hold (&engine->platform->prober->probe);
  engine_set (engine, "web", "[Health]\nProbe=exec:probe\n");
  service = engine_apply (engine, "web");
  engine_run (engine, 1 * SECOND);
  jobs = hr_manager_list_jobs (engine->manager);
  job = g_ptr_array_index (jobs, 0);
  g_assert_cmpstr (hr_job_get_phase (job), ==, "verify");
  g_assert_true (hr_job_cancel (job, NULL, &error));
  engine_run (engine, 10 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
}

/* What another try cannot mend is not tried again. */
static void
test_cannot_execute (Engine *engine)
{
  HrService *service;

  engine->launcher->program.cannot_execute = "there is no program '/usr/bin/nothing'";
  engine_set (engine, "web", "");
  service = engine_apply (engine, "web");
  engine_run (engine, 60 * SECOND);
  engine_expect_states (engine, "starting | failed");
  g_assert_cmpuint (engine->launcher->instances->len, ==, 1);
  g_assert_nonnull (strstr (hr_service_get_error (service), "/usr/bin/nothing"));
}

/* Health */

static void
test_health (Engine *engine)
{
  HrService *service = engine_start (engine, "[Health]\nProbe=exec:probe\nInterval=1s\nFailures=3\n");

  g_assert_cmpstr (hr_service_get_health (service), ==, "healthy");
  engine->platform->prober->illness = "no answer";
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_health (service), ==, "degraded");
  engine_run (engine, 2 * SECOND);
  g_assert_cmpstr (hr_service_get_health (service), ==, "offline");
  g_assert_cmpuint (engine_n_warnings (engine, "*no answer*"), ==, 2);
  /* Its release is good, so nothing is rolled back. */
  engine_expect (engine, "");
  engine->platform->prober->illness = NULL;
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_health (service), ==, "healthy");
  hr_service_stop (service, "somebody");
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_health (service), ==, "unknown");
}

static void
test_health_after_crash (Engine *engine)
{
  HrService *service = engine_start (engine, "RestartDelay=5s\n[Health]\nProbe=exec:probe\nInterval=1s\n");

  crash (engine);
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_health (service), ==, "offline");
  hr_fake_gate_hold (&engine->platform->prober->probe);
  engine_run (engine, 5 * SECOND);
  g_assert_cmpstr (hr_service_get_health (service), ==, "starting");
  hr_fake_gate_release (&engine->platform->prober->probe);
  engine_run (engine, 0);
  g_assert_cmpstr (hr_service_get_health (service), ==, "healthy");
}

/* Where the program was started again, too: until it is ready its probe may fail. */
static void
test_ready_by_probe_after_crash (Engine *engine)
{
  static const HrFakeProgram silent = { .readiness = HR_FAKE_SAYS_NOTHING };
  HrService *service =
      engine_start_with (engine, "Ready=probe\n[Health]\nProbe=exec:probe\nInterval=1s\nFailures=2\n", &silent);

  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  engine->platform->prober->illness = "not yet";
  crash (engine);
  engine_run (engine, 5 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "starting");
  g_assert_cmpstr (hr_service_get_health (service), ==, "starting");
  engine->platform->prober->illness = NULL;
  engine_run (engine, 60 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpstr (hr_service_get_health (service), ==, "healthy");
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
}

static void
test_no_probe (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  g_assert_cmpstr (hr_service_get_health (service), ==, "unknown");
  g_assert_cmpuint (engine->platform->prober->probe.calls, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/supervision/case-11/backoff-grows", test_backoff);
  engine_add ("/supervision/case-11/limit-gives-failed", test_limit);
  engine_add ("/supervision/case-11/stable-resets", test_stable_resets);
  engine_add ("/supervision/case-18/exit-0-on-failure", test_exit_0);
  engine_add ("/supervision/case-18/exit-0-no", test_exit_0_restart_no);
  engine_add ("/supervision/case-18/exit-0-always", test_exit_0_restart_always);
  engine_add ("/supervision/case-18/success-exit-status", test_success_exit_status);
  engine_add ("/supervision/restart-no", test_restart_no);
  engine_add ("/supervision/between/stop", test_stop_between);
  engine_add ("/supervision/between/start", test_start_between);
  engine_add ("/supervision/between/save", test_save_between);
  engine_add ("/supervision/crash-while-the-source-is-looked-at", test_crash_during_scan);
  engine_add ("/supervision/between/touch", test_touch_between);
  engine_add ("/supervision/between/stop-while-state-is-read", test_stop_while_state_is_read);
  engine_add ("/supervision/restart/never-ready", test_restart_is_never_ready);
  engine_add ("/supervision/restart/no-process", test_restart_has_no_process);
  engine_add ("/supervision/first-start/fails", test_first_start_fails);
  engine_add ("/supervision/first-start/is-found-bad", test_first_start_is_found_bad);
  engine_add ("/supervision/first-start/is-cancelled", test_first_start_is_cancelled);
  engine_add ("/supervision/first-start/cannot-execute", test_cannot_execute);
  engine_add ("/supervision/health/changes", test_health);
  engine_add ("/supervision/health/after-a-crash", test_health_after_crash);
  engine_add ("/supervision/health/without-probe", test_no_probe);
  engine_add ("/supervision/health/ready-by-probe-after-crash", test_ready_by_probe_after_crash);
  return g_test_run ();
}
