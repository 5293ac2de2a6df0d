/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-canary.h: a candidate that gets a share of the new connections, while the release before serves the rest, and that
 * is compared with it.
 *
 * It sets the share at each step of the plan, collects what the probe says of both instances, and ends by itself: when
 * the plan is over, when the candidate is found to be worse, or when it was kept waiting for too long. Somebody may end
 * it before: promote, abort; or hold it where it is and let it go on. What follows from its end is the reload's.
 *
 * Signals: "progress" (), each time the share or what holds it changes; then one of them, once: "passed" (), all new
 * connections may go to the candidate; "failed" (GError *), it must not get any more.
 */
#pragma once

#include "hr-canary-verdict.h"
#include "hr-health.h"

G_BEGIN_DECLS

/* A canary that nobody promotes or aborts fails when it has waited for that this long. */
#define HR_CANARY_HOLD_MAX_USEC (24 * 3600 * G_TIME_SPAN_SECOND)

/* The deadline of the phase is so much later than those that the canary keeps itself. */
#define HR_CANARY_MARGIN_USEC (60 * G_TIME_SPAN_SECOND)

/**
 * HrCanaryInfo:
 * @release: of the candidate
 * @previous_release: of the instance beside it
 * @share: of the new connections that the candidate gets, in permyriad
 * @held: whether somebody holds it there
 * @since_real: when it began, microseconds since 1970
 * @candidate: what its probe said
 * @running: what that of the instance beside it said
 *
 * How a canary stands.
 */
typedef struct {
  guint64 release;
  guint64 previous_release;
  guint share;
  gboolean held;
  gint64 since_real;
  const HrCanarySamples *candidate;
  const HrCanarySamples *running;
} HrCanaryInfo;

#define HR_TYPE_CANARY (hr_canary_get_type ())
G_DECLARE_FINAL_TYPE (HrCanary, hr_canary, HR, CANARY, GObject)

HrCanary *hr_canary_new (HrPlatform *platform, HrListeners *listeners, HrGeneration *candidate, HrHealth *health,
                         HrGeneration *running, HrHealth *running_health);
gboolean hr_canary_begin (HrCanary *self, GError **error);
GVariant *hr_canary_carry (HrCanary *self);
gboolean hr_canary_take_carried (HrCanary *self, GVariant *carried);
void hr_canary_promote (HrCanary *self, const char *caller);
void hr_canary_abort (HrCanary *self, const char *caller);
void hr_canary_hold (HrCanary *self);
void hr_canary_go_on (HrCanary *self);
void hr_canary_end (HrCanary *self, const char *why);

HrCanaryInfo hr_canary_get_info (HrCanary *self);
char *hr_canary_describe (HrCanary *self);

G_END_DECLS
