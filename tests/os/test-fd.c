/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-fd.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static gboolean
is_open (int fd)
{
  return fcntl (fd, F_GETFD) >= 0;
}

static void
test_clear_closes_and_keeps_errno (void)
{
  int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC), number = fd;

  errno = ENOENT;
  hr_fd_clear (&fd);
  g_assert_cmpint (errno, ==, ENOENT);
  g_assert_cmpint (fd, ==, -1);
  g_assert_false (is_open (number));
  hr_fd_clear (&fd);
  g_assert_cmpint (fd, ==, -1);
}

static void
test_scope_closes_what_was_not_stolen (void)
{
  int stolen, closed;

  {
    g_auto (HrFd) a = open ("/dev/null", O_RDONLY | O_CLOEXEC);
    g_auto (HrFd) b = open ("/dev/null", O_RDONLY | O_CLOEXEC);

    closed = a;
    stolen = hr_fd_steal (&b);
    g_assert_cmpint (b, ==, -1);
  }
  g_assert_false (is_open (closed));
  g_assert_true (is_open (stolen));
  close (stolen);
}

static void
test_copy_stays_away_from_the_standard_streams (void)
{
  g_auto (HrFd) kept = dup (STDIN_FILENO);
  g_auto (HrFd) copy = -1;
  g_autoptr (GError) error = NULL;

  close (STDIN_FILENO);
  copy = hr_fd_dup (kept, &error);
  g_assert_cmpint (dup2 (kept, STDIN_FILENO), ==, STDIN_FILENO);
  g_assert_no_error (error);
  g_assert_cmpint (copy, >=, 3);
  g_assert_cmpint (fcntl (copy, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
  g_assert_cmpint (hr_fd_dup (-1, &error), ==, -1);
  g_assert_cmpint (error->domain, ==, G_IO_ERROR);
}

static gpointer
read_slowly (gpointer data)
{
  return hr_fd_read_all (GPOINTER_TO_INT (data), 8 * 1024 * 1024, NULL);
}

static void
test_all_is_written_and_read_through_a_pipe (void)
{
  gsize size = 4 * 1024 * 1024;
  g_autofree char *text = g_strnfill (size, 'x');
  g_autoptr (GBytes) back = NULL;
  g_autoptr (GError) error = NULL;
  GThread *reader;
  int ends[2];

  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  reader = g_thread_new ("reader", read_slowly, GINT_TO_POINTER (ends[0]));
  hr_fd_write_all (ends[1], text, size, &error);
  close (ends[1]);
  back = g_thread_join (reader);
  close (ends[0]);
  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (back, NULL), g_bytes_get_size (back), text, size);
}

static void
test_errors_are_told (void)
{
  g_autoptr (GError) write_error = NULL;
  g_autoptr (GError) read_error = NULL;
  g_autoptr (GError) limit_error = NULL;
  g_auto (HrFd) zero = open ("/dev/zero", O_RDONLY | O_CLOEXEC);
  int ends[2];

  signal (SIGPIPE, SIG_IGN);
  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  close (ends[0]);
  g_assert_false (hr_fd_write_all (ends[1], "x", 1, &write_error));
  g_assert_error (write_error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
  g_assert_null (hr_fd_read_all (ends[1], 1, &read_error));
  g_assert_cmpint (read_error->domain, ==, G_IO_ERROR);
  close (ends[1]);
  g_assert_null (hr_fd_read_all (zero, 100000, &limit_error));
  g_assert_error (limit_error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fd/clear-closes-and-keeps-errno", test_clear_closes_and_keeps_errno);
  g_test_add_func ("/fd/scope-closes-what-was-not-stolen", test_scope_closes_what_was_not_stolen);
  g_test_add_func ("/fd/copy-stays-away-from-the-standard-streams", test_copy_stays_away_from_the_standard_streams);
  g_test_add_func ("/fd/all-is-written-and-read-through-a-pipe", test_all_is_written_and_read_through_a_pipe);
  g_test_add_func ("/fd/errors-are-told", test_errors_are_told);
  return g_test_run ();
}
