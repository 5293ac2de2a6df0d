/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The old instance after the switch: it finishes what it has accepted before it is told to stop.
 */
#include <signal.h>

#include "engine-fixture.h"

#define RETIRES ((HrFakeProgram){ .retires = TRUE })

/* Two instances: the old one, with two connections, and the new one that serves. */
static HrService *
handed_over (Engine *engine, const char *text, const HrFakeProgram *program)
{
  HrService *service = engine_start_with (engine, text, program);

  engine_instance (engine, 0)->connections = 2;
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  return service;
}

static void
expect_cut (HrService *service, guint n, guint64 connections)
{
  const HrDrainTally *tally = hr_service_get_tally (service);

  g_assert_cmpuint (tally->n_cut, ==, n);
  g_assert_cmpuint (tally->connections, ==, connections);
}

static void
expect_busy (HrService *service, guint64 busy)
{
  g_assert_cmpuint (hr_service_get_tally (service)->busy, ==, busy);
}

static void
test_finishes (Engine *engine)
{
  HrService *service;
  HrFakeInstance *old;

  service = handed_over (engine, "", &RETIRES);
  old = engine_instance (engine, 0);
  g_assert_true (old->retired);
  engine_run (engine, 10 * SECOND);
  g_assert_cmpint (old->signalled, ==, 0);
  old->connections = 0;
  engine_run (engine, SECOND);
  g_assert_cmpint (old->signalled, ==, SIGTERM);
  g_assert_false (old->alive);
  g_assert_false (old->killed);
  g_assert_cmpuint (engine_n_warnings (engine, "*"), ==, 0);
  expect_cut (service, 0, 0);
}

static void
test_idle (Engine *engine)
{
  HrFakeInstance *old;

  engine_start_with (engine, "", &RETIRES);
  old = engine_instance (engine, 0);
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  g_assert_false (old->alive);
}

static void
test_timeout (Engine *engine)
{
  HrFakeProgram deaf = RETIRES;
  HrService *service;
  HrFakeInstance *old;

  deaf.ignores_stop = TRUE;
  service = handed_over (engine, "DrainTimeout=5s\nStopTimeout=3s\n", &deaf);
  old = engine_instance (engine, 0);
  engine_run (engine, 3 * SECOND);
  g_assert_false (old->finishes);
  expect_cut (service, 0, 0);
  engine_run (engine, 2 * SECOND);
  g_assert_true (old->finishes);
  expect_cut (service, 1, 2);
  g_assert_false (old->ends);
  g_assert_cmpint (old->signalled, ==, 0);
  /* What is under way even then has a moment more. */
  expect_busy (service, 0);
  engine_run (engine, SECOND);
  g_assert_cmpint (old->signalled, ==, SIGTERM);
  expect_busy (service, 2);
  g_assert_false (old->killed);
  engine_run (engine, 3 * SECOND);
  g_assert_true (old->killed);
  g_assert_cmpuint (engine_n_warnings (engine, "*release 1 did not end in time and was killed*StopTimeout*"), ==, 1);
}

/* What has been counted is so after the daemon was re-executed, too. */
static void
test_cut_is_known_after_a_reexecution (Engine *engine)
{
  HrService *service = handed_over (engine, "DrainTimeout=5s\n", &RETIRES);

  engine_run (engine, PROVEN);
  expect_cut (service, 1, 2);
  expect_busy (service, 2);
  service = engine_reexec (engine, "web");
  expect_cut (service, 1, 2);
  expect_busy (service, 2);
}

/* A client that keeps its connection and asks again and again: between two requests it is told to stop, and none comes
 * in between. */
static void
test_last_request (Engine *engine)
{
  HrFakeInstance *old;

  handed_over (engine, "DrainTimeout=5s\n", &RETIRES);
  old = engine_instance (engine, 0);
  engine_run (engine, 3 * SECOND);
  g_assert_false (old->finishes);
  while (!old->finishes)
    engine_run (engine, MSEC);
  g_assert_false (old->ends);
  /* Nothing is under way: it ends. A request that came in before that was heard of is answered all the same. */
  old->idle_connections = 2;
  old->late_requests = 1;
  while (old->late_requests > 0)
    engine_run (engine, MSEC);
  engine_run (engine, 300 * MSEC);
  g_assert_false (old->ends);
  g_assert_cmpint (old->signalled, ==, 0);
  old->idle_connections = 2;
  engine_run (engine, 500 * MSEC);
  g_assert_true (old->ends);
  g_assert_cmpint (old->signalled, ==, SIGTERM);
}

static void
test_next_reload (Engine *engine)
{
  HrService *service = handed_over (engine, "", &RETIRES);
  g_autoptr (HrHistoryEntry) entry = NULL;

  engine_forget (engine);
  engine_instance (engine, 0)->idle_connections = 1;
  engine_save (engine, "main", "three");
  engine_run (engine, 500 * MSEC);
  /* What is under way is answered; idle connections are not waited for. */
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, 0);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
  engine_instance (engine, 0)->connections = 1;
  engine_run (engine, 500 * MSEC);
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, SIGTERM);
  g_assert_false (engine_instance (engine, 0)->alive);
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
  /* The reload that did it tells, too. Nobody waited for an answer: one was answered, the other asked for nothing. */
  expect_cut (service, 1, 2);
  expect_busy (service, 0);
  engine_run (engine, SECOND);
  entry = engine_history (engine);
  g_assert_cmpuint (entry->connections_cut, ==, 2);
}

