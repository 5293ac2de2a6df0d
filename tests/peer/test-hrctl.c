/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hrctl-fixture.h"

#include "hr-names.h"

static void
test_reload_waits_and_prints_what_came_of_it (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) r = hrctl_run (f, "reload", "being-system", NULL);

  g_assert_cmpstr (r->err, ==, "");
  g_assert_cmpstr (r->out, ==,
                   "being-system: release 7 is live\n"
                   "        Took: 41 ms\n"
                   "      Phases: record 1 ms, check 40 ms\n"
                   "     Checked: python3: 2 files\n"
                   "    Downtime: 160 ms, longest wait in the queue 12 ms\n"
                   "     Go back: hrctl rollback being-system (to release 6)\n");
  g_assert_cmpint (r->code, ==, HR_EXIT_OK);
}

static void
test_reload_json_has_every_key_in_order (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) good = hrctl_run (f, "--json", "reload", "being-system", NULL);
  g_autoptr (HrctlResult) instant = hrctl_run (f, "reload", "instant", "--json", NULL);
  g_autoptr (HrctlResult) bad = hrctl_run (f, "reload", "broken", "--json", NULL);

  hrctl_assert_json (good, "{\"success\":true,\"service\":\"being-system\",\"message\":\"release 7 is live\","
                           "\"release\":7,\"previousRelease\":6,\"statePreserved\":true,\"dependentsReloaded\":[],"
                           "\"downtime\":\"0.2s\",\"downtimeUsec\":160000,\"durationUsec\":41230,\"queueWaitUsec\":"
                           "12000,\"connectionsCut\":2,\"phases\":[{"
                           "\"phase\":\"record\",\"usec\":1230},{\"phase\":\"check\",\"usec\":40000}],\"phase\":null,"
                           "\"error\":null,\"canary\":null}");
  g_assert_cmpstr (good->err, ==, "");
  g_assert_cmpint (good->code, ==, HR_EXIT_OK);
  g_assert_nonnull (strstr (instant->out, "\"instant\""));
  g_assert_cmpint (instant->code, ==, HR_EXIT_OK);
  hrctl_assert_json (bad,
                     "{\"success\":false,\"service\":\"broken\",\"message\":\"release 6 runs on\","
                     "\"release\":6,\"previousRelease\":6,\"statePreserved\":false,\"dependentsReloaded\":[],"
                     "\"downtime\":\"0.0s\",\"downtimeUsec\":0,\"durationUsec\":41230,\"queueWaitUsec\":12000,"
                     "\"connectionsCut\":2,\"phases\":[{"
                     "\"phase\":\"record\",\"usec\":1230},{\"phase\":\"check\",\"usec\":40000}],\"phase\":\"check\","
                     "\"error\":\"app.py:3: SyntaxError\\n  def f(:\\u001b[2J\",\"canary\":null}");
  g_assert_cmpint (bad->code, ==, HR_EXIT_FAILED);
}

static void
test_a_refused_reload_has_every_key_too (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) r = hrctl_run (f, "reload", "nobody", "--json", NULL);

  hrctl_assert_json (r, "{\"success\":false,\"service\":\"nobody\",\"message\":\"there is no service 'nobody'\","
                        "\"release\":null,\"previousRelease\":null,\"statePreserved\":false,\"dependentsReloaded\":[],"
                        "\"downtime\":\"0.0s\",\"downtimeUsec\":0,\"durationUsec\":0,\"queueWaitUsec\":null,"
                        "\"connectionsCut\":0,\"phases\":"
                        "null,\"phase\":null,"
                        "\"error\":\"there is no service 'nobody'\",\"canary\":null}");
  g_assert_cmpint (r->code, ==, HR_EXIT_NOT_FOUND);
}

static void
test_a_failure_shows_the_checkers_words_without_escapes (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) r = hrctl_run (f, "reload", "broken", NULL);

  g_assert_cmpstr (r->out, ==, "");
  g_assert_cmpstr (
      r->err, ==,
      "hrctl: broken: release 6 runs on (phase check)\n  app.py:3: SyntaxError\n    def f(:\xef\xbf\xbd[2J\n"
      "        Took: 41 ms\n"
      "      Phases: record 1 ms, check 40 ms (failed)\n"
      "     Checked: python3: 2 files (failed)\n"
      "    Downtime: 0 ms, longest wait in the queue 12 ms\n"
      "       Go on: mend what the check found, then save it or reload again\n"
      "              'hrctl history --long broken' shows this again\n");
}

