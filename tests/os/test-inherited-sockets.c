/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "connection.h"
#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-inherited-sockets.h"
#include "hr-socket-bind.h"
#include "hr-socket-listeners.h"
#include "warnings.h"

/* Away from what the test itself has open. */
#define FIRST 100

typedef struct {
  char *dir;
  guint n;        /* passed so far */
  GString *names; /* with ':' after each */
  HrInheritedSockets *inherited;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->dir = g_dir_make_tmp ("hr-inherited-XXXXXX", NULL);
  f->names = g_string_new (NULL);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  warnings_expect_none ();
  if (f->inherited != NULL)
    g_assert_finalize_object (f->inherited);
  g_string_free (f->names, TRUE);
  g_assert_true (hr_fs_remove_tree (f->dir, NULL));
  g_free (f->dir);
}

/* Passes the descriptor, as whoever starts the daemon does: without close-on-exec. */
static void
pass (Fixture *f, int fd, const char *name)
{
  g_auto (HrFd) given = fd;

  g_assert_cmpint (given, >=, 0);
  g_assert_cmpint (dup2 (given, FIRST + (int)f->n), ==, FIRST + (int)f->n);
  f->n++;
  g_string_append_printf (f->names, "%s:", name);
}

/* One that listens, if its kind does. */
static int
make (HrListenKind kind, const char *host, guint16 port, char *path)
{
  HrListenSpec spec = { .kind = kind, .host = (char *)host, .port = port, .path = path };
  HrSocketAddress address;
  g_autoptr (GError) error = NULL;
  int fd;

  g_assert_true (hr_socket_address_from_spec (&spec, &address, &error));
  fd = hr_socket_bind (&address, &error);
  g_assert_no_error (error);
  return fd;
}

static int
make_tcp (guint16 *port)
{
  int fd = make (HR_LISTEN_TCP, "127.0.0.1", 0, NULL);
  HrSocketAddress address;

  g_assert_true (hr_socket_address_of (fd, &address));
  *port = hr_socket_address_port (&address);
  return fd;
}

static void
set_environment (const char *pid, const char *n, const char *names)
{
  g_setenv ("LISTEN_PID", pid, TRUE);
  g_setenv ("LISTEN_FDS", n, TRUE);
  if (names != NULL)
    g_setenv ("LISTEN_FDNAMES", names, TRUE);
}

static void
inherit (Fixture *f)
{
  g_autofree char *pid = g_strdup_printf ("%d", (int)getpid ());
  g_autofree char *n = g_strdup_printf ("%u", f->n);

  g_string_truncate (f->names, f->names->len - 1);
  set_environment (pid, n, f->names->str);
  f->inherited = hr_inherited_sockets_new (FIRST);
  g_assert_null (g_getenv ("LISTEN_PID"));
  g_assert_null (g_getenv ("LISTEN_FDS"));
  g_assert_null (g_getenv ("LISTEN_FDNAMES"));
}

static HrServiceSpec *
service (const char *name, const char *listen)
{
  g_autofree char *text = g_strdup_printf ("[Service]\nExec=/bin/true\nListen=%s\n", listen);
  HrSpecSource source = { "/etc/hotreload/services.d/x.conf", text, strlen (text) };
  g_autoptr (GError) error = NULL;
  HrServiceSpec *spec = hr_service_spec_parse (name, &source, 1, NULL, &error);

  g_assert_no_error (error);
  return spec;
}

/* Listeners of a service that has claimed. */
static HrListeners *
claim (Fixture *f, HrServiceSpec *spec)
{
  HrListeners *listeners = hr_socket_listeners_new ();

  hr_socket_listeners_claim (HR_SOCKET_LISTENERS (listeners), f->inherited, spec);
  return listeners;
}

static void
open_all (HrListeners *listeners, HrServiceSpec *spec)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (hr_listeners_open (listeners, spec, &error));
  g_assert_no_error (error);
}

static HrListener *
nth (HrListeners *listeners, guint index)
{
  GPtrArray *list = hr_listeners_list (listeners);

  g_assert_cmpuint (index, <, list->len);
  return g_ptr_array_index (list, index);
}

