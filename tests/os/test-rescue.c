/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-rescue.c: connections in the queue of an instance that never accepts them reach one that does, in whatever way
 * its program waits for connections.
 */
#include <errno.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "adopt-fixture.h"
#include "connection.h"
#include "hr-fd.h"

#define PROGRAM TEST_PROGRAM_DIR "/adopt-program"

/* More than there can be nudges at a time. */
#define N_CLIENTS 40

typedef struct {
  int fd;
  char answer[256];
  gsize length;
  gboolean over;
} Client;

static void
client_begin (AdoptFixture *fixture, Client *self)
{
  static const char request[] = "GET / HTTP/1.0\r\n\r\n";

  memset (self, 0, sizeof *self);
  self->fd = connection_open (fixture->host != NULL ? fixture->host : "127.0.0.1", fixture->port);
  g_assert_cmpint (send (self->fd, request, strlen (request), MSG_NOSIGNAL), ==, strlen (request));
}

/* Reads what has come. */
static gboolean
client_is_over (Client *self)
{
  ssize_t length = 1;

  while (!self->over && length > 0)
    {
      length = recv (self->fd, self->answer + self->length, sizeof self->answer - 1 - self->length, MSG_DONTWAIT);
      if (length > 0)
        self->length += (gsize)length;
      else if (length == 0 || errno != EAGAIN)
        self->over = TRUE;
    }
  return self->over;
}

static void
clients_begin (AdoptFixture *fixture, Client *clients)
{
  for (guint i = 0; i < N_CLIENTS; i++)
    client_begin (fixture, &clients[i]);
}

static gboolean
clients_are_over (Client *clients)
{
  gboolean over = TRUE;

  for (guint i = 0; i < N_CLIENTS; i++)
    over = client_is_over (&clients[i]) && over;
  return over;
}

static void
clients_end (Client *clients, const char *answer)
{
  ADOPT_WAIT_FOR (clients_are_over (clients));
  for (guint i = 0; i < N_CLIENTS; i++)
    {
      g_assert_true (g_str_has_suffix (clients[i].answer, answer));
      close (clients[i].fd);
    }
}

static void
ask_once (AdoptFixture *fixture, const char *answer)
{
  Client client;

  client_begin (fixture, &client);
  ADOPT_WAIT_FOR (client_is_over (&client));
  g_assert_true (g_str_has_suffix (client.answer, answer));
  close (client.fd);
}

static void
begin (AdoptFixture *fixture, const char *how, const char *host)
{
  const char *argv[] = { PROGRAM, how, NULL };

  adopt_open_listener (fixture, host);
  adopt_start (fixture, &fixture->old, "old-one", argv, "", fixture->port);
  /* It has accepted: its library is there. */
  ask_once (fixture, "old-one");
}

static guint
n_held (AdoptFixture *fixture)
{
  return hr_rescue_get_n_held (hr_socket_listeners_get_rescue (HR_SOCKET_LISTENERS (fixture->listeners)));
}

/* All new connections go to an instance that is never there. */
static void
fill_queue_of_candidate (AdoptFixture *fixture, Client *clients)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (hr_listeners_separate (fixture->listeners, "candidate", &error));
  g_assert_no_error (error);
  g_assert_true (hr_listeners_set_share (fixture->listeners, "candidate", HR_SHARE_ALL, FALSE, &error));
  g_assert_no_error (error);
  clients_begin (fixture, clients);
  g_assert_cmpint (hr_listeners_count_waiting (fixture->listeners, "candidate"), ==, N_CLIENTS);
}

static void
check_failed_candidate (AdoptFixture *fixture, const char *how, const char *host)
{
  Client clients[N_CLIENTS];

  begin (fixture, how, host);
  fill_queue_of_candidate (fixture, clients);
  hr_listeners_rejoin (fixture->listeners, "candidate");
  clients_end (clients, "old-one");
  ADOPT_WAIT_FOR (n_held (fixture) == 0);
  g_assert_false (fixture->old.exited);
  ask_once (fixture, "old-one");
}

