/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-words.h"

#include <string.h>

/**
 * hr_words_quote:
 * @text: anything
 *
 * Returns: (transfer full): @text between single quotes, as valid UTF-8 without control characters, shortened to
 *   %HR_WORDS_QUOTE_MAX characters
 */
char *
hr_words_quote (const char *text)
{
  g_autofree char *valid = NULL;
  GString *quoted = g_string_new ("'");
  guint left = HR_WORDS_QUOTE_MAX;

  g_return_val_if_fail (text != NULL, NULL);

  /* No character is longer than six bytes in any encoding a file name may come from. */
  valid = g_utf8_make_valid (text, (gssize)strnlen (text, (HR_WORDS_QUOTE_MAX + 1) * 6));
  for (const char *at = valid; *at != '\0'; at = g_utf8_next_char (at))
    {
      gunichar c = g_utf8_get_char (at);

      if (left-- == 0)
        {
          g_string_append (quoted, "…");
          break;
        }
      g_string_append_unichar (quoted, g_unichar_iscntrl (c) ? '?' : c);
    }
  g_string_append_c (quoted, '\'');
  return g_string_free (quoted, FALSE);
}

/**
 * hr_words_path:
 * @path: in the encoding of file names
 *
 * Returns: (transfer full): all of @path as UTF-8 without control characters; for messages, not for opening
 */
char *
hr_words_path (const char *path)
{
  char *shown;

  g_return_val_if_fail (path != NULL, NULL);

  shown = g_filename_display_name (path);
  for (char *at = shown; *at != '\0'; at++)
    if (g_ascii_iscntrl (*at))
      *at = '?';
  return shown;
}
