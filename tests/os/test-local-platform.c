/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hr-error.h"
#include "hr-fs.h"
#include "hr-inherited-sockets.h"
#include "hr-local-platform.h"
#include "hr-names.h"

typedef struct {
  char *root, *state, *runtime, *source;
  HrPlatform *platform;
} Fixture;

static void
open_platform (Fixture *f)
{
  g_autoptr (HrInheritedSockets) none = hr_inherited_sockets_new (HR_LISTEN_FDS_START);
  g_autoptr (GError) error = NULL;

  f->platform = hr_local_platform_new (f->state, f->runtime, none, -1, &error);
  g_assert_no_error (error);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->root = g_dir_make_tmp ("hr-platform-XXXXXX", NULL);
  g_assert_nonnull (f->root);
  f->state = g_build_filename (f->root, "state", NULL);
  f->runtime = g_build_filename (f->root, "runtime", NULL);
  f->source = g_build_filename (f->root, "source", NULL);
  g_assert_cmpint (g_mkdir (f->source, 0755), ==, 0);
  open_platform (f);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  if (f->platform != NULL)
    g_assert_finalize_object (f->platform);
  g_assert_true (hr_fs_remove_tree (f->root, NULL));
  g_free (f->root);
  g_free (f->state);
  g_free (f->runtime);
  g_free (f->source);
}

static void
put (Fixture *f, const char *name, const char *content)
{
  g_autofree char *path = g_build_filename (f->root, name, NULL);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, content, -1, &error);
  g_assert_no_error (error);
}

static HrServiceSpec *
parse (Fixture *f, const char *lines)
{
  g_autofree char *text = g_strconcat ("[Service]\nExec=true\n", lines, NULL);
  g_autofree char *file = g_build_filename (f->root, "web.conf", NULL);
  const HrSpecSource source = { .file = file, .text = text, .size = strlen (text) };
  g_autoptr (GError) error = NULL;
  HrServiceSpec *spec = hr_service_spec_parse ("web", &source, 1, "development", &error);

  g_assert_no_error (error);
  return spec;
}

static void
assert_exists (Fixture *f, const char *name)
{
  g_autofree char *path = g_build_filename (f->root, name, NULL);

  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
}

