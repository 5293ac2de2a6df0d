/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hr-exec-args.h"
#include "hr-fd.h"
#include "hr-fs.h"

/* A source, a slot with other content, and a copy of the helper that every user may run. */
typedef struct {
  char *dir;
  char *source;
  char *slot;
  char *real;
  char *helper;
} Fixture;

static void
write_file (const char *dir, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (dir, name, NULL);
  g_autofree char *parent = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (parent, 0777), ==, 0);
  g_assert_cmpint (chmod (parent, 0777), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static char *
read_file (const char *dir, const char *name)
{
  g_autofree char *path = g_build_filename (dir, name, NULL);
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, NULL);
  return text;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autofree char *built = hr_exec_helper_path ();

  fixture->dir = g_dir_make_tmp ("hotreload-XXXXXX", NULL);
  g_assert_nonnull (fixture->dir);
  g_assert_cmpint (chmod (fixture->dir, 0755), ==, 0);
  fixture->source = g_build_filename (fixture->dir, "source", NULL);
  fixture->slot = g_build_filename (fixture->dir, "slot", NULL);
  fixture->real = g_build_filename (fixture->dir, "real", NULL);
  fixture->helper = g_build_filename (fixture->dir, "helper", NULL);
  g_assert_true (hr_fs_copy (built, fixture->helper, 0755, NULL));
  g_assert_cmpint (g_mkdir (fixture->real, 0755), ==, 0);
  write_file (fixture->source, "main", "the source's");
  write_file (fixture->source, "data/rows", "one row");
  write_file (fixture->source, ".git/HEAD", "a branch");
  write_file (fixture->slot, "main", "the slot's");
  write_file (fixture->slot, "data/rows", "never seen");
  write_file (fixture->slot, ".git/HEAD", "never seen");
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  hr_fs_remove_tree (fixture->dir, NULL);
  g_free (fixture->dir);
  g_free (fixture->source);
  g_free (fixture->slot);
  g_free (fixture->real);
  g_free (fixture->helper);
}

/* Runs the helper with the arguments, which end with NULL; *errors is what it or the program said on standard error. */
static int
run (GPtrArray *argv, char **output, char **errors)
{
  g_autoptr (GError) error = NULL;
  int status;

  g_ptr_array_add (argv, NULL);
  g_spawn_sync ("/", (char **)argv->pdata, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, output, errors, &status, &error);
  g_assert_no_error (error);
  g_assert_true (WIFEXITED (status));
  return WEXITSTATUS (status);
}

static GPtrArray *
helper_argv (Fixture *fixture, gboolean as_nobody)
{
  GPtrArray *argv = g_ptr_array_new_with_free_func (g_free);

  if (as_nobody)
    {
      g_ptr_array_add (argv, g_strdup ("setpriv"));
      g_ptr_array_add (argv, g_strdup ("--reuid=65534"));
      g_ptr_array_add (argv, g_strdup ("--regid=65534"));
      g_ptr_array_add (argv, g_strdup ("--clear-groups"));
    }
  g_ptr_array_add (argv, g_strdup (fixture->helper));
  return argv;
}

static void
add (GPtrArray *argv, const char *first, ...)
{
  va_list args;

  va_start (args, first);
  for (const char *word = first; word != NULL; word = va_arg (args, const char *))
    g_ptr_array_add (argv, g_strdup (word));
  va_end (args);
}

