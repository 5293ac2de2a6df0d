/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "hr-duration.h"
#include "hr-error.h"

static void
test_units_and_bare_seconds (void)
{
  static const struct {
    const char *text;
    gint64 usec;
  } cases[] = {
    { "500ms", 500000 },
    { "30s", 30 * G_USEC_PER_SEC },
    { "2min", 120 * G_USEC_PER_SEC },
    { "5", 5 * G_USEC_PER_SEC },
    { "0", 0 },
    { "0ms", 0 },
    { "0.5", 500000 },
    { "1.25s", 1250000 },
    { "0.0005ms", 0 },
    { "0.5min", 30 * G_USEC_PER_SEC },
    { "1.9999999s", 1999999 },
    { "10 s", 10 * G_USEC_PER_SEC },
    { "007", 7 * G_USEC_PER_SEC },
    { "31622400", HR_DURATION_MAX },
    { "527040min", HR_DURATION_MAX },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      gint64 usec = -1;

      g_test_message ("%s", cases[i].text);
      g_assert_true (hr_duration_parse (cases[i].text, &usec, &error));
      g_assert_no_error (error);
      g_assert_cmpint (usec, ==, cases[i].usec);
    }
}

static void
test_anything_else_is_refused (void)
{
  static const struct {
    const char *text;
    const char *words;
  } cases[] = {
    { "", "'' is not a duration: write it like 500ms" },
    { "s", "'s' is not a duration" },
    { "abc", "'abc' is not a duration" },
    { "-1s", "'-1s' is not a duration" },
    { "+1s", "'+1s' is not a duration" },
    { "1.s", "'1.s' is not a duration" },
    { ".5s", "'.5s' is not a duration" },
    { "1h", "'1h' is not a duration" },
    { "1m", "'1m' is not a duration" },
    { "1S", "'1S' is not a duration" },
    { "1us", "'1us' is not a duration" },
    { "1min 30s", "'1min 30s' is not a duration" },
    { "1e3", "'1e3' is not a duration" },
    { "0x10", "'0x10' is not a duration" },
    { "31622401", "'31622401' is longer than a year" },
    { "527041min", "longer than a year" },
    { "99999999999999999999999999", "longer than a year" },
    { "99999999999999999999999999ms", "longer than a year" },
    { "9223372036854775807min", "longer than a year" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      gint64 usec = 42;

      g_assert_false (hr_duration_parse (cases[i].text, &usec, &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, cases[i].words));
      g_assert_cmpint (usec, ==, 42);
    }
}

static void
test_string_is_read_back (void)
{
  static const struct {
    gint64 usec;
    const char *text;
  } cases[] = {
    { 0, "0s" },
    { 100000, "100ms" },
    { 1500000, "1500ms" },
    { 10 * G_USEC_PER_SEC, "10s" },
    { 90 * G_USEC_PER_SEC, "90s" },
    { 120 * G_USEC_PER_SEC, "2min" },
    { HR_DURATION_MAX, "527040min" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = hr_duration_to_string (cases[i].usec);
      gint64 usec = -1;

      g_assert_cmpstr (text, ==, cases[i].text);
      g_assert_true (hr_duration_parse (text, &usec, NULL));
      g_assert_cmpint (usec, ==, cases[i].usec);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/duration/units-and-bare-seconds", test_units_and_bare_seconds);
  g_test_add_func ("/duration/anything-else-is-refused", test_anything_else_is_refused);
  g_test_add_func ("/duration/string-is-read-back", test_string_is_read_back);
  return g_test_run ();
}
