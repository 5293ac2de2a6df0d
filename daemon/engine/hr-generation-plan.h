/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-generation-plan.h: which release is run and how: the program, its arguments, directory, environment and output.
 *
 * What it takes to make a process; what becomes of it is HrGeneration's.
 */
#pragma once

#include "hr-caller-context.h"
#include "hr-drain.h"
#include "hr-platform.h"

G_BEGIN_DECLS

/**
 * HrGenerationPlan:
 * @spec: how to run it
 * @release: number, 0 for a service without source
 * @commit: (nullable): the release's commit
 * @slot: where its files are
 * @view: (nullable): how it sees them
 * @listeners: the service's sockets
 * @state_files: its state
 * @stored: (nullable): where it may store descriptors, and what it gets of them
 * @tally: (nullable): where drains are counted that were cut short
 * @caller: (nullable): for a transient service; must outlive the plan and its copies
 * @index: which of the instances of the release it is, from 1
 * @ever_notified: whether the service ever said READY=1
 * @expects_state: whether its predecessor took part in handing over state, so that this one is expected to
 *
 * What to start. A plan that is made in place owns nothing; a copy owns what it names, but for the caller.
 */
typedef struct {
  HrServiceSpec *spec;
  guint64 release;
  const char *commit;
  HrSlot slot;
  HrView *view;
  HrListeners *listeners;
  HrStateFiles *state_files;
  HrFdStore *stored;
  HrDrainTally *tally;
  const HrCallerContext *caller;
  guint index;
  gboolean ever_notified;
  gboolean expects_state;
} HrGenerationPlan;

HrGenerationPlan *hr_generation_plan_copy (const HrGenerationPlan *self);
void hr_generation_plan_free (HrGenerationPlan *self);
char **hr_generation_plan_environment (const HrGenerationPlan *self, HrPlatform *platform, HrStateOffer *offer,
                                       GError **error);
guint16 hr_generation_plan_get_port (const HrGenerationPlan *self);
HrProbeSpec *hr_generation_plan_expand_probe (const HrGenerationPlan *self, const HrProbeSpec *probe, GError **error);
HrUnseen hr_generation_plan_look (const HrGenerationPlan *self, HrPlatform *platform);
HrInstance *hr_generation_plan_take_over (const HrGenerationPlan *self, HrPlatform *platform,
                                          const HrRunProcess *process, GError **error);
HrInstance *hr_generation_plan_launch (const HrGenerationPlan *self, HrPlatform *platform, const char *id,
                                       const char *const *environment, const char *log_file, GError **error);

G_END_DECLS