/* A failure is the time at which they want to know most. */
static void
test_a_failure_tells_as_much_as_a_success (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) r = hrctl_run (f, "reload", "worse", NULL);

  g_assert_cmpstr (r->out, ==, "");
  g_assert_cmpstr (
      r->err, ==,
      "hrctl: worse: release 6 runs on (phase canary)\n  app.py:3: SyntaxError\n    def f(:\xef\xbf\xbd[2J\n"
      "        Took: 41 ms\n"
      "      Phases: record 1 ms, check 40 ms, start 2 ms, ready 80 ms,\n"
      "              canary 4.1 s (failed), fallback 3 ms\n"
      "     Checked: python3: 2 files\n"
      "      Canary: failed at 10%: its probe failed 1 of 5 times\xef\xbf\xbd[2J\n"
      "    Downtime: 0 ms, longest wait in the queue 12 ms\n"
      "       Go on: 'hrctl logs --release=7 worse' shows what it said\n"
      "              'hrctl history --long worse' shows this again\n");
  g_assert_cmpint (r->code, ==, HR_EXIT_FAILED);
}

/* What a restart costs is told as of a reload; it has no release of its own to look at, and none to go back from. */
static void
test_a_restart_tells_what_it_cost (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) good = hrctl_run (f, "restart", "being-system", NULL);
  g_autoptr (HrctlResult) bad = hrctl_run (f, "restart", "broken", NULL);

  g_assert_cmpstr (good->out, ==,
                   "being-system: release 7 is live\n"
                   "        Took: 41 ms\n"
                   "      Phases: record 1 ms, check 40 ms\n"
                   "     Checked: python3: 2 files\n"
                   "    Downtime: 160 ms, longest wait in the queue 12 ms\n");
  g_assert_true (g_str_has_suffix (bad->err,
                                   "     Checked: python3: 2 files (failed)\n"
                                   "    Downtime: 0 ms, longest wait in the queue 12 ms\n"
                                   "       Go on: mend what the check found, then save it or reload again\n"));
}

/* What was cancelled is asked for again by its own verb, and what never ran has said nothing. */
static void
test_what_to_do_is_of_the_kind_of_job_and_its_phase (HrctlFixture *f, gconstpointer data)
{
  static const struct {
    const char *words[5];
    const char *advice; /* NULL: only the history */
  } cases[] = {
    { { "reload", "unwanted" }, "'hrctl reload unwanted' tries it again\n" },
    { { "start", "unwanted" }, "'hrctl start unwanted' tries it again\n" },
    { { "stop", "unwanted" }, "'hrctl stop unwanted' tries it again\n" },
    { { "restart", "unwanted" }, "'hrctl restart unwanted' tries it again\n" },
    { { "rollback", "unwanted" }, "'hrctl rollback unwanted --to=6' tries it again\n" },
    { { "snapshot", "restore", "unwanted", "20251005-1" },
      "'hrctl snapshot list unwanted' shows what can be restored\n" },
    { { "reload", "slow-check" },
      "check less, or raise Timeout in group 'Check' (see hotreload.service(5)), then try again\n" },
    { { "reload", "slow-place" }, "'hrctl history --long slow-place' shows this again\n" },
    { { "reload", "slow" }, "'hrctl logs --newest slow' shows what it said\n" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *const *words = cases[i].words;
      g_autofree char *line = g_strconcat ("       Go on: ", cases[i].advice, NULL);
      g_autoptr (HrctlResult) r = hrctl_run (f, words[0], words[1], words[2], words[3], NULL);

      g_test_message ("%s", r->err);
      g_assert_nonnull (strstr (r->err, line));
      g_assert_cmpint (r->code, ==, HR_EXIT_FAILED);
    }
}

static void
test_a_message_that_names_the_service_stands_alone (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) r = hrctl_run (f, "reload", "nobody", NULL);

  g_assert_cmpstr (r->err, ==, "hrctl: there is no service 'nobody'\n");
}

