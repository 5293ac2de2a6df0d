/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-request.h: one thing that a service was asked to do, with the job that shows how it goes.
 */
#pragma once

#include "hr-job.h"

G_BEGIN_DECLS

/**
 * HrRequest:
 * @job: its job
 * @kind: what to do
 * @trigger: the contract's word
 * @by_hand: whether somebody asked
 * @spares_rejected: whether a release that was rejected stays so: the running one is meant then
 * @retries_unproven: whether a release that served and had no time to prove itself is tried again, where the source holds
 *   it: another one serves since the daemon's start
 * @begun: whether it was announced before, and put back since
 * @target: a release; 0: what the source holds
 * @open: of a rollback: its target is known when it runs, or when it is known what it puts an end to
 * @aborted: of a rollback: the release whose canary was aborted for it; 0: none
 * @snapshot: (nullable): to start with
 * @reason: (nullable): of a rollback, for people
 * @hints: (nullable): of an automatic reload
 * @opens_listeners: whether it has to wait for addresses that a retiring instance still has
 *
 * One thing that a service was asked to do.
 */
typedef struct {
  HrJob *job;
  HrJobKind kind;
  char *trigger;
  gboolean by_hand;
  gboolean spares_rejected;
  gboolean retries_unproven;
  gboolean begun;
  guint64 target;
  gboolean open;
  guint64 aborted;
  char *snapshot;
  char *reason;
  char **hints;
  gboolean opens_listeners;
} HrRequest;

HrRequest *hr_request_new (guint64 id, HrJobKind kind, const char *service, const char *trigger, const char *caller);
GVariant *hr_request_carry (const HrRequest *self);
HrRequest *hr_request_new_carried (GVariant *carried, HrJob *job);
void hr_request_free (HrRequest *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrRequest, hr_request_free)

G_END_DECLS
