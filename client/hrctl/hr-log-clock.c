/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-log-clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hr-names.h"

typedef struct {
  gint64 time;
  guint64 offset;
} Mark;

struct _HrLogClock {
  GArray *marks; /* Mark, by offset */
  gint64 end;    /* when the log was last written */
};

static void
read_marks (HrLogClock *self, const char *path)
{
  g_autofree char *stem = g_strndup (path, strlen (path) - strlen (HR_LOG_SUFFIX));
  g_autofree char *file = g_strconcat (stem, HR_LOG_TIMES_SUFFIX, NULL);
  g_autofree char *text = NULL;
  gsize length = 0;

  if (!g_file_get_contents (file, &text, &length, NULL))
    return;
  for (gsize at = 0; at + HR_LOG_TIMES_LINE <= length; at += HR_LOG_TIMES_LINE)
    {
      guint64 time;
      Mark mark;

      if (sscanf (text + at, "%16" SCNx64 " %16" SCNx64 "\n", &time, &mark.offset) != 2)
        continue;
      mark.time = (gint64)MIN (time, G_MAXINT64);
      g_array_append_val (self->marks, mark);
    }
}

/**
 * hr_log_clock_new:
 * @path: of a log
 *
 * Returns: (transfer full): what is known now
 */
HrLogClock *
hr_log_clock_new (const char *path)
{
  HrLogClock *self = g_new0 (HrLogClock, 1);
  struct stat info;

  self->marks = g_array_new (FALSE, FALSE, sizeof (Mark));
  if (g_str_has_suffix (path, HR_LOG_SUFFIX))
    read_marks (self, path);
  if (stat (path, &info) == 0)
    self->end = info.st_mtim.tv_sec * G_USEC_PER_SEC + info.st_mtim.tv_nsec / 1000;
  return self;
}

/**
 * hr_log_clock_free:
 * @self: (transfer full): a clock
 */
void
hr_log_clock_free (HrLogClock *self)
{
  g_array_unref (self->marks);
  g_free (self);
}

/* The first mark after @offset, the number of marks: there is none. */
static guint
find_offset (HrLogClock *self, guint64 offset)
{
  guint low = 0, high = self->marks->len;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (g_array_index (self->marks, Mark, middle).offset > offset)
        high = middle;
      else
        low = middle + 1;
    }

  return low;
}

/**
 * hr_log_clock_time:
 * @self: a clock
 * @offset: where a line begins
 *
 * Returns: by when the line was written, in microseconds since 1970
 */
gint64
hr_log_clock_time (HrLogClock *self, guint64 offset)
{
  guint mark = find_offset (self, offset);

  return mark < self->marks->len ? g_array_index (self->marks, Mark, mark).time : self->end;
}

/**
 * hr_log_clock_offset:
 * @self: a clock
 * @time: in microseconds since 1970
 *
 * Returns: where lines that hr_log_clock_time() finds not before @time begin, %G_MAXUINT64: there are none
 */
guint64
hr_log_clock_offset (HrLogClock *self, gint64 time)
{
  guint64 offset = 0;

  for (guint i = 0; i < self->marks->len; i++)
    {
      const Mark *mark = &g_array_index (self->marks, Mark, i);

      if (mark->time >= time)
        return offset;
      offset = mark->offset;
    }

  return self->end >= time ? offset : G_MAXUINT64;
}