static void
test_failed_candidate (AdoptFixture *fixture, gconstpointer data)
{
  check_failed_candidate (fixture, data, "127.0.0.1");
}

static void
test_every_host (AdoptFixture *fixture, gconstpointer data)
{
  check_failed_candidate (fixture, data, "*");
}

static void
test_ipv6 (AdoptFixture *fixture, gconstpointer data)
{
  fixture->host = "::1";
  check_failed_candidate (fixture, data, "::1");
}

/* The candidate is not started; what is in the old one's queue goes to the one that was promoted. */
static void
test_after_promotion (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { PROGRAM, data, NULL };
  Client clients[N_CLIENTS];
  g_autofree char *old_id = adopt_full_id ("old-one");
  g_autofree char *new_id = adopt_full_id ("new-one");
  g_autoptr (GError) error = NULL;

  begin (fixture, data, "127.0.0.1");
  hr_instance_stop (fixture->old.instance, SIGSTOP);
  clients_begin (fixture, clients);
  g_assert_true (hr_listeners_separate (fixture->listeners, new_id, &error));
  g_assert_no_error (error);
  adopt_start (fixture, &fixture->new, "new-one", argv, "", fixture->port);
  hr_listeners_promote (fixture->listeners, new_id);
  ask_once (fixture, "new-one");
  g_assert_cmpint (hr_listeners_count_waiting (fixture->listeners, old_id), ==, N_CLIENTS);
  hr_instance_kill (fixture->old.instance);
  clients_end (clients, "new-one");
}

/* It lives, and accepts nothing: once it is retired its queue is not its any more. */
static void
test_hung_old (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { PROGRAM, data, NULL };
  Client clients[N_CLIENTS];
  g_autofree char *old_id = adopt_full_id ("old-one");
  g_autofree char *new_id = adopt_full_id ("new-one");
  g_autoptr (GError) error = NULL;

  begin (fixture, data, "127.0.0.1");
  hr_instance_stop (fixture->old.instance, SIGSTOP);
  clients_begin (fixture, clients);
  g_assert_cmpuint (hr_listeners_count_queued (fixture->listeners, FALSE), ==, N_CLIENTS);
  g_assert_cmpuint (hr_listeners_count_queued (fixture->listeners, TRUE), ==, 0);
  g_assert_true (hr_listeners_separate (fixture->listeners, new_id, &error));
  g_assert_no_error (error);
  hr_listeners_promote (fixture->listeners, new_id);
  /* Nobody serves yet. */
  g_assert_false (hr_listeners_can_hand_on (fixture->listeners, old_id));
  g_assert_cmpuint (hr_listeners_count_queued (fixture->listeners, TRUE), ==, N_CLIENTS);
  adopt_start (fixture, &fixture->new, "new-one", argv, "", fixture->port);
  ask_once (fixture, "new-one");
  g_assert_true (hr_listeners_can_hand_on (fixture->listeners, old_id));
  g_assert_true (adopt_retire (&fixture->old));
  clients_end (clients, "new-one");
  g_assert_cmpuint (hr_listeners_count_queued (fixture->listeners, TRUE), ==, 0);
  g_assert_false (fixture->old.exited);
  /* It wakes up, and accepts nothing of what comes later. */
  hr_instance_stop (fixture->old.instance, SIGCONT);
  ADOPT_WAIT_FOR (!hr_instance_may_accept (fixture->old.instance, fixture->listeners));
  ask_once (fixture, "new-one");
}

