/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-slot-change.h: one change of a slot under way: what it works on, and the steps that placing and carrying share.
 *
 * The rule behind all of it: nothing that a program wrote is overwritten or removed unless it is safe elsewhere, and
 * nothing is changed before the slot is marked as being placed. Lives for one operation, in one worker thread.
 */
#pragma once

#include "hr-release-store.h"
#include "hr-slot-dir.h"
#include "hr-slot-record.h"
#include "hr-slot-walk.h"

G_BEGIN_DECLS

/* Of what was kept aside, the directories of so many releases stay; beyond it the oldest go. */
#define HR_SLOT_KEPT_MAX 64

/* So many paths of what was carried or kept aside are named. */
#define HR_SLOT_REPORT_MAX 1000

/**
 * HrSlotChange:
 * @service: name, for messages
 * @store: the rollback store
 * @kept: directory for what is kept aside
 * @marker: (nullable): file that exists while the slot is neither what it was nor what it shall be
 * @cancellable: (nullable): stops between two files
 * @to: the slot that is changed
 * @have: what was placed in @to
 * @scratch: whether @have cannot be trusted: what the store knows is then taken as placed
 * @in_to: (nullable): what a program wrote into @to
 * @want: what shall be in @to; its entries get their stamps as they are placed
 * @from: (nullable): the slot from which a program's files are brought along
 * @from_record: (nullable): its record
 * @in_from: (nullable): what the program wrote there
 * @from_ended: whether its program is known to have ended
 * @begun: whether @marker is there
 * @written: how many files were written or removed
 * @carried: (element-type filename): relative paths
 * @kept_aside: (element-type filename): absolute paths
 */
typedef struct {
  const char *service;
  HrReleaseStore *store;
  char *kept;
  const char *marker;
  GCancellable *cancellable;
  HrSlotDir *to;
  HrSlotRecord *have;
  gboolean scratch;
  HrSlotWalk *in_to;
  HrSlotRecord *want;
  HrSlotDir *from;
  HrSlotRecord *from_record;
  HrSlotWalk *in_from;
  gboolean from_ended;
  gboolean begun;
  guint written;
  GPtrArray *carried;
  GPtrArray *kept_aside;
} HrSlotChange;

HrSlotChange *hr_slot_change_new (const char *service, HrReleaseStore *store, const char *base);
void hr_slot_change_free (HrSlotChange *self);
gboolean hr_slot_change_begin (HrSlotChange *self, GError **error);
gboolean hr_slot_change_is_recorded (HrSlotChange *self, HrSlotDir *dir, const char *path, const struct stat *info);
gboolean hr_slot_change_protect (HrSlotChange *self, const char *path, const struct stat *info, GError **error);
gboolean hr_slot_change_vacate (HrSlotChange *self, const char *path, GError **error);
gboolean hr_slot_change_has_below (HrSlotChange *self, const char *path);
gboolean hr_slot_change_keep (HrSlotChange *self, HrSlotDir *dir, guint64 release, const char *path,
                              const struct stat *info, gboolean move, GError **error);
void hr_slot_change_carried (HrSlotChange *self, const char *path);
void hr_slot_change_forget_bytecode (HrSlotChange *self, const char *path);
gboolean hr_placed_kind_is_dir (HrPlacedKind kind);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrSlotChange, hr_slot_change_free)

G_END_DECLS
