/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-phase-times.h"

typedef struct {
  char *phase;
  gint64 usec;
} Time;

struct _HrPhaseTimes {
  GArray *times; /* Time */
};

static void
time_clear (gpointer data)
{
  g_free (((Time *)data)->phase);
}

/**
 * hr_phase_times_new:
 *
 * Returns: (transfer full): no phases yet
 */
HrPhaseTimes *
hr_phase_times_new (void)
{
  HrPhaseTimes *self = g_new (HrPhaseTimes, 1);

  self->times = g_array_new (FALSE, FALSE, sizeof (Time));
  g_array_set_clear_func (self->times, time_clear);
  return self;
}

/**
 * hr_phase_times_free:
 * @self: (nullable): phases
 */
void
hr_phase_times_free (HrPhaseTimes *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->times);
  g_free (self);
}

/**
 * hr_phase_times_add:
 * @self: phases
 * @phase: that has been left
 * @usec: how long it was entered for
 *
 * One that is left for the second time, as "ready" before and after the state was handed over, is one with the time of
 * both, where it was left last.
 */
void
hr_phase_times_add (HrPhaseTimes *self, const char *phase, gint64 usec)
{
  Time time = { .usec = usec };

  g_return_if_fail (phase != NULL);
  for (guint i = 0; i < self->times->len; i++)
    {
      const Time *earlier = &g_array_index (self->times, Time, i);

      if (!g_str_equal (earlier->phase, phase))
        continue;
      time.usec += earlier->usec;
      g_array_remove_index (self->times, i);
      break;
    }
  if (self->times->len >= HR_PHASE_TIMES_MAX)
    return;
  time.phase = g_strdup (phase);
  g_array_append_val (self->times, time);
}

/**
 * hr_phase_times_count:
 * @self: (nullable): phases
 *
 * Returns: how many there are
 */
guint
hr_phase_times_count (const HrPhaseTimes *self)
{
  return self != NULL ? self->times->len : 0;
}

/**
 * hr_phase_times_get:
 * @self: phases
 * @index: below hr_phase_times_count()
 * @usec: (out): how long it took
 *
 * Returns: (transfer none): the phase's word
 */
const char *
hr_phase_times_get (const HrPhaseTimes *self, guint index, gint64 *usec)
{
  const Time *time = &g_array_index (self->times, Time, index);

  *usec = time->usec;
  return time->phase;
}

/**
 * hr_phase_times_find:
 * @self: (nullable): phases
 * @phase: a phase's word
 *
 * Returns: how long it took; 0: it is not among them
 */
gint64
hr_phase_times_find (const HrPhaseTimes *self, const char *phase)
{
  for (guint i = 0; i < hr_phase_times_count (self); i++)
    {
      gint64 usec;

      if (g_str_equal (hr_phase_times_get (self, i, &usec), phase))
        return usec;
    }
  return 0;
}
