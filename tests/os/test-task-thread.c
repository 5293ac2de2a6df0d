/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <unistd.h>

#include "adopt-fixture.h"
#include "hr-error.h"
#include "hr-task-thread.h"

#define SHORT_MSEC 50
/* Longer than a test waits. */
#define LONG_MSEC (10 * DEADLINE_MSEC)

/* What a thread waits for, and what became of it. */
typedef struct {
  int ends[2]; /* it ends when something is written */
  gboolean fails;
  gboolean freed;
  gboolean returned;
  GError *error;
} Work;

static void
work_free (gpointer data)
{
  ((Work *)data)->freed = TRUE;
}

static gboolean
wait_for_byte (gpointer data, GCancellable *cancellable, GError **error)
{
  Work *work = data;
  char byte;

  g_assert_cmpint (TEMP_FAILURE_RETRY (read (work->ends[0], &byte, 1)), ==, 1);
  if (!work->fails)
    return TRUE;
  g_set_error_literal (error, HR_ERROR, HR_ERROR_FAILED, "as it was to");
  return FALSE;
}

static void
let_go (Work *work)
{
  char byte = 0;

  g_assert_cmpint (write (work->ends[1], &byte, 1), ==, 1);
}

static void
on_returned (GObject *source, GAsyncResult *result, gpointer data)
{
  Work *work = data;

  g_assert_false (work->returned);
  work->returned = TRUE;
  g_task_propagate_boolean (G_TASK (result), &work->error);
}

static void
begin (Work *work, GCancellable *cancellable, guint msec)
{
  GTask *task = g_task_new (NULL, cancellable, on_returned, work);

  g_assert_cmpint (pipe2 (work->ends, O_CLOEXEC), ==, 0);
  g_task_set_task_data (task, work, work_free);
  hr_task_thread_run_within (task, wait_for_byte, msec);
}

static void
end (Work *work)
{
  ADOPT_WAIT_FOR (work->freed);
  g_assert_true (work->returned);
  g_clear_error (&work->error);
  close (work->ends[0]);
  close (work->ends[1]);
}

static void
test_in_time (void)
{
  Work well = { 0 }, ill = { .fails = TRUE };

  begin (&well, NULL, LONG_MSEC);
  begin (&ill, NULL, LONG_MSEC);
  let_go (&well);
  let_go (&ill);
  ADOPT_WAIT_FOR (well.returned && ill.returned);
  g_assert_no_error (well.error);
  g_assert_error (ill.error, HR_ERROR, HR_ERROR_FAILED);
  end (&well);
  end (&ill);
}

/* The caller goes on; what the thread uses is there until it ends, and how it ends matters no more. */
static void
test_late (void)
{
  Work work = { .fails = TRUE };

  begin (&work, NULL, SHORT_MSEC);
  ADOPT_WAIT_FOR (work.returned);
  g_assert_error (work.error, HR_ERROR, HR_ERROR_TIMED_OUT);
  g_assert_false (work.freed);
  let_go (&work);
  end (&work);
}

static void
test_cancelled (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Work work = { 0 };

  begin (&work, cancellable, LONG_MSEC);
  g_cancellable_cancel (cancellable);
  ADOPT_WAIT_FOR (work.returned);
  g_assert_error (work.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_false (work.freed);
  let_go (&work);
  end (&work);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/task-thread/outcome-in-time", test_in_time);
  g_test_add_func ("/task-thread/deadline-does-not-wait-for-the-thread", test_late);
  g_test_add_func ("/task-thread/cancelling-does-not-wait-for-the-thread", test_cancelled);
  return g_test_run ();
}
