/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-adopt-paths.c: unmodified programs that listen on Unix sockets are handed over.
 */
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adopt-fixture.h"
#include "hr-fd.h"

#define PYTHON "/usr/bin/python3"
#define NODE "/usr/bin/node"
#define NAME "/it.sock"

#define PYTHON_ANSWER                                                                                                  \
  "    connection.recv(1000)\n"                                                                                        \
  "    connection.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\n' + os.environ['HOTRELOAD_INSTANCE'].encode())\n"               \
  "    connection.close()\n"

/* Removes the path first, and again when it ends. */
#define PYTHON_UNLINKS                                                                                                 \
  "import atexit, os, signal, socket, sys\n"                                                                           \
  "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"                                                            \
  "path = os.environ['HOME'] + '" NAME "'\n"                                                                           \
  "atexit.register(lambda: os.unlink(path))\n"                                                                         \
  "try:\n    os.remove(path)\n"                                                                                        \
  "except FileNotFoundError:\n    pass\n"                                                                              \
  "server = socket.socket(socket.AF_UNIX)\n"                                                                           \
  "server.bind(path)\n"                                                                                                \
  "server.listen(1)\n"                                                                                                 \
  "while True:\n"                                                                                                      \
  "    connection, peer = server.accept()\n"                                                                           \
  "    assert peer == '', peer\n" PYTHON_ANSWER

/* Bound in the working directory, by a name that says nothing to the daemon. */
#define PYTHON_RELATIVE                                                                                                \
  "import os, socket\n"                                                                                                \
  "os.chdir(os.environ['HOME'])\n"                                                                                     \
  "try:\n    os.unlink('it.sock', dir_fd=os.open('.', os.O_RDONLY))\n"                                                 \
  "except FileNotFoundError:\n    pass\n"                                                                              \
  "server = socket.socket(socket.AF_UNIX)\n"                                                                           \
  "server.bind('it.sock')\n"                                                                                           \
  "server.listen(1)\n"                                                                                                 \
  "while True:\n"                                                                                                      \
  "    connection, _ = server.accept()\n" PYTHON_ANSWER

#define PYTHON_ASYNCIO                                                                                                 \
  "import asyncio, os\n"                                                                                               \
  "async def answer(reader, writer):\n"                                                                                \
  "    await reader.readuntil(b'\\r\\n\\r\\n')\n"                                                                      \
  "    writer.write(b'HTTP/1.0 200 OK\\r\\n\\r\\n' + os.environ['HOTRELOAD_INSTANCE'].encode())\n"                     \
  "    await writer.drain()\n"                                                                                         \
  "    writer.close()\n"                                                                                               \
  "async def main():\n"                                                                                                \
  "    server = await asyncio.start_unix_server(answer, os.environ['HOME'] + '" NAME "')\n"                            \
  "    await server.serve_forever()\n"                                                                                 \
  "asyncio.run(main())\n"

#define PYTHON_ABSTRACT                                                                                                \
  "import os, socket\n"                                                                                                \
  "server = socket.socket(socket.AF_UNIX)\n"                                                                           \
  "server.bind('\\0' + os.environ['TEST_HOST'])\n"                                                                     \
  "server.listen(1)\n"                                                                                                 \
  "while True:\n"                                                                                                      \
  "    connection, _ = server.accept()\n" PYTHON_ANSWER

#define PYTHON_PASSED                                                                                                  \
  "import os, socket\n"                                                                                                \
  "server = socket.socket(fileno=3)\n"                                                                                 \
  "assert server.family == socket.AF_UNIX\n"                                                                           \
  "while True:\n"                                                                                                      \
  "    connection, _ = server.accept()\n" PYTHON_ANSWER

#define NODE_ANSWER                                                                                                    \
  "const server = require('http').createServer("                                                                       \
  "(request, response) => response.end(process.env.HOTRELOAD_INSTANCE));"
/* libuv removes the path when it closes. */
#define NODE_CLOSES                                                                                                    \
  NODE_ANSWER                                                                                                          \
  "process.on('SIGTERM', () => server.close(() => process.exit()));"                                                   \
  "server.listen(process.env.HOME + '" NAME "')"
#define NODE_PASSED NODE_ANSWER "process.on('SIGTERM', () => server.close(() => process.exit()));server.listen({fd: 3})"

typedef struct {
  const char *interpreter, *option, *text;
} Program;

