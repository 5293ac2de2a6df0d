/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The real hotreload-journal and a journal that is this test.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-log-journal.h"
#include "hr-names.h"
#include "warnings.h"

#define DEADLINE_USEC (30 * G_USEC_PER_SEC)
#define LOG "web.7-abc-1.log"

typedef struct {
  char *dir;
  HrFd socket;
  HrLogJournal *journal;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_autofree char *path = NULL;

  f->dir = g_dir_make_tmp ("hr-journal-XXXXXX", NULL);
  path = g_build_filename (f->dir, "socket", NULL);
  f->socket = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_cmpint (bind (f->socket, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_setenv (HR_ENV_JOURNAL, path, TRUE);
  f->journal = hr_log_journal_new (f->dir);
  g_assert_nonnull (f->journal);
}

/* Its process takes a lock as long as it lives. */
static void
end_journal (Fixture *f)
{
  g_autofree char *path = g_build_filename (f->dir, ".journal.lock", NULL);
  gint64 deadline = g_get_monotonic_time () + DEADLINE_USEC;
  g_auto (HrFd) fd = open (path, O_RDWR | O_CLOEXEC);

  g_clear_pointer (&f->journal, hr_log_journal_free);
  while (fd >= 0 && lockf (fd, F_TEST, 0) != 0 && g_get_monotonic_time () < deadline)
    g_usleep (1000);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  end_journal (f);
  hr_fd_clear (&f->socket);
  /* The process may write how far it came yet. */
  while (!hr_fs_remove_tree (f->dir, NULL))
    g_usleep (1000);
  g_free (f->dir);
}

static void
append (Fixture *f, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (f->dir, name, NULL);
  g_auto (HrFd) fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

  g_assert_cmpint (write (fd, text, strlen (text)), ==, (gssize)strlen (text));
}

/* Waits for the next entry. */
static char *
receive (Fixture *f)
{
  gint64 deadline = g_get_monotonic_time () + DEADLINE_USEC;
  struct pollfd fd = { .fd = f->socket, .events = POLLIN };
  char buffer[65536];
  ssize_t n;

  while ((n = recv (f->socket, buffer, sizeof buffer - 1, 0)) < 0 && g_get_monotonic_time () < deadline)
    {
      g_main_context_iteration (NULL, FALSE);
      poll (&fd, 1, 10);
    }
  g_assert_cmpint (n, >, 0);
  buffer[n] = '\0';
  return g_strdup (buffer);
}

static void
expect (Fixture *f, const char *message)
{
  g_autofree char *entry = receive (f);
  g_autofree char *end = g_strdup_printf ("\nMESSAGE=%s\n", message);

  if (!g_str_has_suffix (entry, end))
    g_assert_cmpstr (entry, ==, end);
}

static void
test_entries_have_fields (Fixture *f, gconstpointer data)
{
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;

  append (f, LOG, "one\n<3>two = 2\nunfinished");
  hr_log_journal_follow (f->journal, "web", LOG, FALSE);
  first = receive (f);
  g_assert_cmpstr (first, ==,
                   "PRIORITY=6\nSYSLOG_IDENTIFIER=web\nHOTRELOAD_SERVICE=web\nHOTRELOAD_RELEASE=7\n"
                   "HOTRELOAD_INSTANCE=abc-1\nMESSAGE=one\n");
  second = receive (f);
  g_assert_cmpstr (second, ==,
                   "PRIORITY=3\nSYSLOG_IDENTIFIER=web\nHOTRELOAD_SERVICE=web\nHOTRELOAD_RELEASE=7\n"
                   "HOTRELOAD_INSTANCE=abc-1\nMESSAGE=two = 2\n");
  append (f, LOG, " until now\nthree\n");
  expect (f, "unfinished until now");
  expect (f, "three");
}

/* The next daemon's process begins where this one ended, and with what nobody had passed on. */
static void
test_next_one_goes_on (Fixture *f, gconstpointer data)
{
  append (f, LOG, "one\n");
  hr_log_journal_follow (f->journal, "web", LOG, FALSE);
  expect (f, "one");
  end_journal (f);
  append (f, LOG, "two\n");
  append (f, "web.6-old.log", "long ago\n");
  f->journal = hr_log_journal_new (f->dir);
  hr_log_journal_follow (f->journal, "web", LOG, TRUE);
  expect (f, "two");
  hr_log_journal_follow (f->journal, "web", "web.6-old.log", TRUE);
  hr_log_journal_follow (f->journal, "web.api", "web.api.1-x.log", FALSE);
  append (f, "web.api.1-x.log", "other\n");
  append (f, LOG, "three\n");
  for (gboolean three = FALSE, other = FALSE; !three || !other;)
    {
      g_autofree char *entry = receive (f);

      g_assert_null (strstr (entry, "long ago"));
      three = three || g_str_has_suffix (entry, "=three\n");
      other = other || g_str_has_suffix (entry, "=other\n");
    }
}

/* What it has not noted when it is killed is passed on twice. */
static void
wait_for_position (Fixture *f, const char *position)
{
  g_autofree char *path = g_build_filename (f->dir, "web.7-abc-1.journal", NULL);
  gint64 deadline = g_get_monotonic_time () + DEADLINE_USEC;

  for (;;)
    {
      g_autofree char *text = NULL;

      g_file_get_contents (path, &text, NULL, NULL);
      if (g_strcmp0 (text, position) == 0)
        return;
      if (g_get_monotonic_time () > deadline)
        g_assert_cmpstr (text, ==, position);
      g_usleep (1000);
    }
}

static void
test_process_that_was_killed_is_started_again (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/task/%d/children", (int)getpid ());
  g_autofree char *children = NULL;
  int pid;

  append (f, LOG, "one\n");
  hr_log_journal_follow (f->journal, "web", LOG, FALSE);
  expect (f, "one");
  wait_for_position (f, "00000000000000000004\n");
  g_assert_true (g_file_get_contents (path, &children, NULL, NULL));
  /* Those of the tests before may be there yet. */
  g_strchomp (children);
  pid = atoi (strrchr (children, ' ') != NULL ? strrchr (children, ' ') : children);
  g_assert_cmpint (pid, >, 0);
  g_assert_cmpint (kill (pid, SIGKILL), ==, 0);
  append (f, LOG, "two\n");
  expect (f, "two");
  warnings_expect ("hotreload-journal has ended; starting another");
}

/* More than its pipe holds, as a daemon has that finds many logs. */
static void
test_any_number_of_logs_is_followed (Fixture *f, gconstpointer data)
{
  g_autofree char *padding = g_strnfill (200, 'x');
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < 400; i++)
    {
      char *name = g_strdup_printf ("web.7-%s-%u.log", padding, i);
      g_autofree char *line = g_strdup_printf ("%u\n", i);

      append (f, name, line);
      g_ptr_array_add (names, name);
    }
  for (guint i = 0; i < 400; i++)
    hr_log_journal_follow (f->journal, "web", g_ptr_array_index (names, i), FALSE);
  while (g_hash_table_size (seen) < 400)
    {
      g_autofree char *entry = receive (f);

      g_assert_true (g_hash_table_add (seen, g_strdup (strstr (entry, "\nMESSAGE="))));
    }
  warnings_expect_none ();
}

/* A flood costs this process and the journal a bounded time, and it is said what is left out. */
static void
test_flood_is_cut_off (Fixture *f, gconstpointer data)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *entry = NULL;

  for (guint i = 0; i < 30000; i++)
    g_string_append_printf (text, "%u\n", i);
  append (f, LOG, text->str);
  hr_log_journal_follow (f->journal, "web", LOG, FALSE);
  for (guint i = 0; i < 10000; i++)
    {
      g_autofree char *number = g_strdup_printf ("%u", i);

      expect (f, number);
    }
  end_journal (f);
  entry = receive (f);
  g_assert_nonnull (strstr (entry, "PRIORITY=4\n"));
  g_assert_nonnull (strstr (entry, " bytes of output are not in the journal, they were too many at once: "));
  g_assert_cmpint (recv (f->socket, &(char){ 0 }, 1, 0), ==, -1);
}

