/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A rollback that is asked for during a reload: nobody waits for that, what it was to replace is what is gone back to.
 */
#include "engine-fixture.h"

#include "hr-error.h"

/* Of what was begun last; the manager has it. */
static HrJob *newest_job;

static void
note_job (HrManager *manager, HrJob *job, gpointer data)
{
  newest_job = job;
}

static HrService *
begin_third_of (Engine *engine, const char *text, const HrFakeProgram *what)
{
  HrService *service = engine_start (engine, text);

  g_signal_connect (engine->manager, "job-added", G_CALLBACK (note_job), NULL);
  engine_run (engine, PROVEN);
  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  if (what != NULL)
    hr_fake_launcher_next (engine->launcher, what);
  else
    hr_fake_gate_hold (&engine->platform->checker->check);
  engine_save (engine, "main", "three");
  engine_run (engine, 1 * SECOND);
  engine_forget (engine);
  return service;
}

static HrService *
begin_third (Engine *engine, const HrFakeProgram *what)
{
  return begin_third_of (engine, "", what);
}

static void
expect_kept_two (Engine *engine, HrService *service, HrJob *job, const char *phase)
{
  g_autofree char *events = g_strconcat ("ReloadFailed ", phase, NULL);

  engine_run (engine, 1 * MSEC);
  engine_expect (engine, events);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_cmpstr (hr_job_get_outcome (job)->message, ==,
                   "the reload to release 3 of 'web' did not go through; release 2 serves on");
  engine_expect_fate (engine, 3, HR_FATE_REJECTED);
  engine_run (engine, PROVEN);
  engine_expect (engine, "");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpint (hr_service_get_pid (service), ==, engine_instance (engine, 1)->pid);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 1);
}

static void
test_cancels_check (Engine *engine)
{
  HrService *service = begin_third (engine, NULL);
  HrJob *job = hr_service_rollback (service, 0, "me", NULL);

  expect_kept_two (engine, service, job, "check");
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

static void
test_cancels_ready (Engine *engine)
{
  const HrFakeProgram slow = { .ready_after = 20 * SECOND };
  HrService *service = begin_third (engine, &slow);

  expect_kept_two (engine, service, hr_service_rollback (service, 2, "me", NULL), "ready");
}

/* The candidate takes its time to end: what runs is kept all the same, however often somebody asks. */
static void
expect_two_stays (Engine *engine, HrService *service, HrJob *job)
{
  g_assert_true (hr_service_rollback (service, 0, "me", NULL) == job);
  engine_run (engine, PROVEN);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpint (hr_service_get_pid (service), ==, engine_instance (engine, 1)->pid);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
  engine_expect_fate (engine, 3, HR_FATE_REJECTED);
}

/* It is being probed, and has StopTimeout to end. */
static HrService *
begin_deaf (Engine *engine)
{
  const HrFakeProgram deaf = { .ignores_stop = TRUE };
  HrService *service = begin_third_of (engine, "[Health]\nProbe=exec:probe\nInterval=1s\nTimeout=20s\n", NULL);

  hr_fake_gate_hold (&engine->platform->prober->probe);
  hr_fake_launcher_next (engine->launcher, &deaf);
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, 1 * SECOND);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 2);
  return service;
}

static void
test_twice (Engine *engine)
{
  HrService *service = begin_deaf (engine);
  HrJob *job = hr_service_rollback (service, 0, "me", NULL);

  engine_run (engine, 1 * SECOND);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 2);
  expect_two_stays (engine, service, job);
}

static void
test_while_what_failed_ends (Engine *engine)
{
  HrService *service = begin_deaf (engine);

  g_assert_true (hr_job_cancel (newest_job, NULL, NULL));
  engine_run (engine, 1 * SECOND);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 2);
  expect_two_stays (engine, service, hr_service_rollback (service, 0, "me", NULL));
}

