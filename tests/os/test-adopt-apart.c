/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-adopt-apart.c: what the library must leave alone, launchers that stand between it and the program, and what
 * goes past it.
 */
#include <errno.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adopt-fixture.h"

/* All that a program does with descriptors but listening, told with what it sees of itself. Run with the library
 * and without, it must tell the same. */
#define BYSTANDER                                                                                                      \
  "import errno, fcntl, os, re, select, socket, subprocess, sys, threading\n"                                          \
  "home, port = os.environ['HOME'], int(os.environ['TEST_PORT'])\n"                                                    \
  "def fds():\n"                                                                                                       \
  "    seen = []\n"                                                                                                    \
  "    for fd in sorted(map(int, os.listdir('/proc/self/fd'))):\n"                                                     \
  "        try:\n            link = os.readlink(f'/proc/self/fd/{fd}')\n"                                              \
  "        except OSError:\n            continue\n"                                                                    \
  "        flags = fcntl.fcntl(fd, fcntl.F_GETFL), fcntl.fcntl(fd, fcntl.F_GETFD)\n"                                   \
  "        seen.append((fd, re.sub(r'\\[.*\\]|/proc/.*|/log\\S*', '', link), flags))\n"                                \
  "    print(seen)\n"                                                                                                  \
  "def fails(call, *arguments):\n"                                                                                     \
  "    try:\n        print(call.__name__, call(*arguments))\n"                                                         \
  "    except OSError as error:\n        print(call.__name__, errno.errorcode[error.errno])\n"                         \
  "fds()\n"                                                                                                            \
  "a, b = os.pipe()\n"                                                                                                 \
  "os.write(b, b'x')\n"                                                                                                \
  "print(select.select([a], [b], [], 1), select.poll().poll(0), os.read(a, 9))\n"                                      \
  "one, other = socket.socketpair()\n"                                                                                 \
  "other.sendall(b'y')\n"                                                                                              \
  "print(one.recv(9), one.getsockname(), one.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE))\n"                         \
  "fails(one.listen, 1)\n"                                                                                             \
  "one.shutdown(socket.SHUT_RDWR)\n"                                                                                   \
  "print(other.recv(9))\n"                                                                                             \
  "unix = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"                                                          \
  "unix.bind(home + '/socket')\n"                                                                                      \
  "print(os.path.exists(home + '/socket'))\n"                                                                          \
  "client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"                                                        \
  "client.connect(home + '/socket')\n"                                                                                 \
  "client.send(b'u')\n"                                                                                                \
  "print(unix.recvfrom(9))\n"                                                                                          \
  "unix.setblocking(False)\n"                                                                                          \
  "fails(unix.recv, 9)\n"                                                                                              \
  "fails(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).bind, home + '/socket')\n"                                   \
  "os.unlink(home + '/socket')\n"                                                                                      \
  "print(os.path.exists(home + '/socket'))\n"                                                                          \
  "udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"                                                           \
  "udp.bind(('127.0.0.1', port))\n"                                                                                    \
  "fails(socket.socket(socket.AF_INET, socket.SOCK_DGRAM).bind, ('127.0.0.1', port))\n"                                \
  "udp.sendto(b'z', ('127.0.0.1', port))\n"                                                                            \
  "print(udp.recvfrom(9))\n"                                                                                           \
  "tcp = socket.socket()\n"                                                                                            \
  "fails(tcp.connect, ('127.0.0.1', port))\n"                                                                          \
  "tcp.settimeout(0.01)\n"                                                                                             \
  "fails(tcp.accept)\n"                                                                                                \
  "fails(tcp.bind, ('203.0.113.1', port))\n"                                                                           \
  "fails(os.close, 999)\n"                                                                                             \
  "copy = os.dup(a)\n"                                                                                                 \
  "thread = threading.Thread(target=fds)\n"                                                                            \
  "thread.start()\n"                                                                                                   \
  "thread.join()\n"                                                                                                    \
  "poller = select.epoll()\n"                                                                                          \
  "poller.register(udp, select.EPOLLIN)\n"                                                                             \
  "print(poller.poll(0))\n"                                                                                            \
  "sys.stdout.flush()\n"                                                                                               \
  "print(subprocess.run(['sh', '-c', 'echo child; exit 7'], capture_output=True).returncode)\n"                        \
  "fds()\n"

static void
on_exited (HrInstance *instance, int status, gboolean known, int *result)
{
  *result = status;
}

/* What it tells, run as @id. */
static char *
run_bystander (AdoptFixture *fixture, const char *id, gboolean with_library)
{
  const char *argv[] = { "/usr/bin/python3", "-S", "-c", BYSTANDER, NULL };
  g_autofree char *full_id = adopt_full_id (id);
  g_autofree char *log = g_build_filename (fixture->dir, id, NULL);
  g_autofree char *home = g_strdup_printf ("HOME=%s", fixture->dir);
  g_autofree char *port = g_strdup_printf ("TEST_PORT=%u", fixture->port);
  const char *environment[] = { "PATH=/usr/local/bin:/usr/bin:/bin", home, port, NULL };
  HrLaunch what = { .service = "svc",
                    .id = full_id,
                    .argv = argv,
                    .environment = environment,
                    .directory = "/",
                    .listeners = with_library ? fixture->listeners : NULL,
                    .adopt = with_library,
                    .log_file = log,
                    .stdout_fd = -1,
                    .stderr_fd = -1 };
  g_autoptr (GError) error = NULL;
  HrInstance *instance = hr_launcher_launch (fixture->launcher, &what, &error);
  char *text = NULL;
  int status = -1;

  g_assert_no_error (error);
  g_signal_connect (instance, "exited", G_CALLBACK (on_exited), &status);
  ADOPT_WAIT_FOR (status != -1);
  g_assert_finalize_object (instance);
  g_assert_true (g_file_get_contents (log, &text, NULL, NULL));
  g_test_message ("%s", text);
  g_assert_cmpint (WIFEXITED (status) ? WEXITSTATUS (status) : -1, ==, 0);
  return text;
}

