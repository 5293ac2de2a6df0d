/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * slots-fixture.h: a service with a source, a real rollback store and slots in a temporary directory, for tests.
 */
#pragma once

#include <dirent.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-dir-slots.h"
#include "hr-error.h"
#include "hr-exec-args.h"
#include "hr-fs.h"
#include "hr-git-store.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"

typedef struct {
  char *dir;
  char *source;
  char *slots_dir;
  char *runtime_dir;
  HrServiceSpec *spec;
  HrReleaseStore *store;
  HrSlots *slots;
  HrScan *scan;       /* the newest */
  HrRelease *release; /* the newest */
} Fixture;

static void
hold_result (GObject *object, GAsyncResult *result, gpointer user_data)
{
  GAsyncResult **held = user_data;

  *held = g_object_ref (result);
}

static gboolean
on_deadline (gpointer data)
{
  g_error ("the deadline passed");
  return G_SOURCE_REMOVE;
}

static GAsyncResult *
wait_for (GAsyncResult **result)
{
  guint deadline = g_timeout_add_seconds (60, on_deadline, NULL);

  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (deadline);
  return *result;
}

/* Writes @content to @path below @dir, with the directories above it; NULL makes a directory. */
static void
put_mode (const char *dir, const char *path, const char *content, int mode)
{
  g_autofree char *full = g_build_filename (dir, path, NULL);
  g_autofree char *parent = g_path_get_dirname (full);

  g_assert_cmpint (g_mkdir_with_parents (content != NULL ? parent : full, 0755), ==, 0);
  if (content != NULL)
    {
      /* In place, as most programs write. */
      FILE *file = fopen (full, "we");

      g_assert_nonnull (file);
      g_assert_cmpint (fputs (content, file), >=, 0);
      g_assert_cmpint (fclose (file), ==, 0);
    }
  g_assert_cmpint (chmod (full, (mode_t)mode), ==, 0);
}

static void
put (const char *dir, const char *path, const char *content)
{
  put_mode (dir, path, content, content != NULL ? 0644 : 0755);
}

static void
put_link (const char *dir, const char *path, const char *target)
{
  g_autofree char *full = g_build_filename (dir, path, NULL);

  g_assert_cmpint (symlink (target, full), ==, 0);
}

static void
drop (const char *dir, const char *path)
{
  g_autofree char *full = g_build_filename (dir, path, NULL);
  g_autoptr (GError) error = NULL;

  hr_fs_remove_tree (full, &error);
  g_assert_no_error (error);
}

static gboolean
is_there (const char *dir, const char *path)
{
  g_autofree char *full = g_build_filename (dir, path, NULL);
  struct stat info;

  return lstat (full, &info) == 0;
}

static char *
get (const char *dir, const char *path)
{
  g_autofree char *full = g_build_filename (dir, path, NULL);
  char *content = NULL;

  g_file_get_contents (full, &content, NULL, NULL);
  return content;
}

static char *
get_link (const char *dir, const char *path)
{
  g_autofree char *full = g_build_filename (dir, path, NULL);

  return g_file_read_link (full, NULL);
}

#define assert_content(dir, path, expected)                                                                            \
  do                                                                                                                   \
    {                                                                                                                  \
      g_autofree char *content_now = get (dir, path);                                                                  \
      g_assert_cmpstr (content_now, ==, expected);                                                                     \
  } while (0)

#define assert_link(dir, path, expected)                                                                               \
  do                                                                                                                   \
    {                                                                                                                  \
      g_autofree char *target_now = get_link (dir, path);                                                              \
      g_assert_cmpstr (target_now, ==, expected);                                                                      \
  } while (0)

static int
sort_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

static void
describe (GString *text, const char *dir, const char *path, gboolean times)
{
  g_autofree char *full = g_build_filename (dir, path, NULL);
  struct stat info;

  g_assert_cmpint (lstat (full, &info), ==, 0);
  if (*path != '\0')
    {
      g_autofree char *content = S_ISLNK (info.st_mode)   ? g_file_read_link (full, NULL)
                                 : S_ISREG (info.st_mode) ? get (dir, path)
                                                          : NULL;

      g_string_append_printf (text, "%s %o %s\n", path, info.st_mode, content != NULL ? content : "");
    }
  if (times)
    g_string_append_printf (text, "%lu %ld.%09ld %ld.%09ld\n", (gulong)info.st_ino, info.st_mtim.tv_sec,
                            info.st_mtim.tv_nsec, info.st_ctim.tv_sec, info.st_ctim.tv_nsec);
  if (S_ISDIR (info.st_mode))
    {
      g_autoptr (GDir) entries = g_dir_open (full, 0, NULL);
      g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
      const char *name;

      g_assert_nonnull (entries);
      while ((name = g_dir_read_name (entries)) != NULL)
        g_ptr_array_add (names, *path != '\0' ? g_build_filename (path, name, NULL) : g_strdup (name));
      g_ptr_array_sort (names, sort_names);
      for (guint i = 0; i < names->len; i++)
        describe (text, dir, names->pdata[i], times);
    }
}

/* All that is below @dir, as text; @times: with inodes and times. */
static char *
tree_text (const char *dir, gboolean times)
{
  GString *text = g_string_new (NULL);

  describe (text, dir, "", times);
  return g_string_free (text, FALSE);
}

