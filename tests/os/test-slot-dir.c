/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "hr-fs.h"
#include "hr-slot-dir.h"

typedef struct {
  char *base;
  char *slot;
  char *temporary;
  char *outside;
  HrSlotDir *dir;
} Fixture;

static char *
make (const char *base, const char *name)
{
  char *path = g_build_filename (base, name, NULL);

  g_assert_cmpint (g_mkdir (path, 0755), ==, 0);
  return path;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->base = g_dir_make_tmp ("hr-slot-dir-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->slot = make (fixture->base, "slot");
  fixture->temporary = make (fixture->base, "tmp");
  fixture->outside = make (fixture->base, "outside");
  fixture->dir = hr_slot_dir_open (fixture->slot, fixture->temporary, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  hr_slot_dir_free (fixture->dir);
  hr_fs_remove_tree (fixture->base, &error);
  g_assert_no_error (error);
  g_free (fixture->outside);
  g_free (fixture->temporary);
  g_free (fixture->slot);
  g_free (fixture->base);
}

static void
write_at (Fixture *fixture, const char *path, const char *content)
{
  g_autofree char *full = g_build_filename (fixture->base, path, NULL);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (full, content, -1, &error);
  g_assert_no_error (error);
}

static gboolean
exists (Fixture *fixture, const char *path)
{
  g_autofree char *full = g_build_filename (fixture->base, path, NULL);
  struct stat info;

  return lstat (full, &info) == 0;
}

/* A program can put a link anywhere in its slot, at any time. */
static void
test_links (Fixture *fixture, gconstpointer data)
{
  g_autofree char *link = g_build_filename (fixture->slot, "link", NULL);
  g_autofree char *file_link = g_build_filename (fixture->slot, "file-link", NULL);
  g_autofree char *secret = g_build_filename (fixture->outside, "secret", NULL);
  g_autoptr (GBytes) content = g_bytes_new_static ("new", 3);
  g_autoptr (GBytes) read = NULL;
  g_auto (GStrv) names = NULL;
  g_autofree char *id = NULL;
  struct stat info;

  write_at (fixture, "outside/secret", "secret");
  g_assert_cmpint (symlink (fixture->outside, link), ==, 0);
  g_assert_cmpint (symlink (secret, file_link), ==, 0);

  g_assert_false (hr_slot_dir_stat (fixture->dir, "link/secret", &info));
  g_assert_true (hr_slot_dir_stat (fixture->dir, "link", &info));
  g_assert_true (S_ISLNK (info.st_mode));
  read = hr_slot_dir_read (fixture->dir, "link/secret", 100);
  g_assert_null (read);
  read = hr_slot_dir_read (fixture->dir, "file-link", 100);
  g_assert_null (read);
  names = hr_slot_dir_names (fixture->dir, "link", NULL);
  g_assert_null (names);
  info.st_mode = S_IFREG;
  id = hr_slot_dir_blob_id (fixture->dir, "file-link", &info);
  g_assert_null (id);

  g_assert_true (hr_slot_dir_prepare (fixture->dir, content, 0644, "link/new", NULL));
  g_assert_false (hr_slot_dir_commit (fixture->dir, "link/new", NULL, NULL));
  g_assert_false (hr_slot_dir_make (fixture->dir, "link/new", 0755, NULL));
  hr_slot_dir_remove (fixture->dir, "link/secret", FALSE, NULL);
  g_assert_false (hr_slot_dir_remove_tree (fixture->dir, "link/secret", NULL));
  g_assert_false (exists (fixture, "outside/new"));
  g_assert_true (exists (fixture, "outside/secret"));
}

static void
test_errors (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GBytes) content = g_bytes_new_static ("new", 3);
  g_autofree char *full = g_build_filename (fixture->slot, "no", "such", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (hr_slot_dir_prepare (fixture->dir, content, 0644, "no/such", NULL));
  g_assert_false (hr_slot_dir_commit (fixture->dir, "no/such", NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, full));
  g_assert_false (exists (fixture, "tmp/new"));
}

/* The ids that git gives to the same content. */
static void
test_blob_id (Fixture *fixture, gconstpointer data)
{
  g_autofree char *link = g_build_filename (fixture->slot, "link", NULL);
  g_autofree char *file_id = NULL;
  g_autofree char *empty_id = NULL;
  g_autofree char *link_id = NULL;
  struct stat info;

  write_at (fixture, "slot/file", "hello\n");
  write_at (fixture, "slot/empty", "");
  g_assert_cmpint (symlink ("file", link), ==, 0);
  g_assert_true (hr_slot_dir_stat (fixture->dir, "file", &info));
  file_id = hr_slot_dir_blob_id (fixture->dir, "file", &info);
  g_assert_cmpstr (file_id, ==, "ce013625030ba8dba906f756967f9e9ca394464a");
  info.st_size++;
  g_assert_null (hr_slot_dir_blob_id (fixture->dir, "file", &info));
  g_assert_true (hr_slot_dir_stat (fixture->dir, "empty", &info));
  empty_id = hr_slot_dir_blob_id (fixture->dir, "empty", &info);
  g_assert_cmpstr (empty_id, ==, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  g_assert_true (hr_slot_dir_stat (fixture->dir, "link", &info));
  link_id = hr_slot_dir_blob_id (fixture->dir, "link", &info);
  g_assert_cmpstr (link_id, ==, "1a010b1c0f081b2e8901d55307a15c29ff30af0e");
}

static void
test_is_written (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->slot, "file", NULL);
  int fd;

  write_at (fixture, "slot/file", "x");
  g_assert_false (hr_slot_dir_is_written (fixture->dir, "file"));
  g_assert_false (hr_slot_dir_is_written (fixture->dir, "missing"));
  fd = open (path, O_RDONLY | O_CLOEXEC);
  g_assert_false (hr_slot_dir_is_written (fixture->dir, "file"));
  close (fd);
  fd = open (path, O_WRONLY | O_CLOEXEC);
  g_assert_true (hr_slot_dir_is_written (fixture->dir, "file"));
  close (fd);
  g_assert_false (hr_slot_dir_is_written (fixture->dir, "file"));
}

static void
test_keep (Fixture *fixture, gconstpointer data)
{
  g_autofree char *kept = g_build_filename (fixture->base, "kept", "7", NULL);
  struct stat info;

  for (guint i = 1; i <= 3; i++)
    {
      g_autofree char *expected =
          i == 1 ? g_build_filename (kept, "file", NULL) : g_strdup_printf ("%s.%u/file", kept, i);
      g_autofree char *aside = NULL;
      g_autoptr (GError) error = NULL;

      write_at (fixture, "slot/file", "x");
      g_assert_true (hr_slot_dir_stat (fixture->dir, "file", &info));
      aside = hr_slot_dir_keep (fixture->dir, "file", &info, kept, i != 2, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (aside, ==, expected);
      g_assert_cmpint (exists (fixture, "slot/file"), ==, (i == 2));
    }
  /* What was a file is a directory now. */
  {
    g_autofree char *expected = g_strdup_printf ("%s.4/file/in", kept);
    g_autofree char *aside = NULL;
    g_autofree char *dir = g_build_filename (fixture->slot, "file", NULL);

    g_assert_cmpint (g_mkdir (dir, 0755), ==, 0);
    write_at (fixture, "slot/file/in", "x");
    g_assert_true (hr_slot_dir_stat (fixture->dir, "file/in", &info));
    aside = hr_slot_dir_keep (fixture->dir, "file/in", &info, kept, FALSE, NULL);
    g_assert_cmpstr (aside, ==, expected);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/slot-dir/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("no-link-is-followed", test_links);
  ADD ("errors-name-the-path", test_errors);
  ADD ("blob-ids-are-gits", test_blob_id);
  ADD ("open-for-writing-is-seen", test_is_written);
  ADD ("what-is-kept-is-never-replaced", test_keep);
  return g_test_run ();
}
