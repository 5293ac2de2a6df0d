/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * store-fixture.h: a source and a rollback store in a temporary directory, and the store's calls as waiting ones.
 */
#pragma once

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-fs.h"
#include "hr-git-store.h"
#include "hr-git-tree.h"

/* What has not come after this never will. */
#define DEADLINE_MSEC 60000

typedef struct {
  char *dir;
  char *source;
  char *repo;
  HrServiceSpec *spec;
  HrReleaseStore *store;
} Fixture;

static GPtrArray *logged;
static GMutex logged_lock;

static GLogWriterOutput
keep_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  for (gsize i = 0; i < n_fields && (level & G_LOG_LEVEL_WARNING) != 0; i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      {
        g_mutex_lock (&logged_lock);
        g_ptr_array_add (logged, g_strdup (fields[i].value));
        g_mutex_unlock (&logged_lock);
      }
  return (level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR)) != 0
             ? g_log_writer_default (level, fields, n_fields, user_data)
             : G_LOG_WRITER_HANDLED;
}

/* Warnings are part of what is tested; they are kept instead of ending the test. */
G_GNUC_UNUSED static void
keep_logs (void)
{
  logged = g_ptr_array_new_with_free_func (g_free);
  g_log_set_writer_func (keep_log, NULL, NULL);
}

/* Whether a warning holds @part; forgets all. */
G_GNUC_UNUSED static gboolean
was_logged (const char *part)
{
  gboolean found = FALSE;

  g_mutex_lock (&logged_lock);
  for (guint i = 0; i < logged->len; i++)
    found |= strstr (logged->pdata[i], part) != NULL;
  g_ptr_array_set_size (logged, 0);
  g_mutex_unlock (&logged_lock);
  return found;
}

static gboolean
on_deadline (gpointer data)
{
  g_error ("the deadline passed");
  return G_SOURCE_REMOVE;
}

static void
take_result (GObject *object, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **)user_data = g_object_ref (result);
}

static GAsyncResult *
wait_result (GAsyncResult **result)
{
  guint deadline = g_timeout_add (DEADLINE_MSEC, on_deadline, NULL);

  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (deadline);
  return *result;
}

static HrServiceSpec *
make_spec (const char *name, const char *source, const char *more)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = g_strdup_printf ("[Service]\nExec=true\nSource=%s\n%s", source, more != NULL ? more : "");
  HrSpecSource spec_source = { "/etc/hotreload/services.d/test.conf", text, strlen (text) };
  HrServiceSpec *spec = hr_service_spec_parse (name, &spec_source, 1, NULL, &error);

  g_assert_no_error (error);
  return spec;
}

static HrReleaseStore *
open_store (const char *repo, HrServiceSpec *spec)
{
  g_autoptr (GError) error = NULL;
  HrReleaseStore *store = hr_git_store_open (repo, spec, &error);

  g_assert_no_error (error);
  return store;
}

/* Of those that are in memory. */
G_GNUC_UNUSED static const HrRelease *
nth (Fixture *fixture, guint index)
{
  GPtrArray *held = hr_release_book_get_held (hr_release_store_get_book (fixture->store));

  g_assert_cmpuint (index, <, held->len);
  return g_ptr_array_index (held, index);
}

G_GNUC_UNUSED static guint
n_releases (Fixture *fixture)
{
  return hr_release_book_count (hr_release_store_get_book (fixture->store));
}

/* @data: more lines of the service file, or NULL. */
static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->dir = g_dir_make_tmp ("hotreload-XXXXXX", NULL);
  fixture->source = g_build_filename (fixture->dir, "source", NULL);
  fixture->repo = g_build_filename (fixture->dir, "state", "store.git", NULL);
  g_assert_cmpint (g_mkdir (fixture->source, 0755), ==, 0);
  fixture->spec = make_spec ("web", fixture->source, data);
  fixture->store = open_store (fixture->repo, fixture->spec);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  if (fixture->store != NULL)
    g_assert_finalize_object (fixture->store);
  hr_service_spec_unref (fixture->spec);
  hr_fs_remove_tree (fixture->dir, NULL);
  g_free (fixture->dir);
  g_free (fixture->source);
  g_free (fixture->repo);
}

G_GNUC_UNUSED static void
reopen (Fixture *fixture)
{
  g_assert_finalize_object (fixture->store);
  fixture->store = NULL;
  fixture->store = open_store (fixture->repo, fixture->spec);
}

