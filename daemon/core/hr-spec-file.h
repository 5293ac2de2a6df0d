/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-spec-file.h: the lines of a service file: groups, keys and raw values, each with the place it stands at.
 *
 * The syntax of a GLib key file, read by a parser of our own: GKeyFile drops keys such as '*.[ch]', refuses others such
 * as 'src/[ab]*.py', and knows no line numbers. Knows no group or key by its meaning, but for two that shape the
 * syntax: a key of [Actions] is a glob and may hold '=', and [Profile NAME] holds keys of other groups.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a service file and its parts may be at most; beyond it the file is refused. */
#define HR_SPEC_FILE_MAX (1024 * 1024)
#define HR_SPEC_LIST_MAX 4096

#define HR_SPEC_GROUP_ACTIONS "Actions"
#define HR_SPEC_GROUP_ENVIRONMENT "Environment"

/**
 * HrSpecSource:
 * @file: path, for messages
 * @text: (array length=size): content
 * @size: in bytes
 *
 * A service file or a drop-in of it.
 */
typedef struct {
  const char *file;
  const char *text;
  gsize size;
} HrSpecSource;

/**
 * HrSpecEntry:
 * @file: a GRefString, path fit for messages
 * @line: from 1
 * @profile: (nullable): the NAME of [Profile NAME] it stands in
 * @group: without brackets; for a key in a profile the part before its dot
 * @key: (nullable): %NULL for the line of the group itself; in a profile the part after the dot
 * @value: (nullable): raw, without white space around it
 *
 * One line of a service file. UTF-8 without control characters.
 */
typedef struct {
  char *file;
  guint line;
  char *profile;
  char *group;
  char *key;
  char *value;
} HrSpecEntry;

GPtrArray *hr_spec_file_parse (const HrSpecSource *source, GError **error);
void hr_spec_entry_free (HrSpecEntry *self);
gboolean hr_spec_entry_fail (const HrSpecEntry *self, GError **error, const char *format, ...) G_GNUC_PRINTF (3, 4);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrSpecEntry, hr_spec_entry_free)

G_END_DECLS
