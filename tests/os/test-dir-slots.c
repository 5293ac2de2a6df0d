/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>

#include "slots-fixture.h"

static void
test_kinds (void)
{
  Fixture *fixture = fixture_new (NULL);
  g_autofree char *slot = slot_path (fixture, HR_SLOT_A);
  g_autoptr (HrPlacement) placement = NULL;

  put (fixture->source, "main.py", "print (1)\n");
  put_mode (fixture->source, "run.sh", "#!/bin/sh\n", 0755);
  put_mode (fixture->source, "secret.txt", "s", 0600);
  put_mode (fixture->source, "read-only.txt", "r", 0444);
  put (fixture->source, "a/b/c/deep.txt", "deep");
  put_link (fixture->source, "link", "a/b/c/deep.txt");
  put_link (fixture->source, "dangling", "no/where");
  put (fixture->source, "empty", NULL);
  put_mode (fixture->source, "private", NULL, 0700);
  put (fixture->source, "name with space\n-and newline", "n");
  put (fixture->source, "-", "dash");
  put (fixture->source, "empty.txt", "");

  placement = place (fixture, HR_SLOT_A, HR_SLOT_NONE);
  assert_same_tree (fixture->source, slot);
  g_assert_cmpuint (placement->written, ==, 10);
  g_assert_cmpuint (g_strv_length (placement->carried), ==, 0);
  g_assert_cmpuint (hr_slots_holds (fixture->slots, HR_SLOT_A), ==, fixture->release->number);
  g_assert_cmpuint (hr_slots_holds (fixture->slots, HR_SLOT_B), ==, 0);

  open_slots (fixture, TRUE);
  g_assert_cmpuint (hr_slots_holds (fixture->slots, HR_SLOT_A), ==, fixture->release->number);
  fixture_free (fixture);
}

static void
test_difference (void)
{
  Fixture *fixture = fixture_new (NULL);
  g_autofree char *slot = slot_path (fixture, HR_SLOT_A);
  g_autofree char *kept = g_build_filename (slot, "keep", NULL);
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  put (fixture->source, "keep/one.txt", "1");
  put (fixture->source, "keep/two.txt", "2");
  put (fixture->source, "edit.txt", "old");
  put (fixture->source, "remove/gone.txt", "x");
  put (fixture->source, "mode.sh", "m");
  put (fixture->source, "keep/mod.py", "V = 1\n");
  hr_placement_free (place (fixture, HR_SLOT_A, HR_SLOT_NONE));
  put (slot, "keep/__pycache__/mod.cpython-311.pyc", "bytecode of what stays as it is");
  before = tree_text (kept, TRUE);

  put (fixture->source, "edit.txt", "new");
  put (fixture->source, "add/new.txt", "n");
  drop (fixture->source, "remove");
  put_mode (fixture->source, "mode.sh", "m", 0755);
  {
    g_autoptr (HrPlacement) placement = place (fixture, HR_SLOT_A, HR_SLOT_NONE);

    g_assert_cmpuint (placement->written, ==, 3);
  }
  after = tree_text (kept, TRUE);
  g_assert_cmpstr (before, ==, after);
  drop (slot, "keep/__pycache__");
  assert_same_tree (fixture->source, slot);
  fixture_free (fixture);
}

static void
test_same_release (void)
{
  Fixture *fixture = fixture_new (NULL);
  g_autofree char *slot = slot_path (fixture, HR_SLOT_A);
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  put (fixture->source, "a/one.txt", "1");
  put (fixture->source, "two.txt", "2");
  hr_placement_free (place (fixture, HR_SLOT_A, HR_SLOT_NONE));
  put (slot, "own.txt", "own");
  put (slot, "two.txt", "changed by the program");
  before = tree_text (slot, TRUE);
  {
    g_autoptr (HrPlacement) placement = place_release (fixture, fixture->release, HR_SLOT_A, HR_SLOT_NONE);

    g_assert_cmpuint (placement->written, ==, 0);
  }
  after = tree_text (slot, TRUE);
  g_assert_cmpstr (before, ==, after);
  fixture_free (fixture);
}