static HrView *
fixture_view (Fixture *fixture)
{
  const char *shares[] = { "data", NULL };
  const char *read_only[] = { ".git", NULL };

  return hr_view_new (fixture->source, fixture->slot, fixture->real, shares, read_only);
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
check_view (Fixture *fixture, gboolean as_nobody)
{
  static const char script[] =
      "set -e; test \"$(pwd)\" = \"$1\"; test \"$(cat \"$1/main\")\" = \"the slot's\"\n"
      "test \"$(cat data/rows)\" = 'one row'; echo 'two rows' >data/rows; echo kept >written\n"
      "test \"$(cat .git/HEAD)\" = 'a branch'; test \"$(cat \"$2/main\")\" = \"the source's\"\n"
      "if (echo x >.git/HEAD) 2>/dev/null; then exit 9; fi\n"
      "cat main";
  g_autoptr (GPtrArray) argv = helper_argv (fixture, as_nobody);
  g_autoptr (HrView) view = fixture_view (fixture);
  g_autofree char *output = NULL;
  g_autofree char *errors = NULL;
  g_autofree char *rows = NULL;
  g_autofree char *source_written = NULL;
  g_autofree char *slot_written = NULL;

  g_autofree char *data = g_build_filename (fixture->source, "data/rows", NULL);
  g_assert_cmpint (chmod (data, 0666), ==, 0);
  hr_exec_args_add_view (argv, view, FALSE);
  add (argv, "--session", "--directory", fixture->source, "--", "sh", "-c", script, "sh", fixture->source,
       fixture->real, NULL);
  g_assert_cmpint (run (argv, &output, &errors), ==, 0);
  g_assert_cmpstr (errors, ==, "");
  g_assert_cmpstr (output, ==, "the slot's");

  rows = read_file (fixture->source, "data/rows");
  g_assert_cmpstr (rows, ==, "two rows\n");
  source_written = read_file (fixture->source, "written");
  g_assert_null (source_written);
  slot_written = read_file (fixture->slot, "written");
  g_assert_cmpstr (slot_written, ==, "kept\n");
}

static void
test_view (Fixture *fixture, gconstpointer data)
{
  if (!skip_without_mounts ())
    check_view (fixture, FALSE);
}

static void
test_view_as_ordinary_user (Fixture *fixture, gconstpointer data)
{
  g_autofree char *setpriv = g_find_program_in_path ("setpriv");
  g_autoptr (GPtrArray) probe = helper_argv (fixture, TRUE);
  g_autofree char *why = NULL;

  if (geteuid () != 0 || setpriv == NULL)
    {
      g_test_skip ("not run here: only root can become another user");
      return;
    }
  add (probe, "--probe-view", NULL);
  if (run (probe, NULL, &why) != 0)
    {
      g_autofree char *message = g_strdup_printf ("not run here: %s", why);
      g_test_skip (message);
      return;
    }
  check_view (fixture, TRUE);
}

static void
test_shares_read_only (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) argv = helper_argv (fixture, FALSE);
  g_autoptr (HrView) view = fixture_view (fixture);
  g_autofree char *errors = NULL;
  g_autofree char *rows = NULL;

  if (skip_without_mounts ())
    return;
  hr_exec_args_add_view (argv, view, TRUE);
  add (argv, "--directory", fixture->source, "--", "sh", "-c", "echo changed >data/rows", NULL);
  g_assert_cmpint (run (argv, NULL, &errors), !=, 0);
  g_assert_nonnull (strstr (errors, "Read-only"));
  rows = read_file (fixture->source, "data/rows");
  g_assert_cmpstr (rows, ==, "one row");
}

static void
test_share_outside (Fixture *fixture, gconstpointer data)
{
  const char *shares[] = { "../real", NULL };
  g_autoptr (HrView) view = hr_view_new (fixture->source, fixture->slot, fixture->real, shares, NULL);
  g_autoptr (GPtrArray) argv = helper_argv (fixture, FALSE);
  g_autofree char *errors = NULL;

  if (skip_without_mounts ())
    return;
  hr_exec_args_add_view (argv, view, FALSE);
  add (argv, "--", "true", NULL);
  g_assert_cmpint (run (argv, NULL, &errors), ==, 126);
  g_assert_nonnull (strstr (errors, "../real"));
}

static void
test_missing_program (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) argv = helper_argv (fixture, FALSE);
  g_autofree char *status = g_build_filename (fixture->dir, "status", NULL);
  g_autofree char *text = NULL;
  g_autofree char *errors = NULL;

  /* A shell opens the status descriptor, as the launcher does with a pipe. */
  g_ptr_array_insert (argv, 0, g_strdup ("sh"));
  g_ptr_array_insert (argv, 1, g_strdup ("-c"));
  g_ptr_array_insert (argv, 2, g_strdup ("exec \"$@\" 9>\"$0\""));
  g_ptr_array_insert (argv, 3, g_strdup (status));
  add (argv, "--status-fd=9", "--", "no-such-program", NULL);
  g_assert_cmpint (run (argv, NULL, &errors), ==, 127);
  g_assert_cmpstr (errors, ==, "");
  text = read_file (fixture->dir, "status");
  g_assert_true (g_str_has_prefix (text, "program\n2\n"));
  g_assert_nonnull (strstr (text, "'no-such-program'"));
}

