/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a reload would do now: that it is said, and that the reload then does it.
 */
#include <string.h>

#include "engine-fixture.h"

#define PROBE "[Health]\nProbe=exec:probe\nInterval=1s\nFailures=2\n"
#define BINDS ((HrFakeProgram){ .is_static = TRUE, .unseen = HR_UNSEEN_STATIC, .binds = TRUE })
/* Its file tells nothing. */
#define LAUNCHER ((HrFakeProgram){ .binds = TRUE })
#define LONG_AGO (60 * SECOND)

static void
collect_plan (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) steps = hr_service_plan_finish (HR_SERVICE (source), result, &error);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; steps != NULL && i < steps->len; i++)
    {
      const HrPlanStep *step = g_ptr_array_index (steps, i);

      g_string_append_printf (text, "%s: %s\n", step->phase, step->text);
      if (step->handover != NULL)
        g_string_append_printf (text, "handover in %s: %s\n", step->phase, step->handover);
      if (step->reason != NULL)
        g_string_append_printf (text, "because %s\n", step->reason);
    }
  *(char **)user_data = g_strdup (steps != NULL ? text->str : error->message);
}

static char *
plan (Engine *engine)
{
  char *text = NULL;

  hr_service_plan_async (hr_manager_get (engine->manager, "web", NULL), collect_plan, &text);
  engine_run (engine, 0);
  return text;
}

static void
expect_not_planned (Engine *engine, const char *words)
{
  g_autofree char *text = plan (engine);

  g_test_message ("%s", text);
  g_assert_null (strstr (text, words));
}

static void
expect_plan (Engine *engine, const char *words)
{
  g_autofree char *text = plan (engine);

  g_test_message ("%s", text);
  g_assert_nonnull (strstr (text, words));
}

/* What a reload would do, and nothing is done. */
static void
test_steps (Engine *engine)
{
  HrService *service = engine_start (engine, "[Check]\nBuild=make all\nPreCheck=make check\nForbid=debugger\n" PROBE);
  guint launched = engine->launcher->instances->len;

  expect_plan (engine, "record: nothing changed: a new process of release 1");
  hr_fake_store_write (engine_parts (engine)->store, "main", "two");
  expect_plan (engine, "record: record release 2 of 'web': 1 path changed: main");
  expect_plan (engine, "place: bring slot b to it");
  expect_plan (engine,
               "check: forbidden patterns, syntax of the changed files, build with 'make', pre-check with 'make'");
  expect_plan (engine, "start: start beside the running instance");
  expect_plan (engine, "verify: probe with 'exec:probe'");
  expect_not_planned (engine, "may count for the new one");
  g_assert_cmpuint (engine->launcher->instances->len, ==, launched);
  g_assert_cmpuint (engine_parts (engine)->store->releases->len, ==, 1);
  engine->platform->checker->fault = "bad";
  hr_service_reload (service, "tester");
  engine_run (engine, 1 * SECOND);
  expect_plan (engine, "tried again");
  hr_fake_gate_fail_next (&engine_parts (engine)->store->scan, G_IO_ERROR, G_IO_ERROR_FAILED, "unreadable");
  expect_plan (engine, "unreadable");
}

static void
test_sequential (Engine *engine)
{
  engine_start (engine, "-Handover=sequential\n[State]\nPreserve=no\n");
  expect_plan (engine, "without Source there is nothing to record");
  expect_plan (engine, "preserve: stop the running instance before the new one starts: Handover=sequential");
  expect_plan (engine, "handover in start: sequential\nbecause Handover=sequential");
}

static void
test_without_sockets (Engine *engine)
{
  engine_start (engine, "Sockets=none\n");
  expect_plan (engine,
               "preserve: stop the running instance and take its state before the new one starts: Sockets=none");
  expect_plan (engine, "handover in start: sequential");
}

static void
test_without_leases (Engine *engine)
{
  engine_start (engine, "");
  expect_plan (engine, "handover in start: overlap");
  engine_parts (engine)->state->wait_limit = 0;
  expect_plan (engine, "handover in start: sequential\nbecause the file system of the runtime directory has no leases");
}

static void
test_stopped (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  expect_plan (engine, "handover in start: overlap");
  hr_service_stop (service, "tester");
  engine_run (engine, 2 * SECOND);
  expect_plan (engine, "start: start\n");
  expect_not_planned (engine, "handover");
  expect_not_planned (engine, "running instance");
}

/* Runs the reload that was planned; returns whether the old instance had ended when the new one was started. */
static gboolean
old_ends_first (Engine *engine)
{
  guint before = engine->launcher->instances->len;
  HrFakeInstance *old = engine_instance (engine, before - 1);

  old->program.stop_takes = SECOND;
  engine_save (engine, "main", "two");
  for (guint i = 0; i < 100 && engine->launcher->instances->len == before; i++)
    engine_run (engine, 100 * MSEC);
  g_assert_cmpuint (engine->launcher->instances->len, ==, before + 1);
  return !old->alive;
}

