/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What hrctl shows of services: their state, their history, their code.
 */
#include "hrctl-fixture.h"

#include "hr-names.h"

static void
test_list (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) table = hrctl_run (f, "list", NULL);
  g_autoptr (HrctlResult) json = hrctl_run (f, "list", "--json", NULL);

  g_assert_cmpstr (table->out, ==,
                   "SERVICE       STATE    HEALTH   RELEASE  PID\n"
                   "being-system  running  healthy  7        1234\n"
                   "broken        failed   unknown\n");
  hrctl_assert_json (
      json, "[{\"name\":\"being-system\",\"state\":\"running\",\"health\":\"healthy\",\"release\":7,\"pid\":1234},"
            "{\"name\":\"broken\",\"state\":\"failed\",\"health\":\"unknown\",\"release\":null,\"pid\":null}]");
}

/* The processor time goes on. */
static const char *
without_cpu_time (char **text)
{
  g_autoptr (GRegex) time = g_regex_new ("(\"usage\":\\{[^}]*\"cpuUsec\":|\n         CPU: )[0-9][^\n}]*", 0, 0, NULL);
  char *without = g_regex_replace (time, *text, -1, 0, "\\1CPU", 0, NULL);

  g_free (*text);
  *text = without;
  return without;
}

static void
test_status_json_has_every_key_in_order (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) r = hrctl_run (f, "status", "--json", NULL);
  g_autoptr (HrctlResult) one = hrctl_run (f, "status", "broken", "--json", NULL);
  g_autofree char *compact = NULL;

  compact = hrctl_compact_json (r->out);
  g_assert_cmpstr (
      without_cpu_time (&compact), ==,
      "{\"enabled\":true,\"paused\":false,\"profile\":\"development\",\"watchedFiles\":8,\"reloadCount\":23,"
      "\"failedReloads\":2,\"successRate\":\"91%\",\"lastReload\":\"2025-10-05T14:30:00Z\",\"pending\":[],"
      "\"services\":["
      "{\"name\":\"being-system\",\"state\":\"running\",\"health\":\"healthy\",\"pid\":1234,\"release\":7,"
      "\"restarts\":0,\"drainsCut\":3,\"connectionsCut\":4,\"connectionsCutBusy\":1,\"connectionsWaiting\":6,\"uptimeUsec\":184000000,"
      "\"memoryBytes\":12300000,"
      "\"listen\":[\"tcp:127.0.0.1:8080\"],\"stored\":[\"cache\",\"db\"],"
      "\"view\":\"source\",\"socketsAdvice\":null,\"error\":null,\"instances\":3,\"serving\":2,\"pids\":[1234,1235],"
      "\"canary\":{"
      "\"release\":8,\"previousRelease\":7,"
      "\"sharePermyriad\":2000,\"held\":false,\"sinceUsec\":1759674600000000,\"probes\":3,\"failedProbes\":0,"
      "\"latencyUsec\":1200,\"previousProbes\":2,\"previousFailedProbes\":0,\"previousLatencyUsec\":null,"
      "\"text\":\"20% of the new connections\"},"
      "\"ends\":[{\"timeUsec\":1759674607000000,\"release\":7,\"instance\":2,\"pid\":1230,\"exitStatus\":null,"
      "\"signal\":9,\"text\":\"it was ended by signal 9 (Killed)\"},"
      "{\"timeUsec\":1759674600000000,\"release\":null,\"instance\":1,\"pid\":1229,\"exitStatus\":0,"
      "\"signal\":null,\"text\":\"it exited with status 0\"},"
      "{\"timeUsec\":1759674599000000,\"release\":null,\"instance\":1,\"pid\":null,\"exitStatus\":null,"
      "\"signal\":null,\"text\":\"no \\u001b[2J program\"}],"
      "\"usage\":{\"processes\":5,\"tasks\":8,\"memoryBytes\":14000000,\"cpuUsec\":CPU},\"processes\":null},"
      "{\"name\":\"broken\",\"state\":\"failed\",\"health\":\"unknown\",\"pid\":null,\"release\":null,"
      "\"restarts\":5,\"drainsCut\":0,\"connectionsCut\":0,\"connectionsCutBusy\":0,\"connectionsWaiting\":0,\"uptimeUsec\":null,"
      "\"memoryBytes\":null,\"listen\":[],\"stored\":[],"
      "\"view\":null,"
      "\"socketsAdvice\":\"its program is linked statically\","
      "\"error\":\"five failures in 30 s\\nlast: exit code "
      "1\",\"instances\":1,\"serving\":0,\"pids\":[],\"canary\":null,\"ends\":[],"
      "\"usage\":null,\"processes\":null}],"
      "\"daemon\":{\"version\":\"0.4\",\"pid\":99,\"uptimeUsec\":184000000,\"memoryBytes\":8100000,"
      "\"cpuUsec\":340000,\"descriptors\":43,\"descriptorsMax\":1024,\"jobs\":1,\"watchedDirectories\":12,\"cgroup\":"
      "null,"
      "\"noCgroup\":\"cgroup v2 is not mounted\"}}");
  g_assert_nonnull (strstr (one->out, "\"broken\""));
  g_assert_null (strstr (one->out, "being-system"));
  g_assert_nonnull (strstr (one->out, "\"processes\" : []"));
  g_assert_cmpint (one->code, ==, HR_EXIT_OK);
}