static void
test_status_is_empty_after_exec (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) argv = helper_argv (fixture, FALSE);
  g_autofree char *output = NULL;

  g_ptr_array_insert (argv, 0, g_strdup ("sh"));
  g_ptr_array_insert (argv, 1, g_strdup ("-c"));
  g_ptr_array_insert (argv, 2, g_strdup ("exec \"$@\" 9>/dev/null 8</dev/null"));
  g_ptr_array_insert (argv, 3, g_strdup ("sh"));
  add (argv, "--status-fd=9", "--", "ls", "/proc/self/fd", NULL);
  g_assert_cmpint (run (argv, &output, NULL), ==, 0);
  /* 3 is ls reading the directory. */
  g_assert_cmpstr (output, ==, "0\n1\n2\n3\n");
}

/* What the kernel has one number for, said in words that tell what to do. */
static void
test_reasons (Fixture *fixture, gconstpointer data)
{
  static const char other_machine[] = "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\377\377";
  static const struct {
    const char *text;
    gsize length;
    int mode;
    int status;
    const char *words;
  } cases[] = {
    { "#! /no/such/interpreter -x\n", 0, 0755, 127, "'./program', its interpreter '/no/such/interpreter' is missing" },
    { "#!/bin/sh\r\necho\r\n", 0, 0755, 127, "its lines end as on Windows, so that '/bin/sh' is not found" },
    { "#!/bin/sh\n", 0, 0644, 126, "'./program', it is not executable: 'chmod +x' makes it so" },
    { other_machine, sizeof other_machine - 1, 0755, 126, "it is made for another kind of machine, or damaged" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GPtrArray) argv = helper_argv (fixture, FALSE);
      g_autofree char *program = g_build_filename (fixture->source, "program", NULL);
      g_autofree char *errors = NULL;

      g_assert_true (
          g_file_set_contents (program, cases[i].text, cases[i].length > 0 ? (gssize)cases[i].length : -1, NULL));
      g_assert_cmpint (chmod (program, (mode_t)cases[i].mode), ==, 0);
      add (argv, "--directory", fixture->source, "--", "./program", NULL);
      g_assert_cmpint (run (argv, NULL, &errors), ==, cases[i].status);
      if (strstr (errors, cases[i].words) == NULL)
        g_assert_cmpstr (errors, ==, cases[i].words);
    }
}

static void
test_missing_linker (Fixture *fixture, gconstpointer data)
{
  static const char wanted[] = "/no/such/linker.so";
  g_autoptr (GPtrArray) argv = helper_argv (fixture, FALSE);
  g_autofree char *program = g_build_filename (fixture->source, "program", NULL);
  g_autofree char *errors = NULL;
  g_autofree char *text = NULL;
  char *at;
  gsize length;

  g_assert_true (g_file_get_contents (TEST_PROGRAM_DIR "/passed-program", &text, &length, NULL));
  at = memmem (text, length, "/ld-linux", strlen ("/ld-linux"));
  if (at == NULL)
    {
      g_test_skip ("not run here: programs have another dynamic linker");
      return;
    }
  while (at > text && at[-1] != '\0')
    at--;
  g_assert_cmpuint (strlen (at), >=, strlen (wanted));
  strcpy (at, wanted);
  g_assert_true (g_file_set_contents (program, text, (gssize)length, NULL));
  g_assert_cmpint (chmod (program, 0755), ==, 0);
  add (argv, "--", program, NULL);
  g_assert_cmpint (run (argv, NULL, &errors), ==, 127);
  g_assert_nonnull (strstr (errors, "its interpreter '/no/such/linker.so"));
}

static void
test_directory_as_program (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) argv = helper_argv (fixture, FALSE);
  g_autofree char *errors = NULL;

  add (argv, "--", fixture->source, NULL);
  g_assert_cmpint (run (argv, NULL, &errors), ==, 126);
  g_assert_nonnull (strstr (errors, "Is a directory"));
}

/* Without a first line that names one, the shell is the interpreter, as it is for a shell. */
static void
test_plain_script (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) argv = helper_argv (fixture, FALSE);
  g_autofree char *script = g_build_filename (fixture->source, "script", NULL);
  g_autofree char *output = NULL;

  write_file (fixture->source, "script", "echo shell\n");
  g_assert_cmpint (chmod (script, 0755), ==, 0);
  add (argv, "--directory", fixture->source, "--", "./script", NULL);
  g_assert_cmpint (run (argv, &output, NULL), ==, 0);
  g_assert_cmpstr (output, ==, "shell\n");
}

