/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>

#include "hr-slot-record-file.h"
#include "slots-fixture.h"

/* A service that runs in slot a with one recorded file, and all that a test needs of it. */
typedef struct {
  Fixture *fixture;
  char *a;
  char *b;
} Run;

static Run
run_new (void)
{
  Run run = { .fixture = fixture_new (NULL) };

  run.a = slot_path (run.fixture, HR_SLOT_A);
  run.b = slot_path (run.fixture, HR_SLOT_B);
  put (run.fixture->source, "main.py", "1");
  put (run.fixture->source, "config.json", "{}");
  put (run.fixture->source, ".gitignore", "*.db\n");
  hr_placement_free (place (run.fixture, HR_SLOT_A, HR_SLOT_NONE));
  return run;
}

static void
run_free (Run *run)
{
  fixture_free (run->fixture);
  g_free (run->a);
  g_free (run->b);
}

/* A new release in slot @to while the service runs in @from. */
static HrPlacement *
edit_and_place (Run *run, const char *content, HrSlot to, HrSlot from)
{
  put (run->fixture->source, "main.py", content);
  return place (run->fixture, to, from);
}

static char *
kept_path (Run *run, guint64 release, const char *path)
{
  return g_strdup_printf ("%s/svc/kept/%" G_GUINT64_FORMAT "/%s", run->fixture->slots_dir, release, path);
}

#define assert_kept(run, placement, release, path, expected)                                                           \
  do                                                                                                                   \
    {                                                                                                                  \
      g_autofree char *kept_file = kept_path (run, release, path);                                                     \
      g_assert_true (g_strv_contains ((const char *const *)(placement)->kept_aside, kept_file));                       \
      assert_content (kept_file, "", expected);                                                                        \
  } while (0)

#define assert_carried(placement, path)                                                                                \
  g_assert_true (g_strv_contains ((const char *const *)(placement)->carried, path))

static void
test_created (void)
{
  Run run = run_new ();
  g_autoptr (HrPlacement) placement = NULL;
  g_autofree char *file = g_build_filename (run.a, "data", "one.txt", NULL);
  g_autofree char *copy = g_build_filename (run.b, "data", "one.txt", NULL);
  g_autofree char *fifo = g_build_filename (run.a, "fifo", NULL);
  struct stat before;
  struct stat after;

  put_mode (run.a, "data/one.txt", "1", 0640);
  put (run.a, "data/sub/two.txt", "2");
  put (run.a, "empty", NULL);
  put_mode (run.a, "read-only/in.txt", "i", 0444);
  put_mode (run.a, "read-only", NULL, 0555);
  put (run.a, "state.db", "ignored data that the source does not have");
  put_link (run.a, "link", "data/one.txt");
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  placement = edit_and_place (&run, "2", HR_SLOT_B, HR_SLOT_A);

  assert_content (run.b, "main.py", "2");
  assert_content (run.b, "data/one.txt", "1");
  assert_content (run.b, "data/sub/two.txt", "2");
  assert_content (run.b, "read-only/in.txt", "i");
  assert_content (run.b, "state.db", "ignored data that the source does not have");
  assert_link (run.b, "link", "data/one.txt");
  g_assert_true (is_there (run.b, "empty"));
  g_assert_false (is_there (run.b, "fifo"));
  assert_carried (placement, "data/one.txt");
  assert_carried (placement, "link");
  g_assert_cmpuint (g_strv_length (placement->carried), ==, 5);
  g_assert_cmpuint (g_strv_length (placement->kept_aside), ==, 0);
  g_assert_cmpint (lstat (file, &before), ==, 0);
  g_assert_cmpint (lstat (copy, &after), ==, 0);
  g_assert_cmpuint (before.st_mode, ==, after.st_mode);
  g_assert_cmpint (before.st_mtim.tv_nsec, ==, after.st_mtim.tv_nsec);
  g_assert_cmpuint (before.st_ino, !=, after.st_ino);
  run_free (&run);
}

static void
test_caches_stay (void)
{
  Run run = run_new ();
  g_autoptr (HrPlacement) placement = NULL;

  put (run.a, "__pycache__/main.cpython-311.pyc", "bytecode");
  put (run.a, "build/out.o", "object");
  put (run.a, "main.py~", "an editor's");
  placement = edit_and_place (&run, "2", HR_SLOT_B, HR_SLOT_A);
  g_assert_false (is_there (run.b, "__pycache__"));
  g_assert_false (is_there (run.b, "main.py~"));
  g_assert_cmpuint (g_strv_length (placement->kept_aside), ==, 0);
  run_free (&run);
}

