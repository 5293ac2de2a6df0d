/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-log-keeper.h"
#include "warnings.h"

/* What is written while it looks comes to what it keeps, LogMax at most. */
#define BOUND (2 * 64 * KIB + 8 * KIB)
#define DEADLINE_USEC (30 * G_USEC_PER_SEC)
#define KIB 1024
#define MIB (1024 * KIB)
/* What a file system needs besides: blocks of the head and the tail, of extents. */
#define BLOCKS (128 * KIB)

typedef struct {
  char *dir;
  HrLogKeeper *keeper;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->dir = g_dir_make_tmp ("hr-keeper-XXXXXX", NULL);
  f->keeper = hr_log_keeper_new (f->dir);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  hr_log_keeper_free (f->keeper);
  g_assert_true (hr_fs_remove_tree (f->dir, NULL));
  g_free (f->dir);
}

static int
open_log (Fixture *f, const char *name)
{
  g_autofree char *path = g_build_filename (f->dir, name, NULL);
  int fd = open (path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

  g_assert_cmpint (fd, >=, 0);
  return fd;
}

static guint64
blocks (Fixture *f, const char *name)
{
  g_autofree char *path = g_build_filename (f->dir, name, NULL);
  struct stat info;

  return stat (path, &info) == 0 ? (guint64)info.st_blocks * 512 : 0;
}

static void
write_bytes (int fd, gsize n)
{
  g_autofree char *text = g_malloc (n);

  memset (text, 'x', n);
  for (gsize i = 63; i < n; i += 64)
    text[i] = '\n';
  g_assert_cmpint (write (fd, text, n), ==, (gssize)n);
}

static void
wait_for_at_most (Fixture *f, const char *name, guint64 size)
{
  gint64 deadline = g_get_monotonic_time () + DEADLINE_USEC;

  while (blocks (f, name) > size && g_get_monotonic_time () < deadline)
    g_usleep (2000);
  g_assert_cmpuint (blocks (f, name), <=, size);
}

static void
wait_for_times (Fixture *f, const char *name, gsize lines)
{
  g_autofree char *path = g_build_filename (f->dir, name, NULL);
  gint64 deadline = g_get_monotonic_time () + DEADLINE_USEC;
  struct stat info = { 0 };

  while ((stat (path, &info) != 0 || (gsize)info.st_size < lines * 34) && g_get_monotonic_time () < deadline)
    g_usleep (2000);
  g_assert_cmpint (info.st_size, >=, (gssize)lines * 34);
}

/* Numbered lines as quickly as it can, as a program does that has an O_APPEND descriptor. */
static void
write_numbers (int fd, guint n)
{
  char text[16 * KIB];
  gsize length = 0;

  for (guint i = 0; i < n; i++)
    {
      length += (gsize)g_snprintf (text + length, sizeof text - length, "%u of a line\n", i);
      if (length < sizeof text - 64 && i % 100 != 0 && i + 1 < n)
        continue;
      if (write (fd, text, length) != (ssize_t)length)
        _exit (1);
      length = 0;
    }
  _exit (0);
}

/* What is in it, from its first byte that is not in a hole; @size: where it ends. A cut while it is read leaves zeros in
 * the middle: then it is read anew. */
static char *
read_lines (int fd, off_t *size)
{
  gint64 deadline = g_get_monotonic_time () + DEADLINE_USEC;

  for (;;)
    {
      off_t end = lseek (fd, 0, SEEK_END), data = lseek (fd, 0, SEEK_DATA);
      g_autofree char *text = g_malloc ((gsize)(end - data) + 1);
      char *at = text;

      g_assert_cmpint (pread (fd, text, (gsize)(end - data), data), ==, end - data);
      text[end - data] = '\0';
      while (at < text + (end - data) && *at == '\0')
        at++;
      *size = (off_t)strlen (at);
      if (at + *size == text + (end - data))
        return g_strdup (at);
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_usleep (2000);
    }
}

/* Returns how many bytes there are of them. */
static gsize
assert_numbers_up_to (int fd, guint n)
{
  off_t content;
  g_autofree char *text = read_lines (fd, &content);
  char *at = text;
  guint64 expected;

  expected = g_ascii_strtoull (at, NULL, 10);
  for (; *at != '\0'; expected++)
    {
      char *end;

      g_assert_cmpuint (g_ascii_strtoull (at, &end, 10), ==, expected);
      g_assert_true (g_str_has_prefix (end, " of a line\n"));
      at = end + strlen (" of a line\n");
    }
  g_assert_cmpint (at - text, ==, content);
  g_assert_cmpuint (expected, ==, n);
  return (gsize)content;
}

/* As if the kernel had let go of them: that of one that fires goes a moment after it was told of, and takes one with it that
 * was asked for in between. */
static void
lose_watches (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/proc/self/fd", name, NULL);
      g_autofree char *target = g_file_read_link (path, NULL);

      for (int watch = 1; g_strcmp0 (target, "anon_inode:inotify") == 0 && watch < 100; watch++)
        inotify_rm_watch (atoi (name), watch);
    }
}

