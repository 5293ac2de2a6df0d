/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which of two sockets new connections go to: by chance, by source address, whatever the order of the sockets.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hr-command.h"
#include "hr-error.h"
#include "hr-fd.h"
#include "hr-socket-group.h"
#include "traffic-fixture.h"

/* Sigmas. */
#define TOLERANCE 5

static void
assert_share (guint own, guint all, guint permyriad)
{
  double p = permyriad / 10000.0, distance = own - all * p;

  g_test_message ("%u of %u at a share of %.2f %%", own, all, permyriad / 100.0);
  g_assert_cmpfloat (distance * distance, <=, TOLERANCE * TOLERANCE * all * p * (1 - p));
}

static void
test_share (TrafficFixture *fixture, gconstpointer data)
{
  static const guint shares[] = { 0, 100, 1000, 5000, 10000 };

  traffic_enter (fixture, "old");
  traffic_separate (fixture, "new");
  for (guint i = 0; i < G_N_ELEMENTS (shares); i++)
    {
      guint n = shares[i] % 10000 == 0 ? 1000 : 10000, own = 0;

      traffic_share (fixture, "new", shares[i], FALSE);
      for (guint k = 0; k < n; k++)
        {
          TrafficSide side = traffic_side_of_4 (fixture, traffic_random_host (fixture), "new");

          g_assert_cmpint (side, !=, TRAFFIC_NONE);
          own += side == TRAFFIC_OWN;
        }
      assert_share (own, n, shares[i]);
    }
}

/* The side of each of many clients, asked three times, while the share grows and goes back. */
static void
check_sticky (TrafficFixture *fixture, TrafficSide (*ask) (TrafficFixture *fixture, guint client))
{
  static const guint shares[] = { 100, 1000, 5000, 1000 };
  enum { N_CLIENTS = 1000 };
  TrafficSide sides[G_N_ELEMENTS (shares)][N_CLIENTS];

  for (guint i = 0; i < G_N_ELEMENTS (shares); i++)
    {
      guint own = 0;

      traffic_share (fixture, "new", shares[i], TRUE);
      for (guint client = 0; client < N_CLIENTS; client++)
        {
          sides[i][client] = ask (fixture, client);
          own += sides[i][client] == TRAFFIC_OWN;
          /* A client that is in stays in while the share grows. */
          if (i > 0 && shares[i] > shares[i - 1] && sides[i - 1][client] == TRAFFIC_OWN)
            g_assert_cmpint (sides[i][client], ==, TRAFFIC_OWN);
        }
      for (guint again = 0; again < 2; again++)
        for (guint client = 0; client < N_CLIENTS; client++)
          g_assert_cmpint (ask (fixture, client), ==, sides[i][client]);
      assert_share (own, N_CLIENTS, shares[i]);
    }
  for (guint client = 0; client < N_CLIENTS; client++)
    g_assert_cmpint (sides[1][client], ==, sides[3][client]);
}

static TrafficSide
ask_4 (TrafficFixture *fixture, guint client)
{
  return traffic_side_of_4 (fixture, 0x7f000002 + client * 17, "new");
}

static void
test_sticky (TrafficFixture *fixture, gconstpointer data)
{
  traffic_enter (fixture, "old");
  traffic_separate (fixture, "new");
  check_sticky (fixture, ask_4);
}