static void
test_several_services_are_an_array (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) r = hrctl_run (f, "reload", "being-system", "broken", "nobody", "--json", NULL);
  g_autofree char *compact = hrctl_compact_json (r->out);

  g_assert_true (g_str_has_prefix (compact, "[{\"success\":true,\"service\":\"being-system\""));
  g_assert_nonnull (strstr (compact, "},{\"success\":false,\"service\":\"broken\""));
  g_assert_nonnull (strstr (compact, "},{\"success\":false,\"service\":\"nobody\""));
  g_assert_cmpint (r->code, ==, HR_EXIT_FAILED);
}

static void
test_reload_all_reports_each_service (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) r = hrctl_run (f, "reload-all", "--json", NULL);
  g_autofree char *compact = hrctl_compact_json (r->out);

  g_assert_true (g_str_has_prefix (compact, "[{\"success\":true,\"service\":\"instant\""));
  g_assert_nonnull (strstr (compact, "},{\"success\":false,\"service\":\"broken\""));
  g_assert_cmpint (r->code, ==, HR_EXIT_FAILED);
}

static void
test_stop_all_stops_every_service (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) r = hrctl_run (f, "stop", "--all", NULL);

  g_assert_cmpstr (fake_manager_get_calls (f->fake), ==, "Stop being-system\nStop broken\n");
  g_assert_cmpint (r->code, ==, HR_EXIT_FAILED);
}

static void
test_no_wait_returns_the_job (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) r = hrctl_run (f, "--no-wait", "reload", "hang", NULL);
  g_autoptr (HrctlResult) json = hrctl_run (f, "--no-wait", "reload", "hang", "--json", NULL);

  g_assert_cmpstr (r->out, ==, "hang: /org/hotreload/job/1\n");
  g_assert_cmpint (r->code, ==, HR_EXIT_OK);
  hrctl_assert_json (json, "{\"service\":\"hang\",\"job\":\"/org/hotreload/job/2\",\"error\":null}");
}

typedef struct {
  FakeManager *fake;
  const char *call;
} Asked;

static gboolean
was_asked (gpointer data)
{
  const Asked *asked = data;

  return strstr (fake_manager_get_calls (asked->fake), asked->call) != NULL;
}

static void
test_who_waits_is_told_for_which_job_and_how_to_end_it (HrctlFixture *f, gconstpointer data)
{
  static const struct {
    const char *kind;
    const char *says;
  } cases[] = {
    { "reload",
      "the end of a reload (job 2 of root (hrctl), phase ready); 'hrctl rollback queued-reload' cancels it and "
      "keeps what runs\n" },
    { "start", "the end of a start (job 4 of root (hrctl), phase ready); 'hrctl stop queued-start' cancels it\n" },
    { "rollback", "the end of a rollback (job 6 of root (hrctl), phase ready); 'hrctl stop queued-rollback' cancels it "
                  "and stops the service\n" },
    { "restore-snapshot", "a snapshot to be restored (job 8 of root (hrctl), phase ready); 'hrctl stop "
                          "queued-restore-snapshot' cancels that and stops the service\n" },
    { "stop", "the service to stop (job 10 of root (hrctl), phase ready), which takes StopTimeout at most\n" },
    { "other", "another job of the service to end\n" },
  };
  GSubprocess *processes[G_N_ELEMENTS (cases)];

  /* One after the other asks, all wait at the same time. */
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *service = g_strconcat ("queued-", cases[i].kind, NULL);
      g_autofree char *asked = g_strdup_printf ("Restart %s\n", service);

      processes[i] = hrctl_spawn (f, (const char *const[]){ "restart", service, "--timeout=3", NULL });
      hrctl_wait (was_asked, &(Asked){ f->fake, asked });
    }
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *line = g_strdup_printf ("queued-%s: this waits for %s", cases[i].kind, cases[i].says);
      g_autoptr (GSubprocess) process = processes[i];
      g_autoptr (HrctlResult) r = hrctl_finish (process);

      g_test_message ("%s", r->err);
      g_assert_true (g_str_has_prefix (r->err, line));
      g_assert_cmpint (r->code, ==, HR_EXIT_TIMEOUT);
    }
}

static void
test_a_timeout_is_3_and_says_that_the_job_goes_on (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) r = hrctl_run (f, "reload", "hang", "--timeout=0.1", NULL);
  g_autoptr (HrctlResult) call = hrctl_run (f, "remove", "hang", "--timeout", "0.1", NULL);

  g_assert_cmpstr (r->err, ==, "hrctl: hang: it takes longer than --timeout, and goes on (phase settle)\n");
  g_assert_cmpint (r->code, ==, HR_EXIT_TIMEOUT);
  g_assert_cmpint (call->code, ==, HR_EXIT_TIMEOUT);
}

