/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The reload transaction, seen from outside: what is said, what runs, what is kept.
 */
#include "engine-fixture.h"

#include "hr-error.h"
#include "hr-names.h"

/* A save becomes a release that runs beside the old one before that is told to stop. */
static void
test_save (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  GPid before = hr_service_get_pid (service);
  g_autoptr (HrHistoryEntry) entry = NULL;

  engine_save (engine, "main", "two");
  engine_run (engine, 1 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
  engine_expect_states (engine, "reloading | running");
  g_assert_cmpint (hr_service_get_pid (service), !=, before);
  g_assert_cmpint (engine->completed_pid, ==, hr_service_get_pid (service));
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpuint (hr_fake_instance_release (engine_instance (engine, 1)), ==, 2);
  g_assert_cmpint (engine_instance (engine, 0)->signalled, !=, 0);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
  entry = engine_history (engine);
  g_assert_true (entry->success);
  g_assert_cmpuint (entry->release, ==, 2);
  g_assert_cmpuint (entry->previous_release, ==, 1);
  g_assert_cmpstr (entry->trigger, ==, "file");
  g_assert_cmpstr (entry->files[0], ==, "main");
  g_assert_cmpint (entry->downtime_usec, ==, 0);
  engine_expect_fate (engine, 2, HR_FATE_UNPROVEN);
  engine_run (engine, 5 * SECOND);
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/reload/promise-6/success-is-proven", test_save);
  return g_test_run ();
}
