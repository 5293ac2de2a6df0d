/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-log-clock.h: when the lines of a log were written, as far as the daemon noted it.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _HrLogClock HrLogClock;

HrLogClock *hr_log_clock_new (const char *path);
void hr_log_clock_free (HrLogClock *self);
gint64 hr_log_clock_time (HrLogClock *self, guint64 offset);
guint64 hr_log_clock_offset (HrLogClock *self, gint64 time);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrLogClock, hr_log_clock_free)

G_END_DECLS
