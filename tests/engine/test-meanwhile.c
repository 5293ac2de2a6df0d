/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An instance that ends by itself while a reload is under way: as long as the candidate does not serve, it is started
 * again as without one, and the reload ends as it would have. The fakes see to it that never more than two run.
 */
#include "engine-fixture.h"

#include <signal.h>
#include <string.h>

#include "hr-error.h"

#define PROBE "[Health]\nProbe=exec:probe\nInterval=1s\nFailures=2\n"
#define LISTEN "Listen=http=tcp:127.0.0.1:8080\n"
#define CANARY LISTEN "[Canary]\nPercentage=10\n"

#define STARTS (200 * MSEC)
/* RestartDelay with its jitter, and the start. */
#define OUTAGE (110 * MSEC + STARTS)
#define STEP (10 * MSEC)
#define CHECKED (2 * SECOND)

static const HrFakeProgram no_program = { .cannot_execute = "there is no such program" };
static const HrFakeProgram plain = { .ready_after = STARTS, .retires = TRUE };

static void
crash (Engine *engine, guint which)
{
  hr_fake_instance_exit (engine_instance (engine, which), 1);
}

static void
expect_alive (Engine *engine, guint n)
{
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, n);
}

/* Sweeps */

/* What is saved, and what it ends in. */
typedef struct {
  const char *name;
  const char *text;
  HrFakeProgram candidate;
  const char *fault; /* of the check; NULL: it passes */
  const char *end;
  guint64 release;     /* that serves then */
  const char *illness; /* what probes say from then on */
} Sweep;

static const Sweep sweeps[] = {
  { "it-works", "", { .ready_after = SECOND, .retires = TRUE }, NULL, "ReloadCompleted 2", 2 },
  { "it-is-probed", PROBE, { .ready_after = SECOND, .retires = TRUE }, NULL, "ReloadCompleted 2", 2 },
  { "it-is-probed-by-the-network",
    LISTEN "[Health]\nProbe=tcp:127.0.0.1:8080\nInterval=1s\n",
    { .ready_after = SECOND, .retires = TRUE },
    NULL,
    "ReloadCompleted 2",
    2 },
  { "it-is-rejected-by-its-check", "", { .retires = TRUE }, "main:1: invalid syntax", "ReloadFailed check", 1 },
  { "it-ends-before-it-is-ready",
    "",
    { .ready_after = 2 * SECOND, .exits_after = SECOND, .exit_code = 1 },
    NULL,
    "ReloadFailed ready",
    1 },
  { "it-is-never-ready", "StartTimeout=2s\n", { .readiness = HR_FAKE_SAYS_NOTHING }, NULL, "ReloadFailed ready", 1 },
  { "its-probe-fails-and-it-ignores-its-signal",
    "StopTimeout=3s\n" PROBE,
    { .ready_after = SECOND, .ignores_stop = TRUE },
    NULL,
    "ReloadFailed verify",
    1,
    "503" },
};

/* The old one ends at @crash_at after the save. Returns the longest time in which nobody served. */
static gint64
run_sweep (const Sweep *sweep, gint64 crash_at)
{
  g_autoptr (Engine) engine = engine_new ();
  HrService *service = engine_start_with (engine, sweep->text, &plain);
  gint64 outage = 0, longest = 0;

  hr_fake_launcher_next (engine->launcher, &sweep->candidate);
  hr_fake_gate_hold (&engine->platform->checker->check);
  engine->platform->checker->fault = sweep->fault;
  engine_save (engine, "main", "two");
  for (gint64 now = 0; now < 12 * SECOND; now += STEP)
    {
      if (now == crash_at && engine_instance (engine, 0)->alive && engine_instance (engine, 0)->signalled == 0)
        crash (engine, 0);
      if (now == CHECKED)
        {
          engine->platform->prober->illness = sweep->illness;
          hr_fake_gate_release (&engine->platform->checker->check);
        }
      engine_run (engine, STEP);
      outage = hr_service_get_serving (service) > 0 ? 0 : outage + STEP;
      longest = MAX (longest, outage);
    }
  g_assert_cmpuint (hr_service_get_release (service), ==, sweep->release);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  expect_alive (engine, 1);
  /* The candidate may have been the next that was started, or what was started for the old one. */
  if (crash_at > CHECKED || crash_at < 0)
    g_assert_cmpstr (g_ptr_array_index (engine->events, engine->events->len - 1), ==, sweep->end);
  return longest;
}

