/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adopt-fixture.h"
#include "connection.h"
#include "hr-adopt-protocol.h"
#include "hr-exec-args.h"
#include "hr-fd.h"
#include "hr-tcp-address.h"

/* Unmodified programs: none knows anything of who started it. Each answers with its instance's id. */
#define PYTHON_HTTP                                                                                                    \
  "import http.server, os\n"                                                                                           \
  "class Handler(http.server.BaseHTTPRequestHandler):\n"                                                               \
  "    def do_GET(self):\n"                                                                                            \
  "        body = os.environ['HOTRELOAD_INSTANCE'].encode()\n"                                                         \
  "        self.send_response(200)\n"                                                                                  \
  "        self.send_header('Content-Length', str(len(body)))\n"                                                       \
  "        self.end_headers()\n"                                                                                       \
  "        self.wfile.write(body)\n"                                                                                   \
  "    def log_message(self, *args):\n"                                                                                \
  "        pass\n"                                                                                                     \
  "http.server.HTTPServer(('127.0.0.1', int(os.environ['TEST_PORT'])), Handler).serve_forever()\n"

#define PYTHON_ASYNCIO                                                                                                 \
  "import asyncio, os\n"                                                                                               \
  "async def answer(reader, writer):\n"                                                                                \
  "    await reader.readuntil(b'\\r\\n\\r\\n')\n"                                                                      \
  "    writer.write(b'HTTP/1.0 200 OK\\r\\n\\r\\n' + os.environ['HOTRELOAD_INSTANCE'].encode())\n"                     \
  "    await writer.drain()\n"                                                                                         \
  "    writer.close()\n"                                                                                               \
  "async def main():\n"                                                                                                \
  "    server = await asyncio.start_server(answer, os.environ.get('TEST_HOST') or None, int(os.environ['TEST_PORT']))" \
  "\n"                                                                                                                 \
  "    await server.serve_forever()\n"                                                                                 \
  "asyncio.run(main())\n"

/* Blocks in accept(), and an accept() that comes back without a connection ends it. */
#define PYTHON_BLOCKING                                                                                                \
  "import os, socket\n"                                                                                                \
  "server = socket.socket()\n"                                                                                         \
  "server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"                                                     \
  "server.bind(('127.0.0.1', int(os.environ['TEST_PORT'])))\n"                                                         \
  "server.listen(1)\n"                                                                                                 \
  "if os.fork() == 0:\n    server.shutdown(socket.SHUT_RDWR)\n    os._exit(0)\n"                                       \
  "os.wait()\n"                                                                                                        \
  "while True:\n"                                                                                                      \
  "    connection, _ = server.accept()\n"                                                                              \
  "    connection.recv(1000)\n"                                                                                        \
  "    connection.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\n' + os.environ['HOTRELOAD_INSTANCE'].encode())\n"               \
  "    connection.close()\n"

#define PYTHON_PASSED                                                                                                  \
  "import os, socket\n"                                                                                                \
  "assert os.environ['LISTEN_PID'] == str(os.getpid())\n"                                                              \
  "server = socket.socket(fileno=3)\n"                                                                                 \
  "while True:\n"                                                                                                      \
  "    connection, _ = server.accept()\n"                                                                              \
  "    connection.recv(1000)\n"                                                                                        \
  "    connection.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\n' + os.environ['HOTRELOAD_INSTANCE'].encode())\n"               \
  "    connection.close()\n"

#define PYTHON_FROMFD                                                                                                  \
  "import os, socket, threading\n"                                                                                     \
  "server = socket.fromfd(3, socket.AF_INET, socket.SOCK_STREAM)\n"                                                    \
  "os.close(3)\n"                                                                                                      \
  "def serve():\n"                                                                                                     \
  "    while True:\n"                                                                                                  \
  "        connection, _ = server.accept()\n"                                                                          \
  "        connection.recv(1000)\n"                                                                                    \
  "        connection.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\n' + os.environ['HOTRELOAD_INSTANCE'].encode())\n"           \
  "        connection.close()\n"                                                                                       \
  "threading.Thread(target=serve).start()\n"

