/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-adopt-datagrams.c: programs that receive datagrams are handed over: each datagram is answered once.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adopt-fixture.h"
#include "hr-fd.h"

#define PYTHON "/usr/bin/python3"
#define NODE "/usr/bin/node"

#define PYTHON_HEAD "import os, socket, sys\nID = os.environ['HOTRELOAD_INSTANCE'].encode()\n"
#define PYTHON_BIND                                                                                                    \
  PYTHON_HEAD "server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"                                            \
              "server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"                                         \
              "server.bind(('127.0.0.1', int(os.environ['TEST_PORT'])))\n"

#define PYTHON_BLOCKING                                                                                                \
  PYTHON_BIND "while True:\n"                                                                                          \
              "    _, peer = server.recvfrom(1000)\n"                                                                  \
              "    server.sendto(ID, peer)\n"

#define PYTHON_PASSED                                                                                                  \
  PYTHON_HEAD "server = socket.socket(fileno=3)\n"                                                                     \
              "assert server.type == socket.SOCK_DGRAM\n"                                                              \
              "while True:\n"                                                                                          \
              "    _, peer = server.recvfrom(1000)\n"                                                                  \
              "    server.sendto(ID, peer)\n"

#define PYTHON_RECVMSG                                                                                                 \
  PYTHON_BIND "server.setsockopt(socket.IPPROTO_IP, 8, 1)\n"                                                           \
              "while True:\n"                                                                                          \
              "    _, control, _, peer = server.recvmsg(1000, 1000)\n"                                                 \
              "    assert len(control) == 1\n"                                                                         \
              "    server.sendto(ID, peer)\n"

#define PYTHON_SOCKETSERVER                                                                                            \
  PYTHON_HEAD                                                                                                          \
  "import socketserver\n"                                                                                              \
  "class Handler(socketserver.BaseRequestHandler):\n"                                                                  \
  "    def handle(self):\n"                                                                                            \
  "        self.request[1].sendto(ID, self.client_address)\n"                                                          \
  "socketserver.ThreadingUDPServer(('127.0.0.1', int(os.environ['TEST_PORT'])), Handler).serve_forever()\n"

#define PYTHON_ASYNCIO                                                                                                 \
  PYTHON_HEAD "import asyncio\n"                                                                                       \
              "class Protocol(asyncio.DatagramProtocol):\n"                                                            \
              "    def connection_made(self, transport):\n"                                                            \
              "        self.transport = transport\n"                                                                   \
              "    def datagram_received(self, data, peer):\n"                                                         \
              "        self.transport.sendto(ID, peer)\n"                                                              \
              "async def main():\n"                                                                                    \
              "    loop = asyncio.get_running_loop()\n"                                                                \
              "    await loop.create_datagram_endpoint(Protocol,"                                                      \
              " local_addr=('127.0.0.1', int(os.environ['TEST_PORT'])))\n"                                             \
              "    await asyncio.sleep(3600)\n"                                                                        \
              "asyncio.run(main())\n"

#define NODE_DGRAM                                                                                                     \
  "const server = require('dgram').createSocket('udp4');"                                                              \
  "server.on('message', (message, peer) => server.send(process.env.HOTRELOAD_INSTANCE, peer.port, peer.address));"     \
  "server.bind(Number(process.env.TEST_PORT), '127.0.0.1')"

typedef struct {
  const char *interpreter, *option, *text;
} Program;

static const Program blocking = { PYTHON, "-c", PYTHON_BLOCKING };
static const Program passed = { PYTHON, "-c", PYTHON_PASSED };
static const Program recvmsg_program = { PYTHON, "-c", PYTHON_RECVMSG };
static const Program socketserver = { PYTHON, "-c", PYTHON_SOCKETSERVER };
static const Program asyncio = { PYTHON, "-c", PYTHON_ASYNCIO };
static const Program node = { NODE, "-e", NODE_DGRAM };

static void
test_hand_over (AdoptFixture *fixture, gconstpointer data)
{
  const Program *program = data;
  const char *argv[] = { program->interpreter, program->option, program->text, NULL };

  if (adopt_skip_without (program->interpreter))
    return;
  adopt_open_datagrams (fixture, "127.0.0.1");
  adopt_hand_over (fixture, argv, "", fixture->port);
  g_assert_cmpuint (hr_listeners_list (fixture->listeners)->len, ==, 1);
}

static void
test_passed (AdoptFixture *fixture, gconstpointer data)
{
  fixture->pass_only = TRUE;
  test_hand_over (fixture, data);
}

/* A program in C, fortified, that receives in one of the ways in which programs do. */
static void
test_calls (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { TEST_PROGRAM_DIR "/datagram-program", data, NULL };

  adopt_open_datagrams (fixture, "127.0.0.1");
  adopt_hand_over (fixture, argv, "", fixture->port);
}

static void
run_once (AdoptFixture *fixture, const char *text)
{
  const char *argv[] = { PYTHON, "-c", text, NULL };

  adopt_start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  ADOPT_WAIT_FOR (fixture->old.exited);
  g_assert_true (WIFEXITED (fixture->old.status));
  g_assert_cmpint (WEXITSTATUS (fixture->old.status), ==, 42);
}

