/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-exec-args.h"
#include "hr-exec-instance.h"
#include "hr-exec-launcher.h"
#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-leftover.h"
#include "hr-names.h"
#include "hr-process-tree.h"
#include "hr-scm-rights.h"

/* An event that has not come after this never will. */
#define DEADLINE_MSEC 20000

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
  if (fixture->instance != NULL)
    g_assert_finalize_object (fixture->instance);
  g_assert_finalize_object (fixture->launcher);
  g_ptr_array_unref (fixture->notes);
  hr_fs_remove_tree (fixture->dir, NULL);
  g_free (fixture->dir);
}

static gboolean
on_deadline (gpointer data)
{
  g_error ("nothing happened for %d s", DEADLINE_MSEC / 1000);
  return G_SOURCE_REMOVE;
}

/* Runs the main loop until the condition holds. */
#define WAIT_FOR(condition)                                                                                            \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    guint deadline = g_timeout_add (DEADLINE_MSEC, on_deadline, NULL);                                                 \
    while (!(condition))                                                                                               \
      g_main_context_iteration (NULL, TRUE);                                                                           \
    g_source_remove (deadline);                                                                                        \
  }                                                                                                                    \
  G_STMT_END

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

static void
launch_with (Fixture *fixture, HrLaunch *launch)
{
  const char *const environment[] = { "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C", NULL };
  g_autoptr (GError) error = NULL;

  launch->service = "svc";
  launch->id = "svc-1-test";
  launch->directory = fixture->dir;
  if (launch->environment == NULL)
    launch->environment = environment;
  if (launch->log_file != NULL)
    launch->stdout_fd = launch->stderr_fd = -1;
  fixture->instance = hr_launcher_launch (fixture->launcher, launch, &error);
  g_assert_no_error (error);
  g_assert_false (fixture->exited);
  g_signal_connect (fixture->instance, "notify-socket", G_CALLBACK (on_notify), fixture);
  g_signal_connect (fixture->instance, "ended", G_CALLBACK (on_ended), fixture);
  g_signal_connect (fixture->instance, "exited", G_CALLBACK (on_exited), fixture);
}

static void
launch (Fixture *fixture, const char *const *argv)
{
  HrLaunch what = { .argv = argv, .stdout_fd = -1, .stderr_fd = -1 };

  launch_with (fixture, &what);
}

static void
launch_script (Fixture *fixture, const char *script)
{
  const char *argv[] = { "sh", "-c", script, NULL };

  launch (fixture, argv);
}

static char *
read_file (Fixture *fixture, const char *name)
{
  g_autofree char *path = g_build_filename (fixture->dir, name, NULL);
  char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) ? text : NULL;
}

