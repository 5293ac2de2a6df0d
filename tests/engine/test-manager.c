/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All services: what a configuration makes of them, what is asked of all of them, and the end of the daemon.
 */
#include "engine-fixture.h"
#include "hr-error.h"
#include "hr-figures.h"
#include "hr-job-list.h"

static const char *
state_of (Engine *engine, const char *name)
{
  HrService *service = hr_manager_get (engine->manager, name, NULL);

  return service != NULL ? hr_service_get_state (service) : "gone";
}

static void
start_two (Engine *engine)
{
  engine_set (engine, "api", "-");
  engine_start (engine, "");
  g_assert_cmpstr (state_of (engine, "api"), ==, "running");
}

/* Configuration */

static void
test_added (Engine *engine)
{
  GPid web;

  engine_start (engine, "");
  web = hr_service_get_pid (hr_manager_get (engine->manager, "web", NULL));
  engine_set (engine, "api", "-");
  engine_apply (engine, NULL);
  engine_run (engine, 2 * SECOND);
  g_assert_cmpstr (state_of (engine, "api"), ==, "running");
  g_assert_cmpint (hr_service_get_pid (hr_manager_get (engine->manager, "web", NULL)), ==, web);
  engine_expect_states (engine, "starting | running");
}

static void
test_changed (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  g_autoptr (HrHistoryEntry) entry = NULL;

  engine_set (engine, "web", "Environment=COLOUR=blue\n");
  engine_apply (engine, NULL);
  engine_run (engine, SECOND);
  engine_expect (engine, "ReloadStarted 1 | ReloadCompleted 1");
  g_assert_cmpstr (hr_fake_instance_getenv (hr_fake_launcher_last (engine->launcher), "COLOUR"), ==, "blue");
  g_assert_null (hr_fake_instance_getenv (engine_instance (engine, 0), "COLOUR"));
  entry = engine_history (engine);
  g_assert_cmpstr (entry->trigger, ==, "manual");
  g_assert_cmpstr (entry->caller, ==, "configuration");
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
}

static void
test_changed_while_stopped (Engine *engine)
{
  hr_service_stop (engine_start (engine, ""), "somebody");
  engine_run (engine, SECOND);
  engine_set (engine, "web", "Environment=COLOUR=blue\n");
  engine_apply (engine, NULL);
  engine_run (engine, SECOND);
  g_assert_cmpstr (state_of (engine, "web"), ==, "stopped");
}

static void
test_removed (Engine *engine)
{
  start_two (engine);
  hr_fake_launcher_last (engine->launcher)->program.stop_takes = SECOND;
  engine_set (engine, "api", NULL);
  engine_apply (engine, NULL);
  g_assert_cmpstr (state_of (engine, "api"), ==, "gone");
  engine_run (engine, 2 * SECOND);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "api"), ==, 0);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
}

static void
test_removed_and_back (Engine *engine)
{
  engine_start_with (engine, "", &(HrFakeProgram){ .stop_takes = 2 * SECOND });
  engine_set (engine, "web", NULL);
  engine_apply (engine, NULL);
  engine_set (engine, "web", "");
  engine_apply (engine, NULL);
  g_assert_cmpstr (state_of (engine, "web"), ==, "invalid");
  engine_run (engine, 3 * SECOND);
  engine_apply (engine, NULL);
  engine_run (engine, SECOND);
  g_assert_cmpstr (state_of (engine, "web"), ==, "running");
}

static void
test_removed_during_reload (Engine *engine)
{
  engine_start (engine, "");
  hr_fake_gate_hold (&engine->platform->checker->check);
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  engine_set (engine, "web", NULL);
  engine_apply (engine, NULL);
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 0);
}

