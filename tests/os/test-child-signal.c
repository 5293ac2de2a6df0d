/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The end of a child is heard of, whoever started it.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "hr-child-signal.h"

#define DEADLINE_SEC 30

static gboolean
on_deadline (gpointer user_data)
{
  g_error ("the deadline passed");
  return G_SOURCE_REMOVE;
}

static gboolean
on_child (gpointer user_data)
{
  ++*(guint *)user_data;
  return G_SOURCE_CONTINUE;
}

static void
end_a_child (void)
{
  pid_t pid = fork ();

  if (pid == 0)
    _exit (0);
  g_assert_cmpint (pid, >, 0);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
}

static void
test_heard (void)
{
  g_autoptr (GError) error = NULL;
  guint heard = 0;
  guint deadline = g_timeout_add_seconds (DEADLINE_SEC, on_deadline, NULL);
  guint source = hr_child_signal_add (on_child, &heard, &error);

  g_assert_no_error (error);
  for (guint i = 1; i <= 3; i++)
    {
      end_a_child ();
      while (heard < i)
        g_main_context_iteration (NULL, TRUE);
      g_assert_cmpuint (heard, ==, i);
    }
  g_source_remove (source);
  g_source_remove (deadline);
}

static void
test_removed (void)
{
  g_autoptr (GError) error = NULL;
  guint heard = 0;
  guint source = hr_child_signal_add (on_child, &heard, &error);

  g_assert_no_error (error);
  g_source_remove (source);
  end_a_child ();
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (heard, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/child-signal/the-end-of-a-child-is-heard-of", test_heard);
  g_test_add_func ("/child-signal/nobody-hears-after-removal", test_removed);
  return g_test_run ();
}
