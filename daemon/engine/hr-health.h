/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-health.h: the health of one instance by its service's probe.
 *
 * One probe at a time, the next an interval after the last one's end. Of a watchdog the program itself has to report
 * within each interval. Signals:
 *
 * - "probed" (gboolean good, gint64 latency_usec): an answer came, or did not; before the others. 0 of a watchdog
 * - "changed" (): the verdict differs
 * - "failed" (): a probe failed, and what it says is new
 */
#pragma once

#include "hr-generation.h"

G_BEGIN_DECLS

/* Until the first success probes come at least this often. */
#define HR_HEALTH_START_INTERVAL_USEC (250 * G_TIME_SPAN_MILLISECOND)
/* A probe has its own deadline; one that does not keep it counts as failed so much later. */
#define HR_HEALTH_GRACE_USEC (1 * G_USEC_PER_SEC)

typedef enum {
  HR_HEALTH_UNKNOWN,
  HR_HEALTH_STARTING,
  HR_HEALTH_HEALTHY,
  HR_HEALTH_DEGRADED,
  HR_HEALTH_OFFLINE
} HrHealthState;

#define HR_TYPE_HEALTH (hr_health_get_type ())
G_DECLARE_FINAL_TYPE (HrHealth, hr_health, HR, HEALTH, GObject)

HrHealth *hr_health_new (HrPlatform *platform, HrGeneration *generation, gboolean patient);
GVariant *hr_health_carry (HrHealth *self);
void hr_health_take_carried (HrHealth *self, GVariant *carried);
void hr_health_stop (HrHealth *self);
HrHealthState hr_health_get_state (HrHealth *self);
const char *hr_health_get_error (HrHealth *self);
gboolean hr_health_wants_restart (HrHealth *self);
gint64 hr_health_longest_verdict (const HrServiceSpec *spec);
const char *hr_health_state_to_string (HrHealthState state);

G_END_DECLS
