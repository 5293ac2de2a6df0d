/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-service-spec.c: what a service file means, with its profile and its drop-ins.
 */
#include <signal.h>

#include "spec-fixture.h"

/* Puts @keys below [Service] with an Exec and a Source. */
static HrServiceSpec *
parse_keys (const char *keys)
{
  g_autofree char *text = g_strconcat ("[Service]\nExec=true\nSource=/srv\n", keys, NULL);

  return parse (text, NULL);
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
  g_assert_cmpuint (spec->log_max, ==, 16 * 1024 * 1024);
  g_assert_true (spec->journal);
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
  g_assert_cmpuint (spec->fd_store_max, ==, 0);
  g_assert_null (spec->probe);
  g_assert_null (spec->start_probe);
  g_assert_true (hr_probe_status_accepts (spec->probe_status, 200));
  g_assert_cmpstr (spec->probe_text, ==, NULL);
  g_assert_cmpint (spec->probe_interval, ==, 5 * G_USEC_PER_SEC);
  g_assert_cmpint (spec->probe_timeout, ==, 2 * G_USEC_PER_SEC);
  g_assert_cmpuint (spec->probe_failures, ==, 3);
  g_assert_cmpint (spec->rollback_after, ==, 5 * G_USEC_PER_SEC);
  g_assert_cmpfloat (spec->error_rate, <, 0);
  g_assert_cmpfloat (spec->success_rate, <, 0);
  g_assert_null (spec->post_command[0]);
  g_assert_null (spec->error_metric);
  g_assert_null (spec->success_metric);
  g_assert_null (spec->total_metric);
  g_assert_false (spec->baseline);
  g_assert_cmpint (spec->post_interval, ==, G_USEC_PER_SEC);
  g_assert_cmpint (spec->post_timeout, ==, G_USEC_PER_SEC);
}

