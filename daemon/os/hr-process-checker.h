/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-process-checker.h: the real HrChecker.
 *
 * Each check or probe runs in a thread of its own, which waits for child processes; the main loop only learns the
 * result. Check.Timeout is one deadline for all of a check.
 */
#pragma once

#include "hr-checker.h"

G_BEGIN_DECLS

#define HR_TYPE_PROCESS_CHECKER (hr_process_checker_get_type ())
G_DECLARE_FINAL_TYPE (HrProcessChecker, hr_process_checker, HR, PROCESS_CHECKER, GObject)

HrChecker *hr_process_checker_new (void);

G_END_DECLS
