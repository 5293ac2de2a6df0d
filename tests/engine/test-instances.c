/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Several instances of one release: started, rolled one at a time, supervised each for itself, stopped together. What
 * must hold at every moment is looked at every millisecond: never fewer that serve than there are to be.
 */
#include <string.h>

#include "engine-fixture.h"
#include "hr-error.h"
#include "hr-names.h"

#define THREE "Instances=3\nRestartDelay=1s\n"
#define READY_AFTER (100 * MSEC)

/* What finishes a connection that was accepted before, for some time. */
static const HrFakeProgram worker = { .ready_after = READY_AFTER, .retires = TRUE, .stop_takes = 300 * MSEC };

static gboolean
serves (HrFakeInstance *instance)
{
  return instance->alive && !instance->retired && instance->signalled == 0 && !instance->killed
         && instance->begin_id == 0 && instance->ready_timer == 0
         && instance->program.readiness != HR_FAKE_SAYS_NOTHING;
}

static guint
n_serving (Engine *engine, guint64 release)
{
  guint n = 0;

  for (guint i = 0; i < engine->launcher->instances->len; i++)
    {
      HrFakeInstance *each = engine_instance (engine, i);

      n += serves (each) && (release == 0 || hr_fake_instance_release (each) == release);
    }
  return n;
}

/* Each index serves once. */
static void
expect_indices (Engine *engine, guint wanted)
{
  guint seen = 0;

  for (guint i = 0; i < engine->launcher->instances->len; i++)
    {
      HrFakeInstance *each = engine_instance (engine, i);
      guint index = (guint)g_ascii_strtoull (hr_fake_instance_getenv (each, HR_ENV_INSTANCE_INDEX), NULL, 10);

      if (!serves (each))
        continue;
      g_assert_cmpuint (index, >=, 1);
      g_assert_cmpuint (index, <=, wanted);
      g_assert_cmpuint (seen & (1u << index), ==, 0);
      seen |= 1u << index;
    }
  g_assert_cmpuint (n_serving (engine, 0), ==, wanted);
}

static void
run_watched (Engine *engine, HrService *service, gint64 usec, guint least, guint most)
{
  for (gint64 passed = 0; passed < usec; passed += MSEC)
    {
      engine_run (engine, MSEC);
      g_assert_cmpuint (n_serving (engine, 0), >=, least);
      g_assert_cmpuint (n_serving (engine, 0), <=, most);
      g_assert_cmpuint (hr_service_get_serving (service), ==, n_serving (engine, 0));
    }
}

static HrService *
start_three (Engine *engine)
{
  HrService *service;

  /* Three that serve, one that starts, and those that finish what they have. */
  engine->launcher->most = 8;
  service = engine_start_with (engine, THREE, &worker);
  expect_indices (engine, 3);
  return service;
}

static void
expect_running (Engine *engine, HrService *service, guint64 release, guint instances)
{
  g_autoptr (GArray) pids = hr_service_get_pids (service);

  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (hr_service_get_release (service), ==, release);
  g_assert_cmpuint (n_serving (engine, release), ==, instances);
  expect_indices (engine, instances);
  g_assert_cmpuint (hr_service_get_serving (service), ==, instances);
  g_assert_cmpuint (hr_service_get_instances (service), ==, instances);
  g_assert_cmpuint (pids->len, ==, instances);
  g_assert_cmpint (g_array_index (pids, guint32, 0), ==, hr_service_get_pid (service));
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, instances);
}

/* The job of a start ends when all serve, and they start at the same time. */
static void
test_start (Engine *engine)
{
  HrService *service;
  HrJob *job;

  engine->launcher->most = 3;
  engine->launcher->program = worker;
  engine_set (engine, "web", THREE);
  service = engine_apply (engine, "web");
  job = hr_service_start (service, NULL);
  engine_run (engine, READY_AFTER * 3 / 2);
  g_assert_cmpuint (n_serving (engine, 0), ==, 1);
  g_assert_cmpint (hr_job_get_result (job), !=, HR_JOB_COMPLETED);
  g_assert_cmpstr (hr_service_get_state (service), ==, "starting");
  engine_run (engine, READY_AFTER);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  expect_running (engine, service, 1, 3);
}

