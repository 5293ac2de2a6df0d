/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What somebody asks for by hand, seen from outside.
 */
#include "engine-fixture.h"

#include "hr-error.h"

/* A rejected tree is tried again under its number, and nothing of it is taken as proven. */
static void
test_rejected_is_checked_again (Engine *engine)
{
  HrService *service = engine_start (engine, "");
  GPid before = hr_service_get_pid (service);

  engine->platform->checker->fault = "main:1: invalid syntax";
  engine_save (engine, "main", "garbage");
  engine_run (engine, 10 * SECOND);
  engine_expect (engine, "FileChanged main | ReloadStarted 2 | ReloadFailed check");
  hr_service_reload (service, "somebody");
  engine_run (engine, 10 * SECOND);
  engine_expect (engine, "ReloadStarted 2 | ReloadFailed check");
  g_assert_cmpint (hr_service_get_pid (service), ==, before);
  g_assert_cmpstr (engine->platform->checker->checked, ==, "main");

  engine->platform->checker->fault = NULL;
  hr_service_reload (service, "somebody");
  engine_run (engine, PROVEN);
  engine_expect (engine, "ReloadStarted 2 | ReloadCompleted 2");
  engine_expect_fate (engine, 2, HR_FATE_GOOD);
}

static void
on_diff (GObject *source, GAsyncResult *result, gpointer user_data)
{
  char **text = user_data;
  g_autoptr (GError) error = NULL;

  *text = hr_service_diff_finish (HR_SERVICE (source), result, &error);
  g_assert_no_error (error);
}

static void
expect_diff (Engine *engine, HrService *service, guint64 from, guint64 to, const char *files)
{
  g_autofree char *text = NULL;

  hr_service_diff_async (service, from, to, on_diff, &text);
  engine_run (engine, 1 * MSEC);
  g_assert_cmpstr (text, ==, files);
}

static void
test_diff (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine_save (engine, "main", "two");
  engine_run (engine, PROVEN);
  engine_save (engine, "other", "three");
  engine_run (engine, PROVEN);
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
  expect_diff (engine, service, 1, 2, "main");
  expect_diff (engine, service, 2, 3, "other");
  expect_diff (engine, service, 1, 3, "main\nother");
  expect_diff (engine, service, 0, 0, "");
  expect_diff (engine, service, 0, 1, "main\nother");
  hr_service_set_paused (service, TRUE, FALSE);
  engine_save (engine, "main", "four");
  expect_diff (engine, service, 0, 0, "main");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/requests/rejected-is-checked-again", test_rejected_is_checked_again);
  engine_add ("/requests/diff-is-against-what-was-asked-for", test_diff);
  return g_test_run ();
}
