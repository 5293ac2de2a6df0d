/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check-fixture.h"
#include "hr-error.h"

/* A command that the shell runs, as a step of the check. */
static void
set_step (CheckFixture *f, char ***step, const char *line)
{
  f->words[0] = (char *)"sh";
  f->words[1] = (char *)"-c";
  f->words[2] = (char *)line;
  *step = f->words;
}

static void
test_forbidden_pattern_names_file_and_line (CheckFixture *f, gconstpointer data)
{
  char *forbid[] = { (char *)"eval\\(", (char *)"^debugger", NULL };
  g_autofree char *first = g_strdup_printf ("%s/a.txt:2: forbidden pattern 'eval\\('", f->candidate);
  g_autofree char *second = g_strdup_printf ("%s/b.py:3: forbidden pattern '^debugger'", f->candidate);
  g_autofree char *binary = g_build_filename (f->candidate, "c.bin", NULL);
  g_autoptr (GError) error = NULL;

  f->spec.forbid = forbid;
  check_put (f->candidate, "unchanged.txt", "eval(\n");
  check_change (f, "good.txt", "evaluate\n debugger\n");
  check_change (f, "c.bin", "");
  g_assert_true (g_file_set_contents (binary, "\0eval(", 6, NULL));
  check_assert_report (f, "Forbid", "");
  check_change (f, "a.txt", "one\nx = eval(\xff)\neval(\n");
  check_change (f, "b.py", "x = 1\n\ndebugger\n");
  g_assert_null (check_run (f, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_CHECK_FAILED);
  check_assert_contains (error->message, first);
  check_assert_contains (error->message, second);
}

static void
test_pattern_without_end_is_no_pass (CheckFixture *f, gconstpointer data)
{
  char *forbid[] = { (char *)"(a+)+$", NULL };

  f->spec.forbid = forbid;
  check_change (f, "a.txt", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
  check_assert_rejected (f, "a.txt: forbidden pattern '(a+)+$' could not be applied");
}

static void
test_build_runs_in_the_slot_with_the_environment (CheckFixture *f, gconstpointer data)
{
  g_autofree char *made = g_build_filename (f->candidate, "made", NULL);
  g_autofree char *content = NULL;
  g_autofree char *expected = g_strdup_printf ("%s value 0\n", f->candidate);

  check_set_variable (f, "OWN=value");
  set_step (f, &f->spec.build, "echo \"$PWD $OWN $(cat | wc -c)\" > made");
  check_assert_report (f, "Build", "");
  g_assert_true (g_file_get_contents (made, &content, NULL, NULL));
  g_assert_cmpstr (content, ==, expected);
}

static void
test_failing_build_says_its_words (CheckFixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  set_step (f, &f->spec.build, "echo out; echo err >&2; exit 3");
  g_assert_null (check_run (f, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_CHECK_FAILED);
  g_assert_cmpstr (error->message, ==, "Build 'sh -c echo out; echo err >&2; exit 3': exit code 3:\nout\nerr");
}

static void
test_build_comes_after_syntax_and_before_precheck (CheckFixture *f, gconstpointer data)
{
  char *precheck[] = { (char *)"test", (char *)"-e", (char *)"made", NULL };
  g_autofree char *made = g_build_filename (f->candidate, "made", NULL);

  f->spec.precheck = precheck;
  set_step (f, &f->spec.build, "echo > made");
  check_assert_report (f, "Build|PreCheck", "");
  g_assert_cmpint (g_unlink (made), ==, 0);
  check_change (f, "app.py", "x = (\n");
  check_assert_rejected (f, "python3 rejects");
  g_assert_false (g_file_test (made, G_FILE_TEST_EXISTS));
}

/* Who is told of a fault is told, too, what was found to be right. */
static void
test_what_was_checked_is_told_up_to_the_fault (CheckFixture *f, gconstpointer data)
{
  char *forbid[] = { (char *)"debugger", NULL };
  char *precheck[] = { (char *)"false", NULL };

  f->spec.forbid = forbid;
  f->spec.precheck = precheck;
  check_change (f, "app.py", "x = 1\n");
  check_assert_rejected (f, "PreCheck 'false': exit code 1");
  g_assert_cmpstr (f->done, ==, "Forbid|python3: 1 file|PreCheck (failed)");

  check_change (f, "new.py", "x = (\n");
  check_assert_rejected (f, "python3 rejects 'new.py'");
  g_assert_cmpstr (f->done, ==, "Forbid|python3: 2 files (failed)");

  check_change (f, "old.py", "debugger\n");
  check_assert_rejected (f, "debugger");
  g_assert_cmpstr (f->done, ==, "Forbid (failed)");
}

static void
test_missing_build_program_is_unavailable (CheckFixture *f, gconstpointer data)
{
  char *build[] = { (char *)"no-such-program-here", (char *)"x", NULL };
  g_autoptr (GError) error = NULL;

  f->spec.build = build;
  g_assert_null (check_run (f, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_CHECK_UNAVAILABLE);
  check_assert_contains (error->message, "Build 'no-such-program-here x': ");
  check_assert_contains (error->message, "No such file or directory");
}

static void
test_output_without_end_is_kept_in_bounds (CheckFixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  set_step (f, &f->spec.build, "echo first; yes 0123456789 | head -c 20000000; echo last; exit 1");
  g_assert_null (check_run (f, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_CHECK_FAILED);
  check_assert_contains (error->message, ":\nfirst\n");
  check_assert_contains (error->message, "[… 19995915 bytes left out …]");
  g_assert_true (g_str_has_suffix (error->message, "last"));
  g_assert_cmpint (strlen (error->message), <, HR_CHECK_OUTPUT_MAX + 256);
}

static int
open_fifo (CheckFixture *f)
{
  g_autofree char *fifo = g_build_filename (f->candidate, "alive", NULL);
  int fd;

  g_assert_cmpint (mkfifo (fifo, 0666), ==, 0);
  fd = open (fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  return fd;
}

static void
assert_gone (CheckFixture *f, int fd)
{
  struct pollfd alive = { .fd = fd, .events = POLLIN };
  g_autofree char *fifo = g_build_filename (f->candidate, "alive", NULL);

  /* Without a writer ever there is no hang-up. */
  close (open (fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  g_assert_cmpint (poll (&alive, 1, CHECK_DEADLINE_SEC * 1000), ==, 1);
  g_assert_cmpint (alive.revents & POLLHUP, ==, POLLHUP);
  close (fd);
}

static void
test_nothing_of_a_build_outlives_it (CheckFixture *f, gconstpointer data)
{
  int fd = open_fifo (f);

  set_step (f, &f->spec.build, "exec 3> alive; sleep 1000 & exec true");
  check_assert_report (f, "Build", "");
  assert_gone (f, fd);
}

static void
test_late_build_is_ended_with_its_group (CheckFixture *f, gconstpointer data)
{
  int fd = open_fifo (f);
  g_autoptr (GError) error = NULL;

  f->spec.check_timeout = G_USEC_PER_SEC / 5;
  set_step (f, &f->spec.build, "exec > alive 2>&1; trap '' TERM; sleep 1000 & while :; do wait; done");
  g_assert_null (check_run (f, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_TIMED_OUT);
  check_assert_contains (error->message, "Check.Timeout=0.2 s: Build 'sh ");
  assert_gone (f, fd);
}

static void
test_cancelled_check_ends_its_processes (CheckFixture *f, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GFile) marks = g_file_new_for_path (f->marks);
  g_autoptr (GFileMonitor) monitor = g_file_monitor_directory (marks, 0, NULL, NULL);
  g_autofree char *line = g_strdup_printf ("exec > alive 2>&1; echo > %s/begun; sleep 1000", f->marks);
  g_autoptr (HrCheckReport) report = NULL;
  g_autoptr (GError) error = NULL;
  HrCheckRequest request;
  int fd = open_fifo (f);

  set_step (f, &f->spec.build, line);
  request = check_make_request (f);
  g_signal_connect_swapped (monitor, "changed", G_CALLBACK (g_cancellable_cancel), cancellable);
  hr_checker_check_async (f->checker, &request, cancellable, check_ended, f);
  check_wait (f);
  g_assert_false (hr_checker_check_finish (f->checker, f->result, &report, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_object (&f->result);
  assert_gone (f, fd);
}

static void
test_check_cancelled_before_it_begins_runs_nothing (CheckFixture *f, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *line = g_strdup_printf ("echo > %s/begun", f->marks);
  g_autoptr (HrCheckReport) report = NULL;
  g_autofree char *left = NULL;
  HrCheckRequest request;

  set_step (f, &f->spec.build, line);
  request = check_make_request (f);
  g_cancellable_cancel (cancellable);
  hr_checker_check_async (f->checker, &request, cancellable, check_ended, f);
  check_wait (f);
  g_assert_false (hr_checker_check_finish (f->checker, f->result, &report, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_object (&f->result);
  left = check_list_dir (f->marks);
  g_assert_cmpstr (left, ==, "");
}

static void
test_messages_name_what_the_program_sees (CheckFixture *f, gconstpointer data)
{
  g_autofree char *place = g_strdup_printf ("File \"%s/app.py\", line 1", f->source);

  if (check_cannot_mount ())
    return;
  check_mount_view (f, NULL);
  check_put (f->source, "app.py", "x = 1\n");
  check_change (f, "app.py", "x = (\n");
  check_assert_rejected (f, place);
}

static void
test_shares_are_read_only_for_a_build (CheckFixture *f, gconstpointer data)
{
  g_autofree char *in_source = g_build_filename (f->source, "deps", NULL);
  g_autofree char *in_slot = g_build_filename (f->candidate, "deps", NULL);

  if (check_cannot_mount ())
    return;
  g_assert_cmpint (g_mkdir (in_source, 0755), ==, 0);
  g_assert_cmpint (g_mkdir (in_slot, 0755), ==, 0);
  check_mount_view (f, "deps");
  set_step (f, &f->spec.build, "echo > own && echo > deps/x");
  check_assert_rejected (f, "Read-only file system");
}

static void
test_service_without_source_can_be_checked (CheckFixture *f, gconstpointer data)
{
  g_clear_pointer (&f->view, hr_view_unref);
  check_assert_report (f, "", "");
}

#define add(name, function)                                                                                            \
  g_test_add ("/process-checker/" name, CheckFixture, NULL, check_set_up, function, check_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("forbidden-pattern-names-file-and-line", test_forbidden_pattern_names_file_and_line);
  add ("pattern-without-end-is-no-pass", test_pattern_without_end_is_no_pass);
  add ("build-runs-in-the-slot-with-the-environment", test_build_runs_in_the_slot_with_the_environment);
  add ("failing-build-says-its-words", test_failing_build_says_its_words);
  add ("build-comes-after-syntax-and-before-precheck", test_build_comes_after_syntax_and_before_precheck);
  add ("what-was-checked-is-told-up-to-the-fault", test_what_was_checked_is_told_up_to_the_fault);
  add ("missing-build-program-is-unavailable", test_missing_build_program_is_unavailable);
  add ("output-without-end-is-kept-in-bounds", test_output_without_end_is_kept_in_bounds);
  add ("nothing-of-a-build-outlives-it", test_nothing_of_a_build_outlives_it);
  add ("late-build-is-ended-with-its-group", test_late_build_is_ended_with_its_group);
  add ("cancelled-check-ends-its-processes", test_cancelled_check_ends_its_processes);
  add ("check-cancelled-before-it-begins-runs-nothing", test_check_cancelled_before_it_begins_runs_nothing);
  add ("messages-name-what-the-program-sees", test_messages_name_what_the_program_sees);
  add ("shares-are-read-only-for-a-build", test_shares_are_read_only_for_a_build);
  add ("service-without-source-can-be-checked", test_service_without_source_can_be_checked);
  return g_test_run ();
}
