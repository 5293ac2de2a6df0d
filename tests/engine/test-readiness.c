/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * When a new instance counts as ready, by each rule of Ready.
 */
#include "engine-fixture.h"

#include <signal.h>
#include <string.h>

#define PROBE "[Health]\nProbe=exec:probe\nInterval=1s\nFailures=2\n"

/* Ready=probe: the first success of the probe is the readiness, failures before it count for nothing. */
static void
test_ready_by_probe (Engine *engine)
{
  const HrFakeProgram silent = { .readiness = HR_FAKE_SAYS_NOTHING };
  HrService *service = engine_start_with (engine, "Ready=probe\n" PROBE, &silent);

  engine->platform->prober->illness = "connection refused";
  engine_save (engine, "main", "two");
  engine_run (engine, 4 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  engine->platform->prober->illness = NULL;
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

/* What has ended is not alive after a second, though nobody has been told of its end yet. */
static void
test_ready_ended_in_time (Engine *engine)
{
  const HrFakeProgram ends = {
    .readiness = HR_FAKE_SAYS_NOTHING, .exits_after = 900 * MSEC, .exit_code = 3, .told_after = 500 * MSEC
  };
  const HrFakeProgram silent = { .readiness = HR_FAKE_SAYS_NOTHING };
  HrService *service = engine_start_with (engine, "", &silent);

  hr_fake_launcher_next (engine->launcher, &ends);
  engine_save (engine, "main", "two");
  engine_run (engine, 3 * SECOND);
  engine_expect_kept (engine, service, "ready", "it exited with status 3 before it was ready");
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
  engine_expect_kept (engine, service, "ready", "Ready=listen cannot be seen: the adopt library is not in");
  g_assert_null (strstr (hr_service_get_error (service), "before it was ready"));
}

/* As long as nobody can look, nothing is known: neither that it is ready nor that it never will be. */
static void
test_ready_listen_held_up (Engine *engine)
{
  const HrFakeProgram held_up = { .readiness = HR_FAKE_SAYS_NOTHING, .is_static = TRUE, .cannot_be_seen = TRUE };
  const HrFakeProgram listens = { .readiness = HR_FAKE_LISTENS };
  HrService *service = engine_start_with (engine, "Ready=listen\n", &listens);

  hr_fake_launcher_next (engine->launcher, &held_up);
  engine_save (engine, "main", "two");
  engine_run (engine, 5 * SECOND);
  g_assert_true (engine_instance (engine, 1)->alive);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  engine_instance (engine, 1)->program.cannot_be_seen = FALSE;
  engine_run (engine, 2 * SECOND);
  engine_expect_kept (engine, service, "ready", "Ready=listen cannot be seen: the adopt library is not in");
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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/readiness/probe", test_ready_by_probe);
  engine_add ("/readiness/alive-for-a-second", test_ready_alive);
  engine_add ("/readiness/alive-for-a-second-where-nothing-is-seen", test_ready_alive_unseen);
  engine_add ("/readiness/what-ended-in-time-is-not-alive", test_ready_ended_in_time);
  engine_add ("/readiness/auto-listens-to-passed-sockets", test_ready_listens_to_passed);
  engine_add ("/readiness/listen-that-cannot-be-seen-fails", test_ready_listen_unseen);
  engine_add ("/readiness/listen-of-one-that-holds-up-who-looks", test_ready_listen_held_up);
  engine_add ("/readiness/listens-where-a-predecessor-did", test_ready_after_a_late_listener);
  engine_add ("/readiness/auto-listens", test_ready_listens);
  engine_add ("/readiness/listen", test_ready_listen_only);
  engine_add ("/readiness/notify", test_ready_notify);
  engine_add ("/readiness/delay", test_ready_delay);
  engine_add ("/readiness/notify-from-then-on", test_notify_for_ever);
  return g_test_run ();
}
