/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * State on its way from one instance to the next: the barrier, and where there is none.
 */
#include "engine-fixture.h"

#include <signal.h>
#include <string.h>

#include "hr-error.h"

#define PROBE "[Health]\nProbe=exec:probe\nInterval=1s\nFailures=2\n"

static const HrFakeProgram keeper = { .opens_state = TRUE, .leaves = "{\"level\":3}" };

/* The candidate waits in its open until the old one has ended and left its state. */
static void
test_barrier (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &keeper);
  HrFakeInstance *old = engine_instance (engine, 0);
  HrFakeInstance *new;
  g_autoptr (HrHistoryEntry) entry = NULL;

  old->program.stop_takes = 2 * SECOND;
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  new = engine_instance (engine, 1);
  /* Told to stop only after the candidate opened; still at work, the candidate waits. */
  g_assert_cmpint (old->signalled, ==, SIGTERM);
  g_assert_true (old->alive);
  g_assert_true (new->waits);
  engine_expect (engine, "FileChanged main | ReloadStarted 2");
  engine_run (engine, 2 * SECOND);
  engine_expect (engine, "StatePreserved | StateRestored | ReloadCompleted 2");
  g_assert_cmpstr (new->state, ==, "{\"level\":3}");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  entry = engine_history (engine);
  g_assert_cmpint (entry->downtime_usec, ==, 2 * SECOND);
  g_assert_cmpuint (hr_fake_state_files_n_written (engine_parts (engine)->state), ==, 0);
}

/* Promise 2: the old one is not told to stop while the candidate has not asked for state. */
static void
test_not_before_open (Engine *engine)
{
  const HrFakeProgram slow = { .readiness = HR_FAKE_SAYS_NOTHING };

  engine_start_with (engine, "", &keeper);
  hr_fake_launcher_next (engine->launcher, &slow);
  engine_save (engine, "main", "two");
  engine_run (engine, 3 * SECOND);
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, 0);
  hr_fake_instance_open_state (engine_instance (engine, 1));
  engine_run (engine, 0);
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, SIGTERM);
}

static void
test_job_says_so (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &keeper);
  HrJob *job = hr_service_reload (service, "tester");

  engine_run (engine, 1 * SECOND);
  g_assert_true (hr_job_get_outcome (job)->state_preserved);
  g_assert_cmpint (hr_job_get_outcome (job)->downtime_usec, ==, 0);
}

/* Ready without opening: no state is kept; the old one stops after the switch, and what it leaves is stored. */
static void
test_ready_without_opening (Engine *engine)
{
  const HrFakeProgram blind = { .leaves = "{\"left\":1}" };
  HrService *service = engine_start_with (engine, "", &blind);
  HrJob *job;
  g_autoptr (GPtrArray) snapshots = NULL;

  job = hr_service_reload (service, "tester");
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "ReloadStarted 1 | ReloadCompleted 1");
  g_assert_false (hr_job_get_outcome (job)->state_preserved);
  g_assert_cmpint (hr_job_get_outcome (job)->downtime_usec, ==, 0);
  snapshots = hr_service_list_snapshots (service);
  g_assert_cmpuint (snapshots->len, ==, 1);
}

/* Opening after that changes nothing any more, also while it is being probed. */
static void
test_opens_after_ready (Engine *engine)
{
  const HrFakeProgram late = { .opens_after_ready = TRUE };
  HrService *service = engine_start (engine, PROBE);

  hr_fake_gate_hold (&engine->platform->prober->probe);
  hr_fake_launcher_next (engine->launcher, &late);
  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, 0);
  g_assert_cmpstr (engine_instance (engine, 1)->state, ==, "{}");
  hr_fake_gate_release (&engine->platform->prober->probe);
  engine_run (engine, 1 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
}

/* A server listens, or lives for a second, before it reads its state as often as after that. */
static void
test_listens_before_it_opens (Engine *engine)
{
  const HrFakeProgram listener = {
    .opens_after_ready = TRUE, .readiness = HR_FAKE_LISTENS, .leaves = "{\"n\": 1}", .ready_after = 10 * MSEC
  };
  HrService *service = engine_start_with (engine, "", &listener);

  for (guint i = 1; i <= 3; i++)
    {
      hr_service_reload (service, "tester");
      engine_run (engine, 1 * SECOND);
      engine_expect (engine, "ReloadStarted 1 | StatePreserved | StateRestored | ReloadCompleted 1");
      g_assert_cmpstr (engine_instance (engine, i)->state, ==, "{\"n\": 1}");
    }
}

