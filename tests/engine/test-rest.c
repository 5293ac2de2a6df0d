/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A service of which nothing runs, and which nothing is about to start: what of it stays open.
 */
#include <signal.h>

#include "engine-fixture.h"

#define LISTEN "Listen=http=tcp:127.0.0.1:80\n"
#define CRASHES ((HrFakeProgram){ .ready_after = SECOND, .exits_after = MSEC, .exit_code = 1 })
#define LIMIT_TIME (30 * SECOND)

static void
expect (Engine *engine, HrService *service, const char *state, gboolean open)
{
  g_assert_cmpstr (hr_service_get_state (service), ==, state);
  g_assert_cmpint (engine_parts (engine)->listeners->is_open, ==, open);
}

/* Clients would wait for what does not come. */
static void
test_limit (Engine *engine)
{
  HrService *service = engine_start (engine, LISTEN);

  engine->launcher->program = CRASHES;
  hr_fake_instance_exit (hr_fake_launcher_last (engine->launcher), 1);
  engine_run (engine, MSEC);
  /* What is about to be started again is worth waiting for. */
  expect (engine, service, "starting", TRUE);
  engine_run (engine, LIMIT_TIME);
  expect (engine, service, "failed", FALSE);
  g_assert_cmpuint (engine_parts (engine)->listeners->closed, ==, 1);
  /* A try that fails as well. */
  hr_service_start (service, "somebody");
  g_assert_true (engine_parts (engine)->listeners->is_open);
  engine_run (engine, LIMIT_TIME);
  expect (engine, service, "failed", FALSE);
  engine->launcher->program = (HrFakeProgram){ 0 };
  hr_service_reset_failed (service);
  expect (engine, service, "stopped", FALSE);
  hr_service_start (service, "somebody");
  engine_run (engine, SECOND);
  expect (engine, service, "running", TRUE);
}

static void
test_save (Engine *engine)
{
  HrService *service = engine_start (engine, LISTEN "Restart=no\n");

  hr_fake_instance_exit (hr_fake_launcher_last (engine->launcher), 1);
  expect (engine, service, "failed", FALSE);
  engine_save (engine, "main", "mended");
  engine_run (engine, SECOND);
  expect (engine, service, "running", TRUE);
}

static void
test_never_ran (Engine *engine)
{
  HrService *service;

  engine->launcher->program.cannot_execute = "there is no program";
  engine_set (engine, "web", LISTEN);
  service = engine_apply (engine, "web");
  engine_run (engine, SECOND);
  expect (engine, service, "failed", FALSE);
}

static void
test_finished (Engine *engine)
{
  HrService *service = engine_start (engine, LISTEN);

  hr_fake_instance_exit (hr_fake_launcher_last (engine->launcher), 0);
  expect (engine, service, "stopped", FALSE);
  hr_service_start (service, "somebody");
  engine_run (engine, SECOND);
  expect (engine, service, "running", TRUE);
}

/* A reload under way starts it again. */
static void
test_finished_during_reload (Engine *engine)
{
  HrService *service = engine_start (engine, LISTEN);

  hr_fake_gate_hold (&engine_parts (engine)->store->scan);
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  hr_fake_instance_exit (hr_fake_launcher_last (engine->launcher), 0);
  engine_run (engine, SECOND);
  g_assert_cmpuint (engine_parts (engine)->listeners->closed, ==, 0);
  hr_fake_gate_release (&engine_parts (engine)->store->scan);
  engine_run (engine, SECOND);
  expect (engine, service, "running", TRUE);
  g_assert_cmpuint (engine_parts (engine)->listeners->closed, ==, 0);
}

/* The rollback that follows is a start. */
static void
test_rollback (Engine *engine)
{
  HrService *service = engine_start (engine, LISTEN "RestartLimit=1\n");

  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  hr_fake_instance_exit (hr_fake_launcher_last (engine->launcher), 1);
  engine_run (engine, SECOND);
  expect (engine, service, "running", TRUE);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpuint (engine_parts (engine)->listeners->closed, ==, 0);
}

