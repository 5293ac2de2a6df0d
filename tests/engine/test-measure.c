/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a reload says of itself: the time in which nobody served, the longest wait in the queue, the times of its phases.
 */
#include <signal.h>

#include "engine-fixture.h"

#define LISTENS "Listen=http=tcp:127.0.0.1:8080\n"
#define NOT_KNOWN -1

static const HrFakeProgram stateful = { .opens_state = TRUE, .keeps = TRUE };

/* The newest entry; its phases add up to its duration. */
static HrHistoryEntry *
newest (Engine *engine)
{
  HrHistoryEntry *entry = engine_history (engine);
  gint64 sum = 0, usec;

  for (guint i = 0; i < hr_phase_times_count (entry->phases); i++)
    {
      hr_phase_times_get (entry->phases, i, &usec);
      sum += usec;
    }
  g_assert_cmpint (sum, ==, entry->duration_usec);
  return entry;
}

static void
expect_phases (const HrHistoryEntry *entry, const char *expected)
{
  g_autoptr (GString) text = g_string_new (NULL);
  gint64 usec;

  for (guint i = 0; i < hr_phase_times_count (entry->phases); i++)
    {
      const char *phase = hr_phase_times_get (entry->phases, i, &usec);

      g_string_append_printf (text, "%s%s %d", i > 0 ? ", " : "", phase, (int)(usec / MSEC));
    }
  g_assert_cmpstr (text->str, ==, expected);
}

static void
expect_downtime (Engine *engine, gint64 downtime)
{
  g_autoptr (HrHistoryEntry) entry = newest (engine);

  g_assert_cmpint (entry->downtime_usec, ==, downtime);
}

static void
expect_wait (Engine *engine, gint64 wait)
{
  g_autoptr (HrHistoryEntry) entry = newest (engine);

  g_assert_cmpint (entry->queue_wait_usec, ==, wait);
}

/* Phases */

static void
test_phases (Engine *engine)
{
  const HrFakeProgram slow = { .ready_after = 300 * MSEC };
  g_autoptr (HrHistoryEntry) entry = NULL;

  engine_start (engine, "");
  hr_fake_launcher_next (engine->launcher, &slow);
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  entry = newest (engine);
  expect_phases (entry, "record 0, place 0, check 0, start 0, ready 300, verify 0, switch 0");
  g_assert_cmpint (entry->downtime_usec, ==, 0);
}

/* It waits to be ready before and after the state comes: that is one phase. */
static void
test_phases_with_state (Engine *engine)
{
  const HrFakeProgram slow = { .opens_state = TRUE, .keeps = TRUE, .ready_after = 300 * MSEC };
  g_autoptr (HrHistoryEntry) entry = NULL;

  engine_start_with (engine, "", &stateful);
  engine_instance (engine, 0)->program.stop_takes = 200 * MSEC;
  hr_fake_launcher_next (engine->launcher, &slow);
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  entry = newest (engine);
  expect_phases (entry, "record 0, place 0, check 0, start 0, preserve 200, ready 300, verify 0, switch 0");
  g_assert_cmpint (entry->downtime_usec, ==, 500 * MSEC);
}

/* What a failure costs is told apart: a candidate that was ready may take its time to end. */
static void
test_phases_of_a_failure (Engine *engine)
{
  const HrFakeProgram slow = { .stop_takes = 400 * MSEC };
  g_autoptr (HrHistoryEntry) entry = NULL;

  engine_start (engine, "[Health]\nProbe=exec:true\nFailures=1\n");
  hr_fake_launcher_next (engine->launcher, &slow);
  engine->platform->prober->illness = "no answer";
  engine_save (engine, "main", "two");
  engine_run (engine, 2 * SECOND);
  entry = newest (engine);
  g_assert_false (entry->success);
  g_assert_cmpstr (entry->phase, ==, "verify");
  expect_phases (entry, "record 0, place 0, check 0, start 0, ready 0, verify 0, fallback 400");
  g_assert_cmpint (entry->downtime_usec, ==, 0);
}

