/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-canary-plan.c: which share a canary gets at which time.
 */
#include "hr-canary-plan.h"

#define SECOND G_TIME_SPAN_SECOND
#define BEGIN (1000 * SECOND)

static void
test_share_rises_by_equal_steps (void)
{
  static const struct {
    gint64 at;
    guint share;
    gint64 next; /* after the beginning, 0: never */
  } cases[] = {
    { 0, 1000, 20 * SECOND },
    { 1, 1000, 20 * SECOND },
    { 20 * SECOND - 1, 1000, 20 * SECOND },
    { 20 * SECOND, 2800, 40 * SECOND },
    { 40 * SECOND, 4600, 60 * SECOND },
    { 60 * SECOND, 6400, 80 * SECOND },
    { 80 * SECOND, 8200, 100 * SECOND },
    { 100 * SECOND - 1, 8200, 100 * SECOND },
    { 100 * SECOND, 10000, 120 * SECOND },
    { 120 * SECOND - 1, 10000, 120 * SECOND },
    { 120 * SECOND, 10000, 0 },
    { 1000 * SECOND, 10000, 0 },
  };
  HrCanaryPlan plan;

  hr_canary_plan_init (&plan, 1000, 10000, 100 * SECOND, 5, BEGIN);
  g_assert_cmpint (hr_canary_plan_length (1000, 10000, 100 * SECOND, 5), ==, 120 * SECOND);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gint64 now = BEGIN + cases[i].at;

      g_assert_cmpuint (hr_canary_plan_share (&plan, now), ==, cases[i].share);
      g_assert_cmpint (hr_canary_plan_next (&plan, now), ==,
                       cases[i].next != 0 ? BEGIN + cases[i].next : HR_CANARY_NEVER);
      g_assert_cmpint (hr_canary_plan_is_over (&plan, now), ==, cases[i].next == 0);
    }
}

/* Follows a plan from change to change, as the engine does, and returns how many there were. */
static guint
walk (guint from, guint to, gint64 duration, guint steps)
{
  HrCanaryPlan plan;
  gint64 now = BEGIN;
  guint share = from;
  guint n = 0;

  hr_canary_plan_init (&plan, from, to, duration, steps, now);
  g_assert_cmpuint (hr_canary_plan_share (&plan, now), ==, from);
  while (!hr_canary_plan_is_over (&plan, now))
    {
      gint64 next = hr_canary_plan_next (&plan, now);
      guint then;

      g_assert_cmpint (next, >, now);
      g_assert_cmpuint (hr_canary_plan_share (&plan, next - 1), ==, share);
      then = hr_canary_plan_share (&plan, next);
      g_assert_cmpuint (then, >=, share);
      g_assert_cmpuint (then, <=, to);
      now = next;
      share = then;
      n++;
      g_assert_cmpuint (n, <=, HR_CANARY_STEPS_MAX + 1);
    }
  g_assert_cmpuint (share, ==, to);
  g_assert_cmpint (now - BEGIN, ==, hr_canary_plan_length (from, to, duration, steps));
  g_assert_cmpint (hr_canary_plan_next (&plan, now), ==, HR_CANARY_NEVER);
  return n;
}

static void
test_every_plan_is_monotone_and_ends (void)
{
  static const guint shares[] = { 0, 1, 2, 50, 333, 1000, 4999, 5000, 9999, 10000 };
  static const guint steps[] = { 1, 2, 3, 7, 10, 99, 1000 };
  static const gint64 durations[] = { 10 * SECOND, 10 * SECOND + 1, 3333333, 300 * SECOND, 366 * 24 * 3600 * SECOND };

  for (guint a = 0; a < G_N_ELEMENTS (shares); a++)
    for (guint b = a; b < G_N_ELEMENTS (shares); b++)
      for (guint s = 0; s < G_N_ELEMENTS (steps); s++)
        for (guint d = 0; d < G_N_ELEMENTS (durations); d++)
          g_assert_cmpuint (walk (shares[a], shares[b], durations[d], steps[s]), ==, a == b ? 1 : steps[s] + 1);
}

