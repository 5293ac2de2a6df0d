/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-releases.c: a service that has had more releases than are held in memory.
 */
#include "engine-fixture.h"
#include "hr-error.h"

/* More than are held. */
#define MANY (HR_RELEASES_HELD + 10)

static HrReleaseBook *
get_book (Engine *engine)
{
  return engine_parts (engine)->store->book;
}

/* A service whose first releases are not in memory any more: 1 is good, 2 is rejected. */
static HrService *
start_with_many (Engine *engine)
{
  HrService *service = engine_start (engine, "");

  engine_run (engine, PROVEN);
  hr_fake_gate_fail_next (&engine->platform->checker->check, HR_ERROR, HR_ERROR_CHECK_FAILED, "it does not parse");
  for (guint i = 2; i <= MANY; i++)
    {
      g_autofree char *text = g_strdup_printf ("version %u", i);

      engine_save (engine, "main", text);
      engine_run (engine, PROVEN);
    }
  engine_forget (engine);
  g_assert_cmpuint (hr_service_get_release (service), ==, MANY);
  g_assert_cmpuint (hr_release_book_count (get_book (engine)), ==, MANY);
  g_assert_cmpuint (hr_release_book_get_held (get_book (engine))->len, ==, HR_RELEASES_HELD);
  g_assert_null (hr_release_book_get (get_book (engine), 1));
  return service;
}

typedef struct {
  HrJob *job;
  GError *error;
} Answer;

static void
take_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Answer *answer = user_data;

  answer->job = hr_service_rollback_finish (HR_SERVICE (source), result, &answer->error);
}

static void
roll_back (Engine *engine, HrService *service, guint64 release)
{
  Answer answer = { 0 };

  hr_service_rollback_async (service, release, "tester", take_answer, &answer);
  engine_run (engine, PROVEN);
  g_assert_no_error (answer.error);
  g_assert_cmpint (hr_job_get_result (answer.job), ==, HR_JOB_COMPLETED);
  g_assert_cmpuint (hr_service_get_release (service), ==, release);
  g_object_unref (answer.job);
}

static void
test_rollback (Engine *engine)
{
  HrService *service = start_with_many (engine);

  roll_back (engine, service, 3);
  g_assert_nonnull (hr_release_book_get (get_book (engine), 3));
  g_assert_cmpuint (hr_release_book_get_held (get_book (engine))->len, ==, HR_RELEASES_HELD + 1);
  /* What runs is known in full, however many there are meanwhile, and started again when it ends. */
  hr_fake_instance_exit (engine_instance (engine, engine->launcher->instances->len - 1), 1);
  engine_run (engine, PROVEN);
  g_assert_cmpstr (hr_service_get_state (service), ==, "running");
  g_assert_cmpuint (hr_service_get_release (service), ==, 3);
  /* The one before the running one, although that has to be read, too. */
  g_assert_cmpuint (hr_service_get_rollback_point (service), ==, 1);
  roll_back (engine, service, 1);
  /* The next operation finds that it is not in use any more. */
  roll_back (engine, service, MANY);
  g_assert_null (hr_release_book_get (get_book (engine), 3));
}

static void
test_rollback_refused (Engine *engine)
{
  HrService *service = start_with_many (engine);
  Answer answer = { 0 };

  hr_service_rollback_async (service, 2, "tester", take_answer, &answer);
  engine_run (engine, 0);
  g_assert_error (answer.error, HR_ERROR, HR_ERROR_CHECK_FAILED);
  g_assert_nonnull (strstr (answer.error->message, "it does not parse"));
  g_clear_error (&answer.error);
  /* Nobody holds what was only looked at. */
  g_assert_cmpuint (hr_release_book_get_held (get_book (engine))->len, ==, HR_RELEASES_HELD);

  hr_service_rollback_async (service, MANY + 1, "tester", take_answer, &answer);
  engine_run (engine, 0);
  g_assert_error (answer.error, HR_ERROR, HR_ERROR_NO_SUCH_RELEASE);
  g_clear_error (&answer.error);

  hr_fake_gate_fail_next (&engine_parts (engine)->store->load, HR_ERROR, HR_ERROR_NO_SUCH_RELEASE, "it is damaged");
  hr_service_rollback_async (service, 1, "tester", take_answer, &answer);
  engine_run (engine, 0);
  g_assert_error (answer.error, HR_ERROR, HR_ERROR_NO_SUCH_RELEASE);
  g_assert_nonnull (strstr (answer.error->message, "it is damaged"));
  g_clear_error (&answer.error);
  g_assert_cmpuint (hr_service_get_release (service), ==, MANY);
}

static void
take_list (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GPtrArray **)user_data = hr_service_list_releases_finish (HR_SERVICE (source), result, NULL);
}

static void
test_list (Engine *engine)
{
  HrService *service = start_with_many (engine);
  g_autoptr (GPtrArray) all = NULL;

  hr_service_list_releases_async (service, take_list, &all);
  engine_run (engine, 0);
  g_assert_cmpuint (all->len, ==, MANY);
  for (guint i = 0; i < MANY; i++)
    g_assert_cmpuint (((HrRelease *)all->pdata[i])->number, ==, i + 1);
}

static void
take_text (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(char **)user_data = hr_service_diff_finish (HR_SERVICE (source), result, NULL);
}

static void
test_diff (Engine *engine)
{
  HrService *service = start_with_many (engine);
  g_autofree char *text = NULL;

  hr_service_diff_async (service, 1, 3, take_text, &text);
  engine_run (engine, 0);
  g_assert_cmpstr (text, ==, "main");
  g_assert_cmpuint (hr_release_book_get_held (get_book (engine))->len, ==, HR_RELEASES_HELD);
}

/* An old release runs, the daemon dies, and the next one knows what it has taken over. */
static void
test_next_daemon (Engine *engine)
{
  HrService *service = start_with_many (engine);
  GPid pid;

  roll_back (engine, service, 3);
  pid = hr_service_get_pid (service);
  hr_release_book_trim (get_book (engine), NULL);
  engine_crash (engine);
  service = engine_apply (engine, "web");
  engine_run (engine, PROVEN);
  g_assert_cmpint (hr_service_get_pid (service), ==, pid);
  g_assert_nonnull (hr_release_book_get (get_book (engine), 3));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  engine_init ();
  engine_add ("/releases/an-old-one-is-rolled-back-to", test_rollback);
  engine_add ("/releases/an-old-one-that-never-served-is-not", test_rollback_refused);
  engine_add ("/releases/all-are-listed", test_list);
  engine_add ("/releases/old-ones-are-compared", test_diff);
  engine_add ("/releases/an-old-one-runs-on-in-the-next-daemon", test_next_daemon);
  return g_test_run ();
}