#define NODE_PASSED                                                                                                    \
  "require('http').createServer((request, response) => response.end(process.env.HOTRELOAD_INSTANCE))"                  \
  ".listen({fd: 3})"

#define NODE_HTTP                                                                                                      \
  "require('http').createServer((request, response) => response.end(process.env.HOTRELOAD_INSTANCE))"                  \
  ".listen(Number(process.env.TEST_PORT))"

typedef struct {
  const char *interpreter;
  const char *option;
  const char *text;
  const char *host; /* what asyncio is told */
} Program;

static const Program python_http = { "/usr/bin/python3", "-c", PYTHON_HTTP, "" };
static const Program python_asyncio = { "/usr/bin/python3", "-c", PYTHON_ASYNCIO, "127.0.0.1" };
static const Program python_asyncio_both = { "/usr/bin/python3", "-c", PYTHON_ASYNCIO, "" };
static const Program python_blocking = { "/usr/bin/python3", "-c", PYTHON_BLOCKING, "" };
static const Program python_fromfd = { "/usr/bin/python3", "-c", PYTHON_FROMFD, "" };
static const Program node_passed = { "/usr/bin/node", "-e", NODE_PASSED, "" };
static const Program node_http = { "/usr/bin/node", "-e", NODE_HTTP, "" };

static void
test_configured (AdoptFixture *fixture, gconstpointer data)
{
  const Program *program = data;
  const char *argv[] = { program->interpreter, program->option, program->text, NULL };

  if (adopt_skip_without (program->interpreter))
    return;
  adopt_open_listener (fixture, "127.0.0.1");
  adopt_hand_over (fixture, argv, program->host, fixture->port);
  g_assert_cmpuint (hr_listeners_list (fixture->listeners)->len, ==, 1);
}

static void
test_discovered (AdoptFixture *fixture, gconstpointer data)
{
  const Program *program = data;
  const char *argv[] = { program->interpreter, program->option, program->text, NULL };
  HrListener *listener;

  if (adopt_skip_without (program->interpreter))
    return;
  fixture->port = adopt_unused_port ();
  adopt_hand_over (fixture, argv, program->host, fixture->port);
  listener = g_ptr_array_index (hr_listeners_list (fixture->listeners), 0);
  g_assert_true (listener->discovered);
  g_assert_cmpint (listener->port, ==, fixture->port);
}

static void
test_free_port (AdoptFixture *fixture, gconstpointer data)
{
  const Program *program = data;
  const char *argv[] = { program->interpreter, program->option, program->text, NULL };

  if (adopt_skip_without (program->interpreter))
    return;
  adopt_hand_over (fixture, argv, program->host, 0);
  g_assert_cmpuint (hr_listeners_list (fixture->listeners)->len, ==, 1);
}

static void
test_children (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { "sh", "-c", "/usr/bin/python3 -c \"$0\"; exit $?", PYTHON_BLOCKING, NULL };

  if (adopt_skip_without ("/usr/bin/python3"))
    return;
  adopt_open_listener (fixture, "127.0.0.1");
  adopt_hand_over (fixture, argv, "", fixture->port);
}

/* A launcher that starts a shell that starts the program, with descriptors closed on the way. */
static void
test_npm_start (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { "/usr/bin/npm", "start", "--prefix", fixture->dir, "--no-update-notifier", NULL };
  g_autofree char *package = g_build_filename (fixture->dir, "package.json", NULL);
  g_autofree char *server = g_build_filename (fixture->dir, "server.js", NULL);

  if (adopt_skip_without ("/usr/bin/npm"))
    return;
  g_assert_true (
      g_file_set_contents (package, "{\"name\": \"svc\", \"scripts\": {\"start\": \"node server.js\"}}", -1, NULL));
  g_assert_true (g_file_set_contents (server, NODE_HTTP, -1, NULL));
  fixture->port = adopt_unused_port ();
  adopt_hand_over (fixture, argv, "", fixture->port);
}

