/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-queue-watch.h: the longest that a connection waited to be accepted while a reload was under way.
 *
 * Two things tell: the instances, of each connection when they accept it, where the adopt library sees them; and the
 * kernel, of what is in the queue at this moment, which is looked at while no instance serves and once at the end. What
 * neither can know is not said. Only of TCP listeners.
 */
#pragma once

#include "hr-generation.h"

G_BEGIN_DECLS

/* While nobody serves, the queue is looked at after the step, then after twice that, and so on up to the longest: what
 * is seen is at most that much shorter than what a connection waits that no instance tells of. */
#define HR_QUEUE_STEP_USEC (10 * G_TIME_SPAN_MILLISECOND)
#define HR_QUEUE_STEP_MAX_USEC (160 * G_TIME_SPAN_MILLISECOND)
/* How long the end of a job waits for the last look. */
#define HR_QUEUE_LOOK_WAIT_USEC (1 * G_USEC_PER_SEC)

typedef void (*HrQueueWatchFunc) (gpointer user_data);

#define HR_TYPE_QUEUE_WATCH (hr_queue_watch_get_type ())
G_DECLARE_FINAL_TYPE (HrQueueWatch, hr_queue_watch, HR, QUEUE_WATCH, GObject)

HrQueueWatch *hr_queue_watch_new (HrClock *clock, HrListeners *listeners);
void hr_queue_watch_add (HrQueueWatch *self, HrGeneration *generation);
void hr_queue_watch_set_serving (HrQueueWatch *self, gboolean serving);
gboolean hr_queue_watch_look_again (HrQueueWatch *self, HrQueueWatchFunc func, gpointer user_data);
gint64 hr_queue_watch_end (HrQueueWatch *self);

G_END_DECLS
