/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-fd-watch.h: waits in the main loop for what there is one of for each service, at a cost that does not grow with
 * their number.
 */
#pragma once

#include <glib-unix.h>

guint hr_fd_watch_add (int fd, GIOCondition condition, GUnixFDSourceFunc func, gpointer user_data);
gboolean hr_fd_watch_remove (guint id);
