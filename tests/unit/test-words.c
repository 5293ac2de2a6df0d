/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "hr-nearest.h"
#include "hr-words.h"

static void
test_quote_is_safe_to_show (void)
{
  static const struct {
    const char *text;
    const char *quoted;
  } cases[] = {
    { "", "''" },
    { "plain", "'plain'" },
    { "é ü", "'é ü'" },
    { "a\x1b[31m\nb", "'a?[31m?b'" },
    { "a\xff"
      "b",
      "'a\xef\xbf\xbd"
      "b'" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *quoted = hr_words_quote (cases[i].text);
      g_assert_cmpstr (quoted, ==, cases[i].quoted);
    }
}

static void
test_quote_has_a_limit (void)
{
  g_autofree char *text = g_strnfill (1000000, 'x');
  g_autofree char *fits = g_strnfill (HR_WORDS_QUOTE_MAX, 'x');
  g_autofree char *expected = g_strconcat ("'", fits, "…'", NULL);
  g_autofree char *expected_fit = g_strconcat ("'", fits, "'", NULL);
  g_autofree char *quoted = hr_words_quote (text);
  g_autofree char *quoted_fit = hr_words_quote (fits);

  g_assert_cmpstr (quoted, ==, expected);
  g_assert_cmpstr (quoted_fit, ==, expected_fit);
}

static void
test_path_is_shown_as_a_whole (void)
{
  g_autofree char *path = g_strnfill (4000, 'x');
  g_autofree char *shown = hr_words_path (path);
  g_autofree char *odd = hr_words_path ("/a\n\x7f\xff/b");

  g_assert_cmpstr (shown, ==, path);
  g_assert_cmpstr (odd, ==, "/a??\xef\xbf\xbd/b");
}

static void
test_nearest_is_what_was_meant (void)
{
  static const char *const known[] = { "Exec", "Environment", "EnvironmentFile", "Restart", "RestartDelay", "Trap",
                                       "Term", NULL };
  static const struct {
    const char *word;
    const char *nearest;
  } cases[] = {
    { "exec", "Exec" },
    { "Exce", "Exec" },
    { "Exe", "Exec" },
    { "Enviroment", "Environment" },
    { "EnvironmentFiles", "EnvironmentFile" },
    { "RestartDealy", "RestartDelay" },
    { "restart", "Restart" },
    { "TREM", "Term" },
    { "Colour", NULL },
    { "Tem", "Term" },
    { "Tap", "Trap" },
    { "Rate", NULL },
    { "Tub", NULL },
    { "Rentcar", NULL },
    { "Environ", NULL },
    { "Restar", "Restart" },
    { "", NULL },
    { "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpstr (hr_nearest_find (cases[i].word, known), ==, cases[i].nearest);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/words/quote-is-safe-to-show", test_quote_is_safe_to_show);
  g_test_add_func ("/words/quote-has-a-limit", test_quote_has_a_limit);
  g_test_add_func ("/words/path-is-shown-as-a-whole", test_path_is_shown_as_a_whole);
  g_test_add_func ("/words/nearest-is-what-was-meant", test_nearest_is_what_was_meant);
  return g_test_run ();
}
