/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-lease-state-files.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-fs.h"
#include "hr-lease-state-offer.h"
#include "warnings.h"

#define DEADLINE_MS 30000
#define READER "exec cat \"$HOTRELOAD_STATE_IN\""

typedef struct {
  char *dir;
  char *snapshots;
  char *exchange;
  HrServiceSpec spec;
  HrStateFiles *files;
} Fixture;

static void
setup (Fixture *f, gconstpointer data)
{
  f->dir = g_dir_make_tmp ("hr-state-XXXXXX", NULL);
  g_assert_nonnull (f->dir);
  f->snapshots = g_build_filename (f->dir, "snapshots", "svc", NULL);
  f->exchange = g_build_filename (f->dir, "exchange", "svc", NULL);
  f->spec.name = (char *)"svc";
  f->spec.state_version = 3;
  f->spec.state_keep = 3;
  f->files = hr_lease_state_files_new (&f->spec, f->snapshots, f->exchange);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  warnings_expect_none ();
  /* Not asserted to be the last reference: a worker thread may still be dropping its own. */
  g_object_unref (f->files);
  hr_fs_remove_tree (f->dir, &error);
  g_assert_no_error (error);
  g_free (f->dir);
  g_free (f->snapshots);
  g_free (f->exchange);
}

static gboolean
lacks_leases (Fixture *f)
{
  if (hr_state_files_wait_limit (f->files) > 0)
    return FALSE;
  g_test_skip ("not run here: leases are refused");
  return TRUE;
}

static gboolean
on_deadline (gpointer user_data)
{
  g_error ("the deadline of a test passed");
  return G_SOURCE_REMOVE;
}

static void
wait_for (const gboolean *flag)
{
  guint id = g_timeout_add (DEADLINE_MS, on_deadline, NULL);

  while (!*flag)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (id);
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

/* A program that has the two files. */
typedef struct {
  GSubprocess *process;
  gboolean done;
  char *output;
} Program;

static void
on_program_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Program *program = user_data;
  g_autoptr (GError) error = NULL;

  g_subprocess_communicate_utf8_finish (program->process, result, &program->output, NULL, &error);
  g_assert_no_error (error);
  program->done = TRUE;
}

static Program *
start_program (HrStateOffer *offer, const char *script)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autoptr (GError) error = NULL;
  Program *program = g_new0 (Program, 1);

  g_subprocess_launcher_setenv (launcher, "HOTRELOAD_STATE_IN", hr_state_offer_get_in_path (offer), TRUE);
  g_subprocess_launcher_setenv (launcher, "HOTRELOAD_STATE_OUT", hr_state_offer_get_out_path (offer), TRUE);
  program->process = g_subprocess_launcher_spawn (launcher, &error, "/bin/sh", "-c", script, NULL);
  g_assert_no_error (error);
  g_subprocess_communicate_utf8_async (program->process, NULL, NULL, on_program_done, program);
  return program;
}

static char *
end_program (Program *program)
{
  char *output;

  wait_for (&program->done);
  output = g_steal_pointer (&program->output);
  g_object_unref (program->process);
  g_free (program);
  return output;
}

static HrStateOffer *
make_offer (Fixture *f, const char *instance, const char *data)
{
  g_autoptr (GBytes) content = data != NULL ? g_bytes_new (data, strlen (data)) : NULL;
  g_autoptr (GError) error = NULL;
  HrStateOffer *offer = hr_state_files_offer (f->files, instance, content, &error);

  g_assert_no_error (error);
  return offer;
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
  g_autoptr (HrStateOffer) offer = hr_lease_state_offer_new (f->dir, first, NULL, FALSE, &error);
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
  g_assert_null (hr_state_files_offer (f->files, "i1", NULL, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_STATE_FAILED);
  g_assert_nonnull (strstr (error->message, f->exchange));
  g_assert_cmpint (hr_state_files_wait_limit (f->files), ==, 0);
  g_assert_null (hr_state_files_offer (f->files, "../i1", NULL, &name_error));
  g_assert_error (name_error, HR_ERROR, HR_ERROR_STATE_FAILED);
}

/* Collecting and loading. */

typedef struct {
  gboolean done;
  gboolean load;
  HrSnapshot *snapshot;
  GError *error;
} Answer;

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Answer *answer = user_data;
  HrStateFiles *files = HR_STATE_FILES (source);

  answer->snapshot = answer->load ? hr_state_files_load_finish (files, result, &answer->error)
                                  : hr_state_files_collect_finish (files, result, &answer->error);
  answer->done = TRUE;
}

