/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-history.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-fs.h"
#include "hr-release.h"
#include "warnings.h"

typedef struct {
  char *dir;
  char *path;
  HrHistory *history;
} Fixture;

static void
setup (Fixture *f, gconstpointer data)
{
  f->dir = g_dir_make_tmp ("hr-history-XXXXXX", NULL);
  g_assert_nonnull (f->dir);
  f->path = g_build_filename (f->dir, "history.jsonl", NULL);
  f->history = hr_history_new (f->path);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  warnings_expect_none ();
  g_assert_finalize_object (f->history);
  hr_fs_remove_tree (f->dir, &error);
  g_assert_no_error (error);
  g_free (f->dir);
  g_free (f->path);
}

static gboolean
append (Fixture *f, const char *service, guint64 release, GError **error)
{
  g_autoptr (HrHistoryEntry) entry = hr_history_entry_new ();

  entry->time_usec = G_GINT64_CONSTANT (1760000000000001);
  entry->service = g_strdup (service);
  entry->success = TRUE;
  entry->release = release;
  entry->trigger = g_strdup ("file");
  return hr_history_append (f->history, entry, error);
}

static void
add (Fixture *f, const char *service, guint64 release)
{
  g_autoptr (GError) error = NULL;

  append (f, service, release, &error);
  g_assert_no_error (error);
}

/* The releases of the entries that a query gives, "3 2 1". */
static char *
query (Fixture *f, const char *service, guint limit)
{
  g_autoptr (GPtrArray) entries = hr_history_query (f->history, service, limit);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < entries->len; i++)
    {
      HrHistoryEntry *entry = entries->pdata[i];
      g_string_append_printf (text, "%s%" G_GUINT64_FORMAT, i > 0 ? " " : "", entry->release);
    }
  return g_string_free (text, FALSE);
}

static void
assert_query (Fixture *f, const char *service, guint limit, const char *expected)
{
  g_autofree char *found = query (f, service, limit);

  g_assert_cmpstr (found, ==, expected);
}

static void
append_bytes (Fixture *f, const char *bytes, gsize size)
{
  FILE *file = fopen (f->path, "ae");

  g_assert_nonnull (file);
  g_assert_cmpuint (fwrite (bytes, 1, size, file), ==, size);
  g_assert_cmpint (fclose (file), ==, 0);
}

static void
test_entry_comes_back_whole (Fixture *f, gconstpointer data)
{
  g_autoptr (HrHistoryEntry) entry = hr_history_entry_new ();
  g_autoptr (GPtrArray) entries = NULL;
  g_autoptr (GError) error = NULL;
  const char *const files[] = { "a.py", "d\xc3\xa9/b \"c\".py", "bad\xff", NULL };
  HrHistoryEntry *back;
  gint64 usec;

  entry->time_usec = G_GINT64_CONSTANT (1760000000123456);
  entry->service = g_strdup ("being-system");
  entry->files = g_strdupv ((char **)files);
  entry->release = 7;
  entry->previous_release = 6;
  entry->downtime_usec = 12;
  entry->duration_usec = 41230;
  entry->queue_wait_usec = 4000;
  entry->connections_cut = 3;
  entry->phases = hr_phase_times_new ();
  hr_phase_times_add (entry->phases, "record", 1230);
  hr_phase_times_add (entry->phases, "check", 40000);
  entry->phase = g_strdup ("check");
  entry->reason = g_strdup ("it ended");
  entry->canary = g_strdup ("passed at 100%");
  entry->error = g_strdup ("line 1\n\tline 2 \x01 \xff");
  entry->trigger = g_strdup ("manual");
  entry->caller = g_strdup ("uid 1000");
  hr_history_append (f->history, entry, &error);
  g_assert_no_error (error);

  entries = hr_history_query (f->history, NULL, 10);
  g_assert_cmpuint (entries->len, ==, 1);
  back = entries->pdata[0];
  g_assert_cmpint (back->time_usec, ==, entry->time_usec);
  g_assert_cmpstr (back->service, ==, "being-system");
  g_assert_cmpuint (g_strv_length (back->files), ==, 3);
  g_assert_cmpstr (back->files[1], ==, files[1]);
  g_assert_cmpstr (back->files[2], ==, "bad\xef\xbf\xbd");
  g_assert_false (back->success);
  g_assert_cmpuint (back->release, ==, 7);
  g_assert_cmpuint (back->previous_release, ==, 6);
  g_assert_cmpint (back->downtime_usec, ==, 12);
  g_assert_cmpint (back->duration_usec, ==, 41230);
  g_assert_cmpint (back->queue_wait_usec, ==, 4000);
  g_assert_cmpuint (back->connections_cut, ==, 3);
  g_assert_cmpuint (hr_phase_times_count (back->phases), ==, 2);
  g_assert_cmpstr (hr_phase_times_get (back->phases, 1, &usec), ==, "check");
  g_assert_cmpint (usec, ==, 40000);
  g_assert_cmpstr (back->phase, ==, "check");
  g_assert_cmpstr (back->reason, ==, "it ended");
  g_assert_cmpstr (back->canary, ==, "passed at 100%");
  g_assert_cmpstr (back->error, ==, "line 1\n\tline 2 \x01 \xef\xbf\xbd");
  g_assert_cmpstr (back->trigger, ==, "manual");
  g_assert_cmpstr (back->caller, ==, "uid 1000");
}