static void
test_everything_lies_below_its_directories (Fixture *f, gconstpointer data)
{
  g_autoptr (HrRunRecord) record = hr_run_state_get (hr_platform_get_run_state (f->platform), "web");
  g_autoptr (HrHistoryEntry) entry = hr_history_entry_new ();
  g_autofree char *log = hr_platform_log_file (f->platform, "web", "1-2");
  g_autofree char *expected = g_build_filename (f->state, "logs", "web.1-2.log", NULL);
  struct stat info;

  entry->service = g_strdup ("web");
  entry->files = g_new0 (char *, 1);
  entry->trigger = g_strdup ("manual");
  g_assert_true (hr_history_append (hr_platform_get_history (f->platform), entry, NULL));
  g_assert_true (hr_run_state_set_all_paused (hr_platform_get_run_state (f->platform), TRUE, NULL));
  assert_exists (f, "state/history.jsonl");
  assert_exists (f, "state/run-state.json");
  assert_exists (f, "state/lock");
  g_assert_cmpstr (log, ==, expected);
  g_assert_true (HR_IS_CLOCK (hr_platform_get_clock (f->platform)));
  g_assert_true (HR_IS_LAUNCHER (hr_platform_get_launcher (f->platform)));
  g_assert_true (HR_IS_CHECKER (hr_platform_get_checker (f->platform)));
  g_assert_cmpint (stat (f->state, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 07777, ==, 0700);
  g_assert_cmpint (stat (f->runtime, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 07777, ==, 0700);
}

static void
test_state_directory_is_free_again_after_the_end (Fixture *f, gconstpointer data)
{
  g_autoptr (HrInheritedSockets) none = hr_inherited_sockets_new (HR_LISTEN_FDS_START);
  g_autoptr (GError) error = NULL;

  g_assert_null (hr_local_platform_new (f->state, f->runtime, none, -1, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_BUSY);
  g_assert_finalize_object (g_steal_pointer (&f->platform));
  open_platform (f);
}

static void
test_service_with_source_gets_all_parts (Fixture *f, gconstpointer data)
{
  g_autoptr (HrServiceSpec) spec = parse (f, "Source=source\n");
  g_autoptr (GError) error = NULL;
  HrParts parts = { 0 }, next = { 0 };

  g_assert_true (hr_platform_open_parts (f->platform, spec, NULL, &parts, &error));
  g_assert_no_error (error);
  g_assert_true (HR_IS_RELEASE_STORE (parts.store));
  g_assert_true (HR_IS_SLOTS (parts.slots));
  g_assert_true (HR_IS_WATCHER (parts.watcher));
  g_assert_true (HR_IS_LISTENERS (parts.listeners));
  g_assert_true (HR_IS_STATE_FILES (parts.state));
  assert_exists (f, "state/store.git/HEAD");

  g_assert_true (hr_platform_open_parts (f->platform, spec, &parts, &next, &error));
  g_assert_true (next.listeners == parts.listeners);
  g_assert_false (next.store == parts.store);
  hr_parts_clear (&next);
  hr_parts_clear (&parts);
}

static void
test_service_without_source_is_neither_recorded_nor_watched (Fixture *f, gconstpointer data)
{
  g_autoptr (HrServiceSpec) bare = parse (f, "");
  g_autoptr (HrServiceSpec) unwatched = parse (f, "Source=source\n[Watch]\nEnabled=no\n");
  HrParts parts = { 0 };

  g_assert_true (hr_platform_open_parts (f->platform, bare, NULL, &parts, NULL));
  g_assert_null (parts.store);
  g_assert_null (parts.slots);
  g_assert_null (parts.watcher);
  g_assert_nonnull (parts.listeners);
  g_assert_nonnull (parts.state);
  hr_parts_clear (&parts);
  g_assert_true (hr_platform_open_parts (f->platform, unwatched, NULL, &parts, NULL));
  g_assert_nonnull (parts.slots);
  g_assert_null (parts.watcher);
  hr_parts_clear (&parts);
}

static void
test_unusable_store_is_named (Fixture *f, gconstpointer data)
{
  g_autoptr (HrServiceSpec) spec = parse (f, "Source=source\n");
  g_autofree char *store = g_build_filename (f->state, "store.git", NULL);
  g_autoptr (GError) error = NULL;
  HrParts parts = { 0 };

  put (f, "state/store.git", "no repository");
  g_assert_false (hr_platform_open_parts (f->platform, spec, NULL, &parts, &error));
  g_assert_nonnull (error);
  g_assert_cmpstr (strstr (error->message, store), !=, NULL);
  g_assert_null (parts.store);
  g_assert_null (parts.listeners);
}

static char *
environment (Fixture *f, HrServiceSpec *spec, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) list = hr_platform_base_environment (f->platform, spec, &error);

  g_assert_no_error (error);
  return g_strdup (g_environ_getenv (list, name));
}

#define assert_variable(f, spec, name, value)                                                                          \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    g_autofree char *found = environment (f, spec, name);                                                              \
    g_assert_cmpstr (found, ==, value);                                                                                \
  }                                                                                                                    \
  G_STMT_END

static void
test_environment_is_built_anew_at_every_start (Fixture *f, gconstpointer data)
{
  g_autoptr (HrServiceSpec) spec = parse (f, "EnvironmentFile=one.env;-missing.env;two.env\nEnvironment=B=service\n");

  g_setenv ("XDG_TEST_VARIABLE", "here", TRUE);
  g_setenv ("LD_TEST_VARIABLE", "here", TRUE);
  put (f, "one.env", "A=one\nB=one\nC=one\nPATH=/one\n");
  put (f, "two.env", "A=two\n");
  assert_variable (f, spec, "A", "two");
  assert_variable (f, spec, "B", "service");
  assert_variable (f, spec, "C", "one");
  assert_variable (f, spec, "PATH", "/one");
  assert_variable (f, spec, "XDG_TEST_VARIABLE", "here");
  assert_variable (f, spec, "LD_TEST_VARIABLE", NULL);

  g_unsetenv ("XDG_TEST_VARIABLE");
  put (f, "one.env", "B=one\n");
  put (f, "two.env", "");
  assert_variable (f, spec, "A", NULL);
  assert_variable (f, spec, "C", NULL);
  assert_variable (f, spec, "PATH", g_getenv ("PATH"));
  assert_variable (f, spec, "XDG_TEST_VARIABLE", NULL);
}

static void
assert_refused (Fixture *f, HrServiceSpec *spec, const char *words)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (hr_platform_base_environment (f->platform, spec, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
  if (strstr (error->message, words) == NULL)
    g_error ("'%s' is not in: %s", words, error->message);
}

static void
test_bad_environment_file_is_named (Fixture *f, gconstpointer data)
{
  g_autoptr (HrServiceSpec) missing = parse (f, "EnvironmentFile=one.env\n");
  g_autoptr (HrServiceSpec) optional = parse (f, "EnvironmentFile=-one.env\n");
  g_autofree char *file = g_build_filename (f->root, "one.env", NULL);
  g_autofree char *line = g_strdup_printf ("'%s', line 2:", file);

  assert_refused (f, missing, file);
  put (f, "one.env", "A=1\nnonsense\n");
  assert_refused (f, missing, line);
  assert_refused (f, optional, line);
}

#define add(name, function) g_test_add ("/local-platform/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("everything-lies-below-its-directories", test_everything_lies_below_its_directories);
  add ("state-directory-is-free-again-after-the-end", test_state_directory_is_free_again_after_the_end);
  add ("service-with-source-gets-all-parts", test_service_with_source_gets_all_parts);
  add ("service-without-source-is-neither-recorded-nor-watched",
       test_service_without_source_is_neither_recorded_nor_watched);
  add ("unusable-store-is-named", test_unusable_store_is_named);
  add ("environment-is-built-anew-at-every-start", test_environment_is_built_anew_at_every_start);
  add ("bad-environment-file-is-named", test_bad_environment_file_is_named);
  return g_test_run ();
}