static void
test_invalid (Engine *engine)
{
  g_autoptr (GPtrArray) snapshots = NULL;
  HrService *web;
  HrJob *job;

  engine_set_broken (engine, "web");
  engine_set (engine, "api", "-");
  web = engine_apply (engine, "web");
  engine_run (engine, 2 * SECOND);
  g_assert_cmpstr (hr_service_get_state (web), ==, "invalid");
  g_assert_cmpstr (hr_service_get_error (web), ==, "the file is garbage");
  g_assert_cmpstr (state_of (engine, "api"), ==, "running");
  job = hr_service_start (web, "somebody");
  g_assert_error (hr_job_get_error (job), HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
  snapshots = hr_service_list_snapshots (web);
  g_assert_cmpuint (snapshots->len, ==, 0);
  engine_set (engine, "web", "");
  engine_apply (engine, NULL);
  engine_run (engine, 2 * SECOND);
  g_assert_cmpstr (hr_service_get_state (web), ==, "running");
  g_assert_null (hr_service_get_error (web));
}

static void
test_becomes_invalid (Engine *engine)
{
  HrService *service = engine_start (engine, "Listen=http=tcp:127.0.0.1:8080\n");
  GPid pid = hr_service_get_pid (service);
  HrJob *job;

  engine_set_broken (engine, "web");
  engine_apply (engine, NULL);
  engine_run (engine, SECOND);
  g_assert_cmpint (hr_service_get_pid (service), ==, pid);
  g_assert_cmpstr (hr_service_get_error (service), ==, "the file is garbage");
  hr_service_stop (service, "somebody");
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "invalid");
  job = hr_service_start (service, "somebody");
  engine_run (engine, SECOND);
  g_assert_error (hr_job_get_error (job), HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 0);
}

static void
test_parts_fail (Engine *engine)
{
  HrService *service;

  engine->platform->parts_failure = "the store is damaged";
  engine_set (engine, "web", "");
  service = engine_apply (engine, "web");
  g_assert_cmpstr (hr_service_get_state (service), ==, "invalid");
  g_assert_cmpstr (hr_service_get_error (service), ==, "the store is damaged");
  engine->platform->parts_failure = NULL;
  engine_apply (engine, NULL);
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
}

/* Added without a file */

