/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hr-adopt-protocol.h"
#include "hr-exec-args.h"
#include "hr-exec-launcher.h"
#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-socket-listeners.h"
#include "hr-tcp-address.h"

/* An event that has not come after this never will. */
#define DEADLINE_MSEC 60000
#define SECOND_ANSWERS 50
#define PASSED_PROGRAM TEST_PROGRAM_DIR "/passed-program"

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
  "server.shutdown(socket.SHUT_RDWR)\n"                                                                                \
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
  HrInstance *instance;
  gboolean notified;
  gboolean listening;
  gboolean exited;
  int status;
} Running;

typedef struct {
  char *dir;
  HrLauncher *launcher;
  HrListeners *listeners;
  Running old, new;
  guint16 port;
  gboolean pass_only;
  /* Of the thread that asks; atomic. */
  gint stop;
  gint old_answers, new_answers, refused, cut;
  GThread *asker;
  gboolean counted;
  int connections;
  gint drained_answers;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->dir = g_dir_make_tmp ("hotreload-XXXXXX", NULL);
  fixture->launcher = hr_exec_launcher_new (fixture->dir, &error);
  g_assert_no_error (error);
  fixture->listeners = hr_socket_listeners_new ();
}

static gboolean
on_deadline (gpointer data)
{
  g_error ("nothing happened for %d s", DEADLINE_MSEC / 1000);
  return G_SOURCE_REMOVE;
}

static gboolean
once_more (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

/* Runs the main loop until the condition holds; looks now and then, as the asking thread does not wake the loop. */
#define WAIT_FOR(condition)                                                                                            \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    guint deadline = g_timeout_add (DEADLINE_MSEC, on_deadline, NULL);                                                 \
    guint tick = g_timeout_add (2, once_more, NULL);                                                                   \
    while (!(condition))                                                                                               \
      g_main_context_iteration (NULL, TRUE);                                                                           \
    g_source_remove (tick);                                                                                            \
    g_source_remove (deadline);                                                                                        \
  }                                                                                                                    \
  G_STMT_END

static void
end (Running *running, int signal_number)
{
  if (running->instance == NULL)
    return;
  if (signal_number == SIGKILL)
    hr_instance_kill (running->instance);
  else
    hr_instance_stop (running->instance, signal_number);
  WAIT_FOR (running->exited);
  g_assert_finalize_object (g_steal_pointer (&running->instance));
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  end (&fixture->old, SIGKILL);
  end (&fixture->new, SIGKILL);
  g_assert_finalize_object (fixture->launcher);
  g_assert_finalize_object (fixture->listeners);
  hr_fs_remove_tree (fixture->dir, NULL);
  g_free (fixture->dir);
}

static void
on_listening (HrInstance *instance, Running *running)
{
  running->listening = TRUE;
}

static void
on_notify (HrInstance *instance, char **assignments, Running *running)
{
  running->notified = TRUE;
}

static void
on_exited (HrInstance *instance, int status, gboolean known, Running *running)
{
  running->exited = TRUE;
  running->status = status;
}

static void
start (Fixture *fixture, Running *running, const char *id, const char *const *program, const char *host, guint16 port)
{
  g_autofree char *log = g_build_filename (fixture->dir, "log", NULL);
  g_autofree char *port_text = g_strdup_printf ("TEST_PORT=%u", port);
  g_autofree char *host_text = g_strdup_printf ("TEST_HOST=%s", host);
  g_autofree char *home = g_strdup_printf ("HOME=%s", fixture->dir);
  const char *environment[] = { "PATH=/usr/local/bin:/usr/bin:/bin", home, port_text, host_text, NULL };
  HrLaunch what = { .service = "svc",
                    .id = id,
                    .argv = program,
                    .environment = environment,
                    .directory = "/",
                    .listeners = fixture->listeners,
                    .pass = TRUE,
                    .adopt = !fixture->pass_only,
                    .log_file = log,
                    .stdout_fd = -1,
                    .stderr_fd = -1 };
  g_autoptr (GError) error = NULL;

  running->notified = running->listening = running->exited = FALSE;
  running->instance = hr_launcher_launch (fixture->launcher, &what, &error);
  g_assert_no_error (error);
  g_signal_connect (running->instance, "listening", G_CALLBACK (on_listening), running);
  g_signal_connect (running->instance, "notify-socket", G_CALLBACK (on_notify), running);
  g_signal_connect (running->instance, "exited", G_CALLBACK (on_exited), running);
  WAIT_FOR (running->notified || running->listening || running->exited);
  if (running->exited)
    {
      g_autofree char *text = NULL;
      g_file_get_contents (log, &text, NULL, NULL);
      g_test_message ("the program said: %s", text);
    }
  g_assert_false (running->exited);
}