static void
test_passed (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { "/usr/bin/python3", "-c", PYTHON_PASSED, NULL };

  if (adopt_skip_without ("/usr/bin/python3"))
    return;
  adopt_open_listener (fixture, "127.0.0.1");
  fixture->asker = g_thread_new ("asker", adopt_keep_asking, fixture);
  adopt_start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  ADOPT_WAIT_FOR (g_atomic_int_get (&fixture->old_answers) > 0);
  g_atomic_int_set (&fixture->stop, 1);
  g_thread_join (fixture->asker);
  g_assert_cmpint (fixture->refused, ==, 0);
}

/* Sockets=pass: how a program takes what it was passed is seen; nothing else of it is touched. */
static void
test_passed_only (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { PASSED_PROGRAM, data, NULL };

  fixture->pass_only = TRUE;
  adopt_open_listener (fixture, "127.0.0.1");
  adopt_start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  g_assert_true (fixture->old.listening);
  g_assert_true (adopt_look (&fixture->old).is_watched);
}

static void
test_passed_to_a_child (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { "sh", "-c", PASSED_PROGRAM " epoll; exit $?", NULL };

  fixture->pass_only = TRUE;
  adopt_open_listener (fixture, "127.0.0.1");
  adopt_start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  g_assert_true (fixture->old.listening);
}

static void
test_passed_interpreter (AdoptFixture *fixture, gconstpointer data)
{
  const Program *program = data;
  const char *argv[] = { program->interpreter, program->option, program->text, NULL };

  if (adopt_skip_without (program->interpreter))
    return;
  fixture->pass_only = TRUE;
  adopt_open_listener (fixture, "127.0.0.1");
  fixture->asker = g_thread_new ("asker", adopt_keep_asking, fixture);
  adopt_start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  ADOPT_WAIT_FOR (g_atomic_int_get (&fixture->old_answers) > 0);
  g_atomic_int_set (&fixture->stop, 1);
  g_thread_join (fixture->asker);
  g_assert_true (fixture->old.listening);
  g_assert_cmpint (fixture->refused, ==, 0);
}

static void
test_own_is_no_sign (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { PASSED_PROGRAM, "own", NULL };

  fixture->pass_only = TRUE;
  adopt_open_listener (fixture, "127.0.0.1");
  adopt_start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_true (fixture->old.notified);
  g_assert_false (fixture->old.listening);
  g_assert_cmpuint (hr_listeners_list (fixture->listeners)->len, ==, 1);
}

/* Nothing to pass and nothing to adopt: the program is left alone altogether. */
static void
test_nothing_to_see (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { PASSED_PROGRAM, "own", NULL };

  fixture->pass_only = TRUE;
  adopt_start (fixture, &fixture->old, "old-one", argv, "", 0);
  g_assert_false (adopt_look (&fixture->old).is_watched);
  g_assert_cmpuint (hr_listeners_list (fixture->listeners)->len, ==, 0);
}

/* Programs of which the library sees nothing are known. */
static void
test_unseen (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { data, "own", NULL };

  if (adopt_skip_without (argv[0]))
    return;
  adopt_open_listener (fixture, "127.0.0.1");
  adopt_start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  g_assert_false (adopt_look (&fixture->old).is_watched);
}

static void
test_without_preload (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { "/usr/bin/env", "-u", "LD_PRELOAD", PASSED_PROGRAM, "own", NULL };

  adopt_open_listener (fixture, "127.0.0.1");
  adopt_start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  g_assert_false (adopt_look (&fixture->old).is_watched);
}

/* A launcher that cannot be seen does not hide what it starts. */
static void
test_child_of_unseen (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { "/usr/bin/env", "-u", "LD_PRELOAD",
                         "sh",           "-c", "env LD_PRELOAD=$0 " PASSED_PROGRAM " own; exit $?",
                         NULL,           NULL };
  g_autofree char *library = hr_exec_adopt_library_path ();

  argv[6] = library;
  adopt_open_listener (fixture, "127.0.0.1");
  adopt_start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  g_assert_true (adopt_look (&fixture->old).is_watched);
}

