/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-fake-clock.h: a clock that stands still until a test moves it.
 *
 * Timers fire from hr_fake_clock_advance() in the order in which they are due, each at its own time; what the main
 * context has to do is done before and after each of them.
 */
#pragma once

#include "hr-clock.h"

G_BEGIN_DECLS

#define HR_TYPE_FAKE_CLOCK (hr_fake_clock_get_type ())
G_DECLARE_FINAL_TYPE (HrFakeClock, hr_fake_clock, HR, FAKE_CLOCK, GObject)

HrFakeClock *hr_fake_clock_new (void);
void hr_fake_clock_advance (HrFakeClock *self, gint64 usec);
void hr_fake_clock_pass (HrFakeClock *self, gint64 usec);
guint hr_fake_clock_n_timers (HrFakeClock *self);
void hr_fake_settle (void);

G_END_DECLS
