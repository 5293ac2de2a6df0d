/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The answers of an instance whose successor serves: each says that it is the last one of its connection, where that can
 * be said, and is the same for the rest.
 */
#include <string.h>

#include "adopt-fixture.h"
#include "connection.h"
#include "hr-fd.h"

/* Keeps its connections, and answers with what the path says. */
#define SERVE                                                                                                          \
  "import ctypes, errno, os, select, socket, tempfile, threading\n"                                                    \
  "OK = b'HTTP/1.1 200 OK\\r\\n'\n"                                                                                    \
  "file = tempfile.TemporaryFile()\n"                                                                                  \
  "file.write(b'of a file')\n"                                                                                         \
  "file.flush()\n"                                                                                                     \
  "def serve(connection):\n"                                                                                           \
  "    while request := connection.recv(4096):\n"                                                                      \
  "        path = request.split()[1].decode()\n"                                                                       \
  "        if path == '/plain':\n"                                                                                     \
  "            connection.sendall(OK + b'Content-Length: 3\\r\\n\\r\\nend')\n"                                         \
  "        if path == '/keeps':\n"                                                                                     \
  "            connection.send(OK + b'connection:\\tKeep-Alive \\r\\nContent-Length: 3\\r\\n\\r\\nend')\n"             \
  "        if path == '/closes':\n"                                                                                    \
  "            connection.sendmsg([OK + b'Connection: close\\r\\nContent-Length: 3\\r\\n\\r\\n', b'end'])\n"           \
  "        if path == '/in-parts':\n"                                                                                  \
  "            os.writev(connection.fileno(), [OK + b'Content-Length: 3\\r\\n\\r\\n', b'e', b'nd'])\n"                 \
  "        if path == '/in-pieces':\n"                                                                                 \
  "            os.write(connection.fileno(), OK)\n"                                                                    \
  "            connection.sendall(b'Content-Length: 3\\r\\n\\r\\nend')\n"                                              \
  "        if path == '/upgrades':\n"                                                                                  \
  "            connection.sendall(b'HTTP/1.1 101 Switching\\r\\nUpgrade: x\\r\\n\\r\\nend')\n"                         \
  "        if path == '/goes-on':\n"                                                                                   \
  "            connection.sendall(b'HTTP/1.1 100 Continue\\r\\n\\r\\n')\n"                                             \
  "            connection.sendall(OK + b'Content-Length: 3\\r\\n\\r\\nend')\n"                                         \
  "        if path == '/file':\n"                                                                                      \
  "            connection.sendall(OK + b'Content-Length: 12\\r\\n\\r\\n')\n"                                           \
  "            os.sendfile(connection.fileno(), file.fileno(), 0, 9)\n"                                                \
  "            connection.sendall(b'end')\n"                                                                           \
  "        if path == '/wrong':\n"                                                                                     \
  "            libc, fd = ctypes.CDLL(None, use_errno=True), connection.fileno()\n"                                    \
  "            for call in libc.sendmsg, libc.recvmsg, libc.writev:\n"                                                 \
  "                assert call(fd, None, 1) == -1 and ctypes.get_errno() == errno.EFAULT\n"                            \
  "            connection.sendall(OK + b'Content-Length: 3\\r\\n\\r\\nend')\n"                                         \
  "        if path == '/two':\n"                                                                                       \
  "            connection.sendall(OK + b'Content-Length: 4\\r\\n\\r\\none,')\n"                                        \
  "            connection.sendall(OK + b'Content-Length: 3\\r\\n\\r\\nend')\n"                                         \
  "        if path == '/large':\n"                                                                                     \
  "            connection.setblocking(False)\n"                                                                        \
  "            left = OK + b'Content-Length: 4000003\\r\\n\\r\\n' + b'0123456789' * 400000 + b'end'\n"                 \
  "            while left:\n"                                                                                          \
  "                select.select([], [connection], [])\n"                                                              \
  "                left = left[connection.send(left):]\n"                                                              \
  "            connection.setblocking(True)\n"                                                                         \
  "    connection.close()\n"

