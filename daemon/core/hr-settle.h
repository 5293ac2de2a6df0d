/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-settle.h: when a service's source has been quiet for long enough to begin a reload.
 *
 * One for each service, whatever file changed: a trailing quiet time that each change starts anew, and a wait that is
 * never exceeded however long the changes go on. Knows no clock: the caller says what time it is, in microseconds of
 * any clock that does not go back, and sets its own timer to hr_settle_due().
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Settle=auto: the quiet time begins here and grows with the gaps between the changes of one burst. */
#define HR_SETTLE_AUTO (50 * G_TIME_SPAN_MILLISECOND)
#define HR_SETTLE_AUTO_MAX (500 * G_TIME_SPAN_MILLISECOND)

/**
 * HrSettle:
 *
 * A value, nothing in it to be freed; its members are private.
 */
typedef struct {
  gint64 quiet; /* as configured, -1: auto */
  gint64 max_wait;
  gboolean pending;
  gint64 first;
  gint64 last;
  gint64 gap; /* the longest between two changes of this burst */
} HrSettle;

void hr_settle_init (HrSettle *self, gint64 quiet, gint64 max_wait);
void hr_settle_touch (HrSettle *self, gint64 now);
gint64 hr_settle_due (const HrSettle *self);
gint64 hr_settle_since (const HrSettle *self, gint64 now);
gint64 hr_settle_least (const HrSettle *self);
void hr_settle_clear (HrSettle *self);

G_END_DECLS
