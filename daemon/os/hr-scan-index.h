/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-scan-index.h: what a scan knew, kept in a file, so that a daemon that starts need not read every file again.
 *
 * Only a cache: a file that is missing or old costs time, nothing else. The file has a magic line with a version,
 * records in the byte order of the machine, and a checksum over both.
 */
#pragma once

#include "hr-tree-node.h"

G_BEGIN_DECLS

/* A larger index is not read, in bytes. */
#define HR_SCAN_INDEX_SIZE_MAX ((gsize)512 * 1024 * 1024)

/**
 * HrIndexEntry:
 *
 * A recorded file or link as it was last read; never one that was read too shortly after it changed.
 */
typedef struct {
  HrStatKey key;
  HrOid oid;
  guint8 kind;
} HrIndexEntry;

gboolean hr_scan_index_write (const char *path, const HrNode *root, GError **error);
GHashTable *hr_scan_index_read (const char *path, GError **error);

G_END_DECLS
