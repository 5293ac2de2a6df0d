/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <gio/gio.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-log-times.h"
#include "hr-names.h"

#define LOG "web.7-aa.log"

typedef struct {
  char *dir;
  HrFd fd;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->dir = g_dir_make_tmp ("hr-times-XXXXXX", NULL);
  f->fd = open (f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_assert_cmpint (f->fd, >=, 0);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  hr_fd_clear (&f->fd);
  g_assert_true (hr_fs_remove_tree (f->dir, NULL));
  g_free (f->dir);
}

static char *
read_all (Fixture *f, gsize *length)
{
  g_autofree char *path = g_build_filename (f->dir, "web.7-aa.times", NULL);
  char *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, length, NULL));
  return text;
}

static void
add_mark (Fixture *f, gint64 time, guint64 offset, guint64 head)
{
  g_autoptr (GError) error = NULL;

  hr_log_times_add (f->fd, LOG, time, offset, head, &error);
  g_assert_no_error (error);
}

static void
test_form_is_what_readers_expect (Fixture *f, gconstpointer data)
{
  g_autofree char *text = NULL;
  gsize length;

  g_assert_cmpuint (hr_log_times_last (f->fd, LOG), ==, 0);
  add_mark (f, 0x1234, 0xab, 0);
  add_mark (f, 0x1235, G_GUINT64_CONSTANT (0x123456789abcdef0), 0);
  text = read_all (f, &length);
  g_assert_cmpstr (text, ==, "0000000000001234 00000000000000ab\n0000000000001235 123456789abcdef0\n");
  g_assert_cmpuint (length, ==, 2 * HR_LOG_TIMES_LINE);
  g_assert_cmpuint (hr_log_times_last (f->fd, LOG), ==, G_GUINT64_CONSTANT (0x123456789abcdef0));
  hr_log_times_remove (f->fd, LOG);
  g_assert_cmpuint (hr_log_times_last (f->fd, LOG), ==, 0);
}

/* A mark a second, for some hours. */
static void
test_size_is_bounded_and_old_times_are_less_exact (Fixture *f, gconstpointer data)
{
  const guint n = 4 * HR_LOG_TIMES_MAX;
  const guint head = n / 8;
  g_autofree char *text = NULL;
  gsize length;
  guint64 last = head;

  for (guint i = 1; i <= n; i++)
    add_mark (f, i * G_GINT64_CONSTANT (1000000), i, head);
  text = read_all (f, &length);
  g_assert_cmpuint (length, <=, (HR_LOG_TIMES_MAX + 1) * HR_LOG_TIMES_LINE);
  g_assert_cmpuint (length % HR_LOG_TIMES_LINE, ==, 0);
  for (gsize at = 0; at < length; at += HR_LOG_TIMES_LINE)
    {
      guint64 time, offset;

      g_assert_cmpint (sscanf (text + at, "%" SCNx64 " %" SCNx64, &time, &offset), ==, 2);
      g_assert_cmpuint (time, ==, offset * G_USEC_PER_SEC);
      g_assert_cmpuint (offset, >, last);
      g_assert_cmpuint (offset - last, <=, 1 + 2 * (n - last) / HR_LOG_TIMES_PRECISION);
      last = offset;
    }
  g_assert_cmpuint (last, ==, n);
}

/* Also where none is old enough to be left out. */
static void
test_size_is_bounded_by_all_means (Fixture *f, gconstpointer data)
{
  g_autofree char *text = NULL;
  gsize length;

  for (guint i = 1; i <= 3 * HR_LOG_TIMES_MAX; i++)
    add_mark (f, 1000 - i, i, 0);
  text = read_all (f, &length);
  g_assert_cmpuint (length, <=, (HR_LOG_TIMES_MAX + 1) * HR_LOG_TIMES_LINE);
  g_assert_cmpuint (hr_log_times_last (f->fd, LOG), ==, 3 * HR_LOG_TIMES_MAX);
}

static void
test_line_that_was_not_finished_is_left_out (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->dir, "web.7-aa.times", NULL);
  g_autofree char *text = NULL;
  gsize length;

  g_assert_true (g_file_set_contents (path, "0000000000000001 0000000000000002\n00000000000", -1, NULL));
  g_assert_cmpuint (hr_log_times_last (f->fd, LOG), ==, 2);
  add_mark (f, 3, 4, 0);
  text = read_all (f, &length);
  g_assert_cmpstr (text, ==, "0000000000000001 0000000000000002\n0000000000000003 0000000000000004\n");
}

static void
test_failure_names_the_file (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->dir, "web.7-aa.times", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  g_assert_false (hr_log_times_add (f->fd, LOG, 1, 1, 0, &error));
  g_assert_nonnull (strstr (error->message, "web.7-aa.times"));
  g_assert_cmpuint (hr_log_times_last (f->fd, LOG), ==, 0);
}

#define add(name, function) g_test_add ("/log-times/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("form-is-what-readers-expect", test_form_is_what_readers_expect);
  add ("size-is-bounded-and-old-times-are-less-exact", test_size_is_bounded_and_old_times_are_less_exact);
  add ("size-is-bounded-by-all-means", test_size_is_bounded_by_all_means);
  add ("line-that-was-not-finished-is-left-out", test_line_that_was_not_finished_is_left_out);
  add ("failure-names-the-file", test_failure_names_the_file);
  return g_test_run ();
}