static void
seal (Run *run, HrSlot slot)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  hr_slots_seal_async (run->fixture->slots, slot, NULL, hold_result, &result);
  g_assert_true (hr_slots_seal_finish (run->fixture->slots, wait_for (&result), &error));
  g_assert_no_error (error);
}

static void
test_made (void)
{
  Run run = run_new ();
  g_autoptr (HrPlacement) second = NULL;
  g_autoptr (HrPlacement) third = NULL;
  g_autoptr (HrPlacement) fourth = NULL;

  put (run.a, "made/program", "built from 1");
  put (run.a, "config.json", "generated");
  seal (&run, HR_SLOT_A);
  put (run.a, "made/own.txt", "the program's");
  second = edit_and_place (&run, "2", HR_SLOT_B, HR_SLOT_A);
  g_assert_cmpuint (g_strv_length (second->carried), ==, 1);
  assert_carried (second, "made/own.txt");
  assert_content (run.b, "config.json", "{}");
  g_assert_false (is_there (run.b, "made/program"));
  put (run.b, "made/program", "built from 2");
  seal (&run, HR_SLOT_B);

  /* The first release again, in its slot: nothing of what it was built to is replaced, also by a new daemon. */
  open_slots (run.fixture, TRUE);
  put (run.fixture->source, "main.py", "1");
  third = place (run.fixture, HR_SLOT_A, HR_SLOT_B);
  assert_content (run.a, "made/program", "built from 1");
  assert_content (run.a, "config.json", "generated");
  g_assert_cmpuint (g_strv_length (third->kept_aside), ==, 0);

  /* What the program makes of it is the program's. */
  put (run.a, "made/program", "changed by the program");
  fourth = edit_and_place (&run, "3", HR_SLOT_B, HR_SLOT_A);
  assert_content (run.b, "made/program", "changed by the program");
  assert_carried (fourth, "made/program");
  run_free (&run);
}

static void
test_changed (void)
{
  Run run = run_new ();
  g_autoptr (HrPlacement) second = NULL;
  g_autoptr (HrPlacement) third = NULL;
  guint64 changed_in;

  put (run.a, "config.json", "{\"by\":\"program\"}");
  second = edit_and_place (&run, "2", HR_SLOT_B, HR_SLOT_A);
  assert_content (run.b, "config.json", "{\"by\":\"program\"}");
  assert_carried (second, "config.json");
  changed_in = run.fixture->release->number;

  /* Once more, then the developer changes it too. */
  hr_placement_free (edit_and_place (&run, "3", HR_SLOT_A, HR_SLOT_B));
  assert_content (run.a, "config.json", "{\"by\":\"program\"}");
  put (run.fixture->source, "config.json", "{\"by\":\"developer\"}");
  third = edit_and_place (&run, "4", HR_SLOT_B, HR_SLOT_A);
  assert_content (run.b, "config.json", "{\"by\":\"developer\"}");
  assert_kept (&run, third, changed_in + 1, "config.json", "{\"by\":\"program\"}");
  run_free (&run);
}

