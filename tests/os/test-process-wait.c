/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is said of a process that does not end.
 */
#include "hr-process-wait.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "native-only.h"

#define DEADLINE_USEC (30 * G_USEC_PER_SEC)
#define STEP_USEC (1 * G_TIME_SPAN_MILLISECOND)

static void
end (pid_t pid)
{
  kill (pid, SIGKILL);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
}

static void
expect (pid_t pid, const char *words)
{
  gint64 deadline = g_get_monotonic_time () + DEADLINE_USEC;

  for (;;)
    {
      g_autofree char *text = hr_process_describe_wait (pid);

      if (g_str_has_prefix (text, words))
        {
          g_test_message ("%s", text);
          return;
        }
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_usleep (STEP_USEC);
    }
}

static void
test_sleeps (void)
{
  pid_t pid = fork ();

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    for (;;)
      pause ();
  expect (pid, "it is in state S");
  end (pid);
}

/* Whoever calls vfork() may not be interrupted until its child lets go of its memory. */
static void
test_state_d (void)
{
  pid_t pid;

  if (native_only ("valgrind makes a fork() of vfork()"))
    return;
  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      pid_t parent = getpid ();

      if (vfork () == 0)
        {
          prctl (PR_SET_PDEATHSIG, SIGKILL);
          /* It may have been killed just before. */
          if (getppid () != parent)
            _exit (0);
          for (;;)
            pause ();
        }
      _exit (0);
    }
  expect (pid, "it is in state D");
  end (pid);
}

static void
test_gone (void)
{
  g_autofree char *text = NULL;
  pid_t pid = fork ();

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    _exit (0);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
  text = hr_process_describe_wait (pid);
  g_assert_cmpstr (text, ==, "nothing is known of it");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/process-wait/sleeps", test_sleeps);
  g_test_add_func ("/process-wait/state-d", test_state_d);
  g_test_add_func ("/process-wait/gone", test_gone);
  return g_test_run ();
}