/* One request on a connection of its own. */
static void
ask (Fixture *fixture)
{
  static const char request[] = "GET / HTTP/1.0\r\n\r\n";
  const struct timeval patience = { .tv_sec = 30 };
  g_auto (HrFd) fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_storage address;
  char answer[1024];
  gsize total = 0;
  ssize_t length;

  hr_tcp_address_parse ("127.0.0.1", fixture->port, &address, NULL);
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect (fd, (struct sockaddr *)&address, hr_tcp_address_size (&address)) < 0)
    {
      g_atomic_int_inc (&fixture->refused);
      return;
    }
  if (send (fd, request, strlen (request), MSG_NOSIGNAL) > 0)
    while (total < sizeof answer - 1 && (length = recv (fd, answer + total, sizeof answer - 1 - total, 0)) > 0)
      total += (gsize)length;
  answer[total] = '\0';
  if (g_str_has_suffix (answer, "old-one"))
    g_atomic_int_inc (&fixture->old_answers);
  else if (g_str_has_suffix (answer, "new-one"))
    g_atomic_int_inc (&fixture->new_answers);
  else
    g_atomic_int_inc (&fixture->cut);
}

static gpointer
keep_asking (gpointer data)
{
  Fixture *fixture = data;

  while (!g_atomic_int_get (&fixture->stop))
    ask (fixture);
  return NULL;
}

static void
on_counted (GObject *source, GAsyncResult *result, gpointer data)
{
  Fixture *fixture = data;
  g_autoptr (GError) error = NULL;

  fixture->connections = hr_instance_count_connections_finish (fixture->old.instance, result, &error);
  g_assert_no_error (error);
  fixture->counted = TRUE;
}

/* Tells it to accept no more and waits until it has answered what it had accepted. */
static void
drain (Fixture *fixture)
{
  gint answers;

  g_assert_true (hr_instance_may_accept (fixture->old.instance, fixture->listeners));
  g_assert_true (hr_instance_retire (fixture->old.instance));
  WAIT_FOR (!hr_instance_may_accept (fixture->old.instance, fixture->listeners));
  do
    {
      fixture->counted = FALSE;
      hr_instance_count_connections_async (fixture->old.instance, fixture->listeners, FALSE, on_counted, fixture);
      WAIT_FOR (fixture->counted);
  } while (fixture->connections > 0);
  /* The answer that was on its way is counted with the next one of the other. */
  answers = g_atomic_int_get (&fixture->new_answers);
  WAIT_FOR (g_atomic_int_get (&fixture->new_answers) > answers);
  answers = g_atomic_int_get (&fixture->old_answers);
  fixture->drained_answers = answers;
}

/* The old one answers, then both do, then the new one alone, while the old one still runs; nobody is refused or cut
 * off. */
