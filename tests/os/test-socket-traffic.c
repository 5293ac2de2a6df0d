/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hr-command.h"
#include "hr-error.h"
#include "hr-fd.h"
#include "hr-socket-bind.h"
#include "hr-socket-group.h"
#include "hr-socket-listeners.h"

/* Those who wait for an event give up after this. */
#define DEADLINE_USEC (60 * G_USEC_PER_SEC)
/* Sigmas. */
#define TOLERANCE 5

typedef enum { SIDE_MAIN, SIDE_OWN, SIDE_NONE } Side;

typedef struct {
  HrListeners *listeners;
  HrServiceSpec spec; /* only what open() reads */
  HrListener *listener;
  GRand *random;
} Fixture;

static void
listen_spec_free (gpointer data)
{
  HrListenSpec *spec = data;

  g_free (spec->name);
  g_free (spec->host);
  g_free (spec);
}

static void
add_spec (Fixture *fixture, const char *name, const char *host)
{
  HrListenSpec *spec = g_new0 (HrListenSpec, 1);

  spec->name = g_strdup (name);
  spec->kind = HR_LISTEN_TCP;
  spec->host = g_strdup (host);
  g_ptr_array_add (fixture->spec.listen, spec);
}

static void
open_on (Fixture *fixture, const char *host)
{
  g_autoptr (GError) error = NULL;

  g_ptr_array_set_size (fixture->spec.listen, 0);
  add_spec (fixture, "http", host);
  hr_listeners_close (fixture->listeners);
  g_assert_true (hr_listeners_open (fixture->listeners, &fixture->spec, &error));
  g_assert_no_error (error);
  fixture->listener = g_ptr_array_index (hr_listeners_list (fixture->listeners), 0);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  guint32 seed = g_random_int ();

  g_test_message ("seed %u", seed);
  fixture->random = g_rand_new_with_seed (seed);
  fixture->listeners = hr_socket_listeners_new ();
  fixture->spec.name = (char *)"svc";
  fixture->spec.listen = g_ptr_array_new_with_free_func (listen_spec_free);
  open_on (fixture, "127.0.0.1");
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_assert_finalize_object (fixture->listeners);
  g_ptr_array_unref (fixture->spec.listen);
  g_rand_free (fixture->random);
}

static int
fd_of (Fixture *fixture, const char *instance)
{
  return hr_listeners_get_fd (fixture->listeners, fixture->listener, instance);
}

static void
enter (Fixture *fixture, const char *instance)
{
  hr_socket_listeners_enter (HR_SOCKET_LISTENERS (fixture->listeners), instance);
}

static void
leave (Fixture *fixture, const char *instance)
{
  hr_socket_listeners_leave (HR_SOCKET_LISTENERS (fixture->listeners), instance);
}

static void
separate (Fixture *fixture, const char *instance)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (hr_listeners_separate (fixture->listeners, instance, &error));
  g_assert_no_error (error);
  enter (fixture, instance);
}

static void
share (Fixture *fixture, const char *instance, guint permyriad, gboolean sticky)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (hr_listeners_set_share (fixture->listeners, instance, permyriad, sticky, &error));
  g_assert_no_error (error);
}

/* Takes a connection out of the queue; returns whether there was one. */
static gboolean
take (int listener)
{
  g_auto (HrFd) accepted = -1;

  g_assert_true (g_unix_set_fd_nonblocking (listener, TRUE, NULL));
  accepted = accept4 (listener, NULL, NULL, SOCK_CLOEXEC);
  return accepted >= 0;
}

