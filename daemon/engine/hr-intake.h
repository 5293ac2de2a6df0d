/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-intake.h: the change set in the making: hints come in, a settled set goes out.
 *
 * Nothing is lost: hints are kept through a pause and through a reload, until they are taken. Signals: "due" () when
 * the source has been quiet for the settle time, or MaxWait has passed, and no version-control operation holds it;
 * "changed" () when hr_intake_get_pending() differs.
 */
#pragma once

#include "hr-platform.h"

G_BEGIN_DECLS

/* More hinted paths than this are "look at everything". */
#define HR_INTAKE_PATHS_MAX 1000
/* A version-control operation is waited for this long, looking this often. */
#define HR_INTAKE_HOLD_MAX_USEC (60 * G_USEC_PER_SEC)
#define HR_INTAKE_HOLD_STEP_USEC (50 * G_TIME_SPAN_MILLISECOND)

#define HR_TYPE_INTAKE (hr_intake_get_type ())
G_DECLARE_FINAL_TYPE (HrIntake, hr_intake, HR, INTAKE, GObject)

HrIntake *hr_intake_new (HrClock *clock, HrServiceSpec *spec, HrWatcher *watcher);
gboolean hr_intake_start (HrIntake *self, GError **error);
void hr_intake_stop (HrIntake *self);
void hr_intake_demand (HrIntake *self);
void hr_intake_set_paused (HrIntake *self, gboolean paused);
void hr_intake_poke (HrIntake *self);
gboolean hr_intake_is_due (HrIntake *self);
char **hr_intake_peek (HrIntake *self);
gboolean hr_intake_take (HrIntake *self, char ***hints);
gboolean hr_intake_is_held (HrIntake *self);
gboolean hr_intake_is_too_soon (HrIntake *self, gint64 quiet);
char **hr_intake_get_pending (HrIntake *self);
guint hr_intake_n_watches (HrIntake *self);

G_END_DECLS
