/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-clock.h: time and timers behind an interface, so that tests of what waits do not wait.
 *
 * HrSystemClock is the real one: CLOCK_MONOTONIC, and sources on the thread-default main context.
 */
#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

#define HR_TYPE_CLOCK (hr_clock_get_type ())
G_DECLARE_INTERFACE (HrClock, hr_clock, HR, CLOCK, GObject)

/**
 * HrTimerFunc:
 * @user_data: what was given to hr_clock_after()
 *
 * Called once; the timer's id is no longer valid when it is.
 */
typedef void (*HrTimerFunc) (gpointer user_data);

struct _HrClockInterface {
  GTypeInterface parent;

  gint64 (*now) (HrClock *self);
  gint64 (*real) (HrClock *self);
  guint (*after) (HrClock *self, gint64 delay_usec, HrTimerFunc func, gpointer user_data);
  void (*cancel) (HrClock *self, guint id);
};

gint64 hr_clock_now (HrClock *self);
gint64 hr_clock_real (HrClock *self);
guint hr_clock_after (HrClock *self, gint64 delay_usec, HrTimerFunc func, gpointer user_data);
void hr_clock_cancel (HrClock *self, guint *id);

#define HR_TYPE_SYSTEM_CLOCK (hr_system_clock_get_type ())
G_DECLARE_FINAL_TYPE (HrSystemClock, hr_system_clock, HR, SYSTEM_CLOCK, GObject)

HrClock *hr_system_clock_new (void);

G_END_DECLS