/* It is nudged, and dies before it has taken anything: the next instance takes it. */
static void
test_receiver_dies (AdoptFixture *fixture, gconstpointer data)
{
  const char *argv[] = { PROGRAM, data, NULL };
  Client clients[N_CLIENTS];

  begin (fixture, data, "127.0.0.1");
  hr_instance_stop (fixture->old.instance, SIGSTOP);
  fill_queue_of_candidate (fixture, clients);
  hr_listeners_rejoin (fixture->listeners, "candidate");
  ADOPT_WAIT_FOR (n_held (fixture) == N_CLIENTS);
  /* They wait on, and that is seen. */
  ADOPT_WAIT_FOR (hr_rescue_get_longest_wait (hr_socket_listeners_get_rescue (HR_SOCKET_LISTENERS (fixture->listeners)))
                  > 0);
  hr_instance_kill (fixture->old.instance);
  ADOPT_WAIT_FOR (fixture->old.exited);
  g_assert_cmpuint (n_held (fixture), ==, N_CLIENTS);
  adopt_start (fixture, &fixture->new, "new-one", argv, "", fixture->port);
  clients_end (clients, "new-one");
  ADOPT_WAIT_FOR (n_held (fixture) == 0);
}

/* What the kernel gave to its socket before the rule stood, and the instance is not there yet. */
static void
test_before_the_rule (AdoptFixture *fixture, gconstpointer data)
{
  Client clients[N_CLIENTS];
  g_autoptr (GError) error = NULL;

  begin (fixture, data, "127.0.0.1");
  fill_queue_of_candidate (fixture, clients);
  g_assert_true (hr_listeners_set_share (fixture->listeners, "candidate", 0, FALSE, &error));
  g_assert_no_error (error);
  hr_socket_listeners_enter (HR_SOCKET_LISTENERS (fixture->listeners), "candidate");
  g_assert_cmpint (hr_listeners_count_waiting (fixture->listeners, "candidate"), ==, 0);
  clients_end (clients, "old-one");
  ADOPT_WAIT_FOR (n_held (fixture) == 0);
  hr_socket_listeners_leave (HR_SOCKET_LISTENERS (fixture->listeners), "candidate");
}

/* One descriptor is left: a client is accepted with it, and not cut off for want of another. */
static void
test_last_descriptor (AdoptFixture *fixture, gconstpointer data)
{
  Client clients[N_CLIENTS];
  struct rlimit limit, few;
  int next;

  begin (fixture, data, "127.0.0.1");
  fill_queue_of_candidate (fixture, clients);
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  next = dup (STDIN_FILENO);
  g_assert_cmpint (next, >=, 0);
  close (next);
  few = limit;
  few.rlim_cur = (rlim_t)next + 1;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &few), ==, 0);
  hr_listeners_rejoin (fixture->listeners, "candidate");
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  g_assert_cmpuint (n_held (fixture), >, 0);
  clients_end (clients, "old-one");
  ADOPT_WAIT_FOR (n_held (fixture) == 0);
}

static const struct {
  const char *name, *how;
} ways[] = {
  { "accept-that-waits", "accept" },
  { "select", "select" },
  { "poll", "poll" },
  { "epoll-level-triggered", "epoll-level" },
  { "epoll-edge-triggered", "epoll-edge" },
  { "epoll-oneshot", "epoll-oneshot" },
  { "non-blocking", "nonblock-socket" },
  { "prefork", "prefork" },
  { "threads", "threads" },
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autofree char *name = g_strconcat ("/rescue/candidate-that-never-accepted/", ways[i].name, NULL);

      g_test_add (name, AdoptFixture, ways[i].how, adopt_set_up, test_failed_candidate, adopt_tear_down);
    }
#define ADD(path, data, func) g_test_add ("/rescue/" path, AdoptFixture, data, adopt_set_up, func, adopt_tear_down)
  ADD ("every-host", "epoll-level", test_every_host);
  ADD ("ipv6", "epoll-level", test_ipv6);
  ADD ("old-instance-that-died-after-promotion", "epoll-edge", test_after_promotion);
  ADD ("old-instance-that-hangs", "epoll-edge", test_hung_old);
  ADD ("old-instance-that-hangs-in-accept", "accept", test_hung_old);
  ADD ("receiver-that-died", "poll", test_receiver_dies);
  ADD ("last-descriptor", "epoll-level", test_last_descriptor);
  ADD ("candidate-that-has-not-begun", "epoll-level", test_before_the_rule);
  return g_test_run ();
}
