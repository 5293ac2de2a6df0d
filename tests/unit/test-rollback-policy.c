/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-rollback-policy.h"

#include "spec-fixture.h"

#define ERRORS "ErrorMetric=exec:e\n"
#define SUCCESSES "SuccessMetric=exec:s\n"
#define TOTAL "TotalMetric=exec:t\n"

static HrServiceSpec *
spec_of (const char *keys)
{
  g_autofree char *text = g_strconcat ("[Service]\nExec=true\nSource=/srv\n[PostCheck]\n", keys, NULL);

  return parse (text, NULL);
}

/* @reason: NULL: it is not bad, and good when the time is over */
static void
judge (const char *keys, HrPostFigures seen, const HrPostFigures *before, gboolean over, const char *reason)
{
  g_autoptr (HrServiceSpec) spec = spec_of (keys);
  g_autofree char *why = NULL;
  HrVerdict verdict = hr_rollback_policy_judge (spec, &seen, before, over, &why);

  g_assert_cmpstr (why, ==, reason);
  g_assert_cmpint (verdict, ==, reason != NULL ? HR_VERDICT_BAD : (over ? HR_VERDICT_GOOD : HR_VERDICT_UNDECIDED));
}

static HrPostFigures
errors (double part, double whole, guint samples)
{
  return (HrPostFigures){ .errors = { part, whole, samples }, .read = samples + 1 };
}

static HrPostFigures
successes (double part, double whole, guint samples)
{
  return (HrPostFigures){ .successes = { part, whole, samples }, .read = samples + 1 };
}

static HrPostFigures
commands (double part, double whole)
{
  return (HrPostFigures){ .commands = { part, whole, (guint)whole } };
}

static void
test_nothing_seen (void)
{
  static const char *const keys[] = { "",
                                      "Command=x\n",
                                      "ErrorRate=0%\nCommand=x\n",
                                      "ErrorRate=0%\n" ERRORS TOTAL,
                                      "SuccessRate=100%\n" SUCCESSES TOTAL,
                                      ("SuccessRate=100%\nBaseline=yes\n" SUCCESSES) };

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      judge (keys[i], (HrPostFigures){ 0 }, NULL, FALSE, NULL);
      judge (keys[i], (HrPostFigures){ 0 }, NULL, TRUE, NULL);
    }
}

static void
test_error_rate (void)
{
  static const char keys[] = "ErrorRate=5%\n" ERRORS TOTAL;

  judge (keys, errors (2, 40, 4), NULL, FALSE, NULL);
  judge (keys, errors (2, 40, 4), NULL, TRUE, NULL);
  judge (keys, errors (3, 40, 4), NULL, FALSE, "ErrorRate: 7.5% (3 of 40 requests) is above 5%");
  judge (keys, errors (3, 40, 4), NULL, TRUE, "ErrorRate: 7.5% (3 of 40 requests) is above 5%");
  judge (keys, errors (1, 3, 1), NULL, TRUE, "ErrorRate: 33.33% (1 of 3 requests) is above 5%");
  judge ("ErrorRate=0%\n" ERRORS TOTAL, errors (0, 1000, 9), NULL, TRUE, NULL);
  judge ("ErrorRate=100%\n" ERRORS TOTAL, errors (1000, 1000, 9), NULL, TRUE, NULL);
}

static void
test_success_rate (void)
{
  static const char keys[] = "SuccessRate=95%\n" SUCCESSES TOTAL;

  judge (keys, successes (38, 40, 4), NULL, FALSE, NULL);
  judge (keys, successes (38, 40, 4), NULL, TRUE, NULL);
  judge (keys, successes (30, 40, 4), NULL, FALSE, "SuccessRate: 75% (30 of 40 requests) is below 95%");
  judge ("SuccessRate=100%\n" SUCCESSES TOTAL, successes (999, 1000, 9), NULL, TRUE,
         "SuccessRate: 99.9% (999 of 1000 requests) is below 100%");
}

