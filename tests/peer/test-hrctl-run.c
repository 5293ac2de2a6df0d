/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hrctl run, monitor, logs --follow and check. Called as "hotreloadd", this program is a fake daemon of its own, for
 * the runs in which hrctl starts one.
 */
#include "hrctl-fixture.h"
#include "hrctl-reader.h"

#include <glib-unix.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <unistd.h>

#include "hr-config.h"
#include "hr-names.h"

static char *
read_file (HrctlFixture *f, const char *name)
{
  g_autofree char *path = g_build_filename (f->dir, name, NULL);
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, NULL);
  return text;
}

/* Puts this program on PATH as "hotreloadd". */
static void
install_daemon (HrctlFixture *f)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *link = g_build_filename (f->dir, "hotreloadd", NULL);
  g_autofree char *path = g_strdup_printf ("%s:%s", f->dir, g_getenv ("PATH"));

  g_assert_cmpint (symlink (self, link), ==, 0);
  hrctl_fixture_setenv (f, "PATH", path);
}

static void
test_run_passes_everything_on (HrctlFixture *f, gconstpointer data)
{
  g_autofree char *base = g_path_get_basename (f->dir);
  g_autofree char *lower = g_ascii_strdown (base, -1);
  g_autoptr (HrctlResult) r = NULL;
  g_autofree char *expected = NULL;
  g_autofree char *said = NULL;

  hrctl_fixture_setenv (f, "GREETING", "hello from the service\n");
  r = hrctl_run (f, "run", "--listen=127.0.0.1:0", "--", "sh", "-c", "echo \"it's 100%\" a;b", "", NULL);
  expected = g_strdup_printf ("RunTransient %s-sh\n[Service]\nExec=sh -c 'echo \"it'\\''s 100%%%%\" a;b' ''\n"
                              "Restart=no\nSource=%s\nListen=main=tcp:127.0.0.1:0\n\n[Watch]\nEnabled=yes\nin %s\n",
                              lower, f->dir, f->dir);

  g_assert_cmpstr (fake_manager_get_calls (f->fake), ==, expected);
  g_assert_cmpstr (r->out, ==, "hello from the service\n");
  said = g_strdup_printf ("hotreload: %s-sh: release 3 is live in 41 ms (2 files)\n"
                          "hotreload: %s-sh: rolled back from release 3 to 2: it ended\n",
                          lower, lower);
  g_assert_cmpstr (r->err, ==, said);
  g_assert_cmpint (r->code, ==, HR_EXIT_OK);
}

static void
test_run_of_a_service_that_failed_waits_and_is_1_at_its_end (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) r = NULL;

  fake_manager_set_run (f->fake, FAKE_RUN_FAILS);
  r = hrctl_run (f, "run", "--name=shop", "sh", "--inspect", "server.js", NULL);

  g_assert_cmpstr (r->err, ==,
                   "hotreload: shop: could not be started: phase ready\n  app.py:3: SyntaxError\n    def f(:\n"
                   "hotreload: shop: it is not running; waiting for a change\n"
                   "hrctl: shop failed: see its output\n");
  g_assert_cmpint (r->code, ==, HR_EXIT_FAILED);
  g_assert_nonnull (strstr (fake_manager_get_calls (f->fake), "Exec=sh --inspect server.js\n"));
}

/* What was never started waits for nothing. */
static void
test_run_of_what_its_checks_refuse_says_how_to_go_on (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) r = NULL;

  fake_manager_set_run (f->fake, FAKE_RUN_REFUSED);
  r = hrctl_run (f, "run", "--name=shop", "sh", "server.js", NULL);

  g_assert_cmpstr (r->err, ==,
                   "hotreload: shop: could not be started: phase check\n  app.py:3: SyntaxError\n    def f(:\n"
                   "hrctl: run: shop was not started: mend what the check names, or run it without with "
                   "--no-validate\n");
  g_assert_cmpint (r->code, ==, HR_EXIT_FAILED);
}

static void
test_run_without_checks (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) r = hrctl_run (f, "run", "--no-validate", "--name=shop", "true", NULL);

  g_assert_nonnull (strstr (fake_manager_get_calls (f->fake), "\n[Check]\nValidate=no\n"));
  g_assert_cmpint (r->code, ==, HR_EXIT_OK);
}

static gboolean
runs (gpointer data)
{
  return fake_manager_is_running (((HrctlFixture *)data)->fake);
}

