/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-check.h: what is looked at and not run: service files, and whether this program can go on with a state directory.
 */
#pragma once

#include "hr-options.h"

G_BEGIN_DECLS

/* Before the version of the state that the program reads, in a line of --check-state. */
#define HR_CHECK_STATE_WORD "state-version: "

int hr_daemon_check (const HrOptions *options);
int hr_daemon_check_state (const HrOptions *options);

G_END_DECLS
