/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <string.h>

#include "hr-error.h"
#include "hr-service-spec.h"
#include "spec-text.h"

static HrServiceSpec *
parse_sources (const HrSpecSource *sources, gsize n_sources, const char *profile)
{
  g_autoptr (GError) error = NULL;
  HrServiceSpec *spec = hr_service_spec_parse ("web", sources, n_sources, profile, &error);

  g_assert_no_error (error);
  g_assert_nonnull (spec);
  return spec;
}

static HrServiceSpec *
parse (const char *text, const char *profile)
{
  HrSpecSource source = { SPEC_FILE, text, strlen (text) };

  return parse_sources (&source, 1, profile);
}

/* Puts @keys below [Service] with an Exec and a Source. */
static HrServiceSpec *
parse_keys (const char *keys)
{
  g_autofree char *text = g_strconcat ("[Service]\nExec=true\nSource=/srv\n", keys, NULL);

  return parse (text, NULL);
}

static char *
fail_sources (const char *name, const HrSpecSource *sources, gsize n_sources, const char *profile)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (hr_service_spec_parse (name, sources, n_sources, profile, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION);
  g_test_message ("%s", error->message);
  return g_strdup (error->message);
}

static char *
fail_text (const char *text)
{
  HrSpecSource source = { SPEC_FILE, text, strlen (text) };

  return fail_sources ("web", &source, 1, NULL);
}

static void
assert_contains (const char *text, const char *words)
{
  if (strstr (text, words) == NULL)
    g_assert_cmpstr (text, ==, words);
}

static void
assert_list (char **list, const char *joined)
{
  g_autofree char *text = g_strjoinv ("|", list);

  g_assert_cmpstr (text, ==, joined);
}

static void
test_defaults_are_the_development_profiles (void)
{
  g_autoptr (HrServiceSpec) spec = parse ("[Service]\nExec=true\n", NULL);

  g_assert_cmpstr (spec->name, ==, "web");
  g_assert_cmpstr (spec->file, ==, SPEC_FILE);
  g_assert_cmpuint (strlen (spec->checksum), ==, 64);
  assert_list (spec->exec, "true");
  g_assert_cmpstr (spec->description, ==, NULL);
  g_assert_cmpstr (spec->version, ==, NULL);
  g_assert_cmpstr (spec->source, ==, NULL);
  g_assert_cmpint (spec->slots, ==, HR_SLOTS_AUTO);
  g_assert_true (spec->share_auto);
  assert_list (spec->share, "");
  g_assert_cmpint (spec->view, ==, HR_VIEW_AUTO);
  g_assert_cmpstr (spec->working_directory, ==, NULL);
  assert_list (spec->environment, "");
  assert_list (spec->environment_files, "");
  g_assert_cmpuint (spec->listen->len, ==, 0);
  g_assert_cmpint (spec->sockets, ==, HR_SOCKETS_AUTO);
  g_assert_cmpint (spec->ready, ==, HR_READY_AUTO);
  g_assert_cmpint (spec->ready_delay, ==, 0);
  g_assert_cmpint (spec->handover, ==, HR_HANDOVER_OVERLAP);
  g_assert_cmpint (spec->start_timeout, ==, 30 * G_USEC_PER_SEC);
  g_assert_cmpint (spec->stop_timeout, ==, 10 * G_USEC_PER_SEC);
  g_assert_cmpint (spec->drain_timeout, ==, 30 * G_USEC_PER_SEC);
  g_assert_cmpint (spec->stop_signal, ==, SIGTERM);
  g_assert_cmpint (spec->restart, ==, HR_RESTART_ON_FAILURE);
  g_assert_cmpuint (spec->success_exit_status->len, ==, 0);
  g_assert_cmpint (spec->restart_delay, ==, 100000);
  g_assert_cmpint (spec->restart_delay_max, ==, 10 * G_USEC_PER_SEC);
  g_assert_cmpuint (spec->restart_limit, ==, 5);
  g_assert_cmpint (spec->restart_window, ==, 30 * G_USEC_PER_SEC);
  g_assert_true (spec->watch_enabled);
  assert_list (spec->watch_paths, ".");
  assert_list (spec->watch_extensions, "");
  assert_list (spec->watch_ignore, "");
  g_assert_true (spec->watch_recursive);
  g_assert_true (spec->watch_gitignore);
  g_assert_cmpint (spec->settle, ==, -1);
  g_assert_cmpint (spec->max_wait, ==, 2 * G_USEC_PER_SEC);
  g_assert_cmpuint (spec->actions->len, ==, 0);
  g_assert_true (spec->validate);
  assert_list (spec->build, "");
  assert_list (spec->precheck, "");
  assert_list (spec->forbid, "");
  g_assert_cmpint (spec->check_timeout, ==, 60 * G_USEC_PER_SEC);
  g_assert_true (spec->preserve);
  g_assert_cmpuint (spec->state_version, ==, 1);
  g_assert_cmpuint (spec->state_keep, ==, 10);
  assert_list (spec->probe_exec, "");
  g_assert_cmpint (spec->probe_interval, ==, 5 * G_USEC_PER_SEC);
  g_assert_cmpint (spec->probe_timeout, ==, 2 * G_USEC_PER_SEC);
  g_assert_cmpuint (spec->probe_failures, ==, 3);
  g_assert_cmpint (spec->rollback_after, ==, 5 * G_USEC_PER_SEC);
}