static gboolean
once_more (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

/* Waits until a program of the instance has written a whole line to a file. */
static char *
await_line (Fixture *fixture, const char *name)
{
  guint tick = g_timeout_add (2, once_more, NULL);
  char *text = NULL;

  WAIT_FOR ((g_free (text), text = read_file (fixture, name)) != NULL && strchr (text, '\n') != NULL);
  g_source_remove (tick);
  return g_strchomp (text);
}

/* A process that is or was: its instance may have ended meanwhile, and all of it with it. */
static GPid
await_pid (Fixture *fixture, const char *name)
{
  g_autofree char *text = await_line (fixture, name);
  GPid pid = atoi (text);

  g_assert_cmpint (pid, >, 1);
  return pid;
}

static gboolean
is_gone (GPid pid)
{
  HrProcess process;

  return !hr_process_read (pid, &process) || process.state == 'Z';
}

static void
test_exit_status (Fixture *fixture, gconstpointer data)
{
  launch_script (fixture, "exit 3");
  WAIT_FOR (fixture->exited);
  g_assert_true (fixture->known);
  g_assert_true (WIFEXITED (fixture->status));
  g_assert_cmpint (WEXITSTATUS (fixture->status), ==, 3);
  g_assert_null (hr_instance_get_start_error (fixture->instance));
}

static void
test_stop_signals_main_process (Fixture *fixture, gconstpointer data)
{
  launch_script (fixture, "echo $$ >pid; exec sleep 1000");
  g_assert_cmpint (await_pid (fixture, "pid"), ==, hr_instance_get_pid (fixture->instance));
  hr_instance_stop (fixture->instance, SIGTERM);
  WAIT_FOR (fixture->exited);
  g_assert_true (WIFSIGNALED (fixture->status));
  g_assert_cmpint (WTERMSIG (fixture->status), ==, SIGTERM);
}

static void
test_term_is_not_kill (Fixture *fixture, gconstpointer data)
{
  GPid child;

  launch_script (fixture, "trap 'echo asked >asked' TERM; trap '' HUP; sleep 1000 & echo $! >child; "
                          "while :; do wait; done");
  child = await_pid (fixture, "child");
  hr_instance_stop (fixture->instance, SIGTERM);
  g_free (await_line (fixture, "asked"));
  g_assert_false (fixture->exited);
  g_assert_false (is_gone (child));
  hr_instance_kill (fixture->instance);
  WAIT_FOR (fixture->exited);
  g_assert_cmpint (WTERMSIG (fixture->status), ==, SIGKILL);
  g_assert_true (is_gone (child));
}

static void
test_leftovers (Fixture *fixture, gconstpointer data)
{
  GPid left;

  launch_script (fixture, "sleep 1000 & echo $! >child; exit 0");
  left = await_pid (fixture, "child");
  WAIT_FOR (fixture->exited);
  g_assert_cmpint (fixture->status, ==, 0);
  g_assert_true (is_gone (left));
}

/* For whoever counts the time in which nobody serves: what is left is only being looked for then. */
static void
test_end_is_told_at_once (Fixture *fixture, gconstpointer data)
{
  GPid left;

  launch_script (fixture, "sleep 1000 & echo $! >child; exit 3");
  left = await_pid (fixture, "child");
  WAIT_FOR (fixture->ended > 0);
  g_assert_false (fixture->exited);
  g_assert_true (hr_instance_has_ended (fixture->instance));
  WAIT_FOR (fixture->exited);
  g_assert_true (is_gone (left));
  g_assert_cmpuint (fixture->ended, ==, 1);
}

/* One left the session, the other threw away its environment; both are orphans. */
static void
test_strays (Fixture *fixture, gconstpointer data)
{
  GPid other_session, no_environment;

  launch_script (fixture, "(setsid sh -c 'echo $$ >left.tmp; mv left.tmp left; sleep 1000; :' &)\n"
                          "(env -i sh -c 'echo $$ >bare.tmp; mv bare.tmp bare; sleep 1000; :' &)\n"
                          "sleep 1000; :");
  other_session = await_pid (fixture, "left");
  no_environment = await_pid (fixture, "bare");
  hr_instance_kill (fixture->instance);
  WAIT_FOR (fixture->exited);
  g_assert_true (is_gone (other_session));
  g_assert_true (is_gone (no_environment));
}

/* A slot with one file, seen at the source's path; an ordinary user gets a user namespace with it. */
static HrView *
make_view (Fixture *fixture)
{
  g_autofree char *source = g_build_filename (fixture->dir, "source", NULL);
  g_autofree char *slot = g_build_filename (fixture->dir, "slot", NULL);
  g_autofree char *real = g_build_filename (fixture->dir, "real", NULL);
  g_autofree char *file = g_build_filename (slot, "file", NULL);

  g_assert_true (hr_fs_make_dir (source, 0755, NULL) && hr_fs_make_dir (slot, 0755, NULL)
                 && hr_fs_make_dir (real, 0755, NULL));
  g_assert_true (g_file_set_contents (file, "the slot's", -1, NULL));
  return hr_view_new (source, slot, real, NULL, NULL);
}

static gboolean
skip_without_mounts (void)
{
  g_autofree char *why = NULL;
  g_autofree char *message = NULL;

  if (hr_exec_can_mount (&why))
    return FALSE;
  message = g_strdup_printf ("not run here: %s", why);
  g_test_skip (message);
  return TRUE;
}

static void
test_ready_from_a_view (Fixture *fixture, gconstpointer data)
{
  g_autoptr (HrView) view = make_view (fixture);
  const char *argv[] = {
    "sh",         "-c",         "test \"$(cat \"$0/file\")\" = \"the slot's\" && exec \"$1\" --say READY=1",
    view->source, self_program, NULL
  };
  HrLaunch what = { .argv = argv, .view = view, .stdout_fd = -1, .stderr_fd = -1 };

  if (skip_without_mounts ())
    return;
  launch_with (fixture, &what);
  WAIT_FOR (fixture->exited);
  g_assert_cmpint (fixture->status, ==, 0);
  g_assert_cmpuint (fixture->notes->len, ==, 1);
  g_assert_cmpstr (g_ptr_array_index (fixture->notes, 0), ==, "READY=1");
}

static void
test_strays_of_a_view (Fixture *fixture, gconstpointer data)
{
  static const char script[] = "(setsid sh -c 'echo $$ >left.tmp; mv left.tmp left; sleep 1000; :' &)\n"
                               "sleep 1000; :";
  const char *argv[] = { "sh", "-c", script, NULL };
  g_autoptr (HrView) view = make_view (fixture);
  HrLaunch what = { .argv = argv, .view = view, .stdout_fd = -1, .stderr_fd = -1 };
  GPid left;

  if (skip_without_mounts ())
    return;
  launch_with (fixture, &what);
  left = await_pid (fixture, "left");
  hr_instance_kill (fixture->instance);
  WAIT_FOR (fixture->exited);
  g_assert_true (is_gone (left));
}

static void
test_others_live (Fixture *fixture, gconstpointer data)
{
  const char *argv[] = { "sleep", "1000", NULL };
  g_autoptr (GSubprocess) other = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_NONE, NULL);
  GPid pid = atoi (g_subprocess_get_identifier (other));

  launch_script (fixture, "sleep 1000; :");
  hr_instance_kill (fixture->instance);
  WAIT_FOR (fixture->exited);
  g_assert_false (is_gone (pid));
  g_subprocess_force_exit (other);
  g_assert_true (g_subprocess_wait (other, NULL, NULL));
  g_assert_true (g_subprocess_get_if_signaled (other));
}

