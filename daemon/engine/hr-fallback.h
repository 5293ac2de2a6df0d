/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-fallback.h: what is done when a candidate has failed: end it, and if the old instance has ended by then, run the
 * old release again with its state.
 */
#pragma once

#include "hr-queue-watch.h"

G_BEGIN_DECLS

/* The newest snapshot is waited for this long. */
#define HR_FALLBACK_LOAD_USEC (20 * G_USEC_PER_SEC)

/**
 * HrFallbackPlan:
 * @platform: the operating system
 * @parts: the service's files and state
 * @candidate: (nullable): what failed
 * @previous: (nullable): what served before; %NULL: nothing to bring back
 * @commit: (nullable): commit of the previous release
 * @state: (nullable): what the old release gets; %NULL: the newest snapshot
 * @caller: (nullable): for a transient service
 * @queue: (nullable): is told of the old release's new instance
 * @beside: whether the old release may run again while its instance that was retired for @candidate has not ended
 * @leaves: whether @candidate, which served beside the old instance, is only told to finish what it has, as an old one
 *   after a switch; what becomes of it is the caller's matter
 *
 * Copied.
 */
typedef struct {
  HrPlatform *platform;
  const HrParts *parts;
  HrGeneration *candidate;
  HrGeneration *previous;
  const char *commit;
  GBytes *state;
  const HrCallerContext *caller;
  HrQueueWatch *queue;
  gboolean beside;
  gboolean leaves;
} HrFallbackPlan;

void hr_fallback_async (const HrFallbackPlan *plan, GAsyncReadyCallback callback, gpointer user_data);
gboolean hr_fallback_finish (GAsyncResult *result, HrGeneration **generation, GError **error);

G_END_DECLS
