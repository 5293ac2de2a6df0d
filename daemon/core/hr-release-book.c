/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-release-book.h"

struct _HrReleaseBook {
  GPtrArray *held;   /* HrRelease, by number */
  GByteArray *fates; /* of each, by number: an HrFate, with HAS_ERROR */
  GArray *runs;      /* Run: numbers follow each other, but where one is damaged or somebody else made it */
};

typedef struct {
  guint64 first; /* number */
  guint at;      /* where in fates */
} Run;

#define HAS_ERROR 0x80

/**
 * hr_release_book_new:
 *
 * Returns: (transfer full): a book without releases
 */
HrReleaseBook *
hr_release_book_new (void)
{
  HrReleaseBook *self = g_new0 (HrReleaseBook, 1);

  self->held = g_ptr_array_new_with_free_func ((GDestroyNotify)hr_release_free);
  self->fates = g_byte_array_new ();
  self->runs = g_array_new (FALSE, FALSE, sizeof (Run));
  return self;
}

/**
 * hr_release_book_free:
 * @self: (transfer full) (nullable): a book
 */
void
hr_release_book_free (HrReleaseBook *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->held);
  g_byte_array_unref (self->fates);
  g_array_unref (self->runs);
  g_free (self);
}

static guint8
fate_byte (const HrRelease *release)
{
  return (guint8)(release->fate | (release->error != NULL ? HAS_ERROR : 0));
}

static guint
run_end (const HrReleaseBook *self, guint run)
{
  return run + 1 < self->runs->len ? g_array_index (self->runs, Run, run + 1).at : self->fates->len;
}

/* Where in fates @number is, or NULL. */
static guint8 *
find_fate (const HrReleaseBook *self, guint64 number)
{
  for (guint i = self->runs->len; i > 0; i--)
    {
      Run *run = &g_array_index (self->runs, Run, i - 1);

      if (number >= run->first)
        return number - run->first < run_end (self, i - 1) - run->at
                   ? self->fates->data + run->at + (guint)(number - run->first)
                   : NULL;
    }
  return NULL;
}

/**
 * hr_release_book_note:
 * @self: a book
 * @release: newer than all that it has
 *
 * Knows what became of it, and no more until hr_release_book_hold().
 */
void
hr_release_book_note (HrReleaseBook *self, const HrRelease *release)
{
  guint8 fate = fate_byte (release);
  Run run = { release->number, self->fates->len };
  Run *last = self->runs->len > 0 ? &g_array_index (self->runs, Run, self->runs->len - 1) : NULL;

  g_return_if_fail (last == NULL || release->number >= last->first + (self->fates->len - last->at));

  if (last == NULL || release->number != last->first + (self->fates->len - last->at))
    g_array_append_val (self->runs, run);
  g_byte_array_append (self->fates, &fate, 1);
}

/**
 * hr_release_book_add:
 * @self: a book
 * @release: (transfer full): newer than all that it has
 *
 * Holds it.
 */
void
hr_release_book_add (HrReleaseBook *self, HrRelease *release)
{
  hr_release_book_note (self, release);
  g_ptr_array_add (self->held, release);
}

/**
 * hr_release_book_hold:
 * @self: a book
 * @release: (transfer full): one of those that it has, as it was read from the store
 *
 * Knows it in full until hr_release_book_trim() finds that it is not in use. What became of it counts as it was told,
 * which the store may not have written yet.
 */
void
hr_release_book_hold (HrReleaseBook *self, HrRelease *release)
{
  const guint8 *fate = find_fate (self, release->number);
  guint at = self->held->len;

  while (at > 0 && ((HrRelease *)g_ptr_array_index (self->held, at - 1))->number > release->number)
    at--;
  if (fate == NULL || (at > 0 && ((HrRelease *)g_ptr_array_index (self->held, at - 1))->number == release->number))
    {
      hr_release_free (release);
      return;
    }
  release->fate = (HrFate)(*fate & ~HAS_ERROR);
  g_ptr_array_insert (self->held, (int)at, release);
}

static gboolean
is_used (const GArray *used, guint64 number)
{
  for (guint i = 0; used != NULL && i < used->len; i++)
    if (g_array_index (used, guint64, i) == number)
      return TRUE;
  return FALSE;
}

