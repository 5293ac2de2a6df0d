/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What one daemon leaves to the next: what was stopped or paused, what is known of a program, what was under way.
 */
#include "engine-fixture.h"

#include <string.h>

/* The next daemon, with the same files. */
static HrService *
next_daemon (Engine *engine)
{
  HrService *service;

  engine_new_daemon (engine);
  service = engine_apply (engine, "web");
  engine_run (engine, PROVEN);
  return service;
}

static void
test_stopped (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_service_stop (service, "tester");
  engine_run (engine, 1 * SECOND);
  service = next_daemon (engine);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
  hr_service_start (service, "tester");
  engine_run (engine, 1 * SECOND);
  service = next_daemon (engine);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
}

/* Its file does not load in between: it is stopped all the same when it loads again. */
static void
test_stopped_and_invalid (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_service_stop (service, "tester");
  engine_run (engine, 1 * SECOND);
  engine_set_broken (engine, "web");
  service = next_daemon (engine);
  g_assert_cmpstr (hr_service_get_state (service), ==, "invalid");
  engine_set (engine, "web", "");
  g_assert_true (engine_apply (engine, "web") == service);
  engine_run (engine, 1 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
}

static void
test_paused (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_service_set_paused (service, TRUE, FALSE);
  service = next_daemon (engine);
  g_assert_true (hr_service_get_paused (service));
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

static void
test_all_paused (Engine *engine)
{
  HrService *service;

  engine_start (engine, "");
  hr_manager_set_paused (engine->manager, TRUE);
  service = next_daemon (engine);
  g_assert_true (hr_manager_get_paused (engine->manager));
  g_assert_true (hr_service_get_paused (service));
  hr_manager_set_paused (engine->manager, FALSE);
  service = next_daemon (engine);
  g_assert_false (hr_service_get_paused (service));
}

/* A program that ever said READY=1 is waited for until it does. */
static void
test_ever_notified (Engine *engine)
{
  const HrFakeProgram listens = { .readiness = HR_FAKE_LISTENS };
  HrService *service;

  engine_start (engine, "StartTimeout=1min\n");
  engine->launcher->program = listens;
  service = next_daemon (engine);
  g_assert_cmpstr (hr_service_get_state (service), ==, "starting");
  hr_fake_instance_say (hr_fake_launcher_last (engine->launcher), "READY=1");
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
}

/* The slot in which it ran is warm: nothing is checked again. */
static void
test_slot (Engine *engine)
{
  guint checks;

  engine_start (engine, "");
  checks = engine->platform->checker->check.calls;
  next_daemon (engine);
  g_assert_cmpuint (engine->platform->checker->check.calls, ==, checks);
  g_assert_cmpstr (hr_fake_instance_getenv (hr_fake_launcher_last (engine->launcher), "HOTRELOAD_SLOT"), ==, "a");
}

/* Promise 1: a save whose reload the daemon's end cut short is acted on by the next one. */
static void
test_cut_short (Engine *engine)
{
  const HrFakeProgram slow = { .ready_after = 20 * SECOND };
  HrService *service;

  engine_start (engine, "");
  hr_fake_launcher_next (engine->launcher, &slow);
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  engine_expect_fate (engine, 2, HR_FATE_CANDIDATE);
  service = next_daemon (engine);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
}

/* The same where it was a stop that did so. */
static void
test_cut_short_by_stop (Engine *engine)
{
  const HrFakeProgram slow = { .ready_after = 20 * SECOND };
  HrService *service = engine_start (engine, "");

  hr_fake_launcher_next (engine->launcher, &slow);
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  hr_service_stop (service, "tester");
  engine_run (engine, 1 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
  hr_service_start (service, "tester");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

/* What a transient service gets of its caller; nothing of it is remembered. */
static void
test_transient (Engine *engine)
{
  const char *const environment[] = { "HOME=/home/caller", "HOTRELOAD_SERVICE=lie", NULL };
  g_autoptr (HrServiceSpec) spec = engine_spec ("run-1", "");
  g_autoptr (HrRunRecord) record = NULL;
  g_autoptr (GError) error = NULL;
  HrFakeInstance *instance;
  HrService *service;

  hr_manager_add (engine->manager, spec, hr_caller_context_new (environment, "/home/caller/work", -1, -1), "tester",
                  &error);
  g_assert_no_error (error);
  engine_run (engine, PROVEN);
  service = hr_manager_get (engine->manager, "run-1", NULL);
  instance = hr_fake_launcher_last (engine->launcher);
  g_assert_true (hr_service_is_transient (service));
  g_assert_cmpstr (instance->directory, ==, "/home/caller/work");
  g_assert_cmpstr (hr_fake_instance_getenv (instance, "HOME"), ==, "/home/caller");
  g_assert_cmpstr (hr_fake_instance_getenv (instance, "HOTRELOAD_SERVICE"), ==, "run-1");
  g_assert_null (instance->log_file);
  record = hr_run_state_get (engine->platform->run_state, "run-1");
  g_assert_true (record == NULL || (record->running == 0 && record->current == NULL));

  /* A file of the same name does not take its caller away. */
  engine_set (engine, "run-1", "Description=other\n");
  engine_apply (engine, NULL);
  hr_service_reload (service, "tester");
  engine_run (engine, 1 * SECOND);
  g_assert_true (hr_service_is_transient (service));
  g_assert_cmpstr (hr_fake_launcher_last (engine->launcher)->directory, ==, "/home/caller/work");
  g_assert_cmpuint (engine_n_warnings (engine, "*transient*"), ==, 1);
}

/* A service file that changes while its service starts for the first time is acted on. */
static void
test_changed_during_start (Engine *engine)
{
  const HrFakeProgram slow = { .ready_after = 2 * SECOND };
  HrService *service;

  hr_fake_launcher_next (engine->launcher, &slow);
  engine_set (engine, "web", "");
  service = engine_apply (engine, "web");
  engine_run (engine, 1 * SECOND);
  engine_set (engine, "web", "Environment=NEW=1\n");
  engine_apply (engine, "web");
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpstr (hr_fake_instance_getenv (hr_fake_launcher_last (engine->launcher), "NEW"), ==, "1");
}

/* Dropped in the middle of each kind of waiting, nothing is left, and late answers hurt nobody. */
static void
test_dropped (Engine *engine)
{
  const HrFakeProgram keeper = { .opens_state = TRUE, .leaves = "{}", .stop_takes = 5 * SECOND };
  HrService *service = engine_start_with (engine, "", &keeper);
  HrJob *job, *waiting;

  job = g_object_ref (hr_service_reload (service, "tester"));
  waiting = g_object_ref (hr_service_restart (service, "tester"));
  engine_run (engine, 1 * SECOND);
  g_assert_cmpstr (hr_job_get_phase (job), ==, "preserve");
  engine_new_daemon (engine);
  g_assert_false (hr_job_cancel (job, NULL, NULL));
  g_assert_false (hr_job_cancel (waiting, NULL, NULL));
  engine_run (engine, 60 * SECOND);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 0);
  g_object_unref (job);
  g_object_unref (waiting);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/daemon/remembers/stopped", test_stopped);
  engine_add ("/daemon/remembers/stopped-and-invalid", test_stopped_and_invalid);
  engine_add ("/daemon/remembers/paused", test_paused);
  engine_add ("/daemon/remembers/all-paused", test_all_paused);
  engine_add ("/daemon/remembers/ever-notified", test_ever_notified);
  engine_add ("/daemon/remembers/slot", test_slot);
  engine_add ("/daemon/promise-1/reload-cut-short", test_cut_short);
  engine_add ("/daemon/promise-1/reload-cut-short-by-stop", test_cut_short_by_stop);
  engine_add ("/daemon/transient", test_transient);
  engine_add ("/daemon/changed-during-start", test_changed_during_start);
  engine_add ("/daemon/dropped", test_dropped);
  return g_test_run ();
}
