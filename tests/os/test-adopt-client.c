/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-adopt-client.c: how long the adopt library waits: for a daemon that does not answer, in accept(), and for room in
 * a socket.
 *
 * The library's own files, linked into this program.
 */
#include <errno.h>
#include <glib.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adopt-client.h"
#include "adopt-last.h"
#include "adopt-wait.h"
#include "hr-fd.h"
#include "hr-names.h"
#include "hr-scm-rights.h"
#include "native-only.h"

/* A multiple of what the library waits, after which the daemon's end lets it go. */
#define GUARD_MSEC (3 * ADOPT_ANSWER_DEADLINE_SEC * 1000)
/* Many times within what it waits. */
#define ALARM_USEC 20000

static int alarms;

static void
on_alarm (int number)
{
  alarms++;
}

/* The daemon's end, which takes the question, if there is one, and says nothing. */
static gpointer
say_nothing (gpointer data)
{
  g_auto (HrFd) fd = accept4 (GPOINTER_TO_INT (data), NULL, NULL, SOCK_CLOEXEC);
  struct pollfd ended = { .fd = fd };

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (TEMP_FAILURE_RETRY (poll (&ended, 1, GUARD_MSEC)), >=, 0);
  return NULL;
}

static int
listen_as_daemon (int backlog)
{
  g_autofree char *name = g_strdup_printf ("@hotreload-adopt-client-%d", (int)getpid ());
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

  memcpy (address.sun_path + 1, name + 1, strlen (name) - 1);
  g_assert_cmpint (
      bind (fd, (struct sockaddr *)&address, (socklen_t)(offsetof (struct sockaddr_un, sun_path) + strlen (name))), ==,
      0);
  g_assert_cmpint (listen (fd, backlog), ==, 0);
  g_setenv (HR_ENV_ADOPT, name, TRUE);
  g_assert_cmpint (adopt_client_init (), ==, ADOPT_ALL);
  return fd;
}

/* Signals that come again and again, as of a program with an interval timer, must not make it wait for longer. */
static void
test_deadline (void)
{
  const struct itimerval often = { .it_interval = { .tv_usec = ALARM_USEC }, .it_value = { .tv_usec = ALARM_USEC } };
  const struct itimerval never = { 0 };
  const struct sigaction action = { .sa_handler = on_alarm };
  g_auto (HrFd) listener = listen_as_daemon (1);
  HrAdoptRequest request = { .question = HR_ADOPT_GATE };
  sigset_t alarm_only;
  gint64 began, took;
  GThread *daemon;
  int found;

  /* The thread is not to be interrupted: it begins with the mask. */
  sigemptyset (&alarm_only);
  sigaddset (&alarm_only, SIGALRM);
  pthread_sigmask (SIG_BLOCK, &alarm_only, NULL);
  daemon = g_thread_new ("daemon", say_nothing, GINT_TO_POINTER (listener));
  pthread_sigmask (SIG_UNBLOCK, &alarm_only, NULL);
  sigaction (SIGALRM, &action, NULL);
  setitimer (ITIMER_REAL, &often, NULL);
  began = g_get_monotonic_time ();
  errno = ENOTTY;
  g_assert_false (adopt_client_call (&request, -1, &found));
  g_assert_cmpint (errno, ==, ENOTTY);
  took = g_get_monotonic_time () - began;
  setitimer (ITIMER_REAL, &never, NULL);
  g_thread_join (daemon);
  g_assert_cmpint (found, ==, -1);
  g_assert_cmpint (alarms, >, 2);
  g_assert_cmpint (took, >=, ADOPT_ANSWER_DEADLINE_SEC * G_USEC_PER_SEC - G_USEC_PER_SEC / 10);
  g_assert_cmpint (took, <, 2 * ADOPT_ANSWER_DEADLINE_SEC * G_USEC_PER_SEC);
}

/* Small, so that it is soon full. */
static void
make_pair (int pair[2])
{
  const int least = 1;

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), ==, 0);
  g_assert_cmpint (setsockopt (pair[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof least), ==, 0);
}

