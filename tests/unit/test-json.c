/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-json.h"

#include <string.h>

#include "hr-error.h"

#define DEPTH 100

static const char *const valid[] = {
  "{}",
  "[]",
  "0",
  "-0",
  " \t\r\n null \n",
  "true",
  "false",
  "\"\"",
  "1.0",
  "1e400",
  "-1.5E-7",
  "0e+1",
  "12345678901234567890123456789",
  "[1,2,[3,[]],{}]",
  "{\"a\":1,\"a\":2}",
  "{\"\":{\"b\" : [ true , false ] }\n}",
  "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"",
  "\"\\ud800\"",
  "\"\x7f\"",
  "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf \xed\x9f\xbf \xee\x80\x80\"",
};

static const char *const invalid[] = {
  "",
  " ",
  "{",
  "[",
  "}",
  "]",
  "[1,]",
  "[,1]",
  "[1 2]",
  "[1}",
  "{\"a\":1]",
  "{\"a\":1,}",
  "{,}",
  "{\"a\"}",
  "{\"a\":}",
  "{\"a\" 1}",
  "{a:1}",
  "{'a':1}",
  "{1:1}",
  "{null:1}",
  "{} {}",
  "[]]",
  "1 2",
  "nul",
  "nulll",
  "True",
  "NaN",
  "Infinity",
  "-",
  "+1",
  "01",
  "-01",
  "1.",
  ".5",
  "1.e3",
  "1e",
  "1e+",
  "0x10",
  "1_000",
  "\"",
  "\"abc",
  "\"\\\"",
  "\"\\x41\"",
  "\"\\u12\"",
  "\"\\u12g4\"",
  "\"a\nb\"",
  "\"a\tb\"",
  "\"\x1f\"",
  "// x\n1",
  "/* x */ 1",
  "\xef\xbb\xbf{}",
  "\"\x80\"",
  "\"\xc3\"",
  "\"\xc0\xaf\"",
  "\"\xe0\x80\xaf\"",
  "\"\xed\xa0\x80\"",
  "\"\xf0\x80\x80\x80\"",
  "\"\xf4\x90\x80\x80\"",
  "\"\xf5\x80\x80\x80\"",
  "\"\xe2\x82",
  "\f1",
};

static void
test_accepts_valid (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (valid); i++)
    {
      g_autoptr (GError) error = NULL;

      g_test_message ("valid text %" G_GSIZE_FORMAT, i);
      hr_json_check (valid[i], strlen (valid[i]), DEPTH, &error);
      g_assert_no_error (error);
    }
}

/* Each text ends where its buffer ends, so that reading on is seen by valgrind and the sanitizers. */
static void
test_refuses_invalid (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (invalid); i++)
    {
      g_autoptr (GError) error = NULL;
      gsize size = strlen (invalid[i]);
      g_autofree char *text = g_memdup2 (invalid[i], size);

      g_test_message ("invalid text %" G_GSIZE_FORMAT, i);
      g_assert_false (hr_json_check (text, size, DEPTH, &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_STATE_FAILED);
    }
}

static void
test_every_truncation_is_refused (void)
{
  const char *text = "{\"a\": [1, -2.5e3, true, null, {\"b\": \"x\\u00e9\xc3\xa9\"}], \"c\": {}}";

  for (gsize size = 0; size < strlen (text); size++)
    {
      g_autofree char *cut = g_memdup2 (text, size);
      g_assert_false (hr_json_check (cut, size, DEPTH, NULL));
    }
  g_assert_true (hr_json_check (text, strlen (text), DEPTH, NULL));
}

static void
test_nul_byte_is_refused (void)
{
  g_assert_false (hr_json_check ("1\0", 2, DEPTH, NULL));
  g_assert_false (hr_json_check ("\0", 1, DEPTH, NULL));
  g_assert_false (hr_json_check ("\"\\\0\"", 4, DEPTH, NULL));
  g_assert_false (hr_json_check ("\"\0\"", 3, DEPTH, NULL));
}

static void
test_error_names_place (void)
{
  static const struct {
    const char *text, *words;
  } cases[] = {
    { "{\n  \"a\": 1,\n  \xc3\xa9\n}", "line 3, column 3: expected the name of a member in double quotes, found byte" },
    { "[1, 2", "line 1, column 6: expected ',' or ']', found the end of the text" },
    { "[\"\xc3\xa9\xc3\xa9\" x]", "line 1, column 7: expected ',' or ']', found 'x'" },
    { "{\"a\" 1}", "expected ':' after the name of a member, found '1'" },
    { "hello", "line 1, column 1: expected a value, found 'h'" },
    { "\"abc", "column 5: expected the closing '\"' of a string, found the end" },
    { "[1.]", "column 4: expected a digit, found ']'" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (hr_json_check (cases[i].text, strlen (cases[i].text), DEPTH, &error));
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, cases[i].words));
    }
}

static char *
nested (const char *open, const char *close, gsize depth, gsize *size)
{
  GString *text = g_string_new (NULL);

  for (gsize i = 0; i < depth; i++)
    g_string_append (text, open);
  g_string_append_c (text, '1');
  for (gsize i = 0; i < depth; i++)
    g_string_append (text, close);
  *size = text->len;
  return g_string_free (text, FALSE);
}

