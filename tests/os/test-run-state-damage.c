/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A run state that is damaged, of an earlier or a later version, or cannot be written.
 */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run-state-fixture.h"

/* What is no process is skipped, and what is too much. */
static void
test_damaged_others_are_skipped (Fixture *f, gconstpointer data)
{
  static const char text[] = "{\"version\": 1, \"services\": {\"svc\": {\"others\": [1, null, \"x\", {}, {\"pid\": 5}, "
                             "{\"pid\": 6, \"pidStart\": 7, \"instance\": \"i\"}]}, \"other\": {\"others\": {}}}}";
  g_autoptr (HrRunRecord) record = NULL;
  g_autoptr (HrRunRecord) other = NULL;

  write_file (f, text, strlen (text));
  next_daemon (f);
  record = hr_run_state_get (f->state, "svc");
  other = hr_run_state_get (f->state, "other");
  g_assert_null (other->others);
  g_assert_cmpuint (record->others->len, ==, 1);
  g_assert_cmpint (((HrRunProcess *)g_ptr_array_index (record->others, 0))->pid, ==, 6);
}

static const char *const bad[] = {
  "", "hello", "[]", "7", "{}", "{\"service\": {}}", "{\"version\": \"1\", \"services\": {}}",
};

static void
assert_aside (const char *path, const char *text, gsize size)
{
  g_autofree char *aside = g_strconcat (path, ".broken", NULL);
  g_autofree char *kept = NULL;
  gsize kept_size;

  warnings_expect ("the run state * cannot be used: *; set aside as *.broken*");
  g_assert_true (g_file_get_contents (aside, &kept, &kept_size, NULL));
  g_assert_cmpmem (kept, kept_size, text, size);
  g_assert_cmpint (g_unlink (aside), ==, 0);
}

/* The services have their own. */
static void
check_file_aside (Fixture *f, const char *text, gsize size)
{
  write_file (f, text, size);
  next_daemon (f);
  assert_aside (f->path, text, size);
  assert_record (f->state, "svc", &full);
  g_assert_false (hr_run_state_get_all_paused (f->state));
  g_assert_true (hr_run_state_set_all_paused (f->state, TRUE, NULL));
  next_daemon (f);
  g_assert_true (hr_run_state_get_all_paused (f->state));
}

static void
test_what_cannot_be_read_is_set_aside (Fixture *f, gconstpointer data)
{
  g_autofree char *deep = g_strnfill (100000, '[');

  set (f, "svc", &full);
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    check_file_aside (f, bad[i], strlen (bad[i]));
  check_file_aside (f, "{\"version\": 1}", 14);
  check_file_aside (f, "{\"version\": 1, \"services\": []}", 31);
  check_file_aside (f, deep, strlen (deep));
  check_file_aside (f, "{\"version\": 1\0}", 15);
}

/* Another service loses nothing, and this one only what nothing else tells. */
static void
check_service_aside (Fixture *f, const char *text, gsize size)
{
  HrRunRecord other = { .slot = 0, .running = 1 };

  set (f, "svc", &full);
  set (f, "other", &other);
  write_to (f->boot, text, size);
  next_daemon (f);
  assert_aside (f->boot, text, size);
  assert_record (f->state, "svc", &full);
  assert_record (f->state, "other", &other);

  set (f, "svc", &unknown);
  set (f, "svc", &full);
  write_to (f->lasts, text, size);
  next_daemon (f);
  assert_aside (f->lasts, text, size);
  assert_record (f->state, "svc", &full);

  set (f, "svc", &unknown);
  write_to (f->lasts, text, size);
  g_assert_cmpint (g_unlink (f->boot), ==, 0);
  next_daemon (f);
  assert_aside (f->lasts, text, size);
  assert_record (f->state, "svc", &unknown);
  assert_record (f->state, "other", &other);
}

static void
test_a_damaged_file_hurts_only_its_service (Fixture *f, gconstpointer data)
{
  g_autofree char *deep = g_strnfill (100000, '[');

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    check_service_aside (f, bad[i], strlen (bad[i]));
  check_service_aside (f, "{\"version\": 2, \"service\": []}", 30);
  check_service_aside (f, "{\"version\": 1\0}", 15);
  check_service_aside (f, deep, strlen (deep));
}

