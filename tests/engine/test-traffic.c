/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whether a candidate has sockets of its own, and when they become the service's.
 */
#include <signal.h>
#include <string.h>

#include "engine-fixture.h"
#include "hr-reload.h"

#define LISTEN "Listen=http=tcp:127.0.0.1:8080\n"
#define PROBE "[Health]\nProbe=exec:probe\nInterval=1s\nFailures=2\n"
#define RETIRES ((HrFakeProgram){ .retires = TRUE })

static void
reload (Engine *engine)
{
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
}

static void
test_promoted (Engine *engine)
{
  HrService *service = engine_start_with (engine, LISTEN PROBE, &RETIRES);

  reload (engine);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners, "separate, promote");
}

/* What asks nobody over the network is a probe, too: nobody is answered by what has not passed it. Here it need not be
 * known where the probe comes from. */
static void
test_apart_whatever_the_probe (Engine *engine)
{
  engine_start_with (engine, LISTEN "[Health]\nProbe=dbus:org.example.App\n", &RETIRES);
  engine_parts (engine)->listeners->no_probe_source = TRUE;
  reload (engine);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners, "separate, promote");
}

/* The job does not wait for the old instance, which goes on accepting what is in its queue, once it is seen to. */
static void
test_old_empties_its_queue (Engine *engine)
{
  HrFakeListeners *listeners;
  HrFakeInstance *old;

  engine_start_with (engine, LISTEN PROBE, &RETIRES);
  old = engine_instance (engine, 0);
  listeners = engine_parts (engine)->listeners;
  listeners->waiting = 3;
  engine_save (engine, "main", "two");
  engine_run (engine, 400 * MSEC);
  engine_expect (engine, "FileChanged main | ReloadStarted 2");
  listeners->waiting = 2;
  engine_run (engine, HR_SWITCH_STEP_MAX_USEC);
  engine_expect (engine, "ReloadCompleted 2");
  g_assert_false (old->retired);
  engine_run (engine, 2 * SECOND);
  g_assert_false (old->retired);
  g_assert_cmpint (old->signalled, ==, 0);
  listeners->waiting = 0;
  engine_run (engine, HR_LINGER_STEP_USEC);
  g_assert_true (old->retired);
  engine_run (engine, SECOND);
  g_assert_false (old->alive);
  g_assert_false (old->killed);
}

static void
test_old_has_a_second (Engine *engine)
{
  HrFakeInstance *old;

  engine_start_with (engine, LISTEN PROBE, &RETIRES);
  old = engine_instance (engine, 0);
  engine_save (engine, "main", "two");
  engine_run (engine, 500 * MSEC);
  g_assert_cmpstr (g_ptr_array_index (engine_parts (engine)->listeners->traffic, 1), ==, "promote");
  g_assert_false (old->retired);
  engine_run (engine, HR_LINGER_USEC);
  g_assert_true (old->retired);
}

static void
test_old_is_not_waited_for_without_end (Engine *engine)
{
  HrFakeInstance *old;

  engine_start_with (engine, LISTEN "DrainTimeout=3s\n" PROBE, &RETIRES);
  old = engine_instance (engine, 0);
  engine_parts (engine)->listeners->waiting = 1;
  reload (engine);
  g_assert_false (old->retired);
  engine_run (engine, 3 * SECOND);
  g_assert_true (old->retired);
}

static gboolean
says (HrService *service, const char *words)
{
  g_auto (GStrv) notes = hr_service_get_notes (service);
  g_autofree char *all = g_strjoinv ("\n", notes);

  return strstr (all, words) != NULL;
}

/* It hangs: its queue does not move, and the new one can be given what is in it. */
static void
test_hung_old_is_left (Engine *engine)
{
  HrService *service = engine_start_with (engine, LISTEN "DrainTimeout=60s\n" PROBE, &RETIRES);
  HrFakeListeners *listeners = engine_parts (engine)->listeners;
  HrFakeInstance *old = engine_instance (engine, 0);
  gint64 began;

  listeners->waiting = 3;
  listeners->hands_on = TRUE;
  engine_save (engine, "main", "two");
  for (began = 0; listeners->promoted == NULL && began < SECOND; began += MSEC)
    engine_run (engine, MSEC);
  g_assert_nonnull (listeners->promoted);
  engine_run (engine, HR_LINGER_STALL_USEC - HR_LINGER_STEP_USEC);
  g_assert_false (old->retired);
  engine_run (engine, 2 * HR_LINGER_STEP_USEC);
  g_assert_true (old->retired);
  g_assert_false (says (service, "does not accept"));
  /* The job tells of those, too. */
  engine_expect (engine, "FileChanged main | ReloadStarted 2");
  listeners->waiting = 0;
  engine_run (engine, HR_SWITCH_STEP_MAX_USEC);
  engine_expect (engine, "ReloadCompleted 2");
}

