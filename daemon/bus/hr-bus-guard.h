/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-bus-guard.h: interfaces for the bus whose methods can be called only through the table of rights.
 *
 * Not by the signal "g-authorize-method": with a handler for it, GDBus sends each call to a thread and back, which takes
 * longer than most of our answers.
 */
#pragma once

#include "hr-bus-auth.h"

G_BEGIN_DECLS

gpointer hr_bus_guard_new (HrBusAuth *auth, GType skeleton);

G_END_DECLS
