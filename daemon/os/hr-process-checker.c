/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-process-checker.h"

#include "hr-command.h"
#include "hr-error.h"
#include "hr-forbid.h"
#include "hr-syntax-check.h"
#include "hr-task-thread.h"

struct _HrProcessChecker {
  GObject parent_instance;
};

static void checker_iface_init (HrCheckerInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HrProcessChecker, hr_process_checker, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (HR_TYPE_CHECKER, checker_iface_init))

typedef struct {
  HrCheckRequest request;
  gint64 deadline;
  GCancellable *cancellable; /* nullable, the task's */
  GPtrArray *done;
  GPtrArray *unavailable;
} Job;

static void
job_free (gpointer data)
{
  Job *self = data;

  g_clear_pointer (&self->done, g_ptr_array_unref);
  g_clear_pointer (&self->unavailable, g_ptr_array_unref);
  g_free (self);
}

/* What a step was told to do, before what became of it. */
static gboolean
fail_step (GError **error, const char *step, const char *const *argv, const char *what, const char *words, int code)
{
  g_autofree char *line = g_strjoinv (" ", (char **)argv);

  g_set_error (error, HR_ERROR, code, "%s '%s': %s%s%s", step, line, what, *words != '\0' ? ":\n" : "", words);
  return FALSE;
}

/* Runs a command of the service file in the candidate's view; TRUE when it ended with 0. */
static gboolean
run_step (Job *self, const char *step, char **argv, gboolean shares_read_only, GError **error)
{
  HrView *view = self->request.view;
  const char *dir = view != NULL ? hr_view_program_dir (view) : NULL;
  const HrCommand command = {
    .argv = (const char *const *)argv,
    .environment = self->request.environment,
    .view = view,
    .isolation = &self->request.spec->isolation,
    .shares_read_only = shares_read_only,
    .directory = dir != NULL ? dir : "/",
    .output_head = HR_CHECK_OUTPUT_MAX / 4,
    .output_tail = HR_CHECK_OUTPUT_MAX - HR_CHECK_OUTPUT_MAX / 4,
    .deadline = self->deadline,
  };
  g_auto (HrCommandResult) result = { 0 };
  g_autoptr (GError) local = NULL;
  g_autofree char *words = NULL;
  g_autofree char *end = NULL;

  if (!hr_command_run (&command, self->cancellable, &result, &local))
    {
      if (local->domain != HR_ERROR)
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
      words = hr_command_words (result.output);
      return fail_step (error, step, command.argv, local->message, words, local->code);
    }
  end = hr_command_end (result.wait_status);
  words = hr_command_words (result.output);
  return end == NULL || fail_step (error, step, command.argv, end, words, HR_ERROR_CHECK_FAILED);
}

/* For the report: what was done, and what of it failed. */
static gboolean
note_step (Job *self, const char *step, gboolean passed)
{
  g_ptr_array_add (self->done, g_strconcat (step, passed ? "" : " (failed)", NULL));
  return passed;
}

static gboolean
check_forbidden (Job *self, GError **error)
{
  const HrCheckRequest *request = &self->request;
  g_autoptr (GPtrArray) skipped = g_ptr_array_new_with_free_func (g_free);

  if (request->spec->forbid[0] == NULL || request->files[0] == NULL)
    return TRUE;
  if (!note_step (self, "Forbid",
                  hr_forbid_check ((const char *const *)request->spec->forbid, request->view->dir,
                                   hr_view_program_dir (request->view), request->files, skipped, self->deadline,
                                   self->cancellable, error)))
    return FALSE;
  for (guint i = 0; i < skipped->len; i++)
    g_ptr_array_add (self->unavailable, g_strdup_printf ("Forbid: '%s' is too large or cannot be read",
                                                         (const char *)g_ptr_array_index (skipped, i)));
  return TRUE;
}

static gboolean
check_command (Job *self, const char *step, char **argv, GError **error)
{
  return argv[0] == NULL || note_step (self, step, run_step (self, step, argv, TRUE, error));
}

static gboolean
check (gpointer data, GCancellable *cancellable, GError **error)
{
  Job *self = data;
  const HrCheckRequest *request = &self->request;
  HrServiceSpec *spec = request->spec;
  gboolean has_files = request->view != NULL && request->view->dir != NULL && request->files != NULL;
  g_autofree char *timeout = NULL;
  GError *local = NULL;

  if ((!has_files || check_forbidden (self, &local))
      && (!has_files || !spec->validate
          || hr_syntax_check (request, self->deadline, self->done, self->unavailable, self->cancellable, &local))
      && check_command (self, "Build", spec->build, &local) && check_command (self, "PreCheck", spec->precheck, &local))
    return TRUE;
  if (g_error_matches (local, HR_ERROR, HR_ERROR_TIMED_OUT))
    {
      timeout = g_strdup_printf ("Check.Timeout=%g s: ", (double)spec->check_timeout / G_USEC_PER_SEC);
      g_prefix_error_literal (&local, timeout);
    }
  g_propagate_error (error, local);
  return FALSE;
}

static void
check_async (HrChecker *checker, const HrCheckRequest *request, GCancellable *cancellable, GAsyncReadyCallback callback,
             gpointer user_data)
{
  GTask *task = g_task_new (checker, cancellable, callback, user_data);
  Job *job = g_new0 (Job, 1);

  g_task_set_source_tag (task, check_async);
  g_task_set_task_data (task, job, job_free);
  job->request = *request;
  job->deadline = g_get_monotonic_time () + request->spec->check_timeout;
  job->cancellable = cancellable;
  job->done = g_ptr_array_new_with_free_func (g_free);
  job->unavailable = g_ptr_array_new_with_free_func (g_free);
  hr_task_thread_run (task, check);
}

static char **
steal_list (GPtrArray **list)
{
  g_ptr_array_add (*list, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (list), FALSE);
}

static gboolean
check_finish (HrChecker *checker, GAsyncResult *result, HrCheckReport **report, GError **error)
{
  Job *job;

  g_return_val_if_fail (g_task_is_valid (result, checker), FALSE);
  /* The thread has ended, also where the check was cancelled. */
  job = g_task_get_task_data (G_TASK (result));
  *report = g_new0 (HrCheckReport, 1);
  (*report)->done = steal_list (&job->done);
  (*report)->unavailable = steal_list (&job->unavailable);
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
checker_iface_init (HrCheckerInterface *iface)
{
  iface->check_async = check_async;
  iface->check_finish = check_finish;
}

static void
hr_process_checker_class_init (HrProcessCheckerClass *klass)
{
}

static void
hr_process_checker_init (HrProcessChecker *self)
{
}

/**
 * hr_process_checker_new:
 *
 * Returns: (transfer full): a checker that runs the tools that are installed
 */
HrChecker *
hr_process_checker_new (void)
{
  return g_object_new (HR_TYPE_PROCESS_CHECKER, NULL);
}
