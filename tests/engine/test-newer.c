/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A change that comes while another one is tried: it does not wait for what never comes up, and does not keep from coming
 * up what takes its time.
 */
#include "engine-fixture.h"

#include <string.h>

#include "hr-error.h"
#include "hr-reload-policy.h"

#define NEVER (600 * SECOND)
#define PROBE "[Health]\nProbe=exec:probe\nInterval=1s\nFailures=600\n"
/* To be called due, looked at and tried. */
#define SOON (500 * MSEC)

static const HrFakeProgram quick = { .ready_after = 100 * MSEC, .retires = TRUE };
static const HrFakeProgram hangs = { .ready_after = NEVER, .retires = TRUE };

/* Release 1 serves, and release 2 is being tried: it never comes up. */
static HrService *
try_what_hangs (Engine *engine, const char *text)
{
  HrService *service = engine_start_with (engine, text, &quick);

  hr_fake_launcher_next (engine->launcher, &hangs);
  engine_save (engine, "main", "two");
  engine_run (engine, SOON);
  engine_expect (engine, "FileChanged main | ReloadStarted 2");
  return service;
}

/* Release 2 was given up for release 3, which serves. */
static void
expect_superseded (Engine *engine, HrService *service, const char *phase)
{
  const HrRelease *release = engine_release (engine, 2);
  g_autoptr (HrHistoryEntry) entry = engine_history (engine);

  engine_expect_fate (engine, 2, HR_FATE_REJECTED);
  g_assert_cmpstr (release->phase, ==, phase);
  g_assert_nonnull (strstr (release->error, "superseded by a newer change"));
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (entry->release, ==, 3);
  g_assert_true (entry->success);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
}

static void
test_never_ready (Engine *engine)
{
  HrService *service = try_what_hangs (engine, "");

  engine_run (engine, HR_PATIENCE_LEAST_USEC);
  engine_save (engine, "main", "three");
  engine_run (engine, SOON);
  engine_expect (engine, "ReloadFailed ready | FileChanged main | ReloadStarted 3 | ReloadCompleted 3");
  g_assert_cmpuint (engine_n_history (engine), ==, 3);
  expect_superseded (engine, service, "ready");
}

/* It may still come up: the change waits for that, and no longer. */
static void
test_patience (Engine *engine)
{
  HrService *service = try_what_hangs (engine, "");

  engine_save (engine, "main", "three");
  engine_run (engine, HR_PATIENCE_LEAST_USEC - 2 * SOON);
  engine_expect (engine, "");
  engine_run (engine, 2 * SOON + SOON);
  engine_expect (engine, "ReloadFailed ready | FileChanged main | ReloadStarted 3 | ReloadCompleted 3");
  expect_superseded (engine, service, "ready");
}

static void
test_verify (Engine *engine)
{
  HrService *service = engine_start_with (engine, PROBE, &quick);

  engine->platform->prober->illness = "503";
  engine_save (engine, "main", "two");
  engine_run (engine, SOON + HR_PATIENCE_LEAST_USEC);
  engine_expect (engine, "FileChanged main | ReloadStarted 2");
  engine_save (engine, "main", "three");
  engine_run (engine, SOON);
  engine_expect (engine, "ReloadFailed verify | FileChanged main | ReloadStarted 3");
  engine->platform->prober->illness = NULL;
  engine_run (engine, 2 * SECOND);
  expect_superseded (engine, service, "verify");
}

static void
test_check (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &quick);

  hr_fake_gate_hold (&engine->platform->checker->check);
  engine_save (engine, "main", "two");
  engine_run (engine, SOON + HR_PATIENCE_LEAST_USEC);
  engine_save (engine, "main", "three");
  engine_run (engine, SOON);
  engine_expect (engine,
                 "FileChanged main | ReloadStarted 2 | ReloadFailed check | FileChanged main | ReloadStarted 3");
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, SOON);
  expect_superseded (engine, service, "check");
}