static void
test_status_for_people (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) all = hrctl_run (f, "status", NULL);
  g_autoptr (HrctlResult) one = hrctl_run (f, "status", "being-system", NULL);
  g_autofree char *expected = NULL;

  g_assert_cmpstr (
      all->out, ==,
      "Profile development, 8 files watched\n"
      "23 reloads since the daemon began, 2 failed (91% good), the last one at 2025-10-05 14:30\n"
      "Daemon 0.4 (PID 99) up for 3 min 4 s: memory 8.1\xc2\xa0MB, CPU 340 ms, 43 of 1024 descriptors, 1 job, "
      "12 directories watched\n"
      "No control groups: cgroup v2 is not mounted\n"
      "\n"
      "SERVICE       STATE        HEALTH   RELEASE  PID   UPTIME     MEMORY   LISTEN              ERROR\n"
      "being-system  running 2/3  healthy  7        1234  3 min 4 s  14.0\xc2\xa0MB  tcp:127.0.0.1:8080\n"
      "broken        failed       unknown                                                         "
      "five failures in 30 s\n");

  expected = g_strdup_printf ("being-system - Läuft und läuft\n"
                              "       State: running since 2025-10-05 14:30 (3 min 4 s)\n"
                              "      Health: healthy\n"
                              "         PID: 1234\n"
                              "   Instances: 2 of 3 serve (PID 1234, 1235)\n"
                              "   Processes: 1100 python3 app.py (release 6, instance 1, retiring)\n"
                              "              1234 python3 app.py (release 7, instance 1)\n"
                              "              ├─1240 [worker]\n"
                              "              │ └─1241 sh -c \xef\xbf\xbd[2J\n"
                              "              └─1250 sleep 9 (its parent has ended)\n"
                              "       Tasks: 8\n"
                              "      Memory: 14.0\xc2\xa0MB\n"
                              "         CPU: CPU\n"
                              "   Cut short: 3 drains, 4 open connections; something was under way on 1\n"
                              "     Release: 7 (a rollback would go to 6)\n"
                              "        View: source\n"
                              "      Canary: release 8 has 20%% of the new connections (since 2025-10-05 14:30)\n"
                              "      Listen: tcp:127.0.0.1:8080\n"
      "     Waiting: 6 connections have not been accepted\n"
                              "      Stored: 2: cache, db\n"
                              "      Status: thinking\n"
                              "         Log: %s/being-system.log\n"
                              "     Checked: python3: 2 files\n"
                              "        Note: data.db is shared\n"
                              "              cache is kept\n"
                              "       Ended: 2025-10-05 14:30 release 7: it was ended by signal 9 (Killed) (PID 1230)\n"
                              "              2025-10-05 14:30 it exited with status 0 (PID 1229)\n"
                              "              2025-10-05 14:29 no \xef\xbf\xbd[2J program\n"
                              "     Reloads: 2025-10-05 14:30 release 7 went live in 41 ms\n"
                              "              2025-10-05 14:29 release 6 failed in phase check\n",
                              f->dir);
  g_assert_cmpstr (without_cpu_time (&one->out), ==, expected);
}

