/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-phase-times.h: which phases a reload went through, and how long each took.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* There are fewer phases than this; what a damaged history holds beyond is dropped. */
#define HR_PHASE_TIMES_MAX 32

typedef struct _HrPhaseTimes HrPhaseTimes;

HrPhaseTimes *hr_phase_times_new (void);
void hr_phase_times_free (HrPhaseTimes *self);
void hr_phase_times_add (HrPhaseTimes *self, const char *phase, gint64 usec);
guint hr_phase_times_count (const HrPhaseTimes *self);
const char *hr_phase_times_get (const HrPhaseTimes *self, guint index, gint64 *usec);
gint64 hr_phase_times_find (const HrPhaseTimes *self, const char *phase);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrPhaseTimes, hr_phase_times_free)

G_END_DECLS
