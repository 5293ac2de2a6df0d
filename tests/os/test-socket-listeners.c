/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-fd.h"
#include "hr-socket-listeners.h"
#include "hr-tcp-address.h"

typedef struct {
  HrListeners *listeners;
  HrServiceSpec spec; /* only what open() reads */
  guint changes;
} Fixture;

static void
listen_spec_free (gpointer data)
{
  HrListenSpec *spec = data;

  g_free (spec->name);
  g_free (spec->host);
  g_free (spec);
}

static void
on_changed (HrListeners *listeners, Fixture *fixture)
{
  fixture->changes++;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->listeners = hr_socket_listeners_new ();
  fixture->spec.name = (char *)"svc";
  fixture->spec.listen = g_ptr_array_new_with_free_func (listen_spec_free);
  g_signal_connect (fixture->listeners, "changed", G_CALLBACK (on_changed), fixture);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_assert_finalize_object (fixture->listeners);
  g_ptr_array_unref (fixture->spec.listen);
}

static void
want (Fixture *fixture, const char *name, const char *host, guint16 port)
{
  HrListenSpec *spec = g_new0 (HrListenSpec, 1);

  spec->name = g_strdup (name);
  spec->kind = HR_LISTEN_TCP;
  spec->host = g_strdup (host);
  spec->port = port;
  g_ptr_array_add (fixture->spec.listen, spec);
}

static void
open_all (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (hr_listeners_open (fixture->listeners, &fixture->spec, &error));
  g_assert_no_error (error);
}

static HrListener *
nth (Fixture *fixture, guint index)
{
  GPtrArray *list = hr_listeners_list (fixture->listeners);

  g_assert_cmpuint (index, <, list->len);
  return g_ptr_array_index (list, index);
}

static guint
count (Fixture *fixture)
{
  return hr_listeners_list (fixture->listeners)->len;
}