/* It had not been looked at once when the next one came. */
/* What the old instance still has is named again, and it takes its time to end. */
static HrService *
named_again (Engine *engine)
{
  HrFakeProgram deaf = RETIRES;
  HrService *service;

  deaf.ignores_stop = TRUE;
  service = handed_over (engine, "StopTimeout=3s\n", &deaf);
  engine_forget (engine);
  engine_parts (engine)->listeners->failure = "the address is in use";
  engine_set (engine, "web", "StopTimeout=3s\nListen=http=tcp:127.0.0.1:8080\n");
  engine_apply (engine, "web");
  engine_run (engine, 2 * SECOND);
  g_assert_true (engine_instance (engine, 0)->finishes);
  g_assert_true (engine_instance (engine, 0)->alive);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
  engine_expect (engine, "ReloadStarted 2");
  return service;
}

static void
test_address_of_the_old_one (Engine *engine)
{
  HrService *service = named_again (engine);

  engine_parts (engine)->listeners->failure = NULL;
  engine_run (engine, 5 * SECOND);
  g_assert_false (engine_instance (engine, 0)->alive);
  engine_expect (engine, "ReloadCompleted 2");
  g_assert_cmpuint (hr_listeners_list (HR_LISTENERS (engine_parts (engine)->listeners))->len, ==, 1);
  g_assert_null (hr_service_get_error (service));
}

/* It was somebody else who had it: what runs serves on. */
static void
test_address_of_somebody_else (Engine *engine)
{
  HrService *service = named_again (engine);
  g_autoptr (HrHistoryEntry) entry = NULL;

  engine_run (engine, 5 * SECOND);
  g_assert_false (engine_instance (engine, 0)->alive);
  engine_expect (engine, "ReloadFailed place");
  entry = engine_history (engine);
  g_assert_cmpstr (entry->error, ==, "the address is in use");
  g_assert_true (engine_instance (engine, 1)->alive);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
  /* With nobody to wait for it is said at once. */
  engine_set (engine, "web", "StopTimeout=2s\nListen=http=tcp:127.0.0.1:8080\n");
  engine_apply (engine, "web");
  engine_run (engine, 0);
  engine_expect (engine, "ReloadFailed wait");
}

static void
test_cut_before_a_look (Engine *engine)
{
  HrService *service =
      engine_start_with (engine, "Listen=http=tcp:127.0.0.1:8080\n[Health]\nProbe=exec:probe\n", &RETIRES);

  engine_instance (engine, 0)->connections = 2;
  engine_save (engine, "main", "two");
  engine_run (engine, 400 * MSEC);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  g_assert_false (engine_instance (engine, 0)->retired);
  engine_save (engine, "main", "three");
  engine_run (engine, 500 * MSEC);
  g_assert_true (engine_instance (engine, 0)->retired);
  expect_cut (service, 1, 2);
}

static void
test_stop (Engine *engine)
{
  HrService *service = handed_over (engine, "", &RETIRES);
  HrJob *job = hr_service_stop (service, "somebody");

  engine_run (engine, SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 0);
}

static void
test_ends_by_itself (Engine *engine)
{
  HrService *service = handed_over (engine, "", &RETIRES);

  engine_forget (engine);
  hr_fake_instance_exit (engine_instance (engine, 0), 1);
  engine_run (engine, 60 * SECOND);
  engine_expect (engine, "");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, 0);
}

static void
test_accepting (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &RETIRES);
  HrJob *job;

  engine_instance (engine, 0)->program.keeps_listeners = TRUE;
  job = hr_service_reload (service, "somebody");
  engine_run (engine, 500 * MSEC);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_RUNNING);
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, 0);
  engine_instance (engine, 0)->program.keeps_listeners = FALSE;
  engine_run (engine, 100 * MSEC);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_false (engine_instance (engine, 0)->alive);
}

static void
test_unknown (Engine *engine)
{
  engine_start_with (engine, "", &RETIRES);
  engine_instance (engine, 0)->connections = -1;
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, SIGTERM);
}

/* A look that fails for the moment says nothing about what is under way. */
static void
test_failed_look (Engine *engine)
{
  HrFakeInstance *old;

  handed_over (engine, "DrainTimeout=5s\n", &RETIRES);
  old = engine_instance (engine, 0);
  old->failing_counts = 2;
  engine_run (engine, SECOND);
  g_assert_cmpuint (old->failing_counts, ==, 0);
  g_assert_cmpint (old->signalled, ==, 0);
  old->connections = 0;
  engine_run (engine, SECOND);
  g_assert_cmpint (old->signalled, ==, SIGTERM);
}