/**
 * hr_release_book_trim:
 * @self: a book
 * @used: (nullable) (element-type guint64): numbers of those that are in use
 *
 * Forgets the details of all but these and the newest %HR_RELEASES_HELD.
 */
void
hr_release_book_trim (HrReleaseBook *self, const GArray *used)
{
  guint oldest = self->held->len > HR_RELEASES_HELD ? self->held->len - HR_RELEASES_HELD : 0;

  for (guint i = oldest; i > 0; i--)
    if (!is_used (used, ((HrRelease *)g_ptr_array_index (self->held, i - 1))->number))
      g_ptr_array_remove_index (self->held, i - 1);
}

/**
 * hr_release_book_count:
 * @self: a book
 *
 * Returns: how many releases there are, held or not
 */
guint
hr_release_book_count (const HrReleaseBook *self)
{
  return self->fates->len;
}

/**
 * hr_release_book_get_held:
 * @self: a book
 *
 * Returns: (transfer none) (element-type HrRelease): those that are known in full, oldest first
 */
GPtrArray *
hr_release_book_get_held (const HrReleaseBook *self)
{
  return self->held;
}

/**
 * hr_release_book_get:
 * @self: a book
 * @number: of a release
 *
 * Returns: (transfer none) (nullable): the release, valid until the book changes; %NULL: there is none, or it is not held
 */
const HrRelease *
hr_release_book_get (const HrReleaseBook *self, guint64 number)
{
  for (guint i = self->held->len; i > 0; i--)
    {
      const HrRelease *release = g_ptr_array_index (self->held, i - 1);

      if (release->number == number)
        return release;
    }
  return NULL;
}

/**
 * hr_release_book_get_newest:
 * @self: a book
 *
 * Returns: (transfer none) (nullable): the newest release, which is always held
 */
const HrRelease *
hr_release_book_get_newest (const HrReleaseBook *self)
{
  return self->held->len > 0 ? g_ptr_array_index (self->held, self->held->len - 1) : NULL;
}

/**
 * hr_release_book_get_fate:
 * @self: a book
 * @number: of a release
 * @fate: (out) (optional): what became of it
 *
 * Returns: whether there is such a release
 */
gboolean
hr_release_book_get_fate (const HrReleaseBook *self, guint64 number, HrFate *fate)
{
  const guint8 *byte = find_fate (self, number);

  if (byte != NULL && fate != NULL)
    *fate = (HrFate)(*byte & ~HAS_ERROR);
  return byte != NULL;
}

/**
 * hr_release_book_find:
 * @self: a book
 * @fate: what became of it
 * @sound: whether one that has an error does not count
 * @from: the lowest number that counts
 * @below: those from this number on do not count; 0: all do
 *
 * Returns: the highest number of such a release; 0: there is none
 */
guint64
hr_release_book_find (const HrReleaseBook *self, HrFate fate, gboolean sound, guint64 from, guint64 below)
{
  for (guint run = self->runs->len; run > 0; run--)
    {
      const Run *numbers = &g_array_index (self->runs, Run, run - 1);

      for (guint i = run_end (self, run - 1); i > numbers->at; i--)
        {
          guint64 number = numbers->first + (i - 1 - numbers->at);
          guint8 byte = self->fates->data[i - 1];

          if ((HrFate)(byte & ~HAS_ERROR) == fate && !(sound && (byte & HAS_ERROR)) && number >= from
              && (below == 0 || number < below))
            return number;
        }
    }
  return 0;
}

/**
 * hr_release_book_set_fate:
 * @self: a book
 * @number: of a release that is held
 * @fate: what became of it
 * @phase: (nullable): of a rejected one
 * @error: (nullable): why nobody wants it
 *
 * Returns: whether it is held
 */
gboolean
hr_release_book_set_fate (HrReleaseBook *self, guint64 number, HrFate fate, const char *phase, const char *error)
{
  HrRelease *release = (HrRelease *)hr_release_book_get (self, number);

  if (release == NULL)
    return FALSE;
  release->fate = fate;
  g_free (release->phase);
  release->phase = g_strdup (phase);
  g_free (release->error);
  release->error = g_strdup (error);
  *find_fate (self, number) = fate_byte (release);
  return TRUE;
}