/* What an old instance sees when its successor serves, with a connection in the queue that is not for it. */
#define PYTHON_RETIRED                                                                                                 \
  "import errno, os, select, signal, socket, sys\n"                                                                    \
  "server = socket.create_server(('127.0.0.1', int(os.environ['TEST_PORT'])))\n"                                       \
  "sys.stdin = open(os.environ['HOME'] + '/retired')\n"                                                                \
  "sys.stdin.read()\n"                                                                                                 \
  "select.select([server], [], [])\n"                                                                                  \
  "try:\n    server.accept()\n    raise SystemExit(1)\n"                                                               \
  "except ConnectionAbortedError:\n    pass\n"                                                                         \
  "server.setblocking(False)\n"                                                                                        \
  "try:\n    server.accept()\n    raise SystemExit(2)\n"                                                               \
  "except BlockingIOError:\n    pass\n"                                                                                \
  "server.setblocking(True)\n"                                                                                         \
  "def on_alarm(*_):\n    raise SystemExit(42)\n"                                                                      \
  "signal.signal(signal.SIGALRM, on_alarm)\n"                                                                          \
  "signal.setitimer(signal.ITIMER_REAL, 0.05)\n"                                                                       \
  "server.accept()\n"                                                                                                  \
  "raise SystemExit(3)\n"

static void
test_retired (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { "/usr/bin/python3", "-c", PYTHON_RETIRED, NULL };
  g_autofree char *fifo = g_build_filename (fixture->dir, "retired", NULL);
  g_auto (HrFd) client = -1;
  int gate;

  if (adopt_skip_without ("/usr/bin/python3"))
    return;
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  fixture->port = adopt_unused_port ();
  adopt_start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  client = connection_open ("127.0.0.1", fixture->port);
  g_assert_true (adopt_retire (&fixture->old));
  gate = open (fifo, O_WRONLY | O_CLOEXEC);
  g_assert_cmpint (gate, >=, 0);
  close (gate);
  ADOPT_WAIT_FOR (fixture->old.exited);
  g_assert_true (WIFEXITED (fixture->old.status));
  g_assert_cmpint (WEXITSTATUS (fixture->old.status), ==, 42);
}

