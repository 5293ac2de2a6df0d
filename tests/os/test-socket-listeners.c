/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "adopt-fixture.h"
#include "connection.h"
#include "hr-error.h"
#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-socket-listeners.h"
#include "hr-tcp-address.h"
#include "native-only.h"

typedef struct {
  HrListeners *listeners;
  HrServiceSpec spec; /* only what open() reads */
  char *dir;
  guint changes;
} Fixture;

static void
listen_spec_free (gpointer data)
{
  HrListenSpec *spec = data;

  g_free (spec->name);
  g_free (spec->host);
  g_free (spec->path);
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
  fixture->dir = g_dir_make_tmp ("hotreload-XXXXXX", NULL);
  fixture->spec.name = (char *)"svc";
  fixture->spec.listen = g_ptr_array_new_with_free_func (listen_spec_free);
  g_signal_connect (fixture->listeners, "changed", G_CALLBACK (on_changed), fixture);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_assert_finalize_object (fixture->listeners);
  g_ptr_array_unref (fixture->spec.listen);
  g_assert_true (hr_fs_remove_tree (fixture->dir, NULL));
  g_free (fixture->dir);
}

static void
want_kind (Fixture *fixture, const char *name, HrListenKind kind, const char *host, guint16 port)
{
  HrListenSpec *spec = g_new0 (HrListenSpec, 1);

  spec->name = g_strdup (name);
  spec->kind = kind;
  spec->host = g_strdup (host);
  spec->port = port;
  g_ptr_array_add (fixture->spec.listen, spec);
}

static void
want (Fixture *fixture, const char *name, const char *host, guint16 port)
{
  want_kind (fixture, name, HR_LISTEN_TCP, host, port);
}