static void
test_long_errors_and_lists_are_cut (Fixture *f, gconstpointer data)
{
  g_autoptr (HrHistoryEntry) entry = hr_history_entry_new ();
  g_autoptr (GPtrArray) entries = NULL;
  GString *error = g_string_new ("x");
  HrHistoryEntry *back;

  while (error->len < 2 * HR_HISTORY_ERROR_MAX)
    g_string_append (error, "\xc3\xa9");
  entry->service = g_strdup ("a");
  entry->trigger = g_strdup ("file");
  entry->error = g_string_free (error, FALSE);
  entry->files = g_new0 (char *, 2 * HR_RELEASE_FILES_MAX + 1);
  for (int i = 0; i < 2 * HR_RELEASE_FILES_MAX; i++)
    entry->files[i] = g_strdup_printf ("f%d", i);
  g_assert_true (hr_history_append (f->history, entry, NULL));
  entries = hr_history_query (f->history, NULL, 10);
  back = entries->pdata[0];
  g_assert_cmpuint (strlen (back->error), ==, HR_HISTORY_ERROR_MAX - 1);
  g_assert_true (g_utf8_validate (back->error, -1, NULL));
  g_assert_cmpuint (g_strv_length (back->files), ==, HR_RELEASE_FILES_MAX);
}

static void
test_newest_first_by_service_and_limit (Fixture *f, gconstpointer data)
{
  assert_query (f, NULL, 10, "");
  for (guint64 i = 1; i <= 6; i++)
    add (f, i % 2 != 0 ? "odd" : "even", i);
  assert_query (f, NULL, 10, "6 5 4 3 2 1");
  assert_query (f, "", 2, "6 5");
  assert_query (f, "odd", 10, "5 3 1");
  assert_query (f, "even", 2, "6 4");
  assert_query (f, "file", 10, "");
  assert_query (f, "none", 10, "");
  assert_query (f, NULL, 0, "");
}

static void
test_next_daemon_goes_on (Fixture *f, gconstpointer data)
{
  add (f, "a", 1);
  g_assert_finalize_object (f->history);
  f->history = hr_history_new (f->path);
  add (f, "a", 2);
  assert_query (f, "a", 10, "2 1");
}

static void
test_truncated_last_line_is_skipped_and_ended (Fixture *f, gconstpointer data)
{
  GStatBuf info;

  add (f, "a", 1);
  add (f, "a", 2);
  g_assert_cmpint (g_stat (f->path, &info), ==, 0);
  g_assert_cmpint (truncate (f->path, info.st_size - 20), ==, 0);
  assert_query (f, NULL, 10, "1");
  warnings_expect ("1 lines of the history * cannot be read, ignoring");
  add (f, "a", 3);
  assert_query (f, NULL, 10, "3 1");
}

