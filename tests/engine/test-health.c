/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * When an instance is probed, what follows from it, and what its watchdog does.
 */
#include "engine-fixture.h"

#include "hr-health.h"

#define PROBE "[Health]\nProbe=exec:probe\nInterval=10s\nTimeout=2s\nFailures=3\n"
#define WATCHDOG "[Health]\nProbe=watchdog\nInterval=10s\nFailures=2\n"

static HrFakeProber *
prober (Engine *engine)
{
  return engine->platform->prober;
}

/* Until its first instance runs; it may not be switched to yet. */
static HrService *
begin (Engine *engine, const char *text, const HrFakeProgram *program)
{
  HrService *service;

  if (program != NULL)
    engine->launcher->program = *program;
  engine_set (engine, "web", text);
  service = engine_apply (engine, "web");
  for (guint i = 0; i < 100 && engine->launcher->instances->len == 0; i++)
    engine_run (engine, SECOND / 10);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 1);
  return service;
}

static void
expect_health (HrService *service, const char *health)
{
  g_assert_cmpstr (hr_service_get_health (service), ==, health);
}

/* Degraded after one failure, offline after as many as Failures, healthy after one success; and what the last one
 * said is shown while it is not well. */
static void
test_states (Engine *engine)
{
  HrService *service = engine_start (engine, PROBE);

  engine_run (engine, 20 * SECOND);
  expect_health (service, "healthy");
  g_assert_cmpstr (hr_service_get_error (service), ==, NULL);
  prober (engine)->illness = "no answer";
  engine_run (engine, 10 * SECOND);
  expect_health (service, "degraded");
  g_assert_cmpstr (hr_service_get_error (service), ==, "no answer");
  prober (engine)->illness = "status 500";
  engine_run (engine, 10 * SECOND);
  expect_health (service, "degraded");
  g_assert_cmpstr (hr_service_get_error (service), ==, "status 500");
  engine_run (engine, 10 * SECOND);
  expect_health (service, "offline");
  prober (engine)->illness = NULL;
  engine_run (engine, 10 * SECOND);
  expect_health (service, "healthy");
  g_assert_cmpstr (hr_service_get_error (service), ==, NULL);
  /* What fails its probe goes on running. */
  g_assert_cmpuint (engine->launcher->instances->len, ==, 1);
}

/* From the end of one probe to the next. */
static void
test_interval_begins_at_the_end (Engine *engine)
{
  guint calls;

  engine_start (engine, PROBE);
  engine_run (engine, 20 * SECOND);
  hr_fake_gate_hold (&prober (engine)->probe);
  calls = prober (engine)->probe.calls;
  while (prober (engine)->probe.calls == calls)
    engine_run (engine, SECOND / 4);
  calls = prober (engine)->probe.calls;
  engine_run (engine, 2 * SECOND);
  hr_fake_gate_release (&prober (engine)->probe);
  engine_run (engine, 9 * SECOND);
  g_assert_cmpuint (prober (engine)->probe.calls, ==, calls);
  engine_run (engine, 2 * SECOND);
  g_assert_cmpuint (prober (engine)->probe.calls, ==, calls + 1);
}

/* A prober that does not come back: that counts as failed, and nothing is asked on top of it. */
static void
test_never_piles_up (Engine *engine)
{
  HrService *service = engine_start (engine, PROBE);
  guint calls;

  engine_run (engine, 20 * SECOND);
  calls = prober (engine)->probe.calls;
  hr_fake_gate_hold (&prober (engine)->probe);
  engine_run (engine, 14 * SECOND);
  expect_health (service, "degraded");
  g_assert_cmpstr (hr_service_get_error (service), ==, "Probe 'exec:probe': it has not come to an end");
  engine_run (engine, 60 * SECOND);
  expect_health (service, "offline");
  g_assert_cmpuint (prober (engine)->probe.calls, ==, calls + 1);
  g_assert_cmpuint (prober (engine)->most_under_way, ==, 1);
  /* It has come back at last, and the next is asked. */
  hr_fake_gate_release (&prober (engine)->probe);
  engine_run (engine, 11 * SECOND);
  expect_health (service, "healthy");
}

static void
test_start_probe (Engine *engine)
{
  HrService *service;

  prober (engine)->illness = "not yet";
  service = begin (engine, PROBE "StartProbe=exec:heavy %n\n", NULL);
  engine_run (engine, SECOND / 4);
  g_assert_cmpstr (prober (engine)->asked, ==, "exec:heavy web");
  expect_health (service, "starting");
  prober (engine)->probe.calls = 0;
  prober (engine)->illness = NULL;
  engine_run (engine, SECOND / 2);
  expect_health (service, "healthy");
  g_assert_cmpuint (prober (engine)->probe.calls, ==, 1);
  g_assert_cmpstr (prober (engine)->asked, ==, "exec:heavy web");
  engine_run (engine, 10 * SECOND);
  g_assert_cmpstr (prober (engine)->asked, ==, "exec:probe");
  g_assert_cmpuint (prober (engine)->probe.calls, ==, 2);
}

