/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-keeper.h"

#include <asm/socket.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-instance-socket.h"
#include "hr-keep-message.h"
#include "hr-kept-note.h"
#include "warnings.h"

#define DEADLINE_USEC (20 * G_USEC_PER_SEC)
/* More than the queue of a socket takes at once. */
#define MANY 1000

typedef struct {
  char *dir;
  HrKeeper *keeper;
} Fixture;

static void
setup (Fixture *f, gconstpointer data)
{
  f->dir = g_dir_make_tmp ("hr-keeper-XXXXXX", NULL);
  g_assert_nonnull (f->dir);
  f->keeper = hr_keeper_new (f->dir);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  warnings_expect_none ();
  g_assert_finalize_object (f->keeper);
  g_assert_true (hr_fs_remove_tree (f->dir, NULL));
  g_free (f->dir);
}

/* The daemon is gone, with all that it had; its keeper is not. */
static void
next_daemon (Fixture *f)
{
  g_assert_finalize_object (f->keeper);
  f->keeper = hr_keeper_new (f->dir);
}

static int
make_memory (const char *text)
{
  int fd = memfd_create ("kept", MFD_CLOEXEC);

  g_assert_cmpint (write (fd, text, strlen (text)), ==, (ssize_t)strlen (text));
  return fd;
}

static char *
read_memory (int fd)
{
  char text[64] = "";

  g_assert_cmpint (pread (fd, text, sizeof text - 1, 0), >=, 0);
  return g_strdup (text);
}

static void
expect (Fixture *f, const char *key, const char *text)
{
  g_auto (HrFd) fd = hr_keeper_take_one (f->keeper, key);
  g_autofree char *content = NULL;

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (fcntl (fd, F_GETFD) & FD_CLOEXEC, !=, 0);
  content = read_memory (fd);
  g_assert_cmpstr (content, ==, text);
}

static void
expect_none (Fixture *f, const char *key)
{
  g_assert_cmpint (hr_keeper_take_one (f->keeper, key), ==, -1);
}

/* Runs the main loop until the keeper is another one than @old. */
static void
await_other (Fixture *f, GPid old)
{
  gint64 deadline = g_get_monotonic_time () + DEADLINE_USEC;

  while (hr_keeper_get_pid (f->keeper) == old || hr_keeper_get_pid (f->keeper) == 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_main_context_iteration (NULL, FALSE);
    }
}

static void
await_end (int pidfd)
{
  gint64 deadline = g_get_monotonic_time () + DEADLINE_USEC;
  GPollFD ended = { .fd = pidfd, .events = G_IO_IN };

  while (g_poll (&ended, 1, 10) == 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_main_context_iteration (NULL, FALSE);
    }
}