/* What a client reads, from within a signal. */
static struct {
  int fd;
  char data[2 * ADOPT_LAST_HEAD_MAX];
  gsize size;
} client;

static void
read_as_client (int number)
{
  ssize_t length;

  /* The first one has come before it is waited for, perhaps. */
  if (++alarms < 2)
    return;
  length = read (client.fd, client.data + client.size, sizeof client.data - client.size);
  client.size += length > 0 ? (gsize)length : 0;
}

/* There is room for half of the words, and for the rest of them only after the wait was interrupted. */
static void
test_room (void)
{
  static const char words[] = "Connection: close\r\n", rest[] = "\r\n";
  const struct itimerval often = { .it_interval = { .tv_usec = ALARM_USEC }, .it_value = { .tv_usec = ALARM_USEC } };
  const struct itimerval never = { 0 };
  const struct sigaction action = { .sa_handler = read_as_client };
  g_autofree char *blob = g_strnfill (2 * ADOPT_LAST_HEAD_MAX, 'x');
  g_autoptr (GString) answer = g_string_new ("HTTP/1.1 200 OK\r\nX: ");
  g_autofree char *expected = NULL;
  struct iovec part;
  ssize_t room, sent;
  gsize begin;
  int pair[2];
  bool done;

  make_pair (pair);
  room = send (pair[0], blob, strlen (blob), 0);
  close (pair[0]);
  close (pair[1]);
  g_assert_cmpint (room, >, 100);
  g_assert_cmpint (room, <, ADOPT_LAST_HEAD_MAX);

  begin = (gsize)room - strlen (words) / 2;
  g_string_append_len (answer, blob, (gssize)(begin - answer->len - strlen (rest)));
  g_string_append_printf (answer, "\r\n%s%s", rest, blob);
  make_pair (pair);
  client.fd = pair[1];
  part = (struct iovec){ .iov_base = answer->str, .iov_len = answer->len };
  alarms = 0;
  sigaction (SIGALRM, &action, NULL);
  setitimer (ITIMER_REAL, &often, NULL);
  sent = adopt_last_send (pair[0], &part, 1, MSG_NOSIGNAL, &done);
  setitimer (ITIMER_REAL, &never, NULL);
  g_assert_true (done);
  g_assert_cmpint (sent, ==, (ssize_t)begin);
  read_as_client (SIGALRM);
  expected = g_strdup_printf ("%.*s%s", (int)begin, answer->str, words);
  g_assert_cmpmem (client.data, client.size, expected, strlen (expected));
  g_assert_cmpint (send (pair[0], rest, strlen (rest), MSG_NOSIGNAL), ==, (ssize_t)strlen (rest));
  close (pair[0]);
  close (pair[1]);
}

