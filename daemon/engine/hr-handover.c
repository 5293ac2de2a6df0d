/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-handover.h"

#include "hr-log.h"

typedef struct {
  HrGeneration *old;
  HrParts parts;
  HrSlot to_slot;
  gulong exited_id;
  HrSnapshot *snapshot;
  gboolean fresh;
  char **carried;
} Handover;

static void
handover_free (gpointer data)
{
  Handover *self = data;

  if (self->exited_id != 0)
    g_signal_handler_disconnect (self->old, self->exited_id);
  g_clear_object (&self->old);
  hr_parts_clear (&self->parts);
  g_clear_pointer (&self->snapshot, hr_snapshot_free);
  g_strfreev (self->carried);
  g_free (self);
}

static void
carried (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Handover *self = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (HrPlacement) placement = hr_slots_carry_finish (HR_SLOTS (source), result, &error);

  /* The files stay in the old slot, so nothing is lost; a handover in its last moments must not fail for them. */
  if (placement == NULL)
    hr_log_warning (hr_generation_get_spec (self->old)->name, "%s, ignoring", error->message);
  else
    self->carried = g_steal_pointer (&placement->carried);
  g_task_return_boolean (task, TRUE);
}

static void
carry (GTask *task)
{
  Handover *self = g_task_get_task_data (task);
  HrSlot from = hr_generation_get_slot (self->old);

  if (self->parts.slots == NULL || from == HR_SLOT_NONE || self->to_slot == HR_SLOT_NONE || from == self->to_slot)
    {
      g_task_return_boolean (task, TRUE);
      g_object_unref (task);
      return;
    }
  hr_slots_carry_async (self->parts.slots, from, self->to_slot, NULL, carried, task);
}

static void
loaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Handover *self = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;

  self->snapshot = hr_state_files_load_finish (HR_STATE_FILES (source), result, &error);
  if (error != NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  carry (g_steal_pointer (&task));
}

static void
collected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Handover *self = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;

  self->snapshot = hr_state_files_collect_finish (HR_STATE_FILES (source), result, &error);
  if (error != NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  self->fresh = self->snapshot != NULL;
  if (self->fresh)
    carry (g_steal_pointer (&task));
  else
    hr_state_files_load_async (self->parts.state, NULL, NULL, loaded, g_steal_pointer (&task));
}

static void
collect (GTask *task)
{
  Handover *self = g_task_get_task_data (task);
  HrServiceSpec *spec = hr_generation_get_spec (self->old);

  if (!spec->preserve)
    {
      carry (task);
      return;
    }
  hr_state_files_collect_async (self->parts.state, hr_generation_get_id (self->old),
                                hr_generation_get_release (self->old), spec->state_version, NULL, collected, task);
}

static void
old_exited (HrGeneration *old, GTask *task)
{
  Handover *self = g_task_get_task_data (task);

  g_signal_handler_disconnect (self->old, self->exited_id);
  self->exited_id = 0;
  collect (task);
}

/**
 * hr_handover_async:
 * @old: the instance that ends; it may have ended already
 * @parts: the service's files and state
 * @to_slot: where the successor runs, for what @old wrote into its slot; or %HR_SLOT_NONE
 * @stop_timeout: from StopSignal to SIGKILL, in microseconds
 * @callback: called when nothing of @old is left to take
 * @user_data: for @callback
 *
 * Cannot be cancelled: an instance that was told to stop will stop. It is bounded by @stop_timeout.
 */
void
hr_handover_async (HrGeneration *old, const HrParts *parts, HrSlot to_slot, gint64 stop_timeout,
                   GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (old, NULL, callback, user_data);
  Handover *self = g_new0 (Handover, 1);

  g_task_set_source_tag (task, hr_handover_async);
  g_task_set_task_data (task, self, handover_free);
  self->old = g_object_ref (old);
  g_set_object (&self->parts.slots, parts->slots);
  g_set_object (&self->parts.state, parts->state);
  self->to_slot = to_slot;
  if (!hr_generation_is_alive (old))
    {
      collect (task);
      return;
    }
  self->exited_id = g_signal_connect (old, "exited", G_CALLBACK (old_exited), task);
  hr_generation_stop (old, stop_timeout);
}

/**
 * hr_handover_finish:
 * @result: of hr_handover_async()
 * @snapshot: (out) (transfer full) (nullable): the state to go on with: what the old one wrote, or the newest snapshot
 *   when it wrote nothing, or %NULL
 * @fresh: (out): whether the old one wrote it
 * @carried: (out) (transfer full) (nullable): files brought along
 * @error: return location
 *
 * Returns: success; else %HR_ERROR_STATE_FAILED: what the old one wrote cannot be kept; it has ended all the same
 */
gboolean
hr_handover_finish (GAsyncResult *result, HrSnapshot **snapshot, gboolean *fresh, char ***carried_files, GError **error)
{
  Handover *self = g_task_get_task_data (G_TASK (result));

  if (!g_task_propagate_boolean (G_TASK (result), error))
    return FALSE;
  *snapshot = g_steal_pointer (&self->snapshot);
  *fresh = self->fresh;
  *carried_files = g_steal_pointer (&self->carried);
  return TRUE;
}
