/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-canary-verdict.c: when a canary is worse than what runs beside it.
 */
#include "hr-canary-verdict.h"

#define MS G_TIME_SPAN_MILLISECOND

static HrCanarySamples
samples (guint good, guint failed, gint64 latency)
{
  HrCanarySamples self = { 0 };

  for (guint i = 0; i < good; i++)
    hr_canary_samples_add (&self, TRUE, latency);
  for (guint i = 0; i < failed; i++)
    hr_canary_samples_add (&self, FALSE, 0);
  return self;
}

static void
assert_verdict (HrCanarySamples candidate, HrCanarySamples running, gboolean over, const char *expected)
{
  g_autofree char *reason = NULL;
  gboolean good = hr_canary_verdict (&candidate, &running, over, &reason);

  g_assert_cmpstr (reason, ==, expected);
  g_assert_cmpint (good, ==, expected == NULL);
}

static void
test_failures_are_compared_with_the_old_ones (void)
{
  assert_verdict (samples (10, 0, MS), samples (10, 0, MS), TRUE, NULL);
  /* 10 points are allowed, 11 are not. */
  assert_verdict (samples (9, 1, MS), samples (10, 0, MS), TRUE, NULL);
  assert_verdict (samples (89, 11, MS), samples (10, 0, MS), TRUE,
                  "its probe failed 11 of 100 times, that of the release that runs 0 of 10 times");
  assert_verdict (samples (8, 2, MS), samples (10, 0, MS), FALSE,
                  "its probe failed 2 of 10 times, that of the release that runs 0 of 10 times");
  /* What is broken behind both is no fault of the new one. */
  assert_verdict (samples (0, 10, MS), samples (0, 10, MS), TRUE, NULL);
  assert_verdict (samples (5, 5, MS), samples (5, 5, MS), TRUE, NULL);
  /* That of the old one may be better, worse, or not known at all. */
  assert_verdict (samples (10, 0, MS), samples (0, 10, MS), TRUE, NULL);
  assert_verdict (samples (10, 0, MS), samples (0, 0, MS), TRUE, NULL);
  assert_verdict (samples (1, 1, MS), samples (0, 0, MS), TRUE,
                  "its probe failed 1 of 2 times, that of the release that runs 0 of 0 times");
}

static void
test_few_probes_decide_only_at_the_end (void)
{
  assert_verdict (samples (2, 2, MS), samples (4, 0, MS), FALSE, NULL);
  assert_verdict (samples (2, 2, MS), samples (4, 0, MS), TRUE,
                  "its probe failed 2 of 4 times, that of the release that runs 0 of 4 times");
  assert_verdict (samples (2, 3, MS), samples (5, 0, MS), FALSE,
                  "its probe failed 3 of 5 times, that of the release that runs 0 of 5 times");
  assert_verdict (samples (0, 0, MS), samples (0, 0, MS), TRUE, NULL);
}

static void
test_latency_is_compared_by_factor_and_slack (void)
{
  /* Three times is allowed, more is not. */
  assert_verdict (samples (5, 0, 300 * MS), samples (5, 0, 100 * MS), TRUE, NULL);
  assert_verdict (samples (5, 0, 301 * MS), samples (6, 0, 100 * MS), TRUE,
                  "its probe takes 301 ms (median of 5), more than 3 times the 100 ms of the release that runs "
                  "(median of 6)");
  /* Below the slack a factor is noise. */
  assert_verdict (samples (5, 0, 15 * MS), samples (5, 0, 200), TRUE, NULL);
  assert_verdict (
      samples (5, 0, 30 * MS), samples (5, 0, 1500), FALSE,
      "its probe takes 30 ms (median of 5), more than 3 times the 1.5 ms of the release that runs (median of "
      "5)");
  /* Too few of either. */
  assert_verdict (samples (4, 0, 900 * MS), samples (9, 0, MS), TRUE, NULL);
  assert_verdict (samples (9, 0, 900 * MS), samples (4, 0, MS), TRUE, NULL);
}

static void
test_median_takes_the_newest (void)
{
  HrCanarySamples self = { 0 };

  g_assert_cmpint (hr_canary_samples_latency (&self), ==, -1);
  hr_canary_samples_add (&self, FALSE, 500 * MS);
  g_assert_cmpint (hr_canary_samples_latency (&self), ==, -1);
  hr_canary_samples_add (&self, TRUE, 5 * MS);
  g_assert_cmpint (hr_canary_samples_latency (&self), ==, 5 * MS);
  hr_canary_samples_add (&self, TRUE, 1 * MS);
  g_assert_cmpint (hr_canary_samples_latency (&self), ==, 3 * MS);
  hr_canary_samples_add (&self, TRUE, 1000 * MS);
  g_assert_cmpint (hr_canary_samples_latency (&self), ==, 5 * MS);
  for (guint i = 0; i < HR_CANARY_LATENCIES_MAX; i++)
    hr_canary_samples_add (&self, TRUE, 7 * MS);
  g_assert_cmpint (hr_canary_samples_latency (&self), ==, 7 * MS);
  g_assert_cmpuint (self.probes, ==, HR_CANARY_LATENCIES_MAX + 4);
  g_assert_cmpuint (self.failed, ==, 1);
}

/* As many latencies as there are, also more than are kept, and nothing that does not add up. */
static void
test_samples_are_carried (void)
{
  g_autoptr (GVariant) wrong = g_variant_ref_sink (g_variant_new_parsed ("(uint32 1, uint32 2, uint32 0, @ax [])"));
  g_autoptr (GVariant) short_one = g_variant_ref_sink (g_variant_new_parsed ("(uint32 1, uint32 0, uint32 1, @ax [])"));
  HrCanarySamples other = { 0 };

  for (guint n = 0; n < 3 * HR_CANARY_LATENCIES_MAX; n += HR_CANARY_LATENCIES_MAX / 2)
    {
      HrCanarySamples samples = { 0 };
      g_autoptr (GVariant) carried = NULL;

      other = (HrCanarySamples){ 0 };
      for (guint i = 0; i < n; i++)
        hr_canary_samples_add (&samples, i % 3 != 0, i);
      carried = g_variant_ref_sink (hr_canary_samples_carry (&samples));
      g_assert_true (hr_canary_samples_take_carried (&other, carried));
      for (guint i = 0; i < 3; i++)
        {
          g_assert_cmpuint (other.probes, ==, samples.probes);
          g_assert_cmpuint (other.failed, ==, samples.failed);
          g_assert_cmpint (hr_canary_samples_latency (&other), ==, hr_canary_samples_latency (&samples));
          hr_canary_samples_add (&other, TRUE, 7);
          hr_canary_samples_add (&samples, TRUE, 7);
        }
    }
  g_assert_false (hr_canary_samples_take_carried (&other, wrong));
  g_assert_false (hr_canary_samples_take_carried (&other, short_one));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define TEST(name, func) g_test_add_func ("/canary-verdict/" name, func)
  TEST ("failures-are-compared-with-the-old-ones", test_failures_are_compared_with_the_old_ones);
  TEST ("few-probes-decide-only-at-the-end", test_few_probes_decide_only_at_the_end);
  TEST ("latency-is-compared-by-factor-and-slack", test_latency_is_compared_by_factor_and_slack);
  TEST ("median-takes-the-newest", test_median_takes_the_newest);
  TEST ("samples-are-carried", test_samples_are_carried);
  return g_test_run ();
}
