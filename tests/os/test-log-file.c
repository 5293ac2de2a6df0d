/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <gio/gio.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-log-file.h"

#define LINE 64
#define LINES 16384

typedef struct {
  char *dir;
  HrFd dir_fd;
  HrFd fd;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autofree char *path = NULL;

  f->dir = g_dir_make_tmp ("hr-log-XXXXXX", NULL);
  path = g_build_filename (f->dir, "log", NULL);
  f->dir_fd = open (f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  f->fd = open (path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  g_assert_cmpint (f->fd, >=, 0);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  hr_fd_clear (&f->fd);
  hr_fd_clear (&f->dir_fd);
  g_assert_true (hr_fs_remove_tree (f->dir, NULL));
  g_free (f->dir);
}

/* Numbered lines of LINE bytes each, a mebibyte. */
static void
write_lines (Fixture *f)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < LINES; i++)
    g_string_append_printf (text, "%0*u\n", LINE - 1, i);
  g_assert_cmpint (write (f->fd, text->str, text->len), ==, LINE * LINES);
}

static guint64
blocks (Fixture *f)
{
  struct stat info;

  g_assert_cmpint (fstat (f->fd, &info), ==, 0);
  return (guint64)info.st_blocks * 512;
}

static void
test_head_is_freed_by_lines (Fixture *f, gconstpointer data)
{
  const guint64 size = LINE * LINES;
  guint64 head = 0;
  char line[LINE + 1] = "";
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  gsize length;

  write_lines (f);
  g_assert_true (hr_log_file_cut (f->fd, size, 300000, &head, &error));
  g_assert_no_error (error);
  /* The line in which the last 300000 bytes begin stays whole. */
  g_assert_cmpuint (head % LINE, ==, 0);
  g_assert_cmpuint (size - head, >=, 300000);
  g_assert_cmpuint (size - head, <, 300000 + LINE);
  g_assert_cmpint (pread (f->fd, line, LINE, (off_t)head), ==, LINE);
  g_assert_cmpuint (g_ascii_strtoull (line, NULL, 10), ==, head / LINE);
  g_assert_cmpuint (blocks (f), <=, 300000 + 8192);
  /* Nothing moved, nothing else is gone. */
  text = g_malloc (size);
  length = (gsize)pread (f->fd, text, size, 0);
  g_assert_cmpuint (length, ==, size);
  for (gsize i = 0; i < head; i++)
    g_assert_cmpint (text[i], ==, 0);
  for (guint64 i = head; i < size; i += LINE)
    g_assert_cmpuint (g_ascii_strtoull (text + i, NULL, 10), ==, i / LINE);
  /* A second time frees what was added since, and reaches back to what the first left of a block. */
  write_lines (f);
  g_assert_true (hr_log_file_cut (f->fd, 2 * size, 300000, &head, &error));
  g_assert_cmpuint (2 * size - head, <, 300000 + LINE);
  g_assert_cmpuint (blocks (f), <=, 300000 + 8192);
  g_assert_cmpuint (hr_log_file_head (f->fd, 2 * size), >, head - 65536);
  g_assert_cmpuint (hr_log_file_head (f->fd, 2 * size), <=, head);
}

static void
test_what_is_to_be_kept_is_kept (Fixture *f, gconstpointer data)
{
  const guint64 size = LINE * LINES;
  guint64 head = 0;

  write_lines (f);
  g_assert_true (hr_log_file_cut (f->fd, size, size, &head, NULL));
  g_assert_cmpuint (head, ==, 0);
  g_assert_true (hr_log_file_cut (f->fd, size, size - 1, &head, NULL));
  g_assert_cmpuint (head, ==, 0);
  g_assert_true (hr_log_file_cut (f->fd, size, 1000, &head, NULL));
  g_assert_cmpuint (head, ==, (size - 1000) / LINE * LINE);
  /* What is gone does not come back. */
  g_assert_true (hr_log_file_cut (f->fd, size, 300000, &head, NULL));
  g_assert_cmpuint (head, ==, (size - 1000) / LINE * LINE);
}

static void
test_everything_goes_where_nothing_is_kept (Fixture *f, gconstpointer data)
{
  const guint64 size = LINE * LINES;
  guint64 head = 0;

  write_lines (f);
  g_assert_true (hr_log_file_cut (f->fd, size, 0, &head, NULL));
  g_assert_cmpuint (head, ==, size);
  g_assert_cmpuint (blocks (f), <=, 4096);
}

static void
test_line_without_end_is_cut (Fixture *f, gconstpointer data)
{
  g_autofree char *text = g_malloc (1 << 20);
  guint64 head = 0;

  memset (text, 'x', 1 << 20);
  g_assert_cmpint (write (f->fd, text, 1 << 20), ==, 1 << 20);
  g_assert_true (hr_log_file_cut (f->fd, 1 << 20, 100000, &head, NULL));
  g_assert_cmpuint (head, ==, (1 << 20) - 100000);
}

static void
test_failure_says_why_and_changes_nothing (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->dir, "log", NULL);
  g_auto (HrFd) fd = open (path, O_RDONLY | O_CLOEXEC);
  g_autoptr (GError) error = NULL;
  guint64 head = 0;

  write_lines (f);
  g_assert_false (hr_log_file_cut (fd, LINE * LINES, 1000, &head, &error));
  g_assert_nonnull (error);
  g_assert_cmpuint (head, ==, 0);
}

static void
test_open_files_are_known (Fixture *f, gconstpointer data)
{
  if (!hr_log_file_is_open (f->dir_fd, "log"))
    {
      g_test_skip_printf ("not run here: no leases on '%s'", f->dir);
      return;
    }
  hr_fd_clear (&f->fd);
  g_assert_false (hr_log_file_is_open (f->dir_fd, "log"));
  g_assert_false (hr_log_file_is_open (f->dir_fd, "missing"));
}

#define add(name, function) g_test_add ("/log-file/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("head-is-freed-by-lines", test_head_is_freed_by_lines);
  add ("what-is-to-be-kept-is-kept", test_what_is_to_be_kept_is_kept);
  add ("everything-goes-where-nothing-is-kept", test_everything_goes_where_nothing_is_kept);
  add ("line-without-end-is-cut", test_line_without_end_is_cut);
  add ("failure-says-why-and-changes-nothing", test_failure_says_why_and_changes_nothing);
  add ("open-files-are-known", test_open_files_are_known);
  return g_test_run ();
}