static void
check_refused (Fixture *f, const char *path, const char *text)
{
  g_autoptr (HrRunState) state = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) checked = NULL;
  g_autofree char *kept = NULL;

  write_to (path, text, strlen (text));
  state = hr_run_state_new (f->path, &error);
  g_assert_null (state);
  g_assert_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED);
  g_assert_nonnull (strstr (error->message, "was written by a newer hotreload: its version is 99"));
  g_assert_nonnull (strstr (error->message, "reads versions up to 2"));
  g_assert_nonnull (strstr (error->message, path));
  g_assert_false (hr_run_state_check (f->path, &checked));
  g_assert_error (checked, HR_ERROR, HR_ERROR_NOT_SUPPORTED);
  kept = read_from (path);
  g_assert_cmpstr (kept, ==, text);
}

/* It would be misunderstood, or lost with the next write. */
static void
test_what_a_newer_daemon_wrote_is_refused_and_left_alone (Fixture *f, gconstpointer data)
{
  set (f, "svc", &full);
  check_refused (f, f->lasts, "{\"version\": 99, \"service\": {}}");
  check_refused (f, f->path, "{\"version\": 99, \"later\": {\"svc\": {\"running\": 7}}}");
}

/* All services in one file: it counts until each has its own, and says then that an older daemon cannot go on. */
static void
test_a_file_of_all_services_becomes_one_for_each (Fixture *f, gconstpointer data)
{
  static const char text[] = "{\"version\":1,\"paused\":true,\"services\":{\"svc\":{\"stopped\":true,\"running\":7,"
                             "\"slot\":1,\"lastGood\":6},\"other\":{\"running\":1,\"slot\":0},\"../x\":{}}}";
  HrRunRecord expected = { .stopped = TRUE, .running = 7, .slot = 1, .last_good = 6 };
  HrRunRecord other = { .running = 1, .slot = 0 };
  g_autofree char *written = NULL;

  /* Left behind by one that was killed while it did that. */
  set (f, "svc", &full);
  set (f, "gone", &full);
  write_file (f, text, strlen (text));
  for (guint i = 0; i < 2; i++)
    {
      next_daemon (f);
      assert_record (f->state, "svc", &expected);
      assert_record (f->state, "other", &other);
      assert_record (f->state, "gone", &unknown);
      g_assert_true (hr_run_state_get_all_paused (f->state));
    }
  written = read_from (f->path);
  g_assert_nonnull (strstr (written, "\"version\":2"));
  g_assert_null (strstr (written, "svc"));
  g_assert_true (g_file_test (f->lasts, G_FILE_TEST_EXISTS));
}

static void
test_a_check_changes_nothing (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *kept = NULL;

  g_assert_true (hr_run_state_check (f->path, &error));
  g_assert_no_error (error);
  set (f, "svc", &full);
  g_assert_true (hr_run_state_check (f->path, &error));
  g_assert_no_error (error);
  write_file (f, "hello", 5);
  g_assert_false (hr_run_state_check (f->path, &error));
  g_assert_nonnull (error);
  g_assert_true (g_file_get_contents (f->path, &kept, NULL, NULL));
  g_assert_cmpstr (kept, ==, "hello");
}

static void
test_every_truncation_is_set_aside (Fixture *f, gconstpointer data)
{
  const char *const paths[] = { f->path, f->lasts, f->boot };

  set (f, "svc", &full);
  for (gsize i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autofree char *text = read_from (paths[i]);

      for (gsize cut = 0; cut + 2 < strlen (text); cut += 7)
        {
          write_to (paths[i], text, cut);
          next_daemon (f);
          assert_aside (paths[i], text, cut);
          assert_record (f->state, "svc", &full);
        }
      write_to (paths[i], text, strlen (text));
    }
}

static void
test_unknown_and_odd_members_do_no_harm (Fixture *f, gconstpointer data)
{
  const char *text = "{\"version\": 1, \"later\": [1, {}], \"paused\": 7, \"services\": {\"a\": 7, \"svc\": {"
                     "\"running\": -3, \"slot\": 9, \"pid\": 99999999999999, \"instance\": [], \"later\": {}, "
                     "\"stopped\": \"no\", \"lastGood\": 5, \"pidStart\": null}}}";
  HrRunRecord expected = { .slot = -1, .last_good = 5 };

  write_file (f, text, strlen (text));
  next_daemon (f);
  assert_record (f->state, "svc", &expected);
  assert_record (f->state, "a", &unknown);
}

