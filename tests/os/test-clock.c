/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-clock.h"

#define DEADLINE_MS 30000

typedef struct {
  HrClock *clock;
  guint id;
  int fired;
  gint64 at;
  GString *order;
  char mark;
} Timer;

static gboolean
on_deadline (gpointer user_data)
{
  g_error ("the deadline of a test passed");
  return G_SOURCE_REMOVE;
}

static void
on_timer (gpointer user_data)
{
  Timer *timer = user_data;

  timer->fired++;
  timer->at = hr_clock_now (timer->clock);
  timer->id = 0;
  if (timer->order != NULL)
    g_string_append_c (timer->order, timer->mark);
}

static void
wait_fired (const Timer *timer)
{
  guint id = g_timeout_add (DEADLINE_MS, on_deadline, NULL);

  while (timer->fired == 0)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (id);
}

static void
test_time_goes_on (void)
{
  g_autoptr (HrClock) clock = hr_system_clock_new ();
  gint64 first = hr_clock_now (clock);

  g_assert_cmpint (hr_clock_now (clock), >=, first);
  g_assert_cmpint (ABS (hr_clock_real (clock) - g_get_real_time ()), <, 10 * G_USEC_PER_SEC);
}

static void
test_timer_fires_once_and_not_early (void)
{
  g_autoptr (HrClock) clock = hr_system_clock_new ();
  Timer timer = { .clock = clock }, second = { .clock = clock };
  gint64 start = hr_clock_now (clock);

  timer.id = hr_clock_after (clock, 20000, on_timer, &timer);
  g_assert_cmpuint (timer.id, >, 0);
  wait_fired (&timer);
  g_assert_cmpint (timer.at - start, >=, 20000);
  second.id = hr_clock_after (clock, 1000, on_timer, &second);
  wait_fired (&second);
  g_assert_cmpint (timer.fired, ==, 1);
}

static void
test_timers_fire_in_their_order (void)
{
  g_autoptr (HrClock) clock = hr_system_clock_new ();
  g_autoptr (GString) order = g_string_new (NULL);
  Timer late = { .clock = clock, .order = order, .mark = 'c' };
  Timer soon = { .clock = clock, .order = order, .mark = 'b' };
  Timer past = { .clock = clock, .order = order, .mark = 'a' };

  late.id = hr_clock_after (clock, 60000, on_timer, &late);
  soon.id = hr_clock_after (clock, 20000, on_timer, &soon);
  past.id = hr_clock_after (clock, -5, on_timer, &past);
  wait_fired (&late);
  g_assert_cmpstr (order->str, ==, "abc");
}

static void
test_cancelled_timer_does_not_fire (void)
{
  g_autoptr (HrClock) clock = hr_system_clock_new ();
  Timer cancelled = { .clock = clock }, after = { .clock = clock };
  guint none = 0;

  cancelled.id = hr_clock_after (clock, 1000, on_timer, &cancelled);
  after.id = hr_clock_after (clock, 5000, on_timer, &after);
  hr_clock_cancel (clock, &cancelled.id);
  g_assert_cmpuint (cancelled.id, ==, 0);
  hr_clock_cancel (clock, &none);
  wait_fired (&after);
  g_assert_cmpint (cancelled.fired, ==, 0);
}

static void
arm_again (gpointer user_data)
{
  Timer *timer = user_data;

  timer->id = hr_clock_after (timer->clock, 1000, on_timer, timer);
}

static void
test_timer_may_arm_another (void)
{
  g_autoptr (HrClock) clock = hr_system_clock_new ();
  Timer timer = { .clock = clock };

  timer.id = hr_clock_after (clock, 0, arm_again, &timer);
  wait_fired (&timer);
  g_assert_cmpint (timer.fired, ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/clock/time-goes-on", test_time_goes_on);
  g_test_add_func ("/clock/timer-fires-once-and-not-early", test_timer_fires_once_and_not_early);
  g_test_add_func ("/clock/timers-fire-in-their-order", test_timers_fire_in_their_order);
  g_test_add_func ("/clock/cancelled-timer-does-not-fire", test_cancelled_timer_does_not_fire);
  g_test_add_func ("/clock/timer-may-arm-another", test_timer_may_arm_another);
  return g_test_run ();
}