/* Nothing serves, and nothing but what the source holds can be started. */
static void
test_first_start (Engine *engine)
{
  HrService *service;

  engine->launcher->program = quick;
  hr_fake_launcher_next (engine->launcher, &hangs);
  engine_set (engine, "web", "Ready=notify\n");
  service = engine_apply (engine, "web");
  engine_run (engine, HR_PATIENCE_LEAST_USEC);
  g_assert_cmpstr (hr_service_get_state (service), ==, "starting");
  engine_forget (engine);
  engine_save (engine, "main", "two");
  engine_run (engine, SOON);
  engine_expect (engine, "ReloadFailed ready | FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  engine_expect_states (engine, "stopped | starting | running");
  g_assert_cmpuint (hr_service_get_restarts (service), ==, 0);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
}

/* The old one has left its state and has ended: it runs again with that, and then the newer one does. */
static void
test_with_state (Engine *engine)
{
  const HrFakeProgram keeper = { .ready_after = 100 * MSEC, .opens_state = TRUE, .leaves = "{\"level\":3}" };
  HrFakeProgram stuck = keeper;
  HrService *service = engine_start_with (engine, "", &keeper);

  stuck.ready_after = NEVER;
  stuck.ignores_stop = TRUE;
  engine_run (engine, PROVEN);
  hr_fake_launcher_next (engine->launcher, &stuck);
  engine_save (engine, "main", "two");
  engine_run (engine, SOON + HR_PATIENCE_LEAST_USEC);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | StatePreserved");
  engine_save (engine, "main", "three");
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "ReloadFailed ready | RolledBack 2>1 | FileChanged main | ReloadStarted 3 | StatePreserved"
                         " | StateRestored | ReloadCompleted 3");
  g_assert_cmpstr (hr_fake_launcher_last (engine->launcher)->state, ==, "{\"level\":3}");
  expect_superseded (engine, service, "ready");
}

/* Saves one after the other */

/* Saves something else each second. Returns how many releases there are in the end. */
static guint64
save_each_second (Engine *engine, HrService *service, guint seconds)
{
  for (guint i = 0; i < seconds; i++)
    {
      g_autofree char *content = g_strdup_printf ("save %u", i);

      engine_save (engine, "main", content);
      engine_run (engine, 1 * SECOND);
    }
  return hr_service_get_release (service);
}

static guint
count_events (Engine *engine, const char *prefix)
{
  guint n = 0;

  for (guint i = 0; i < engine->events->len; i++)
    n += g_str_has_prefix (g_ptr_array_index (engine->events, i), prefix) ? 1 : 0;
  return n;
}

static void
test_saves_each_second (Engine *engine)
{
  const HrFakeProgram slow = { .ready_after = 1500 * MSEC, .retires = TRUE };
  HrService *service = engine_start_with (engine, "", &slow);

  engine_forget (engine);
  g_assert_cmpuint (save_each_second (engine, service, 60), >, 20);
  g_assert_cmpuint (count_events (engine, "ReloadFailed"), ==, 0);
}

/* Longer than the least, also where that is what it always takes. */
static void
test_always_slow (Engine *engine)
{
  const HrFakeProgram slow = { .ready_after = HR_PATIENCE_LEAST_USEC + 3 * SECOND, .retires = TRUE };
  HrService *service = engine_start_with (engine, "Ready=notify\n[PostCheck]\nRollbackAfter=1s\n", &slow);

  engine_forget (engine);
  g_assert_cmpuint (save_each_second (engine, service, 60), >, 4);
  g_assert_cmpuint (count_events (engine, "ReloadFailed"), ==, 0);
}

/* It used to be quick: what gives way leaves more time to the next, so that one comes up. */
static void
test_becomes_slow (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &quick);

  engine->launcher->program.ready_after = 3 * HR_PATIENCE_LEAST_USEC;
  engine_forget (engine);
  g_assert_cmpuint (save_each_second (engine, service, 60), >, 1);
  g_assert_cmpuint (count_events (engine, "ReloadFailed"), ==, 2);
  g_assert_cmpuint (count_events (engine, "ReloadCompleted"), >, 0);
}

/* What gives no way */

/* A hint is no change: a file that is saved again as it is. */
static void
test_saved_again (Engine *engine)
{
  HrService *service = try_what_hangs (engine, "");
  guint scans = 3;

  engine_run (engine, HR_PATIENCE_LEAST_USEC);
  for (guint i = 0; i < scans; i++)
    {
      engine_save (engine, "main", "two");
      engine_run (engine, 1 * SECOND);
    }
  engine_expect (engine, "");
  /* It is looked at all the same, and so is what comes after it. */
  engine_save (engine, "main", "three");
  engine_run (engine, SOON);
  engine_expect (engine, "ReloadFailed ready | FileChanged main | ReloadStarted 3 | ReloadCompleted 3");
  expect_superseded (engine, service, "ready");
}

/* What is no reason to reload by itself. */
static void
test_no_reason (Engine *engine)
{
  HrService *service = try_what_hangs (engine, "[Actions]\nREADME=ignore\n");

  engine_run (engine, HR_PATIENCE_LEAST_USEC);
  engine_save (engine, "README", "words");
  engine_run (engine, 2 * SECOND);
  engine_expect (engine, "");
  engine_save (engine, "main", "three");
  engine_run (engine, SOON);
  engine_expect (engine, "ReloadFailed ready | FileChanged README,main | ReloadStarted 3 | ReloadCompleted 3");
  expect_superseded (engine, service, "ready");
}