#define PROGRAM                                                                                                        \
  SERVE                                                                                                                \
  "server = socket.create_server(('127.0.0.1', int(os.environ['TEST_PORT'])))\n"                                       \
  "while True:\n"                                                                                                      \
  "    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()\n"

/* The same in another process than the one that accepts, which has begun before that one listens. */
#define GIVEN(before)                                                                                                  \
  SERVE                                                                                                                \
  "here, there = socket.socketpair()\n"                                                                                \
  "if os.fork() == 0:\n"                                                                                               \
  "    here.close()\n"                                                                                                 \
  "    while fds := socket.recv_fds(there, 1, 1)[1]:\n"                                                                \
  "        threading.Thread(target=serve, args=(socket.socket(fileno=fds[0]),), daemon=True).start()\n"                \
  "    os._exit(0)\n"                                                                                                  \
  "there.close()\n"                                                                                                    \
  "server = socket.create_server(('127.0.0.1', int(os.environ['TEST_PORT'])))\n"                                       \
  "while True:\n"                                                                                                      \
  "    with server.accept()[0] as connection:\n" before                                                                \
  "        socket.send_fds(here, [b'x'], [connection.fileno()])\n"

#define OK "HTTP/1.1 200 OK\r\n"
#define CLOSE "Connection: close\r\n"
#define LENGTH "Content-Length: 3\r\n\r\n"

#define SAID OK "Content-Length: 3\r\n" CLOSE "\r\nend"

typedef struct {
  const char *name;
  const char *path;
  const char *before; /* what is answered before the successor serves */
  const char *after;
} Case;

static const Case cases[] = {
  { "an-answer-says-that-it-is-the-last-one", "/plain", OK LENGTH "end", SAID },
  { "keep-alive-becomes-close", "/keeps", OK "connection:\tKeep-Alive \r\n" LENGTH "end", OK CLOSE LENGTH "end" },
  { "what-says-so-itself-stays-as-it-is", "/closes", OK CLOSE LENGTH "end", OK CLOSE LENGTH "end" },
  { "an-answer-in-parts-says-so", "/in-parts", OK LENGTH "end", SAID },
  { "a-head-in-pieces-stays-as-it-is", "/in-pieces", OK LENGTH "end", OK LENGTH "end" },
  { "an-upgrade-stays-as-it-is", "/upgrades", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nend",
    "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nend" },
  { "the-answer-says-so-and-not-what-comes-before-it", "/goes-on", "HTTP/1.1 100 Continue\r\n\r\n" OK LENGTH "end",
    "HTTP/1.1 100 Continue\r\n\r\n" SAID },
  { "an-answer-with-a-file-says-so", "/file", OK "Content-Length: 12\r\n\r\nof a fileend",
    OK "Content-Length: 12\r\n" CLOSE "\r\nof a fileend" },
  { "what-is-wrong-is-for-the-kernel-to-say", "/wrong", OK LENGTH "end", SAID },
  { "who-still-sends-what-is-answered-is-told-nothing", "/plain HTTP/1.1\r\nContent-Length: 1000\r\n\r\nab",
    OK LENGTH "end", OK LENGTH "end" },
  { "of-two-answers-that-were-asked-for-at-once-the-last-one-says-so", "/two HTTP/1.1\r\n\r\nGET /",
    OK "Content-Length: 4\r\n\r\none," OK LENGTH "end", OK "Content-Length: 4\r\n\r\none," SAID },
};

/* Returns the answer, whole. */
static char *
ask (int fd, const char *path)
{
  g_autofree char *request = g_strdup_printf ("GET %s HTTP/1.1\r\n\r\n", path);

  connection_say (fd, request);
  return connection_hear (fd, "end");
}

static void
test_case (AdoptFixture *fixture, gconstpointer data)
{
  const Case *one = data;
  g_auto (HrFd) first = -1;
  g_auto (HrFd) second = -1;
  g_autofree char *before = NULL;
  g_autofree char *kept = NULL;
  g_autofree char *fresh = NULL;

  if (!adopt_start_python (fixture, PROGRAM))
    return;
  first = connection_open ("127.0.0.1", fixture->port);
  second = connection_open ("127.0.0.1", fixture->port);
  before = ask (first, one->path);
  g_assert_cmpstr (before, ==, one->before);
  /* That it was accepted before. */
  g_free (ask (second, "/closes"));
  g_assert_true (adopt_retire (&fixture->old));
  fresh = ask (second, one->path);
  g_assert_cmpstr (fresh, ==, one->after);
  if (strcmp (one->path, "/upgrades") == 0)
    return;
  kept = ask (first, one->path);
  g_assert_cmpstr (kept, ==, one->after);
}

