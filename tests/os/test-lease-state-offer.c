/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-lease-state-offer.c: the state barrier: a program's open waits until its state is there.
 */
#include "state-fixture.h"

#define READER "exec cat \"$HOTRELOAD_STATE_IN\""

static gboolean
lacks_leases (Fixture *f)
{
  if (hr_state_files_wait_limit (f->files) > 0)
    return FALSE;
  g_test_skip ("not run here: leases are refused");
  return TRUE;
}

static void
on_opened (HrStateOffer *offer, gpointer user_data)
{
  (*(int *)user_data)++;
}

static void
wait_opened (const int *count)
{
  guint id = g_timeout_add (DEADLINE_MS, on_deadline, NULL);

  while (*count == 0)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (id);
}

static void
give (HrStateOffer *offer, const char *data)
{
  g_autoptr (GBytes) content = data != NULL ? g_bytes_new (data, strlen (data)) : NULL;
  g_autoptr (GError) error = NULL;

  hr_state_offer_give (offer, content, &error);
  g_assert_no_error (error);
}

static void
test_open_waits_until_state_is_given (Fixture *f, gconstpointer data)
{
  g_autoptr (HrStateOffer) offer = NULL;
  g_autofree char *output = NULL;
  Program *program;
  int opened = 0;

  if (lacks_leases (f))
    return;
  offer = make_offer (f, "i1", NULL);
  g_assert_true (hr_state_offer_is_barrier (offer));
  g_signal_connect (offer, "opened", G_CALLBACK (on_opened), &opened);
  program = start_program (offer, READER);
  wait_opened (&opened);
  g_assert_false (program->done);
  give (offer, "{\"energy\": 1.0}");
  output = end_program (program);
  g_assert_cmpstr (output, ==, "{\"energy\": 1.0}");
  g_assert_cmpint (opened, ==, 1);
}

static void
test_shorter_and_longer_state_replace_the_first (Fixture *f, gconstpointer data)
{
  static const char *const all[] = { "{}", "{\"longer\": \"than what was there at first by far\"}" };

  if (lacks_leases (f))
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
    {
      g_autofree char *instance = g_strdup_printf ("i%d", (int)i);
      g_autoptr (HrStateOffer) offer = make_offer (f, instance, "{\"first\": 12345}");
      g_autofree char *output = NULL;
      Program *program;
      int opened = 0;

      g_signal_connect (offer, "opened", G_CALLBACK (on_opened), &opened);
      program = start_program (offer, READER);
      wait_opened (&opened);
      give (offer, all[i]);
      output = end_program (program);
      g_assert_cmpstr (output, ==, all[i]);
    }
}

static void
test_giving_nothing_leaves_the_first_state (Fixture *f, gconstpointer data)
{
  g_autoptr (HrStateOffer) offer = NULL;
  g_autofree char *output = NULL;
  Program *program;
  int opened = 0;

  if (lacks_leases (f))
    return;
  offer = make_offer (f, "i1", "{\"n\": 1}");
  g_signal_connect (offer, "opened", G_CALLBACK (on_opened), &opened);
  program = start_program (offer, READER);
  wait_opened (&opened);
  give (offer, NULL);
  output = end_program (program);
  g_assert_cmpstr (output, ==, "{\"n\": 1}");
}

static void
test_second_open_waits_too_and_is_not_told (Fixture *f, gconstpointer data)
{
  g_autoptr (HrStateOffer) offer = NULL;
  g_autofree char *first = NULL, *second = NULL, *third = NULL;
  Program *a, *b;
  int opened = 0;

  if (lacks_leases (f))
    return;
  offer = make_offer (f, "i1", NULL);
  g_signal_connect (offer, "opened", G_CALLBACK (on_opened), &opened);
  a = start_program (offer, READER);
  b = start_program (offer, READER);
  wait_opened (&opened);
  give (offer, "[1]");
  first = end_program (a);
  second = end_program (b);
  third = end_program (start_program (offer, READER));
  g_assert_cmpstr (first, ==, "[1]");
  g_assert_cmpstr (second, ==, "[1]");
  g_assert_cmpstr (third, ==, "[1]");
  g_assert_cmpint (opened, ==, 1);
}

static void
test_open_for_writing_waits_too (Fixture *f, gconstpointer data)
{
  g_autoptr (HrStateOffer) offer = NULL;
  g_autofree char *output = NULL;
  Program *program;
  int opened = 0;

  if (lacks_leases (f))
    return;
  offer = make_offer (f, "i1", NULL);
  g_signal_connect (offer, "opened", G_CALLBACK (on_opened), &opened);
  program = start_program (offer, "exec 3<>\"$HOTRELOAD_STATE_IN\"; exec cat <&3");
  wait_opened (&opened);
  g_assert_false (program->done);
  give (offer, "[2]");
  output = end_program (program);
  g_assert_cmpstr (output, ==, "[2]");
}

