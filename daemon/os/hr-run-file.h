/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-run-file.h: a file of the run state, and one that holds the record of one service.
 */
#pragma once

#include <gio/gio.h>

#include "hr-run-record.h"

G_BEGIN_DECLS

/**
 * HrRunStamp:
 * @change: the how manyth change of its record it was
 * @this_boot: whether it was written since the machine was started
 *
 * Which of two files of one service tells what is so.
 */
typedef struct {
  guint64 change;
  gboolean this_boot;
} HrRunStamp;

JsonParser *hr_run_file_load (const char *path, gsize size_max, GError **error);
HrRunRecord *hr_run_file_read (const char *path, HrRunStamp *stamp, GError **error);
gboolean hr_run_file_write (const char *path, const HrRunRecord *record, guint64 change, gboolean lasts,
                            GError **error);
void hr_run_file_set_aside (const char *path, const GError *why);

G_END_DECLS
