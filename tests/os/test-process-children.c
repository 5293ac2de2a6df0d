/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is found below this process, which reaps orphans.
 */
#include "hr-process-children.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adopt-fixture.h"
#include "hr-process-tree.h"

static void
become_reaper (gboolean reaper)
{
  g_assert_cmpint (prctl (PR_SET_CHILD_SUBREAPER, reaper ? 1 : 0, 0, 0, 0), ==, 0);
}

static void
rest_for_ever (void)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  for (;;)
    pause ();
}

static GPid
start (void)
{
  GPid pid = fork ();

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    rest_for_ever ();
  return pid;
}

static void
end (GPid pid)
{
  kill (pid, SIGKILL);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
}

/* Starts a process that starts one below it, and ends: that one is left to this process. */
static GPid
start_orphan (void)
{
  int ends[2];
  GPid parent, orphan;

  g_assert_cmpint (pipe (ends), ==, 0);
  parent = fork ();
  g_assert_cmpint (parent, >=, 0);
  if (parent == 0)
    {
      orphan = fork ();
      if (orphan == 0)
        for (;;)
          pause ();
      if (write (ends[1], &orphan, sizeof orphan) != sizeof orphan)
        _exit (1);
      _exit (0);
    }
  g_assert_cmpint (read (ends[0], &orphan, sizeof orphan), ==, sizeof orphan);
  g_assert_cmpint (waitpid (parent, NULL, 0), ==, parent);
  close (ends[0]);
  close (ends[1]);
  return orphan;
}

static gboolean
lists (GPid pid)
{
  g_autoptr (GArray) list = hr_process_children_list ();

  g_assert_nonnull (list);
  for (guint i = 0; i < list->len; i++)
    if (g_array_index (list, HrProcess, i).pid == pid)
      return TRUE;
  return FALSE;
}

static void
test_without_leaders (void)
{
  GPid leader = start (), other = start ();

  become_reaper (TRUE);
  hr_process_children_enter (leader);
  g_assert_false (lists (leader));
  g_assert_true (lists (other));
  g_assert_false (lists (getpid ()));
  hr_process_children_leave (leader);
  g_assert_true (lists (leader));
  hr_process_children_leave (leader);
  end (leader);
  end (other);
  g_assert_false (lists (other));
}

static void
test_orphans_and_what_is_below (void)
{
  GPid orphan, child;
  int ends[2];

  become_reaper (TRUE);
  orphan = start_orphan ();
  g_assert_true (lists (orphan));
  end (orphan);

  /* Below a child that lives. */
  g_assert_cmpint (pipe (ends), ==, 0);
  child = fork ();
  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      GPid below = start ();

      if (write (ends[1], &below, sizeof below) != sizeof below)
        _exit (1);
      rest_for_ever ();
    }
  g_assert_cmpint (read (ends[0], &orphan, sizeof orphan), ==, sizeof orphan);
  g_assert_true (lists (child));
  g_assert_true (lists (orphan));
  /* Of a leader, nothing is listed that is below it; of a leader that ended, all. */
  hr_process_children_enter (child);
  g_assert_false (lists (orphan));
  hr_process_children_leave (child);
  end (child);
  /* It may have been too young to notice the end of its parent. */
  kill (orphan, SIGKILL);
  ADOPT_WAIT_FOR (waitpid (orphan, NULL, WNOHANG) == orphan);
  close (ends[0]);
  close (ends[1]);
}

/* What others reap is not found here. */
static void
test_no_reaper (void)
{
  become_reaper (FALSE);
  g_assert_null (hr_process_children_list ());
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/process-children/without-the-leaders", test_without_leaders);
  g_test_add_func ("/process-children/orphans-and-what-is-below", test_orphans_and_what_is_below);
  g_test_add_func ("/process-children/one-that-is-no-reaper-does-not-know", test_no_reaper);
  return g_test_run ();
}
