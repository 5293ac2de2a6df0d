/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-tree-node.h: what the last scan knew of a source, path by path: a stat cache with the shape of the tree.
 *
 * A node that may differ from what is stored is dirty, and so is every directory above it: what is not dirty need not
 * be looked at again to record the source. Kept small: a source may have a million files.
 */
#pragma once

#include <sys/stat.h>

#include "hr-git-repo.h"
#include "hr-manifest.h"

G_BEGIN_DECLS

/**
 * HrNodeKind:
 * @HR_NODE_FILE: a recorded regular file
 * @HR_NODE_LINK: a recorded symbolic link
 * @HR_NODE_DIR: a recorded directory
 * @HR_NODE_SHARED: used in place
 * @HR_NODE_LEFT_OUT: in no release: a cache, hidden, or the daemon's own
 * @HR_NODE_SPECIAL: cannot be recorded: a socket, a FIFO or a device
 */
typedef enum { HR_NODE_FILE, HR_NODE_LINK, HR_NODE_DIR, HR_NODE_SHARED, HR_NODE_LEFT_OUT, HR_NODE_SPECIAL } HrNodeKind;

/**
 * HrStatKey:
 *
 * Two equal keys mean the same content, unless the second write came within one tick of the file system's clock.
 */
typedef struct {
  guint64 size;
  gint64 mtime; /* nanoseconds */
  gint64 ctime; /* nanoseconds */
  guint64 inode;
} HrStatKey;

typedef struct _HrNode HrNode;

/* What only a directory has. */
typedef struct {
  GPtrArray *children;               /* HrNode, sorted by name */
  HrStatKey *ignores;                /* of its .gitignore as it was read, or NULL */
  guint n_kept;                      /* entries that are recorded; 0: an empty directory */
  guint n_recorded;                  /* files and links below it */
  guint n_extra;                     /* shared and special nodes below it */
  guint n_odd[HR_MANIFEST_N_UMASKS]; /* lines that the manifest needs for what is below it */
} HrNodeDir;

struct _HrNode {
  HrNode *parent; /* NULL: the source itself */
  union {
    HrStatKey key;  /* file, link */
    HrNodeDir *dir; /* dir */
  };
  HrOid oid; /* file, link: content; dir: its tree; valid when not dirty */
  guint16 mode;
  guint8 kind;
  guint8 is_dir : 1;
  guint8 dirty : 1;
  guint8 racy : 1; /* changed too shortly before it was read: the key may be that of other content */
  char name[];
};

/**
 * HrNodeTotals:
 *
 * Of all recorded files and links.
 */
typedef struct {
  guint n_files;
  guint64 n_bytes;
  guint n_dirty;
} HrNodeTotals;

HrStatKey hr_stat_key (const struct stat *info);
gboolean hr_stat_key_equal (const HrStatKey *a, const HrStatKey *b);

HrNode *hr_node_new_root (void);
void hr_node_free_root (HrNode *root);
HrNode *hr_node_find (const HrNode *dir, const char *name);
HrNode *hr_node_put (HrNode *dir, const char *name, HrNodeKind kind, gboolean is_dir, HrNodeTotals *totals);
void hr_node_remove (HrNode *dir, HrNode *child, HrNodeTotals *totals);
void hr_node_set_dirty (HrNode *self, HrNodeTotals *totals);
void hr_node_set_stored (HrNode *self, const HrOid *oid, HrNodeTotals *totals);
void hr_node_set_size (HrNode *self, guint64 size, HrNodeTotals *totals);
void hr_node_sum (HrNode *dir);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrNode, hr_node_free_root)

G_END_DECLS