/* Returns errno of a connection, 0 when it was made. */
static int
try_connect (const char *host, guint16 port)
{
  struct sockaddr_storage address;
  g_auto (HrFd) fd = -1;

  g_assert_true (hr_tcp_address_parse (host, port, &address, NULL));
  fd = socket (address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return connect (fd, (struct sockaddr *)&address, hr_tcp_address_size (&address)) == 0 ? 0 : errno;
}

/* A socket as a program makes it. */
static int
bind_stranger (const char *host, guint16 port, gboolean listening)
{
  struct sockaddr_storage address;
  int fd, on = 1;

  g_assert_true (hr_tcp_address_parse (host, port, &address, NULL));
  fd = socket (address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  g_assert_cmpint (bind (fd, (struct sockaddr *)&address, hr_tcp_address_size (&address)), ==, 0);
  if (listening)
    g_assert_cmpint (listen (fd, 5), ==, 0);
  return fd;
}

static guint16
port_of (int fd)
{
  struct sockaddr_storage address;
  socklen_t length = sizeof address;

  g_assert_cmpint (getsockname (fd, (struct sockaddr *)&address, &length), ==, 0);
  return hr_tcp_address_port (&address);
}

static void
test_free_port (Fixture *fixture, gconstpointer data)
{
  g_autofree char *address = NULL;

  want (fixture, "http", "127.0.0.1", 0);
  open_all (fixture);
  g_assert_cmpuint (count (fixture), ==, 1);
  g_assert_cmpuint (nth (fixture, 0)->port, >, 0);
  g_assert_cmpstr (nth (fixture, 0)->name, ==, "http");
  address = g_strdup_printf ("tcp:127.0.0.1:%u", nth (fixture, 0)->port);
  g_assert_cmpstr (nth (fixture, 0)->address, ==, address);
  g_assert_cmpint (nth (fixture, 0)->fd, >=, 3);
  g_assert_cmpint (fcntl (nth (fixture, 0)->fd, F_GETFD) & FD_CLOEXEC, !=, 0);
  g_assert_cmpint (try_connect ("127.0.0.1", nth (fixture, 0)->port), ==, 0);
}

static void
test_every_address (Fixture *fixture, gconstpointer data)
{
  want (fixture, "http", "", 0);
  open_all (fixture);
  g_assert_cmpint (try_connect ("127.0.0.1", nth (fixture, 0)->port), ==, 0);
  if (g_str_has_prefix (nth (fixture, 0)->address, "tcp:[::]:"))
    g_assert_cmpint (try_connect ("[::1]", nth (fixture, 0)->port), ==, 0);
}

static void
test_reopen (Fixture *fixture, gconstpointer data)
{
  guint16 first, second;
  int fd;

  want (fixture, "one", "127.0.0.1", 0);
  want (fixture, "two", "localhost", 0);
  open_all (fixture);
  first = nth (fixture, 0)->port;
  second = nth (fixture, 1)->port;
  fd = nth (fixture, 1)->fd;

  g_ptr_array_remove_index (fixture->spec.listen, 0);
  want (fixture, "three", "127.0.0.1", 0);
  open_all (fixture);
  g_assert_cmpuint (count (fixture), ==, 2);
  g_assert_cmpint (nth (fixture, 0)->fd, ==, fd);
  g_assert_cmpint (nth (fixture, 0)->port, ==, second);
  g_assert_cmpint (try_connect ("127.0.0.1", first), ==, ECONNREFUSED);

  hr_listeners_close (fixture->listeners);
  g_assert_cmpuint (count (fixture), ==, 0);
  g_assert_cmpint (try_connect ("127.0.0.1", second), ==, ECONNREFUSED);
}

static void
test_in_use (Fixture *fixture, gconstpointer data)
{
  g_auto (HrFd) stranger = bind_stranger ("127.0.0.1", 0, TRUE);
  g_autofree char *port = g_strdup_printf ("127.0.0.1:%u", port_of (stranger));
  g_autofree char *holder = g_strdup_printf ("process %d", (int)getpid ());
  g_autoptr (GError) error = NULL;

  want (fixture, "one", "127.0.0.1", 0);
  open_all (fixture);
  want (fixture, "http", "127.0.0.1", port_of (stranger));
  want (fixture, "last", "127.0.0.1", 0);
  g_assert_false (hr_listeners_open (fixture->listeners, &fixture->spec, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_START_FAILED);
  g_assert_nonnull (strstr (error->message, "'http'"));
  g_assert_nonnull (strstr (error->message, port));
  g_assert_nonnull (strstr (error->message, holder));
  /* Nothing has changed. */
  g_assert_cmpuint (count (fixture), ==, 1);
  g_assert_cmpint (try_connect ("127.0.0.1", nth (fixture, 0)->port), ==, 0);
}

static void
test_refused (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) name = NULL;
  g_autoptr (GError) kind = NULL;

  want (fixture, "http", "www.example.org", 80);
  g_assert_false (hr_listeners_open (fixture->listeners, &fixture->spec, &name));
  g_assert_error (name, HR_ERROR, HR_ERROR_NOT_SUPPORTED);
  g_assert_nonnull (strstr (name->message, "www.example.org"));
  ((HrListenSpec *)g_ptr_array_index (fixture->spec.listen, 0))->kind = HR_LISTEN_UDP;
  g_assert_false (hr_listeners_open (fixture->listeners, &fixture->spec, &kind));
  g_assert_error (kind, HR_ERROR, HR_ERROR_NOT_SUPPORTED);
  g_assert_nonnull (strstr (kind->message, "not supported yet"));
}

static void
test_sockets_none (Fixture *fixture, gconstpointer data)
{
  want (fixture, "http", "127.0.0.1", 0);
  fixture->spec.sockets = HR_SOCKETS_NONE;
  open_all (fixture);
  g_assert_cmpuint (count (fixture), ==, 0);
}

static void
test_revive (Fixture *fixture, gconstpointer data)
{
  guint16 port;

  want (fixture, "http", "127.0.0.1", 0);
  open_all (fixture);
  port = nth (fixture, 0)->port;
  g_assert_cmpint (shutdown (nth (fixture, 0)->fd, SHUT_RDWR), ==, 0);
  g_assert_cmpint (try_connect ("127.0.0.1", port), ==, ECONNREFUSED);
  hr_listeners_revive (fixture->listeners);
  g_assert_cmpint (try_connect ("127.0.0.1", port), ==, 0);
}

static int
take (Fixture *fixture, const char *host, guint16 port, HrListenerMatch match, const char *instance)
{
  struct sockaddr_storage address;

  g_assert_true (hr_tcp_address_parse (host, port, &address, NULL));
  return hr_socket_listeners_take (HR_SOCKET_LISTENERS (fixture->listeners), &address, match, instance);
}

static void
test_take_made_for (Fixture *fixture, gconstpointer data)
{
  guint16 port;
  int fd;

  want (fixture, "http", "127.0.0.1", 0);
  open_all (fixture);
  port = nth (fixture, 0)->port;
  fd = nth (fixture, 0)->fd;
  g_assert_cmpint (take (fixture, "127.0.0.1", port, HR_LISTENER_MATCH_MADE_FOR, "i"), ==, fd);
  g_assert_cmpint (take (fixture, "0.0.0.0", port, HR_LISTENER_MATCH_MADE_FOR, "i"), ==, fd);
  g_assert_cmpint (take (fixture, "::", port, HR_LISTENER_MATCH_MADE_FOR, "i"), ==, fd);
  g_assert_cmpint (take (fixture, "::1", port, HR_LISTENER_MATCH_MADE_FOR, "i"), ==, fd);
  g_assert_cmpint (take (fixture, "127.0.0.2", port, HR_LISTENER_MATCH_MADE_FOR, "i"), ==, -1);
  g_assert_cmpint (take (fixture, "127.0.0.1", port ^ 1, HR_LISTENER_MATCH_MADE_FOR, "i"), ==, -1);
}

static void
discover (Fixture *fixture, int fd, gboolean free_port, const char *instance)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (
      hr_socket_listeners_discover (HR_SOCKET_LISTENERS (fixture->listeners), dup (fd), free_port, instance, &error));
  g_assert_no_error (error);
}

static void
test_discover (Fixture *fixture, gconstpointer data)
{
  g_auto (HrFd) program = bind_stranger ("0.0.0.0", 0, TRUE);
  guint16 port = port_of (program);

  discover (fixture, program, FALSE, "first");
  g_assert_cmpuint (fixture->changes, ==, 1);
  discover (fixture, program, FALSE, "first");
  g_assert_cmpuint (count (fixture), ==, 1);
  g_assert_true (nth (fixture, 0)->discovered);
  g_assert_false (nth (fixture, 0)->ephemeral);

  /* A program that binds IPv4 and IPv6 apart gets each for each; the other only when it is in the way. */
  g_assert_cmpint (take (fixture, "0.0.0.0", port, HR_LISTENER_MATCH_MADE_FOR, "second"), ==, nth (fixture, 0)->fd);
  g_assert_cmpint (take (fixture, "::", port, HR_LISTENER_MATCH_MADE_FOR, "second"), ==, -1);
  g_assert_cmpint (take (fixture, "::", port, HR_LISTENER_MATCH_IN_THE_WAY, "second"), ==, nth (fixture, 0)->fd);

  /* The program's own descriptor may close: the socket stays. */
  hr_fd_clear (&program);
  g_assert_cmpint (try_connect ("127.0.0.1", port), ==, 0);
}

static void
test_discover_only_listeners (Fixture *fixture, gconstpointer data)
{
  g_auto (HrFd) bound = bind_stranger ("127.0.0.1", 0, FALSE);
  g_autoptr (GError) error = NULL;
  int ends[2];

  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  g_assert_false (
      hr_socket_listeners_discover (HR_SOCKET_LISTENERS (fixture->listeners), ends[0], FALSE, "first", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT);
  close (ends[1]);
  g_clear_error (&error);
  g_assert_false (
      hr_socket_listeners_discover (HR_SOCKET_LISTENERS (fixture->listeners), dup (bound), FALSE, "first", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT);
}

static void
test_discovered_limit (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  for (int i = 0; i < HR_DISCOVERED_LISTENERS_MAX; i++)
    {
      g_auto (HrFd) program = bind_stranger ("127.0.0.1", 0, TRUE);
      discover (fixture, program, FALSE, "first");
    }
  g_assert_false (hr_socket_listeners_discover (HR_SOCKET_LISTENERS (fixture->listeners),
                                                bind_stranger ("127.0.0.1", 0, TRUE), FALSE, "first", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED);
}

static void
test_free_ports_in_order (Fixture *fixture, gconstpointer data)
{
  g_auto (HrFd) one = bind_stranger ("127.0.0.1", 0, TRUE);
  g_auto (HrFd) two = bind_stranger ("127.0.0.1", 0, TRUE);

  discover (fixture, one, TRUE, "first");
  discover (fixture, two, TRUE, "first");
  g_assert_cmpint (take (fixture, "127.0.0.1", 0, HR_LISTENER_MATCH_FREE_PORT, "second"), ==, nth (fixture, 0)->fd);
  g_assert_cmpint (take (fixture, "127.0.0.1", 0, HR_LISTENER_MATCH_FREE_PORT, "second"), ==, nth (fixture, 1)->fd);
  g_assert_cmpint (take (fixture, "127.0.0.1", 0, HR_LISTENER_MATCH_FREE_PORT, "second"), ==, -1);
}

static void
test_leave (Fixture *fixture, gconstpointer data)
{
  g_auto (HrFd) kept = bind_stranger ("127.0.0.1", 0, TRUE);
  g_auto (HrFd) given_up = bind_stranger ("127.0.0.1", 0, TRUE);
  HrSocketListeners *listeners = HR_SOCKET_LISTENERS (fixture->listeners);

  discover (fixture, kept, FALSE, "first");
  discover (fixture, given_up, FALSE, "first");
  /* A crash: the next instance gets both. */
  hr_socket_listeners_leave (listeners, "first");
  g_assert_cmpuint (count (fixture), ==, 2);
  take (fixture, "127.0.0.1", port_of (kept), HR_LISTENER_MATCH_MADE_FOR, "second");
  take (fixture, "127.0.0.1", port_of (given_up), HR_LISTENER_MATCH_MADE_FOR, "second");
  take (fixture, "127.0.0.1", port_of (kept), HR_LISTENER_MATCH_MADE_FOR, "third");
  hr_socket_listeners_leave (listeners, "second");
  g_assert_cmpuint (count (fixture), ==, 1);
  g_assert_cmpint (nth (fixture, 0)->port, ==, port_of (kept));
}

static void
test_discovered_becomes_configured (Fixture *fixture, gconstpointer data)
{
  g_auto (HrFd) program = bind_stranger ("127.0.0.1", 0, TRUE);
  int fd;

  discover (fixture, program, FALSE, "first");
  fd = nth (fixture, 0)->fd;
  want (fixture, "http", "127.0.0.1", port_of (program));
  open_all (fixture);
  g_assert_cmpuint (count (fixture), ==, 1);
  g_assert_cmpint (nth (fixture, 0)->fd, ==, fd);
  g_assert_false (nth (fixture, 0)->discovered);
  g_assert_cmpstr (nth (fixture, 0)->name, ==, "http");
}

/* When binds are no longer answered, what was discovered is no longer in the program's way. */
static void
test_discovered_is_let_go (Fixture *fixture, gconstpointer data)
{
  g_auto (HrFd) program = bind_stranger ("127.0.0.1", 0, TRUE);

  discover (fixture, program, FALSE, "first");
  open_all (fixture);
  g_assert_cmpuint (count (fixture), ==, 1);
  fixture->spec.sockets = HR_SOCKETS_PASS;
  open_all (fixture);
  g_assert_cmpuint (count (fixture), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add ("/socket-listeners/" path, Fixture, NULL, set_up, func, tear_down)
  ADD ("free-port-is-found", test_free_port);
  ADD ("every-address-takes-both-families", test_every_address);
  ADD ("reopen-leaves-the-others-untouched", test_reopen);
  ADD ("in-use-names-address-and-holder", test_in_use);
  ADD ("names-and-other-kinds-are-refused", test_refused);
  ADD ("sockets-none-binds-nothing", test_sockets_none);
  ADD ("shutdown-is-undone", test_revive);
  ADD ("listener-is-taken-for-what-overlaps-it", test_take_made_for);
  ADD ("discovered-outlives-its-program", test_discover);
  ADD ("only-listening-tcp-is-kept", test_discover_only_listeners);
  ADD ("discovered-are-limited", test_discovered_limit);
  ADD ("free-ports-are-taken-in-order", test_free_ports_in_order);
  ADD ("what-no-instance-uses-is-closed", test_leave);
  ADD ("discovered-becomes-configured", test_discovered_becomes_configured);
  ADD ("discovered-is-let-go-where-nothing-is-adopted", test_discovered_is_let_go);
  return g_test_run ();
}
