/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-run-state.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-fs.h"
#include "warnings.h"

typedef struct {
  char *dir;
  char *path;
  HrRunState *state;
} Fixture;

static void
setup (Fixture *f, gconstpointer data)
{
  f->dir = g_dir_make_tmp ("hr-run-state-XXXXXX", NULL);
  g_assert_nonnull (f->dir);
  f->path = g_build_filename (f->dir, "run", "state.json", NULL);
  f->state = hr_run_state_new (f->path, NULL);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  warnings_expect_none ();
  g_assert_finalize_object (f->state);
  hr_fs_remove_tree (f->dir, &error);
  g_assert_no_error (error);
  g_free (f->dir);
  g_free (f->path);
}

static void
next_daemon (Fixture *f)
{
  g_assert_finalize_object (f->state);
  f->state = hr_run_state_new (f->path, NULL);
}

static HrRunProcess running = {
  .pid = 4711,
  .start = G_GUINT64_CONSTANT (123456789012),
  .instance = (char *)"svc-7-\xc3\xa9",
  .release = 7,
  .slot = 1,
  .index = 1,
  .ready = TRUE,
  .signalled = TRUE,
  .opened_state = TRUE,
  .notified = TRUE,
  .started_at = G_GINT64_CONSTANT (1790000000123456),
  .spec = (char *)"0123abcd",
  /* A path is any bytes. */
  .log_file = (char *)"/var/\xff\n\"logs\"",
};

static const HrRunRecord full = {
  .stopped = TRUE,
  .paused = TRUE,
  .ever_notified = TRUE,
  .running = 7,
  .slot = 1,
  .last_good = 6,
  .current = &running,
};

static void
assert_record (HrRunState *state, const char *service, const HrRunRecord *expected)
{
  g_autoptr (HrRunRecord) record = hr_run_state_get (state, service);

  g_assert_cmpint (record->stopped, ==, expected->stopped);
  g_assert_cmpint (record->paused, ==, expected->paused);
  g_assert_cmpint (record->ever_notified, ==, expected->ever_notified);
  g_assert_cmpuint (record->running, ==, expected->running);
  g_assert_cmpint (record->slot, ==, expected->slot);
  g_assert_cmpuint (record->last_good, ==, expected->last_good);
  g_assert_true (hr_run_process_equal (record->current, expected->current));
  g_assert_cmpuint (record->others != NULL ? record->others->len : 0, ==,
                    expected->others != NULL ? expected->others->len : 0);
  for (guint i = 0; expected->others != NULL && i < expected->others->len; i++)
    g_assert_true (
        hr_run_process_equal (g_ptr_array_index (record->others, i), g_ptr_array_index (expected->others, i)));
}

static const HrRunRecord unknown = { .slot = -1 };

static void
set (Fixture *f, const char *service, const HrRunRecord *record)
{
  g_autoptr (GError) error = NULL;

  hr_run_state_set (f->state, service, record, &error);
  g_assert_no_error (error);
}

static void
write_file (Fixture *f, const char *text, gsize size)
{
  g_autofree char *dir = g_path_get_dirname (f->path);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (dir, 0700), ==, 0);
  hr_fs_write (f->path, text, size, 0600, &error);
  g_assert_no_error (error);
}

static void
test_next_daemon_knows (Fixture *f, gconstpointer data)
{
  HrRunRecord other = { .slot = 0, .running = 1 };

  set (f, "svc", &full);
  set (f, "other", &other);
  g_assert_true (hr_run_state_set_all_paused (f->state, TRUE, NULL));
  next_daemon (f);
  assert_record (f->state, "svc", &full);
  assert_record (f->state, "other", &other);
  assert_record (f->state, "none", &unknown);
  g_assert_true (hr_run_state_get_all_paused (f->state));
}

/* It goes on with all of several instances. */
static void
test_next_daemon_knows_all_instances (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) others = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_run_process_free);
  HrRunRecord several = full;

  g_ptr_array_add (others, hr_run_process_new (4712, 99, "svc-7-b"));
  g_ptr_array_add (others, hr_run_process_new (4713, G_GUINT64_CONSTANT (123456789013), "svc-7-c"));
  several.others = others;
  set (f, "svc", &several);
  next_daemon (f);
  assert_record (f->state, "svc", &several);

  /* One of them differs: it is written. */
  ((HrRunProcess *)g_ptr_array_index (others, 1))->pid = 4714;
  set (f, "svc", &several);
  next_daemon (f);
  assert_record (f->state, "svc", &several);
}

