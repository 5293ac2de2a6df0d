/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "hr-error.h"
#include "hr-size.h"

static void
test_reads_units (void)
{
  static const struct {
    const char *text;
    guint64 bytes;
  } cases[] = {
    { "0", 0 },
    { "1", 1 },
    { "4096", 4096 },
    { "1K", 1024 },
    { "16M", 16 << 20 },
    { "16 M", 16 << 20 },
    { "1.5G", 3 * (G_GUINT64_CONSTANT (1) << 29) },
    { "0.5K", 512 },
    { "0.3", 0 },
    { "1T", HR_SIZE_MAX },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      guint64 bytes = 77;

      g_assert_true (hr_size_parse (cases[i].text, &bytes, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (bytes, ==, cases[i].bytes);
    }
}

static void
test_refuses_what_is_none (void)
{
  static const char *const texts[] = { "",    " ",   "M",     "-1",  "+1",   "1k",       "1m",  "1MB",  "1KiB", "1..5M",
                                       "1.M", ".5M", "0x10M", "1e3", "1M M", "infinity", "nan", "1,5M", "16 M " };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;
      guint64 bytes = 77;

      g_assert_false (hr_size_parse (texts[i], &bytes, &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
      g_assert_nonnull (g_strstr_len (error->message, -1, "16M"));
      g_assert_cmpuint (bytes, ==, 77);
    }
}

static void
test_refuses_what_is_too_much (void)
{
  static const char *const texts[] = { "1.1T", "2T", "1025G", "1099511627777", "99999999999999999999999999999999999" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;
      guint64 bytes;

      g_assert_false (hr_size_parse (texts[i], &bytes, &error));
      g_assert_nonnull (g_strstr_len (error->message, -1, "more than 1T"));
    }
}

static void
test_is_written_as_it_is_read (void)
{
  static const struct {
    guint64 bytes;
    const char *text;
  } cases[] = { { 0, "0" },       { 1, "1" },          { 1000, "1000" },  { 1024, "1K" },
                { 1536, "1536" }, { 16 << 20, "16M" }, { 1 << 30, "1G" }, { HR_SIZE_MAX, "1T" } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = hr_size_to_string (cases[i].bytes);
      guint64 again;

      g_assert_cmpstr (text, ==, cases[i].text);
      g_assert_true (hr_size_parse (text, &again, NULL));
      g_assert_cmpuint (again, ==, cases[i].bytes);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/size/reads-units", test_reads_units);
  g_test_add_func ("/size/refuses-what-is-none", test_refuses_what_is_none);
  g_test_add_func ("/size/refuses-what-is-too-much", test_refuses_what_is_too_much);
  g_test_add_func ("/size/is-written-as-it-is-read", test_is_written_as_it_is_read);
  return g_test_run ();
}