static HrSnapshot *
collect (HrStateFiles *files, const char *instance, GError **error)
{
  Answer answer = { 0 };

  hr_state_files_collect_async (files, instance, 7, 2, NULL, on_answer, &answer);
  wait_for (&answer.done);
  if (answer.error != NULL)
    g_propagate_error (error, answer.error);
  return answer.snapshot;
}

static HrSnapshot *
load (HrStateFiles *files, const char *id, GError **error)
{
  Answer answer = { .load = TRUE };

  hr_state_files_load_async (files, id, NULL, on_answer, &answer);
  wait_for (&answer.done);
  if (answer.error != NULL)
    g_propagate_error (error, answer.error);
  return answer.snapshot;
}

static void
assert_data (const HrSnapshot *snapshot, const char *data)
{
  g_assert_nonnull (snapshot);
  g_assert_cmpmem (g_bytes_get_data (snapshot->data, NULL), g_bytes_get_size (snapshot->data), data, strlen (data));
}

static void
write_text (const char *path, const char *text)
{
  g_autoptr (GError) error = NULL;

  /* Not g_file_set_contents(): no rename, as a plain program writes. */
  hr_fs_write (path, text, strlen (text), 0600, &error);
  g_assert_no_error (error);
}

static char *
read_text (const char *path)
{
  g_autoptr (GError) error = NULL;
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

static guint
count_files (const char *dir, const char *suffix)
{
  g_autoptr (GDir) open = g_dir_open (dir, 0, NULL);
  const char *name;
  guint count = 0;

  while (open != NULL && (name = g_dir_read_name (open)) != NULL)
    count += g_str_has_suffix (name, suffix);
  return count;
}

static void
test_state_is_stored_byte_for_byte (Fixture *f, gconstpointer data)
{
  const char *state = " {\"b\": 1.0, \"a\": 1e400, \"a\": 12345678901234567890, \"x\": \"\\u00e9\"}\n";
  g_autoptr (HrStateOffer) offer = make_offer (f, "i1", NULL);
  g_autofree char *script =
      g_strdup_printf ("printf '%%s' '%s' > \"$HOTRELOAD_STATE_OUT.tmp\" && "
                       "mv \"$HOTRELOAD_STATE_OUT.tmp\" \"$HOTRELOAD_STATE_OUT\"; : > \"$HOTRELOAD_STATE_OUT.left\"",
                       state);
  g_autofree char *output = NULL, *file = NULL, *text = NULL;
  g_autoptr (HrSnapshot) snapshot = NULL;
  g_autoptr (HrSnapshot) back = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_false (g_file_test (hr_state_offer_get_out_path (offer), G_FILE_TEST_EXISTS));
  output = end_program (start_program (offer, script));
  snapshot = collect (f->files, "i1", &error);
  g_assert_no_error (error);
  assert_data (snapshot, state);
  g_assert_cmpstr (snapshot->service, ==, "svc");
  g_assert_cmpuint (snapshot->release, ==, 7);
  g_assert_cmpuint (snapshot->version, ==, 2);

  file = g_strdup_printf ("%s/%s.json", f->snapshots, snapshot->id);
  text = read_text (file);
  g_assert_nonnull (strstr (text, state));
  back = load (f->files, NULL, &error);
  g_assert_no_error (error);
  assert_data (back, state);
  g_assert_cmpstr (back->id, ==, snapshot->id);
  /* With all that the program left beside it. */
  g_assert_cmpuint (count_files (f->exchange, ""), ==, 0);
}

static void
test_wrote_nothing (Fixture *f, gconstpointer data)
{
  g_autoptr (HrStateOffer) missing = make_offer (f, "i1", NULL);
  g_autoptr (HrStateOffer) empty = make_offer (f, "i2", NULL);
  g_autoptr (GError) error = NULL;

  write_text (hr_state_offer_get_out_path (empty), "");
  g_assert_null (collect (f->files, "i1", &error));
  g_assert_no_error (error);
  g_assert_null (collect (f->files, "i2", &error));
  g_assert_no_error (error);
  g_assert_null (collect (f->files, "never-offered", &error));
  g_assert_no_error (error);
  g_assert_null (load (f->files, NULL, &error));
  g_assert_no_error (error);
}

static void
test_invalid_state_is_set_aside (Fixture *f, gconstpointer data)
{
  static const char *const bad[] = { "hello", "{\"a\": 1", " ", "{} {}", "{\"a\": \"\xff\"}" };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *instance = g_strdup_printf ("i%d", (int)i);
      g_autofree char *aside = g_strdup_printf ("%s/%s.json.broken", f->snapshots, instance);
      g_autoptr (HrStateOffer) offer = make_offer (f, instance, NULL);
      g_autofree char *kept = NULL;
      g_autoptr (GError) error = NULL;

      write_text (hr_state_offer_get_out_path (offer), bad[i]);
      g_assert_null (collect (f->files, instance, &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_STATE_FAILED);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, aside));
      kept = read_text (aside);
      g_assert_cmpstr (kept, ==, bad[i]);
    }
  g_assert_cmpuint (count_files (f->exchange, ""), ==, 0);
  g_assert_cmpuint (count_files (f->snapshots, ".json"), ==, 0);
}

