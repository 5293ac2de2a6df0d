/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-tree-scan-private.h: what the two passes of a scan share. Included by hr-tree-*.c only.
 */
#pragma once

#include "hr-ignore.h"
#include "hr-tree-scan.h"

G_BEGIN_DECLS

struct _HrTreeScan {
  HrServiceSpec *spec;
  HrIgnore *ignore;
  char *left_out; /* a directory that is never walked: the daemon's own state */
  HrNode *root;
  HrNodeTotals totals;
  gboolean complete; /* the last scan ended well: hints are enough */
  gboolean large;    /* the limits of Slots=no hold */
  dev_t device;      /* of the source at the last scan */
  ino_t inode;
  GHashTable *known; /* (nullable): path → HrIndexEntry, of the daemon before this one, until a scan ended well */
  guint n_read;      /* files that were read since the scan was made */
  gint64 quiet;      /* of this scan, see HrScan */

  /* During a scan. */
  HrGitRepo *repo;
  GCancellable *cancellable;
  GString *path;    /* where the pass is, relative to the source */
  GPtrArray *again; /* paths that changed while they were read */
  GByteArray *buffer;
  dev_t left_out_device;
  ino_t left_out_inode;
};

gsize hr_tree_scan_push (HrTreeScan *self, const char *name);
void hr_tree_scan_pop (HrTreeScan *self, gsize length);
gboolean hr_tree_scan_set_error (HrTreeScan *self, int errnum, const char *doing, GError **error);

gboolean hr_tree_look_all (HrTreeScan *self, int root_fd, GError **error);
gboolean hr_tree_look_hint (HrTreeScan *self, int root_fd, const char *hint, GError **error);
gboolean hr_tree_record (HrTreeScan *self, int root_fd, GError **error);

G_END_DECLS
