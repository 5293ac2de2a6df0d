/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-slots.h: the two directories of a service from which its releases run.
 *
 * An interface; HrDirSlots is the real one. What is placed differs from what the slot held only by what is written:
 * the running slot is never touched, its directory never renamed or recreated. All work runs in a worker thread, one
 * operation of a service at a time.
 */
#pragma once

#include <gio/gio.h>

#include "hr-release-store.h"
#include "hr-view.h"

G_BEGIN_DECLS

typedef enum { HR_SLOT_NONE = -1, HR_SLOT_A = 0, HR_SLOT_B = 1 } HrSlot;

/**
 * HrPlacement:
 * @view: where a program started from the slot sees its files
 * @written: how many files were written or removed
 * @carried: files that a program had written into the slot it ran in, brought along; relative paths
 * @kept_aside: carried files that lost against the developer's own change, where their copy is kept: absolute paths
 *
 * What placing did.
 */
typedef struct {
  HrView *view;
  guint written;
  char **carried;
  char **kept_aside;
} HrPlacement;

void hr_placement_free (HrPlacement *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrPlacement, hr_placement_free)

#define HR_TYPE_SLOTS (hr_slots_get_type ())
G_DECLARE_INTERFACE (HrSlots, hr_slots, HR, SLOTS, GObject)

struct _HrSlotsInterface {
  GTypeInterface parent;

  void (*place_async) (HrSlots *self, HrSlot slot, const HrRelease *release, const HrScan *scan, HrSlot carry_from,
                       GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  HrPlacement *(*place_finish) (HrSlots *self, GAsyncResult *result, GError **error);
  void (*carry_async) (HrSlots *self, HrSlot from, HrSlot to, GCancellable *cancellable, GAsyncReadyCallback callback,
                       gpointer user_data);
  HrPlacement *(*carry_finish) (HrSlots *self, GAsyncResult *result, GError **error);
  void (*seal_async) (HrSlots *self, HrSlot slot, GCancellable *cancellable, GAsyncReadyCallback callback,
                      gpointer user_data);
  gboolean (*seal_finish) (HrSlots *self, GAsyncResult *result, GError **error);
  guint64 (*holds) (HrSlots *self, HrSlot slot);
  const char *(*view_note) (HrSlots *self);
  void (*run_in_place) (HrSlots *self, const char *why);
};

void hr_slots_place_async (HrSlots *self, HrSlot slot, const HrRelease *release, const HrScan *scan, HrSlot carry_from,
                           GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
HrPlacement *hr_slots_place_finish (HrSlots *self, GAsyncResult *result, GError **error);
void hr_slots_carry_async (HrSlots *self, HrSlot from, HrSlot to, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data);
HrPlacement *hr_slots_carry_finish (HrSlots *self, GAsyncResult *result, GError **error);
void hr_slots_seal_async (HrSlots *self, HrSlot slot, GCancellable *cancellable, GAsyncReadyCallback callback,
                          gpointer user_data);
gboolean hr_slots_seal_finish (HrSlots *self, GAsyncResult *result, GError **error);
guint64 hr_slots_holds (HrSlots *self, HrSlot slot);
const char *hr_slots_view_note (HrSlots *self);
void hr_slots_run_in_place (HrSlots *self, const char *why);
const char *hr_slot_to_string (HrSlot slot);

G_END_DECLS
