/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-object-path.h: where services are on the bus, for the daemon that puts them there and the clients that look there.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

char *hr_service_object_path (const char *service);
char *hr_job_object_path (guint64 id);

G_END_DECLS
