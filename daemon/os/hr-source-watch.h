/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-source-watch.h: the part of a file watcher that lives in the watch thread.
 *
 * Collects what the watched tree tells, keeps the tree true to it, and reports once per turn of the thread's loop.
 * Everything but hr_source_watch_new() is called in that thread, and so is the report.
 */
#pragma once

#include "hr-ignore.h"

G_BEGIN_DECLS

/* How often everything is hinted at where there are no events, in seconds. */
#define HR_WATCH_POLL_INTERVAL 2
/* A hint with more paths than this becomes one at everything. */
#define HR_HINT_PATHS_MAX 1000

/**
 * HrSourceReport:
 * @hint: (nullable): paths to look at; an empty list: at everything; %NULL: nothing to look at
 * @n_dirs: directories that are watched now
 * @n_overflows: how often there were so many events at once that some may have been lost
 */
typedef struct {
  const char *const *hint;
  guint n_dirs;
  guint n_overflows;
} HrSourceReport;

typedef void (*HrSourceFunc) (const HrSourceReport *report, gpointer user_data);

typedef struct _HrSourceWatch HrSourceWatch;

HrSourceWatch *hr_source_watch_new (HrServiceSpec *spec, guint limit, HrSourceFunc func, gpointer user_data);
gboolean hr_source_watch_open (HrSourceWatch *self, GError **error);
guint hr_source_watch_get_dirs (HrSourceWatch *self);
void hr_source_watch_free (HrSourceWatch *self);

G_END_DECLS