/* What has no state any more is ready all the same, a while later, and it is said that there was some. */
static void
test_no_longer_opens (Engine *engine)
{
  const HrFakeProgram listener = { .opens_after_ready = TRUE, .readiness = HR_FAKE_LISTENS, .ready_after = 10 * MSEC };
  HrService *service = engine_start_with (engine, "", &listener);
  HrJob *job;

  engine->launcher->program = (HrFakeProgram){ .readiness = HR_FAKE_LISTENS };
  job = hr_service_reload (service, "tester");
  engine_run (engine, 4 * SECOND);
  engine_expect (engine, "ReloadStarted 1");
  engine_run (engine, 2 * SECOND);
  engine_expect (engine, "ReloadCompleted 1");
  g_assert_false (hr_job_get_outcome (job)->state_preserved);
  g_assert_nonnull (strstr (hr_job_get_outcome (job)->message, "was not handed over"));
  g_assert_cmpuint (engine_n_warnings (engine, "*was not handed over*"), ==, 1);
  /* The next one is expected to do as this one did. */
  hr_service_reload (service, "tester");
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "ReloadStarted 1 | ReloadCompleted 1");
}

/* READY=1 that comes while the candidate waits counts once it has its state. */
static void
test_ready_while_waiting (Engine *engine)
{
  const HrFakeProgram threaded = { .opens_state = TRUE, .readiness = HR_FAKE_SAYS_NOTHING };
  HrService *service = engine_start_with (engine, "", &keeper);

  engine_instance (engine, 0)->program.stop_takes = 2 * SECOND;
  hr_fake_launcher_next (engine->launcher, &threaded);
  hr_service_reload (service, "tester");
  engine_run (engine, 1 * SECOND);
  hr_fake_instance_say (engine_instance (engine, 1), "READY=1");
  engine_run (engine, 500 * MSEC);
  engine_expect (engine, "ReloadStarted 1");
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "StatePreserved | StateRestored | ReloadCompleted 1");
}

/* The wait at the barrier does not count against StartTimeout. */
static void
test_wait_is_not_start_time (Engine *engine)
{
  HrService *service = engine_start_with (engine, "StartTimeout=3s\nStopTimeout=30s\n", &keeper);
  HrFakeProgram slow = keeper;

  slow.ready_after = 2 * SECOND;
  engine_instance (engine, 0)->program.stop_takes = 20 * SECOND;
  hr_fake_launcher_next (engine->launcher, &slow);
  hr_service_reload (service, "tester");
  engine_run (engine, 21 * SECOND);
  engine_expect (engine, "ReloadStarted 1 | StatePreserved");
  engine_run (engine, 2 * SECOND);
  engine_expect (engine, "StateRestored | ReloadCompleted 1");
}

/* A candidate can be kept waiting for so long and no longer: it ends before it could see a state that is not the
 * service's. The old one is not cut short for that: it has its StopTimeout, and its release goes on with its state. */
static void
test_stop_beyond_lease (Engine *engine)
{
  HrService *service = engine_start_with (engine, "StopTimeout=5min\n", &keeper);
  gint64 limit = engine_parts (engine)->state->wait_limit;
  HrJob *job;

  engine_instance (engine, 0)->program.stop_takes = 2 * limit;
  job = hr_service_reload (service, "tester");
  engine_run (engine, limit - SECOND);
  g_assert_true (engine_instance (engine, 1)->waits);
  engine_run (engine, 2 * SECOND);
  g_assert_true (engine_instance (engine, 1)->killed);
  g_assert_true (engine_instance (engine, 0)->alive);
  g_assert_false (engine_instance (engine, 0)->killed);
  engine_expect (engine, "ReloadStarted 1");
  engine_run (engine, limit);
  engine_expect (engine, "StatePreserved | ReloadFailed preserve | RolledBack 1>1");
  g_assert_error (hr_job_get_error (job), HR_ERROR, HR_ERROR_TIMED_OUT);
  g_assert_cmpstr (engine_instance (engine, 2)->state, ==, "{\"level\":3}");
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 1);
}

/* Nothing was written: the newest snapshot goes on. */
static void
test_nothing_written (Engine *engine)
{
  const HrFakeProgram reader = { .opens_state = TRUE };
  HrService *service = engine_start_with (engine, "", &reader);

  hr_fake_state_files_add (engine_parts (engine)->state, 1, "{\"old\":true}");
  hr_service_reload (service, "tester");
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "ReloadStarted 1 | StateRestored | ReloadCompleted 1");
  g_assert_cmpstr (engine_instance (engine, 1)->state, ==, "{\"old\":true}");
}

