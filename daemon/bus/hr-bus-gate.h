/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-bus-gate.h: how many calls may be unanswered, of one caller and of all.
 *
 * GDBus reads whatever comes, whether the main loop gets on or not, and writes answers as fast as the bus takes them:
 * between both everything is kept in memory. So calls are counted in the thread that reads, from the moment in which they
 * are read until their answer is written, and what is too many is refused there. Answers to us, and signals, pass.
 *
 * To read nothing instead would not do: what the bus says of a caller, which its calls wait for, is behind other calls.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Unanswered calls of one caller. */
#define HR_BUS_CALLS_OF_CALLER_MAX 64
/* Unanswered calls of all, above which a caller may have only one... */
#define HR_BUS_CALLS_SHARED_MAX 256
/* ...and above which nobody may have another. */
#define HR_BUS_CALLS_MAX 1024
/* Refusals that the bus has not taken yet, above which what is refused has no answer: who does not read does not read
   these either. */
#define HR_BUS_REFUSALS_MAX 2048

typedef struct _HrBusGate HrBusGate;

HrBusGate *hr_bus_gate_new (GDBusConnection *connection);
guint hr_bus_gate_count (HrBusGate *self);
void hr_bus_gate_free (HrBusGate *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrBusGate, hr_bus_gate_free)

G_END_DECLS