static void
test_one_is_alone (Engine *engine)
{
  HrService *service = engine_start_with (engine, "Instances=1\n", &worker);

  expect_running (engine, service, 1, 1);
}

static void
test_rolling (Engine *engine)
{
  HrService *service = start_three (engine);
  g_autoptr (HrHistoryEntry) entry = NULL;

  for (guint64 release = 2; release <= 6; release++)
    {
      g_autofree char *content = g_strdup_printf ("%u", (guint)release);
      g_autofree char *said =
          g_strdup_printf ("FileChanged main | ReloadStarted %u | ReloadCompleted %u", (guint)release, (guint)release);

      engine_save (engine, "main", content);
      run_watched (engine, service, 2 * SECOND, 3, 4);
      expect_running (engine, service, release, 3);
      engine_expect (engine, said);
      /* The proof is for all of them. */
      g_assert_cmpint (engine->completed_pid, ==, hr_service_get_pid (service));
    }
  entry = engine_history (engine);
  g_assert_cmpint (entry->downtime_usec, ==, 0);
  engine_run (engine, PROVEN);
  engine_expect_fate (engine, 6, HR_FATE_GOOD);
}

/* What cannot be kept from accepting is told to stop, and ends at its own pace. */
static void
test_rolling_without_gate (Engine *engine)
{
  HrService *service;
  HrFakeProgram plain = worker;

  plain.retires = FALSE;
  engine->launcher->most = 8;
  service = engine_start_with (engine, THREE, &plain);
  engine_save (engine, "main", "two");
  run_watched (engine, service, 3 * SECOND, 3, 4);
  expect_running (engine, service, 2, 3);
}

/* A drain of any length holds up neither the job nor the next one: that cuts it short. */
static void
test_drains (Engine *engine)
{
  HrService *service = start_three (engine);

  for (guint i = 0; i < 3; i++)
    engine_instance (engine, i)->connections = 1;
  engine_save (engine, "main", "two");
  run_watched (engine, service, 2 * SECOND, 3, 4);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 6);
  engine->launcher->most = 7;
  engine_save (engine, "main", "three");
  run_watched (engine, service, 5 * SECOND, 3, 4);
  expect_running (engine, service, 3, 3);
}

/* Which of the three new ones fails, and how. */
static void
fail_at (Engine *engine, guint which, const HrFakeProgram *bad, const char *phase, const char *words)
{
  HrService *service = start_three (engine);
  g_autoptr (HrHistoryEntry) entry = NULL;

  for (guint i = 1; i < which; i++)
    hr_fake_launcher_next (engine->launcher, &worker);
  hr_fake_launcher_next (engine->launcher, bad);
  engine_save (engine, "main", "two");
  run_watched (engine, service, 40 * SECOND, 3, 4);
  expect_running (engine, service, 1, 3);
  engine_expect_fate (engine, 2, HR_FATE_REJECTED);
  entry = engine_history (engine);
  g_assert_cmpstr (entry->phase, ==, phase);
  g_assert_cmpint (entry->downtime_usec, ==, 0);
  g_test_message ("%s", entry->error);
  g_assert_nonnull (strstr (entry->error, words));
  g_assert_null (strstr (entry->error, "could not be started again"));
  g_assert_cmpuint (hr_service_get_restarts (service), ==, 0);
}

static const HrFakeProgram crashes = { .ready_after = SECOND, .exits_after = 50 * MSEC, .exit_code = 1 };
static const HrFakeProgram never_ready = { .readiness = HR_FAKE_SAYS_NOTHING, .retires = TRUE };
static const HrFakeProgram cannot_execute = { .cannot_execute = "no such program" };

static void
test_second_crashes (Engine *engine)
{
  fail_at (engine, 2, &crashes, "switch", "instance 2 of release 2 of 'web': it exited with status 1 before it was");
}

