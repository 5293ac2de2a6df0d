/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-adopt-client.c: how long the adopt library waits: for a daemon that does not answer, and in accept().
 *
 * The library's own files, linked into this program.
 */
#include <errno.h>
#include <glib.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "adopt-client.h"
#include "adopt-wait.h"
#include "hr-fd.h"
#include "hr-names.h"

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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/adopt-client/signals-do-not-prolong-the-wait-for-an-answer", test_deadline);
  g_test_add_func ("/adopt-client/patience-of-a-socket-in-milliseconds", test_patience);
  return g_test_run ();
}