static void
hand_over (Fixture *fixture, const char *const *program, const char *host, guint16 program_port)
{
  gint old_before, new_before;

  start (fixture, &fixture->old, "old-one", program, host, program_port);
  if (fixture->port == 0)
    fixture->port = ((HrListener *)g_ptr_array_index (hr_listeners_list (fixture->listeners), 0))->port;
  fixture->asker = g_thread_new ("asker", keep_asking, fixture);
  WAIT_FOR (g_atomic_int_get (&fixture->old_answers) > 0);
  /* The first of a program's listeners makes it ready; at its very first start the others follow a moment later. */
  g_atomic_int_set (&fixture->refused, 0);

  start (fixture, &fixture->new, "new-one", program, host, program_port);
  old_before = g_atomic_int_get (&fixture->old_answers);
  WAIT_FOR (g_atomic_int_get (&fixture->new_answers) > 0 && g_atomic_int_get (&fixture->old_answers) > old_before);

  drain (fixture);
  new_before = g_atomic_int_get (&fixture->new_answers);
  WAIT_FOR (g_atomic_int_get (&fixture->new_answers) >= new_before + SECOND_ANSWERS || fixture->new.exited);
  g_assert_cmpint (g_atomic_int_get (&fixture->old_answers), ==, fixture->drained_answers);
  g_assert_false (fixture->old.exited);

  end (&fixture->old, SIGTERM);
  hr_listeners_revive (fixture->listeners);
  new_before = g_atomic_int_get (&fixture->new_answers);
  WAIT_FOR (g_atomic_int_get (&fixture->new_answers) >= new_before + SECOND_ANSWERS || fixture->new.exited);
  g_assert_false (fixture->new.exited);
  g_atomic_int_set (&fixture->stop, 1);
  g_thread_join (fixture->asker);
  g_assert_cmpint (fixture->refused, ==, 0);
  g_assert_cmpint (fixture->cut, ==, 0);
}

static void
open_listener (Fixture *fixture, const char *host)
{
  HrListenSpec listen = { .name = (char *)"http", .kind = HR_LISTEN_TCP, .host = (char *)host };
  HrServiceSpec spec = { .name = (char *)"svc", .listen = g_ptr_array_new () };
  g_autoptr (GError) error = NULL;

  g_ptr_array_add (spec.listen, &listen);
  g_assert_true (hr_listeners_open (fixture->listeners, &spec, &error));
  g_assert_no_error (error);
  g_ptr_array_unref (spec.listen);
  fixture->port = ((HrListener *)g_ptr_array_index (hr_listeners_list (fixture->listeners), 0))->port;
}

static guint16
unused_port (void)
{
  g_auto (HrFd) fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_storage address;
  socklen_t length = sizeof address;

  g_assert_true (hr_tcp_address_parse ("127.0.0.1", 0, &address, NULL));
  g_assert_cmpint (bind (fd, (struct sockaddr *)&address, sizeof (struct sockaddr_in)), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *)&address, &length), ==, 0);
  return hr_tcp_address_port (&address);
}

static gboolean
skip_without (const char *program)
{
  g_autofree char *message = g_strdup_printf ("not run here: there is no %s", program);

  if (g_file_test (program, G_FILE_TEST_IS_EXECUTABLE))
    return FALSE;
  g_test_skip (message);
  return TRUE;
}

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
test_configured (Fixture *fixture, gconstpointer data)
{
  const Program *program = data;
  const char *argv[] = { program->interpreter, program->option, program->text, NULL };

  if (skip_without (program->interpreter))
    return;
  open_listener (fixture, "127.0.0.1");
  hand_over (fixture, argv, program->host, fixture->port);
  g_assert_cmpuint (hr_listeners_list (fixture->listeners)->len, ==, 1);
}

static void
test_discovered (Fixture *fixture, gconstpointer data)
{
  const Program *program = data;
  const char *argv[] = { program->interpreter, program->option, program->text, NULL };
  HrListener *listener;

  if (skip_without (program->interpreter))
    return;
  fixture->port = unused_port ();
  hand_over (fixture, argv, program->host, fixture->port);
  listener = g_ptr_array_index (hr_listeners_list (fixture->listeners), 0);
  g_assert_true (listener->discovered);
  g_assert_cmpint (listener->port, ==, fixture->port);
}

static void
test_free_port (Fixture *fixture, gconstpointer data)
{
  const Program *program = data;
  const char *argv[] = { program->interpreter, program->option, program->text, NULL };

  if (skip_without (program->interpreter))
    return;
  hand_over (fixture, argv, program->host, 0);
  g_assert_cmpuint (hr_listeners_list (fixture->listeners)->len, ==, 1);
}

