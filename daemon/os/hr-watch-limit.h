/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-watch-limit.h: what the kernel allows of inotify, and what cannot be watched at all.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

guint hr_watch_limit_dirs (void);
guint hr_watch_limit_events (void);
gboolean hr_watch_limit_has_room (const char *path);
gboolean hr_watch_limit_set_error (GError **error, const char *root, guint needed);
gboolean hr_watch_limit_is_remote (const char *path);

G_END_DECLS
