/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-main-process.c: instances that name another main process (MAINPID=), with real ones.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hr-exec-launcher.h"
#include "hr-fs.h"
#include "hr-process-tree.h"
#include "hr-scm-rights.h"

/* An event that has not come after this never will. */
#define DEADLINE_MSEC 20000
/* Longer than a test takes. */
#define FOREVER "1000"

typedef struct {
  char *dir;
  HrLauncher *launcher;
  HrInstance *instance;
  GPtrArray *notes;
  guint ended; /* how often that was said */
  gboolean exited;
  gboolean known;
  int status;
} Fixture;

static char *self_program;

static gboolean
on_deadline (gpointer data)
{
  g_error ("nothing happened for %d s", DEADLINE_MSEC / 1000);
  return G_SOURCE_REMOVE;
}

static gboolean
once_more (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

/* Runs the main loop until the condition holds. */
#define WAIT_FOR(condition)                                                                                            \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    guint deadline = g_timeout_add (DEADLINE_MSEC, on_deadline, NULL);                                                 \
    guint tick = g_timeout_add (2, once_more, NULL);                                                                   \
    while (!(condition))                                                                                               \
      g_main_context_iteration (NULL, TRUE);                                                                           \
    g_source_remove (deadline);                                                                                        \
    g_source_remove (tick);                                                                                            \
  }                                                                                                                    \
  G_STMT_END

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->dir = g_dir_make_tmp ("hotreload-XXXXXX", NULL);
  fixture->launcher = hr_exec_launcher_new (fixture->dir, &error);
  g_assert_no_error (error);
  fixture->notes = g_ptr_array_new_with_free_func (g_free);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_assert_true (fixture->exited);
  g_assert_finalize_object (fixture->instance);
  g_assert_finalize_object (fixture->launcher);
  g_ptr_array_unref (fixture->notes);
  hr_fs_remove_tree (fixture->dir, NULL);
  g_free (fixture->dir);
}

static void
on_notify (HrInstance *instance, const char *const *assignments, HrSentFds *sent, gpointer user_data)
{
  Fixture *fixture = user_data;

  for (; *assignments != NULL; assignments++)
    g_ptr_array_add (fixture->notes, g_strdup (*assignments));
}

static void
on_ended (HrInstance *instance, gpointer user_data)
{
  Fixture *fixture = user_data;

  g_assert_false (fixture->exited);
  fixture->ended++;
}

static void
on_exited (HrInstance *instance, int status, gboolean known, gpointer user_data)
{
  Fixture *fixture = user_data;

  g_assert_false (fixture->exited);
  fixture->exited = TRUE;
  fixture->status = status;
  fixture->known = known;
}

/* A script that may call "say TEXT", "put FILE" (its own number, in one piece) and "await FILE". */
static void
launch (Fixture *fixture, const char *script)
{
  const char *const environment[] = { "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C", NULL };
  g_autofree char *whole = g_strconcat ("SAY='", self_program, "'; say () { '", self_program,
                                        "' --say \"$1\"; }\n"
                                        "put () { echo ${2:-$$} >$1.tmp; mv $1.tmp $1; }\n"
                                        "await () { while [ ! -e $1 ]; do sleep 0.005; done; }\n",
                                        script, NULL);
  const char *argv[] = { "sh", "-c", whole, NULL };
  const HrLaunch what = { .service = "svc",
                          .id = "svc-1-test",
                          .directory = fixture->dir,
                          .argv = argv,
                          .environment = environment,
                          .stdout_fd = -1,
                          .stderr_fd = -1 };
  g_autoptr (GError) error = NULL;

  fixture->instance = hr_launcher_launch (fixture->launcher, &what, &error);
  g_assert_no_error (error);
  g_signal_connect (fixture->instance, "notify-socket", G_CALLBACK (on_notify), fixture);
  g_signal_connect (fixture->instance, "ended", G_CALLBACK (on_ended), fixture);
  g_signal_connect (fixture->instance, "exited", G_CALLBACK (on_exited), fixture);
}