static void
assert_full_service (const HrServiceSpec *spec)
{
  static const char *const addresses[] = { "tcp:127.0.0.1:8080", "tcp:[::1]:53", "tcp::9090" };
  static const char *const names[] = { "http", "admin", "any" };

  assert_list (spec->exec, "node|my server.js|--port=%p");
  g_assert_cmpstr (spec->description, ==, "Web; with a semicolon");
  g_assert_cmpstr (spec->version, ==, "1.2.3-beta.1+build.5");
  g_assert_cmpstr (spec->source, ==, "/etc/src/web");
  g_assert_cmpint (spec->slots, ==, HR_SLOTS_YES);
  g_assert_true (spec->share_auto);
  assert_list (spec->share, "data/files|uploads");
  g_assert_cmpint (spec->view, ==, HR_VIEW_SLOT);
  g_assert_cmpstr (spec->working_directory, ==, "app");
  assert_list (spec->environment, "A=1|B=changed|C=a;b|D=|URL=postgres://a;b=c?d\\;");
  assert_list (spec->environment_files, "/etc/hotreload/services.d/web.env|-/etc/default/web");
  g_assert_cmpuint (spec->listen->len, ==, 3);
  for (guint i = 0; i < 3; i++)
    {
      const HrListenSpec *listen = g_ptr_array_index (spec->listen, i);
      g_autofree char *address = hr_listen_spec_to_string (listen);

      g_assert_cmpstr (listen->name, ==, names[i]);
      g_assert_cmpstr (address, ==, addresses[i]);
    }
  g_assert_cmpint (spec->sockets, ==, HR_SOCKETS_PASS);
  g_assert_cmpint (spec->ready, ==, HR_READY_DELAY);
  g_assert_cmpint (spec->ready_delay, ==, 1500000);
  g_assert_cmpint (spec->handover, ==, HR_HANDOVER_SEQUENTIAL);
  g_assert_cmpint (spec->start_timeout, ==, 60 * G_USEC_PER_SEC);
  g_assert_cmpint (spec->stop_timeout, ==, 500000);
  g_assert_cmpint (spec->stop_signal, ==, SIGINT);
  g_assert_cmpint (spec->drain_timeout, ==, 0);
  g_assert_cmpint (spec->restart, ==, HR_RESTART_ALWAYS);
  g_assert_cmpuint (spec->success_exit_status->len, ==, 2);
  g_assert_cmpint (g_array_index (spec->success_exit_status, int, 0), ==, 3);
  g_assert_cmpint (g_array_index (spec->success_exit_status, int, 1), ==, 143);
  g_assert_cmpint (spec->restart_delay, ==, 0);
  g_assert_cmpint (spec->restart_delay_max, ==, 20 * G_USEC_PER_SEC);
  g_assert_cmpuint (spec->restart_limit, ==, 0);
  g_assert_cmpint (spec->restart_window, ==, 60 * G_USEC_PER_SEC);
}

static void
assert_actions (const HrServiceSpec *spec, const char *expected)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < spec->actions->len; i++)
    {
      const HrActionRule *rule = g_ptr_array_index (spec->actions, i);
      g_string_append_printf (text, "%s:%s ", rule->glob, rule->action == HR_ACTION_RELOAD ? "reload" : "ignore");
    }
  g_assert_cmpstr (text->str, ==, expected);
}

static void
test_every_key_is_read (void)
{
  g_autoptr (HrServiceSpec) spec = parse (full_text, NULL);

  assert_full_service (spec);
  g_assert_false (spec->watch_enabled);
  assert_list (spec->watch_paths, "src|lib/y");
  assert_list (spec->watch_extensions, "js|ts|test.js");
  assert_list (spec->watch_ignore, "tmp/**|*.{log,bak}");
  g_assert_false (spec->watch_recursive);
  g_assert_false (spec->watch_gitignore);
  g_assert_cmpint (spec->settle, ==, 200000);
  g_assert_cmpint (spec->max_wait, ==, 5 * G_USEC_PER_SEC);
  assert_actions (spec, "*.[ch]:ignore src/[ab]*.py:reload [xy]=z.txt:ignore **/*.{css,html}:ignore ");
  g_assert_false (spec->validate);
  assert_list (spec->build, "make|-j2|all of it");
  assert_list (spec->precheck, "npm|test");
  assert_list (spec->forbid, "debugger\\s*;|console\\.log");
  g_assert_cmpint (spec->check_timeout, ==, 120 * G_USEC_PER_SEC);
  g_assert_false (spec->preserve);
  g_assert_cmpuint (spec->state_version, ==, 1);
  g_assert_cmpuint (spec->state_keep, ==, 3);
  assert_list (spec->probe_exec, "curl|-f|http://localhost/a b");
  g_assert_cmpint (spec->probe_interval, ==, 1 * G_USEC_PER_SEC);
  g_assert_cmpint (spec->probe_timeout, ==, 100000);
  g_assert_cmpuint (spec->probe_failures, ==, 5);
  g_assert_cmpint (spec->rollback_after, ==, 0);
}

