/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check-fixture.h"
#include "hr-error.h"
#include "hr-local-prober.h"
#include "hr-names.h"
#include "probe-server.h"

/* Longer than any probe here may take, and shorter than what a hanging one would. */
#define LONG (20 * G_USEC_PER_SEC)
#define SHORT (G_USEC_PER_SEC / 5)

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nit works\n"

typedef struct {
  HrProber *prober;
  HrServiceSpec *spec;
  HrProbeRequest request;
  GCancellable *cancellable;
  GAsyncResult *result;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  static const char *const environment[] = { "PATH=/usr/bin:/bin", "OWN=value", NULL };

  f->prober = hr_local_prober_new ();
  f->cancellable = g_cancellable_new ();
  f->spec = g_atomic_rc_box_new0 (HrServiceSpec);
  f->spec->name = (char *)"web";
  f->spec->probe_status = hr_probe_status_parse ("", NULL);
  f->request = (HrProbeRequest){
    .spec = f->spec, .timeout = LONG, .pid = getpid (), .instance = "none", .environment = environment
  };
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_array_unref (f->spec->probe_status);
  g_atomic_rc_box_release (f->spec);
  g_clear_object (&f->request.source);
  g_clear_object (&f->cancellable);
  g_assert_finalize_object (f->prober);
}

static void
ended (GObject *source, GAsyncResult *result, gpointer data)
{
  Fixture *f = data;

  f->result = g_object_ref (result);
}

static gboolean
too_late (gpointer data)
{
  g_error ("the probe does not end");
  return G_SOURCE_REMOVE;
}

static gboolean
ask (Fixture *f, const HrProbeSpec *spec, GError **error)
{
  guint deadline = g_timeout_add_seconds (60, too_late, NULL);
  gboolean well;

  f->request.probe = spec;
  hr_prober_probe_async (f->prober, &f->request, f->cancellable, ended, f);
  while (f->result == NULL)
    g_main_context_iteration (NULL, TRUE);
  well = hr_prober_probe_finish (f->prober, f->result, error);
  g_clear_object (&f->result);
  g_source_remove (deadline);
  /* Connections are closed from the main loop. */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  return well;
}

static gboolean
probe (Fixture *f, const char *text, GError **error)
{
  g_autoptr (HrProbeSpec) spec = hr_probe_spec_parse (text, error);

  return ask (f, spec, error);
}

static void
expect_well (Fixture *f, const char *text)
{
  g_autoptr (GError) error = NULL;

  probe (f, text, &error);
  g_assert_no_error (error);
}

