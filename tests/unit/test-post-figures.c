/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-post-figures.h"

#include <math.h>
#include <string.h>

#include "hr-error.h"

#define SECOND G_USEC_PER_SEC

static void
expect (const HrRate *rate, double part, double whole, guint samples)
{
  g_assert_cmpfloat (rate->part, ==, part);
  g_assert_cmpfloat (rate->whole, ==, whole);
  g_assert_cmpuint (rate->samples, ==, samples);
}

static void
read_counters (HrPostWindow *window, gint64 now, double error, double total)
{
  hr_post_window_add_reading (window, now, &(HrPostReading){ error, NAN, total });
}

static void
test_counters (void)
{
  HrPostWindow window;
  HrPostFigures sum;

  hr_post_window_init (&window, 8 * SECOND);
  read_counters (&window, 0, 100, 1000);
  sum = hr_post_window_sum (&window, 0);
  expect (&sum.errors, 0, 0, 0);
  g_assert_cmpuint (sum.read, ==, 1);
  read_counters (&window, SECOND, 101, 1010);
  read_counters (&window, 2 * SECOND, 105, 1030);
  sum = hr_post_window_sum (&window, 2 * SECOND);
  expect (&sum.errors, 5, 30, 2);
  expect (&sum.successes, 0, 0, 0);
  g_assert_cmpfloat_with_epsilon (hr_rate_percent (&sum.errors), 16.6667, 0.001);
}

/* A program that began anew in between counts from 0. */
static void
test_reset (void)
{
  HrPostWindow window;
  HrPostFigures sum;

  hr_post_window_init (&window, 8 * SECOND);
  read_counters (&window, 0, 100, 1000);
  read_counters (&window, SECOND, 2, 20);
  read_counters (&window, 2 * SECOND, 3, 30);
  sum = hr_post_window_sum (&window, 2 * SECOND);
  expect (&sum.errors, 3, 30, 2);
}

static void
test_gauges (void)
{
  HrPostWindow window;
  HrPostFigures sum;

  hr_post_window_init (&window, 8 * SECOND);
  hr_post_window_add_reading (&window, 0, &(HrPostReading){ 2, 90, NAN });
  hr_post_window_add_reading (&window, SECOND, &(HrPostReading){ 4, 80, NAN });
  hr_post_window_add_unread (&window, 2 * SECOND);
  sum = hr_post_window_sum (&window, 2 * SECOND);
  g_assert_cmpfloat (hr_rate_percent (&sum.errors), ==, 3);
  g_assert_cmpfloat (hr_rate_percent (&sum.successes), ==, 85);
  g_assert_cmpuint (sum.errors.samples, ==, 2);
  g_assert_cmpuint (sum.read, ==, 2);
  g_assert_cmpuint (sum.unread, ==, 1);
}

static void
test_results (void)
{
  HrPostWindow window;
  HrPostFigures sum;

  hr_post_window_init (&window, SECOND);
  hr_post_window_add_probe (&window, 5 * SECOND, TRUE);
  hr_post_window_add_probe (&window, 5 * SECOND, FALSE);
  hr_post_window_add_command (&window, 5 * SECOND, FALSE);
  sum = hr_post_window_sum (&window, 5 * SECOND);
  expect (&sum.probes, 1, 2, 2);
  expect (&sum.commands, 1, 1, 1);
}

/* All of a window's length, never more than a part above it, also after a long silence. */
static void
test_rolls_on (void)
{
  HrPostWindow window;
  HrPostFigures sum;

  hr_post_window_init (&window, 8 * SECOND);
  for (gint64 now = 0; now < 100 * SECOND; now += SECOND / 2)
    {
      hr_post_window_add_command (&window, now, now < 50 * SECOND);
      sum = hr_post_window_sum (&window, now);
      g_assert_cmpfloat (sum.commands.whole, >=, MIN (now / (SECOND / 2) + 1, 16));
      g_assert_cmpfloat (sum.commands.whole, <=, 18);
      if (now >= 50 * SECOND + 9 * SECOND)
        g_assert_cmpfloat (sum.commands.part, ==, sum.commands.whole);
    }
  sum = hr_post_window_sum (&window, 108 * SECOND);
  g_assert_cmpfloat (sum.commands.whole, <=, 2);
  sum = hr_post_window_sum (&window, 200 * SECOND);
  g_assert_cmpfloat (sum.commands.whole, ==, 0);
  hr_post_window_add_command (&window, 200 * SECOND, TRUE);
  sum = hr_post_window_sum (&window, 200 * SECOND);
  expect (&sum.commands, 0, 1, 1);
}

/* As short as it can be, it works. */
static void
test_shortest (void)
{
  HrPostWindow window;
  HrPostFigures sum;

  hr_post_window_init (&window, 1);
  hr_post_window_add_command (&window, 7, FALSE);
  sum = hr_post_window_sum (&window, 7);
  expect (&sum.commands, 1, 1, 1);
}

static void
test_nonsense (void)
{
  static const struct {
    HrPostReading reading;
    const char *words; /* NULL: it is right */
  } cases[] = {
    { { 0, NAN, NAN }, NULL },
    { { 100, 0, NAN }, NULL },
    { { 101, NAN, NAN }, "ErrorMetric is 101, and a rate is from 0 to 100 percent: name TotalMetric if it counts" },
    { { -0.5, NAN, NAN }, "ErrorMetric is -0.5, and a rate" },
    { { NAN, 200, NAN }, "SuccessMetric is 200" },
    { { 1e9, 2e9, 3e9 }, NULL },
    { { -1, NAN, 3 }, "ErrorMetric is -1, and what counts is never below 0" },
    { { 1, NAN, -3 }, "TotalMetric is -3" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_cmpint (hr_post_reading_check (&cases[i].reading, &error), ==, cases[i].words == NULL);
      if (cases[i].words != NULL)
        g_assert_cmpstr (strstr (error->message, cases[i].words), ==, error->message);
    }
}

/* Numbers that were read one after the other: what failed may have been counted after the whole was. */
static void
test_clamped (void)
{
  g_assert_cmpfloat (hr_rate_percent (&(HrRate){ 12, 10, 1 }), ==, 100);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/post-figures/counters", test_counters);
  g_test_add_func ("/post-figures/counters-that-began-anew", test_reset);
  g_test_add_func ("/post-figures/rates", test_gauges);
  g_test_add_func ("/post-figures/results", test_results);
  g_test_add_func ("/post-figures/rolls-on", test_rolls_on);
  g_test_add_func ("/post-figures/shortest-window", test_shortest);
  g_test_add_func ("/post-figures/nonsense", test_nonsense);
  g_test_add_func ("/post-figures/not-above-all", test_clamped);
  return g_test_run ();
}