static void
test_missing_program (Fixture *fixture, gconstpointer data)
{
  const char *argv[] = { "no-such-program", NULL };

  launch (fixture, argv);
  WAIT_FOR (fixture->exited);
  g_assert_error (hr_instance_get_start_error (fixture->instance), HR_ERROR, HR_ERROR_START_FAILED);
  g_assert_nonnull (strstr (hr_instance_get_start_error (fixture->instance)->message, "'no-such-program'"));
}

static void
test_missing_helper (Fixture *fixture, gconstpointer data)
{
  const char *argv[] = { "true", NULL };
  HrLaunch what = { .service = "svc", .id = "svc-1", .argv = argv, .stdout_fd = -1, .stderr_fd = -1 };
  g_autofree char *built = g_strdup (g_getenv (HR_ENV_LIBEXECDIR));
  g_autoptr (GError) error = NULL;

  g_setenv (HR_ENV_LIBEXECDIR, fixture->dir, TRUE);
  g_assert_null (hr_launcher_launch (fixture->launcher, &what, &error));
  g_setenv (HR_ENV_LIBEXECDIR, built, TRUE);
  g_assert_error (error, HR_ERROR, HR_ERROR_START_FAILED);
  g_assert_nonnull (strstr (error->message, HR_EXEC_HELPER));
}

static void
test_log (Fixture *fixture, gconstpointer data)
{
  g_autofree char *log = g_build_filename (fixture->dir, "log", NULL);
  const char *argv[] = { "sh", "-c", "echo said; echo cried >&2", NULL };
  HrLaunch what = { .argv = argv, .log_file = log };
  g_autofree char *text = NULL;

  g_assert_true (g_file_set_contents (log, "before\n", -1, NULL));
  launch_with (fixture, &what);
  WAIT_FOR (fixture->exited);
  text = read_file (fixture, "log");
  g_assert_cmpstr (text, ==, "before\nsaid\ncried\n");
}

static void
test_output_descriptors (Fixture *fixture, gconstpointer data)
{
  const char *argv[] = { "sh", "-c", "echo said; echo cried >&2; cat; ls /proc/self/fd", NULL };
  HrLaunch what = { .argv = argv };
  g_autofree char *path = g_build_filename (fixture->dir, "output", NULL);
  g_autofree char *text = NULL;
  g_auto (HrFd) fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

  what.stdout_fd = what.stderr_fd = fd;
  launch_with (fixture, &what);
  WAIT_FOR (fixture->exited);
  text = read_file (fixture, "output");
  g_assert_cmpstr (text, ==, "said\ncried\n0\n1\n2\n3\n");
}

static void
test_identity (Fixture *fixture, gconstpointer data)
{
  launch_script (fixture, "echo \"$HOTRELOAD_INSTANCE ${LISTEN_FDS-none} ${LD_PRELOAD-none}\" >identity");
  WAIT_FOR (fixture->exited);
  g_autofree char *text = read_file (fixture, "identity");
  g_assert_cmpstr (text, ==, "svc-1-test none none\n");
}