static void
test_third_crashes (Engine *engine)
{
  fail_at (engine, 3, &crashes, "switch", "instance 3 of release 2 of 'web': it exited with status 1 before it was");
}

static void
test_second_is_never_ready (Engine *engine)
{
  HrFakeProgram silent = never_ready;

  silent.is_static = FALSE;
  engine_set (engine, "web", THREE "Ready=notify\n");
  fail_at (engine, 2, &silent, "switch", "did not become ready within StartTimeout");
}

static void
test_third_is_never_ready (Engine *engine)
{
  fail_at (engine, 3, &never_ready, "switch", "did not become ready within StartTimeout");
}

static void
test_second_cannot_execute (Engine *engine)
{
  fail_at (engine, 2, &cannot_execute, "switch", "no such program");
}

static void
test_first_crashes (Engine *engine)
{
  fail_at (engine, 1, &crashes, "ready", "it exited with status 1 before it was ready");
}

/* One that served already ends while the others are still being started. */
static void
end_while_rolling (Engine *engine, guint which)
{
  HrService *service = start_three (engine);
  guint before = engine->launcher->instances->len;
  HrFakeProgram slow = worker;

  slow.ready_after = 2 * SECOND;
  for (guint i = 0; i < 2; i++)
    hr_fake_launcher_next (engine->launcher, &worker);
  hr_fake_launcher_next (engine->launcher, &slow);
  engine_save (engine, "main", "two");
  while (engine->launcher->instances->len < before + 3)
    run_watched (engine, service, MSEC, 3, 4);
  hr_fake_instance_exit (engine_instance (engine, before + which), 7);
  /* What crashed is missing, until an old one is there for it. */
  run_watched (engine, service, 10 * SECOND, 2, 4);
  expect_running (engine, service, 1, 3);
  engine_expect_fate (engine, 2, HR_FATE_REJECTED);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadFailed switch");
}

static void
test_lead_ends_while_rolling (Engine *engine)
{
  end_while_rolling (engine, 0);
}

static void
test_second_ends_while_rolling (Engine *engine)
{
  end_while_rolling (engine, 1);
}

/* All of the new ones serve, and what is looked at is only whether the old ones accept: then too the others serve until
 * the old release does. */
static void
test_lead_ends_after_rolling (Engine *engine)
{
  HrService *service = start_three (engine);
  guint before = engine->launcher->instances->len;
  HrJob *job;

  engine->launcher->most = 9;
  for (guint i = 0; i < before; i++)
    {
      engine_instance (engine, i)->program.keeps_listeners = TRUE;
      engine_instance (engine, i)->connections = 1;
    }
  job = hr_service_reload (service, "somebody");
  while (engine->launcher->instances->len < before + 3)
    run_watched (engine, service, MSEC, 3, 4);
  run_watched (engine, service, READY_AFTER + 10 * MSEC, 3, 4);
  g_assert_cmpstr (hr_job_get_phase (job), ==, "switch");
  hr_fake_instance_exit (engine_instance (engine, before), 7);
  run_watched (engine, service, SECOND, 2, 4);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_FAILED);
  g_assert_cmpuint (n_serving (engine, 1), ==, 3);
  for (guint i = 0; i < before; i++)
    {
      engine_instance (engine, i)->program.keeps_listeners = FALSE;
      engine_instance (engine, i)->connections = 0;
    }
  run_watched (engine, service, 10 * SECOND, 3, 3);
  expect_running (engine, service, 1, 3);
}

