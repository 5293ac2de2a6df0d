/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-slots.h"

G_DEFINE_INTERFACE (HrSlots, hr_slots, G_TYPE_OBJECT)

static void
hr_slots_default_init (HrSlotsInterface *iface)
{
}

/**
 * hr_placement_free:
 * @self: (transfer full) (nullable): a placement
 */
void
hr_placement_free (HrPlacement *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->view, hr_view_unref);
  g_strfreev (self->carried);
  g_strfreev (self->kept_aside);
  g_free (self);
}

/**
 * hr_slots_place_async:
 * @self: the slots
 * @slot: the one to bring to @release; nothing may run in it
 * @release: what it shall hold
 * @scan: the newest scan of the source, for what is shared
 * @carry_from: the slot whose program's own files are brought along, or %HR_SLOT_NONE
 * @cancellable: (nullable): stops between two files; the slot is then placed anew the next time
 * @callback: called in the caller's main context
 * @user_data: for @callback
 */
void
hr_slots_place_async (HrSlots *self, HrSlot slot, const HrRelease *release, const HrScan *scan, HrSlot carry_from,
                      GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (HR_IS_SLOTS (self));
  g_return_if_fail (slot != HR_SLOT_NONE && slot != carry_from);
  g_return_if_fail (release != NULL && scan != NULL);
  HR_SLOTS_GET_IFACE (self)->place_async (self, slot, release, scan, carry_from, cancellable, callback, user_data);
}

/**
 * hr_slots_place_finish:
 * @self: the slots
 * @result: of hr_slots_place_async()
 * @error: return location
 *
 * Returns: (transfer full): what was done; %NULL with an error that names the path
 */
HrPlacement *
hr_slots_place_finish (HrSlots *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (HR_IS_SLOTS (self), NULL);
  return HR_SLOTS_GET_IFACE (self)->place_finish (self, result, error);
}

/**
 * hr_slots_carry_async:
 * @self: the slots
 * @from: where a program has ended
 * @to: where its successor runs
 * @cancellable: (nullable): a #GCancellable
 * @callback: called in the caller's main context
 * @user_data: for @callback
 *
 * Brings what the program wrote into @from since the placement of @to, never over what was written in @to.
 */
void
hr_slots_carry_async (HrSlots *self, HrSlot from, HrSlot to, GCancellable *cancellable, GAsyncReadyCallback callback,
                      gpointer user_data)
{
  g_return_if_fail (HR_IS_SLOTS (self));
  g_return_if_fail (from != HR_SLOT_NONE && to != HR_SLOT_NONE && from != to);
  HR_SLOTS_GET_IFACE (self)->carry_async (self, from, to, cancellable, callback, user_data);
}

/**
 * hr_slots_carry_finish:
 * @self: the slots
 * @result: of hr_slots_carry_async()
 * @error: return location
 *
 * Returns: (transfer full): what was done, its view is %NULL; %NULL with an error set
 */
HrPlacement *
hr_slots_carry_finish (HrSlots *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (HR_IS_SLOTS (self), NULL);
  return HR_SLOTS_GET_IFACE (self)->carry_finish (self, result, error);
}

/**
 * hr_slots_seal_async:
 * @self: the slots
 * @slot: one in which builds and checks have run, and no program since it was placed
 * @cancellable: (nullable): a #GCancellable
 * @callback: called in the caller's main context
 * @user_data: for @callback
 *
 * What builds and checks made in @slot belongs to the slot and is never carried: a rollback must run what its own
 * release was built to. What a program changes of it afterwards is the program's.
 */
void
hr_slots_seal_async (HrSlots *self, HrSlot slot, GCancellable *cancellable, GAsyncReadyCallback callback,
                     gpointer user_data)
{
  g_return_if_fail (HR_IS_SLOTS (self));
  g_return_if_fail (slot != HR_SLOT_NONE);
  HR_SLOTS_GET_IFACE (self)->seal_async (self, slot, cancellable, callback, user_data);
}

/**
 * hr_slots_seal_finish:
 * @self: the slots
 * @result: of hr_slots_seal_async()
 * @error: return location
 *
 * Returns: success; else an error is set
 */
gboolean
hr_slots_seal_finish (HrSlots *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (HR_IS_SLOTS (self), FALSE);
  return HR_SLOTS_GET_IFACE (self)->seal_finish (self, result, error);
}

/**
 * hr_slots_holds:
 * @self: the slots
 * @slot: one of them
 *
 * Returns: the number of the release that is completely placed in @slot, or 0; always 0 when programs run in place
 */
guint64
hr_slots_holds (HrSlots *self, HrSlot slot)
{
  g_return_val_if_fail (HR_IS_SLOTS (self), 0);
  return slot == HR_SLOT_NONE ? 0 : HR_SLOTS_GET_IFACE (self)->holds (self, slot);
}

/**
 * hr_slots_view_note:
 * @self: the slots
 *
 * Returns: (transfer none): for status: "source", "slot", "in place" or "none" (nothing can be placed), and why when
 *   it is not what was asked for, as in "slot (the kernel allows no mount namespace)"
 */
const char *
hr_slots_view_note (HrSlots *self)
{
  g_return_val_if_fail (HR_IS_SLOTS (self), NULL);
  return HR_SLOTS_GET_IFACE (self)->view_note (self);
}

/**
 * hr_slots_run_in_place:
 * @self: the slots
 * @why: for people: what makes the source unfit for slots, as in "more than 50000 files"
 *
 * From now on programs run in the source itself: a placement writes nothing and its view is the source. For a scan
 * that failed with %HR_ERROR_LIMIT_EXCEEDED while the service file leaves the choice open (%HR_SLOTS_AUTO). Not while
 * a placement is under way.
 */
void
hr_slots_run_in_place (HrSlots *self, const char *why)
{
  g_return_if_fail (HR_IS_SLOTS (self));
  g_return_if_fail (why != NULL);
  if (HR_SLOTS_GET_IFACE (self)->run_in_place != NULL)
    HR_SLOTS_GET_IFACE (self)->run_in_place (self, why);
}

/**
 * hr_slot_to_string:
 * @slot: a slot
 *
 * Returns: (transfer none): "a", "b" or "" for none
 */
const char *
hr_slot_to_string (HrSlot slot)
{
  return slot == HR_SLOT_A ? "a" : slot == HR_SLOT_B ? "b" : "";
}