static gboolean
says (Fixture *fixture, const char *what)
{
  return g_ptr_array_find_with_equal_func (fixture->notes, what, g_str_equal, NULL);
}

static void
test_ready (Fixture *fixture, gconstpointer data)
{
  const char *argv[] = { self_program, "--say", "READY=1\nSTATUS=here", NULL };

  launch (fixture, argv);
  WAIT_FOR (says (fixture, "READY=1") && says (fixture, "STATUS=here"));
  /* The program ends with 0 once the barrier's descriptor is closed. */
  WAIT_FOR (fixture->exited);
  g_assert_cmpint (fixture->status, ==, 0);
  g_assert_cmpint (fixture->notes->len, ==, 2);
}

static void
test_ready_from_a_child (Fixture *fixture, gconstpointer data)
{
  const char *argv[] = { "sh", "-c", "setsid \"$0\" --say READY=1; exit 0", self_program, NULL };

  launch (fixture, argv);
  WAIT_FOR (fixture->exited);
  g_assert_cmpint (fixture->status, ==, 0);
  g_assert_true (says (fixture, "READY=1"));
}

/* Whoever is not of the instance may say what he likes. */
static void
test_foreign_ready (Fixture *fixture, gconstpointer data)
{
  g_autofree char *socket_path = g_build_filename (fixture->dir, "instances", "svc-1-test.notify", NULL);
  g_autofree char *gate = g_build_filename (fixture->dir, "gate", NULL);
  const char *argv[] = { "sh", "-c", "cat gate; exec \"$0\" --say STATUS=own", self_program, NULL };
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_auto (HrFd) fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  g_auto (HrFd) opened = -1;

  g_assert_cmpint (mkfifo (gate, 0600), ==, 0);
  launch (fixture, argv);
  g_strlcpy (address.sun_path, socket_path, sizeof address.sun_path);
  g_assert_cmpint (sendto (fd, "READY=1", 7, 0, (struct sockaddr *)&address, sizeof address), ==, 7);
  opened = open (gate, O_WRONLY | O_CLOEXEC);
  hr_fd_clear (&opened);
  WAIT_FOR (says (fixture, "STATUS=own"));
  g_assert_cmpint (fixture->notes->len, ==, 1);
  WAIT_FOR (fixture->exited);
}

static void
test_bad_messages (Fixture *fixture, gconstpointer data)
{
  g_autofree char *huge = g_strnfill (8192, 'x');
  const char *argv[] = { self_program, "--say", huge, NULL };

  launch (fixture, argv);
  WAIT_FOR (fixture->exited);
  g_assert_cmpint (fixture->status, ==, 0);
  g_assert_cmpint (fixture->notes->len, ==, 0);
}

static void
test_socket_is_private (Fixture *fixture, gconstpointer data)
{
  g_autofree char *dir = g_build_filename (fixture->dir, "instances", NULL);
  g_autofree char *socket_path = g_build_filename (dir, "svc-1-test.notify", NULL);
  GStatBuf info;

  launch_script (fixture, "sleep 1000");
  g_assert_cmpint (g_stat (dir, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 0777, ==, 0700);
  g_assert_cmpint (g_stat (socket_path, &info), ==, 0);
  hr_instance_kill (fixture->instance);
  WAIT_FOR (fixture->exited);
  g_assert_cmpint (g_stat (socket_path, &info), ==, -1);
}

static void
test_long_runtime_dir (Fixture *fixture, gconstpointer data)
{
  g_autofree char *name = g_strnfill (120, 'd');
  g_autofree char *dir = g_build_filename (fixture->dir, name, NULL);
  const char *argv[] = { self_program, "--say", "READY=1", NULL };
  HrLauncher *first = fixture->launcher;
  g_autoptr (GError) error = NULL;

  fixture->launcher = hr_exec_launcher_new (dir, &error);
  g_assert_no_error (error);
  launch (fixture, argv);
  WAIT_FOR (fixture->exited);
  g_assert_true (says (fixture, "READY=1"));
  g_assert_finalize_object (first);
}

static void
test_orphans_are_reaped (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GHashTable) keep = g_hash_table_new (NULL, NULL);
  g_autoptr (GHashTable) seen = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  guint tick = g_timeout_add (2, once_more, NULL);
  g_autofree char *gate = g_build_filename (fixture->dir, "gate", NULL);
  HrProcess process;
  GPid orphan;

  g_assert_cmpint (mkfifo (gate, 0600), ==, 0);
  launch_script (fixture, "(sh -c 'echo $$ >orphan.tmp; mv orphan.tmp orphan; read line <gate; exit 0' &)\n"
                          "sleep 1000; :");
  orphan = await_pid (fixture, "orphan");
  g_auto (HrFd) opened = open (gate, O_WRONLY | O_CLOEXEC);
  hr_fd_clear (&opened);
  WAIT_FOR (hr_process_read (orphan, &process) && process.state == 'Z');
  g_source_remove (tick);

  g_assert_cmpint (process.parent, ==, getpid ());
  hr_process_reap_strays (keep, seen);
  g_assert_true (hr_process_read (orphan, &process));
  hr_process_reap_strays (keep, seen);
  g_assert_false (hr_process_read (orphan, &process));
  g_assert_cmpuint (g_hash_table_size (seen), ==, 0);
  hr_instance_kill (fixture->instance);
  WAIT_FOR (fixture->exited);
}

