/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-tree-scan.h: reading a source into the rollback store.
 *
 * Two passes: the first looks at names and times and decides what has to be read, so that a source that is too large
 * is refused before anything is read; the second reads, stores, and forms the trees. What both know is kept for the
 * next scan. Symbolic links are recorded, never followed, and no directory is entered through one.
 *
 * Blocks; one thread at a time.
 */
#pragma once

#include "hr-release-store.h"
#include "hr-service-spec.h"
#include "hr-tree-node.h"

G_BEGIN_DECLS

/* What a source may have that is not ignored; with Slots=no nothing is placed, and a scan may take its time. */
#define HR_TREE_SCAN_FILES_MAX 50000
#define HR_TREE_SCAN_BYTES_MAX (G_GUINT64_CONSTANT (1) << 30)
#define HR_TREE_SCAN_FILES_MAX_NO_SLOTS 1000000
#define HR_TREE_SCAN_BYTES_MAX_NO_SLOTS (G_GUINT64_CONSTANT (16) << 30)

/* Directories inside each other; each is an open descriptor while it is walked. */
#define HR_TREE_SCAN_DEPTH_MAX 256

/* With more hints than this everything is looked at. */
#define HR_TREE_SCAN_HINTS_MAX 1000

/* How often a file that changes while it is read is tried, and how much longer each time is waited, in microseconds. */
#define HR_TREE_SCAN_TRIES_MAX 6
#define HR_TREE_SCAN_TRY_USEC 20000

/* Content that changed less than this before it was read is read again by the next scan, in nanoseconds: a second
 * change within one tick of the file system's clock has the same times. */
#define HR_TREE_SCAN_RACY_NSEC 20000000

/* From so many files on, what is new is written as a pack. */
#define HR_TREE_SCAN_BATCH_FILES 256

/* A larger file is not taken into memory, in bytes. */
#define HR_TREE_SCAN_MEMORY_MAX (32 * 1024 * 1024)

/* A longer .gitignore is not read, in bytes. */
#define HR_TREE_SCAN_GITIGNORE_MAX (1024 * 1024)

typedef struct _HrTreeScan HrTreeScan;

HrTreeScan *hr_tree_scan_new (HrServiceSpec *spec, const char *left_out);
void hr_tree_scan_free (HrTreeScan *self);
void hr_tree_scan_allow_large (HrTreeScan *self);
gboolean hr_tree_scan_run (HrTreeScan *self, HrGitRepo *repo, const char *const *hints, GCancellable *cancellable,
                           HrScan *scan, GError **error);
void hr_tree_scan_set_known (HrTreeScan *self, GHashTable *known);
void hr_tree_scan_forget (HrTreeScan *self);
const HrNode *hr_tree_scan_root (HrTreeScan *self);
guint hr_tree_scan_n_read (HrTreeScan *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrTreeScan, hr_tree_scan_free)

G_END_DECLS
