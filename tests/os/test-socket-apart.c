/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whose sockets an instance has: its own, those of another of its release, or the service's; and how that changes.
 */
#include <netinet/tcp.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-fd.h"
#include "hr-socket-bind.h"
#include "traffic-fixture.h"

static void
assert_stray_refused (TrafficFixture *fixture)
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
test_promote (TrafficFixture *fixture, gconstpointer data)
{
  int former = fixture->listener->fd;
  gint64 give_up = g_get_monotonic_time () + TRAFFIC_DEADLINE_USEC;
  guint source = g_timeout_add (20, tick, NULL);
  g_auto (HrFd) waiting = -1;
  g_auto (HrFd) kept = -1;

  g_assert_cmpint (hr_socket_get_option (former, SOL_SOCKET, SO_REUSEPORT), ==, 0);
  assert_stray_refused (fixture);
  traffic_enter (fixture, "old");
  g_assert_cmpint (hr_listeners_count_waiting (fixture->listeners, "old"), ==, -1);
  waiting = traffic_connect_4 (fixture, 0x7f000002);
  traffic_separate (fixture, "new");
  assert_stray_refused (fixture);
  hr_listeners_promote (fixture->listeners, "new");
  g_assert_cmpint (fixture->listener->fd, !=, former);
  g_assert_cmpint (traffic_fd_of (fixture, "next"), ==, fixture->listener->fd);
  g_assert_cmpint (traffic_fd_of (fixture, "old"), ==, former);
  g_assert_cmpint (hr_listeners_count_waiting (fixture->listeners, "old"), ==, 1);
  g_assert_cmpint (hr_listeners_count_waiting (fixture->listeners, "new"), ==, -1);
  g_assert_cmpint (traffic_side_of_4 (fixture, traffic_random_host (fixture), "new"), ==, TRAFFIC_OWN);
  g_assert_true (traffic_take (former));
  /* Nobody accepts from it and nothing waits in it: it goes. */
  kept = dup (former);
  traffic_leave (fixture, "old");
  while (hr_socket_get_option (kept, SOL_SOCKET, SO_ACCEPTCONN) > 0 && g_get_monotonic_time () < give_up)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (source);
  g_assert_cmpint (hr_socket_get_option (kept, SOL_SOCKET, SO_ACCEPTCONN), ==, 0);
  g_assert_cmpint (traffic_fd_of (fixture, "old"), ==, fixture->listener->fd);
  assert_stray_refused (fixture);
  g_assert_cmpint (traffic_side_of_4 (fixture, traffic_random_host (fixture), "new"), ==, TRAFFIC_OWN);
  traffic_separate (fixture, "newer");
  traffic_assert_split (fixture, "newer");
}

static void
test_rejoin (TrafficFixture *fixture, gconstpointer data)
{
  int main_fd = fixture->listener->fd;

  traffic_enter (fixture, "old");
  traffic_separate (fixture, "new");
  traffic_share (fixture, "new", 10000, FALSE);
  hr_listeners_rejoin (fixture->listeners, "new");
  g_assert_cmpint (fixture->listener->fd, ==, main_fd);
  g_assert_cmpint (traffic_fd_of (fixture, "new"), !=, main_fd);
  g_assert_cmpint (traffic_side_of_4 (fixture, traffic_random_host (fixture), "new"), ==, TRAFFIC_MAIN);
  g_assert_null (hr_listeners_probe_source (fixture->listeners, "new"));
  /* Of one that has no sockets of its own, or is not separate, there is nothing to change. */
  hr_listeners_promote (fixture->listeners, "old");
  hr_listeners_rejoin (fixture->listeners, "old");
  g_assert_cmpint (fixture->listener->fd, ==, main_fd);
  g_assert_false (hr_listeners_set_share (fixture->listeners, "new", 1, FALSE, NULL));
}

/* Nobody can tell the two apart: the instance that was to have it begins with what all have. */
static void
test_rejoin_before_start (TrafficFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  traffic_enter (fixture, "old");
  g_assert_true (hr_listeners_separate (fixture->listeners, "new", &error));
  g_assert_no_error (error);
  g_assert_cmpint (traffic_fd_of (fixture, "new"), !=, fixture->listener->fd);
  hr_listeners_rejoin (fixture->listeners, "new");
  g_assert_cmpint (traffic_fd_of (fixture, "new"), ==, fixture->listener->fd);
  traffic_enter (fixture, "new");
  traffic_leave (fixture, "old");
  g_assert_cmpint (traffic_fd_of (fixture, "new"), ==, fixture->listener->fd);
  g_assert_cmpint (hr_listeners_count_waiting (fixture->listeners, "new"), ==, -1);
}

static void
join (TrafficFixture *fixture, const char *instance, const char *with)
{
  hr_listeners_join (fixture->listeners, instance, with);
}