/* Each step is the nearest permyriad to the line. */
static void
test_shares_are_rounded_to_the_nearest (void)
{
  HrCanaryPlan plan;

  hr_canary_plan_init (&plan, 0, 10000, 3 * SECOND, 3, 0);
  g_assert_cmpuint (hr_canary_plan_share (&plan, 1 * SECOND), ==, 3333);
  g_assert_cmpuint (hr_canary_plan_share (&plan, 2 * SECOND), ==, 6667);
  g_assert_cmpuint (hr_canary_plan_share (&plan, 3 * SECOND), ==, 10000);
  hr_canary_plan_init (&plan, 50, 51, 10 * SECOND, 10, 0);
  g_assert_cmpuint (hr_canary_plan_share (&plan, 4 * SECOND), ==, 50);
  g_assert_cmpuint (hr_canary_plan_share (&plan, 5 * SECOND), ==, 51);
}

static void
test_share_that_does_not_rise_stays_for_the_duration (void)
{
  HrCanaryPlan plan;

  hr_canary_plan_init (&plan, 2000, 2000, 60 * SECOND, 10, BEGIN);
  g_assert_cmpint (hr_canary_plan_next (&plan, BEGIN), ==, BEGIN + 60 * SECOND);
  g_assert_cmpuint (hr_canary_plan_share (&plan, BEGIN + 59 * SECOND), ==, 2000);
  g_assert_false (hr_canary_plan_is_over (&plan, BEGIN + 60 * SECOND - 1));
  g_assert_true (hr_canary_plan_is_over (&plan, BEGIN + 60 * SECOND));
}

static void
test_without_a_duration_nothing_changes_by_itself (void)
{
  HrCanaryPlan plan;

  hr_canary_plan_init (&plan, 500, 10000, 0, 10, BEGIN);
  g_assert_cmpint (hr_canary_plan_length (500, 10000, 0, 10), ==, 0);
  for (gint64 at = 0; at < 400 * 24 * 3600 * SECOND; at = at * 3 + SECOND)
    {
      g_assert_cmpuint (hr_canary_plan_share (&plan, BEGIN + at), ==, 500);
      g_assert_cmpint (hr_canary_plan_next (&plan, BEGIN + at), ==, HR_CANARY_NEVER);
      g_assert_false (hr_canary_plan_is_over (&plan, BEGIN + at));
    }
}

static void
test_time_does_not_count_while_held (void)
{
  HrCanaryPlan plan;
  gint64 now = BEGIN + 25 * SECOND;

  hr_canary_plan_init (&plan, 1000, 10000, 100 * SECOND, 5, BEGIN);
  hr_canary_plan_go_on (&plan, now);
  g_assert_false (hr_canary_plan_is_held (&plan));
  hr_canary_plan_hold (&plan, now);
  g_assert_true (hr_canary_plan_is_held (&plan));
  g_assert_cmpuint (hr_canary_plan_share (&plan, now + 3600 * SECOND), ==, 2800);
  g_assert_cmpint (hr_canary_plan_next (&plan, now + 3600 * SECOND), ==, HR_CANARY_NEVER);
  g_assert_false (hr_canary_plan_is_over (&plan, now + 3600 * SECOND));
  /* Holding what is held does not begin anew. */
  hr_canary_plan_hold (&plan, now + 10 * SECOND);
  hr_canary_plan_go_on (&plan, now + 3600 * SECOND);
  g_assert_false (hr_canary_plan_is_held (&plan));
  now += 3600 * SECOND;
  g_assert_cmpuint (hr_canary_plan_share (&plan, now), ==, 2800);
  g_assert_cmpint (hr_canary_plan_next (&plan, now), ==, now + 15 * SECOND);
  g_assert_cmpuint (hr_canary_plan_share (&plan, now + 15 * SECOND), ==, 4600);
  /* And once more. */
  hr_canary_plan_hold (&plan, now + 15 * SECOND);
  hr_canary_plan_go_on (&plan, now + 20 * SECOND);
  g_assert_cmpint (hr_canary_plan_next (&plan, now + 20 * SECOND), ==, now + 40 * SECOND);
  g_assert_true (hr_canary_plan_is_over (&plan, now + 100 * SECOND));
}