/* Whenever it ends, nobody waits for longer than without a reload. */
static void
test_sweep (gconstpointer data)
{
  const Sweep *sweep = data;

  g_assert_cmpint (run_sweep (sweep, -1), ==, 0);
  for (gint64 at = CHECKED + STEP; at < CHECKED + 6 * SECOND; at += 7 * STEP)
    g_assert_cmpint (run_sweep (sweep, at), <=, OUTAGE + STEP);
}

/* Before the candidate is started */

/* Where a reload is held up before that. */
static const char *const stops[] = { "scan", "commit", "place", "check" };

static HrFakeGate *
get_gate (Engine *engine, const char *stop)
{
  if (g_str_equal (stop, "scan"))
    return &engine_parts (engine)->store->scan;
  if (g_str_equal (stop, "commit"))
    return &engine_parts (engine)->store->commit;
  if (g_str_equal (stop, "place"))
    return &engine_parts (engine)->slots->place;
  return &engine->platform->checker->check;
}

static HrService *
begin_stopped (Engine *engine, const char *text, const char *stop)
{
  HrService *service = engine_start_with (engine, text, &plain);

  hr_fake_gate_hold (get_gate (engine, stop));
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  g_assert_true (hr_service_is_reloading (service));
  return service;
}

/* Its own release, in its own slot, at once; and the reload goes on from where it was. */
static void
test_stopped (gconstpointer data)
{
  g_autoptr (Engine) engine = engine_new ();
  HrService *service = begin_stopped (engine, "", data);
  HrFakeInstance *again;

  crash (engine, 0);
  engine_run (engine, OUTAGE);
  again = engine_instance (engine, 1);
  g_assert_true (again->alive);
  g_assert_cmpuint (hr_fake_instance_release (again), ==, 1);
  g_assert_cmpstr (hr_fake_instance_getenv (again, "HOTRELOAD_SLOT"), ==,
                   hr_fake_instance_getenv (engine_instance (engine, 0), "HOTRELOAD_SLOT"));
  g_assert_cmpuint (hr_service_get_serving (service), ==, 1);
  g_assert_cmpuint (hr_service_get_restarts (service), ==, 1);
  engine_run (engine, 10 * SECOND);
  g_assert_true (hr_service_is_reloading (service));
  hr_fake_gate_release (get_gate (engine, data));
  engine_run (engine, PROVEN);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  g_assert_true (again->retired);
  g_assert_false (again->alive);
  expect_alive (engine, 1);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
  {
    g_autoptr (HrHistoryEntry) entry = engine_history (engine);

    /* What is told is the outage, and nothing of the rest. */
    g_assert_cmpint (entry->downtime_usec, <=, OUTAGE);
    g_assert_cmpint (entry->downtime_usec, >=, 100 * MSEC + STARTS);
    g_assert_cmpuint (entry->previous_release, ==, 1);
  }
}

/* It had ended just before the save: the restart that is due is not put off. */
static void
test_ended_before (Engine *engine)
{
  HrService *service = engine_start_with (engine, "RestartDelay=2s\n", &plain);

  hr_fake_gate_hold (&engine->platform->checker->check);
  crash (engine, 0);
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  g_assert_true (hr_service_is_reloading (service));
  g_assert_cmpuint (hr_service_get_serving (service), ==, 0);
  engine_run (engine, 1500 * MSEC);
  g_assert_cmpuint (hr_service_get_serving (service), ==, 1);
  g_assert_cmpstr (hr_service_get_state (service), ==, "reloading");
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  expect_alive (engine, 1);
  /* They never shared a slot. */
  g_assert_cmpstr (hr_fake_instance_getenv (engine_instance (engine, 1), "HOTRELOAD_SLOT"), !=,
                   hr_fake_instance_getenv (engine_instance (engine, 2), "HOTRELOAD_SLOT"));
}