static void
test_non_blocking_open_is_told (Fixture *f, gconstpointer data)
{
  g_autoptr (HrStateOffer) offer = NULL;
  int opened = 0, fd;
  const char *path;

  if (lacks_leases (f))
    return;
  offer = make_offer (f, "i1", NULL);
  path = hr_state_offer_get_in_path (offer);
  g_signal_connect (offer, "opened", G_CALLBACK (on_opened), &opened);
  g_assert_cmpint (open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), ==, -1);
  g_assert_cmpint (errno, ==, EWOULDBLOCK);
  wait_opened (&opened);
  give (offer, "[3]");
  fd = open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  close (fd);
}

static void
test_opener_may_die_while_it_waits (Fixture *f, gconstpointer data)
{
  g_autoptr (HrStateOffer) offer = NULL;
  g_autofree char *killed = NULL, *output = NULL;
  Program *program;
  int opened = 0;

  if (lacks_leases (f))
    return;
  offer = make_offer (f, "i1", NULL);
  g_signal_connect (offer, "opened", G_CALLBACK (on_opened), &opened);
  program = start_program (offer, READER);
  wait_opened (&opened);
  g_subprocess_force_exit (program->process);
  killed = end_program (program);
  g_assert_cmpstr (killed, ==, "");
  give (offer, "[4]");
  output = end_program (start_program (offer, READER));
  g_assert_cmpstr (output, ==, "[4]");
}

static void
test_open_after_giving_does_not_wait (Fixture *f, gconstpointer data)
{
  g_autoptr (HrStateOffer) offer = make_offer (f, "i1", NULL);
  g_autofree char *output = NULL;
  int opened = 0;

  g_signal_connect (offer, "opened", G_CALLBACK (on_opened), &opened);
  give (offer, "[5]");
  g_assert_false (hr_state_offer_is_barrier (offer));
  output = end_program (start_program (offer, READER));
  g_assert_cmpstr (output, ==, "[5]");
  g_assert_cmpint (opened, ==, 0);
}

static void
test_state_is_given_once (Fixture *f, gconstpointer data)
{
  g_autoptr (HrStateOffer) offer = make_offer (f, "i1", NULL);
  g_autoptr (GBytes) again = g_bytes_new_static ("[7]", 3);
  g_autoptr (GError) error = NULL;

  give (offer, "[6]");
  g_assert_false (hr_state_offer_give (offer, again, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_STATE_FAILED);
  give (offer, NULL);
}

static void
test_dropping_the_offer_ends_the_wait (Fixture *f, gconstpointer data)
{
  HrStateOffer *offer;
  g_autofree char *output = NULL, *in = NULL;
  Program *program;
  int opened = 0;

  if (lacks_leases (f))
    return;
  offer = make_offer (f, "i1", "{\"kept\": 1}");
  in = g_strdup (hr_state_offer_get_in_path (offer));
  g_signal_connect (offer, "opened", G_CALLBACK (on_opened), &opened);
  program = start_program (offer, READER);
  wait_opened (&opened);
  g_assert_finalize_object (offer);
  output = end_program (program);
  g_assert_cmpstr (output, ==, "{\"kept\": 1}");
  g_assert_false (g_file_test (in, G_FILE_TEST_EXISTS));
}

static void
drop_offer (HrStateOffer *offer, gpointer user_data)
{
  g_clear_object ((HrStateOffer **)user_data);
}

static void
test_offer_may_be_dropped_when_it_is_told (Fixture *f, gconstpointer data)
{
  HrStateOffer *offer;
  g_autofree char *output = NULL;

  if (lacks_leases (f))
    return;
  offer = make_offer (f, "i1", NULL);
  g_signal_connect (offer, "opened", G_CALLBACK (drop_offer), &offer);
  output = end_program (start_program (offer, READER));
  g_assert_cmpstr (output, ==, "{}");
  g_assert_null (offer);
}

static void
test_many_programs_wait_at_once (Fixture *f, gconstpointer data)
{
  enum { COUNT = 20 };
  HrStateOffer *offers[COUNT];
  Program *programs[COUNT];
  int opened[COUNT] = { 0 };

  if (lacks_leases (f))
    return;
  for (int i = 0; i < COUNT; i++)
    {
      g_autofree char *instance = g_strdup_printf ("i%d", i);

      offers[i] = make_offer (f, instance, NULL);
      g_signal_connect (offers[i], "opened", G_CALLBACK (on_opened), &opened[i]);
      programs[i] = start_program (offers[i], READER);
    }
  for (int i = COUNT - 1; i >= 0; i--)
    wait_opened (&opened[i]);
  for (int i = 0; i < COUNT; i++)
    {
      g_autofree char *state = g_strdup_printf ("[%d]", i);
      g_autofree char *output = NULL;

      give (offers[i], state);
      output = end_program (programs[i]);
      g_assert_cmpstr (output, ==, state);
      g_assert_cmpint (opened[i], ==, 1);
      g_assert_finalize_object (offers[i]);
    }
}

static void
test_without_a_lease_the_data_are_in_the_file (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) first = g_bytes_new_static ("[8]", 3);
  g_autoptr (GError) error = NULL;
  const HrOwner nobody = { .set = FALSE };
  g_autoptr (HrStateOffer) offer = hr_lease_state_offer_new (f->dir, first, NULL, FALSE, &nobody, &error);
  g_autofree char *before = NULL, *after = NULL;

  g_assert_no_error (error);
  g_assert_false (hr_state_offer_is_barrier (offer));
  before = end_program (start_program (offer, READER));
  g_assert_cmpstr (before, ==, "[8]");
  give (offer, "[9]");
  after = end_program (start_program (offer, READER));
  g_assert_cmpstr (after, ==, "[9]");
}