static void
test_hung_old_is_said (Engine *engine)
{
  HrService *service = engine_start_with (engine, LISTEN "DrainTimeout=10s\n" PROBE, &RETIRES);
  HrFakeInstance *old = engine_instance (engine, 0);

  engine_parts (engine)->listeners->waiting = 3;
  reload (engine);
  engine_run (engine, SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  g_assert_false (old->retired);
  g_assert_true (says (service, "does not accept the 3 connections"));
  /* Somebody can now. */
  engine_parts (engine)->listeners->hands_on = TRUE;
  engine_run (engine, HR_LINGER_STEP_USEC);
  g_assert_true (old->retired);
  g_assert_false (says (service, "does not accept"));
}

/* Nobody can keep it from accepting when it wakes up: it has its time. */
static void
test_hung_old_cannot_be_held (Engine *engine)
{
  const HrFakeProgram program = { .readiness = HR_FAKE_LISTENS };
  HrService *service = engine_start_with (engine, LISTEN "DrainTimeout=10s\n" PROBE, &program);
  HrFakeInstance *old = engine_instance (engine, 0);

  engine_parts (engine)->listeners->waiting = 1;
  engine_parts (engine)->listeners->hands_on = TRUE;
  reload (engine);
  engine_run (engine, 8 * SECOND);
  g_assert_nonnull (engine_parts (engine)->listeners->promoted);
  g_assert_cmpint (old->signalled, ==, 0);
  g_assert_true (says (service, "does not accept the 1"));
  engine_run (engine, 2 * SECOND);
  g_assert_cmpint (old->signalled, ==, SIGTERM);
}

/* The generation before the running one ends first: what is left in its queue is handed on. */
static void
test_next_reload_cuts_it_short (Engine *engine)
{
  HrFakeInstance *old;

  engine_start_with (engine, LISTEN PROBE, &RETIRES);
  old = engine_instance (engine, 0);
  engine_save (engine, "main", "two");
  engine_run (engine, 500 * MSEC);
  g_assert_false (old->retired);
  engine_save (engine, "main", "three");
  engine_run (engine, 300 * MSEC);
  g_assert_true (old->retired);
  engine_run (engine, SECOND);
  g_assert_false (old->alive);
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners, "separate, promote, separate, promote");
}

static void
test_crash_rejoins (Engine *engine)
{
  HrFakeProgram crashes = {
    .retires = TRUE, .readiness = HR_FAKE_SAYS_NOTHING, .exits_after = 10 * MSEC, .exit_code = 1
  };
  HrService *service = engine_start_with (engine, LISTEN PROBE, &RETIRES);

  hr_fake_launcher_next (engine->launcher, &crashes);
  reload (engine);
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners, "separate, rejoin");
  engine_expect_kept (engine, service, "ready", "status 1");
}

static void
test_failed_probe_rejoins (Engine *engine)
{
  engine_start_with (engine, LISTEN PROBE, &RETIRES);
  engine->platform->prober->illness = "ill";
  reload (engine);
  engine_run (engine, 10 * SECOND);
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners, "separate, rejoin");
}

static void
test_cancelled_rejoins (Engine *engine)
{
  HrService *service = engine_start_with (engine, LISTEN PROBE, &RETIRES);
  g_autoptr (HrJob) job = NULL;

  hr_fake_gate_hold (&engine->platform->prober->probe);
  job = g_object_ref (hr_service_reload (service, "somebody"));
  engine_run (engine, SECOND);
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners, "separate");
  g_assert_true (hr_job_cancel (job, NULL, NULL));
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners, "separate, rejoin");
  hr_fake_gate_release (&engine->platform->prober->probe);
}

/* Sockets are shared where nothing asks for more, and where more cannot be. */
static void
test_shared_without_probe (Engine *engine)
{
  engine_start_with (engine, LISTEN, &RETIRES);
  reload (engine);
  g_assert_true (engine_instance (engine, 0)->retired);
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners, "");
}

static void
test_shared_without_listener (Engine *engine)
{
  engine_start_with (engine, PROBE, &RETIRES);
  reload (engine);
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners, "");
}

static void
test_shared_where_sequential (Engine *engine)
{
  engine_start_with (engine, LISTEN "Handover=sequential\n" PROBE, &RETIRES);
  reload (engine);
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners, "");
}

/* What a probe proves that the old instance may have answered is told with what was checked, and by the log. */
static void
expect_told (Engine *engine, const char *why)
{
  g_auto (GStrv) notes = hr_service_get_notes (hr_manager_get (engine->manager, "web", NULL));
  g_autofree char *all = g_strjoinv ("\n", notes);
  g_autofree char *line =
      why == NULL ? NULL
                  : g_strdup_printf ("check: probe: what the old instance answers may count for the new one (%s)", why);

  if (line == NULL)
    g_assert_null (strstr (all, "check: probe"));
  else if (strstr (all, line) == NULL)
    g_assert_cmpstr (all, ==, line);
  g_assert_cmpuint (engine_n_warnings (engine, "*what the old instance answers may count*"), ==, why != NULL ? 1 : 0);
}

