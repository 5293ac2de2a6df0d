/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
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

static void
test_old_files_of_the_service_alone_are_removed (Fixture *f, gconstpointer data)
{
  g_autofree char *other = next (f, "web.api", "0");
  g_autofree char *prefix = next (f, "we", "0");

  for (int i = 0; i < 10; i++)
    {
      g_autofree char *instance = g_strdup_printf ("%d", i);
      g_autofree char *path = next (f, "web", instance);
    }
  for (int i = 0; i < 10; i++)
    {
      g_autofree char *name = g_strdup_printf ("web.%d.log", i);
      if (i < 10 - HR_LOG_FILES_KEPT - 1)
        wait_until_gone (f, name);
      else
        g_assert_true (exists (f, name));
    }
  g_assert_true (g_file_test (other, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (prefix, G_FILE_TEST_EXISTS));
  g_assert_true (exists (f, "web.api.log"));
}

static void
test_files_of_an_earlier_daemon_count (Fixture *f, gconstpointer data)
{
  g_autofree char *foreign = g_build_filename (f->dir, "notes.txt", NULL);

  g_assert_true (g_file_set_contents (foreign, "", -1, NULL));
  for (int i = 0; i < 10; i++)
    {
      g_autofree char *path = g_strdup_printf ("%s/web.%d.log", f->dir, i);
      struct timespec times[2] = { { .tv_sec = 1000 - i }, { .tv_sec = 1000 - i } };

      g_assert_true (g_file_set_contents (path, "", -1, NULL));
      g_assert_cmpint (utimensat (AT_FDCWD, path, times, 0), ==, 0);
    }
  hr_log_files_free (f->logs);
  f->logs = hr_log_files_new (f->dir);
  g_free (next (f, "web", "new"));
  for (int i = 0; i < 10; i++)
    {
      g_autofree char *name = g_strdup_printf ("web.%d.log", i);
      if (i >= HR_LOG_FILES_KEPT)
        wait_until_gone (f, name);
      else
        g_assert_true (exists (f, name));
    }
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
  g_autofree char *running = next (f, "web", "running");
  g_auto (HrFd) fd = open (running, O_WRONLY | O_APPEND | O_CLOEXEC);

  if (!has_leases (f))
    return;
  for (int i = 0; i < 10; i++)
    {
      g_autofree char *instance = g_strdup_printf ("%d", i);
      g_autofree char *path = next (f, "web", instance);
    }
  wait_until_gone (f, "web.5.log");
  g_assert_true (g_file_test (running, G_FILE_TEST_EXISTS));
  hr_fd_clear (&fd);
  g_free (next (f, "web", "last"));
  wait_until_gone (f, "web.running.log");
}

#define add(name, function) g_test_add ("/log-files/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("link-points-to-the-newest", test_link_points_to_the_newest);
  add ("old-files-of-the-service-alone-are-removed", test_old_files_of_the_service_alone_are_removed);
  add ("files-of-an-earlier-daemon-count", test_files_of_an_earlier_daemon_count);
  add ("file-in-use-is-never-removed", test_file_in_use_is_never_removed);
  return g_test_run ();
}