/* What would take the socket from the other instances is refused, and what only seems to is not. */
static void
test_shared_stays_shared (AdoptFixture *fixture, gconstpointer data)
{
  if (adopt_skip_without (PYTHON))
    return;
  adopt_open_datagrams (fixture, "127.0.0.1");
  run_once (fixture, PYTHON_BIND "client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                                 "client.sendto(b'hello', server.getsockname())\n"
                                 "import errno, select\n"
                                 "select.select([server], [], [])\n"
                                 "try:\n    server.connect(('127.0.0.1', 9))\n    sys.exit(1)\n"
                                 "except OSError as error:\n    assert error.errno == errno.EOPNOTSUPP, error\n"
                                 "server.shutdown(socket.SHUT_RDWR)\n"
                                 "assert server.recv(100, socket.MSG_PEEK) == b'hello'\n"
                                 "assert server.recv(100) == b'hello'\n"
                                 "server.setblocking(False)\n"
                                 "try:\n    server.recv(100)\n    sys.exit(2)\n"
                                 "except BlockingIOError:\n    pass\n"
                                 "server.settimeout(0.01)\n"
                                 "try:\n    server.recv(100)\n    sys.exit(3)\n"
                                 "except TimeoutError:\n    pass\n"
                                 "sys.exit(42)\n");
}

/* Sockets of clients, and those that the service file does not name, are the program's own. */
static void
test_others_are_left_alone (AdoptFixture *fixture, gconstpointer data)
{
  g_autofree char *text = g_strdup_printf (PYTHON_BIND "import select\n"
                                                       "select.select([server], [], [], 0)\n"
                                                       "client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                                                       "client.bind(('127.0.0.1', 0))\n"
                                                       "own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                                                       "own.bind(('127.0.0.1', %u))\n"
                                                       "client.connect(own.getsockname())\n"
                                                       "client.send(b'hello')\n"
                                                       "assert own.recv(10) == b'hello'\n"
                                                       "sys.exit(42)\n",
                                           adopt_unused_port ());

  if (adopt_skip_without (PYTHON))
    return;
  adopt_open_datagrams (fixture, "127.0.0.1");
  run_once (fixture, text);
  g_assert_cmpuint (hr_listeners_list (fixture->listeners)->len, ==, 1);
}

/* A datagram that is being answered counts until the program comes back for the next one. */
static void
test_answering_counts (AdoptFixture *fixture, gconstpointer data)
{
  static const char text[] = PYTHON_BIND "_, peer = server.recvfrom(1000)\n"
                                         "server.sendto(ID, peer)\n"
                                         "open(os.environ['HOME'] + '/answer').read()\n"
                                         "server.sendto(ID, peer)\n"
                                         "while True:\n"
                                         "    server.recvfrom(1000)\n";
  const char *argv[] = { PYTHON, "-c", text, NULL };
  g_autofree char *fifo = g_build_filename (fixture->dir, "answer", NULL);
  g_auto (HrFd) client = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in there = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  g_auto (HrFd) gate = -1;
  char answer[64];

  if (adopt_skip_without (PYTHON))
    return;
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  adopt_open_datagrams (fixture, "127.0.0.1");
  there.sin_port = htons (fixture->port);
  adopt_start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  g_assert_cmpint (sendto (client, "x", 1, 0, (struct sockaddr *)&there, sizeof there), ==, 1);
  g_assert_cmpint (recv (client, answer, sizeof answer, 0), >, 0);
  g_assert_true (adopt_retire (&fixture->old));
  ADOPT_WAIT_FOR (!hr_instance_may_accept (fixture->old.instance, fixture->listeners));
  g_assert_cmpint (adopt_count_connections (fixture), ==, 1);
  gate = open (fifo, O_WRONLY | O_CLOEXEC);
  hr_fd_clear (&gate);
  g_assert_cmpint (recv (client, answer, sizeof answer, 0), >, 0);
  ADOPT_WAIT_FOR (adopt_count_connections (fixture) == 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, data, func)                                                                                          \
  g_test_add ("/adopt-datagrams/" path, AdoptFixture, data, adopt_set_up, func, adopt_tear_down)
  ADD ("python-that-waits-in-recvfrom", &blocking, test_hand_over);
  ADD ("python-recvmsg-with-control", &recvmsg_program, test_hand_over);
  ADD ("python-socketserver", &socketserver, test_hand_over);
  ADD ("python-asyncio", &asyncio, test_hand_over);
  ADD ("node-dgram", &node, test_hand_over);
  ADD ("passed", &passed, test_passed);
  ADD ("calls/recv", "recv", test_calls);
  ADD ("calls/read", "read", test_calls);
  ADD ("calls/readv", "readv", test_calls);
  ADD ("calls/recvmmsg", "recvmmsg", test_calls);
  ADD ("calls/epoll", "epoll", test_calls);
  ADD ("shared-stays-shared", NULL, test_shared_stays_shared);
  ADD ("others-are-left-alone", NULL, test_others_are_left_alone);
  ADD ("what-is-being-answered-counts", NULL, test_answering_counts);
  return g_test_run ();
}