/* The message names the probe, and what came instead of what was wanted. */
static void
expect_ill (Fixture *f, const char *text, const char *words)
{
  g_autofree char *begin = g_strdup_printf ("Probe '%s': ", text);
  g_autoptr (GError) error = NULL;

  g_assert_false (probe (f, text, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_NOT_HEALTHY);
  g_test_message ("%s", error->message);
  check_assert_contains (error->message, begin);
  check_assert_contains (error->message, words);
}

/* One GET that the server answers so; @words: what is said of it, %NULL when it is fine. */
static void
expect_get (Fixture *f, const ProbeAnswer *answer, const char *words)
{
  ProbeServer *server = probe_server_new ("127.0.0.1", answer);
  g_autofree char *text = g_strdup_printf ("http://127.0.0.1:%u/health", server->port);

  if (words != NULL)
    expect_ill (f, text, words);
  else
    expect_well (f, text);
  g_assert_cmpuint (probe_server_free (server), ==, 1);
}

static void
test_http_status (Fixture *f, gconstpointer data)
{
  static const ProbeAnswer ok = { OK };
  static const ProbeAnswer error = { "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n" };
  static const ProbeAnswer gone = { "HTTP/1.0 404 x\r\n\r\n" };
  static const ProbeAnswer odd = { "HTTP/1.1 599 x\r\nContent-Length: 0\r\n\r\n" };

  expect_get (f, &ok, NULL);
  expect_get (f, &error, "it answered with status 500");
  expect_get (f, &gone, "it answered with status 404");
  g_array_unref (f->spec->probe_status);
  f->spec->probe_status = hr_probe_status_parse ("404;500-599", NULL);
  expect_get (f, &ok, "it answered with status 200");
  expect_get (f, &gone, NULL);
  expect_get (f, &odd, NULL);
}

/* What it is sent to is not this instance any more. */
static void
test_http_redirect_is_not_followed (Fixture *f, gconstpointer data)
{
  static const ProbeAnswer never = { OK };
  ProbeServer *other = probe_server_new ("127.0.0.1", &never);
  g_autofree char *head = g_strdup_printf ("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%u/\r\n"
                                           "Content-Length: 0\r\n\r\n",
                                           other->port);
  const ProbeAnswer elsewhere = { head };

  expect_get (f, &elsewhere, NULL);
  g_array_unref (f->spec->probe_status);
  f->spec->probe_status = hr_probe_status_parse ("200", NULL);
  expect_get (f, &elsewhere, "it answered with status 302");
  g_assert_cmpuint (probe_server_free (other), ==, 0);
}

static void
test_http_text (Fixture *f, gconstpointer data)
{
  static const ProbeAnswer ok = { OK };
  static const ProbeAnswer chunked = { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                       "6\r\nit wor\r\n3\r\nks\n\r\n0\r\n\r\n" };
  static const ProbeAnswer short_of_it = { "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nit work" };

  f->spec->probe_text = (char *)"it works";
  expect_get (f, &ok, NULL);
  expect_get (f, &chunked, NULL);
  expect_get (f, &short_of_it, "the answer ends too early");
  f->spec->probe_text = (char *)"all well";
  expect_get (f, &ok, "what it answered does not contain 'all well'");
}

/* A body without end is not read to it: what is wanted comes early, or not at all. */
static void
test_http_body_without_end_is_read_in_bounds (Fixture *f, gconstpointer data)
{
  static const ProbeAnswer endless = { "HTTP/1.1 200 OK\r\n\r\nit works\n", "and on and on\n" };
  ProbeServer *server = probe_server_new ("127.0.0.1", &endless);
  g_autofree char *text = g_strdup_printf ("http://127.0.0.1:%u/", server->port);

  expect_well (f, text);
  f->spec->probe_text = (char *)"it works";
  expect_well (f, text);
  f->spec->probe_text = (char *)"all well";
  expect_ill (f, text, "what it answered does not contain 'all well' in its first 65536 bytes");
  /* The server is through with the one before when it has the next. */
  f->spec->probe_text = NULL;
  expect_well (f, text);
  g_assert_cmpuint (server->sent, <, PROBE_SERVER_ENDLESS);
  g_assert_cmpuint (probe_server_free (server), ==, 4);
}

static void
test_http_garbage (Fixture *f, gconstpointer data)
{
  static const ProbeAnswer garbage = { "\x01\x02\xff garbage\r\n\r\n\r\n" };
  static const ProbeAnswer mail = { "220 mail.example.org ESMTP\r\n" };
  static const ProbeAnswer nothing = { "" };
  static const ProbeAnswer half = { "HTTP/1.1 20" };

  expect_get (f, &garbage, "");
  expect_get (f, &mail, "");
  expect_get (f, &nothing, "");
  expect_get (f, &half, "");
}

/* Headers without end: the daemon neither waits nor fills its memory with them. */
static void
test_http_header_without_end (Fixture *f, gconstpointer data)
{
  static const ProbeAnswer endless = { "HTTP/1.1 200 OK\r\n", "X-Header: and on and on and on and on and on\r\n" };
  static const ProbeAnswer line = { "HTTP/1.1 200 ", "and on and on and on and on and on and on and on and on " };
  static const ProbeAnswer informed = { "", "HTTP/1.1 100 Continue\r\n\r\n" };
  const ProbeAnswer *const answers[] = { &endless, &line, &informed };
  const char *const words[] = { "Header too big", "Header too big", "more than 16 answers that announce another" };

  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      ProbeServer *server = probe_server_new ("127.0.0.1", answers[i]);
      g_autofree char *text = g_strdup_printf ("http://127.0.0.1:%u/", server->port);

      expect_ill (f, text, words[i]);
      g_test_message ("%" G_GUINT64_FORMAT " bytes", server->sent);
      probe_server_free (server);
    }
}