/* One of one, or three of four requests in a first second: too little to decide on, unless there is no time left. */
static void
test_least (void)
{
  static const char counted[] = "ErrorRate=5%\n" ERRORS TOTAL;
  static const char rate[] = "ErrorRate=5%\n" ERRORS;

  judge (counted, errors (1000, 1000, HR_ROLLBACK_SAMPLES_MIN - 1), NULL, FALSE, NULL);
  judge (counted, errors (19, HR_ROLLBACK_COUNT_MIN - 1, 9), NULL, FALSE, NULL);
  judge (counted, errors (19, 19, 9), NULL, TRUE, "ErrorRate: 100% (19 of 19 requests) is above 5%");
  judge (counted, errors (20, HR_ROLLBACK_COUNT_MIN, HR_ROLLBACK_SAMPLES_MIN), NULL, FALSE,
         "ErrorRate: 100% (20 of 20 requests) is above 5%");
  judge (rate, errors (100, 200, 2), NULL, FALSE, NULL);
  judge (rate, errors (100, 200, 2), NULL, TRUE, "ErrorRate: 50% (mean of 2 readings) is above 5%");
  judge (rate, errors (30, 300, 3), NULL, FALSE, "ErrorRate: 10% (mean of 3 readings) is above 5%");
  judge ("Command=x\n", commands (1, 1), NULL, FALSE, NULL);
  judge ("Command=x\n", commands (2, 2), NULL, FALSE, NULL);
  judge ("Command=x\n", commands (1, 1), NULL, TRUE, "Command failed 1 of 1 times");
  judge ("Command=x\n", commands (1, 3), NULL, FALSE, "Command failed 1 of 3 times");
}

static void
test_results (void)
{
  HrPostFigures mixed = { .probes = { 1, 3, 3 }, .commands = { 1, 5, 5 } };

  judge ("ErrorRate=25%\nCommand=x\n[Health]\nProbe=exec:y\n", mixed, NULL, TRUE, NULL);
  judge ("ErrorRate=24%\nCommand=x\n[Health]\nProbe=exec:y\n", mixed, NULL, FALSE,
         "ErrorRate: 25% (2 of 8 results of Probe and Command) is above 24%");
  judge ("SuccessRate=80%\nCommand=x\n", commands (1, 4), NULL, FALSE,
         "SuccessRate: 75% (3 of 4 results of Command) is below 80%");
  judge ("ErrorRate=20%\n[Health]\nProbe=exec:y\n", (HrPostFigures){ .probes = { 1, 3, 3 } }, NULL, FALSE,
         "ErrorRate: 33.33% (1 of 3 results of Probe) is above 20%");
  /* With a rate of its results Command need not come out well each time. */
  judge ("ErrorRate=50%\nCommand=x\n", commands (1, 3), NULL, TRUE, NULL);
  /* Beside metrics it must. */
  judge ("ErrorRate=50%\nCommand=x\n" ERRORS, commands (1, 3), NULL, TRUE, "Command failed 1 of 3 times");
}

static void
test_baseline (void)
{
  static const char keys[] = "ErrorRate=2%\nBaseline=yes\n" ERRORS TOTAL;
  static const char least[] = "SuccessRate=98%\nBaseline=yes\n" SUCCESSES TOTAL;
  HrPostFigures before = errors (10, 100, 5);
  HrPostFigures good_before = successes (90, 100, 5);
  HrPostFigures silent = errors (0, 0, 0);

  judge (keys, errors (12, 100, 5), &before, TRUE, NULL);
  judge (keys, errors (13, 100, 5), &before, FALSE,
         "ErrorRate: 13% (13 of 100 requests) is more than 2 points above the 10% (10 of 100 requests) of the release "
         "before");
  judge (least, successes (88, 100, 5), &good_before, TRUE, NULL);
  judge (
      least, successes (87, 100, 5), &good_before, FALSE,
      "SuccessRate: 87% (87 of 100 requests) is more than 2 points below the 90% (90 of 100 requests) of the release "
      "before");
  /* Better than before is never bad. */
  judge (keys, errors (0, 100, 5), &before, TRUE, NULL);
  /* Without figures of the one before the limits are as they stand. */
  judge (keys, errors (3, 100, 5), &silent, TRUE, "ErrorRate: 3% (3 of 100 requests) is above 2%");
  /* The first of all has nothing to be compared with. */
  judge (keys, errors (99, 100, 5), NULL, TRUE, NULL);
  judge ("Command=x\nBaseline=yes\n", commands (4, 4), NULL, TRUE, NULL);
  /* Without Baseline they do not matter. */
  judge ("ErrorRate=2%\n" ERRORS TOTAL, errors (3, 100, 5), &before, TRUE,
         "ErrorRate: 3% (3 of 100 requests) is above 2%");
  judge ("Command=x\nBaseline=yes\n", commands (1, 4), &(HrPostFigures){ .commands = { 1, 4, 4 } }, TRUE, NULL);
  judge ("Command=x\nBaseline=yes\n", commands (2, 4), &(HrPostFigures){ .commands = { 1, 4, 4 } }, TRUE,
         "Command: 50% (2 of 4 results) is more than 0 points above the 25% (1 of 4 results) of the release before");
}

