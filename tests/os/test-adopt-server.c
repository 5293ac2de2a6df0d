/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-adopt-server.c: what processes say to the daemon that the library would not, or not in that order.
 */
#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adopt-fixture.h"
#include "hr-adopt-server.h"
#include "hr-fd.h"
#include "hr-scm-rights.h"

typedef struct {
  char *dir;
  HrListeners *listeners;
  HrAdoptServer *server;
} Fixture;

static void
on_listening (gpointer data)
{
}

/* All that this process and its children say comes from the instance. */
static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->dir = g_dir_make_tmp ("hotreload-XXXXXX", NULL);
  fixture->listeners = hr_socket_listeners_new ();
  fixture->server = hr_adopt_server_new (fixture->dir, "one", HR_SOCKET_LISTENERS (fixture->listeners), TRUE,
                                         on_listening, NULL, &error);
  g_assert_no_error (error);
  hr_adopt_server_set_leader (fixture->server, getpid ());
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_autofree char *sockets = g_build_filename (fixture->dir, "instances", NULL);

  hr_adopt_server_free (fixture->server);
  g_assert_finalize_object (fixture->listeners);
  g_assert_cmpint (rmdir (sockets), ==, 0);
  g_assert_cmpint (rmdir (fixture->dir), ==, 0);
  g_free (fixture->dir);
}

static int
call (Fixture *fixture)
{
  struct sockaddr_un name = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

  g_strlcpy (name.sun_path, hr_adopt_server_get_value (fixture->server), sizeof name.sun_path);
  if (fd < 0 || connect (fd, (struct sockaddr *)&name, sizeof name) < 0)
    g_error ("while connecting to '%s': %s", name.sun_path, g_strerror (errno));
  return fd;
}

static void
say (int fd, const HrAdoptRequest *request, const int *fds, gsize n_fds)
{
  HrScmRights control;
  struct iovec data = { .iov_base = (gpointer)request, .iov_len = sizeof *request };
  struct msghdr header = { .msg_iov = &data, .msg_iovlen = 1 };

  if (n_fds > 0)
    hr_scm_rights_attach (&header, &control, fds, n_fds);
  if (sendmsg (fd, &header, MSG_NOSIGNAL) != sizeof *request)
    g_error ("while asking: %s", g_strerror (errno));
}

static gboolean
has_come (int fd)
{
  char byte;

  return recv (fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

/* One may come along, and there is room for two. */
static void
test_too_many_descriptors (Fixture *fixture, gconstpointer data)
{
  const HrAdoptRequest request = { .version = HR_ADOPT_VERSION, .question = HR_ADOPT_SHARED };
  g_auto (HrFd) connection = call (fixture);
  g_auto (HrFd) end = -1;
  int fds[2];
  char byte;

  g_assert_true (g_unix_open_pipe (fds, FD_CLOEXEC, NULL));
  end = fds[0];
  say (connection, &request, (const int[]){ fds[1], fds[1] }, 2);
  close (fds[1]);
  ADOPT_WAIT_FOR (has_come (connection));
  g_assert_true (g_unix_set_fd_nonblocking (end, TRUE, NULL));
  /* The end of the pipe: nobody has it open for writing any more. */
  g_assert_cmpint (read (end, &byte, 1), ==, 0);
}

/* What the library does when it was nudged, and then the process ends. */
G_GNUC_NORETURN
static void
take_and_end (Fixture *fixture, const HrAdoptRequest *request, int say_go)
{
  const HrAdoptRequest taken = { .version = HR_ADOPT_VERSION, .question = HR_ADOPT_TAKEN };
  int connection = call (fixture);
  HrAdoptReply reply;
  char byte = 0;

  say (connection, request, NULL, 0);
  if (recv (connection, &reply, sizeof reply, 0) != sizeof reply || !reply.found)
    _exit (1);
  if (write (say_go, &byte, 1) != 1 || read (say_go, &byte, 1) != 1)
    _exit (2);
  say (connection, &taken, NULL, 0);
  _exit (0);
}

/* A process has answered the connection that it was given, and ended, before the daemon looks. */
static void
test_taken_by_one_that_ended (Fixture *fixture, gconstpointer data)
{
  HrRescue *rescue = hr_socket_listeners_get_rescue (HR_SOCKET_LISTENERS (fixture->listeners));
  HrAdoptRequest request = { .version = HR_ADOPT_VERSION, .question = HR_ADOPT_GATE };
  struct sockaddr_storage address = { .ss_family = AF_INET };
  socklen_t length = sizeof (struct sockaddr_in);
  g_auto (HrFd) listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_auto (HrFd) gate = call (fixture);
  g_auto (HrFd) nudge = -1;
  g_auto (HrFd) here = -1;
  int pair[2], status;
  char byte = 0;
  pid_t child;

  ((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  g_assert_cmpint (bind (listener, (struct sockaddr *)&address, length), ==, 0);
  g_assert_cmpint (listen (listener, 1), ==, 0);
  g_assert_cmpint (getsockname (listener, (struct sockaddr *)&address, &length), ==, 0);
  say (gate, &request, NULL, 0);
  ADOPT_WAIT_FOR (has_come (gate));
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
  close (pair[1]);
  hr_rescue_add (rescue, pair[0], &address);
  request.question = HR_ADOPT_RESCUE;
  length = sizeof request.address;
  nudge = accept4 (listener, (struct sockaddr *)&request.address, &length, SOCK_CLOEXEC);
  g_assert_cmpint (nudge, >=, 0);

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
  here = pair[0];
  child = fork ();
  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    take_and_end (fixture, &request, pair[1]);
  close (pair[1]);
  ADOPT_WAIT_FOR (has_come (here));
  g_assert_cmpint (write (here, &byte, 1), ==, 1);
  g_assert_cmpint (TEMP_FAILURE_RETRY (waitpid (child, &status, 0)), ==, child);
  g_assert_cmpint (status, ==, 0);
  g_assert_cmpint (hr_rescue_get_n_held (rescue), ==, 1);
  ADOPT_WAIT_FOR (hr_rescue_get_n_held (rescue) == 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function) g_test_add ("/adopt-server/" path, Fixture, NULL, set_up, function, tear_down)
  ADD ("too-many-descriptors", test_too_many_descriptors);
  ADD ("taken-by-one-that-ended", test_taken_by_one_that_ended);
  return g_test_run ();
}
