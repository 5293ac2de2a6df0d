/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-slot-record-file.h: the file in which a slot's record is kept. What cannot be read in full is no record.
 */
#pragma once

#include <gio/gio.h>

#include "hr-slot-record.h"

G_BEGIN_DECLS

/* A larger record is not read; it would be of a tree far above the limit for slots. */
#define HR_SLOT_RECORD_SIZE_MAX (256 * 1024 * 1024)

HrSlotRecord *hr_slot_record_file_parse (const char *text, gsize size, GError **error);
GBytes *hr_slot_record_file_serialize (const HrSlotRecord *record);
HrSlotRecord *hr_slot_record_file_load (const char *file, GError **error);
guint64 hr_slot_record_file_peek (const char *file);
gboolean hr_slot_record_file_save (const HrSlotRecord *record, const char *file, GError **error);

G_END_DECLS
