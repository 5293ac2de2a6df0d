/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "traffic-fixture.h"

#include <arpa/inet.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hr-fd.h"

static void
listen_spec_free (gpointer data)
{
  HrListenSpec *spec = data;

  g_free (spec->name);
  g_free (spec->host);
  g_free (spec);
}

/**
 * traffic_add_spec:
 * @fixture: a fixture
 * @name: of one more listener
 * @host: where it listens, at a port that the kernel chooses, when the listeners are opened
 */
void
traffic_add_spec (TrafficFixture *fixture, const char *name, const char *host)
{
  HrListenSpec *spec = g_new0 (HrListenSpec, 1);

  spec->name = g_strdup (name);
  spec->kind = HR_LISTEN_TCP;
  spec->host = g_strdup (host);
  g_ptr_array_add (fixture->spec.listen, spec);
}

/**
 * traffic_open_on:
 * @fixture: a fixture
 * @host: where its one listener is to be
 */
void
traffic_open_on (TrafficFixture *fixture, const char *host)
{
  g_autoptr (GError) error = NULL;

  g_ptr_array_set_size (fixture->spec.listen, 0);
  traffic_add_spec (fixture, "http", host);
  hr_listeners_close (fixture->listeners);
  g_assert_true (hr_listeners_open (fixture->listeners, &fixture->spec, &error));
  g_assert_no_error (error);
  fixture->listener = g_ptr_array_index (hr_listeners_list (fixture->listeners), 0);
}

/**
 * traffic_set_up:
 * @fixture: a fixture, with a listener on 127.0.0.1
 * @data: not used
 */
void
traffic_set_up (TrafficFixture *fixture, gconstpointer data)
{
  guint32 seed = g_random_int ();

  g_test_message ("seed %u", seed);
  fixture->random = g_rand_new_with_seed (seed);
  fixture->listeners = hr_socket_listeners_new ();
  fixture->spec.name = (char *)"svc";
  fixture->spec.listen = g_ptr_array_new_with_free_func (listen_spec_free);
  traffic_open_on (fixture, "127.0.0.1");
}

/**
 * traffic_tear_down:
 * @fixture: a fixture
 * @data: not used
 */
void
traffic_tear_down (TrafficFixture *fixture, gconstpointer data)
{
  g_assert_finalize_object (fixture->listeners);
  g_ptr_array_unref (fixture->spec.listen);
  g_rand_free (fixture->random);
}

/**
 * traffic_fd_of:
 * @fixture: a fixture
 * @instance: (nullable): id of an instance
 *
 * Returns: what it has for the first listener
 */
int
traffic_fd_of (TrafficFixture *fixture, const char *instance)
{
  return hr_listeners_get_fd (fixture->listeners, fixture->listener, instance);
}

/**
 * traffic_enter:
 * @fixture: a fixture
 * @instance: id of an instance that begins to accept
 */
void
traffic_enter (TrafficFixture *fixture, const char *instance)
{
  hr_socket_listeners_enter (HR_SOCKET_LISTENERS (fixture->listeners), instance);
}

/**
 * traffic_leave:
 * @fixture: a fixture
 * @instance: id of an instance that has ended
 */
void
traffic_leave (TrafficFixture *fixture, const char *instance)
{
  hr_socket_listeners_leave (HR_SOCKET_LISTENERS (fixture->listeners), instance);
}

/**
 * traffic_separate:
 * @fixture: a fixture
 * @instance: id of an instance that gets sockets of its own, and begins to accept
 */
void
traffic_separate (TrafficFixture *fixture, const char *instance)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (hr_listeners_separate (fixture->listeners, instance, &error));
  g_assert_no_error (error);
  traffic_enter (fixture, instance);
}

/**
 * traffic_share:
 * @fixture: a fixture
 * @instance: id of the separate one
 * @permyriad: its share from now on
 * @sticky: whether that is by source address
 */
void
traffic_share (TrafficFixture *fixture, const char *instance, guint permyriad, gboolean sticky)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (hr_listeners_set_share (fixture->listeners, instance, permyriad, sticky, &error));
  g_assert_no_error (error);
}