static void
test_clock_that_stands_still_or_goes_back_harms_nothing (void)
{
  HrCanaryPlan plan;

  hr_canary_plan_init (&plan, 1000, 10000, 100 * SECOND, 5, BEGIN);
  g_assert_cmpuint (hr_canary_plan_share (&plan, BEGIN - SECOND), ==, 1000);
  hr_canary_plan_hold (&plan, BEGIN + 20 * SECOND);
  hr_canary_plan_go_on (&plan, BEGIN);
  g_assert_cmpuint (hr_canary_plan_share (&plan, BEGIN + 20 * SECOND), ==, 2800);
}

static void
test_shares_are_written_as_people_do (void)
{
  static const struct {
    guint share;
    const char *text;
  } cases[] = { { 0, "0%" },     { 1, "0.01%" },     { 10, "0.1%" },    { 50, "0.5%" },
                { 2000, "20%" }, { 3333, "33.33%" }, { 10000, "100%" }, { 1005, "10.05%" } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = hr_canary_share_to_string (cases[i].share);

      g_assert_cmpstr (text, ==, cases[i].text);
    }
  g_assert_cmpuint (hr_canary_share_to_percent (0), ==, 0);
  g_assert_cmpuint (hr_canary_share_to_percent (1), ==, 1);
  g_assert_cmpuint (hr_canary_share_to_percent (100), ==, 1);
  g_assert_cmpuint (hr_canary_share_to_percent (101), ==, 2);
  g_assert_cmpuint (hr_canary_share_to_percent (10000), ==, 100);
}

/* In another program with the same clock it goes on as if nothing had happened, held or not. */
static void
test_goes_on_where_it_is_carried (void)
{
  HrCanaryPlan plan, other;
  g_autoptr (GVariant) carried = NULL;
  g_autoptr (GVariant) wrong = g_variant_ref_sink (
      g_variant_new ("(uuuxxxx)", 20000u, 30000u, 1u, (gint64)0, (gint64)0, (gint64)HR_CANARY_NEVER, (gint64)0));
  g_autoptr (GVariant) other_type = g_variant_ref_sink (g_variant_new_string ("plan"));

  for (gint64 hold = 0; hold < 2; hold++)
    {
      hr_canary_plan_init (&plan, 1000, 5000, 400, 4, 1000);
      if (hold)
        hr_canary_plan_hold (&plan, 1150);
      g_clear_pointer (&carried, g_variant_unref);
      carried = g_variant_ref_sink (hr_canary_plan_carry (&plan));
      g_assert_true (hr_canary_plan_take_carried (&other, carried));
      g_assert_true (hr_canary_plan_is_held (&other) == hold);
      for (gint64 now = 1200; now < 1700; now += 50)
        {
          g_assert_cmpuint (hr_canary_plan_share (&other, now), ==, hr_canary_plan_share (&plan, now));
          g_assert_cmpint (hr_canary_plan_next (&other, now), ==, hr_canary_plan_next (&plan, now));
          g_assert_true (hr_canary_plan_is_over (&other, now) == hr_canary_plan_is_over (&plan, now));
        }
    }
  g_assert_false (hr_canary_plan_take_carried (&other, wrong));
  g_assert_false (hr_canary_plan_take_carried (&other, other_type));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define TEST(name, func) g_test_add_func ("/canary-plan/" name, func)
  TEST ("share-rises-by-equal-steps", test_share_rises_by_equal_steps);
  TEST ("every-plan-is-monotone-and-ends", test_every_plan_is_monotone_and_ends);
  TEST ("shares-are-rounded-to-the-nearest", test_shares_are_rounded_to_the_nearest);
  TEST ("share-that-does-not-rise-stays-for-the-duration", test_share_that_does_not_rise_stays_for_the_duration);
  TEST ("without-a-duration-nothing-changes-by-itself", test_without_a_duration_nothing_changes_by_itself);
  TEST ("time-does-not-count-while-held", test_time_does_not_count_while_held);
  TEST ("clock-that-stands-still-or-goes-back-harms-nothing", test_clock_that_stands_still_or_goes_back_harms_nothing);
  TEST ("goes-on-where-it-is-carried", test_goes_on_where_it_is_carried);
  TEST ("shares-are-written-as-people-do", test_shares_are_written_as_people_do);
  return g_test_run ();
}
