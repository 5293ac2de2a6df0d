/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What was sent is waited for, but not without end: the other side may not read.
 */
#include "hr-bus-flush.h"

#include <sys/socket.h>
#include <unistd.h>

/* More than a socket takes. */
#define SIZE (8 * 1024 * 1024)
#define DEADLINE_USEC (30 * G_USEC_PER_SEC)

typedef struct {
  int other; /* the side that reads, or not */
  GDBusConnection *connection;
} Fixture;

static void
setup (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = NULL;
  g_autoptr (GSocketConnection) stream = NULL;
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  f->other = fds[1];
  socket = g_socket_new_from_fd (fds[0], &error);
  g_assert_no_error (error);
  stream = g_socket_connection_factory_create_connection (socket);
  f->connection =
      g_dbus_connection_new_sync (G_IO_STREAM (stream), NULL, G_DBUS_CONNECTION_FLAGS_NONE, NULL, NULL, &error);
  g_assert_no_error (error);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  g_dbus_connection_close_sync (f->connection, NULL, NULL);
  g_object_unref (f->connection);
  close (f->other);
}

static void
send_much (Fixture *f)
{
  g_autofree char *text = g_strnfill (SIZE, 'x');
  g_autoptr (GError) error = NULL;

  g_dbus_connection_emit_signal (f->connection, NULL, "/test", "org.hotreload.Test", "Much",
                                 g_variant_new ("(s)", text), &error);
  g_assert_no_error (error);
}

static gpointer
read_all (gpointer data)
{
  gsize total = 0;
  char buffer[64 * 1024];
  ssize_t got;

  while ((got = read (GPOINTER_TO_INT (data), buffer, sizeof buffer)) > 0)
    total += (gsize)got;
  return GSIZE_TO_POINTER (total);
}

static void
expect_all_is_read (Fixture *f, GThread *reader)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (hr_bus_flush (f->connection, DEADLINE_USEC, &error));
  g_assert_no_error (error);
  g_dbus_connection_close_sync (f->connection, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (GPOINTER_TO_SIZE (g_thread_join (reader)), >=, SIZE);
}

static void
test_what_was_sent_has_been_written (Fixture *f, gconstpointer data)
{
  GThread *reader = g_thread_new ("reader", read_all, GINT_TO_POINTER (f->other));

  send_much (f);
  expect_all_is_read (f, reader);
}

static void
test_who_does_not_read_is_not_waited_for (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  GThread *reader;

  send_much (f);
  g_assert_false (hr_bus_flush (f->connection, 50 * G_TIME_SPAN_MILLISECOND, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);

  /* It reads after all: nothing was lost by that. */
  reader = g_thread_new ("reader", read_all, GINT_TO_POINTER (f->other));
  expect_all_is_read (f, reader);
}

/* Whether GDBus has noticed that yet or not, and so has dropped what was to be written. */
static void
test_who_is_gone_is_not_waited_for (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  send_much (f);
  g_assert_cmpint (shutdown (f->other, SHUT_RDWR), ==, 0);
  if (!hr_bus_flush (f->connection, DEADLINE_USEC, &error))
    g_assert_false (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT));
}

#define ADD(path, func) g_test_add ("/bus-flush/" path, Fixture, NULL, setup, func, teardown)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("what-was-sent-has-been-written", test_what_was_sent_has_been_written);
  ADD ("who-does-not-read-is-not-waited-for", test_who_does_not_read_is_not_waited_for);
  ADD ("who-is-gone-is-not-waited-for", test_who_is_gone_is_not_waited_for);
  return g_test_run ();
}
