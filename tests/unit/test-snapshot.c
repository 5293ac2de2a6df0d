/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-snapshot.h"

#include <string.h>

#include "hr-error.h"

/* What a parser's round trip would damage. */
#define AWKWARD                                                                                                        \
  " {\"z\": 1.0, \"a\": 1e400, \"a\": 12345678901234567890, \"n\":-0,\r\n\t\"\\u0041\\/\": \"\\ud800 \xc3\xa9\","      \
  " \"e\": [ ], \"data\": {\"checksum\": 3}} \n"

static GBytes *
bytes (const char *text)
{
  return g_bytes_new (text, strlen (text));
}

static HrSnapshot *
make (const char *data)
{
  g_autoptr (GBytes) content = bytes (data);
  g_autoptr (GError) error = NULL;
  HrSnapshot *self = hr_snapshot_new ("being-system", 1760000000, 7, 2, content, &error);

  g_assert_no_error (error);
  return self;
}

static void
assert_equal (const HrSnapshot *a, const HrSnapshot *b)
{
  g_assert_cmpstr (a->service, ==, b->service);
  g_assert_cmpint (a->time_sec, ==, b->time_sec);
  g_assert_cmpuint (a->release, ==, b->release);
  g_assert_cmpuint (a->version, ==, b->version);
  g_assert_cmpstr (a->checksum, ==, b->checksum);
  g_assert_cmpuint (a->size, ==, b->size);
  g_assert_true (g_bytes_equal (a->data, b->data));
}

static void
test_data_are_kept_byte_for_byte (void)
{
  static const char *const all[] = { AWKWARD, "{}", "[]", "\n1.0\n", "\"x\"", "null", "{\"a\":{\"b\":[1,{}]}}\n" };

  for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
    {
      g_autoptr (HrSnapshot) self = make (all[i]);
      g_autoptr (GBytes) document = hr_snapshot_to_bytes (self);
      g_autoptr (GError) error = NULL;
      g_autoptr (HrSnapshot) back = hr_snapshot_parse (document, &error);
      g_autofree char *hex = g_compute_checksum_for_string (G_CHECKSUM_SHA256, all[i], -1);

      g_assert_no_error (error);
      assert_equal (self, back);
      g_assert_cmpmem (g_bytes_get_data (back->data, NULL), back->size, all[i], strlen (all[i]));
      g_assert_true (g_str_has_prefix (back->checksum, "sha256:"));
      g_assert_cmpstr (back->checksum + 7, ==, hex);
    }
}

static void
test_document_has_the_contracts_form (void)
{
  g_autoptr (HrSnapshot) self = make ("{\"energy\": 1.0}");
  g_autoptr (GBytes) document = hr_snapshot_to_bytes (self);
  g_autofree char *text = g_strndup (g_bytes_get_data (document, NULL), g_bytes_get_size (document));
  g_autofree char *expected =
      g_strdup_printf ("{\"serviceName\": \"being-system\", \"timestamp\": 1760000000, \"release\": 7, \"version\": 2, "
                       "\"checksum\": \"%s\", \"data\":{\"energy\": 1.0}}\n",
                       self->checksum);

  g_assert_cmpstr (text, ==, expected);
}