static void
test_leaving_ends_nothing (Fixture *fixture, gconstpointer data)
{
  GPid pid;

  launch_script (fixture, "echo $$ >pid; exec sleep 1000");
  pid = await_pid (fixture, "pid");
  g_signal_handlers_disconnect_by_data (fixture->instance, fixture);
  g_assert_finalize_object (fixture->launcher);
  g_assert_finalize_object (g_steal_pointer (&fixture->instance));
  g_assert_false (is_gone (pid));
  kill (pid, SIGKILL);
  g_assert_cmpint (TEMP_FAILURE_RETRY (waitpid (pid, NULL, 0)), ==, pid);
  fixture->launcher = hr_exec_launcher_new (fixture->dir, NULL);
}

/* Run as a service: says it, then waits until the daemon has closed the barrier's descriptor. */
static int
say (const char *text)
{
  const char *where = g_getenv ("NOTIFY_SOCKET");
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  socklen_t length = (socklen_t)(offsetof (struct sockaddr_un, sun_path) + strlen (where));
  int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct iovec barrier = { .iov_base = (char *)"BARRIER=1", .iov_len = 9 };
  HrScmRights control;
  struct msghdr header = { .msg_name = &address, .msg_iov = &barrier, .msg_iovlen = 1 };
  struct pollfd closed = { .events = 0 };
  int ends[2];

  memcpy (address.sun_path, where, strlen (where));
  if (address.sun_path[0] == '@')
    address.sun_path[0] = '\0';
  header.msg_namelen = length;
  if (sendto (fd, text, strlen (text), 0, (struct sockaddr *)&address, length) < 0 || pipe2 (ends, O_CLOEXEC) < 0)
    return 1;
  hr_scm_rights_attach (&header, &control, &ends[1], 1);
  if (sendmsg (fd, &header, 0) < 0)
    return 2;
  close (ends[1]);
  closed.fd = ends[0];
  return poll (&closed, 1, DEADLINE_MSEC) == 1 ? 0 : 3;
}

static void
on_leftover_ended (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (hr_leftover_end_finish (result, &error));
  g_assert_no_error (error);
  *(gboolean *)user_data = TRUE;
}

/* What a daemon left when it died: asked, it ends in its own way; what does not is killed with all that it started. */
static void
end_leftover (Fixture *fixture, const char *script, gint64 patience)
{
  HrProcess process;
  gboolean ended = FALSE;
  GPid pid, child;

  launch_script (fixture, script);
  child = await_pid (fixture, "child");
  pid = await_pid (fixture, "pid");
  g_assert_true (hr_process_read (pid, &process));
  g_signal_handlers_disconnect_by_data (fixture->instance, fixture);
  g_assert_finalize_object (fixture->launcher);
  g_assert_finalize_object (g_steal_pointer (&fixture->instance));

  g_assert_false (hr_leftover_exists (pid, process.start + 1, "svc-1-test"));
  g_assert_true (hr_leftover_exists (pid, process.start, "svc-1-test"));
  hr_leftover_end_async (pid, process.start, "svc-1-test", SIGTERM, patience, on_leftover_ended, &ended);
  WAIT_FOR (ended);
  g_assert_true (is_gone (pid));
  g_assert_true (is_gone (child));
  g_assert_cmpint (TEMP_FAILURE_RETRY (waitpid (pid, NULL, 0)), ==, pid);
  fixture->launcher = hr_exec_launcher_new (fixture->dir, NULL);
}

