/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-adopt-server.c: what processes say to the daemon that the library would not, or not in that order.
 */
#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adopt-fixture.h"
#include "connection.h"
#include "hanging-mount.h"
#include "hr-adopt-server.h"
#include "hr-fd.h"
#include "hr-scm-rights.h"
#include "native-only.h"

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
  ADOPT_WAIT_FOR (read (end, &byte, 1) == 0);
}

/* They come with nothing, which is no question. */
static void
test_descriptors_alone (Fixture *fixture, gconstpointer data)
{
  g_auto (HrFd) connection = call (fixture);
  g_auto (HrFd) end = -1;
  HrScmRights control;
  struct iovec nothing = { 0 };
  struct msghdr header = { .msg_iov = &nothing, .msg_iovlen = 1 };
  int fds[2];
  char byte;

  g_assert_true (g_unix_open_pipe (fds, FD_CLOEXEC, NULL));
  end = fds[0];
  hr_scm_rights_attach (&header, &control, &fds[1], 1);
  g_assert_cmpint (sendmsg (connection, &header, MSG_NOSIGNAL), ==, 0);
  close (fds[1]);
  g_assert_true (g_unix_set_fd_nonblocking (end, TRUE, NULL));
  ADOPT_WAIT_FOR (read (end, &byte, 1) == 0);
}

/* Closing what came along, asked for or not, and what came and was never received, holds nothing up. */
static void
test_lingering (Fixture *fixture, gconstpointer data)
{
  const HrAdoptRequest request = { .version = HR_ADOPT_VERSION, .question = HR_ADOPT_SHARED };
  g_auto (HrFd) connection = call (fixture);
  int fds[HR_SCM_RIGHTS_MAX + 1], listeners[HR_SCM_RIGHTS_MAX + 1];
  gint64 begin;

  if (native_only (CONNECTION_LINGER_NATIVE))
    return;
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = connection_open_lingering (&listeners[i]);
  say (connection, &request, fds, HR_SCM_RIGHTS_MAX);
  say (connection, &request, fds + HR_SCM_RIGHTS_MAX, 1);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  begin = g_get_monotonic_time ();
  ADOPT_WAIT_FOR (has_come (connection));
  g_assert_cmpint (g_get_monotonic_time () - begin, <, CONNECTION_LINGER_SECONDS * G_USEC_PER_SEC / 3);
  for (guint i = 0; i < G_N_ELEMENTS (listeners); i++)
    close (listeners[i]);
}

static gboolean
on_time (gpointer user_data)
{
  *(gboolean *)user_data = TRUE;
  return G_SOURCE_REMOVE;
}

/* No descriptor is left for a while: the loop rests, and the question is answered later. */
static void
test_no_descriptor_left (Fixture *fixture, gconstpointer data)
{
  const HrAdoptRequest request = { .version = HR_ADOPT_VERSION, .question = HR_ADOPT_BIND };
  g_auto (HrFd) connection = call (fixture);
  struct rlimit limit, none;
  gboolean over = FALSE;
  guint turns = 0;
  int next = dup (STDIN_FILENO);

  say (connection, &request, NULL, 0);
  g_assert_cmpint (next, >=, 0);
  close (next);
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  none = limit;
  none.rlim_cur = (rlim_t)next;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &none), ==, 0);
  g_timeout_add (200, on_time, &over);
  while (!over)
    {
      g_main_context_iteration (NULL, TRUE);
      turns++;
    }
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  g_assert_cmpuint (turns, <, 50);
  g_assert_false (has_come (connection));
  ADOPT_WAIT_FOR (has_come (connection));
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

/* Whether the answer is yes. */
static gboolean
is_given_gate (Fixture *fixture, HrAdoptQuestion question)
{
  const HrAdoptRequest request = { .version = HR_ADOPT_VERSION, .question = question };
  g_auto (HrFd) connection = call (fixture);
  HrAdoptReply reply = { 0 };

  say (connection, &request, NULL, 0);
  ADOPT_WAIT_FOR (has_come (connection));
  g_assert_cmpint (recv (connection, &reply, sizeof reply, 0), ==, sizeof reply);
  return reply.found != 0;
}

/* A process that is given connections promises nothing for the one that accepts them. */
static void
test_join (Fixture *fixture, gconstpointer data)
{
  g_assert_false (is_given_gate (fixture, HR_ADOPT_JOIN));
  g_assert_false (hr_adopt_server_retire (fixture->server));
  g_assert_true (is_given_gate (fixture, HR_ADOPT_GATE));
  g_assert_true (is_given_gate (fixture, HR_ADOPT_JOIN));
  g_assert_true (hr_adopt_server_retire (fixture->server));
}

typedef struct {
  Fixture *fixture;
  char *path;  /* where its view hangs */
  int to_test; /* a byte when it has asked, another when it was answered */
} Stuck;

/* Listens where its file cannot be looked up, and asks something else after that. Ends with 0 when it is answered in
   that order. */