/* Connects to the listener's port; the connection is reset when it is closed, and its port is free at once. */
static int
connect_from (Fixture *fixture, const struct sockaddr *from, socklen_t length, const char *to)
{
  const struct linger at_once = { .l_onoff = 1 };
  const int on = 1;
  struct sockaddr_in four = { 0 };
  struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons (fixture->listener->port) };
  g_auto (HrFd) fd = socket (from->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int result;

  g_assert_cmpint (fd, >=, 0);
  setsockopt (fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  /* An address that is routed here need not be an interface's. */
  if (from->sa_family == AF_INET6)
    setsockopt (fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof on);
  g_assert_cmpint (bind (fd, from, length), ==, 0);
  if (from->sa_family == AF_INET)
    {
      four.sin_family = AF_INET;
      four.sin_port = htons (fixture->listener->port);
      g_assert_cmpint (inet_pton (AF_INET, to, &four.sin_addr), ==, 1);
      result = connect (fd, (struct sockaddr *)&four, sizeof four);
    }
  else
    {
      g_assert_cmpint (inet_pton (AF_INET6, to, &six.sin6_addr), ==, 1);
      result = connect (fd, (struct sockaddr *)&six, sizeof six);
    }
  g_assert_cmpint (result, ==, 0);
  return hr_fd_steal (&fd);
}

static int
connect_4 (Fixture *fixture, guint32 host)
{
  struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr = { htonl (host) } };

  return connect_from (fixture, (struct sockaddr *)&from, sizeof from, "127.0.0.1");
}

/* Where the connection is; in which queue it is, is known when connect() returns. */
static Side
find_side (Fixture *fixture, const char *instance)
{
  if (take (fd_of (fixture, instance)))
    return SIDE_OWN;
  return take (fd_of (fixture, NULL)) ? SIDE_MAIN : SIDE_NONE;
}

static Side
side_of_4 (Fixture *fixture, guint32 host, const char *instance)
{
  g_auto (HrFd) client = connect_4 (fixture, host);

  return find_side (fixture, instance);
}

/* One of the many of this machine, and not of those from which the daemon connects. */
static guint32
random_host (Fixture *fixture)
{
  return 0x7f000000 + (guint32)g_rand_int_range (fixture->random, 2, 0x00400000);
}

static void
assert_share (guint own, guint all, guint permyriad)
{
  double p = permyriad / 10000.0, distance = own - all * p;

  g_test_message ("%u of %u at a share of %.2f %%", own, all, permyriad / 100.0);
  g_assert_cmpfloat (distance * distance, <=, TOLERANCE * TOLERANCE * all * p * (1 - p));
}

static void
test_share (Fixture *fixture, gconstpointer data)
{
  static const guint shares[] = { 0, 100, 1000, 5000, 10000 };

  enter (fixture, "old");
  separate (fixture, "new");
  for (guint i = 0; i < G_N_ELEMENTS (shares); i++)
    {
      guint n = shares[i] % 10000 == 0 ? 1000 : 10000, own = 0;

      share (fixture, "new", shares[i], FALSE);
      for (guint k = 0; k < n; k++)
        {
          Side side = side_of_4 (fixture, random_host (fixture), "new");

          g_assert_cmpint (side, !=, SIDE_NONE);
          own += side == SIDE_OWN;
        }
      assert_share (own, n, shares[i]);
    }
}

/* The side of each of many clients, asked three times, while the share grows and goes back. */
static void
check_sticky (Fixture *fixture, Side (*ask) (Fixture *fixture, guint client))
{
  static const guint shares[] = { 100, 1000, 5000, 1000 };
  enum { N_CLIENTS = 1000 };
  Side sides[G_N_ELEMENTS (shares)][N_CLIENTS];

  for (guint i = 0; i < G_N_ELEMENTS (shares); i++)
    {
      guint own = 0;

      share (fixture, "new", shares[i], TRUE);
      for (guint client = 0; client < N_CLIENTS; client++)
        {
          sides[i][client] = ask (fixture, client);
          own += sides[i][client] == SIDE_OWN;
          /* A client that is in stays in while the share grows. */
          if (i > 0 && shares[i] > shares[i - 1] && sides[i - 1][client] == SIDE_OWN)
            g_assert_cmpint (sides[i][client], ==, SIDE_OWN);
        }
      for (guint again = 0; again < 2; again++)
        for (guint client = 0; client < N_CLIENTS; client++)
          g_assert_cmpint (ask (fixture, client), ==, sides[i][client]);
      assert_share (own, N_CLIENTS, shares[i]);
    }
  for (guint client = 0; client < N_CLIENTS; client++)
    g_assert_cmpint (sides[1][client], ==, sides[3][client]);
}