typedef struct {
  int fd;
  char *answer; /* atomic */
} Asking;

static gpointer
ask_once (gpointer data)
{
  Asking *asking = data;

  g_atomic_pointer_set (&asking->answer, ask (asking->fd, "/plain"));
  return NULL;
}

/* While the daemon answers what the program asks. */
static char *
ask_beside_daemon (int fd)
{
  Asking asking = { .fd = fd };
  GThread *thread = g_thread_new ("ask", ask_once, &asking);

  ADOPT_WAIT_FOR (g_atomic_pointer_get (&asking.answer) != NULL);
  g_thread_join (thread);
  return asking.answer;
}

/* Such as the workers of Node's cluster module. */
static void
test_given (AdoptFixture *fixture, gconstpointer data)
{
  g_auto (HrFd) kept = -1;
  g_auto (HrFd) silent = -1;
  g_auto (HrFd) marker = -1;
  int fds[2];

  if (!adopt_start_python (fixture, GIVEN ("")))
    return;
  fds[0] = kept = connection_open ("127.0.0.1", fixture->port);
  fds[1] = silent = connection_open ("127.0.0.1", fixture->port);
  marker = connection_open ("127.0.0.1", fixture->port);
  g_free (ask_beside_daemon (kept));
  g_free (ask_beside_daemon (marker));
  g_assert_true (adopt_retire (&fixture->old));
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      g_autofree char *answer = ask (fds[i], "/plain");

      g_assert_cmpstr (answer, ==, SAID);
    }
}

/* Of what the one that accepts has begun to read, nobody knows where in a request the other one begins. */
static void
test_given_late (AdoptFixture *fixture, gconstpointer data)
{
  g_auto (HrFd) client = -1;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  if (!adopt_start_python (fixture, GIVEN ("        connection.recv(1)\n")))
    return;
  client = connection_open ("127.0.0.1", fixture->port);
  before = ask_beside_daemon (client);
  g_assert_cmpstr (before, ==, OK LENGTH "end");
  g_assert_true (adopt_retire (&fixture->old));
  after = ask (client, "/plain");
  g_assert_cmpstr (after, ==, OK LENGTH "end");
}

/* Of what is longer than the kernel takes at once, nothing is lost or comes twice. */
static void
test_large (AdoptFixture *fixture, gconstpointer data)
{
  g_auto (HrFd) client = -1;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  g_autofree char *put_in = NULL;
  const char *head = OK "Content-Length: 4000003\r\n";

  if (!adopt_start_python (fixture, PROGRAM))
    return;
  client = connection_open ("127.0.0.1", fixture->port);
  before = ask (client, "/large");
  g_assert_cmpuint (strlen (before), ==, strlen (head) + 2 + 4000003);
  g_assert_true (adopt_retire (&fixture->old));
  after = ask (client, "/large");
  put_in = g_strconcat (head, CLOSE, before + strlen (head), NULL);
  /* Both are too long to be shown. */
  g_assert_true (g_str_equal (after, put_in));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/adopt-last/%s", cases[i].name);

      g_test_add (path, AdoptFixture, &cases[i], adopt_set_up, test_case, adopt_tear_down);
    }
  g_test_add ("/adopt-last/an-answer-of-a-process-that-is-given-its-connections-says-so", AdoptFixture, NULL,
              adopt_set_up, test_given, adopt_tear_down);
  g_test_add ("/adopt-last/what-is-given-in-the-midst-of-a-request-stays-as-it-is", AdoptFixture, NULL, adopt_set_up,
              test_given_late, adopt_tear_down);
  g_test_add ("/adopt-last/an-answer-that-is-sent-bit-by-bit-says-so-and-is-whole", AdoptFixture, NULL, adopt_set_up,
              test_large, adopt_tear_down);
  return g_test_run ();
}
