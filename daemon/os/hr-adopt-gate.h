/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-adopt-gate.h: the daemon's side of the memory that tells an instance to accept no more connections.
 */
#pragma once

#include <glib.h>

#include "hr-adopt-protocol.h"

G_BEGIN_DECLS

typedef struct _HrAdoptGate HrAdoptGate;

HrAdoptGate *hr_adopt_gate_new (GError **error);
HrAdoptGate *hr_adopt_gate_resume (int fd, GError **error);
void hr_adopt_gate_free (HrAdoptGate *self);
int hr_adopt_gate_get_fd (HrAdoptGate *self);
void hr_adopt_gate_retire (HrAdoptGate *self);
gboolean hr_adopt_gate_is_retired (HrAdoptGate *self);
void hr_adopt_gate_set_stage (HrAdoptGate *self, HrAdoptStage stage, const guint16 *ports, guint n_ports);
gboolean hr_adopt_gate_may_accept (HrAdoptGate *self);
void hr_adopt_gate_set_nudge (HrAdoptGate *self, guint index, const guint8 host[16], guint16 port);
guint hr_adopt_gate_count_handling (HrAdoptGate *self);
gboolean hr_adopt_gate_has_accepted (HrAdoptGate *self);
void hr_adopt_gate_measure_wait (HrAdoptGate *self, gboolean measure);
gint64 hr_adopt_gate_get_wait (HrAdoptGate *self);

G_END_DECLS
