/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-error.h: the one error domain of hotreload, with its D-Bus names.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define HR_ERROR (hr_error_quark ())

/**
 * HrError:
 * @HR_ERROR_FAILED: what no other code names.
 * @HR_ERROR_NO_SUCH_SERVICE: no service has this name.
 * @HR_ERROR_NO_SUCH_RELEASE: the service has no release of this number, or no rollback point.
 * @HR_ERROR_NO_SUCH_SNAPSHOT: the service has no snapshot with this id.
 * @HR_ERROR_NO_SUCH_MODULE: no service has this module.
 * @HR_ERROR_INVALID_ARGUMENT: an argument or option is malformed or unknown.
 * @HR_ERROR_INVALID_CONFIGURATION: a service file does not load.
 * @HR_ERROR_BUSY: the request conflicts with what is under way.
 * @HR_ERROR_NOT_AUTHORIZED: the caller may not do this.
 * @HR_ERROR_NOT_SUPPORTED: this build, kernel or service cannot do this.
 * @HR_ERROR_LIMIT_EXCEEDED: a limit that has a name was reached.
 * @HR_ERROR_CHECK_FAILED: a check of the candidate found a fault.
 * @HR_ERROR_CHECK_UNAVAILABLE: a check that was asked for cannot be run here.
 * @HR_ERROR_START_FAILED: a process could not be started, or ended before it was ready.
 * @HR_ERROR_NOT_HEALTHY: a probe failed.
 * @HR_ERROR_STATE_FAILED: state could not be taken, read or stored.
 * @HR_ERROR_MIGRATION_MISSING: state of another version and no way to bring it to this one.
 * @HR_ERROR_DEPENDENCY_CYCLE: services depend on each other in a circle.
 * @HR_ERROR_DEPENDENCY_UNSATISFIED: a required service is missing or has an unfit version.
 * @HR_ERROR_ROLLBACK_FAILED: the old release could not be brought back.
 * @HR_ERROR_CANCELLED: the job was cancelled.
 * @HR_ERROR_TIMED_OUT: a deadline passed.
 *
 * Each code has the D-Bus name "org.hotreload.Error." and the code's name in camel case.
 */
typedef enum {
  HR_ERROR_FAILED,
  HR_ERROR_NO_SUCH_SERVICE,
  HR_ERROR_NO_SUCH_RELEASE,
  HR_ERROR_NO_SUCH_SNAPSHOT,
  HR_ERROR_NO_SUCH_MODULE,
  HR_ERROR_INVALID_ARGUMENT,
  HR_ERROR_INVALID_CONFIGURATION,
  HR_ERROR_BUSY,
  HR_ERROR_NOT_AUTHORIZED,
  HR_ERROR_NOT_SUPPORTED,
  HR_ERROR_LIMIT_EXCEEDED,
  HR_ERROR_CHECK_FAILED,
  HR_ERROR_CHECK_UNAVAILABLE,
  HR_ERROR_START_FAILED,
  HR_ERROR_NOT_HEALTHY,
  HR_ERROR_STATE_FAILED,
  HR_ERROR_MIGRATION_MISSING,
  HR_ERROR_DEPENDENCY_CYCLE,
  HR_ERROR_DEPENDENCY_UNSATISFIED,
  HR_ERROR_ROLLBACK_FAILED,
  HR_ERROR_CANCELLED,
  HR_ERROR_TIMED_OUT,
} HrError;
#define HR_ERROR_LAST HR_ERROR_TIMED_OUT

GQuark hr_error_quark (void);
const char *hr_error_name (const GError *error);

G_END_DECLS
