/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-answers.h"

#include "hr-names.h"

/* As the daemon leaves them out of a job that nothing came of. */
static void
add_figures (GVariantDict *dict)
{
  GVariantBuilder phases;

  g_variant_builder_init (&phases, G_VARIANT_TYPE ("a(st)"));
  g_variant_builder_add (&phases, "(st)", "record", (guint64)1230);
  g_variant_builder_add (&phases, "(st)", "check", (guint64)40000);
  g_variant_dict_insert (dict, "durationUsec", "t", (guint64)41230);
  g_variant_dict_insert (dict, "queueWaitUsec", "t", (guint64)12000);
  g_variant_dict_insert (dict, "connectionsCut", "t", (guint64)2);
  g_variant_dict_insert_value (dict, "phases", g_variant_builder_end (&phases));
}

/* As of one that was found to be worse. */
static void
add_canary (GVariantDict *dict)
{
  g_variant_dict_insert_value (dict, "phases",
                               g_variant_new_parsed ("[('record', uint64 1230), ('check', 40000), ('start', 2000),"
                                                     " ('ready', 80000), ('canary', 4100000), ('fallback', 3000)]"));
  g_variant_dict_insert (dict, "canary", "s", "failed at 10%: its probe failed 1 of 5 times\033[2J");
}

/* Services whose jobs fail. */
static const struct {
  const char *service;
  const char *error;
  const char *phase;
} failures[] = {
  { "broken", HR_ERROR_PREFIX "CheckFailed", "check" },  { "gone", HR_ERROR_PREFIX "NoSuchRelease", "check" },
  { "worse", HR_ERROR_PREFIX "NotHealthy", "canary" },   { "unwanted", HR_ERROR_PREFIX "Cancelled", "ready" },
  { "slow-check", HR_ERROR_PREFIX "TimedOut", "check" }, { "slow-place", HR_ERROR_PREFIX "TimedOut", "place" },
  { "slow", HR_ERROR_PREFIX "TimedOut", "ready" },
};

static int
find_failure (const char *service)
{
  for (guint i = 0; i < G_N_ELEMENTS (failures); i++)
    if (g_str_equal (failures[i].service, service))
      return (int)i;
  return -1;
}

gboolean
fake_answer_fails (const char *service)
{
  return find_failure (service) >= 0;
}

GVariant *
fake_answer_details (const char *service, gboolean success)
{
  static const char *const files[] = { "app.py", "lib/ä.py", NULL };
  const char *checks[] = { "python3: 2 files", NULL };
  static const char *const none[] = { NULL };
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  int failure = MAX (find_failure (service), 0);
  gboolean worse = g_str_equal (service, "worse");
  const char *phase = success ? "" : failures[failure].phase;

  g_variant_dict_insert (&dict, "service", "s", service);
  g_variant_dict_insert (&dict, "message", "s", success ? "release 7 is live" : "release 6 runs on");
  g_variant_dict_insert (&dict, "release", "t", (guint64)(success || worse ? 7 : 6));
  g_variant_dict_insert (&dict, "previousRelease", "t", (guint64)6);
  g_variant_dict_insert (&dict, "rollbackTo", "t", (guint64)(success ? 6 : 0));
  g_variant_dict_insert (&dict, "statePreserved", "b", success);
  g_variant_dict_insert (&dict, "dependentsReloaded", "^as", none);
  g_variant_dict_insert (&dict, "downtimeUsec", "t", (guint64)(success ? 160000 : 0));
  add_figures (&dict);
  g_variant_dict_insert (&dict, "phase", "s", phase);
  if (g_str_equal (phase, "check"))
    checks[0] = "python3: 2 files (failed)";
  g_variant_dict_insert (&dict, "checks", "^as", checks);
  g_variant_dict_insert (&dict, "carried", "^as", none);
  g_variant_dict_insert (&dict, "files", "^as", files);
  g_variant_dict_insert (&dict, "error", "s", success ? "" : "app.py:3: SyntaxError\n  def f(:\033[2J");
  g_variant_dict_insert (&dict, "errorName", "s", success ? "" : failures[failure].error);
  if (worse)
    add_canary (&dict);
  return g_variant_dict_end (&dict);
}

GVariant *
fake_answer_canary (void)
{
  return g_variant_new_parsed (
      "{'release': <uint64 8>, 'previousRelease': <uint64 7>, 'sharePermyriad': <uint32 2000>,"
      " 'held': <false>, 'sinceUsec': <uint64 1759674600000000>, 'probes': <uint32 3>,"
      " 'failedProbes': <uint32 0>, 'latencyUsec': <uint64 1200>, 'previousProbes': <uint32 2>,"
      " 'previousFailedProbes': <uint32 0>, 'text': <'20% of the new connections'>}");
}

