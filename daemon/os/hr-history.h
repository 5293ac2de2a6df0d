/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-history.h: what was reloaded when, by whom, and how it ended: history.jsonl, one JSON object a line.
 *
 * Lines are only appended; one that cannot be read (cut short by a crash, another version) is skipped with a warning,
 * and a last line without its newline is completed before the next is written, so that nothing is lost.
 */
#pragma once

#include <gio/gio.h>

#include "hr-history-entry.h"

G_BEGIN_DECLS

/* hr_history_query() gives at most this many. */
#define HR_HISTORY_LIMIT_MAX 10000
/* Above this size the file is renamed to history.jsonl.1 (replacing an older one) and a new one begun, in bytes. */
#define HR_HISTORY_SIZE_MAX (16 * 1024 * 1024)
/* Entries that cannot be written (a full disk) are kept in memory up to this many. */
#define HR_HISTORY_UNWRITTEN_MAX 1000
/* No line is longer than this, in bytes; what is longer was not written by us. */
#define HR_HISTORY_LINE_MAX (2 * 1024 * 1024)

#define HR_TYPE_HISTORY (hr_history_get_type ())
G_DECLARE_FINAL_TYPE (HrHistory, hr_history, HR, HISTORY, GObject)

HrHistory *hr_history_new (const char *path);
gboolean hr_history_append (HrHistory *self, const HrHistoryEntry *entry, GError **error);
GPtrArray *hr_history_query (HrHistory *self, const char *service, guint limit);

G_END_DECLS
