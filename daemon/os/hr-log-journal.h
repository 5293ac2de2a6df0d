/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-log-journal.h: has the output of services passed on to the journal, where there is one, by hotreload-journal.
 *
 * That process is started with the first log that is wanted there, and again when it ends; without a journal it is
 * never started. The daemon tells it which logs, and sees no byte of them.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* At least so long is between two starts, in milliseconds. */
#define HR_LOG_JOURNAL_START_MSEC 1000

typedef struct _HrLogJournal HrLogJournal;

HrLogJournal *hr_log_journal_new (const char *dir);
void hr_log_journal_free (HrLogJournal *self);
void hr_log_journal_follow (HrLogJournal *self, const char *service, const char *name, gboolean found);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrLogJournal, hr_log_journal_free)

G_END_DECLS
