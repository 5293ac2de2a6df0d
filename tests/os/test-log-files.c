/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-log-files.h"
#include "hr-log-keeper.h"

#define DEADLINE_USEC (30 * G_USEC_PER_SEC)

typedef struct {
  char *dir;
  HrLogFiles *logs;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->dir = g_dir_make_tmp ("hr-logs-XXXXXX", NULL);
  g_assert_nonnull (f->dir);
  f->logs = hr_log_files_new (f->dir);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  hr_log_files_free (f->logs);
  g_assert_true (hr_fs_remove_tree (f->dir, NULL));
  g_free (f->dir);
}

static char *
next (Fixture *f, const char *service, const char *instance)
{
  char *path = hr_log_files_next (f->logs, service, instance);

  g_assert_true (g_file_set_contents (path, instance, -1, NULL));
  return path;
}

static gboolean
exists (Fixture *f, const char *name)
{
  g_autofree char *path = g_build_filename (f->dir, name, NULL);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

/* What is removed is removed by a thread. */
static void
wait_until_gone (Fixture *f, const char *name)
{
  gint64 deadline = g_get_monotonic_time () + DEADLINE_USEC;

  while (exists (f, name) && g_get_monotonic_time () < deadline)
    g_usleep (1000);
  if (exists (f, name))
    g_assert_cmpstr (name, ==, "is removed");
}

static void
test_link_points_to_the_newest (Fixture *f, gconstpointer data)
{
  g_autofree char *link = g_build_filename (f->dir, "web.log", NULL);
  g_autofree char *first = next (f, "web", "aa-1");
  g_autofree char *second = next (f, "web", "bb-2");
  g_autofree char *target = g_file_read_link (link, NULL);
  g_autofree char *expected = g_build_filename (f->dir, "web.bb-2.log", NULL);

  g_assert_cmpstr (second, ==, expected);
  g_assert_cmpstr (target, ==, "web.bb-2.log");
  g_assert_true (g_file_test (first, G_FILE_TEST_EXISTS));
}

/* What a run that ended @ago seconds ago left. */
static void
write_run (Fixture *f, const char *service, const char *instance, const char *text, double ago)
{
  g_autofree char *path = hr_log_files_next (f->logs, service, instance);
  gint64 usec = g_get_real_time () - (gint64)(ago * G_USEC_PER_SEC);
  struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
                               { .tv_sec = usec / G_USEC_PER_SEC, .tv_nsec = usec % G_USEC_PER_SEC * 1000 } };
  g_auto (HrFd) fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

  g_assert_cmpint (write (fd, text, strlen (text)), ==, (gssize)strlen (text));
  g_assert_cmpint (futimens (fd, times), ==, 0);
}

static int
open_file (Fixture *f, const char *name)
{
  g_autofree char *path = g_build_filename (f->dir, name, NULL);

  return open (path, O_WRONLY | O_APPEND | O_CLOEXEC);
}

static guint
count_files (Fixture *f, const char *prefix)
{
  g_autoptr (GDir) dir = g_dir_open (f->dir, 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (dir)) != NULL)
    n += g_str_has_prefix (name, prefix) && g_str_has_suffix (name, ".log") ? 1 : 0;
  return n;
}

/* Runs that follow one another until now. Each waits for what goes, which then does not hang on how quick the thread is. */
static void
crash_loop (Fixture *f, guint n, double ago)
{
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *instance = g_strdup_printf ("1-crash-%u", i);
      gint64 deadline = g_get_monotonic_time () + DEADLINE_USEC;

      write_run (f, "web", instance, "crash\n", ago - i * ago / n);
      while (count_files (f, "web.1-") > HR_LOG_FILES_MAX && g_get_monotonic_time () < deadline)
        g_usleep (1000);
    }
}

static void
test_crash_loop_leaves_what_was_before_it (Fixture *f, gconstpointer data)
{
  hr_log_files_limit (f->logs, "web", 4096);
  write_run (f, "we", "0", "other\n", 9000);
  write_run (f, "web.api", "0", "other\n", 9000);
  write_run (f, "web", "1-first", "began\n", 7000);
  write_run (f, "web", "1-important", "why\n", 300);
  crash_loop (f, 3 * HR_LOG_FILES_MAX, 290);
  g_assert_cmpuint (count_files (f, "web.1-"), <=, HR_LOG_FILES_MAX);
  g_assert_cmpuint (count_files (f, "web.1-"), >=, HR_LOG_FILES_MAX - 1);
  g_assert_true (exists (f, "web.1-first.log"));
  g_assert_true (exists (f, "web.1-important.log"));
  /* The newest are of the most use. */
  for (guint i = 1; i <= 4; i++)
    {
      g_autofree char *name = g_strdup_printf ("web.1-crash-%u.log", 3 * HR_LOG_FILES_MAX - i);

      g_assert_true (exists (f, name));
    }
  g_assert_true (exists (f, "we.0.log"));
  g_assert_true (exists (f, "web.api.0.log"));
}

