/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-local-prober.h: probes for real: the deadline and the words that all kinds share; each kind has a file of its own.
 */
#pragma once

#include "hr-prober.h"

G_BEGIN_DECLS

#define HR_TYPE_LOCAL_PROBER (hr_local_prober_get_type ())
G_DECLARE_FINAL_TYPE (HrLocalProber, hr_local_prober, HR, LOCAL_PROBER, GObject)

HrProber *hr_local_prober_new (void);
void hr_local_prober_set_bus (HrLocalProber *self, GDBusConnection *bus);

G_END_DECLS
