/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Several instances with a probe: the new ones have sockets of their own while they are rolled, whose share of the new
 * connections follows the instances that serve. What must hold at every moment is looked at every millisecond.
 */
#include <string.h>

#include "engine-fixture.h"
#include "hr-error.h"

#define THREE "Instances=3\nRestartDelay=1s\nListen=http=tcp:127.0.0.1:8080\n"
#define PROBE "[Health]\nProbe=exec:probe\nInterval=1s\nFailures=2\n"

static const HrFakeProgram worker = { .ready_after = 100 * MSEC, .retires = TRUE, .stop_takes = 300 * MSEC };
static const HrFakeProgram slow = { .ready_after = 2 * SECOND, .retires = TRUE };
static const HrFakeProgram crashes = { .ready_after = SECOND, .exits_after = 50 * MSEC, .exit_code = 1 };

static gboolean
serves (HrFakeInstance *instance)
{
  return instance->alive && !instance->retired && instance->signalled == 0 && !instance->killed
         && instance->begin_id == 0 && instance->ready_timer == 0
         && instance->program.readiness != HR_FAKE_SAYS_NOTHING;
}

/* Of those that were started after the first @n_old, or of these. */
static guint
n_serving (Engine *engine, guint n_old, gboolean new)
{
  guint n = 0;

  for (guint i = new ? n_old : 0; i < (new ? engine->launcher->instances->len : n_old); i++)
    n += serves (engine_instance (engine, i));
  return n;
}

/* Whoever gets connections has somebody who accepts them, and the new ones are not there for nothing. */
static void
expect_accepted (Engine *engine)
{
  HrFakeListeners *listeners = engine_parts (engine)->listeners;
  guint n_new = n_serving (engine, 3, TRUE), n_old = n_serving (engine, 3, FALSE);

  if (listeners->separate == NULL)
    return;
  if (listeners->share > 0)
    g_assert_cmpuint (n_new, >, 0);
  if (n_old < 3 && n_new > 0)
    g_assert_cmpuint (listeners->share, >, 0);
}

static void
run_watched (Engine *engine, gint64 usec)
{
  for (gint64 passed = 0; passed < usec; passed += MSEC)
    {
      engine_run (engine, MSEC);
      expect_accepted (engine);
    }
}

static HrService *
start_three (Engine *engine, const char *keys)
{
  g_autofree char *text = g_strconcat (THREE, keys, PROBE, NULL);
  HrService *service;

  engine->launcher->most = 8;
  service = engine_start_with (engine, text, &worker);
  g_assert_cmpuint (n_serving (engine, 3, FALSE), ==, 3);
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners, "");
  return service;
}

static void
expect_release (Engine *engine, HrService *service, guint64 release, guint instances)
{
  g_assert_cmpuint (hr_service_get_release (service), ==, release);
  g_assert_cmpuint (hr_service_get_serving (service), ==, instances);
  g_assert_null (engine_parts (engine)->listeners->separate);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, instances);
}

static void
test_rolled (Engine *engine)
{
  HrService *service = start_three (engine, "");

  engine_save (engine, "main", "two");
  run_watched (engine, 5 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners,
                                    "separate, share 2500, share 3333, join, share 5000, share 6666, join, share 7500, "
                                    "promote");
  expect_release (engine, service, 2, 3);
}

