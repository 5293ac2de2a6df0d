/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What waits in one set for all services.
 */
#include "hr-fd-watch.h"

#include <fcntl.h>
#include <unistd.h>

#include "hr-fd.h"

#define N_MANY 200

typedef struct {
  int ends[2];
  guint watch;
  guint told;
  GIOCondition condition;
  gboolean goes_on;
  guint *victim; /* ended when this is told */
  GString *order;
  char name;
} End;

static gboolean
on_end (gint fd, GIOCondition condition, gpointer user_data)
{
  End *end = user_data;
  char byte;

  g_assert_cmpint (fd, ==, end->ends[0]);
  end->told++;
  end->condition = condition;
  if ((condition & G_IO_IN) != 0)
    g_assert_cmpint (read (fd, &byte, 1), ==, 1);
  if (end->order != NULL)
    g_string_append_c (end->order, end->name);
  if (end->victim != NULL)
    g_clear_handle_id (end->victim, hr_fd_watch_remove);
  return end->goes_on;
}

static void
open_end (End *end)
{
  end->goes_on = G_SOURCE_CONTINUE;
  g_assert_true (g_unix_open_pipe (end->ends, FD_CLOEXEC, NULL));
  end->watch = hr_fd_watch_add (end->ends[0], G_IO_IN, on_end, end);
  g_assert_cmpuint (end->watch, !=, 0);
}

static void
close_end (End *end)
{
  g_clear_handle_id (&end->watch, hr_fd_watch_remove);
  hr_fd_clear (&end->ends[0]);
  hr_fd_clear (&end->ends[1]);
}

static void
say (End *end)
{
  g_assert_cmpint (write (end->ends[1], "x", 1), ==, 1);
}

static void
turn (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
test_told_until_removed (void)
{
  End end = { 0 };

  open_end (&end);
  turn ();
  g_assert_cmpuint (end.told, ==, 0);
  say (&end);
  say (&end);
  turn ();
  g_assert_cmpuint (end.told, ==, 2);
  g_assert_true (hr_fd_watch_remove (end.watch));
  g_assert_false (hr_fd_watch_remove (end.watch));
  end.watch = 0;
  say (&end);
  turn ();
  g_assert_cmpuint (end.told, ==, 2);
  close_end (&end);
}

static void
test_no_more_once_it_says_so (void)
{
  End end = { 0 };

  open_end (&end);
  end.goes_on = G_SOURCE_REMOVE;
  say (&end);
  say (&end);
  turn ();
  g_assert_cmpuint (end.told, ==, 1);
  g_assert_false (hr_fd_watch_remove (end.watch));
  end.watch = 0;
  close_end (&end);
}

static void
test_hang_up_is_told (void)
{
  End end = { 0 };

  open_end (&end);
  end.goes_on = G_SOURCE_REMOVE;
  hr_fd_clear (&end.ends[1]);
  turn ();
  g_assert_cmpuint (end.told, ==, 1);
  g_assert_cmpint (end.condition & G_IO_HUP, !=, 0);
  end.watch = 0;
  close_end (&end);
}

/* Both are told in one turn; the first ends the second, or itself. */
static void
test_one_ends_another (void)
{
  End first = { .ends = { -1, -1 } }, second = { .ends = { -1, -1 } };

  open_end (&first);
  open_end (&second);
  first.victim = &second.watch;
  say (&first);
  say (&second);
  turn ();
  g_assert_cmpuint (first.told, ==, 1);
  g_assert_cmpuint (second.told, ==, 0);
  first.victim = &first.watch;
  say (&first);
  say (&first);
  turn ();
  g_assert_cmpuint (first.told, ==, 2);
  close_end (&first);
  close_end (&second);
}

static void
test_in_the_order_in_which_it_happened (void)
{
  g_autoptr (GString) order = g_string_new (NULL);
  End ends[3] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      open_end (&ends[i]);
      ends[i].order = order;
      ends[i].name = (char)('a' + i);
    }
  say (&ends[2]);
  say (&ends[0]);
  say (&ends[1]);
  turn ();
  g_assert_cmpstr (order->str, ==, "cab");
  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    close_end (&ends[i]);
}

/* As one that is added for another purpose before the one that told has ended. */
static void
test_twice_the_same (void)
{
  End first = { 0 }, second = { 0 };

  open_end (&first);
  second = first;
  second.watch = hr_fd_watch_add (second.ends[0], G_IO_IN, on_end, &second);
  g_clear_handle_id (&first.watch, hr_fd_watch_remove);
  say (&second);
  turn ();
  g_assert_cmpuint (first.told, ==, 0);
  g_assert_cmpuint (second.told, ==, 1);
  close_end (&second);
}

/* epoll refuses a file, which can always be read. */
static void
test_what_epoll_refuses (void)
{
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("hotreload-XXXXXX", &path, NULL);
  End end = { .ends = { fd, -1 }, .goes_on = G_SOURCE_REMOVE };

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, "x", 1), ==, 1);
  g_assert_cmpint (lseek (fd, 0, SEEK_SET), ==, 0);
  hr_fd_watch_add (fd, G_IO_IN, on_end, &end);
  turn ();
  g_assert_cmpuint (end.told, ==, 1);
  close_end (&end);
  unlink (path);
}

static int
polled (void)
{
  GPollFD fds[N_MANY];
  GMainContext *context = g_main_context_default ();
  int timeout, priority, n;

  g_assert_true (g_main_context_acquire (context));
  g_main_context_prepare (context, &priority);
  n = g_main_context_query (context, G_PRIORITY_LOW, &timeout, fds, N_MANY);
  g_main_context_release (context);
  return n;
}

/* Of all that wait, the main loop knows one. */
static void
test_many_cost_the_loop_what_one_costs (void)
{
  End ends[N_MANY] = { 0 };
  int before, with_one;

  turn ();
  before = polled ();
  open_end (&ends[0]);
  with_one = polled ();
  g_assert_cmpint (with_one, ==, before + 1);
  for (guint i = 1; i < N_MANY; i++)
    open_end (&ends[i]);
  g_assert_cmpint (polled (), ==, with_one);
  for (guint i = 0; i < N_MANY; i++)
    say (&ends[i]);
  turn ();
  for (guint i = 0; i < N_MANY; i++)
    {
      g_assert_cmpuint (ends[i].told, ==, 1);
      close_end (&ends[i]);
    }
  g_assert_cmpint (polled (), ==, before);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fd-watch/it-is-told-until-it-is-removed", test_told_until_removed);
  g_test_add_func ("/fd-watch/no-more-is-told-once-it-says-so", test_no_more_once_it_says_so);
  g_test_add_func ("/fd-watch/a-hang-up-is-told", test_hang_up_is_told);
  g_test_add_func ("/fd-watch/one-may-end-another-and-itself", test_one_ends_another);
  g_test_add_func ("/fd-watch/in-the-order-in-which-it-happened", test_in_the_order_in_which_it_happened);
  g_test_add_func ("/fd-watch/the-same-descriptor-twice", test_twice_the_same);
  g_test_add_func ("/fd-watch/what-epoll-refuses-is-watched-too", test_what_epoll_refuses);
  g_test_add_func ("/fd-watch/many-cost-the-loop-what-one-costs", test_many_cost_the_loop_what_one_costs);
  return g_test_run ();
}
