/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the next daemon knows, and what it takes to tell it.
 */
#include "hr-boot.h"
#include "run-state-fixture.h"

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
  record.config = (char *)"[Service]\nExec=a \"b\"\n";
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

static void
test_removed_service_is_forgotten (Fixture *f, gconstpointer data)
{
  set (f, "svc", &full);
  set (f, "svc", NULL);
  assert_record (f->state, "svc", &unknown);
  g_assert_false (g_file_test (f->lasts, G_FILE_TEST_EXISTS));
  g_assert_false (g_file_test (f->boot, G_FILE_TEST_EXISTS));
  next_daemon (f);
  assert_record (f->state, "svc", &unknown);
}

static guint64
inode_of (const char *path)
{
  GStatBuf info;

  g_assert_cmpint (g_stat (path, &info), ==, 0);
  return info.st_ino;
}

static void
test_same_record_is_not_written_again (Fixture *f, gconstpointer data)
{
  guint64 file, boot, lasts;

  set (f, "svc", &full);
  file = inode_of (f->path);
  boot = inode_of (f->boot);
  lasts = inode_of (f->lasts);
  set (f, "svc", &full);
  g_assert_true (hr_run_state_set_all_paused (f->state, FALSE, NULL));
  g_assert_cmpuint (inode_of (f->path), ==, file);
  g_assert_cmpuint (inode_of (f->boot), ==, boot);
  g_assert_cmpuint (inode_of (f->lasts), ==, lasts);
}

static void
test_a_change_writes_only_its_own_service (Fixture *f, gconstpointer data)
{
  HrRunRecord other = { .slot = 0, .running = 1 };
  guint64 file, boot, lasts;

  set (f, "svc", &full);
  set (f, "other", &other);
  file = inode_of (f->path);
  boot = inode_of (f->boot);
  lasts = inode_of (f->lasts);
  other.running = 2;
  set (f, "other", &other);
  set (f, "other", NULL);
  g_assert_cmpuint (inode_of (f->path), ==, file);
  g_assert_cmpuint (inode_of (f->boot), ==, boot);
  g_assert_cmpuint (inode_of (f->lasts), ==, lasts);
}

/* Processes come and go; what is synced to the disk is what a daemon needs that starts with the machine. */
static void
test_a_process_is_not_written_durably (Fixture *f, gconstpointer data)
{
  HrRunProcess process = running;
  HrRunRecord record = full;
  guint64 lasts;

  set (f, "svc", &full);
  lasts = inode_of (f->lasts);
  process.pid = 4712;
  record.current = &process;
  set (f, "svc", &record);
  g_assert_cmpuint (inode_of (f->lasts), ==, lasts);
  next_daemon (f);
  assert_record (f->state, "svc", &record);
  record.stopped = FALSE;
  set (f, "svc", &record);
  g_assert_cmpuint (inode_of (f->lasts), !=, lasts);
}

/* As if the machine had been started anew since a file was written. */
static void
boot_anew (const char *path)
{
  g_autofree char *text = read_from (path);
  g_autoptr (GString) other = g_string_new (text);

  g_assert_cmpuint (g_string_replace (other, hr_boot_id (), "another-boot", 0), ==, 1);
  write_to (path, other->str, other->len);
}

static void
test_after_a_boot_what_lasts_is_known_and_no_process (Fixture *f, gconstpointer data)
{
  HrRunProcess process = running;
  HrRunRecord record = full;
  HrRunRecord expected = full;

  set (f, "svc", &full);
  process.pid = 4712;
  record.current = &process;
  set (f, "svc", &record);
  boot_anew (f->lasts);
  boot_anew (f->boot);
  next_daemon (f);
  expected.current = NULL;
  assert_record (f->state, "svc", &expected);

  /* What is written from then on counts again. */
  set (f, "svc", &record);
  next_daemon (f);
  assert_record (f->state, "svc", &record);
}

static void
test_next_daemon_knows_who_is_being_signalled (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) others = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_run_process_free);
  HrRunRecord record = { .slot = 0, .others = others };
  g_autoptr (HrRunRecord) read = NULL;
  const HrRunProcess *told, *other;

  g_ptr_array_add (others, hr_run_process_new (4712, 99, "svc-7-b"));
  g_ptr_array_add (others, hr_run_process_new (4713, 99, "svc-7-c"));
  set (f, "svc", &record);
  g_assert_true (hr_run_state_set_signalled (f->state, "svc", "svc-7-c", 77, NULL));
  g_assert_true (hr_run_state_set_signalled (f->state, "svc", "svc-6-a", 77, NULL));
  g_assert_true (hr_run_state_set_signalled (f->state, "none", "none-6-a", 77, NULL));
  next_daemon (f);
  assert_record (f->state, "none", &unknown);
  read = hr_run_state_get (f->state, "svc");
  told = hr_run_record_find (read, "svc-7-c");
  g_assert_true (told->signalled && told->stopping);
  g_assert_cmpint (told->kill_at, ==, 77);
  other = hr_run_record_find (read, "svc-7-b");
  g_assert_false (other->signalled || other->stopping);
}

