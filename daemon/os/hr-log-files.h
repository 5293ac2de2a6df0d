/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-log-files.h: the files for the output of instances: LOGS/NAME.INSTANCE.log, and LOGS/NAME.log as a link to the
 * newest. INSTANCE is RELEASE-ID, so that people find the log of a release.
 *
 * The daemon never writes into them; HrLogKeeper frees the head of those that grow too large, and removes old ones. The
 * directory is read once, so that a start costs the same with a thousand services.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _HrLogFiles HrLogFiles;

HrLogFiles *hr_log_files_new (const char *dir);
void hr_log_files_free (HrLogFiles *self);
void hr_log_files_limit (HrLogFiles *self, const char *service, guint64 max);
void hr_log_files_use_journal (HrLogFiles *self, const char *service, gboolean journal);
char *hr_log_files_newest (HrLogFiles *self, const char *service);
char *hr_log_files_next (HrLogFiles *self, const char *service, const char *instance);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrLogFiles, hr_log_files_free)

G_END_DECLS