static void
test_transient (Engine *engine)
{
  const char *const environment[] = { "PATH=/home/bin", "COLOUR=blue", NULL };
  g_autoptr (HrServiceSpec) spec = engine_spec ("web", "");
  g_autoptr (HrRunRecord) record = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *log = NULL;
  HrService *service;
  HrJob *job;

  hr_fake_store_add (hr_fake_platform_service (engine->platform, "web")->store, "old", HR_FATE_GOOD);
  hr_fake_store_write (engine_parts (engine)->store, "main", "new");
  job = hr_manager_add (engine->manager, spec, hr_caller_context_new (environment, "/home/somebody", -1, -1),
                        "somebody", &error);
  g_assert_no_error (error);
  engine_run (engine, SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  service = hr_manager_get (engine->manager, "web", NULL);
  g_assert_true (hr_service_is_transient (service));
  /* Who runs a program by hand wants what is there. */
  g_assert_cmpuint (hr_fake_instance_release (engine_instance (engine, 0)), ==, 2);
  g_assert_cmpstr (hr_fake_instance_getenv (engine_instance (engine, 0), "COLOUR"), ==, "blue");
  g_assert_cmpstr (engine_instance (engine, 0)->directory, ==, "/home/somebody");
  g_assert_null (engine_instance (engine, 0)->log_file);
  log = hr_service_get_log_file (service);
  g_assert_cmpstr (log, ==, "");
  record = hr_run_state_get (engine->platform->run_state, "web");
  g_assert_cmpuint (record->running, ==, 0);
  /* The configuration knows nothing of it and leaves it alone. */
  engine_apply (engine, NULL);
  engine_run (engine, SECOND);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_null (hr_manager_add (engine->manager, spec, NULL, "somebody", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_BUSY);
}

/* What ran yesterday under the same name is no version to go back to: who runs a program by hand wants what is there. */
static void
test_transient_stays_in_its_run (Engine *engine)
{
  const char *const environment[] = { "PATH=/home/bin", NULL };
  g_autoptr (HrServiceSpec) spec = engine_spec ("web", "Restart=no\n");
  g_autoptr (GError) error = NULL;
  HrService *service;

  hr_fake_store_add (hr_fake_platform_service (engine->platform, "web")->store, "yesterday", HR_FATE_GOOD);
  hr_fake_store_write (engine_parts (engine)->store, "main", "today");
  hr_manager_add (engine->manager, spec, hr_caller_context_new (environment, "/home/somebody", -1, -1), "somebody",
                  &error);
  g_assert_no_error (error);
  engine_run (engine, SECOND);
  service = hr_manager_get (engine->manager, "web", NULL);
  g_assert_cmpuint (hr_service_get_release (service), ==, 2);
  g_assert_cmpuint (hr_service_get_rollback_point (service), ==, 0);
  hr_fake_instance_exit (engine_instance (engine, 0), 3);
  engine_run (engine, PROVEN);
  g_assert_cmpuint (engine->launcher->instances->len, ==, 1);
  /* Of its own run there is one. */
  engine_save (engine, "main", "later");
  engine_run (engine, PROVEN);
  engine_save (engine, "main", "last");
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_service_get_rollback_point (service), ==, 3);
}

static void
test_add_fails (Engine *engine)
{
  g_autoptr (HrServiceSpec) spec = engine_spec ("web", "-");
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) unknown = NULL;

  engine->platform->parts_failure = "the store is damaged";
  g_assert_null (hr_manager_add (engine->manager, spec, NULL, "somebody", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_FAILED);
  g_assert_cmpstr (state_of (engine, "web"), ==, "gone");
  g_assert_null (hr_manager_remove (engine->manager, "web", "somebody", &unknown));
  g_assert_error (unknown, HR_ERROR, HR_ERROR_NO_SUCH_SERVICE);
}

/* Reload all */

static void
test_reload_all (Engine *engine)
{
  HrJob *job;

  engine_set (engine, "idle", "-");
  start_two (engine);
  hr_service_stop (hr_manager_get (engine->manager, "idle", NULL), "somebody");
  engine_run (engine, SECOND);
  engine_forget (engine);
  job = hr_manager_reload_all (engine->manager, "somebody");
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_RUNNING);
  engine_run (engine, 2 * SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_cmpuint (hr_job_get_children (job)->len, ==, 2);
  g_assert_cmpstr (hr_job_get_outcome (job)->message, ==, "2 services");
  g_assert_cmpstr (state_of (engine, "idle"), ==, "stopped");
}

static void
test_reload_all_fails (Engine *engine)
{
  HrJob *job;

  start_two (engine);
  engine->platform->checker->fault = "line 1: garbage";
  engine_save (engine, "main", "garbage");
  job = hr_manager_reload_all (engine->manager, "somebody");
  engine_run (engine, 2 * SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_FAILED);
  g_assert_error (hr_job_get_error (job), HR_ERROR, HR_ERROR_CHECK_FAILED);
  g_assert_true (g_str_has_prefix (hr_job_get_error (job)->message, "1 of 2 services failed, the first is 'web': "));
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 2);
}

static void
test_reload_all_of_none (Engine *engine)
{
  HrJob *job = hr_manager_reload_all (engine->manager, "somebody");

  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
}

static void
test_reload_all_cancel (Engine *engine)
{
  HrJob *job;

  start_two (engine);
  hr_fake_gate_hold (&engine->platform->checker->check);
  engine_save (engine, "main", "two");
  job = hr_manager_reload_all (engine->manager, "somebody");
  engine_run (engine, 2 * SECOND);
  g_assert_true (hr_job_cancel (job, NULL, NULL));
  engine_run (engine, SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_CANCELLED);
}

/* However often it is asked for: one runs and one waits. */
static void
test_reload_all_is_bounded (Engine *engine)
{
  HrJob *running, *waiting;

  start_two (engine);
  hr_fake_gate_hold (&engine_parts (engine)->store->scan);
  running = hr_manager_reload_all (engine->manager, "somebody");
  waiting = hr_manager_reload_all (engine->manager, "somebody");
  g_assert_true (running != waiting);
  for (guint i = 0; i < 10; i++)
    g_assert_true (hr_manager_reload_all (engine->manager, "somebody") == waiting);
  hr_fake_gate_release (&engine_parts (engine)->store->scan);
  engine_run (engine, 5 * SECOND);
  g_assert_cmpint (hr_job_get_result (running), ==, HR_JOB_COMPLETED);
  g_assert_cmpint (hr_job_get_result (waiting), ==, HR_JOB_COMPLETED);
  g_assert_true (hr_manager_reload_all (engine->manager, "somebody") != waiting);
}

