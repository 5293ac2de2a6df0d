/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-slot-record.h: what is known about the files in one slot.
 *
 * Three tables: what was placed there, each with the stamp the file had then, so that what a program changed is found
 * without reading it; of the program's own files, the stamp each had when the other slot got it or gave it; and
 * what builds and checks made, which stays where it was made. Used by one thread at a time.
 */
#pragma once

#include "hr-stamp.h"

G_BEGIN_DECLS

/**
 * HrPlacedKind:
 * @HR_PLACED_FILE: a file of the tree
 * @HR_PLACED_LINK: a symbolic link of the tree
 * @HR_PLACED_DIR: a directory of the tree, or one that a share needed above it
 * @HR_PLACED_SHARE_LINK: a link to something shared
 * @HR_PLACED_SHARE_DIR: an empty directory to mount something shared on
 */
typedef enum {
  HR_PLACED_FILE = 'f',
  HR_PLACED_LINK = 'l',
  HR_PLACED_DIR = 'd',
  HR_PLACED_SHARE_LINK = 's',
  HR_PLACED_SHARE_DIR = 'm'
} HrPlacedKind;

/**
 * HrPlaced:
 * @kind: what it is
 * @mode: permission bits of files and directories
 * @id: (nullable): blob id of a file or link of the tree, target of a link to something shared
 * @stamp: of the file when it was placed; of inode 0 when something else stands in its place since
 * @seen: not kept: it was there at the last walk
 * @intact: not kept: it was what had been placed
 * @mode_now: not kept: its permission bits at the last walk
 */
typedef struct {
  HrPlacedKind kind;
  guint mode;
  char *id;
  HrStamp stamp;
  gboolean seen;
  gboolean intact;
  guint mode_now;
} HrPlaced;

/**
 * HrAgreed:
 * @stamp: that the file had
 * @kept: whether it lost against another version and a copy is kept aside
 *
 * A program's own file of which the content is safe elsewhere as long as its stamp is this one.
 */
typedef struct {
  HrStamp stamp;
  gboolean kept;
} HrAgreed;

/**
 * HrSlotRecord:
 * @release: number of the release in the slot, 0: none
 * @tree: (nullable): its tree
 * @placed_at: when placing ended, nanoseconds since 1970: no program ran before
 * @placed: (element-type filename HrPlaced): paths relative to the slot
 * @agreed: (element-type filename HrAgreed): the program's own files that the other slot had, or that are kept aside
 * @made: (element-type filename HrStamp): what builds and checks made in the slot, which is not the program's
 * @changed: not kept: whether something was entered since it was loaded
 */
typedef struct {
  guint64 release;
  char *tree;
  gint64 placed_at;
  GHashTable *placed;
  GHashTable *agreed;
  GHashTable *made;
  gboolean changed;
} HrSlotRecord;

HrSlotRecord *hr_slot_record_new (void);
void hr_slot_record_free (HrSlotRecord *self);
HrPlaced *hr_slot_record_place (HrSlotRecord *self, const char *path, HrPlacedKind kind, guint mode, const char *id);
void hr_slot_record_agree (HrSlotRecord *self, const char *path, const HrStamp *stamp, gboolean kept);
const HrAgreed *hr_slot_record_agrees (const HrSlotRecord *self, const char *path, const struct stat *info);
void hr_slot_record_make (HrSlotRecord *self, const char *path, const HrStamp *stamp);
gboolean hr_slot_record_is_made (const HrSlotRecord *self, const char *path, const struct stat *info);
gboolean hr_slot_record_sure (const HrSlotRecord *self, const HrPlaced *placed);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrSlotRecord, hr_slot_record_free)

G_END_DECLS
