/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-checker.h"

G_DEFINE_INTERFACE (HrChecker, hr_checker, G_TYPE_OBJECT)

static void
hr_checker_default_init (HrCheckerInterface *iface)
{
}

/**
 * hr_check_report_free:
 * @self: (transfer full) (nullable): a report
 */
void
hr_check_report_free (HrCheckReport *self)
{
  if (self == NULL)
    return;
  g_strfreev (self->done);
  g_strfreev (self->unavailable);
  g_free (self);
}

/**
 * hr_checker_check_async:
 * @self: the checker
 * @request: what to check
 * @cancellable: (nullable): kills what runs
 * @callback: called in the caller's main context
 * @user_data: for @callback
 */
void
hr_checker_check_async (HrChecker *self, const HrCheckRequest *request, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (HR_IS_CHECKER (self));
  g_return_if_fail (request != NULL && request->spec != NULL);
  HR_CHECKER_GET_IFACE (self)->check_async (self, request, cancellable, callback, user_data);
}

/**
 * hr_checker_check_finish:
 * @self: the checker
 * @result: of hr_checker_check_async()
 * @report: (out) (transfer full): what was checked, also where something did not pass: up to that
 * @error: return location
 *
 * Returns: whether all passed; else %HR_ERROR_CHECK_FAILED (the message ends with the checker's own words),
 *   %HR_ERROR_CHECK_UNAVAILABLE (Build or PreCheck cannot be run), %HR_ERROR_TIMED_OUT or %G_IO_ERROR_CANCELLED
 */
gboolean
hr_checker_check_finish (HrChecker *self, GAsyncResult *result, HrCheckReport **report, GError **error)
{
  g_return_val_if_fail (HR_IS_CHECKER (self) && report != NULL, FALSE);
  return HR_CHECKER_GET_IFACE (self)->check_finish (self, result, report, error);
}