static void
want_path (Fixture *fixture, const char *name, const char *path)
{
  want_kind (fixture, name, HR_LISTEN_UNIX, NULL, 0);
  ((HrListenSpec *)g_ptr_array_index (fixture->spec.listen, fixture->spec.listen->len - 1))->path = g_strdup (path);
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

/* A program has made a connection of it, with data that nobody reads: whoever closes it last waits. */
static void
test_connected (Fixture *fixture, gconstpointer data)
{
  const struct linger linger = { .l_onoff = 1, .l_linger = CONNECTION_LINGER_SECONDS };
  static const char bytes[64 * 1024];
  struct sockaddr_storage address;
  g_auto (HrFd) other = -1;
  gint64 begin;
  guint16 port;
  int fd, listener;

  if (native_only (CONNECTION_LINGER_NATIVE))
    return;
  want (fixture, "main", "127.0.0.1", 0);
  open_all (fixture);
  fd = hr_listeners_get_fd (fixture->listeners, nth (fixture, 0), NULL);
  other = connection_listen ("127.0.0.1", 1, &port);
  g_assert_true (hr_tcp_address_parse ("127.0.0.1", port, &address, NULL));
  g_assert_cmpint (shutdown (fd, SHUT_RDWR), ==, 0);
  g_assert_cmpint (connect (fd, (struct sockaddr *)&address, hr_tcp_address_size (&address)), ==, 0);
  g_assert_cmpint (setsockopt (fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), ==, 0);
  while (send (fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
    ;
  begin = g_get_monotonic_time ();
  hr_listeners_close (fixture->listeners);
  /* Nor is one kept that it gives as a listener. */
  g_assert_false (hr_socket_listeners_discover (HR_SOCKET_LISTENERS (fixture->listeners),
                                                connection_open_lingering (&listener), NULL, NULL, FALSE, "one", NULL));
  g_assert_cmpint (g_get_monotonic_time () - begin, <, CONNECTION_LINGER_SECONDS * G_USEC_PER_SEC / 3);
  close (listener);
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
  g_autoptr (GError) error = NULL;

  want (fixture, "http", "www.example.org", 80);
  g_assert_false (hr_listeners_open (fixture->listeners, &fixture->spec, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED);
  g_assert_nonnull (strstr (error->message, "www.example.org"));
}

/* Returns errno of a connection, 0 when it was made. */
static int
try_path (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_auto (HrFd) fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  gsize length = strlen (path);

  memcpy (address.sun_path, path, length);
  if (*path == '@')
    address.sun_path[0] = '\0';
  return connect (fd, (struct sockaddr *)&address, (socklen_t)(offsetof (struct sockaddr_un, sun_path) + length)) == 0
             ? 0
             : errno;
}

/* A socket file as a program makes it. */
static int
bind_path (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_cmpint (bind (fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint (listen (fd, 5), ==, 0);
  return fd;
}

static void
test_path (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->dir, "made", "for", "it.sock", NULL);
  g_autofree char *address = g_strconcat ("unix:", path, NULL);
  struct stat info;
  int fd;

  want_path (fixture, "http", path);
  open_all (fixture);
  fd = nth (fixture, 0)->fd;
  g_assert_cmpstr (nth (fixture, 0)->address, ==, address);
  g_assert_cmpint (nth (fixture, 0)->port, ==, 0);
  g_assert_cmpint (fd, >=, 3);
  g_assert_cmpint (fcntl (fd, F_GETFD) & FD_CLOEXEC, !=, 0);
  g_assert_cmpint (stat (path, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 0777, ==, 0666);
  g_assert_cmpint (try_path (path), ==, 0);
  /* Over a reload the file stays; when the service stops it goes. */
  open_all (fixture);
  g_assert_cmpint (nth (fixture, 0)->fd, ==, fd);
  g_assert_cmpint (try_path (path), ==, 0);
  hr_listeners_close (fixture->listeners);
  g_assert_cmpint (try_path (path), ==, ENOENT);
}

/* What is found at the path now is another's. */
static void
test_path_of_another_stays (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->dir, "it.sock", NULL);
  g_auto (HrFd) other = -1;

  want_path (fixture, "http", path);
  open_all (fixture);
  g_assert_cmpint (unlink (path), ==, 0);
  other = bind_path (path);
  hr_listeners_close (fixture->listeners);
  g_assert_cmpint (try_path (path), ==, 0);
}

static void
test_lost_path_comes_back (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->dir, "it.sock", NULL);

  want_path (fixture, "http", path);
  open_all (fixture);
  g_assert_cmpint (unlink (path), ==, 0);
  open_all (fixture);
  g_assert_cmpuint (count (fixture), ==, 1);
  g_assert_cmpint (try_path (path), ==, 0);
}

static void
test_stale_path (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->dir, "it.sock", NULL);

  close (bind_path (path));
  g_assert_cmpint (try_path (path), ==, ECONNREFUSED);
  want_path (fixture, "http", path);
  open_all (fixture);
  g_assert_cmpint (try_path (path), ==, 0);
}

static void
test_path_in_use (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->dir, "it.sock", NULL);
  g_autofree char *file = g_build_filename (fixture->dir, "file", NULL);
  g_autofree char *holder = g_strdup_printf ("to unix:%s: Address already in use, by process %d", path, (int)getpid ());
  g_auto (HrFd) other = bind_path (path);
  g_autoptr (GError) error = NULL;

  want (fixture, "kept", "127.0.0.1", 0);
  open_all (fixture);
  want_path (fixture, "http", path);
  g_assert_false (hr_listeners_open (fixture->listeners, &fixture->spec, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_START_FAILED);
  g_assert_nonnull (strstr (error->message, "service 'svc': while binding listener 'http'"));
  g_assert_nonnull (strstr (error->message, holder));
  g_assert_cmpint (try_path (path), ==, 0);
  g_assert_cmpuint (count (fixture), ==, 1);

  g_clear_error (&error);
  g_ptr_array_remove_index (fixture->spec.listen, 1);
  g_assert_true (g_file_set_contents (file, "mine", -1, NULL));
  want_path (fixture, "http", file);
  g_assert_false (hr_listeners_open (fixture->listeners, &fixture->spec, &error));
  g_assert_nonnull (strstr (error->message, "is no socket"));
  g_assert_true (g_file_test (file, G_FILE_TEST_IS_REGULAR));
}

static void
test_abstract (Fixture *fixture, gconstpointer data)
{
  g_autofree char *name = g_strdup_printf ("@hotreload-test-%d", (int)getpid ());
  g_autofree char *address = g_strconcat ("unix:", name, NULL);
  g_autofree char *holder = g_strdup_printf ("by process %d", (int)getpid ());
  g_autoptr (HrListeners) second = hr_socket_listeners_new ();
  g_autoptr (GError) error = NULL;

  want_path (fixture, "http", name);
  open_all (fixture);
  g_assert_cmpstr (nth (fixture, 0)->address, ==, address);
  g_assert_cmpint (try_path (name), ==, 0);
  g_assert_false (hr_listeners_open (second, &fixture->spec, &error));
  g_assert_nonnull (strstr (error->message, address));
  g_assert_nonnull (strstr (error->message, holder));
  hr_listeners_close (fixture->listeners);
  g_assert_cmpint (try_path (name), ==, ECONNREFUSED);
}

/* shutdown() of a Unix socket cannot be taken back: there is another one at its path. */
static void
test_path_is_revived (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->dir, "it.sock", NULL);

  want_path (fixture, "http", path);
  open_all (fixture);
  g_assert_cmpint (shutdown (nth (fixture, 0)->fd, SHUT_RDWR), ==, 0);
  g_assert_cmpint (try_path (path), ==, ECONNREFUSED);
  hr_listeners_revive (fixture->listeners);
  g_assert_cmpint (try_path (path), ==, 0);
  open_all (fixture);
  hr_listeners_close (fixture->listeners);
  g_assert_cmpint (try_path (path), ==, ENOENT);
}

static void
test_datagrams (Fixture *fixture, gconstpointer data)
{
  g_autofree char *holder = g_strdup_printf ("by process %d", (int)getpid ());
  g_autofree char *address = NULL;
  g_autoptr (HrListeners) second = hr_socket_listeners_new ();
  g_autoptr (GError) error = NULL;
  struct sockaddr_storage there;
  g_auto (HrFd) client = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  HrListenSpec *spec;
  guint16 port;
  char got[8];
  int fd;

  want_kind (fixture, "dns", HR_LISTEN_UDP, "127.0.0.1", 0);
  open_all (fixture);
  port = nth (fixture, 0)->port;
  fd = nth (fixture, 0)->fd;
  address = g_strdup_printf ("udp:127.0.0.1:%u", port);
  g_assert_cmpstr (nth (fixture, 0)->address, ==, address);
  g_assert_true (hr_tcp_address_parse ("127.0.0.1", port, &there, NULL));
  g_assert_cmpint (sendto (client, "hello", 5, 0, (struct sockaddr *)&there, hr_tcp_address_size (&there)), ==, 5);
  g_assert_cmpint (recv (fd, got, sizeof got, 0), ==, 5);
  open_all (fixture);
  g_assert_cmpint (nth (fixture, 0)->fd, ==, fd);
  hr_listeners_revive (fixture->listeners);
  g_assert_cmpint (nth (fixture, 0)->port, ==, port);

  spec = g_ptr_array_index (fixture->spec.listen, 0);
  spec->port = port;
  g_assert_false (hr_listeners_open (second, &fixture->spec, &error));
  g_assert_nonnull (strstr (error->message, address));
  g_assert_nonnull (strstr (error->message, holder));
}

/* Names and kinds change places; what stays is untouched, and nothing is bound twice. */
static void
test_every_kind_is_moved (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->dir, "it.sock", NULL);
  int tcp, udp, local;

  want (fixture, "a", "127.0.0.1", 0);
  open_all (fixture);
  ((HrListenSpec *)g_ptr_array_index (fixture->spec.listen, 0))->port = nth (fixture, 0)->port;
  hr_listeners_close (fixture->listeners);
  want_kind (fixture, "b", HR_LISTEN_UDP, "127.0.0.1", ((HrListenSpec *)fixture->spec.listen->pdata[0])->port);
  want_path (fixture, "c", path);
  open_all (fixture);
  tcp = nth (fixture, 0)->fd;
  udp = nth (fixture, 1)->fd;
  local = nth (fixture, 2)->fd;

  for (guint i = 0; i < 3; i++)
    {
      HrListenSpec *spec = g_ptr_array_index (fixture->spec.listen, i);

      g_free (spec->name);
      spec->name = g_strdup (i == 0 ? "c" : i == 1 ? "a" : "b");
    }
  open_all (fixture);
  g_assert_cmpint (nth (fixture, 0)->fd, ==, tcp);
  g_assert_cmpstr (nth (fixture, 0)->name, ==, "c");
  g_assert_cmpint (nth (fixture, 1)->fd, ==, udp);
  g_assert_cmpstr (nth (fixture, 1)->name, ==, "a");
  g_assert_cmpint (nth (fixture, 2)->fd, ==, local);
  g_assert_cmpstr (nth (fixture, 2)->name, ==, "b");

  /* The kind of one changes. */
  ((HrListenSpec *)g_ptr_array_index (fixture->spec.listen, 1))->kind = HR_LISTEN_TCP;
  ((HrListenSpec *)g_ptr_array_index (fixture->spec.listen, 1))->port = 0;
  open_all (fixture);
  g_assert_cmpint (nth (fixture, 0)->fd, ==, tcp);
  g_assert_cmpint (nth (fixture, 1)->kind, ==, HR_LISTEN_TCP);
  g_assert_cmpint (nth (fixture, 2)->fd, ==, local);
  g_assert_cmpint (try_path (path), ==, 0);
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
  HrSocketAddress address = { .kind = HR_LISTEN_TCP };

  g_assert_true (hr_tcp_address_parse (host, port, &address.storage, NULL));
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

  g_assert_true (hr_socket_listeners_discover (HR_SOCKET_LISTENERS (fixture->listeners), dup (fd), NULL, NULL,
                                               free_port, instance, &error));
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
  g_assert_false (hr_socket_listeners_discover (HR_SOCKET_LISTENERS (fixture->listeners), ends[0], NULL, NULL, FALSE,
                                                "first", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_ARGUMENT);
  close (ends[1]);
  g_clear_error (&error);
  g_assert_false (hr_socket_listeners_discover (HR_SOCKET_LISTENERS (fixture->listeners), dup (bound), NULL, NULL,
                                                FALSE, "first", &error));
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
                                                bind_stranger ("127.0.0.1", 0, TRUE), NULL, NULL, FALSE, "first",
                                                &error));
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
  g_auto (HrFd) late = bind_stranger ("127.0.0.1", 0, TRUE);
  g_auto (HrFd) given_up = bind_stranger ("127.0.0.1", 0, TRUE);
  HrSocketListeners *listeners = HR_SOCKET_LISTENERS (fixture->listeners);

  discover (fixture, kept, FALSE, "first");
  discover (fixture, late, FALSE, "first");
  discover (fixture, given_up, FALSE, "first");
  /* A crash: the next instance gets all of them. */
  hr_socket_listeners_leave (listeners, "first");
  g_assert_cmpuint (count (fixture), ==, 3);
  take (fixture, "127.0.0.1", port_of (kept), HR_LISTENER_MATCH_MADE_FOR, "second");
  take (fixture, "127.0.0.1", port_of (late), HR_LISTENER_MATCH_MADE_FOR, "second");
  take (fixture, "127.0.0.1", port_of (given_up), HR_LISTENER_MATCH_MADE_FOR, "second");
  take (fixture, "127.0.0.1", port_of (kept), HR_LISTENER_MATCH_MADE_FOR, "third");
  hr_socket_listeners_leave (listeners, "second");
  /* It listens on one after the other. */
  g_assert_cmpint (try_connect ("127.0.0.1", port_of (late)), ==, 0);
  take (fixture, "127.0.0.1", port_of (late), HR_LISTENER_MATCH_MADE_FOR, "third");
  ADOPT_WAIT_FOR (count (fixture) < 3);
  g_assert_cmpuint (count (fixture), ==, 2);
  g_assert_cmpint (nth (fixture, 0)->port, ==, port_of (kept));
  g_assert_cmpint (nth (fixture, 1)->port, ==, port_of (late));
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
  ADD ("what-lingers-holds-nothing-up", test_connected);
  ADD ("free-port-is-found", test_free_port);
  ADD ("every-address-takes-both-families", test_every_address);
  ADD ("reopen-leaves-the-others-untouched", test_reopen);
  ADD ("in-use-names-address-and-holder", test_in_use);
  ADD ("names-are-refused", test_refused);
  ADD ("path-is-bound-for-everybody-and-goes-with-the-service", test_path);
  ADD ("path-of-another-stays", test_path_of_another_stays);
  ADD ("lost-path-comes-back", test_lost_path_comes_back);
  ADD ("stale-path-is-replaced", test_stale_path);
  ADD ("path-in-use-names-its-holder", test_path_in_use);
  ADD ("abstract-name-is-bound", test_abstract);
  ADD ("path-is-revived", test_path_is_revived);
  ADD ("datagrams-are-received", test_datagrams);
  ADD ("every-kind-is-moved-without-touching-the-others", test_every_kind_is_moved);
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
