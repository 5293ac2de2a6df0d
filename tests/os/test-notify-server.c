/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-notify-server.c: which messages at $NOTIFY_SOCKET count, and what becomes of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "adopt-fixture.h"
#include "connection.h"
#include "hr-closer.h"
#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-notify-server.h"
#include "native-only.h"

typedef struct {
  char *dir;
  HrNotifyServer *server;
  GPtrArray *notes;
  guint messages;
  int kept;   /* what came along with KEEP=1 */
  guint came; /* how many came along with the last message */
} Fixture;

/* The last message of the log. */
static char *logged;

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  if ((level & G_LOG_LEVEL_DEBUG) == 0)
    return g_log_writer_default (level, fields, n_fields, user_data);
  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      {
        g_free (logged);
        logged = g_strdup (fields[i].value);
      }
  return G_LOG_WRITER_HANDLED;
}

static void
on_notify (const char *const *assignments, HrSentFds *sent, gpointer user_data)
{
  Fixture *fixture = user_data;

  fixture->messages++;
  fixture->came = (guint)sent->n;
  for (gsize i = 0; i < sent->n && g_str_equal (assignments[0], "KEEP=1"); i++)
    if (fixture->kept < 0)
      fixture->kept = hr_fd_steal (&sent->fds[i]);
  for (; *assignments != NULL; assignments++)
    g_ptr_array_add (fixture->notes, g_strdup (*assignments));
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->kept = -1;
  fixture->dir = g_dir_make_tmp ("hotreload-XXXXXX", NULL);
  fixture->notes = g_ptr_array_new_with_free_func (g_free);
  fixture->server = hr_notify_server_new (fixture->dir, "svc-1-test", on_notify, fixture, &error);
  g_assert_no_error (error);
  /* This process is its instance. */
  hr_notify_server_set_leader (fixture->server, getpid ());
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  hr_notify_server_free (fixture->server);
  g_ptr_array_unref (fixture->notes);
  hr_fs_remove_tree (fixture->dir, NULL);
  g_free (fixture->dir);
}

static void
send_with (Fixture *fixture, const char *bytes, gsize length, const int *fds, guint n_fds)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  const char *where = hr_notify_server_get_address (fixture->server);
  g_auto (HrFd) fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct iovec data = { .iov_base = (char *)bytes, .iov_len = length };
  char control[CMSG_SPACE (253 * sizeof (int))] = { 0 };
  struct msghdr header = { .msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &data, .msg_iovlen = 1 };
  struct cmsghdr *part;

  g_assert_cmpint (where[0], ==, '/');
  g_strlcpy (address.sun_path, where, sizeof address.sun_path);
  if (n_fds > 0)
    {
      header.msg_control = control;
      header.msg_controllen = CMSG_SPACE (n_fds * sizeof (int));
      part = CMSG_FIRSTHDR (&header);
      part->cmsg_level = SOL_SOCKET;
      part->cmsg_type = SCM_RIGHTS;
      part->cmsg_len = CMSG_LEN (n_fds * sizeof (int));
      memcpy (CMSG_DATA (part), fds, n_fds * sizeof (int));
    }
  g_assert_cmpint (sendmsg (fd, &header, 0), ==, (ssize_t)length);
}

static void
say (Fixture *fixture, const char *text)
{
  send_with (fixture, text, strlen (text), NULL, 0);
}

/* All that was said, "|" between. */
static void
expect (Fixture *fixture, guint messages, const char *notes)
{
  g_autofree char *text = NULL;

  while (hr_notify_server_read (fixture->server))
    ;
  g_assert_cmpuint (fixture->messages, ==, messages);
  g_ptr_array_add (fixture->notes, NULL);
  text = g_strjoinv ("|", (char **)fixture->notes->pdata);
  g_assert_cmpstr (text, ==, notes);
  g_ptr_array_set_size (fixture->notes, 0);
  fixture->messages = 0;
}

static void
test_lines (Fixture *fixture, gconstpointer data)
{
  say (fixture, "READY=1\nSTATUS=a=b\n");
  say (fixture, "X_ANYTHING=1");
  expect (fixture, 2, "READY=1|STATUS=a=b|X_ANYTHING=1");
  /* What is no assignment is none, and a message without any is no message. */
  say (fixture, "");
  say (fixture, "\n\nREADY\n");
  expect (fixture, 0, "");
}