static void
test_new_refuses_what_is_not_json (void)
{
  g_autoptr (GBytes) data = bytes ("{\"a\": undefined}");
  g_autoptr (GError) error = NULL;

  g_assert_null (hr_snapshot_new ("x", 0, 1, 1, data, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_STATE_FAILED);
  g_assert_nonnull (strstr (error->message, "line 1, column 7"));
}

static void
test_ids_sort_by_time (void)
{
  g_autofree char *first = hr_snapshot_make_id (G_GINT64_CONSTANT (1795189812000123), 7);
  g_autofree char *second = hr_snapshot_make_id (G_GINT64_CONSTANT (1795189812000124), 10);
  g_autofree char *third = hr_snapshot_make_id (G_GINT64_CONSTANT (1795189813000000), 1);
  static const char *const none[] = { "",
                                      "x",
                                      "before-the-upgrade-of-today",
                                      "20261120T155012Z-000123-r",
                                      "20261120T155012Z-000123-r7x",
                                      "20261340T155012Z-000123-r7",
                                      "20261120T155012Z-000123-r7/../../x",
                                      "20261120T155012Z-00012a-r7" };

  g_assert_cmpstr (first, ==, "20261120T155012Z-000123-r7");
  g_assert_cmpstr (first, <, second);
  g_assert_cmpstr (second, <, third);
  g_assert_cmpint (hr_snapshot_id_time (second), ==, G_GINT64_CONSTANT (1795189812000124));
  for (gsize i = 0; i < G_N_ELEMENTS (none); i++)
    g_assert_cmpint (hr_snapshot_id_time (none[i]), ==, -1);
}

static void
test_unknown_members_and_other_layouts_are_read (void)
{
  const char *data = "{\"a\": [1.0]}";
  g_autofree char *hex = g_compute_checksum_for_string (G_CHECKSUM_SHA256, data, -1);
  g_autofree char *text =
      g_strdup_printf ("{\n \"data\": %s ,\n \"format\": {\"data\": [2]}, \"checksum\": \"sha256:%s\",\n"
                       " \"version\": 2, \"release\": 7, \"timestamp\": 1760000000, \"serviceName\": \"b\\u0065\"}\n",
                       data, hex);
  g_autoptr (GBytes) document = bytes (text);
  g_autoptr (GError) error = NULL;
  g_autoptr (HrSnapshot) self = hr_snapshot_parse (document, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (self->service, ==, "be");
  g_assert_cmpmem (g_bytes_get_data (self->data, NULL), self->size, data, strlen (data));
}

static void
test_error_says_what_is_wrong (void)
{
#define HEAD "\"serviceName\": \"x\", \"timestamp\": 1, \"release\": 1, \"version\": 1"
#define SUM "\"checksum\": \"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\""
  static const struct {
    const char *text, *words;
  } cases[] = {
    { "", "found the end of the text" },
    { "hello", "expected a value" },
    { "[]", "not a JSON object" },
    { "{}", "'serviceName' is missing" },
    { "{" HEAD ", " SUM "}", "'data' is missing" },
    { "{" HEAD ", \"data\": {}}", "'checksum' is missing" },
    { "{" HEAD ", " SUM ", \"data\": {\"a\": 1}}", "'checksum' does not match the data" },
    { "{" HEAD ", \"checksum\": 7, \"data\": {}}", "'checksum' is not a string" },
    { "{" HEAD ", \"checksum\": \"md5:x\", \"data\": {}}", "'checksum' does not match" },
    { "{" HEAD ", " SUM ", \"data\": {}, \"data\": {}}", "'data' is there twice" },
    { "{\"serviceName\": [\"x\"]}", "'serviceName' is not a string" },
    { "{\"serviceName\": \"a\\u0000b\"}", "'serviceName' is not a string of characters" },
    { "{\"timestamp\": \"now\"}", "'timestamp' is not a number" },
    { "{\"timestamp\": -1}", "'timestamp' is not a whole number in its range" },
    { "{\"timestamp\": 9e9}", "'timestamp' is not a whole number in its range" },
    { "{\"timestamp\": 999999999999999}", "'timestamp' is not a whole number in its range" },
    { "{\"release\": 1.5}", "'release' is not a whole number in its range" },
    { "{\"release\": 99999999999999999999999}", "'release' is not a whole number in its range" },
    { "{\"version\": 4294967296}", "'version' is not a whole number in its range" },
    { "{\"version\": null}", "'version' is not a number" },
    { "{" HEAD ", " SUM ", \"data\": {}} x", "expected the end of the text" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GBytes) document = bytes (cases[i].text);
      g_autoptr (GError) error = NULL;

      g_assert_null (hr_snapshot_parse (document, &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_STATE_FAILED);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, cases[i].words));
    }
}

static void
test_truncated_is_refused (void)
{
  g_autoptr (HrSnapshot) self = make (AWKWARD);
  g_autoptr (GBytes) document = hr_snapshot_to_bytes (self);

  /* Without its last newline a document is still whole. */
  for (gsize size = 0; size < g_bytes_get_size (document) - 1; size++)
    {
      g_autoptr (GBytes) cut = g_bytes_new (g_bytes_get_data (document, NULL), size);
      g_autoptr (GError) error = NULL;

      g_assert_null (hr_snapshot_parse (cut, &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_STATE_FAILED);
    }
}

static void
test_head_tells_all_but_the_data (void)
{
  g_autoptr (HrSnapshot) self = make (AWKWARD);
  g_autoptr (GBytes) document = hr_snapshot_to_bytes (self);
  gsize size = g_bytes_get_size (document);
  g_autoptr (GError) error = NULL;
  g_autoptr (HrSnapshot) head = hr_snapshot_parse_head (g_bytes_get_data (document, NULL), size - 40, size, &error);

  g_assert_no_error (error);
  g_assert_null (head->data);
  g_assert_cmpstr (head->service, ==, self->service);
  g_assert_cmpuint (head->release, ==, 7);
  g_assert_cmpuint (head->version, ==, 2);
  g_assert_cmpstr (head->checksum, ==, self->checksum);
  g_assert_cmpuint (head->size, ==, self->size);
  g_assert_null (hr_snapshot_parse_head (g_bytes_get_data (document, NULL), 60, size, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_STATE_FAILED);
}

/* A document with any byte wrong is refused, or is another document with the same data. */
static void
test_mutations_are_refused_or_harmless (void)
{
  guint32 seed = (guint32)g_test_rand_int ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  g_autoptr (HrSnapshot) self = make (AWKWARD);
  g_autoptr (GBytes) document = hr_snapshot_to_bytes (self);
  gsize size = g_bytes_get_size (document);
  guint read = 0;

  g_test_message ("seed %u", seed);
  for (int round = 0; round < 20000; round++)
    {
      g_autofree char *text = g_memdup2 (g_bytes_get_data (document, NULL), size);
      gsize used = size;
      g_autoptr (GBytes) mutated = NULL;
      g_autoptr (HrSnapshot) back = NULL;

      for (int n = g_rand_int_range (rand, 1, 4); n > 0; n--)
        {
          gint32 at = g_rand_int_range (rand, 0, (gint32)used - 1);

          if (g_rand_boolean (rand))
            text[at] = (char)g_rand_int_range (rand, 0, 256);
          else if (g_rand_boolean (rand))
            text[at] = "{}[]\",:\\ \n0e.-"[g_rand_int_range (rand, 0, 14)];
          else
            {
              memmove (text + at, text + at + 1, used - (gsize)at - 1);
              used--;
            }
        }
      mutated = g_bytes_new (text, used);
      back = hr_snapshot_parse (mutated, NULL);
      if (back != NULL)
        {
          g_assert_true (g_bytes_equal (back->data, self->data));
          read++;
        }
    }
  g_assert_cmpuint (read, <, 20000);
}

static void
check_large (GString *text)
{
  g_autoptr (GBytes) data = g_string_free_to_bytes (text);
  g_autoptr (GError) error = NULL;
  g_autoptr (HrSnapshot) self = hr_snapshot_new ("x", 1, 1, 1, data, &error);
  g_autoptr (GBytes) document = NULL;
  g_autoptr (HrSnapshot) back = NULL;

  g_assert_no_error (error);
  document = hr_snapshot_to_bytes (self);
  back = hr_snapshot_parse (document, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (back->data, data));
}

static void
test_state_of_64_mb_is_kept (void)
{
  GString *text = g_string_sized_new (66 * 1024 * 1024);

  g_string_append (text, "{\"numbers\": [1");
  for (int i = 0; i < 10000; i++)
    g_string_append (text, ", 1.0");
  g_string_append (text, "], \"long\": \"");
  while (text->len < 64 * 1024 * 1024)
    g_string_append (text, "all work and no play \xc3\xa9 \\u00e9 all work and no play all work and no play ");
  g_string_append (text, "\"}");
  check_large (text);
}

static void
test_state_nested_10000_deep_is_kept (void)
{
  for (int depth = 10000; depth <= HR_STATE_DEPTH_MAX; depth *= 10)
    {
      GString *text = g_string_new (NULL);

      for (int i = 0; i < depth; i++)
        g_string_append_c (text, '[');
      for (int i = 0; i < depth; i++)
        g_string_append_c (text, ']');
      check_large (text);
    }
}

static void
test_deeper_state_is_refused (void)
{
  g_autofree char *text = g_strnfill (HR_STATE_DEPTH_MAX + 1, '[');
  g_autoptr (GBytes) data = bytes (text);
  g_autoptr (GError) error = NULL;

  g_assert_null (hr_snapshot_new ("x", 1, 1, 1, data, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_STATE_FAILED);
  g_assert_nonnull (strstr (error->message, "at most 100000 levels"));
}

static void
test_copy_shares_the_data (void)
{
  g_autoptr (HrSnapshot) self = make ("{}");
  g_autoptr (HrSnapshot) copy = hr_snapshot_copy (self);

  assert_equal (self, copy);
  g_assert_cmpstr (self->id, ==, copy->id);
  g_assert_true (self->data == copy->data);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/snapshot/data-are-kept-byte-for-byte", test_data_are_kept_byte_for_byte);
  g_test_add_func ("/snapshot/document-has-the-contracts-form", test_document_has_the_contracts_form);
  g_test_add_func ("/snapshot/new-refuses-what-is-not-json", test_new_refuses_what_is_not_json);
  g_test_add_func ("/snapshot/ids-sort-by-time", test_ids_sort_by_time);
  g_test_add_func ("/snapshot/unknown-members-and-other-layouts-are-read",
                   test_unknown_members_and_other_layouts_are_read);
  g_test_add_func ("/snapshot/error-says-what-is-wrong", test_error_says_what_is_wrong);
  g_test_add_func ("/snapshot/truncated-is-refused", test_truncated_is_refused);
  g_test_add_func ("/snapshot/head-tells-all-but-the-data", test_head_tells_all_but_the_data);
  g_test_add_func ("/snapshot/mutations-are-refused-or-harmless", test_mutations_are_refused_or_harmless);
  g_test_add_func ("/snapshot/state-of-64-mb-is-kept", test_state_of_64_mb_is_kept);
  g_test_add_func ("/snapshot/state-nested-10000-deep-is-kept", test_state_nested_10000_deep_is_kept);
  g_test_add_func ("/snapshot/deeper-state-is-refused", test_deeper_state_is_refused);
  g_test_add_func ("/snapshot/copy-shares-the-data", test_copy_shares_the_data);
  return g_test_run ();
}