static void
test_log_is_appended (Fixture *fixture, gconstpointer data)
{
  g_autofree char *log = g_build_filename (fixture->dir, "log", NULL);
  g_autofree char *text = NULL;

  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GPtrArray) argv = helper_argv (fixture, FALSE);

      add (argv, "--log", log, "--", "sh", "-c", "echo out; echo err >&2; cat", NULL);
      g_assert_cmpint (run (argv, NULL, NULL), ==, 0);
    }
  text = read_file (fixture->dir, "log");
  g_assert_cmpstr (text, ==, "out\nerr\nout\nerr\n");
}

static void
test_session (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) argv = helper_argv (fixture, FALSE);
  g_autofree char *output = NULL;

  add (argv, "--session", "--", "sh", "-c",
       "read -r pid name state parent group session rest </proc/$$/stat; "
       "echo $((pid == group)) $((pid == session))",
       NULL);
  g_assert_cmpint (run (argv, &output, NULL), ==, 0);
  g_assert_cmpstr (output, ==, "1 1\n");
}

static void
ignore_signals (gpointer data)
{
  sigset_t all;

  signal (SIGTERM, SIG_IGN);
  sigfillset (&all);
  sigprocmask (SIG_SETMASK, &all, NULL);
}

static void
test_signals_are_reset (Fixture *fixture, gconstpointer data)
{
  g_autofree char *output = NULL;
  g_autoptr (GError) error = NULL;
  char *argv[] = { fixture->helper,
                   (char *)"--reset-signals",
                   (char *)"--",
                   (char *)"sed",
                   (char *)"-n",
                   (char *)"/^SigBlk\\|^SigIgn/p",
                   (char *)"/proc/self/status",
                   NULL };

  g_spawn_sync ("/", argv, NULL, G_SPAWN_DEFAULT, ignore_signals, NULL, &output, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (output, ==, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static void
test_listeners (Fixture *fixture, gconstpointer data)
{
  static const char script[] = "echo $LISTEN_FDS $LISTEN_FDNAMES $((LISTEN_PID == $$)); readlink /proc/self/fd/3";
  g_auto (HrFd) listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const char *argv[] = { fixture->helper, "--listen-fds=1", "--listen-names=http", "--", "sh", "-c", script, NULL };
  const int targets[] = { 3 };
  g_auto (HrFd) output = -1;
  g_autofree char *expected = NULL;
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  char link[64], path[64], buffer[256];
  ssize_t length, total = 0;
  GPid pid;
  int status;

  g_spawn_async_with_pipes_and_fds ("/", argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, -1, -1, -1, &listener,
                                    targets, 1, &pid, NULL, &output, NULL, &error);
  g_assert_no_error (error);
  while ((length = read (output, buffer + total, sizeof buffer - 1 - (size_t)total)) > 0)
    total += length;
  buffer[total] = '\0';
  g_assert_cmpint (TEMP_FAILURE_RETRY (waitpid (pid, &status, 0)), ==, pid);
  g_assert_cmpint (status, ==, 0);

  g_snprintf (path, sizeof path, "/proc/self/fd/%d", listener);
  length = readlink (path, link, sizeof link - 1);
  g_assert_cmpint (length, >, 0);
  link[length] = '\0';
  expected = g_strdup_printf ("1 http 1\n%s\n", link);
  g_assert_cmpstr (buffer, ==, expected);
  /* A program that takes over a socket expects it to block. */
  g_assert_cmpint (fcntl (listener, F_GETFL) & O_NONBLOCK, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add ("/exec-helper/" path, Fixture, NULL, set_up, func, tear_down)
  ADD ("view-shows-slot-at-the-source-path", test_view);
  ADD ("view-works-for-an-ordinary-user", test_view_as_ordinary_user);
  ADD ("shares-are-read-only-for-checks", test_shares_read_only);
  ADD ("share-never-leaves-the-source", test_share_outside);
  ADD ("missing-program-is-named", test_missing_program);
  ADD ("program-gets-no-stray-descriptor", test_status_is_empty_after_exec);
  ADD ("reason-tells-what-to-do", test_reasons);
  ADD ("missing-linker-is-named", test_missing_linker);
  ADD ("directory-is-no-program", test_directory_as_program);
  ADD ("plain-script-is-run-by-the-shell", test_plain_script);
  ADD ("log-is-appended", test_log_is_appended);
  ADD ("program-leads-its-session", test_session);
  ADD ("signals-are-reset", test_signals_are_reset);
  ADD ("listeners-come-with-own-pid", test_listeners);
  return g_test_run ();
}