static Side
ask_4 (Fixture *fixture, guint client)
{
  return side_of_4 (fixture, 0x7f000002 + client * 17, "new");
}

static void
test_sticky (Fixture *fixture, gconstpointer data)
{
  enter (fixture, "old");
  separate (fixture, "new");
  check_sticky (fixture, ask_4);
}

/* Neighbours: clients of one network differ in their last bits only. */
static Side
ask_6 (Fixture *fixture, guint client)
{
  struct sockaddr_in6 from = { .sin6_family = AF_INET6 };
  g_auto (HrFd) fd = -1;
  g_autofree char *text = g_strdup_printf ("fd11::%x:%x", client % 7, client);

  g_assert_cmpint (inet_pton (AF_INET6, text, &from.sin6_addr), ==, 1);
  fd = connect_from (fixture, (struct sockaddr *)&from, sizeof from, "::1");
  return find_side (fixture, "new");
}

/* A network of our own with as many addresses as we like. */
static gboolean
enter_own_network (void)
{
  return unshare (CLONE_NEWNET | (geteuid () != 0 ? CLONE_NEWUSER : 0)) == 0
         && system ("ip link set lo up && ip -6 route add local fd11::/32 dev lo") == 0;
}

static gboolean
can_have_own_network (void)
{
  pid_t pid = fork ();
  int status = -1;

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    _exit (enter_own_network () ? 0 : 1);
  g_assert_cmpint (TEMP_FAILURE_RETRY (waitpid (pid, &status, 0)), ==, pid);
  return status == 0;
}

static void
test_sticky_6 (Fixture *fixture, gconstpointer data)
{
  if (g_test_subprocess ())
    {
      g_assert_true (enter_own_network ());
      open_on (fixture, data);
      enter (fixture, "old");
      separate (fixture, "new");
      check_sticky (fixture, ask_6);
      return;
    }
  if (!can_have_own_network ())
    {
      g_test_skip ("not run here: there can be no network of its own, or no 'ip'");
      return;
    }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

static guint32
source_of (Fixture *fixture, const char *instance)
{
  g_autoptr (GInetAddress) source = hr_listeners_probe_source (fixture->listeners, instance);
  guint32 host;

  g_assert_nonnull (source);
  g_assert_cmpint (g_inet_address_get_family (source), ==, G_SOCKET_FAMILY_IPV4);
  memcpy (&host, g_inet_address_to_bytes (source), sizeof host);
  return ntohl (host);
}

static void
assert_split (Fixture *fixture, const char *instance)
{
  share (fixture, instance, 0, FALSE);
  for (guint i = 0; i < 20; i++)
    {
      g_assert_cmpint (side_of_4 (fixture, source_of (fixture, instance), instance), ==, SIDE_OWN);
      g_assert_cmpint (side_of_4 (fixture, random_host (fixture), instance), ==, SIDE_MAIN);
    }
  share (fixture, instance, 10000, FALSE);
  for (guint i = 0; i < 20; i++)
    g_assert_cmpint (side_of_4 (fixture, random_host (fixture), instance), ==, SIDE_OWN);
}

/* More than there can be members: from the eighth on the oldest leave, and the last ones move into their places. */
static void
test_index_after_close (Fixture *fixture, gconstpointer data)
{
  enter (fixture, "old");
  for (guint i = 0; i < 3 * HR_SOCKET_GROUP_MAX; i++)
    {
      g_autofree char *instance = g_strdup_printf ("candidate-%u", i);

      separate (fixture, instance);
      assert_split (fixture, instance);
      if (i % 3 == 2)
        {
          hr_listeners_promote (fixture->listeners, instance);
          g_assert_cmpint (fd_of (fixture, instance), ==, fixture->listener->fd);
        }
      else
        {
          hr_listeners_rejoin (fixture->listeners, instance);
          leave (fixture, instance);
        }
      g_assert_false (hr_listeners_is_separate (fixture->listeners, instance));
      for (guint k = 0; k < 20; k++)
        g_assert_cmpint (side_of_4 (fixture, random_host (fixture), NULL), ==, SIDE_OWN);
      if (i % 3 == 2)
        {
          g_autofree char *before = i == 2 ? g_strdup ("old") : g_strdup_printf ("candidate-%u", i - 3);

          leave (fixture, before);
        }
    }
}

static void
test_limit (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  for (guint i = 1; i < HR_SOCKET_GROUP_MAX; i++)
    {
      g_autofree char *instance = g_strdup_printf ("candidate-%u", i);

      separate (fixture, instance);
      hr_listeners_rejoin (fixture->listeners, instance);
    }
  g_assert_false (hr_listeners_separate (fixture->listeners, "one-more", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED);
  g_assert_false (hr_listeners_is_separate (fixture->listeners, "one-more"));
  g_assert_cmpint (fd_of (fixture, "one-more"), ==, fixture->listener->fd);
  g_assert_cmpint (side_of_4 (fixture, random_host (fixture), NULL), ==, SIDE_OWN);
}

static void
assert_stray_refused (Fixture *fixture)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (fixture->listener->port) };
  g_auto (HrFd) fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  g_assert_cmpint (bind (fd, (struct sockaddr *)&address, sizeof address), ==, -1);
  g_assert_cmpint (errno, ==, EADDRINUSE);
}

