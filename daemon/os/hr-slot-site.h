/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-slot-site.h: where the slots of one service are, and the operations on them, as blocking calls.
 *
 * For HrDirSlots, which runs them in a worker thread, one at a time.
 */
#pragma once

#include "hr-ignore.h"
#include "hr-owner.h"
#include "hr-slots.h"

G_BEGIN_DECLS

/**
 * HrSlotSite:
 * @service: name, for messages
 * @source: the real source
 * @base: directory of the slots and all that is beside them
 * @real_source: (nullable): mount point for the real source; %NULL: nothing is mounted
 * @store: the rollback store
 * @ignore: the service's rules; only ever copied
 * @owner: whose the files in the slots are
 *
 * Never changed once it is set up.
 */
typedef struct {
  char *service;
  char *source;
  char *base;
  char *real_source;
  HrReleaseStore *store;
  HrIgnore *ignore;
  HrOwner owner;
} HrSlotSite;

/**
 * HrSlotOrder:
 * @slot: the one that is changed
 * @from: where files are brought from, or %HR_SLOT_NONE
 * @release: (nullable): what to place; %NULL: only to carry
 * @share_dirs: directories to share, sorted
 * @share_files: files to share, sorted
 *
 * What is to be done.
 */
typedef struct {
  HrSlot slot;
  HrSlot from;
  HrRelease *release;
  char **share_dirs;
  char **share_files;
} HrSlotOrder;

void hr_slot_site_clear (HrSlotSite *self);
char *hr_slot_site_file (const HrSlotSite *self, HrSlot slot, const char *suffix);
guint64 hr_slot_site_holds (const HrSlotSite *self, HrSlot slot);
HrPlacement *hr_slot_site_place (const HrSlotSite *self, const HrSlotOrder *order, GCancellable *cancellable,
                                 GError **error);
HrPlacement *hr_slot_site_carry (const HrSlotSite *self, const HrSlotOrder *order, GCancellable *cancellable,
                                 GError **error);
gboolean hr_slot_site_seal (const HrSlotSite *self, HrSlot slot, GCancellable *cancellable, GError **error);

G_END_DECLS