static void
test_by_address (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->dir, "a.sock", NULL);
  g_autofree char *listen = NULL;
  g_autoptr (HrServiceSpec) spec = NULL;
  g_autoptr (HrListeners) listeners = NULL;
  guint16 tcp, udp;
  HrSocketAddress address;
  int datagram = make (HR_LISTEN_UDP, "127.0.0.1", 0, NULL), stream = make_tcp (&tcp);

  g_assert_true (hr_socket_address_of (datagram, &address));
  udp = hr_socket_address_port (&address);
  g_assert_cmpint (fcntl (stream, F_SETFL, O_NONBLOCK), ==, 0);
  pass (f, make (HR_LISTEN_UNIX, NULL, 0, path), "unknown");
  pass (f, stream, "shop.socket");
  pass (f, datagram, "");
  inherit (f);
  listen = g_strdup_printf ("a=tcp:127.0.0.1:%u;b=udp:127.0.0.1:%u;c=unix:%s", tcp, udp, path);
  spec = service ("svc", listen);
  listeners = claim (f, spec);
  hr_inherited_sockets_warn_unused (f->inherited);
  /* All three are bound: by another socket that would fail. */
  open_all (listeners, spec);
  for (guint i = 0; i < 3; i++)
    {
      int fd = nth (listeners, i)->fd;

      g_assert_cmpint (fcntl (fd, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
      g_assert_cmpint (fcntl (fd, F_GETFL) & O_NONBLOCK, ==, 0);
      g_assert_cmpint (fcntl (FIRST + (int)i, F_GETFD), ==, -1);
    }
  g_assert_cmpint (nth (listeners, 0)->port, ==, tcp);
  g_assert_cmpint (nth (listeners, 1)->port, ==, udp);
  hr_listeners_close (listeners);
  /* Its file is not ours to remove. */
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  open_all (listeners, spec);
  hr_listeners_close (listeners);
}

static void
test_found_again (Fixture *f, gconstpointer data)
{
  g_autofree char *listen = NULL;
  g_autoptr (HrServiceSpec) spec = NULL;
  g_autoptr (HrListeners) listeners = NULL;
  g_auto (HrFd) client = -1;
  g_auto (HrFd) accepted = -1;
  guint16 port;

  pass (f, make_tcp (&port), "x");
  inherit (f);
  listen = g_strdup_printf ("http=tcp:127.0.0.1:%u", port);
  spec = service ("svc", listen);
  listeners = claim (f, spec);
  open_all (listeners, spec);
  /* What a program may do to it before it ends. */
  g_assert_cmpint (shutdown (nth (listeners, 0)->fd, SHUT_RDWR), ==, 0);
  hr_listeners_close (listeners);
  open_all (listeners, spec);
  hr_listeners_close (listeners);
  /* Nobody runs: it waits. */
  client = connection_open ("127.0.0.1", port);
  open_all (listeners, spec);
  accepted = accept4 (nth (listeners, 0)->fd, NULL, NULL, SOCK_CLOEXEC);
  g_assert_cmpint (accepted, >=, 0);
  /* Opening again while it is open keeps it. */
  open_all (listeners, spec);
  g_assert_cmpuint (hr_listeners_list (listeners)->len, ==, 1);
}

static void
test_by_name (Fixture *f, gconstpointer data)
{
  g_autofree char *shown = NULL;
  g_autoptr (HrServiceSpec) shop = NULL;
  g_autoptr (HrServiceSpec) blog = NULL;
  g_autoptr (HrListeners) of_shop = NULL;
  g_autoptr (HrListeners) of_blog = NULL;
  guint16 full, brief;

  pass (f, make_tcp (&full), "shop.eu.http");
  pass (f, make_tcp (&brief), "admin");
  inherit (f);
  shop = service ("shop.eu", "http=tcp:127.0.0.1:1;admin=tcp:127.0.0.1:0");
  blog = service ("blog", "http=tcp:127.0.0.1:0");
  of_shop = claim (f, shop);
  of_blog = claim (f, blog);
  hr_inherited_sockets_warn_unused (f->inherited);
  open_all (of_blog, blog);
  g_assert_cmpint (nth (of_blog, 0)->port, !=, full);
  /* The real address, not that of the file. */
  open_all (of_shop, shop);
  shown = g_strdup_printf ("tcp:127.0.0.1:%u", full);
  g_assert_cmpstr (nth (of_shop, 0)->address, ==, shown);
  g_assert_cmpstr (nth (of_shop, 0)->name, ==, "http");
  g_assert_cmpint (nth (of_shop, 1)->port, ==, brief);
  open_all (of_shop, shop);
  g_assert_cmpint (nth (of_shop, 0)->port, ==, full);
  g_assert_cmpint (nth (of_shop, 1)->port, ==, brief);
}

static void
test_renamed (Fixture *f, gconstpointer data)
{
  g_autofree char *listen = NULL;
  g_autoptr (HrServiceSpec) before = NULL;
  g_autoptr (HrServiceSpec) after = NULL;
  g_autoptr (HrServiceSpec) moved = NULL;
  g_autoptr (HrListeners) listeners = NULL;
  guint16 port;

  pass (f, make_tcp (&port), "shop.http");
  inherit (f);
  listen = g_strdup_printf ("http=tcp:127.0.0.1:%u", port);
  before = service ("shop", listen);
  g_free (listen);
  listen = g_strdup_printf ("web=tcp:127.0.0.1:%u", port);
  after = service ("shop", listen);
  moved = service ("shop", "web=tcp:127.0.0.1:0");
  listeners = claim (f, before);
  open_all (listeners, before);
  /* By another name, but still at its address. */
  hr_socket_listeners_claim (HR_SOCKET_LISTENERS (listeners), f->inherited, after);
  open_all (listeners, after);
  g_assert_cmpint (nth (listeners, 0)->port, ==, port);
  /* Now neither is it. */
  hr_socket_listeners_claim (HR_SOCKET_LISTENERS (listeners), f->inherited, moved);
  open_all (listeners, moved);
  g_assert_cmpint (nth (listeners, 0)->port, !=, port);
  hr_socket_listeners_claim (HR_SOCKET_LISTENERS (listeners), f->inherited, before);
  open_all (listeners, before);
  g_assert_cmpint (nth (listeners, 0)->port, ==, port);
}

static void
test_name_of_several (Fixture *f, gconstpointer data)
{
  g_autoptr (HrServiceSpec) shop = NULL;
  g_autoptr (HrServiceSpec) blog = NULL;
  g_autoptr (HrListeners) of_shop = NULL;
  g_autoptr (HrListeners) of_blog = NULL;
  guint16 port;

  pass (f, make_tcp (&port), "http");
  inherit (f);
  shop = service ("shop", "http=tcp:127.0.0.1:0");
  blog = service ("blog", "http=tcp:127.0.0.1:0");
  of_shop = claim (f, shop);
  of_blog = claim (f, blog);
  open_all (of_shop, shop);
  g_assert_cmpint (nth (of_shop, 0)->port, !=, port);
  hr_inherited_sockets_warn_unused (f->inherited);
  warnings_expect ("socket 'http' (tcp:127.0.0.1:*) that the daemon was passed: 2 services have a listener of that "
                   "name, and it needs the name SERVICE.http, ignoring");
  /* The other one is removed. */
  g_clear_object (&of_blog);
  hr_listeners_close (of_shop);
  open_all (of_shop, shop);
  g_assert_cmpint (nth (of_shop, 0)->port, ==, port);
}

static void
test_unused (Fixture *f, gconstpointer data)
{
  g_autoptr (HrServiceSpec) spec = NULL;
  g_autoptr (HrListeners) listeners = NULL;
  guint16 port;

  pass (f, make_tcp (&port), "shop.http");
  inherit (f);
  /* Another kind of that name, and nothing of that address. */
  spec = service ("shop", "http=udp:127.0.0.1:0");
  listeners = claim (f, spec);
  hr_inherited_sockets_warn_unused (f->inherited);
  warnings_expect ("socket 'shop.http' (tcp:127.0.0.1:*) that the daemon was passed is for no listener of a service, "
                   "ignoring");
  /* It stays open all the same. */
  hr_fd_clear (&(int){ connection_open ("127.0.0.1", port) });
}

static void
test_lost_file (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->dir, "a.sock", NULL);
  g_autofree char *listen = g_strdup_printf ("a=unix:%s", path);
  g_autoptr (HrServiceSpec) spec = NULL;
  g_autoptr (HrListeners) listeners = NULL;

  pass (f, make (HR_LISTEN_UNIX, NULL, 0, path), "a");
  inherit (f);
  g_assert_cmpint (unlink (path), ==, 0);
  spec = service ("svc", listen);
  listeners = claim (f, spec);
  open_all (listeners, spec);
  warnings_expect ("listener 'a': socket unix:* that the daemon was passed: while looking for socket *, ignoring");
  /* That one is its own. */
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  hr_listeners_close (listeners);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

static void
test_not_separate (Fixture *f, gconstpointer data)
{
  g_autoptr (HrServiceSpec) spec = NULL;
  g_autoptr (HrListeners) listeners = NULL;
  g_autoptr (GError) error = NULL;
  guint16 port;

  pass (f, make_tcp (&port), "http");
  inherit (f);
  spec = service ("svc", "http=tcp:127.0.0.1:0;more=tcp:127.0.0.1:0");
  listeners = claim (f, spec);
  open_all (listeners, spec);
  g_assert_false (hr_listeners_separate (listeners, "candidate", &error));
  g_assert_nonnull (strstr (error->message, "'http'"));
  g_assert_false (hr_listeners_is_separate (listeners, "candidate"));
  g_assert_cmpint (hr_socket_get_option (nth (listeners, 0)->fd, SOL_SOCKET, SO_REUSEPORT), ==, 0);
}

static void
test_garbage (Fixture *f, gconstpointer data)
{
  int pair[2];
  guint16 port;

  pass (f, open ("/dev/null", O_RDONLY | O_CLOEXEC), "file");
  pass (f, socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "deaf");
  pass (f, socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "unbound");
  pass (f, socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "datagram");
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
  pass (f, pair[0], "connected");
  pass (f, make_tcp (&port), "good");
  /* One that is not there, behind which a copy must not be taken for it. */
  f->n++;
  g_string_append (f->names, "gone:");
  inherit (f);
  warnings_expect ("descriptor 100 'file' that the daemon was passed: it is no socket, ignoring");
  warnings_expect ("descriptor 101 'deaf' that the daemon was passed: it does not listen, ignoring");
  warnings_expect ("descriptor 102 'unbound' that the daemon was passed: it has no address, ignoring");
  warnings_expect ("descriptor 103 'datagram' that the daemon was passed: it is neither *, ignoring");
  warnings_expect ("descriptor 104 'connected' that the daemon was passed: it does not listen, ignoring");
  warnings_expect ("descriptor 106 'gone' that the daemon was passed: it is not open, ignoring");
  warnings_expect_none ();
  hr_inherited_sockets_warn_unused (f->inherited);
  warnings_expect ("socket 'good' *, ignoring");
  hr_fd_clear (&pair[1]);
}

static void
test_environment (Fixture *f, gconstpointer data)
{
  g_autofree char *pid = g_strdup_printf ("%d", (int)getpid ());
  const struct {
    const char *pid, *n, *names, *warning;
  } cases[] = {
    { "1", "1", "a", NULL }, /* for another */
    { "", "1", "a", NULL },
    { "me", "1", NULL, NULL },
    { pid, "", NULL, "LISTEN_FDS is '', which is no number up to 1024, ignoring" },
    { pid, "-1", NULL, "LISTEN_FDS is '-1', which is no number up to 1024, ignoring" },
    { pid, "99999999999999999999", NULL, "LISTEN_FDS is '99999999999999999999', which *, ignoring" },
    { pid, "1025", NULL, "LISTEN_FDS is '1025', which is no number up to 1024, ignoring" },
    { pid, "0", NULL, NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (HrInheritedSockets) none = NULL;

      set_environment (cases[i].pid, cases[i].n, cases[i].names);
      none = hr_inherited_sockets_new (FIRST);
      g_assert_null (g_getenv ("LISTEN_FDS"));
      if (cases[i].warning != NULL)
        warnings_expect (cases[i].warning);
      warnings_expect_none ();
    }
}

static void
test_wrong_names (Fixture *f, gconstpointer data)
{
  g_autofree char *listen = NULL;
  g_autoptr (HrServiceSpec) spec = NULL;
  g_autoptr (HrListeners) listeners = NULL;
  guint16 port;

  pass (f, make_tcp (&port), "a:b");
  inherit (f);
  warnings_expect ("LISTEN_FDNAMES has 2 names for 1 sockets, ignoring");
  listen = g_strdup_printf ("http=tcp:127.0.0.1:%u", port);
  spec = service ("svc", listen);
  listeners = claim (f, spec);
  open_all (listeners, spec);
  g_assert_cmpint (nth (listeners, 0)->port, ==, port);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  warnings_init ();
#define ADD(path, func) g_test_add ("/inherited-sockets/" path, Fixture, NULL, set_up, func, tear_down)
  ADD ("every-kind-is-used-by-its-address", test_by_address);
  ADD ("closed-is-found-again-with-what-waits", test_found_again);
  ADD ("name-decides-over-the-address", test_by_name);
  ADD ("listener-that-is-renamed-keeps-it", test_renamed);
  ADD ("name-of-several-services-is-nobodys", test_name_of_several);
  ADD ("unused-is-told-and-stays-open", test_unused);
  ADD ("path-that-is-lost-is-bound", test_lost_file);
  ADD ("instances-share-it", test_not_separate);
  ADD ("garbage-is-ignored", test_garbage);
  ADD ("environment-is-cleared", test_environment);
  ADD ("names-that-do-not-fit-are-ignored", test_wrong_names);
  return g_test_run ();
}