static gboolean
tick (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static void
test_promote (Fixture *fixture, gconstpointer data)
{
  int former = fixture->listener->fd;
  gint64 give_up = g_get_monotonic_time () + DEADLINE_USEC;
  guint source = g_timeout_add (20, tick, NULL);
  g_auto (HrFd) waiting = -1;
  g_auto (HrFd) kept = -1;

  g_assert_cmpint (hr_socket_get_option (former, SOL_SOCKET, SO_REUSEPORT), ==, 0);
  assert_stray_refused (fixture);
  enter (fixture, "old");
  g_assert_cmpint (hr_listeners_count_waiting (fixture->listeners, "old"), ==, -1);
  waiting = connect_4 (fixture, 0x7f000002);
  separate (fixture, "new");
  assert_stray_refused (fixture);
  hr_listeners_promote (fixture->listeners, "new");
  g_assert_cmpint (fixture->listener->fd, !=, former);
  g_assert_cmpint (fd_of (fixture, "next"), ==, fixture->listener->fd);
  g_assert_cmpint (fd_of (fixture, "old"), ==, former);
  g_assert_cmpint (hr_listeners_count_waiting (fixture->listeners, "old"), ==, 1);
  g_assert_cmpint (hr_listeners_count_waiting (fixture->listeners, "new"), ==, -1);
  g_assert_cmpint (side_of_4 (fixture, random_host (fixture), "new"), ==, SIDE_OWN);
  g_assert_true (take (former));
  /* Nobody accepts from it and nothing waits in it: it goes. */
  kept = dup (former);
  leave (fixture, "old");
  while (hr_socket_get_option (kept, SOL_SOCKET, SO_ACCEPTCONN) > 0 && g_get_monotonic_time () < give_up)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (source);
  g_assert_cmpint (hr_socket_get_option (kept, SOL_SOCKET, SO_ACCEPTCONN), ==, 0);
  g_assert_cmpint (fd_of (fixture, "old"), ==, fixture->listener->fd);
  assert_stray_refused (fixture);
  g_assert_cmpint (side_of_4 (fixture, random_host (fixture), "new"), ==, SIDE_OWN);
  separate (fixture, "newer");
  assert_split (fixture, "newer");
}

static void
test_rejoin (Fixture *fixture, gconstpointer data)
{
  int main_fd = fixture->listener->fd;

  enter (fixture, "old");
  separate (fixture, "new");
  share (fixture, "new", 10000, FALSE);
  hr_listeners_rejoin (fixture->listeners, "new");
  g_assert_cmpint (fixture->listener->fd, ==, main_fd);
  g_assert_cmpint (fd_of (fixture, "new"), !=, main_fd);
  g_assert_cmpint (side_of_4 (fixture, random_host (fixture), "new"), ==, SIDE_MAIN);
  g_assert_null (hr_listeners_probe_source (fixture->listeners, "new"));
  /* Of an instance that is not separate there is nothing to change. */
  hr_listeners_promote (fixture->listeners, "new");
  hr_listeners_rejoin (fixture->listeners, "old");
  g_assert_cmpint (fixture->listener->fd, ==, main_fd);
  g_assert_false (hr_listeners_set_share (fixture->listeners, "new", 1, FALSE, NULL));
}

/* Nobody can tell the two apart: the instance that was to have it begins with what all have. */
static void
test_rejoin_before_start (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  enter (fixture, "old");
  g_assert_true (hr_listeners_separate (fixture->listeners, "new", &error));
  g_assert_no_error (error);
  g_assert_cmpint (fd_of (fixture, "new"), !=, fixture->listener->fd);
  hr_listeners_rejoin (fixture->listeners, "new");
  g_assert_cmpint (fd_of (fixture, "new"), ==, fixture->listener->fd);
  enter (fixture, "new");
  leave (fixture, "old");
  g_assert_cmpint (fd_of (fixture, "new"), ==, fixture->listener->fd);
  g_assert_cmpint (hr_listeners_count_waiting (fixture->listeners, "new"), ==, -1);
}

static void
join (Fixture *fixture, const char *instance, const char *with)
{
  hr_listeners_join (fixture->listeners, instance, with);
}

/* What the adopt library is given at bind(). */
static int
bound (Fixture *fixture, const char *instance)
{
  HrSocketAddress address;

  g_assert_true (hr_socket_address_of (fixture->listener->fd, &address));
  return hr_socket_listeners_take (HR_SOCKET_LISTENERS (fixture->listeners), &address, HR_LISTENER_MATCH_MADE_FOR,
                                   instance);
}

static void
separate_two (Fixture *fixture)
{
  enter (fixture, "old");
  separate (fixture, "lead");
  join (fixture, "follower", "lead");
  join (fixture, "old-follower", "old");
  /* Before it is started: this is what it is started with. */
  g_assert_cmpint (fd_of (fixture, "follower"), ==, fd_of (fixture, "lead"));
  enter (fixture, "follower");
  enter (fixture, "old-follower");
}

static void
test_join (Fixture *fixture, gconstpointer data)
{
  separate_two (fixture);
  g_assert_cmpint (fd_of (fixture, "follower"), ==, fd_of (fixture, "lead"));
  g_assert_cmpint (bound (fixture, "follower"), ==, fd_of (fixture, "lead"));
  g_assert_cmpint (fd_of (fixture, "old-follower"), ==, fixture->listener->fd);
  g_assert_cmpint (bound (fixture, "old-follower"), ==, fixture->listener->fd);
  g_assert_cmpuint (source_of (fixture, "follower"), ==, source_of (fixture, "lead"));
  g_assert_cmpuint (source_of (fixture, "old-follower"), ==, source_of (fixture, "old"));
  g_assert_cmpuint (source_of (fixture, "follower"), !=, source_of (fixture, "old"));
  assert_split (fixture, "lead");
  /* What one leaves, the other takes: none of them is waited for. */
  g_assert_cmpint (hr_listeners_count_waiting (fixture->listeners, "lead"), ==, -1);
  g_assert_cmpint (hr_listeners_count_waiting (fixture->listeners, "follower"), ==, -1);
  leave (fixture, "lead");
  g_assert_cmpint (hr_listeners_count_waiting (fixture->listeners, "follower"), ==, 0);
  g_assert_cmpuint (source_of (fixture, "follower"), !=, source_of (fixture, "old"));
  g_assert_true (hr_listeners_is_separate (fixture->listeners, "lead"));
  g_assert_cmpint (side_of_4 (fixture, source_of (fixture, "follower"), "follower"), ==, SIDE_OWN);
  share (fixture, "lead", 10000, FALSE);
  g_assert_cmpint (side_of_4 (fixture, random_host (fixture), "follower"), ==, SIDE_OWN);
  hr_listeners_promote (fixture->listeners, "lead");
  g_assert_cmpint (fd_of (fixture, "follower"), ==, fixture->listener->fd);
  g_assert_cmpint (fd_of (fixture, "old-follower"), ==, fd_of (fixture, "old"));
  g_assert_cmpint (fd_of (fixture, "old"), !=, fixture->listener->fd);
  /* Who joins now, joins the service. */
  join (fixture, "next", "lead");
  g_assert_cmpint (fd_of (fixture, "next"), ==, fixture->listener->fd);
}

static void
test_join_and_rejoin (Fixture *fixture, gconstpointer data)
{
  int own;

  separate_two (fixture);
  own = fd_of (fixture, "follower");
  share (fixture, "lead", 5000, FALSE);
  hr_listeners_rejoin (fixture->listeners, "lead");
  g_assert_cmpint (fd_of (fixture, "follower"), ==, own);
  g_assert_cmpint (own, !=, fixture->listener->fd);
  for (guint i = 0; i < 20; i++)
    g_assert_cmpint (side_of_4 (fixture, random_host (fixture), "follower"), ==, SIDE_MAIN);
}

/* What is no socket any more stands for whatever the kernel may refuse. */
static int
break_socket (int fd)
{
  int kept = dup (fd);
  g_auto (HrFd) null = open ("/dev/null", O_RDONLY | O_CLOEXEC);

  g_assert_cmpint (kept, >=, 0);
  g_assert_cmpint (dup3 (null, fd, O_CLOEXEC), ==, fd);
  return kept;
}

static void
mend_socket (int fd, int kept)
{
  g_assert_cmpint (dup3 (kept, fd, O_CLOEXEC), ==, fd);
  close (kept);
}

/* All listeners or none. */
static void
test_second_fails (Fixture *fixture, gconstpointer data)
{
  HrListener *second;
  int second_fd, kept;

  add_spec (fixture, "admin", "127.0.0.1");
  g_assert_true (hr_listeners_open (fixture->listeners, &fixture->spec, NULL));
  second = g_ptr_array_index (hr_listeners_list (fixture->listeners), 1);
  second_fd = second->fd;
  enter (fixture, "old");
  kept = break_socket (second_fd);
  g_assert_false (hr_listeners_separate (fixture->listeners, "new", NULL));
  mend_socket (second_fd, kept);
  g_assert_cmpint (fd_of (fixture, "new"), ==, fixture->listener->fd);
  separate (fixture, "newer");
  kept = break_socket (second_fd);
  g_assert_false (hr_listeners_set_share (fixture->listeners, "newer", 10000, FALSE, NULL));
  mend_socket (second_fd, kept);
  for (guint i = 0; i < 20; i++)
    g_assert_cmpint (side_of_4 (fixture, random_host (fixture), "newer"), ==, SIDE_MAIN);
  assert_split (fixture, "newer");
}

static void
test_one_at_a_time (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  separate (fixture, "new");
  g_assert_false (hr_listeners_separate (fixture->listeners, "newer", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_BUSY);
  g_clear_error (&error);
  hr_listeners_close (fixture->listeners);
  g_assert_false (hr_listeners_is_separate (fixture->listeners, "new"));
  g_assert_false (hr_listeners_separate (fixture->listeners, "newer", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED);
}

/* An instance shuts its socket down: it leaves the group, and comes back as the last. */
static void
test_revive (Fixture *fixture, gconstpointer data)
{
  enter (fixture, "old");
  separate (fixture, "new");
  g_assert_cmpint (shutdown (fixture->listener->fd, SHUT_RDWR), ==, 0);
  hr_listeners_revive (fixture->listeners);
  assert_split (fixture, "new");
  g_assert_cmpint (shutdown (fd_of (fixture, "new"), SHUT_RDWR), ==, 0);
  hr_listeners_revive (fixture->listeners);
  assert_split (fixture, "new");
}

/* Several at a time, of which one is found before and one behind another that goes on listening. */
static void
test_revive_several (Fixture *fixture, gconstpointer data)
{
  enter (fixture, "old");
  separate (fixture, "other");
  hr_listeners_promote (fixture->listeners, "other");
  separate (fixture, "new");
  g_assert_cmpint (shutdown (fd_of (fixture, "old"), SHUT_RDWR), ==, 0);
  g_assert_cmpint (shutdown (fd_of (fixture, "other"), SHUT_RDWR), ==, 0);
  hr_listeners_revive (fixture->listeners);
  assert_split (fixture, "new");
}

/* The new instance, or the old one, listens on something else meanwhile. */
static void
test_discovered_since (Fixture *fixture, gconstpointer data)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  g_auto (HrFd) other = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_autoptr (GError) error = NULL;

  enter (fixture, "old");
  separate (fixture, "new");
  g_assert_cmpint (bind (other, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint (listen (other, 1), ==, 0);
  hr_socket_listeners_discover (HR_SOCKET_LISTENERS (fixture->listeners), hr_fd_steal (&other), NULL, NULL, FALSE,
                                "new", &error);
  g_assert_no_error (error);
  assert_split (fixture, "new");
  hr_listeners_promote (fixture->listeners, "new");
}

static void
test_dual_stack (Fixture *fixture, gconstpointer data)
{
  struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  g_auto (HrFd) client = -1;

  open_on (fixture, "*");
  enter (fixture, "old");
  separate (fixture, "new");
  assert_split (fixture, "new");
  client = connect_from (fixture, (struct sockaddr *)&six, sizeof six, "::1");
  g_assert_cmpint (find_side (fixture, "new"), ==, SIDE_OWN);
}

static void
test_ipv6_only (Fixture *fixture, gconstpointer data)
{
  struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  g_auto (HrFd) before = -1;
  g_auto (HrFd) after = -1;

  open_on (fixture, "::1");
  enter (fixture, "old");
  separate (fixture, "new");
  g_assert_null (hr_listeners_probe_source (fixture->listeners, "new"));
  before = connect_from (fixture, (struct sockaddr *)&six, sizeof six, "::1");
  g_assert_cmpint (find_side (fixture, "new"), ==, SIDE_MAIN);
  share (fixture, "new", 10000, TRUE);
  after = connect_from (fixture, (struct sockaddr *)&six, sizeof six, "::1");
  g_assert_cmpint (find_side (fixture, "new"), ==, SIDE_OWN);
}

/* A program with a user of its own has made the first socket. */
static void
test_other_user (Fixture *fixture, gconstpointer data)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl (INADDR_LOOPBACK) } };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_autoptr (GError) error = NULL;

  if (geteuid () != 0)
    {
      close (fd);
      g_test_skip ("not run here: only root has programs that run as others");
      return;
    }
  g_assert_cmpint (fchown (fd, 65534, (gid_t)-1), ==, 0);
  g_assert_cmpint (bind (fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint (listen (fd, 1), ==, 0);
  hr_listeners_close (fixture->listeners);
  g_assert_true (
      hr_socket_listeners_discover (HR_SOCKET_LISTENERS (fixture->listeners), fd, NULL, NULL, TRUE, "old", &error));
  g_assert_no_error (error);
  fixture->listener = g_ptr_array_index (hr_listeners_list (fixture->listeners), 0);
  separate (fixture, "new");
  assert_split (fixture, "new");
}

/* What a probe's command connects comes to the instance that is to be probed, by whatever name of this machine. */
static void
probe_by_command (Fixture *fixture, const char *host, const char *bound_to, Side expected)
{
  g_autoptr (GInetAddress) address = hr_listeners_probe_source (fixture->listeners, "new");
  g_autofree char *source = g_inet_address_to_string (address);
  g_autofree char *port = g_strdup_printf ("%u", fixture->listener->port);
  g_autofree char *script = g_strdup_printf ("import socket; socket.create_connection(('%s', %s), 10%s%s%s)", host,
                                             port, bound_to != NULL ? ", ('" : "", bound_to != NULL ? bound_to : "",
                                             bound_to != NULL ? "', 0)" : "");
  g_autofree char *source_line = g_strdup_printf ("HOTRELOAD_PROBE_SOURCE=%s", source);
  g_autofree char *ports_line = g_strdup_printf ("HOTRELOAD_PROBE_PORTS=1 %s", port);
  const char *argv[] = { "/usr/bin/python3", "-c", script, NULL };
  const char *environment[] = { "PATH=/usr/bin:/bin", source_line, ports_line, NULL };
  const HrCommand command = { .argv = argv,
                              .environment = environment,
                              .directory = "/",
                              .output_head = 4096,
                              .deadline = g_get_monotonic_time () + DEADLINE_USEC };
  g_auto (HrCommandResult) result = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_true (hr_command_run (&command, NULL, &result, &error));
  g_assert_no_error (error);
  g_assert_cmpint (result.wait_status, ==, 0);
  g_assert_cmpint (find_side (fixture, "new"), ==, expected);
}

static void
test_probe_command (Fixture *fixture, gconstpointer data)
{
  open_on (fixture, "*");
  enter (fixture, "old");
  separate (fixture, "new");
  probe_by_command (fixture, "127.0.0.1", NULL, SIDE_OWN);
  probe_by_command (fixture, "::1", NULL, SIDE_OWN);
  probe_by_command (fixture, "::ffff:127.0.0.1", NULL, SIDE_OWN);
  probe_by_command (fixture, "localhost", NULL, SIDE_OWN);
  /* It was said from where. */
  probe_by_command (fixture, "127.0.0.1", "127.0.0.1", SIDE_MAIN);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, data, function) g_test_add (path, Fixture, data, set_up, function, tear_down)
  ADD ("/socket-traffic/share", NULL, test_share);
  ADD ("/socket-traffic/sticky", NULL, test_sticky);
  ADD ("/socket-traffic/sticky-ipv6", "::1", test_sticky_6);
  ADD ("/socket-traffic/sticky-dual-stack", "*", test_sticky_6);
  ADD ("/socket-traffic/index-after-close", NULL, test_index_after_close);
  ADD ("/socket-traffic/limit", NULL, test_limit);
  ADD ("/socket-traffic/promote", NULL, test_promote);
  ADD ("/socket-traffic/rejoin", NULL, test_rejoin);
  ADD ("/socket-traffic/rejoin-before-start", NULL, test_rejoin_before_start);
  ADD ("/socket-traffic/promise-2/others-join", NULL, test_join);
  ADD ("/socket-traffic/others-join-and-rejoin", NULL, test_join_and_rejoin);
  ADD ("/socket-traffic/all-listeners-or-none", NULL, test_second_fails);
  ADD ("/socket-traffic/one-at-a-time", NULL, test_one_at_a_time);
  ADD ("/socket-traffic/revive", NULL, test_revive);
  ADD ("/socket-traffic/revive-several", NULL, test_revive_several);
  ADD ("/socket-traffic/discovered-since", NULL, test_discovered_since);
  ADD ("/socket-traffic/dual-stack", NULL, test_dual_stack);
  ADD ("/socket-traffic/ipv6-only", NULL, test_ipv6_only);
  ADD ("/socket-traffic/promise-2/probe-command-reaches-the-candidate", NULL, test_probe_command);
  ADD ("/socket-traffic/other-user", NULL, test_other_user);
  return g_test_run ();
}