static void
test_depth_is_a_limit_not_a_crash (void)
{
  static const gsize depths[] = { 1, 8, 9, 511, 512, 513, 10000, 100000 };

  for (gsize i = 0; i < G_N_ELEMENTS (depths); i++)
    {
      g_autoptr (GError) error = NULL;
      gsize size;
      g_autofree char *text = nested ("[{\"a\":", "}]", depths[i], &size);

      hr_json_check (text, size, (guint)depths[i] * 2, &error);
      g_assert_no_error (error);
      g_assert_false (hr_json_check (text, size, (guint)depths[i] * 2 - 1, &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_STATE_FAILED);
      g_assert_nonnull (strstr (error->message, "levels of nesting"));
    }
}

static void
test_tokens_have_byte_ranges (void)
{
  const char *text = "{\"a\" : [1.0, \"x\"] ,\"b\":  true}";
  static const struct {
    HrJsonToken token;
    const char *bytes;
  } expected[] = {
    { HR_JSON_OBJECT, "{" },   { HR_JSON_NAME, "\"a\"" },   { HR_JSON_ARRAY, "[" },
    { HR_JSON_NUMBER, "1.0" }, { HR_JSON_STRING, "\"x\"" }, { HR_JSON_ARRAY_END, "]" },
    { HR_JSON_NAME, "\"b\"" }, { HR_JSON_TRUE, "true" },    { HR_JSON_OBJECT_END, "}" },
  };
  g_auto (HrJsonScan) scan = { 0 };

  hr_json_scan_init (&scan, text, strlen (text), DEPTH);
  for (gsize i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      g_autofree char *bytes = NULL;

      g_assert_cmpint (hr_json_scan_next (&scan, NULL), ==, expected[i].token);
      bytes = g_strndup (text + scan.start, scan.end - scan.start);
      g_assert_cmpstr (bytes, ==, expected[i].bytes);
    }
  g_assert_cmpint (hr_json_scan_next (&scan, NULL), ==, HR_JSON_END);
}

static void
test_value_is_scanned_whole (void)
{
  const char *text = " [ {\"a\": [1, {}]} , 2 ]";
  g_auto (HrJsonScan) scan = { 0 };
  gsize begin, end;

  hr_json_scan_init (&scan, text, strlen (text), DEPTH);
  g_assert_cmpint (hr_json_scan_next (&scan, NULL), ==, HR_JSON_ARRAY);
  g_assert_cmpint (hr_json_scan_value (&scan, &begin, &end, NULL), ==, HR_JSON_OBJECT);
  g_assert_cmpuint (begin, ==, 3);
  g_assert_cmpuint (end, ==, 17);
  g_assert_cmpint (hr_json_scan_value (&scan, &begin, &end, NULL), ==, HR_JSON_NUMBER);
  g_assert_cmpint (hr_json_scan_value (&scan, &begin, &end, NULL), ==, HR_JSON_ARRAY_END);
  g_assert_cmpint (hr_json_scan_next (&scan, NULL), ==, HR_JSON_END);
}

static void
test_strings_are_decoded (void)
{
  static const struct {
    const char *text, *value;
  } cases[] = {
    { "\"plain\"", "plain" },
    { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
    { "\"\\u0041\\u00e9\\u20ac\"", "A\xc3\xa9\xe2\x82\xac" },
    { "\"\\uD83D\\uDE00!\"", "\xf0\x9f\x98\x80!" },
    { "\"\\ud83d\"", NULL },
    { "\"\\ud83d\\u0041\"", NULL },
    { "\"\\ude00\"", NULL },
    { "\"a\\u0000b\"", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *value = hr_json_unquote (cases[i].text, strlen (cases[i].text));
      g_assert_cmpstr (value, ==, cases[i].value);
    }
}

static void
test_quote_round_trip (void)
{
  const char *text = "a\"b\\c\n\x01\xc3\xa9";
  g_autofree char *quoted = hr_json_quote (text);
  g_autofree char *back = NULL;

  g_assert_true (hr_json_check (quoted, strlen (quoted), DEPTH, NULL));
  back = hr_json_unquote (quoted, strlen (quoted));
  g_assert_cmpstr (back, ==, text);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json/accepts-valid", test_accepts_valid);
  g_test_add_func ("/json/refuses-invalid", test_refuses_invalid);
  g_test_add_func ("/json/every-truncation-is-refused", test_every_truncation_is_refused);
  g_test_add_func ("/json/nul-byte-is-refused", test_nul_byte_is_refused);
  g_test_add_func ("/json/error-names-place", test_error_names_place);
  g_test_add_func ("/json/depth-is-a-limit-not-a-crash", test_depth_is_a_limit_not_a_crash);
  g_test_add_func ("/json/tokens-have-byte-ranges", test_tokens_have_byte_ranges);
  g_test_add_func ("/json/value-is-scanned-whole", test_value_is_scanned_whole);
  g_test_add_func ("/json/strings-are-decoded", test_strings_are_decoded);
  g_test_add_func ("/json/quote-round-trip", test_quote_round_trip);
  return g_test_run ();
}
