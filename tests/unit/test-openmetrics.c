/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-openmetrics.h"

#include <math.h>
#include <string.h>

#include "hr-error.h"

static const char text[] = "# HELP http_requests Requests, with \\n in the help.\n"
                           "# TYPE http_requests counter\n"
                           "# a comment of nobody's {\n"
                           "http_requests_total{method=\"get\",status=\"200\"} 1027 1395066363000\n"
                           "http_requests_total{method=\"post\",status=\"200\",} 3\n"
                           "http_requests_total { method = \"get\" , status = \"500\" } 4 # {trace_id=\"x\"} 0.5 1.5\n"
                           "http_requests_total{method=\"post\",status=\"500\"} 2.5e0 1 # {} 1\n"
                           "\n"
                           "odd{path=\"C:\\\\DIR\\\\\",text=\"a \\\"quoted\\\"\\n line, with } and #\"} +7\n"
                           "  indented:name_1 8\t\r\n"
                           "# TYPE never_seen counter\n"
                           "# HELP lonely A gauge without a sample.\n"
                           "not_a_number NaN\n"
                           "infinite{le=\"+Inf\"} +Inf\n"
                           "less -Inf\n"
                           "negative -3\n"
                           "# EOF\n"
                           "after_the_end 1\n"
                           "and garbage behind it\n";

static void
expect (const char *selector, gboolean add_up, double value)
{
  g_autoptr (GError) error = NULL;
  double found = NAN;

  g_assert_true (hr_openmetrics_check_selector (selector, &error));
  g_assert_no_error (error);
  hr_openmetrics_find (text, selector, add_up, &found, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (found, ==, value);
}

static void
expect_none (const char *in, const char *selector, gboolean add_up, const char *words)
{
  g_autoptr (GError) error = NULL;
  double found = -1;

  g_assert_false (hr_openmetrics_find (in, selector, add_up, &found, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_FAILED);
  g_assert_cmpfloat (found, ==, -1);
  if (strstr (error->message, words) == NULL)
    g_assert_cmpstr (error->message, ==, words);
}

static void
test_one (void)
{
  expect ("http_requests_total{status=\"500\",method=\"get\"}", FALSE, 4);
  expect ("http_requests_total{method=\"post\", status=\"500\",}", FALSE, 2.5);
  expect ("odd", FALSE, 7);
  expect ("odd{}", FALSE, 7);
  expect ("odd{path=\"C:\\\\DIR\\\\\"}", FALSE, 7);
  expect ("odd{text=\"a \\\"quoted\\\"\\n line, with } and #\"}", FALSE, 7);
  expect ("indented:name_1", FALSE, 8);
  expect ("negative", FALSE, -3);
}

static void
test_add_up (void)
{
  expect ("http_requests_total", TRUE, 1036.5);
  expect ("http_requests_total{status=\"500\"}", TRUE, 6.5);
  expect ("odd", TRUE, 7);
  expect_none (text, "http_requests_total{status=\"500\"}", FALSE, "has 2 samples of ");
}

/* A counter with labels that has not counted yet is often not there at all; what was never told of is a mistake. */
static void
test_absent (void)
{
  expect ("http_requests_total{status=\"503\"}", TRUE, 0);
  expect ("http_requests_total{code=\"500\"}", TRUE, 0);
  expect ("never_seen_total", TRUE, 0);
  expect ("never_seen", TRUE, 0);
  expect ("lonely", TRUE, 0);
  expect_none (text, "lonely", FALSE, "no sample of 'lonely'");
  expect_none (text, "http_requests", FALSE, "no sample");
  expect_none (text, "http_request", TRUE, "the answer has no metric 'http_request'");
  expect_none (text, "never_seen_count", TRUE, "no metric");
  expect_none (text, "after_the_end", TRUE, "no metric");
  expect_none ("", "a", TRUE, "the answer has no metric 'a'");
  expect_none ("# EOF", "a", TRUE, "the answer has no metric 'a'");
  expect_none ("a 1\n", "a.b", TRUE, "the answer has no metric 'a.b'");
}

static void
test_not_finite (void)
{
  expect_none (text, "not_a_number", TRUE, "'not_a_number' is not a number");
  expect_none (text, "infinite", TRUE, "'infinite' is infinite");
  expect_none (text, "less", FALSE, "'less' is infinite");
  expect_none ("a{b=\"1\"} 1e308\na{b=\"2\"} 1e308\n", "a", TRUE, "infinite");
  /* Of others they do not matter. */
  expect ("negative", TRUE, -3);
}

static void
test_garbage (void)
{
  static const char *const lines[] = {
    "<html>",
    "a",
    "a b",
    "a 1 b",
    "a 0x10",
    "a 1 2 3",
    "a{",
    "a{b}",
    "a{b=}",
    "a{b=c} 1",
    "a{b=\"c} 1",
    "a{b=\"\\t\"} 1",
    "a{b=\"c\"",
    "a{b=\"c\" d=\"e\"} 1",
    "a{1=\"c\"} 1",
    "a{,} 1",
    "1a 1",
    "a{b=\"1\",b=\"1\"} 1",
    "a 1e",
    "a infinite",
    "{\"a\"} 1",
    "a --1",
    "a 1.2.3",
    "a \xff",
    "a{b:c=\"1\"} 1",
    "a 1 nan x",
  };

  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_autofree char *in = g_strconcat ("a{x=\"y\"} 1\n", lines[i], "\n", NULL);

      expect_none (in, "a{x=\"y\"}", TRUE, "the answer is neither JSON nor OpenMetrics text: line 2 is ");
    }
}

static void
test_selectors (void)
{
  static const char *const wrong[] = { "", "1a", "a b", "a{", "a{b}", "a{b=\"c\"", "a{b=\"c\"}x", "{b=\"c\"}", "a.b" };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (hr_openmetrics_check_selector (wrong[i], &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
    }
}

/* Whatever comes, cut anywhere: an answer or an error, and nothing read beyond the end. */
static void
test_cut (void)
{
  for (gsize i = 0; i <= strlen (text); i++)
    {
      g_autofree char *cut = g_strndup (text, i);
      g_autoptr (GError) error = NULL;
      double value = 0;
      gboolean ok = hr_openmetrics_find (cut, "http_requests_total{status=\"500\"}", TRUE, &value, &error);

      g_assert_cmpint (ok, ==, error == NULL);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/openmetrics/one-sample", test_one);
  g_test_add_func ("/openmetrics/added-up", test_add_up);
  g_test_add_func ("/openmetrics/absent", test_absent);
  g_test_add_func ("/openmetrics/nan-and-infinity", test_not_finite);
  g_test_add_func ("/openmetrics/garbage", test_garbage);
  g_test_add_func ("/openmetrics/selectors", test_selectors);
  g_test_add_func ("/openmetrics/cut-anywhere", test_cut);
  return g_test_run ();
}
