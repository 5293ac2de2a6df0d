/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-args.h"

#include "hr-error.h"
#include "hr-keyfile.h"
#include "hr-text.h"
#include "hr-verb.h"

#include <string.h>

static HrArgs *
parse (const char *line, GError **error)
{
  g_auto (GStrv) words = g_strsplit (line, " ", -1);

  return hr_args_parse ((const char *const *)words, error);
}

static void
test_options_stand_before_or_after_the_verb (void)
{
  static const char *const lines[] = {
    "history -n 3 --json shop",      "--json -n3 history shop",       "-n 3 history --json shop",
    "history shop --lines=3 --json", "--lines 3 history shop --json",
  };

  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (HrArgs) args = parse (lines[i], &error);
      guint64 n = 0;

      g_assert_no_error (error);
      g_assert_cmpstr (args->verb->name, ==, "history");
      g_assert_cmpstrv (args->operands, ((const char *const[]){ "shop", NULL }));
      g_assert_true (hr_args_has (args, HR_OPTION_JSON));
      g_assert_true (hr_args_get_number (args, HR_OPTION_LINES, 1, 10, &n, &error));
      g_assert_cmpint (n, ==, 3);
    }
}

static void
test_two_dashes_end_the_options (void)
{
  g_autoptr (HrArgs) args = parse ("reload -- --json", NULL);
  g_autoptr (HrArgs) run = parse ("run --name=x -- -p --json -- y", NULL);
  g_autoptr (HrArgs) bare = parse ("run node --json", NULL);

  g_assert_cmpstrv (args->operands, ((const char *const[]){ "--json", NULL }));
  g_assert_cmpstrv (run->operands, ((const char *const[]){ "-p", "--json", "--", "y", NULL }));
  g_assert_cmpstrv (bare->operands, ((const char *const[]){ "node", "--json", NULL }));
  g_assert_false (hr_args_has (bare, HR_OPTION_JSON));
}

static void
test_a_mistake_is_named_with_where_help_is (void)
{
  static const struct {
    const char *line;
    const char *message;
  } cases[] = {
    { "reload", "reload: something is missing: it takes SERVICE… (see 'hrctl help reload')" },
    { "relaod x", "unknown verb 'relaod'; did you mean 'reload'? (see 'hrctl help')" },
    { "frobnicate x", "unknown verb 'frobnicate' (see 'hrctl help')" },
    { "list --colour", "list: unknown option '--colour' (see 'hrctl help list')" },
    { "list -x", "list: unknown option '-x' (see 'hrctl help list')" },
    { "list --to=3", "list: --to is not an option of this verb (see 'hrctl help list')" },
    { "list --json=yes", "list: --json takes no value (see 'hrctl help list')" },
    { "rollback x --to", "rollback: --to needs a value (see 'hrctl help rollback')" },
    { "history -n", "history: -n needs a value (see 'hrctl help history')" },
    { "plan a b", "plan: 'b' is too much (see 'hrctl help plan')" },
    { "--json", "a verb is missing (see 'hrctl help')" },
    { "list --timeout=-1", "list: --timeout must be a number of seconds, not '-1' (see 'hrctl help list')" },
    { "list --timeout=nan", "list: --timeout must be a number of seconds, not 'nan' (see 'hrctl help list')" },
    { "list --session --system", "list: --session and --system exclude each other (see 'hrctl help list')" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (HrArgs) args = parse (cases[i].line, &error);

      g_assert_null (args);
      g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT);
      g_assert_cmpstr (error->message, ==, cases[i].message);
    }
}

static void
test_help_wins_over_what_is_missing (void)
{
  g_autoptr (HrArgs) args = parse ("rollback --help", NULL);

  g_assert_cmpstr (args->verb->name, ==, "help");
  g_assert_cmpstrv (args->operands, ((const char *const[]){ "rollback", NULL }));
}