static void
test_a_daemon_that_goes_away_is_1 (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) r = hrctl_run (f, "reload", "leave", NULL);

  g_assert_cmpstr (r->err, ==,
                   "hrctl: leave: the daemon went away before this had ended; what came of it is not known "
                   "(phase settle)\n");
  g_assert_cmpint (r->code, ==, HR_EXIT_FAILED);
}

static void
test_exit_codes_are_those_of_the_manual (HrctlFixture *f, gconstpointer data)
{
  static const struct {
    const char *words[4];
    int code;
  } cases[] = {
    { { "list" }, HR_EXIT_OK },
    { { "status", "broken" }, HR_EXIT_NOT_FOUND },
    { { "status", "being-system" }, HR_EXIT_OK },
    { { "reload", "broken" }, HR_EXIT_FAILED },
    { { "reload", "busy" }, HR_EXIT_FAILED },
    { { "snapshot", "create", "broken" }, HR_EXIT_FAILED },
    { { "relaod", "broken" }, HR_EXIT_USAGE },
    { { "reload" }, HR_EXIT_USAGE },
    { { "stop" }, HR_EXIT_USAGE },
    { { "stop", "--all", "broken" }, HR_EXIT_USAGE },
    { { "reload-module", "x" }, HR_EXIT_USAGE },
    { { "promote", "nobody" }, HR_EXIT_NOT_FOUND },
    { { "top", "being-system" }, HR_EXIT_USAGE },
    { { "snapshot", "eat", "being-system" }, HR_EXIT_USAGE },
    { { "logs", "--since=soon", "being-system" }, HR_EXIT_USAGE },
    { { "history", "-n", "0" }, HR_EXIT_USAGE },
    { { "history", "-n", "x" }, HR_EXIT_USAGE },
    { { "list", "--timeout=x" }, HR_EXIT_USAGE },
    { { "run", "--json", "--", "x" }, HR_EXIT_USAGE },
    { { "run", "--watch=/nonexistent", "x" }, HR_EXIT_USAGE },
    { { "reload", "secret" }, HR_EXIT_NOT_ALLOWED },
    { { "reload", "denied" }, HR_EXIT_NOT_ALLOWED },
    { { "history", "secret" }, HR_EXIT_NOT_ALLOWED },
    { { "reload", "nobody" }, HR_EXIT_NOT_FOUND },
    { { "logs", "nobody" }, HR_EXIT_NOT_FOUND },
    { { "releases", "nobody" }, HR_EXIT_NOT_FOUND },
    { { "rollback", "being-system", "--to=99" }, HR_EXIT_NOT_FOUND },
    { { "rollback", "gone" }, HR_EXIT_NOT_FOUND },
    { { "snapshot", "restore", "being-system", "x" }, HR_EXIT_NOT_FOUND },
    { { "snapshot", "show", "instant" }, HR_EXIT_NOT_FOUND },
    { { "remove", "--no-wait", "nobody" }, HR_EXIT_NOT_FOUND },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *const *w = cases[i].words;
      g_autoptr (HrctlResult) r =
          hrctl_run (f, w[0], w[1], w[1] != NULL ? w[2] : NULL, w[1] != NULL && w[2] != NULL ? w[3] : NULL, NULL);

      g_test_message ("%s %s: %s", w[0], w[1] != NULL ? w[1] : "", r->err);
      g_assert_cmpint (r->code, ==, cases[i].code);
      /* Errors are one line or a few, never all of the help. */
      g_assert_null (strstr (r->err, "Usage:"));
    }
}

static void
test_without_a_daemon_it_is_8_and_none_is_started (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) list = NULL;
  g_autoptr (HrctlResult) start = NULL;
  g_autoptr (HrctlResult) no_bus = NULL;

  g_clear_pointer (&f->fake, fake_manager_free);
  list = hrctl_run (f, "list", NULL);
  g_assert_cmpstr (list->err, ==, "hrctl: the daemon is not running (start it with 'hotreloadd --session')\n");
  g_assert_cmpint (list->code, ==, HR_EXIT_NOT_RUNNING);

  start = hrctl_run (f, "start", "being-system", NULL);
  g_assert_nonnull (strstr (start->err, "the bus could not start it"));
  g_assert_cmpint (start->code, ==, HR_EXIT_NOT_RUNNING);

  hrctl_fixture_setenv (f, "DBUS_SESSION_BUS_ADDRESS", NULL);
  no_bus = hrctl_run (f, "list", NULL);
  g_assert_cmpint (no_bus->code, ==, HR_EXIT_NOT_RUNNING);
}

