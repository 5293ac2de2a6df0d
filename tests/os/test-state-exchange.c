/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-state-exchange.c: what programs left behind while no daemon was there to take it.
 */
#include "state-fixture.h"

/* What a daemon that died left behind: a directory with the state of an instance. */
static char *
leave_state (Fixture *f, const char *instance, const char *text, gint64 age_sec)
{
  g_autofree char *dir = g_build_filename (f->exchange, instance, NULL);
  g_autofree char *out = g_build_filename (dir, HR_STATE_OUT_NAME, NULL);
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  struct timespec times[2] = { { .tv_sec = now - age_sec }, { .tv_sec = now - age_sec } };

  g_assert_cmpint (g_mkdir_with_parents (dir, 0700), ==, 0);
  if (text != NULL)
    {
      write_text (out, text);
      g_assert_cmpint (utimensat (AT_FDCWD, out, times, 0), ==, 0);
    }
  return g_steal_pointer (&out);
}

static void
test_leftover_state_becomes_a_snapshot (Fixture *f, gconstpointer data)
{
  g_autofree char *older = leave_state (f, "old", "[1]", 200);
  g_autofree char *newer = leave_state (f, "new", "[2]", 100);
  g_autofree char *nothing = leave_state (f, "none", NULL, 0);
  g_autoptr (HrSnapshot) newest = NULL;
  g_autoptr (GPtrArray) list = NULL;
  g_autoptr (GError) error = NULL;

  newest = load (f->files, NULL, &error);
  g_assert_no_error (error);
  assert_data (newest, "[2]");
  g_assert_cmpuint (newest->version, ==, 3);
  list = hr_state_files_list (f->files);
  g_assert_cmpuint (list->len, ==, 2);
  g_assert_cmpuint (count_files (f->exchange, ""), ==, 0);
}

static void
test_leftover_state_does_not_pass_a_newer_snapshot (Fixture *f, gconstpointer data)
{
  g_autofree char *id = collect_text (f, "i1", "[1]");
  g_autofree char *left = leave_state (f, "old", "[2]", 100);
  g_autoptr (HrStateFiles) next = hr_lease_state_files_new (&f->spec, f->snapshots, f->exchange);
  g_autoptr (HrSnapshot) newest = load (next, NULL, NULL);
  g_autoptr (GPtrArray) list = hr_state_files_list (next);

  g_assert_cmpstr (newest->id, ==, id);
  g_assert_cmpuint (list->len, ==, 2);
}

static void
test_broken_leftover_is_set_aside (Fixture *f, gconstpointer data)
{
  g_autofree char *left = leave_state (f, "old", "{", 100);
  g_autoptr (HrSnapshot) snapshot = NULL;
  g_autoptr (GError) error = NULL;

  snapshot = load (f->files, NULL, &error);
  warnings_expect ("*set aside as*");
  g_assert_no_error (error);
  g_assert_null (snapshot);
  g_assert_cmpuint (count_files (f->snapshots, ".broken"), ==, 1);
}

/* The directory is the user's who ran the program: a file in it that is not may be one that it could not read. */
static void
test_file_of_somebody_else_is_not_taken (Fixture *f, gconstpointer data)
{
  g_autofree char *left = leave_state (f, "old", "[1]", 100);
  g_autofree char *dir = g_path_get_dirname (left);
  g_autoptr (HrSnapshot) snapshot = NULL;

  if (geteuid () != 0)
    {
      g_test_skip ("not run here: only root has files of others");
      return;
    }
  g_assert_cmpint (chown (dir, 65534, 65534), ==, 0);
  snapshot = load (f->files, NULL, NULL);
  warnings_expect ("*it belongs to somebody else*");
  g_assert_null (snapshot);
}

static void
test_file_of_its_user_is_taken (Fixture *f, gconstpointer data)
{
  g_autofree char *left = leave_state (f, "old", "[1]", 100);
  g_autofree char *dir = g_path_get_dirname (left);
  g_autoptr (HrSnapshot) snapshot = NULL;

  if (geteuid () != 0)
    {
      g_test_skip ("not run here: only root has files of others");
      return;
    }
  g_assert_cmpint (chown (dir, 65534, 65534), ==, 0);
  g_assert_cmpint (chown (left, 65534, 65534), ==, 0);
  snapshot = load (f->files, NULL, NULL);
  g_assert_nonnull (snapshot);
}