static void
test_cancels_and_goes_further_back (Engine *engine)
{
  HrService *service = begin_third (engine, NULL);
  HrJob *job = hr_service_rollback (service, 1, "me", NULL);

  engine_run (engine, 1 * MSEC);
  engine_expect (engine, "ReloadFailed check | ReloadStarted 1");
  hr_fake_gate_release (&engine->platform->checker->check);
  engine_run (engine, PROVEN);
  engine_expect (engine, "ReloadCompleted 1 | RolledBack 2>1");
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

/* It is not known yet that there is anything to cancel. */
static void
test_cancels_what_is_being_recorded (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  HrJob *job;

  engine_run (engine, PROVEN);
  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  hr_fake_gate_hold (&engine_parts (engine)->store->scan);
  engine_save (engine, "main", "three");
  engine_run (engine, 1 * SECOND);
  engine_forget (engine);
  job = hr_service_rollback (service, 2, "me", NULL);
  hr_fake_gate_release (&engine_parts (engine)->store->scan);
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 3 | ReloadFailed record");
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_cmpint (hr_service_get_pid (service), ==, engine_instance (engine, 1)->pid);
}

/* Whether the source is still being read when they ask, or has been a moment before, is nothing that people see. */
static HrService *
begin_recording (Engine *engine, const char *saved)
{
  HrService *service = engine_start (engine, "");

  engine_run (engine, PROVEN);
  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  hr_fake_gate_hold (&engine_parts (engine)->store->scan);
  engine_save (engine, "main", saved);
  engine_run (engine, 1 * SECOND);
  engine_forget (engine);
  return service;
}

static void
test_goes_where_it_would_a_moment_later (Engine *engine)
{
  HrService *service = begin_recording (engine, "three");
  HrJob *job = hr_service_rollback (service, 0, "me", NULL);

  g_assert_true (hr_service_rollback (service, 0, "me", NULL) == job);
  hr_fake_gate_release (&engine_parts (engine)->store->scan);
  engine_run (engine, PROVEN);
  engine_expect (engine, "FileChanged main | ReloadStarted 3 | ReloadFailed record");
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpint (hr_service_get_pid (service), ==, engine_instance (engine, 1)->pid);
}

static void
test_goes_back_when_the_look_came_to_nothing (Engine *engine)
{
  HrService *service = begin_recording (engine, "two");
  HrJob *job = hr_service_rollback (service, 0, "me", NULL);

  hr_fake_gate_release (&engine_parts (engine)->store->scan);
  engine_run (engine, PROVEN);
  engine_expect (engine, "ReloadStarted 1 | ReloadCompleted 1 | RolledBack 2>1");
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
}

/* The first release has none before it, but may be the one that is kept. */
static void
test_keeps_the_first_release (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  HrJob *job;

  engine_run (engine, PROVEN);
  for (guint i = 0; i < 2; i++)
    {
      hr_fake_gate_hold (&engine_parts (engine)->store->scan);
      engine_save (engine, "main", i == 0 ? "one" : "two");
      engine_run (engine, 1 * SECOND);
      job = hr_service_rollback (service, 0, "me", NULL);
      g_object_ref (job);
      hr_fake_gate_release (&engine_parts (engine)->store->scan);
      engine_run (engine, PROVEN);
      if (i == 0)
        g_assert_error (hr_job_get_error (job), HR_ERROR, HR_ERROR_NO_SUCH_RELEASE);
      else
        g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
      g_object_unref (job);
    }
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  g_assert_cmpint (hr_service_get_pid (service), ==, engine_instance (engine, 0)->pid);
}

/* A switch cannot be undone: when it is over it is gone back from, to what it has replaced. */
static void
test_waits_for_a_switch (Engine *engine)
{
  HrService *service = engine_start_with (engine, "", &(const HrFakeProgram){ .retires = TRUE });
  HrJob *job;

  engine_run (engine, PROVEN);
  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  engine_instance (engine, 1)->program.keeps_listeners = TRUE;
  engine_save (engine, "main", "three");
  engine_run (engine, 500 * MSEC);
  engine_forget (engine);
  g_assert_cmpstr (hr_service_get_state (service), ==, "reloading");
  job = hr_service_rollback (service, 0, "me", NULL);
  engine_run (engine, PROVEN);
  engine_expect (engine, "ReloadCompleted 3 | ReloadStarted 2 | ReloadCompleted 2 | RolledBack 3>2");
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/rollback/cancels-a-check-at-once-and-keeps-what-runs", test_cancels_check);
  engine_add ("/rollback/cancels-a-start-at-once-and-keeps-what-runs", test_cancels_ready);
  engine_add ("/rollback/asked-for-twice-keeps-what-runs", test_twice);
  engine_add ("/rollback/while-what-failed-ends-keeps-what-runs", test_while_what_failed_ends);
  engine_add ("/rollback/cancels-a-check-at-once-and-goes-further-back", test_cancels_and_goes_further_back);
  engine_add ("/rollback/cancels-what-is-being-recorded", test_cancels_what_is_being_recorded);
  engine_add ("/rollback/while-recording/goes-where-it-would-a-moment-later", test_goes_where_it_would_a_moment_later);
  engine_add ("/rollback/while-recording/goes-back-when-the-look-came-to-nothing",
              test_goes_back_when_the_look_came_to_nothing);
  engine_add ("/rollback/while-recording/keeps-the-first-release", test_keeps_the_first_release);
  engine_add ("/rollback/waits-for-a-switch-and-goes-back-from-it", test_waits_for_a_switch);
  return g_test_run ();
}