/* With Ready=probe each is asked before it serves: what one of the old ones would answer proves nothing. */
static void
test_probes (Engine *engine)
{
  GHashTable *sources = engine->platform->prober->sources;
  HrFakeProgram silent = worker;

  silent.readiness = HR_FAKE_SAYS_NOTHING;
  start_three (engine, "Ready=probe\n");
  engine->launcher->program = silent;
  engine_save (engine, "main", "two");
  engine_run (engine, 3 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  for (guint i = 0; i < 6; i++)
    g_assert_cmpstr (g_hash_table_lookup (sources, GINT_TO_POINTER (engine_instance (engine, i)->pid)), ==,
                     i < 3 ? "" : "127.64.0.1");
}

static void
test_first_is_ill (Engine *engine)
{
  HrService *service = start_three (engine, "");

  engine->platform->prober->illness = "ill";
  engine_save (engine, "main", "two");
  run_watched (engine, 10 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadFailed verify");
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners, "separate, rejoin");
  expect_release (engine, service, 1, 3);
  for (guint i = 0; i < 3; i++)
    g_assert_true (serves (engine_instance (engine, i)));
}

/* Those of the old release that come back join nobody, and nobody is retired who would still get connections. */
static void
test_third_crashes (Engine *engine)
{
  HrService *service = start_three (engine, "");

  hr_fake_launcher_next (engine->launcher, &worker);
  hr_fake_launcher_next (engine->launcher, &worker);
  hr_fake_launcher_next (engine->launcher, &crashes);
  engine_save (engine, "main", "two");
  run_watched (engine, 5 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadFailed switch");
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners,
                                    "separate, share 2500, share 3333, join, share 5000, share 6666, join, stay, "
                                    "share 3333, retire, stay, share 2500, rejoin");
  expect_release (engine, service, 1, 3);
}

/* One of the new ones, @which, ends when @n_new of them serve, and the next is slow. */
static void
end_one (Engine *engine, guint n_new, guint which, const char *traffic)
{
  HrService *service = start_three (engine, "");

  for (guint i = 0; i < n_new; i++)
    hr_fake_launcher_next (engine->launcher, &worker);
  hr_fake_launcher_next (engine->launcher, &slow);
  engine_save (engine, "main", "two");
  while (engine->launcher->instances->len < 3 + n_new + 1)
    run_watched (engine, MSEC);
  hr_fake_instance_exit (engine_instance (engine, 3 + which), 7);
  expect_accepted (engine);
  run_watched (engine, 5 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadFailed switch");
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners, traffic);
  expect_release (engine, service, 1, 3);
}

/* Nobody is left in its sockets: nothing goes there any more, before anything is started. */
static void
test_lead_ends_alone (Engine *engine)
{
  end_one (engine, 1, 0, "separate, share 2500, share 3333, join, rejoin");
}

static void
test_lead_ends_with_another (Engine *engine)
{
  end_one (engine, 2, 0,
           "separate, share 2500, share 3333, join, share 5000, share 6666, join, share 5000, stay, rejoin");
}

static void
test_follower_ends (Engine *engine)
{
  end_one (engine, 2, 1,
           "separate, share 2500, share 3333, join, share 5000, share 6666, join, share 5000, stay, share 3333, stay, "
           "share 2500, rejoin");
}

/* All connections go to the new ones when there is no old one any more. */
static void
test_old_ones_end (Engine *engine)
{
  HrService *service = start_three (engine, "");

  hr_fake_launcher_next (engine->launcher, &worker);
  hr_fake_launcher_next (engine->launcher, &slow);
  engine_save (engine, "main", "two");
  while (engine->launcher->instances->len < 5)
    run_watched (engine, MSEC);
  for (guint i = 0; i < 3; i++)
    if (serves (engine_instance (engine, i)))
      hr_fake_instance_exit (engine_instance (engine, i), 7);
  g_assert_cmpuint (engine_parts (engine)->listeners->share, ==, HR_SHARE_ALL);
  run_watched (engine, 5 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners,
                                    "separate, share 2500, share 3333, join, share 5000, share 10000, join, promote");
  expect_release (engine, service, 2, 3);
}

/* All of them serve, and the old ones have yet to cease to accept: what ends now is followed by the old release, all of it. */
static void
test_lead_ends_at_the_end (Engine *engine)
{
  HrFakeProgram keeps_on = { .ready_after = 100 * MSEC, .stop_takes = 3 * SECOND, .keeps_listeners = TRUE };
  HrService *service;

  engine->launcher->most = 8;
  service = engine_start_with (engine, THREE, &keeps_on);
  engine->launcher->program = worker;
  engine_save (engine, "main", "two");
  while (hr_service_get_serving (service) > 3 || engine->launcher->instances->len < 6)
    engine_run (engine, MSEC);
  engine_run (engine, 150 * MSEC);
  engine_expect (engine, "FileChanged main | ReloadStarted 2");
  hr_fake_instance_exit (engine_instance (engine, 3), 7);
  engine_run (engine, 20 * SECOND);
  engine_expect (engine, "ReloadFailed switch | RolledBack 2>1");
  expect_release (engine, service, 1, 3);
}

static void
test_share_fails (Engine *engine)
{
  HrService *service = start_three (engine, "");

  engine_parts (engine)->listeners->share_failure = "no memory";
  engine_save (engine, "main", "two");
  run_watched (engine, 5 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadFailed switch");
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners, "separate, rejoin");
  g_assert_nonnull (strstr (hr_service_get_error (service), "their share of the connections: no memory"));
  expect_release (engine, service, 1, 3);
}

static void
test_cancelled (Engine *engine)
{
  HrService *service = start_three (engine, "");

  for (guint passed = 0; passed < 12; passed++)
    {
      HrJob *job = hr_service_reload (service, "somebody");

      for (gint64 i = 0; i < passed * 40; i++)
        engine_run (engine, MSEC);
      hr_job_cancel (job, NULL, NULL);
      engine_run (engine, 3 * SECOND);
      expect_release (engine, service, 1, 3);
    }
}

static void
test_stopped (Engine *engine)
{
  for (guint passed = 0; passed < 12; passed++)
    {
      g_autoptr (Engine) own = engine_new ();
      HrService *service = start_three (own, "");

      hr_service_reload (service, "somebody");
      engine_run (own, passed * 40 * MSEC);
      hr_service_stop (service, "somebody");
      engine_run (own, 5 * SECOND);
      g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
      g_assert_null (engine_parts (own)->listeners->separate);
      g_assert_cmpuint (hr_fake_launcher_n_alive (own->launcher, NULL), ==, 0);
    }
}

/* It rolls as without a probe. */
static void
test_shared_where_it_cannot_be (Engine *engine)
{
  HrService *service = start_three (engine, "");

  engine_parts (engine)->listeners->separate_failure = "no room";
  engine_save (engine, "main", "two");
  run_watched (engine, 5 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners, "");
  expect_release (engine, service, 2, 3);
}

/* Whoever runs the daemon hears that promise 2 is not kept, and why. */
static void
test_shared_with_strangers (Engine *engine)
{
  start_three (engine, "");
  engine_parts (engine)->listeners->separate = g_strdup ("somebody else");
  engine_save (engine, "main", "two");
  engine_run (engine, 5 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  g_assert_cmpuint (engine_n_warnings (engine, "*what the old instance answers may count for the new one*"), ==, 1);
}

static void
test_fewer (Engine *engine)
{
  HrService *service = start_three (engine, "");

  engine_set (engine, "web", "Listen=http=tcp:127.0.0.1:8080\n" PROBE);
  engine_apply (engine, NULL);
  run_watched (engine, 5 * SECOND);
  hr_fake_listeners_expect_traffic (engine_parts (engine)->listeners, "separate, share 2500, share 3333, promote");
  expect_release (engine, service, 1, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/traffic-of-several/promise-3/share-follows-the-instances", test_rolled);
  engine_add ("/traffic-of-several/promise-2/probes-reach-the-new-release", test_probes);
  engine_add ("/traffic-of-several/promise-2/first-is-ill", test_first_is_ill);
  engine_add ("/traffic-of-several/third-crashes", test_third_crashes);
  engine_add ("/traffic-of-several/lead-ends/alone", test_lead_ends_alone);
  engine_add ("/traffic-of-several/lead-ends/with-another", test_lead_ends_with_another);
  engine_add ("/traffic-of-several/lead-ends/at-the-end", test_lead_ends_at_the_end);
  engine_add ("/traffic-of-several/follower-ends", test_follower_ends);
  engine_add ("/traffic-of-several/old-ones-end", test_old_ones_end);
  engine_add ("/traffic-of-several/share-fails", test_share_fails);
  engine_add ("/traffic-of-several/cancelled", test_cancelled);
  engine_add ("/traffic-of-several/stopped", test_stopped);
  engine_add ("/traffic-of-several/fewer", test_fewer);
  engine_add ("/traffic-of-several/shared-where-it-cannot-be", test_shared_where_it_cannot_be);
  engine_add ("/traffic-of-several/shared-with-strangers", test_shared_with_strangers);
  return g_test_run ();
}
