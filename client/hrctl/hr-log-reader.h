/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-log-reader.h: the lines of one log that a program may be writing to, whose head may be freed meanwhile.
 *
 * Offsets in a log never change: what is freed becomes a hole, which is passed over. The file is open while it is read
 * only, since the daemon removes no log that somebody has open.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What is longer comes in pieces. */
#define HR_LOG_LINE_MAX (1024 * 1024)

typedef struct _HrLogReader HrLogReader;

/**
 * HrLogLine:
 * @text: without the newline, not terminated, and not necessarily UTF-8
 * @length: in bytes
 * @offset: where it begins in the file
 * @lost: whether something before it was freed before it was read
 */
typedef struct {
  const char *text;
  gsize length;
  guint64 offset;
  gboolean lost;
} HrLogLine;

HrLogReader *hr_log_reader_new (const char *path);
void hr_log_reader_free (HrLogReader *self);
gboolean hr_log_reader_open (HrLogReader *self, GError **error);
void hr_log_reader_close (HrLogReader *self);
guint64 hr_log_reader_get_size (HrLogReader *self);
guint64 hr_log_reader_find_tail (HrLogReader *self, guint64 begin, guint64 end, guint64 lines);
void hr_log_reader_seek (HrLogReader *self, guint64 offset, guint64 end);
void hr_log_reader_rewind (HrLogReader *self);
void hr_log_reader_set_end (HrLogReader *self, guint64 end);
gboolean hr_log_reader_next (HrLogReader *self, HrLogLine *line);
gboolean hr_log_reader_rest (HrLogReader *self, HrLogLine *line);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrLogReader, hr_log_reader_free)

G_END_DECLS