static void
test_by_hand (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &quick);
  HrJob *job;

  hr_fake_launcher_next (engine->launcher, &hangs);
  job = hr_service_reload (service, "me");
  engine_run (engine, HR_PATIENCE_LEAST_USEC);
  engine_forget (engine);
  engine_save (engine, "main", "two");
  engine_run (engine, 2 * SECOND);
  engine_expect (engine, "");
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_RUNNING);
  engine_run (engine, 30 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

static void
test_paused (Engine *engine)
{
  HrService *service = try_what_hangs (engine, "");

  engine_run (engine, HR_PATIENCE_LEAST_USEC);
  hr_service_set_paused (service, TRUE, FALSE);
  engine_save (engine, "main", "three");
  engine_run (engine, 2 * SECOND);
  engine_expect (engine, "");
  hr_service_set_paused (service, FALSE, FALSE);
  engine_run (engine, SOON);
  engine_expect (engine, "ReloadFailed ready | FileChanged main | ReloadStarted 3 | ReloadCompleted 3");
}

/* It came up while it was looked whether there was something newer: that comes after it. */
static void
test_comes_up (Engine *engine)
{
  const HrFakeProgram late = { .ready_after = HR_PATIENCE_LEAST_USEC + 2 * SECOND, .retires = TRUE };
  HrService *service = engine_start_with (engine, "", &quick);

  hr_fake_launcher_next (engine->launcher, &late);
  engine_save (engine, "main", "two");
  engine_run (engine, HR_PATIENCE_LEAST_USEC + 1 * SECOND);
  engine_forget (engine);
  hr_fake_gate_hold (&engine_parts (engine)->store->scan);
  engine_save (engine, "main", "three");
  engine_run (engine, 2 * SECOND);
  engine_expect (engine, "ReloadCompleted 2");
  hr_fake_gate_release (&engine_parts (engine)->store->scan);
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 3 | ReloadCompleted 3");
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
}

/* Where it leads */

/* The change was undone: what serves is what the source holds. */
static void
test_undone (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &quick);

  engine_save (engine, "main", "good");
  engine_run (engine, PROVEN);
  hr_fake_launcher_next (engine->launcher, &hangs);
  engine_save (engine, "main", "bad");
  engine_run (engine, SOON + HR_PATIENCE_LEAST_USEC);
  engine_forget (engine);
  engine_save (engine, "main", "good");
  engine_run (engine, PROVEN);
  engine_expect (engine, "ReloadFailed ready");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_null (hr_service_get_error (service));
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
}

/* What gave way to nothing, as its change was undone in between, is tried again. */
static void
test_undone_too_late (Engine *engine)
{
  HrService *service = try_what_hangs (engine, "");

  engine_run (engine, HR_PATIENCE_LEAST_USEC);
  engine_save (engine, "main", "one after all");
  engine_run (engine, 100 * MSEC);
  engine_expect (engine, "ReloadFailed ready | FileChanged main | ReloadStarted 3");
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
}

/* Who asks for a reload meanwhile gets the newer one. */
static void
test_waits_by_hand (Engine *engine)
{
  HrService *service = try_what_hangs (engine, "");
  HrJob *job;

  engine_run (engine, HR_PATIENCE_LEAST_USEC);
  job = hr_service_reload (service, "me");
  engine_run (engine, 2 * SECOND);
  engine_expect (engine, "");
  engine_save (engine, "main", "three");
  engine_run (engine, SOON);
  engine_expect (engine, "ReloadFailed ready | ReloadStarted 3 | ReloadCompleted 3");
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  expect_superseded (engine, service, "ready");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/newer/never-ready", test_never_ready);
  engine_add ("/newer/waits-for-the-usual-time", test_patience);
  engine_add ("/newer/never-healthy", test_verify);
  engine_add ("/newer/never-checked", test_check);
  engine_add ("/newer/first-start", test_first_start);
  engine_add ("/newer/with-state", test_with_state);
  engine_add ("/newer/saves-each-second", test_saves_each_second);
  engine_add ("/newer/saves-each-second/always-slow", test_always_slow);
  engine_add ("/newer/saves-each-second/becomes-slow", test_becomes_slow);
  engine_add ("/newer/not-for/a-file-saved-as-it-is", test_saved_again);
  engine_add ("/newer/not-for/what-is-no-reason", test_no_reason);
  engine_add ("/newer/not-for/what-comes-while-paused", test_paused);
  engine_add ("/newer/not/what-was-asked-for", test_by_hand);
  engine_add ("/newer/not/what-has-come-up", test_comes_up);
  engine_add ("/newer/undone", test_undone);
  engine_add ("/newer/undone-too-late", test_undone_too_late);
  engine_add ("/newer/waits-by-hand", test_waits_by_hand);
  return g_test_run ();
}