/* Each instance is asked for itself: the old one's answers say nothing of the candidate. */
static void
test_candidate_answers_for_itself (Engine *engine)
{
  HrService *service = engine_start (engine, PROBE);

  engine_run (engine, PROVEN);
  prober (engine)->illness = "garbage";
  prober (engine)->sick_pid = HR_FAKE_FIRST_PID + 1;
  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  engine_expect_fate (engine, 2, HR_FATE_REJECTED);
  engine_expect_kept (engine, service, "verify", "garbage");
  expect_health (service, "healthy");
}

/* A hundred services that became well together are not asked together. */
static void
test_spread (Engine *engine)
{
  guint before, most = 0, total = 0;

  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *name = g_strdup_printf ("web-%u", i);

      engine_set (engine, name, PROBE);
      engine_apply (engine, name);
    }
  engine_run (engine, 2 * SECOND);
  g_assert_cmpuint (prober (engine)->probe.calls, ==, 100);
  for (guint i = 0; i < 100; i++)
    {
      before = prober (engine)->probe.calls;
      engine_run (engine, SECOND / 10);
      most = MAX (most, prober (engine)->probe.calls - before);
      total += prober (engine)->probe.calls - before;
    }
  g_assert_cmpuint (total, >=, 100);
  g_assert_cmpuint (most, <, 15);
}

/* Watchdog */

static HrFakeInstance *
newest (Engine *engine)
{
  return engine_instance (engine, engine->launcher->instances->len - 1);
}

/* What reports in time is well; the program is told how often that is. */
static void
report_for (Engine *engine, gint64 usec)
{
  for (gint64 done = 0; done < usec; done += SECOND)
    {
      hr_fake_instance_say (newest (engine), "WATCHDOG=1");
      engine_run (engine, SECOND);
    }
}

static HrService *
start_with_watchdog (Engine *engine)
{
  HrService *service = begin (engine, WATCHDOG, NULL);

  g_assert_cmpstr (hr_fake_instance_getenv (newest (engine), "WATCHDOG_USEC"), ==, "10000000");
  report_for (engine, 30 * SECOND);
  expect_health (service, "healthy");
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (prober (engine)->probe.calls, ==, 0);
  return service;
}

static void
test_watchdog_restarts (Engine *engine)
{
  HrService *service = start_with_watchdog (engine);

  engine_run (engine, 10 * SECOND);
  expect_health (service, "degraded");
  g_assert_nonnull (strstr (hr_service_get_error (service), "did not report WATCHDOG=1 within 10s"));
  report_for (engine, SECOND);
  expect_health (service, "healthy");
  g_assert_cmpuint (engine->launcher->instances->len, ==, 1);
  engine_run (engine, 19 * SECOND + SECOND / 2);
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, SIGABRT);
  engine_run (engine, SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
  g_assert_cmpuint (hr_service_get_restarts (service), ==, 1);
  g_assert_cmpuint (engine_n_warnings (engine, "*did not report WATCHDOG=1*starting again*"), ==, 1);
  report_for (engine, 30 * SECOND);
  expect_health (service, "healthy");
}

static void
test_watchdog_trigger (Engine *engine)
{
  HrService *service = start_with_watchdog (engine);

  hr_fake_instance_say (newest (engine), "WATCHDOG=trigger");
  expect_health (service, "offline");
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, SIGABRT);
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_service_get_restarts (service), ==, 1);
}

static void
report_but (Engine *engine, HrFakeInstance *silent, gint64 usec)
{
  for (gint64 passed = 0; passed < usec; passed += SECOND)
    {
      for (guint i = 0; i < engine->launcher->instances->len; i++)
        if (engine_instance (engine, i) != silent)
          hr_fake_instance_say (engine_instance (engine, i), "WATCHDOG=1");
      engine_run (engine, SECOND);
    }
}

