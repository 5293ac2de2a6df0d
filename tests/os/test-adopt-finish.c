/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The last requests of an instance that is about to be told to stop: what is under way is answered, the next one on the
 * same connection is left to the successor.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "adopt-fixture.h"
#include "connection.h"
#include "hr-fd.h"

/* Keeps its connections; at /echo it answers before it has read all, at /out it talks to a server of the test in the words of an answer, at /upload it asks for the
   body of the request. */
#define PROGRAM                                                                                                        \
  "import os, socket, threading\n"                                                                                     \
  "def serve(connection):\n"                                                                                           \
  "    while request := connection.recv(4096):\n"                                                                      \
  "        path = request.split()[1]\n"                                                                                \
  "        body = b'here'\n"                                                                                           \
  "        if path.startswith(b'/out/'):\n"                                                                            \
  "            with socket.create_connection(('127.0.0.1', int(path[5:]))) as peer:\n"                                 \
  "                peer.sendall(b'HTTP/1.1 200 OK\\r\\n\\r\\n')\n"                                                     \
  "                body = peer.recv(100)\n"                                                                            \
  "        if path == b'/echo':\n"                                                                                     \
  "            connection.sendall(b'HTTP/1.1 200 OK\\r\\nContent-length: 9\\r\\n\\r\\n')\n"                            \
  "            connection.sendall(connection.recv(100))\n"                                                             \
  "            continue\n"                                                                                             \
  "        if path == b'/upload':\n"                                                                                   \
  "            connection.sendall(b'HTTP/1.1 100 Continue\\r\\n\\r\\n')\n"                                             \
  "            body = connection.recv(100)\n"                                                                          \
  "        connection.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n' % len(body))\n"                   \
  "        connection.sendall(body)\n"                                                                                 \
  "    connection.close()\n"                                                                                           \
  "server = socket.create_server(('127.0.0.1', int(os.environ['TEST_PORT'])))\n"                                       \
  "while True:\n"                                                                                                      \
  "    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()\n"

static int
open_connection (AdoptFixture *fixture)
{
  return connection_open ("127.0.0.1", fixture->port);
}

static void
say (int fd, const char *text)
{
  g_assert_cmpint (send (fd, text, strlen (text), MSG_NOSIGNAL), ==, (gssize)strlen (text));
}

/* Reads until the end of the words, or of the connection: "" when there is no byte any more. */
static char *
hear (int fd, const char *words)
{
  g_autoptr (GString) got = g_string_new (NULL);
  char piece[1024];
  ssize_t length;

  while (!g_str_has_suffix (got->str, words) && (length = recv (fd, piece, sizeof piece, 0)) != 0)
    {
      g_assert_cmpint (length, >, 0);
      g_string_append_len (got, piece, length);
    }
  return g_string_free (g_steal_pointer (&got), FALSE);
}

