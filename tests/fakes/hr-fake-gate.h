/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-fake-gate.h: what becomes of the calls of one asynchronous operation of a fake: answered from the main loop, as
 * the real ones are; failed; or held back until a test lets them go, which may be long after the caller gave up.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Answers a call: returns something from the task. Not called for a cancelled one. */
typedef void (*HrFakeAnswer) (GTask *task);

/**
 * HrFakeGate:
 * @calls: how many calls came
 *
 * A value. What is held keeps its fake: a test lets it go before it ends.
 */
typedef struct {
  guint calls;
  gboolean holding;
  GError *failure;
  GQueue held; /* Call */
} HrFakeGate;

void hr_fake_gate_clear (HrFakeGate *self);
void hr_fake_gate_fail_next (HrFakeGate *self, GQuark domain, int code, const char *message);
void hr_fake_gate_hold (HrFakeGate *self);
void hr_fake_gate_release (HrFakeGate *self);
void hr_fake_gate_pass (HrFakeGate *self, GTask *task, HrFakeAnswer answer);

G_END_DECLS
