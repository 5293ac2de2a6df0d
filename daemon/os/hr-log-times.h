/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-log-times.h: when a log had grown to where, since its lines have no time of their own: NAME.INSTANCE.times beside
 * NAME.INSTANCE.log, in the form that hr-names.h describes.
 *
 * It is a convenience of readers: not synced, and where it cannot be written the log is none the worse. Its size is
 * bounded: when it is full, marks go that are closer to one another than a fraction of the time since.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How many marks a file may have. */
#define HR_LOG_TIMES_MAX 8192
/* Of the time since. With one mark a second a file is full again only after some years. */
#define HR_LOG_TIMES_PRECISION 512

gboolean hr_log_times_add (int dir, const char *log, gint64 time, guint64 offset, guint64 head, GError **error);
guint64 hr_log_times_last (int dir, const char *log);
void hr_log_times_remove (int dir, const char *log);

G_END_DECLS
