/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-fake-slots.h: two slots without files. Placing into a slot in which something runs is a fault of the caller.
 */
#pragma once

#include "hr-fake-gate.h"
#include "hr-slots.h"

G_BEGIN_DECLS

/* Whether something runs in @slot. */
typedef gboolean (*HrFakeSlotUsed) (HrSlot slot, gpointer user_data);

#define HR_TYPE_FAKE_SLOTS (hr_fake_slots_get_type ())
G_DECLARE_FINAL_TYPE (HrFakeSlots, hr_fake_slots, HR, FAKE_SLOTS, GObject)

/**
 * HrFakeSlots:
 * @place: what becomes of placing
 * @carry: what becomes of carrying
 * @seal: what becomes of sealing
 * @carried: (nullable): a file that the program has written, brought along each time
 * @note: for status
 */
struct _HrFakeSlots {
  GObject parent_instance;

  HrFakeGate place;
  HrFakeGate carry;
  HrFakeGate seal;
  const char *carried;
  const char *note;

  guint64 holds[2];
  HrFakeSlotUsed is_used;
  gpointer is_used_data;
};

HrFakeSlots *hr_fake_slots_new (HrFakeSlotUsed is_used, gpointer user_data);

G_END_DECLS