/* What was retired runs still: it is restarted beside that, and the candidate has to wait for room. */
static void
test_ended_beside_a_drain (Engine *engine)
{
  HrService *service =
      engine_start_with (engine, "RestartDelay=1s\nDrainTimeout=60s\n[PostCheck]\nRollbackAfter=1s\n", &plain);

  engine_instance (engine, 0)->connections = 1;
  engine_instance (engine, 0)->idle_connections = 1;
  engine_save (engine, "main", "two");
  engine_run (engine, 5 * SECOND);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
  expect_alive (engine, 2);
  engine_instance (engine, 0)->program.ignores_stop = TRUE;
  crash (engine, 1);
  engine_save (engine, "main", "three");
  engine_run (engine, 2 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpuint (hr_service_get_serving (service), ==, 1);
  engine_run (engine, 20 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
  expect_alive (engine, 1);
}

/* A reload by hand of the same source, which would run where the old one did. */
static void
test_ended_before_reload_by_hand (Engine *engine)
{
  HrService *service = engine_start_with (engine, "RestartDelay=2s\n", &plain);

  hr_fake_gate_hold (&engine_parts (engine)->store->scan);
  crash (engine, 0);
  hr_service_reload (service, "somebody");
  engine_run (engine, 2500 * MSEC);
  g_assert_cmpuint (hr_service_get_serving (service), ==, 1);
  hr_fake_gate_release (&engine_parts (engine)->store->scan);
  engine_run (engine, PROVEN);
  engine_expect (engine, "ReloadStarted 1 | ReloadCompleted 1");
  expect_alive (engine, 1);
}

/* What a start, a restart or a rollback starts anyway is not started twice. */
static void
test_start_by_hand_takes_its_place (Engine *engine)
{
  HrService *service = engine_start_with (engine, "RestartDelay=1s\n", &plain);
  HrFakeProgram slow = plain;

  slow.ready_after = 10 * SECOND;
  hr_fake_launcher_next (engine->launcher, &slow);
  crash (engine, 0);
  engine_run (engine, 500 * MSEC);
  hr_service_start (service, "somebody");
  for (guint i = 0; i < 10; i++)
    {
      engine_run (engine, SECOND);
      expect_alive (engine, 1);
    }
  engine_run (engine, 2 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
}

/* By the policy */

static void
test_restart_no (Engine *engine)
{
  HrService *service = begin_stopped (engine, "Restart=no\n", "check");

  crash (engine, 0);
  engine_run (engine, 10 * SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 1);
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_null (hr_service_get_error (service));
}

static void
test_restart_no_and_rejected (Engine *engine)
{
  HrService *service = begin_stopped (engine, "Restart=no\n", "check");

  crash (engine, 0);
  engine->platform->checker->fault = "main:1: invalid syntax";
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, 30 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadFailed check");
  g_assert_cmpstr (hr_service_get_state (service), ==, "failed");
  g_assert_cmpuint (engine->launcher->instances->len, ==, 1);
}

/* The delays grow as ever, and the reload begins nothing anew. */
static void
test_backoff (Engine *engine)
{
  HrService *service = begin_stopped (engine, "RestartDelay=1s\nRestartDelayMax=4s\nRestartLimit=0\n", "check");

  engine->launcher->program = (HrFakeProgram){ .ready_after = SECOND, .exits_after = MSEC, .exit_code = 1 };
  crash (engine, 0);
  engine_run (engine, 1150 * MSEC);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
  engine_run (engine, 1700 * MSEC);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
  engine_run (engine, 600 * MSEC);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 3);
  engine->launcher->program = plain;
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  expect_alive (engine, 1);
}

static void
crash_to_limit (Engine *engine)
{
  const HrFakeProgram crashes = { .ready_after = SECOND, .exits_after = MSEC, .exit_code = 1 };

  for (guint i = 0; i < 4; i++)
    hr_fake_launcher_next (engine->launcher, &crashes);
  hr_fake_instance_exit (hr_fake_launcher_last (engine->launcher), 1);
  engine_run (engine, 20 * SECOND);
}

/* At the limit the reload is waited for: it moves to another release, which takes the place of the rollback. */
static void
test_limit_and_success (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &plain);

  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  hr_fake_gate_hold (&engine->platform->checker->check);
  engine_save (engine, "main", "three");
  engine_run (engine, SECOND);
  crash_to_limit (engine);
  g_assert_true (hr_service_is_reloading (service));
  expect_alive (engine, 0);
  engine_forget (engine);
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, PROVEN);
  engine_expect (engine, "ReloadCompleted 3");
  expect_alive (engine, 1);
}

static void
test_limit_and_failure (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &plain);

  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  hr_fake_gate_hold (&engine->platform->checker->check);
  engine_save (engine, "main", "three");
  engine_run (engine, SECOND);
  crash_to_limit (engine);
  engine_forget (engine);
  hr_fake_launcher_next (engine->launcher, &no_program);
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, PROVEN);
  engine_expect (engine, "ReloadFailed start | ReloadStarted 1 | ReloadCompleted 1 | RolledBack 2>1");
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  expect_alive (engine, 1);
}

