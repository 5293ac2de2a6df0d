/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-config-dir.h"
#include "hr-error.h"
#include "hr-fs.h"

#define GOOD "[Service]\nExec=true\n"

typedef struct {
  char *dir;      /* configuration directory */
  char *services; /* services.d in it */
  char *source;   /* a directory with code */
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  self->dir = g_dir_make_tmp ("hotreload-config-XXXXXX", &error);
  g_assert_no_error (error);
  self->services = g_build_filename (self->dir, "services.d", NULL);
  self->source = g_build_filename (self->dir, "source", NULL);
  g_assert_cmpint (g_mkdir (self->services, 0755), ==, 0);
  g_assert_cmpint (g_mkdir (self->source, 0755), ==, 0);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  hr_fs_remove_tree (self->dir, &error);
  g_assert_no_error (error);
  g_free (self->dir);
  g_free (self->services);
  g_free (self->source);
}

static void
write_file (const char *dir, const char *name, const char *text, gssize size)
{
  g_autofree char *path = g_build_filename (dir, name, NULL);
  g_autofree char *parent = g_path_get_dirname (path);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (parent, 0755), ==, 0);
  g_file_set_contents (path, text, size, &error);
  g_assert_no_error (error);
}

static void
make_link (const char *target, const char *dir, const char *name)
{
  g_autofree char *path = g_build_filename (dir, name, NULL);

  g_assert_cmpint (symlink (target, path), ==, 0);
}

static GPtrArray *
load (Fixture *self)
{
  g_autoptr (GError) error = NULL;
  GPtrArray *entries = hr_config_dir_load (self->dir, NULL, &error);

  g_assert_no_error (error);
  g_assert_nonnull (entries);
  for (guint i = 0; i < entries->len; i++)
    {
      const HrConfigEntry *entry = g_ptr_array_index (entries, i);

      /* Exactly one of both, and the error can be shown. */
      g_assert_cmpint (entry->spec != NULL, ==, entry->error == NULL);
      g_assert_true (g_utf8_validate (entry->name, -1, NULL));
      if (entry->error != NULL)
        {
          g_test_message ("%s", entry->error->message);
          g_assert_true (g_utf8_validate (entry->error->message, -1, NULL));
          g_assert_null (strchr (entry->error->message, '\n'));
        }
    }
  return entries;
}

static const HrConfigEntry *
find (GPtrArray *entries, const char *name)
{
  for (guint i = 0; i < entries->len; i++)
    {
      const HrConfigEntry *entry = g_ptr_array_index (entries, i);
      if (g_str_equal (entry->name, name))
        return entry;
    }
  g_error ("no entry '%s'", name);
}

static void
assert_invalid (const HrConfigEntry *entry, const char *words)
{
  g_assert_error (entry->error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
  g_assert_nonnull (strstr (entry->error->message, entry->file));
  if (strstr (entry->error->message, words) == NULL)
    g_assert_cmpstr (entry->error->message, ==, words);
}

static void
test_files_become_specs_sorted_by_name (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) entries = NULL;
  static const char *const names[] = { "a", "b.c", "being-system" };

  write_file (self->services, "b.c.conf", GOOD, -1);
  write_file (self->services, "being-system.conf", GOOD, -1);
  write_file (self->services, "a.conf", GOOD, -1);
  write_file (self->services, ".hidden.conf", "nonsense", -1);
  write_file (self->services, "a.conf~", "nonsense", -1);
  write_file (self->services, "README", "nonsense", -1);
  write_file (self->services, "other.conf.d/x.conf", "nonsense", -1);
  entries = load (self);

  g_assert_cmpuint (entries->len, ==, G_N_ELEMENTS (names));
  for (guint i = 0; i < entries->len; i++)
    {
      const HrConfigEntry *entry = g_ptr_array_index (entries, i);
      g_autofree char *base = g_path_get_basename (entry->file);
      g_autofree char *expected = g_strconcat (names[i], ".conf", NULL);

      g_assert_no_error (entry->error);
      g_assert_cmpstr (entry->name, ==, names[i]);
      g_assert_cmpstr (entry->spec->name, ==, names[i]);
      g_assert_cmpstr (entry->spec->file, ==, entry->file);
      g_assert_cmpstr (base, ==, expected);
    }
}