static void
test_the_bus_with_a_daemon_is_taken (HrctlFixture *f, gconstpointer data)
{
  const char *address = g_test_dbus_get_bus_address (f->dbus);
  g_autoptr (HrctlResult) on_system = NULL;
  g_autoptr (HrctlResult) wrong = NULL;
  g_autoptr (HrctlResult) by_variable = NULL;
  g_autoptr (HrctlResult) by_option = NULL;

  hrctl_fixture_setenv (f, "DBUS_SYSTEM_BUS_ADDRESS", address);
  hrctl_fixture_setenv (f, "DBUS_SESSION_BUS_ADDRESS", NULL);
  on_system = hrctl_run (f, "list", "--names", NULL);
  g_assert_cmpstr (on_system->out, ==, "being-system\nbroken\n");

  hrctl_fixture_setenv (f, "HOTRELOAD_BUS", "session");
  by_variable = hrctl_run (f, "list", NULL);
  g_assert_cmpint (by_variable->code, ==, HR_EXIT_NOT_RUNNING);
  by_option = hrctl_run (f, "list", "--system", NULL);
  g_assert_cmpint (by_option->code, ==, HR_EXIT_OK);

  hrctl_fixture_setenv (f, "HOTRELOAD_BUS", "underground");
  wrong = hrctl_run (f, "list", NULL);
  g_assert_cmpint (wrong->code, ==, HR_EXIT_USAGE);
}

static void
test_rollback_names_the_release (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) by_number = hrctl_run (f, "rollback", "--to=5", "being-system", NULL);
  g_autoptr (HrctlResult) to_last_good = hrctl_run (f, "rollback", "being-system", NULL);

  g_assert_cmpstr (fake_manager_get_calls (f->fake), ==, "Rollback being-system\nto 5\nRollback being-system\nto 0\n");
  g_assert_cmpint (by_number->code, ==, HR_EXIT_OK);
  g_assert_cmpint (to_last_good->code, ==, HR_EXIT_OK);
}

static void
test_pause_and_resume (HrctlFixture *f, gconstpointer data)
{
  static const struct {
    const char *verb;
    const char *service;
    const char *says;
  } cases[] = {
    { "resume", "being-system", "being-system: was not paused\n" },
    { "pause", "being-system", "being-system: paused; changes are kept for later\n" },
    { "resume", NULL, "There was no pause of everything.\n" },
    { "resume", "being-system", "being-system: resumed\n" },
    { "pause", NULL, "Everything is paused; changes are kept for later.\n" },
    { "resume", "being-system", "being-system: stays paused, as everything is; 'hrctl resume' ends that\n" },
    { "resume", NULL, "Everything is resumed.\n" },
  };
  g_autoptr (HrctlResult) json = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (HrctlResult) r = hrctl_run (f, cases[i].verb, cases[i].service, NULL);

      g_assert_cmpstr (r->out, ==, cases[i].says);
      g_assert_cmpint (r->code, ==, HR_EXIT_OK);
    }
  json = hrctl_run (f, "pause", "--json", NULL);
  hrctl_assert_json (json, "{\"service\":null,\"paused\":true}");
}

static void
test_reset_failed (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) one = hrctl_run (f, "reset-failed", "broken", NULL);
  g_autoptr (HrctlResult) json = hrctl_run (f, "reset-failed", "broken", "--json", NULL);
  g_autoptr (HrctlResult) unknown = hrctl_run (f, "reset-failed", "nobody", NULL);
  g_autoptr (HrctlResult) unnamed = hrctl_run (f, "reset-failed", NULL);

  g_assert_cmpstr (one->out, ==, "broken: its failures are forgotten\n");
  g_assert_cmpint (one->code, ==, HR_EXIT_OK);
  hrctl_assert_json (json, "{\"service\":\"broken\",\"reset\":true}");
  g_assert_cmpint (unknown->code, ==, HR_EXIT_NOT_FOUND);
  g_assert_cmpint (unnamed->code, ==, HR_EXIT_USAGE);
  g_assert_cmpstr (fake_manager_get_calls (f->fake), ==,
                   "ResetFailed broken\nResetFailed broken\nResetFailed nobody\n");
}