/* Whether @path was placed so late that a write at once may have left its time as it was. */
static gboolean
is_unsure (Run *run, const char *path)
{
  g_autofree char *file = g_strconcat (run->a, ".placed", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (HrSlotRecord) slot_record = hr_slot_record_file_load (file, &error);

  g_assert_no_error (error);
  return !hr_slot_record_sure (slot_record, g_hash_table_lookup (slot_record->placed, path));
}

/* The kernel's clock has ticks: a write at once after placement may leave size and time as they were. */
static void
test_changed_in_one_tick (void)
{
  Run run = run_new ();
  g_autofree char *file = g_build_filename (run.a, "config.json", NULL);
  struct stat info;
  struct timespec times[2];
  int fd;

  for (guint i = 0; i < 100 && !is_unsure (&run, "config.json"); i++)
    {
      put (run.fixture->source, "config.json", i % 2 == 0 ? "01" : "{}");
      hr_placement_free (place (run.fixture, HR_SLOT_A, HR_SLOT_NONE));
    }
  if (!is_unsure (&run, "config.json"))
    {
      g_test_skip ("not run here: placing is slower than a tick of the clock");
      run_free (&run);
      return;
    }
  g_assert_cmpint (lstat (file, &info), ==, 0);
  fd = open (file, O_WRONLY | O_CLOEXEC);
  g_assert_cmpint (write (fd, "[]", 2), ==, 2);
  close (fd);
  times[0] = info.st_atim;
  times[1] = info.st_mtim;
  g_assert_cmpint (utimensat (AT_FDCWD, file, times, 0), ==, 0);
  hr_placement_free (edit_and_place (&run, "2", HR_SLOT_B, HR_SLOT_A));
  assert_content (run.b, "config.json", "[]");
  run_free (&run);
}

static void
test_conflicts (void)
{
  Run run = run_new ();
  g_autoptr (HrPlacement) placement = NULL;
  guint64 release = run.fixture->release->number;

  put (run.a, "config.json", "changed by both");
  put (run.a, "notes.txt", "made by both");
  put (run.a, "same.txt", "same");
  put (run.a, "dir", "a file here");
  put (run.a, "file/in.txt", "a directory here");
  put (run.fixture->source, "config.json", "by the developer");
  put (run.fixture->source, "notes.txt", "by the developer");
  put (run.fixture->source, "same.txt", "same");
  put (run.fixture->source, "dir/in.txt", "a directory there");
  put (run.fixture->source, "file", "a file there");
  placement = edit_and_place (&run, "2", HR_SLOT_B, HR_SLOT_A);
  assert_same_tree (run.fixture->source, run.b);
  assert_kept (&run, placement, release, "config.json", "changed by both");
  assert_kept (&run, placement, release, "notes.txt", "made by both");
  assert_kept (&run, placement, release, "dir", "a file here");
  assert_kept (&run, placement, release, "file/in.txt", "a directory here");
  g_assert_cmpuint (g_strv_length (placement->kept_aside), ==, 4);
  g_assert_cmpuint (g_strv_length (placement->carried), ==, 0);

  /* It is reported once. */
  hr_placement_free (g_steal_pointer (&placement));
  placement = edit_and_place (&run, "3", HR_SLOT_B, HR_SLOT_A);
  g_assert_cmpuint (g_strv_length (placement->kept_aside), ==, 0);
  run_free (&run);
}

static void
test_removed_by_developer (void)
{
  Run run = run_new ();
  g_autoptr (HrPlacement) placement = NULL;
  guint64 release = run.fixture->release->number;

  put (run.a, "config.json", "changed");
  drop (run.fixture->source, "config.json");
  placement = edit_and_place (&run, "2", HR_SLOT_B, HR_SLOT_A);
  g_assert_false (is_there (run.b, "config.json"));
  assert_kept (&run, placement, release, "config.json", "changed");
  run_free (&run);
}

static void
test_removed_by_program (void)
{
  Run run = run_new ();

  drop (run.a, "config.json");
  put (run.a, "own/data.txt", "own");
  hr_placement_free (edit_and_place (&run, "2", HR_SLOT_B, HR_SLOT_A));
  assert_content (run.b, "config.json", "{}");
  assert_content (run.b, "own/data.txt", "own");

  /* What its successor removes stays removed. */
  hr_placement_free (carry (run.fixture, HR_SLOT_A, HR_SLOT_B));
  drop (run.b, "own");
  hr_placement_free (edit_and_place (&run, "3", HR_SLOT_A, HR_SLOT_B));
  g_assert_false (is_there (run.a, "own"));
  run_free (&run);
}

/* A directory of the old release that the developer removed, and in which the program wrote. */
static void
test_directory_gone (void)
{
  Run run = run_new ();

  put (run.fixture->source, "logs/.keep", "");
  hr_placement_free (edit_and_place (&run, "2", HR_SLOT_A, HR_SLOT_NONE));
  put (run.a, "logs/app.log", "line");
  drop (run.fixture->source, "logs");
  hr_placement_free (edit_and_place (&run, "3", HR_SLOT_B, HR_SLOT_A));
  assert_content (run.b, "logs/app.log", "line");
  g_assert_false (is_there (run.b, "logs/.keep"));
  hr_placement_free (edit_and_place (&run, "4", HR_SLOT_A, HR_SLOT_B));
  assert_content (run.a, "logs/app.log", "line");
  g_assert_false (is_there (run.a, "logs/.keep"));

  /* Something else stands in its place in the other slot. */
  drop (run.b, "logs");
  put (run.b, "logs", "a file");
  hr_placement_free (edit_and_place (&run, "5", HR_SLOT_B, HR_SLOT_A));
  assert_content (run.b, "logs/app.log", "line");
  run_free (&run);
}

/* A candidate that was rejected wrote something: the next one gets what the running program has. */
static void
test_rejected (void)
{
  Run run = run_new ();
  g_autoptr (HrPlacement) placement = NULL;
  guint64 rejected;

  put (run.a, "data.txt", "good");
  hr_placement_free (edit_and_place (&run, "2", HR_SLOT_B, HR_SLOT_A));
  rejected = run.fixture->release->number;
  put (run.b, "data.txt", "bad");
  put (run.b, "config.json", "bad");
  placement = edit_and_place (&run, "3", HR_SLOT_B, HR_SLOT_A);
  assert_content (run.b, "data.txt", "good");
  assert_content (run.b, "config.json", "{}");
  assert_kept (&run, placement, rejected, "data.txt", "bad");
  assert_kept (&run, placement, rejected, "config.json", "bad");
  run_free (&run);
}

static void
test_own_bytecode (void)
{
  Run run = run_new ();

  put (run.a, "made.py", "V = 1");
  hr_placement_free (edit_and_place (&run, "2", HR_SLOT_B, HR_SLOT_A));
  put (run.b, "__pycache__/made.cpython-311.pyc", "of the first");
  put (run.a, "made.py", "V = 2");
  hr_placement_free (carry (run.fixture, HR_SLOT_A, HR_SLOT_B));
  assert_content (run.b, "made.py", "V = 2");
  g_assert_false (is_there (run.b, "__pycache__/made.cpython-311.pyc"));
  run_free (&run);
}

static void
test_unreadable (void)
{
  Run run = run_new ();
  g_autoptr (HrPlacement) placement = NULL;
  g_autofree char *file = g_build_filename (run.a, "locked.txt", NULL);
  g_autofree char *dir = g_build_filename (run.a, "locked", NULL);

  if (geteuid () == 0)
    {
      g_test_skip ("not run here: root is never refused a file");
      run_free (&run);
      return;
    }
  put_mode (run.a, "locked.txt", "l", 0200);
  put_mode (run.a, "locked", NULL, 0);
  placement = edit_and_place (&run, "2", HR_SLOT_B, HR_SLOT_A);
  g_assert_true (g_strv_contains ((const char *const *)placement->kept_aside, file));
  g_assert_true (g_strv_contains ((const char *const *)placement->kept_aside, dir));
  run_free (&run);
}

static void
test_late (void)
{
  Run run = run_new ();
  g_autoptr (HrPlacement) placement = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  put (run.a, "data.txt", "1");
  put (run.a, "quiet.txt", "q");
  hr_placement_free (edit_and_place (&run, "2", HR_SLOT_B, HR_SLOT_A));

  put (run.a, "data.txt", "12");
  put (run.a, "late/new.txt", "n");
  put (run.a, "config.json", "changed late");
  put_link (run.a, "link", "data.txt");
  placement = carry (run.fixture, HR_SLOT_A, HR_SLOT_B);
  assert_content (run.b, "data.txt", "12");
  assert_content (run.b, "late/new.txt", "n");
  assert_content (run.b, "config.json", "changed late");
  assert_link (run.b, "link", "data.txt");
  g_assert_cmpuint (g_strv_length (placement->carried), ==, 4);
  g_assert_cmpuint (g_strv_length (placement->kept_aside), ==, 0);

  /* Once more changes nothing. */
  hr_placement_free (g_steal_pointer (&placement));
  before = tree_text (run.b, TRUE);
  placement = carry (run.fixture, HR_SLOT_A, HR_SLOT_B);
  after = tree_text (run.b, TRUE);
  g_assert_cmpstr (before, ==, after);
  g_assert_cmpuint (g_strv_length (placement->carried), ==, 0);

  /* And the way back goes on from there. */
  put (run.b, "data.txt", "123");
  hr_placement_free (edit_and_place (&run, "3", HR_SLOT_A, HR_SLOT_B));
  assert_content (run.a, "data.txt", "123");
  assert_content (run.a, "config.json", "changed late");
  run_free (&run);
}

static void
test_late_never_over (void)
{
  Run run = run_new ();
  g_autoptr (HrPlacement) placement = NULL;
  guint64 release = run.fixture->release->number;
  g_autofree char *held = g_build_filename (run.b, "held.txt", NULL);
  int fd;

  put (run.a, "data.txt", "1");
  put (run.a, "held.txt", "1");
  put (run.a, "removed.txt", "1");
  hr_placement_free (edit_and_place (&run, "2", HR_SLOT_B, HR_SLOT_A));

  put (run.b, "data.txt", "by the successor");
  put (run.b, "config.json", "by the successor");
  drop (run.b, "removed.txt");
  fd = open (held, O_WRONLY | O_APPEND | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);

  put (run.a, "data.txt", "late");
  put (run.a, "config.json", "late");
  put (run.a, "held.txt", "late");
  put (run.a, "removed.txt", "late");
  put (run.a, "fresh.txt", "late");
  placement = carry (run.fixture, HR_SLOT_A, HR_SLOT_B);
  close (fd);
  assert_content (run.b, "data.txt", "by the successor");
  assert_content (run.b, "config.json", "by the successor");
  assert_content (run.b, "held.txt", "1");
  assert_content (run.b, "fresh.txt", "late");
  g_assert_false (is_there (run.b, "removed.txt"));
  assert_kept (&run, placement, release, "data.txt", "late");
  assert_kept (&run, placement, release, "config.json", "late");
  assert_kept (&run, placement, release, "held.txt", "late");
  assert_kept (&run, placement, release, "removed.txt", "late");
  g_assert_cmpuint (g_strv_length (placement->kept_aside), ==, 4);

  /* From here the successor's are the ones that are carried. */
  hr_placement_free (edit_and_place (&run, "3", HR_SLOT_A, HR_SLOT_B));
  assert_content (run.a, "data.txt", "by the successor");
  assert_content (run.a, "config.json", "by the successor");
  assert_content (run.a, "held.txt", "1");
  g_assert_false (is_there (run.a, "removed.txt"));
  run_free (&run);
}

static void
test_late_conflict_with_release (void)
{
  Run run = run_new ();
  g_autoptr (HrPlacement) placement = NULL;
  guint64 release = run.fixture->release->number;

  put (run.fixture->source, "config.json", "by the developer");
  hr_placement_free (edit_and_place (&run, "2", HR_SLOT_B, HR_SLOT_A));
  put (run.a, "config.json", "late");
  placement = carry (run.fixture, HR_SLOT_A, HR_SLOT_B);
  assert_content (run.b, "config.json", "by the developer");
  assert_kept (&run, placement, release, "config.json", "late");
  run_free (&run);
}

/* The candidate failed after the old one had ended: the old release starts again where it was. */
static void
test_rollback (void)
{
  Run run = run_new ();
  g_autoptr (HrRelease) first = hr_release_copy (run.fixture->release);
  g_autoptr (HrPlacement) placement = NULL;

  put (run.a, "data.txt", "1");
  put (run.a, "config.json", "by the first");
  hr_placement_free (edit_and_place (&run, "2", HR_SLOT_B, HR_SLOT_A));
  put (run.a, "data.txt", "12");
  hr_placement_free (carry (run.fixture, HR_SLOT_A, HR_SLOT_B));
  put (run.b, "data.txt", "123");

  placement = place_release (run.fixture, first, HR_SLOT_A, HR_SLOT_B);
  g_assert_cmpuint (placement->written, ==, 0);
  assert_content (run.a, "main.py", "1");
  assert_content (run.a, "data.txt", "123");
  assert_content (run.a, "config.json", "by the first");
  g_assert_cmpuint (g_strv_length (placement->kept_aside), ==, 0);
  run_free (&run);
}

/* The running slot's record is damaged: what a release holds is not taken for the program's. */
static void
test_lost_record (void)
{
  Run run = run_new ();
  g_autofree char *file = g_strconcat (run.a, ".placed", NULL);
  g_autoptr (HrPlacement) placement = NULL;

  put (run.a, "data.txt", "own");
  g_assert_cmpint (g_unlink (file), ==, 0);
  drop (run.fixture->source, "config.json");
  placement = edit_and_place (&run, "2", HR_SLOT_B, HR_SLOT_A);
  assert_content (run.b, "data.txt", "own");
  g_assert_false (is_there (run.b, "config.json"));
  assert_content (run.b, "main.py", "2");
  g_assert_cmpuint (g_strv_length (placement->kept_aside), ==, 0);
  run_free (&run);
}

/* A file may grow while it is copied; what counts is that the last version arrives in the end. */
static void
test_while_writing (void)
{
  Run run = run_new ();
  g_autofree char *file = g_build_filename (run.a, "app.txt", NULL);
  int fd = open (file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

  g_assert_cmpint (write (fd, "1", 1), ==, 1);
  hr_placement_free (edit_and_place (&run, "2", HR_SLOT_B, HR_SLOT_A));
  g_assert_cmpint (write (fd, "2", 1), ==, 1);
  close (fd);
  hr_placement_free (carry (run.fixture, HR_SLOT_A, HR_SLOT_B));
  assert_content (run.b, "app.txt", "12");
  run_free (&run);
}

static void
test_never_through_links (void)
{
  Run run = run_new ();
  g_autofree char *outside = g_build_filename (run.fixture->dir, "outside", NULL);
  guint64 release = run.fixture->release->number;
  g_autoptr (HrPlacement) placement = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  put (outside, "in.txt", "outside");
  put (run.a, "dir/in.txt", "1");
  hr_placement_free (edit_and_place (&run, "2", HR_SLOT_B, HR_SLOT_A));
  before = tree_text (outside, TRUE);
  drop (run.b, "dir");
  put_link (run.b, "dir", outside);
  put (run.a, "dir/in.txt", "late");
  put (run.a, "dir/new.txt", "late");
  put (run.a, "dir/sub/new.txt", "late");
  placement = carry (run.fixture, HR_SLOT_A, HR_SLOT_B);
  assert_kept (&run, placement, release, "dir/in.txt", "late");
  assert_kept (&run, placement, release, "dir/new.txt", "late");
  assert_kept (&run, placement, release, "dir/sub/new.txt", "late");
  after = tree_text (outside, TRUE);
  g_assert_cmpstr (before, ==, after);
  run_free (&run);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/carry/what-a-program-created-comes-along", test_created);
  g_test_add_func ("/carry/caches-belong-to-their-slot", test_caches_stay);
  g_test_add_func ("/carry/what-builds-made-belongs-to-its-slot", test_made);
  g_test_add_func ("/carry/a-changed-file-comes-along-until-the-developer-changes-it", test_changed);
  g_test_add_func ("/carry/a-change-within-one-tick-is-found", test_changed_in_one_tick);
  g_test_add_func ("/carry/the-developers-version-wins-and-the-programs-is-kept", test_conflicts);
  g_test_add_func ("/carry/what-the-developer-removed-is-kept-aside", test_removed_by_developer);
  g_test_add_func ("/carry/what-the-program-removed", test_removed_by_program);
  g_test_add_func ("/carry/a-directory-that-the-release-dropped-stays-for-the-programs-files", test_directory_gone);
  g_test_add_func ("/carry/a-rejected-candidates-writes-go-no-further", test_rejected);
  g_test_add_func ("/carry/bytecode-of-carried-files-never-runs", test_own_bytecode);
  g_test_add_func ("/carry/what-may-not-be-read-is-named", test_unreadable);
  g_test_add_func ("/carry/late-writes-come-along", test_late);
  g_test_add_func ("/carry/late-writes-never-replace-the-successors", test_late_never_over);
  g_test_add_func ("/carry/late-writes-never-replace-the-developers", test_late_conflict_with_release);
  g_test_add_func ("/carry/a-rollback-goes-on-with-the-newest-files", test_rollback);
  g_test_add_func ("/carry/a-lost-record-brings-no-old-code-back", test_lost_record);
  g_test_add_func ("/carry/a-file-being-written-arrives-complete", test_while_writing);
  g_test_add_func ("/carry/nothing-is-written-through-links", test_never_through_links);
  return g_test_run ();
}
