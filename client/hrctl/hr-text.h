/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-text.h: moments, lengths of time, sizes and foreign words, written for people.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

char *hr_text_duration (gint64 usec);
char *hr_text_downtime (gint64 usec);
char *hr_text_time (gint64 usec);
char *hr_text_iso_time (gint64 usec);
gint64 hr_text_parse_iso_time (const char *text);
char *hr_text_size (guint64 bytes);
char *hr_text_number (guint64 number);
const char *hr_text_word (const char *word);
char *hr_text_cut (const char *text, guint width);
char *hr_text_clean (const char *text);
char *hr_text_clean_line (const char *text, gsize length, gboolean color);
char *hr_text_first_line (const char *text);
char *hr_text_indent (const char *text, const char *indent);
guint hr_text_width (const char *text);

G_END_DECLS