/* C programs send the end of their string along; a NUL elsewhere is no text. */
static void
test_nul (Fixture *fixture, gconstpointer data)
{
  send_with (fixture, "READY=1", 8, NULL, 0);
  expect (fixture, 1, "READY=1");
  send_with (fixture, "READY=1\0\0", 9, NULL, 0);
  send_with (fixture, "READY=1\0STATUS=x", 16, NULL, 0);
  send_with (fixture, "\0", 1, NULL, 0);
  expect (fixture, 0, "");
}

static void
test_utf8 (Fixture *fixture, gconstpointer data)
{
  say (fixture, "STATUS=gr\xfc\xdf\nREADY=1\nSTATUS=ä");
  expect (fixture, 1, "STATUS=gr\xef\xbf\xbd\xef\xbf\xbd|READY=1|STATUS=ä");
}

static void
test_size (Fixture *fixture, gconstpointer data)
{
  for (gsize size = HR_NOTIFY_MESSAGE_MAX - 1; size <= HR_NOTIFY_MESSAGE_MAX + 1; size++)
    {
      g_autofree char *text = g_strnfill (size, 'x');

      memcpy (text, "X=", 2);
      say (fixture, text);
      expect (fixture, size <= HR_NOTIFY_MESSAGE_MAX, size <= HR_NOTIFY_MESSAGE_MAX ? text : "");
    }
}

/* Before the instance has a main process nobody is of it; another's is not this one. */
static void
test_strangers (Fixture *fixture, gconstpointer data)
{
  const char *argv[] = { "sleep", "1000", NULL };
  g_autoptr (GSubprocess) other = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_NONE, NULL);
  g_autofree char *expected = NULL;

  hr_notify_server_set_leader (fixture->server, 0);
  say (fixture, "READY=1");
  expect (fixture, 0, "");
  hr_notify_server_set_leader (fixture->server, atoi (g_subprocess_get_identifier (other)));
  say (fixture, "READY=1");
  say (fixture, "READY=1");
  expect (fixture, 0, "");
  expected = g_strdup_printf ("instance svc-1-test: message of process %d dropped, 3 so far", (int)getpid ());
  g_assert_cmpstr (logged, ==, expected);
  hr_notify_server_set_leader (fixture->server, getpid ());
  say (fixture, "READY=1");
  expect (fixture, 1, "READY=1");
  g_subprocess_force_exit (other);
  g_assert_true (g_subprocess_wait (other, NULL, NULL));
}

static gboolean
is_closed (int fd)
{
  struct pollfd other_end = { .fd = fd };

  return poll (&other_end, 1, 0) == 1 && (other_end.revents & POLLHUP) != 0;
}

/* The descriptor is closed when what was said before has been seen, and not earlier. */
static void
test_barrier (Fixture *fixture, gconstpointer data)
{
  int ends[2];

  g_assert_cmpint (pipe (ends), ==, 0);
  say (fixture, "STATUS=before");
  send_with (fixture, "BARRIER=1", 9, &ends[1], 1);
  close (ends[1]);
  g_assert_true (hr_notify_server_read (fixture->server));
  g_assert_false (is_closed (ends[0]));
  g_assert_cmpuint (fixture->messages, ==, 1);
  g_assert_true (hr_notify_server_read (fixture->server));
  ADOPT_WAIT_FOR (is_closed (ends[0]));
  expect (fixture, 1, "STATUS=before");
  close (ends[0]);
}

/* Nobody can make the daemon keep descriptors: not by what it does not store, nor by what does not count. */
static void
test_descriptors (Fixture *fixture, gconstpointer data)
{
  for (guint i = 0; i < 3; i++)
    {
      int ends[2], many[253];

      g_assert_cmpint (pipe (ends), ==, 0);
      for (guint n = 0; n < G_N_ELEMENTS (many); n++)
        many[n] = ends[1];
      hr_notify_server_set_leader (fixture->server, i == 1 ? 0 : getpid ());
      send_with (fixture, i == 2 ? "a\0b" : "FDSTORE=1", i == 2 ? 3 : 9, many, G_N_ELEMENTS (many));
      close (ends[1]);
      expect (fixture, i == 0, i == 0 ? "FDSTORE=1" : "");
      ADOPT_WAIT_FOR (is_closed (ends[0]));
      close (ends[0]);
    }
}