/* With nothing to go back to it is failed; the candidate is its way out. */
static void
test_limit_without_a_way_back (Engine *engine)
{
  HrService *service = begin_stopped (engine, "", "check");

  crash_to_limit (engine);
  g_assert_cmpstr (hr_service_get_state (service), ==, "reloading");
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

/* Nothing is started that a stop would have to end. */
static void
test_stop_waits (Engine *engine)
{
  HrService *service = begin_stopped (engine, "StopTimeout=5s\n", "check");
  const HrFakeProgram stubborn = { .ready_after = 100 * MSEC, .drops_listeners = TRUE, .ignores_stop = TRUE };

  hr_fake_launcher_next (engine->launcher, &stubborn);
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, SECOND);
  expect_alive (engine, 2);
  hr_service_stop (service, "somebody");
  crash (engine, 0);
  engine_run (engine, 2 * SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
  engine_run (engine, 10 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
}

static void
test_stop_while_it_waits_for_its_delay (Engine *engine)
{
  HrService *service = begin_stopped (engine, "RestartDelay=5s\n", "check");

  crash (engine, 0);
  engine_run (engine, SECOND);
  hr_service_stop (service, "somebody");
  engine_run (engine, 60 * SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 1);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
}

/* Unproven releases */

/* Rule 2: the reload has ended the observation. What is started again is watched when it has failed. */
static void
test_unproven (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &plain);

  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  engine_expect_fate (engine, 2, HR_FATE_UNPROVEN);
  hr_fake_gate_hold (&engine->platform->checker->check);
  engine_save (engine, "main", "three");
  engine_run (engine, SECOND);
  crash (engine, 1);
  engine_run (engine, 20 * SECOND);
  g_assert_cmpuint (hr_service_get_serving (service), ==, 1);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  engine_expect_fate (engine, 2, HR_FATE_UNPROVEN);
  engine->platform->checker->fault = "main:1: invalid syntax";
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, PROVEN);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
}

/* It fails its observation while the source is only looked at: the rollback waits for what comes of that, and nobody is
 * left without an instance meanwhile. */
static void
test_fails_observation_during_a_look (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &plain);

  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  hr_fake_gate_hold (&engine_parts (engine)->store->scan);
  hr_fake_gate_hold (&engine->platform->checker->check);
  engine_save (engine, "main", "three");
  engine_run (engine, 500 * MSEC);
  crash (engine, 1);
  engine_run (engine, 500 * MSEC);
  hr_fake_gate_release (&engine_parts (engine)->store->scan);
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_service_get_serving (service), ==, 1);
  hr_fake_launcher_next (engine->launcher, &no_program);
  engine_forget (engine);
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, PROVEN);
  engine_expect (engine, "ReloadFailed start | ReloadStarted 1 | ReloadCompleted 1 | RolledBack 2>1");
  expect_alive (engine, 1);
}

/* State */

static const HrFakeProgram keeper = { .opens_state = TRUE, .keeps = TRUE, .ready_after = STARTS, .retires = TRUE };

static HrService *
begin_with_state (Engine *engine)
{
  const HrFakeProgram first = { .opens_state = TRUE, .leaves = "{\"n\":7}", .ready_after = STARTS };
  HrService *service;

  hr_fake_launcher_next (engine->launcher, &first);
  service = engine_start_with (engine, "", &keeper);
  hr_service_restart (service, "somebody");
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_fake_launcher_last (engine->launcher)->state, ==, "{\"n\":7}");
  engine_forget (engine);
  return service;
}

/* What was started again has the state, and hands it on. */
static void
test_state_goes_on (Engine *engine)
{
  HrService *service = begin_with_state (engine);

  hr_fake_gate_hold (&engine->platform->checker->check);
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  crash (engine, 1);
  engine_run (engine, OUTAGE);
  g_assert_cmpuint (hr_service_get_serving (service), ==, 1);
  g_assert_cmpstr (engine_instance (engine, 2)->state, ==, "{\"n\":7}");
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, PROVEN);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | StatePreserved | StateRestored | ReloadCompleted 2");
  g_assert_cmpstr (engine_instance (engine, 3)->state, ==, "{\"n\":7}");
}

