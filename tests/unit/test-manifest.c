/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <string.h>

#include "hr-error.h"
#include "hr-manifest.h"

static HrManifest *
parse (const char *text, GError **error)
{
  return hr_manifest_parse (text, strlen (text), error);
}

static void
test_round_trip (void)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (HrManifest) manifest = NULL;
  g_autoptr (GError) error = NULL;
  const HrManifestLine *line;

  hr_manifest_begin (text, 0002);
  hr_manifest_append (text, 'f', 0600, "a b\nc\\d\001\377");
  hr_manifest_append (text, 'd', 0700, "private");
  hr_manifest_append (text, 'e', 01777, "x/y");
  manifest = hr_manifest_parse (text->str, text->len, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (hr_manifest_umask (manifest), ==, 0002);
  g_assert_cmpuint (g_hash_table_size (hr_manifest_lines (manifest)), ==, 3);
  g_assert_cmpuint (hr_manifest_mode (manifest, "a b\nc\\d\001\377", FALSE), ==, 0600);
  line = g_hash_table_lookup (hr_manifest_lines (manifest), "x/y");
  g_assert_nonnull (line);
  g_assert_cmpint (line->kind, ==, 'e');
  g_assert_cmpuint (line->mode, ==, 01777);
}

static void
test_defaults (void)
{
  g_autoptr (HrManifest) manifest = parse ("umask 0022\n", NULL);

  g_assert_nonnull (manifest);
  g_assert_cmpuint (hr_manifest_mode (manifest, "any", FALSE), ==, 0644);
  g_assert_cmpuint (hr_manifest_mode (manifest, "any", TRUE), ==, 0755);
  g_assert_cmpuint (hr_manifest_default_mode (0077, TRUE), ==, 0700);
}

static void
test_escape (void)
{
  for (guint byte = 1; byte < 256; byte++)
    {
      const char text[] = { 'a', (char)byte, '7', 0 };
      g_autofree char *escaped = hr_manifest_escape (text);
      g_autofree char *back = hr_manifest_unescape (escaped);

      g_assert_cmpstr (back, ==, text);
      g_assert_null (strchr (escaped, '\n'));
    }
}

static void
test_damaged (void)
{
  static const char *const texts[] = {
    "",
    "umask 0022",
    "umask 22\n",
    "umask 0888\n",
    "umask 7777\n",
    "f 0644 a\n",
    "umask 0022\nx 0644 a\n",
    "umask 0022\nf 0644\n",
    "umask 0022\nf 0644 \n",
    "umask 0022\nf 99999 a\n",
    "umask 0022\nf 06440a\n",
    "umask 0022\nf 0644 a",
    "umask 0022\n\n",
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (parse (texts[i], &error));
      g_assert_error (error, HR_ERROR, HR_ERROR_FAILED);
      g_assert_nonnull (strstr (error->message, "line"));
    }
  g_assert_null (hr_manifest_parse ("umask 0022\nf 0644 a\0b\n", 22, NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/manifest/what-is-written-is-read", test_round_trip);
  g_test_add_func ("/manifest/what-is-not-listed-has-the-umasks-mode", test_defaults);
  g_test_add_func ("/manifest/any-byte-of-a-name-is-kept", test_escape);
  g_test_add_func ("/manifest/a-damaged-one-is-refused-by-line", test_damaged);
  return g_test_run ();
}