static void
test_bystander (AdoptFixture *fixture, gconstpointer data)
{
  g_autofree char *with = NULL;
  g_autofree char *without = NULL;

  if (adopt_skip_without ("/usr/bin/python3"))
    return;
  fixture->port = adopt_unused_port ();
  without = run_bystander (fixture, "log-one", FALSE);
  with = run_bystander (fixture, "log-two", TRUE);
  g_assert_cmpstr (with, ==, without);
  g_assert_nonnull (strstr (with, "EADDRINUSE"));
  g_assert_cmpuint (hr_listeners_list (fixture->listeners)->len, ==, 0);
}

/* What it passes on is the environment alone. */
#define CLOSES_ALL                                                                                                     \
  "import subprocess, sys\n"                                                                                           \
  "sys.exit(subprocess.run(['" TEST_PROGRAM_DIR "/adopt-program', 'epoll-level'], close_fds=True).returncode)\n"

static void
test_launcher (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { "/usr/bin/python3", "-S", "-c", CLOSES_ALL, NULL };

  if (adopt_skip_without (argv[0]))
    return;
  if (data != NULL)
    adopt_open_listener (fixture, data);
  else
    fixture->port = adopt_unused_port ();
  adopt_hand_over (fixture, argv, "127.0.0.1", fixture->port);
  g_assert_cmpuint (hr_listeners_list (fixture->listeners)->len, ==, 1);
}

/* A listener of which the daemon has no copy, and the program that has it is not seen: what a launcher hides. */
static void
test_misses_listener (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { "sh", "-c", data, NULL };

  adopt_start (fixture, &fixture->old, "old-one", argv, "127.0.0.1", adopt_unused_port ());
  g_assert_true (adopt_look (&fixture->old).is_watched);
  g_assert_true (adopt_look (&fixture->old).misses_listener);
  g_assert_cmpuint (hr_listeners_list (fixture->listeners)->len, ==, 0);
}

static void
test_misses_none (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { "sh", "-c", TEST_PROGRAM_DIR "/adopt-program prefork; exit $?", NULL };

  fixture->port = adopt_unused_port ();
  adopt_start (fixture, &fixture->old, "old-one", argv, "127.0.0.1", fixture->port);
  g_assert_true (fixture->old.listening);
  g_assert_false (adopt_look (&fixture->old).misses_listener);
}

/* What is accepted by way of io_uring heeds no gate: such a program is told to stop instead. */
static void
test_uring (AdoptFixture *fixture, gconstpointer data)
{
  gboolean accepts = g_str_equal (data, "accept");
  const char *argv[] = { TEST_PROGRAM_DIR "/uring-program", data, NULL };
  struct io_uring_params about = { 0 };
  int ring = (int)syscall (SYS_io_uring_setup, 1, &about);

  if (ring < 0)
    {
      g_autofree char *why = g_strdup_printf ("not run here: the kernel refuses io_uring: %s", g_strerror (errno));

      g_test_skip (why);
      return;
    }
  close (ring);
  fixture->port = adopt_unused_port ();
  adopt_start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  fixture->asker = g_thread_new ("asker", adopt_keep_asking, fixture);
  ADOPT_WAIT_FOR (g_atomic_int_get (&fixture->old_answers) > 0);
  g_atomic_int_set (&fixture->stop, 1);
  g_thread_join (fixture->asker);
  g_assert_cmpint (adopt_retire (&fixture->old), ==, !accepts);
  if (accepts)
    g_assert_true (hr_instance_may_accept (fixture->old.instance, fixture->listeners));
  else
    ADOPT_WAIT_FOR (!hr_instance_may_accept (fixture->old.instance, fixture->listeners));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, data, func) g_test_add ("/adopt-apart/" path, AdoptFixture, data, adopt_set_up, func, adopt_tear_down)
  ADD ("nothing-else-is-touched", NULL, test_bystander);
  ADD ("configured/child-of-a-launcher-that-closes-descriptors", "127.0.0.1", test_launcher);
  ADD ("discovered/child-of-a-launcher-that-closes-descriptors", NULL, test_launcher);
  ADD ("unseen/listener-of-a-child", "env -u LD_PRELOAD " PASSED_PROGRAM " own; exit $?", test_misses_listener);
  ADD ("unseen/listener-of-a-child-without-environment",
       "env -i NOTIFY_SOCKET=$NOTIFY_SOCKET " PASSED_PROGRAM " own; exit $?", test_misses_listener);
  ADD ("unseen/no-listener-where-all-are-kept", NULL, test_misses_none);
  ADD ("io-uring/what-accepts-by-it-is-not-held-back", "accept", test_uring);
  ADD ("io-uring/what-uses-it-beside-accept-is-held-back", "beside", test_uring);
  return g_test_run ();
}
