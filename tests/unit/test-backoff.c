/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-backoff.c: delays between restarts, and when to give up.
 */
#include "hr-backoff.h"

#define MS G_TIME_SPAN_MILLISECOND
#define SECOND G_TIME_SPAN_SECOND

static void
test_grows (void)
{
  g_autoptr (HrBackoff) backoff = hr_backoff_new (100 * MS, 10 * SECOND, 0, 30 * SECOND);
  gint64 expected = 100 * MS, now = 0;

  for (guint i = 0; i < 200; i++)
    {
      g_assert_cmpint (hr_backoff_failed (backoff, now, 0), ==, expected);
      expected = MIN (expected * 2, 10 * SECOND);
      now += SECOND;
    }
}

static void
test_jitter (void)
{
  g_autoptr (HrBackoff) backoff = hr_backoff_new (1 * SECOND, 1 * SECOND, 0, 30 * SECOND);

  g_assert_cmpint (hr_backoff_failed (backoff, 0, 0), ==, 1000 * MS);
  g_assert_cmpint (hr_backoff_failed (backoff, 0, G_MAXUINT32 / 2), >=, 1049 * MS);
  g_assert_cmpint (hr_backoff_failed (backoff, 0, G_MAXUINT32 / 2), <=, 1051 * MS);
  g_assert_cmpint (hr_backoff_failed (backoff, 0, G_MAXUINT32), ==, 1100 * MS);
}

static void
test_stable (void)
{
  g_autoptr (HrBackoff) backoff = hr_backoff_new (100 * MS, 10 * SECOND, 0, 30 * SECOND);

  hr_backoff_failed (backoff, 0, 0);
  hr_backoff_healthy (backoff, 1 * SECOND);
  g_assert_cmpint (hr_backoff_failed (backoff, 30 * SECOND, 0), ==, 200 * MS);
  /* Alive for long, but never ready: not stable. */
  g_assert_cmpint (hr_backoff_failed (backoff, 90 * SECOND, 0), ==, 400 * MS);
  hr_backoff_healthy (backoff, 100 * SECOND);
  hr_backoff_healthy (backoff, 129 * SECOND);
  g_assert_cmpint (hr_backoff_failed (backoff, 130 * SECOND, 0), ==, 100 * MS);
  g_assert_cmpint (hr_backoff_failed (backoff, 131 * SECOND, 0), ==, 200 * MS);
}

static void
test_limit (void)
{
  g_autoptr (HrBackoff) backoff = hr_backoff_new (100 * MS, 10 * SECOND, 5, 30 * SECOND);

  for (guint i = 0; i < 4; i++)
    g_assert_cmpint (hr_backoff_failed (backoff, i * SECOND, 0), >, 0);
  g_assert_cmpint (hr_backoff_failed (backoff, 30 * SECOND, 0), ==, HR_BACKOFF_GIVE_UP);
  g_assert_cmpint (hr_backoff_failed (backoff, 30 * SECOND, 0), ==, HR_BACKOFF_GIVE_UP);
  hr_backoff_reset (backoff);
  g_assert_cmpint (hr_backoff_failed (backoff, 31 * SECOND, 0), ==, 100 * MS);
}

static void
test_limit_spread (void)
{
  g_autoptr (HrBackoff) backoff = hr_backoff_new (0, 0, 5, 30 * SECOND);

  /* Never five within any 30 s. */
  for (guint i = 0; i < 100; i++)
    g_assert_cmpint (hr_backoff_failed (backoff, i * 8 * SECOND, 0), ==, 0);
}

/* What never becomes ready within a time that is longer than the window is one too many all the same. */
static void
test_limit_slow_starts (void)
{
  g_autoptr (HrBackoff) backoff = hr_backoff_new (SECOND, SECOND, 3, 30 * SECOND);
  gint64 now = 0;

  g_assert_cmpint (hr_backoff_failed (backoff, now, 0), ==, SECOND);
  for (guint i = 0; i < 2; i++)
    {
      now += SECOND;
      hr_backoff_began (backoff, now);
      now += 60 * SECOND;
      g_assert_cmpint (hr_backoff_failed (backoff, now, 0), ==, i == 0 ? SECOND : HR_BACKOFF_GIVE_UP);
    }

  /* What it takes until it is ready does not count either; from then on the window goes on. */
  hr_backoff_reset (backoff);
  for (guint i = 0; i < 10; i++)
    {
      g_assert_cmpint (hr_backoff_failed (backoff, now, 0), ==, SECOND);
      now += SECOND;
      hr_backoff_began (backoff, now);
      now += 60 * SECOND;
      hr_backoff_healthy (backoff, now);
      now += 16 * SECOND;
    }
  /* And so it does between starts: what was asked for as RestartDelay counts. */
  hr_backoff_reset (backoff);
  for (guint i = 0; i < 10; i++)
    {
      g_assert_cmpint (hr_backoff_failed (backoff, now, 0), ==, SECOND);
      now += 16 * SECOND;
      hr_backoff_began (backoff, now);
    }
}

