/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-post-figures.h"

#include <math.h>

#include "hr-error.h"

/**
 * hr_rate_percent:
 * @self: a rate with a whole
 *
 * Returns: from 0 to 100
 */
double
hr_rate_percent (const HrRate *self)
{
  g_return_val_if_fail (self != NULL && self->whole > 0, 0);
  return CLAMP (100 * self->part / self->whole, 0, 100);
}

/**
 * hr_rate_add:
 * @self: a rate
 * @more: of the same kind
 */
void
hr_rate_add (HrRate *self, const HrRate *more)
{
  g_return_if_fail (self != NULL && more != NULL);
  self->part += more->part;
  self->whole += more->whole;
  self->samples += more->samples;
}

static gboolean
check_value (const char *key, double value, gboolean counts, GError **error)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  if (isnan (value) || (value >= 0 && (counts || value <= 100)))
    return TRUE;
  g_ascii_formatd (number, sizeof number, "%g", value);
  if (counts)
    g_set_error (error, HR_ERROR, HR_ERROR_FAILED, "%s is %s, and what counts is never below 0", key, number);
  else
    g_set_error (error, HR_ERROR, HR_ERROR_FAILED,
                 "%s is %s, and a rate is from 0 to 100 percent: name TotalMetric if it counts", key, number);
  return FALSE;
}

/**
 * hr_post_reading_check:
 * @self: what was read
 * @error: return location
 *
 * Returns: whether the numbers make sense; else %HR_ERROR_FAILED
 */
gboolean
hr_post_reading_check (const HrPostReading *self, GError **error)
{
  gboolean counts;

  g_return_val_if_fail (self != NULL, FALSE);
  counts = !isnan (self->total);
  return check_value ("ErrorMetric", self->error, counts, error)
         && check_value ("SuccessMetric", self->success, counts, error)
         && check_value ("TotalMetric", self->total, counts, error);
}

/**
 * hr_post_window_init:
 * @self: (out): a window in which nothing was seen
 * @length_usec: more than 0
 */
void
hr_post_window_init (HrPostWindow *self, gint64 length_usec)
{
  g_return_if_fail (self != NULL && length_usec > 0);
  *self = (HrPostWindow){ .part_usec = MAX (length_usec / HR_POST_WINDOW_PARTS, 1) };
  for (guint i = 0; i < G_N_ELEMENTS (self->parts); i++)
    self->parts[i].step = -1;
}

static HrPostFigures *
part_at (HrPostWindow *self, gint64 now)
{
  gint64 step = now / self->part_usec;
  HrPostPart *part = &self->parts[step % (gint64)G_N_ELEMENTS (self->parts)];

  if (part->step != step)
    *part = (HrPostPart){ .step = step };
  return &part->figures;
}

static void
add_result (HrRate *rate, gboolean good)
{
  hr_rate_add (rate, &(HrRate){ .part = good ? 0 : 1, .whole = 1, .samples = 1 });
}

/**
 * hr_post_window_add_probe:
 * @self: a window
 * @now: time, in microseconds, 0 or above and never less than before
 * @good: how a probe came out
 */
void
hr_post_window_add_probe (HrPostWindow *self, gint64 now, gboolean good)
{
  g_return_if_fail (self != NULL && self->part_usec > 0);
  add_result (&part_at (self, now)->probes, good);
}

/**
 * hr_post_window_add_command:
 * @self: a window
 * @now: time
 * @good: how Command came out
 */
void
hr_post_window_add_command (HrPostWindow *self, gint64 now, gboolean good)
{
  g_return_if_fail (self != NULL && self->part_usec > 0);
  add_result (&part_at (self, now)->commands, good);
}

/* What a counter grew by; one that shrank was set to 0 in between. */
static double
growth (double before, double after)
{
  return after >= before ? after - before : after;
}

static void
add_growth (HrRate *rate, double before, double after, double whole)
{
  if (!isnan (after))
    hr_rate_add (rate, &(HrRate){ .part = growth (before, after), .whole = whole, .samples = 1 });
}

static void
add_percentage (HrRate *rate, double value)
{
  if (!isnan (value))
    hr_rate_add (rate, &(HrRate){ .part = value, .whole = 100, .samples = 1 });
}

/**
 * hr_post_window_add_reading:
 * @self: a window
 * @now: time
 * @reading: that hr_post_reading_check() accepts, with the same metrics each time
 */
void
hr_post_window_add_reading (HrPostWindow *self, gint64 now, const HrPostReading *reading)
{
  HrPostFigures *figures;

  g_return_if_fail (self != NULL && self->part_usec > 0 && reading != NULL);

  figures = part_at (self, now);
  figures->read++;
  if (isnan (reading->total))
    {
      add_percentage (&figures->errors, reading->error);
      add_percentage (&figures->successes, reading->success);
      return;
    }
  if (self->has_last)
    {
      double whole = growth (self->last.total, reading->total);

      add_growth (&figures->errors, self->last.error, reading->error, whole);
      add_growth (&figures->successes, self->last.success, reading->success, whole);
    }
  self->last = *reading;
  self->has_last = TRUE;
}

/**
 * hr_post_window_add_unread:
 * @self: a window
 * @now: time
 *
 * The metrics could not be read.
 */
void
hr_post_window_add_unread (HrPostWindow *self, gint64 now)
{
  g_return_if_fail (self != NULL && self->part_usec > 0);
  part_at (self, now)->unread++;
}

/**
 * hr_post_window_sum:
 * @self: a window
 * @now: time
 *
 * Returns: what was seen in the window that ends now
 */
HrPostFigures
hr_post_window_sum (const HrPostWindow *self, gint64 now)
{
  HrPostFigures sum = { .read = 0 };
  gint64 oldest;

  g_return_val_if_fail (self != NULL && self->part_usec > 0, sum);

  oldest = now / self->part_usec - HR_POST_WINDOW_PARTS;
  for (guint i = 0; i < G_N_ELEMENTS (self->parts); i++)
    {
      const HrPostFigures *figures = &self->parts[i].figures;

      if (self->parts[i].step < MAX (oldest, 0))
        continue;
      hr_rate_add (&sum.probes, &figures->probes);
      hr_rate_add (&sum.commands, &figures->commands);
      hr_rate_add (&sum.errors, &figures->errors);
      hr_rate_add (&sum.successes, &figures->successes);
      sum.read += figures->read;
      sum.unread += figures->unread;
    }
  return sum;
}