static void
test_what_was_freed_is_said (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->dir, LOG, NULL);
  g_autoptr (GString) text = g_string_new (NULL);
  g_auto (HrFd) fd = -1;
  g_autofree char *entry = NULL;

  for (guint i = 0; i < 2000; i++)
    g_string_append_printf (text, "%09u\n", i);
  append (f, LOG, text->str);
  fd = open (path, O_WRONLY | O_CLOEXEC);
  if (fallocate (fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 19980) != 0)
    {
      g_test_skip_printf ("not run here: no holes in '%s'", f->dir);
      return;
    }
  hr_log_journal_follow (f->journal, "web", LOG, FALSE);
  entry = receive (f);
  g_assert_nonnull (strstr (entry, "MESSAGE=19980 bytes of output are not in the journal, it came more quickly than"));
  expect (f, "000001998");
  expect (f, "000001999");
}

static void
test_there_need_be_no_journal (void)
{
  g_setenv (HR_ENV_JOURNAL, "/nonexistent/socket", TRUE);
  g_assert_null (hr_log_journal_new ("/tmp"));
  hr_log_journal_follow (NULL, "web", LOG, FALSE);
  hr_log_journal_free (NULL);
}

#define add(name, function) g_test_add ("/log-journal/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  warnings_init ();
  add ("entries-have-fields", test_entries_have_fields);
  add ("next-one-goes-on", test_next_one_goes_on);
  add ("process-that-was-killed-is-started-again", test_process_that_was_killed_is_started_again);
  add ("any-number-of-logs-is-followed", test_any_number_of_logs_is_followed);
  add ("flood-is-cut-off", test_flood_is_cut_off);
  add ("what-was-freed-is-said", test_what_was_freed_is_said);
  g_test_add_func ("/log-journal/there-need-be-no-journal", test_there_need_be_no_journal);
  return g_test_run ();
}