static void
test_late_answers (Fixture *f, gconstpointer data)
{
  static const ProbeAnswer silent = { "", NULL, TRUE };
  static const ProbeAnswer half = { "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nit wor", NULL, TRUE };
  gint64 begin = g_get_monotonic_time ();

  f->request.timeout = SHORT;
  expect_get (f, &silent, "there was no answer within 200ms");
  f->spec->probe_text = (char *)"it works";
  expect_get (f, &half, "there was no answer within 200ms");
  g_assert_cmpint (g_get_monotonic_time () - begin, <, LONG);
}

/* What the server is told, and that the connection is not kept. */
static void
test_http_request (Fixture *f, gconstpointer data)
{
  static const ProbeAnswer holds = { "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a=b\r\n\r\n", NULL, TRUE };
  ProbeServer *server = probe_server_new ("127.0.0.1", &holds);
  g_autofree char *text = g_strdup_printf ("http://127.0.0.1:%u/a%%%%20b?c=d", server->port);
  g_autofree char *real = g_strdup_printf ("http://127.0.0.1:%u/a%%20b?c=d", server->port);
  g_autoptr (HrProbeSpec) written = hr_probe_spec_parse (text, NULL);
  g_autofree char *lower = NULL;

  g_assert_nonnull (written);
  for (guint i = 0; i < 3; i++)
    {
      const HrSpecifierValues values = { .name = "web" };
      g_autoptr (HrProbeSpec) spec = hr_probe_spec_expand (written, &values, NULL);
      g_autoptr (GError) error = NULL;

      g_assert_cmpstr (spec->text, ==, real);
      ask (f, spec, &error);
      g_assert_no_error (error);
    }
  g_mutex_lock (&server->lock);
  g_assert_nonnull (server->request);
  lower = g_ascii_strdown (server->request, -1);
  g_mutex_unlock (&server->lock);
  g_assert_true (g_str_has_prefix (lower, "get /a%20b?c=d http/1.1\r\n"));
  check_assert_contains (lower, "connection: close\r\n");
  g_assert_null (strstr (lower, "cookie"));
  g_assert_cmpuint (probe_server_free (server), ==, 3);
}

/* Whoever wants the daemon's environment to have a proxy does not want it between daemon and service. */
static void
test_http_no_proxy (Fixture *f, gconstpointer data)
{
  static const ProbeAnswer ok = { OK };

  g_setenv ("http_proxy", "http://127.0.0.1:1/", TRUE);
  expect_get (f, &ok, NULL);
  g_unsetenv ("http_proxy");
}

static guint16
unused_port (void)
{
  static const ProbeAnswer ok = { OK };
  ProbeServer *server = probe_server_new ("127.0.0.1", &ok);
  guint16 port = server->port;

  probe_server_free (server);
  return port;
}

static void
test_tcp (Fixture *f, gconstpointer data)
{
  static const ProbeAnswer silent = { "", NULL, TRUE };
  ProbeServer *server = probe_server_new ("127.0.0.1", &silent);
  g_autofree char *numeric = g_strdup_printf ("tcp:127.0.0.1:%u", server->port);
  g_autofree char *named = g_strdup_printf ("tcp:localhost:%u", server->port);
  g_autofree char *refused = g_strdup_printf ("tcp:127.0.0.1:%u", unused_port ());
  g_autofree char *get = g_strdup_printf ("http://127.0.0.1:%u/", unused_port ());

  expect_well (f, numeric);
  expect_well (f, named);
  expect_ill (f, refused, "Connection refused");
  expect_ill (f, get, "Connection refused");
  g_assert_cmpuint (probe_server_free (server), ==, 2);
}

