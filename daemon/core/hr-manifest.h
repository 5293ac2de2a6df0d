/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-manifest.h: what a tree of git cannot keep of a source: permission bits and empty directories.
 *
 * Text. The first line, "umask 0022", gives the modes of everything that is not listed: 0666, or 0777 for directories
 * and files their owner may execute, without these bits. Each further line is a kind, a mode and a path:
 *
 *   f 0600 etc/secret       a file with another mode
 *   d 0700 private          a directory, with something in it, with another mode
 *   e 0755 spool            a directory in which nothing is recorded
 *
 * The umask is the one of hr_manifest_umasks under which the fewest lines are needed, so that a tree that was made
 * with umask 002 does not list everything. Equal sources give equal manifests. Of the source itself the mode is not
 * kept. Pure.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define HR_MANIFEST_N_UMASKS 5
extern const guint hr_manifest_umasks[HR_MANIFEST_N_UMASKS];

/**
 * HrManifestLine:
 * @kind: 'f', 'd' or 'e'
 * @mode: permission bits
 */
typedef struct {
  char kind;
  guint mode;
} HrManifestLine;

typedef struct _HrManifest HrManifest;

guint hr_manifest_default_mode (guint umask_bits, gboolean executable);
void hr_manifest_begin (GString *text, guint umask_bits);
void hr_manifest_append (GString *text, char kind, guint mode, const char *path);

HrManifest *hr_manifest_parse (const char *text, gsize size, GError **error);
void hr_manifest_free (HrManifest *self);
guint hr_manifest_umask (const HrManifest *self);
GHashTable *hr_manifest_lines (const HrManifest *self);
guint hr_manifest_mode (const HrManifest *self, const char *path, gboolean executable);

char *hr_manifest_escape (const char *text);
char *hr_manifest_unescape (const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrManifest, hr_manifest_free)

G_END_DECLS
