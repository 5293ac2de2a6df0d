/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-queue.h: what a job waits for in its service's queue, and what puts an end to that, for people.
 */
#pragma once

#include "hr-client.h"

G_BEGIN_DECLS

char *hr_queue_describe (HrClient *client, const char *service);

G_END_DECLS