static void
put (Fixture *fixture, const char *path, const char *text)
{
  g_autofree char *full = g_build_filename (fixture->source, path, NULL);
  g_autofree char *parent = g_path_get_dirname (full);
  FILE *file;

  g_assert_cmpint (g_mkdir_with_parents (parent, 0755), ==, 0);
  /* In place, as many editors write; GLib 2.74's call for this leaves the end of a longer file standing. */
  file = g_fopen (full, "we");
  g_assert_nonnull (file);
  g_assert_cmpint (fputs (text, file), >=, 0);
  g_assert_cmpint (fclose (file), ==, 0);
  g_assert_cmpint (g_chmod (full, 0644), ==, 0);
}

G_GNUC_UNUSED static void
set_mode (Fixture *fixture, const char *path, int mode)
{
  g_autofree char *full = g_build_filename (fixture->source, path, NULL);

  g_assert_cmpint (g_chmod (full, mode), ==, 0);
}

G_GNUC_UNUSED static void delete (Fixture *fixture, const char *path)
{
  g_autofree char *full = g_build_filename (fixture->source, path, NULL);

  g_assert_true (hr_fs_remove_tree (full, NULL));
}

G_GNUC_UNUSED static void
make_dir (Fixture *fixture, const char *path)
{
  g_autofree char *full = g_build_filename (fixture->source, path, NULL);

  g_assert_cmpint (g_mkdir_with_parents (full, 0755), ==, 0);
}

static HrScan *
try_scan (HrReleaseStore *store, const char *const *hints, const char *base, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  hr_release_store_scan_async (store, hints, base, NULL, take_result, &result);
  return hr_release_store_scan_finish (store, wait_result (&result), error);
}

/* @hint: the one path to look at, or NULL for all. */
static HrScan *
scan (Fixture *fixture, const char *hint, const char *base)
{
  const char *hints[] = { hint, NULL };
  g_autoptr (GError) error = NULL;
  HrScan *result = try_scan (fixture->store, hint != NULL ? hints : NULL, base, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (strlen (result->tree), ==, 40);
  return result;
}

G_GNUC_UNUSED static char *
scan_tree (Fixture *fixture)
{
  g_autoptr (HrScan) result = scan (fixture, NULL, NULL);

  return g_strdup (result->tree);
}

G_GNUC_UNUSED static HrRelease *
try_commit (HrReleaseStore *store, const char *tree, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (HrRelease) draft = hr_release_new (0);

  draft->tree = g_strdup (tree);
  draft->trigger = g_strdup ("file");
  draft->time_usec = 1700000000123456;
  hr_release_store_commit_async (store, draft, NULL, take_result, &result);
  return hr_release_store_commit_finish (store, wait_result (&result), error);
}

/* Makes a release of what the source is now. */
G_GNUC_UNUSED static guint64
record (Fixture *fixture)
{
  g_autofree char *tree = scan_tree (fixture);
  g_autoptr (GError) error = NULL;
  g_autoptr (HrRelease) release = try_commit (fixture->store, tree, &error);

  g_assert_no_error (error);
  return release->number;
}

G_GNUC_UNUSED static char *
diff (Fixture *fixture, const char *from, const char *to)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  char *text;

  hr_release_store_diff_async (fixture->store, from, to, NULL, take_result, &result);
  text = hr_release_store_diff_finish (fixture->store, wait_result (&result), &error);
  g_assert_no_error (error);
  return text;
}

/* The tree as lines "KIND MODE PATH[=CONTENT]", for comparison with what it should be. */
G_GNUC_UNUSED static char *
show (Fixture *fixture, const char *tree)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) entries = hr_git_tree_list (fixture->store, tree, &error);
  GString *text = g_string_new (NULL);

  g_assert_no_error (error);
  for (guint i = 0; i < entries->len; i++)
    {
      const HrGitEntry *entry = g_ptr_array_index (entries, i);
      g_autofree char *path = g_strescape (entry->path, NULL);

      g_assert_cmpint (entry->change, ==, HR_GIT_ADDED);
      g_string_append_printf (text, "%c %04o %s", "fld"[entry->kind], entry -> mode, path);
      if (entry->kind != HR_GIT_DIR)
        {
          g_autoptr (GBytes) bytes = hr_git_tree_read (fixture->store, entry->oid, &error);
          g_assert_no_error (error);
          g_string_append_c (text, '=');
          g_string_append_len (text, g_bytes_get_data (bytes, NULL), (gssize)g_bytes_get_size (bytes));
        }
      g_string_append (text, entry->empty ? " empty\n" : "\n");
    }
  return g_string_free (text, FALSE);
}
