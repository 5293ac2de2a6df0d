/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-error.h"

#include <gio/gio.h>

#include "hr-names.h"

static const GDBusErrorEntry entries[] = {
  { HR_ERROR_FAILED, HR_ERROR_PREFIX "Failed" },
  { HR_ERROR_NO_SUCH_SERVICE, HR_ERROR_PREFIX "NoSuchService" },
  { HR_ERROR_NO_SUCH_RELEASE, HR_ERROR_PREFIX "NoSuchRelease" },
  { HR_ERROR_NO_SUCH_SNAPSHOT, HR_ERROR_PREFIX "NoSuchSnapshot" },
  { HR_ERROR_NO_SUCH_MODULE, HR_ERROR_PREFIX "NoSuchModule" },
  { HR_ERROR_INVALID_ARGUMENT, HR_ERROR_PREFIX "InvalidArgument" },
  { HR_ERROR_INVALID_CONFIGURATION, HR_ERROR_PREFIX "InvalidConfiguration" },
  { HR_ERROR_BUSY, HR_ERROR_PREFIX "Busy" },
  { HR_ERROR_NOT_AUTHORIZED, HR_ERROR_PREFIX "NotAuthorized" },
  { HR_ERROR_NOT_SUPPORTED, HR_ERROR_PREFIX "NotSupported" },
  { HR_ERROR_LIMIT_EXCEEDED, HR_ERROR_PREFIX "LimitExceeded" },
  { HR_ERROR_CHECK_FAILED, HR_ERROR_PREFIX "CheckFailed" },
  { HR_ERROR_CHECK_UNAVAILABLE, HR_ERROR_PREFIX "CheckUnavailable" },
  { HR_ERROR_START_FAILED, HR_ERROR_PREFIX "StartFailed" },
  { HR_ERROR_NOT_HEALTHY, HR_ERROR_PREFIX "NotHealthy" },
  { HR_ERROR_STATE_FAILED, HR_ERROR_PREFIX "StateFailed" },
  { HR_ERROR_MIGRATION_MISSING, HR_ERROR_PREFIX "MigrationMissing" },
  { HR_ERROR_DEPENDENCY_CYCLE, HR_ERROR_PREFIX "DependencyCycle" },
  { HR_ERROR_DEPENDENCY_UNSATISFIED, HR_ERROR_PREFIX "DependencyUnsatisfied" },
  { HR_ERROR_ROLLBACK_FAILED, HR_ERROR_PREFIX "RollbackFailed" },
  { HR_ERROR_CANCELLED, HR_ERROR_PREFIX "Cancelled" },
  { HR_ERROR_TIMED_OUT, HR_ERROR_PREFIX "TimedOut" },
};

G_STATIC_ASSERT (G_N_ELEMENTS (entries) == HR_ERROR_LAST + 1);

/**
 * hr_error_quark:
 *
 * Returns: the domain of #HrError, registered with GDBus so that codes cross the bus by name.
 */
GQuark
hr_error_quark (void)
{
  static gsize quark;

  g_dbus_error_register_error_domain ("hr-error-quark", &quark, entries, G_N_ELEMENTS (entries));
  return (GQuark)quark;
}

/**
 * hr_error_name:
 * @error: any error
 *
 * Returns: (transfer none): the D-Bus name for @error; that of %HR_ERROR_FAILED for an error of another domain.
 */
const char *
hr_error_name (const GError *error)
{
  g_return_val_if_fail (error != NULL, NULL);

  if (error->domain == HR_ERROR && error->code >= 0 && error->code <= HR_ERROR_LAST)
    return entries[error->code].dbus_error_name;

  return entries[HR_ERROR_FAILED].dbus_error_name;
}