/* Jobs */

static gboolean
has_job (Engine *engine, guint64 id)
{
  g_autoptr (GPtrArray) jobs = hr_manager_list_jobs (engine->manager);

  for (guint i = 0; i < jobs->len; i++)
    if (hr_job_get_id (jobs->pdata[i]) == id)
      return TRUE;
  return FALSE;
}

static void
test_jobs_are_kept (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  guint64 id = hr_job_get_id (hr_service_reload (service, "somebody"));

  engine_run (engine, SECOND);
  g_assert_true (has_job (engine, id));
  engine_run (engine, HR_JOB_KEEP_USEC - 2 * SECOND);
  g_assert_true (has_job (engine, id));
  engine_run (engine, 3 * SECOND);
  g_assert_false (has_job (engine, id));
}

static void
test_jobs_are_bounded (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  g_autoptr (GPtrArray) jobs = NULL;
  guint64 last = 0;

  for (guint i = 0; i < HR_JOB_LIST_MAX + 10; i++)
    last = hr_job_get_id (hr_service_start (service, "somebody"));
  jobs = hr_manager_list_jobs (engine->manager);
  g_assert_cmpuint (jobs->len, ==, HR_JOB_LIST_MAX);
  g_assert_true (has_job (engine, last));
}

/* Pause */

static void
test_pause_all (Engine *engine)
{
  g_auto (GStrv) pending = NULL;

  start_two (engine);
  hr_manager_set_paused (engine->manager, TRUE);
  g_assert_true (hr_manager_get_paused (engine->manager));
  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  engine_expect (engine, "");
  pending = hr_figures_get_pending (engine->manager);
  g_assert_cmpuint (g_strv_length (pending), ==, 1);
  g_assert_cmpstr (pending[0], ==, "web/main");
  engine_new_daemon (engine);
  g_assert_true (hr_manager_get_paused (engine->manager));
  engine_apply (engine, NULL);
  engine_run (engine, PROVEN);
  engine_expect (engine, "");
  hr_manager_set_paused (engine->manager, FALSE);
  engine_run (engine, SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
}

/* Shutdown */

static void
shut_down (GObject *source, GAsyncResult *result, gpointer user_data)
{
  hr_manager_shutdown_finish (HR_MANAGER (source), result);
  *(gboolean *)user_data = TRUE;
}

static void
test_shutdown (Engine *engine)
{
  gboolean done = FALSE;

  start_two (engine);
  engine_instance (engine, 1)->program.stop_takes = 5 * SECOND;
  hr_manager_shutdown_async (engine->manager, shut_down, &done);
  engine_run (engine, 4 * SECOND);
  g_assert_false (done);
  engine_run (engine, 2 * SECOND);
  g_assert_true (done);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 0);
  engine_new_daemon (engine);
  engine_apply (engine, NULL);
  engine_run (engine, 2 * SECOND);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 2);
}

/* What was removed a moment ago may still be stopping. */
static void
test_shutdown_after_removal (Engine *engine)
{
  const HrFakeProgram slow = { .stop_takes = 2 * SECOND };
  gboolean done = FALSE;

  engine_start_with (engine, "", &slow);
  hr_manager_remove (engine->manager, "web", NULL, NULL);
  hr_manager_shutdown_async (engine->manager, shut_down, &done);
  engine_run (engine, 1 * SECOND);
  g_assert_false (done);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 1);
  engine_run (engine, 2 * SECOND);
  g_assert_true (done);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 0);
}

static void
test_shutdown_of_none (Engine *engine)
{
  gboolean done = FALSE;

  hr_manager_shutdown_async (engine->manager, shut_down, &done);
  engine_run (engine, 0);
  g_assert_true (done);
}

