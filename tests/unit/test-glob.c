/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-glob.c: path patterns.
 */
#include <string.h>

#include "hr-error.h"
#include "hr-glob.h"

/* Fails with pattern and path in the message: a table of cases is useless without them. */
static void
expect (const char *pattern, const char *path, gboolean matches)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HrGlob) glob = hr_glob_new (pattern, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (hr_glob_pattern (glob), ==, pattern);
  if (hr_glob_matches (glob, path) != matches)
    g_error ("pattern '%s' %s path '%s'", pattern, matches ? "does not match" : "matches", path);
}

static void
test_double_star (void)
{
  expect ("node_modules/**", "node_modules/a/b/c.js", TRUE);
  expect ("node_modules/**", "node_modules/a", TRUE);
  expect ("node_modules/**", "node_modules", FALSE);
  expect ("node_modules/**", "src/node_modules/a", FALSE);
  expect ("**/*.test.js", "x.test.js", TRUE);
  expect ("**/*.test.js", "a/b/x.test.js", TRUE);
  expect ("**/*.test.js", "a/b/x.test.jsx", FALSE);
  expect ("a/**/b", "a/b", TRUE);
  expect ("a/**/b", "a/x/y/b", TRUE);
  expect ("a/**/b", "a/x/y/bb", FALSE);
  expect ("a/**/b/**/c", "a/b/x/b/y/c", TRUE);
  expect ("a/**/b/**/c", "a/x/c", FALSE);
  expect ("**/a/*/c", "a/a/b/c", TRUE);
  expect ("**", "a", TRUE);
  expect ("**", "a/b/c", TRUE);
  expect ("**/**/c", "c", TRUE);
  expect ("a**c", "abbc", TRUE);
  expect ("a**c", "a/c", FALSE);
}

static void
test_within_a_part (void)
{
  expect ("*.py", "a.py", TRUE);
  expect ("*.py", ".py", TRUE);
  expect ("*.py", "b/a.py", FALSE);
  expect ("src/*.py", "src/a.py", TRUE);
  expect ("src/*.py", "src/b/a.py", FALSE);
  expect ("s*r/a?.*", "super/ab.c", TRUE);
  expect ("*a*b*c*", "xaxbxcx", TRUE);
  expect ("*a*b*c*", "xaxcxbx", FALSE);
  expect ("*ab", "aab", TRUE);
  expect ("a?b", "a/b", FALSE);
  expect ("?", "ü", TRUE);
  expect ("??", "ü", FALSE);
  expect ("a?b",
          "a\xff"
          "b",
          TRUE);
  expect ("README", "README", TRUE);
  expect ("README", "README.md", FALSE);
  expect ("./src/a.c", "src/a.c", TRUE);
  expect ("/src/a.c", "src/a.c", TRUE);
  expect ("src", "", FALSE);
  expect ("*", "", FALSE);
}

static void
test_classes (void)
{
  expect ("src/[ab]*.py", "src/apple.py", TRUE);
  expect ("src/[ab]*.py", "src/cherry.py", FALSE);
  expect ("*.[ch]", "main.c", TRUE);
  expect ("[!a]", "b", TRUE);
  expect ("[^a]", "a", FALSE);
  expect ("[a-f0-9]", "e", TRUE);
  expect ("[a-f0-9]", "g", FALSE);
  expect ("[]a]", "]", TRUE);
  expect ("[!]a]", "]", FALSE);
  expect ("[a-]", "-", TRUE);
  expect ("[\\]]", "]", TRUE);
  expect ("[{,}]", ",", TRUE);
  expect ("[[:digit:]x]1", "71", TRUE);
  expect ("[[:digit:]x]1", "x1", TRUE);
  expect ("[[:digit:]x]1", "a1", FALSE);
  expect ("[ä-ü]", "ö", TRUE);
  expect ("a[/]b", "a/b", FALSE);
  expect ("a[!x]b", "a/b", FALSE);
}

