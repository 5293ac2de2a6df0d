/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-log-view.h: the logs of a service's instances as one: which of them, in which order, and how a line is printed.
 */
#pragma once

#include "hr-log-clock.h"
#include "hr-log-find.h"
#include "hr-log-reader.h"
#include "hr-output.h"

G_BEGIN_DECLS

/**
 * HrLogSource:
 * @file: which log
 * @reader: of its lines
 * @prefix: that lines of it are printed with
 * @dirty: there may be something to be read
 * @ended: its instance runs no more
 * @watch: of its inotify watch, -1: none
 */
typedef struct {
  HrLogFile *file;
  HrLogReader *reader;
  char *prefix;
  gboolean dirty;
  gboolean ended;
  int watch;
  HrLogClock *clock;
  HrLogLine line;
  gint64 time;
  gboolean has_line;
} HrLogSource;

/**
 * HrLogView:
 * @output: where to
 * @service: whose logs
 * @link: the daemon's link to the newest
 * @release: those of this release only, 0: of all
 * @newest: that of the newest instance only
 * @plain: lines alone
 * @follow: what is added is printed later
 * @harmless: lines have no control characters wherever they go; else on a terminal none but colours, elsewhere all
 * @sources: (element-type HrLogSource): by when they started
 * @lines: (nullable): lines of a JSON document
 */
typedef struct {
  HrOutput *output;
  char *service;
  char *link;
  guint64 release;
  gboolean newest;
  gboolean plain;
  gboolean follow;
  gboolean harmless;
  GPtrArray *sources;
  JsonArray *lines;
} HrLogView;

/* All lines that there are. */
#define HR_LOG_VIEW_ALL G_MAXUINT64

HrLogView *hr_log_view_new (HrOutput *output, const char *service, const char *link);
void hr_log_view_free (HrLogView *self);
gboolean hr_log_view_refresh (HrLogView *self, GError **error);
gboolean hr_log_view_print_tail (HrLogView *self, guint64 lines, gint64 since, GError **error);
gboolean hr_log_view_print_added (HrLogView *self, HrLogSource *source);
void hr_log_view_print_rest (HrLogView *self, HrLogSource *source);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrLogView, hr_log_view_free)

G_END_DECLS