#define assert_same_tree(one, two)                                                                                     \
  do                                                                                                                   \
    {                                                                                                                  \
      g_autofree char *text_one = tree_text (one, FALSE);                                                              \
      g_autofree char *text_two = tree_text (two, FALSE);                                                              \
      g_assert_cmpstr (text_one, ==, text_two);                                                                        \
  } while (0)

static char *
slot_path (Fixture *fixture, HrSlot slot)
{
  return g_build_filename (fixture->slots_dir, "svc", hr_slot_to_string (slot), NULL);
}

static void
open_slots (Fixture *fixture, gboolean can_mount)
{
  g_clear_object (&fixture->slots);
  fixture->slots = hr_dir_slots_new (fixture->spec, fixture->store, fixture->slots_dir, fixture->runtime_dir,
                                     can_mount ? NULL : HR_NO_MOUNT_NAMESPACE);
}

/* @keys: further lines of the group Service, and other groups; NULL: none */
static Fixture *
fixture_new (const char *keys)
{
  g_autoptr (GError) error = NULL;
  Fixture *fixture = g_new0 (Fixture, 1);
  g_autofree char *text = NULL;
  g_autofree char *repository = NULL;
  HrSpecSource source = { .file = "/etc/hotreload/services.d/svc.conf" };

  fixture->dir = g_dir_make_tmp ("hr-slots-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->source = g_build_filename (fixture->dir, "source", NULL);
  fixture->slots_dir = g_build_filename (fixture->dir, "slots", NULL);
  fixture->runtime_dir = g_build_filename (fixture->dir, "run", NULL);
  repository = g_build_filename (fixture->dir, "store.git", NULL);
  g_assert_cmpint (g_mkdir (fixture->source, 0755), ==, 0);

  text = g_strdup_printf ("[Service]\nExec=/bin/true\nSource=%s\n%s\n", fixture->source, keys != NULL ? keys : "");
  source.text = text;
  source.size = strlen (text);
  fixture->spec = hr_service_spec_parse ("svc", &source, 1, "development", &error);
  g_assert_no_error (error);
  fixture->store = hr_git_store_open (repository, fixture->spec, &error);
  g_assert_no_error (error);
  open_slots (fixture, TRUE);
  return fixture;
}

static void
fixture_free (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;

  g_assert_finalize_object (fixture->slots);
  g_assert_finalize_object (fixture->store);
  g_clear_pointer (&fixture->scan, hr_scan_free);
  g_clear_pointer (&fixture->release, hr_release_free);
  hr_service_spec_unref (fixture->spec);
  hr_fs_remove_tree (fixture->dir, &error);
  g_assert_no_error (error);
  g_free (fixture->runtime_dir);
  g_free (fixture->slots_dir);
  g_free (fixture->source);
  g_free (fixture->dir);
  g_free (fixture);
}

/* Makes a release of the source as it is. */
static const HrRelease *
record (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GAsyncResult) scanned = NULL;
  g_autoptr (GAsyncResult) committed = NULL;
  g_autoptr (HrRelease) draft = hr_release_new (0);

  g_clear_pointer (&fixture->scan, hr_scan_free);
  g_clear_pointer (&fixture->release, hr_release_free);
  hr_release_store_scan_async (fixture->store, NULL, NULL, NULL, hold_result, &scanned);
  fixture->scan = hr_release_store_scan_finish (fixture->store, wait_for (&scanned), &error);
  g_assert_no_error (error);

  draft->tree = g_strdup (fixture->scan->tree);
  draft->trigger = g_strdup ("file");
  draft->time_usec = g_get_real_time ();
  hr_release_store_commit_async (fixture->store, draft, NULL, hold_result, &committed);
  fixture->release = hr_release_store_commit_finish (fixture->store, wait_for (&committed), &error);
  g_assert_no_error (error);
  return fixture->release;
}

static HrPlacement *
try_place_release (Fixture *fixture, const HrRelease *release, HrSlot slot, HrSlot from, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  hr_slots_place_async (fixture->slots, slot, release, fixture->scan, from, NULL, hold_result, &result);
  return hr_slots_place_finish (fixture->slots, wait_for (&result), error);
}

static HrPlacement *
place_release (Fixture *fixture, const HrRelease *release, HrSlot slot, HrSlot from)
{
  g_autoptr (GError) error = NULL;
  HrPlacement *placement = try_place_release (fixture, release, slot, from, &error);

  g_assert_no_error (error);
  g_assert_nonnull (placement);
  return placement;
}

/* Records the source as it is and places it. */
static HrPlacement *
place (Fixture *fixture, HrSlot slot, HrSlot from)
{
  return place_release (fixture, record (fixture), slot, from);
}

static HrPlacement *
carry (Fixture *fixture, HrSlot from, HrSlot to)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  HrPlacement *placement;

  hr_slots_carry_async (fixture->slots, from, to, NULL, hold_result, &result);
  placement = hr_slots_carry_finish (fixture->slots, wait_for (&result), &error);
  g_assert_no_error (error);
  g_assert_nonnull (placement);
  g_assert_null (placement->view);
  return placement;
}

#pragma GCC diagnostic pop
