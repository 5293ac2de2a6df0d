/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a change set means is tested where it happens, in tests/engine/test-rules.c.
 */
#include "hr-reload-policy.h"

#define SECOND G_USEC_PER_SEC

static void
test_least (void)
{
  g_assert_cmpint (hr_reload_patience (0, 0), ==, HR_PATIENCE_LEAST_USEC);
  g_assert_cmpint (hr_reload_patience (100, 0), ==, HR_PATIENCE_LEAST_USEC);
}

static void
test_usual (void)
{
  g_assert_cmpint (hr_reload_patience (20 * SECOND, 0), ==, 60 * SECOND);
}

static void
test_doubles (void)
{
  g_assert_cmpint (hr_reload_patience (0, 1), ==, 2 * HR_PATIENCE_LEAST_USEC);
  g_assert_cmpint (hr_reload_patience (0, 3), ==, 8 * HR_PATIENCE_LEAST_USEC);
  g_assert_cmpint (hr_reload_patience (20 * SECOND, 2), ==, 240 * SECOND);
}

static void
test_most (void)
{
  g_assert_cmpint (hr_reload_patience (0, G_MAXUINT), ==, HR_PATIENCE_MOST_USEC);
  g_assert_cmpint (hr_reload_patience (G_MAXINT64, 0), ==, HR_PATIENCE_MOST_USEC);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/reload-policy/patience/least", test_least);
  g_test_add_func ("/reload-policy/patience/by-the-usual-time", test_usual);
  g_test_add_func ("/reload-policy/patience/each-that-gives-way-leaves-twice-the-time", test_doubles);
  g_test_add_func ("/reload-policy/patience/most", test_most);
  return g_test_run ();
}
