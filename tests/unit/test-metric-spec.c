/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-metric-spec.h"

#include <math.h>
#include <string.h>

#include "hr-error.h"

static HrMetricSpec *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  HrMetricSpec *spec = hr_metric_spec_parse (text, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (spec->text, ==, text);
  return spec;
}

static void
expect_url (const char *text, gboolean needs_port, const char *url, const char *selector)
{
  g_autoptr (HrMetricSpec) spec = parse (text);
  g_autofree char *got = hr_metric_spec_get_url (spec, 8080);

  g_assert_cmpint (spec->kind, ==, HR_METRIC_HTTP);
  g_assert_cmpint (hr_metric_spec_needs_port (spec), ==, needs_port);
  g_assert_cmpstr (got, ==, url);
  g_assert_cmpstr (spec->selector, ==, selector);
}

static void
test_http (void)
{
  expect_url ("http://127.0.0.1:9090/m?a=%20b#x.y", FALSE, "http://127.0.0.1:9090/m?a=%20b", "x.y");
  expect_url ("http://127.0.0.1:%p/m#x", TRUE, "http://127.0.0.1:8080/m", "x");
  expect_url ("http://[::1]:%p#x{a=\"#\"}", TRUE, "http://[::1]:8080", "x{a=\"#\"}");
  expect_url ("http://localhost/%70:%25p#x", FALSE, "http://localhost/%70:%25p", "x");
}

static void
test_exec (void)
{
  g_autoptr (HrMetricSpec) spec = parse ("exec:count 'a b'");

  g_assert_cmpint (spec->kind, ==, HR_METRIC_EXEC);
  g_assert_cmpstr (spec->argv[0], ==, "count");
  g_assert_cmpstr (spec->argv[1], ==, "a b");
  g_assert_false (hr_metric_spec_needs_port (spec));
}

static void
test_wrong (void)
{
  static const struct {
    const char *text;
    const char *words;
  } cases[] = {
    { "x", "'x' is no place of a number: write http://127.0.0.1:%p/metrics#name or exec:COMMAND" },
    { "https://localhost/#x", "is no place of a number" },
    { "HTTP://localhost/#x", "is no place of a number" },
    { "http://localhost/metrics", "does not say which number of the answer" },
    { "http://localhost/metrics#", "does not say which number of the answer" },
    { "http:///metrics#x", "names no host" },
    { "http://#x", "names no host" },
    { "http://me:secret@localhost/#x", "names a user" },
    { "http://localhost:port/#x", "is no URL" },
    { "http://localhost:70000/#x", "is no URL" },
    { "http://localhost:%p0/#x", "is no URL" },
    { "http://localhost/#x{", "'x{' is not a metric: write it like" },
    { "http://localhost/#x..y", "'x..y' is not a path in JSON" },
    { "exec:", "names no program" },
    { "exec:'", "ends within quotes" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (hr_metric_spec_parse (cases[i].text, &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
      if (strstr (error->message, cases[i].words) == NULL)
        g_assert_cmpstr (error->message, ==, cases[i].words);
    }
}

static void
test_text (void)
{
  static const struct {
    const char *spec;
    const char *text;
    double value; /* NAN: an error */
  } cases[] = {
    { "http://h/#a", "{\"a\": 1}", 1 },
    { "http://h/#a", " \n{\"a\": 1}", 1 },
    { "http://h/#0", "[2]", 2 },
    { "http://h/#a", "a 3\n", 3 },
    { "http://h/#a{b=\"c\"}", "a{b=\"c\"} 4", 4 },
    { "http://h/#a.b", "a 3\n", NAN },
    { "http://h/#a", "3", NAN },
    { "http://h/#a", "", NAN },
    { "exec:x", "5", 5 },
    { "exec:x", " -2.5e1\n\n", -25 },
    { "exec:x", "", NAN },
    { "exec:x", "5 6", NAN },
    { "exec:x", "5%", NAN },
    { "exec:x", "NaN", NAN },
    { "exec:x", "inf", NAN },
    { "exec:x", "0x10", NAN },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (HrMetricSpec) spec = parse (cases[i].spec);
      g_autoptr (GError) error = NULL;
      double value = -1;
      gboolean ok = hr_metric_spec_read_text (spec, cases[i].text, strlen (cases[i].text), FALSE, &value, &error);

      g_test_message ("%s: %s", cases[i].spec, cases[i].text);
      g_assert_cmpint (ok, ==, !isnan (cases[i].value));
      if (ok)
        g_assert_cmpfloat (value, ==, cases[i].value);
      else
        g_assert_error (error, HR_ERROR, HR_ERROR_FAILED);
    }
  {
    g_autoptr (HrMetricSpec) spec = parse ("exec:x");
    double value;
    g_assert_false (hr_metric_spec_read_text (spec, "1\0002", 3, FALSE, &value, NULL));
    g_assert_false (hr_metric_spec_read_text (spec, NULL, 0, FALSE, &value, NULL));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/metric-spec/http", test_http);
  g_test_add_func ("/metric-spec/exec", test_exec);
  g_test_add_func ("/metric-spec/wrong", test_wrong);
  g_test_add_func ("/metric-spec/text", test_text);
  return g_test_run ();
}