/* Leases are refused: the old one ends first, so the state is there when the candidate starts. */
static void
test_leases_refused (Engine *engine)
{
  HrService *service;
  HrJob *job;

  engine_parts (engine)->state->wait_limit = 0;
  service = engine_start_with (engine, "", &keeper);
  engine_instance (engine, 0)->program.stop_takes = 1 * SECOND;
  job = hr_service_reload (service, "tester");
  engine_run (engine, 500 * MSEC);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 1);
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "ReloadStarted 1 | StatePreserved | StateRestored | ReloadCompleted 1");
  g_assert_cmpstr (engine_instance (engine, 1)->state, ==, "{\"level\":3}");
  g_assert_true (hr_job_get_outcome (job)->state_preserved);
  g_assert_cmpint (hr_job_get_outcome (job)->downtime_usec, ==, 1 * SECOND);
}

static void
test_preserve_no (Engine *engine)
{
  HrService *service = engine_start_with (engine, "[State]\nPreserve=no\n", &keeper);

  hr_service_reload (service, "tester");
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "ReloadStarted 1 | ReloadCompleted 1");
  g_assert_cmpstr (engine_instance (engine, 1)->state, ==, "{}");
  g_assert_cmpuint (engine_parts (engine)->state->collect.calls, ==, 0);
}

/* A chosen snapshot: the running release starts anew with it; what it had is stored first. */
static void
test_restore_snapshot (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &keeper);
  g_autofree char *id = g_strdup (hr_fake_state_files_add (engine_parts (engine)->state, 1, "{\"level\":1}"));
  g_autoptr (GError) error = NULL;
  HrJob *job = hr_service_restore_snapshot (service, id, "tester", &error);

  g_assert_no_error (error);
  g_assert_cmpint (hr_job_get_kind (job), ==, HR_JOB_RESTORE_SNAPSHOT);
  engine_run (engine, 1 * SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_cmpstr (engine_instance (engine, 1)->state, ==, "{\"level\":1}");
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpuint (engine_parts (engine)->state->snapshots->len, ==, 2);
  g_assert_null (hr_service_restore_snapshot (service, "none", "tester", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_NO_SUCH_SNAPSHOT);
}

/* It vanished between the request and its turn: the old release serves with what it had. */
static void
test_restore_snapshot_fails (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &keeper);
  g_autofree char *id = g_strdup (hr_fake_state_files_add (engine_parts (engine)->state, 1, "{\"level\":1}"));
  HrJob *job = hr_service_restore_snapshot (service, id, "tester", NULL);

  hr_fake_gate_fail_next (&engine_parts (engine)->state->load, HR_ERROR, HR_ERROR_STATE_FAILED, "damaged");
  engine_run (engine, 1 * SECOND);
  g_assert_error (hr_job_get_error (job), HR_ERROR, HR_ERROR_STATE_FAILED);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpstr (hr_fake_launcher_last (engine->launcher)->state, ==, "{\"level\":3}");
}