/* A full queue: the kernel answers nothing. */
static void
test_tcp_without_answer (Fixture *f, gconstpointer data)
{
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { g_htonl (INADDR_LOOPBACK) } };
  socklen_t length = sizeof address;
  g_autofree char *text = NULL;
  int fillers[8];

  g_assert_cmpint (bind (fd, (struct sockaddr *)&address, length), ==, 0);
  g_assert_cmpint (listen (fd, 0), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *)&address, &length), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (fillers); i++)
    {
      fillers[i] = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      if (connect (fillers[i], (struct sockaddr *)&address, length) < 0)
        g_assert_cmpint (errno, ==, EINPROGRESS);
    }
  text = g_strdup_printf ("tcp:127.0.0.1:%u", g_ntohs (address.sin_port));
  f->request.timeout = SHORT;
  expect_ill (f, text, "there was no answer within 200ms");
  for (guint i = 0; i < G_N_ELEMENTS (fillers); i++)
    close (fillers[i]);
  close (fd);
}

static gboolean
has_ipv6 (void)
{
  int fd = socket (AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  gboolean has = fd >= 0 && bind (fd, (struct sockaddr *)&address, sizeof address) == 0;

  if (fd >= 0)
    close (fd);
  if (!has)
    g_test_skip ("not run here: there is no ::1");
  return has;
}

static void
test_ipv6 (Fixture *f, gconstpointer data)
{
  static const ProbeAnswer ok = { OK };
  ProbeServer *server;
  g_autofree char *tcp = NULL;
  g_autofree char *http = NULL;

  if (!has_ipv6 ())
    return;
  server = probe_server_new ("::1", &ok);
  tcp = g_strdup_printf ("tcp:[::1]:%u", server->port);
  http = g_strdup_printf ("http://[::1]:%u/", server->port);
  expect_well (f, tcp);
  expect_well (f, http);
  g_assert_cmpuint (probe_server_free (server), ==, 2);
}

/* The address by which the kernel knows whose sockets are meant. */
static void
test_source_address (Fixture *f, gconstpointer data)
{
  static const ProbeAnswer ok = { OK };
  ProbeServer *server = probe_server_new ("127.0.0.1", &ok);
  g_autofree char *tcp = g_strdup_printf ("tcp:127.0.0.1:%u", server->port);
  g_autofree char *named = g_strdup_printf ("http://localhost:%u/", server->port);
  g_autofree char *http = g_strdup_printf ("http://127.0.0.1:%u/", server->port);
  const char *const texts[] = { tcp, named, http };

  f->request.source = g_inet_address_new_from_string ("127.77.1.2");
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      expect_well (f, texts[i]);
      g_mutex_lock (&server->lock);
      /* A connection of TCP may not have been accepted yet. */
      if (i > 0)
        g_assert_cmpstr (server->peer, ==, "127.77.1.2");
      g_mutex_unlock (&server->lock);
    }
  g_assert_cmpuint (probe_server_free (server), ==, 3);
}

/* IPv6's loopback is reached over IPv4, for there is only one address of it. */
static void
test_source_address_for_ipv6 (Fixture *f, gconstpointer data)
{
  static const ProbeAnswer ok = { OK };
  ProbeServer *server;
  g_autofree char *tcp = NULL;
  g_autofree char *http = NULL;

  if (!has_ipv6 ())
    return;
  server = probe_server_new ("::", &ok);
  tcp = g_strdup_printf ("tcp:[::1]:%u", server->port);
  http = g_strdup_printf ("http://[::1]:%u/a?b", server->port);
  f->request.source = g_inet_address_new_from_string ("127.77.1.2");
  expect_well (f, tcp);
  expect_well (f, http);
  g_mutex_lock (&server->lock);
  g_assert_true (g_str_has_suffix (server->peer, "127.77.1.2"));
  g_assert_true (g_str_has_prefix (server->request, "GET /a?b HTTP/1.1\r\n"));
  g_mutex_unlock (&server->lock);
  g_assert_cmpuint (probe_server_free (server), ==, 2);
}