static void
test_running_untouched (void)
{
  Fixture *fixture = fixture_new (NULL);
  g_autofree char *running = slot_path (fixture, HR_SLOT_A);
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  put (fixture->source, "a/one.txt", "1");
  hr_placement_free (place (fixture, HR_SLOT_A, HR_SLOT_NONE));
  put (running, "own/data.txt", "own");
  put (running, "a/one.txt", "changed by the program");
  before = tree_text (running, TRUE);

  put (fixture->source, "a/one.txt", "11");
  put (fixture->source, "a/two.txt", "2");
  hr_placement_free (place (fixture, HR_SLOT_B, HR_SLOT_A));
  after = tree_text (running, TRUE);
  g_assert_cmpstr (before, ==, after);
  fixture_free (fixture);
}

static void
test_hard_link (void)
{
  Fixture *fixture = fixture_new (NULL);
  g_autofree char *slot = slot_path (fixture, HR_SLOT_A);
  g_autofree char *placed = g_build_filename (slot, "one.txt", NULL);
  g_autofree char *elsewhere = g_build_filename (fixture->dir, "elsewhere", NULL);

  put (fixture->source, "one.txt", "old");
  hr_placement_free (place (fixture, HR_SLOT_A, HR_SLOT_NONE));
  g_assert_cmpint (link (placed, elsewhere), ==, 0);
  put (fixture->source, "one.txt", "new");
  hr_placement_free (place (fixture, HR_SLOT_A, HR_SLOT_NONE));
  assert_content (slot, "one.txt", "new");
  assert_content (fixture->dir, "elsewhere", "old");
  fixture_free (fixture);
}

