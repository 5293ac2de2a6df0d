/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What does not end although it was killed, because it waits in the kernel for something that does not come: whoever
 * waits for its end is told so after a while, and everything goes on without it.
 */
#include "engine-fixture.h"

#include <string.h>

#include "hr-error.h"

#define HELD "does not end, although it was killed 5 s ago: it is in state D, waiting in 'fake_wait'"

static const HrFakeProgram stuck = { .ignores_stop = TRUE, .ignores_kill = TRUE };

/* It has got what it waited for. */
static void
let_go (Engine *engine, guint which)
{
  g_assert_true (engine_instance (engine, which)->abandoned);
  hr_fake_instance_end_by (engine_instance (engine, which), 9);
  engine_run (engine, 0);
}

static void
expect_words (const char *text, GPid pid)
{
  g_autofree char *words = g_strdup_printf ("PID %d " HELD, (int)pid);

  g_assert_nonnull (text);
  g_test_message ("%s", text);
  g_assert_nonnull (strstr (text, words));
}

static void
expect_next_works (Engine *engine, HrService *service, const char *content)
{
  engine_save (engine, "main", content);
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_fake_store_read (engine_parts (engine)->store, hr_service_get_release (service), "main"), ==,
                   content);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_null (hr_service_get_error (service));
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
}

static void
test_candidate (Engine *engine)
{
  HrService *service = engine_start (engine, "StartTimeout=5s\n");
  HrFakeProgram candidate = stuck;

  candidate.readiness = HR_FAKE_SAYS_NOTHING;
  hr_fake_launcher_next (engine->launcher, &candidate);
  engine_save (engine, "main", "two");
  engine_run (engine, 9 * SECOND);
  g_assert_true (engine_instance (engine, 1)->killed);
  g_assert_true (hr_service_is_reloading (service));
  engine_run (engine, 2 * SECOND);
  engine_expect_kept (engine, service, "ready", "did not become ready");
  expect_words (hr_service_get_error (service), engine_instance (engine, 1)->pid);
  g_assert_cmpuint (engine_n_warnings (engine, "*release 2: PID * waiting in 'fake_wait'; nothing waits*"), ==, 1);
  expect_next_works (engine, service, "three");
  let_go (engine, 1);
}

/* Ready, and rejected: it has StopTimeout first. */
static void
test_rejected_candidate (Engine *engine)
{
  HrService *service = engine_start (engine, "StopTimeout=3s\n[Health]\nProbe=exec:probe\nInterval=1s\n");

  hr_fake_launcher_next (engine->launcher, &stuck);
  engine->platform->prober->illness = "503";
  engine_save (engine, "main", "two");
  engine_run (engine, 15 * SECOND);
  engine_expect_kept (engine, service, "verify", "503");
  expect_words (hr_service_get_error (service), engine_instance (engine, 1)->pid);
  engine->platform->prober->illness = NULL;
  expect_next_works (engine, service, "three");
  let_go (engine, 1);
}

