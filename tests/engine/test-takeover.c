/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The daemon dies in a moment that the test chooses; the next one goes on with what runs.
 */
#include "engine-fixture.h"

/* The daemon dies now; the next one knows its service again. */
static HrService *
die (Engine *engine)
{
  engine_crash (engine);
  return engine_apply (engine, "web");
}

static guint
n_started (Engine *engine)
{
  return engine->launcher->instances->len;
}

static void
test_runs_on (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  gint64 since = hr_service_get_since (service);
  gint64 uptime;

  engine_run (engine, 5 * SECOND);
  uptime = hr_service_get_uptime (service);
  service = die (engine);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpint (hr_service_get_pid (service), ==, engine_instance (engine, 0)->pid);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpint (hr_service_get_since (service), ==, since);
  g_assert_cmpint (hr_service_get_uptime (service), ==, uptime);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (n_started (engine), ==, 1);
  g_assert_cmpuint (engine_n_history (engine), ==, 1);

  /* A reload is as any. */
  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_false (engine_instance (engine, 0)->alive);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 1);
}

static void
test_saved_meanwhile (Engine *engine)
{
  HrService *service;

  engine_start (engine, "");
  engine_crash (engine);
  engine_save (engine, "main", "two");
  service = engine_apply (engine, "web");
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpuint (n_started (engine), ==, 2);
}

/* Watch.Enabled=no: the daemon's own end is no request. */
static void
test_saved_meanwhile_unwatched (Engine *engine)
{
  HrService *service;

  engine_start (engine, "[Watch]\nEnabled=no\n");
  engine_crash (engine);
  engine_save (engine, "main", "two");
  service = engine_apply (engine, "web");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpuint (n_started (engine), ==, 1);
}

/* A file that broke while no daemon ran hurts as little as one that breaks while one does. */
static void
test_broken_meanwhile (Engine *engine)
{
  HrService *service = engine_start (engine, "StopTimeout=3s\n");
  GPid pid = hr_service_get_pid (service);

  engine_crash (engine);
  engine_set_broken (engine, "web");
  service = engine_apply (engine, "web");
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpint (hr_service_get_pid (service), ==, pid);
  g_assert_true (hr_service_is_misconfigured (service));
  g_assert_cmpstr (hr_service_get_error (service), ==, "the file is garbage");
  g_assert_cmpuint (n_started (engine), ==, 1);
  g_assert_cmpuint (engine_n_history (engine), ==, 1);

  /* And again, by the same copy. */
  engine_crash (engine);
  service = engine_apply (engine, "web");
  g_assert_cmpint (hr_service_get_pid (service), ==, pid);
  /* What crashes is started again, as it was. */
  hr_fake_instance_vanish (engine_instance (engine, 0));
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (n_started (engine), ==, 2);

  engine_set (engine, "web", "StopTimeout=4s\n");
  engine_apply (engine, NULL);
  engine_run (engine, PROVEN);
  g_assert_false (hr_service_is_misconfigured (service));
  g_assert_cmpint (hr_service_get_spec (service)->stop_timeout, ==, 4 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 1);
}

/* What has ended meanwhile is not started by a copy. */
static void
test_broken_and_ended_meanwhile (Engine *engine)
{
  HrService *service;

  engine_start (engine, "");
  engine_crash (engine);
  hr_fake_instance_vanish (engine_instance (engine, 0));
  engine_set_broken (engine, "web");
  service = engine_apply (engine, "web");
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_service_get_state (service), ==, "invalid");
  g_assert_cmpuint (n_started (engine), ==, 1);
}

/* How it ended cannot be known: that is no success. */
static void
test_unknown_end (Engine *engine)
{
  HrService *service;

  engine_start (engine, "");
  service = die (engine);
  engine_run (engine, PROVEN);
  hr_fake_instance_vanish (engine_instance (engine, 0));
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_restarts (service), ==, 1);
  g_assert_cmpuint (n_started (engine), ==, 2);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (engine_n_warnings (engine, "*ended with an unknown status*"), ==, 1);
}