static void
test_limit_one (void)
{
  g_autoptr (HrBackoff) backoff = hr_backoff_new (100 * MS, 10 * SECOND, 1, 30 * SECOND);

  g_assert_cmpint (hr_backoff_failed (backoff, 0, 0), ==, HR_BACKOFF_GIVE_UP);
}

static void
test_base_above_cap (void)
{
  g_autoptr (HrBackoff) backoff = hr_backoff_new (60 * SECOND, 10 * SECOND, 0, 30 * SECOND);
  g_autoptr (HrBackoff) huge = hr_backoff_new (G_MAXINT64 / 4, G_MAXINT64 / 2, 0, 30 * SECOND);

  g_assert_cmpint (hr_backoff_failed (backoff, 0, 0), ==, 10 * SECOND);
  for (guint i = 0; i < 10; i++)
    g_assert_cmpint (hr_backoff_failed (huge, 0, 0), >, 0);
}

/* Every history of up to six steps, each a failure or a becoming ready after one of some waits, against what the manual
 * says, written down as plainly as can be. */

#define STEPS 6
#define WINDOW (4 * SECOND)

typedef struct {
  gint64 failures[STEPS + 1];
  guint n_failures; /* all that count, the given-up ones too */
  guint doublings;
  gint64 ready_since; /* -1: is not */
} Model;

static gint64
model_failed (Model *self, gint64 now, gint64 delay, gint64 most, guint limit)
{
  guint within = 0;

  if (self->ready_since >= 0 && now - self->ready_since >= WINDOW)
    *self = (Model){ 0 };
  self->ready_since = -1;
  self->failures[self->n_failures++] = now;
  for (guint i = 0; i < self->n_failures; i++)
    within += now - self->failures[i] <= WINDOW;
  if (limit > 0 && within >= limit)
    return HR_BACKOFF_GIVE_UP;
  delay <<= self->doublings++;
  return MIN (delay, most);
}

static void
run_history (guint history, guint limit, gint64 delay, gint64 most)
{
  static const gint64 waits[] = { 0, SECOND, WINDOW, WINDOW + 1 };
  g_autoptr (HrBackoff) backoff = hr_backoff_new (delay, most, limit, WINDOW);
  Model model = { .ready_since = -1 };
  gint64 now = 0;

  for (guint step = 0; step < STEPS; step++)
    {
      guint kind = history % 8;
      gint64 expected, got;

      history /= 8;
      now += waits[kind / 2];
      g_assert_cmpint (hr_backoff_is_stable (backoff, now), ==,
                       model.ready_since >= 0 && now - model.ready_since >= WINDOW);
      if (kind % 2 == 1)
        {
          hr_backoff_healthy (backoff, now);
          model.ready_since = model.ready_since < 0 ? now : model.ready_since;
          continue;
        }
      expected = model_failed (&model, now, delay, most, limit);
      got = hr_backoff_failed (backoff, now, 0);
      g_assert_cmpint (got, ==, expected);
    }
}

static void
test_all_histories (void)
{
  for (guint history = 0; history < 1u << (3 * STEPS); history++)
    for (guint limit = 0; limit <= 3; limit++)
      run_history (history, limit, SECOND, 5 * SECOND);
}

static void
test_jitter_of_every_delay (void)
{
  for (guint64 chance = 0; chance <= G_MAXUINT32; chance += G_MAXUINT32 / 255)
    {
      g_autoptr (HrBackoff) backoff = hr_backoff_new (100 * MS, 10 * SECOND, 0, 30 * SECOND);
      gint64 base = 100 * MS;

      for (guint i = 0; i < 12; i++)
        {
          gint64 delay = hr_backoff_failed (backoff, i, (guint32)chance);

          g_assert_cmpint (delay, >=, base);
          g_assert_cmpint (delay, <=, base + base / 10);
          base = MIN (base * 2, 10 * SECOND);
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/backoff/case-11-grows-1-2-4-times-its-base-and-is-capped", test_grows);
  g_test_add_func ("/backoff/case-11-resets-when-stable", test_stable);
  g_test_add_func ("/backoff/case-11-five-failures-in-30-s-give-up", test_limit);
  g_test_add_func ("/backoff/failures-further-apart-never-give-up", test_limit_spread);
  g_test_add_func ("/backoff/starts-that-take-longer-than-the-window-give-up", test_limit_slow_starts);
  g_test_add_func ("/backoff/a-limit-of-one-allows-no-restart", test_limit_one);
  g_test_add_func ("/backoff/jitter-only-adds-at-most-a-tenth", test_jitter);
  g_test_add_func ("/backoff/jitter-of-every-delay", test_jitter_of_every_delay);
  g_test_add_func ("/backoff/every-history-of-six-steps", test_all_histories);
  g_test_add_func ("/backoff/extremes", test_base_above_cap);
  return g_test_run ();
}