/* Of both files of a service the newer one counts. */
static void
test_what_the_disk_lost_does_not_count (Fixture *f, gconstpointer data)
{
  HrRunRecord older = full;
  g_autofree char *text = NULL;

  older.stopped = FALSE;
  set (f, "svc", &older);
  text = read_from (f->boot);
  set (f, "svc", &full);
  write_to (f->boot, text, strlen (text));
  next_daemon (f);
  assert_record (f->state, "svc", &full);
}

/* The daemon was killed between both writes: what was to last is written with the next change, of whatever service. */
static void
test_what_did_not_come_to_be_written_is_made_up_for (Fixture *f, gconstpointer data)
{
  HrRunRecord older = full;
  HrRunRecord other = { .slot = 0 };
  HrRunRecord expected = full;
  g_autofree char *text = NULL;

  older.stopped = FALSE;
  set (f, "svc", &older);
  text = read_from (f->lasts);
  set (f, "svc", &full);
  write_to (f->lasts, text, strlen (text));
  next_daemon (f);
  assert_record (f->state, "svc", &full);
  set (f, "other", &other);
  g_assert_cmpint (g_unlink (f->boot), ==, 0);
  next_daemon (f);
  expected.current = &running;
  assert_record (f->state, "svc", &expected);
}

static void
test_what_was_not_written_to_its_end_is_removed (Fixture *f, gconstpointer data)
{
  g_autofree char *left = g_strconcat (f->boot, ".a1B2c3", NULL);
  g_autofree char *others = g_build_filename (f->dir, "run", "state", "README.a1B2c3", NULL);

  set (f, "svc", &full);
  write_to (left, "{\"ver", 5);
  write_to (others, "x", 1);
  next_daemon (f);
  assert_record (f->state, "svc", &full);
  g_assert_false (g_file_test (left, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (others, G_FILE_TEST_EXISTS));
}

/* Whatever they are called: no name is a part of another's file. */
static void
test_many_services_stay_what_they_are (Fixture *f, gconstpointer data)
{
  static const char *const names[] = {
    "a", "a.json", "a.boot", "a.json.boot", "a.boot.json", "0", "a-", "a.json.abcdef"
  };
  HrRunRecord changed = { .slot = 1, .running = 1000, .current = &running };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      HrRunRecord record = { .slot = (int)(i % 2), .running = i, .paused = i % 3 == 0 };

      set (f, names[i], &record);
    }
  next_daemon (f);
  set (f, names[2], &changed);
  set (f, names[4], NULL);
  next_daemon (f);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      HrRunRecord record = { .slot = (int)(i % 2), .running = i, .paused = i % 3 == 0 };

      assert_record (f->state, names[i], i == 2 ? &changed : i == 4 ? &unknown : &record);
    }
}

/* It never runs, and could be any file. */
static void
test_nothing_is_kept_by_a_name_that_no_service_can_have (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->dir, "run", "x.json", NULL);

  set (f, "../x", &full);
  set (f, "", &full);
  assert_record (f->state, "../x", &unknown);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
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
  ADD ("next-daemon-knows", test_next_daemon_knows);
  ADD ("many-services-stay-what-they-are", test_many_services_stay_what_they_are);
  ADD ("nothing-is-kept-by-a-name-that-no-service-can-have", test_nothing_is_kept_by_a_name_that_no_service_can_have);
  ADD ("removed-service-is-forgotten", test_removed_service_is_forgotten);
  ADD ("a-change-writes-only-its-own-service", test_a_change_writes_only_its_own_service);
  ADD ("a-process-is-not-written-durably", test_a_process_is_not_written_durably);
  ADD ("after-a-boot-what-lasts-is-known-and-no-process", test_after_a_boot_what_lasts_is_known_and_no_process);
  ADD ("next-daemon-knows-who-is-being-signalled", test_next_daemon_knows_who_is_being_signalled);
  ADD ("what-the-disk-lost-does-not-count", test_what_the_disk_lost_does_not_count);
  ADD ("what-did-not-come-to-be-written-is-made-up-for", test_what_did_not_come_to_be_written_is_made_up_for);
  ADD ("what-was-not-written-to-its-end-is-removed", test_what_was_not_written_to_its_end_is_removed);
  ADD ("same-record-is-not-written-again", test_same_record_is_not_written_again);
  return g_test_run ();
}