static void
test_daemon_reexec (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) done = hrctl_run (f, "daemon-reexec", NULL);
  g_autoptr (HrctlResult) refused = hrctl_run (f, "daemon-reexec", NULL);
  g_autoptr (HrctlResult) surplus = hrctl_run (f, "daemon-reexec", "now", NULL);

  g_assert_true (g_str_has_prefix (done->out, "the daemon was re-executed: hotreload "));
  g_assert_cmpint (done->code, ==, HR_EXIT_OK);
  g_assert_cmpstr (refused->err, ==, "hrctl: '/bin/hotreloadd' cannot go on with what is there: exit code 3\n");
  g_assert_cmpint (refused->code, ==, HR_EXIT_FAILED);
  g_assert_cmpint (surplus->code, ==, HR_EXIT_USAGE);
}

static void
test_promote_abort_and_hold_a_canary (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) promote = hrctl_run (f, "promote", "being-system", NULL);
  g_autoptr (HrctlResult) abort = hrctl_run (f, "abort", "being-system", NULL);
  g_autoptr (HrctlResult) hold = hrctl_run (f, "--json", "hold", "being-system", NULL);

  g_assert_cmpstr (promote->out, ==, "being-system: the canary is promoted; all new connections go to it\n");
  g_assert_cmpint (promote->code, ==, HR_EXIT_OK);
  g_assert_cmpstr (abort->out, ==, "being-system: the canary is aborted; no new connection goes to it\n");
  hrctl_assert_json (hold, "{\"service\":\"being-system\",\"canary\":\"held\"}");
  g_assert_cmpstr (fake_manager_get_calls (f->fake), ==,
                   "Promote being-system\nAbort being-system\nHold being-system\n");
}

static void
test_case_16_what_has_no_canary_is_not_promoted (HrctlFixture *f, gconstpointer data)
{
  static const char *const verbs[] = { "promote", "abort", "hold" };

  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    {
      g_autoptr (HrctlResult) none = hrctl_run (f, verbs[i], "broken", NULL);
      g_autoptr (HrctlResult) unknown = hrctl_run (f, verbs[i], "nobody", NULL);
      g_autoptr (HrctlResult) secret = hrctl_run (f, verbs[i], "secret", NULL);
      g_autoptr (HrctlResult) unnamed = hrctl_run (f, verbs[i], NULL);

      g_assert_cmpstr (none->err, ==, "hrctl: 'broken' has no canary: none is asked for\n");
      g_assert_cmpint (none->code, ==, HR_EXIT_FAILED);
      g_assert_cmpint (unknown->code, ==, HR_EXIT_NOT_FOUND);
      g_assert_cmpint (secret->code, ==, HR_EXIT_NOT_ALLOWED);
      g_assert_cmpint (unnamed->code, ==, HR_EXIT_USAGE);
    }
}

/* Scripts that parse what is printed must always have something to parse. */
static void
test_json_of_an_error_is_a_document (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) nobody = hrctl_run (f, "history", "nobody", "--json", NULL);
  g_autoptr (HrctlResult) usage = hrctl_run (f, "--json", "relaod", NULL);
  g_autoptr (HrctlResult) option = hrctl_run (f, "list", "--what", "--json", NULL);
  g_autoptr (HrctlResult) away = NULL;
  g_autoptr (HrctlResult) reload = NULL;
  g_autoptr (HrctlResult) several = NULL;

  hrctl_assert_json (nobody, "{\"error\":\"there is no service 'nobody'\","
                             "\"name\":\"org.hotreload.Error.NoSuchService\"}");
  g_assert_cmpstr (nobody->err, ==, "");
  g_assert_cmpint (nobody->code, ==, HR_EXIT_NOT_FOUND);
  hrctl_assert_json (usage, "{\"error\":\"unknown verb 'relaod'; did you mean 'reload'? (see 'hrctl help')\","
                            "\"name\":\"org.hotreload.Error.InvalidArgument\"}");
  g_assert_cmpint (usage->code, ==, HR_EXIT_USAGE);
  g_assert_nonnull (strstr (option->out, "unknown option '--what'"));

  g_clear_pointer (&f->fake, fake_manager_free);
  away = hrctl_run (f, "list", "--json", NULL);
  g_assert_nonnull (strstr (away->out, "\"name\":\"org.freedesktop.DBus.Error.ServiceUnknown\""));
  g_assert_cmpint (away->code, ==, HR_EXIT_NOT_RUNNING);
  reload = hrctl_run (f, "reload", "shop", "--json", NULL);
  g_assert_nonnull (strstr (reload->out, "\"success\" : false,\n  \"service\" : \"shop\""));
  g_assert_cmpint (reload->code, ==, HR_EXIT_NOT_RUNNING);
  several = hrctl_run (f, "stop", "a", "b", "--json", NULL);
  g_assert_true (g_str_has_prefix (several->out, "["));
  g_assert_nonnull (strstr (several->out, "\"service\" : \"b\""));
}