/* Not in colour either, and wherever it goes, as all other words of programs there. */
static void
test_status_shows_output_without_control_characters (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) one = NULL;

  hrctl_fixture_write (f, "being-system.7-aaaaaaaa-1.log", "\033[2J\033[31mred\r\n\b\xc2\x9b\n");
  one = hrctl_run (f, "status", "being-system", NULL);
  g_assert_cmpstr (strstr (one->out, "\n\nbeing-system["), ==,
                   "\n\nbeing-system[r7 aaaaaaaa]: \xef\xbf\xbd[2J\xef\xbf\xbd[31mred\n"
                   "being-system[r7 aaaaaaaa]: \xef\xbf\xbd\xef\xbf\xbd\n");
}

static void
test_history (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) table = hrctl_run (f, "history", NULL);
  g_autoptr (HrctlResult) json = hrctl_run (f, "history", "being-system", "-n2", "--json", NULL);

  g_assert_cmpstr (
      table->out, ==,
      "TIME              SERVICE       RESULT           RELEASE  TOOK   DOWNTIME  WAIT   TRIGGER  CALLER    "
      "FILES              REASON\n"
      "2025-10-05 14:30  being-system  live             7        41 ms  0 ms      12 ms  file               "
      "app.py and 1 more\n"
      "2025-10-05 14:29  being-system  failed in check  6        41 ms  0 ms      12 ms  manual   uid 1000  "
      "                   app.py:3: SyntaxError\n");
  hrctl_assert_json (
      json, "[{\"timestamp\":\"2025-10-05T14:30:00Z\",\"service\":\"being-system\",\"file\":\"app.py\","
            "\"files\":[\"app.py\",\"lib/ä.py\"],\"success\":true,\"release\":7,\"previousRelease\":6,"
            "\"downtime\":\"0.0s\",\"downtimeUsec\":0,\"durationUsec\":41230,\"queueWaitUsec\":12000,"
            "\"connectionsCut\":2,\"phases\":[{"
            "\"phase\":\"record\",\"usec\":1230},{\"phase\":\"check\",\"usec\":40000}],\"phase\":null,\"error\":null,"
            "\"trigger\":\"file\",\"caller\":null,\"reason\":null,\"canary\":null},"
            "{\"timestamp\":\"2025-10-05T14:29:00Z\",\"service\":\"being-system\",\"file\":null,\"files\":[],"
            "\"success\":false,\"release\":6,\"previousRelease\":null,\"downtime\":\"0.0s\",\"downtimeUsec\":0,"
            "\"durationUsec\":41230,\"queueWaitUsec\":12000,\"connectionsCut\":2,\"phases\":[{\"phase\":\"record\","
            "\"usec\":1230},{"
            "\"phase\":\"check\",\"usec\":40000}],\"phase\":\"check\",\"error\":\"app.py:3: SyntaxError\\n  def f(:\","
            "\"trigger\":\"manual\",\"caller\":\"uid 1000\",\"reason\":null,\"canary\":null}]");
  g_assert_cmpstr (fake_manager_get_calls (f->fake), ==, "limit 10\nGetHistory being-system\nlimit 2\n");
}