static void
test_shared_where_it_cannot_be (Engine *engine)
{
  engine_start_with (engine, LISTEN PROBE, &RETIRES);
  engine_parts (engine)->listeners->separate_failure = "no room";
  reload (engine);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners, "");
  expect_told (engine, "no room");
}

static void
test_shared_unix_socket (Engine *engine)
{
  engine_start_with (engine, "Listen=http=unix:/run/web.sock\n" PROBE, &RETIRES);
  reload (engine);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners, "");
  expect_told (engine, "it has no TCP listener, and of others there is but one socket");
}

/* A probe that asks one process, or of a service nobody can connect to. */
static void
test_shared_and_no_matter (Engine *engine)
{
  engine_start_with (engine, "Listen=http=unix:/run/web.sock\n[Health]\nProbe=dbus:org.example.App\n", &RETIRES);
  reload (engine);
  engine_set (engine, "web", PROBE);
  engine_apply (engine, "web");
  engine_run (engine, PROVEN);
  engine_save (engine, "main", "three");
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_service_get_release (hr_manager_get (engine->manager, "web", NULL)), ==, 3);
  expect_told (engine, NULL);
}

static void
test_shared_where_nobody_sees (Engine *engine)
{
  HrFakeProgram unseen = { .readiness = HR_FAKE_NOTIFIES, .is_static = TRUE };

  engine_start_with (engine, LISTEN PROBE, &unseen);
  reload (engine);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners, "");
}

static void
test_shared_where_no_probe_can_tell (Engine *engine)
{
  engine_start_with (engine, LISTEN PROBE, &RETIRES);
  engine_parts (engine)->listeners->no_probe_source = TRUE;
  reload (engine);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners, "separate, rejoin");
  expect_told (engine, "no listener takes IPv4");
}

static void
test_shared_where_state_passes (Engine *engine)
{
  HrFakeProgram keeps = { .retires = TRUE, .opens_state = TRUE, .keeps = TRUE };

  engine_start_with (engine, LISTEN PROBE, &keeps);
  reload (engine);
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners, "");
  expect_told (engine, NULL);
}

/* It never did before: all new connections wait for it while the state is handed over. */
static void
test_state_after_all (Engine *engine)
{
  HrFakeProgram keeps = { .retires = TRUE, .opens_state = TRUE };
  HrFakeProgram never = { .retires = TRUE, .leaves = "{\"n\":1}" };

  engine_start_with (engine, LISTEN PROBE, &never);
  hr_fake_launcher_next (engine->launcher, &keeps);
  reload (engine);
  engine_run (engine, 3 * SECOND);
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners, "separate, share 10000, promote");
  g_assert_cmpstr (engine_instance (engine, 1)->state, ==, "{\"n\":1}");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/traffic/promise-2/probed-apart-then-promoted", test_promoted);
  engine_add ("/traffic/promise-2/apart-whatever-the-probe", test_apart_whatever_the_probe);
  engine_add ("/traffic/promise-3/old-empties-its-queue", test_old_empties_its_queue);
  engine_add ("/traffic/promise-3/what-waits-for-an-old-one-that-hangs-is-handed-on", test_hung_old_is_left);
  engine_add ("/traffic/hung-old/is-said-where-nobody-can-be-given-what-waits", test_hung_old_is_said);
  engine_add ("/traffic/hung-old/has-its-time-where-it-cannot-be-held", test_hung_old_cannot_be_held);
  engine_add ("/traffic/promise-3/old-has-a-second", test_old_has_a_second);
  engine_add ("/traffic/old-is-not-waited-for-without-end", test_old_is_not_waited_for_without_end);
  engine_add ("/traffic/next-reload-cuts-it-short", test_next_reload_cuts_it_short);
  engine_add ("/traffic/crash-rejoins", test_crash_rejoins);
  engine_add ("/traffic/failed-probe-rejoins", test_failed_probe_rejoins);
  engine_add ("/traffic/cancelled-rejoins", test_cancelled_rejoins);
  engine_add ("/traffic/shared/without-probe", test_shared_without_probe);
  engine_add ("/traffic/shared/without-listener", test_shared_without_listener);
  engine_add ("/traffic/shared/where-sequential", test_shared_where_sequential);
  engine_add ("/traffic/shared/where-it-cannot-be", test_shared_where_it_cannot_be);
  engine_add ("/traffic/shared/unix-socket", test_shared_unix_socket);
  engine_add ("/traffic/shared/no-matter", test_shared_and_no_matter);
  engine_add ("/traffic/shared/where-nobody-sees", test_shared_where_nobody_sees);
  engine_add ("/traffic/shared/where-no-probe-can-tell", test_shared_where_no_probe_can_tell);
  engine_add ("/traffic/shared/where-state-passes", test_shared_where_state_passes);
  engine_add ("/traffic/state-after-all", test_state_after_all);
  return g_test_run ();
}
