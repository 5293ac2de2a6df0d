/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-reload.h: the reload transaction: from a change set, or a release that is asked for, to a new instance that has
 * proven itself; or back to where it was.
 *
 * One object per reload, one table of phases, one function that changes the phase, every phase with a deadline and
 * abortable; the first failure is the reason that is kept. It owns nothing of the service: the service acts on its
 * signals:
 *
 * - "processes" (): one of its processes began or ended
 * - "announced" (): the release is known and something will happen; not emitted for nothing to do
 * - "event" (HrEvent *): state was preserved or restored, a canary got on
 * - "ended" (): completed, nothing to do, or failed with the old release serving again where that was possible
 */
#pragma once

#include "hr-canary.h"
#include "hr-event.h"
#include "hr-followers.h"
#include "hr-generation.h"
#include "hr-health.h"
#include "hr-intake.h"
#include "hr-job.h"

G_BEGIN_DECLS

/* Deadlines of phases that have no key in the service file. */
#define HR_RECORD_TIMEOUT_USEC (300 * G_USEC_PER_SEC)
#define HR_PLACE_TIMEOUT_USEC (300 * G_USEC_PER_SEC)
#define HR_VERIFY_TIMEOUT_USEC (60 * G_USEC_PER_SEC)
/* How often the running instance is looked at, for a second at most, before it cannot have a canary beside it. */
#define HR_CANARY_LOOKS_MAX 3
/* What is ready and holds no listener is looked at once more after this. */
#define HR_LISTENERS_LOOK_USEC (100 * G_TIME_SPAN_MILLISECOND)
/* How long the end of the job waits for the old instance, told to stop, to let go of the listeners. Looked for at first
 * after the step, then after twice that, and so on up to the longest. */
#define HR_SWITCH_WAIT_USEC (1 * G_USEC_PER_SEC)
#define HR_SWITCH_STEP_USEC (1 * G_TIME_SPAN_MILLISECOND)
#define HR_SWITCH_STEP_MAX_USEC (32 * G_TIME_SPAN_MILLISECOND)
/* How long the barrier may hold a candidate after the old instance's own time to stop, for storing its state. */
#define HR_PRESERVE_MARGIN_USEC (20 * G_USEC_PER_SEC)

/**
 * HrReloadPlan:
 * @platform: the operating system
 * @spec: how the candidate is to run
 * @parts: the service's parts
 * @job: its job
 * @trigger: the contract's word
 * @by_hand: whether somebody asked for it
 * @spares_rejected: whether a source that was rejected stays so: the running release is meant then
 * @retries_unproven: whether a release that served and had no time to prove itself is tried again, where the source holds
 *   it: another one serves since the daemon's start
 * @target: a release; 0: what the source holds
 * @superseded: a release that is tried again though it was rejected, where the source holds it: it gave way to a newer
 *   change, of which nothing has come; 0: none
 * @hints: (nullable): the only paths that may have changed; %NULL: look at everything
 * @intake: (nullable): what knows whether the source is in the middle of something
 * @scan: (nullable): the newest scan, for a @target that needs none
 * @previous: (nullable): the running instance
 * @previous_health: (nullable): what is known of its health
 * @retiring: (nullable): the one before it, if it has not ended yet
 * @followers: (nullable): the others of the running instances
 * @retiring_followers: (nullable): those before them, if they have not ended yet
 * @snapshot: (nullable): id of the snapshot to start with instead of the state of @previous; needs @sequential
 * @opens_listeners: whether the listeners are opened when those before have ended, as one of these may still have an address
 * @sequential: whether @previous ends before the candidate starts, whatever the spec says
 * @awaits_restart: whether the supervision is about to start the running release again, where @previous is %NULL
 * @outage_since: when the service stopped serving, on the platform's clock; 0: it serves, or was stopped on request
 * @last_slot: where the service ran last, when nothing runs now
 * @tally: (nullable): where drains are counted that were cut short
 * @caller: (nullable): for a transient service
 * @ever_notified: whether the service ever said READY=1
 *
 * What to do. Objects are referenced, @parts, @scan and strings copied; @caller must outlive the reload.
 */
typedef struct {
  HrPlatform *platform;
  HrServiceSpec *spec;
  const HrParts *parts;
  HrJob *job;
  const char *trigger;
  gboolean by_hand;
  gboolean spares_rejected;
  gboolean retries_unproven;
  guint64 target;
  guint64 superseded;
  const char *const *hints;
  HrIntake *intake;
  const HrScan *scan;
  HrGeneration *previous;
  HrHealth *previous_health;
  HrGeneration *retiring;
  HrFollowers *followers;
  HrFollowers *retiring_followers;
  const char *snapshot;
  gboolean opens_listeners;
  gboolean sequential;
  gboolean awaits_restart;
  gint64 outage_since;
  HrSlot last_slot;
  HrDrainTally *tally;
  const HrCallerContext *caller;
  gboolean ever_notified;
} HrReloadPlan;

typedef enum { HR_RELOAD_UNDER_WAY, HR_RELOAD_ENDED_NOTHING, HR_RELOAD_ENDED_WELL, HR_RELOAD_ENDED_BADLY } HrReloadEnd;

#define HR_TYPE_RELOAD (hr_reload_get_type ())
G_DECLARE_FINAL_TYPE (HrReload, hr_reload, HR, RELOAD, GObject)

HrReload *hr_reload_new (const HrReloadPlan *plan);
void hr_reload_begin (HrReload *self);
void hr_reload_cancel (HrReload *self, const char *reason);
void hr_reload_give_way (HrReload *self);
void hr_reload_abandon (HrReload *self);
void hr_reload_replace_previous (HrReload *self, HrGeneration *previous);
void hr_reload_set_previous_health (HrReload *self, HrHealth *health);

HrReloadEnd hr_reload_get_end (HrReload *self);
const GError *hr_reload_get_error (HrReload *self);
const char *hr_reload_get_failed_phase (HrReload *self);
HrJob *hr_reload_get_job (HrReload *self);
const HrRelease *hr_reload_get_release (HrReload *self);
gboolean hr_reload_is_announced (HrReload *self);
gboolean hr_reload_was_unsettled (HrReload *self);
gboolean hr_reload_has_new_release (HrReload *self);
HrGeneration *hr_reload_get_candidate (HrReload *self);
HrGeneration *hr_reload_get_fallback (HrReload *self);
HrGeneration *hr_reload_get_heir (HrReload *self);
gboolean hr_reload_has_switched (HrReload *self);
gboolean hr_reload_is_handing_over (HrReload *self);
gboolean hr_reload_leaves_previous (HrReload *self);
gboolean hr_reload_has_left_candidate (HrReload *self);
gboolean hr_reload_can_be_put_back (HrReload *self);
GVariant *hr_reload_carry_canary (HrReload *self);
gboolean hr_reload_take_canary (HrReload *self, HrGeneration *candidate, GVariant *carried);
gint64 hr_reload_sum_effort (const HrPhaseTimes *times, gboolean checking);
gint64 hr_reload_get_effort (HrReload *self, gboolean *checking);
gint64 hr_reload_get_outage_since (HrReload *self);
HrFollowers *hr_reload_get_followers (HrReload *self);
HrCanary *hr_reload_get_canary (HrReload *self);
HrHealth *hr_reload_steal_health (HrReload *self);
HrScan *hr_reload_steal_scan (HrReload *self);

G_END_DECLS