static void
test_bound_is_kept_where_a_watch_is_lost (Fixture *f, gconstpointer data)
{
  g_auto (HrFd) fd = open_log (f, "web.1-a.log");

  hr_log_keeper_limit (f->keeper, "web", MIB);
  hr_log_keeper_starts (f->keeper, "web", "web.1-a.log");
  for (gsize times = 1; times <= 3; times++)
    {
      write_bytes (fd, 128);
      wait_for_times (f, "web.1-a.times", times);
      lose_watches ();
      for (guint i = 0; i < 8; i++)
        write_bytes (fd, MIB);
      wait_for_at_most (f, "web.1-a.log", 2 * MIB + BLOCKS);
    }
}

/* A flood over many rotations: nothing of the end is lost or doubled, and the disk keeps within the bound meanwhile. */
static void
test_flood_loses_no_line_and_keeps_the_bound (Fixture *f, gconstpointer data)
{
  const guint n = 3000000;
  const guint64 max = 2 * MIB;
  g_auto (HrFd) fd = open_log (f, "web.1-a.log");
  guint64 most = 0;
  guint looks = 0, beyond = 0;
  gsize content;
  pid_t pid;
  int status, begin[2];
  char byte;

  /* Before the keeper's thread has anything at hand that nobody would have any more in the child. */
  g_assert_cmpint (pipe2 (begin, O_CLOEXEC), ==, 0);
  pid = fork ();
  if (pid == 0)
    {
      close (begin[1]);
      if (read (begin[0], &byte, 1) == 0)
        write_numbers (fd, n);
      _exit (1);
    }
  close (begin[0]);
  hr_log_keeper_limit (f->keeper, "web", max);
  hr_log_keeper_starts (f->keeper, "web", "web.1-a.log");
  close (begin[1]);
  while (waitpid (pid, &status, WNOHANG) == 0)
    {
      guint64 now = blocks (f, "web.1-a.log");

      most = MAX (most, now);
      beyond += now > 2 * max + BLOCKS ? 1 : 0;
      looks++;
      g_usleep (500);
    }
  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
  wait_for_at_most (f, "web.1-a.log", 2 * max + BLOCKS);
  content = assert_numbers_up_to (fd, n);
  g_test_message ("%" G_GUINT64_FORMAT " bytes at most, %" G_GSIZE_FORMAT " kept of %" G_GINT64_FORMAT, most, content,
                  (gint64)lseek (fd, 0, SEEK_END));
  g_assert_cmpuint (content, >=, max);
  g_assert_cmpint (lseek (fd, 0, SEEK_END), >, 20 * (gint64)max);
  g_test_message ("%u of %u times beyond the bound", beyond, looks);
  /* A machine that is busy with other things looks later now and then: a flood without bound would be all of it. */
  g_assert_cmpuint (beyond, <=, looks / 2);
  g_assert_cmpuint (most, <=, (guint64)lseek (fd, 0, SEEK_END) / 2);
}

static void
test_what_is_there_is_cut_when_the_limit_comes (Fixture *f, gconstpointer data)
{
  g_auto (HrFd) fd = open_log (f, "web.1-a.log");

  write_bytes (fd, MIB);
  hr_log_keeper_starts (f->keeper, "web", "web.1-a.log");
  wait_for_times (f, "web.1-a.times", 1);
  g_assert_cmpuint (blocks (f, "web.1-a.log"), >=, MIB);
  hr_log_keeper_limit (f->keeper, "web", 64 * KIB);
  wait_for_at_most (f, "web.1-a.log", 64 * KIB + 8 * KIB);
}

/* By a daemon that is new: its instance runs on. */
static void
test_log_of_an_earlier_daemon_is_kept_small (Fixture *f, gconstpointer data)
{
  g_auto (HrFd) fd = open_log (f, "web.1-a.log");

  write_bytes (fd, MIB);
  hr_log_keeper_found (f->keeper, "web", "web.1-a.log");
  hr_log_keeper_limit (f->keeper, "web", 64 * KIB);
  wait_for_at_most (f, "web.1-a.log", 64 * KIB + 8 * KIB);
  write_bytes (fd, MIB);
  wait_for_at_most (f, "web.1-a.log", BOUND);
}

static void
test_no_limit_cuts_nothing (Fixture *f, gconstpointer data)
{
  g_auto (HrFd) fd = open_log (f, "web.1-a.log");

  hr_log_keeper_limit (f->keeper, "web", 0);
  hr_log_keeper_starts (f->keeper, "web", "web.1-a.log");
  write_bytes (fd, 40 * MIB);
  wait_for_times (f, "web.1-a.times", 1);
  g_assert_cmpuint (blocks (f, "web.1-a.log"), >=, 40 * MIB);
}