static const Program unlinks = { PYTHON, "-c", PYTHON_UNLINKS };
static const Program relative = { PYTHON, "-c", PYTHON_RELATIVE };
static const Program asyncio = { PYTHON, "-c", PYTHON_ASYNCIO };
static const Program node = { NODE, "-e", NODE_CLOSES };
static const Program python_passed = { PYTHON, "-c", PYTHON_PASSED };
static const Program node_passed = { NODE, "-e", NODE_PASSED };

static const HrListener *
only_listener (AdoptFixture *fixture)
{
  GPtrArray *list = hr_listeners_list (fixture->listeners);

  g_assert_cmpuint (list->len, ==, 1);
  return g_ptr_array_index (list, 0);
}

static gboolean
is_socket (const char *path)
{
  struct stat info;

  return stat (path, &info) == 0 && S_ISSOCK (info.st_mode);
}

static void
hand_over (AdoptFixture *fixture, const Program *program)
{
  const char *argv[] = { program->interpreter, program->option, program->text, NULL };

  adopt_hand_over (fixture, argv, "", 0);
  /* The end of the service ends the file. */
  g_assert_true (is_socket (fixture->path));
  adopt_end (&fixture->new, SIGTERM);
  g_assert_true (is_socket (fixture->path));
  hr_listeners_close (fixture->listeners);
  g_assert_false (is_socket (fixture->path));
}

static void
test_discovered (AdoptFixture *fixture, gconstpointer data)
{
  const Program *program = data;

  if (adopt_skip_without (program->interpreter))
    return;
  fixture->path = g_strconcat (fixture->dir, NAME, NULL);
  hand_over (fixture, program);
}

static void
test_configured (AdoptFixture *fixture, gconstpointer data)
{
  const Program *program = data;

  if (adopt_skip_without (program->interpreter))
    return;
  fixture->path = g_strconcat (fixture->dir, NAME, NULL);
  adopt_open_path (fixture, fixture->path);
  hand_over (fixture, program);
}

static void
test_passed (AdoptFixture *fixture, gconstpointer data)
{
  fixture->pass_only = TRUE;
  test_configured (fixture, data);
}

static void
test_shown (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { PYTHON, "-c", PYTHON_RELATIVE, NULL };
  g_autofree char *address = g_strconcat ("unix:", fixture->dir, NAME, NULL);

  if (adopt_skip_without (argv[0]))
    return;
  adopt_start (fixture, &fixture->old, "old-one", argv, "", 0);
  g_assert_cmpstr (only_listener (fixture)->address, ==, address);
  g_assert_true (only_listener (fixture)->discovered);
}

static void
test_abstract (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { PYTHON, "-c", PYTHON_ABSTRACT, NULL };

  if (adopt_skip_without (argv[0]))
    return;
  fixture->path = g_strdup_printf ("@hotreload-adopt-%d", (int)getpid ());
  if (data != NULL)
    adopt_open_path (fixture, fixture->path);
  adopt_hand_over (fixture, argv, fixture->path + 1, 0);
}

/* Each names a line that must not be reached. */
#define RUN_ONCE(program, ...)                                                                                         \
  run_once (fixture, "import os, signal, socket, sys\n"                                                                \
                     "HOME = os.environ['HOME']\n"                                                                     \
                     "def listen(path):\n"                                                                             \
                     "    server = socket.socket(socket.AF_UNIX)\n"                                                    \
                     "    server.bind(path)\n"                                                                         \
                     "    server.listen()\n"                                                                           \
                     "    return server\n" program)

static void
run_once (AdoptFixture *fixture, const char *text)
{
  const char *argv[] = { PYTHON, "-c", text, NULL };

  adopt_start (fixture, &fixture->old, "old-one", argv, "", 0);
  ADOPT_WAIT_FOR (fixture->old.exited);
  g_assert_true (WIFEXITED (fixture->old.status));
  g_assert_cmpint (WEXITSTATUS (fixture->old.status), ==, 42);
}

/* A socket that was made for this process alone goes with its directory, as multiprocessing does it. */
static void
test_private_directory (AdoptFixture *fixture, gconstpointer data)
{
  if (adopt_skip_without (PYTHON))
    return;
  RUN_ONCE ("import shutil, tempfile\n"
            "top = tempfile.mkdtemp(dir=HOME)\n"
            "server = listen(top + '/listener')\n"
            "os.unlink(top + '/listener')\n"
            "server.close()\n"
            "shutil.rmtree(top)\n"
            "assert not os.path.exists(top)\n"
            "sys.exit(42)\n");
  g_assert_cmpuint (hr_listeners_list (fixture->listeners)->len, ==, 0);
}

