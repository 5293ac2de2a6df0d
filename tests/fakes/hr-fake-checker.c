/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-fake-checker.h"

#include "hr-error.h"

static void hr_fake_checker_iface_init (HrCheckerInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HrFakeChecker, hr_fake_checker, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (HR_TYPE_CHECKER, hr_fake_checker_iface_init))

static void
answer_check (GTask *task)
{
  HrFakeChecker *self = g_task_get_source_object (task);
  const HrCheckRequest *request = g_task_get_task_data (task);

  g_free (self->checked);
  self->checked = g_strjoinv (" ", (char **)request->files);
  if (self->fault != NULL)
    {
      g_task_return_new_error (task, HR_ERROR, HR_ERROR_CHECK_FAILED, "%s", self->fault);
      return;
    }
  g_task_return_boolean (task, TRUE);
}

static void
fake_check_async (HrChecker *checker, const HrCheckRequest *request, GCancellable *cancellable,
                  GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (checker, cancellable, callback, user_data);

  g_assert_nonnull (request->spec);
  g_assert_nonnull (request->environment);
  g_task_set_task_data (task, (gpointer)request, NULL);
  hr_fake_gate_pass (&HR_FAKE_CHECKER (checker)->check, task, answer_check);
}

static gboolean
fake_check_finish (HrChecker *checker, GAsyncResult *result, HrCheckReport **report, GError **error)
{
  gboolean passed = g_task_propagate_boolean (G_TASK (result), error);

  *report = g_new0 (HrCheckReport, 1);
  (*report)->done = g_strsplit (passed ? "fake: all files" : "fake: all files (failed)", "|", -1);
  (*report)->unavailable = g_strsplit ("TypeScript: 'tsc' is not installed", "|", -1);
  return passed;
}

static void
hr_fake_checker_iface_init (HrCheckerInterface *iface)
{
  iface->check_async = fake_check_async;
  iface->check_finish = fake_check_finish;
}

static void
hr_fake_checker_finalize (GObject *object)
{
  HrFakeChecker *self = HR_FAKE_CHECKER (object);

  hr_fake_gate_clear (&self->check);
  g_free (self->checked);
  G_OBJECT_CLASS (hr_fake_checker_parent_class)->finalize (object);
}

static void
hr_fake_checker_class_init (HrFakeCheckerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_fake_checker_finalize;
}

static void
hr_fake_checker_init (HrFakeChecker *self)
{
}

/**
 * hr_fake_checker_new:
 *
 * Returns: (transfer full): a checker that finds nothing
 */
HrFakeChecker *
hr_fake_checker_new (void)
{
  return g_object_new (HR_TYPE_FAKE_CHECKER, NULL);
}