static void
test_what_ended_instances_left_goes_first (Fixture *f, gconstpointer data)
{
  g_auto (HrFd) old = open_log (f, "web.1-a.log");
  g_auto (HrFd) fd = -1;
  g_autofree char *path = g_build_filename (f->dir, "web.1-a.log", NULL);
  struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
  struct stat info = { 0 };
  gint64 deadline;

  hr_log_keeper_limit (f->keeper, "web", MIB);
  hr_log_keeper_starts (f->keeper, "web", "web.1-a.log");
  write_bytes (old, 1400 * KIB);
  g_assert_cmpint (futimens (old, times), ==, 0);
  hr_fd_clear (&old);
  fd = open_log (f, "web.2-b.log");
  hr_log_keeper_starts (f->keeper, "web", "web.2-b.log");
  write_bytes (fd, 100 * KIB);
  wait_for_times (f, "web.2-b.times", 1);
  g_assert_cmpuint (blocks (f, "web.1-a.log"), >=, 1400 * KIB);
  write_bytes (fd, 700 * KIB);
  wait_for_at_most (f, "web.1-a.log", 240 * KIB);
  g_assert_cmpuint (blocks (f, "web.1-a.log"), >=, 224 * KIB);
  g_assert_cmpuint (blocks (f, "web.2-b.log"), >=, 800 * KIB);
  /* Its time says when it was written, not when it was cut. */
  deadline = g_get_monotonic_time () + DEADLINE_USEC;
  while ((stat (path, &info) != 0 || info.st_mtim.tv_sec != 1000) && g_get_monotonic_time () < deadline)
    g_usleep (2000);
  g_assert_cmpint (info.st_mtim.tv_sec, ==, 1000);
  write_bytes (fd, 2000 * KIB);
  wait_for_at_most (f, "web.1-a.log", 8 * KIB);
  g_assert_cmpuint (blocks (f, "web.2-b.log"), >=, 1024 * KIB);
}

/* Several instances have a limit each, since none may be silenced by another. */
static void
test_open_logs_are_not_cut_for_others (Fixture *f, gconstpointer data)
{
  g_auto (HrFd) one = open_log (f, "web.1-a.log");
  g_auto (HrFd) other = open_log (f, "web.1-b.log");

  hr_log_keeper_limit (f->keeper, "web", MIB);
  hr_log_keeper_starts (f->keeper, "web", "web.1-a.log");
  hr_log_keeper_starts (f->keeper, "web", "web.1-b.log");
  write_bytes (one, 1500 * KIB);
  write_bytes (other, 1500 * KIB);
  wait_for_times (f, "web.1-b.times", 1);
  wait_for_times (f, "web.1-a.times", 1);
  write_bytes (other, 700 * KIB);
  wait_for_at_most (f, "web.1-b.log", 1200 * KIB);
  g_assert_cmpuint (blocks (f, "web.1-a.log"), >=, 1500 * KIB);
}

static void
test_emptied_log_begins_anew (Fixture *f, gconstpointer data)
{
  g_auto (HrFd) fd = open_log (f, "web.1-a.log");

  hr_log_keeper_limit (f->keeper, "web", 64 * KIB);
  hr_log_keeper_starts (f->keeper, "web", "web.1-a.log");
  write_bytes (fd, MIB);
  wait_for_at_most (f, "web.1-a.log", BOUND);
  g_assert_cmpint (ftruncate (fd, 0), ==, 0);
  write_bytes (fd, 16 * KIB);
  wait_for_times (f, "web.1-a.times", 1);
  g_assert_cmpuint (blocks (f, "web.1-a.log"), ==, 16 * KIB);
  write_bytes (fd, MIB);
  wait_for_at_most (f, "web.1-a.log", BOUND);
}

/* How often the keeper's thread went to sleep. */
static guint64
wake_ups (void)
{
  g_autoptr (GDir) tasks = g_dir_open ("/proc/self/task", 0, NULL);
  const char *task;

  while ((task = g_dir_read_name (tasks)) != NULL)
    {
      g_autofree char *name_path = g_strdup_printf ("/proc/self/task/%s/comm", task);
      g_autofree char *path = g_strdup_printf ("/proc/self/task/%s/status", task);
      g_autofree char *name = NULL;
      g_autofree char *text = NULL;

      if (g_file_get_contents (name_path, &name, NULL, NULL) && g_str_equal (name, "hr-logs\n")
          && g_file_get_contents (path, &text, NULL, NULL))
        return g_ascii_strtoull (strstr (text, "voluntary_ctxt_switches:") + strlen ("voluntary_ctxt_switches:"), NULL,
                                 10);
    }
  g_assert_not_reached ();
}