static void
test_a_command_line_survives_the_service_file (void)
{
  static const char *const words[] = { "sh", "-c", "echo \"$HOME\" 'x' \\ #;a", "", "ü b", "--x=%n", "%", "~", NULL };
  g_autoptr (GError) error = NULL;
  g_autofree char *text = hr_keyfile_for_command (words, "/src", "unix:/a;b", TRUE, &error);
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autofree char *exec = NULL;
  g_autofree char *listen = NULL;
  g_auto (GStrv) split = NULL;

  g_assert_no_error (error);
  g_assert_true (g_key_file_load_from_data (file, text, strlen (text), G_KEY_FILE_NONE, &error));
  exec = g_key_file_get_value (file, "Service", "Exec", NULL);
  g_assert_true (g_shell_parse_argv (exec, NULL, &split, &error));
  g_assert_cmpint (g_strv_length (split), ==, G_N_ELEMENTS (words) - 1);
  for (guint i = 0; words[i] != NULL; i++)
    {
      g_auto (GStrv) parts = g_strsplit (split[i], "%%", -1);
      g_autofree char *expanded = g_strjoinv ("%", parts);

      g_assert_cmpstr (expanded, ==, words[i]);
    }

  listen = g_key_file_get_value (file, "Service", "Listen", NULL);
  g_assert_cmpstr (listen, ==, "main=unix:/a\\;b");
}

static void
test_addresses_to_listen_on_are_taken_as_people_write_them (void)
{
  static const struct {
    const char *text;
    const char *address;
  } cases[] = {
    { "8080", "tcp:127.0.0.1:8080" },
    { ":8080", "tcp:127.0.0.1:8080" },
    { "0.0.0.0:8080", "tcp:0.0.0.0:8080" },
    { "[::1]:8080", "tcp:[::1]:8080" },
    { "tcp:localhost:0", "tcp:localhost:0" },
    { "tcp::8080", "tcp::8080" },
    { "udp:127.0.0.1:53", "udp:127.0.0.1:53" },
    { "unix:/run/shop.sock", "unix:/run/shop.sock" },
    { "localhost", NULL },
    { "65536", NULL },
    { "main=tcp:127.0.0.1:8080", NULL },
    { "tcp:8080", NULL },
    { "unix:", NULL },
    { "", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *address = hr_keyfile_listen_address (cases[i].text, &error);

      g_assert_cmpstr (address, ==, cases[i].address);
      if (cases[i].address == NULL)
        g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT);
    }
}

static void
test_a_line_break_is_refused (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (hr_keyfile_for_command ((const char *const[]){ "sh", "-c", "a\nUser=root", NULL }, "/", NULL, TRUE, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT);
}

static void
test_suggested_names_fit_the_pattern_and_are_free (void)
{
  static const struct {
    const char *directory;
    const char *program;
    const char *name;
  } cases[] = {
    { "/home/u/My Shop", "/usr/bin/node", "my-shop-node" },
    { "/srv/.hidden", "./run.sh", "hidden-run.sh" },
    { "/", "x", "x" },
    { "/srv/shop", "taken", "shop-taken-3" },
    { "/srv/äö", "ß", "service" },
  };
  static const char *const taken[] = { "shop-taken", "shop-taken-2", NULL };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *name = hr_keyfile_suggest_name (cases[i].directory, cases[i].program, taken);

      g_assert_cmpstr (name, ==, cases[i].name);
    }
}