static void
test_words_are_all_known (void)
{
  static const struct {
    const char *keys;
    gsize offset;
    int value;
  } cases[] = {
#define MEMBER(member) G_STRUCT_OFFSET (HrServiceSpec, member)
    { "Slots=yes", MEMBER (slots), HR_SLOTS_YES },
    { "Slots=no", MEMBER (slots), HR_SLOTS_NO },
    { "Share=auto", MEMBER (share_auto), TRUE },
    { "Share=no", MEMBER (share_auto), FALSE },
    { "Share=./no", MEMBER (share_auto), TRUE },
    { "Share=", MEMBER (share_auto), TRUE },
    { "View=auto", MEMBER (view), HR_VIEW_AUTO },
    { "View=source", MEMBER (view), HR_VIEW_SOURCE },
    { "View=slot", MEMBER (view), HR_VIEW_SLOT },
    { "Sockets=auto", MEMBER (sockets), HR_SOCKETS_AUTO },
    { "Sockets=pass", MEMBER (sockets), HR_SOCKETS_PASS },
    { "Sockets=adopt", MEMBER (sockets), HR_SOCKETS_ADOPT },
    { "Sockets=none", MEMBER (sockets), HR_SOCKETS_NONE },
    { "Ready=auto", MEMBER (ready), HR_READY_AUTO },
    { "Ready=notify", MEMBER (ready), HR_READY_NOTIFY },
    { "Ready=listen", MEMBER (ready), HR_READY_LISTEN },
    { "Ready=probe\n[Health]\nProbe=exec:true", MEMBER (ready), HR_READY_PROBE },
    { "Ready=delay:2", MEMBER (ready), HR_READY_DELAY },
    { "Handover=overlap", MEMBER (handover), HR_HANDOVER_OVERLAP },
    { "Handover=sequential", MEMBER (handover), HR_HANDOVER_SEQUENTIAL },
    { "Restart=on-failure", MEMBER (restart), HR_RESTART_ON_FAILURE },
    { "Restart=always", MEMBER (restart), HR_RESTART_ALWAYS },
    { "Restart=no", MEMBER (restart), HR_RESTART_NO },
    { "StopSignal=SIGUSR2", MEMBER (stop_signal), SIGUSR2 },
    { "StopSignal=HUP", MEMBER (stop_signal), SIGHUP },
    { "[Watch]\nEnabled=yes", MEMBER (watch_enabled), TRUE },
    { "[Watch]\nEnabled=true", MEMBER (watch_enabled), TRUE },
    { "[Watch]\nEnabled=off", MEMBER (watch_enabled), FALSE },
    { "[Watch]\nEnabled=0", MEMBER (watch_enabled), FALSE },
    { "[Check]\nValidate=auto", MEMBER (validate), TRUE },
    { "[State]\nPreserve=auto", MEMBER (preserve), TRUE },
#undef MEMBER
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (HrServiceSpec) spec = parse_keys (cases[i].keys);

      g_test_message ("%s", cases[i].keys);
      g_assert_cmpint (G_STRUCT_MEMBER (int, spec, cases[i].offset), ==, cases[i].value);
    }
}

