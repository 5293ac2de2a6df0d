/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * run-state-fixture.h: a run state in a temporary directory, and the daemons that read it one after the other.
 */
#pragma once

#include <glib/gstdio.h>
#include <string.h>

#include "hr-error.h"
#include "hr-fs.h"
#include "hr-run-state.h"
#include "warnings.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"

typedef struct {
  char *dir;
  char *path;
  char *lasts; /* the files of service "svc" */
  char *boot;
  HrRunState *state;
} Fixture;

static void
setup (Fixture *f, gconstpointer data)
{
  f->dir = g_dir_make_tmp ("hr-run-state-XXXXXX", NULL);
  g_assert_nonnull (f->dir);
  f->path = g_build_filename (f->dir, "run", "state.json", NULL);
  f->lasts = g_build_filename (f->dir, "run", "state", "svc.json", NULL);
  f->boot = g_build_filename (f->dir, "run", "state", "svc.boot", NULL);
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
  g_free (f->lasts);
  g_free (f->boot);
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
  .kill_at = 1234567,
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
  g_assert_cmpstr (record->config, ==, expected->config);
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
write_to (const char *path, const char *text, gsize size)
{
  g_autofree char *dir = g_path_get_dirname (path);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (dir, 0700), ==, 0);
  hr_fs_write (path, text, size, 0600, &error);
  g_assert_no_error (error);
}

static void
write_file (Fixture *f, const char *text, gsize size)
{
  write_to (f->path, text, size);
}

static char *
read_from (const char *path)
{
  g_autoptr (GError) error = NULL;
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

#pragma GCC diagnostic pop