/* The candidate asks for it before what was started again has read it: what that leaves is not the state. */
static void
test_state_of_what_never_read_it (Engine *engine)
{
  HrService *service = begin_with_state (engine);
  const HrFakeProgram hasty = { .ready_after = 5 * SECOND, .leaves = "{}" };

  hr_fake_gate_hold (&engine->platform->checker->check);
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  hr_fake_launcher_next (engine->launcher, &hasty);
  crash (engine, 1);
  engine_run (engine, OUTAGE);
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, PROVEN);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | StateRestored | ReloadCompleted 2");
  g_assert_cmpstr (hr_fake_launcher_last (engine->launcher)->state, ==, "{\"n\":7}");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

/* It had ended before the save, so that the candidate gets the state at its start: nobody else goes on with it then. */
static void
test_state_has_one_holder (Engine *engine)
{
  HrFakeProgram slow = keeper;
  HrService *service = engine_start_with (engine, "RestartDelay=500ms\n", &keeper);

  slow.ready_after = 3 * SECOND;
  hr_fake_launcher_next (engine->launcher, &slow);
  crash (engine, 0);
  engine_save (engine, "main", "two");
  engine_run (engine, 2 * SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
  engine_run (engine, 2 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  expect_alive (engine, 1);
}

/* Ends before, where both at once must not be */

static void
test_sequential (Engine *engine)
{
  HrService *service = begin_stopped (engine, "Handover=sequential\n", "check");
  HrFakeProgram slow = plain;

  /* Before the candidate it is started again. */
  crash (engine, 0);
  engine_run (engine, OUTAGE);
  g_assert_cmpuint (hr_service_get_serving (service), ==, 1);
  /* It is due when the candidate is started: that comes in its place. */
  slow.ready_after = 5 * SECOND;
  hr_fake_launcher_next (engine->launcher, &slow);
  crash (engine, 1);
  hr_fake_gate_release (&engine->platform->checker->check);
  for (guint i = 0; i < 500; i++)
    {
      engine_run (engine, STEP);
      g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), <=, 1);
    }
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 3);
}

static void
test_sequential_and_failure (Engine *engine)
{
  HrService *service = begin_stopped (engine, "Handover=sequential\n", "check");
  const HrFakeProgram bad = { .ready_after = 2 * SECOND, .exits_after = SECOND, .exit_code = 1 };

  hr_fake_launcher_next (engine->launcher, &bad);
  crash (engine, 0);
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, PROVEN);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadFailed ready | RolledBack 2>1");
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpuint (hr_service_get_serving (service), ==, 1);
  expect_alive (engine, 1);
}

/* Nobody can tell them apart: what is probed must be alone. */
static void
test_shares_sockets_with_a_probe (Engine *engine)
{
  HrService *service = engine_start_with (engine, LISTEN "[Health]\nProbe=tcp:127.0.0.1:8080\nInterval=1s\n", &plain);
  HrFakeProgram slow = plain;

  engine_parts (engine)->listeners->separate_failure = "there is but one address";
  hr_fake_gate_hold (&engine->platform->checker->check);
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  slow.ready_after = 2 * SECOND;
  hr_fake_launcher_next (engine->launcher, &slow);
  crash (engine, 0);
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, SECOND);
  expect_alive (engine, 1);
  engine_run (engine, 2 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
}

/* The candidate would find the address in use that the one before binds. */
static void
test_unseen_bind_the_same_address (Engine *engine)
{
  const HrFakeProgram unseen = { .unseen = HR_UNSEEN_STATIC, .is_static = TRUE, .ready_after = STARTS };
  HrService *service = engine_start_with (engine, "", &unseen);

  hr_fake_gate_hold (&engine->platform->checker->check);
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  crash (engine, 0);
  hr_fake_gate_release (&engine->platform->checker->check);
  for (guint i = 0; i < 100; i++)
    {
      engine_run (engine, STEP);
      g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), <=, 1);
    }
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

/* The canary */

/* The canary is decided on although the old one is about to be started again. */
static void
test_canary_beside_what_was_started_again (Engine *engine)
{
  HrService *service = begin_stopped (engine, CANARY, "place");

  crash (engine, 0);
  engine_run (engine, OUTAGE);
  hr_fake_gate_release (&engine_parts (engine)->slots->place);
  engine_run (engine, SECOND);
  g_assert_nonnull (hr_service_get_canary (service));
  expect_alive (engine, 2);
  /* Its end is heard of, too. */
  crash (engine, 1);
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  expect_alive (engine, 1);
}

