/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What becomes of the listeners when the daemon dies and another comes, also of those that instances have for themselves.
 */
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-socket-group.h"
#include "hr-socket-listeners-private.h"
#include "traffic-fixture.h"

#define CLIENT 0x7f000102u

typedef struct {
  TrafficFixture traffic;
  char *dir;
  HrKeeper *keeper;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->dir = g_dir_make_tmp ("hr-socket-keep-XXXXXX", NULL);
  f->keeper = hr_keeper_new (f->dir);
  traffic_set_up (&f->traffic, data);
  hr_socket_listeners_set_keeper (HR_SOCKET_LISTENERS (f->traffic.listeners), f->keeper, "svc", FALSE);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  traffic_tear_down (&f->traffic, data);
  g_assert_finalize_object (f->keeper);
  g_assert_true (hr_fs_remove_tree (f->dir, NULL));
  g_free (f->dir);
}

/* The daemon dies, or is re-executed, and the next one opens what the service file names. */
static void
begin_anew (Fixture *f, gboolean reexecuted)
{
  g_autoptr (GError) error = NULL;

  /* It has no time to say that they are needed no more. */
  g_clear_object (&HR_SOCKET_LISTENERS (f->traffic.listeners)->keeper);
  g_assert_finalize_object (f->traffic.listeners);
  g_assert_finalize_object (f->keeper);
  f->keeper = hr_keeper_new (f->dir);
  f->traffic.listeners = hr_socket_listeners_new ();
  hr_socket_listeners_set_keeper (HR_SOCKET_LISTENERS (f->traffic.listeners), f->keeper, "svc", reexecuted);
  hr_listeners_open (f->traffic.listeners, &f->traffic.spec, &error);
  g_assert_no_error (error);
  f->traffic.listener = g_ptr_array_index (hr_listeners_list (f->traffic.listeners), 0);
}

static void
die (Fixture *f)
{
  begin_anew (f, FALSE);
}

static guint64
cookie_of (int fd)
{
  guint64 cookie = 0;
  socklen_t length = sizeof cookie;

  g_assert_cmpint (getsockopt (fd, SOL_SOCKET, SO_COOKIE, &cookie, &length), ==, 0);
  return cookie;
}

/* What waits for a candidate is in its queue, and is its own after the death; new connections are for the old one. */
static void
test_candidate (Fixture *f, gconstpointer data)
{
  g_auto (HrFd) waiting = -1, later = -1;
  guint64 main, own;

  traffic_enter (&f->traffic, "old");
  traffic_separate (&f->traffic, "new");
  traffic_share (&f->traffic, "new", HR_SHARE_ALL, FALSE);
  main = cookie_of (traffic_fd_of (&f->traffic, "old"));
  own = cookie_of (traffic_fd_of (&f->traffic, "new"));
  waiting = traffic_connect_4 (&f->traffic, CLIENT);
  die (f);

  traffic_enter (&f->traffic, "old");
  traffic_enter (&f->traffic, "new");
  g_assert_cmpuint (cookie_of (traffic_fd_of (&f->traffic, "old")), ==, main);
  g_assert_cmpuint (cookie_of (traffic_fd_of (&f->traffic, "new")), ==, own);
  g_assert_cmpint (hr_listeners_count_waiting (f->traffic.listeners, "new"), ==, 1);
  g_assert_true (traffic_take (traffic_fd_of (&f->traffic, "new")));
  for (guint i = 0; i < 20; i++)
    g_assert_cmpint (traffic_side_of_4 (&f->traffic, traffic_random_host (&f->traffic), "new"), ==, TRAFFIC_MAIN);
  later = traffic_connect_4 (&f->traffic, CLIENT);
  g_assert_true (traffic_take (traffic_fd_of (&f->traffic, "old")));
}

#define N_CLIENTS 40

static void
expect_sides (Fixture *f, const guint32 *clients, const TrafficSide *sides)
{
  for (guint i = 0; i < N_CLIENTS; i++)
    g_assert_cmpint (traffic_side_of_4 (&f->traffic, clients[i], "new"), ==, sides[i]);
}

