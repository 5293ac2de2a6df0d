/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-slot-shares.h: what a slot holds in place of that which is not recorded but used in place.
 *
 * Where the slot is mounted over the source, a directory is mounted into it, for which it holds an empty one, and a
 * single file is a link to the real one behind a second mount: a file mounted alone could not be renamed over. Where
 * it is not, both are links to the real source, and .git is left out: a link would let programs write there.
 */
#pragma once

#include "hr-release-store.h"
#include "hr-slot-record.h"

G_BEGIN_DECLS

/**
 * HrSlotShares:
 * @source: the real source
 * @real_source: (nullable): where it is mounted a second time; %NULL: nothing is mounted
 * @dirs: directories shared, relative to the source, sorted
 * @files: single files and links, the same
 *
 * What is shared, and how. All members stay the caller's.
 */
typedef struct {
  const char *source;
  const char *real_source;
  const char *const *dirs;
  const char *const *files;
} HrSlotShares;

void hr_slot_shares_place (const HrSlotShares *self, HrSlotRecord *want, char ***mounts, char ***read_only_mounts);

G_END_DECLS