static void
test_durations_are_for_people (void)
{
  static const struct {
    gint64 usec;
    const char *text;
  } cases[] = {
    { 0, "0 ms" },
    { 41230, "41 ms" },
    { 999999, "999 ms" },
    { 1290000, "1.2 s" },
    { 59999999, "59.9 s" },
    { 184 * G_USEC_PER_SEC, "3 min 4 s" },
    { (gint64)7500 * G_USEC_PER_SEC, "2 h 5 min" },
    { (gint64)273600 * G_USEC_PER_SEC, "3 d 4 h" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = hr_text_duration (cases[i].usec);

      g_assert_cmpstr (text, ==, cases[i].text);
    }
}

static void
test_columns_count_wide_letters_twice (void)
{
  g_assert_cmpint (hr_text_width ("abc"), ==, 3);
  g_assert_cmpint (hr_text_width ("äöü"), ==, 3);
  g_assert_cmpint (hr_text_width ("日本"), ==, 4);
  g_assert_cmpint (hr_text_width ("e\xcc\x81"), ==, 1);
}

static void
test_foreign_words_cannot_steer_the_terminal (void)
{
  g_autofree char *clean = hr_text_clean ("a\033[2J\x9b"
                                          "b\r\n\tc\xc2\x9b");

  g_assert_cmpstr (clean, ==,
                   "a\xef\xbf\xbd[2J\xef\xbf\xbd"
                   "b\xef\xbf\xbd\n\tc\xef\xbf\xbd");
}

static void
test_line_of_a_program_changes_nothing_but_colours (void)
{
  static const struct {
    const char *text;
    const char *plain; /* with a '^' for what is replaced */
    const char *colored;
  } cases[] = {
    { "as it is\t\xc3\xa4", "as it is\t\xc3\xa4", "as it is\t\xc3\xa4" },
    { "\033[1;31mred\033[m", "^[1;31mred^[m", "\033[1;31mred\033[m\033[0m" },
    { "\033[38:2::255:0:0mred", "^[38:2::255:0:0mred", "\033[38:2::255:0:0mred\033[0m" },
    { "\033[2Jwiped\033[31", "^[2Jwiped^[31", "^[2Jwiped^[31" },
    { "\033[?25lm", "^[?25lm", "^[?25lm" },
    { "\033]0;title\am\033c", "^]0;title^m^c", "^]0;title^m^c" },
    { "\033", "^", "^" },
    { "\033[", "^[", "^[" },
    { "\xc2\x9b"
      "2J\x9b"
      "2J\x7f\b",
      "^2J^2J^^", "^2J^2J^^" },
    { "50%\r100%\r", "50%^100%", "50%^100%" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gsize length = strlen (cases[i].text);
      g_autofree char *plain = hr_text_clean_line (cases[i].text, length, FALSE);
      g_autofree char *colored = hr_text_clean_line (cases[i].text, length, TRUE);
      g_autoptr (GString) plain_expected = g_string_new (cases[i].plain);
      g_autoptr (GString) colored_expected = g_string_new (cases[i].colored);

      g_string_replace (plain_expected, "^", "\xef\xbf\xbd", 0);
      g_string_replace (colored_expected, "^", "\xef\xbf\xbd", 0);
      g_assert_cmpstr (plain, ==, plain_expected->str);
      g_assert_cmpstr (colored, ==, colored_expected->str);
    }
}

static void
test_words_are_utf8 (void)
{
  static const char *const words[] = { "status", "caf\xe9", NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (HrArgs) args = hr_args_parse (words, &error);

  g_assert_null (args);
  g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT);
  g_assert_cmpstr (error->message, ==, "'caf\xef\xbf\xbd' is not UTF-8 (see 'hrctl help')");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/hrctl-args/options-stand-before-or-after-the-verb", test_options_stand_before_or_after_the_verb);
  g_test_add_func ("/hrctl-args/two-dashes-end-the-options", test_two_dashes_end_the_options);
  g_test_add_func ("/hrctl-args/a-mistake-is-named-with-where-help-is", test_a_mistake_is_named_with_where_help_is);
  g_test_add_func ("/hrctl-args/words-are-utf8", test_words_are_utf8);
  g_test_add_func ("/hrctl-args/help-wins-over-what-is-missing", test_help_wins_over_what_is_missing);
  g_test_add_func ("/hrctl-args/a-command-line-survives-the-service-file",
                   test_a_command_line_survives_the_service_file);
  g_test_add_func ("/hrctl-args/addresses-to-listen-on-are-taken-as-people-write-them",
                   test_addresses_to_listen_on_are_taken_as_people_write_them);
  g_test_add_func ("/hrctl-args/a-line-break-is-refused", test_a_line_break_is_refused);
  g_test_add_func ("/hrctl-args/suggested-names-fit-the-pattern-and-are-free",
                   test_suggested_names_fit_the_pattern_and_are_free);
  g_test_add_func ("/hrctl-args/durations-are-for-people", test_durations_are_for_people);
  g_test_add_func ("/hrctl-args/columns-count-wide-letters-twice", test_columns_count_wide_letters_twice);
  g_test_add_func ("/hrctl-args/line-of-a-program-changes-nothing-but-colours",
                   test_line_of_a_program_changes_nothing_but_colours);
  g_test_add_func ("/hrctl-args/foreign-words-cannot-steer-the-terminal", test_foreign_words_cannot_steer_the_terminal);

  return g_test_run ();
}
