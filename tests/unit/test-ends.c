/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-ends.c: the ends of a service's instances that are kept as evidence.
 */
#include "hr-ends.h"

static void
add (HrEnds *ends, gint64 second, guint64 release, GPid pid, const char *text)
{
  HrEnd *end = g_new0 (HrEnd, 1);

  end->time_usec = second * G_USEC_PER_SEC;
  end->release = release;
  end->pid = pid;
  end->text = g_strdup (text);
  hr_ends_take (ends, end);
}

static void
test_newest_first (void)
{
  g_autoptr (HrEnds) ends = hr_ends_new ();

  g_assert_cmpuint (hr_ends_count (ends), ==, 0);
  for (guint i = 1; i <= HR_ENDS_MAX + 5; i++)
    {
      add (ends, i, i, 1, "it ended");
      g_assert_cmpuint (hr_ends_count (ends), ==, MIN (i, HR_ENDS_MAX));
      g_assert_cmpuint (hr_ends_get (ends, 0)->release, ==, i);
    }
  g_assert_cmpuint (hr_ends_get (ends, HR_ENDS_MAX - 1)->release, ==, 6);
  hr_ends_clear (ends);
  g_assert_cmpuint (hr_ends_count (ends), ==, 0);
}

static void
test_describe (void)
{
  g_autoptr (HrEnds) ends = hr_ends_new ();
  g_autofree char *none = hr_ends_describe (ends);
  g_autofree char *two = NULL;

  g_assert_cmpstr (none, ==, "");
  add (ends, 3661, 7, 17, "it exited with status 1");
  add (ends, 3662, 0, 0, "there is no such program");
  two = hr_ends_describe (ends);
  g_assert_cmpstr (two, ==,
                   "01:01:01Z release 7: it exited with status 1 (PID 17); 01:01:02Z there is no such program");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ends/the-newest-come-first-and-the-oldest-make-room", test_newest_first);
  g_test_add_func ("/ends/described-oldest-first", test_describe);
  return g_test_run ();
}
