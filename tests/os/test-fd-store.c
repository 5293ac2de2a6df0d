/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-fd-store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adopt-fixture.h"
#include "connection.h"
#include "hr-closer.h"
#include "hr-fd.h"
#include "hr-fs.h"
#include "native-only.h"
#include "warnings.h"

#define STORED_MAX 4

typedef struct {
  char *dir;
  HrKeeper *keeper;
  HrFdStore *store;
  guint changed;
} Fixture;

static void
count (Fixture *f)
{
  f->changed++;
}

static void
open_store (Fixture *f)
{
  f->store = hr_fd_store_new ("web", f->keeper);
  hr_fd_store_set_max (f->store, STORED_MAX);
  g_signal_connect_swapped (f->store, "changed", G_CALLBACK (count), f);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->dir = g_dir_make_tmp ("hr-fd-store-XXXXXX", NULL);
  f->keeper = hr_keeper_new (f->dir);
  open_store (f);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  hr_fd_store_empty (f->store);
  g_assert_finalize_object (f->store);
  g_assert_finalize_object (f->keeper);
  g_assert_true (hr_fs_remove_tree (f->dir, NULL));
  g_free (f->dir);
  warnings_expect_none ();
}

/* This daemon dies, and another comes. */
static void
next_daemon (Fixture *f)
{
  hr_keeper_close (f->keeper);
  g_assert_finalize_object (f->store);
  g_assert_finalize_object (f->keeper);
  f->keeper = hr_keeper_new (f->dir);
  open_store (f);
  hr_fd_store_settle (f->keeper);
  hr_keeper_settle (f->keeper);
}

static int
make_memory (const char *text)
{
  int fd = memfd_create ("stored", MFD_CLOEXEC);

  g_assert_cmpint (write (fd, text, strlen (text)), ==, (ssize_t)strlen (text));
  return fd;
}

static HrFdStoreResult
store (Fixture *f, int fd, const char *name)
{
  HrFdStoreResult result = hr_fd_store_add (f->store, &fd, name, TRUE);

  g_assert_cmpint (fd < 0, ==, result == HR_FD_STORE_TAKEN);
  hr_fd_clear (&fd);
  return result;
}

/* All names, ":" between. */
static void
expect (Fixture *f, const char *names)
{
  GPtrArray *list = hr_fd_store_list (f->store);
  g_autoptr (GString) all = g_string_new (NULL);

  for (guint i = 0; i < list->len; i++)
    g_string_append_printf (all, "%s%s", i > 0 ? ":" : "", ((const HrStoredFd *)g_ptr_array_index (list, i))->name);
  g_assert_cmpstr (all->str, ==, names);
}

static void
expect_content (Fixture *f, guint index, const char *text)
{
  char content[64] = "";

  g_assert_cmpint (
      pread (((const HrStoredFd *)g_ptr_array_index (hr_fd_store_list (f->store), index))->fd, content, 63, 0), >=, 0);
  g_assert_cmpstr (content, ==, text);
}

static void
test_names (Fixture *f, gconstpointer data)
{
  g_assert_cmpint (store (f, make_memory ("1"), "one"), ==, HR_FD_STORE_TAKEN);
  g_assert_cmpint (store (f, make_memory ("2"), "two"), ==, HR_FD_STORE_TAKEN);
  g_assert_cmpint (store (f, make_memory ("3"), "one"), ==, HR_FD_STORE_TAKEN);
  expect (f, "one:two:one");
  expect_content (f, 2, "3");
  hr_fd_store_remove (f->store, "one");
  expect (f, "two");
  expect_content (f, 0, "2");
  g_assert_cmpuint (f->changed, ==, 4);
  hr_fd_store_remove (f->store, "one");
  g_assert_cmpuint (f->changed, ==, 4);
}

/* A copy is the same; another that was opened of the same file is not, nor is another event. */
static void
test_same (Fixture *f, gconstpointer data)
{
  g_auto (HrFd) memory = make_memory ("1");
  g_auto (HrFd) event = eventfd (0, EFD_CLOEXEC);

  g_assert_cmpint (store (f, dup (memory), "one"), ==, HR_FD_STORE_TAKEN);
  g_assert_cmpint (store (f, dup (memory), "again"), ==, HR_FD_STORE_KNOWN);
  g_assert_cmpint (store (f, dup (event), "event"), ==, HR_FD_STORE_TAKEN);
  g_assert_cmpint (store (f, eventfd (0, EFD_CLOEXEC), "other"), ==, HR_FD_STORE_TAKEN);
  expect (f, "one:event:other");
}

static void
test_limit (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < STORED_MAX; i++)
    g_assert_cmpint (store (f, make_memory ("1"), i % 2 == 0 ? "even" : "odd"), ==, HR_FD_STORE_TAKEN);
  g_assert_cmpint (store (f, make_memory ("1"), "more"), ==, HR_FD_STORE_FULL);
  expect (f, "even:odd:even:odd");
  hr_fd_store_remove (f->store, "odd");
  g_assert_cmpint (store (f, make_memory ("1"), "more"), ==, HR_FD_STORE_TAKEN);
  hr_fd_store_set_max (f->store, 2);
  warnings_expect ("*FileDescriptorStoreMax is 2 now*");
  expect (f, "even:even");
  hr_fd_store_set_max (f->store, 0);
  warnings_expect ("*FileDescriptorStoreMax is 0 now*");
  expect (f, "");
}

