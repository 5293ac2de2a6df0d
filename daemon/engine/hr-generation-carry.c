/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is written of an instance for the next daemon, and what a re-executed one must know of one that has ended.
 */
#include "hr-error.h"
#include "hr-generation-private.h"

static HrRunProcess *
describe (HrGeneration *self, GPid pid)
{
  HrRunProcess *process = hr_run_process_new (pid, 0, self->id);

  process->release = self->plan->release;
  process->slot = self->plan->slot;
  process->index = self->plan->index;
  process->ready = self->ready;
  process->stopping = self->stopping;
  process->signalled = self->signalled;
  process->kill_at = self->signalled ? self->kill_at : 0;
  process->opened_state = self->opened_state;
  process->notified = self->notified;
  process->started_at = self->started_real;
  process->spec = g_strdup (self->plan->spec->checksum);
  process->log_file = g_strdup (self->log_file);
  process->view = self->plan->view != NULL ? hr_view_ref (self->plan->view) : NULL;
  return process;
}

/**
 * hr_generation_describe:
 * @self: a generation
 *
 * Returns: (transfer full) (nullable): what the next daemon must know of it; %NULL: it has ended. Its process's start
 *   time is 0
 */
HrRunProcess *
hr_generation_describe (HrGeneration *self)
{
  return self->alive ? describe (self, hr_instance_get_pid (self->instance)) : NULL;
}

/**
 * hr_generation_recorded_slot:
 * @slot: as it is written down: 0, 1, or -1
 *
 * Returns: the slot
 */
HrSlot
hr_generation_recorded_slot (int slot)
{
  return slot == 0 ? HR_SLOT_A : slot == 1 ? HR_SLOT_B : HR_SLOT_NONE;
}

/**
 * hr_generation_carry_end:
 * @self: a generation that has ended, or could not be started
 *
 * Returns: (transfer floating): how, for hr_generation_new_ended()
 */
GVariant *
hr_generation_carry_end (HrGeneration *self)
{
  g_autoptr (HrRunProcess) process = describe (self, 0);
  g_autofree char *text = hr_run_process_to_string (process);
  const GError *start_error = hr_generation_get_start_error (self);
  const GError *error = self->launch_error != NULL ? self->launch_error : start_error;
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "process", "s", text);
  g_variant_dict_insert (&dict, "ended", "x", self->ended_real);
  g_variant_dict_insert (&dict, "status", "i", self->wait_status);
  g_variant_dict_insert (&dict, "status-known", "b", self->status_known);
  g_variant_dict_insert (&dict, "killed", "b", self->killed);
  g_variant_dict_insert (&dict, "said-stopping", "b", self->said_stopping);
  g_variant_dict_insert (&dict, "said-errno", "i", self->said_errno);
  if (error != NULL)
    g_variant_dict_insert (&dict, "error", "^ay", error->message);
  return g_variant_dict_end (&dict);
}

/**
 * hr_generation_new_ended:
 * @platform: the operating system
 * @plan: by which it would be started again; release, slot, view and index are those that it had
 * @carried: what hr_generation_carry_end() made
 *
 * Returns: (transfer full) (nullable): a generation that has ended as that one had; %NULL: @carried is nothing of the sort
 */
HrGeneration *
hr_generation_new_ended (HrPlatform *platform, const HrGenerationPlan *plan, GVariant *carried)
{
  g_autoptr (HrRunProcess) process = NULL;
  g_autofree char *error = NULL;
  HrGenerationPlan own = *plan;
  const char *text;
  HrGeneration *self;

  if (!g_variant_lookup (carried, "process", "&s", &text) || !(process = hr_run_process_from_string (text)))
    return NULL;
  own.release = process->release;
  own.slot = hr_generation_recorded_slot (process->slot);
  own.view = process->view;
  own.index = MAX (process->index, 1);
  self = hr_generation_new (platform, &own);
  g_free (self->id);
  self->id = g_strdup (process->instance);
  self->log_file = g_strdup (process->log_file);
  self->ready = process->ready;
  self->stopping = process->stopping;
  self->signalled = process->signalled;
  self->opened_state = process->opened_state;
  self->notified = process->notified;
  self->started_real = process->started_at;
  g_variant_lookup (carried, "ended", "x", &self->ended_real);
  g_variant_lookup (carried, "status", "i", &self->wait_status);
  g_variant_lookup (carried, "status-known", "b", &self->status_known);
  g_variant_lookup (carried, "killed", "b", &self->killed);
  g_variant_lookup (carried, "said-stopping", "b", &self->said_stopping);
  g_variant_lookup (carried, "said-errno", "i", &self->said_errno);
  if (g_variant_lookup (carried, "error", "^ay", &error))
    self->launch_error = g_error_new_literal (HR_ERROR, HR_ERROR_START_FAILED, error);
  return self;
}
