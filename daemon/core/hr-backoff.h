/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-backoff.h: how long to wait before a failed program is started again, and when to give up.
 *
 * Pure: times are parameters, in microseconds of any clock that does not go back; so is chance.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _HrBackoff HrBackoff;

/* What hr_backoff_failed() returns when the limit is reached. */
#define HR_BACKOFF_GIVE_UP (-1)

HrBackoff *hr_backoff_new (gint64 delay, gint64 delay_max, guint limit, gint64 window);
void hr_backoff_free (HrBackoff *self);
void hr_backoff_began (HrBackoff *self, gint64 now);
void hr_backoff_healthy (HrBackoff *self, gint64 now);
gboolean hr_backoff_is_stable (const HrBackoff *self, gint64 now);
gint64 hr_backoff_failed (HrBackoff *self, gint64 now, guint32 chance);
void hr_backoff_reset (HrBackoff *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrBackoff, hr_backoff_free)

GVariant *hr_backoff_carry (const HrBackoff *self);
void hr_backoff_take_carried (HrBackoff *self, GVariant *carried);

G_END_DECLS