/* Where nothing serves beside it there is none: what has proven itself so far is better than nothing. */
static void
test_no_canary_beside_nothing (Engine *engine)
{
  HrService *service = begin_stopped (engine, CANARY "[Service]\nRestartDelay=10s\n", "check");
  g_autoptr (HrHistoryEntry) entry = NULL;

  crash (engine, 0);
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, SECOND);
  g_assert_null (hr_service_get_canary (service));
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  entry = engine_history (engine);
  g_assert_cmpstr (entry->canary, ==, "took over at 0%: the instance before had ended by itself");
  engine_run (engine, 20 * SECOND);
  expect_alive (engine, 1);
}

/* Several */

static void
test_all_of_several (Engine *engine)
{
  HrService *service;

  engine->launcher->most = 6;
  service = begin_stopped (engine, "Instances=3\n", "check");
  for (guint i = 0; i < 3; i++)
    crash (engine, i);
  engine_run (engine, OUTAGE);
  g_assert_cmpuint (hr_service_get_serving (service), ==, 3);
  engine_run (engine, 10 * SECOND);
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, PROVEN);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  g_assert_cmpuint (hr_service_get_serving (service), ==, 3);
  expect_alive (engine, 3);
}

/* The daemon dies then: what was started again is what runs. */
static void
test_next_daemon (Engine *engine)
{
  HrService *service = begin_stopped (engine, "", "check");
  GPid pid;

  crash (engine, 0);
  engine_run (engine, OUTAGE);
  pid = hr_service_get_pid (service);
  engine_crash (engine);
  service = engine_apply (engine, "web");
  engine_run (engine, 0);
  g_assert_cmpint (hr_service_get_pid (service), ==, pid);
  g_assert_cmpuint (hr_service_get_serving (service), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  for (guint i = 0; i < G_N_ELEMENTS (sweeps); i++)
    {
      g_autofree char *path = g_strdup_printf ("/meanwhile/at-any-moment/%s", sweeps[i].name);

      g_test_add_data_func (path, &sweeps[i], test_sweep);
    }
  for (guint i = 0; i < G_N_ELEMENTS (stops); i++)
    {
      g_autofree char *path = g_strdup_printf ("/meanwhile/started-again-while-held-up/%s", stops[i]);

      g_test_add_data_func (path, stops[i], test_stopped);
    }
  engine_add ("/meanwhile/ended-before-the-save", test_ended_before);
  engine_add ("/meanwhile/ended-beside-a-drain", test_ended_beside_a_drain);
  engine_add ("/meanwhile/ended-before-a-reload-by-hand", test_ended_before_reload_by_hand);
  engine_add ("/meanwhile/a-start-by-hand-takes-its-place", test_start_by_hand_takes_its_place);
  engine_add ("/meanwhile/restart-no", test_restart_no);
  engine_add ("/meanwhile/restart-no-and-rejected", test_restart_no_and_rejected);
  engine_add ("/meanwhile/delays-grow", test_backoff);
  engine_add ("/meanwhile/limit-and-success", test_limit_and_success);
  engine_add ("/meanwhile/limit-and-failure", test_limit_and_failure);
  engine_add ("/meanwhile/limit-without-a-way-back", test_limit_without_a_way_back);
  engine_add ("/meanwhile/a-stop-waits", test_stop_waits);
  engine_add ("/meanwhile/a-stop-during-the-delay", test_stop_while_it_waits_for_its_delay);
  engine_add ("/meanwhile/unproven-stays-unproven", test_unproven);
  engine_add ("/meanwhile/fails-its-observation-during-a-look", test_fails_observation_during_a_look);
  engine_add ("/meanwhile/state-goes-on", test_state_goes_on);
  engine_add ("/meanwhile/state-of-what-never-read-it", test_state_of_what_never_read_it);
  engine_add ("/meanwhile/state-has-one-holder", test_state_has_one_holder);
  engine_add ("/meanwhile/sequential-never-twice", test_sequential);
  engine_add ("/meanwhile/sequential-and-failure", test_sequential_and_failure);
  engine_add ("/meanwhile/what-is-probed-is-alone", test_shares_sockets_with_a_probe);
  engine_add ("/meanwhile/unseen-never-twice", test_unseen_bind_the_same_address);
  engine_add ("/meanwhile/canary-beside-what-was-started-again", test_canary_beside_what_was_started_again);
  engine_add ("/meanwhile/no-canary-beside-nothing", test_no_canary_beside_nothing);
  engine_add ("/meanwhile/all-of-several", test_all_of_several);
  engine_add ("/meanwhile/next-daemon", test_next_daemon);
  return g_test_run ();
}