static void
test_nothing_happens_while_nothing_is_written (Fixture *f, gconstpointer data)
{
  HrFd fds[50];
  guint64 before;

  hr_log_keeper_limit (f->keeper, "web", MIB);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      g_autofree char *name = g_strdup_printf ("web.1-%u.log", i);
      g_autofree char *times = g_strdup_printf ("web.1-%u.times", i);

      fds[i] = open_log (f, name);
      hr_log_keeper_starts (f->keeper, "web", name);
      write_bytes (fds[i], 640);
      wait_for_times (f, times, 1);
    }
  /* What was noted is noted by the last look or by one after it. */
  g_usleep (2 * HR_LOG_LOOK_MAX_USEC);
  before = wake_ups ();
  g_usleep (G_USEC_PER_SEC / 2);
  g_assert_cmpuint (wake_ups (), ==, before);
  write_bytes (fds[7], 640);
  wait_for_times (f, "web.1-7.times", 2);
  g_assert_cmpuint (wake_ups (), >, before);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    hr_fd_clear (&fds[i]);
}

/* ramfs cannot punch holes; in namespaces of its own everybody may have one. */
static gboolean
mount_ramfs (const char *dir)
{
  g_autofree char *uids = g_strdup_printf ("%d %d 1", (int)geteuid (), (int)geteuid ());

  if (unshare (CLONE_NEWNS) == 0 && mount ("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0)
    return mount ("none", dir, "ramfs", 0, NULL) == 0;
  if (unshare (CLONE_NEWUSER | CLONE_NEWNS) != 0)
    return FALSE;
  return g_file_set_contents_full ("/proc/self/uid_map", uids, -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL)
         && mount ("none", dir, "ramfs", 0, NULL) == 0;
}

/* In a process of its own, which is told by its exit status. */
static void
run_without_holes (void)
{
  Fixture f = { .dir = g_dir_make_tmp ("hr-ramfs-XXXXXX", NULL) };

  if (!mount_ramfs (f.dir))
    {
      g_rmdir (f.dir);
      _exit (77);
    }
  warnings_init ();
  f.keeper = hr_log_keeper_new (f.dir);
  hr_log_keeper_limit (f.keeper, "web", 64 * KIB);
  for (guint i = 0; i < 3; i++)
    {
      g_autofree char *name = g_strdup_printf ("web.%u-a.log", i);
      g_autofree char *times = g_strdup_printf ("web.%u-a.times", i);
      g_auto (HrFd) fd = open_log (&f, name);
      struct stat info;

      hr_log_keeper_starts (f.keeper, "web", name);
      write_bytes (fd, MIB);
      wait_for_times (&f, times, 1);
      /* It is not copied and truncated: that would lose lines. */
      g_assert_cmpint (fstat (fd, &info), ==, 0);
      g_assert_cmpint (info.st_size, ==, MIB);
    }
  hr_log_keeper_free (f.keeper);
  warnings_expect ("LogMax: the file system of '*' cannot free the beginning of a file (*): a log grows until *");
  warnings_expect_none ();
  umount2 (f.dir, MNT_DETACH);
  g_rmdir (f.dir);
  _exit (0);
}

static void
test_file_system_without_holes_is_said_once (void)
{
  pid_t pid = fork ();
  int status;

  if (pid == 0)
    run_without_holes ();
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status));
  if (WEXITSTATUS (status) == 77)
    g_test_skip ("not run here: no ramfs in a mount namespace of its own");
  else
    g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

#define add(name, function) g_test_add ("/log-keeper/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* First, while there is no thread. */
  g_test_add_func ("/log-keeper/file-system-without-holes-is-said-once", test_file_system_without_holes_is_said_once);
  add ("flood-loses-no-line-and-keeps-the-bound", test_flood_loses_no_line_and_keeps_the_bound);
  add ("bound-is-kept-where-a-watch-is-lost", test_bound_is_kept_where_a_watch_is_lost);
  add ("what-is-there-is-cut-when-the-limit-comes", test_what_is_there_is_cut_when_the_limit_comes);
  add ("log-of-an-earlier-daemon-is-kept-small", test_log_of_an_earlier_daemon_is_kept_small);
  add ("no-limit-cuts-nothing", test_no_limit_cuts_nothing);
  add ("what-ended-instances-left-goes-first", test_what_ended_instances_left_goes_first);
  add ("open-logs-are-not-cut-for-others", test_open_logs_are_not_cut_for_others);
  add ("emptied-log-begins-anew", test_emptied_log_begins_anew);
  add ("nothing-happens-while-nothing-is-written", test_nothing_happens_while_nothing_is_written);
  return g_test_run ();
}