/* An old one crashes meanwhile: its place is taken by a new one, and nothing fails. */
static void
test_old_one_ends_while_rolling (Engine *engine)
{
  for (guint which = 0; which < 3; which++)
    {
      g_autoptr (Engine) own = engine_new ();
      HrService *service = start_three (own);

      own->launcher->program.ready_after = SECOND;
      engine_save (own, "main", "two");
      while (own->launcher->instances->len < 4)
        run_watched (own, service, MSEC, 3, 4);
      run_watched (own, service, 1050 * MSEC, 3, 4);
      if (engine_instance (own, which)->alive)
        hr_fake_instance_exit (engine_instance (own, which), 7);
      run_watched (own, service, 10 * SECOND, 2, 4);
      expect_running (own, service, 2, 3);
      engine_expect (own, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
    }
}

static void
test_cancelled_while_rolling (Engine *engine)
{
  HrService *service = start_three (engine);
  HrJob *job;

  for (guint64 passed = 0; passed < 12; passed++)
    {
      job = hr_service_reload (service, "somebody");
      run_watched (engine, service, (gint64)passed * 40 * MSEC, 3, 4);
      hr_job_cancel (job, NULL, NULL);
      run_watched (engine, service, 3 * SECOND, 3, 4);
      g_assert_cmpint (hr_job_get_result (job), !=, HR_JOB_RUNNING);
      expect_running (engine, service, 1, 3);
    }
}

/* Nothing is started for a stop, and nothing is left. */
static void
test_stop_while_rolling (Engine *engine)
{
  for (guint passed = 0; passed < 12; passed++)
    {
      g_autoptr (Engine) own = engine_new ();
      HrService *service = start_three (own);
      HrJob *job;
      guint started;

      hr_service_reload (service, "somebody");
      engine_run (own, passed * 40 * MSEC);
      started = own->launcher->instances->len;
      job = hr_service_stop (service, "somebody");
      engine_run (own, 5 * SECOND);
      g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
      g_assert_cmpuint (hr_fake_launcher_n_alive (own->launcher, NULL), ==, 0);
      g_assert_cmpuint (own->launcher->instances->len, ==, started);
      g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
    }
}

/* All at the same time, not one after the other. */
static void
test_stop (Engine *engine)
{
  HrService *service = start_three (engine);
  HrJob *job = hr_service_stop (service, "somebody");

  engine_run (engine, 400 * MSEC);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 0);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 3);
  job = hr_service_start (service, "somebody");
  engine_run (engine, SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  expect_running (engine, service, 1, 3);
}

/* A stubborn one holds the stop up for StopTimeout, and no longer. */
static void
test_stop_is_ignored (Engine *engine)
{
  HrService *service;
  HrFakeProgram stubborn = worker;
  HrJob *job;

  stubborn.ignores_stop = TRUE;
  engine->launcher->most = 8;
  service = engine_start_with (engine, THREE, &stubborn);
  job = hr_service_stop (service, "somebody");
  engine_run (engine, 11 * SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 0);
}

/* The others serve on; it is started again after its delay; the service has no downtime. */
static void
test_crash_of_one (Engine *engine)
{
  for (guint which = 0; which < 3; which++)
    {
      g_autoptr (Engine) own = engine_new ();
      HrService *service = start_three (own);

      hr_fake_instance_exit (engine_instance (own, which), 1);
      g_assert_cmpuint (hr_service_get_serving (service), ==, 2);
      g_assert_cmpstr (hr_service_get_state (service), ==, "running");
      g_assert_cmpuint (hr_service_get_release (service), ==, 1);
      g_assert_cmpint (hr_service_get_pid (service), !=, engine_instance (own, which)->pid);
      g_assert_nonnull (strstr (hr_service_get_error (service), "it exited with status 1"));
      run_watched (own, service, 900 * MSEC, 2, 2);
      run_watched (own, service, 2 * SECOND, 2, 3);
      expect_running (own, service, 1, 3);
      g_assert_null (hr_service_get_error (service));
      g_assert_cmpuint (hr_service_get_restarts (service), ==, 1);
      engine_expect_states (own, "");
    }
}

static void
test_crash_of_all (Engine *engine)
{
  HrService *service = start_three (engine);

  for (guint i = 0; i < 3; i++)
    hr_fake_instance_exit (engine_instance (engine, i), 1);
  g_assert_cmpuint (hr_service_get_serving (service), ==, 0);
  engine_run (engine, 5 * SECOND);
  expect_running (engine, service, 1, 3);
  engine_expect_states (engine, "starting | running");
}

