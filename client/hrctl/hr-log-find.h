/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-log-find.h: the log files of a service's last instances, by their names: NAME.RELEASE-INSTANCE.log.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

guint64 hr_log_find_release (const char *path);
char *hr_log_find_newest (const char *link, const char *service, guint64 release, GError **error);

G_END_DECLS
