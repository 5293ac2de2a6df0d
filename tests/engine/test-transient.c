/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Transient services that are only bound to the one who asked for them, and how many there may be.
 */
#include "engine-fixture.h"
#include "hr-error.h"

static HrJob *
add (Engine *engine, const char *name, guint uid, GError **error)
{
  g_autoptr (HrServiceSpec) spec = engine_spec (name, "");
  HrCallerContext *context = hr_caller_context_new_bound ();

  context->uid = uid;
  return hr_manager_add (engine->manager, spec, context, "tester", error);
}

static void
add_many (Engine *engine, guint uid, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *name = g_strdup_printf ("u%u-%u", uid, i);
      g_autoptr (GError) error = NULL;

      g_assert_nonnull (add (engine, name, uid, &error));
      g_assert_no_error (error);
    }
}

static void
expect_refused (Engine *engine, guint uid, const char *words)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (add (engine, "one-more", uid, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED);
  if (!g_pattern_match_simple (words, error->message))
    g_error ("'%s' is not '%s'", error->message, words);
}

static void
remove_service (Engine *engine, const char *name)
{
  g_autoptr (GError) error = NULL;

  hr_manager_remove (engine->manager, name, "tester", &error);
  g_assert_no_error (error);
}

/* What runs is as that of a service with a file; what is remembered is nothing. */
static void
test_bound (Engine *engine)
{
  g_autoptr (HrRunRecord) record = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *log = NULL;
  HrFakeInstance *instance;
  HrService *service;

  add (engine, "web", 1000, &error);
  g_assert_no_error (error);
  engine_run (engine, PROVEN);
  service = hr_manager_get (engine->manager, "web", NULL);
  instance = engine_instance (engine, 0);
  g_assert_true (hr_service_is_transient (service));
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpstr (hr_fake_instance_getenv (instance, "HOTRELOAD_SERVICE"), ==, "web");
  g_assert_nonnull (instance->log_file);
  log = hr_service_get_log_file (service);
  g_assert_cmpstr (log, !=, "");
  record = hr_run_state_get (engine->platform->run_state, "web");
  g_assert_true (record == NULL || (record->running == 0 && record->current == NULL));
}

/* What a re-execution carries of a caller is all there again. */
static void
test_carried (Engine *engine)
{
  g_autoptr (GArray) fds = g_array_new (FALSE, FALSE, sizeof (int));
  g_autoptr (HrCallerContext) context = hr_caller_context_new_bound ();
  g_autoptr (HrCallerContext) again = NULL;
  g_autoptr (GVariant) carried = NULL;

  context->uid = 1000;
  context->owner = g_strdup (":1.7");
  context->text = g_strdup ("[Service]\n");
  carried = g_variant_ref_sink (hr_caller_context_carry (context, fds));
  g_assert_cmpuint (fds->len, ==, 0);
  again = hr_caller_context_new_carried (carried);
  g_assert_nonnull (again);
  g_assert_false (hr_caller_context_lends (again));
  g_assert_cmpuint (again->uid, ==, 1000);
  g_assert_cmpstr (again->owner, ==, ":1.7");
  g_assert_cmpstr (again->text, ==, "[Service]\n");
}

static void
test_limit_of_user (Engine *engine)
{
  add_many (engine, 1000, HR_MANAGER_TRANSIENTS_OF_USER_MAX);
  engine_run (engine, PROVEN);
  expect_refused (engine, 1000, "user 1000 has 128 transient services already, and a user may have 128: stop one*");
  /* Others, and services with files, are not concerned. */
  add_many (engine, 0, 1);
  g_assert_nonnull (engine_start (engine, ""));
  remove_service (engine, "u1000-0");
  engine_run (engine, PROVEN);
  add_many (engine, 1000, 1);
}

static void
test_limit_of_all (Engine *engine)
{
  add_many (engine, 1000, HR_MANAGER_TRANSIENTS_OF_USER_MAX);
  add_many (engine, 0, HR_MANAGER_TRANSIENTS_MAX - HR_MANAGER_TRANSIENTS_OF_USER_MAX);
  engine_run (engine, PROVEN);
  expect_refused (engine, 0, "there are 192 transient services of all users already, and 192 may be: stop one*");
}

/* Who adds, goes away, and does it again has at no time more than the limit of processes. */
static void
test_stopping_counts (Engine *engine)
{
  hr_fake_launcher_next (engine->launcher, &(HrFakeProgram){ .stop_takes = 5 * SECOND });
  add_many (engine, 1000, HR_MANAGER_TRANSIENTS_OF_USER_MAX);
  engine_run (engine, PROVEN);
  for (guint i = 0; i < HR_MANAGER_TRANSIENTS_OF_USER_MAX; i++)
    {
      g_autofree char *name = g_strdup_printf ("u1000-%u", i);

      remove_service (engine, name);
    }
  expect_refused (engine, 1000, "user 1000 has 128 *");
  engine_run (engine, SECOND);
  /* All but the slow one have gone. */
  for (guint i = 1; i < HR_MANAGER_TRANSIENTS_OF_USER_MAX; i++)
    {
      g_autofree char *name = g_strdup_printf ("again-%u", i);

      g_assert_nonnull (add (engine, name, 1000, NULL));
    }
  expect_refused (engine, 1000, "user 1000 has 128 *");
  engine_run (engine, 5 * SECOND);
  g_assert_nonnull (add (engine, "one-more", 1000, NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/transient/bound/as-any-other", test_bound);
  engine_add ("/transient/bound/carried", test_carried);
  engine_add ("/transient/limit/of-a-user", test_limit_of_user);
  engine_add ("/transient/limit/of-all-users", test_limit_of_all);
  engine_add ("/transient/limit/what-stops-counts", test_stopping_counts);
  return g_test_run ();
}