static void
test_unknown_names_suggest_the_nearest (void)
{
  static const struct {
    const char *text;
    const char *words;
  } cases[] = {
    { "[Sevice]\n", SPEC_FILE ":1: group 'Sevice': there is no such group; did you mean 'Service'?" },
    { "[Colours]\n", ":1: group 'Colours': there is no such group; the groups are Service, Watch, " },
    { "[]\n", ":1: '[]' is not a group" },
    { "[Service]\n\nExce=x\n",
      SPEC_FILE ":3: group 'Service': key 'Exce': there is no such key; did you mean 'Exec'?" },
    { "[Service]\nexec=x\n", ":2: group 'Service': key 'exec': there is no such key; did you mean 'Exec'?" },
    { "[Service]\nIgnore=x\n", "key 'Ignore': there is no such key here; it belongs to group 'Watch'" },
    { "[Service]\nNice=5\n", "key 'Nice': there is no such key" },
    { "[Service]\nUMask=5\n", "key 'UMask': there is no such key" },
    { "[Service]\nLogMax=5\n", "key 'LogMax': there is no such key" },
    { "[Service]\n*=5\n", "key '*': there is no such key" },
    { "[Service]\nExec[de]=x\n", "key 'Exec[de]': there is no such key" },
    { "[Profile prodction]\n", ":1: group 'Profile prodction': there is no such profile; did you mean 'production'?" },
    { "[Profile x]\n", "there is no such profile; write development, production or testing" },
    { "[Profile ]\n", "there is no such" },
    { "[Profile testing]\nEnabled=no\n", ":2: group 'Profile testing': key 'Enabled' lacks its group" },
    { "[Profile testing]\nWatch.Enbled=no\n",
      ":2: group 'Profile testing': key 'Watch.Enbled': there is no such key; did you mean 'Enabled'?" },
    { "[Profile testing]\nWach.Enabled=no\n",
      "group 'Profile testing': key 'Wach.Enabled': there is no such group; did you mean 'Watch'?" },
    { "[Profile testing]\nProfile production.Watch.Enabled=no\n", "there is no such group" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *message = fail_text (cases[i].text);
      assert_contains (message, cases[i].words);
    }
}

static void
test_later_keys_are_refused (void)
{
  static const char *const cases[] = {
    "User=me",
    "Group=us",
    "MemoryMax=1G",
    "CPUWeight=10",
    "TasksMax=10",
    "LimitNOFILE=10",
    "LimitCORE=0",
    "Instances=2",
    "Handover=standby",
    "[State]\nSave=exec:x",
    "[State]\nRestore=exec:x",
    "[State]\nMigrate1=exec:x",
    "[State]\nVersion=2",
    "[Health]\nProbe=http://localhost/",
    "[Health]\nProbe=tcp:localhost:1",
    "[Health]\nProbe=dbus:org.x",
    "[Health]\nProbe=watchdog",
    "[PostCheck]\nErrorRate=1%",
    "[PostCheck]\nSuccessRate=99%",
    "[PostCheck]\nCommand=x",
    "[Actions]\n*.c=module",
    "[Actions]\n*.c=signal:HUP",
    "[Actions]\n*.c=notify",
    "[Actions]\n*.c=manual",
    "[Canary]",
    "[Canary]\nPercentage=10",
    "[Dependencies]\nRequires=x ^1.0.0",
    "[Profile production]\nCanary.Percentage=10",
    "[Profile production]\nService.User=me",
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strconcat ("[Service]\nExec=true\nSource=/srv\n", cases[i], NULL);
      g_autofree char *message = fail_text (text);

      assert_contains (message, SPEC_FILE ":");
      assert_contains (message, "group '");
      assert_contains (message, "is not supported yet");
    }
}

static void
test_bad_values_say_what_would_be_right (void)
{
  static const struct {
    const char *keys;
    const char *words;
  } cases[] = {
    { "Version=1.2", "key 'Version': '1.2' is not a semantic version: write it like 1.4.0" },
    { "Version=01.2.3", "is not a semantic version" },
    { "Version=1.2.3-01", "is not a semantic version" },
    { "Slots=auto", ":4: group 'Service': key 'Slots': 'auto' is not one of: yes, no" },
    { "Slots=", "key 'Slots': '' is not one of: yes, no" },
    { "View=both", "key 'View': 'both' is not one of: auto, source, slot" },
    { "Sockets=some", "'some' is not one of: auto, pass, adopt, none" },
    { "Ready=now", "'now' is not one of: auto, notify, listen, probe, delay:TIME" },
    { "Ready=delay:TIME", "needs a time" },
    { "Ready=delay:", "key 'Ready': '' is not a duration" },
    { "Ready=delay", "'delay' is not one of" },
    { "Handover=parallel", "'parallel' is not one of: overlap, sequential" },
    { "Restart=yes", "'yes' is not one of: on-failure, always, no" },
    { "StartTimeout=soon", "key 'StartTimeout': 'soon' is not a duration: write it like 500ms, 30s or 2min" },
    { "StartTimeout=0", "key 'StartTimeout': 0 is no time at all" },
    { "StopTimeout=0s", "0 is no time at all" },
    { "StopTimeout=", "'' is not a duration" },
    { "RestartWindow=0", "0 is no time at all" },
    { "StopSignal=SIGTREM", "'SIGTREM' is not the name of a signal: write it like SIGTERM" },
    { "StopSignal=15", "'15' is not the name of a signal" },
    { "StopSignal=", "'' is not the name of a signal" },
    { "SuccessExitStatus=256", "'256' is not a number from 0 to 255" },
    { "SuccessExitStatus=1;SIGTERM", "'SIGTERM' is not a number" },
    { "RestartLimit=-1", "'-1' is not a number from 0 to 1000000" },
    { "RestartLimit=many", "'many' is not a number" },
    { "Instances=0", "'0' is not a number" },
    { "Environment=A", "key 'Environment': 'A' has no '=': write KEY=VALUE" },
    { "Environment=A=1;=2", "'=2' does not begin with the name of a variable" },
    { "Environment=1A=1", "does not begin with the name of a variable" },
    { "Environment=a b=1", "does not begin with the name of a variable" },
    { "EnvironmentFile=-", "the path after '-' is missing" },
    { "EnvironmentFile=~/x", "begins with '~'" },
    { "Share=../x", "key 'Share': '../x' leaves Source" },
    { "Share=a/../../x", "'a/../../x' leaves Source" },
    { "Share=/srv/x", "'/srv/x' is an absolute path: write it relative to Source" },
    { "Share=.", "'.' would share all of Source" },
    { "Share=a/..", "'a/..' would share all of Source" },
    { "Share=no;a", "'no' shares nothing and stands alone" },
    { "WorkingDirectory=~", "'~' begins with '~'" },
    { "Listen=8080", "key 'Listen': '8080' has no name" },
    { "Listen=a=tcp:1", "'1' lacks the port" },
    { "Listen=a=tcp::1;a=tcp::2", "two listeners have the name 'a'" },
    { "Listen=a=udp::1", "'a' is a UDP address, which is not supported yet: write tcp:HOST:PORT" },
    { "Listen=a=unix:/run/a", "'a' is a Unix socket, which is not supported yet: write tcp:HOST:PORT" },
    { "Listen=a=tcp::1;b=tcp::1", "'a' and 'b' have one address" },
    { "[Watch]\nEnabled=maybe", ":5: group 'Watch': key 'Enabled': 'maybe' is neither yes nor no" },
    { "[Watch]\nPaths=../lib", "key 'Paths': '../lib' leaves Source" },
    { "[Watch]\nExtensions=*.js", "'*.js' is not an extension: write them like py;js" },
    { "[Watch]\nExtensions=js,ts", "'js,ts' is not an extension" },
    { "[Watch]\nExtensions=.", "'.' is not an extension" },
    { "[Watch]\nIgnore=a;[b", "group 'Watch': key 'Ignore': " },
    { "[Watch]\nSettle=quick",
      "key 'Settle': 'quick' is not a duration: write it like 500ms, 30s or 2min, a bare number is seconds, or auto" },
    { "[Watch]\nMaxWait=-1", "'-1' is not a duration" },
    { "[Actions]\n{a=reload", ":5: group 'Actions': key '{a': " },
    { "[Actions]\n*.c=relaod", "key '*.c': 'relaod' is not one of: reload, ignore" },
    { "[Actions]\n*.c=", "'' is not one of: reload, ignore" },
    { "[Environment]\n1A=x", ":5: group 'Environment': key '1A': '1A=x' does not begin" },
    { "[Environment]\nA B=x", "group 'Environment': key 'A B': " },
    { "[Check]\nValidate=yes", "'yes' is not one of: auto, no" },
    { "[Check]\nBuild='a", "key 'Build': ''a' ends within quotes" },
    { "[Check]\nPreCheck=\"", "ends within quotes" },
    { "[Check]\nForbid=ok;a(", "key 'Forbid': 'a(' is not a regular expression" },
    { "[Check]\nTimeout=0", "0 is no time at all" },
    { "[State]\nPreserve=yes", "'yes' is not one of: auto, no" },
    { "[State]\nVersion=x", "'x' is not a number" },
    { "[State]\nKeep=0", "'0' is not a number from 1 to 10000" },
    { "[Health]\nProbe=curl x", "'curl x' is not a probe: write exec:COMMAND" },
    { "[Health]\nProbe=exec:", "names no program" },
    { "[Health]\nFailures=0", "'0' is not a number from 1 to 1000" },
    { "[Health]\nInterval=0", "0 is no time at all" },
    { "[Health]\nTimeout=0", "0 is no time at all" },
    { "[PostCheck]\nRollbackAfter=x", "group 'PostCheck': key 'RollbackAfter': 'x' is not a duration" },
    { "[Profile testing]\nWatch.Settle=x", ":5: group 'Profile testing': key 'Watch.Settle': 'x' is not a duration" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strconcat ("[Service]\nExec=true\nSource=/srv\n", cases[i].keys, "\n", NULL);
      g_autofree char *message = fail_text (text);

      assert_contains (message, SPEC_FILE ":");
      assert_contains (message, cases[i].words);
    }
}

static void
test_exec_is_required_and_runs (void)
{
  static const struct {
    const char *text;
    const char *words;
  } cases[] = {
    { "", SPEC_FILE ": group 'Service': key 'Exec': it is missing" },
    { "# only a comment\n\n", "key 'Exec': it is missing" },
    { "[Service]\n", "key 'Exec': it is missing" },
    { "[Service]\nExec=\n", "key 'Exec': it is missing" },
    { "[Watch]\nEnabled=no\n", "key 'Exec': it is missing" },
    { "[Service]\nExec=a 'b\n", ":2: group 'Service': key 'Exec': 'a 'b' ends within quotes" },
    { "[Service]\nExec=date +%F\n", ":2: group 'Service': key 'Exec': '%F' is not known: write %p" },
    { "[Service]\nExec=a %p\n", ":2: group 'Service': key 'Exec': '%p' stands for the port of the first TCP listener" },
    { "[Service]\nExec=%s/a\n", "'%s' stands for the directory of the code: name it in Source" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *message = fail_text (cases[i].text);
      assert_contains (message, cases[i].words);
    }
}

/* What a profile takes back leaves nothing that does not fit. */
static void
test_keys_can_be_taken_back (void)
{
  static const char *const texts[] = {
    "Source=/srv\nSlots=no\nView=auto\nShare=auto",
    "Source=/srv\nView=slot\nShare=data\n[Profile production]\nService.Slots=no\nService.View=auto\nService.Share=auto",
    "[Health]\nProbe=exec:true\nInterval=1s\n[Profile testing]\nHealth.Probe=",
    "Ready=listen\nSockets=pass\nListen=a=tcp::1",
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autofree char *text = g_strconcat ("[Service]\nExec=true\n", texts[i], "\n", NULL);
      g_autoptr (HrServiceSpec) spec = parse (text, "production");
      g_autoptr (HrServiceSpec) other = parse (text, "testing");
    }
}

static void
test_keys_must_fit_together (void)
{
  static const struct {
    const char *keys;
    const char *words;
  } cases[] = {
    { "Ready=probe", ":3: group 'Service': key 'Ready': 'probe' needs one" },
    { "Sockets=none\nListen=a=tcp::1", ":3: group 'Service': key 'Sockets': 'none' means that the program binds" },
    { "Ready=listen\nSockets=pass", ":3: group 'Service': key 'Ready': 'listen' is seen at what Sockets=pass passes" },
    { "Ready=listen\nSockets=none", ":3: group 'Service': key 'Ready': 'listen' is seen at" },
    { "Ready=delay:30s", ":3: group 'Service': key 'Ready': 'delay' of 30s never passes before StartTimeout (30s)" },
    { "StartTimeout=1s\nReady=delay:2s", ":4: group 'Service': key 'Ready': 'delay' of 2s never passes before" },
    { "Source=/srv\nSlots=no\nView=slot",
      ":5: group 'Service': key 'View': it says how slots are used, and Slots=no has none" },
    { "Source=/srv\nView=source\nSlots=no", ":4: group 'Service': key 'View': it says how slots are used" },
    { "Source=/srv\nSlots=no\nShare=data", ":5: group 'Service': key 'Share': it says how slots are used" },
    { "Source=/srv\nSlots=no\nShare=no", ":5: group 'Service': key 'Share': it says how slots are used" },
    { "Source=/srv\nView=slot\n[Profile production]\nService.Slots=no", "key 'View': it says how slots are used" },
    { "[Health]\nInterval=1s", ":4: group 'Health': key 'Interval': it says how to probe, and there is no Probe" },
    { "[Health]\nTimeout=1s", ":4: group 'Health': key 'Timeout': it says how to probe" },
    { "[Health]\nFailures=1", ":4: group 'Health': key 'Failures': it says how to probe" },
    { "RestartDelay=5s\nRestartDelayMax=4s",
      ":4: group 'Service': key 'RestartDelayMax': RestartDelayMax (4s) is shorter than RestartDelay (5s)" },
    { "RestartDelay=20s", ":3: group 'Service': key 'RestartDelay': RestartDelayMax (10s) is shorter" },
    { "Share=data", ":3: group 'Service': key 'Share': it says something about the code, and there is no Source" },
    { "View=source", "key 'View': it says something about the code" },
    { "WorkingDirectory=a", "key 'WorkingDirectory': 'a' is relative to Source, and there is none" },
    { "[Watch]\nPaths=.", ":4: group 'Watch': key 'Paths': it says something about the code" },
    { "[Watch]\nEnabled=yes", "group 'Watch': key 'Enabled': it says something about the code" },
    { "[Watch]\nMaxWait=1", "key 'MaxWait': it says something about the code" },
    { "[Actions]\n*=ignore", "group 'Actions': key '*': it says something about the code" },
    { "[Check]\nForbid=x", "group 'Check': key 'Forbid': it says something about the code" },
    { "[Profile production]\nService.Ready=probe",
      ":4: group 'Profile production': key 'Service.Ready': 'probe' needs one: write Probe=exec:COMMAND in group "
      "'Health' (in profile 'production')" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strconcat ("[Service]\nExec=true\n", cases[i].keys, "\n", NULL);
      g_autofree char *message = fail_text (text);

      assert_contains (message, cases[i].words);
    }
  {
    g_autoptr (HrServiceSpec) spec =
        parse ("[Service]\nExec=a\nWorkingDirectory=/tmp/../var\nShare=no\n[Watch]\nEnabled=no\n", NULL);
    g_assert_cmpstr (spec->working_directory, ==, "/var");
  }
}

static void
test_syntax_faults_name_the_line (void)
{
  static const struct {
    const char *text;
    const char *words;
  } cases[] = {
    { "Exec=a\n", SPEC_FILE ":1: 'Exec=a' stands before the first group: begin with [Service]" },
    { "[Service\n", ":1: '[Service' is cut off: a group is written as [Service]" },
    { "[Service] # x\n", "is cut off" },
    { "[Ser[vice]\n", "is not a group" },
    { "[Service]\nExe", ":2: 'Exe' is neither KEY=VALUE nor a [Group] nor a comment" },
    { "[Service]\n; x\n", ":2: '; x' is neither" },
    { "[Service]\n=x\n", ":2: '=x' has no key before the '='" },
    { "[Service]\n\n  # c\nExec=a\nSlots=no\nExec=b\n",
      ":6: group 'Service': key 'Exec': it stands here a second time, first in line 4: remove one of them" },
    { "[Service]\nExec=a\n[Watch]\n[Service]\nExec=b\n",
      ":5: group 'Service': key 'Exec': it stands here a second time" },
    { "[Actions]\na=reload\na=ignore\n", ":3: group 'Actions': key 'a': it stands here a second time" },
    { "[Environment]\na=1\na=1\n", ":3: group 'Environment': key 'a': it stands here a second time" },
    { "[Profile testing]\nService.Exec=a\nService.Exec=a\n",
      ":3: group 'Profile testing': key 'Service.Exec': it stands here a second time" },
    { "[Service]\nExec=\xff\xfe\n", ":2: this is not UTF-8" },
    { "[Service]\nExec=a\x1b[31m\n", ":2: this is no text: it holds a control character" },
    { "\x7f"
      "ELF\x02\x01\x01",
      ":1: this is no text" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *message = fail_text (cases[i].text);
      assert_contains (message, cases[i].words);
    }
}

static void
test_nul_bytes_and_huge_files_are_refused (void)
{
  static const char nul[] = "[Service]\nExec=a\0b\n";
  g_autofree char *huge = g_strnfill (HR_SPEC_FILE_MAX + 1, '\n');
  HrSpecSource source = { SPEC_FILE, nul, sizeof nul - 1 };
  g_autofree char *first = fail_sources ("web", &source, 1, NULL);
  g_autofree char *second = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (first, ==, SPEC_FILE ":2: this is no text: it holds a NUL byte");
  source = (HrSpecSource){ SPEC_FILE, huge, HR_SPEC_FILE_MAX + 1 };
  second = fail_sources ("web", &source, 1, NULL);
  g_assert_cmpstr (second, ==, SPEC_FILE ": it is larger than 1048576 bytes, too large for a service file");

  /* One byte less is only empty. */
  source.size--;
  g_assert_null (hr_service_spec_parse ("web", &source, 1, NULL, &error));
  assert_contains (error->message, "key 'Exec': it is missing");
}

static void
test_lists_have_limits (void)
{
  g_autoptr (GString) items = g_string_new ("[Service]\nExec=a\nSuccessExitStatus=");
  g_autoptr (GString) listeners = g_string_new ("[Service]\nExec=a\nListen=");
  g_autoptr (GString) actions = g_string_new ("[Service]\nExec=a\nSource=/srv\n[Actions]\n");
  g_autoptr (GString) variables = g_string_new ("[Service]\nExec=a\n[Environment]\n");
  const struct {
    GString *text;
    const char *words;
  } cases[] = {
    { items, "has more than 4096 items" },
    { listeners, "there are more than 64 listeners" },
    { actions, "there are more than 4096 globs" },
    { variables, "there are more than 4096 variables" },
  };

  for (int i = 0; i <= HR_SPEC_LIST_MAX; i++)
    {
      g_string_append (items, "1;");
      g_string_append_printf (actions, "%d=ignore\n", i);
      g_string_append_printf (variables, "V%d=1\n", i);
    }
  for (int i = 0; i <= HR_SPEC_LISTENERS_MAX; i++)
    g_string_append_printf (listeners, "l%d=tcp::%d;", i, i + 1);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *message = fail_text (cases[i].text->str);
      assert_contains (message, cases[i].words);
    }
}

static void
test_layout_of_the_file_does_not_matter (void)
{
  g_autoptr (HrServiceSpec) plain = parse ("[Service]\nExec=a b\nSlots=no\n", NULL);
  g_autoptr (HrServiceSpec) other = parse ("\xef\xbb\xbf# c\r\n\r\n  [ Service ]  \r\n"
                                           "\tSlots =  no  \r\n # d\r\nExec\t=\ta b",
                                           NULL);
  g_autoptr (HrServiceSpec) split = parse ("[Service]\nExec=a b\n[Watch]\n[Service]\nSlots=no\n", NULL);

  assert_list (other->exec, "a|b");
  g_assert_cmpint (other->slots, ==, HR_SLOTS_NO);
  g_assert_cmpstr (other->checksum, ==, plain->checksum);
  g_assert_cmpstr (split->checksum, ==, plain->checksum);
}

static void
test_checksum_differs_when_the_configuration_does (void)
{
  static const char *const texts[] = {
    "[Service]\nExec=a\nSource=/s\n",
    "[Service]\nExec=b\nSource=/s\n",
    "[Service]\nExec=a\nSource=/s\nSlots=no\n",
    "[Service]\nExec=a\nSource=/s\n[Environment]\nA=1\n",
    "[Service]\nExec=a\nSource=/s\n[Actions]\na=ignore\nb=reload\n",
    "[Service]\nExec=a\nSource=/s\n[Actions]\nb=reload\na=ignore\n",
  };
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (HrServiceSpec) production = parse (texts[0], "production");

  g_hash_table_add (seen, g_strdup (production->checksum));
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (HrServiceSpec) spec = parse (texts[i], NULL);
      g_assert_true (g_hash_table_add (seen, g_strdup (spec->checksum)));
    }
}

static void
test_profiles_have_their_own_defaults (void)
{
  static const char text[] = "[Service]\nExec=a\nSource=/s\n";
  static const char said[] = "[Service]\nExec=a\nSource=/s\nRestart=always\n[Watch]\nEnabled=yes\nSettle=1s\n";
  g_autoptr (HrServiceSpec) production = parse (text, "production");
  g_autoptr (HrServiceSpec) testing = parse (text, "testing");
  g_autoptr (HrServiceSpec) development = parse (text, "development");
  g_autoptr (HrServiceSpec) explicit = parse (said, "testing");

  g_assert_true (development->watch_enabled);
  g_assert_false (production->watch_enabled);
  g_assert_cmpint (production->restart, ==, HR_RESTART_ON_FAILURE);
  g_assert_cmpint (production->settle, ==, -1);
  g_assert_true (production->validate);
  g_assert_false (testing->watch_enabled);
  g_assert_cmpint (testing->restart, ==, HR_RESTART_NO);
  g_assert_cmpint (testing->settle, ==, 100000);

  g_assert_true (explicit->watch_enabled);
  g_assert_cmpint (explicit->restart, ==, HR_RESTART_ALWAYS);
  g_assert_cmpint (explicit->settle, ==, 1000000);
}

static void
test_profile_overrides_hold_in_that_profile_only (void)
{
  g_autoptr (HrServiceSpec) production = parse (full_text, "production");
  g_autoptr (HrServiceSpec) testing = parse (full_text, "testing");

  g_assert_cmpint (production->restart, ==, HR_RESTART_NO);
  g_assert_cmpint (production->settle, ==, 1000000);
  assert_list (production->environment, "A=1|B=changed|C=a;b|D=|URL=mysql:");
  assert_actions (production,
                  "*.[ch]:ignore src/[ab]*.py:reload [xy]=z.txt:ignore **/*.{css,html}:ignore a=b/*.js:reload ");
  assert_list (production->exec, "node|my server.js|--port=%p");
  assert_list (testing->exec, "node|test.js");
  g_assert_cmpint (testing->restart, ==, HR_RESTART_ALWAYS);
}

static void
test_unknown_profile_is_an_error (void)
{
  HrSpecSource source = { SPEC_FILE, full_text, sizeof full_text - 1 };
  g_autofree char *message = fail_sources ("web", &source, 1, "staging");

  g_assert_cmpstr (message, ==, SPEC_FILE ": 'staging' is not a profile: it is development, production or testing");
  g_assert_true (hr_profile_is_valid ("testing"));
  g_assert_false (hr_profile_is_valid ("Testing"));
  g_assert_false (hr_profile_is_valid (NULL));
}

static void
test_drop_ins_replace_key_by_key (void)
{
  static const char main_text[] = "[Service]\nExec=a\nSource=src\nListen=a=tcp::1\nEnvironment=A=1;B=2\n"
                                  "[Actions]\na=reload\nb=reload\n[Environment]\nC=3\n"
                                  "[Profile production]\nService.Exec=p\n";
  static const char first[] = "[Service]\nExec=b\nListen=\n[Actions]\na=ignore\nc=ignore\n[Environment]\nB=x\n";
  static const char second[] = "[Service]\nExec=c\nEnvironmentFile=env\n";
  static const char wrong[] = "[Service]\n\nSlots=maybe\n";
  HrSpecSource sources[] = {
    { SPEC_FILE, main_text, sizeof main_text - 1 },
    { SPEC_FILE ".d/10-a.conf", first, sizeof first - 1 },
    { SPEC_FILE ".d/20-b.conf", second, sizeof second - 1 },
  };
  g_autoptr (HrServiceSpec) spec = parse_sources (sources, 3, NULL);
  g_autoptr (HrServiceSpec) production = parse_sources (sources, 3, "production");
  g_autofree char *message = NULL;

  assert_list (spec->exec, "c");
  g_assert_cmpuint (spec->listen->len, ==, 0);
  assert_actions (spec, "a:ignore b:reload c:ignore ");
  assert_list (spec->environment, "A=1|B=x|C=3");
  /* Relative to the service file, wherever it stands. */
  assert_list (spec->environment_files, "/etc/hotreload/services.d/env");
  g_assert_cmpstr (spec->source, ==, "/etc/hotreload/services.d/src");
  assert_list (production->exec, "p");

  sources[2] = (HrSpecSource){ SPEC_FILE ".d/20-b.conf", wrong, sizeof wrong - 1 };
  message = fail_sources ("web", sources, 3, NULL);
  assert_contains (message, SPEC_FILE ".d/20-b.conf:3: group 'Service': key 'Slots': 'maybe' is not one of");
}

static void
test_names_follow_the_pattern (void)
{
  g_autofree char *longest = g_strnfill (64, 'a');
  g_autofree char *longer = g_strnfill (65, 'a');
  const char *good[] = { "a", "0", "web", "being-system", "a.b_c-d", "9.conf.d", longest };
  const char *bad[] = { "", "-a", ".a", "_a", "A", "aB", "a b", "a/b", "ä", "a\n", longer };
  static const char text[] = "[Service]\nExec=a\n";
  HrSpecSource source = { SPEC_FILE, text, sizeof text - 1 };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (hr_service_name_is_valid (good[i]));
  g_assert_false (hr_service_name_is_valid (NULL));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *message = NULL;

      g_assert_false (hr_service_name_is_valid (bad[i]));
      message = fail_sources (bad[i], &source, 1, NULL);
      assert_contains (message, "is not a name for a service: 1 to 64 of a-z, 0-9");
    }
}

static void
test_empty_values_take_back (void)
{
  static const char drop_in[] = "[Service]\nDescription=\nVersion=\nShare=\nWorkingDirectory=\nEnvironment=\n"
                                "EnvironmentFile=\nListen=\nSuccessExitStatus=\nExec=true\n"
                                "[Watch]\nPaths=\nExtensions=\nIgnore=\n[Check]\nBuild=\nPreCheck=\nForbid=\n"
                                "[Health]\nProbe=\n";
  static const HrSpecSource sources[] = {
    { SPEC_FILE, full_text, sizeof full_text - 1 },
    { "/x.conf", drop_in, sizeof drop_in - 1 },
  };
  g_autoptr (HrServiceSpec) spec = parse_sources (sources, 2, NULL);

  g_assert_cmpstr (spec->description, ==, NULL);
  g_assert_cmpstr (spec->version, ==, NULL);
  g_assert_true (spec->share_auto);
  assert_list (spec->share, "");
  g_assert_cmpstr (spec->working_directory, ==, NULL);
  assert_list (spec->environment, "B=changed|URL=postgres://a;b=c?d\\;");
  assert_list (spec->environment_files, "");
  g_assert_cmpuint (spec->listen->len, ==, 0);
  g_assert_cmpuint (spec->success_exit_status->len, ==, 0);
  assert_list (spec->watch_paths, ".");
  assert_list (spec->watch_extensions, "");
  assert_list (spec->watch_ignore, "");
  assert_list (spec->build, "");
  assert_list (spec->precheck, "");
  assert_list (spec->forbid, "");
  assert_list (spec->probe_exec, "");
}

static void
test_spec_is_a_boxed_type (void)
{
  g_autoptr (HrServiceSpec) spec = parse_keys ("");
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, HR_TYPE_SERVICE_SPEC);
  g_value_set_boxed (&value, spec);
  g_assert_true (g_value_get_boxed (&value) == spec);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define TEST(name, func) g_test_add_func ("/service-spec/" name, func)
  TEST ("defaults-are-the-development-profiles", test_defaults_are_the_development_profiles);
  TEST ("every-key-is-read", test_every_key_is_read);
  TEST ("words-are-all-known", test_words_are_all_known);
  TEST ("unknown-names-suggest-the-nearest", test_unknown_names_suggest_the_nearest);
  TEST ("later-keys-are-refused", test_later_keys_are_refused);
  TEST ("bad-values-say-what-would-be-right", test_bad_values_say_what_would_be_right);
  TEST ("exec-is-required-and-runs", test_exec_is_required_and_runs);
  TEST ("keys-must-fit-together", test_keys_must_fit_together);
  TEST ("keys-can-be-taken-back", test_keys_can_be_taken_back);
  TEST ("syntax-faults-name-the-line", test_syntax_faults_name_the_line);
  TEST ("nul-bytes-and-huge-files-are-refused", test_nul_bytes_and_huge_files_are_refused);
  TEST ("lists-have-limits", test_lists_have_limits);
  TEST ("layout-of-the-file-does-not-matter", test_layout_of_the_file_does_not_matter);
  TEST ("checksum-differs-when-the-configuration-does", test_checksum_differs_when_the_configuration_does);
  TEST ("profiles-have-their-own-defaults", test_profiles_have_their_own_defaults);
  TEST ("profile-overrides-hold-in-that-profile-only", test_profile_overrides_hold_in_that_profile_only);
  TEST ("unknown-profile-is-an-error", test_unknown_profile_is_an_error);
  TEST ("drop-ins-replace-key-by-key", test_drop_ins_replace_key_by_key);
  TEST ("names-follow-the-pattern", test_names_follow_the_pattern);
  TEST ("empty-values-take-back", test_empty_values_take_back);
  TEST ("spec-is-a-boxed-type", test_spec_is_a_boxed_type);
  return g_test_run ();
}