static void
test_next_daemon_has_it (Fixture *f, gconstpointer data)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  g_auto (HrFd) listening = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_auto (HrFd) memory = make_memory ("one");
  g_autoptr (GPtrArray) taken = NULL;
  guint64 cookie = 1, kept_cookie = 2;
  socklen_t length = sizeof cookie;
  const HrKept *kept;

  g_assert_cmpint (bind (listening, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint (listen (listening, 1), ==, 0);
  hr_keeper_store (f->keeper, "socket/web/1", "its name", listening);
  hr_keeper_store (f->keeper, "gate/1", "", memory);
  hr_keeper_store (f->keeper, "gate/2", "", memory);
  hr_keeper_forget (f->keeper, "gate/2");
  g_assert_true (hr_keeper_is_new (f->keeper));
  next_daemon (f);

  g_assert_false (hr_keeper_is_new (f->keeper));
  expect_none (f, "gate/2");
  expect (f, "gate/1", "one");
  expect_none (f, "gate/1");
  taken = hr_keeper_take (f->keeper, "socket/web/");
  g_assert_cmpuint (taken->len, ==, 1);
  kept = g_ptr_array_index (taken, 0);
  g_assert_cmpstr (kept->key, ==, "socket/web/1");
  g_assert_cmpstr (kept->data, ==, "its name");
  g_assert_cmpint (getsockopt (listening, SOL_SOCKET, SO_COOKIE, &cookie, &length), ==, 0);
  g_assert_cmpint (getsockopt (kept->fd, SOL_SOCKET, SO_COOKIE, &kept_cookie, &length), ==, 0);
  g_assert_cmpuint (kept_cookie, ==, cookie);
}

/* What nobody wants on is let go of; until that is known, it stays. */
static void
test_settles (Fixture *f, gconstpointer data)
{
  g_auto (HrFd) one = make_memory ("one");
  g_auto (HrFd) two = make_memory ("two");

  hr_keeper_store (f->keeper, "a", "", one);
  hr_keeper_store (f->keeper, "b", "", two);
  hr_keeper_store (f->keeper, "c", "", two);
  next_daemon (f);
  expect (f, "a", "one");
  expect (f, "b", "two");
  hr_keeper_store (f->keeper, "a", "again", two);
  /* It dies before it has settled. */
  next_daemon (f);
  expect (f, "b", "two");
  expect (f, "a", "two");
  hr_keeper_store (f->keeper, "a", "", one);
  hr_keeper_settle (f->keeper);
  next_daemon (f);
  expect (f, "a", "one");
  expect_none (f, "b");
  expect_none (f, "c");
}

static void
test_killed_keeper_is_replaced (Fixture *f, gconstpointer data)
{
  g_auto (HrFd) memory = make_memory ("one");
  GPid pid;

  hr_keeper_store (f->keeper, "a", "", memory);
  pid = hr_keeper_get_pid (f->keeper);
  g_assert_cmpint (pid, >, 0);
  kill (pid, SIGKILL);
  await_other (f, pid);
  warnings_expect ("the keeper of the listeners has ended; starting another");
  hr_keeper_store (f->keeper, "b", "", memory);
  next_daemon (f);
  expect (f, "a", "one");
  expect (f, "b", "one");

  /* Also one that an earlier daemon started. */
  hr_keeper_store (f->keeper, "c", "", memory);
  pid = hr_keeper_get_pid (f->keeper);
  kill (pid, SIGKILL);
  await_other (f, pid);
  warnings_expect ("the keeper of the listeners has ended; starting another");
  next_daemon (f);
  expect (f, "c", "one");
  expect_none (f, "a");
}

static void
test_ends_when_nothing_is_kept (Fixture *f, gconstpointer data)
{
  g_auto (HrFd) memory = make_memory ("one");
  g_auto (HrFd) pidfd = -1;

  hr_keeper_store (f->keeper, "a", "", memory);
  pidfd = pidfd_open (hr_keeper_get_pid (f->keeper), 0);
  hr_keeper_forget (f->keeper, "a");
  next_daemon (f);
  await_end (pidfd);
  g_assert_true (hr_keeper_is_new (f->keeper));
}

static void
test_takes_many (Fixture *f, gconstpointer data)
{
  g_auto (HrFd) memory = make_memory ("one");
  gint64 deadline = g_get_monotonic_time () + DEADLINE_USEC;
  guint found = 0;

  for (int i = 0; i < MANY; i++)
    {
      g_autofree char *key = g_strdup_printf ("key/%d", i);

      hr_keeper_store (f->keeper, key, "data", memory);
    }
  /* What the queue does not take at once goes when there is room: the loop runs until all has gone. */
  while (found < MANY)
    {
      g_autoptr (GPtrArray) taken = NULL;

      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      while (g_main_context_iteration (NULL, FALSE))
        ;
      if (!hr_keeper_is_idle (f->keeper))
        continue;
      next_daemon (f);
      taken = hr_keeper_take (f->keeper, "key/");
      found = taken->len;
      g_assert_cmpuint (found, ==, MANY);
    }
}

static void
test_limits (Fixture *f, gconstpointer data)
{
  g_auto (HrFd) memory = make_memory ("one");
  g_autofree char *longest = g_strnfill (HR_KEEP_KEY_MAX, 'k');
  g_autofree char *longer = g_strnfill (HR_KEEP_KEY_MAX + 1, 'k');
  g_autofree char *much = g_strnfill (HR_KEEP_DATA_MAX + 1, 'd');

  hr_keeper_store (f->keeper, longest, "", memory);
  hr_keeper_store (f->keeper, longer, "", memory);
  warnings_expect ("'k*' is not kept for the next daemon: *");
  hr_keeper_store (f->keeper, "key", much, memory);
  warnings_expect ("'key' is not kept for the next daemon: *");
  next_daemon (f);
  expect (f, longest, "one");
  expect_none (f, "key");
}

/* Whatever comes, it keeps what it has. */
static void
test_garbage_does_no_harm (Fixture *f, gconstpointer data)
{
  g_auto (HrFd) memory = make_memory ("one");
  g_auto (HrFd) stranger = -1;
  HrKeepMessage message = { .version = HR_KEEP_VERSION, .what = HR_KEEP_STORE };

  hr_keeper_store (f->keeper, "a", "", memory);
  g_assert_finalize_object (f->keeper);
  stranger = hr_instance_socket_connect (f->dir, "daemon", "keeper", SOCK_SEQPACKET);
  g_assert_cmpint (stranger, >=, 0);
  g_assert_cmpint (send (stranger, "x", 1, 0), ==, 1);
  memset (message.key, 'k', sizeof message.key);
  g_assert_cmpint (send (stranger, &message, sizeof message, 0), ==, sizeof message);
  message.version++;
  message.what = HR_KEEP_QUIT;
  memset (message.key, 0, sizeof message.key);
  g_assert_cmpint (send (stranger, &message, sizeof message, 0), ==, sizeof message);
  g_assert_true (hr_keep_message_send (stranger, HR_KEEP_FORGET, "none", "", -1));
  /* Without a descriptor there is nothing to keep. */
  g_assert_true (hr_keep_message_send (stranger, HR_KEEP_STORE, "b", "", -1));
  hr_fd_clear (&stranger);
  f->keeper = hr_keeper_new (f->dir);
  expect (f, "a", "one");
  expect_none (f, "b");
}

/* Note */

static void
expect_note (Fixture *f, const char *expected)
{
  g_autofree char *note = hr_kept_note_take (f->keeper, f->dir, "web");

  g_assert_cmpstr (note, ==, expected);
}

static void
set_note (Fixture *f, const char *note)
{
  g_auto (HrFd) nothing = make_memory ("");

  hr_kept_note_set (f->keeper, nothing, f->dir, "web", note);
}

static void
test_note (Fixture *f, gconstpointer data)
{
  set_note (f, "phase 'ready'");
  set_note (f, "phase 'canary'");
  next_daemon (f);
  expect_note (f, "phase 'canary'");
  expect_note (f, NULL);
  set_note (f, "phase 'ready'");
  set_note (f, NULL);
  next_daemon (f);
  expect_note (f, NULL);
}

static void
test_note_without_keeper (Fixture *f, gconstpointer data)
{
  GPid pid;

  set_note (f, "phase 'canary'");
  pid = hr_keeper_get_pid (f->keeper);
  g_assert_finalize_object (f->keeper);
  g_assert_cmpint (kill (pid, SIGKILL), ==, 0);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
  f->keeper = hr_keeper_new (f->dir);
  expect_note (f, "phase 'canary'");
  next_daemon (f);
  expect_note (f, NULL);
}

#define ADD(path, func) g_test_add ("/keeper/" path, Fixture, NULL, setup, func, teardown)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  warnings_init ();
  ADD ("next-daemon-has-it", test_next_daemon_has_it);
  ADD ("settles", test_settles);
  ADD ("killed-keeper-is-replaced", test_killed_keeper_is_replaced);
  ADD ("ends-when-nothing-is-kept", test_ends_when_nothing_is_kept);
  ADD ("takes-many", test_takes_many);
  ADD ("limits", test_limits);
  ADD ("garbage-does-no-harm", test_garbage_does_no_harm);
  ADD ("note/is-told-once", test_note);
  ADD ("note/outlives-the-keeper", test_note_without_keeper);
  return g_test_run ();
}