static void
test_junk_is_skipped_and_kept (Fixture *f, gconstpointer data)
{
  static const char *const junk[] = {
    "hello\n",
    "\n\n",
    "[]\n",
    "{}\n",
    "7\n",
    "{\"version\":2,\"service\":\"a\",\"trigger\":\"file\",\"release\":99}\n",
    "{\"version\":1,\"service\":7,\"trigger\":\"file\",\"release\":99}\n",
    "{\"version\":\"1\",\"service\":\"a\",\"trigger\":\"file\"}\n",
  };
  g_autofree char *deep = g_strnfill (200000, '[');
  g_autofree char *text = NULL;
  GStatBuf before, after;

  add (f, "a", 1);
  for (gsize i = 0; i < G_N_ELEMENTS (junk); i++)
    append_bytes (f, junk[i], strlen (junk[i]));
  append_bytes (f, deep, strlen (deep));
  append_bytes (f, "\n\0\xff\x00\x1b\n\0\0\0\0", 10);
  g_assert_cmpint (g_stat (f->path, &before), ==, 0);
  add (f, "a", 2);
  assert_query (f, NULL, 10, "2 1");
  warnings_expect ("* lines of the history * cannot be read, ignoring");
  assert_query (f, "a", 10, "2 1");
  g_assert_cmpint (g_stat (f->path, &after), ==, 0);
  g_assert_cmpint (after.st_size, >, before.st_size);
}

static void
test_unknown_and_odd_members_do_no_harm (Fixture *f, gconstpointer data)
{
  const char *line = "{\"version\":1,\"service\":\"a\",\"trigger\":\"file\",\"release\":3,\"later\":{\"x\":[1]},"
                     "\"files\":[1,[2],null,{},\"f\"],\"phase\":7,\"error\":[],\"success\":\"yes\",\"timestamp\":-5}\n";
  g_autoptr (GPtrArray) entries = NULL;
  HrHistoryEntry *entry;

  append_bytes (f, line, strlen (line));
  entries = hr_history_query (f->history, "a", 10);
  g_assert_cmpuint (entries->len, ==, 1);
  entry = entries->pdata[0];
  g_assert_cmpuint (g_strv_length (entry->files), ==, 1);
  g_assert_cmpstr (entry->files[0], ==, "f");
  g_assert_null (entry->phase);
  g_assert_cmpint (entry->time_usec, ==, 0);
}

static void
test_lines_longer_than_a_piece (Fixture *f, gconstpointer data)
{
  g_autofree char *name = g_strnfill (3000, 'n');

  for (guint64 n = 1; n <= 3; n++)
    {
      g_autoptr (HrHistoryEntry) entry = hr_history_entry_new ();

      entry->service = g_strdup ("a");
      entry->trigger = g_strdup ("file");
      entry->release = n;
      entry->files = g_new0 (char *, HR_RELEASE_FILES_MAX + 1);
      for (int i = 0; i < HR_RELEASE_FILES_MAX; i++)
        entry->files[i] = g_strdup (name);
      g_assert_true (hr_history_append (f->history, entry, NULL));
      add (f, "b", n);
    }
  assert_query (f, "a", 10, "3 2 1");
  assert_query (f, "b", 10, "3 2 1");
}

static void
test_line_without_end_is_no_trap (Fixture *f, gconstpointer data)
{
  g_autofree char *junk = g_strnfill (5 * 1024 * 1024, 'x');

  add (f, "a", 1);
  append_bytes (f, junk, strlen (junk));
  add (f, "a", 2);
  assert_query (f, NULL, 10, "2 1");
  warnings_expect ("1 lines of the history * cannot be read, ignoring");
}

static void
test_large_file_is_rotated_and_still_read (Fixture *f, gconstpointer data)
{
  g_autofree char *older = g_strconcat (f->path, ".1", NULL);
  g_autofree char *line = g_strnfill (64 * 1024, ' ');
  GStatBuf info;

  line[strlen (line) - 1] = '\n';
  add (f, "a", 1);
  for (int i = 0; i < HR_HISTORY_SIZE_MAX / (64 * 1024); i++)
    append_bytes (f, line, 64 * 1024);
  add (f, "a", 2);
  add (f, "a", 3);
  g_assert_cmpint (g_stat (older, &info), ==, 0);
  g_assert_cmpint (g_stat (f->path, &info), ==, 0);
  g_assert_cmpint (info.st_size, <, 4096);
  assert_query (f, "a", 2, "3 2");
  assert_query (f, "a", 10, "3 2 1");
}