static GPid
await_pid (Fixture *fixture, const char *name)
{
  g_autofree char *path = g_build_filename (fixture->dir, name, NULL);
  g_autofree char *text = NULL;

  WAIT_FOR (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return atoi (text);
}

static void
put (Fixture *fixture, const char *name)
{
  g_autofree char *path = g_build_filename (fixture->dir, name, NULL);

  g_assert_true (g_file_set_contents (path, "", 0, NULL));
}

static gboolean
is_gone (GPid pid)
{
  HrProcess process;

  return !hr_process_read (pid, &process) || process.state == 'Z';
}

static gboolean
says (Fixture *fixture, const char *what)
{
  return g_ptr_array_find_with_equal_func (fixture->notes, what, g_str_equal, NULL);
}

static void
expect_exited (Fixture *fixture, int wait_status)
{
  WAIT_FOR (fixture->exited);
  g_assert_true (fixture->known);
  g_assert_cmpint (fixture->status, ==, wait_status);
}

/* In a subshell $$ is the shell's own. */
#define FORK "put_self () { sh -c 'echo $PPID' >$1.tmp; mv $1.tmp $1; }\n"

static void
test_leader_ends (Fixture *fixture, gconstpointer data)
{
  GPid main_pid, leader;

  launch (fixture,
          FORK "put leader\n(put_self main; say MAINPID=$(cat main); put told; sleep " FOREVER "; :) & await told");
  leader = await_pid (fixture, "leader");
  main_pid = await_pid (fixture, "main");
  WAIT_FOR (is_gone (leader));
  g_assert_cmpint (main_pid, !=, leader);
  g_assert_cmpint (hr_instance_get_pid (fixture->instance), ==, main_pid);
  g_assert_false (fixture->exited);
  g_assert_false (is_gone (main_pid));
  /* It is it that is told to stop. */
  hr_instance_stop (fixture->instance, SIGTERM);
  expect_exited (fixture, W_EXITCODE (0, SIGTERM));
}

/* How it ends is how the instance ends; what it leaves behind is killed. */
static void
test_main_ends (Fixture *fixture, gconstpointer data)
{
  GPid left, leader;

  launch (fixture, FORK "put leader\n(put_self main; say MAINPID=$(cat main); put told; await go; setsid sleep " FOREVER
                        " & put left $!; exit 7) & await told");
  leader = await_pid (fixture, "leader");
  await_pid (fixture, "told");
  WAIT_FOR (is_gone (leader));
  put (fixture, "go");
  left = await_pid (fixture, "left");
  expect_exited (fixture, W_EXITCODE (7, 0));
  g_assert_true (is_gone (left));
}

/* Though the one that was started runs on: that is killed, too. */
static void
test_main_ends_first (Fixture *fixture, gconstpointer data)
{
  GPid leader;

  launch (fixture,
          FORK "trap '' TERM; put leader\n(put_self main; say MAINPID=$(cat main); put told; await go; exit 7) &\n"
               "while :; do sleep " FOREVER "; done");
  leader = await_pid (fixture, "leader");
  await_pid (fixture, "told");
  put (fixture, "go");
  WAIT_FOR (fixture->exited);
  g_assert_cmpuint (fixture->ended, ==, 1);
  g_assert_true (is_gone (leader));
  if (fixture->known)
    g_assert_cmpint (fixture->status, ==, W_EXITCODE (7, 0));
}

static void
test_kill (Fixture *fixture, gconstpointer data)
{
  GPid leader, main_pid;

  launch (fixture,
          FORK "trap '' TERM HUP; put leader\n"
               "(setsid sh -c 'echo $$ >main.tmp; mv main.tmp main; trap \"\" TERM; while :; do sleep " FOREVER
               "; done' &)\nawait main; say MAINPID=$(cat main); put told; while :; do sleep " FOREVER "; done");
  leader = await_pid (fixture, "leader");
  await_pid (fixture, "told");
  main_pid = await_pid (fixture, "main");
  g_assert_cmpint (hr_instance_get_pid (fixture->instance), ==, main_pid);
  hr_instance_kill (fixture->instance);
  WAIT_FOR (fixture->exited);
  g_assert_true (is_gone (leader));
  g_assert_true (is_gone (main_pid));
}

/* From one to the next; the end of what was the main process before is nothing. */
static void
test_passes_on (Fixture *fixture, gconstpointer data)
{
  GPid first, second;

  launch (fixture,
          FORK "(put_self first; say MAINPID=$(cat first); put told;\n"
               " (put_self second; say MAINPID=$(cat second); put told2; await go; exit 4) & await told2; exit 9) &\n"
               "await told");
  first = await_pid (fixture, "first");
  await_pid (fixture, "told2");
  second = await_pid (fixture, "second");
  WAIT_FOR (is_gone (first));
  g_assert_false (fixture->exited);
  g_assert_cmpint (hr_instance_get_pid (fixture->instance), ==, second);
  put (fixture, "go");
  expect_exited (fixture, W_EXITCODE (4, 0));
}

/* And back to the one that was started. */
static void
test_back_to_leader (Fixture *fixture, gconstpointer data)
{
  GPid leader;

  launch (fixture,
          FORK "put leader\n(put_self main; say MAINPID=$(cat main); put told; await back; exit 9) & await told\n"
               "say MAINPID=$$; put back; wait; await go; exit 5");
  leader = await_pid (fixture, "leader");
  await_pid (fixture, "back");
  WAIT_FOR (is_gone (await_pid (fixture, "main")));
  g_assert_cmpint (hr_instance_get_pid (fixture->instance), ==, leader);
  g_assert_false (fixture->exited);
  put (fixture, "go");
  expect_exited (fixture, W_EXITCODE (5, 0));
}

/* Neither what is not of the instance, nor what has ended, nor what is no number. */
static void
test_is_not_believed (Fixture *fixture, gconstpointer data)
{
  const char *argv[] = { "sleep", FOREVER, NULL };
  g_autoptr (GSubprocess) other = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_NONE, NULL);
  g_autofree char *script = g_strdup_printf (
      "put leader; sh -c 'exit 0' & ended=$!; wait\n"
      "for pid in %s %d 1 0 -1 2147483647 99999999999999999999 $ended '' x 0x1 ' 7'; do say \"MAINPID=$pid\"; done\n"
      "put told; await go; exit 6",
      g_subprocess_get_identifier (other), (int)getpid ());
  GPid leader;

  launch (fixture, script);
  leader = await_pid (fixture, "leader");
  await_pid (fixture, "told");
  g_assert_cmpint (hr_instance_get_pid (fixture->instance), ==, leader);
  put (fixture, "go");
  expect_exited (fixture, W_EXITCODE (6, 0));
  g_assert_nonnull (g_subprocess_get_identifier (other));
  g_subprocess_force_exit (other);
  g_assert_true (g_subprocess_wait (other, NULL, NULL));
}