static void
test_unseen (Engine *engine)
{
  engine_start_with (engine, "", &BINDS);
  engine->launcher->program = BINDS;
  engine_run (engine, LONG_AGO);
  expect_plan (engine, "before the new one starts: its program is linked statically, so that what it binds cannot be");
  expect_plan (engine, "handover in start: sequential\nbecause its program is linked statically");
  expect_plan (engine, "name its address in Listen and take LISTEN_FDS");
  expect_not_planned (engine, "start beside");
  g_assert_true (old_ends_first (engine));
}

static void
test_launcher (Engine *engine)
{
  engine_start_with (engine, "", &LAUNCHER);
  engine->launcher->program = LAUNCHER;
  engine_run (engine, LONG_AGO);
  expect_plan (engine, "handover in start: sequential\nbecause a process of it that listens does not load the preload");
  g_assert_true (old_ends_first (engine));
}

static void
test_unseen_that_takes_its_sockets (Engine *engine)
{
  HrFakeProgram takes = BINDS;

  takes.binds = FALSE;
  engine_start_with (engine, "Listen=http=tcp:127.0.0.1:8080\n", &takes);
  engine->launcher->program = takes;
  engine_run (engine, LONG_AGO);
  expect_plan (engine, "handover in start: overlap");
  expect_not_planned (engine, "because");
  g_assert_false (old_ends_first (engine));
}

static void
test_refused (Engine *engine)
{
  HrService *service = engine_start_with (engine, "Sockets=adopt\n" PROBE, &BINDS);

  engine->launcher->program = BINDS;
  engine_run (engine, LONG_AGO);
  expect_plan (engine, "check: refuse it: its program is linked statically");
  expect_plan (engine, "handover in check: refused\nbecause its program is linked statically");
  for (const char *const *phase = (const char *const[]){ "start:", "verify:", "switch:", NULL }; *phase != NULL;
       phase++)
    expect_not_planned (engine, *phase);
  engine_forget (engine);
  engine_save (engine, "main", "two");
  engine_run (engine, 5 * SECOND);
  engine_expect_kept (engine, service, "check", "its program is linked statically");
}

static void
test_canary (Engine *engine)
{
  const HrFakeProgram watched = { .readiness = HR_FAKE_LISTENS };
  HrService *service = engine_start_with (engine, "[Canary]\nPercentage=10\n[State]\nPreserve=no\n", &watched);

  engine->launcher->program = watched;
  /* A new process of the same release has none. */
  expect_not_planned (engine, "canary");
  hr_fake_store_write (engine_parts (engine)->store, "main", "two");
  expect_plan (engine, "canary: refuse it: the canary that Percentage asks for cannot be: it has no TCP listener");
  expect_plan (engine, "handover in canary: refused");
  expect_not_planned (engine, "start");
  engine_forget (engine);
  engine_save (engine, "main", "two");
  engine_run (engine, 5 * SECOND);
  engine_expect_kept (engine, service, "canary", "it has no TCP listener");
  hr_fake_listeners_discover (engine_parts (engine)->listeners, 8080);
  hr_fake_store_write (engine_parts (engine)->store, "main", "three");
  expect_plan (engine, "canary: give it 10% of the new connections until somebody promotes or aborts it");
  expect_plan (engine, "handover in start: overlap");
}

static void
test_invalid (Engine *engine)
{
  engine_set_broken (engine, "web");
  engine_apply (engine, "web");
  expect_plan (engine, "the file is garbage");
}

static void
test_limits (Engine *engine)
{
  engine_start (engine, "MemoryMax=64M\n");
  expect_plan (engine, "start: start beside the running instance");
  engine->launcher->no_limits = "MemoryMax=64M cannot be had here: the controller 'memory' is missing";
  expect_plan (engine, "start: refuse it: MemoryMax=64M cannot be had here: the controller 'memory' is missing");
  expect_not_planned (engine, "start beside");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/plan/steps", test_steps);
  engine_add ("/plan/sequential", test_sequential);
  engine_add ("/plan/without-sockets", test_without_sockets);
  engine_add ("/plan/without-leases", test_without_leases);
  engine_add ("/plan/nothing-runs", test_stopped);
  engine_add ("/plan/an-unseen-program-is-said-to-be-handed-over-sequentially", test_unseen);
  engine_add ("/plan/so-is-one-of-which-only-its-processes-tell", test_launcher);
  engine_add ("/plan/an-unseen-program-that-takes-its-sockets-overlaps", test_unseen_that_takes_its_sockets);
  engine_add ("/plan/what-would-be-refused-is-said-to-be", test_refused);
  engine_add ("/plan/limits-that-cannot-be-had-are-said-to-be-refused", test_limits);
  engine_add ("/plan/a-canary-that-cannot-be-is-said-to-be-refused", test_canary);
  engine_add ("/plan/invalid", test_invalid);
  return g_test_run ();
}
