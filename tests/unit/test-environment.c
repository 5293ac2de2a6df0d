/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <string.h>

#include "hr-environment.h"
#include "hr-error.h"

static char *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) list = hr_environment_parse ("/etc/app.env", text, strlen (text), &error);

  g_assert_no_error (error);
  return g_strjoinv ("|", list);
}

#define assert_parses(text, expected)                                                                                  \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    g_autofree char *parsed = parse (text);                                                                            \
    g_assert_cmpstr (parsed, ==, expected);                                                                            \
  }                                                                                                                    \
  G_STMT_END

static void
test_file_follows_systemd (void)
{
  assert_parses ("", "");
  assert_parses ("A=1\nB=2", "A=1|B=2");
  assert_parses ("A=1\r\nB=2\r\n", "A=1|B=2");
  assert_parses ("# x=1\n ; y=2\n\n\t\nA=1", "A=1");
  assert_parses ("  A = spaced out  \nB=", "A=spaced out|B=");
  assert_parses ("A=a=b;c#d", "A=a=b;c#d");
  assert_parses ("A=\"a  \"\nB='  b'", "A=a  |B=  b");
  assert_parses ("A=\"one\ntwo\"\nB=3", "A=one\ntwo|B=3");
  assert_parses ("A='\\n'\nB=\"\\n \\\" \\\\ \\$ \\`\"", "A=\\n|B=\\n \" \\ $ `");
  assert_parses ("A=one \\\n  two\nB=\"x\\\ny\"", "A=one   two|B=xy");
  assert_parses ("A=\\ \\  \nB=\"a\" 'b'c", "A=  |B=abc");
  assert_parses ("# not continued \\\nA=1", "A=1");
  assert_parses ("A=$HOME", "A=$HOME");
  assert_parses ("_x9=\xff", "_x9=\xff");
}

static void
test_error_names_file_and_line (void)
{
  static const struct {
    const char *text;
    const char *words;
  } cases[] = {
    { "A=1\nnonsense\n", "'/etc/app.env', line 2: expected KEY=VALUE" },
    { "A=1\n\n9x=1\n", "'/etc/app.env', line 3: '9x' is no name" },
    { "export A=1", "'/etc/app.env', line 1: 'export A' is no name" },
    { "=1", "line 1: '' is no name" },
    { "A=\"one\ntwo\nthree\n", "line 1: the closing \" is missing" },
    { "B=\"1\n2\"\nA='one\n", "line 3: the closing ' is missing" },
    { "\xff=1", "line 1: '\xef\xbf\xbd' is no name" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      char **list = hr_environment_parse ("/etc/app.env", cases[i].text, strlen (cases[i].text), &error);

      g_assert_null (list);
      g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
      g_assert_cmpstr (strstr (error->message, cases[i].words), !=, NULL);
    }
}

static void
test_binary_file_is_refused (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (hr_environment_parse ("f", "A=1\0B=2", 7, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
}

static void
test_later_wins_in_place (void)
{
  const char *first[] = { "A=1", "B=1", "A=2", NULL };
  const char *second[] = { "C=3", "B=2", "AB=", NULL };
  g_auto (GStrv) merged = hr_environment_merge (first, second);
  g_autofree char *joined = g_strjoinv ("|", merged);
  g_auto (GStrv) none = hr_environment_merge (NULL, NULL);

  g_assert_cmpstr (joined, ==, "A=2|B=2|C=3|AB=");
  g_assert_cmpint (g_strv_length (none), ==, 0);
}

static void
test_service_gets_the_named_variables_only (void)
{
  const char *environ_of_daemon[] = { "PATH=/bin",
                                      "HOME=/h",
                                      "LD_PRELOAD=/evil.so",
                                      "USER=u",
                                      "LANG=C",
                                      "LC_ALL=de_DE",
                                      "SHELL=/bin/sh",
                                      "XDG_RUNTIME_DIR=/run/user/1",
                                      "NODE_OPTIONS=--require x",
                                      "PATHS=1",
                                      "PAT=1",
                                      "LISTEN_FDS=1",
                                      "HOME",
                                      NULL };
  g_auto (GStrv) base = hr_environment_base (environ_of_daemon);
  g_autofree char *joined = g_strjoinv ("|", base);

  g_assert_cmpstr (joined, ==, "PATH=/bin|HOME=/h|USER=u|LANG=C|SHELL=/bin/sh|XDG_RUNTIME_DIR=/run/user/1");
}

static void
test_removed_variable_vanishes (void)
{
  const char *before[] = { "PATH=/bin", "XDG_DATA_HOME=/d", NULL };
  const char *after[] = { "PATH=/bin", NULL };
  g_auto (GStrv) first = hr_environment_base (before);
  g_auto (GStrv) second = hr_environment_base (after);

  g_assert_cmpstr (g_environ_getenv (first, "XDG_DATA_HOME"), ==, "/d");
  g_assert_cmpstr (g_environ_getenv (second, "XDG_DATA_HOME"), ==, NULL);
  g_assert_cmpstr (g_environ_getenv (second, "PATH"), ==, "/bin");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/environment/file-follows-systemd", test_file_follows_systemd);
  g_test_add_func ("/environment/error-names-file-and-line", test_error_names_file_and_line);
  g_test_add_func ("/environment/binary-file-is-refused", test_binary_file_is_refused);
  g_test_add_func ("/environment/later-wins-in-place", test_later_wins_in_place);
  g_test_add_func ("/environment/service-gets-the-named-variables-only", test_service_gets_the_named_variables_only);
  g_test_add_func ("/environment/removed-variable-vanishes", test_removed_variable_vanishes);
  return g_test_run ();
}