/* Unless it said that it stops. */
static void
test_unknown_end_that_was_announced (Engine *engine)
{
  HrService *service;

  engine_start (engine, "");
  service = die (engine);
  engine_run (engine, PROVEN);
  hr_fake_instance_say (engine_instance (engine, 0), "STOPPING=1");
  hr_fake_instance_vanish (engine_instance (engine, 0));
  engine_run (engine, PROVEN);
  g_assert_cmpuint (n_started (engine), ==, 1);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
}

/* One that was told to stop, and did in time, is believed: its state is the service's. */
static void
test_unknown_end_of_a_stop (Engine *engine)
{
  const HrFakeProgram keeps = { .opens_state = TRUE, .stop_takes = 50 * SECOND };
  HrService *service = engine_start_with (engine, "StopTimeout=1min\n", &keeps);
  g_autoptr (GPtrArray) snapshots = NULL;

  service = die (engine);
  hr_service_stop (service, "tester");
  engine_run (engine, 1 * SECOND);
  g_hash_table_insert (engine_parts (engine)->state->written,
                       g_strdup (hr_fake_instance_getenv (engine_instance (engine, 0), "HOTRELOAD_INSTANCE")),
                       g_strdup ("{\"count\": 7}"));
  hr_fake_instance_vanish (engine_instance (engine, 0));
  engine_run (engine, 1 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 0);
  snapshots = hr_service_list_snapshots (service);
  g_assert_cmpuint (snapshots->len, ==, 1);
}

/* The old one serves on; of the candidate nothing is left, and its release is tried again. */
static void
test_candidate (Engine *engine)
{
  const HrFakeProgram slow = { .ready_after = 20 * SECOND, .leaves = "{\"count\": 0}" };
  HrService *service;
  g_autoptr (HrHistoryEntry) entry = NULL;
  g_autoptr (HrHistoryEntry) last = NULL;
  g_autoptr (GPtrArray) snapshots = NULL;

  engine_start (engine, "");
  hr_fake_launcher_next (engine->launcher, &slow);
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  g_assert_cmpuint (n_started (engine), ==, 2);
  service = die (engine);
  entry = engine_history (engine);
  g_assert_false (entry->success);
  g_assert_cmpuint (entry->release, ==, 2);
  g_assert_cmpuint (entry->previous_release, ==, 1);
  g_assert_cmpstr (entry->phase, ==, "ready");
  g_assert_cmpstr (entry->trigger, ==, "file");
  g_assert_cmpstr (entry->error, ==, "the daemon died in phase 'ready'");
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpint (hr_service_get_pid (service), ==, engine_instance (engine, 0)->pid);
  g_assert_cmpuint (engine_n_warnings (engine, "PID 5000002 of release 2 had not been switched to*"), ==, 1);
  engine_run (engine, PROVEN);
  g_assert_false (engine_instance (engine, 1)->alive);
  /* What it wrote on its way out is not the state of the service. */
  snapshots = hr_service_list_snapshots (service);
  g_assert_cmpuint (snapshots->len, ==, 0);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpint (hr_service_get_pid (service), ==, engine_instance (engine, 2)->pid);
  /* That of the first start, of the reload that was interrupted, of the next. */
  g_assert_cmpuint (engine_n_history (engine), ==, 3);
  /* Nothing was started with the daemon: the source differs from what serves. */
  last = engine_history (engine);
  g_assert_cmpstr (last->trigger, ==, "file");
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 1);
}