/**
 * traffic_take:
 * @listener: a socket
 *
 * Takes a connection out of its queue.
 *
 * Returns: whether there was one
 */
gboolean
traffic_take (int listener)
{
  g_auto (HrFd) accepted = -1;

  g_assert_true (g_unix_set_fd_nonblocking (listener, TRUE, NULL));
  accepted = accept4 (listener, NULL, NULL, SOCK_CLOEXEC);
  return accepted >= 0;
}

/**
 * traffic_connect_from:
 * @fixture: a fixture
 * @from: address of a client
 * @length: of @from
 * @to: by which host it connects to the first listener's port
 *
 * Returns: (transfer full): the connection, which is reset when it is closed; its port is free at once
 */
int
traffic_connect_from (TrafficFixture *fixture, const struct sockaddr *from, socklen_t length, const char *to)
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

/**
 * traffic_connect_4:
 * @fixture: a fixture
 * @host: IPv4 address of a client, in host order
 *
 * Returns: (transfer full): as traffic_connect_from()
 */
int
traffic_connect_4 (TrafficFixture *fixture, guint32 host)
{
  struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr = { htonl (host) } };

  return traffic_connect_from (fixture, (struct sockaddr *)&from, sizeof from, "127.0.0.1");
}

/**
 * traffic_find_side:
 * @fixture: a fixture
 * @instance: id of an instance
 *
 * In which queue a connection is, is known when connect() returns.
 *
 * Returns: whether the one that waits is in its queue, or in that of the service; it is taken out
 */
TrafficSide
traffic_find_side (TrafficFixture *fixture, const char *instance)
{
  if (traffic_take (traffic_fd_of (fixture, instance)))
    return TRAFFIC_OWN;
  return traffic_take (traffic_fd_of (fixture, NULL)) ? TRAFFIC_MAIN : TRAFFIC_NONE;
}

/**
 * traffic_side_of_4:
 * @fixture: a fixture
 * @host: as of traffic_connect_4()
 * @instance: id of an instance
 *
 * Returns: where such a connection ends up, as traffic_find_side()
 */
TrafficSide
traffic_side_of_4 (TrafficFixture *fixture, guint32 host, const char *instance)
{
  g_auto (HrFd) client = traffic_connect_4 (fixture, host);

  return traffic_find_side (fixture, instance);
}

/**
 * traffic_random_host:
 * @fixture: a fixture
 *
 * Returns: one of the many addresses of this machine, and not of those from which the daemon connects
 */
guint32
traffic_random_host (TrafficFixture *fixture)
{
  return 0x7f000000 + (guint32)g_rand_int_range (fixture->random, 2, 0x00400000);
}

/**
 * traffic_source_of:
 * @fixture: a fixture
 * @instance: id of an instance, while one is separate
 *
 * Returns: the address from which it is probed, in host order
 */
guint32
traffic_source_of (TrafficFixture *fixture, const char *instance)
{
  g_autoptr (GInetAddress) source = hr_listeners_probe_source (fixture->listeners, instance);
  guint32 host;

  g_assert_nonnull (source);
  g_assert_cmpint (g_inet_address_get_family (source), ==, G_SOCKET_FAMILY_IPV4);
  memcpy (&host, g_inet_address_to_bytes (source), sizeof host);
  return ntohl (host);
}

/**
 * traffic_assert_split:
 * @fixture: a fixture
 * @instance: id of the separate one
 *
 * Its probes reach it at share 0, and nothing else does; everything does at share 100 %.
 */
void
traffic_assert_split (TrafficFixture *fixture, const char *instance)
{
  traffic_share (fixture, instance, 0, FALSE);
  for (guint i = 0; i < 20; i++)
    {
      g_assert_cmpint (traffic_side_of_4 (fixture, traffic_source_of (fixture, instance), instance), ==, TRAFFIC_OWN);
      g_assert_cmpint (traffic_side_of_4 (fixture, traffic_random_host (fixture), instance), ==, TRAFFIC_MAIN);
    }
  traffic_share (fixture, instance, 10000, FALSE);
  for (guint i = 0; i < 20; i++)
    g_assert_cmpint (traffic_side_of_4 (fixture, traffic_random_host (fixture), instance), ==, TRAFFIC_OWN);
}