static void
test_braces (void)
{
  expect ("*.{js,ts}", "a.ts", TRUE);
  expect ("*.{js,ts}", "a.css", FALSE);
  expect ("{a,b/c}/d", "b/c/d", TRUE);
  expect ("{a,b{c,d}}e", "bde", TRUE);
  expect ("{a,b{c,d}}e", "be", FALSE);
  expect ("a{,b}", "a", TRUE);
  expect ("a{,b}", "ab", TRUE);
  expect ("{a,b}{c,d}", "bc", TRUE);
  expect ("{src,lib}/**/*.{c,h}", "lib/x/y.h", TRUE);
  expect ("[{]a,b", "{a,b", TRUE);
}

static void
test_escapes (void)
{
  expect ("\\*.c", "*.c", TRUE);
  expect ("\\*.c", "a.c", FALSE);
  expect ("a\\?", "a?", TRUE);
  expect ("\\[a]", "[a]", TRUE);
  expect ("\\{a,b\\}", "{a,b}", TRUE);
  expect ("{a\\,b,c}", "a,b", TRUE);
  expect ("*\\.c", "x.c", TRUE);
  expect ("\\\\", "\\", TRUE);
}

static void
test_refused (void)
{
  static const char *const malformed[] = {
    "", "/", "./", "a//b", "docs/", "[a", "[!]", "[[:alpha:]", "{a", "a}", "a\\"
  };

  for (guint i = 0; i < G_N_ELEMENTS (malformed); i++)
    {
      g_autoptr (GError) error = NULL;
      HrGlob *glob = hr_glob_new (malformed[i], &error);

      g_assert_null (glob);
      g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT);
      if (*malformed[i] != '\0')
        g_assert_nonnull (strstr (error->message, malformed[i]));
    }
}

static void
test_limits (void)
{
  g_autofree char *a_long = g_strnfill (HR_GLOB_LENGTH_MAX + 1, 'a');
  g_autofree char *fits = g_strnfill (HR_GLOB_LENGTH_MAX, 'a');
  g_autoptr (GError) error = NULL;
  g_autoptr (HrGlob) glob = NULL;

  g_assert_null (hr_glob_new (a_long, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED);
  g_clear_error (&error);
  g_assert_null (hr_glob_new ("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED);
  g_clear_error (&error);
  expect ("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", "abababab", TRUE);

  glob = hr_glob_new (fits, &error);
  g_assert_no_error (error);
  g_assert_true (hr_glob_matches (glob, fits));
}

/* With backtracking into every star, each of these takes longer than the universe. */
static void
test_no_blow_up (void)
{
  g_autofree char *name = g_strnfill (255, 'a');
  g_autoptr (GString) path = g_string_new ("a");
  g_autoptr (GString) stars = g_string_new (NULL);
  g_autoptr (GString) depths = g_string_new (NULL);

  for (guint i = 0; i < 100; i++)
    g_string_append (stars, "*a");
  g_string_append (stars, "b");
  expect (stars->str, name, FALSE);

  for (guint i = 0; i < 500; i++)
    g_string_append (path, "/a");
  for (guint i = 0; i < 100; i++)
    g_string_append (depths, "**/a/");
  g_string_append (depths, "b");
  expect (depths->str, path->str, FALSE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/glob/case-13-double-star-matches-any-depth-and-none", test_double_star);
  g_test_add_func ("/glob/star-and-question-mark-stay-within-a-part", test_within_a_part);
  g_test_add_func ("/glob/classes", test_classes);
  g_test_add_func ("/glob/braces", test_braces);
  g_test_add_func ("/glob/a-backslash-takes-the-next-character-as-it-is", test_escapes);
  g_test_add_func ("/glob/a-malformed-pattern-is-refused-and-named", test_refused);
  g_test_add_func ("/glob/limits", test_limits);
  g_test_add_func ("/glob/matching-takes-no-exponential-time", test_no_blow_up);
  return g_test_run ();
}