static void
assert_full_service (const HrServiceSpec *spec)
{
  static const HrListenSpec listeners[] = { { .name = (char *)"http", .host = (char *)"127.0.0.1", .port = 8080 },
                                            { .name = (char *)"admin", .host = (char *)"::1", .port = 53 },
                                            { .name = (char *)"any", .host = (char *)"", .port = 9090 } };

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

      g_assert_cmpstr (listen->name, ==, listeners[i].name);
      g_assert_cmpint (listen->kind, ==, HR_LISTEN_TCP);
      g_assert_cmpstr (listen->host, ==, listeners[i].host);
      g_assert_cmpint (listen->port, ==, listeners[i].port);
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
  g_assert_cmpuint (spec->success_exit_signals->len, ==, 1);
  g_assert_cmpint (g_array_index (spec->success_exit_signals, int, 0), ==, SIGUSR1);
  g_assert_cmpint (spec->restart_delay, ==, 0);
  g_assert_cmpint (spec->restart_delay_max, ==, 20 * G_USEC_PER_SEC);
  g_assert_cmpuint (spec->restart_limit, ==, 0);
  g_assert_cmpint (spec->restart_window, ==, 60 * G_USEC_PER_SEC);
  g_assert_cmpuint (spec->log_max, ==, 1536 * 1024);
  g_assert_cmpuint (spec->fd_store_max, ==, 256);
  g_assert_false (spec->journal);
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
  assert_list (spec->probe->words, "http://localhost:8080/a");
  assert_list (spec->start_probe->words, "curl|-f|http://localhost/a b");
  g_assert_false (hr_probe_status_accepts (spec->probe_status, 201));
  g_assert_true (hr_probe_status_accepts (spec->probe_status, 404));
  g_assert_cmpstr (spec->probe_text, ==, "it is well");
  g_assert_cmpint (spec->probe_interval, ==, 1 * G_USEC_PER_SEC);
  g_assert_cmpint (spec->probe_timeout, ==, 100000);
  g_assert_cmpuint (spec->probe_failures, ==, 5);
  g_assert_cmpint (spec->rollback_after, ==, 0);
  g_assert_cmpfloat (spec->error_rate, ==, 5);
  g_assert_cmpfloat (spec->success_rate, ==, 99.5);
  g_assert_cmpstr (spec->post_command[1], ==, "all of it");
  g_assert_cmpstr (spec->error_metric->selector, ==, "errors_total{code=\"500\"}");
  g_assert_cmpstr (spec->success_metric->argv[1], ==, "good");
  g_assert_cmpstr (spec->total_metric->url, ==, "http://127.0.0.1:9090/m");
  g_assert_true (spec->baseline);
  g_assert_cmpint (spec->post_interval, ==, G_USEC_PER_SEC / 2);
  g_assert_cmpint (spec->post_timeout, ==, 2 * G_USEC_PER_SEC);
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
test_several_instances_keep_no_state (void)
{
  static const char text[] = "[Service]\nExec=a\nInstances=64\n[State]\nPreserve=auto\n"
                             "[Profile testing]\nService.Instances=1\n";
  g_autoptr (HrServiceSpec) several = parse (text, NULL);
  g_autoptr (HrServiceSpec) one = parse (text, "testing");

  g_assert_cmpuint (several->instances, ==, 64);
  g_assert_false (several->preserve);
  g_assert_cmpuint (one->instances, ==, 1);
  g_assert_true (one->preserve);
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

/* What is kept of a file, to know the service by when the file does not load any more. */
static void
test_text_says_the_same (void)
{
  static const char main_text[] = "[Service]\nExec=a 'b c' %p\nSource=src\nListen=a=tcp::1\nDescription=x=y\\;z\n"
                                  "[Actions]\n*.[ch]=reload\n[ab]*.py=reload\n**=ignore\n[Environment]\nC=3;4\n"
                                  "[Profile production]\nService.StopTimeout=7s\nService.Nice=4\n";
  static const char first[] = "[Service]\nNice=3\n[Actions]\n*.[ch]=ignore\n";
  HrSpecSource sources[] = {
    { SPEC_FILE, main_text, sizeof main_text - 1 },
    { SPEC_FILE ".d/10-a.conf", first, sizeof first - 1 },
  };
  static const char *const profiles[] = { NULL, "production", "testing" };
  g_autofree char *filler = g_strnfill (HR_SPEC_TEXT_MAX, 'x');
  g_autofree char *longer = g_strconcat ("[Service]\nExec=true\nDescription=", filler, "\n", NULL);
  g_autoptr (HrServiceSpec) too_long = parse (longer, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (profiles); i++)
    {
      g_autoptr (HrServiceSpec) spec = parse_sources (sources, 2, profiles[i]);
      g_autoptr (HrServiceSpec) again = parse (spec->text, profiles[i]);

      g_assert_cmpstr (again->checksum, ==, spec->checksum);
      g_assert_cmpstr (again->text, ==, spec->text);
      g_assert_cmpstr (again->source, ==, spec->source);
    }
  g_assert_null (too_long->text);
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
test_empty_values_take_back (void)
{
  static const char drop_in[] = "[Service]\nDescription=\nVersion=\nShare=\nWorkingDirectory=\nEnvironment=\n"
                                "EnvironmentFile=\nListen=\nSuccessExitStatus=\nExec=true\n"
                                "[Watch]\nPaths=\nExtensions=\nIgnore=\n[Check]\nBuild=\nPreCheck=\nForbid=\n"
                                "[Health]\nProbe=\nStartProbe=\nStatus=\nText=\n"
                                "[Profile production]\nCanary.Percentage=\n";
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
  g_assert_null (spec->probe);
  g_assert_null (spec->start_probe);
  g_assert_cmpstr (spec->probe_text, ==, NULL);
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
  TEST ("several-instances-keep-no-state", test_several_instances_keep_no_state);
  TEST ("defaults-are-the-development-profiles", test_defaults_are_the_development_profiles);
  TEST ("every-key-is-read", test_every_key_is_read);
  TEST ("words-are-all-known", test_words_are_all_known);
  TEST ("exec-is-required-and-runs", test_exec_is_required_and_runs);
  TEST ("keys-can-be-taken-back", test_keys_can_be_taken_back);
  TEST ("layout-of-the-file-does-not-matter", test_layout_of_the_file_does_not_matter);
  TEST ("text-that-is-kept-says-the-same", test_text_says_the_same);
  TEST ("checksum-differs-when-the-configuration-does", test_checksum_differs_when_the_configuration_does);
  TEST ("profiles-have-their-own-defaults", test_profiles_have_their_own_defaults);
  TEST ("profile-overrides-hold-in-that-profile-only", test_profile_overrides_hold_in_that_profile_only);
  TEST ("drop-ins-replace-key-by-key", test_drop_ins_replace_key_by_key);
  TEST ("empty-values-take-back", test_empty_values_take_back);
  TEST ("spec-is-a-boxed-type", test_spec_is_a_boxed_type);
  return g_test_run ();
}
