/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Damaged service files: whatever the text is, the parser gives a spec or an error that names the file. The seed of the
 * mutations is printed; "--seed" of the test program, with the value of its first line, gives it back.
 */
#include <string.h>

#include "hr-error.h"
#include "hr-service-spec.h"
#include "spec-text.h"

#define MUTATIONS 1000
/* Of a long line: more than a command line may have, so that both sides of that limit are met. */
#define LONG_LINE (128 * 1024)

static void
assert_spec_or_error (const char *text, gsize size, const char *profile)
{
  /* An exact copy, so that a sanitizer sees a read behind its end. */
  g_autofree char *copy = g_memdup2 (text, size);
  HrSpecSource source = { SPEC_FILE, copy, size };
  g_autoptr (GError) error = NULL;
  g_autoptr (HrServiceSpec) spec = hr_service_spec_parse ("web", &source, 1, profile, &error);

  if (spec != NULL)
    {
      g_assert_no_error (error);
      g_assert_nonnull (spec->exec[0]);
      g_assert_cmpuint (strlen (spec->checksum), ==, 64);
      return;
    }
  g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
  if (!g_str_has_prefix (error->message, SPEC_FILE ":"))
    g_assert_cmpstr (error->message, ==, SPEC_FILE ":…");
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
}

static void
test_a_truncated_file_is_a_spec_or_an_error (void)
{
  for (gsize size = 0; size < sizeof full_text; size++)
    assert_spec_or_error (full_text, size, NULL);
}

/* Cuts out, doubles, swaps or overwrites a piece. */
static void
mutate (GRand *rand, GString *text)
{
  static const char *const pieces[] = { "\n",
                                        "=",
                                        "[",
                                        "]",
                                        ";",
                                        "\\;",
                                        "\\",
                                        "'",
                                        "\"",
                                        "%",
                                        "%p",
                                        "{",
                                        "}",
                                        "**",
                                        "\xff",
                                        "\x1b",
                                        "..",
                                        "~",
                                        "-",
                                        "99999999999999999999",
                                        "",
                                        "\r",
                                        "\n[Service]\n",
                                        "\n[Profile testing]\n",
                                        "Watch.",
                                        "#",
                                        "\xef\xbb\xbf",
                                        "\n[Actions]\n",
                                        "(?R)",
                                        ":",
                                        "min" };
  gsize at = (gsize)g_rand_int_range (rand, 0, (gint32)text->len + 1);
  gsize wanted = (gsize)g_rand_int_range (rand, 1, 40);
  gsize length = MIN (wanted, text->len - at);
  g_autofree char *piece = g_strndup (text->str + at, length);
  gint32 kind = g_rand_int_range (rand, 0, 6);

  switch (kind)
    {
    case 0:
      g_string_erase (text, (gssize)at, (gssize)length);
      break;
    case 1:
      g_string_insert_len (text, (gssize)at, piece, (gssize)length);
      break;
    case 2:
      g_string_insert (text, g_rand_int_range (rand, 0, (gint32)text->len + 1), piece);
      break;
    case 3:
      if (at < text->len)
        text->str[at] = (char)g_rand_int_range (rand, 0, 256);
      break;
    default:
      g_string_insert (text, (gssize)at, pieces[g_rand_int_range (rand, 0, G_N_ELEMENTS (pieces))]);
      break;
    }
}

static void
test_a_mutated_file_is_a_spec_or_an_error (void)
{
  static const char *const profiles[] = { NULL, "production", "testing" };
  guint32 seed = (guint32)g_test_rand_int ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);

  g_test_message ("mutations of seed %u", seed);
  for (guint i = 0; i < MUTATIONS; i++)
    {
      g_autoptr (GString) text = g_string_new_len (full_text, sizeof full_text - 1);
      gint32 n = g_rand_int_range (rand, 1, 5);

      while (n-- > 0)
        mutate (rand, text);
      assert_spec_or_error (text->str, text->len, profiles[i % G_N_ELEMENTS (profiles)]);
    }
}

static void
test_noise_is_an_error (void)
{
  guint32 seed = (guint32)g_test_rand_int ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);

  g_test_message ("noise of seed %u", seed);
  for (guint i = 0; i < 500; i++)
    {
      char noise[256];

      for (guint j = 0; j < sizeof noise; j++)
        noise[j] = (char)g_rand_int_range (rand, 0, 256);
      assert_spec_or_error (noise, sizeof noise, NULL);
    }
}

/* One long line, in each place that does something with a value. */
static void
test_long_values_take_no_long_time (void)
{
  static const char *const beginnings[] = {
    "",
    "[",
    "[Service]\nExec=",
    "[Service]\n",
    "[Service]\nListen=",
    "[Service]\nListen=a=tcp:",
    "[Service]\nStartTimeout=",
    "[Service]\nVersion=1.2.3-",
    "[Service]\nSource=",
    "[Service]\nShare=",
    "[Check]\nForbid=",
    "[Check]\nBuild=",
    "[Watch]\nIgnore=",
    "[Actions]\n",
    "[Environment]\n",
    "[Profile ",
    "[Health]\nProbe=exec:",
    "[Health]\nProbe=http://",
    "[Health]\nProbe=tcp:",
    "[Health]\nStatus=",
    "[Service]\nStopSignal=",
  };
  static const char fillers[] = "a;\\(";
  gint64 begin = g_get_monotonic_time ();

  for (guint i = 0; i < G_N_ELEMENTS (beginnings); i++)
    for (const char *filler = fillers; *filler != '\0'; filler++)
      {
        g_autoptr (GString) text = g_string_new (beginnings[i]);
        g_autofree char *fill = g_strnfill (LONG_LINE, *filler);

        g_string_append (text, fill);
        g_string_append (text, "=x");
        assert_spec_or_error (text->str, text->len, NULL);
      }
  g_test_message ("%" G_GINT64_FORMAT " ms", (g_get_monotonic_time () - begin) / 1000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/service-spec-fuzz/a-truncated-file-is-a-spec-or-an-error",
                   test_a_truncated_file_is_a_spec_or_an_error);
  g_test_add_func ("/service-spec-fuzz/a-mutated-file-is-a-spec-or-an-error",
                   test_a_mutated_file_is_a_spec_or_an_error);
  g_test_add_func ("/service-spec-fuzz/noise-is-an-error", test_noise_is_an_error);
  g_test_add_func ("/service-spec-fuzz/long-values-take-no-long-time", test_long_values_take_no_long_time);
  return g_test_run ();
}
