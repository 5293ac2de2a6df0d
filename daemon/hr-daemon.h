/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-daemon.h: one run of hotreloadd: everything wired, from the first signal handler to the last service's end.
 */
#pragma once

#include "hr-options.h"

G_BEGIN_DECLS

int hr_daemon_run (const HrOptions *options);

G_END_DECLS