/* Each counts for itself: one that always crashes is given up, and the others serve. */
static void
test_limit_of_one (Engine *engine)
{
  HrService *service = start_three (engine);
  HrJob *job;

  engine->launcher->program = crashes;
  hr_fake_instance_exit (engine_instance (engine, 2), 1);
  run_watched (engine, service, 60 * SECOND, 2, 2);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (engine->launcher->instances->len, ==, 3 + 4);
  g_assert_cmpuint (engine_n_warnings (engine, "*instance 3 of release 1*RestartLimit*"), ==, 1);
  g_assert_nonnull (strstr (hr_service_get_error (service), "instance 3 of release 1: it exited with status 1"));
  /* A reload is a new beginning for all of them. */
  engine->launcher->program = worker;
  job = hr_service_reload (service, "somebody");
  run_watched (engine, service, 3 * SECOND, 2, 4);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  expect_running (engine, service, 1, 3);
}

static void
test_limit_of_all (Engine *engine)
{
  HrService *service = start_three (engine);

  engine->launcher->program = crashes;
  for (guint i = 0; i < 3; i++)
    hr_fake_instance_exit (engine_instance (engine, i), 1);
  engine_run (engine, 120 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "failed");
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 0);
}

/* Within RollbackAfter the end of any of them is against the release; going back rolls as well. */
static void
test_observation (Engine *engine)
{
  for (guint which = 0; which < 3; which++)
    {
      g_autoptr (Engine) own = engine_new ();
      HrService *service = start_three (own);

      engine_save (own, "main", "two");
      run_watched (own, service, 2 * SECOND, 3, 4);
      expect_running (own, service, 2, 3);
      engine_forget (own);
      hr_fake_instance_exit (engine_instance (own, 3 + which), 1);
      run_watched (own, service, 3 * SECOND, 2, 4);
      expect_running (own, service, 1, 3);
      engine_expect (own, "ReloadStarted 1 | ReloadCompleted 1 | RolledBack 2>1");
      engine_expect_fate (own, 2, HR_FATE_REJECTED);
    }
}

static void
configure (Engine *engine, HrService *service, const char *text, guint least, guint most)
{
  engine_set (engine, "web", text);
  engine_apply (engine, NULL);
  run_watched (engine, service, 5 * SECOND, least, most);
}

/* More, fewer, one, several again: by the service file, and never fewer than the smaller of both. */
static void
test_number_changes (Engine *engine)
{
  HrService *service = start_three (engine);

  engine->launcher->most = 16;
  configure (engine, service, "Instances=5\n", 3, 6);
  expect_running (engine, service, 1, 5);
  configure (engine, service, "Instances=2\n", 2, 6);
  expect_running (engine, service, 1, 2);
  configure (engine, service, "Instances=1\n", 1, 3);
  expect_running (engine, service, 1, 1);
  configure (engine, service, "Instances=3\n", 1, 4);
  expect_running (engine, service, 1, 3);
}

/* To what must not run twice: all of the old end first, and none is started beside the new. */
static void
test_to_sequential (Engine *engine)
{
  HrService *service = start_three (engine);

  engine_set (engine, "web", "Handover=sequential\n");
  engine_apply (engine, NULL);
  for (guint i = 0; i < 5000; i++)
    {
      engine_run (engine, MSEC);
      if (engine->launcher->instances->len > 3)
        g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
    }
  expect_running (engine, service, 1, 1);
}

/* ... and if that fails all of them are there again. */
static void
test_to_sequential_fails (Engine *engine)
{
  HrService *service = start_three (engine);

  hr_fake_launcher_next (engine->launcher, &crashes);
  engine_set (engine, "web", "Handover=sequential\n");
  engine_apply (engine, NULL);
  engine_run (engine, 10 * SECOND);
  g_assert_cmpuint (hr_service_get_serving (service), ==, 3);
  g_assert_cmpuint (n_serving (engine, 1), ==, 3);
}