static void
is_answered (int fd, const char *path, const char *body)
{
  g_autofree char *request = g_strdup_printf ("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
  g_autofree char *answer = NULL;

  say (fd, request);
  answer = hear (fd, body);
  g_assert_true (g_str_has_suffix (answer, body));
}

/* As a client finds an idle connection that was closed: ended in order, before any byte. */
static void
is_left (int fd)
{
  g_autofree char *answer = NULL;

  say (fd, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  answer = hear (fd, "here");
  g_assert_cmpstr (answer, ==, "");
}

static gboolean
start (AdoptFixture *fixture)
{
  const char *argv[] = { "/usr/bin/python3", "-S", "-c", PROGRAM, NULL };

  if (adopt_skip_without ("/usr/bin/python3"))
    return FALSE;
  adopt_open_listener (fixture, "127.0.0.1");
  adopt_start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  return TRUE;
}

static void
test_kept (AdoptFixture *fixture, gconstpointer data)
{
  g_auto (HrFd) busy = -1;
  g_auto (HrFd) idle = -1;

  if (!start (fixture))
    return;
  busy = open_connection (fixture);
  idle = open_connection (fixture);
  is_answered (busy, "/", "here");
  is_answered (idle, "/", "here");
  g_assert_true (adopt_retire (&fixture->old));
  is_answered (busy, "/", "here");
  hr_instance_finish (fixture->old.instance, fixture->listeners, FALSE);
  /* It was not seen that this was answered before; the next one was. */
  is_answered (busy, "/", "here");
  is_left (busy);
  hr_instance_finish (fixture->old.instance, fixture->listeners, TRUE);
  is_left (idle);
  g_assert_false (fixture->old.exited);
}

static void
test_first_request (AdoptFixture *fixture, gconstpointer data)
{
  g_auto (HrFd) silent = -1;
  g_auto (HrFd) marker = -1;

  if (!start (fixture))
    return;
  silent = open_connection (fixture);
  /* Connections are accepted in their order. */
  marker = open_connection (fixture);
  is_answered (marker, "/", "here");
  g_assert_true (adopt_retire (&fixture->old));
  hr_instance_finish (fixture->old.instance, fixture->listeners, FALSE);
  hr_instance_finish (fixture->old.instance, fixture->listeners, TRUE);
  is_answered (silent, "/", "here");
}

static void
test_upload (AdoptFixture *fixture, gconstpointer data)
{
  g_auto (HrFd) client = -1;
  g_autofree char *go_on = NULL;
  g_autofree char *answer = NULL;

  if (!start (fixture))
    return;
  client = open_connection (fixture);
  is_answered (client, "/", "here");
  g_assert_true (adopt_retire (&fixture->old));
  hr_instance_finish (fixture->old.instance, fixture->listeners, FALSE);
  say (client, "POST /upload HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  go_on = hear (client, "Continue\r\n\r\n");
  g_assert_cmpstr (go_on, ==, "HTTP/1.1 100 Continue\r\n\r\n");
  say (client, "body");
  answer = hear (client, "body");
  g_assert_true (g_str_has_suffix (answer, "body"));
  is_answered (client, "/", "here");
  is_left (client);
}

/* An answer that begins before the request has been read. */
static void
test_early_answer (AdoptFixture *fixture, gconstpointer data)
{
  g_auto (HrFd) client = -1;
  g_autofree char *echoed = NULL;

  if (!start (fixture))
    return;
  client = open_connection (fixture);
  is_answered (client, "/", "here");
  g_assert_true (adopt_retire (&fixture->old));
  hr_instance_finish (fixture->old.instance, fixture->listeners, FALSE);
  say (client, "POST /echo HTTP/1.1\r\nContent-Length: 9\r\n\r\n");
  g_free (hear (client, "length: 9\r\n\r\n"));
  say (client, "the whole");
  echoed = hear (client, "the whole");
  g_assert_cmpstr (echoed, ==, "the whole");
}

static gpointer
answer_peer (gpointer data)
{
  g_auto (HrFd) fd = accept4 (GPOINTER_TO_INT (data), NULL, NULL, SOCK_CLOEXEC);
  g_autofree char *heard = hear (fd, "\r\n\r\n");

  say (fd, "from the peer");
  return NULL;
}

static void
test_own_connections (AdoptFixture *fixture, gconstpointer data)
{
  g_auto (HrFd) client = -1;
  g_auto (HrFd) marker = -1;
  g_auto (HrFd) server = -1;
  g_autofree char *path = NULL;
  guint16 port;
  GThread *peer;

  if (!start (fixture))
    return;
  server = connection_listen ("127.0.0.1", 1, &port);
  path = g_strdup_printf ("/out/%u", port);
  client = open_connection (fixture);
  marker = open_connection (fixture);
  is_answered (marker, "/", "here");
  g_assert_true (adopt_retire (&fixture->old));
  hr_instance_finish (fixture->old.instance, fixture->listeners, FALSE);
  hr_instance_finish (fixture->old.instance, fixture->listeners, TRUE);
  peer = g_thread_new ("peer", answer_peer, GINT_TO_POINTER (server));
  is_answered (client, path, "from the peer");
  g_thread_join (peer);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add ("/adopt-finish/" path, AdoptFixture, NULL, adopt_set_up, func, adopt_tear_down)
  ADD ("a-kept-connection-ends-between-two-requests", test_kept);
  ADD ("the-first-request-of-a-connection-is-answered", test_first_request);
  ADD ("a-body-that-is-asked-for-is-read", test_upload);
  ADD ("an-answer-that-begins-early-does-not-end-its-request", test_early_answer);
  ADD ("the-programs-own-connections-are-left-alone", test_own_connections);
  return g_test_run ();
}