static void
test_leftover_ends_by_itself (Fixture *fixture, gconstpointer data)
{
  g_autofree char *end = g_build_filename (fixture->dir, "end", NULL);

  end_leftover (fixture,
                "trap 'echo well >end; exit 0' TERM\nsleep 1000 & echo $! >child.tmp; mv child.tmp child\n"
                "echo $$ >pid.tmp; mv pid.tmp pid; wait",
                30 * G_USEC_PER_SEC);
  g_assert_true (g_file_test (end, G_FILE_TEST_EXISTS));
}

static void
test_deaf_leftover_is_killed (Fixture *fixture, gconstpointer data)
{
  end_leftover (fixture,
                "trap '' TERM\nsleep 1000 & echo $! >child.tmp; mv child.tmp child\n"
                "echo $$ >pid.tmp; mv pid.tmp pid; wait",
                50 * G_TIME_SPAN_MILLISECOND);
}

/* The daemon was re-executed, and a child of it ended in that moment: how is still known. */
static void
test_ended_meanwhile (Fixture *fixture, gconstpointer data)
{
  const char *const argv[] = { "program", NULL };
  HrLaunch what = { .service = "svc", .id = "ended", .argv = argv, .directory = "/", .stdout_fd = -1, .stderr_fd = -1 };
  g_autoptr (HrRunProcess) process = NULL;
  g_autoptr (GError) error = NULL;
  HrProcess found = { 0 };
  siginfo_t info;
  GPid pid = fork ();

  if (pid == 0)
    _exit (7);
  g_assert_cmpint (waitid (P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), ==, 0);
  g_assert_true (hr_process_read (pid, &found));
  process = hr_run_process_new (pid, found.start, "ended");
  g_assert_true (hr_launcher_finds (fixture->launcher, process));
  fixture->instance = hr_launcher_take_over (fixture->launcher, &what, process, &error);
  g_assert_no_error (error);
  g_signal_connect (fixture->instance, "exited", G_CALLBACK (on_exited), fixture);
  WAIT_FOR (fixture->exited);
  g_assert_true (fixture->known);
  g_assert_true (WIFEXITED (fixture->status));
  g_assert_cmpint (WEXITSTATUS (fixture->status), ==, 7);
  /* It is reaped, and so not found again. */
  g_assert_false (hr_launcher_finds (fixture->launcher, process));
}

int
main (int argc, char **argv)
{
  if (argc == 3 && g_str_equal (argv[1], "--say"))
    return say (argv[2]);
  self_program = g_file_read_link ("/proc/self/exe", NULL);
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add ("/exec-launcher/" path, Fixture, NULL, set_up, func, tear_down)
  ADD ("ended-meanwhile", test_ended_meanwhile);
  ADD ("exit-status-is-known", test_exit_status);
  ADD ("stop-signals-the-main-process", test_stop_signals_main_process);
  ADD ("term-asks-kill-ends-the-group", test_term_is_not_kill);
  ADD ("leftovers-end-with-the-main-process", test_leftovers);
  ADD ("end-of-the-main-process-is-told-before-what-is-left-has-ended", test_end_is_told_at_once);
  ADD ("strays-are-gone-after-kill", test_strays);
  ADD ("strays-of-a-view-are-gone-after-kill", test_strays_of_a_view);
  ADD ("processes-of-others-live", test_others_live);
  ADD ("missing-program-is-named", test_missing_program);
  ADD ("missing-helper-is-named", test_missing_helper);
  ADD ("log-is-appended", test_log);
  ADD ("output-goes-to-given-descriptors", test_output_descriptors);
  ADD ("program-knows-who-it-is", test_identity);
  ADD ("ready-arrives", test_ready);
  ADD ("ready-from-a-child-arrives", test_ready_from_a_child);
  ADD ("ready-from-a-view-arrives", test_ready_from_a_view);
  ADD ("ready-from-a-stranger-does-not", test_foreign_ready);
  ADD ("oversized-message-is-dropped", test_bad_messages);
  ADD ("socket-is-private-and-removed", test_socket_is_private);
  ADD ("long-runtime-directory-works", test_long_runtime_dir);
  ADD ("orphans-are-reaped", test_orphans_are_reaped);
  ADD ("leaving-ends-nothing", test_leaving_ends_nothing);
  ADD ("leftover-of-a-dead-daemon-ends-by-itself", test_leftover_ends_by_itself);
  ADD ("deaf-leftover-of-a-dead-daemon-is-killed", test_deaf_leftover_is_killed);
  return g_test_run ();
}
