/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What programs say of themselves at $NOTIFY_SOCKET, and what follows from it.
 */
#include <signal.h>
#include <string.h>

#include "engine-fixture.h"
#include "hr-generation.h"

/* Says nothing until the test says it for it. */
static const HrFakeProgram silent = { .readiness = HR_FAKE_SAYS_NOTHING };

static HrFakeInstance *
last (Engine *engine)
{
  return hr_fake_launcher_last (engine->launcher);
}

static void
say (Engine *engine, const char *message)
{
  hr_fake_instance_say (last (engine), message);
}

/* It asks for two seconds more each second. */
static void
keep_asking (Engine *engine, gint64 usec)
{
  for (gint64 passed = 0; passed < usec; passed += SECOND)
    {
      say (engine, "EXTEND_TIMEOUT_USEC=2000000");
      engine_run (engine, SECOND);
    }
}

/* A service that runs, and of which the next instances are silent. */
static HrService *
start_then_silent (Engine *engine, const char *text)
{
  HrService *service = engine_start (engine, text);

  engine->launcher->program = silent;
  return service;
}

/* EXTEND_TIMEOUT_USEC */

static void
test_extend_restart (Engine *engine)
{
  HrService *service = start_then_silent (engine, "StartTimeout=3s\n");

  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, 200 * MSEC);
  keep_asking (engine, 60 * SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 2);
  g_assert_false (last (engine)->killed);
  say (engine, "READY=1");
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  engine_run (engine, 60 * SECOND);
  g_assert_false (last (engine)->killed);
}

/* It is waited for as long as it asks, and no longer. */
static void
test_extend_ends (Engine *engine)
{
  start_then_silent (engine, "StartTimeout=3s\nRestartLimit=2\n");
  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, 200 * MSEC);
  keep_asking (engine, 10 * SECOND);
  engine_run (engine, 900 * MSEC);
  g_assert_false (last (engine)->killed);
  engine_run (engine, 200 * MSEC);
  g_assert_true (last (engine)->killed);
}

/* What is asked for does not make the time shorter. */
static void
test_extend_is_no_less (Engine *engine)
{
  start_then_silent (engine, "StartTimeout=3s\nRestartLimit=2\n");
  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, 200 * MSEC);
  say (engine, "EXTEND_TIMEOUT_USEC=4500000");
  say (engine, "EXTEND_TIMEOUT_USEC=1000");
  say (engine, "EXTEND_TIMEOUT_USEC=0");
  say (engine, "EXTEND_TIMEOUT_USEC=-1");
  say (engine, "EXTEND_TIMEOUT_USEC=99999999999999999999");
  say (engine, "EXTEND_TIMEOUT_USEC=soon");
  engine_run (engine, 4400 * MSEC);
  g_assert_false (last (engine)->killed);
  engine_run (engine, 200 * MSEC);
  g_assert_true (last (engine)->killed);
}

/* Neither does a little that is asked for early. */
static void
test_extend_adds_nothing (Engine *engine)
{
  start_then_silent (engine, "StartTimeout=3s\nRestartLimit=2\n");
  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, 200 * MSEC);
  say (engine, "EXTEND_TIMEOUT_USEC=1000000");
  engine_run (engine, 2700 * MSEC);
  g_assert_false (last (engine)->killed);
  engine_run (engine, 300 * MSEC);
  g_assert_true (last (engine)->killed);
}

/* Not for ever, whatever it asks for. */
static void
test_extend_is_bounded (Engine *engine)
{
  start_then_silent (engine, "StartTimeout=3s\nRestartLimit=2\n");
  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, 200 * MSEC);
  say (engine, "EXTEND_TIMEOUT_USEC=9223372036854775807");
  engine_run (engine, HR_EXTEND_MAX_USEC / 2);
  say (engine, "EXTEND_TIMEOUT_USEC=9223372036854775807");
  engine_run (engine, HR_EXTEND_MAX_USEC / 2 - SECOND);
  g_assert_false (last (engine)->killed);
  engine_run (engine, SECOND);
  g_assert_true (last (engine)->killed);
}

