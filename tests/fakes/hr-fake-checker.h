/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-fake-checker.h: checks that come out as the test says.
 */
#pragma once

#include "hr-checker.h"
#include "hr-fake-gate.h"

G_BEGIN_DECLS

#define HR_TYPE_FAKE_CHECKER (hr_fake_checker_get_type ())
G_DECLARE_FINAL_TYPE (HrFakeChecker, hr_fake_checker, HR, FAKE_CHECKER, GObject)

/**
 * HrFakeChecker:
 * @check: what becomes of checks
 * @fault: (nullable): what every check finds
 * @checked: (nullable): the paths of the last check, with spaces between
 */
struct _HrFakeChecker {
  GObject parent_instance;

  HrFakeGate check;
  const char *fault;
  char *checked;
};

HrFakeChecker *hr_fake_checker_new (void);

G_END_DECLS
