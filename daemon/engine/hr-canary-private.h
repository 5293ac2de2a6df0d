/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-canary-private.h: the inside of HrCanary, shared by its files: hr-canary.c (its steps, and how it ends) and
 * hr-canary-carry.c (how it gets over a re-execution of the daemon).
 */
#pragma once

#include "hr-canary-plan.h"
#include "hr-canary.h"
#include "hr-sampler.h"

G_BEGIN_DECLS

struct _HrCanary {
  GObject parent_instance;

  HrPlatform *platform;
  HrListeners *listeners;
  HrServiceSpec *spec; /* the candidate's */
  HrGeneration *candidate;
  HrGeneration *running;
  HrHealth *health;         /* NULL: nobody probes it; as is the next */
  HrHealth *running_health; /* of the instance beside it */
  HrSampler *sampler;       /* NULL: PostCheck names no metric; as is the next */
  HrSampler *running_sampler;

  HrCanaryPlan plan;
  guint share;
  gint64 since_real;
  guint timer;          /* until the next change, or until it has waited for too long */
  gint64 waiting_since; /* for somebody to decide, HR_CANARY_NEVER: it does not */
  gint64 waited;        /* before that */
  HrCanarySamples seen;
  HrCanarySamples seen_running;
  gboolean ended;
  char *verdict; /* NULL: none yet */
};

void hr_canary_follow (HrCanary *self);

G_END_DECLS
