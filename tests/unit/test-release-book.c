/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-release-book.c: what is known of releases that are not in memory.
 */
#include "hr-release-book.h"

static HrRelease *
make (guint64 number, HrFate fate, const char *error)
{
  HrRelease *release = hr_release_new (number);

  release->fate = fate;
  release->error = g_strdup (error);
  return release;
}

static guint
n_held (HrReleaseBook *book)
{
  return hr_release_book_get_held (book)->len;
}

static void
test_holds_newest (void)
{
  g_autoptr (HrReleaseBook) book = hr_release_book_new ();
  g_autoptr (GArray) used = g_array_new (FALSE, FALSE, sizeof (guint64));
  const guint64 old = 7;

  g_assert_null (hr_release_book_get_newest (book));
  for (guint64 i = 1; i <= 10000; i++)
    {
      hr_release_book_add (book, make (i, HR_FATE_GOOD, NULL));
      if (i == old)
        g_array_append_val (used, old);
      hr_release_book_trim (book, used);
    }
  g_assert_cmpuint (hr_release_book_count (book), ==, 10000);
  g_assert_cmpuint (n_held (book), ==, HR_RELEASES_HELD + 1);
  g_assert_nonnull (hr_release_book_get (book, old));
  g_assert_null (hr_release_book_get (book, old + 1));
  g_assert_nonnull (hr_release_book_get (book, 10001 - HR_RELEASES_HELD));
  g_assert_null (hr_release_book_get (book, 10000 - HR_RELEASES_HELD));
  g_assert_cmpuint (hr_release_book_get_newest (book)->number, ==, 10000);

  /* One that is read takes its place among them, once, until it is not in use. */
  hr_release_book_hold (book, make (4, HR_FATE_CANDIDATE, NULL));
  hr_release_book_hold (book, make (4, HR_FATE_CANDIDATE, NULL));
  g_assert_cmpuint (n_held (book), ==, HR_RELEASES_HELD + 2);
  g_assert_cmpuint (((HrRelease *)hr_release_book_get_held (book)->pdata[0])->number, ==, 4);
  /* What became of it counts as it was told. */
  g_assert_cmpint (hr_release_book_get (book, 4)->fate, ==, HR_FATE_GOOD);
  hr_release_book_trim (book, NULL);
  g_assert_cmpuint (n_held (book), ==, HR_RELEASES_HELD);
  /* There is none such. */
  hr_release_book_hold (book, make (10001, HR_FATE_GOOD, NULL));
  g_assert_cmpuint (n_held (book), ==, HR_RELEASES_HELD);
}

static void
test_knows_fates (void)
{
  g_autoptr (HrReleaseBook) book = hr_release_book_new ();
  HrFate fate = HR_FATE_RETIRED;

  for (guint64 i = 1; i <= 100; i++)
    hr_release_book_add (book, make (i, i % 10 == 0 ? HR_FATE_GOOD : HR_FATE_REJECTED, i == 50 ? "rolled back" : NULL));
  hr_release_book_trim (book, NULL);
  g_assert_true (hr_release_book_get_fate (book, 30, &fate));
  g_assert_cmpint (fate, ==, HR_FATE_GOOD);
  g_assert_true (hr_release_book_get_fate (book, 31, &fate));
  g_assert_cmpint (fate, ==, HR_FATE_REJECTED);
  g_assert_false (hr_release_book_get_fate (book, 0, &fate));
  g_assert_false (hr_release_book_get_fate (book, 101, &fate));

  g_assert_cmpuint (hr_release_book_find (book, HR_FATE_GOOD, FALSE, 0, 0), ==, 100);
  g_assert_cmpuint (hr_release_book_find (book, HR_FATE_GOOD, FALSE, 0, 100), ==, 90);
  g_assert_cmpuint (hr_release_book_find (book, HR_FATE_GOOD, FALSE, 0, 60), ==, 50);
  g_assert_cmpuint (hr_release_book_find (book, HR_FATE_GOOD, TRUE, 0, 60), ==, 40);
  g_assert_cmpuint (hr_release_book_find (book, HR_FATE_GOOD, TRUE, 41, 60), ==, 0);
  g_assert_cmpuint (hr_release_book_find (book, HR_FATE_UNPROVEN, FALSE, 0, 0), ==, 0);

  g_assert_false (hr_release_book_set_fate (book, 3, HR_FATE_GOOD, NULL, NULL));
  g_assert_true (hr_release_book_set_fate (book, 99, HR_FATE_UNPROVEN, NULL, NULL));
  g_assert_cmpuint (hr_release_book_find (book, HR_FATE_UNPROVEN, TRUE, 0, 0), ==, 99);
  g_assert_true (hr_release_book_set_fate (book, 99, HR_FATE_UNPROVEN, NULL, "why"));
  g_assert_cmpuint (hr_release_book_find (book, HR_FATE_UNPROVEN, TRUE, 0, 0), ==, 0);
}

/* Damaged ones are missing, and somebody may have made a ref of any number. */
static void
test_gaps (void)
{
  const guint64 far = G_MAXUINT64 - 2;
  const guint64 numbers[] = { 2, 3, 7, 8, 9, 1000000000000, far };
  g_autoptr (HrReleaseBook) book = hr_release_book_new ();

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    hr_release_book_add (book, make (numbers[i], numbers[i] == 3 ? HR_FATE_UNPROVEN : HR_FATE_GOOD, NULL));
  g_assert_cmpuint (hr_release_book_count (book), ==, G_N_ELEMENTS (numbers));
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    g_assert_true (hr_release_book_get_fate (book, numbers[i], NULL));
  g_assert_false (hr_release_book_get_fate (book, 1, NULL));
  g_assert_false (hr_release_book_get_fate (book, 4, NULL));
  g_assert_false (hr_release_book_get_fate (book, 10, NULL));
  g_assert_false (hr_release_book_get_fate (book, far - 1, NULL));
  g_assert_cmpuint (hr_release_book_find (book, HR_FATE_GOOD, FALSE, 0, 7), ==, 2);
  g_assert_cmpuint (hr_release_book_find (book, HR_FATE_UNPROVEN, FALSE, 0, 0), ==, 3);
  g_assert_cmpuint (hr_release_book_find (book, HR_FATE_GOOD, FALSE, 0, far), ==, 1000000000000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/release-book/only-the-newest-and-those-in-use-are-held", test_holds_newest);
  g_test_add_func ("/release-book/what-became-of-each-is-known", test_knows_fates);
  g_test_add_func ("/release-book/numbers-may-be-missing", test_gaps);
  return g_test_run ();
}
