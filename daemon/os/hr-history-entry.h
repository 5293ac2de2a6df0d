/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-history-entry.h: one reload in the history, and its line in the file.
 *
 * The line has the members of the contract's JSON with two differences: "timestamp" is in microseconds since 1970, and
 * "version" says how it is to be read. "file" and "downtime" follow from "files" and "downtimeUsec".
 */
#pragma once

#include <glib.h>

#include "hr-phase-times.h"

G_BEGIN_DECLS

/* HrHistoryEntry.error, reason and canary keep at most this, in bytes, cut at a character. */
#define HR_HISTORY_ERROR_MAX 4096

typedef struct _HrHistoryEntry HrHistoryEntry;

/**
 * HrHistoryEntry:
 *
 * Members as in the contract's JSON; numbers of 0 for releases mean null. "phases" has an object with one member for
 * each: {"record": 120}.
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
  gint64 queue_wait_usec; /* -1: not known */
  guint64 connections_cut;
  HrPhaseTimes *phases; /* NULL: not known */
  char *phase;          /* NULL on success */
  char *error;          /* NULL on success */
  char *trigger;
  char *caller; /* NULL: the daemon itself */
  char *reason; /* of a rollback, else NULL */
  char *canary; /* how it came out, NULL: there was none */
};

HrHistoryEntry *hr_history_entry_new (void);
char *hr_history_entry_to_line (const HrHistoryEntry *entry);
HrHistoryEntry *hr_history_entry_from_line (const char *line, gsize size);
void hr_history_entry_free (HrHistoryEntry *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrHistoryEntry, hr_history_entry_free)

G_END_DECLS
