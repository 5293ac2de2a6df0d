/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hrctl-fixture.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

/* No run of hrctl in these tests takes longer, under valgrind either, in seconds. */
#define DEADLINE_SEC 60

void
hrctl_fixture_set_up (HrctlFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->dbus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_test_dbus_up (fixture->dbus);
  fixture->bus = g_dbus_connection_new_for_address_sync (g_test_dbus_get_bus_address (fixture->dbus),
                                                         G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
                                                             | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                                         NULL, NULL, &error);
  g_assert_no_error (error);

  fixture->dir = g_dir_make_tmp ("hrctl-test-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->fake = fake_manager_new (fixture->bus);
  fake_manager_set_directory (fixture->fake, fixture->dir);

  hrctl_fixture_setenv (fixture, "PATH", g_getenv ("PATH"));
  hrctl_fixture_setenv (fixture, "HOME", fixture->dir);
  hrctl_fixture_setenv (fixture, "XDG_STATE_HOME", fixture->dir);
  hrctl_fixture_setenv (fixture, "LC_ALL", "C.UTF-8");
  hrctl_fixture_setenv (fixture, "TZ", "UTC");
  hrctl_fixture_setenv (fixture, "DBUS_SESSION_BUS_ADDRESS", g_test_dbus_get_bus_address (fixture->dbus));
  /* No system bus of the machine is to answer. */
  hrctl_fixture_setenv (fixture, "DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus");
  /* What a sanitizer finds must not look like an exit code of hrctl. */
  hrctl_fixture_setenv (fixture, "ASAN_OPTIONS", "exitcode=99");
  hrctl_fixture_setenv (fixture, "UBSAN_OPTIONS", "exitcode=99");
  hrctl_fixture_setenv (fixture, "TSAN_OPTIONS", g_getenv ("TSAN_OPTIONS"));
}

static void
remove_dir (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      if (g_file_test (child, G_FILE_TEST_IS_DIR) && !g_file_test (child, G_FILE_TEST_IS_SYMLINK))
        remove_dir (child);
      else
        g_unlink (child);
    }
  g_rmdir (path);
}

void
hrctl_fixture_tear_down (HrctlFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_clear_pointer (&fixture->fake, fake_manager_free);
  /* The manager may have left it. */
  if (!g_dbus_connection_is_closed (fixture->bus))
    g_dbus_connection_close_sync (fixture->bus, NULL, &error);
  g_assert_no_error (error);
  g_object_unref (fixture->bus);
  g_test_dbus_down (fixture->dbus);
  g_object_unref (fixture->dbus);
  remove_dir (fixture->dir);
  g_free (fixture->dir);
  g_strfreev (fixture->environment);
}

void
hrctl_fixture_write (HrctlFixture *fixture, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (fixture->dir, name, NULL);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

/* %NULL as value takes the variable away. */
void
hrctl_fixture_setenv (HrctlFixture *fixture, const char *name, const char *value)
{
  if (fixture->environment == NULL)
    fixture->environment = g_new0 (char *, 1);

  if (value != NULL)
    fixture->environment = g_environ_setenv (fixture->environment, name, value, TRUE);
  else
    fixture->environment = g_environ_unsetenv (fixture->environment, name);
}

GSubprocess *
hrctl_spawn (HrctlFixture *fixture, const char *const *words)
{
  return hrctl_spawn_program (fixture, g_getenv ("HRCTL"), words);
}

static GSubprocess *
spawn (HrctlFixture *fixture, GSubprocessLauncher *launcher, const char *program, const char *const *words)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) command = NULL;
  GSubprocess *process;

  g_strv_builder_add (builder, program);
  for (guint i = 0; words[i] != NULL; i++)
    g_strv_builder_add (builder, words[i]);
  command = g_strv_builder_end (builder);

  g_subprocess_launcher_set_environ (launcher, fixture->environment);
  g_subprocess_launcher_set_cwd (launcher, fixture->dir);
  process = g_subprocess_launcher_spawnv (launcher, (const char *const *)command, &error);
  g_assert_no_error (error);
  return process;
}