/* The instance that was taken over has never been looked at by this daemon, and a busy machine takes its time for that. */
static void
test_canary_beside_what_was_taken_over (Engine *engine)
{
  const HrFakeProgram retires = { .retires = TRUE };
  HrService *service;

  engine_start_with (engine, "Listen=http=tcp:127.0.0.1:8080\n[Canary]\nPercentage=10\n", &retires);
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  engine_instance (engine, 0)->n_late_looks = 3;
  service = die (engine);
  engine_run (engine, 1 * SECOND);
  g_assert_cmpuint (engine_instance (engine, 0)->n_late_looks, ==, 0);
  g_assert_nonnull (hr_service_get_canary (service));
  g_assert_true (hr_service_promote_canary (service, "me", NULL));
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

/* What has been switched to serves, and the one before finishes what it has. */
static void
test_switched (Engine *engine)
{
  const HrFakeProgram lingers = { .keeps_listeners = TRUE, .retires = TRUE };
  g_autoptr (HrHistoryEntry) entry = NULL;
  HrService *service;

  engine_start_with (engine, "", &lingers);
  engine_instance (engine, 0)->connections = 1;
  engine_save (engine, "main", "two");
  while (!engine_instance (engine, 0)->retired)
    engine_run (engine, 1 * MSEC);
  service = die (engine);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpint (hr_service_get_pid (service), ==, engine_instance (engine, 1)->pid);
  entry = engine_history (engine);
  g_assert_true (entry->success);
  g_assert_cmpuint (engine_n_history (engine), ==, 2);
  engine_run (engine, 1 * SECOND);
  g_assert_true (engine_instance (engine, 0)->alive);
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, 0);
  engine_instance (engine, 0)->connections = 0;
  engine_instance (engine, 0)->program.keeps_listeners = FALSE;
  engine_run (engine, PROVEN);
  g_assert_false (engine_instance (engine, 0)->alive);
  g_assert_cmpuint (n_started (engine), ==, 2);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
}

/* It was written down that the candidate serves, and its sockets were not the service's yet. */
static void
test_switched_without_its_sockets (Engine *engine)
{
  const HrFakeProgram lingers = { .keeps_listeners = TRUE, .retires = TRUE };
  HrService *service =
      engine_start_with (engine, "Listen=http=tcp:127.0.0.1:8080\n[Canary]\nPercentage=10\n", &lingers);
  HrFakeListeners *listeners = engine_parts (engine)->listeners;
  g_autofree char *candidate = NULL;

  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  g_assert_true (hr_service_promote_canary (service, "me", NULL));
  while (!engine_instance (engine, 0)->retired)
    engine_run (engine, 1 * MSEC);
  candidate = g_strdup (listeners->promoted);
  g_assert_nonnull (candidate);
  listeners->separate = g_steal_pointer (&listeners->promoted);
  service = die (engine);
  listeners = engine_parts (engine)->listeners;
  g_assert_cmpint (hr_service_get_pid (service), ==, engine_instance (engine, 1)->pid);
  g_assert_cmpstr (listeners->promoted, ==, candidate);
  g_assert_null (listeners->separate);
}

/* As any other it has DrainTimeout for that, and what is open then is counted. */
static void
test_switched_and_cut (Engine *engine)
{
  const HrFakeProgram lingers = { .keeps_listeners = TRUE, .retires = TRUE };
  HrService *service;

  engine_start_with (engine, "DrainTimeout=2s\n", &lingers);
  engine_instance (engine, 0)->connections = 3;
  engine_save (engine, "main", "two");
  while (!engine_instance (engine, 0)->retired)
    engine_run (engine, 1 * MSEC);
  service = die (engine);
  engine_instance (engine, 0)->program.keeps_listeners = FALSE;
  engine_run (engine, 4 * SECOND);
  g_assert_false (engine_instance (engine, 0)->alive);
  g_assert_cmpuint (hr_service_get_tally (service)->n_cut, ==, 1);
  g_assert_cmpuint (hr_service_get_tally (service)->connections, ==, 3);
}

/* The old instance has left its state and is gone, the new one goes on with it and is ready: what it changes from then on
 * nobody else has. */
