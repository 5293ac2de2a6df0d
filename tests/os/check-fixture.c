/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check-fixture.h"

#include <glib/gstdio.h>
#include <string.h>

#include "hr-error.h"
#include "hr-exec-args.h"
#include "hr-fs.h"
#include "hr-process-checker.h"

char *check_no_words[] = { NULL };

char *
check_make_dir (CheckFixture *f, const char *name)
{
  char *path = g_build_filename (f->root, name, NULL);

  g_assert_cmpint (g_mkdir_with_parents (path, 0755), ==, 0);
  return path;
}

void
check_set_up (CheckFixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  f->root = g_dir_make_tmp ("hr-check-XXXXXX", &error);
  g_assert_no_error (error);
  f->source = check_make_dir (f, "source");
  f->running = check_make_dir (f, "a");
  f->candidate = check_make_dir (f, "b");
  f->real_source = check_make_dir (f, "real");
  f->marks = check_make_dir (f, "marks");
  f->exec[0] = (char *)"app";
  f->spec = (HrServiceSpec){ .name = (char *)"svc",
                             .exec = f->exec,
                             .source = f->source,
                             .validate = TRUE,
                             .build = check_no_words,
                             .precheck = check_no_words,
                             .forbid = check_no_words,
                             .check_timeout = CHECK_DEADLINE_SEC * G_USEC_PER_SEC };
  f->environment = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (f->environment, g_strdup ("PATH=/usr/local/bin:/usr/bin:/bin"));
  g_ptr_array_add (f->environment, g_strdup ("LANG=C.UTF-8"));
  f->files = g_ptr_array_new_with_free_func (g_free);
  f->view = hr_view_new (f->source, f->candidate, NULL, NULL, NULL);
  f->checker = hr_process_checker_new ();
  f->loop = g_main_loop_new (NULL, FALSE);
}

void
check_tear_down (CheckFixture *f, gconstpointer data)
{
  g_assert_true (hr_fs_remove_tree (f->root, NULL));
  g_free (f->root);
  g_free (f->source);
  g_free (f->running);
  g_free (f->candidate);
  g_free (f->real_source);
  g_free (f->marks);
  g_free (f->done);
  g_ptr_array_unref (f->environment);
  g_ptr_array_unref (f->files);
  hr_view_unref (f->view);
  hr_view_unref (f->baseline);
  g_main_loop_unref (f->loop);
  g_assert_finalize_object (f->checker);
}

void
check_put (const char *dir, const char *file, const char *content)
{
  g_autofree char *path = g_build_filename (dir, file, NULL);
  g_autofree char *parent = g_path_get_dirname (path);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (parent, 0755), ==, 0);
  g_file_set_contents (path, content, -1, &error);
  g_assert_no_error (error);
}

void
check_put_program (const char *dir, const char *file, const char *content)
{
  g_autofree char *path = g_build_filename (dir, file, NULL);

  check_put (dir, file, content);
  g_assert_cmpint (g_chmod (path, 0755), ==, 0);
}

/* A changed file of the candidate. */
void
check_change (CheckFixture *f, const char *file, const char *content)
{
  check_put (f->candidate, file, content);
  g_ptr_array_remove (f->files, NULL);
  g_ptr_array_add (f->files, g_strdup (file));
}

void
check_run_from (CheckFixture *f, const char *dir)
{
  f->baseline = hr_view_new (f->source, dir, NULL, NULL, NULL);
}

void
check_set_variable (CheckFixture *f, const char *assignment)
{
  g_ptr_array_add (f->environment, g_strdup (assignment));
}

void
check_ended (GObject *source, GAsyncResult *result, gpointer data)
{
  CheckFixture *f = data;

  f->result = g_object_ref (result);
  g_main_loop_quit (f->loop);
}

static gboolean
too_late (gpointer data)
{
  g_error ("the check does not end");
  return G_SOURCE_REMOVE;
}

HrCheckRequest
check_make_request (CheckFixture *f)
{
  if (f->files->len == 0 || f->files->pdata[f->files->len - 1] != NULL)
    g_ptr_array_add (f->files, NULL);
  if (f->environment->pdata[f->environment->len - 1] != NULL)
    g_ptr_array_add (f->environment, NULL);
  return (HrCheckRequest){ .spec = &f->spec,
                           .view = f->view,
                           .files = (const char *const *)f->files->pdata,
                           .environment = (const char *const *)f->environment->pdata,
                           .baseline = f->baseline };
}

void
check_wait (CheckFixture *f)
{
  guint watchdog = g_timeout_add_seconds (2 * CHECK_DEADLINE_SEC, too_late, NULL);

  g_main_loop_run (f->loop);
  g_source_remove (watchdog);
}

HrCheckReport *
check_run (CheckFixture *f, GError **error)
{
  HrCheckRequest request = check_make_request (f);
  g_autoptr (HrCheckReport) report = NULL;
  gboolean passed;

  hr_checker_check_async (f->checker, &request, NULL, check_ended, f);
  check_wait (f);
  passed = hr_checker_check_finish (f->checker, f->result, &report, error);
  g_clear_object (&f->result);
  g_free (f->done);
  f->done = g_strjoinv ("|", report->done);
  return passed ? g_steal_pointer (&report) : NULL;
}

void
check_assert_report (CheckFixture *f, const char *done, const char *unavailable)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HrCheckReport) report = check_run (f, &error);
  g_autofree char *was_done = NULL;
  g_autofree char *was_not = NULL;

  g_assert_no_error (error);
  was_done = g_strjoinv ("|", report->done);
  was_not = g_strjoinv ("|", report->unavailable);
  g_assert_cmpstr (was_done, ==, done);
  g_assert_cmpstr (was_not, ==, unavailable);
}

/* Fails when @words are not in @text. */
void
check_assert_contains (const char *text, const char *words)
{
  if (strstr (text, words) == NULL)
    g_error ("'%s' is not in: %s", words, text);
}

void
check_assert_rejected (CheckFixture *f, const char *words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HrCheckReport) report = check_run (f, &error);

  g_assert_null (report);
  g_assert_error (error, HR_ERROR, HR_ERROR_CHECK_FAILED);
  check_assert_contains (error->message, words);
}

gboolean
check_is_missing (const char *program)
{
  g_autofree char *path = g_build_filename ("/usr/bin", program, NULL);

  if (g_file_test (path, G_FILE_TEST_IS_EXECUTABLE))
    return FALSE;
  g_test_skip_printf ("not run here: '%s' is not installed", program);
  return TRUE;
}

char *
check_list_dir (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  GString *names = g_string_new (NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    g_string_append_printf (names, "%s ", name);
  return g_string_free (names, FALSE);
}

void
check_mount_view (CheckFixture *f, const char *share)
{
  const char *shares[] = { share, NULL };

  hr_view_unref (f->view);
  f->view = hr_view_new (f->source, f->candidate, f->real_source, shares, NULL);
}

gboolean
check_cannot_mount (void)
{
  g_autofree char *why = NULL;

  if (hr_exec_can_mount (&why))
    return FALSE;
  g_test_skip_printf ("not run here: %s", why);
  return TRUE;
}