/* Neighbours: clients of one network differ in their last bits only. */
static TrafficSide
ask_6 (TrafficFixture *fixture, guint client)
{
  struct sockaddr_in6 from = { .sin6_family = AF_INET6 };
  g_auto (HrFd) fd = -1;
  g_autofree char *text = g_strdup_printf ("fd11::%x:%x", client % 7, client);

  g_assert_cmpint (inet_pton (AF_INET6, text, &from.sin6_addr), ==, 1);
  fd = traffic_connect_from (fixture, (struct sockaddr *)&from, sizeof from, "::1");
  return traffic_find_side (fixture, "new");
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
test_sticky_6 (TrafficFixture *fixture, gconstpointer data)
{
  if (g_test_subprocess ())
    {
      g_assert_true (enter_own_network ());
      traffic_open_on (fixture, data);
      traffic_enter (fixture, "old");
      traffic_separate (fixture, "new");
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

/* More than there can be members: from the eighth on the oldest leave, and the last ones move into their places. */
static void
test_index_after_close (TrafficFixture *fixture, gconstpointer data)
{
  traffic_enter (fixture, "old");
  for (guint i = 0; i < 3 * HR_SOCKET_GROUP_MAX; i++)
    {
      g_autofree char *instance = g_strdup_printf ("candidate-%u", i);

      traffic_separate (fixture, instance);
      traffic_assert_split (fixture, instance);
      if (i % 3 == 2)
        {
          hr_listeners_promote (fixture->listeners, instance);
          g_assert_cmpint (traffic_fd_of (fixture, instance), ==, fixture->listener->fd);
        }
      else
        {
          hr_listeners_rejoin (fixture->listeners, instance);
          traffic_leave (fixture, instance);
        }
      g_assert_false (hr_listeners_is_separate (fixture->listeners, instance));
      for (guint k = 0; k < 20; k++)
        g_assert_cmpint (traffic_side_of_4 (fixture, traffic_random_host (fixture), NULL), ==, TRAFFIC_OWN);
      if (i % 3 == 2)
        {
          g_autofree char *before = i == 2 ? g_strdup ("old") : g_strdup_printf ("candidate-%u", i - 3);

          traffic_leave (fixture, before);
        }
    }
}

static gboolean
listens (int fd)
{
  int value = 0;
  socklen_t length = sizeof value;

  return getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &length) == 0 && value != 0;
}

static void
run_until (gint64 when)
{
  while (g_get_monotonic_time () < when)
    {
      if (!g_main_context_iteration (NULL, FALSE))
        g_usleep (1000);
    }
}

/* The last one is the main one, and takes the place of one that goes: until the rule says so, an instance that was retired
 * and still accepts would be asked. */
static void
test_goes_when_nobody_else_accepts (TrafficFixture *fixture, gconstpointer data)
{
  gint64 deadline = g_get_monotonic_time () + TRAFFIC_DEADLINE_USEC;
  g_auto (HrFd) oldest = hr_fd_dup (traffic_fd_of (fixture, NULL), NULL);

  traffic_enter (fixture, "first");
  traffic_separate (fixture, "second");
  traffic_enter (fixture, "second");
  hr_listeners_promote (fixture->listeners, "second");
  traffic_leave (fixture, "first");
  traffic_separate (fixture, "third");
  traffic_enter (fixture, "third");
  hr_listeners_promote (fixture->listeners, "third");
  run_until (g_get_monotonic_time () + HR_SOCKET_GROUP_LINGER_USEC + G_USEC_PER_SEC);
  g_assert_true (listens (oldest));
  traffic_leave (fixture, "second");
  while (listens (oldest) && g_get_monotonic_time () < deadline)
    run_until (g_get_monotonic_time () + 1000);
  g_assert_false (listens (oldest));
}

static void
test_limit (TrafficFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  for (guint i = 1; i < HR_SOCKET_GROUP_MAX; i++)
    {
      g_autofree char *instance = g_strdup_printf ("candidate-%u", i);

      traffic_separate (fixture, instance);
      hr_listeners_rejoin (fixture->listeners, instance);
    }
  g_assert_false (hr_listeners_separate (fixture->listeners, "one-more", &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_LIMIT_EXCEEDED);
  g_assert_false (hr_listeners_is_separate (fixture->listeners, "one-more"));
  g_assert_cmpint (traffic_fd_of (fixture, "one-more"), ==, fixture->listener->fd);
  g_assert_cmpint (traffic_side_of_4 (fixture, traffic_random_host (fixture), NULL), ==, TRAFFIC_OWN);
}

static void
test_dual_stack (TrafficFixture *fixture, gconstpointer data)
{
  struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  g_auto (HrFd) client = -1;

  traffic_open_on (fixture, "*");
  traffic_enter (fixture, "old");
  traffic_separate (fixture, "new");
  traffic_assert_split (fixture, "new");
  client = traffic_connect_from (fixture, (struct sockaddr *)&six, sizeof six, "::1");
  g_assert_cmpint (traffic_find_side (fixture, "new"), ==, TRAFFIC_OWN);
}

static void
test_ipv6_only (TrafficFixture *fixture, gconstpointer data)
{
  struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  g_auto (HrFd) before = -1;
  g_auto (HrFd) after = -1;

  traffic_open_on (fixture, "::1");
  traffic_enter (fixture, "old");
  traffic_separate (fixture, "new");
  g_assert_null (hr_listeners_probe_source (fixture->listeners, "new"));
  before = traffic_connect_from (fixture, (struct sockaddr *)&six, sizeof six, "::1");
  g_assert_cmpint (traffic_find_side (fixture, "new"), ==, TRAFFIC_MAIN);
  traffic_share (fixture, "new", 10000, TRUE);
  after = traffic_connect_from (fixture, (struct sockaddr *)&six, sizeof six, "::1");
  g_assert_cmpint (traffic_find_side (fixture, "new"), ==, TRAFFIC_OWN);
}

/* A program with a user of its own has made the first socket. */
static void
test_other_user (TrafficFixture *fixture, gconstpointer data)
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
  traffic_separate (fixture, "new");
  traffic_assert_split (fixture, "new");
}

/* What a probe's command connects comes to the instance that is to be probed, by whatever name of this machine. */
static void
probe_by_command (TrafficFixture *fixture, const char *host, const char *bound_to, TrafficSide expected)
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
                              .deadline = g_get_monotonic_time () + TRAFFIC_DEADLINE_USEC };
  g_auto (HrCommandResult) result = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_true (hr_command_run (&command, NULL, &result, &error));
  g_assert_no_error (error);
  g_assert_cmpint (result.wait_status, ==, 0);
  g_assert_cmpint (traffic_find_side (fixture, "new"), ==, expected);
}

