/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-slot-walk.h: finding out what a program wrote into its slot.
 *
 * Compares what is there with the slot's record, by stamp first and by content where the stamp differs. Files of
 * caches, build output, what builds and checks made, and what is neither file, directory nor link, are passed over. A program may run there.
 */
#pragma once

#include "hr-ignore.h"
#include "hr-slot-dir.h"
#include "hr-slot-record.h"

G_BEGIN_DECLS

/* A larger .gitignore is not read. */
#define HR_SLOT_GITIGNORE_MAX (1024 * 1024)

/**
 * HrSlotOwn:
 * @path: relative to the slot
 * @info: its attributes
 * @placed: (nullable): what had been placed there; belongs to the record
 *
 * What is a program's own in a slot: created, or changed after it was placed.
 */
typedef struct {
  char *path;
  struct stat info;
  const HrPlaced *placed;
} HrSlotOwn;

/**
 * HrSlotWalk:
 * @own: (element-type HrSlotOwn): sorted by path, so directories come before what is in them
 * @paths: (element-type filename HrSlotOwn): the same by path
 * @hidden: (element-type filename): set of paths that are neither of a release, nor own, nor cache
 * @unreadable: (element-type filename): directories that could not be looked into
 *
 * What a walk found.
 */
typedef struct {
  GPtrArray *own;
  GHashTable *paths;
  GHashTable *hidden;
  GPtrArray *unreadable;
} HrSlotWalk;

HrSlotWalk *hr_slot_walk (HrSlotDir *dir, HrSlotRecord *record, HrIgnore *ignore, GCancellable *cancellable,
                          GError **error);
void hr_slot_walk_free (HrSlotWalk *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrSlotWalk, hr_slot_walk_free)

G_END_DECLS
