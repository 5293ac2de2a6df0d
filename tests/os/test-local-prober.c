/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check-fixture.h"
#include "connection.h"
#include "hr-error.h"
#include "probe-fixture.h"
#include "probe-server.h"

/* Shorter than a test waits. */
#define SHORT (G_USEC_PER_SEC / 5)

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nit works\n"

/* One GET that the server answers so; @words: what is said of it, %NULL when it is fine. */
static void
expect_get (ProbeFixture *f, const ProbeAnswer *answer, const char *words)
{
  ProbeServer *server = probe_server_new ("127.0.0.1", answer);
  g_autofree char *text = g_strdup_printf ("http://127.0.0.1:%u/health", server->port);

  if (words != NULL)
    probe_expect_ill (f, text, words);
  else
    probe_expect_well (f, text);
  g_assert_cmpuint (probe_server_free (server), ==, 1);
}

static void
test_http_status (ProbeFixture *f, gconstpointer data)
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
test_http_redirect_is_not_followed (ProbeFixture *f, gconstpointer data)
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
test_http_text (ProbeFixture *f, gconstpointer data)
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
test_http_body_without_end_is_read_in_bounds (ProbeFixture *f, gconstpointer data)
{
  static const ProbeAnswer endless = { "HTTP/1.1 200 OK\r\n\r\nit works\n", "and on and on\n" };
  ProbeServer *server = probe_server_new ("127.0.0.1", &endless);
  g_autofree char *text = g_strdup_printf ("http://127.0.0.1:%u/", server->port);

  probe_expect_well (f, text);
  f->spec->probe_text = (char *)"it works";
  probe_expect_well (f, text);
  f->spec->probe_text = (char *)"all well";
  probe_expect_ill (f, text, "what it answered does not contain 'all well' in its first 65536 bytes");
  /* The server is through with the one before when it has the next. */
  f->spec->probe_text = NULL;
  probe_expect_well (f, text);
  g_assert_cmpuint (server->sent, <, PROBE_SERVER_ENDLESS);
  g_assert_cmpuint (probe_server_free (server), ==, 4);
}

static void
test_http_garbage (ProbeFixture *f, gconstpointer data)
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
test_http_header_without_end (ProbeFixture *f, gconstpointer data)
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

      probe_expect_ill (f, text, words[i]);
      g_test_message ("%" G_GUINT64_FORMAT " bytes", server->sent);
      probe_server_free (server);
    }
}

static void
test_late_answers (ProbeFixture *f, gconstpointer data)
{
  static const ProbeAnswer silent = { "", NULL, TRUE };
  static const ProbeAnswer half = { "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nit wor", NULL, TRUE };
  gint64 begin = g_get_monotonic_time ();

  f->request.timeout = SHORT;
  expect_get (f, &silent, "there was no answer within 200ms");
  f->spec->probe_text = (char *)"it works";
  expect_get (f, &half, "there was no answer within 200ms");
  g_assert_cmpint (g_get_monotonic_time () - begin, <, PROBE_LONG);
}

/* What the server is told, and that the connection is not kept. */
static void
test_http_request (ProbeFixture *f, gconstpointer data)
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
      probe_ask_once (f, spec, &error);
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
test_http_no_proxy (ProbeFixture *f, gconstpointer data)
{
  static const ProbeAnswer ok = { OK };

  g_setenv ("http_proxy", "http://127.0.0.1:1/", TRUE);
  expect_get (f, &ok, NULL);
  g_unsetenv ("http_proxy");
}

static guint16
unused_port (void)
{
  guint16 port;

  close (connection_listen ("127.0.0.1", 1, &port));
  return port;
}

static void
test_tcp (ProbeFixture *f, gconstpointer data)
{
  static const ProbeAnswer silent = { "", NULL, TRUE };
  ProbeServer *server = probe_server_new ("127.0.0.1", &silent);
  g_autofree char *numeric = g_strdup_printf ("tcp:127.0.0.1:%u", server->port);
  g_autofree char *named = g_strdup_printf ("tcp:localhost:%u", server->port);
  g_autofree char *refused = g_strdup_printf ("tcp:127.0.0.1:%u", unused_port ());
  g_autofree char *get = g_strdup_printf ("http://127.0.0.1:%u/", unused_port ());

  probe_expect_well (f, numeric);
  probe_expect_well (f, named);
  probe_expect_ill (f, refused, "Connection refused");
  probe_expect_ill (f, get, "Connection refused");
  g_assert_cmpuint (probe_server_free (server), ==, 2);
}

/* A full queue: the kernel answers nothing. */
static void
test_tcp_without_answer (ProbeFixture *f, gconstpointer data)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { g_htonl (INADDR_LOOPBACK) } };
  g_autofree char *text = NULL;
  int fillers[8];
  guint16 port;
  int fd = connection_listen ("127.0.0.1", 0, &port);

  address.sin_port = g_htons (port);
  for (guint i = 0; i < G_N_ELEMENTS (fillers); i++)
    {
      fillers[i] = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      if (connect (fillers[i], (struct sockaddr *)&address, sizeof address) < 0)
        g_assert_cmpint (errno, ==, EINPROGRESS);
    }
  text = g_strdup_printf ("tcp:127.0.0.1:%u", port);
  f->request.timeout = SHORT;
  probe_expect_ill (f, text, "there was no answer within 200ms");
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
test_ipv6 (ProbeFixture *f, gconstpointer data)
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
  probe_expect_well (f, tcp);
  probe_expect_well (f, http);
  g_assert_cmpuint (probe_server_free (server), ==, 2);
}

/* The address by which the kernel knows whose sockets are meant. */
static void
test_source_address (ProbeFixture *f, gconstpointer data)
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
      probe_expect_well (f, texts[i]);
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
test_source_address_for_ipv6 (ProbeFixture *f, gconstpointer data)
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
  probe_expect_well (f, tcp);
  probe_expect_well (f, http);
  g_mutex_lock (&server->lock);
  g_assert_true (g_str_has_suffix (server->peer, "127.77.1.2"));
  g_assert_true (g_str_has_prefix (server->request, "GET /a?b HTTP/1.1\r\n"));
  g_mutex_unlock (&server->lock);
  g_assert_cmpuint (probe_server_free (server), ==, 2);
}

static void
test_exec (ProbeFixture *f, gconstpointer data)
{
  probe_expect_well (f, "exec:sh -c 'test \"$OWN\" = value -a \"$PWD\" = /'");
  probe_expect_ill (f, "exec:sh -c 'echo sick; exit 1'", "exit code 1:\nsick");
  probe_expect_ill (f, "exec:no-such-program-here", "cannot find program 'no-such-program-here' in PATH");
  f->request.timeout = SHORT;
  probe_expect_ill (f, "exec:sh -c 'echo slow; exec sleep 1000'", "it did not end in time:\nslow");
}

static gboolean
cancel (gpointer data)
{
  g_cancellable_cancel (data);
  return G_SOURCE_REMOVE;
}

/* Each ends at once, and says that it was asked to: whether the instance is well nobody knows then. */
static void
test_cancelled_probes (ProbeFixture *f, gconstpointer data)
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
        g_assert_false (probe_ask (f, texts[i], &error));
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      }
  probe_server_free (server);
}

#define add(name, function)                                                                                            \
  g_test_add ("/local-prober/" name, ProbeFixture, NULL, probe_set_up, function, probe_tear_down)

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
  return g_test_run ();
}