/* Another program in the same surroundings. */
GSubprocess *
hrctl_spawn_program (HrctlFixture *fixture, const char *program, const char *const *words)
{
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);

  return spawn (fixture, launcher, program, words);
}

static gboolean
on_deadline (gpointer user_data)
{
  g_error ("hrctl took longer than %d s", DEADLINE_SEC);
  return G_SOURCE_REMOVE;
}

/* Runs the loop until @done says so. */
void
hrctl_wait (gboolean (*done) (gpointer), gpointer data)
{
  guint deadline = g_timeout_add_seconds (DEADLINE_SEC, on_deadline, NULL);

  while (!done (data))
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (deadline);
}

typedef struct {
  HrctlResult *result;
  gboolean done;
} Finish;

static void
on_communicated (GObject *source, GAsyncResult *async, gpointer user_data)
{
  Finish *finish = user_data;
  g_autoptr (GError) error = NULL;

  g_subprocess_communicate_utf8_finish (G_SUBPROCESS (source), async, &finish->result->out, &finish->result->err,
                                        &error);
  g_assert_no_error (error);
  finish->done = TRUE;
}

static gboolean
is_done (gpointer data)
{
  return ((Finish *)data)->done;
}

/* Collects what it printed until its end; a code of 128 + N for signal N. */
HrctlResult *
hrctl_finish (GSubprocess *process)
{
  Finish finish = { g_new0 (HrctlResult, 1), FALSE };

  g_subprocess_communicate_utf8_async (process, NULL, NULL, on_communicated, &finish);
  hrctl_wait (is_done, &finish);
  finish.result->code = g_subprocess_get_if_exited (process) ? g_subprocess_get_exit_status (process)
                                                             : 128 + g_subprocess_get_term_sig (process);
  return finish.result;
}

HrctlResult *
hrctl_run (HrctlFixture *fixture, ...)
{
  g_autoptr (GPtrArray) words = g_ptr_array_new ();
  g_autoptr (GSubprocess) process = NULL;
  va_list list;
  char *word;

  va_start (list, fixture);
  while ((word = va_arg (list, char *)) != NULL)
    g_ptr_array_add (words, word);
  va_end (list);
  g_ptr_array_add (words, NULL);

  process = hrctl_spawn (fixture, (const char *const *)words->pdata);
  return hrctl_finish (process);
}

/* The same with a terminal as standard output, which holds only some kilobytes. */
HrctlResult *
hrctl_run_on_terminal (HrctlFixture *fixture, const char *const *words)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  HrctlResult *result;
  struct termios raw;
  char buffer[4096];
  int controller, terminal;
  ssize_t n;

  g_assert_cmpint (openpty (&controller, &terminal, NULL, NULL, NULL), ==, 0);
  g_assert_cmpint (tcgetattr (terminal, &raw), ==, 0);
  cfmakeraw (&raw);
  g_assert_cmpint (tcsetattr (terminal, TCSANOW, &raw), ==, 0);
  g_subprocess_launcher_take_stdout_fd (launcher, terminal);
  process = spawn (fixture, launcher, g_getenv ("HRCTL"), words);
  g_subprocess_launcher_close (launcher);
  result = hrctl_finish (process);
  while ((n = read (controller, buffer, sizeof buffer)) > 0)
    g_string_append_len (text, buffer, n);
  close (controller);
  result->out = g_string_free (g_steal_pointer (&text), FALSE);
  return result;
}

void
hrctl_result_free (HrctlResult *self)
{
  g_free (self->out);
  g_free (self->err);
  g_free (self);
}

/* The document on one line, with its members in their order. */
char *
hrctl_compact_json (const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) node = json_from_string (text, &error);

  g_assert_no_error (error);
  g_assert_nonnull (node);
  return json_to_string (node, FALSE);
}