static void
test_exec (Fixture *f, gconstpointer data)
{
  expect_well (f, "exec:sh -c 'test \"$OWN\" = value -a \"$PWD\" = /'");
  expect_ill (f, "exec:sh -c 'echo sick; exit 1'", "exit code 1:\nsick");
  expect_ill (f, "exec:no-such-program-here", "no-such-program-here");
  f->request.timeout = SHORT;
  expect_ill (f, "exec:sh -c 'echo slow; exec sleep 1000'", "it did not end in time:\nslow");
}

static gboolean
cancel (gpointer data)
{
  g_cancellable_cancel (data);
  return G_SOURCE_REMOVE;
}

/* Each ends at once, and says that it was asked to: whether the instance is well nobody knows then. */
static void
test_cancelled_probes (Fixture *f, gconstpointer data)
{
  static const ProbeAnswer silent = { "", NULL, TRUE };
  ProbeServer *server = probe_server_new ("127.0.0.1", &silent);
  g_autofree char *http = g_strdup_printf ("http://127.0.0.1:%u/", server->port);
  const char *const texts[] = { http, "exec:sleep 1000" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    for (guint before = 0; before < 2; before++)
      {
        g_autoptr (GError) error = NULL;

        g_set_object (&f->cancellable, NULL);
        f->cancellable = g_cancellable_new ();
        if (before)
          g_cancellable_cancel (f->cancellable);
        else
          g_timeout_add (50, cancel, f->cancellable);
        g_assert_false (probe (f, texts[i], &error));
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      }
  probe_server_free (server);
}

/* D-Bus */

static GDBusConnection *
connect_to (GTestDBus *bus)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection = g_dbus_connection_new_for_address_sync (
      g_test_dbus_get_bus_address (bus),
      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL, NULL,
      &error);

  g_assert_no_error (error);
  return connection;
}

static guint
request_name (GDBusConnection *connection, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply =
      g_dbus_connection_call_sync (connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                   "RequestName", g_variant_new ("(su)", name, 0), NULL, 0, -1, NULL, &error);
  guint how;

  g_assert_no_error (error);
  g_variant_get (reply, "(u)", &how);
  return how;
}

/* A process of its own that owns the name, or waits for it, until its standard input ends. */
static GSubprocess *
start_owner (GTestDBus *bus, const char *service, const char *instance)
{
  static const char program[] = "import sys, ctypes\n"
                                "gio = ctypes.CDLL('libgio-2.0.so.0')\n"
                                "gio.g_bus_own_name.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int] + "
                                "[ctypes.c_void_p] * 5\n"
                                "gio.g_bus_own_name(2, b'org.example.App', 0, None, None, None, None, None)\n"
                                "glib = ctypes.CDLL('libglib-2.0.so.0')\n"
                                "glib.g_main_loop_new.restype = ctypes.c_void_p\n"
                                "glib.g_main_loop_run.argtypes = [ctypes.c_void_p]\n"
                                "glib.g_main_loop_run(glib.g_main_loop_new(None, 0))\n";
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  g_autoptr (GError) error = NULL;
  GSubprocess *process;

  g_subprocess_launcher_setenv (launcher, "DBUS_SESSION_BUS_ADDRESS", g_test_dbus_get_bus_address (bus), TRUE);
  g_subprocess_launcher_setenv (launcher, HR_ENV_SERVICE, service, TRUE);
  g_subprocess_launcher_setenv (launcher, HR_ENV_INSTANCE, instance, TRUE);
  process = g_subprocess_launcher_spawn (launcher, &error, "/usr/bin/python3", "-c", program, NULL);
  g_assert_no_error (error);
  return process;
}