static void
test_help_and_version_need_no_daemon (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) help = NULL;
  g_autoptr (HrctlResult) verb = NULL;
  g_autoptr (HrctlResult) version = NULL;

  g_clear_pointer (&f->fake, fake_manager_free);
  help = hrctl_run (f, "help", NULL);
  g_assert_true (g_str_has_prefix (help->out, "Usage: hrctl "));
  g_assert_cmpint (help->code, ==, HR_EXIT_OK);
  verb = hrctl_run (f, "rollback", "--help", NULL);
  g_assert_nonnull (strstr (verb->out, "--to=N"));
  version = hrctl_run (f, "--version", NULL);
  g_assert_true (g_str_has_prefix (version->out, "hrctl "));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, func)                                                                                                \
  g_test_add ("/hrctl/" path, HrctlFixture, NULL, hrctl_fixture_set_up, func, hrctl_fixture_tear_down)

  ADD ("reload-waits-and-prints-what-came-of-it", test_reload_waits_and_prints_what_came_of_it);
  ADD ("reload-json-has-every-key-in-order", test_reload_json_has_every_key_in_order);
  ADD ("a-refused-reload-has-every-key-too", test_a_refused_reload_has_every_key_too);
  ADD ("a-failure-shows-the-checkers-words-without-escapes", test_a_failure_shows_the_checkers_words_without_escapes);
  ADD ("a-failure-tells-as-much-as-a-success", test_a_failure_tells_as_much_as_a_success);
  ADD ("a-restart-tells-what-it-cost", test_a_restart_tells_what_it_cost);
  ADD ("what-to-do-is-of-the-kind-of-job-and-its-phase", test_what_to_do_is_of_the_kind_of_job_and_its_phase);
  ADD ("a-message-that-names-the-service-stands-alone", test_a_message_that_names_the_service_stands_alone);
  ADD ("several-services-are-an-array", test_several_services_are_an_array);
  ADD ("reload-all-reports-each-service", test_reload_all_reports_each_service);
  ADD ("stop-all-stops-every-service", test_stop_all_stops_every_service);
  ADD ("no-wait-returns-the-job", test_no_wait_returns_the_job);
  ADD ("who-waits-is-told-for-which-job-and-how-to-end-it", test_who_waits_is_told_for_which_job_and_how_to_end_it);
  ADD ("a-timeout-is-3-and-says-that-the-job-goes-on", test_a_timeout_is_3_and_says_that_the_job_goes_on);
  ADD ("a-daemon-that-goes-away-is-1", test_a_daemon_that_goes_away_is_1);
  ADD ("exit-codes-are-those-of-the-manual", test_exit_codes_are_those_of_the_manual);
  ADD ("without-a-daemon-it-is-8-and-none-is-started", test_without_a_daemon_it_is_8_and_none_is_started);
  ADD ("the-bus-with-a-daemon-is-taken", test_the_bus_with_a_daemon_is_taken);
  ADD ("rollback-names-the-release", test_rollback_names_the_release);
  ADD ("pause-and-resume", test_pause_and_resume);
  ADD ("reset-failed", test_reset_failed);
  ADD ("daemon-reexec", test_daemon_reexec);
  ADD ("promote-abort-and-hold-a-canary", test_promote_abort_and_hold_a_canary);
  ADD ("case-16-what-has-no-canary-is-not-promoted", test_case_16_what_has_no_canary_is_not_promoted);
  ADD ("json-of-an-error-is-a-document", test_json_of_an_error_is_a_document);
  ADD ("help-and-version-need-no-daemon", test_help_and_version_need_no_daemon);

  return g_test_run ();
}
