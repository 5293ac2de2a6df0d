/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-handover.h"

#include "hr-error.h"
#include "hr-log.h"

typedef struct {
  HrClock *clock;
  HrGeneration *old;
  HrParts parts;
  HrSlot to_slot;
  gulong exited_id;
  guint timer;
  gboolean given_up;
  GCancellable *cancellable;
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
  hr_clock_cancel (self->clock, &self->timer);
  g_clear_object (&self->clock);
  g_clear_object (&self->cancellable);
  g_clear_object (&self->old);
  hr_parts_clear (&self->parts);
  g_clear_pointer (&self->snapshot, hr_snapshot_free);
  g_strfreev (self->carried);
  g_free (self);
}

static void
give_up (gpointer user_data)
{
  GTask *task = user_data;
  Handover *self = g_task_get_task_data (task);

  self->timer = 0;
  self->given_up = TRUE;
  g_cancellable_cancel (self->cancellable);
  g_task_return_new_error (task, HR_ERROR, HR_ERROR_TIMED_OUT, "what it left could not be taken within %d s",
                           (int)(HR_HANDOVER_TAKE_USEC / G_USEC_PER_SEC));
}

static void
done (GTask *task)
{
  Handover *self = g_task_get_task_data (task);

  hr_clock_cancel (self->clock, &self->timer);
  g_task_return_boolean (task, TRUE);
}

static void
failed (GTask *task, GError *error)
{
  Handover *self = g_task_get_task_data (task);

  hr_clock_cancel (self->clock, &self->timer);
  g_task_return_error (task, error);
}

static void
carried (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Handover *self = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (HrPlacement) placement = hr_slots_carry_finish (HR_SLOTS (source), result, &error);

  if (self->given_up)
    return;
  /* The files stay in the old slot, so nothing is lost; a handover in its last moments must not fail for them. */
  if (placement == NULL)
    hr_log_warning (hr_generation_get_spec (self->old)->name, "%s, ignoring", error->message);
  else
    self->carried = g_steal_pointer (&placement->carried);
  done (task);
}

static void
carry (GTask *task)
{
  Handover *self = g_task_get_task_data (task);
  HrSlot from = hr_generation_get_slot (self->old);

  if (self->parts.slots == NULL || from == HR_SLOT_NONE || self->to_slot == HR_SLOT_NONE || from == self->to_slot)
    {
      done (task);
      g_object_unref (task);
      return;
    }
  hr_slots_carry_async (self->parts.slots, from, self->to_slot, self->cancellable, carried, task);
}

static void
loaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Handover *self = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;

  if (self->given_up)
    return;
  self->snapshot = hr_state_files_load_finish (HR_STATE_FILES (source), result, &error);
  if (error != NULL)
    {
      failed (task, g_steal_pointer (&error));
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

  if (self->given_up)
    return;
  self->snapshot = hr_state_files_collect_finish (HR_STATE_FILES (source), result, &error);
  if (error != NULL)
    {
      failed (task, g_steal_pointer (&error));
      return;
    }
  self->fresh = self->snapshot != NULL;
  if (self->fresh)
    carry (g_steal_pointer (&task));
  else
    hr_state_files_load_async (self->parts.state, NULL, self->cancellable, loaded, g_steal_pointer (&task));
}

static void
collect (GTask *task)
{
  Handover *self = g_task_get_task_data (task);
  HrServiceSpec *spec = hr_generation_get_spec (self->old);

  self->timer = hr_clock_after (self->clock, HR_HANDOVER_TAKE_USEC, give_up, task);
  /* What was told to stop before it had read its state may write an empty one. */
  if (!spec->preserve || (!hr_generation_is_ready (self->old) && !hr_generation_has_opened_state (self->old)))
    hr_state_files_discard (self->parts.state, hr_generation_get_id (self->old));
  if (!spec->preserve)
    {
      carry (task);
      return;
    }
  hr_state_files_collect_async (self->parts.state, hr_generation_get_id (self->old),
                                hr_generation_get_release (self->old), spec->state_version, self->cancellable,
                                collected, task);
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
 * @platform: the operating system
 * @old: the instance that ends; it may have ended already
 * @parts: the service's files and state
 * @to_slot: where the successor runs, for what @old wrote into its slot; or %HR_SLOT_NONE
 * @stop_timeout: from now to SIGKILL, in microseconds
 * @callback: called when nothing of @old is left to take
 * @user_data: for @callback
 *
 * Cannot be cancelled: an instance that was told to stop will stop. It is bounded by @stop_timeout and
 * %HR_HANDOVER_TAKE_USEC.
 */
void
hr_handover_async (HrPlatform *platform, HrGeneration *old, const HrParts *parts, HrSlot to_slot, gint64 stop_timeout,
                   GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (old, NULL, callback, user_data);
  Handover *self = g_new0 (Handover, 1);

  g_task_set_source_tag (task, hr_handover_async);
  g_task_set_task_data (task, self, handover_free);
  self->clock = g_object_ref (hr_platform_get_clock (platform));
  self->cancellable = g_cancellable_new ();
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
  hr_generation_hand_over (old, stop_timeout);
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
 * Returns: success; else %HR_ERROR_STATE_FAILED or %HR_ERROR_TIMED_OUT: what the old one wrote cannot be kept; it has
 *   ended all the same
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
