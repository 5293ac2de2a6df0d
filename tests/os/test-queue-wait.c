/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How long a connection waits to be accepted: told by the kernel while it waits, and by the program when it has accepted.
 */
#include <netinet/in.h>
#include <unistd.h>

#include "adopt-fixture.h"
#include "connection.h"
#include "hr-error.h"
#include "hr-fd.h"
#include "hr-tcp-address.h"
#include "hr-tcp-queue.h"

/* Waits for a connection of its own accord, and says so by closing it. */
#define PROGRAM                                                                                                        \
  "import os, socket\n"                                                                                                \
  "server = socket.create_server(('127.0.0.1', int(os.environ['TEST_PORT'])))\n"                                       \
  "while True:\n    server.accept()[0].close()\n"

/* Longer than the kernel's clock for it is coarse. */
#define WAIT_USEC (50 * G_TIME_SPAN_MILLISECOND)

typedef struct {
  HrListeners *listeners;
  gboolean done;
  gint64 wait;
  GError *error;
} Look;

/* The call has no source object: see hr_listeners_look_at_queue_async(). */
static void
on_looked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Look *look = user_data;

  look->wait = hr_listeners_look_at_queue_finish (look->listeners, result, &look->error);
  look->done = TRUE;
}

static gint64
look_at_queue (AdoptFixture *fixture)
{
  Look look = { .listeners = fixture->listeners };

  hr_listeners_look_at_queue_async (fixture->listeners, on_looked, &look);
  ADOPT_WAIT_FOR (look.done);
  g_assert_no_error (look.error);
  return look.wait;
}

static int
connect_to (AdoptFixture *fixture)
{
  return connection_open ("127.0.0.1", fixture->port);
}

/* Returns when the program has accepted and closed it. */
static void
await_end (int fd)
{
  const struct timeval patience = { .tv_sec = DEADLINE_MSEC / 1000 };
  char byte;

  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  g_assert_cmpint (read (fd, &byte, 1), ==, 0);
}

/* Waits before there is anybody who accepts; what is accepted while nobody asks changes nothing; asking again begins
   anew. */
static void
test_told (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { "/usr/bin/python3", "-c", PROGRAM, NULL };
  g_auto (HrFd) first = -1;
  gint64 waited, told;

  if (adopt_skip_without (argv[0]))
    return;
  adopt_open_listener (fixture, "127.0.0.1");
  g_assert_cmpint (look_at_queue (fixture), ==, 0);
  first = connect_to (fixture);
  do
    waited = look_at_queue (fixture);
  while (waited < WAIT_USEC);
  fixture->measure_wait = TRUE;
  adopt_start (fixture, &fixture->old, "old-one", argv, "127.0.0.1", fixture->port);
  await_end (first);
  g_assert_cmpint (look_at_queue (fixture), ==, 0);
  told = hr_instance_get_wait (fixture->old.instance);
  g_assert_cmpint (told, >=, waited);

  hr_instance_measure_wait (fixture->old.instance, TRUE);
  g_assert_cmpint (hr_instance_get_wait (fixture->old.instance), ==, 0);
  hr_instance_measure_wait (fixture->old.instance, FALSE);
  for (guint i = 0; i < 2; i++)
    {
      g_auto (HrFd) other = connect_to (fixture);

      await_end (other);
    }
  g_assert_cmpint (hr_instance_get_wait (fixture->old.instance), ==, 0);
}

/* What it said is known after its end, too. */
static void
test_told_after_the_end (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { "/usr/bin/python3", "-c", PROGRAM, NULL };
  g_auto (HrFd) first = -1;
  gint64 waited;

  if (adopt_skip_without (argv[0]))
    return;
  adopt_open_listener (fixture, "127.0.0.1");
  first = connect_to (fixture);
  do
    waited = look_at_queue (fixture);
  while (waited < WAIT_USEC);
  fixture->measure_wait = TRUE;
  adopt_start (fixture, &fixture->old, "old-one", argv, "127.0.0.1", fixture->port);
  await_end (first);
  hr_instance_kill (fixture->old.instance);
  ADOPT_WAIT_FOR (fixture->old.exited);
  g_assert_cmpint (hr_instance_get_wait (fixture->old.instance), >=, waited);
}

/* Of a program that nobody sees accept nothing is said. */
static void
test_unseen (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { "/usr/bin/env", "-u", "LD_PRELOAD", PASSED_PROGRAM, "own", NULL };

  adopt_open_listener (fixture, "127.0.0.1");
  fixture->measure_wait = TRUE;
  adopt_start (fixture, &fixture->old, "old-one", argv, "127.0.0.1", fixture->port);
  g_assert_cmpint (hr_instance_get_wait (fixture->old.instance), ==, -1);
}

static void
test_no_listener (AdoptFixture *fixture, gconstpointer data)
{
  Look look = { .listeners = fixture->listeners };

  hr_listeners_look_at_queue_async (fixture->listeners, on_looked, &look);
  ADOPT_WAIT_FOR (look.done);
  g_assert_cmpint (look.wait, ==, -1);
  g_assert_error (look.error, HR_ERROR, HR_ERROR_NOT_SUPPORTED);
  g_clear_error (&look.error);
}

/* Another's queue at the same port is not ours: it listens on another address. */
static void
test_other_address (AdoptFixture *fixture, gconstpointer data)
{
  g_auto (HrFd) client = -1;
  struct sockaddr_storage other, every;
  g_autoptr (GError) error = NULL;

  adopt_open_listener (fixture, "127.0.0.1");
  client = connect_to (fixture);
  hr_tcp_address_parse ("127.0.0.2", fixture->port, &other, NULL);
  hr_tcp_address_parse ("0.0.0.0", fixture->port, &every, NULL);
  while (look_at_queue (fixture) < WAIT_USEC)
    ;
  g_assert_cmpint (hr_tcp_queue_longest_wait (&other, 1, &error), ==, 0);
  g_assert_no_error (error);
  g_assert_cmpint (hr_tcp_queue_longest_wait (&every, 1, &error), >=, WAIT_USEC);
  g_assert_no_error (error);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add ("/queue-wait/" path, AdoptFixture, NULL, adopt_set_up, func, adopt_tear_down)
  ADD ("told-by-kernel-and-program", test_told);
  ADD ("told-after-the-end", test_told_after_the_end);
  ADD ("program-that-is-not-seen-tells-nothing", test_unseen);
  ADD ("without-a-listener-nothing-is-known", test_no_listener);
  ADD ("another-address-is-another-queue", test_other_address);
  return g_test_run ();
}