/* Of what comes along, that is kept which is wanted; the rest is closed. */
static void
test_kept (Fixture *fixture, gconstpointer data)
{
  int one[2], two[2];
  int fds[2];
  char byte;

  g_assert_cmpint (pipe2 (one, O_CLOEXEC), ==, 0);
  g_assert_cmpint (pipe2 (two, O_CLOEXEC), ==, 0);
  fds[0] = one[1];
  fds[1] = two[1];
  send_with (fixture, "KEEP=1", 6, fds, 2);
  close (one[1]);
  close (two[1]);
  expect (fixture, 1, "KEEP=1");
  g_assert_cmpuint (fixture->came, ==, 2);
  g_assert_cmpint (fcntl (fixture->kept, F_GETFD) & FD_CLOEXEC, !=, 0);
  g_assert_cmpint (write (fixture->kept, "x", 1), ==, 1);
  g_assert_cmpint (read (one[0], &byte, 1), ==, 1);
  /* Its last copy has gone. */
  g_assert_cmpint (read (two[0], &byte, 1), ==, 0);
  hr_fd_clear (&fixture->kept);
  close (one[0]);
  close (two[0]);
}

/* Nobody waits for a descriptor whose closing does: not when its sender may not speak either, nor when it was never
 * received. */
static void
test_lingering (Fixture *fixture, gconstpointer data)
{
  int listeners[3];
  gint64 begin;

  if (native_only (CONNECTION_LINGER_NATIVE))
    return;
  for (guint i = 0; i < G_N_ELEMENTS (listeners); i++)
    {
      int fd = connection_open_lingering (&listeners[i]);

      send_with (fixture, i == 1 ? "a\0b" : "FDSTORE=1", i == 1 ? 3 : 9, &fd, 1);
      close (fd);
    }
  begin = g_get_monotonic_time ();
  g_assert_true (hr_notify_server_read (fixture->server));
  g_assert_true (hr_notify_server_read (fixture->server));
  hr_notify_server_free (g_steal_pointer (&fixture->server));
  g_assert_cmpint (g_get_monotonic_time () - begin, <, CONNECTION_LINGER_SECONDS * G_USEC_PER_SEC / 3);
  for (guint i = 0; i < G_N_ELEMENTS (listeners); i++)
    close (listeners[i]);
}

/* Who sends many of them is heard again when one has ended; until then nothing of what he says is lost. */
static void
test_many_lingering (Fixture *fixture, gconstpointer data)
{
  int listeners[HR_CLOSER_THREADS_MAX];

  if (native_only (CONNECTION_LINGER_NATIVE))
    return;
  for (guint i = 0; i < G_N_ELEMENTS (listeners); i++)
    {
      int fd = connection_open_lingering (&listeners[i]);

      send_with (fixture, "FDSTORE=1", 9, &fd, 1);
      close (fd);
      g_assert_true (hr_notify_server_read (fixture->server));
    }
  fixture->messages = 0;
  say (fixture, "READY=1");
  g_assert_false (hr_notify_server_read (fixture->server));
  /* The loop finds it full, and rests. */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (fixture->messages, ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (listeners); i++)
    close (listeners[i]);
  ADOPT_WAIT_FOR (fixture->messages == 1);
  g_assert_cmpstr (g_ptr_array_index (fixture->notes, fixture->notes->len - 1), ==, "READY=1");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (write_log, NULL, NULL);
#define ADD(path, func) g_test_add ("/notify-server/" path, Fixture, NULL, set_up, func, tear_down)
  ADD ("assignments-a-line-each", test_lines);
  ADD ("a-nul-at-the-end-and-nowhere-else", test_nul);
  ADD ("words-that-are-no-utf-8-spoil-nothing-else", test_utf8);
  ADD ("what-is-too-long-is-dropped", test_size);
  ADD ("strangers-are-dropped-and-counted", test_strangers);
  ADD ("barrier-is-closed-in-its-turn", test_barrier);
  ADD ("descriptors-are-closed", test_descriptors);
  ADD ("descriptors-that-are-kept-stay-open", test_kept);
  ADD ("descriptors-that-linger-hold-nothing-up", test_lingering);
  ADD ("too-many-that-linger-hold-up-their-sender", test_many_lingering);
  return g_test_run ();
}