static void
test_probe_command (TrafficFixture *fixture, gconstpointer data)
{
  traffic_open_on (fixture, "*");
  traffic_enter (fixture, "old");
  traffic_separate (fixture, "new");
  probe_by_command (fixture, "127.0.0.1", NULL, TRAFFIC_OWN);
  probe_by_command (fixture, "::1", NULL, TRAFFIC_OWN);
  probe_by_command (fixture, "::ffff:127.0.0.1", NULL, TRAFFIC_OWN);
  probe_by_command (fixture, "localhost", NULL, TRAFFIC_OWN);
  /* It was said from where. */
  probe_by_command (fixture, "127.0.0.1", "127.0.0.1", TRAFFIC_MAIN);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, data, function) g_test_add (path, TrafficFixture, data, traffic_set_up, function, traffic_tear_down)
  ADD ("/socket-traffic/share", NULL, test_share);
  ADD ("/socket-traffic/sticky", NULL, test_sticky);
  ADD ("/socket-traffic/sticky-ipv6", "::1", test_sticky_6);
  ADD ("/socket-traffic/sticky-dual-stack", "*", test_sticky_6);
  ADD ("/socket-traffic/index-after-close", NULL, test_index_after_close);
  ADD ("/socket-traffic/goes-when-nobody-else-accepts", NULL, test_goes_when_nobody_else_accepts);
  ADD ("/socket-traffic/limit", NULL, test_limit);
  ADD ("/socket-traffic/dual-stack", NULL, test_dual_stack);
  ADD ("/socket-traffic/ipv6-only", NULL, test_ipv6_only);
  ADD ("/socket-traffic/promise-2/probe-command-reaches-the-candidate", NULL, test_probe_command);
  ADD ("/socket-traffic/other-user", NULL, test_other_user);
  return g_test_run ();
}