static void
test_missing_directory_is_no_services (Fixture *self, gconstpointer data)
{
  g_autofree char *nowhere = g_build_filename (self->dir, "no", "where", NULL);
  g_autoptr (GPtrArray) entries = NULL;
  g_autoptr (GPtrArray) none = NULL;
  g_autoptr (GError) error = NULL;

  entries = load (self);
  g_assert_cmpuint (entries->len, ==, 0);
  none = hr_config_dir_load (nowhere, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (none->len, ==, 0);
}

static void
test_what_is_no_directory_is_an_error (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_rmdir (self->services), ==, 0);
  write_file (self->dir, "services.d", "x", -1);
  g_assert_null (hr_config_dir_load (self->dir, NULL, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
  g_assert_nonnull (strstr (error->message, self->services));
  g_clear_error (&error);

  g_assert_null (hr_config_dir_load (self->dir, "staging", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT);
}

static void
test_drop_ins_apply_in_the_order_of_their_names (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) entries = NULL;
  const HrConfigEntry *entry;

  write_file (self->services, "web.conf", "[Service]\nExec=a\nDescription=main\n", -1);
  write_file (self->services, "web.conf.d/20-b.conf", "[Service]\nExec=c\n", -1);
  write_file (self->services, "web.conf.d/10-a.conf", "[Service]\nExec=b\nDescription=first\n", -1);
  write_file (self->services, "web.conf.d/.30.conf", "nonsense", -1);
  write_file (self->services, "web.conf.d/note.txt", "nonsense", -1);
  write_file (self->services, "other.conf", GOOD, -1);
  write_file (self->services, "other.conf.d/x.conf", "[Service]\nExce=b\n", -1);
  entries = load (self);

  entry = find (entries, "web");
  g_assert_no_error (entry->error);
  g_assert_cmpstr (entry->spec->exec[0], ==, "c");
  g_assert_cmpstr (entry->spec->description, ==, "first");
  assert_invalid (find (entries, "other"), "/other.conf.d/x.conf:2: group 'Service': key 'Exce'");
}

static void
test_one_bad_file_never_keeps_the_others_from_loading (Fixture *self, gconstpointer data)
{
  g_autofree char *huge = g_strnfill (HR_SPEC_FILE_MAX + 1, '#');
  g_autofree char *fifo = g_build_filename (self->services, "fifo.conf", NULL);
  g_autofree char *dir = g_build_filename (self->services, "dir.conf", NULL);
  g_autofree char *drop_in_fifo = g_build_filename (self->services, "dropfifo.conf.d", "x.conf", NULL);
  g_autoptr (GPtrArray) entries = NULL;

  write_file (self->services, "good.conf", GOOD, -1);
  write_file (self->services, "empty.conf", "", 0);
  write_file (self->services, "binary.conf",
              "\x7f"
              "ELF\0\1\2",
              7);
  write_file (self->services, "truncated.conf", "[Service]\nExec=true\nSou", -1);
  write_file (self->services, "huge.conf", huge, HR_SPEC_FILE_MAX + 1);
  make_link ("cycle.conf", self->services, "cycle.conf");
  make_link ("nowhere", self->services, "dangling.conf");
  make_link ("good.conf", self->services, "link.conf");
  g_assert_cmpint (mkfifo (fifo, 0644), ==, 0);
  g_assert_cmpint (g_mkdir (dir, 0755), ==, 0);
  write_file (self->services, "dropfifo.conf", GOOD, -1);
  write_file (self->services, "dropfifo.conf.d/y.conf", "", 0);
  g_assert_cmpint (mkfifo (drop_in_fifo, 0644), ==, 0);
  write_file (self->services, "dropfile.conf", GOOD, -1);
  write_file (self->services, "dropfile.conf.d", "", 0);
  write_file (self->services, "Upper.conf", GOOD, -1);
  write_file (self->services, "\xff\n.conf", GOOD, -1);
  entries = load (self);

  g_assert_cmpuint (entries->len, ==, 14);
  g_assert_no_error (find (entries, "good")->error);
  g_assert_no_error (find (entries, "link")->error);
  assert_invalid (find (entries, "empty"), "key 'Exec': it is missing");
  assert_invalid (find (entries, "binary"), "binary.conf:1: this is no text");
  assert_invalid (find (entries, "truncated"), "truncated.conf:3: 'Sou' is neither KEY=VALUE");
  assert_invalid (find (entries, "huge"), "huge.conf: it is larger than 1048576 bytes");
  assert_invalid (find (entries, "cycle"), "cycle.conf: it cannot be read: ");
  assert_invalid (find (entries, "dangling"), "dangling.conf: it cannot be read: ");
  assert_invalid (find (entries, "fifo"), "fifo.conf: this is not a regular file");
  assert_invalid (find (entries, "dir"), "dir.conf: this is not a regular file");
  assert_invalid (find (entries, "dropfifo"), "dropfifo.conf.d/x.conf: this is not a regular file");
  g_assert_nonnull (strstr (find (entries, "dropfile")->error->message, "dropfile.conf.d"));
  assert_invalid (find (entries, "Upper.conf"), "'Upper' is not a name for a service");
  g_assert_error (find (entries, "\xef\xbf\xbd?.conf")->error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
}

static void
test_unreadable_files_are_entries_with_an_error (Fixture *self, gconstpointer data)
{
  g_autofree char *file = g_build_filename (self->services, "secret.conf", NULL);
  g_autofree char *closed = g_build_filename (self->dir, "closed", NULL);
  g_autofree char *text = g_strconcat (GOOD "Source=", closed, "\n", NULL);
  g_autoptr (GPtrArray) entries = NULL;
  g_autoptr (GError) error = NULL;

  if (geteuid () == 0)
    {
      g_test_skip ("not run here: root is never refused a file");
      return;
    }
  write_file (self->services, "secret.conf", GOOD, -1);
  write_file (self->services, "closed.conf", text, -1);
  g_assert_cmpint (g_chmod (file, 0), ==, 0);
  g_assert_cmpint (g_mkdir (closed, 0300), ==, 0);
  entries = load (self);
  assert_invalid (find (entries, "secret"), "secret.conf: it cannot be read: ");
  assert_invalid (find (entries, "closed"), "closed' cannot be read: allow this user to list and enter it");

  g_assert_cmpint (g_chmod (self->services, 0), ==, 0);
  g_assert_null (hr_config_dir_load (self->dir, NULL, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
  g_assert_nonnull (strstr (error->message, self->services));
  g_assert_cmpint (g_chmod (self->services, 0755), ==, 0);
}

static void
test_too_many_drop_ins_are_an_error_of_the_service (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) entries = NULL;
  const HrConfigEntry *entry;

  write_file (self->services, "web.conf", GOOD, -1);
  for (int i = 0; i <= HR_CONFIG_DROP_INS_MAX; i++)
    {
      g_autofree char *name = g_strdup_printf ("web.conf.d/%d.conf", i);
      write_file (self->services, name, "", 0);
    }
  entries = load (self);
  entry = find (entries, "web");
  g_assert_error (entry->error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED);
  g_assert_nonnull (strstr (entry->error->message, "has more than 256 files"));
}

static void
test_one_file_is_loaded_by_any_path (Fixture *self, gconstpointer data)
{
  g_autofree char *file = g_build_filename (self->dir, "svc", "web.conf", NULL);
  g_autofree char *other = g_build_filename (self->dir, "svc", "web.txt", NULL);
  g_autofree char *missing = g_build_filename (self->dir, "svc", "none.conf", NULL);
  g_autoptr (HrConfigEntry) plain = NULL;
  g_autoptr (HrConfigEntry) named = NULL;
  g_autoptr (HrConfigEntry) unnamed = NULL;
  g_autoptr (HrConfigEntry) absent = NULL;

  write_file (self->dir, "svc/web.conf", "[Service]\nExec=true\nSource=.\n[Profile testing]\nService.Exec=false\n", -1);
  write_file (self->dir, "svc/web.conf.d/a.conf", "[Service]\nDescription=d\n", -1);
  write_file (self->dir, "svc/web.txt", GOOD, -1);

  plain = hr_config_file_load (file, NULL, "testing");
  g_assert_no_error (plain->error);
  g_assert_cmpstr (plain->name, ==, "web");
  g_assert_cmpstr (plain->spec->exec[0], ==, "false");
  g_assert_cmpstr (plain->spec->description, ==, "d");
  g_assert_true (g_str_has_suffix (plain->spec->source, "/svc"));

  named = hr_config_file_load (other, "named", NULL);
  g_assert_no_error (named->error);
  g_assert_cmpstr (named->spec->name, ==, "named");
  unnamed = hr_config_file_load (other, NULL, NULL);
  g_assert_cmpstr (unnamed->name, ==, "web.txt");
  assert_invalid (unnamed, "web.txt: the file of a service is called NAME.conf");
  absent = hr_config_file_load (missing, NULL, NULL);
  g_assert_cmpstr (absent->name, ==, "none");
  assert_invalid (absent, "none.conf: it cannot be read: ");
}

/* Loads a service with the source and @keys; returns the error's message, or %NULL where there is none. */
static char *
check (Fixture *self, const char *keys)
{
  g_autofree char *text = g_strconcat (GOOD "Source=", self->source, "\n", keys, "\n", NULL);
  g_autofree char *file = g_build_filename (self->services, "web.conf", NULL);
  g_autoptr (HrConfigEntry) entry = NULL;

  write_file (self->services, "web.conf", text, -1);
  entry = hr_config_file_load (file, NULL, NULL);
  if (entry->error == NULL)
    return NULL;
  g_test_message ("%s", entry->error->message);
  g_assert_error (entry->error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
  g_assert_true (g_str_has_prefix (entry->error->message, file));
  return g_strdup (entry->error->message);
}

static void
assert_check (Fixture *self, const char *keys, const char *words)
{
  g_autofree char *message = check (self, keys);

  if (words == NULL || message == NULL || strstr (message, words) == NULL)
    g_assert_cmpstr (message, ==, words);
}

static void
test_source_must_be_a_directory (Fixture *self, gconstpointer data)
{
  assert_check (self, "", NULL);
  g_assert_cmpint (g_rmdir (self->source), ==, 0);
  assert_check (self, "", "source' does not exist: create it or correct the path");
  write_file (self->dir, "source", "x", -1);
  assert_check (self, "", "group 'Service': key 'Source': '");
  assert_check (self, "", "source' is not a directory: name one");
  g_assert_cmpint (g_unlink (self->source), ==, 0);
  make_link ("source", self->dir, "source");
  assert_check (self, "", "source' cannot be used: ");
}

static void
test_share_stays_below_source_when_links_are_followed (Fixture *self, gconstpointer data)
{
  g_autofree char *outside = g_build_filename (self->dir, "outside", NULL);

  g_assert_cmpint (g_mkdir (outside, 0755), ==, 0);
  write_file (self->source, "data/x", "x", -1);
  write_file (self->source, "file", "x", -1);
  make_link ("data", self->source, "inside");
  make_link ("../outside", self->source, "out");
  make_link ("../sourceful", self->source, "beside");
  make_link ("nowhere", self->source, "dangling");
  make_link ("loop", self->source, "loop");
  make_link (".", self->source, "self");
  write_file (self->dir, "sourceful/x", "x", -1);

  assert_check (self, "Share=data;inside;inside/x;later/deep/er;file", NULL);
  assert_check (self, "Share=data;out", "group 'Service': key 'Share': 'out' leads to '");
  assert_check (self, "Share=out/later", "'out/later' leads to '");
  assert_check (self, "Share=beside", "/sourceful', which is not below Source: share only what is");
  assert_check (self, "Share=self", "'self' leads to '");
  assert_check (self, "Share=dangling", "'dangling' is a symbolic link that leads nowhere: create what it names");
  assert_check (self, "Share=loop", "'loop' cannot be used: ");
  assert_check (self, "Share=file/x", "'file/x' cannot be used: ");
}

static void
test_environment_files_must_be_readable (Fixture *self, gconstpointer data)
{
  g_autofree char *fifo = g_build_filename (self->services, "fifo", NULL);

  g_assert_cmpint (mkfifo (fifo, 0644), ==, 0);
  write_file (self->services, "env", "A=1\n", -1);
  write_file (self->services, "bad", "A=1\nnonsense\n", -1);
  assert_check (self, "EnvironmentFile=env;-env;-missing", NULL);
  assert_check (self, "EnvironmentFile=missing", "missing' does not exist: create it, or write '-' before the path");
  assert_check (self, "EnvironmentFile=fifo", "group 'Service': key 'EnvironmentFile': '");
  assert_check (self, "EnvironmentFile=-fifo", "/fifo' cannot be used: ");
  assert_check (self, "EnvironmentFile=bad", "line 2: expected KEY=VALUE");
}

static void
test_working_directory_must_be_one (Fixture *self, gconstpointer data)
{
  write_file (self->source, "app/file", "x", -1);
  assert_check (self, "WorkingDirectory=app", NULL);
  assert_check (self, "WorkingDirectory=/", NULL);
  assert_check (self, "WorkingDirectory=..", NULL);
  assert_check (self, "WorkingDirectory=app/file", "/source/app/file' is not a directory: name one");
  assert_check (self, "WorkingDirectory=dist", "group 'Service': key 'WorkingDirectory': '");
  assert_check (self, "WorkingDirectory=dist", "/source/dist' does not exist");
  assert_check (self, "WorkingDirectory=dist\n[Check]\nBuild=make dist", NULL);
  assert_check (self, "WorkingDirectory=/no/such/place\n[Check]\nBuild=make dist", "'/no/such/place' does not exist");
}

static void
test_listen_takes_addresses (Fixture *self, gconstpointer data)
{
  assert_check (self, "Listen=web=tcp:localhost:80;all=tcp::81;six=tcp:[::1]:82", NULL);
  assert_check (self, "Listen=web=tcp:www.example.org:80", "key 'Listen': 'web' cannot be bound: 'www.example.org'");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define TEST(name, func) g_test_add ("/config-dir/" name, Fixture, NULL, set_up, func, tear_down)
  TEST ("files-become-specs-sorted-by-name", test_files_become_specs_sorted_by_name);
  TEST ("missing-directory-is-no-services", test_missing_directory_is_no_services);
  TEST ("what-is-no-directory-is-an-error", test_what_is_no_directory_is_an_error);
  TEST ("drop-ins-apply-in-the-order-of-their-names", test_drop_ins_apply_in_the_order_of_their_names);
  TEST ("one-bad-file-never-keeps-the-others-from-loading", test_one_bad_file_never_keeps_the_others_from_loading);
  TEST ("unreadable-files-are-entries-with-an-error", test_unreadable_files_are_entries_with_an_error);
  TEST ("too-many-drop-ins-are-an-error-of-the-service", test_too_many_drop_ins_are_an_error_of_the_service);
  TEST ("one-file-is-loaded-by-any-path", test_one_file_is_loaded_by_any_path);
  TEST ("source-must-be-a-directory", test_source_must_be_a_directory);
  TEST ("share-stays-below-source-when-links-are-followed", test_share_stays_below_source_when_links_are_followed);
  TEST ("environment-files-must-be-readable", test_environment_files_must_be_readable);
  TEST ("listen-takes-addresses", test_listen_takes_addresses);
  TEST ("working-directory-must-be-one", test_working_directory_must_be_one);
  return g_test_run ();
}
