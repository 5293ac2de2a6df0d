/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-post-figures.h: what was seen of a release in the last stretch of time: rates of failures.
 *
 * Pure, no clock of its own: the caller says when. The window rolls on in HR_POST_WINDOW_PARTS steps, so that what
 * hr_post_window_sum() gives is of the last window's length and of at most one part more, whatever was put in.
 *
 * A metric is one of two things. With TotalMetric it counts: the rate is what ErrorMetric grew by of what TotalMetric
 * grew by, and a number that shrank began anew at 0. Without, the number is itself a rate in percent, and several are
 * averaged.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define HR_POST_WINDOW_PARTS 8

/**
 * HrRate:
 * @part: of @whole; errors of requests, failed results of all, or percentages of a hundred times the readings
 * @whole: 0: there is no rate
 * @samples: how often it was looked
 */
typedef struct {
  double part;
  double whole;
  guint samples;
} HrRate;

/**
 * HrPostFigures:
 * @probes: results of Probe that failed, of all
 * @commands: results of Command that failed, of all
 * @errors: of ErrorMetric
 * @successes: of SuccessMetric
 * @read: how often the metrics could be read
 * @unread: how often not
 */
typedef struct {
  HrRate probes;
  HrRate commands;
  HrRate errors;
  HrRate successes;
  guint read;
  guint unread;
} HrPostFigures;

/**
 * HrPostReading:
 *
 * The metrics at one moment; NAN for one that is not named.
 */
typedef struct {
  double error;
  double success;
  double total;
} HrPostReading;

typedef struct {
  HrPostFigures figures;
  gint64 step; /* when it was begun, in parts of a window */
} HrPostPart;

/**
 * HrPostWindow:
 *
 * All members are private.
 */
typedef struct {
  gint64 part_usec;
  HrPostPart parts[HR_POST_WINDOW_PARTS + 1];
  HrPostReading last;
  gboolean has_last;
} HrPostWindow;

double hr_rate_percent (const HrRate *self);
void hr_rate_add (HrRate *self, const HrRate *more);
gboolean hr_post_reading_check (const HrPostReading *self, GError **error);

void hr_post_window_init (HrPostWindow *self, gint64 length_usec);
void hr_post_window_add_probe (HrPostWindow *self, gint64 now, gboolean good);
void hr_post_window_add_command (HrPostWindow *self, gint64 now, gboolean good);
void hr_post_window_add_reading (HrPostWindow *self, gint64 now, const HrPostReading *reading);
void hr_post_window_add_unread (HrPostWindow *self, gint64 now);
HrPostFigures hr_post_window_sum (const HrPostWindow *self, gint64 now);

G_END_DECLS