/* What the adopt library is given at bind(). */
static int
bound (TrafficFixture *fixture, const char *instance)
{
  HrSocketAddress address;

  g_assert_true (hr_socket_address_of (fixture->listener->fd, &address));
  return hr_socket_listeners_take (HR_SOCKET_LISTENERS (fixture->listeners), &address, HR_LISTENER_MATCH_MADE_FOR,
                                   instance);
}

static void
separate_two (TrafficFixture *fixture)
{
  traffic_enter (fixture, "old");
  traffic_separate (fixture, "lead");
  join (fixture, "follower", "lead");
  join (fixture, "old-follower", "old");
  /* Before it is started: this is what it is started with. */
  g_assert_cmpint (traffic_fd_of (fixture, "follower"), ==, traffic_fd_of (fixture, "lead"));
  traffic_enter (fixture, "follower");
  traffic_enter (fixture, "old-follower");
}

static void
test_join (TrafficFixture *fixture, gconstpointer data)
{
  separate_two (fixture);
  g_assert_cmpint (traffic_fd_of (fixture, "follower"), ==, traffic_fd_of (fixture, "lead"));
  g_assert_cmpint (bound (fixture, "follower"), ==, traffic_fd_of (fixture, "lead"));
  g_assert_cmpint (traffic_fd_of (fixture, "old-follower"), ==, fixture->listener->fd);
  g_assert_cmpint (bound (fixture, "old-follower"), ==, fixture->listener->fd);
  g_assert_cmpuint (traffic_source_of (fixture, "follower"), ==, traffic_source_of (fixture, "lead"));
  g_assert_cmpuint (traffic_source_of (fixture, "old-follower"), ==, traffic_source_of (fixture, "old"));
  g_assert_cmpuint (traffic_source_of (fixture, "follower"), !=, traffic_source_of (fixture, "old"));
  traffic_assert_split (fixture, "lead");
  /* What one leaves, the other takes: none of them is waited for. */
  g_assert_cmpint (hr_listeners_count_waiting (fixture->listeners, "lead"), ==, -1);
  g_assert_cmpint (hr_listeners_count_waiting (fixture->listeners, "follower"), ==, -1);
  traffic_leave (fixture, "lead");
  g_assert_cmpint (hr_listeners_count_waiting (fixture->listeners, "follower"), ==, 0);
  g_assert_cmpuint (traffic_source_of (fixture, "follower"), !=, traffic_source_of (fixture, "old"));
  g_assert_true (hr_listeners_is_separate (fixture->listeners, "lead"));
  g_assert_cmpint (traffic_side_of_4 (fixture, traffic_source_of (fixture, "follower"), "follower"), ==, TRAFFIC_OWN);
  traffic_share (fixture, "lead", 10000, FALSE);
  g_assert_cmpint (traffic_side_of_4 (fixture, traffic_random_host (fixture), "follower"), ==, TRAFFIC_OWN);
  hr_listeners_promote (fixture->listeners, "lead");
  g_assert_cmpint (traffic_fd_of (fixture, "follower"), ==, fixture->listener->fd);
  g_assert_cmpint (traffic_fd_of (fixture, "old-follower"), ==, traffic_fd_of (fixture, "old"));
  g_assert_cmpint (traffic_fd_of (fixture, "old"), !=, fixture->listener->fd);
  /* Who joins now, joins the service. */
  join (fixture, "next", "lead");
  g_assert_cmpint (traffic_fd_of (fixture, "next"), ==, fixture->listener->fd);
}

