/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The configuration directory and the manager: reading, adding, removing.
 */
#include "engine-fixture.h"

#include <glib/gstdio.h>
#include <string.h>

#include "hr-configuration.h"
#include "hr-error.h"
#include "hr-fs.h"

#define TEXT "[Service]\nExec=program\n"

static char *
path_of (Engine *engine, const char *name)
{
  return g_build_filename (engine->directory, "config", "services.d", name, NULL);
}

static void
write_file (Engine *engine, const char *name, const char *text)
{
  g_autofree char *path = path_of (engine, name);
  g_autofree char *dir = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (dir, 0755), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static HrConfiguration *
make (Engine *engine)
{
  g_autofree char *dir = g_build_filename (engine->directory, "config", NULL);

  return hr_configuration_new (engine->manager, dir);
}

static void
test_load (Engine *engine)
{
  g_autoptr (HrConfiguration) configuration = make (engine);
  g_autoptr (HrConfigChange) first = NULL;
  g_autoptr (HrConfigChange) second = NULL;
  g_autoptr (GError) broken = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (hr_configuration_get_manager (configuration) == engine->manager);
  /* Nothing is there yet, which is nothing wrong. */
  first = hr_configuration_load (configuration, &error);
  g_assert_no_error (error);
  g_assert_null (hr_config_change_get_error (first));
  write_file (engine, "web.conf", TEXT);
  write_file (engine, "bad.conf", "garbage");
  second = hr_configuration_load (configuration, &error);
  g_assert_no_error (error);
  broken = hr_config_change_get_error (second);
  g_assert_error (broken, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
  g_assert_nonnull (strstr (broken->message, "the others were applied"));
  g_assert_nonnull (strstr (broken->message, "bad.conf"));
  g_assert_null (strstr (broken->message, "web.conf"));
  engine_run (engine, 2 * SECOND);
  g_assert_cmpstr (hr_service_get_state (hr_manager_get (engine->manager, "web", NULL)), ==, "running");
  g_assert_cmpstr (hr_service_get_state (hr_manager_get (engine->manager, "bad", NULL)), ==, "invalid");
}

/* A directory that disappears is no reason to stop what runs. */
static void
test_gone (Engine *engine)
{
  g_autoptr (HrConfiguration) configuration = make (engine);
  g_autofree char *dir = g_build_filename (engine->directory, "config", NULL);
  g_autoptr (HrConfigChange) change = NULL;
  g_autoptr (GError) error = NULL;

  write_file (engine, "web.conf", TEXT);
  change = hr_configuration_load (configuration, NULL);
  engine_run (engine, 2 * SECOND);
  g_assert_true (hr_fs_remove_tree (dir, NULL));
  g_assert_null (hr_configuration_load (configuration, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
  g_assert_nonnull (strstr (error->message, dir));
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);

  /* Adding another would make the directory anew, and the first would be missing in it. */
  g_clear_error (&error);
  g_assert_null (hr_configuration_add (configuration, "next", TEXT, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
  g_assert_nonnull (strstr (error->message, dir));
  g_assert_false (g_file_test (dir, G_FILE_TEST_EXISTS));
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
}

/* Each list names what happened, and each thing that follows has its job. */
static void
test_change (Engine *engine)
{
  g_autoptr (HrConfiguration) configuration = make (engine);
  g_autofree char *gone = path_of (engine, "gone.conf");
  g_autoptr (HrConfigChange) first = NULL;
  g_autoptr (HrConfigChange) second = NULL;
  g_autoptr (HrConfigChange) third = NULL;

  write_file (engine, "gone.conf", TEXT);
  write_file (engine, "same.conf", TEXT);
  write_file (engine, "other.conf", TEXT);
  write_file (engine, "halted.conf", TEXT);
  first = hr_configuration_load (configuration, NULL);
  g_assert_cmpuint (first->added->len, ==, 4);
  g_assert_cmpuint (first->jobs->len, ==, 4);
  engine_run (engine, 2 * SECOND);
  hr_service_stop (hr_manager_get (engine->manager, "halted", NULL), "tester");
  engine_run (engine, 1 * SECOND);

  g_assert_cmpint (g_unlink (gone), ==, 0);
  write_file (engine, "other.conf", TEXT "Description=x\n");
  write_file (engine, "halted.conf", TEXT "Description=x\n");
  write_file (engine, "fresh.conf", TEXT);
  second = hr_configuration_load (configuration, NULL);
  g_assert_cmpuint (second->added->len, ==, 1);
  g_assert_cmpstr (g_ptr_array_index (second->added, 0), ==, "fresh");
  g_assert_cmpuint (second->changed->len, ==, 2);
  g_assert_cmpuint (second->removed->len, ==, 1);
  g_assert_cmpstr (g_ptr_array_index (second->removed, 0), ==, "gone");
  /* What was stopped on request stays so. */
  g_assert_cmpuint (second->jobs->len, ==, 3);
  engine_run (engine, 2 * SECOND);
  for (guint i = 0; i < second->jobs->len; i++)
    g_assert_cmpint (hr_job_get_result (g_ptr_array_index (second->jobs, i)), ==, HR_JOB_COMPLETED);

  third = hr_configuration_load (configuration, NULL);
  g_assert_cmpuint (third->added->len + third->changed->len + third->removed->len + third->jobs->len, ==, 0);
}

static void
test_add (Engine *engine)
{
  g_autoptr (HrConfiguration) configuration = make (engine);
  g_autofree char *path = path_of (engine, "web.conf");
  g_autofree char *text = NULL;
  g_autoptr (HrConfigChange) change = NULL;
  g_autoptr (GError) error = NULL;

  change = hr_configuration_add (configuration, "web", TEXT, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (change->added->len, ==, 1);
  g_assert_cmpuint (change->jobs->len, ==, 1);
  engine_run (engine, 2 * SECOND);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 1);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, TEXT);

  g_assert_null (hr_configuration_add (configuration, "web", TEXT, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_assert_null (hr_configuration_add (configuration, "../web", TEXT, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_assert_null (hr_configuration_add (configuration, "other", "[Service]\nExce=x\n", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
  g_clear_error (&error);
  g_assert_null (hr_configuration_add (configuration, "other", TEXT "Source=/nonexistent/source\n", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
}

static void
test_remove (Engine *engine)
{
  g_autoptr (HrConfiguration) configuration = make (engine);
  g_autofree char *path = path_of (engine, "web.conf");
  g_autofree char *drop_ins = path_of (engine, "web.conf.d");
  g_autoptr (HrConfigChange) change = NULL;
  g_autoptr (GError) error = NULL;
  HrJob *job;

  write_file (engine, "web.conf", TEXT);
  write_file (engine, "web.conf.d/more.conf", "[Service]\nDescription=x\n");
  change = hr_configuration_load (configuration, NULL);
  engine_run (engine, 2 * SECOND);
  job = hr_configuration_remove (configuration, "web", "tester", &error);
  g_assert_no_error (error);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_false (g_file_test (drop_ins, G_FILE_TEST_EXISTS));
  engine_run (engine, 1 * SECOND);
  g_assert_cmpint (hr_job_get_result (job), ==, HR_JOB_COMPLETED);
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, "web"), ==, 0);
  g_assert_null (hr_configuration_remove (configuration, "web", "tester", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_NO_SUCH_SERVICE);
}

static void
test_remove_transient (Engine *engine)
{
  g_autoptr (HrConfiguration) configuration = make (engine);
  const char *const environment[] = { NULL };
  g_autoptr (HrServiceSpec) spec = hr_configuration_parse (configuration, "run-1", TEXT, NULL);
  g_autoptr (GError) error = NULL;

  hr_manager_add (engine->manager, spec, hr_caller_context_new (environment, "/", -1, -1), "tester", &error);
  engine_run (engine, 2 * SECOND);
  g_assert_nonnull (hr_configuration_remove (configuration, "run-1", "tester", &error));
  engine_run (engine, 1 * SECOND);
  g_assert_null (hr_manager_get (engine->manager, "run-1", NULL));
  g_assert_cmpuint (hr_fake_launcher_n_alive (engine->launcher, NULL), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/configuration/load", test_load);
  engine_add ("/configuration/directory-is-gone", test_gone);
  engine_add ("/configuration/change", test_change);
  engine_add ("/configuration/add", test_add);
  engine_add ("/configuration/remove", test_remove);
  engine_add ("/configuration/remove-transient", test_remove_transient);
  return g_test_run ();
}
