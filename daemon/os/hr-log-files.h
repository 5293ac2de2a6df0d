/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-log-files.h: the files for the output of instances: LOGS/NAME.INSTANCE.log, and LOGS/NAME.log as a link to the
 * newest. INSTANCE is RELEASE-ID, so that people find the log of a release.
 *
 * The daemon never writes into them. A few of each service are kept; one that somebody still has open is never removed.
 * The directory is read once, so that a start costs the same with a thousand services.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Of each service, besides the newest and those that are open. */
#define HR_LOG_FILES_KEPT 4

typedef struct _HrLogFiles HrLogFiles;

HrLogFiles *hr_log_files_new (const char *dir);
void hr_log_files_free (HrLogFiles *self);
char *hr_log_files_newest (HrLogFiles *self, const char *service);
char *hr_log_files_next (HrLogFiles *self, const char *service, const char *instance);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrLogFiles, hr_log_files_free)

G_END_DECLS
