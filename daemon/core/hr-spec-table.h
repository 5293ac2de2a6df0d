/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-spec-table.h: the keys of a service file that are in force, of whichever file and profile each is.
 *
 * A later entry takes the place of an earlier one with the same group and key, and its position: the order of globs in
 * [Actions] is that of their first mention.
 */
#pragma once

#include "hr-spec-file.h"

G_BEGIN_DECLS

typedef struct _HrSpecTable HrSpecTable;

HrSpecTable *hr_spec_table_new (void);
void hr_spec_table_free (HrSpecTable *self);
void hr_spec_table_put (HrSpecTable *self, const HrSpecEntry *entry);
const HrSpecEntry *hr_spec_table_get (const HrSpecTable *self, const char *group, const char *key);
const HrSpecEntry *hr_spec_table_first (const HrSpecTable *self, const char *group);
const GPtrArray *hr_spec_table_entries (const HrSpecTable *self);
char *hr_spec_table_write (const HrSpecTable *self);
char *hr_spec_table_checksum (const HrSpecTable *self, const char *profile);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrSpecTable, hr_spec_table_free)

G_END_DECLS