static void
test_ctrl_c_stops_the_service (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (HrctlResult) r = NULL;

  fake_manager_set_run (f->fake, (FakeRun)GPOINTER_TO_INT (data));
  process = hrctl_spawn (f, (const char *const[]){ "run", "--name=shop", "cat", NULL });
  hrctl_wait (runs, f);
  g_subprocess_send_signal (process, SIGINT);
  r = hrctl_finish (process);

  g_assert_cmpstr (r->err, ==, "hotreload: shop: stopping\n");
  g_assert_cmpint (r->code, ==, HR_EXIT_OK);
  g_assert_true (g_str_has_suffix (fake_manager_get_calls (f->fake), "Stop shop\n"));
}

static void
test_run_without_a_daemon_starts_one (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) r = NULL;
  g_autofree char *arguments = NULL;

  g_clear_pointer (&f->fake, fake_manager_free);
  install_daemon (f);
  r = hrctl_run (f, "run", "true", NULL);
  arguments = read_file (f, "arguments");

  g_assert_true (g_str_has_prefix (r->err, "hotreload: no daemon was running: started one for this run\n"));
  g_assert_cmpint (r->code, ==, HR_EXIT_OK);
  g_assert_cmpstr (arguments, ==, "--session --exit-idle\n");
}

static void
test_run_without_a_bus_starts_one_and_leaves_nothing (HrctlFixture *f, gconstpointer data)
{
  g_autofree char *below = g_build_filename (f->dir, "hotreload", NULL);
  g_autofree char *abandoned = g_build_filename (below, "run-abandoned", NULL);
  g_autofree char *lock = g_build_filename (abandoned, "lock", NULL);
  g_autoptr (HrctlResult) r = NULL;
  g_autofree char *arguments = NULL;
  g_autoptr (GDir) left = NULL;

  g_assert_cmpint (g_mkdir_with_parents (abandoned, 0700), ==, 0);
  g_assert_true (g_file_set_contents (lock, "", 0, NULL));
  install_daemon (f);
  hrctl_fixture_setenv (f, "DBUS_SESSION_BUS_ADDRESS", NULL);
  hrctl_fixture_setenv (f, "HOTRELOAD_BUS", "session");
  r = hrctl_run (f, "run", "true", NULL);
  arguments = read_file (f, "arguments");

  g_assert_nonnull (strstr (r->err, "there is no session bus: started a bus and a daemon for this run\n"));
  g_assert_cmpint (r->code, ==, HR_EXIT_OK);
  g_assert_nonnull (strstr (arguments, "--state-dir="));

  left = g_dir_open (below, 0, NULL);
  g_assert_nonnull (left);
  g_assert_cmpstr (g_dir_read_name (left), ==, NULL);
}

static void
test_run_says_why_its_daemon_did_not_start (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) r = NULL;

  g_clear_pointer (&f->fake, fake_manager_free);
  install_daemon (f);
  hrctl_fixture_setenv (f, "FAKE_REFUSES", "the state directory is read-only");
  r = hrctl_run (f, "run", "true", NULL);

  g_assert_nonnull (strstr (r->err, "the state directory is read-only"));
  g_assert_cmpint (r->code, ==, HR_EXIT_FAILED);
}

static void
test_check_asks_the_daemons_program (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) text = NULL;
  g_autoptr (HrctlResult) json = NULL;

  g_clear_pointer (&f->fake, fake_manager_free);
  install_daemon (f);
  text = hrctl_run (f, "check", "--profile", "testing", "--", "-x.conf", NULL);
  g_assert_cmpstr (text->out, ==, "--check --profile=testing ./-x.conf\n");
  g_assert_cmpint (text->code, ==, HR_EXIT_FAILED);

  json = hrctl_run (f, "check", "--json", "x.conf", NULL);
  hrctl_assert_json (json, "{\"success\":false,\"messages\":[\"--check x.conf\"]}");
  g_assert_cmpint (json->code, ==, HR_EXIT_FAILED);
}

