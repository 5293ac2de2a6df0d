/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-source-links.h: where a source's path leads, and every name on the way that another directory could be put behind.
 *
 * A deployment that swaps a link ('current', '..data' of Kubernetes) or renames a directory above the source changes
 * the source without an event in it.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* More links in one path are an error, as for the kernel. */
#define HR_SOURCE_LINKS_MAX 40

/**
 * HrSourceName:
 * @dir: a directory without links in its path
 * @name: a name in it
 * @is_dir: it is a directory, which has to be watched itself: that it is moved or removed; otherwise a link or nothing
 *   yet, and its directory has to be watched for the name
 */
typedef struct {
  char *dir;
  char *name;
  gboolean is_dir;
} HrSourceName;

char *hr_source_links_resolve (const char *path, GPtrArray *names, GError **error);
GPtrArray *hr_source_names_new (void);

G_END_DECLS