static void
test_only_regular_files_are_state (Fixture *f, gconstpointer data)
{
  g_autofree char *secret = g_build_filename (f->dir, "secret", NULL);

  write_text (secret, "{\"secret\": 1}");
  for (int kind = 0; kind < 3; kind++)
    {
      g_autofree char *instance = g_strdup_printf ("i%d", kind);
      g_autoptr (HrStateOffer) offer = make_offer (f, instance, NULL);
      const char *out = hr_state_offer_get_out_path (offer);
      g_autoptr (GError) error = NULL;

      if (kind == 0)
        g_assert_cmpint (symlink (secret, out), ==, 0);
      else if (kind == 1)
        g_assert_cmpint (mkfifo (out, 0600), ==, 0);
      else
        g_assert_cmpint (mkdir (out, 0700), ==, 0);
      g_assert_null (collect (f->files, instance, &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_STATE_FAILED);
      g_test_message ("%s", error->message);
    }
  g_assert_cmpuint (count_files (f->snapshots, ".json"), ==, 0);
}

static void
test_too_large_state_is_set_aside (Fixture *f, gconstpointer data)
{
  g_autoptr (HrStateOffer) offer = make_offer (f, "i1", NULL);
  const char *out = hr_state_offer_get_out_path (offer);
  g_autoptr (GError) error = NULL;

  write_text (out, "{}");
  g_assert_cmpint (truncate (out, (off_t)HR_STATE_SIZE_MAX + 1), ==, 0);
  g_assert_null (collect (f->files, "i1", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_STATE_FAILED);
  g_assert_nonnull (strstr (error->message, "larger than"));
  g_assert_cmpuint (count_files (f->snapshots, ".broken"), ==, 1);
}

static void
test_large_and_deep_state_is_kept (Fixture *f, gconstpointer data)
{
  g_autofree char *large = g_strnfill (64 * 1024 * 1024, 'x');
  g_autofree char *deep = g_strnfill (20000, '[');
  const char *states[] = { large, deep };

  large[0] = large[strlen (large) - 1] = '"';
  memset (deep + 10000, ']', 10000);
  for (gsize i = 0; i < G_N_ELEMENTS (states); i++)
    {
      g_autofree char *instance = g_strdup_printf ("i%d", (int)i);
      g_autoptr (HrStateOffer) offer = make_offer (f, instance, NULL);
      g_autoptr (HrSnapshot) snapshot = NULL;
      g_autoptr (HrSnapshot) back = NULL;
      g_autoptr (GError) error = NULL;

      write_text (hr_state_offer_get_out_path (offer), states[i]);
      snapshot = collect (f->files, instance, &error);
      g_assert_no_error (error);
      back = load (f->files, snapshot->id, &error);
      g_assert_no_error (error);
      assert_data (back, states[i]);
    }
}

static char *
collect_text (Fixture *f, const char *instance, const char *text)
{
  g_autoptr (HrStateOffer) offer = make_offer (f, instance, NULL);
  g_autoptr (HrSnapshot) snapshot = NULL;
  g_autoptr (GError) error = NULL;

  write_text (hr_state_offer_get_out_path (offer), text);
  snapshot = collect (f->files, instance, &error);
  g_assert_no_error (error);
  return g_strdup (snapshot->id);
}

static void
test_list_is_newest_first_and_oldest_go (Fixture *f, gconstpointer data)
{
  g_autofree char *ids[5] = { 0 };
  g_autoptr (GPtrArray) list = NULL;

  for (int i = 0; i < 5; i++)
    {
      g_autofree char *text = g_strdup_printf ("{\"n\": %d}", i);
      ids[i] = collect_text (f, "i1", text);
      if (i > 0)
        g_assert_cmpstr (ids[i - 1], <, ids[i]);
    }
  list = hr_state_files_list (f->files);
  g_assert_cmpuint (list->len, ==, 3);
  for (guint i = 0; i < 3; i++)
    {
      HrSnapshot *snapshot = list->pdata[i];

      g_assert_cmpstr (snapshot->id, ==, ids[4 - i]);
      g_assert_null (snapshot->data);
      g_assert_cmpuint (snapshot->size, ==, 8);
      g_assert_cmpuint (snapshot->release, ==, 7);
    }
  g_assert_cmpuint (count_files (f->snapshots, ""), ==, 3);
  for (int i = 0; i < 5; i++)
    g_free (g_steal_pointer (&ids[i]));
}

static void
test_newest_is_newest_after_the_clock_was_set_back (Fixture *f, gconstpointer data)
{
  g_autofree char *first = collect_text (f, "i1", "[1]");
  g_autofree char *from = g_strdup_printf ("%s/%s.json", f->snapshots, first);
  g_autofree char *to = g_strdup_printf ("%s/20990101T000000Z-000000-r9.json", f->snapshots);
  g_autofree char *second = NULL;
  g_autoptr (HrSnapshot) newest = NULL;

  g_assert_cmpint (g_rename (from, to), ==, 0);
  second = collect_text (f, "i2", "[2]");
  g_assert_cmpstr (second, ==, "20990101T000000Z-000001-r7");
  newest = load (f->files, NULL, NULL);
  assert_data (newest, "[2]");
}

static void
test_load_by_id (Fixture *f, gconstpointer data)
{
  static const char *const wrong[] = { "20200101T000000Z-000000-r1", "", "x", "../svc/x", "/etc/passwd" };
  g_autofree char *first = collect_text (f, "i1", "[1]");
  g_autofree char *second = collect_text (f, "i2", "[2]");
  g_autoptr (HrSnapshot) snapshot = load (f->files, first, NULL);

  g_assert_cmpstr (first, !=, second);
  assert_data (snapshot, "[1]");
  g_assert_cmpstr (snapshot->id, ==, first);
  for (gsize i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (load (f->files, wrong[i], &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_NO_SUCH_SNAPSHOT);
    }
}

/* Damages the newest of two snapshots and expects the older one, with a warning and the damaged file kept. */
static void
check_damaged (Fixture *f, const char *text)
{
  g_autofree char *older = collect_text (f, "i1", "[1]");
  g_autofree char *newer = collect_text (f, "i2", "[2]");
  g_autofree char *file = g_strdup_printf ("%s/%s.json", f->snapshots, newer);
  g_autofree char *aside = g_strconcat (file, ".broken", NULL);
  g_autoptr (HrSnapshot) snapshot = NULL;
  g_autoptr (GError) error = NULL;

  if (text != NULL)
    write_text (file, text);
  else
    g_assert_cmpint (truncate (file, 150), ==, 0);
  snapshot = load (f->files, NULL, &error);
  warnings_expect ("*set aside as*");
  g_assert_no_error (error);
  assert_data (snapshot, "[1]");
  g_assert_true (g_file_test (aside, G_FILE_TEST_EXISTS));
  g_assert_false (g_file_test (file, G_FILE_TEST_EXISTS));
}

static void
test_truncated_snapshot_is_set_aside (Fixture *f, gconstpointer data)
{
  check_damaged (f, NULL);
}

static void
test_binary_snapshot_is_set_aside (Fixture *f, gconstpointer data)
{
  check_damaged (f, "\x7f"
                    "ELF\x01\x02\x03");
}

static void
test_another_services_snapshot_is_set_aside (Fixture *f, gconstpointer data)
{
  check_damaged (f, "{\"serviceName\": \"other\", \"timestamp\": 1, \"release\": 1, \"version\": 1, \"checksum\": "
                    "\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\", \"data\":{}}");
}

static void
test_unreadable_snapshot_is_set_aside (Fixture *f, gconstpointer data)
{
  g_autofree char *older = collect_text (f, "i1", "[1]");
  g_autofree char *newer = collect_text (f, "i2", "[2]");
  g_autofree char *file = g_strdup_printf ("%s/%s.json", f->snapshots, newer);
  g_autoptr (HrSnapshot) snapshot = NULL;
  g_autoptr (GError) error = NULL;

  if (getuid () == 0)
    {
      g_test_skip ("not run here: root is never refused a file");
      return;
    }
  g_assert_cmpint (chmod (file, 0), ==, 0);
  snapshot = load (f->files, NULL, &error);
  warnings_expect ("*set aside as*");
  g_assert_no_error (error);
  assert_data (snapshot, "[1]");
}

static void
test_directory_that_cannot_be_listed_is_an_error (Fixture *f, gconstpointer data)
{
  g_autofree char *parent = g_path_get_dirname (f->snapshots);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (parent, 0700), ==, 0);
  write_text (f->snapshots, "no directory");
  g_assert_null (load (f->files, NULL, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_STATE_FAILED);
  g_assert_nonnull (strstr (error->message, f->snapshots));
}

static void
test_list_reads_other_layouts_and_skips_damage (Fixture *f, gconstpointer data)
{
  g_autofree char *other = g_strdup_printf ("%s/20200101T000000Z-000000-r4.json", f->snapshots);
  g_autofree char *damaged = g_strdup_printf ("%s/20200101T000001Z-000000-r4.json", f->snapshots);
  g_autofree char *foreign = g_strdup_printf ("%s/notes.json", f->snapshots);
  g_autofree char *id = collect_text (f, "i1", "[1]");
  g_autoptr (GPtrArray) list = NULL;
  HrSnapshot *last;

  write_text (other, "{\"data\": {}, \"serviceName\": \"svc\", \"timestamp\": 5, \"release\": 4, \"version\": 1, "
                     "\"checksum\": \"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\"}");
  write_text (damaged, "{\"serviceName\": \"svc\"");
  write_text (foreign, "{}");
  list = hr_state_files_list (f->files);
  g_assert_cmpuint (list->len, ==, 2);
  last = list->pdata[1];
  g_assert_cmpint (last->time_sec, ==, 5);
  g_assert_cmpuint (last->size, ==, 2);
}

static void
test_state_stays_when_it_cannot_be_stored (Fixture *f, gconstpointer data)
{
  g_autoptr (HrStateOffer) offer = make_offer (f, "i1", NULL);
  g_autofree char *out = g_strdup (hr_state_offer_get_out_path (offer));
  g_autoptr (HrSnapshot) snapshot = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) later = NULL;
  struct rlimit old, small;
  g_autofree char *kept = NULL;

  write_text (out, "{\"n\": 1}");
  /* Stands for a full disk: no file can grow beyond a few bytes. */
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &old), ==, 0);
  small = old;
  small.rlim_cur = 10;
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  snapshot = collect (f->files, "i1", &error);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &old), ==, 0);
  g_assert_null (snapshot);
  g_assert_error (error, HR_ERROR, HR_ERROR_STATE_FAILED);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, out));
  kept = read_text (out);
  g_assert_cmpstr (kept, ==, "{\"n\": 1}");
  g_assert_cmpuint (count_files (f->snapshots, ""), ==, 0);

  snapshot = collect (f->files, "i1", &later);
  g_assert_no_error (later);
  assert_data (snapshot, "{\"n\": 1}");
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
test_note_keeps_the_version_of_a_dead_daemon (Fixture *f, gconstpointer data)
{
  g_autofree char *left = leave_state (f, "old", "[1]", 100);
  g_autofree char *dir = g_path_get_dirname (left);
  g_autofree char *note = g_build_filename (dir, "note", NULL);
  g_autoptr (HrSnapshot) snapshot = NULL;

  write_text (note, "[Instance]\nStateVersion=9\nBoot=another\n");
  snapshot = load (f->files, NULL, NULL);
  assert_data (snapshot, "[1]");
  g_assert_cmpuint (snapshot->version, ==, 9);
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

#define ADD(path, func) g_test_add ("/lease-state-files/" path, Fixture, NULL, setup, func, teardown)

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
  ADD ("state-is-stored-byte-for-byte", test_state_is_stored_byte_for_byte);
  ADD ("wrote-nothing", test_wrote_nothing);
  ADD ("invalid-state-is-set-aside", test_invalid_state_is_set_aside);
  ADD ("only-regular-files-are-state", test_only_regular_files_are_state);
  ADD ("too-large-state-is-set-aside", test_too_large_state_is_set_aside);
  ADD ("large-and-deep-state-is-kept", test_large_and_deep_state_is_kept);
  ADD ("list-is-newest-first-and-oldest-go", test_list_is_newest_first_and_oldest_go);
  ADD ("newest-is-newest-after-the-clock-was-set-back", test_newest_is_newest_after_the_clock_was_set_back);
  ADD ("load-by-id", test_load_by_id);
  ADD ("truncated-snapshot-is-set-aside", test_truncated_snapshot_is_set_aside);
  ADD ("binary-snapshot-is-set-aside", test_binary_snapshot_is_set_aside);
  ADD ("another-services-snapshot-is-set-aside", test_another_services_snapshot_is_set_aside);
  ADD ("unreadable-snapshot-is-set-aside", test_unreadable_snapshot_is_set_aside);
  ADD ("directory-that-cannot-be-listed-is-an-error", test_directory_that_cannot_be_listed_is_an_error);
  ADD ("list-reads-other-layouts-and-skips-damage", test_list_reads_other_layouts_and_skips_damage);
  ADD ("state-stays-when-it-cannot-be-stored", test_state_stays_when_it_cannot_be_stored);
  ADD ("full-disk-leaves-the-program-waiting", test_full_disk_leaves_the_program_waiting);
  ADD ("leftover-state-becomes-a-snapshot", test_leftover_state_becomes_a_snapshot);
  ADD ("leftover-state-does-not-pass-a-newer-snapshot", test_leftover_state_does_not_pass_a_newer_snapshot);
  ADD ("broken-leftover-is-set-aside", test_broken_leftover_is_set_aside);
  ADD ("instances-in-use-are-not-recovered", test_instances_in_use_are_not_recovered);
  ADD ("note-keeps-the-version-of-a-dead-daemon", test_note_keeps_the_version_of_a_dead_daemon);
  ADD ("discarded-state-is-no-snapshot", test_discarded_state_is_no_snapshot);
  ADD ("cancelled-before-it-began-takes-nothing", test_cancelled_before_it_began_takes_nothing);
  ADD ("old-temporary-files-go", test_old_temporary_files_go);
  return g_test_run ();
}