/* Of what nothing can come any more goes, unless it is to stay. */
static void
test_unusable (Fixture *f, gconstpointer data)
{
  int pair[2], other[2], ends[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, other), ==, 0);
  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  g_assert_cmpint (store (f, pair[0], "gone"), ==, HR_FD_STORE_TAKEN);
  g_assert_cmpint (hr_fd_store_add (f->store, &other[0], "stays", FALSE), ==, HR_FD_STORE_TAKEN);
  g_assert_cmpint (store (f, ends[0], "pipe"), ==, HR_FD_STORE_TAKEN);
  g_assert_cmpint (store (f, make_memory ("1"), "memory"), ==, HR_FD_STORE_TAKEN);
  expect (f, "gone:stays:pipe:memory");
  close (other[1]);
  close (pair[1]);
  close (ends[1]);
  ADOPT_WAIT_FOR (hr_fd_store_list (f->store)->len == 2);
  expect (f, "stays:memory");
  /* Also of the next daemon. */
  next_daemon (f);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  expect (f, "stays:memory");
}

static void
test_next_daemon (Fixture *f, gconstpointer data)
{
  int pair[2];
  char byte = 'x';
  guint16 port;
  GPtrArray *list;

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
  g_assert_cmpint (store (f, make_memory ("one"), "memory"), ==, HR_FD_STORE_TAKEN);
  g_assert_cmpint (store (f, make_memory ("gone"), "removed"), ==, HR_FD_STORE_TAKEN);
  g_assert_cmpint (store (f, pair[0], ""), ==, HR_FD_STORE_TAKEN);
  g_assert_cmpint (store (f, connection_listen ("127.0.0.1", 1, &port), "listener"), ==, HR_FD_STORE_TAKEN);
  hr_fd_store_remove (f->store, "removed");
  for (guint daemons = 0; daemons < 3; daemons++)
    {
      next_daemon (f);
      expect (f, "memory::listener");
      expect_content (f, 0, "one");
    }
  list = hr_fd_store_list (f->store);
  g_assert_cmpint (write (pair[1], "x", 1), ==, 1);
  g_assert_cmpint (read (((const HrStoredFd *)g_ptr_array_index (list, 1))->fd, &byte, 1), ==, 1);
  close (connection_open ("127.0.0.1", port));
  /* What is stored now comes behind them. */
  g_assert_cmpint (store (f, make_memory ("two"), "later"), ==, HR_FD_STORE_TAKEN);
  next_daemon (f);
  expect (f, "memory::listener:later");
  hr_fd_store_empty (f->store);
  next_daemon (f);
  expect (f, "");
  close (pair[1]);
}

/* Another service's are another's, also where one name begins like the other; those of none are let go of. */
static void
test_services (Fixture *f, gconstpointer data)
{
  g_autoptr (HrFdStore) other = hr_fd_store_new ("web2", f->keeper);
  int fd = make_memory ("2");

  hr_fd_store_set_max (other, STORED_MAX);
  g_assert_cmpint (hr_fd_store_add (other, &fd, "two", TRUE), ==, HR_FD_STORE_TAKEN);
  g_assert_cmpint (store (f, make_memory ("1"), "one"), ==, HR_FD_STORE_TAKEN);
  hr_keeper_close (f->keeper);
  g_clear_object (&other);
  next_daemon (f);
  expect (f, "one");
  next_daemon (f);
  other = hr_fd_store_new ("web2", f->keeper);
  g_assert_cmpuint (hr_fd_store_list (other)->len, ==, 0);
}

/* The keeper is killed, and another has all of it. */
static void
test_other_keeper (Fixture *f, gconstpointer data)
{
  GPid pid;

  g_assert_cmpint (store (f, make_memory ("one"), "memory"), ==, HR_FD_STORE_TAKEN);
  pid = hr_keeper_get_pid (f->keeper);
  kill (pid, SIGKILL);
  ADOPT_WAIT_FOR (hr_keeper_get_pid (f->keeper) != pid && hr_keeper_get_pid (f->keeper) != 0
                  && hr_keeper_is_idle (f->keeper));
  warnings_expect ("the keeper of the listeners has ended*");
  next_daemon (f);
  expect (f, "memory");
  expect_content (f, 0, "one");
}

/* Neither the daemon nor its keeper waits for what lingers; too much of it is not taken. */
static void
test_lingering (Fixture *f, gconstpointer data)
{
  int listeners[HR_CLOSER_THREADS_MAX];
  gint64 begin = g_get_monotonic_time ();

  if (native_only (CONNECTION_LINGER_NATIVE))
    return;
  for (guint i = 0; i < G_N_ELEMENTS (listeners); i++)
    {
      g_assert_cmpint (store (f, connection_open_lingering (&listeners[i]), "lingers"), ==, HR_FD_STORE_TAKEN);
      if (i % STORED_MAX == STORED_MAX - 1)
        hr_fd_store_empty (f->store);
    }
  g_assert_cmpint (store (f, make_memory ("one"), "memory"), !=, HR_FD_STORE_FULL);
  next_daemon (f);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, CONNECTION_LINGER_SECONDS * G_USEC_PER_SEC);
  for (guint i = 0; i < G_N_ELEMENTS (listeners); i++)
    close (listeners[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  warnings_init ();
#define ADD(path, func) g_test_add ("/fd-store/" path, Fixture, NULL, set_up, func, tear_down)
  ADD ("several-may-have-a-name-and-go-by-it", test_names);
  ADD ("none-is-stored-twice", test_same);
  ADD ("no-more-than-there-may-be", test_limit);
  ADD ("what-is-of-no-use-any-more-goes", test_unusable);
  ADD ("the-next-daemon-has-them", test_next_daemon);
  ADD ("each-service-has-its-own", test_services);
  ADD ("another-keeper-has-them", test_other_keeper);
  ADD ("nobody-waits-for-what-lingers", test_lingering);
  return g_test_run ();
}
