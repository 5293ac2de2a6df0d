/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-settle.c: when a source counts as quiet.
 */
#include "hr-settle.h"

#define MS G_TIME_SPAN_MILLISECOND
#define SECOND G_TIME_SPAN_SECOND

/* Runs @n saves, @gap apart, with a timer as the engine sets it; returns how often it fires until all is quiet. */
static guint
count_reloads (HrSettle *settle, guint n, gint64 gap, gint64 *last_fired)
{
  gint64 now = 1000 * SECOND;
  guint fired = 0;

  for (guint i = 0; i < n || hr_settle_due (settle) >= 0;)
    {
      gint64 save = i < n ? 1000 * SECOND + i * gap : G_MAXINT64;
      gint64 due = hr_settle_due (settle);

      if (due >= 0 && due < save)
        {
          now = due;
          hr_settle_clear (settle);
          fired++;
          *last_fired = now - 1000 * SECOND;
        }
      else
        {
          now = save;
          hr_settle_touch (settle, now);
          i++;
        }
    }
  return fired;
}

static void
test_burst (void)
{
  HrSettle settle;
  gint64 fired = 0;

  hr_settle_init (&settle, 500 * MS, 2 * SECOND);
  g_assert_cmpint (count_reloads (&settle, 2, 300 * MS, &fired), ==, 1);
  g_assert_cmpint (fired, ==, 800 * MS);
}

static void
test_apart (void)
{
  HrSettle settle;
  gint64 fired = 0;

  hr_settle_init (&settle, 500 * MS, 2 * SECOND);
  g_assert_cmpint (count_reloads (&settle, 3, 600 * MS, &fired), ==, 3);
  g_assert_cmpint (fired, ==, 1700 * MS);
}

static void
test_max_wait (void)
{
  HrSettle settle;
  gint64 fired = 0;

  /* 10 s of saves, each 100 ms after the other. */
  hr_settle_init (&settle, 500 * MS, 2 * SECOND);
  g_assert_cmpint (count_reloads (&settle, 101, 100 * MS, &fired), ==, 5);
  g_assert_cmpint (fired, ==, 10 * SECOND + 400 * MS);
}

static void
test_auto (void)
{
  HrSettle settle;

  hr_settle_init (&settle, -1, 2 * SECOND);
  g_assert_cmpint (hr_settle_due (&settle), ==, -1);
  hr_settle_touch (&settle, 0);
  g_assert_cmpint (hr_settle_due (&settle), ==, 50 * MS);
  hr_settle_touch (&settle, 10 * MS);
  g_assert_cmpint (hr_settle_due (&settle), ==, 60 * MS);
  hr_settle_touch (&settle, 50 * MS);
  g_assert_cmpint (hr_settle_due (&settle), ==, 110 * MS);
  /* A late timer: the gap is longer than what the quiet time may become. */
  hr_settle_touch (&settle, 1050 * MS);
  g_assert_cmpint (hr_settle_due (&settle), ==, 1550 * MS);
  hr_settle_clear (&settle);
  g_assert_cmpint (hr_settle_due (&settle), ==, -1);
  /* The next burst does not inherit the gap. */
  hr_settle_touch (&settle, 2000 * MS);
  g_assert_cmpint (hr_settle_due (&settle), ==, 2050 * MS);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/settle/case-2-two-saves-300-ms-apart-give-one-reload", test_burst);
  g_test_add_func ("/settle/saves-further-apart-are-each-seen", test_apart);
  g_test_add_func ("/settle/pain-15-endless-saves-begin-a-reload-every-max-wait", test_max_wait);
  g_test_add_func ("/settle/auto-begins-at-50-ms-and-grows-with-the-gaps", test_auto);
  return g_test_run ();
}
