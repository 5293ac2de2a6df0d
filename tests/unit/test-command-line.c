/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "hr-command-line.h"
#include "hr-error.h"

static char **
split (const char *text)
{
  g_autoptr (GError) error = NULL;
  char **argv = hr_command_line_split (text, &error);

  g_assert_no_error (error);
  g_assert_nonnull (argv);
  return argv;
}

static void
test_words_are_a_shells (void)
{
  static const struct {
    const char *text;
    const char *words; /* joined by '|' */
  } cases[] = {
    { "node server.js", "node|server.js" },
    { "  a \t b  ", "a|b" },
    { "sh -c 'echo \"hi\"; exit 1'", "sh|-c|echo \"hi\"; exit 1" },
    { "a \"b c\" d\\ e 'f\\g' h\"i\"'j'", "a|b c|d e|f\\g|hij" },
    { "a '' \"\"", "a||" },
    { "a \"\\$x \\\" \\\\ \\n\"", "a|$x \" \\ \\n" },
    { "a $HOME *.c ~ x|y >z", "a|$HOME|*.c|~|x|y|>z" },
    { "a 'é ü'", "a|é ü" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto (GStrv) argv = split (cases[i].text);
      g_autofree char *joined = g_strjoinv ("|", argv);

      g_assert_cmpstr (joined, ==, cases[i].words);
    }
}

static void
test_bad_lines_are_refused (void)
{
  g_autofree char *much = g_strnfill (HR_COMMAND_LINE_MAX + 1, 'x');
  const struct {
    const char *text;
    const char *words;
  } cases[] = {
    { "", "'' names no program" },
    { "   ", "names no program" },
    { "'' x", "'\'\' x' names no program" },
    { "# only a comment", "names no program" },
    { "a 'b", "'a 'b' ends within quotes or after a backslash" },
    { "a \"b", "ends within quotes" },
    { "a b\\", "ends within quotes or after a backslash" },
    { much, "xxx…' is longer than 65536 bytes" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (hr_command_line_split (cases[i].text, &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, cases[i].words));
    }
}

static void
test_specifiers_are_replaced_within_words (void)
{
  static const HrSpecifierValues values = { 8080, "/home/me/my app", 7, "web" };
  g_auto (GStrv) argv = split ("%s/bin --port=%p '%n r%r' %%p 100%%");
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) expanded = hr_command_line_expand ((const char *const *)argv, &values, &error);
  g_autofree char *joined = NULL;

  g_assert_no_error (error);
  joined = g_strjoinv ("|", expanded);
  g_assert_cmpstr (joined, ==, "/home/me/my app/bin|--port=8080|web r7|%p|100%");
}

static void
test_specifier_without_value_is_an_error (void)
{
  static const HrSpecifierValues values = { 0, NULL, 1, "web" };
  static const char *const port[] = { "a", "%p", NULL };
  static const char *const directory[] = { "a", "%s", NULL };
  g_autoptr (GError) error = NULL;

  g_assert_null (hr_command_line_expand (port, &values, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
  g_assert_cmpstr (error->message, ==, "'%p' stands for a port, and 'web' has no TCP listener");
  g_clear_error (&error);

  g_assert_null (hr_command_line_expand (directory, &values, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
  g_assert_cmpstr (error->message, ==, "'%s' stands for the directory of the code, and 'web' has no Source");
}

static void
test_unknown_specifier_is_an_error (void)
{
  static const struct {
    const char *argv[2];
    const char *words;
  } cases[] = {
    { { "%x" }, "'%x' is not known: write %p, %s, %r, %n, or %% for a percent sign" },
    { { "100%" }, "'%' is not known" },
    { { "%é" }, "'%é' is not known" },
    { { "%P" }, "'%P' is not known" },
    { { "%% %" }, "'%' is not known" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      static const HrSpecifierValues values = { 1, "/", 1, "web" };
      g_autoptr (GError) error = NULL;
      HrSpecifiers used = 0;

      g_assert_false (hr_command_line_scan (cases[i].argv, &used, &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
      g_assert_nonnull (strstr (error->message, cases[i].words));
      g_assert_null (hr_command_line_expand (cases[i].argv, &values, NULL));
    }
}

static void
test_scan_says_what_is_needed (void)
{
  static const char *const none[] = { "a", "%%p", NULL };
  static const char *const all[] = { "%s/%n", "-p%p", "%r", NULL };
  HrSpecifiers used = HR_SPECIFIER_PORT;

  g_assert_true (hr_command_line_scan (none, &used, NULL));
  g_assert_cmpint (used, ==, 0);
  g_assert_true (hr_command_line_scan (all, &used, NULL));
  g_assert_cmpint (used, ==, HR_SPECIFIER_PORT | HR_SPECIFIER_DIRECTORY | HR_SPECIFIER_RELEASE | HR_SPECIFIER_NAME);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/command-line/words-are-a-shells", test_words_are_a_shells);
  g_test_add_func ("/command-line/bad-lines-are-refused", test_bad_lines_are_refused);
  g_test_add_func ("/command-line/specifiers-are-replaced-within-words", test_specifiers_are_replaced_within_words);
  g_test_add_func ("/command-line/specifier-without-value-is-an-error", test_specifier_without_value_is_an_error);
  g_test_add_func ("/command-line/unknown-specifier-is-an-error", test_unknown_specifier_is_an_error);
  g_test_add_func ("/command-line/scan-says-what-is-needed", test_scan_says_what_is_needed);
  return g_test_run ();
}