/* A restart is a roll as well: the program may run twice. */
static void
test_restart (Engine *engine)
{
  HrService *service = start_three (engine);
  HrJob *job = hr_service_restart (service, "somebody");

  run_watched (engine, service, 3 * SECOND, 3, 4);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  expect_running (engine, service, 1, 3);
  for (guint i = 0; i < 3; i++)
    g_assert_false (engine_instance (engine, i)->alive);
}

/* A start of which one fails is tried again, until all serve. */
static void
test_start_fails (Engine *engine)
{
  HrService *service;

  engine->launcher->most = 6;
  engine->launcher->program = worker;
  hr_fake_launcher_next (engine->launcher, &worker);
  hr_fake_launcher_next (engine->launcher, &crashes);
  engine_set (engine, "web", THREE);
  service = engine_apply (engine, "web");
  engine_run (engine, 10 * SECOND);
  expect_running (engine, service, 1, 3);
}

/* The state of one is not the service's: none is asked for, none is given. */
static void
test_no_state (Engine *engine)
{
  HrFakeProgram stateful = { .opens_state = TRUE, .leaves = "{\"level\":3}", .stop_takes = 100 * MSEC };
  HrService *service;
  g_autoptr (GPtrArray) snapshots = NULL;

  engine->launcher->most = 8;
  service = engine_start_with (engine, THREE, &stateful);
  engine_save (engine, "main", "two");
  run_watched (engine, service, 3 * SECOND, 3, 4);
  expect_running (engine, service, 2, 3);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  snapshots = hr_service_list_snapshots (service);
  g_assert_cmpuint (snapshots->len, ==, 0);
}

/* With Ready=probe each is probed until it is ready. */
static void
test_ready_by_probe (Engine *engine)
{
  HrFakeProgram silent = { .readiness = HR_FAKE_SAYS_NOTHING, .retires = TRUE };
  HrService *service;

  engine->launcher->most = 8;
  engine->launcher->program = silent;
  engine_set (engine, "web", THREE "Ready=probe\n[Health]\nProbe=exec:probe\nInterval=1s\n");
  service = engine_apply (engine, "web");
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (hr_service_get_serving (service), ==, 3);
}

static void
test_without_source (Engine *engine)
{
  HrService *service;
  HrJob *job;

  engine->launcher->most = 8;
  service = engine_start_with (engine, "-" THREE, &worker);
  job = hr_service_reload (service, "somebody");
  run_watched (engine, service, 3 * SECOND, 3, 4);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  expect_running (engine, service, 0, 3);
}

static guint
n_started (Engine *engine)
{
  return engine->launcher->instances->len;
}

/* The next daemon goes on with all of them. */
static void
test_daemon_dies (Engine *engine)
{
  HrService *service = start_three (engine);
  guint started = n_started (engine);

  engine_run (engine, PROVEN);
  engine_crash (engine);
  service = engine_apply (engine, "web");
  expect_running (engine, service, 1, 3);
  run_watched (engine, service, 5 * SECOND, 3, 3);
  g_assert_cmpuint (n_started (engine), ==, started);

  /* They are supervised, and rolled, as any. */
  hr_fake_instance_vanish (engine_instance (engine, 1));
  engine_run (engine, PROVEN);
  expect_running (engine, service, 1, 3);
  engine_save (engine, "main", "two");
  run_watched (engine, service, PROVEN, 3, 4);
  expect_running (engine, service, 2, 3);
}