/* Rates that are the same by their figures are not told apart by how numbers are kept. */
static void
test_rounding (void)
{
  HrPostFigures before = errors (1, 3, 3);

  judge ("ErrorRate=10%\n" ERRORS TOTAL, errors (3, 30, 3), NULL, TRUE, NULL);
  judge ("ErrorRate=0.1%\n" ERRORS TOTAL, errors (1, 1000, 3), NULL, TRUE, NULL);
  judge ("ErrorRate=0%\nBaseline=yes\n" ERRORS TOTAL, errors (1000, 3000, 9), &before, TRUE, NULL);
}

static void
test_unread (void)
{
  static const char keys[] = "ErrorRate=5%\n" ERRORS TOTAL;
  static const char why[] = "its metrics could not be read (3 times tried), and those of the release before could";
  HrPostFigures read = { .read = 1 };
  HrPostFigures unread = { .unread = 4 };

  judge (keys, (HrPostFigures){ .unread = 2 }, &read, FALSE, NULL);
  judge (keys, (HrPostFigures){ .unread = 3 }, &read, FALSE, why);
  judge (keys, (HrPostFigures){ .unread = 3 }, &read, TRUE, why);
  judge (keys, (HrPostFigures){ .unread = 3 }, &unread, TRUE, NULL);
  judge (keys, (HrPostFigures){ .unread = 3 }, NULL, TRUE, NULL);
  judge (keys, (HrPostFigures){ .unread = 3, .read = 1 }, &read, TRUE, NULL);
}

static void
describe (const char *keys, HrPostFigures seen, HrPostFigures before, const char *text)
{
  g_autoptr (HrServiceSpec) spec = spec_of (keys);
  g_autofree char *said = hr_rollback_policy_describe_metrics (spec, &seen, &before);

  g_assert_cmpstr (said, ==, text);
}

/* What is said of a canary that has passed. */
static void
test_metrics_are_told (void)
{
  describe ("ErrorRate=5%\nCommand=x\n", errors (1, 40, 4), errors (0, 1, 1), NULL);
  describe ("ErrorRate=5%\n" ERRORS TOTAL, errors (1, 40, 4), errors (0, 300, 9),
            "its ErrorRate was 2.5% (1 of 40 requests), that of the release before 0% (0 of 300 requests)");
  describe ("ErrorRate=5%\n" ERRORS, errors (1, 100, 4), (HrPostFigures){ 0 },
            "its ErrorRate was 1% (mean of 4 readings)");
  describe ("ErrorRate=5%\nSuccessRate=5%\n" ERRORS SUCCESSES TOTAL, errors (1, 40, 4), (HrPostFigures){ 0 },
            "its ErrorRate was 2.5% (1 of 40 requests); "
            "its SuccessRate was of nothing, as nobody asked anything of it");
  describe ("ErrorRate=5%\n" ERRORS TOTAL, (HrPostFigures){ .unread = 3 }, (HrPostFigures){ 0 },
            "its metrics could not be read");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/rollback-policy/nothing-seen-is-nothing-bad", test_nothing_seen);
  g_test_add_func ("/rollback-policy/error-rate", test_error_rate);
  g_test_add_func ("/rollback-policy/success-rate", test_success_rate);
  g_test_add_func ("/rollback-policy/too-little-to-decide", test_least);
  g_test_add_func ("/rollback-policy/results-of-probe-and-command", test_results);
  g_test_add_func ("/rollback-policy/baseline", test_baseline);
  g_test_add_func ("/rollback-policy/rounding", test_rounding);
  g_test_add_func ("/rollback-policy/metrics-are-told", test_metrics_are_told);
  g_test_add_func ("/rollback-policy/metrics-that-cannot-be-read-any-more", test_unread);
  return g_test_run ();
}
