/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-table.h: columns of text for people. Columns are as wide as their widest cell on a terminal; a column in which
 * nothing stands is left out.
 */
#pragma once

#include "hr-output.h"

G_BEGIN_DECLS

typedef struct _HrTable HrTable;

HrTable *hr_table_new (const char *first_header, ...) G_GNUC_NULL_TERMINATED;
void hr_table_free (HrTable *self);
void hr_table_add (HrTable *self, const char *first_cell, ...) G_GNUC_NULL_TERMINATED;
void hr_table_tint (HrTable *self, guint column, HrTint tint);
char *hr_table_to_text (HrTable *self, HrOutput *output);
void hr_table_print (HrTable *self, HrOutput *output);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrTable, hr_table_free)

G_END_DECLS
