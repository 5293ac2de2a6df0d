/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-canary-verdict.h: whether a canary is worse than the release that runs beside it, by what the probe says of both.
 *
 * Pure. Both are probed at the same time and in the same way, so that what is slow or broken behind them is so for both
 * and not held against the new one. What PostCheck names besides is judged by hr-rollback-policy.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Of each instance so many of the newest latencies are kept. */
#define HR_CANARY_LATENCIES_MAX 128
/* Fewer probes of either than this say nothing of latency, and nothing of failures before the end. */
#define HR_CANARY_SAMPLES_MIN 5
/* Its probe may fail more often than the old one's by so many points of a hundred. */
#define HR_CANARY_FAILURE_POINTS 10
/* Its probe may take so many times as long as the old one's, */
#define HR_CANARY_LATENCY_FACTOR 3
/* and whatever the factor is, so much longer: below that it is the machine's noise. */
#define HR_CANARY_LATENCY_SLACK_USEC (20 * G_TIME_SPAN_MILLISECOND)

/* What hr_canary_samples_carry() makes. */
#define HR_CANARY_SAMPLES_TYPE "(uuuax)"

/**
 * HrCanarySamples:
 * @probes: how often it was probed
 * @failed: how many of these failed
 *
 * What the probe said of one instance while the canary ran. The other members are private.
 */
typedef struct {
  guint probes;
  guint failed;
  guint n_latencies;
  gint64 latencies[HR_CANARY_LATENCIES_MAX];
} HrCanarySamples;

void hr_canary_samples_add (HrCanarySamples *self, gboolean good, gint64 latency_usec);
gint64 hr_canary_samples_latency (const HrCanarySamples *self);
GVariant *hr_canary_samples_carry (const HrCanarySamples *self);
gboolean hr_canary_samples_take_carried (HrCanarySamples *self, GVariant *carried);
char *hr_canary_describe_samples (const HrCanarySamples *candidate, const HrCanarySamples *running,
                                  const char *metrics);
gboolean hr_canary_verdict (const HrCanarySamples *candidate, const HrCanarySamples *running, gboolean over,
                            char **reason);

G_END_DECLS
