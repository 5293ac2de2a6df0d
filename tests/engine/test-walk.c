/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Random walks: whatever is asked of a service, and whatever fails meanwhile, in any order, it never runs more than two
 * instances nor places into a slot in use (the fakes see to that), every job ends, and in the end what was saved last
 * runs. The seed is printed: --seed repeats a walk.
 */
#include "engine-fixture.h"
#include "hr-error.h"

#define WALKS 50
#define STEPS 40

static const char *const files[] = {
  "RestartDelay=1s\n",
  "Handover=sequential\nEnvironment=X=1\n",
  "Ready=probe\n[Health]\nProbe=exec:probe\nInterval=1s\n",
  "DrainTimeout=5s\nStopTimeout=3s\n[State]\nPreserve=no\n",
  "Listen=http=tcp:127.0.0.1:8080\nRestart=always\n",
  "Listen=http=tcp:127.0.0.1:8080\n[Canary]\nPercentage=10\nRampDuration=9s\nSteps=3\n",
  "Listen=http=tcp:127.0.0.1:8080\nDrainTimeout=4s\n[Health]\nProbe=tcp:127.0.0.1:8080\nInterval=1s\n",
};

static gboolean
one_in (int n)
{
  return g_test_rand_int_range (0, n) == 0;
}

static HrFakeProgram
any_program (void)
{
  HrFakeProgram program = {
    .readiness = one_in (4) ? HR_FAKE_LISTENS : HR_FAKE_NOTIFIES,
    .ready_after = g_test_rand_int_range (0, 3) * SECOND / 2,
    .opens_state = one_in (2),
    .leaves = one_in (3)   ? NULL
              : one_in (6) ? "garbage"
                           : "{\"n\":1}",
    .stop_takes = g_test_rand_int_range (0, 4) * SECOND,
    .ignores_stop = one_in (10),
    .ignores_kill = one_in (20),
    .stop_code = one_in (8) ? 1 : 0,
    .retires = !one_in (4),
    .cannot_execute = one_in (20) ? "there is no such program" : NULL,
  };

  if (one_in (5))
    {
      program.exits_after = g_test_rand_int_range (1, 5000) * MSEC;
      program.exit_code = one_in (3) ? 0 : 1;
    }
  return program;
}

/* Not carrying: the slots keep the order of what they are asked for, and what is held would not. */
#define N_GATES 7

static HrFakeGate *
get_gate (Engine *engine, int which)
{
  HrFakeService *parts = engine_parts (engine);
  HrFakeGate *const gates[N_GATES] = {
    &parts->store->scan,
    &parts->store->commit,
    &parts->slots->place,
    &engine->platform->checker->check,
    &parts->state->collect,
    &parts->state->load,
    &engine->platform->prober->probe,
  };

  return gates[which];
}

static HrFakeGate *
any_gate (Engine *engine)
{
  return get_gate (engine, g_test_rand_int_range (0, N_GATES));
}

static void
cancel_any (Engine *engine)
{
  g_autoptr (GPtrArray) jobs = hr_manager_list_jobs (engine->manager);

  if (jobs->len > 0)
    hr_job_cancel (jobs->pdata[g_test_rand_int_range (0, (gint32)jobs->len)], NULL, NULL);
}

static void
crash_any (Engine *engine)
{
  for (guint i = 0; i < engine->launcher->instances->len; i++)
    if (engine_instance (engine, i)->alive && one_in (2))
      {
        hr_fake_instance_exit (engine_instance (engine, i), one_in (3) ? 0 : 1);
        return;
      }
}

static void
restore_any (HrService *service)
{
  g_autoptr (GPtrArray) list = hr_service_list_snapshots (service);

  if (list->len > 0)
    hr_service_restore_snapshot (service, ((HrSnapshot *)list->pdata[0])->id, "walk", NULL);
}

static void
ask (Engine *engine, HrService *service)
{
  switch (g_test_rand_int_range (0, 11))
    {
    case 0:
      hr_service_start (service, "walk");
      break;
    case 1:
      hr_service_stop (service, "walk");
      break;
    case 2:
      hr_service_restart (service, "walk");
      break;
    case 3:
      hr_service_reload (service, "walk");
      break;
    case 4:
      hr_service_rollback (service, 0, "walk", NULL);
      break;
    case 5:
      restore_any (service);
      break;
    case 6:
      cancel_any (engine);
      break;
    case 7:
      hr_service_promote_canary (service, "walk", NULL);
      break;
    case 8:
      hr_service_abort_canary (service, "walk", NULL);
      break;
    case 9:
      hr_service_hold_canary (service, "walk", NULL);
      break;
    default:
      hr_service_set_paused (service, one_in (2), one_in (2));
      break;
    }
}

