/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-history.h: what was reloaded when, by whom, and how it ended: history.jsonl, one JSON object a line.
 *
 * Lines are only appended; one that cannot be read (cut short by a crash, another version) is skipped with a warning,
 * and a last line without its newline is completed before the next is written, so that nothing is lost.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* hr_history_query() gives at most this many. */
#define HR_HISTORY_LIMIT_MAX 10000
/* Above this size the file is renamed to history.jsonl.1 (replacing an older one) and a new one begun, in bytes. */
#define HR_HISTORY_SIZE_MAX (16 * 1024 * 1024)
/* HrHistoryEntry.error keeps at most this, in bytes, cut at a character. */
#define HR_HISTORY_ERROR_MAX 4096

typedef struct _HrHistoryEntry HrHistoryEntry;

/**
 * HrHistoryEntry:
 *
 * Members as in the contract's JSON; numbers of 0 for releases mean null.
 */
struct _HrHistoryEntry {
  gint64 time_usec; /* since 1970 */
  char *service;
  char **files;
  gboolean success;
  guint64 release;
  guint64 previous_release;
  gint64 downtime_usec;
  gint64 duration_usec;
  char *phase; /* NULL on success */
  char *error; /* NULL on success */
  char *trigger;
  char *caller; /* NULL: the daemon itself */
};

HrHistoryEntry *hr_history_entry_new (void);
void hr_history_entry_free (HrHistoryEntry *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrHistoryEntry, hr_history_entry_free)

#define HR_TYPE_HISTORY (hr_history_get_type ())
G_DECLARE_FINAL_TYPE (HrHistory, hr_history, HR, HISTORY, GObject)

HrHistory *hr_history_new (const char *path);
gboolean hr_history_append (HrHistory *self, const HrHistoryEntry *entry, GError **error);
GPtrArray *hr_history_query (HrHistory *self, const char *service, guint limit);

G_END_DECLS
