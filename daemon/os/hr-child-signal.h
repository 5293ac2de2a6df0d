/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-child-signal.h: hears of ended children, without a timer that looks for them again and again.
 *
 * A hint only: several ends may be one call. One listener in a process; GLib watches its own children by pidfd, so that
 * SIGCHLD is free, and a handler that was there before is called too.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

guint hr_child_signal_add (GSourceFunc func, gpointer user_data, GError **error);

G_END_DECLS
