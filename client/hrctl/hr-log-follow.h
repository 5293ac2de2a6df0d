/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-log-follow.h: prints what is added to the logs of a service, until it is interrupted or nobody reads any more.
 *
 * The kernel tells what is written; where it cannot, everything is looked at now and then.
 */
#pragma once

#include "hr-client.h"
#include "hr-log-view.h"

G_BEGIN_DECLS

void hr_log_follow (HrLogView *view, HrClient *client, const char *object);

G_END_DECLS