static gpointer
ask_as_stranger (gpointer data)
{
  AdoptFixture *fixture = data;
  HrAdoptRequest request = { .version = HR_ADOPT_VERSION, .question = HR_ADOPT_BIND };
  g_autofree char *id = adopt_full_id ("old-one");
  g_autofree char *name = g_strconcat (id, ".adopt", NULL);
  g_autofree char *path = g_build_filename (fixture->dir, "instances", name, NULL);
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_auto (HrFd) fd = socket (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  char reply[64];

  hr_tcp_address_parse ("127.0.0.1", fixture->port, &request.address, NULL);
  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_cmpint (connect (fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint (send (fd, &request, sizeof request, MSG_NOSIGNAL), ==, sizeof request);
  fixture->cut = (gint)recv (fd, reply, sizeof reply, 0);
  g_atomic_int_set (&fixture->stop, 1);
  return NULL;
}

static void
test_stranger (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { "/usr/bin/python3", "-c", PYTHON_HTTP, NULL };

  if (adopt_skip_without ("/usr/bin/python3"))
    return;
  adopt_open_listener (fixture, "127.0.0.1");
  adopt_start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  fixture->asker = g_thread_new ("stranger", ask_as_stranger, fixture);
  ADOPT_WAIT_FOR (g_atomic_int_get (&fixture->stop));
  g_thread_join (fixture->asker);
  g_assert_cmpint (fixture->cut, <=, 0);
}

/* A library that finds no daemon changes nothing. */
static void
test_alone (AdoptFixture *fixture, gconstpointer data)
{
  static const char program[] = "import socket, errno\n"
                                "one = socket.create_server(('127.0.0.1', 0))\n"
                                "one.setblocking(False)\n"
                                "try:\n    one.accept()\n    raise SystemExit(1)\n"
                                "except BlockingIOError:\n    pass\n"
                                "other = socket.socket()\n"
                                "try:\n    other.bind(one.getsockname())\n    raise SystemExit(2)\n"
                                "except OSError as error:\n    assert error.errno == errno.EADDRINUSE\n";
  const char *argv[] = { "/usr/bin/python3", "-c", program, NULL };
  g_autofree char *library = hr_exec_adopt_library_path ();
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  g_autoptr (GSubprocess) child = NULL;

  if (adopt_skip_without ("/usr/bin/python3"))
    return;
  g_subprocess_launcher_setenv (launcher, "LD_PRELOAD", library, TRUE);
  g_subprocess_launcher_setenv (launcher, "HOTRELOAD_ADOPT", "/no/such/socket", TRUE);
  child = g_subprocess_launcher_spawnv (launcher, argv, NULL);
  g_assert_true (g_subprocess_wait (child, NULL, NULL));
  g_assert_true (g_subprocess_get_if_exited (child));
  g_assert_cmpint (g_subprocess_get_exit_status (child), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, data, func) g_test_add ("/adopt/" path, AdoptFixture, data, adopt_set_up, func, adopt_tear_down)
  ADD ("passed-only/python-fromfd-in-a-thread-is-seen", &python_fromfd, test_passed_interpreter);
  ADD ("passed-only/node-fd-is-seen", &node_passed, test_passed_interpreter);
  ADD ("passed-only/listen-is-seen", "listen", test_passed_only);
  ADD ("passed-only/accept-is-seen", "accept", test_passed_only);
  ADD ("passed-only/accept4-is-seen", "accept4", test_passed_only);
  ADD ("passed-only/accept-in-a-thread-is-seen", "thread", test_passed_only);
  ADD ("passed-only/poll-is-seen", "poll", test_passed_only);
  ADD ("passed-only/ppoll-is-seen", "ppoll", test_passed_only);
  ADD ("passed-only/select-is-seen", "select", test_passed_only);
  ADD ("passed-only/pselect-is-seen", "pselect", test_passed_only);
  ADD ("passed-only/epoll-is-seen", "epoll", test_passed_only);
  ADD ("passed-only/child-of-a-shell-is-seen", NULL, test_passed_to_a_child);
  ADD ("passed-only/own-listener-is-no-sign-and-not-kept", NULL, test_own_is_no_sign);
  ADD ("passed-only/nothing-passed-nothing-preloaded", NULL, test_nothing_to_see);
  ADD ("unseen/static-program", PASSED_PROGRAM "-static", test_unseen);
  ADD ("unseen/go-program", PASSED_PROGRAM "-go", test_unseen);
  ADD ("unseen/program-without-preload", NULL, test_without_preload);
  ADD ("unseen/child-that-is-seen", NULL, test_child_of_unseen);
  ADD ("configured/python-http-is-handed-over", &python_http, test_configured);
  ADD ("configured/python-asyncio-is-handed-over", &python_asyncio, test_configured);
  ADD ("configured/python-asyncio-on-every-address-is-handed-over", &python_asyncio_both, test_configured);
  ADD ("configured/python-blocking-accept-is-handed-over", &python_blocking, test_configured);
  ADD ("configured/node-http-is-handed-over", &node_http, test_configured);
  ADD ("discovered/python-http-is-handed-over", &python_http, test_discovered);
  ADD ("discovered/python-asyncio-is-handed-over", &python_asyncio, test_discovered);
  ADD ("discovered/python-asyncio-on-every-address-is-handed-over", &python_asyncio_both, test_discovered);
  ADD ("discovered/python-blocking-accept-is-handed-over", &python_blocking, test_discovered);
  ADD ("discovered/node-http-is-handed-over", &node_http, test_discovered);
  ADD ("free-port/python-http-keeps-its-port", &python_http, test_free_port);
  ADD ("free-port/node-http-keeps-its-port", &node_http, test_free_port);
  ADD ("child-of-a-shell-is-handed-over", NULL, test_children);
  ADD ("npm-start-is-handed-over", NULL, test_npm_start);
  ADD ("passed-listener-is-reported", NULL, test_passed);
  ADD ("retired-instance-leaves-the-queue-alone-and-is-not-held-in-accept", NULL, test_retired);
  ADD ("stranger-is-not-answered", NULL, test_stranger);
  ADD ("without-a-daemon-nothing-changes", NULL, test_alone);
  return g_test_run ();
}
