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

/* Keeps its connections; at /echo it answers before it has read all, at /out it talks to a server of the test in the
   words of an answer, at /given also, by a descriptor that it got over a socket, at /upload it asks for the body of the
   request, at /post it reads a body that ends in "end", at /many it answers as many requests as it has got, at /large
   it writes for as long as it is read. */
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
  "        if path.startswith(b'/given/'):\n"                                                                          \
  "            with socket.create_connection(('127.0.0.1', int(path[7:]))) as peer:\n"                                 \
  "                here, there = socket.socketpair()\n"                                                                \
  "                socket.send_fds(here, [b'x'], [peer.fileno()])\n"                                                   \
  "                given = socket.socket(fileno=socket.recv_fds(there, 1, 1)[1][0])\n"                                 \
  "                given.sendall(b'HTTP/1.1 200 OK\\r\\n\\r\\n')\n"                                                    \
  "                body = given.recv(100)\n"                                                                           \
  "        if path == b'/echo':\n"                                                                                     \
  "            connection.sendall(b'HTTP/1.1 200 OK\\r\\nContent-length: 9\\r\\n\\r\\n')\n"                            \
  "            connection.sendall(connection.recv(100))\n"                                                             \
  "            continue\n"                                                                                             \
  "        if path == b'/large':\n"                                                                                    \
  "            connection.sendall(b'HTTP/1.1 200 OK\\r\\nContent-length: 16000004\\r\\n\\r\\n%bhere' % (b'-' * "       \
  "16000000))\n"                                                                                                       \
  "            continue\n"                                                                                             \
  "        if path == b'/upload':\n"                                                                                   \
  "            connection.sendall(b'HTTP/1.1 100 Continue\\r\\n\\r\\n')\n"                                             \
  "            body = connection.recv(100)\n"                                                                          \
  "        if path == b'/post':\n"                                                                                     \
  "            while b'end' not in request:\n"                                                                         \
  "                request += connection.recv(100)\n"                                                                  \
  "        if path == b'/many':\n"                                                                                     \
  "            for _ in range(request.count(b'/many') - 1):\n"                                                         \
  "                connection.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n')\n"                        \
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
is_answered (int fd, const char *path, const char *body)
{
  g_autofree char *request = g_strdup_printf ("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
  g_autofree char *answer = NULL;

  connection_say (fd, request);
  answer = connection_hear (fd, body);
  g_assert_true (g_str_has_suffix (answer, body));
}

/* As a client finds an idle connection that was closed: ended in order, before any byte. */
static void
is_left (int fd)
{
  g_autofree char *answer = NULL;

  connection_say (fd, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  answer = connection_hear (fd, "here");
  g_assert_cmpstr (answer, ==, "");
}

static void
test_kept (AdoptFixture *fixture, gconstpointer data)
{
  g_auto (HrFd) busy = -1;
  g_auto (HrFd) told_now = -1;
  g_auto (HrFd) idle = -1;

  if (!adopt_start_python (fixture, PROGRAM))
    return;
  busy = open_connection (fixture);
  idle = open_connection (fixture);
  told_now = open_connection (fixture);
  is_answered (busy, "/", "here");
  is_answered (told_now, "/", "here");
  is_answered (idle, "/", "here");
  g_assert_true (adopt_retire (&fixture->old));
  is_answered (busy, "/", "here");
  hr_instance_finish (fixture->old.instance, fixture->listeners, FALSE);
  /* It was told that this answer is the last one; the other has yet to be. */
  is_left (busy);
  is_answered (told_now, "/", "here");
  is_left (told_now);
  hr_instance_finish (fixture->old.instance, fixture->listeners, TRUE);
  is_left (idle);
  g_assert_false (fixture->old.exited);
}

static void
test_first_request (AdoptFixture *fixture, gconstpointer data)
{
  g_auto (HrFd) silent = -1;
  g_auto (HrFd) marker = -1;

  if (!adopt_start_python (fixture, PROGRAM))
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

  if (!adopt_start_python (fixture, PROGRAM))
    return;
  client = open_connection (fixture);
  is_answered (client, "/", "here");
  g_assert_true (adopt_retire (&fixture->old));
  hr_instance_finish (fixture->old.instance, fixture->listeners, FALSE);
  connection_say (client, "POST /upload HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  go_on = connection_hear (client, "Continue\r\n\r\n");
  g_assert_cmpstr (go_on, ==, "HTTP/1.1 100 Continue\r\n\r\n");
  /* A client that takes its time: it looks as if nothing was under way. */
  hr_instance_finish (fixture->old.instance, fixture->listeners, TRUE);
  connection_say (client, "body");
  answer = connection_hear (client, "body");
  g_assert_true (g_str_has_suffix (answer, "body"));
  is_left (client);
}

/* An answer that begins before the request has been read. */
static void
test_early_answer (AdoptFixture *fixture, gconstpointer data)
{
  g_auto (HrFd) client = -1;
  g_autofree char *echoed = NULL;

  if (!adopt_start_python (fixture, PROGRAM))
    return;
  client = open_connection (fixture);
  is_answered (client, "/", "here");
  g_assert_true (adopt_retire (&fixture->old));
  hr_instance_finish (fixture->old.instance, fixture->listeners, FALSE);
  connection_say (client, "POST /echo HTTP/1.1\r\nContent-Length: 9\r\n\r\n");
  g_free (connection_hear (client, "\r\n\r\n"));
  connection_say (client, "the whole");
  echoed = connection_hear (client, "the whole");
  g_assert_cmpstr (echoed, ==, "the whole");
}

/* A kept connection on which nothing but requests with bodies comes. */
static void
test_body (AdoptFixture *fixture, gconstpointer data)
{
  static const char *const heads[] = { "Content-Length: 12\r\n\r\n", "transfer-encoding: Chunked\r\n\r\n" };
  static const char *const bodies[][2] = { { "the ", "begin" }, { "4\r\nthe ", "\r\n5\r\nbegin\r\n" } };
  static const char *const ends[] = { "end", "3\r\nend\r\n0\r\n\r\n" };
  const guint n = GPOINTER_TO_UINT (data);
  g_auto (HrFd) client = -1;
  g_autofree char *answer = NULL;

  if (!adopt_start_python (fixture, PROGRAM))
    return;
  client = open_connection (fixture);
  is_answered (client, "/", "here");
  g_assert_true (adopt_retire (&fixture->old));
  hr_instance_finish (fixture->old.instance, fixture->listeners, FALSE);
  connection_say (client, "POST /post HTTP/1.1\r\nHost: localhost\r\n");
  connection_say (client, heads[n]);
  for (guint i = 0; i < 2; i++)
    connection_say (client, bodies[n][i]);
  connection_say (client, ends[n]);
  answer = connection_hear (client, "here");
  g_assert_true (g_str_has_suffix (answer, "here"));
  is_left (client);
}

static void
test_pipelined (AdoptFixture *fixture, gconstpointer data)
{
  g_auto (HrFd) client = -1;
  g_autofree char *answer = NULL;
  g_auto (GStrv) answers = NULL;

  if (!adopt_start_python (fixture, PROGRAM))
    return;
  client = open_connection (fixture);
  is_answered (client, "/", "here");
  g_assert_true (adopt_retire (&fixture->old));
  hr_instance_finish (fixture->old.instance, fixture->listeners, FALSE);
  connection_say (
      client,
      "GET /many HTTP/1.1\r\n\r\nPOST /many HTTP/1.1\r\nContent-Length: 4\r\n\r\nbodyGET /many HTTP/1.1\r\n\r\n");
  answer = connection_hear (client, "here");
  answers = g_strsplit (answer, "200 OK", -1);
  g_assert_cmpuint (g_strv_length (answers), ==, 4);
  is_left (client);
}

/* An answer that began before the successor serves, and is written until after that, does not say that it is the last. */
static void
test_long_answer (AdoptFixture *fixture, gconstpointer data)
{
  g_auto (HrFd) client = -1;
  g_autofree char *answer = NULL;
  char byte;

  if (!adopt_start_python (fixture, PROGRAM))
    return;
  client = open_connection (fixture);
  connection_say (client, "GET /large HTTP/1.1\r\n\r\n");
  g_assert_cmpint (recv (client, &byte, 1, 0), ==, 1);
  g_assert_true (adopt_retire (&fixture->old));
  answer = connection_hear (client, "here");
  hr_instance_finish (fixture->old.instance, fixture->listeners, FALSE);
  is_answered (client, "/", "here");
  is_left (client);
}

static gpointer
answer_peer (gpointer data)
{
  g_auto (HrFd) fd = accept4 (GPOINTER_TO_INT (data), NULL, NULL, SOCK_CLOEXEC);
  g_autofree char *heard = connection_hear (fd, "\r\n\r\n");

  connection_say (fd, "from the peer");
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

  if (!adopt_start_python (fixture, PROGRAM))
    return;
  server = connection_listen ("127.0.0.1", 1, &port);
  path = g_strdup_printf ("/%s/%u", (const char *)data, port);
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
#define ADD_WITH(path, func, data)                                                                                     \
  g_test_add ("/adopt-finish/" path, AdoptFixture, GUINT_TO_POINTER (data), adopt_set_up, func, adopt_tear_down)
#define ADD(path, func) ADD_WITH (path, func, 0)
  ADD ("a-kept-connection-ends-between-two-requests", test_kept);
  ADD ("the-first-request-of-a-connection-is-answered", test_first_request);
  ADD ("a-body-that-is-asked-for-is-read", test_upload);
  ADD_WITH ("a-body-with-a-length-is-read-to-its-end-and-then-the-connection-ends", test_body, 0);
  ADD_WITH ("a-body-in-chunks-is-read-to-its-end-and-then-the-connection-ends", test_body, 1);
  ADD ("requests-that-were-read-together-are-all-answered-before-the-connection-ends", test_pipelined);
  ADD ("an-answer-that-could-not-say-that-it-is-the-last-one-is-not", test_long_answer);
  ADD ("an-answer-that-begins-early-does-not-end-its-request", test_early_answer);
  g_test_add ("/adopt-finish/the-programs-own-connections-are-left-alone", AdoptFixture, "out", adopt_set_up,
              test_own_connections, adopt_tear_down);
  g_test_add ("/adopt-finish/the-programs-own-connections-are-left-alone-also-those-that-it-is-given", AdoptFixture,
              "given", adopt_set_up, test_own_connections, adopt_tear_down);
  return g_test_run ();
}