static void
test_children (Fixture *fixture, gconstpointer data)
{
  const char *argv[] = { "sh", "-c", "/usr/bin/python3 -c \"$0\"; exit $?", PYTHON_BLOCKING, NULL };

  if (skip_without ("/usr/bin/python3"))
    return;
  open_listener (fixture, "127.0.0.1");
  hand_over (fixture, argv, "", fixture->port);
}

/* A launcher that starts a shell that starts the program, with descriptors closed on the way. */
static void
test_npm_start (Fixture *fixture, gconstpointer data)
{
  const char *argv[] = { "/usr/bin/npm", "start", "--prefix", fixture->dir, "--no-update-notifier", NULL };
  g_autofree char *package = g_build_filename (fixture->dir, "package.json", NULL);
  g_autofree char *server = g_build_filename (fixture->dir, "server.js", NULL);

  if (skip_without ("/usr/bin/npm"))
    return;
  g_assert_true (
      g_file_set_contents (package, "{\"name\": \"svc\", \"scripts\": {\"start\": \"node server.js\"}}", -1, NULL));
  g_assert_true (g_file_set_contents (server, NODE_HTTP, -1, NULL));
  fixture->port = unused_port ();
  hand_over (fixture, argv, "", fixture->port);
}

static void
test_passed (Fixture *fixture, gconstpointer data)
{
  const char *argv[] = { "/usr/bin/python3", "-c", PYTHON_PASSED, NULL };

  if (skip_without ("/usr/bin/python3"))
    return;
  open_listener (fixture, "127.0.0.1");
  fixture->asker = g_thread_new ("asker", keep_asking, fixture);
  start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  WAIT_FOR (g_atomic_int_get (&fixture->old_answers) > 0);
  g_atomic_int_set (&fixture->stop, 1);
  g_thread_join (fixture->asker);
  g_assert_cmpint (fixture->refused, ==, 0);
}

/* Sockets=pass: how a program takes what it was passed is seen; nothing else of it is touched. */
static void
test_passed_only (Fixture *fixture, gconstpointer data)
{
  const char *argv[] = { PASSED_PROGRAM, data, NULL };

  fixture->pass_only = TRUE;
  open_listener (fixture, "127.0.0.1");
  start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  g_assert_true (fixture->old.listening);
  g_assert_true (hr_instance_is_watched (fixture->old.instance));
}

static void
test_passed_to_a_child (Fixture *fixture, gconstpointer data)
{
  const char *argv[] = { "sh", "-c", PASSED_PROGRAM " epoll; exit $?", NULL };

  fixture->pass_only = TRUE;
  open_listener (fixture, "127.0.0.1");
  start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  g_assert_true (fixture->old.listening);
}

static void
test_passed_interpreter (Fixture *fixture, gconstpointer data)
{
  const Program *program = data;
  const char *argv[] = { program->interpreter, program->option, program->text, NULL };

  if (skip_without (program->interpreter))
    return;
  fixture->pass_only = TRUE;
  open_listener (fixture, "127.0.0.1");
  fixture->asker = g_thread_new ("asker", keep_asking, fixture);
  start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  WAIT_FOR (g_atomic_int_get (&fixture->old_answers) > 0);
  g_atomic_int_set (&fixture->stop, 1);
  g_thread_join (fixture->asker);
  g_assert_true (fixture->old.listening);
  g_assert_cmpint (fixture->refused, ==, 0);
}

static void
test_own_is_no_sign (Fixture *fixture, gconstpointer data)
{
  const char *argv[] = { PASSED_PROGRAM, "own", NULL };

  fixture->pass_only = TRUE;
  open_listener (fixture, "127.0.0.1");
  start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_true (fixture->old.notified);
  g_assert_false (fixture->old.listening);
  g_assert_cmpuint (hr_listeners_list (fixture->listeners)->len, ==, 1);
}

