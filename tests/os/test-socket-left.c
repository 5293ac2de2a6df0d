/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What waits in a socket that was left behind and that nobody can take is ended after a time, and not before, also while
 * the socket has to stay because another instance is separate.
 */
#include <errno.h>
#include <glib-unix.h>
#include <sys/socket.h>

#include "connection.h"
#include "hr-fd.h"
#include "hr-socket-bind.h"
#include "hr-socket-group-private.h"
#include "warnings.h"

#define DEADLINE_USEC (60 * G_USEC_PER_SEC)
/* More than are ended at a time. */
#define N_CLIENTS (HR_SOCKET_GROUP_END_MAX + 20)

static const HrSocketGroupSources sources = { .own = 0x7f400005, .main = 0x7f400006 };

typedef struct {
  HrSocketGroup *group;
  HrSocketMember *left;
  int clients[N_CLIENTS];
} Fixture;

/* There are clients in the first one's queue when the second is promoted and the third, a canary, is separate. */
static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  guint16 port;

  fixture->group = hr_socket_group_new (connection_listen ("127.0.0.1", SOMAXCONN, &port));
  fixture->left = fixture->group->main;
  hr_socket_group_separate (fixture->group, "new", &sources, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < N_CLIENTS; i++)
    fixture->clients[i] = connection_open ("127.0.0.1", port);
  hr_socket_group_enter (fixture->group, "new");
  hr_socket_group_promote (fixture->group, "new");
  hr_socket_group_separate (fixture->group, "canary", &sources, &error);
  g_assert_no_error (error);
  g_assert_cmpint (hr_socket_count_waiting (fixture->left->fd), ==, N_CLIENTS);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  for (guint i = 0; i < N_CLIENTS; i++)
    hr_fd_clear (&fixture->clients[i]);
  hr_socket_group_free (fixture->group);
}

/* Looks at it so often, at least. */
static void
look (guint times)
{
  for (guint i = 0; i < times; i++)
    g_main_context_iteration (NULL, TRUE);
}

static guint
count_reset (Fixture *fixture)
{
  guint n = 0;

  for (guint i = 0; i < N_CLIENTS; i++)
    {
      char byte;

      n += recv (fixture->clients[i], &byte, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET;
    }
  return n;
}

static void
test_ended (Fixture *fixture, gconstpointer data)
{
  gint64 give_up = g_get_monotonic_time () + DEADLINE_USEC;

  look (3);
  g_assert_cmpint (hr_socket_count_waiting (fixture->left->fd), ==, N_CLIENTS);
  fixture->left->left_at -= HR_RESCUE_WAIT_USEC;
  while (hr_socket_count_waiting (fixture->left->fd) > 0 && g_get_monotonic_time () < give_up)
    look (1);
  /* Not closed in order, which would look like an answer that is empty. */
  g_assert_cmpuint (count_reset (fixture), ==, N_CLIENTS);
  g_assert_cmpuint (fixture->group->members->len, ==, 3);
  warnings_expect ("no instance took * within 60 s; 276 are closed");
  warnings_expect_none ();
}

/* It is the time in which somebody waited that counts. */
static void
test_not_before (Fixture *fixture, gconstpointer data)
{
  int accepted;

  while ((accepted = accept4 (fixture->left->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0
         && hr_socket_count_waiting (fixture->left->fd) > 0)
    close (accepted);
  close (accepted);
  fixture->left->left_at -= HR_RESCUE_WAIT_USEC;
  look (1);
  g_assert_cmpint (fixture->left->left_at, >, g_get_monotonic_time () - HR_RESCUE_WAIT_USEC);
  warnings_expect_none ();
}

/* Whoever else has the socket says that it is to wait: what comes is handed on, and the main loop waits for nothing. */
static void
test_blocking (void)
{
  guint16 port;
  int listener = connection_listen ("127.0.0.1", SOMAXCONN, &port);
  struct sockaddr_storage address = { 0 };
  socklen_t length = sizeof address;
  HrSocketGroup *group = hr_socket_group_new (listener);
  HrSocketMember *left = group->main;
  HrRescue *rescue = hr_rescue_new (sources.main);
  g_autoptr (GError) error = NULL;
  HrAdoptGate *gate = hr_adopt_gate_new (&error);
  g_autoptr (GArray) clients = g_array_new (FALSE, FALSE, sizeof (int));
  gint64 give_up = g_get_monotonic_time () + DEADLINE_USEC;

  g_assert_no_error (error);
  g_assert_cmpint (getsockname (listener, (struct sockaddr *)&address, &length), ==, 0);
  hr_socket_group_set_rescue (group, rescue, &address);
  hr_socket_group_separate (group, "new", &sources, &error);
  g_assert_no_error (error);
  hr_socket_group_enter (group, "new");
  hr_rescue_add_gate (rescue, "new", gate);
  hr_socket_group_promote (group, "new");
  g_assert_cmpuint (left->source, !=, 0);
  /* Without the rule new connections go to both. */
  g_assert_cmpint (setsockopt (left->fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &(int){ 0 }, sizeof (int)), ==, 0);
  g_assert_true (g_unix_set_fd_nonblocking (left->fd, FALSE, NULL));
  while (hr_socket_count_waiting (left->fd) == 0)
    {
      int client = connection_open ("127.0.0.1", port);

      g_array_append_val (clients, client);
    }
  while (hr_rescue_get_n_held (rescue) == 0 && g_get_monotonic_time () < give_up)
    look (1);
  g_assert_cmpuint (hr_rescue_get_n_held (rescue), >, 0);
  for (guint i = 0; i < clients->len; i++)
    close (g_array_index (clients, int, i));
  hr_rescue_remove_gate (rescue, "new");
  hr_socket_group_free (group);
  hr_rescue_free (rescue);
  hr_adopt_gate_free (gate);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  warnings_init ();
#define ADD(path, func) g_test_add ("/socket-left/" path, Fixture, NULL, set_up, func, tear_down)
  ADD ("what-nobody-can-take-is-reset-while-a-canary-runs", test_ended);
  ADD ("the-time-begins-when-somebody-waits", test_not_before);
  g_test_add_func ("/socket-left/blocking", test_blocking);
  return g_test_run ();
}
