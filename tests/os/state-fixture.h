/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * state-fixture.h: state by file of one service in a temporary directory, and programs that use it.
 */
#pragma once

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
#include "hr-lease-state-files.h"
#include "hr-lease-state-offer.h"
#include "warnings.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"

#define DEADLINE_MS 30000

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
  HrStateOffer *offer = hr_state_files_offer (f->files, instance, 7, content, &error);

  g_assert_no_error (error);
  return offer;
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

#pragma GCC diagnostic pop