/* What has ended without a daemon is started again, whichever it was; the others run on. */
static void
test_one_ends_without_daemon (Engine *engine)
{
  for (guint gone = 0; gone < 3; gone++)
    {
      HrService *service;
      guint started, first;

      first = n_started (engine);
      service = first == 0 ? start_three (engine) : engine_apply (engine, "web");
      if (first > 0)
        hr_service_restart (service, "tester");
      engine_run (engine, PROVEN);
      expect_running (engine, service, 1, 3);
      started = n_started (engine);
      engine_crash (engine);
      hr_fake_instance_vanish (engine_instance (engine, started - 3 + gone));
      service = engine_apply (engine, "web");
      g_assert_cmpuint (n_serving (engine, 0), ==, 2);
      engine_run (engine, PROVEN);
      expect_running (engine, service, 1, 3);
      g_assert_cmpuint (n_started (engine), ==, started + 1);
    }
}

/* In the middle of a roll: those of the old release serve on, and of the new one nothing stays but what comes after. */
static void
test_daemon_dies_while_rolling (Engine *engine)
{
  HrService *service = start_three (engine);

  engine_run (engine, PROVEN);
  for (guint i = 0; i < 3; i++)
    engine_instance (engine, i)->connections = 1;
  engine_save (engine, "main", "two");
  while (n_serving (engine, 2) < 1)
    engine_run (engine, MSEC);
  engine_crash (engine);
  for (guint i = 0; i < 3; i++)
    engine_instance (engine, i)->connections = 0;
  service = engine_apply (engine, "web");
  g_assert_cmpuint (n_serving (engine, 0), >=, 1);
  engine_run (engine, 3 * PROVEN);
  expect_running (engine, service, 2, 3);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/instances/start/all-serve", test_start);
  engine_add ("/instances/start/one-is-alone", test_one_is_alone);
  engine_add ("/instances/start/one-fails", test_start_fails);
  engine_add ("/instances/start/by-probe", test_ready_by_probe);
  engine_add ("/instances/rolling/never-fewer", test_rolling);
  engine_add ("/instances/rolling/without-gate", test_rolling_without_gate);
  engine_add ("/instances/rolling/drains", test_drains);
  engine_add ("/instances/rolling/without-source", test_without_source);
  engine_add ("/instances/rolling/no-state", test_no_state);
  engine_add ("/instances/rolling/restart", test_restart);
  engine_add ("/instances/rolling/first-crashes", test_first_crashes);
  engine_add ("/instances/rolling/second-crashes", test_second_crashes);
  engine_add ("/instances/rolling/third-crashes", test_third_crashes);
  engine_add ("/instances/rolling/second-is-never-ready", test_second_is_never_ready);
  engine_add ("/instances/rolling/third-is-never-ready", test_third_is_never_ready);
  engine_add ("/instances/rolling/second-cannot-execute", test_second_cannot_execute);
  engine_add ("/instances/rolling/lead-ends", test_lead_ends_while_rolling);
  engine_add ("/instances/rolling/lead-ends-last", test_lead_ends_after_rolling);
  engine_add ("/instances/rolling/second-ends", test_second_ends_while_rolling);
  engine_add ("/instances/rolling/old-one-ends", test_old_one_ends_while_rolling);
  engine_add ("/instances/rolling/cancelled", test_cancelled_while_rolling);
  engine_add ("/instances/rolling/stopped", test_stop_while_rolling);
  engine_add ("/instances/stop/together", test_stop);
  engine_add ("/instances/stop/is-ignored", test_stop_is_ignored);
  engine_add ("/instances/crash/of-one", test_crash_of_one);
  engine_add ("/instances/crash/of-all", test_crash_of_all);
  engine_add ("/instances/crash/limit-of-one", test_limit_of_one);
  engine_add ("/instances/crash/limit-of-all", test_limit_of_all);
  engine_add ("/instances/observation/end-of-any", test_observation);
  engine_add ("/instances/number/changes", test_number_changes);
  engine_add ("/instances/number/to-sequential", test_to_sequential);
  engine_add ("/instances/number/to-sequential-fails", test_to_sequential_fails);
  engine_add ("/instances/daemon/dies", test_daemon_dies);
  engine_add ("/instances/daemon/dies-and-one-ends", test_one_ends_without_daemon);
  engine_add ("/instances/daemon/dies-while-rolling", test_daemon_dies_while_rolling);
  return g_test_run ();
}