/* A save while the last ones stop starts nothing; the next daemon finds it. */
static void
test_shutdown_and_save (Engine *engine)
{
  gboolean done = FALSE;

  engine_start (engine, "");
  engine_set (engine, "slow", "-");
  hr_fake_launcher_next (engine->launcher, &(HrFakeProgram){ .stop_takes = 5 * SECOND });
  engine_apply (engine, NULL);
  engine_run (engine, PROVEN);
  engine_forget (engine);
  hr_manager_shutdown_async (engine->manager, shut_down, &done);
  engine_run (engine, SECOND);
  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  g_assert_true (done);
  engine_expect (engine, "");
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 0);
  engine_new_daemon (engine);
  engine_apply (engine, NULL);
  engine_run (engine, PROVEN);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadCompleted 2");
}

static void
test_shutdown_during_reload (Engine *engine)
{
  gboolean done = FALSE;

  engine_start (engine, "");
  hr_fake_gate_hold (&engine->platform->checker->check);
  engine_save (engine, "main", "two");
  engine_run (engine, SECOND);
  engine_save (engine, "main", "three");
  hr_manager_shutdown_async (engine->manager, shut_down, &done);
  engine_run (engine, PROVEN);
  g_assert_true (done);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 0);
}

/* Figures */

static void
test_figures (Engine *engine)
{
  g_assert_cmpstr (hr_manager_get_profile (engine->manager), ==, "development");
  g_assert_false (hr_figures_get_enabled (engine->manager));
  g_assert_cmpint (hr_manager_get_last_reload (engine->manager), ==, 0);
  start_two (engine);
  g_assert_true (hr_figures_get_enabled (engine->manager));
  g_assert_cmpuint (hr_figures_get_watched_files (engine->manager), ==, 1);
  g_assert_cmpuint (hr_manager_get_reload_count (engine->manager), ==, 0);
  engine->platform->checker->fault = "line 1: garbage";
  engine_save (engine, "main", "garbage");
  engine_run (engine, SECOND);
  g_assert_cmpuint (hr_manager_get_reload_count (engine->manager), ==, 1);
  g_assert_cmpuint (hr_manager_get_failed_reloads (engine->manager), ==, 1);
  g_assert_cmpint (hr_manager_get_last_reload (engine->manager), >, 0);
  g_assert_true (hr_manager_get_platform (engine->manager) == HR_PLATFORM (engine->platform));
}

static void
add_configuration (void)
{
  engine_add ("/manager/transient/goes-back-within-its-run", test_transient_stays_in_its_run);
  engine_add ("/manager/apply/added", test_added);
  engine_add ("/manager/apply/changed", test_changed);
  engine_add ("/manager/apply/changed-while-stopped", test_changed_while_stopped);
  engine_add ("/manager/apply/removed", test_removed);
  engine_add ("/manager/apply/removed-and-back", test_removed_and_back);
  engine_add ("/manager/apply/removed-during-a-reload", test_removed_during_reload);
  engine_add ("/manager/apply/invalid", test_invalid);
  engine_add ("/manager/apply/becomes-invalid", test_becomes_invalid);
  engine_add ("/manager/apply/parts-cannot-be-opened", test_parts_fail);
  engine_add ("/manager/add/transient", test_transient);
  engine_add ("/manager/add/fails", test_add_fails);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  add_configuration ();
  engine_add ("/manager/reload-all/done", test_reload_all);
  engine_add ("/manager/reload-all/one-fails", test_reload_all_fails);
  engine_add ("/manager/reload-all/none", test_reload_all_of_none);
  engine_add ("/manager/reload-all/cancel", test_reload_all_cancel);
  engine_add ("/manager/reload-all/one-runs-one-waits", test_reload_all_is_bounded);
  engine_add ("/manager/jobs/kept-for-a-minute", test_jobs_are_kept);
  engine_add ("/manager/jobs/bounded", test_jobs_are_bounded);
  engine_add ("/manager/pause-all", test_pause_all);
  engine_add ("/manager/shutdown/case-17/no-orphan", test_shutdown);
  engine_add ("/manager/shutdown/after-a-removal", test_shutdown_after_removal);
  engine_add ("/manager/shutdown/none", test_shutdown_of_none);
  engine_add ("/manager/shutdown/save-meanwhile", test_shutdown_and_save);
  engine_add ("/manager/shutdown/during-a-reload", test_shutdown_during_reload);
  engine_add ("/manager/figures", test_figures);
  return g_test_run ();
}