/* With nothing but hrctl itself, in a directory like that of a build. */
static void
test_check_says_where_it_looked (HrctlFixture *f, gconstpointer data)
{
  g_autofree char *build = g_build_filename (f->dir, "client", "hrctl", NULL);
  g_autofree char *copy = g_build_filename (build, "hrctl", NULL);
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *directory = g_build_filename (f->dir, "daemon", NULL);
  g_autofree char *program = g_build_filename (directory, "hotreloadd", NULL);
  g_autoptr (GFile) from = g_file_new_for_path (g_getenv ("HRCTL"));
  g_autoptr (GFile) to = g_file_new_for_path (copy);
  const char *const words[] = { "check", "x.conf", NULL };
  g_autoptr (GSubprocess) missing = NULL;
  g_autoptr (GSubprocess) built = NULL;
  g_autoptr (HrctlResult) nothing = NULL;
  g_autoptr (HrctlResult) found = NULL;

  if (g_file_test (HR_BINDIR "/hotreloadd", G_FILE_TEST_EXISTS))
    {
      g_test_skip ("not run here: hotreloadd is installed in " HR_BINDIR);
      return;
    }
  g_assert_cmpint (g_mkdir_with_parents (build, 0700), ==, 0);
  g_assert_cmpint (g_mkdir (directory, 0700), ==, 0);
  g_assert_true (g_file_copy (from, to, G_FILE_COPY_NONE, NULL, NULL, NULL, NULL));
  hrctl_fixture_setenv (f, "PATH", "/nonexistent");
  missing = hrctl_spawn_program (f, copy, words);
  nothing = hrctl_finish (missing);
  g_assert_nonnull (strstr (nothing->err, build));
  g_assert_nonnull (strstr (nothing->err, directory));
  g_assert_cmpint (nothing->code, ==, HR_EXIT_FAILED);

  g_assert_cmpint (symlink (self, program), ==, 0);
  built = hrctl_spawn_program (f, copy, words);
  found = hrctl_finish (built);
  g_assert_cmpstr (found->out, ==, "--check x.conf\n");
}

static gboolean
emit (gpointer data)
{
  fake_manager_emit_all (data);
  return G_SOURCE_CONTINUE;
}

/* Sends all signals again and again until hrctl listens and has printed them from @first to @last: it may begin to
 * listen in the midst of them. */
static void
emit_until (HrctlFixture *f, HrctlReader *reader, const char *first, const char *last)
{
  guint emitter = g_timeout_add (20, emit, f->fake);
  const char *begin;

  hrctl_reader_wait_for (reader, first);
  for (begin = strstr (reader->text->str, first); begin > reader->text->str && begin[-1] != '\n'; begin--)
    continue;
  g_string_erase (reader->text, 0, begin - reader->text->str);
  hrctl_reader_wait_for (reader, last);
  g_source_remove (emitter);
}

static void
test_monitor_tells_each_event (HrctlFixture *f, gconstpointer data)
{
  static const char *const expected[] = {
    " being-system: changed: app.py b.py\n",
    " being-system: reload to release 7 started\n",
    " being-system: state preserved as snapshot 20251005-1 (17 bytes)\n",
    " being-system: state restored from snapshot 20251005-1\n",
    " being-system: release 7 is live in 41 ms, downtime 0 ms\n",
    " being-system: reload failed in phase check\n  bad\xef\xbf\xbd[2J\n",
    " being-system: rolled back from release 7 to 6: it ended\n",
    " being-system: canary of release 8: 20% of the new connections\n",
    " being-system: reloading, was running\n",
  };
  g_autoptr (HrctlReader) reader = hrctl_reader_new (f, (const char *const[]){ "monitor", NULL });

  emit_until (f, reader, "changed: app.py", "reloading, was running\n");
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    g_assert_nonnull (strstr (reader->text->str, expected[i]));
}

static void
test_monitor_json_is_an_object_a_line (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlReader) reader = hrctl_reader_new (f, (const char *const[]){ "monitor", "--json", NULL });
  g_auto (GStrv) lines = NULL;
  const char *completed;

  emit_until (f, reader, "\"FileChanged\"", "\"new\":\"reloading\"}\n");
  lines = g_strsplit (reader->text->str, "\n", -1);
  for (guint i = 0; lines[i + 1] != NULL; i++)
    {
      g_autofree char *compact = hrctl_compact_json (lines[i]);

      g_assert_true (g_str_has_prefix (compact, "{\"timestamp\":\""));
    }

  completed = strstr (reader->text->str, "\"ReloadCompleted\"");
  g_assert_nonnull (completed);
  g_assert_true (g_str_has_prefix (completed, "\"ReloadCompleted\",\"service\":\"being-system\","
                                              "\"job\":\"/org/hotreload/job/1\",\"release\":7,\"downtime_usec\":0,"
                                              "\"details\":{"));
}

static void
test_monitor_ends_after_its_timeout (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) r = hrctl_run (f, "monitor", "--timeout=0.1", NULL);

  g_assert_cmpstr (r->err, ==, "");
  g_assert_cmpint (r->code, ==, HR_EXIT_TIMEOUT);
}