/* It goes on being heard when nothing else tells that it is of the instance: neither session nor environment nor
 * parents. */
static void
test_is_heard (Fixture *fixture, gconstpointer data)
{
  launch (fixture, "(env -i PATH=$PATH NOTIFY_SOCKET=$NOTIFY_SOCKET SAY=\"$SAY\" setsid sh -c '\n"
                   "echo $$ >main.tmp; mv main.tmp main; while [ ! -e alone ]; do sleep 0.005; done\n"
                   "\"$SAY\" --say STATUS=alone; echo >said; while [ ! -e go ]; do sleep 0.005; done; exit 8' &\n"
                   "await main; say MAINPID=$(cat main); put told; await gone) & await told");
  await_pid (fixture, "told");
  put (fixture, "gone");
  put (fixture, "alone");
  await_pid (fixture, "said");
  put (fixture, "go");
  expect_exited (fixture, W_EXITCODE (8, 0));
  g_assert_true (says (fixture, "STATUS=alone"));
}

/* What it leaves behind talks faster than it is listened to. */
static void
test_flood (Fixture *fixture, gconstpointer data)
{
  launch (fixture, "for i in 1 2 3 4; do setsid \"$SAY\" --flood & done; await go; exit 7");
  WAIT_FOR (says (fixture, "STATUS=flood"));
  put (fixture, "go");
  expect_exited (fixture, W_EXITCODE (7, 0));
}

/* Run as a service: says it, then waits until the daemon has closed the barrier's descriptor. */
static int
say (const char *text)
{
  const char *where = g_getenv ("NOTIFY_SOCKET");
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct iovec barrier = { .iov_base = (char *)"BARRIER=1", .iov_len = 9 };
  HrScmRights control;
  struct msghdr header = { .msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &barrier, .msg_iovlen = 1 };
  struct pollfd closed = { .events = 0 };
  int ends[2];

  g_strlcpy (address.sun_path, where, sizeof address.sun_path);
  if (sendto (fd, text, strlen (text), 0, (struct sockaddr *)&address, sizeof address) < 0
      || pipe2 (ends, O_CLOEXEC) < 0)
    return 1;
  hr_scm_rights_attach (&header, &control, &ends[1], 1);
  if (sendmsg (fd, &header, 0) < 0)
    return 2;
  close (ends[1]);
  closed.fd = ends[0];
  return poll (&closed, 1, DEADLINE_MSEC) == 1 ? 0 : 3;
}

/* Run as a service: says something for ever. */
static int
flood (void)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, g_getenv ("NOTIFY_SOCKET"), sizeof address.sun_path);
  while (sendto (fd, "STATUS=flood", 12, 0, (struct sockaddr *)&address, sizeof address) > 0)
    ;
  return 0;
}

int
main (int argc, char **argv)
{
  if (argc == 2 && g_str_equal (argv[1], "--flood"))
    return flood ();
  if (argc == 3 && g_str_equal (argv[1], "--say"))
    return say (argv[2]);
  self_program = g_file_read_link ("/proc/self/exe", NULL);
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add ("/main-process/" path, Fixture, NULL, set_up, func, tear_down)
  ADD ("the-one-that-was-started-may-end", test_leader_ends);
  ADD ("its-end-is-the-instances", test_main_ends);
  ADD ("its-end-ends-the-one-that-was-started", test_main_ends_first);
  ADD ("kill-ends-both", test_kill);
  ADD ("passes-on", test_passes_on);
  ADD ("back-to-the-one-that-was-started", test_back_to_leader);
  ADD ("is-not-believed", test_is_not_believed);
  ADD ("flood-does-not-keep-it-from-ending", test_flood);
  ADD ("is-heard-when-it-is-alone", test_is_heard);
  return g_test_run ();
}
