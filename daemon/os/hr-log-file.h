/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-log-file.h: what can be done to a log that a program writes to, without the program's knowledge.
 *
 * The head of the file is given back to the file system (a hole is punched), so that the program's descriptor, its
 * offsets and those of readers stay what they are: nothing is copied, nothing can be lost or doubled by a crash in
 * between, and it costs the same however much is written meanwhile. The size that the file shows includes the hole.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A line longer than this may be cut. */
#define HR_LOG_LINE_MAX (64 * 1024)

gboolean hr_log_file_is_open (int dir, const char *name);
guint64 hr_log_file_head (int fd, guint64 size);
gboolean hr_log_file_cut (int fd, guint64 size, guint64 keep, guint64 *head, GError **error);

G_END_DECLS