static void
test_instances_in_use_are_not_recovered (Fixture *f, gconstpointer data)
{
  g_autoptr (HrStateOffer) offer = make_offer (f, "i1", NULL);
  g_autofree char *written = NULL;
  g_autoptr (HrStateFiles) next = NULL;
  g_autoptr (HrSnapshot) snapshot = NULL;
  g_autoptr (GError) error = NULL;
  int fd;

  /* One that this process knows, one that is being written to. */
  write_text (hr_state_offer_get_out_path (offer), "[1]");
  written = leave_state (f, "alive", "[2", 100);
  fd = open (written, O_WRONLY | O_APPEND | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);

  next = hr_lease_state_files_new (&f->spec, f->snapshots, f->exchange);
  g_assert_null (load (next, NULL, &error));
  g_assert_no_error (error);
  close (fd);
  snapshot = collect (next, "i1", &error);
  g_assert_no_error (error);
  assert_data (snapshot, "[1]");
  if (hr_state_files_wait_limit (f->files) > 0)
    g_assert_true (g_file_test (written, G_FILE_TEST_EXISTS));
}

static void
test_note_keeps_release_and_version_of_a_dead_daemon (Fixture *f, gconstpointer data)
{
  g_autofree char *left = leave_state (f, "old", "[1]", 100);
  g_autofree char *dir = g_path_get_dirname (left);
  g_autofree char *note = g_build_filename (dir, "note", NULL);
  g_autoptr (HrSnapshot) snapshot = NULL;

  write_text (note, "[Instance]\nRelease=5\nStateVersion=9\nBoot=another\n");
  snapshot = load (f->files, NULL, NULL);
  assert_data (snapshot, "[1]");
  g_assert_cmpuint (snapshot->version, ==, 9);
  g_assert_cmpuint (snapshot->release, ==, 5);
}

static void
test_discarded_state_is_no_snapshot (Fixture *f, gconstpointer data)
{
  g_autoptr (HrStateOffer) offer = make_offer (f, "i1", NULL);
  g_autoptr (HrStateFiles) next = NULL;
  g_autoptr (GError) error = NULL;

  write_text (hr_state_offer_get_out_path (offer), "[1]");
  hr_state_files_discard (f->files, "i1");
  next = hr_lease_state_files_new (&f->spec, f->snapshots, f->exchange);
  g_assert_null (load (next, NULL, &error));
  g_assert_no_error (error);
  g_assert_null (collect (f->files, "i1", &error));
  g_assert_no_error (error);
}

static void
test_cancelled_before_it_began_takes_nothing (Fixture *f, gconstpointer data)
{
  g_autoptr (HrStateOffer) offer = make_offer (f, "i1", NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Answer answer = { 0 };

  write_text (hr_state_offer_get_out_path (offer), "[1]");
  g_cancellable_cancel (cancellable);
  hr_state_files_collect_async (f->files, "i1", 7, 2, cancellable, on_answer, &answer);
  wait_for (&answer.done);
  g_assert_error (answer.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_error_free (answer.error);
  g_assert_true (g_file_test (hr_state_offer_get_out_path (offer), G_FILE_TEST_EXISTS));
}

static void
test_old_temporary_files_go (Fixture *f, gconstpointer data)
{
  g_autofree char *first = collect_text (f, "i1", "[1]");
  g_autofree char *old = g_strdup_printf ("%s/%s.json.AbCd12", f->snapshots, first);
  g_autofree char *young = g_strdup_printf ("%s/%s.json.EfGh34", f->snapshots, first);
  g_autofree char *broken = g_strdup_printf ("%s/%s.json.broken", f->snapshots, first);
  struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
  g_autofree char *second = NULL;

  write_text (old, "x");
  write_text (young, "x");
  write_text (broken, "x");
  g_assert_cmpint (utimensat (AT_FDCWD, old, times, 0), ==, 0);
  g_assert_cmpint (utimensat (AT_FDCWD, broken, times, 0), ==, 0);
  second = collect_text (f, "i2", "[2]");
  g_assert_false (g_file_test (old, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (young, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (broken, G_FILE_TEST_EXISTS));
}

#define ADD(path, func) g_test_add ("/state-exchange/" path, Fixture, NULL, setup, func, teardown)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  warnings_init ();
  ADD ("leftover-state-becomes-a-snapshot", test_leftover_state_becomes_a_snapshot);
  ADD ("leftover-state-does-not-pass-a-newer-snapshot", test_leftover_state_does_not_pass_a_newer_snapshot);
  ADD ("broken-leftover-is-set-aside", test_broken_leftover_is_set_aside);
  ADD ("file-of-somebody-else-is-not-taken", test_file_of_somebody_else_is_not_taken);
  ADD ("file-of-its-user-is-taken", test_file_of_its_user_is_taken);
  ADD ("instances-in-use-are-not-recovered", test_instances_in_use_are_not_recovered);
  ADD ("note-keeps-release-and-version-of-a-dead-daemon", test_note_keeps_release_and_version_of_a_dead_daemon);
  ADD ("discarded-state-is-no-snapshot", test_discarded_state_is_no_snapshot);
  ADD ("cancelled-before-it-began-takes-nothing", test_cancelled_before_it_began_takes_nothing);
  ADD ("old-temporary-files-go", test_old_temporary_files_go);
  return g_test_run ();
}