/* Of a directory, remove() is rmdir(): also where files stayed in it, and in what it says when it cannot. */
static void
test_remove (AdoptFixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_strconcat (fixture->dir, NAME, NULL);

  if (adopt_skip_without (PYTHON))
    return;
  adopt_open_path (fixture, path);
  RUN_ONCE ("import ctypes, errno, tempfile\n"
            "libc = ctypes.CDLL(None, use_errno=True)\n"
            "def remove(path):\n"
            "    ctypes.set_errno(0)\n"
            "    return 0 if libc.remove(path.encode()) == 0 else errno.errorcode[ctypes.get_errno()]\n"
            "server = listen(HOME + '" NAME "')\n"
            "top = tempfile.mkdtemp(dir=HOME)\n"
            "private = listen(top + '/listener')\n"
            "assert remove(HOME + '" NAME "') == 0\n"
            "assert remove(top + '/listener') == 0\n"
            "private.close()\n"
            "assert os.path.exists(top + '/listener')\n"
            "assert remove(top) == 0\n"
            "assert not os.path.exists(top)\n"
            "os.mkdir(HOME + '/full')\n"
            "open(HOME + '/full/file', 'w').close()\n"
            "assert remove(HOME + '/full') == 'ENOTEMPTY'\n"
            "assert remove(HOME + '/full/file') == 0\n"
            "assert remove(HOME + '/full') == 0\n"
            "assert remove(HOME + '/full') == 'ENOENT'\n"
            "sys.exit(42)\n");
  g_assert_true (is_socket (path));
  g_assert_cmpuint (hr_listeners_list (fixture->listeners)->len, ==, 1);
}

/* What is no listener's file goes, as before. */
static void
test_other_files (AdoptFixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_strconcat (fixture->dir, NAME, NULL);

  if (adopt_skip_without (PYTHON))
    return;
  adopt_open_path (fixture, path);
  RUN_ONCE ("listen(HOME + '" NAME "')\n"
            "other = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
            "other.bind(HOME + '/other')\n"
            "os.unlink(HOME + '/other')\n"
            "open(HOME + '/file', 'w').close()\n"
            "os.remove(HOME + '/file')\n"
            "assert sorted(os.listdir(HOME)) == ['instances', 'it.sock', 'log'], os.listdir(HOME)\n"
            "try:\n    os.unlink(HOME + '/file')\n    sys.exit(1)\n"
            "except FileNotFoundError:\n    pass\n"
            "sys.exit(42)\n");
  g_assert_true (is_socket (path));
}

/* With Sockets=pass the path is the daemon's, too: a program that binds it itself hears that. */
static void
test_passed_is_not_taken (AdoptFixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_strconcat (fixture->dir, NAME, NULL);

  if (adopt_skip_without (PYTHON))
    return;
  fixture->pass_only = TRUE;
  adopt_open_path (fixture, path);
  RUN_ONCE ("import select\n"
            "select.select([3], [], [], 0)\n"
            "os.unlink(HOME + '" NAME "')\n"
            "try:\n    listen(HOME + '" NAME "')\n    sys.exit(1)\n"
            "except OSError as error:\n    assert error.errno == 98\n"
            "sys.exit(42)\n");
  g_assert_true (is_socket (path));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, data, func) g_test_add ("/adopt-paths/" path, AdoptFixture, data, adopt_set_up, func, adopt_tear_down)
  ADD ("discovered/python-that-unlinks", &unlinks, test_discovered);
  ADD ("discovered/python-with-a-relative-path", &relative, test_discovered);
  ADD ("discovered/python-asyncio", &asyncio, test_discovered);
  ADD ("discovered/node-that-closes", &node, test_discovered);
  ADD ("discovered/is-shown-with-its-whole-path", NULL, test_shown);
  ADD ("discovered/abstract", NULL, test_abstract);
  ADD ("configured/python-that-unlinks", &unlinks, test_configured);
  ADD ("configured/python-with-a-relative-path", &relative, test_configured);
  ADD ("configured/python-asyncio", &asyncio, test_configured);
  ADD ("configured/node-that-closes", &node, test_configured);
  ADD ("configured/abstract", "", test_abstract);
  ADD ("passed/python", &python_passed, test_passed);
  ADD ("passed/node-that-closes", &node_passed, test_passed);
  ADD ("passed/path-is-not-taken", NULL, test_passed_is_not_taken);
  ADD ("private-directory-is-removed", NULL, test_private_directory);
  ADD ("remove-of-a-directory", NULL, test_remove);
  ADD ("other-files-are-removed", NULL, test_other_files);
  return g_test_run ();
}