static void
test_monitor_ends_with_the_daemon (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlReader) reader = hrctl_reader_new (f, (const char *const[]){ "monitor", NULL });

  emit_until (f, reader, "changed", "changed");
  fake_manager_leave (f->fake);
  hrctl_wait (hrctl_reader_has_ended, reader);
  g_subprocess_wait (reader->process, NULL, NULL);
  g_assert_cmpint (g_subprocess_get_exit_status (reader->process), ==, HR_EXIT_FAILED);
}

static gboolean
on_term (gpointer data)
{
  *(gboolean *)data = TRUE;
  return G_SOURCE_CONTINUE;
}

/* This program as "hotreloadd". */
static int
be_daemon (int argc, char **argv)
{
  g_autofree char *arguments = g_strjoinv (" ", argv + 1);
  g_autofree char *record = g_build_filename (g_getenv ("HOME"), "arguments", NULL);
  g_autofree char *line = g_strconcat (arguments, "\n", NULL);
  g_autoptr (GDBusConnection) bus = NULL;
  g_autoptr (FakeManager) fake = NULL;
  gboolean ended = FALSE;

  if (argc > 1 && g_str_equal (argv[1], "--check"))
    {
      g_print ("%s", line);
      return HR_EXIT_FAILED;
    }
  if (g_getenv ("FAKE_REFUSES") != NULL)
    {
      g_printerr ("hotreloadd: %s\n", g_getenv ("FAKE_REFUSES"));
      return HR_EXIT_FAILED;
    }

  g_file_set_contents (record, line, -1, NULL);
  g_unix_signal_add (SIGTERM, on_term, &ended);
  bus = g_dbus_connection_new_for_address_sync (
      g_getenv ("DBUS_SESSION_BUS_ADDRESS"),
      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL, NULL, NULL);
  if (bus == NULL)
    return HR_EXIT_FAILED;

  /* With --exit-idle nobody tells it to end but the bus. */
  g_dbus_connection_set_exit_on_close (bus, TRUE);
  fake = fake_manager_new (bus);
  while (!ended)
    g_main_context_iteration (NULL, TRUE);
  return HR_EXIT_OK;
}

int
main (int argc, char **argv)
{
  g_autofree char *name = g_path_get_basename (argv[0]);

  if (g_str_equal (name, "hotreloadd"))
    return be_daemon (argc, argv);

  g_test_init (&argc, &argv, NULL);

#define ADD_WITH(path, data, func)                                                                                     \
  g_test_add ("/hrctl-run/" path, HrctlFixture, GINT_TO_POINTER (data), hrctl_fixture_set_up, func,                    \
              hrctl_fixture_tear_down)
#define ADD(path, func) ADD_WITH (path, 0, func)

  ADD ("run-passes-everything-on", test_run_passes_everything_on);
  ADD ("run-of-a-service-that-fails-for-good-is-1", test_run_of_a_service_that_failed_waits_and_is_1_at_its_end);
  ADD ("run-of-what-its-checks-refuse-says-how-to-go-on", test_run_of_what_its_checks_refuse_says_how_to_go_on);
  ADD ("run-without-checks", test_run_without_checks);
  ADD_WITH ("ctrl-c-stops-the-service", FAKE_RUN_STAYS, test_ctrl_c_stops_the_service);
  ADD_WITH ("what-was-before-is-not-taken-for-it", FAKE_RUN_FOLLOWS, test_ctrl_c_stops_the_service);
  ADD ("run-without-a-daemon-starts-one", test_run_without_a_daemon_starts_one);
  ADD ("run-without-a-bus-starts-one-and-leaves-nothing", test_run_without_a_bus_starts_one_and_leaves_nothing);
  ADD ("run-says-why-its-daemon-did-not-start", test_run_says_why_its_daemon_did_not_start);
  ADD ("check-asks-the-daemons-program", test_check_asks_the_daemons_program);
  ADD ("check-says-where-it-looked", test_check_says_where_it_looked);
  ADD ("monitor-tells-each-event", test_monitor_tells_each_event);
  ADD ("monitor-json-is-an-object-a-line", test_monitor_json_is_an_object_a_line);
  ADD ("monitor-ends-after-its-timeout", test_monitor_ends_after_its_timeout);
  ADD ("monitor-ends-with-the-daemon", test_monitor_ends_with_the_daemon);

  return g_test_run ();
}
