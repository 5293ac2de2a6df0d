/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-config-call.h: calls after which the daemon reads its configuration again, and what that came to: services that
 * were added, changed and removed, and the jobs that follow.
 */
#pragma once

#include "hr-verb.h"

G_BEGIN_DECLS

int hr_config_call_run (HrCtl *ctl, const char *method, GVariant *arguments, const char *service, GError **error);

G_END_DECLS
