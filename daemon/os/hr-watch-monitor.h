/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-watch-monitor.h: tells what happens in one directory, and to it. The only user of GFileMonitor.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How often a file that is written all the time is told of, in milliseconds. */
#define HR_WATCH_RATE_LIMIT 20

/**
 * HrWatchEvent:
 * @HR_WATCH_WRITTEN: a file's content changes; more may follow
 * @HR_WATCH_TOUCHED: its writer closed it, or its attributes changed
 * @HR_WATCH_NAMED: a name came, went, or means another file than before
 * @HR_WATCH_ROOT: the directory may be another one than before
 */
typedef enum { HR_WATCH_WRITTEN, HR_WATCH_TOUCHED, HR_WATCH_NAMED, HR_WATCH_ROOT } HrWatchEvent;

/**
 * HrWatchMonitorFunc:
 * @event: what happened
 * @path: to what, absolute; an event with two names is told of each
 * @user_data: of hr_watch_monitor_new()
 */
typedef void (*HrWatchMonitorFunc) (HrWatchEvent event, const char *path, gpointer user_data);

typedef struct _HrWatchMonitor HrWatchMonitor;

HrWatchMonitor *hr_watch_monitor_new (const char *dir, HrWatchMonitorFunc func, gpointer user_data, GError **error);
void hr_watch_monitor_free (HrWatchMonitor *self);

G_END_DECLS