static GVariant *
answer_ends (void)
{
  return g_variant_new_parsed (
      "[{'timeUsec': <uint64 1759674607000000>, 'release': <uint64 7>, 'instance': <uint32 2>, 'pid': <uint32 1230>,"
      " 'signal': <uint32 9>, 'text': <'it was ended by signal 9 (Killed)'>},"
      " {'timeUsec': <uint64 1759674600000000>, 'instance': <uint32 1>, 'pid': <uint32 1229>,"
      " 'exitStatus': <uint32 0>, 'text': <'it exited with status 0'>},"
      " {'timeUsec': <uint64 1759674599000000>, 'instance': <uint32 1>, 'text': <'no \\u001b[2J program'>}]");
}

GVariant *
fake_answer_service_status (gboolean running)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  static const char *const listen[] = { "tcp:127.0.0.1:8080", NULL };
  static const char *const stored[] = { "cache", "db", NULL };
  static const char *const none[] = { NULL };

  g_variant_dict_insert (&dict, "name", "s", running ? "being-system" : "broken");
  g_variant_dict_insert (&dict, "state", "s", running ? "running" : "failed");
  g_variant_dict_insert (&dict, "health", "s", running ? "healthy" : "unknown");
  g_variant_dict_insert (&dict, "restarts", "u", running ? 0 : 5);
  g_variant_dict_insert (&dict, "drainsCut", "u", running ? 3 : 0);
  g_variant_dict_insert (&dict, "connectionsCut", "t", (guint64)(running ? 4 : 0));
  g_variant_dict_insert (&dict, "connectionsCutBusy", "t", (guint64)(running ? 1 : 0));
  g_variant_dict_insert (&dict, "connectionsWaiting", "u", running ? 6 : 0);
  g_variant_dict_insert (&dict, "listen", "^as", running ? listen : none);
  g_variant_dict_insert (&dict, "stored", "^as", running ? stored : none);
  if (running)
    {
      static const guint32 pids[] = { 1234, 1235 };

      g_variant_dict_insert (&dict, "pid", "u", 1234);
      g_variant_dict_insert (&dict, "instances", "u", 3);
      g_variant_dict_insert (&dict, "serving", "u", 2);
      g_variant_dict_insert_value (&dict, "pids",
                                   g_variant_new_fixed_array (G_VARIANT_TYPE_UINT32, pids, 2, sizeof pids[0]));
      g_variant_dict_insert (&dict, "release", "t", (guint64)7);
      g_variant_dict_insert (&dict, "uptimeUsec", "t", (guint64)(184 * G_USEC_PER_SEC));
      g_variant_dict_insert (&dict, "memoryBytes", "t", (guint64)12300000);
      g_variant_dict_insert (&dict, "view", "s", "source");
      g_variant_dict_insert_value (&dict, "canary", fake_answer_canary ());
      g_variant_dict_insert_value (&dict, "ends", answer_ends ());
    }
  else
    {
      g_variant_dict_insert (&dict, "instances", "u", 1);
      g_variant_dict_insert (&dict, "serving", "u", 0);
      g_variant_dict_insert (&dict, "socketsAdvice", "s", "its program is linked statically");
      g_variant_dict_insert (&dict, "error", "s", "five failures in 30 s\nlast: exit code 1");
    }

  return g_variant_dict_end (&dict);
}

/* A main process with two children, one of them with a child, one that lost its parent, and an old instance. */
GVariant *
fake_answer_processes (void)
{
  return g_variant_new_parsed (
      "[{'pid': <uint32 1100>, 'main': <uint32 1100>, 'release': <uint64 6>, 'instance': <uint32 1>,"
      " 'role': <'retiring'>, 'name': <'python3'>, 'command': <'python3 app.py'>, 'memoryBytes': <uint64 1000000>,"
      " 'cpuUsec': <uint64 100000>, 'threads': <uint32 1>},"
      " {'pid': <uint32 1234>, 'main': <uint32 1234>, 'release': <uint64 7>, 'instance': <uint32 1>,"
      " 'role': <'serving'>, 'name': <'python3'>, 'command': <'python3 app.py'>, 'memoryBytes': <uint64 12300000>,"
      " 'cpuUsec': <uint64 2500000>, 'threads': <uint32 4>},"
      " {'pid': <uint32 1240>, 'parent': <uint32 1234>, 'main': <uint32 1234>, 'release': <uint64 7>,"
      " 'instance': <uint32 1>, 'role': <'serving'>, 'name': <'worker'>, 'memoryBytes': <uint64 500000>,"
      " 'cpuUsec': <uint64 0>, 'threads': <uint32 1>},"
      " {'pid': <uint32 1241>, 'parent': <uint32 1240>, 'main': <uint32 1234>, 'release': <uint64 7>,"
      " 'instance': <uint32 1>, 'role': <'serving'>, 'name': <'sh'>, 'command': <'sh -c \\u001b[2J\\nrm'>,"
      " 'cpuUsec': <uint64 0>, 'threads': <uint32 1>},"
      " {'pid': <uint32 1250>, 'main': <uint32 1234>, 'release': <uint64 7>, 'instance': <uint32 1>,"
      " 'role': <'serving'>, 'name': <'sleep'>, 'command': <'sleep 9'>, 'memoryBytes': <uint64 200000>,"
      " 'cpuUsec': <uint64 0>, 'threads': <uint32 1>}]");
}