/* Nor does it when it goes on: time is up all the same. */
static void
test_failing_looks (Engine *engine)
{
  HrFakeInstance *old;

  handed_over (engine, "DrainTimeout=5s\n", &RETIRES);
  old = engine_instance (engine, 0);
  old->failing_counts = G_MAXUINT;
  engine_run (engine, 3 * SECOND);
  g_assert_cmpint (old->signalled, ==, 0);
  engine_run (engine, 3 * SECOND);
  g_assert_cmpint (old->signalled, ==, SIGTERM);
}

static void
test_cannot_retire (Engine *engine)
{
  handed_over (engine, "", &(HrFakeProgram){ 0 });
  g_assert_false (engine_instance (engine, 0)->retired);
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, SIGTERM);
}

/* A reload that stops the old instance first. */
static HrFakeInstance *
begin_sequential (Engine *engine, const HrFakeProgram *program)
{
  HrService *service = engine_start_with (engine, "Handover=sequential\nStopTimeout=3s\n", program);

  engine_instance (engine, 0)->connections = 3;
  engine_instance (engine, 0)->idle_connections = 1;
  hr_service_reload (service, "somebody");
  engine_run (engine, 500 * MSEC);
  return engine_instance (engine, 0);
}

static void
test_sequential (Engine *engine)
{
  HrFakeInstance *old = begin_sequential (engine, &RETIRES);

  g_assert_true (old->retired);
  g_assert_cmpint (old->signalled, ==, 0);
  /* One that waits for its next request is left. */
  old->connections = 1;
  engine_run (engine, 250 * MSEC);
  g_assert_cmpint (old->signalled, ==, SIGTERM);
  engine_run (engine, SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
}

static void
test_sequential_bound (Engine *engine)
{
  HrFakeProgram deaf = RETIRES;
  HrFakeInstance *old;

  deaf.ignores_stop = TRUE;
  old = begin_sequential (engine, &deaf);
  engine_run (engine, 500 * MSEC);
  g_assert_cmpint (old->signalled, ==, SIGTERM);
  g_assert_false (old->killed);
  /* StopTimeout counts from the beginning. */
  engine_run (engine, 1900 * MSEC);
  g_assert_false (old->killed);
  engine_run (engine, 200 * MSEC);
  g_assert_true (old->killed);
}

/* It was ready, and so may have accepted; nothing of that is cut off when its probe fails. */
static void
test_rejected (Engine *engine)
{
  HrFakeInstance *candidate;

  engine_start_with (engine, "[Health]\nProbe=exec:probe\nInterval=500ms\nFailures=2\n", &RETIRES);
  engine->platform->prober->illness = "ill";
  engine_save (engine, "main", "two");
  engine_run (engine, 200 * MSEC);
  candidate = engine_instance (engine, 1);
  candidate->connections = 1;
  engine_run (engine, 500 * MSEC);
  g_assert_true (candidate->retired);
  g_assert_cmpint (candidate->signalled, ==, 0);
  candidate->connections = 0;
  engine_run (engine, 300 * MSEC);
  g_assert_false (candidate->alive);
  g_assert_cmpint (candidate->signalled, ==, SIGTERM);
  g_assert_true (engine_instance (engine, 0)->alive);
  g_assert_false (engine_instance (engine, 0)->retired);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/drain/what-was-accepted-is-finished-before-the-signal", test_finishes);
  engine_add ("/drain/without-connections-it-stops-at-once", test_idle);
  engine_add ("/drain/an-address-that-the-old-one-has-is-waited-for", test_address_of_the_old_one);
  engine_add ("/drain/an-address-that-somebody-else-has-is-not", test_address_of_somebody_else);
  engine_add ("/drain/after-drain-timeout-it-is-stopped-then-killed", test_timeout);
  engine_add ("/drain/what-was-cut-is-known-after-a-reexecution", test_cut_is_known_after_a_reexecution);
  engine_add ("/drain/no-request-comes-between-the-last-answer-and-the-signal", test_last_request);
  engine_add ("/drain/the-next-reload-cuts-it-short", test_next_reload);
  engine_add ("/drain/what-is-cut-before-it-was-looked-at-is-counted", test_cut_before_a_look);
  engine_add ("/drain/a-stop-cuts-it-short", test_stop);
  engine_add ("/drain/its-own-end-is-no-failure-of-the-new-release", test_ends_by_itself);
  engine_add ("/drain/the-job-ends-when-the-last-accept-has", test_accepting);
  engine_add ("/drain/what-cannot-be-counted-is-not-waited-for", test_unknown);
  engine_add ("/drain/a-look-that-fails-is-repeated", test_failed_look);
  engine_add ("/drain/looks-that-fail-end-with-drain-timeout", test_failing_looks);
  engine_add ("/drain/what-cannot-be-held-is-told-to-stop", test_cannot_retire);
  engine_add ("/drain/what-is-stopped-first-answers-what-is-under-way", test_sequential);
  engine_add ("/drain/what-is-stopped-first-is-not-waited-for-long", test_sequential_bound);
  engine_add ("/drain/a-rejected-candidate-answers-what-is-under-way", test_rejected);
  return g_test_run ();
}