static void
test_join_and_rejoin (TrafficFixture *fixture, gconstpointer data)
{
  int own;

  separate_two (fixture);
  own = traffic_fd_of (fixture, "follower");
  traffic_share (fixture, "lead", 5000, FALSE);
  hr_listeners_rejoin (fixture->listeners, "lead");
  g_assert_cmpint (traffic_fd_of (fixture, "follower"), ==, own);
  g_assert_cmpint (own, !=, fixture->listener->fd);
  for (guint i = 0; i < 20; i++)
    g_assert_cmpint (traffic_side_of_4 (fixture, traffic_random_host (fixture), "follower"), ==, TRAFFIC_MAIN);
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
test_second_fails (TrafficFixture *fixture, gconstpointer data)
{
  HrListener *second;
  int second_fd, kept;

  traffic_add_spec (fixture, "admin", "127.0.0.1");
  g_assert_true (hr_listeners_open (fixture->listeners, &fixture->spec, NULL));
  second = g_ptr_array_index (hr_listeners_list (fixture->listeners), 1);
  second_fd = second->fd;
  traffic_enter (fixture, "old");
  kept = break_socket (second_fd);
  g_assert_false (hr_listeners_separate (fixture->listeners, "new", NULL));
  mend_socket (second_fd, kept);
  g_assert_cmpint (traffic_fd_of (fixture, "new"), ==, fixture->listener->fd);
  traffic_separate (fixture, "newer");
  kept = break_socket (second_fd);
  g_assert_false (hr_listeners_set_share (fixture->listeners, "newer", 10000, FALSE, NULL));
  mend_socket (second_fd, kept);
  for (guint i = 0; i < 20; i++)
    g_assert_cmpint (traffic_side_of_4 (fixture, traffic_random_host (fixture), "newer"), ==, TRAFFIC_MAIN);
  traffic_assert_split (fixture, "newer");
}

static void
test_one_at_a_time (TrafficFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  traffic_separate (fixture, "new");
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
test_revive (TrafficFixture *fixture, gconstpointer data)
{
  traffic_enter (fixture, "old");
  traffic_separate (fixture, "new");
  g_assert_cmpint (shutdown (fixture->listener->fd, SHUT_RDWR), ==, 0);
  hr_listeners_revive (fixture->listeners);
  traffic_assert_split (fixture, "new");
  g_assert_cmpint (shutdown (traffic_fd_of (fixture, "new"), SHUT_RDWR), ==, 0);
  hr_listeners_revive (fixture->listeners);
  traffic_assert_split (fixture, "new");
}

/* Several at a time, of which one is found before and one behind another that goes on listening. */
static void
test_revive_several (TrafficFixture *fixture, gconstpointer data)
{
  traffic_enter (fixture, "old");
  traffic_separate (fixture, "other");
  hr_listeners_promote (fixture->listeners, "other");
  traffic_separate (fixture, "new");
  g_assert_cmpint (shutdown (traffic_fd_of (fixture, "old"), SHUT_RDWR), ==, 0);
  g_assert_cmpint (shutdown (traffic_fd_of (fixture, "other"), SHUT_RDWR), ==, 0);
  hr_listeners_revive (fixture->listeners);
  traffic_assert_split (fixture, "new");
}

/* The new instance, or the old one, listens on something else meanwhile. */
static void
test_discovered_since (TrafficFixture *fixture, gconstpointer data)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  g_auto (HrFd) other = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_autoptr (GError) error = NULL;

  traffic_enter (fixture, "old");
  traffic_separate (fixture, "new");
  g_assert_cmpint (bind (other, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint (listen (other, 1), ==, 0);
  hr_socket_listeners_discover (HR_SOCKET_LISTENERS (fixture->listeners), hr_fd_steal (&other), NULL, NULL, FALSE,
                                "new", &error);
  g_assert_no_error (error);
  traffic_assert_split (fixture, "new");
  hr_listeners_promote (fixture->listeners, "new");
}

/* Nobody has sent anything on it: it is in no queue, and must come into one before the socket goes. */
static void
test_deferred_handshake_is_not_lost (TrafficFixture *fixture, gconstpointer data)
{
  const int seconds = 30;
  guint source = g_timeout_add (20, tick, NULL);
  g_auto (HrFd) old = -1;
  g_auto (HrFd) client = -1;
  gboolean taken = FALSE;

  traffic_enter (fixture, "old");
  old = dup (traffic_fd_of (fixture, "old"));
  g_assert_cmpint (setsockopt (old, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds), ==, 0);
  client = traffic_connect_4 (fixture, INADDR_LOOPBACK);
  g_assert_false (traffic_take (old));
  traffic_separate (fixture, "new");
  hr_listeners_promote (fixture->listeners, "new");
  traffic_leave (fixture, "old");
  while (!taken && hr_socket_get_option (old, SOL_SOCKET, SO_ACCEPTCONN) > 0)
    {
      g_main_context_iteration (NULL, TRUE);
      taken = traffic_take (old);
    }
  g_source_remove (source);
  g_assert_true (taken);
  /* The service's own goes on as the program wants it. */
  g_assert_cmpint (hr_socket_get_option (fixture->listener->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT), >=, seconds);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, data, function) g_test_add (path, TrafficFixture, data, traffic_set_up, function, traffic_tear_down)
  ADD ("/socket-apart/promote", NULL, test_promote);
  ADD ("/socket-apart/rejoin", NULL, test_rejoin);
  ADD ("/socket-apart/rejoin-before-start", NULL, test_rejoin_before_start);
  ADD ("/socket-apart/promise-2/others-join", NULL, test_join);
  ADD ("/socket-apart/others-join-and-rejoin", NULL, test_join_and_rejoin);
  ADD ("/socket-apart/all-listeners-or-none", NULL, test_second_fails);
  ADD ("/socket-apart/one-at-a-time", NULL, test_one_at_a_time);
  ADD ("/socket-apart/revive", NULL, test_revive);
  ADD ("/socket-apart/revive-several", NULL, test_revive_several);
  ADD ("/socket-apart/discovered-since", NULL, test_discovered_since);
  ADD ("/socket-apart/deferred-handshake-is-not-lost", NULL, test_deferred_handshake_is_not_lost);
  return g_test_run ();
}