/* Those of which LogMax left nothing go with the next start. */
static void
test_the_oldest_goes_by_the_limit (Fixture *f, gconstpointer data)
{
  g_autofree char *large = g_strnfill (3000, 'x');

  large[2999] = '\n';
  hr_log_files_limit (f->logs, "web", 4096);
  write_run (f, "web", "1", large, 40);
  write_run (f, "web", "2", large, 30);
  write_run (f, "web", "3", large, 20);
  write_run (f, "web", "4", "small\n", 10);
  g_free (next (f, "web", "5"));
  wait_until_gone (f, "web.1.log");
  g_assert_false (exists (f, "web.1.times"));
  g_assert_true (exists (f, "web.3.log"));
  g_assert_true (exists (f, "web.4.log"));
}

static void
test_files_of_an_earlier_daemon_count (Fixture *f, gconstpointer data)
{
  const int n = HR_LOG_FILES_MAX + 6;
  g_autofree char *foreign = g_build_filename (f->dir, "notes.txt", NULL);
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;

  g_assert_true (g_file_set_contents (foreign, "", -1, NULL));
  for (int i = 0; i < n; i++)
    {
      g_autofree char *path = g_strdup_printf ("%s/web.%d.log", f->dir, i);
      /* Six of them in the midst of the others, a second apart. */
      gint64 time = now - (i >= n - 6 ? 5000 + i : 100 * (n - i));
      struct timespec times[2] = { { .tv_sec = time }, { .tv_sec = time } };

      g_assert_true (g_file_set_contents (path, "", -1, NULL));
      g_assert_cmpint (utimensat (AT_FDCWD, path, times, 0), ==, 0);
    }
  hr_log_files_free (f->logs);
  f->logs = hr_log_files_new (f->dir);
  g_free (next (f, "web", "new"));
  for (int i = n - 6; i < n; i++)
    {
      g_autofree char *name = g_strdup_printf ("web.%d.log", i);

      wait_until_gone (f, name);
    }
  for (int i = 2; i < n - 6; i++)
    {
      g_autofree char *name = g_strdup_printf ("web.%d.log", i);

      g_assert_true (exists (f, name));
    }
  g_assert_true (exists (f, "web.0.log"));
  g_assert_true (exists (f, "notes.txt"));
}

static gboolean
has_leases (Fixture *f)
{
  g_autofree char *path = g_build_filename (f->dir, "lease", NULL);
  g_auto (HrFd) fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

  if (fcntl (fd, F_SETLEASE, F_WRLCK) == 0)
    return TRUE;
  g_test_skip_printf ("not run here: no leases on '%s': %s", f->dir, g_strerror (errno));
  return FALSE;
}

static void
test_file_in_use_is_never_removed (Fixture *f, gconstpointer data)
{
  g_auto (HrFd) fd = -1;

  if (!has_leases (f))
    return;
  write_run (f, "web", "1-first", "began\n", 5000);
  write_run (f, "web", "1-running", "runs\n", 4999);
  write_run (f, "web", "1-next", "runs\n", 4998);
  fd = open_file (f, "web.1-running.log");
  crash_loop (f, HR_LOG_FILES_MAX + 5, 1000);
  g_assert_true (exists (f, "web.1-running.log"));
  hr_fd_clear (&fd);
  g_free (next (f, "web", "2-last"));
  wait_until_gone (f, "web.1-running.log");
}

#define add(name, function) g_test_add ("/log-files/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("link-points-to-the-newest", test_link_points_to_the_newest);
  add ("crash-loop-leaves-what-was-before-it", test_crash_loop_leaves_what_was_before_it);
  add ("the-oldest-goes-by-the-limit", test_the_oldest_goes_by_the_limit);
  add ("files-of-an-earlier-daemon-count", test_files_of_an_earlier_daemon_count);
  add ("file-in-use-is-never-removed", test_file_in_use_is_never_removed);
  return g_test_run ();
}