/* What an instance left that ended by itself, as it may, is its service's state. */
static void
test_ends_well_by_itself (Engine *engine)
{
  engine_start_with (engine, "Restart=always\n", &keeper);
  hr_fake_instance_exit (engine_instance (engine, 0), 0);
  engine_run (engine, 1 * SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
  g_assert_cmpstr (engine_instance (engine, 1)->state, ==, "{\"level\":3}");
}

static void
test_ends_well_and_stays_down (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &keeper);

  hr_fake_instance_exit (engine_instance (engine, 0), 0);
  engine_run (engine, 1 * SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
  hr_service_start (service, "tester");
  engine_run (engine, 1 * SECOND);
  g_assert_cmpstr (engine_instance (engine, 1)->state, ==, "{\"level\":3}");
}

/* After a crash, the newest snapshot; what the crashed one may have half written is not that. */
static void
test_crash (Engine *engine)
{
  engine_start_with (engine, "", &keeper);
  hr_fake_state_files_add (engine_parts (engine)->state, 1, "{\"level\":2}");
  hr_fake_instance_exit (engine_instance (engine, 0), 1);
  engine_run (engine, 1 * SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
  g_assert_cmpstr (engine_instance (engine, 1)->state, ==, "{\"level\":2}");
  g_assert_cmpuint (hr_fake_state_files_n_written (engine_parts (engine)->state), ==, 0);
}

/* Pain 28: whatever becomes of an instance, its place for state does not outlive it. */
static void
test_nothing_stays (Engine *engine)
{
  static const char *const files[] = { "", "[State]\nPreserve=no\n", "[Service]\nHandover=sequential\n",
                                       "[Service]\nHandover=sequential\n[State]\nPreserve=no\n",
                                       "[Service]\nInstances=2\n[State]\nPreserve=no\n" };
  const HrFakeProgram programs[] = { keeper,
                                     { 0 },
                                     { .exits_after = 300 * MSEC, .exit_code = 1 },
                                     { .ignores_stop = TRUE },
                                     { .leaves = "{}" },
                                     { .exits_after = 2 * SECOND, .exit_code = 1 } };

  engine->launcher->most = 4;
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      HrService *service;
      guint alive = 0;

      engine_set (engine, "web", files[i]);
      service = engine_apply (engine, "web");
      if (i > 0)
        hr_service_start (service, "tester");
      engine_run (engine, PROVEN);
      g_assert_cmpuint (hr_fake_state_files_n_open (engine_parts (engine)->state), >, 0);
      for (guint k = 0; k < 2 * G_N_ELEMENTS (programs); k++)
        {
          g_autofree char *text = g_strdup_printf ("%u %u", i, k);

          hr_fake_launcher_next (engine->launcher, &programs[k % G_N_ELEMENTS (programs)]);
          engine_save (engine, "main", text);
          engine_run (engine, PROVEN);
        }
      hr_service_stop (service, "tester");
      engine_run (engine, PROVEN);
      for (guint k = 0; k < engine->launcher->instances->len; k++)
        alive += engine_instance (engine, k)->alive;
      g_assert_cmpuint (alive, ==, 0);
      g_assert_cmpuint (hr_fake_state_files_n_open (engine_parts (engine)->state), ==, 0);
    }
}

static void
test_stop_and_start (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &keeper);
  HrJob *job = hr_service_stop (service, "tester");

  engine_run (engine, 1 * SECOND);
  g_assert_true (hr_job_get_outcome (job)->state_preserved);
  engine_expect (engine, "StatePreserved");
  hr_service_start (service, "tester");
  engine_run (engine, 1 * SECOND);
  g_assert_cmpstr (engine_instance (engine, 1)->state, ==, "{\"level\":3}");
}

static void
test_stop_with_invalid_state (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &keeper);
  HrJob *job;

  engine_instance (engine, 0)->program.leaves = "[";
  job = hr_service_stop (service, "tester");
  engine_run (engine, 1 * SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
  g_assert_nonnull (strstr (hr_service_get_error (service), "set aside"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/state/promise-4/barrier", test_barrier);
  engine_add ("/state/promise-2/old-one-works-until-state-is-asked-for", test_not_before_open);
  engine_add ("/state/job-says-so", test_job_says_so);
  engine_add ("/state/ready-without-opening", test_ready_without_opening);
  engine_add ("/state/opens-after-ready", test_opens_after_ready);
  engine_add ("/state/promise-4/listens-before-it-opens", test_listens_before_it_opens);
  engine_add ("/state/no-longer-opens", test_no_longer_opens);
  engine_add ("/state/ready-while-waiting", test_ready_while_waiting);
  engine_add ("/state/wait-is-not-start-time", test_wait_is_not_start_time);
  engine_add ("/state/stop-beyond-lease", test_stop_beyond_lease);
  engine_add ("/state/nothing-written", test_nothing_written);
  engine_add ("/state/leases-refused", test_leases_refused);
  engine_add ("/state/preserve-no", test_preserve_no);
  engine_add ("/state/restore-snapshot", test_restore_snapshot);
  engine_add ("/state/restore-snapshot-fails", test_restore_snapshot_fails);
  engine_add ("/state/promise-4/ends-well-by-itself", test_ends_well_by_itself);
  engine_add ("/state/promise-4/ends-well-and-stays-down", test_ends_well_and_stays_down);
  engine_add ("/state/crash", test_crash);
  engine_add ("/state/pain-28/nothing-stays", test_nothing_stays);
  engine_add ("/state/stop-and-start", test_stop_and_start);
  engine_add ("/state/stop-with-invalid-state", test_stop_with_invalid_state);
  return g_test_run ();
}