static void
test_wait_limit_is_below_the_kernels (Fixture *f, gconstpointer data)
{
  g_autofree char *text = NULL;
  gint64 seconds;

  if (lacks_leases (f))
    return;
  g_assert_true (g_file_get_contents ("/proc/sys/fs/lease-break-time", &text, NULL, NULL));
  seconds = g_ascii_strtoll (text, NULL, 10);
  if (seconds > 0)
    g_assert_cmpint (hr_state_files_wait_limit (f->files), ==, seconds * G_USEC_PER_SEC - HR_STATE_WAIT_MARGIN);
}

static void
test_offer_names_a_path_that_cannot_be (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) name_error = NULL;
  g_autofree char *parent = g_path_get_dirname (f->exchange);

  g_assert_true (g_file_set_contents (parent, "x", 1, NULL));
  g_assert_null (hr_state_files_offer (f->files, "i1", 7, NULL, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_STATE_FAILED);
  g_assert_nonnull (strstr (error->message, f->exchange));
  g_assert_cmpint (hr_state_files_wait_limit (f->files), ==, 0);
  g_assert_null (hr_state_files_offer (f->files, "../i1", 7, NULL, &name_error));
  g_assert_error (name_error, HR_ERROR, HR_ERROR_STATE_FAILED);
}

static void
test_full_disk_leaves_the_program_waiting (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) state = g_bytes_new_static ("{\"long\": \"0123456789012345678901234567890123456789\"}", 52);
  g_autoptr (HrStateOffer) offer = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *output = NULL;
  struct rlimit old, small;
  Program *program;
  int opened = 0;

  if (lacks_leases (f))
    return;
  offer = make_offer (f, "i1", NULL);
  g_signal_connect (offer, "opened", G_CALLBACK (on_opened), &opened);
  program = start_program (offer, READER);
  wait_opened (&opened);
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &old), ==, 0);
  small = old;
  small.rlim_cur = 10;
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  g_assert_false (hr_state_offer_give (offer, state, &error));
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &old), ==, 0);
  g_assert_error (error, HR_ERROR, HR_ERROR_STATE_FAILED);
  g_assert_false (program->done);
  g_assert_true (hr_state_offer_is_barrier (offer));
  give (offer, "[1]");
  output = end_program (program);
  g_assert_cmpstr (output, ==, "[1]");
}

#define ADD(path, func) g_test_add ("/lease-state-offer/" path, Fixture, NULL, setup, func, teardown)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  warnings_init ();
  ADD ("open-waits-until-state-is-given", test_open_waits_until_state_is_given);
  ADD ("shorter-and-longer-state-replace-the-first", test_shorter_and_longer_state_replace_the_first);
  ADD ("giving-nothing-leaves-the-first-state", test_giving_nothing_leaves_the_first_state);
  ADD ("second-open-waits-too-and-is-not-told", test_second_open_waits_too_and_is_not_told);
  ADD ("open-for-writing-waits-too", test_open_for_writing_waits_too);
  ADD ("non-blocking-open-is-told", test_non_blocking_open_is_told);
  ADD ("opener-may-die-while-it-waits", test_opener_may_die_while_it_waits);
  ADD ("open-after-giving-does-not-wait", test_open_after_giving_does_not_wait);
  ADD ("state-is-given-once", test_state_is_given_once);
  ADD ("dropping-the-offer-ends-the-wait", test_dropping_the_offer_ends_the_wait);
  ADD ("offer-may-be-dropped-when-it-is-told", test_offer_may_be_dropped_when_it_is_told);
  ADD ("many-programs-wait-at-once", test_many_programs_wait_at_once);
  ADD ("without-a-lease-the-data-are-in-the-file", test_without_a_lease_the_data_are_in_the_file);
  ADD ("wait-limit-is-below-the-kernels", test_wait_limit_is_below_the_kernels);
  ADD ("offer-names-a-path-that-cannot-be", test_offer_names_a_path_that_cannot_be);
  ADD ("full-disk-leaves-the-program-waiting", test_full_disk_leaves_the_program_waiting);
  return g_test_run ();
}
