/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-service-spec-faults.c: each fault of a service file is an error that names file, line, key, and what would be
 * right.
 */
#include "spec-fixture.h"

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
    { "[Service]\nZeal=5\n", "key 'Zeal': there is no such key" },
    { "[Service]\nMask=5\n", "key 'Mask': there is no such key" },
    { "[Service]\nOOMScoreAdjust=5\n", "key 'OOMScoreAdjust': there is no such key" },
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
    "Handover=standby",
    "[State]\nSave=exec:x",
    "[State]\nRestore=exec:x",
    "[State]\nMigrate1=exec:x",
    "[State]\nVersion=2",
    "[Actions]\n*.c=module",
    "[Actions]\n*.c=signal:HUP",
    "[Actions]\n*.c=notify",
    "[Actions]\n*.c=manual",
    "[Dependencies]\nRequires=x ^1.0.0",
    "[Profile production]\nState.Version=2",
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
    { "StopSignal=SIGSTOP", "key 'StopSignal': 'SIGSTOP' ends no program: name one that it ends at, as SIGTERM" },
    { "StopSignal=CONT", "'CONT' ends no program" },
    { "StopSignal=15", "'15' is not the name of a signal" },
    { "StopSignal=", "'' is not the name of a signal" },
    { "SuccessExitStatus=256", "'256' is not a number from 0 to 255" },
    { "SuccessExitStatus=1;SIGTREM", "'SIGTREM' is not the name of a signal: write it like SIGTERM" },
    { "SuccessExitStatus=-1", "'-1' is not a number" },
    { "RestartLimit=-1", "'-1' is not a number from 0 to 1000000" },
    { "RestartLimit=many", "'many' is not a number" },
    { "LogMax=16MB", "'16MB' is not a size: write it like" },
    { "LogMax=", "'' is not a size" },
    { "LogMax=-1", "'-1' is not a size" },
    { "LogMax=4095", "it is too small: write at least 4K, or 0" },
    { "LogMax=2T", "'2T' is more than 1T" },
    { "Instances=0", "'0' is not a number" },
    { "Instances=65", "'65' is not a number" },
    { "FileDescriptorStoreMax=257", "'257' is not a number" },
    { "FileDescriptorStoreMax=-1", "'-1' is not a number" },
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
    { "Listen=a=unix:run/a", "'run/a' is a relative path" },
    { "Listen=a=tcp::1;b=tcp::1", "'a' and 'b' have one address: only one of them could be bound" },
    { "Listen=a=tcp:0.0.0.0:1;b=tcp:127.0.0.1:1",
      "'a' and 'b' have one address, or one takes every address: only one of them could be bound" },
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
    { "[Health]\nProbe=curl x", "'curl x' is not a probe: write http://" },
    { "[Health]\nProbe=exec:", "names no program" },
    { "[Health]\nFailures=0", "'0' is not a number from 1 to 1000" },
    { "[Health]\nInterval=0", "0 is no time at all" },
    { "[Health]\nTimeout=0", "0 is no time at all" },
    { "[PostCheck]\nRollbackAfter=x", "group 'PostCheck': key 'RollbackAfter': 'x' is not a duration" },
    { "[PostCheck]\nErrorRate=5", "key 'ErrorRate': '5' is not a share from 0% to 100%: write it like 5% or 0.5%" },
    { "[PostCheck]\nErrorRate=%", "'%' is not a share" },
    { "[PostCheck]\nErrorRate=-1%", "'-1%' is not a share" },
    { "[PostCheck]\nErrorRate=1e1%", "'1e1%' is not a share" },
    { "[PostCheck]\nErrorRate=0x5%", "'0x5%' is not a share" },
    { "[PostCheck]\nErrorRate=.5%", "'.5%' is not a share" },
    { "[PostCheck]\nErrorRate=1.2.3%", "'1.2.3%' is not a share" },
    { "[PostCheck]\nErrorRate=5%%", "'5%%' is not a share" },
    { "[PostCheck]\nSuccessRate=100.1%", "key 'SuccessRate': '100.1%' is not a share" },
    { "[PostCheck]\nSuccessRate=nan%", "'nan%' is not a share" },
    { "[PostCheck]\nCommand='a", "key 'Command': ''a' ends within quotes" },
    { "[PostCheck]\nErrorMetric=cat x", "key 'ErrorMetric': 'cat x' is no place of a number" },
    { "[PostCheck]\nTotalMetric=http://localhost/", "key 'TotalMetric': 'http://localhost/' does not say which" },
    { "[PostCheck]\nBaseline=maybe", "key 'Baseline': 'maybe' is neither yes nor no" },
    { "[PostCheck]\nInterval=0", "key 'Interval': 0 is no time at all" },
    { "[PostCheck]\nInterval=99ms", "key 'Interval': it is too short: write at least 100ms" },
    { "[PostCheck]\nTimeout=0", "key 'Timeout': 0 is no time at all" },
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
    { "Instances=2\nHandover=sequential",
      ":4: group 'Service': key 'Handover': 'sequential' means that the program must" },
    { "Instances=2\nSockets=none", ":4: group 'Service': key 'Sockets': with 'none' each instance binds for itself" },
    { "Instances=2\n[State]\nKeep=3", ":5: group 'State': key 'Keep': it says how state is kept, and of Instances=2" },
    { "Instances=2\n[State]\nVersion=1", ":5: group 'State': key 'Version': it says how state is kept" },
    { "Sockets=none\n[Profile production]\nService.Instances=4",
      "key 'Sockets': with 'none' each instance binds for itself, and Instances=4 have one address" },
    { "[Profile production]\nService.Ready=probe", ":4: group 'Profile production': key 'Service.Ready': 'probe' needs "
                                                   "one: write Probe=http://HOST:PORT/PATH or the "
                                                   "like in group 'Health' (in profile 'production')" },
    { "Source=/srv\n[PostCheck]\nErrorRate=1%",
      ":5: group 'PostCheck': key 'ErrorRate': there is nothing that it is a rate of: name ErrorMetric" },
    { "Source=/srv\n[PostCheck]\nErrorRate=1%\nCommand=",
      "key 'ErrorRate': there is nothing that it is a rate of: name ErrorMetric" },
    { "Source=/srv\n[PostCheck]\nSuccessRate=1%\nErrorRate=1%\nErrorMetric=exec:x",
      ":5: group 'PostCheck': key 'SuccessRate': rates are of metrics here, as ErrorMetric is named: name "
      "SuccessMetric" },
    { "Source=/srv\n[PostCheck]\nErrorMetric=exec:x\nCommand=y",
      ":5: group 'PostCheck': key 'ErrorMetric': it says where ErrorRate is read, and there is no ErrorRate" },
    { "Source=/srv\n[PostCheck]\nErrorRate=1%\nCommand=x\nTotalMetric=exec:x",
      ":7: group 'PostCheck': key 'TotalMetric': it is the whole of which" },
    { "Source=/srv\nSockets=none\n[PostCheck]\nErrorRate=1%\nErrorMetric=http://localhost:%p/#x",
      ":7: group 'PostCheck': key 'ErrorMetric': '%p' stands for the port of the first TCP listener" },
    { "Source=/srv\n[PostCheck]\nBaseline=yes",
      ":5: group 'PostCheck': key 'Baseline': it says how a release is judged, and there is no ErrorRate" },
    { "Source=/srv\n[PostCheck]\nInterval=1s", "key 'Interval': it says how a release is judged" },
    { "Source=/srv\n[PostCheck]\nTimeout=1s", "key 'Timeout': it says how a release is judged" },
    { "[PostCheck]\nCommand=x", ":4: group 'PostCheck': key 'Command': it says something about the code" },
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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define TEST(name, func) g_test_add_func ("/service-spec-faults/" name, func)
  TEST ("unknown-names-suggest-the-nearest", test_unknown_names_suggest_the_nearest);
  TEST ("later-keys-are-refused", test_later_keys_are_refused);
  TEST ("bad-values-say-what-would-be-right", test_bad_values_say_what_would_be_right);
  TEST ("keys-must-fit-together", test_keys_must_fit_together);
  TEST ("syntax-faults-name-the-line", test_syntax_faults_name_the_line);
  TEST ("nul-bytes-and-huge-files-are-refused", test_nul_bytes_and_huge_files_are_refused);
  TEST ("lists-have-limits", test_lists_have_limits);
  TEST ("unknown-profile-is-an-error", test_unknown_profile_is_an_error);
  TEST ("names-follow-the-pattern", test_names_follow_the_pattern);
  return g_test_run ();
}