static char *
run_python (const char *dir)
{
  const char *const argv[] = { "/usr/bin/python3", "-c",
                               "import sys; sys.path.insert (0, '.'); import mod, pkg.sub; "
                               "print (mod.V + pkg.sub.V)",
                               NULL };
  g_auto (GStrv) environment = g_environ_unsetenv (g_get_environ (), "PYTHONDONTWRITEBYTECODE");
  g_autoptr (GError) error = NULL;
  char *output = NULL;
  int status;

  g_spawn_sync (dir, (char **)argv, environment, G_SPAWN_DEFAULT, NULL, NULL, &output, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
  return output;
}

/* Python takes bytecode for fresh when size and whole second of the source are those it was made from. */
static void
test_stale_bytecode (void)
{
  Fixture *fixture = fixture_new (NULL);
  g_autofree char *slot = slot_path (fixture, HR_SLOT_A);

  if (access ("/usr/bin/python3", X_OK) != 0)
    {
      g_test_skip ("not run here: no /usr/bin/python3");
      fixture_free (fixture);
      return;
    }
  put (fixture->source, "pkg/__init__.py", "");
  for (guint i = 0; i < 8; i++)
    {
      g_autofree char *text = g_strdup_printf ("V = '%u'\n", i);
      g_autofree char *expected = g_strdup_printf ("%u%u\n", i, i);
      g_autofree char *output = NULL;

      put (fixture->source, "mod.py", text);
      put (fixture->source, "pkg/sub.py", text);
      hr_placement_free (place (fixture, HR_SLOT_A, HR_SLOT_NONE));
      g_assert_false (is_there (slot, "__pycache__"));
      output = run_python (slot);
      g_assert_cmpstr (output, ==, expected);
      g_assert_true (is_there (slot, "__pycache__"));
    }
  drop (fixture->source, "pkg");
  put (slot, "mod.pyc", "made beside the source");
  put (fixture->source, "mod.py", "V = 'x'\n");
  hr_placement_free (place (fixture, HR_SLOT_A, HR_SLOT_NONE));
  g_assert_false (is_there (slot, "pkg"));
  g_assert_false (is_there (slot, "mod.pyc"));
  fixture_free (fixture);
}

static void
test_flips (void)
{
  Fixture *fixture = fixture_new (NULL);
  g_autofree char *slot = slot_path (fixture, HR_SLOT_A);

  put (fixture->source, "one", "file");
  put (fixture->source, "two/in.txt", "dir");
  put_link (fixture->source, "three", "one");
  put (fixture->source, "four/in.txt", "dir");
  hr_placement_free (place (fixture, HR_SLOT_A, HR_SLOT_NONE));

  drop (fixture->source, "one");
  drop (fixture->source, "two");
  drop (fixture->source, "three");
  drop (fixture->source, "four");
  put (fixture->source, "one/in.txt", "now a dir");
  put (fixture->source, "two", "now a file");
  put (fixture->source, "three/in.txt", "now a dir");
  put_link (fixture->source, "four", "two");
  hr_placement_free (place (fixture, HR_SLOT_A, HR_SLOT_NONE));
  assert_same_tree (fixture->source, slot);

  drop (fixture->source, "one");
  put_link (fixture->source, "one", "two");
  drop (fixture->source, "four");
  put (fixture->source, "four", "now a file");
  hr_placement_free (place (fixture, HR_SLOT_A, HR_SLOT_NONE));
  assert_same_tree (fixture->source, slot);
  fixture_free (fixture);
}

/* What the earlier program made stands where the release has something else. */
static void
test_own_in_the_way (void)
{
  Fixture *fixture = fixture_new (NULL);
  g_autofree char *slot = slot_path (fixture, HR_SLOT_A);
  g_autofree char *kept = NULL;
  g_autoptr (HrPlacement) placement = NULL;

  put (fixture->source, "one.txt", "1");
  hr_placement_free (place (fixture, HR_SLOT_A, HR_SLOT_NONE));
  kept = g_strdup_printf ("%s/svc/kept/%" G_GUINT64_FORMAT, fixture->slots_dir, fixture->release->number);
  put (slot, "file-to-dir", "f");
  put (slot, "dir-to-file/a/b.txt", "b");
  put (slot, "dir-to-file/__pycache__/x.pyc", "cache");
  put (slot, "dir-to-file/sub", NULL);
  put (slot, "file-to-file", "mine");
  put (slot, "same", "same");

  put (fixture->source, "file-to-dir/in.txt", "i");
  put (fixture->source, "dir-to-file", "f");
  put (fixture->source, "file-to-file", "yours");
  put (fixture->source, "same", "same");
  placement = place (fixture, HR_SLOT_A, HR_SLOT_NONE);
  assert_same_tree (fixture->source, slot);
  assert_content (kept, "file-to-dir", "f");
  assert_content (kept, "dir-to-file/a/b.txt", "b");
  assert_content (kept, "file-to-file", "mine");
  g_assert_cmpuint (g_strv_length (placement->kept_aside), ==, 3);
  g_assert_true (g_str_has_prefix (placement->kept_aside[0], kept));
  fixture_free (fixture);
}

static void
test_read_only_dirs (void)
{
  Fixture *fixture = fixture_new (NULL);
  g_autofree char *slot = slot_path (fixture, HR_SLOT_A);

  put (fixture->source, "ro/sub/one.txt", "1");
  put (fixture->source, "ro/sub/two.txt", "2");
  put_mode (fixture->source, "ro/sub", NULL, 0555);
  put_mode (fixture->source, "ro", NULL, 0555);
  hr_placement_free (place (fixture, HR_SLOT_A, HR_SLOT_NONE));
  assert_same_tree (fixture->source, slot);

  put_mode (fixture->source, "ro/sub", NULL, 0755);
  put (fixture->source, "ro/sub/one.txt", "11");
  drop (fixture->source, "ro/sub/two.txt");
  put (fixture->source, "ro/sub/three.txt", "3");
  put_mode (fixture->source, "ro/sub", NULL, 0555);
  hr_placement_free (place (fixture, HR_SLOT_A, HR_SLOT_NONE));
  assert_same_tree (fixture->source, slot);

  put_mode (fixture->source, "ro", NULL, 0755);
  drop (fixture->source, "ro");
  hr_placement_free (place (fixture, HR_SLOT_A, HR_SLOT_NONE));
  assert_same_tree (fixture->source, slot);
  fixture_free (fixture);
}

static void
test_interrupted (void)
{
  Fixture *fixture = fixture_new (NULL);
  g_autofree char *slot = slot_path (fixture, HR_SLOT_A);
  g_autofree char *marker = g_strconcat (slot, ".placing", NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  HrPlacement *placement;

  for (guint i = 0; i < 1500; i++)
    {
      g_autofree char *name = g_strdup_printf ("d%02u/f%u.txt", i % 40, i);

      put (fixture->source, name, name);
    }
  record (fixture);
  hr_slots_place_async (fixture->slots, HR_SLOT_A, fixture->release, fixture->scan, HR_SLOT_NONE, cancellable,
                        hold_result, &result);
  while (result == NULL)
    {
      if (g_file_test (marker, G_FILE_TEST_EXISTS))
        g_cancellable_cancel (cancellable);
      g_main_context_iteration (NULL, FALSE);
    }
  placement = hr_slots_place_finish (fixture->slots, result, &error);
  g_clear_object (&result);
  g_assert_null (placement);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (hr_slots_holds (fixture->slots, HR_SLOT_A), ==, 0);
  g_assert_true (g_file_test (marker, G_FILE_TEST_EXISTS));

  open_slots (fixture, TRUE);
  g_assert_cmpuint (hr_slots_holds (fixture->slots, HR_SLOT_A), ==, 0);
  hr_placement_free (place_release (fixture, fixture->release, HR_SLOT_A, HR_SLOT_NONE));
  assert_same_tree (fixture->source, slot);
  g_assert_false (g_file_test (marker, G_FILE_TEST_EXISTS));
  fixture_free (fixture);
}

/* An update stopped half-way leaves a mixture behind its marker; nothing of that is taken for the program's. */
static void
test_interrupted_update (void)
{
  Fixture *fixture = fixture_new (NULL);
  g_autofree char *slot = slot_path (fixture, HR_SLOT_A);
  g_autofree char *marker = g_strconcat (slot, ".placing", NULL);
  g_autoptr (HrPlacement) placement = NULL;

  put (fixture->source, "one.txt", "1");
  put (fixture->source, "two.txt", "2");
  put (fixture->source, "old/three.txt", "3");
  hr_placement_free (place (fixture, HR_SLOT_A, HR_SLOT_NONE));

  put (fixture->source, "one.txt", "11");
  put (fixture->source, "two.txt", "22");
  put (fixture->source, "four.txt", "4");
  drop (fixture->source, "old");
  record (fixture);
  put (slot, "one.txt", "11");
  put (slot, "four.txt", "4");
  put (slot, "own.txt", "own");
  g_assert_true (g_file_set_contents (marker, "", 0, NULL));
  open_slots (fixture, TRUE);
  g_assert_cmpuint (hr_slots_holds (fixture->slots, HR_SLOT_A), ==, 0);

  placement = place_release (fixture, fixture->release, HR_SLOT_A, HR_SLOT_NONE);
  g_assert_cmpuint (g_strv_length (placement->kept_aside), ==, 0);
  assert_content (slot, "own.txt", "own");
  drop (slot, "own.txt");
  assert_same_tree (fixture->source, slot);
  fixture_free (fixture);
}

static void
damage (const char *file, guint how)
{
  g_autofree char *content = NULL;
  gsize size;

  g_assert_true (g_file_get_contents (file, &content, &size, NULL));
  switch (how)
    {
    case 0:
      g_assert_cmpint (truncate (file, (off_t)size / 2), ==, 0);
      break;
    case 1:
      content[size / 2] ^= 1;
      g_assert_true (g_file_set_contents (file, content, (gssize)size, NULL));
      break;
    case 2:
      g_assert_cmpint (truncate (file, 0), ==, 0);
      break;
    default:
      g_assert_cmpint (g_unlink (file), ==, 0);
    }
}

static void
test_damaged_record (void)
{
  for (guint how = 0; how < 4; how++)
    {
      Fixture *fixture = fixture_new (NULL);
      g_autofree char *slot = slot_path (fixture, HR_SLOT_A);
      g_autofree char *file = g_strconcat (slot, ".placed", NULL);

      put (fixture->source, "one.txt", "1");
      put (fixture->source, "gone/stale.txt", "must not stay");
      put (fixture->source, "three.txt", "3");
      hr_placement_free (place (fixture, HR_SLOT_A, HR_SLOT_NONE));
      put (slot, "own.txt", "own");
      put (slot, "three.txt", "changed by the program");
      damage (file, how);
      drop (fixture->source, "gone");
      put (fixture->source, "one.txt", "11");
      put (fixture->source, "two.txt", "2");
      open_slots (fixture, TRUE);
      {
        g_autoptr (HrPlacement) placement = place (fixture, HR_SLOT_A, HR_SLOT_NONE);

        g_assert_cmpuint (g_strv_length (placement->kept_aside), ==, 1);
        assert_content (placement->kept_aside[0], "", "changed by the program");
      }
      assert_content (slot, "own.txt", "own");
      drop (slot, "own.txt");
      assert_same_tree (fixture->source, slot);
      fixture_free (fixture);
    }
}

/* A program may turn any directory of its slot into a link to elsewhere. */
static void
test_links_out (void)
{
  Fixture *fixture = fixture_new (NULL);
  g_autofree char *slot = slot_path (fixture, HR_SLOT_A);
  g_autofree char *outside = g_build_filename (fixture->dir, "outside", NULL);
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  put (fixture->source, "dir/one.py", "1");
  put (fixture->source, "dir/two.txt", "2");
  put (outside, "one.py", "outside");
  put (outside, "two.txt", "outside");
  put (outside, "__pycache__/one.cpython-311.pyc", "outside");
  hr_placement_free (place (fixture, HR_SLOT_A, HR_SLOT_NONE));
  drop (slot, "dir");
  put_link (slot, "dir", outside);
  before = tree_text (outside, TRUE);

  put (fixture->source, "dir/one.py", "11");
  drop (fixture->source, "dir/two.txt");
  hr_placement_free (place (fixture, HR_SLOT_A, HR_SLOT_NONE));
  assert_same_tree (fixture->source, slot);
  after = tree_text (outside, TRUE);
  g_assert_cmpstr (before, ==, after);
  fixture_free (fixture);
}

static void
test_share_mounted (void)
{
  Fixture *fixture = fixture_new (NULL);
  g_autofree char *slot = slot_path (fixture, HR_SLOT_A);
  g_autofree char *real = g_build_filename (fixture->runtime_dir, "real", "svc", NULL);
  g_autofree char *target = g_build_filename (real, "data.db", NULL);
  g_autofree char *git = g_build_filename (fixture->source, ".git", NULL);
  g_autoptr (HrPlacement) placement = NULL;

  put (fixture->source, "main.js", "1");
  put (fixture->source, ".gitignore", "*.db\n/linked\n");
  put (fixture->source, "node_modules/dep/index.js", "dep");
  put (fixture->source, "web/node_modules/dep/index.js", "dep");
  put (fixture->source, ".git/HEAD", "ref: refs/heads/main\n");
  put (fixture->source, "data.db", "data");
  put_link (fixture->source, "linked", "../elsewhere");
  placement = place (fixture, HR_SLOT_A, HR_SLOT_NONE);

  g_assert_true (placement->view->mounted);
  g_assert_cmpstr (placement->view->source, ==, fixture->source);
  g_assert_cmpstr (placement->view->dir, ==, slot);
  g_assert_cmpstr (placement->view->real_source, ==, real);
  g_assert_true (g_file_test (real, G_FILE_TEST_IS_DIR));
  g_assert_cmpstr (hr_view_program_dir (placement->view), ==, fixture->source);
  g_assert_true (g_strv_contains ((const char *const *)placement->view->shares, "node_modules"));
  g_assert_true (g_strv_contains ((const char *const *)placement->view->shares, "web/node_modules"));
  g_assert_cmpuint (g_strv_length (placement->view->shares), ==, 2);
  g_assert_cmpuint (g_strv_length (placement->view->read_only_shares), ==, 1);
  g_assert_cmpstr (placement->view->read_only_shares[0], ==, ".git");
  g_assert_true (is_there (slot, "node_modules"));
  g_assert_false (is_there (slot, "node_modules/dep"));
  assert_link (slot, "data.db", target);
  assert_link (slot, "linked", "../elsewhere");
  g_assert_cmpstr (hr_slots_view_note (fixture->slots), ==, "source");

  g_clear_pointer (&placement, hr_placement_free);
  drop (fixture->source, "node_modules");
  drop (fixture->source, "web");
  drop (fixture->source, "data.db");
  placement = place (fixture, HR_SLOT_A, HR_SLOT_NONE);
  g_assert_false (is_there (slot, "node_modules"));
  g_assert_false (is_there (slot, "web"));
  g_assert_false (is_there (slot, "data.db"));
  g_assert_cmpuint (g_strv_length (placement->view->shares), ==, 0);
  g_assert_cmpuint (g_strv_length (placement->kept_aside), ==, 0);
  fixture_free (fixture);
}

static void
test_share_linked (void)
{
  Fixture *fixture = fixture_new (NULL);
  g_autofree char *slot = slot_path (fixture, HR_SLOT_A);
  g_autofree char *modules = g_build_filename (fixture->source, "node_modules", NULL);
  g_autofree char *data = g_build_filename (fixture->source, "data.db", NULL);
  g_autoptr (HrPlacement) placement = NULL;

  put (fixture->source, "main.js", "1");
  put (fixture->source, ".gitignore", "*.db\n");
  put (fixture->source, "node_modules/dep/index.js", "dep");
  put (fixture->source, ".git/HEAD", "ref: refs/heads/main\n");
  put (fixture->source, "data.db", "data");

  /* From one view to the other and back. */
  hr_placement_free (place (fixture, HR_SLOT_A, HR_SLOT_NONE));
  open_slots (fixture, FALSE);
  placement = place_release (fixture, fixture->release, HR_SLOT_A, HR_SLOT_NONE);
  g_assert_false (placement->view->mounted);
  g_assert_null (placement->view->real_source);
  g_assert_cmpstr (hr_view_program_dir (placement->view), ==, slot);
  g_assert_cmpuint (g_strv_length (placement->view->shares), ==, 0);
  g_assert_cmpuint (g_strv_length (placement->view->read_only_shares), ==, 0);
  assert_link (slot, "node_modules", modules);
  assert_link (slot, "data.db", data);
  g_assert_false (is_there (slot, ".git"));
  g_assert_cmpuint (placement->written, ==, 0);
  g_assert_cmpstr (hr_slots_view_note (fixture->slots), ==, "slot (the kernel allows no mount namespace)");

  g_clear_pointer (&placement, hr_placement_free);
  open_slots (fixture, TRUE);
  placement = place_release (fixture, fixture->release, HR_SLOT_A, HR_SLOT_NONE);
  g_assert_true (is_there (slot, ".git"));
  assert_link (slot, "node_modules", NULL);
  g_assert_cmpuint (g_strv_length (placement->kept_aside), ==, 0);
  assert_content (fixture->source, "node_modules/dep/index.js", "dep");
  fixture_free (fixture);
}

/* What became of a share's place in the slot is the program's, and stays. */
static void
test_share_replaced (void)
{
  Fixture *fixture = fixture_new (NULL);
  g_autofree char *one = slot_path (fixture, HR_SLOT_A);
  g_autofree char *other = slot_path (fixture, HR_SLOT_B);
  g_autoptr (HrPlacement) placement = NULL;

  put (fixture->source, "main.js", "1");
  put (fixture->source, ".gitignore", "*.db\n");
  put (fixture->source, "data.db", "data");
  hr_placement_free (place (fixture, HR_SLOT_A, HR_SLOT_NONE));
  drop (one, "data.db");
  put (one, "data.db", "renamed over the link");

  put (fixture->source, "main.js", "2");
  placement = place (fixture, HR_SLOT_B, HR_SLOT_A);
  assert_content (other, "data.db", "renamed over the link");
  g_assert_cmpstr (placement->carried[0], ==, "data.db");
  assert_content (fixture->source, "data.db", "data");
  fixture_free (fixture);
}

static void
test_in_place (void)
{
  Fixture *fixture = fixture_new ("Slots=no");
  g_autoptr (HrPlacement) placement = NULL;

  put (fixture->source, "main.py", "1");
  placement = place (fixture, HR_SLOT_A, HR_SLOT_NONE);
  g_assert_cmpstr (placement->view->dir, ==, fixture->source);
  g_assert_false (placement->view->mounted);
  g_assert_cmpuint (placement->written, ==, 0);
  g_assert_false (is_there (fixture->slots_dir, "svc"));
  g_assert_cmpuint (hr_slots_holds (fixture->slots, HR_SLOT_A), ==, 0);
  g_assert_cmpstr (hr_slots_view_note (fixture->slots), ==, "in place (Slots=no; no rollback of files)");
  hr_placement_free (carry (fixture, HR_SLOT_A, HR_SLOT_B));
  fixture_free (fixture);
}

static void
test_too_large (void)
{
  Fixture *fixture = fixture_new (NULL);
  g_autoptr (HrPlacement) placement = NULL;

  record (fixture);
  hr_slots_run_in_place (fixture->slots, "more than 50000 files");
  placement = place_release (fixture, fixture->release, HR_SLOT_A, HR_SLOT_NONE);
  g_assert_cmpstr (placement->view->dir, ==, fixture->source);
  g_assert_cmpstr (hr_slots_view_note (fixture->slots), ==, "in place (more than 50000 files; no rollback of files)");
  fixture_free (fixture);
}

static void
test_state_below_source (void)
{
  Fixture *fixture = fixture_new (NULL);
  g_autofree char *inside = g_build_filename (fixture->source, "state", "slots", NULL);
  g_autoptr (HrSlots) slots = NULL;

  g_assert_cmpint (g_mkdir_with_parents (inside, 0700), ==, 0);
  slots = hr_dir_slots_new (fixture->spec, fixture->store, inside, fixture->runtime_dir, NULL);
  g_assert_cmpstr (hr_slots_view_note (slots), ==,
                   "in place (the state directory is below Source; no rollback of files)");
  g_clear_object (&slots);
  fixture_free (fixture);
}

static void
test_view_impossible (void)
{
  Fixture *fixture = fixture_new ("View=source");
  g_autoptr (HrPlacement) placement = NULL;
  g_autoptr (GError) error = NULL;

  open_slots (fixture, FALSE);
  put (fixture->source, "main.py", "1");
  record (fixture);
  placement = try_place_release (fixture, fixture->release, HR_SLOT_A, HR_SLOT_NONE, &error);
  g_assert_null (placement);
  g_assert_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED);
  g_assert_nonnull (strstr (error->message, "View=auto"));
  fixture_free (fixture);
}

static void
test_errors_name_the_path (void)
{
  Fixture *fixture = fixture_new (NULL);
  g_autofree char *base = g_build_filename (fixture->slots_dir, "svc", NULL);
  g_autoptr (HrPlacement) placement = NULL;
  g_autoptr (GError) error = NULL;

  put (fixture->source, "main.py", "1");
  record (fixture);
  g_assert_cmpint (g_mkdir_with_parents (fixture->slots_dir, 0700), ==, 0);
  g_assert_true (g_file_set_contents (base, "a file", -1, NULL));
  placement = try_place_release (fixture, fixture->release, HR_SLOT_A, HR_SLOT_NONE, &error);
  g_assert_null (placement);
  g_assert_nonnull (strstr (error->message, base));
  g_assert_nonnull (strstr (error->message, "while placing release 1 of 'svc' in slot a"));
  fixture_free (fixture);
}

/* Asked for at once, done one after the other, in order. */
static void
test_in_order (void)
{
  Fixture *fixture = fixture_new (NULL);
  g_autofree char *one = slot_path (fixture, HR_SLOT_A);
  g_autofree char *other = slot_path (fixture, HR_SLOT_B);
  GAsyncResult *results[3] = { NULL };
  g_autoptr (HrRelease) first = NULL;
  g_autoptr (GError) error = NULL;

  put (fixture->source, "main.py", "1");
  first = hr_release_copy (record (fixture));
  put (fixture->source, "main.py", "2");
  record (fixture);
  hr_slots_place_async (fixture->slots, HR_SLOT_A, first, fixture->scan, HR_SLOT_NONE, NULL, hold_result, &results[0]);
  hr_slots_place_async (fixture->slots, HR_SLOT_B, fixture->release, fixture->scan, HR_SLOT_A, NULL, hold_result,
                        &results[1]);
  hr_slots_place_async (fixture->slots, HR_SLOT_A, fixture->release, fixture->scan, HR_SLOT_B, NULL, hold_result,
                        &results[2]);
  for (guint i = 0; i < 3; i++)
    {
      hr_placement_free (hr_slots_place_finish (fixture->slots, wait_for (&results[i]), &error));
      g_assert_no_error (error);
      g_clear_object (&results[i]);
    }
  assert_content (one, "main.py", "2");
  assert_content (other, "main.py", "2");
  fixture_free (fixture);
}

static void
test_view (void)
{
  const char *const shares[] = { "node_modules", NULL };
  g_autoptr (HrView) mounted = hr_view_new ("/src", "/slot/a", "/run/real", shares, NULL);
  g_autoptr (HrView) plain = hr_view_new ("/src", "/slot/a", NULL, NULL, NULL);
  g_autoptr (HrView) none = hr_view_new (NULL, NULL, NULL, NULL, NULL);
  g_autoptr (HrView) again = hr_view_ref (mounted);

  g_assert_true (again == mounted);
  g_assert_true (mounted->mounted);
  g_assert_cmpstr (hr_view_program_dir (mounted), ==, "/src");
  g_assert_cmpstr (mounted->shares[0], ==, "node_modules");
  g_assert_cmpuint (g_strv_length (mounted->read_only_shares), ==, 0);
  g_assert_false (plain->mounted);
  g_assert_cmpstr (hr_view_program_dir (plain), ==, "/slot/a");
  g_assert_null (hr_view_program_dir (none));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/slots/modes-links-and-empty-directories-are-kept", test_kinds);
  g_test_add_func ("/slots/only-the-difference-is-written", test_difference);
  g_test_add_func ("/slots/the-same-release-again-writes-nothing", test_same_release);
  g_test_add_func ("/slots/the-running-slot-is-untouched", test_running_untouched);
  g_test_add_func ("/slots/a-hard-link-keeps-its-content", test_hard_link);
  g_test_add_func ("/slots/stale-bytecode-never-runs", test_stale_bytecode);
  g_test_add_func ("/slots/files-become-directories-and-back", test_flips);
  g_test_add_func ("/slots/a-programs-files-in-the-way-are-kept-aside", test_own_in_the_way);
  g_test_add_func ("/slots/read-only-directories-are-updated", test_read_only_dirs);
  g_test_add_func ("/slots/an-interrupted-placement-is-redone", test_interrupted);
  g_test_add_func ("/slots/an-interrupted-update-is-redone", test_interrupted_update);
  g_test_add_func ("/slots/a-damaged-record-is-not-trusted", test_damaged_record);
  g_test_add_func ("/slots/nothing-outside-is-written-through-links", test_links_out);
  g_test_add_func ("/slots/shares-are-mounted", test_share_mounted);
  g_test_add_func ("/slots/shares-are-linked-where-nothing-is-mounted", test_share_linked);
  g_test_add_func ("/slots/a-replaced-share-stays-the-programs", test_share_replaced);
  g_test_add_func ("/slots/no-slots-writes-nothing", test_in_place);
  g_test_add_func ("/slots/too-large-runs-in-place", test_too_large);
  g_test_add_func ("/slots/state-below-the-source-runs-in-place", test_state_below_source);
  g_test_add_func ("/slots/an-impossible-view-names-the-remedy", test_view_impossible);
  g_test_add_func ("/slots/errors-name-the-path", test_errors_name_the_path);
  g_test_add_func ("/slots/operations-run-in-order", test_in_order);
  g_test_add_func ("/view/program-dir", test_view);
  return g_test_run ();
}