static void
test_someone_elses_file_is_set_aside (Fixture *f, gconstpointer data)
{
  g_autofree char *aside = g_strconcat (f->path, ".broken", NULL);

  if (getuid () == 0)
    {
      g_test_skip ("not run here: root is never refused a file");
      return;
    }
  g_assert_true (hr_run_state_set_all_paused (f->state, TRUE, NULL));
  g_assert_cmpint (chmod (f->path, 0), ==, 0);
  next_daemon (f);
  warnings_expect ("the run state * cannot be used: *; set aside as *.broken*");
  g_assert_true (g_file_test (aside, G_FILE_TEST_EXISTS));
}

static void
test_fifo_and_cyclic_link_are_set_aside (Fixture *f, gconstpointer data)
{
  g_autofree char *dir = g_path_get_dirname (f->path);

  g_assert_cmpint (g_mkdir_with_parents (dir, 0700), ==, 0);
  g_assert_cmpint (mkfifo (f->path, 0600), ==, 0);
  next_daemon (f);
  warnings_expect ("the run state * cannot be used: *; set aside as *.broken*");
  g_assert_cmpint (symlink (f->path, f->path), ==, 0);
  next_daemon (f);
  warnings_expect ("the run state * cannot be used: *; set aside as *.broken.2*");
}

static void
test_failed_write_is_an_error_and_kept_in_memory (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  struct rlimit old, small;
  HrRunRecord other = { .slot = 0 };

  set (f, "other", &other);
  /* Stands for a full disk: no file can grow beyond a few bytes. */
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &old), ==, 0);
  small = old;
  small.rlim_cur = 10;
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  g_assert_false (hr_run_state_set (f->state, "svc", &full, &error));
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &old), ==, 0);
  g_assert_cmpint (error->domain, ==, G_IO_ERROR);
  g_assert_nonnull (strstr (error->message, f->boot));
  assert_record (f->state, "svc", &full);

  /* The same again: the file is behind, so it is written though nothing differs. */
  set (f, "svc", &full);
  next_daemon (f);
  assert_record (f->state, "svc", &full);
  assert_record (f->state, "other", &other);
}

/* It has no change of its own for days. */
static void
test_what_could_not_be_written_is_with_the_next_change_of_another (Fixture *f, gconstpointer data)
{
  HrRunRecord other = { .slot = 0 };

  set (f, "other", &other);
  set (f, "svc", &unknown);
  g_assert_cmpint (g_unlink (f->boot), ==, 0);
  /* In its place stands what no file can replace. */
  g_assert_cmpint (g_mkdir_with_parents (f->boot, 0700), ==, 0);
  g_assert_false (hr_run_state_set (f->state, "svc", &full, NULL));
  g_assert_cmpint (g_rmdir (f->boot), ==, 0);
  other.running = 1;
  set (f, "other", &other);
  next_daemon (f);
  assert_record (f->state, "svc", &full);
  assert_record (f->state, "other", &other);
}

#define ADD(path, func) g_test_add ("/run-state-damage/" path, Fixture, NULL, setup, func, teardown)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  warnings_init ();
  ADD ("damaged/others-are-skipped", test_damaged_others_are_skipped);
  ADD ("a-damaged-file-hurts-only-its-service", test_a_damaged_file_hurts_only_its_service);
  ADD ("a-file-of-all-services-becomes-one-for-each", test_a_file_of_all_services_becomes_one_for_each);
  ADD ("what-a-newer-daemon-wrote-is-refused-and-left-alone", test_what_a_newer_daemon_wrote_is_refused_and_left_alone);
  ADD ("a-check-changes-nothing", test_a_check_changes_nothing);
  ADD ("what-cannot-be-read-is-set-aside", test_what_cannot_be_read_is_set_aside);
  ADD ("every-truncation-is-set-aside", test_every_truncation_is_set_aside);
  ADD ("unknown-and-odd-members-do-no-harm", test_unknown_and_odd_members_do_no_harm);
  ADD ("someone-elses-file-is-set-aside", test_someone_elses_file_is_set_aside);
  ADD ("fifo-and-cyclic-link-are-set-aside", test_fifo_and_cyclic_link_are_set_aside);
  ADD ("what-could-not-be-written-is-with-the-next-change-of-another",
       test_what_could_not_be_written_is_with_the_next_change_of_another);
  ADD ("failed-write-is-an-error-and-kept-in-memory", test_failed_write_is_an_error_and_kept_in_memory);
  return g_test_run ();
}
