/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-words.h"

#include <string.h>

/* Longer words are not compared: the work grows with the square. */
#define NEAREST_LENGTH_MAX 64

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

/* How many letters must be put in, left out, replaced, or swapped with their neighbour; without regard to case. */
static guint
distance (const char *a, const char *b)
{
  guint rows[3][NEAREST_LENGTH_MAX + 1];
  gsize n = strlen (b);
  gsize m = strlen (a);

#define SAME(x, y) (g_ascii_tolower (x) == g_ascii_tolower (y))
  for (gsize i = 0; i <= m; i++)
    for (gsize j = 0; j <= n; j++)
      {
        guint *row = rows[i % 3];
        guint *above = rows[(i + 2) % 3];
        guint *before = rows[(i + 1) % 3];

        if (i == 0 || j == 0)
          {
            row[j] = (guint)(i + j);
            continue;
          }
        row[j] = MIN (above[j - 1] + !SAME (a[i - 1], b[j - 1]), MIN (row[j - 1], above[j]) + 1);
        if (i > 1 && j > 1 && SAME (a[i - 1], b[j - 2]) && SAME (a[i - 2], b[j - 1]))
          row[j] = MIN (row[j], before[j - 2] + 1);
      }
#undef SAME
  return rows[m % 3][n];
}

/**
 * hr_words_nearest:
 * @word: what was written
 * @known: (array zero-terminated=1): what could have been meant
 *
 * Returns: (transfer none) (nullable): the word of @known that @word is most likely a misspelling of
 */
const char *
hr_words_nearest (const char *word, const char *const *known)
{
  const char *nearest = NULL;
  gsize length;
  guint least;

  g_return_val_if_fail (word != NULL && known != NULL, NULL);

  length = strlen (word);
  if (length == 0 || length > NEAREST_LENGTH_MAX)
    return NULL;
  least = (guint)length / 3 + 2;
  for (; *known != NULL; known++)
    if (strlen (*known) <= NEAREST_LENGTH_MAX)
      {
        guint d = distance (word, *known);

        if (d < least && d < strlen (*known))
          {
            least = d;
            nearest = *known;
          }
      }
  return nearest;
}