/* Downtime */

/* The old one dies while the new one is not ready yet: nobody serves until it is started again. */
static void
test_crash_during_overlap (Engine *engine)
{
  const HrFakeProgram slow = { .ready_after = 1 * SECOND };

  engine_start (engine, "");
  hr_fake_launcher_next (engine->launcher, &slow);
  engine_save (engine, "main", "two");
  engine_run (engine, 500 * MSEC);
  hr_fake_instance_exit (engine_instance (engine, 0), 1);
  engine_run (engine, 2 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  {
    g_autoptr (HrHistoryEntry) entry = newest (engine);

    /* RestartDelay, with its jitter. */
    g_assert_cmpint (entry->downtime_usec, >=, 100 * MSEC);
    g_assert_cmpint (entry->downtime_usec, <=, 110 * MSEC);
  }
}

/* The old one dies while the new one is tried, which fails: the job tells of its part, the next of the rest. */
static void
test_crash_and_failure (Engine *engine)
{
  HrService *service = engine_start (engine, "Restart=no\n");
  const HrFakeProgram bad = { .ready_after = 9 * SECOND, .exits_after = 1 * SECOND, .exit_code = 1 };
  g_autoptr (HrHistoryEntry) failed = NULL;

  hr_fake_launcher_next (engine->launcher, &bad);
  hr_service_reload (service, "tester");
  engine_run (engine, 400 * MSEC);
  hr_fake_instance_exit (engine_instance (engine, 0), 1);
  engine_run (engine, 100 * MSEC);
  engine_run (engine, 500 * MSEC);
  engine_run (engine, 1 * MSEC);
  failed = newest (engine);
  g_assert_false (failed->success);
  g_assert_cmpint (failed->downtime_usec, ==, 600 * MSEC);
}

/* Neither the new one nor the old one again: nobody serves until the job ends, and after it. */
static void
test_nothing_comes_back (Engine *engine)
{
  HrService *service = engine_start_with (engine, "Restart=no\n", &stateful);
  const HrFakeProgram bad = {
    .opens_state = TRUE, .ready_after = 9 * SECOND, .exits_after = 500 * MSEC, .exit_code = 1
  };
  const HrFakeProgram worse = { .ready_after = 9 * SECOND, .exits_after = 300 * MSEC, .exit_code = 1 };
  gint64 both = 0;

  hr_fake_launcher_next (engine->launcher, &bad);
  hr_fake_launcher_next (engine->launcher, &worse);
  hr_service_reload (service, "tester");
  engine_run (engine, 1 * SECOND);
  {
    g_autoptr (HrHistoryEntry) entry = newest (engine);

    g_assert_false (entry->success);
    g_assert_cmpint (entry->downtime_usec, ==, 800 * MSEC);
    both = entry->downtime_usec;
  }
  engine_run (engine, 1200 * MSEC);
  hr_service_reload (service, "tester");
  engine_run (engine, 1 * SECOND);
  {
    g_autoptr (HrHistoryEntry) entry = newest (engine);

    g_assert_true (entry->success);
    both += entry->downtime_usec;
  }
  /* Every moment is told once: from the stop, at 0, to the reload that worked, at 2.2 s. */
  g_assert_cmpint (both, ==, 2200 * MSEC);
}

/* The supervision had started it anew, and it becomes ready while a reload is under way. */
static void
test_ready_during_reload (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  const HrFakeProgram slow = { .ready_after = 500 * MSEC };
  const HrFakeProgram slower = { .ready_after = 2 * SECOND };

  hr_fake_launcher_next (engine->launcher, &slow);
  hr_fake_launcher_next (engine->launcher, &slower);
  hr_fake_instance_exit (engine_instance (engine, 0), 1);
  while (engine->launcher->instances->len < 2)
    engine_run (engine, 1 * MSEC);
  engine_run (engine, 100 * MSEC);
  hr_service_reload (service, "tester");
  engine_run (engine, 4 * SECOND);
  {
    g_autoptr (HrHistoryEntry) entry = newest (engine);

    g_assert_true (entry->success);
    g_assert_cmpint (entry->downtime_usec, >, 500 * MSEC);
    g_assert_cmpint (entry->downtime_usec, <, 700 * MSEC);
  }
}

/* A restart after a crash is over when the next reload begins: that is not its downtime. */
static void
test_restart_is_none_of_it (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  hr_fake_instance_exit (engine_instance (engine, 0), 1);
  engine_run (engine, 2 * SECOND);
  hr_service_reload (service, "tester");
  engine_run (engine, 1 * SECOND);
  expect_downtime (engine, 0);
}

#define TOLD (700 * MSEC)

/* Its end is told when nothing of it is left, which takes its time; nobody is served from its end on. */
static void
test_crash_told_late (Engine *engine)
{
  const HrFakeProgram slow = { .ready_after = 1 * SECOND };

  engine_start (engine, "Restart=no\n");
  hr_fake_launcher_next (engine->launcher, &slow);
  engine_save (engine, "main", "two");
  engine_run (engine, 500 * MSEC);
  engine_instance (engine, 0)->program.told_after = TOLD;
  hr_fake_instance_end_by (engine_instance (engine, 0), SIGKILL);
  /* Until the new one is ready, which began after Settle. */
  engine_run (engine, 2 * SECOND);
  {
    g_autoptr (HrHistoryEntry) entry = newest (engine);
    gint64 usec, ready = 0;

    for (guint i = 0; i < hr_phase_times_count (entry->phases); i++)
      if (g_str_equal (hr_phase_times_get (entry->phases, i, &usec), "ready"))
        ready = usec;
    g_assert_true (entry->success);
    g_assert_cmpint (ready, ==, 1 * SECOND);
    g_assert_cmpint (entry->downtime_usec, ==, 550 * MSEC);
  }
}

/* The release that was just switched to dies: what the rollback tells of begins with that, not with the telling. */
static void
test_crash_and_rollback (Engine *engine)
{
  const HrFakeProgram bad = { .exits_after = 2 * SECOND, .exit_code = 1, .told_after = TOLD };
  const HrFakeProgram slow = { .ready_after = 200 * MSEC };

  engine_start (engine, "");
  hr_fake_launcher_next (engine->launcher, &bad);
  hr_fake_launcher_next (engine->launcher, &slow);
  engine_save (engine, "main", "two");
  engine_run (engine, 10 * SECOND);
  engine_expect (engine,
                 "FileChanged main | ReloadStarted 2 | ReloadCompleted 2 | ReloadStarted 1 | ReloadCompleted 1 | "
                 "RolledBack 2>1");
  expect_downtime (engine, TOLD + 200 * MSEC);
}

/* Of several, the last one that goes begins it, in whatever order their ends are told. */
static void
test_last_of_several (Engine *engine)
{
  HrService *service = engine_start (engine, "Instances=2\nRestart=no\n");
  HrJob *job;

  engine_run (engine, 1 * SECOND);
  engine_instance (engine, 0)->program.told_after = TOLD;
  engine_instance (engine, 1)->program.told_after = 100 * MSEC;
  hr_fake_instance_end_by (engine_instance (engine, 0), SIGKILL);
  engine_run (engine, 300 * MSEC);
  g_assert_cmpuint (hr_service_get_serving (service), ==, 1);
  hr_fake_instance_end_by (engine_instance (engine, 1), SIGKILL);
  g_assert_cmpuint (hr_service_get_serving (service), ==, 0);
  engine_run (engine, 1 * SECOND);
  job = hr_service_start (service, "tester");
  engine_run (engine, 1 * SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_cmpint (hr_job_get_outcome (job)->downtime_usec, ==, 1 * SECOND);
}

/* What is shown changes when it is known what follows. */
static void
test_state_while_untold (Engine *engine)
{
  HrService *service = engine_start (engine, "Restart=no\n");

  engine_instance (engine, 0)->program.told_after = TOLD;
  hr_fake_instance_exit (engine_instance (engine, 0), 0);
  hr_fake_instance_say (engine_instance (engine, 0), "STATUS=last words");
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  engine_run (engine, TOLD);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
}

/* Nothing was served that could cease. */
static void
test_first_start (Engine *engine)
{
  const HrFakeProgram slow = { .ready_after = 500 * MSEC };

  engine_start_with (engine, "", &slow);
  expect_downtime (engine, 0);
}

/* The queue */

static void
test_wait_seen_by_instances (Engine *engine)
{
  HrFakeInstance *old, *new;
  guint looks;

  engine_start (engine, LISTENS);
  old = engine_instance (engine, 0);
  g_assert_false (old->measures);
  looks = engine_parts (engine)->listeners->look.calls;
  engine->launcher->program.wait = 7 * MSEC;
  engine->launcher->program.ready_after = 100 * MSEC;
  engine_save (engine, "main", "two");
  engine_run (engine, 80 * MSEC);
  new = engine_instance (engine, 1);
  g_assert_true (old->measures);
  g_assert_true (new->measures);
  old->wait = 12 * MSEC;
  engine_run (engine, 1 * SECOND);
  expect_wait (engine, 12 * MSEC);
  /* Outside of reloads nothing is measured, nor was anything looked for: somebody served all the time. */
  g_assert_false (old->measures);
  g_assert_false (new->measures);
  g_assert_cmpuint (engine_parts (engine)->listeners->look.calls, ==, looks);
}

/* While nobody serves, and once when somebody does: what waits then no instance has told of. */
static void
test_wait_in_the_queue (Engine *engine)
{
  const HrFakeProgram program = { .stop_takes = 300 * MSEC, .ready_after = 200 * MSEC, .wait = NOT_KNOWN };
  HrFakeListeners *listeners;
  guint looks;

  engine_start_with (engine, "Handover=sequential\n" LISTENS, &program);
  listeners = engine_parts (engine)->listeners;
  engine_save (engine, "main", "two");
  engine_run (engine, 500 * MSEC);
  g_assert_cmpuint (listeners->look.calls, >=, 4);
  listeners->queue_wait = 430 * MSEC;
  engine_run (engine, 1 * SECOND);
  expect_wait (engine, 430 * MSEC);
  looks = listeners->look.calls;
  engine_run (engine, 10 * SECOND);
  g_assert_cmpuint (listeners->look.calls, ==, looks);
}

/* An instance served all the time, and yet there is somebody whom none has accepted: the old one hangs. */
static void
test_wait_for_what_hangs (Engine *engine)
{
  const HrFakeProgram program = { .wait = 2 * MSEC };
  HrFakeListeners *listeners;

  engine_start_with (engine, LISTENS, &program);
  listeners = engine_parts (engine)->listeners;
  listeners->waiting = 1;
  listeners->queue_wait = 430 * MSEC;
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  expect_wait (engine, 430 * MSEC);
}

static void
test_wait_of_the_way_back (Engine *engine)
{
  HrService *service = engine_start_with (engine, LISTENS, &stateful);
  const HrFakeProgram bad = {
    .opens_state = TRUE, .ready_after = 9 * SECOND, .exits_after = 500 * MSEC, .exit_code = 1
  };
  const HrFakeProgram again = { .wait = 520 * MSEC };

  hr_fake_launcher_next (engine->launcher, &bad);
  hr_fake_launcher_next (engine->launcher, &again);
  hr_service_reload (service, "tester");
  engine_run (engine, 2 * SECOND);
  engine_expect (engine, "ReloadStarted 1 | StatePreserved | ReloadFailed ready | RolledBack 1>1");
  expect_wait (engine, 520 * MSEC);
  g_assert_false (engine_instance (engine, 2)->measures);
}

/* Where nothing can be known, nothing is said: neither of programs that nobody sees accept, nor without a listener. */
static void
test_wait_not_known (Engine *engine)
{
  const HrFakeProgram unseen = { .wait = NOT_KNOWN };

  engine_start_with (engine, LISTENS, &unseen);
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  expect_wait (engine, NOT_KNOWN);
}

static void
test_wait_without_listener (Engine *engine)
{
  engine_start (engine, "");
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  expect_wait (engine, NOT_KNOWN);
}

/* The new one dies while the end waits for the last look: it is a failure all the same. */
static void
test_death_at_the_last_look (Engine *engine)
{
  const HrFakeProgram program = { .stop_takes = 100 * MSEC };
  HrService *service = engine_start_with (engine, "Handover=sequential\n" LISTENS, &program);
  HrFakeListeners *listeners = engine_parts (engine)->listeners;

  hr_service_reload (service, "tester");
  engine_run (engine, 90 * MSEC);
  hr_fake_gate_hold (&listeners->look);
  engine_run (engine, 100 * MSEC);
  engine_expect (engine, "ReloadStarted 1");
  hr_fake_instance_exit (engine_instance (engine, 1), 1);
  hr_fake_gate_release (&listeners->look);
  engine_run (engine, 2 * SECOND);
  engine_expect (engine, "ReloadFailed switch | RolledBack 1>1");
}

/* The kernel does not answer: the end does not wait for it for ever. */
static void
test_last_look_has_a_deadline (Engine *engine)
{
  const HrFakeProgram program = { .stop_takes = 100 * MSEC };
  HrService *service = engine_start_with (engine, "Handover=sequential\n" LISTENS, &program);
  HrFakeListeners *listeners = engine_parts (engine)->listeners;

  hr_service_reload (service, "tester");
  engine_run (engine, 90 * MSEC);
  hr_fake_gate_hold (&listeners->look);
  engine_run (engine, 2 * SECOND);
  engine_expect (engine, "ReloadStarted 1 | ReloadCompleted 1");
  hr_fake_gate_release (&listeners->look);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/measure/phases", test_phases);
  engine_add ("/measure/phases-with-state", test_phases_with_state);
  engine_add ("/measure/phases-of-a-failure", test_phases_of_a_failure);
  engine_add ("/measure/downtime/crash-of-the-old-one-during-an-overlap", test_crash_during_overlap);
  engine_add ("/measure/downtime/crash-of-the-old-one-and-failure", test_crash_and_failure);
  engine_add ("/measure/downtime/nothing-comes-back", test_nothing_comes_back);
  engine_add ("/measure/downtime/old-one-becomes-ready-during-a-reload", test_ready_during_reload);
  engine_add ("/measure/downtime/a-restart-is-none-of-the-next-reload", test_restart_is_none_of_it);
  engine_add ("/measure/downtime/begins-with-the-end-and-not-when-it-is-told", test_crash_told_late);
  engine_add ("/measure/downtime/of-a-rollback-begins-with-the-end", test_crash_and_rollback);
  engine_add ("/measure/downtime/of-several-begins-with-the-last-end", test_last_of_several);
  engine_add ("/measure/downtime/is-not-shown-before-it-is-told-what-follows", test_state_while_untold);
  engine_add ("/measure/downtime/a-first-start-has-none", test_first_start);
  engine_add ("/measure/queue/instances-tell", test_wait_seen_by_instances);
  engine_add ("/measure/queue/looked-at-while-nobody-serves", test_wait_in_the_queue);
  engine_add ("/measure/queue/of-who-waits-for-an-instance-that-hangs", test_wait_for_what_hangs);
  engine_add ("/measure/queue/of-the-way-back", test_wait_of_the_way_back);
  engine_add ("/measure/queue/not-known", test_wait_not_known);
  engine_add ("/measure/queue/without-listener", test_wait_without_listener);
  engine_add ("/measure/queue/death-at-the-last-look", test_death_at_the_last_look);
  engine_add ("/measure/queue/last-look-has-a-deadline", test_last_look_has_a_deadline);
  return g_test_run ();
}
