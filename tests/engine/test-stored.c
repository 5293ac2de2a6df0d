/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Descriptors that programs store (FDSTORE=1), and who gets them.
 */
#include <sys/mman.h>

#include "engine-fixture.h"

static HrFakeInstance *
last (Engine *engine)
{
  return hr_fake_launcher_last (engine->launcher);
}

static void
send_memory (Engine *engine, const char *message)
{
  hr_fake_instance_send (last (engine), message, memfd_create ("stored", MFD_CLOEXEC));
}

static void
expect_stored (HrService *service, const char *names)
{
  g_auto (GStrv) list = hr_service_get_stored (service);
  g_autofree char *text = g_strjoinv (":", list);

  g_assert_cmpstr (text, ==, names);
}

static HrService *
start (Engine *engine)
{
  HrService *service = engine_start (engine, "FileDescriptorStoreMax=3\n");

  g_assert_cmpstr (last (engine)->given, ==, "");
  send_memory (engine, "FDSTORE=1\nFDNAME=db");
  send_memory (engine, "FDSTORE=1");
  expect_stored (service, "db:stored");
  return service;
}

/* Without the key nothing is stored, and nobody is told. */
static void
test_off (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  send_memory (engine, "FDSTORE=1");
  hr_fake_instance_say (last (engine), "FDSTOREREMOVE=1\nFDNAME=db");
  expect_stored (service, "");
  g_assert_cmpuint (engine->warnings->len, ==, 0);
}

static void
test_crash (Engine *engine)
{
  HrService *service = start (engine);

  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, 1 * SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
  g_assert_cmpstr (last (engine)->given, ==, "db:stored");
  expect_stored (service, "db:stored");
}

static void
test_reload (Engine *engine)
{
  HrService *service = start (engine);

  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpstr (last (engine)->given, ==, "db:stored");
  hr_service_restart (service, "tester");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 3);
  g_assert_cmpstr (last (engine)->given, ==, "db:stored");
}

/* What is removed before anything ends does not come back. */
static void
test_remove (Engine *engine)
{
  HrService *service = start (engine);

  hr_fake_instance_say (last (engine), "FDSTOREREMOVE=1");
  expect_stored (service, "db:stored");
  hr_fake_instance_say (last (engine), "FDSTOREREMOVE=1\nFDNAME=stored");
  expect_stored (service, "db");
  send_memory (engine, "FDSTOREREMOVE=1\nFDSTORE=1\nFDNAME=db");
  expect_stored (service, "db");
  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, 1 * SECOND);
  g_assert_cmpstr (last (engine)->given, ==, "db");
}

static void
test_limit (Engine *engine)
{
  HrService *service = start (engine);

  send_memory (engine, "FDSTORE=1\nFDNAME=third");
  g_assert_cmpuint (engine_n_warnings (engine, "*FileDescriptorStoreMax=3*"), ==, 0);
  send_memory (engine, "FDSTORE=1\nFDNAME=fourth");
  send_memory (engine, "FDSTORE=1\nFDNAME=fifth");
  expect_stored (service, "db:stored:third");
  g_assert_cmpuint (engine_n_warnings (engine, "*FileDescriptorStoreMax=3*"), ==, 1);
  hr_fake_instance_say (last (engine), "FDSTOREREMOVE=1\nFDNAME=db");
  send_memory (engine, "FDSTORE=1\nFDNAME=sixth");
  expect_stored (service, "stored:third:sixth");
}

static void
test_bad_name (Engine *engine)
{
  HrService *service = start (engine);

  send_memory (engine, "FDSTORE=1\nFDNAME=a:b");
  expect_stored (service, "db:stored:stored");
  g_assert_cmpuint (engine_n_warnings (engine, "FDNAME=*a:b*"), ==, 1);
}

static void
test_stop (Engine *engine)
{
  HrService *service = start (engine);

  hr_service_stop (service, "tester");
  engine_run (engine, 1 * SECOND);
  expect_stored (service, "");
  hr_service_start (service, "tester");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
  g_assert_cmpstr (last (engine)->given, ==, "");
}

/* One that has ended meanwhile cannot have taken them away. */
static void
test_stop_of_nothing (Engine *engine)
{
  HrService *service = engine_start (engine, "FileDescriptorStoreMax=3\nRestart=no\n");

  send_memory (engine, "FDSTORE=1");
  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, 1 * SECOND);
  expect_stored (service, "stored");
  hr_service_stop (service, "tester");
  engine_run (engine, 1 * SECOND);
  expect_stored (service, "");
}

/* A candidate gets them; that it fails takes nothing from the one that runs on. */
static void
test_candidate (Engine *engine)
{
  const HrFakeProgram dies = { .ready_after = 1 * SECOND, .exits_after = 500 * MSEC, .exit_code = 1 };
  HrService *service = start (engine);

  hr_fake_launcher_next (engine->launcher, &dies);
  engine_save (engine, "main", "two");
  engine_run (engine, 5 * SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
  g_assert_cmpstr (last (engine)->given, ==, "db:stored");
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  expect_stored (service, "db:stored");
}

static void
test_file (Engine *engine)
{
  HrService *service;

  start (engine);
  engine_set (engine, "web", "FileDescriptorStoreMax=1\n");
  service = engine_apply (engine, "web");
  engine_run (engine, PROVEN);
  expect_stored (service, "db");
  g_assert_cmpuint (engine_n_warnings (engine, "*FileDescriptorStoreMax is 1 now*"), ==, 1);
}

static void
test_next_daemon (Engine *engine)
{
  HrService *service;

  start (engine);
  engine_crash (engine);
  service = engine_apply (engine, "web");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 1);
  expect_stored (service, "db:stored");
  send_memory (engine, "FDSTORE=1\nFDNAME=later");
  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, 1 * SECOND);
  g_assert_cmpstr (last (engine)->given, ==, "db:stored:later");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/stored/nothing-unless-the-service-file-says-so", test_off);
  engine_add ("/stored/given-after-a-crash", test_crash);
  engine_add ("/stored/given-over-reloads-and-restarts", test_reload);
  engine_add ("/stored/removed-by-name", test_remove);
  engine_add ("/stored/no-more-than-the-limit-which-is-told-once", test_limit);
  engine_add ("/stored/a-bad-name-stands-for-none", test_bad_name);
  engine_add ("/stored/gone-with-a-stop", test_stop);
  engine_add ("/stored/gone-with-a-stop-of-what-has-ended", test_stop_of_nothing);
  engine_add ("/stored/a-candidate-takes-nothing-away", test_candidate);
  engine_add ("/stored/a-smaller-limit-closes-the-last", test_file);
  engine_add ("/stored/the-next-daemon-goes-on-with-them", test_next_daemon);
  return g_test_run ();
}
