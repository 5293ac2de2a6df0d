/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-fake-slots.h"

typedef struct {
  HrSlot slot;
  guint64 release;
  gboolean carries;
} Request;

static void hr_fake_slots_iface_init (HrSlotsInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HrFakeSlots, hr_fake_slots, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (HR_TYPE_SLOTS, hr_fake_slots_iface_init))

static void
check_unused (HrFakeSlots *self, HrSlot slot)
{
  if (self->is_used (slot, self->is_used_data))
    g_error ("slot %s is written to, but a program runs in it", hr_slot_to_string (slot));
}

static HrPlacement *
placement_new (HrFakeSlots *self, HrView *view, gboolean carries)
{
  HrPlacement *placement = g_new0 (HrPlacement, 1);

  placement->view = view;
  placement->carried = g_new0 (char *, 2);
  placement->kept_aside = g_new0 (char *, 1);
  if (carries)
    placement->carried[0] = g_strdup (self->carried);
  return placement;
}

static void
answer_place (GTask *task)
{
  HrFakeSlots *self = g_task_get_source_object (task);
  Request *request = g_task_get_task_data (task);
  g_autofree char *dir = g_strdup_printf ("/fake/slots/%s", hr_slot_to_string (request->slot));
  static const char *const none[] = { NULL };

  check_unused (self, request->slot);
  self->holds[request->slot] = request->release;
  g_task_return_pointer (task,
                         placement_new (self, hr_view_new ("/fake/source", dir, NULL, none, none), request->carries),
                         (GDestroyNotify)hr_placement_free);
}

static void
fake_place_async (HrSlots *slots, HrSlot slot, const HrRelease *release, const HrScan *scan, HrSlot carry_from,
                  GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  HrFakeSlots *self = HR_FAKE_SLOTS (slots);
  GTask *task = g_task_new (slots, cancellable, callback, user_data);
  Request *request = g_new0 (Request, 1);

  g_assert_nonnull (scan);
  g_assert_nonnull (scan->share_dirs);
  check_unused (self, slot);
  if (self->holds[slot] != release->number)
    self->holds[slot] = 0;
  request->slot = slot;
  request->release = release->number;
  request->carries = carry_from != HR_SLOT_NONE;
  g_task_set_task_data (task, request, g_free);
  hr_fake_gate_pass (&self->place, task, answer_place);
}

static void
answer_carry (GTask *task)
{
  HrFakeSlots *self = g_task_get_source_object (task);
  Request *request = g_task_get_task_data (task);

  check_unused (self, request->slot);
  g_task_return_pointer (task, placement_new (self, NULL, TRUE), (GDestroyNotify)hr_placement_free);
}

static void
fake_carry_async (HrSlots *slots, HrSlot from, HrSlot to, GCancellable *cancellable, GAsyncReadyCallback callback,
                  gpointer user_data)
{
  HrFakeSlots *self = HR_FAKE_SLOTS (slots);
  GTask *task = g_task_new (slots, cancellable, callback, user_data);
  Request *request = g_new0 (Request, 1);

  /* Its program has ended: what it wrote is complete. */
  check_unused (self, from);
  request->slot = from;
  g_task_set_task_data (task, request, g_free);
  hr_fake_gate_pass (&self->carry, task, answer_carry);
}

static HrPlacement *
fake_finish (HrSlots *slots, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
answer_seal (GTask *task)
{
  g_task_return_boolean (task, TRUE);
}

static void
fake_seal_async (HrSlots *slots, HrSlot slot, GCancellable *cancellable, GAsyncReadyCallback callback,
                 gpointer user_data)
{
  HrFakeSlots *self = HR_FAKE_SLOTS (slots);

  check_unused (self, slot);
  hr_fake_gate_pass (&self->seal, g_task_new (slots, cancellable, callback, user_data), answer_seal);
}

static gboolean
fake_seal_finish (HrSlots *slots, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static guint64
fake_holds (HrSlots *slots, HrSlot slot)
{
  return HR_FAKE_SLOTS (slots)->holds[slot];
}

static const char *
fake_view_note (HrSlots *slots)
{
  return HR_FAKE_SLOTS (slots)->note;
}

static void
hr_fake_slots_iface_init (HrSlotsInterface *iface)
{
  iface->place_async = fake_place_async;
  iface->place_finish = fake_finish;
  iface->carry_async = fake_carry_async;
  iface->carry_finish = fake_finish;
  iface->seal_async = fake_seal_async;
  iface->seal_finish = fake_seal_finish;
  iface->holds = fake_holds;
  iface->view_note = fake_view_note;
}

static void
hr_fake_slots_finalize (GObject *object)
{
  HrFakeSlots *self = HR_FAKE_SLOTS (object);

  hr_fake_gate_clear (&self->place);
  hr_fake_gate_clear (&self->carry);
  hr_fake_gate_clear (&self->seal);
  G_OBJECT_CLASS (hr_fake_slots_parent_class)->finalize (object);
}

static void
hr_fake_slots_class_init (HrFakeSlotsClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hr_fake_slots_finalize;
}

static void
hr_fake_slots_init (HrFakeSlots *self)
{
  self->note = "source";
}

/**
 * hr_fake_slots_new:
 * @is_used: whether something runs in a slot
 * @user_data: for @is_used
 *
 * Returns: (transfer full): empty slots
 */
HrFakeSlots *
hr_fake_slots_new (HrFakeSlotUsed is_used, gpointer user_data)
{
  HrFakeSlots *self = g_object_new (HR_TYPE_FAKE_SLOTS, NULL);

  self->is_used = is_used;
  self->is_used_data = user_data;
  return self;
}