/* Nothing to pass and nothing to adopt: the program is left alone altogether. */
static void
test_nothing_to_see (Fixture *fixture, gconstpointer data)
{
  const char *argv[] = { PASSED_PROGRAM, "own", NULL };

  fixture->pass_only = TRUE;
  start (fixture, &fixture->old, "old-one", argv, "", 0);
  g_assert_false (hr_instance_is_watched (fixture->old.instance));
  g_assert_cmpuint (hr_listeners_list (fixture->listeners)->len, ==, 0);
}

/* Programs of which the library sees nothing are known. */
static void
test_unseen (Fixture *fixture, gconstpointer data)
{
  const char *argv[] = { data, "own", NULL };

  if (skip_without (argv[0]))
    return;
  open_listener (fixture, "127.0.0.1");
  start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  g_assert_false (hr_instance_is_watched (fixture->old.instance));
}

static void
test_without_preload (Fixture *fixture, gconstpointer data)
{
  const char *argv[] = { "/usr/bin/env", "-u", "LD_PRELOAD", PASSED_PROGRAM, "own", NULL };

  open_listener (fixture, "127.0.0.1");
  start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  g_assert_false (hr_instance_is_watched (fixture->old.instance));
}

/* A launcher that cannot be seen does not hide what it starts. */
static void
test_child_of_unseen (Fixture *fixture, gconstpointer data)
{
  const char *argv[] = { "/usr/bin/env", "-u", "LD_PRELOAD",
                         "sh",           "-c", "env LD_PRELOAD=$0 " PASSED_PROGRAM " own; exit $?",
                         NULL,           NULL };
  g_autofree char *library = hr_exec_adopt_library_path ();

  argv[6] = library;
  open_listener (fixture, "127.0.0.1");
  start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  g_assert_true (hr_instance_is_watched (fixture->old.instance));
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
test_retired (Fixture *fixture, gconstpointer data)
{
  const char *argv[] = { "/usr/bin/python3", "-c", PYTHON_RETIRED, NULL };
  g_autofree char *fifo = g_build_filename (fixture->dir, "retired", NULL);
  g_auto (HrFd) client = -1;
  struct sockaddr_storage address;
  int gate;

  if (skip_without ("/usr/bin/python3"))
    return;
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  fixture->port = unused_port ();
  start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  client = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  hr_tcp_address_parse ("127.0.0.1", fixture->port, &address, NULL);
  g_assert_cmpint (connect (client, (struct sockaddr *)&address, hr_tcp_address_size (&address)), ==, 0);
  g_assert_true (hr_instance_retire (fixture->old.instance));
  gate = open (fifo, O_WRONLY | O_CLOEXEC);
  g_assert_cmpint (gate, >=, 0);
  close (gate);
  WAIT_FOR (fixture->old.exited);
  g_assert_true (WIFEXITED (fixture->old.status));
  g_assert_cmpint (WEXITSTATUS (fixture->old.status), ==, 42);
}

static gpointer
ask_as_stranger (gpointer data)
{
  Fixture *fixture = data;
  HrAdoptRequest request = { .version = HR_ADOPT_VERSION, .question = HR_ADOPT_BIND };
  g_autofree char *path = g_build_filename (fixture->dir, "instances", "old-one.adopt", NULL);
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
test_stranger (Fixture *fixture, gconstpointer data)
{
  const char *argv[] = { "/usr/bin/python3", "-c", PYTHON_HTTP, NULL };

  if (skip_without ("/usr/bin/python3"))
    return;
  open_listener (fixture, "127.0.0.1");
  start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  fixture->asker = g_thread_new ("stranger", ask_as_stranger, fixture);
  WAIT_FOR (g_atomic_int_get (&fixture->stop));
  g_thread_join (fixture->asker);
  g_assert_cmpint (fixture->cut, <=, 0);
}

/* A library that finds no daemon changes nothing. */
static void
test_alone (Fixture *fixture, gconstpointer data)
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

  if (skip_without ("/usr/bin/python3"))
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
#define ADD(path, data, func) g_test_add ("/adopt/" path, Fixture, data, set_up, func, tear_down)
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