/* With it, where its program sees its files. */
static void
test_next_daemon_knows_the_view (Fixture *f, gconstpointer data)
{
  const char *const shares[] = { "node_modules", "data\xfe", NULL };
  const char *const read_only[] = { ".git", NULL };
  g_autoptr (HrView) view = hr_view_new ("/src/\xc3\xa9", "/state/slots/svc/b", "/run/real", shares, read_only);
  g_autoptr (HrView) plain = hr_view_new ("/src", "/src", NULL, NULL, NULL);
  g_autoptr (GPtrArray) others = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_run_process_free);
  HrRunProcess *other = hr_run_process_new (4712, 99, "svc-7-b");
  HrRunProcess process = running;
  HrRunRecord record = full;

  other->role = HR_RUN_CANDIDATE;
  other->view = hr_view_ref (plain);
  g_ptr_array_add (others, other);
  process.view = view;
  record.current = &process;
  record.others = others;
  set (f, "svc", &record);
  next_daemon (f);
  assert_record (f->state, "svc", &record);

  /* Every bit of it counts. */
  process.view = plain;
  set (f, "svc", &record);
  next_daemon (f);
  assert_record (f->state, "svc", &record);
  process.stopping = TRUE;
  other->role = HR_RUN_RETIRING;
  set (f, "svc", &record);
  next_daemon (f);
  assert_record (f->state, "svc", &record);
}

/* As the program wrote it when it only ended what it found. */
static void
test_older_record_is_read (Fixture *f, gconstpointer data)
{
  static const char text[] = "{\"version\": 1, \"services\": {\"svc\": {\"running\": 7, \"slot\": 1, \"pid\": 4711, "
                             "\"pidStart\": 99, \"instance\": \"i\"}}}";
  g_autoptr (HrRunRecord) record = NULL;

  write_file (f, text, strlen (text));
  next_daemon (f);
  record = hr_run_state_get (f->state, "svc");
  g_assert_cmpint (record->current->pid, ==, 4711);
  g_assert_cmpuint (record->current->start, ==, 99);
  g_assert_cmpstr (record->current->instance, ==, "i");
  g_assert_false (record->current->ready);
}

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

static void
test_removed_service_is_forgotten (Fixture *f, gconstpointer data)
{
  set (f, "svc", &full);
  set (f, "svc", NULL);
  assert_record (f->state, "svc", &unknown);
  next_daemon (f);
  assert_record (f->state, "svc", &unknown);
}

static void
test_same_record_is_not_written_again (Fixture *f, gconstpointer data)
{
  GStatBuf before, after;

  set (f, "svc", &full);
  g_assert_cmpint (g_stat (f->path, &before), ==, 0);
  set (f, "svc", &full);
  g_assert_true (hr_run_state_set_all_paused (f->state, FALSE, NULL));
  g_assert_cmpint (g_stat (f->path, &after), ==, 0);
  g_assert_cmpuint (before.st_ino, ==, after.st_ino);
}

static void
check_set_aside (Fixture *f, const char *text, gsize size)
{
  g_autofree char *aside = g_strconcat (f->path, ".broken", NULL);
  g_autofree char *kept = NULL;
  gsize kept_size;

  write_file (f, text, size);
  next_daemon (f);
  warnings_expect ("the run state * cannot be used: *; set aside as *.broken*");
  assert_record (f->state, "svc", &unknown);
  g_assert_true (g_file_get_contents (aside, &kept, &kept_size, NULL));
  g_assert_cmpmem (kept, kept_size, text, size);
  set (f, "svc", &full);
  next_daemon (f);
  assert_record (f->state, "svc", &full);
  g_assert_cmpint (g_unlink (aside), ==, 0);
}

static void
test_what_cannot_be_read_is_set_aside (Fixture *f, gconstpointer data)
{
  static const char *const bad[] = {
    "",
    "hello",
    "[]",
    "7",
    "{}",
    "{\"version\": 1}",
    "{\"version\": 1, \"services\": []}",
    "{\"version\": \"1\", \"services\": {}}",
    "{\"services\": {\"svc\": {}}}",
  };
  g_autofree char *deep = g_strnfill (100000, '[');

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    check_set_aside (f, bad[i], strlen (bad[i]));
  check_set_aside (f, deep, strlen (deep));
  check_set_aside (f, "{\"version\": 1\0}", 15);
}

