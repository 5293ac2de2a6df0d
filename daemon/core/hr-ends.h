/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-ends.h: how a service's instances ended lately when nobody had asked them to: the evidence when it is failed.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* So many are kept; the oldest make room. */
#define HR_ENDS_MAX 10
/* Of what is carried. */
#define HR_ENDS_TYPE "a(xtuiiiay)"

/**
 * HrEnd:
 * @time_usec: when, in microseconds since 1970
 * @release: of which release, 0: without source
 * @index: which of its instances, from 1
 * @pid: its main process, 0: there was none
 * @exit_status: with what it exited, -1: it did not, or nobody knows
 * @signal_number: what ended it, 0: nothing, or nobody knows
 * @text: for people: "it exited with status 1"
 *
 * One end.
 */
typedef struct {
  gint64 time_usec;
  guint64 release;
  guint index;
  GPid pid;
  int exit_status;
  int signal_number;
  char *text;
} HrEnd;

typedef struct _HrEnds HrEnds;

void hr_end_free (HrEnd *self);

HrEnds *hr_ends_new (void);
void hr_ends_free (HrEnds *self);
void hr_ends_take (HrEnds *self, HrEnd *end);
void hr_ends_clear (HrEnds *self);
guint hr_ends_count (const HrEnds *self);
const HrEnd *hr_ends_get (const HrEnds *self, guint index);
char *hr_ends_describe (const HrEnds *self);
GVariant *hr_ends_carry (const HrEnds *self);
void hr_ends_take_carried (HrEnds *self, GVariant *carried);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrEnd, hr_end_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrEnds, hr_ends_free)

G_END_DECLS