static void
test_heir (Engine *engine)
{
  const HrFakeProgram keeper = { .opens_state = TRUE, .leaves = "{\"count\": 1}" };
  HrService *service =
      engine_start_with (engine, "[Health]\nProbe=exec:probe\nInterval=1s\n[State]\nPreserve=auto\n", &keeper);
  g_autoptr (HrHistoryEntry) entry = NULL;

  hr_fake_gate_hold (&engine->platform->prober->probe);
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  g_assert_cmpuint (n_started (engine), ==, 2);
  g_assert_false (engine_instance (engine, 0)->alive);
  g_assert_cmpstr (engine_instance (engine, 1)->state, ==, keeper.leaves);
  hr_fake_gate_release (&engine->platform->prober->probe);
  service = die (engine);
  g_assert_cmpint (hr_service_get_pid (service), ==, engine_instance (engine, 1)->pid);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (n_started (engine), ==, 2);
  g_assert_false (engine_instance (engine, 1)->killed);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
  entry = engine_history (engine);
  g_assert_true (entry->success);
}

/* What ran had not proven itself yet, and was told to stop for the next release when the daemon died: that is no reason
 * to go back to an older one. */
static void
crash_in_the_handover (Engine *engine)
{
  const HrFakeProgram keeper = { .opens_state = TRUE, .leaves = "{}" };
  const HrFakeProgram slow = { .opens_state = TRUE, .ready_after = 20 * SECOND };
  HrService *service = engine_start_with (engine, "[State]\nPreserve=auto\n", &keeper);

  engine_run (engine, PROVEN);
  engine_expect_fate (engine, 1, HR_FATE_GOOD);
  engine_save (engine, "main", "two");
  engine_run (engine, 4 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  engine_expect_fate (engine, 2, HR_FATE_UNPROVEN);
  hr_fake_launcher_next (engine->launcher, &slow);
  engine_save (engine, "main", "three");
  engine_run (engine, 4 * SECOND);
  g_assert_cmpuint (n_started (engine), ==, 3);
  g_assert_false (engine_instance (engine, 1)->alive);
  engine_crash (engine);
}

static void
expect_unproven_goes_on (Engine *engine)
{
  engine_run (engine, 10 * MSEC);
  g_assert_cmpuint (n_started (engine), >, 3);
  g_assert_cmpuint (hr_fake_instance_release (engine_instance (engine, 3)), ==, 2);
  /* The real one would have been ended. */
  hr_fake_instance_exit (engine_instance (engine, 2), 0);
}

static void
test_unproven_goes_on (Engine *engine)
{
  crash_in_the_handover (engine);
  engine_apply (engine, "web");
  expect_unproven_goes_on (engine);
}

/* Nor is a start that came to nothing, before anything was started. */
static void
test_unproven_goes_on_later (Engine *engine)
{
  HrService *service;

  crash_in_the_handover (engine);
  hr_fake_gate_hold (&engine_parts (engine)->slots->place);
  service = engine_apply (engine, "web");
  engine_run (engine, 10 * MSEC);
  hr_service_stop (service, "me");
  hr_fake_gate_release (&engine_parts (engine)->slots->place);
  engine_run (engine, 1 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
  g_assert_cmpuint (n_started (engine), ==, 3);
  hr_service_start (service, "me");
  expect_unproven_goes_on (engine);
}

static void
run_until_signalled (Engine *engine, HrFakeInstance *instance)
{
  for (guint i = 0; instance->signalled == 0; i++)
    {
      g_assert_cmpuint (i, <, 60000);
      engine_run (engine, MSEC);
    }
}

/* A second one would cut off what it still does: the fake program takes only one. */
static void
test_stop_signal_is_sent_once (Engine *engine)
{
  const HrFakeProgram slow = { .stop_takes = 5 * SECOND };
  HrService *service = engine_start_with (engine, "", &slow);

  engine_run (engine, PROVEN);
  hr_service_stop (service, "tester");
  run_until_signalled (engine, engine_instance (engine, 0));
  engine_run (engine, 2 * SECOND);
  service = die (engine);
  engine_run (engine, 2 * SECOND);
  g_assert_true (engine_instance (engine, 0)->alive);
  engine_run (engine, 2 * SECOND);
  g_assert_false (engine_instance (engine, 0)->alive);
  g_assert_false (engine_instance (engine, 0)->killed);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
  g_assert_cmpuint (n_started (engine), ==, 1);
}

/* Its time goes on. */
static void
test_what_was_signalled_is_killed_in_its_time (Engine *engine)
{
  const HrFakeProgram deaf = { .ignores_stop = TRUE };
  HrService *service = engine_start_with (engine, "StopTimeout=10s\n", &deaf);

  engine_run (engine, PROVEN);
  hr_service_stop (service, "tester");
  run_until_signalled (engine, engine_instance (engine, 0));
  engine_run (engine, 6 * SECOND);
  die (engine);
  engine_run (engine, 3 * SECOND);
  g_assert_false (engine_instance (engine, 0)->killed);
  engine_run (engine, 1 * SECOND);
  g_assert_true (engine_instance (engine, 0)->killed);
}

/* Neither is it sent again to what was retired, or let drain another time. */
static void
test_retired_is_signalled_once (Engine *engine)
{
  const HrFakeProgram deaf = { .ignores_stop = TRUE, .retires = TRUE };
  HrFakeInstance *old;

  engine_start_with (engine, "DrainTimeout=30s\nStopTimeout=10s\n", &deaf);
  old = engine_instance (engine, 0);
  engine_run (engine, PROVEN);
  engine_save (engine, "main", "two");
  run_until_signalled (engine, old);
  engine_run (engine, 6 * SECOND);
  old->connections = 1;
  die (engine);
  engine_run (engine, 3 * SECOND);
  g_assert_false (old->killed);
  engine_run (engine, 1 * SECOND);
  g_assert_true (old->killed);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/takeover/runs-on", test_runs_on);
  engine_add ("/takeover/saved-meanwhile", test_saved_meanwhile);
  engine_add ("/takeover/saved-meanwhile-where-only-requests-reload", test_saved_meanwhile_unwatched);
  engine_add ("/takeover/broken-meanwhile", test_broken_meanwhile);
  engine_add ("/takeover/broken-and-ended-meanwhile", test_broken_and_ended_meanwhile);
  engine_add ("/takeover/unknown-end", test_unknown_end);
  engine_add ("/takeover/unknown-end-that-was-announced", test_unknown_end_that_was_announced);
  engine_add ("/takeover/unknown-end-of-a-stop", test_unknown_end_of_a_stop);
  engine_add ("/takeover/candidate", test_candidate);
  engine_add ("/takeover/a-canary-beside-what-was-taken-over", test_canary_beside_what_was_taken_over);
  engine_add ("/takeover/switched", test_switched);
  engine_add ("/takeover/promise-7/switched-without-its-sockets", test_switched_without_its_sockets);
  engine_add ("/takeover/what-is-cut-off-of-one-that-was-taken-over-is-counted", test_switched_and_cut);
  engine_add ("/takeover/promise-4/what-was-given-the-state-serves-on", test_heir);
  engine_add ("/takeover/promise-7/stop-signal-is-sent-once", test_stop_signal_is_sent_once);
  engine_add ("/takeover/what-was-signalled-is-killed-in-its-time", test_what_was_signalled_is_killed_in_its_time);
  engine_add ("/takeover/what-was-retired-is-signalled-once", test_retired_is_signalled_once);
  engine_add ("/takeover/what-ran-goes-on-though-unproven", test_unproven_goes_on);
  engine_add ("/takeover/what-ran-goes-on-though-its-first-start-was-stopped", test_unproven_goes_on_later);
  return g_test_run ();
}
