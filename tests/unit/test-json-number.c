/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-json-number.h"

#include <string.h>

#include "hr-error.h"

static const char text[] =
    "{\"requests\": {\"failed\": 3, \"all\": 1.5e2, \"a.b\": -1, \"back\\\\slash\": 7, \"\\u00e9\": 8},"
    " \"skipped\": [[], {}, {\"requests\": 0}], \"pools\": [{\"failed\": 4}, [10, 20], 5],"
    " \"text\": \"12\", \"none\": null, \"large\": 1e999, \"0\": 9}";

static void
test_found (void)
{
  static const struct {
    const char *path;
    double value;
  } cases[] = {
    { "requests.failed", 3 },
    { "requests.all", 150 },
    { "requests.a\\.b", -1 },
    { "requests.back\\\\slash", 7 },
    { "requests.\xc3\xa9", 8 },
    { "pools.0.failed", 4 },
    { "pools.1.1", 20 },
    { "pools.2", 5 },
    { "0", 9 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      double value = 0;

      g_assert_true (hr_json_number_check_path (cases[i].path, NULL));
      hr_json_number_find (text, strlen (text), cases[i].path, &value, &error);
      g_assert_no_error (error);
      g_assert_cmpfloat (value, ==, cases[i].value);
    }
  {
    double value = 0;
    g_assert_true (hr_json_number_find ("[ 5 ]", 5, "0", &value, NULL));
    g_assert_cmpfloat (value, ==, 5);
  }
}

static void
test_not_found (void)
{
  static const struct {
    const char *path;
    const char *words;
  } cases[] = {
    { "request", "the JSON has no 'request'" },
    { "requests.faile", "no 'faile'" },
    { "requests", "no number at 'requests'" },
    { "pools", "no number at" },
    { "text", "no number at 'text'" },
    { "none", "no number at 'none'" },
    { "large", "too large at 'large'" },
    { "requests.failed.x", "nothing below what comes before 'x'" },
    { "text.0", "nothing below" },
    { "pools.3", "no number at 'pools.3'" },
    { "pools.first", "an array, which has no 'first'" },
    { "pools.-1", "an array, which has no '-1'" },
    { "pools.99999999999999999999", "an array, which has no" },
    { "pools.1.3", "an array that is too short for '3'" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      double value = 0;

      g_assert_false (hr_json_number_find (text, strlen (text), cases[i].path, &value, &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_FAILED);
      if (strstr (error->message, cases[i].words) == NULL)
        g_assert_cmpstr (error->message, ==, cases[i].words);
    }
}

static void
test_no_json (void)
{
  g_autoptr (GString) deep = g_string_new (NULL);
  static const char *const texts[] = { "", "{", "{\"a\":1", "{\"a\":1}x", "{a:1}" };
  double value = 0;

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (hr_json_number_find (texts[i], strlen (texts[i]), "a", &value, &error));
      g_assert_nonnull (error);
    }
  for (guint i = 0; i < 1000000; i++)
    g_string_append_c (deep, '[');
  g_assert_false (hr_json_number_find (deep->str, deep->len, "0", &value, NULL));
}

static void
test_paths (void)
{
  static const char *const wrong[] = { "", ".", "a.", ".a", "a..b", "a\\", "a\\b" };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (hr_json_number_check_path (wrong[i], &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json-number/found", test_found);
  g_test_add_func ("/json-number/not-found", test_not_found);
  g_test_add_func ("/json-number/no-json", test_no_json);
  g_test_add_func ("/json-number/paths", test_paths);
  return g_test_run ();
}