/* As long as one of several serves. */
static void
test_several (Engine *engine)
{
  HrService *service;

  engine->launcher->most = 8;
  service = engine_start (engine, LISTEN "Instances=2\nRestart=no\n");
  engine_run (engine, SECOND);
  hr_fake_instance_exit (engine_instance (engine, 0), 1);
  engine_run (engine, SECOND);
  expect (engine, service, "running", TRUE);
  hr_fake_instance_exit (engine_instance (engine, 1), 1);
  engine_run (engine, SECOND);
  expect (engine, service, "failed", FALSE);
}

/* What cannot be had is not tried again and again. */
static void
test_no_limits (Engine *engine)
{
  for (guint how = 0; how < 2; how++)
    {
      g_autoptr (Engine) own = engine_new ();
      HrService *service;

      if (how == 0)
        own->launcher->no_limits = "MemoryMax=64M cannot be had here";
      engine_set (own, "web", LISTEN "MemoryMax=64M\n");
      service = engine_apply (own, "web");
      engine_run (own, MSEC);
      /* Or not any more. */
      if (how == 1)
        {
          engine_run (own, SECOND);
          own->launcher->no_limits = "MemoryMax=64M cannot be had here";
          hr_fake_instance_exit (hr_fake_launcher_last (own->launcher), 1);
          engine_run (own, SECOND);
        }
      expect (own, service, "failed", FALSE);
      g_assert_cmpuint (hr_service_get_restarts (service), ==, how);
      g_assert_cmpstr (hr_service_get_error (service), ==, "release 1: MemoryMax=64M cannot be had here");
      own->launcher->no_limits = NULL;
      hr_service_start (service, "somebody");
      engine_run (own, SECOND);
      expect (own, service, "running", TRUE);
    }
}

/* As systemd has it: what does what a signal asks has not failed. */
static void
test_signals (Engine *engine)
{
  const struct {
    int number;
    const char *keys;
    gboolean well;
  } cases[] = { { SIGHUP, "", TRUE },   { SIGINT, "", TRUE },
                { SIGTERM, "", TRUE },  { SIGPIPE, "", TRUE },
                { SIGUSR1, "", FALSE }, { SIGUSR1, "SuccessExitStatus=3;SIGUSR1\n", TRUE },
                { SIGKILL, "", FALSE }, { SIGTERM | 0x80, "", FALSE } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Engine) own = engine_new ();
      HrService *service = engine_start (own, cases[i].keys);

      hr_fake_instance_end_by (hr_fake_launcher_last (own->launcher), cases[i].number);
      engine_run (own, LIMIT_TIME);
      g_test_message ("signal %d, '%s'", cases[i].number, cases[i].keys);
      g_assert_cmpstr (hr_service_get_state (service), ==, cases[i].well ? "stopped" : "running");
      g_assert_cmpuint (own->launcher->instances->len, ==, cases[i].well ? 1 : 2);
    }
}

/* Whoever adds it again wants it to run, and to be reloaded. */
static void
test_removed (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_service_set_paused (service, TRUE, FALSE);
  hr_service_stop (service, "somebody");
  engine_run (engine, SECOND);
  engine_set (engine, "web", NULL);
  engine_apply (engine, NULL);
  engine_run (engine, SECOND);
  engine_set (engine, "web", "");
  service = engine_apply (engine, "web");
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_false (hr_service_get_paused (service));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/rest/sockets/close-at-the-limit-and-open-with-a-start", test_limit);
  engine_add ("/rest/sockets/open-with-a-save", test_save);
  engine_add ("/rest/sockets/close-where-nothing-ever-ran", test_never_ran);
  engine_add ("/rest/sockets/close-when-it-has-finished", test_finished);
  engine_add ("/rest/sockets/stay-open-for-a-reload", test_finished_during_reload);
  engine_add ("/rest/sockets/stay-open-for-a-rollback", test_rollback);
  engine_add ("/rest/sockets/stay-open-for-one-of-several", test_several);
  engine_add ("/rest/pain-3/limits-that-cannot-be-had", test_no_limits);
  engine_add ("/rest/case-18/signals-that-are-no-failure", test_signals);
  engine_add ("/rest/removed/starts-when-it-is-added-again", test_removed);
  return g_test_run ();
}