static void
listen_and_ask (gpointer data)
{
  const Stuck *self = data;
  HrAdoptRequest gate = { .version = HR_ADOPT_VERSION, .question = HR_ADOPT_GATE };
  HrAdoptRequest request = { .version = HR_ADOPT_VERSION, .question = HR_ADOPT_DISCOVERED, .device = 1, .inode = 1 };
  struct sockaddr_un name = { .sun_family = AF_UNIX };
  int listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct pollfd answers[2];
  HrAdoptReply reply = { 0 };
  char byte = 0;

  if (bind (listener, (struct sockaddr *)&name, sizeof name.sun_family) < 0)
    _exit (1);
  g_strlcpy (name.sun_path, self->path, sizeof name.sun_path);
  memcpy (&request.address, &name, sizeof name);
  request.length = sizeof name;
  for (int i = 0; i < 2; i++)
    {
      answers[i] = (struct pollfd){ .fd = call (self->fixture), .events = POLLIN };
      say (answers[i].fd, i == 0 ? &request : &gate, &listener, i == 0 ? 1 : 0);
    }
  if (write (self->to_test, &byte, 1) != 1 || poll (answers, 2, -1) < 1 || answers[0].revents == 0
      || recv (answers[0].fd, &reply, sizeof reply, 0) != sizeof reply || reply.found
      || write (self->to_test, &byte, 1) != 1)
    _exit (2);
  if (recv (answers[1].fd, &reply, sizeof reply, 0) != sizeof reply || !reply.found)
    _exit (3);
}

static gboolean
has_ended (pid_t pid, int *status)
{
  return waitpid (pid, status, WNOHANG) == pid;
}

/* What a process sees there, nobody else waits for: neither the daemon nor the other processes of its instance. */
static void
test_stuck (Fixture *fixture, gconstpointer data)
{
  const HrAdoptRequest gate = { .version = HR_ADOPT_VERSION, .question = HR_ADOPT_GATE };
  g_autofree char *dir = g_build_filename (fixture->dir, "mnt", NULL);
  g_autofree char *path = g_build_filename (dir, "sub", "it.sock", NULL);
  g_auto (HrFd) own = -1;
  g_auto (HrFd) from_child = -1;
  int ends[2], status;
  Stuck stuck = { fixture, path, -1 };
  pid_t child;
  char byte;

  if (native_only ("valgrind has no openat2(), by which a path is looked up without what hangs"))
    return;
  g_assert_cmpint (mkdir (dir, 0700), ==, 0);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
  from_child = ends[0];
  stuck.to_test = ends[1];
  child = hanging_mount_new (dir, listen_and_ask, &stuck);
  close (ends[1]);
  if (child > 0)
    {
      g_assert_cmpint (recv (from_child, &byte, 1, 0), ==, 1);
      own = call (fixture);
      say (own, &gate, NULL, 0);
      ADOPT_WAIT_FOR (has_come (own));
      g_assert_false (has_come (from_child));
      ADOPT_WAIT_FOR (has_ended (child, &status));
      g_assert_cmpint (status, ==, 0);
      g_assert_cmpuint (hr_listeners_list (fixture->listeners)->len, ==, 0);
    }
  g_assert_cmpint (rmdir (dir), ==, 0);
}

/* Its process ends while its file is looked up, and so does the instance. */
static void
test_stuck_and_gone (Fixture *fixture, gconstpointer data)
{
  g_autofree char *dir = g_build_filename (fixture->dir, "mnt", NULL);
  g_autofree char *path = g_build_filename (dir, "sub", "it.sock", NULL);
  g_auto (HrFd) from_child = -1;
  int ends[2];
  Stuck stuck = { fixture, path, -1 };
  pid_t child;
  char byte;

  g_assert_cmpint (mkdir (dir, 0700), ==, 0);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
  from_child = ends[0];
  stuck.to_test = ends[1];
  child = hanging_mount_new (dir, listen_and_ask, &stuck);
  close (ends[1]);
  if (child > 0)
    {
      const HrAdoptRequest gate = { .version = HR_ADOPT_VERSION, .question = HR_ADOPT_GATE };
      g_auto (HrFd) own = call (fixture);

      g_assert_cmpint (recv (from_child, &byte, 1, 0), ==, 1);
      say (own, &gate, NULL, 0);
      ADOPT_WAIT_FOR (has_come (own));
      hanging_mount_free (child);
    }
  g_assert_cmpint (rmdir (dir), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function) g_test_add ("/adopt-server/" path, Fixture, NULL, set_up, function, tear_down)
  /* Before descriptors are being closed that others have left. */
  ADD ("no-descriptor-left", test_no_descriptor_left);
  ADD ("too-many-descriptors", test_too_many_descriptors);
  ADD ("descriptors-with-nothing", test_descriptors_alone);
  ADD ("descriptors-that-linger-hold-nothing-up", test_lingering);
  ADD ("who-is-given-connections-has-the-gate-of-who-accepts", test_join);
  ADD ("taken-by-one-that-ended", test_taken_by_one_that_ended);
  ADD ("file-that-cannot-be-looked-up-holds-up-its-process-alone", test_stuck);
  ADD ("ends-while-its-file-is-looked-up", test_stuck_and_gone);
  return g_test_run ();
}