/* poll() counts in milliseconds in an int, SO_RCVTIMEO in seconds in a long. */
static void
test_patience (void)
{
  const struct {
    struct timeval limit;
    int milliseconds;
  } cases[] = {
    { { 0, 0 }, -1 },
    { { 0, 1 }, 1 },
    { { 0, 1000 }, 1 },
    { { 2, 500000 }, 2500 },
    { { INT_MAX / 1000, 0 }, INT_MAX / 1000 * 1000 },
    { { INT_MAX / 1000, 999999 }, INT_MAX },
    { { INT_MAX / 1000 + 1, 0 }, INT_MAX },
    /* 2^32 ms and one more: a moment, where only the lower bits are kept. */
    { { 4294967, 297000 }, INT_MAX },
    { { LONG_MAX / 1000, 0 }, INT_MAX },
    { { LONG_MAX, 999999 }, INT_MAX },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpint (adopt_wait_milliseconds (&cases[i].limit), ==, cases[i].milliseconds);
}

typedef struct {
  int listener;
  gboolean deaf;  /* it ends when it has answered */
  gboolean taken; /* (out): whether it was told that the connection is the program's */
} Offer;

/* The daemon's end, which gives a connection for a nudge. */
static gpointer
offer (gpointer data)
{
  Offer *self = data;
  g_auto (HrFd) fd = accept4 (self->listener, NULL, NULL, SOCK_CLOEXEC);
  g_auto (HrFd) given = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  HrAdoptReply reply = { .version = HR_ADOPT_VERSION, .found = TRUE };
  HrAdoptRequest request = { 0 };
  struct iovec part = { .iov_base = &reply, .iov_len = sizeof reply };
  struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
  HrScmRights control;

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (recv (fd, &request, sizeof request, 0), ==, sizeof request);
  g_assert_cmpint (request.question, ==, HR_ADOPT_RESCUE);
  /* Before it answers: what the program says then has nobody to reach. */
  if (self->deaf)
    shutdown (fd, SHUT_RD);
  hr_scm_rights_attach (&header, &control, &given, 1);
  g_assert_cmpint (sendmsg (fd, &header, MSG_NOSIGNAL), ==, sizeof reply);
  self->taken =
      !self->deaf && recv (fd, &request, sizeof request, 0) == sizeof request && request.question == HR_ADOPT_TAKEN;
  return NULL;
}

static int
fetch (Offer *self)
{
  const struct sockaddr_storage nudge = { .ss_family = AF_INET };
  g_autoptr (GThread) daemon = g_thread_new ("daemon", offer, self);
  int found = adopt_client_fetch (&nudge, sizeof nudge);

  g_thread_join (g_steal_pointer (&daemon));
  return found;
}

static void
test_only_what_is_held_is_taken (void)
{
  g_auto (HrFd) listener = listen_as_daemon (1);
  Offer good = { .listener = listener }, deaf = { .listener = listener, .deaf = TRUE };
  g_auto (HrFd) found = fetch (&good);

  g_assert_cmpint (found, >=, 0);
  g_assert_true (good.taken);
  /* The daemon offers it to another: the program must not have it as well. */
  g_assert_cmpint (fetch (&deaf), ==, -1);
}

/* A process of its own, as the limit is one of all threads: the client's socket takes the last descriptor. It is limited
   from outside, because valgrind only pretends to a process that limits itself. */
static void
test_what_does_not_fit_is_not_taken (void)
{
  g_auto (HrFd) listener = listen_as_daemon (1);
  Offer full = { .listener = listener };
  g_autoptr (GThread) daemon = NULL;
  struct rlimit limit;
  char byte = 0;
  int pair[2], next, status;
  pid_t child;

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
  child = fork ();
  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      const struct sockaddr_storage nudge = { .ss_family = AF_INET };

      if (read (pair[1], &byte, 1) != 1)
        _exit (2);
      _exit (adopt_client_fetch (&nudge, sizeof nudge) == -1 ? 0 : 1);
    }
  /* Both have the same ones open. */
  next = dup (listener);
  close (next);
  limit = (struct rlimit){ .rlim_cur = (rlim_t)next + 1, .rlim_max = (rlim_t)next + 1 };
  g_assert_cmpint (prlimit (child, RLIMIT_NOFILE, &limit, NULL), ==, 0);
  daemon = g_thread_new ("daemon", offer, &full);
  g_assert_cmpint (write (pair[0], &byte, 1), ==, 1);
  g_thread_join (g_steal_pointer (&daemon));
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
  g_assert_false (full.taken);
  close (pair[0]);
  close (pair[1]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/adopt-client/signals-do-not-prolong-the-wait-for-an-answer", test_deadline);
  g_test_add_func ("/adopt-client/signals-do-not-cut-off-the-wait-for-room", test_room);
  g_test_add_func ("/adopt-client/patience-of-a-socket-in-milliseconds", test_patience);
  g_test_add_func ("/adopt-client/only-what-is-held-is-taken", test_only_what_is_held_is_taken);
  g_test_add_func ("/adopt-client/what-does-not-fit-is-not-taken", test_what_does_not_fit_is_not_taken);
  return g_test_run ();
}