static void
test_long_shows_all_words (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) history = hrctl_run (f, "history", "being-system", "-n2", "--long", NULL);
  g_autoptr (HrctlResult) releases = hrctl_run (f, "releases", "being-system", "--long", NULL);

  g_assert_cmpstr (history->out, ==,
                   "2025-10-05 14:30  being-system  live\n"
                   "     Release: 7\n"
                   "      Before: 6\n"
                   "        Took: 41 ms\n"
                   "      Phases: record 1 ms, check 40 ms\n"
                   "    Downtime: 0 ms, longest wait in the queue 12 ms\n"
                   "     Trigger: file\n"
                   "       Files: app.py\n"
                   "              lib/ä.py\n"
                   "\n"
                   "2025-10-05 14:29  being-system  failed in check\n"
                   "     Release: 6\n"
                   "        Took: 41 ms\n"
                   "      Phases: record 1 ms, check 40 ms (failed)\n"
                   "    Downtime: 0 ms, longest wait in the queue 12 ms\n"
                   "     Trigger: manual\n"
                   "      Caller: uid 1000\n"
                   "       Error: app.py:3: SyntaxError\n"
                   "                def f(:\n");
  g_assert_true (g_str_has_prefix (releases->out, "Release 5  rejected\n"
                                                  "    Recorded: 2025-10-05 14:30\n"
                                                  "      Commit: 0123abcd\n"
                                                  "     Trigger: file\n"
                                                  "       Files: app.py\n"
                                                  "       Phase: check\n"
                                                  "       Error: while checking it:\n"
                                                  "              app.py:3: SyntaxError\n"
                                                  "                def f(:\n"
                                                  "\n"
                                                  "Release 6  good  rollback point\n"));
}

static void
test_releases_diff_and_plan (HrctlFixture *f, gconstpointer data)
{
  g_autoptr (HrctlResult) releases = hrctl_run (f, "releases", "being-system", NULL);
  g_autoptr (HrctlResult) json = hrctl_run (f, "releases", "being-system", "--json", NULL);
  g_autoptr (HrctlResult) diff = hrctl_run (f, "diff", "being-system", "6", "7", NULL);
  g_autoptr (HrctlResult) diff_json = hrctl_run (f, "diff", "being-system", "6", "--json", NULL);
  g_autoptr (HrctlResult) plan = hrctl_run (f, "plan", "being-system", NULL);
  g_autoptr (HrctlResult) plan_json = hrctl_run (f, "plan", "being-system", "--json", NULL);

  g_assert_cmpstr (releases->out, ==,
                   "RELEASE  FATE                      RECORDED          TRIGGER  FILES   ERROR\n"
                   "5        rejected                  2025-10-05 14:30  file     app.py  check: while checking it: "
                   "app.py:3: SyntaxError\n"
                   "6        good      rollback point  2025-10-05 14:30  file     app.py\n"
                   "7        good      running         2025-10-05 14:30  file     app.py\n");
  g_assert_true (g_str_has_prefix (json->out, "["));
  g_assert_nonnull (strstr (json->out, "\"time\" : \"2025-10-05T14:30:05Z\""));
  g_assert_cmpstr (diff->out, ==, "--- a/app.py\n+++ b/app.py\n@@ -1 +1 @@\n-a\n+b\n");
  hrctl_assert_json (diff_json, "{\"service\":\"being-system\",\"from\":6,\"to\":null,"
                                "\"diff\":\"--- a/app.py\\n+++ b/app.py\\n@@ -1 +1 @@\\n-a\\n+b\\n\"}");
  g_assert_cmpstr (plan->out, ==,
                   "PHASE  WHAT IT WOULD DO\n"
                   "check  python3 looks at app.py\n"
                   "start  start\n");
  hrctl_assert_json (plan_json,
                     "[{\"phase\":\"check\",\"text\":\"python3 looks at app.py\",\"handover\":null,\"reason\":null},"
                     "{\"phase\":\"start\",\"text\":\"start\",\"handover\":\"sequential\","
                     "\"reason\":\"it is written in Go\"}]");
  g_assert_nonnull (strstr (fake_manager_get_calls (f->fake), "Diff 6 7\nDiff 6 0\n"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, func)                                                                                                \
  g_test_add ("/hrctl-show/" path, HrctlFixture, NULL, hrctl_fixture_set_up, func, hrctl_fixture_tear_down)

  ADD ("list", test_list);
  ADD ("status-json-has-every-key-in-order", test_status_json_has_every_key_in_order);
  ADD ("status-for-people", test_status_for_people);
  ADD ("status-shows-output-without-control-characters", test_status_shows_output_without_control_characters);
  ADD ("history", test_history);
  ADD ("long-shows-all-words", test_long_shows_all_words);
  ADD ("releases-diff-and-plan", test_releases_diff_and_plan);

  return g_test_run ();
}