static void
await_owners (GDBusConnection *connection, guint n)
{
  gint64 deadline = g_get_monotonic_time () + LONG;

  for (guint found = 0; found != n;)
    {
      g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
          connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "ListQueuedOwners",
          g_variant_new ("(s)", "org.example.App"), NULL, 0, -1, NULL, NULL);
      g_autoptr (GVariant) list = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;

      found = list != NULL ? (guint)g_variant_n_children (list) : 0;
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      if (found != n)
        g_usleep (5000);
    }
}

static void
end_owner (GSubprocess *process)
{
  g_subprocess_force_exit (process);
  g_assert_true (g_subprocess_wait (process, NULL, NULL));
  g_object_unref (process);
}

static void
test_dbus (Fixture *f, gconstpointer data)
{
  static const char probe_text[] = "dbus:org.example.App";
  g_autoptr (GTestDBus) bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_autoptr (GDBusConnection) connection = NULL;
  g_autoptr (GDBusConnection) stranger = NULL;
  GSubprocess *old, *new;

  expect_ill (f, probe_text, "there is no bus to ask");
  g_test_dbus_up (bus);
  connection = connect_to (bus);
  hr_local_prober_set_bus (HR_LOCAL_PROBER (f->prober), connection);
  expect_ill (f, probe_text, "nobody owns the name");

  /* Whoever owns it, this instance does not. */
  stranger = connect_to (bus);
  g_assert_cmpuint (request_name (stranger, "org.example.App"), ==, 1);
  f->request.pid = 1;
  expect_ill (f, probe_text, "which is not of this service");
  new = start_owner (bus, "web", "new");
  await_owners (connection, 2);
  f->request.instance = "new";
  f->request.pid = atoi (g_subprocess_get_identifier (new));
  expect_ill (f, probe_text, "which is not of this service");
  g_dbus_connection_close_sync (stranger, NULL, NULL);
  await_owners (connection, 1);
  expect_well (f, probe_text);
  end_owner (new);
  await_owners (connection, 0);

  /* In overlap the old instance has it, and the new one comes next. */
  old = start_owner (bus, "web", "old");
  await_owners (connection, 1);
  f->request.instance = "new";
  f->request.pid = 1;
  expect_ill (f, probe_text, "another instance owns the name, and this one does not wait for it");
  new = start_owner (bus, "web", "new");
  await_owners (connection, 2);
  f->request.pid = atoi (g_subprocess_get_identifier (new));
  expect_well (f, probe_text);
  end_owner (old);
  expect_well (f, probe_text);
  end_owner (new);

  hr_local_prober_set_bus (HR_LOCAL_PROBER (f->prober), NULL);
  g_dbus_connection_close_sync (connection, NULL, NULL);
  g_test_dbus_down (bus);
}

#define add(name, function) g_test_add ("/local-prober/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("http/status", test_http_status);
  add ("http/redirect-is-not-followed", test_http_redirect_is_not_followed);
  add ("http/text", test_http_text);
  add ("http/body-without-end-is-read-in-bounds", test_http_body_without_end_is_read_in_bounds);
  add ("http/garbage-is-no-answer", test_http_garbage);
  add ("http/header-without-end-is-no-answer", test_http_header_without_end);
  add ("http/one-request-one-connection", test_http_request);
  add ("http/no-proxy", test_http_no_proxy);
  add ("tcp/connects-or-says-why-not", test_tcp);
  add ("tcp/without-answer", test_tcp_without_answer);
  add ("late-answers-are-none", test_late_answers);
  add ("ipv6", test_ipv6);
  add ("source-address-is-bound", test_source_address);
  add ("source-address-for-ipv6", test_source_address_for_ipv6);
  add ("exec/exit-code-and-words", test_exec);
  add ("cancelled-probes-end", test_cancelled_probes);
  add ("dbus/name-of-the-instance", test_dbus);
  return g_test_run ();
}