/* Each client of a sticky canary is on its side from the first moment on, and what waits for the candidate is its own. */
static void
test_reexecuted (Fixture *f, gconstpointer data)
{
  guint32 clients[N_CLIENTS];
  TrafficSide sides[N_CLIENTS];
  g_auto (HrFd) waiting = -1;
  g_autoptr (GError) error = NULL;
  guint n_own = 0;

  traffic_enter (&f->traffic, "old");
  traffic_separate (&f->traffic, "new");
  traffic_enter (&f->traffic, "new");
  traffic_share (&f->traffic, "new", HR_SHARE_ALL / 2, TRUE);
  for (guint i = 0; i < N_CLIENTS; i++)
    {
      clients[i] = traffic_random_host (&f->traffic);
      sides[i] = traffic_side_of_4 (&f->traffic, clients[i], "new");
      n_own += sides[i] == TRAFFIC_OWN ? 1 : 0;
    }
  g_assert_cmpuint (n_own, >, 0);
  g_assert_cmpuint (n_own, <, N_CLIENTS);
  for (guint times = 0; times < 3; times++)
    {
      begin_anew (f, TRUE);
      expect_sides (f, clients, sides);
      g_assert_true (hr_listeners_separate_again (f->traffic.listeners, "new", HR_SHARE_ALL / 2, TRUE, &error));
      g_assert_no_error (error);
      expect_sides (f, clients, sides);
      for (guint i = 0; waiting < 0 && i < N_CLIENTS; i++)
        if (sides[i] == TRAFFIC_OWN)
          waiting = traffic_connect_4 (&f->traffic, clients[i]);
      traffic_enter (&f->traffic, "old");
      traffic_enter (&f->traffic, "new");
      g_assert_cmpint (hr_listeners_count_waiting (f->traffic.listeners, "new"), ==, 1);
      g_assert_true (traffic_take (traffic_fd_of (&f->traffic, "new")));
      hr_fd_clear (&waiting);
    }
  g_assert_true (hr_listeners_is_separate (f->traffic.listeners, "new"));
  g_assert_false (hr_listeners_separate_again (f->traffic.listeners, "new", 100, FALSE, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_BUSY);
  hr_listeners_rejoin (f->traffic.listeners, "new");
  for (guint i = 0; i < N_CLIENTS; i++)
    g_assert_cmpint (traffic_side_of_4 (&f->traffic, clients[i], "new"), ==, TRAFFIC_MAIN);
}

/* Nobody knows the candidate any more: all is for the old one at once, also what the rule gave to the other. */
static void
test_reexecuted_without_candidate (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  traffic_enter (&f->traffic, "old");
  traffic_separate (&f->traffic, "new");
  traffic_share (&f->traffic, "new", HR_SHARE_ALL, FALSE);
  begin_anew (f, TRUE);
  g_assert_cmpint (traffic_side_of_4 (&f->traffic, CLIENT, "new"), ==, TRAFFIC_OWN);
  g_assert_false (hr_listeners_separate_again (f->traffic.listeners, "stranger", HR_SHARE_ALL, FALSE, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED);
  for (guint i = 0; i < 20; i++)
    g_assert_cmpint (traffic_side_of_4 (&f->traffic, traffic_random_host (&f->traffic), "new"), ==, TRAFFIC_MAIN);
}

/* The sockets of the candidate are the service's since the switch, and the old instance finishes at those before. */
static void
test_switched (Fixture *f, gconstpointer data)
{
  g_auto (HrFd) waiting = -1;
  guint64 before, now;

  traffic_enter (&f->traffic, "old");
  waiting = traffic_connect_4 (&f->traffic, CLIENT);
  traffic_separate (&f->traffic, "new");
  before = cookie_of (traffic_fd_of (&f->traffic, "old"));
  now = cookie_of (traffic_fd_of (&f->traffic, "new"));
  hr_listeners_promote (f->traffic.listeners, "new");
  die (f);

  traffic_enter (&f->traffic, "new");
  traffic_enter (&f->traffic, "old");
  g_assert_cmpuint (cookie_of (traffic_fd_of (&f->traffic, NULL)), ==, now);
  g_assert_cmpuint (cookie_of (traffic_fd_of (&f->traffic, "new")), ==, now);
  g_assert_cmpuint (cookie_of (traffic_fd_of (&f->traffic, "old")), ==, before);
  g_assert_cmpint (hr_listeners_count_waiting (f->traffic.listeners, "old"), ==, 1);
  g_assert_true (traffic_take (traffic_fd_of (&f->traffic, "old")));
}

/* The daemon died after it had written down that the candidate serves, and before its sockets were the service's. */
static void
test_switch_not_finished (Fixture *f, gconstpointer data)
{
  g_auto (HrFd) waiting = -1;
  guint64 own;

  traffic_enter (&f->traffic, "old");
  waiting = traffic_connect_4 (&f->traffic, CLIENT);
  traffic_separate (&f->traffic, "new");
  own = cookie_of (traffic_fd_of (&f->traffic, "new"));
  die (f);

  traffic_enter (&f->traffic, "new");
  traffic_enter (&f->traffic, "old");
  hr_listeners_promote (f->traffic.listeners, "new");
  g_assert_cmpuint (cookie_of (traffic_fd_of (&f->traffic, NULL)), ==, own);
  for (guint i = 0; i < 20; i++)
    {
      g_auto (HrFd) client = traffic_connect_4 (&f->traffic, traffic_random_host (&f->traffic));

      g_assert_true (traffic_take (traffic_fd_of (&f->traffic, "new")));
    }
  g_assert_true (traffic_take (traffic_fd_of (&f->traffic, "old")));
  /* The next daemon knows. */
  die (f);
  traffic_enter (&f->traffic, "new");
  g_assert_cmpuint (cookie_of (traffic_fd_of (&f->traffic, NULL)), ==, own);
}

/* The order in the kernel is another than that in which they came, and one has left since. */
static void
test_order (Fixture *f, gconstpointer data)
{
  traffic_enter (&f->traffic, "old");
  for (guint i = 0; i < HR_SOCKET_GROUP_MAX + 2; i++)
    {
      g_autofree char *instance = g_strdup_printf ("candidate-%u", i);

      traffic_separate (&f->traffic, instance);
      hr_listeners_rejoin (f->traffic.listeners, instance);
      traffic_leave (&f->traffic, instance);
    }
  traffic_separate (&f->traffic, "new");
  hr_listeners_promote (f->traffic.listeners, "new");
  die (f);
  traffic_enter (&f->traffic, "new");
  traffic_enter (&f->traffic, "old");
  for (guint i = 0; i < 100; i++)
    {
      g_auto (HrFd) client = traffic_connect_4 (&f->traffic, traffic_random_host (&f->traffic));

      g_assert_true (traffic_take (traffic_fd_of (&f->traffic, "new")));
    }
  traffic_separate (&f->traffic, "next");
  traffic_assert_split (&f->traffic, "next");
}

#define ADD(path, func) g_test_add ("/socket-keep/promise-7/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("what-waits-for-a-candidate-is-not-lost", test_candidate);
  ADD ("reexecuted", test_reexecuted);
  ADD ("reexecuted-without-candidate", test_reexecuted_without_candidate);
  ADD ("after-the-switch", test_switched);
  ADD ("a-switch-that-was-not-finished", test_switch_not_finished);
  ADD ("order-in-the-kernel", test_order);
  return g_test_run ();
}