GVariant *
fake_answer_usage (guint64 cpu_usec)
{
  return g_variant_new_parsed ("[{'service': <'being-system'>, 'processes': <uint32 5>, 'tasks': <uint32 8>,"
                               " 'memoryBytes': <uint64 14000000>, 'cpuUsec': <%t>},"
                               " {'service': <'broken'>, 'processes': <uint32 0>, 'tasks': <uint32 0>,"
                               " 'memoryBytes': <uint64 0>, 'cpuUsec': <uint64 0>}]",
                               cpu_usec);
}

GVariant *
fake_answer_daemon (void)
{
  return g_variant_new_parsed (
      "{'version': <'0.4'>, 'pid': <uint32 99>, 'uptimeUsec': <uint64 184000000>, 'memoryBytes': <uint64 8100000>,"
      " 'cpuUsec': <uint64 340000>, 'descriptors': <uint32 43>, 'descriptorsMax': <uint64 1024>, 'jobs': <uint32 1>,"
      " 'watchedDirectories': <uint32 12>, 'noCgroup': <'cgroup v2 is not mounted'>}");
}

GVariant *
fake_answer_history_entry (gboolean success)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&dict, "timestamp", "s", success ? "2025-10-05T14:30:00Z" : "2025-10-05T14:29:00Z");
  g_variant_dict_insert (&dict, "service", "s", "being-system");
  g_variant_dict_insert (&dict, "success", "b", success);
  g_variant_dict_insert (&dict, "release", "t", (guint64)(success ? 7 : 6));
  g_variant_dict_insert (&dict, "downtime", "s", "0.0s");
  g_variant_dict_insert (&dict, "downtimeUsec", "t", (guint64)0);
  add_figures (&dict);
  g_variant_dict_insert (&dict, "trigger", "s", success ? "file" : "manual");
  if (success)
    {
      g_variant_dict_insert (&dict, "file", "s", "app.py");
      g_variant_dict_insert (&dict, "files", "^as", (const char *const[]){ "app.py", "lib/ä.py", NULL });
      g_variant_dict_insert (&dict, "previousRelease", "t", (guint64)6);
    }
  else
    {
      g_variant_dict_insert (&dict, "files", "^as", (const char *const[]){ NULL });
      g_variant_dict_insert (&dict, "phase", "s", "check");
      g_variant_dict_insert (&dict, "error", "s", "app.py:3: SyntaxError\n  def f(:");
      g_variant_dict_insert (&dict, "caller", "s", "uid 1000");
    }

  return g_variant_dict_end (&dict);
}

GVariant *
fake_answer_release (guint64 number, const char *fate)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  gboolean rejected = g_str_equal (fate, "rejected");

  g_variant_dict_insert (&dict, "number", "t", number);
  g_variant_dict_insert (&dict, "fate", "s", fate);
  g_variant_dict_insert (&dict, "time", "t", (guint64)(1759674600 + number) * G_USEC_PER_SEC);
  g_variant_dict_insert (&dict, "commit", "s", "0123abcd");
  g_variant_dict_insert (&dict, "trigger", "s", "file");
  g_variant_dict_insert (&dict, "files", "^as", (const char *const[]){ "app.py", NULL });
  g_variant_dict_insert (&dict, "running", "b", number == 7);
  g_variant_dict_insert (&dict, "rollbackPoint", "b", number == 6);
  if (rejected)
    {
      g_variant_dict_insert (&dict, "phase", "s", "check");
      g_variant_dict_insert (&dict, "error", "s", "while checking it:\napp.py:3: SyntaxError\n  def f(:");
    }

  return g_variant_dict_end (&dict);
}