static void
test_what_is_no_file_is_set_aside (Fixture *f, gconstpointer data)
{
  for (int kind = 0; kind < 3; kind++)
    {
      if (kind == 0)
        g_assert_cmpint (mkfifo (f->path, 0600), ==, 0);
      else if (kind == 1)
        g_assert_cmpint (mkdir (f->path, 0700), ==, 0);
      else
        g_assert_cmpint (symlink (f->path, f->path), ==, 0);
      add (f, "a", 1);
      warnings_expect ("the history * cannot be used: *; set aside as *.broken*");
      assert_query (f, "a", 10, "1");
      g_assert_cmpint (g_unlink (f->path), ==, 0);
    }
}

static void
test_someone_elses_file_is_set_aside (Fixture *f, gconstpointer data)
{
  g_autofree char *aside = g_strconcat (f->path, ".broken", NULL);

  if (getuid () == 0)
    {
      g_test_skip ("not run here: root is never refused a file");
      return;
    }
  add (f, "a", 1);
  g_assert_cmpint (chmod (f->path, 0), ==, 0);
  assert_query (f, NULL, 10, "");
  warnings_expect ("the history * cannot be used: *; set aside as *.broken*");
  add (f, "a", 2);
  assert_query (f, NULL, 10, "2");
  g_assert_true (g_file_test (aside, G_FILE_TEST_EXISTS));
}

static void
test_read_only_directory_loses_nothing (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  if (getuid () == 0)
    {
      g_test_skip ("not run here: root is never refused a file");
      return;
    }
  g_assert_cmpint (chmod (f->dir, 0500), ==, 0);
  g_assert_false (append (f, "a", 1, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  g_assert_cmpint (chmod (f->dir, 0700), ==, 0);
  add (f, "a", 2);
  assert_query (f, NULL, 10, "2 1");
}

static void
test_full_disk_loses_nothing (Fixture *f, gconstpointer data)
{
  struct rlimit old, small;
  GStatBuf before, after;

  add (f, "a", 1);
  g_assert_cmpint (g_stat (f->path, &before), ==, 0);
  /* Stands for a full disk: the file can grow by a few bytes only. */
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &old), ==, 0);
  small = old;
  small.rlim_cur = (rlim_t)before.st_size + 10;
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  for (guint64 i = 2; i <= 3; i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (append (f, "a", i, &error));
      g_assert_cmpint (error->domain, ==, G_IO_ERROR);
    }
  g_assert_cmpint (g_stat (f->path, &after), ==, 0);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &old), ==, 0);
  g_assert_cmpint (after.st_size, ==, before.st_size);
  assert_query (f, "a", 10, "3 2 1");

  add (f, "a", 4);
  g_assert_finalize_object (f->history);
  f->history = hr_history_new (f->path);
  assert_query (f, "a", 10, "4 3 2 1");
}

#define ADD(path, func) g_test_add ("/history/" path, Fixture, NULL, setup, func, teardown)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  warnings_init ();
  ADD ("entry-comes-back-whole", test_entry_comes_back_whole);
  ADD ("long-errors-and-lists-are-cut", test_long_errors_and_lists_are_cut);
  ADD ("newest-first-by-service-and-limit", test_newest_first_by_service_and_limit);
  ADD ("next-daemon-goes-on", test_next_daemon_goes_on);
  ADD ("truncated-last-line-is-skipped-and-ended", test_truncated_last_line_is_skipped_and_ended);
  ADD ("junk-is-skipped-and-kept", test_junk_is_skipped_and_kept);
  ADD ("unknown-and-odd-members-do-no-harm", test_unknown_and_odd_members_do_no_harm);
  ADD ("lines-longer-than-a-piece", test_lines_longer_than_a_piece);
  ADD ("line-without-end-is-no-trap", test_line_without_end_is_no_trap);
  ADD ("large-file-is-rotated-and-still-read", test_large_file_is_rotated_and_still_read);
  ADD ("what-is-no-file-is-set-aside", test_what_is_no_file_is_set_aside);
  ADD ("someone-elses-file-is-set-aside", test_someone_elses_file_is_set_aside);
  ADD ("read-only-directory-loses-nothing", test_read_only_directory_loses_nothing);
  ADD ("full-disk-loses-nothing", test_full_disk_loses_nothing);
  return g_test_run ();
}
