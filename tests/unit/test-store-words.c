/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-store-words.h"

#include <string.h>

static void
test_names (void)
{
  g_autofree char *longest = g_strnfill (HR_FD_NAME_MAX, 'a');
  g_autofree char *too_long = g_strnfill (HR_FD_NAME_MAX + 1, 'a');
  const char *const valid[] = { "", "db", "a name with spaces", "~!/%", longest };
  const char *const invalid[] = { "a:b", ":", "tab\there", "\n", "\x7f", "\x01", "caf\xc3\xa9", too_long };

  for (guint i = 0; i < G_N_ELEMENTS (valid); i++)
    g_assert_true (hr_fd_name_is_valid (valid[i]));
  for (guint i = 0; i < G_N_ELEMENTS (invalid); i++)
    g_assert_false (hr_fd_name_is_valid (invalid[i]));
}

static HrStoreWords
read_words (const char *first, const char *second, const char *third)
{
  const char *const assignments[] = { first, second, third, NULL };

  return hr_store_words_read (assignments);
}

static void
test_store (void)
{
  HrStoreWords words = read_words ("FDSTORE=1", NULL, NULL);

  g_assert_true (words.stores && words.polls && !words.removes);
  g_assert_cmpstr (words.name, ==, "stored");
  g_assert_null (words.refused);
  words = read_words ("FDNAME=db", "FDPOLL=0", "FDSTORE=1");
  g_assert_true (words.stores && !words.polls);
  g_assert_cmpstr (words.name, ==, "db");
  words = read_words ("READY=1", "FDSTORE=0", "FDSTORE=yes");
  g_assert_false (words.stores || words.removes);
}

/* systemd stores it all the same, under the name that stands for none. */
static void
test_bad_name (void)
{
  HrStoreWords words = read_words ("FDSTORE=1", "FDNAME=a:b", NULL);

  g_assert_true (words.stores);
  g_assert_cmpstr (words.name, ==, "stored");
  g_assert_cmpstr (words.refused, ==, "a:b");
}

/* Without a name that could be meant nothing is removed. */
static void
test_remove (void)
{
  g_assert_true (read_words ("FDSTOREREMOVE=1", "FDNAME=db", NULL).removes);
  g_assert_false (read_words ("FDSTOREREMOVE=1", NULL, NULL).removes);
  g_assert_false (read_words ("FDSTOREREMOVE=1", "FDNAME=a:b", NULL).removes);
  g_assert_true (read_words ("FDSTOREREMOVE=1", "FDNAME=", NULL).removes);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/store-words/names-are-those-of-systemd", test_names);
  g_test_add_func ("/store-words/what-is-stored-has-a-name", test_store);
  g_test_add_func ("/store-words/a-bad-name-is-told-and-stands-for-none", test_bad_name);
  g_test_add_func ("/store-words/what-is-removed-must-be-named", test_remove);
  return g_test_run ();
}