static void
disturb (Engine *engine)
{
  switch (g_test_rand_int_range (0, 8))
    {
    case 0:
      crash_any (engine);
      break;
    case 1:
      hr_fake_gate_hold (any_gate (engine));
      break;
    case 2:
      hr_fake_platform_release (engine->platform);
      break;
    case 3:
      hr_fake_gate_fail_next (any_gate (engine), HR_ERROR, HR_ERROR_FAILED, "the disk is gone");
      break;
    case 4:
      engine->platform->checker->fault = one_in (2) ? "garbage" : NULL;
      break;
    case 5:
      engine->platform->prober->illness = one_in (3) ? "no answer" : NULL;
      break;
    case 6:
      engine->launcher->failure = one_in (4) ? "no process" : NULL;
      engine_parts (engine)->listeners->failure = one_in (6) ? "in use" : NULL;
      break;
    default:
      engine_set (engine, "web", files[g_test_rand_int_range (0, G_N_ELEMENTS (files))]);
      if (one_in (10))
        engine_set_broken (engine, "web");
      engine_apply (engine, NULL);
      break;
    }
}

static void
trace (Engine *engine, HrService *service, const char *what)
{
  g_autofree char *events = NULL;

  if (!g_test_verbose ())
    return;
  g_ptr_array_add (engine->events, NULL);
  events = g_strjoinv (" | ", (char **)engine->events->pdata);
  g_ptr_array_set_size (engine->events, 0);
  for (guint i = 0; i < engine->warnings->len; i++)
    g_test_message ("  %s", (const char *)engine->warnings->pdata[i]);
  g_ptr_array_set_size (engine->warnings, 0);
  g_test_message ("%s: %s, release %" G_GUINT64_FORMAT ", %u alive; %s", what, hr_service_get_state (service),
                  hr_service_get_release (service), hr_fake_launcher_n_alive (engine->launcher, NULL), events);
}

static void
step (Engine *engine, HrService *service, guint number)
{
  g_autofree char *content = g_strdup_printf ("%u", number);

  engine->launcher->program = any_program ();
  switch (g_test_rand_int_range (0, 6))
    {
    case 0:
      engine_save (engine, "main", content);
      break;
    case 1:
      hr_fake_watcher_hint (engine_parts (engine)->watcher, one_in (2) ? "main" : NULL);
      break;
    case 2:
      disturb (engine);
      break;
    case 3:
      ask (engine, service);
      break;
    default:
      engine_run (engine, g_test_rand_int_range (0, 3000) * MSEC);
      break;
    }
  trace (engine, service, content);
}

/* What was waited for in the kernel is there. */
static void
let_go (Engine *engine)
{
  for (guint i = 0; i < engine->launcher->instances->len; i++)
    {
      HrFakeInstance *instance = engine_instance (engine, i);

      instance->program.ignores_kill = FALSE;
      if (instance->alive && instance->killed)
        hr_fake_instance_end_by (instance, 9);
    }
}

/* Everything works again, and somebody wants it to run. */
static void
calm_down (Engine *engine, HrService *service)
{
  engine->launcher->program = (HrFakeProgram){ 0 };
  engine->launcher->failure = NULL;
  engine_parts (engine)->listeners->failure = NULL;
  engine->platform->checker->fault = NULL;
  engine->platform->prober->illness = NULL;
  let_go (engine);
  hr_fake_platform_release (engine->platform);
  for (int i = 0; i < N_GATES; i++)
    g_clear_error (&get_gate (engine, i)->failure);
  engine_set (engine, "web", files[0]);
  engine_apply (engine, NULL);
  hr_service_set_paused (service, FALSE, FALSE);
  hr_service_set_paused (service, FALSE, TRUE);
  engine_run (engine, 400 * SECOND);
  hr_service_start (service, "walk");
  engine_run (engine, 100 * SECOND);
}

static void
expect_jobs_ended (Engine *engine)
{
  g_autoptr (GPtrArray) jobs = hr_manager_list_jobs (engine->manager);

  for (guint i = 0; i < jobs->len; i++)
    g_assert_true (hr_job_is_finished (jobs->pdata[i]));
}

static HrService *
walk (Engine *engine)
{
  HrService *service;

  engine_set (engine, "web", files[0]);
  service = engine_apply (engine, "web");
  for (guint i = 0; i < STEPS; i++)
    step (engine, service, i);
  return service;
}

static void
test_walk (Engine *engine)
{
  HrService *service = walk (engine);

  calm_down (engine, service);
  trace (engine, service, "calm");
  engine_save (engine, "main", "the end");
  engine_run (engine, 100 * SECOND);
  trace (engine, service, "end");
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpstr (hr_fake_store_read (engine_parts (engine)->store, hr_service_get_release (service), "main"), ==,
                   "the end");
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 1);
  expect_jobs_ended (engine);
}

static void
shut_down (GObject *source, GAsyncResult *result, gpointer user_data)
{
  hr_manager_shutdown_finish (HR_MANAGER (source), result);
  *(gboolean *)user_data = TRUE;
}

/* Also while something is not answered: every wait has an end. */
static void
test_shutdown (Engine *engine)
{
  gboolean done = FALSE;

  walk (engine);
  hr_manager_shutdown_async (engine->manager, shut_down, &done);
  engine_run (engine, 1000 * SECOND);
  g_assert_true (done);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 0);
  let_go (engine);
}

static void
repeat (gconstpointer data)
{
  void (*test) (Engine *) = data;

  for (guint i = 0; i < WALKS; i++)
    {
      g_autoptr (Engine) engine = engine_new ();

      test (engine);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  g_test_add_data_func ("/walk/what-was-saved-last-runs", test_walk, repeat);
  g_test_add_data_func ("/walk/shutdown-ends-all", test_shutdown, repeat);
  return g_test_run ();
}