static void
test_extend_reload (Engine *engine)
{
  HrService *service = start_then_silent (engine, "StartTimeout=3s\n[State]\nPreserve=no\n");

  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  keep_asking (engine, 30 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2");
  say (engine, "READY=1");
  engine_run (engine, SECOND);
  engine_expect (engine, "ReloadCompleted 2");
  engine_save (engine, "main", "three");
  engine_run (engine, SECOND);
  keep_asking (engine, 30 * SECOND);
  engine_run (engine, 5 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 3 | ReloadFailed ready");
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

static void
test_extend_of_several (Engine *engine)
{
  HrService *service;

  engine->launcher->most = 8;
  service = engine_start (engine, "Instances=2\nStartTimeout=3s\n");
  engine->launcher->program = silent;
  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, 200 * MSEC);
  keep_asking (engine, 30 * SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 3);
  say (engine, "READY=1");
  g_assert_cmpuint (hr_service_get_serving (service), ==, 2);
  /* In a reload, too: the second of the new ones takes its time. */
  engine->launcher->program = (HrFakeProgram){ 0 };
  hr_fake_launcher_next (engine->launcher, &engine->launcher->program);
  hr_fake_launcher_next (engine->launcher, &silent);
  engine_forget (engine);
  engine_save (engine, "main", "two");
  engine_run (engine, 2 * SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 5);
  keep_asking (engine, 30 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2");
  say (engine, "READY=1");
  engine_run (engine, SECOND);
  engine_expect (engine, "ReloadCompleted 2");
}

static void
test_extend_stop (Engine *engine)
{
  static const HrFakeProgram slow = { .ignores_stop = TRUE, .ready_after = SECOND };
  HrService *service = engine_start_with (engine, "StopTimeout=3s\n", &slow);
  HrJob *job;

  /* What it asked for while it started or ran is not for its end. */
  say (engine, "EXTEND_TIMEOUT_USEC=900000000");
  job = hr_service_stop (service, "somebody");
  engine_run (engine, SECOND);
  keep_asking (engine, 30 * SECOND);
  g_assert_false (last (engine)->killed);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopping");
  hr_fake_instance_exit (last (engine), 0);
  engine_run (engine, SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  job = hr_service_start (service, "somebody");
  engine_run (engine, 500 * MSEC);
  say (engine, "EXTEND_TIMEOUT_USEC=900000000");
  engine_run (engine, SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  say (engine, "EXTEND_TIMEOUT_USEC=900000000");
  job = hr_service_stop (service, "somebody");
  engine_run (engine, 5 * SECOND);
  g_assert_true (last (engine)->killed);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
}

/* The old instance of a sequential reload takes its time to end; the phase waits with it. */
static void
test_extend_sequential (Engine *engine)
{
  static const HrFakeProgram slow = { .ignores_stop = TRUE };
  HrService *service = engine_start_with (engine, "StopTimeout=3s\nHandover=sequential\n", &slow);

  engine->launcher->program = (HrFakeProgram){ 0 };
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  keep_asking (engine, 60 * SECOND);
  g_assert_false (last (engine)->killed);
  engine_expect (engine, "FileChanged main | ReloadStarted 2");
  hr_fake_instance_exit (last (engine), 0);
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

/* The release that is gone back to is waited for as well. */
static void
test_extend_fallback (Engine *engine)
{
  const HrFakeProgram crashes = { .ready_after = SECOND, .exits_after = MSEC, .exit_code = 1 };
  HrService *service = engine_start (engine, "StartTimeout=3s\nHandover=sequential\n");

  hr_fake_launcher_next (engine->launcher, &crashes);
  hr_fake_launcher_next (engine->launcher, &silent);
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 3);
  keep_asking (engine, 30 * SECOND);
  g_assert_false (last (engine)->killed);
  engine_expect (engine, "FileChanged main | ReloadStarted 2");
  say (engine, "READY=1");
  engine_run (engine, SECOND);
  engine_expect (engine, "ReloadFailed ready | RolledBack 2>1");
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

/* Watchdog */

#define WATCHDOG "[Health]\nProbe=watchdog\nInterval=10s\nFailures=1\n"

static HrService *
start_watched (Engine *engine)
{
  HrService *service;

  engine_set (engine, "web", "StopTimeout=60s\n" WATCHDOG);
  service = engine_apply (engine, "web");
  for (guint i = 0; i < 20; i++)
    {
      engine_run (engine, SECOND);
      say (engine, "WATCHDOG=1");
    }
  g_assert_cmpstr (hr_service_get_health (service), ==, "healthy");
  return service;
}

static void
test_watchdog_interval (Engine *engine)
{
  HrService *service = start_watched (engine);

  say (engine, "WATCHDOG_USEC=30000000");
  engine_run (engine, 29 * SECOND);
  g_assert_cmpstr (hr_service_get_health (service), ==, "healthy");
  say (engine, "WATCHDOG=1");
  engine_run (engine, 29 * SECOND);
  g_assert_cmpstr (hr_service_get_health (service), ==, "healthy");
  /* Shorter from now on. What is no interval changes nothing. */
  say (engine, "WATCHDOG_USEC=2000000");
  say (engine, "WATCHDOG_USEC=0");
  say (engine, "WATCHDOG_USEC=999");
  say (engine, "WATCHDOG_USEC=86400000001");
  engine_run (engine, 1900 * MSEC);
  g_assert_cmpint (last (engine)->signalled, ==, 0);
  engine_run (engine, 200 * MSEC);
  g_assert_cmpuint (engine_n_warnings (engine, "*did not report WATCHDOG=1 within 2s*"), >=, 1);
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_service_get_restarts (service), ==, 1);
  /* The next one has the interval of the service file. */
  engine_run (engine, 8 * SECOND);
  g_assert_cmpuint (hr_service_get_restarts (service), ==, 1);
}

/* A report that is put off is not a report: after that the interval counts again. */
static void
test_watchdog_extended (Engine *engine)
{
  HrService *service = start_watched (engine);

  engine_run (engine, 5 * SECOND);
  say (engine, "EXTEND_TIMEOUT_USEC=1000000");
  engine_run (engine, 4 * SECOND);
  g_assert_cmpint (last (engine)->signalled, ==, 0);
  for (guint i = 0; i < 30; i++)
    {
      say (engine, "EXTEND_TIMEOUT_USEC=3000000");
      engine_run (engine, SECOND);
    }
  g_assert_cmpstr (hr_service_get_health (service), ==, "healthy");
  engine_run (engine, 1900 * MSEC);
  g_assert_cmpint (last (engine)->signalled, ==, 0);
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_service_get_restarts (service), ==, 1);
}

/* STOPPING=1 */

static void
test_stopping (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  say (engine, "STOPPING=1\nSTATUS=going");
  engine_expect_states (engine, "stopping");
  g_assert_cmpstr (hr_service_get_status_text (service), ==, "going");
  engine_run (engine, SECOND);
  hr_fake_instance_exit (last (engine), 0);
  engine_run (engine, 60 * SECOND);
  engine_expect_states (engine, "stopped");
  g_assert_null (hr_service_get_error (service));
  g_assert_cmpuint (engine->launcher->instances->len, ==, 1);
}

/* By the signal that it would be stopped with, or unseen: it had said that it goes. */
static void
test_stopping_ends_well (Engine *engine)
{
  for (guint how = 0; how < 2; how++)
    {
      g_autoptr (Engine) own = engine_new ();

      engine_start (own, "");
      say (own, "STOPPING=1");
      if (how == 0)
        hr_fake_instance_end_by (last (own), SIGTERM);
      else
        hr_fake_instance_vanish (last (own));
      engine_run (own, 60 * SECOND);
      engine_expect_states (own, "stopping | stopped");
    }
}

static void
test_stopping_fails (Engine *engine)
{
  engine_start (engine, "");
  say (engine, "STOPPING=1");
  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, SECOND);
  engine_expect_states (engine, "stopping | starting | running");
}

/* Within StopTimeout, unless it asks for more; then it hangs. */
static void
test_stopping_hangs (Engine *engine)
{
  engine_start (engine, "StopTimeout=5s\n");
  say (engine, "STOPPING=1");
  engine_run (engine, 4 * SECOND);
  keep_asking (engine, 10 * SECOND);
  say (engine, "STOPPING=1");
  g_assert_false (engine_instance (engine, 0)->killed);
  engine_run (engine, 2 * SECOND);
  g_assert_true (engine_instance (engine, 0)->killed);
  engine_run (engine, SECOND);
  engine_expect_states (engine, "stopping | starting | running");
  g_assert_cmpuint (engine_n_warnings (engine, "*because it did not stop in time; starting again*"), ==, 1);
}

static void
test_stopping_always (Engine *engine)
{
  engine_start (engine, "Restart=always\n");
  say (engine, "STOPPING=1");
  hr_fake_instance_exit (last (engine), 0);
  engine_run (engine, SECOND);
  engine_expect_states (engine, "stopping | starting | running");
}

/* Who goes need not report any more. */
static void
test_stopping_watchdog (Engine *engine)
{
  HrService *service = start_watched (engine);

  say (engine, "STOPPING=1");
  engine_run (engine, 50 * SECOND);
  g_assert_cmpint (engine_instance (engine, 0)->signalled, ==, 0);
  hr_fake_instance_exit (last (engine), 0);
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
}

/* RELOADING=1 */

static void
test_reloading (Engine *engine)
{
  HrService *service = engine_start (engine, "StartTimeout=3s\n");

  for (guint i = 0; i < 2; i++)
    {
      g_autofree char *began =
          g_strdup_printf ("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, hr_clock_now (HR_CLOCK (engine->clock)));

      say (engine, began);
      engine_expect_states (engine, "reloading");
      g_assert_cmpuint (hr_service_get_serving (service), ==, 1);
      engine_run (engine, 2 * SECOND);
      say (engine, "READY=1");
      engine_expect_states (engine, "running");
    }
  engine_run (engine, 60 * SECOND);
  engine_expect_states (engine, "");
  g_assert_cmpuint (engine_n_warnings (engine, "*"), ==, 0);
}

static void
test_reloading_is_never_over (Engine *engine)
{
  engine_start (engine, "StartTimeout=3s\n");
  say (engine, "RELOADING=1");
  engine_run (engine, SECOND);
  keep_asking (engine, 10 * SECOND);
  engine_expect_states (engine, "reloading");
  engine_run (engine, 2 * SECOND);
  engine_expect_states (engine, "running");
  g_assert_cmpuint (engine_n_warnings (engine, "*RELOADING=1*"), ==, 1);
  g_assert_true (last (engine)->alive);
}

/* One that was over when it was said, and what does not run yet or any more, reloads nothing. */
static void
test_reloading_too_late (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  g_autofree char *before =
      g_strdup_printf ("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, hr_clock_now (HR_CLOCK (engine->clock)));

  engine_run (engine, SECOND);
  say (engine, "READY=1");
  say (engine, before);
  engine_expect_states (engine, "");
  engine->launcher->program = silent;
  hr_fake_instance_exit (last (engine), 1);
  engine_run (engine, SECOND);
  engine_expect_states (engine, "starting");
  say (engine, "RELOADING=1");
  engine_expect_states (engine, "");
  say (engine, "READY=1");
  engine_expect_states (engine, "running");
  say (engine, "RELOADING=1");
  say (engine, "STOPPING=1");
  say (engine, "RELOADING=1");
  engine_expect_states (engine, "reloading | stopping");
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopping");
}

/* A reload by hotreload, and a stop, take its place. */
static void
test_reloading_meanwhile (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  say (engine, "RELOADING=1");
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  say (engine, "RELOADING=1");
  hr_service_stop (service, "somebody");
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "stopped");
}

/* ERRNO=, and what is not known */

static void
test_errno (Engine *engine)
{
  HrService *service = engine_start (engine, "Restart=no\n");

  say (engine, "ERRNO=4096");
  say (engine, "ERRNO=x");
  say (engine, "STATUS=no address\nERRNO=98");
  hr_fake_instance_exit (last (engine), 1);
  g_assert_cmpstr (hr_service_get_error (service), ==,
                   "release 1: it exited with status 1 (ERRNO=98: Address already in use); Restart=no");
  g_assert_cmpstr (hr_ends_get (hr_service_get_ends (service), 0)->text, ==,
                   "it exited with status 1 (ERRNO=98: Address already in use)");
}

static void
test_errno_of_a_candidate (Engine *engine)
{
  HrService *service = start_then_silent (engine, "");

  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  say (engine, "ERRNO=2");
  hr_fake_instance_exit (last (engine), 3);
  engine_run (engine, SECOND);
  g_assert_nonnull (strstr (hr_service_get_error (service), "status 3 (ERRNO=2: No such file or directory)"));
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
}

/* Taken back before the end, it is not the reason. */
static void
test_errno_taken_back (Engine *engine)
{
  HrService *service = engine_start (engine, "Restart=no\n");

  say (engine, "ERRNO=98");
  say (engine, "ERRNO=0");
  hr_fake_instance_exit (last (engine), 1);
  g_assert_cmpstr (hr_service_get_error (service), ==, "release 1: it exited with status 1; Restart=no");
}

static void
test_unknown (Engine *engine)
{
  HrService *service = start_then_silent (engine, "StartTimeout=3s\n");

  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  say (engine, "FDSTORE=1\nX_SOMETHING=else\nREADY=0\nREADY=11\nREADY\n=1\n\nRELOADING=2\nSTOPPING=\nWATCHDOG=\n"
               "WATCHDOG_USEC=\nERRNO=\nEXTEND_TIMEOUT_USEC=\nMAINPID=\nMONOTONIC_USEC=1");
  g_assert_cmpuint (hr_service_get_release (service), ==, 1);
  say (engine, "BUSERROR=org.example.No\nREADY=1\nUNKNOWN=1");
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
}

static void
test_status_text (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  g_autofree char *filler = g_strnfill (2 * HR_STATUS_TEXT_MAX, 'x');
  g_autofree char *huge = g_strconcat ("STATUS=", filler, NULL);

  say (engine, "STATUS=one\nSTATUS=two");
  g_assert_cmpstr (hr_service_get_status_text (service), ==, "two");
  say (engine, huge);
  g_assert_cmpuint (strlen (hr_service_get_status_text (service)), ==, HR_STATUS_TEXT_MAX);
}

/* MAINPID=: what the instance believes is what is shown and remembered. */
static void
test_main_pid (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  g_autoptr (HrRunRecord) record = NULL;

  last (engine)->pid += 1000;
  say (engine, "MAINPID=1");
  g_assert_cmpint (hr_service_get_pid (service), ==, last (engine)->pid);
  record = hr_run_state_get (engine->platform->run_state, "web");
  g_assert_nonnull (record);
  g_assert_cmpint (record->current->pid, ==, last (engine)->pid);
}

static void
test_main_pid_of_several (Engine *engine)
{
  HrService *service;
  g_autoptr (GArray) pids = NULL;
  g_autoptr (HrRunRecord) record = NULL;

  engine->launcher->most = 8;
  service = engine_start (engine, "Instances=2\n");
  last (engine)->pid += 1000;
  say (engine, "MAINPID=1");
  pids = hr_service_get_pids (service);
  g_assert_cmpuint (pids->len, ==, 2);
  g_assert_cmpint (g_array_index (pids, guint32, 1), ==, last (engine)->pid);
  record = hr_run_state_get (engine->platform->run_state, "web");
  g_assert_cmpint (((HrRunProcess *)g_ptr_array_index (record->others, 0))->pid, ==, last (engine)->pid);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/notify/extend/a-restart", test_extend_restart);
  engine_add ("/notify/extend/only-while-it-keeps-asking", test_extend_ends);
  engine_add ("/notify/extend/is-never-less", test_extend_is_no_less);
  engine_add ("/notify/extend/adds-nothing", test_extend_adds_nothing);
  engine_add ("/notify/extend/is-bounded", test_extend_is_bounded);
  engine_add ("/notify/extend/a-reload", test_extend_reload);
  engine_add ("/notify/extend/of-several", test_extend_of_several);
  engine_add ("/notify/extend/a-stop", test_extend_stop);
  engine_add ("/notify/extend/a-sequential-handover", test_extend_sequential);
  engine_add ("/notify/extend/a-fallback", test_extend_fallback);
  engine_add ("/notify/watchdog/interval", test_watchdog_interval);
  engine_add ("/notify/watchdog/extended", test_watchdog_extended);
  engine_add ("/notify/stopping/ends-well", test_stopping);
  engine_add ("/notify/stopping/by-signal-or-unseen", test_stopping_ends_well);
  engine_add ("/notify/stopping/fails", test_stopping_fails);
  engine_add ("/notify/stopping/hangs", test_stopping_hangs);
  engine_add ("/notify/stopping/restart-always", test_stopping_always);
  engine_add ("/notify/stopping/watchdog", test_stopping_watchdog);
  engine_add ("/notify/reloading/until-ready", test_reloading);
  engine_add ("/notify/reloading/is-never-over", test_reloading_is_never_over);
  engine_add ("/notify/reloading/too-late", test_reloading_too_late);
  engine_add ("/notify/reloading/meanwhile", test_reloading_meanwhile);
  engine_add ("/notify/errno/in-the-failure", test_errno);
  engine_add ("/notify/errno/of-a-candidate", test_errno_of_a_candidate);
  engine_add ("/notify/errno/taken-back", test_errno_taken_back);
  engine_add ("/notify/main-pid/is-remembered", test_main_pid);
  engine_add ("/notify/main-pid/of-several", test_main_pid_of_several);
  engine_add ("/notify/unknown-fields-are-passed-over", test_unknown);
  engine_add ("/notify/status-text", test_status_text);
  return g_test_run ();
}
