/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-watch-thread.h: the one thread in which all monitors live.
 *
 * Every monitor is a source of its main context, and each turn of a loop looks at each of its sources: with ten
 * thousand monitors a turn takes two milliseconds. The daemon's own loop must not pay that.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _HrWatchThread HrWatchThread;

HrWatchThread *hr_watch_thread_get (void);
void hr_watch_thread_release (HrWatchThread *self);
void hr_watch_thread_call (HrWatchThread *self, GFunc func, gpointer data, gpointer user_data);

G_END_DECLS