/* It would be misunderstood, or lost with the next write. */
static void
test_what_a_newer_daemon_wrote_is_refused_and_left_alone (Fixture *f, gconstpointer data)
{
  static const char text[] = "{\"version\": 2, \"services\": {\"svc\": {\"running\": 7}}}";
  g_autoptr (HrRunState) state = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) checked = NULL;
  g_autofree char *kept = NULL;

  write_file (f, text, strlen (text));
  state = hr_run_state_new (f->path, &error);
  g_assert_null (state);
  g_assert_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED);
  g_assert_nonnull (strstr (error->message, "was written by a newer hotreload: its version is 2"));
  g_assert_nonnull (strstr (error->message, "reads versions up to 1"));
  g_assert_false (hr_run_state_check (f->path, &checked));
  g_assert_error (checked, HR_ERROR, HR_ERROR_NOT_SUPPORTED);
  g_assert_true (g_file_get_contents (f->path, &kept, NULL, NULL));
  g_assert_cmpstr (kept, ==, text);
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
  g_autofree char *text = NULL;
  gsize size;

  set (f, "svc", &full);
  g_assert_true (g_file_get_contents (f->path, &text, &size, NULL));
  for (gsize cut = 0; cut < size; cut += 7)
    {
      write_file (f, text, cut);
      next_daemon (f);
      warnings_expect ("the run state * cannot be used: *; set aside as *.broken*");
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
  set (f, "svc", &full);
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

/* Only what changes is written anew: the others stay what they were, whatever they are called and whoever read them. */
static void
test_many_services_stay_what_they_are (Fixture *f, gconstpointer data)
{
  enum { N = 50 };
  HrRunRecord changed = { .slot = 1, .running = 1000, .current = &running };

  for (guint i = 0; i < N; i++)
    {
      g_autofree char *name = g_strdup_printf ("\"svc\\%u\xc3\xa9", i);
      HrRunRecord record = { .slot = (int)(i % 2), .running = i, .paused = i % 3 == 0 };

      set (f, name, &record);
    }
  next_daemon (f);
  set (f, "\"svc\\7\xc3\xa9", &changed);
  set (f, "\"svc\\8\xc3\xa9", NULL);
  next_daemon (f);
  for (guint i = 0; i < N; i++)
    {
      g_autofree char *name = g_strdup_printf ("\"svc\\%u\xc3\xa9", i);
      HrRunRecord record = { .slot = (int)(i % 2), .running = i, .paused = i % 3 == 0 };

      assert_record (f->state, name, i == 7 ? &changed : i == 8 ? &unknown : &record);
    }
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
  g_assert_nonnull (strstr (error->message, f->path));
  assert_record (f->state, "svc", &full);

  /* The same again: the file is behind, so it is written though nothing differs. */
  set (f, "svc", &full);
  next_daemon (f);
  assert_record (f->state, "svc", &full);
  assert_record (f->state, "other", &other);
}

#define ADD(path, func) g_test_add ("/run-state/" path, Fixture, NULL, setup, func, teardown)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  warnings_init ();
  ADD ("next-daemon-knows-all-instances", test_next_daemon_knows_all_instances);
  ADD ("next-daemon-knows-the-view", test_next_daemon_knows_the_view);
  ADD ("older-record-is-read", test_older_record_is_read);
  ADD ("damaged/others-are-skipped", test_damaged_others_are_skipped);
  ADD ("next-daemon-knows", test_next_daemon_knows);
  ADD ("many-services-stay-what-they-are", test_many_services_stay_what_they_are);
  ADD ("removed-service-is-forgotten", test_removed_service_is_forgotten);
  ADD ("same-record-is-not-written-again", test_same_record_is_not_written_again);
  ADD ("what-a-newer-daemon-wrote-is-refused-and-left-alone", test_what_a_newer_daemon_wrote_is_refused_and_left_alone);
  ADD ("a-check-changes-nothing", test_a_check_changes_nothing);
  ADD ("what-cannot-be-read-is-set-aside", test_what_cannot_be_read_is_set_aside);
  ADD ("every-truncation-is-set-aside", test_every_truncation_is_set_aside);
  ADD ("unknown-and-odd-members-do-no-harm", test_unknown_and_odd_members_do_no_harm);
  ADD ("someone-elses-file-is-set-aside", test_someone_elses_file_is_set_aside);
  ADD ("fifo-and-cyclic-link-are-set-aside", test_fifo_and_cyclic_link_are_set_aside);
  ADD ("failed-write-is-an-error-and-kept-in-memory", test_failed_write_is_an_error_and_kept_in_memory);
  return g_test_run ();
}
