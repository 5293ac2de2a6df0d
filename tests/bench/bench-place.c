/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bench-place.c: what placing a release costs, beside copying the source with cp in the same run.
 *
 * Works in a temporary directory on the file system of $TMPDIR and removes it. Prints figures; never fails on a time:
 * machines are shared, so what counts is the ratio.
 */
#include "../os/slots-fixture.h"

#define N_DIRS 100
#define N_FILES 100
#define FILE_SIZE 4096
#define N_RUNS 11

static void
make_source (Fixture *fixture)
{
  g_autofree char *text = g_strnfill (FILE_SIZE, 'x');

  for (guint i = 0; i < N_DIRS * N_FILES; i++)
    {
      g_autofree char *path = g_strdup_printf ("dir%02u/file%02u.py", i / N_FILES, i % N_FILES);
      g_autofree char *number = g_strdup_printf ("%05u", i);

      memcpy (text, number, strlen (number));
      put (fixture->source, path, text);
    }
}

static void
copy_with_cp (Fixture *fixture)
{
  g_autofree char *target = g_build_filename (fixture->dir, "copy", NULL);
  const char *const argv[] = { "cp", "-a", fixture->source, target, NULL };
  g_autoptr (GError) error = NULL;

  g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
}

static int
compare_times (gconstpointer a, gconstpointer b)
{
  gint64 left = *(const gint64 *)a;
  gint64 right = *(const gint64 *)b;

  return left < right ? -1 : left > right;
}

static void
print_row (const char *what, gint64 *times, guint n)
{
  qsort (times, n, sizeof *times, compare_times);
  g_print ("%-58s %9.1f ms median %9.1f ms worst of %u\n", what, (double)times[n / 2] / 1000.0,
           (double)times[n - 1] / 1000.0, n);
}

/* Places the newest release and returns how long it took, in microseconds. */
static gint64
time_place (Fixture *fixture, HrSlot slot, HrSlot from, guint expected)
{
  gint64 begin = g_get_monotonic_time ();
  g_autoptr (HrPlacement) placement = place_release (fixture, fixture->release, slot, from);
  gint64 end = g_get_monotonic_time ();

  g_assert_cmpuint (placement->written, ==, expected);
  return end - begin;
}

int
main (void)
{
  Fixture *fixture = fixture_new (NULL);
  gint64 times[N_RUNS];
  gint64 begin;

  g_print ("%u files of %u bytes in %u directories\n", N_DIRS * N_FILES, FILE_SIZE, N_DIRS);
  make_source (fixture);
  begin = g_get_monotonic_time ();
  copy_with_cp (fixture);
  times[0] = g_get_monotonic_time () - begin;
  print_row ("peer: cp -a of the source", times, 1);

  record (fixture);
  times[0] = time_place (fixture, HR_SLOT_A, HR_SLOT_NONE, N_DIRS * N_FILES);
  times[1] = time_place (fixture, HR_SLOT_B, HR_SLOT_A, N_DIRS * N_FILES);
  print_row ("place everything, first time", times, 2);

  for (guint i = 0; i < N_RUNS; i++)
    {
      g_autofree char *text = g_strdup_printf ("V = %u\n", i);

      put (fixture->source, "dir50/file50.py", text);
      record (fixture);
      /* The other slot is one release behind: each place writes the one file. */
      times[i] = time_place (fixture, i % 2 == 0 ? HR_SLOT_A : HR_SLOT_B, i % 2 == 0 ? HR_SLOT_B : HR_SLOT_A, 1);
    }
  print_row ("place one changed file beside the running release", times, N_RUNS);

  for (guint i = 0; i < N_RUNS; i++)
    times[i] = time_place (fixture, HR_SLOT_A, HR_SLOT_B, 0);
  print_row ("place the same release again, as a rollback does", times, N_RUNS);

  for (guint i = 0; i < N_RUNS; i++)
    {
      begin = g_get_monotonic_time ();
      hr_placement_free (carry (fixture, HR_SLOT_B, HR_SLOT_A));
      times[i] = g_get_monotonic_time () - begin;
    }
  print_row ("look for late writes", times, N_RUNS);
  fixture_free (fixture);
  return 0;
}