/* Each of several has one of its own, whichever leads. */
static void
test_watchdog_of_several (Engine *engine)
{
  for (guint which = 0; which < 3; which++)
    {
      g_autoptr (Engine) own = engine_new ();
      HrFakeInstance *silent;
      HrService *service;

      own->launcher->most = 8;
      engine_set (own, "web", "Instances=3\n" WATCHDOG);
      service = engine_apply (own, "web");
      report_but (own, NULL, 30 * SECOND);
      g_assert_cmpuint (hr_service_get_serving (service), ==, 3);
      silent = engine_instance (own, which);
      report_but (own, silent, 18 * SECOND);
      g_assert_cmpint (silent->signalled, ==, 0);
      g_assert_cmpuint (hr_service_get_restarts (service), ==, 0);
      report_but (own, silent, 4 * SECOND);
      g_assert_cmpint (silent->signalled, ==, SIGABRT);
      g_assert_cmpuint (hr_service_get_restarts (service), ==, 1);
      g_assert_cmpuint (hr_service_get_serving (service), ==, 3);
      g_assert_cmpuint (engine_n_warnings (own, "*did not report WATCHDOG=1*starting again*"), ==, 1);
      /* The one that took its place, and the lead if that is another now, are watched as well. */
      report_but (own, NULL, 60 * SECOND);
      g_assert_cmpuint (own->launcher->instances->len, ==, 4);
      engine_run (own, 40 * SECOND);
      g_assert_cmpuint (hr_service_get_restarts (service), >=, 4);
    }
}

/* What says so itself ends at once, also of the others. */
static void
test_watchdog_trigger_of_several (Engine *engine)
{
  HrService *service;

  engine->launcher->most = 8;
  engine_set (engine, "web", "Instances=2\n" WATCHDOG);
  service = engine_apply (engine, "web");
  report_but (engine, NULL, 30 * SECOND);
  hr_fake_instance_say (engine_instance (engine, 1), "WATCHDOG=trigger");
  g_assert_cmpint (engine_instance (engine, 1)->signalled, ==, SIGABRT);
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_service_get_restarts (service), ==, 1);
  g_assert_cmpuint (hr_service_get_serving (service), ==, 2);
}

/* SIGABRT is not for everybody. */
static void
test_watchdog_kills_what_ignores_it (Engine *engine)
{
  static const HrFakeProgram deaf = { .ignores_stop = TRUE };
  HrService *service = begin (engine, WATCHDOG, &deaf);

  report_for (engine, 20 * SECOND);
  hr_fake_instance_say (newest (engine), "WATCHDOG=trigger");
  engine_run (engine, 9 * SECOND);
  g_assert_false (engine_instance (engine, 0)->killed);
  engine_run (engine, 2 * SECOND);
  g_assert_true (engine_instance (engine, 0)->killed);
  g_assert_cmpuint (hr_service_get_restarts (service), ==, 1);
}

/* A candidate that says nothing is rejected by it, and one that reports is switched to at its first report. */
static void
test_watchdog_of_a_candidate (Engine *engine)
{
  HrService *service = start_with_watchdog (engine);

  engine_save (engine, "main", "two");
  for (guint i = 0; i < 25; i++)
    {
      hr_fake_instance_say (engine_instance (engine, 0), "WATCHDOG=1");
      engine_run (engine, SECOND);
    }
  engine_expect_kept (engine, service, "verify", "did not report WATCHDOG=1");
  engine_save (engine, "main", "three");
  for (guint i = 0; i < 5; i++)
    {
      hr_fake_instance_say (engine_instance (engine, 0), "WATCHDOG=1");
      engine_run (engine, SECOND);
    }
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  hr_fake_instance_say (newest (engine), "WATCHDOG=1");
  engine_run (engine, 2 * SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
}

/* Nobody else's watchdog reaches the program. */
static void
test_no_watchdog (Engine *engine)
{
  HrService *service = engine_start (engine, "Environment=WATCHDOG_USEC=1;WATCHDOG_PID=1\n" PROBE);

  g_assert_cmpstr (hr_fake_instance_getenv (newest (engine), "WATCHDOG_USEC"), ==, NULL);
  g_assert_cmpstr (hr_fake_instance_getenv (newest (engine), "WATCHDOG_PID"), ==, NULL);
  hr_fake_instance_say (newest (engine), "WATCHDOG=trigger");
  expect_health (service, "healthy");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/health/states", test_states);
  engine_add ("/health/interval-begins-at-the-end", test_interval_begins_at_the_end);
  engine_add ("/health/never-piles-up", test_never_piles_up);
  engine_add ("/health/start-probe", test_start_probe);
  engine_add ("/health/promise-2/candidate-answers-for-itself", test_candidate_answers_for_itself);
  engine_add ("/health/spread", test_spread);
  engine_add ("/health/watchdog/restarts", test_watchdog_restarts);
  engine_add ("/health/watchdog/trigger", test_watchdog_trigger);
  engine_add ("/health/watchdog/of-several", test_watchdog_of_several);
  engine_add ("/health/watchdog/of-several/trigger", test_watchdog_trigger_of_several);
  engine_add ("/health/watchdog/kills-what-ignores-it", test_watchdog_kills_what_ignores_it);
  engine_add ("/health/watchdog/of-a-candidate", test_watchdog_of_a_candidate);
  engine_add ("/health/watchdog/none", test_no_watchdog);
  return g_test_run ();
}
