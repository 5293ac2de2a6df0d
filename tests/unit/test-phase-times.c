/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "hr-phase-times.h"

static void
expect (const HrPhaseTimes *times, const char *expected)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < hr_phase_times_count (times); i++)
    {
      gint64 usec;
      const char *phase = hr_phase_times_get (times, i, &usec);

      g_string_append_printf (text, "%s %d, ", phase, (int)usec);
    }
  g_assert_cmpstr (text->str, ==, expected);
}

static void
test_order (void)
{
  g_autoptr (HrPhaseTimes) times = hr_phase_times_new ();

  expect (times, "");
  hr_phase_times_add (times, "start", 1);
  hr_phase_times_add (times, "ready", 20);
  hr_phase_times_add (times, "preserve", 300);
  hr_phase_times_add (times, "ready", 4000);
  hr_phase_times_add (times, "verify", 0);
  expect (times, "start 1, preserve 300, ready 4020, verify 0, ");
  g_assert_cmpint (hr_phase_times_find (times, "ready"), ==, 4020);
  g_assert_cmpint (hr_phase_times_find (times, "check"), ==, 0);
}

static void
test_none (void)
{
  g_assert_cmpuint (hr_phase_times_count (NULL), ==, 0);
  g_assert_cmpint (hr_phase_times_find (NULL, "ready"), ==, 0);
}

static void
test_limit (void)
{
  g_autoptr (HrPhaseTimes) times = hr_phase_times_new ();

  for (guint i = 0; i < HR_PHASE_TIMES_MAX + 5; i++)
    {
      g_autofree char *phase = g_strdup_printf ("phase-%u", i);

      hr_phase_times_add (times, phase, 1);
    }
  g_assert_cmpuint (hr_phase_times_count (times), ==, HR_PHASE_TIMES_MAX);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/phase-times/a-phase-entered-twice-is-one", test_order);
  g_test_add_func ("/phase-times/none", test_none);
  g_test_add_func ("/phase-times/limit", test_limit);
  return g_test_run ();
}
