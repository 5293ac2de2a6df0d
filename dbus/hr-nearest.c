/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-nearest.h"

#include <string.h>

/* Longer words are not compared: the work grows with the square. */
#define NEAREST_LENGTH_MAX 64

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
 * hr_nearest_find:
 * @word: what was written
 * @known: (array zero-terminated=1): what could have been meant
 *
 * Returns: (transfer none) (nullable): the word of @known that @word is most likely a misspelling of
 */
const char *
hr_nearest_find (const char *word, const char *const *known)
{
  const char *nearest = NULL;
  gsize length;
  guint least = G_MAXUINT;

  g_return_val_if_fail (word != NULL && known != NULL, NULL);

  length = strlen (word);
  if (length == 0 || length > NEAREST_LENGTH_MAX)
    return NULL;
  for (; *known != NULL; known++)
    if (strlen (*known) <= NEAREST_LENGTH_MAX)
      {
        guint d = distance (word, *known);
        /* A letter in a short word, one in three in a long one: more is another word. */
        guint most = (guint)MAX (MAX (length, strlen (*known)) / 3, 1);

        if (d <= most && d < least && d < strlen (*known))
          {
            least = d;
            nearest = *known;
          }
      }
  return nearest;
}