static void
test_aborted_canary (Engine *engine)
{
  const HrFakeProgram program = { .retires = TRUE };
  HrService *service = engine_start_with (
      engine, "Listen=http=tcp:127.0.0.1:8080\nDrainTimeout=3s\nStopTimeout=3s\n[Canary]\nPercentage=5\n", &program);
  HrFakeProgram candidate = stuck;

  candidate.retires = TRUE;
  hr_fake_launcher_next (engine->launcher, &candidate);
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  g_assert_true (hr_service_abort_canary (service, "me", NULL));
  engine_run (engine, 15 * SECOND);
  expect_words (hr_service_get_error (service), engine_instance (engine, 1)->pid);
  let_go (engine, 1);
  g_assert_null (hr_service_get_error (service));
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

/* After the switch nobody waits for it but the next reload. */
static void
test_drained (Engine *engine)
{
  HrService *service = engine_start_with (engine, "DrainTimeout=2s\nStopTimeout=2s\n", &stuck);

  engine->launcher->program = (HrFakeProgram){ 0 };
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_null (hr_service_get_error (service));
  engine_run (engine, 10 * SECOND);
  expect_words (hr_service_get_error (service), engine_instance (engine, 0)->pid);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
  /* It is watched on. */
  let_go (engine, 0);
  g_assert_null (hr_service_get_error (service));
}

static void
test_next_reload_does_not_wait (Engine *engine)
{
  HrService *service = engine_start_with (engine, "DrainTimeout=600s\nStopTimeout=2s\n", &stuck);
  HrJob *job;

  engine_instance (engine, 0)->connections = engine_instance (engine, 0)->idle_connections = 1;
  engine->launcher->program = (HrFakeProgram){ 0 };
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  job = hr_service_reload (service, "somebody");
  engine_run (engine, 6 * SECOND);
  g_assert_cmpstr (hr_job_get_phase (job), ==, "place");
  engine_run (engine, 2 * SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
  let_go (engine, 0);
}

/* The state that it never wrote is as old as the newest snapshot, or there is none. */
static void
test_handed_over (Engine *engine)
{
  HrFakeProgram keeper = stuck;
  HrService *service;

  keeper.opens_state = TRUE;
  service = engine_start_with (engine, "StopTimeout=2s\n", &keeper);
  engine->launcher->program = (HrFakeProgram){ .opens_state = TRUE };
  engine_save (engine, "main", "two");
  engine_run (engine, 6 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  engine_run (engine, 2 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  let_go (engine, 0);
}

/* Nobody is told that all is well. */
static void
test_stop (Engine *engine)
{
  HrService *service = engine_start_with (engine, "StopTimeout=2s\n", &stuck);
  HrJob *job = hr_service_stop (service, "somebody");

  engine_run (engine, 6 * SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_RUNNING);
  engine_run (engine, 2 * SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_FAILED);
  g_assert_error (hr_job_get_error (job), HR_ERROR, HR_ERROR_FAILED);
  expect_words (hr_job_get_error (job)->message, engine_instance (engine, 0)->pid);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
  expect_words (hr_service_get_error (service), engine_instance (engine, 0)->pid);
  engine->launcher->program = (HrFakeProgram){ 0 };
  job = hr_service_start (service, "somebody");
  engine_run (engine, SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_null (hr_service_get_error (service));
  let_go (engine, 0);
}

/* It may be the last thing that is heard of: the daemon ends all the same. */
static void
shut_down (GObject *source, GAsyncResult *result, gpointer user_data)
{
  hr_manager_shutdown_finish (HR_MANAGER (source), result);
  *(gboolean *)user_data = TRUE;
}

static void
test_shutdown (Engine *engine)
{
  gboolean done = FALSE;

  engine_start_with (engine, "StopTimeout=2s\n", &stuck);
  hr_manager_shutdown_async (engine->manager, shut_down, &done);
  engine_run (engine, 8 * SECOND);
  g_assert_true (done);
  let_go (engine, 0);
}

/* What was started again and hangs there at once. */
static void
test_restarted (Engine *engine)
{
  HrService *service = engine_start (engine, "StartTimeout=2s\n");
  HrFakeProgram silent = stuck;

  silent.readiness = HR_FAKE_SAYS_NOTHING;
  hr_fake_launcher_next (engine->launcher, &silent);
  hr_fake_instance_exit (engine_instance (engine, 0), 1);
  engine_run (engine, 7 * SECOND);
  g_assert_cmpuint (hr_service_get_serving (service), ==, 0);
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_service_get_serving (service), ==, 1);
  g_assert_cmpuint (engine_n_warnings (engine, "release 1: it did not become ready within StartTimeout: *; PID * " HELD
                                               "; starting again in *"),
                    ==, 1);
  let_go (engine, 1);
}

static void
test_of_several (Engine *engine)
{
  HrService *service;
  HrJob *job;

  engine->launcher->most = 6;
  service = engine_start_with (engine, "Instances=3\nDrainTimeout=1s\nStopTimeout=2s\n", &stuck);
  engine->launcher->program = (HrFakeProgram){ 0 };
  job = hr_service_reload (service, "somebody");
  engine_run (engine, 15 * SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 3);
  job = hr_service_stop (service, "somebody");
  engine_run (engine, SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  for (guint i = 0; i < 3; i++)
    let_go (engine, i);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/stuck/pain-7/candidate", test_candidate);
  engine_add ("/stuck/pain-7/rejected-candidate", test_rejected_candidate);
  engine_add ("/stuck/pain-7/aborted-canary", test_aborted_canary);
  engine_add ("/stuck/pain-7/drained", test_drained);
  engine_add ("/stuck/pain-7/next-reload-does-not-wait", test_next_reload_does_not_wait);
  engine_add ("/stuck/pain-7/handed-over", test_handed_over);
  engine_add ("/stuck/pain-7/stop", test_stop);
  engine_add ("/stuck/pain-7/shutdown", test_shutdown);
  engine_add ("/stuck/pain-7/restarted", test_restarted);
  engine_add ("/stuck/pain-7/of-several", test_of_several);
  return g_test_run ();
}
